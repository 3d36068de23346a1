//! Calls of shared objects, on connections that were accepted: `Server.serve_client` of CPython.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sabir_pickle::{Graph, NodeId};

use super::functions::SERVER;
use super::objects::Ident;
use super::outcome::{self, Call, CallResult, ConnectionId, Fallback, Message, Outcome, Ticket};
use super::traceback::{Fault, chained, shown, traceback};
use super::{Parts, Pending, Server, Waiting};
use crate::native::Holds;
use crate::repr::type_name;
use crate::{Kind, Peer, Token, exception};

/// A call that was handed out.
#[derive(Debug)]
pub(super) struct Asked {
    method: Arc<str>,
    typeid: Arc<str>,
    fallback: Option<Fallback>,
}

impl<O: Clone> Server<O> {
    /// A request of an accepted connection. There are no functions here: None is the ident of no object.
    pub(super) fn call(&mut self, connection: ConnectionId, graph: &Graph, peer: Peer) -> Outcome<O> {
        match self.find(graph, peer) {
            Ok(found) => {
                let Found { ident, object, asked, returns, args, kwargs } = found;
                let (method, fallback) = (asked.method.clone(), asked.fallback);
                let ticket = self.wait(connection, peer, Waiting::Call(asked));
                Outcome::Call(Call { ticket, ident, object, method, fallback, returns, args, kwargs })
            }
            Err(Refused::Traceback(text)) => {
                self.answer(connection, peer, outcome::text(Kind::Traceback, &text), Holds::Text, None)
            }
            Err(Refused::Error(text)) => {
                let graph = exception::raised("builtins", "TypeError", &[&text]);
                let root = graph.root();
                self.answer(connection, peer, outcome::reply(graph, Kind::Error, root), Holds::Value, None)
            }
        }
    }

    fn find(&self, graph: &Graph, peer: Peer) -> Result<Found<O>, Refused> {
        let failed = |fault: &Fault| Refused::Traceback(traceback(SERVING, fault));
        let parts = Parts::of(graph).map_err(|fault| failed(&fault))?;
        let ident = graph.text(parts.ident).and_then(Ident::parse);
        let Some((ident, entry)) = ident.and_then(|ident| Some((ident, self.objects.get(ident)?))) else {
            return Err(failed(&Fault::missing(graph, parts.ident)));
        };
        let name = graph.text(parts.method);
        let seen = |method: &&Arc<str>| entry.registered.shows(method, peer.pythons);
        let exposed =
            name.and_then(|name| entry.exposed.iter().find(|method| &***method == name)).filter(seen);
        if let Some(method) = exposed {
            let wrong = |Fault(text): Fault| Refused::Error(text.trim_start_matches("TypeError: ").into());
            let args = graph.items(parts.args).ok_or_else(|| {
                let name = type_name(graph, parts.args);
                Refused::Error(format!("{method}() argument after * must be an iterable, not {name}"))
            })?;
            parts.keywords(graph, method).map_err(wrong)?;
            let (method, typeid) = (method.clone(), entry.typeid.clone());
            let returns = entry.registered.returned_by(&method);
            let asked = Asked { method, typeid, fallback: None };
            let (object, args, kwargs) = (entry.object.clone(), args.to_vec(), parts.kwargs);
            return Ok(Found { ident, object, asked, returns, args, kwargs });
        }

        let hidden = Fault(format!(
            "AttributeError: method {} of '{}' object is not in exposed={}",
            shown(graph, parts.method),
            entry.typeid,
            set(entry.exposed.iter().filter(seen))
        ));
        let also = |fault: &Fault| Refused::Traceback(chained(SERVING, &hidden, fault));
        let Some(fallback) = name.and_then(Fallback::of) else {
            return Err(also(&Fault::missing(graph, parts.method)));
        };
        let function = format!("Server.{}", fallback.function());
        let args = parts.args(graph).map_err(|fault| also(&fault))?;
        parts.keywords(graph, &format!("{SERVER}{}", fallback.function())).map_err(|fault| also(&fault))?;
        if let Some(key) = first_key(graph, parts.kwargs) {
            let text =
                format!("TypeError: {function}() got an unexpected keyword argument {}", shown(graph, key));
            return Err(also(&Fault(text)));
        }
        if !args.is_empty() {
            let given = args.len() + 4;
            let text = format!("TypeError: {function}() takes 4 positional arguments but {given} were given");
            return Err(also(&Fault(text)));
        }
        let asked = Asked {
            method: name.unwrap_or_default().into(),
            typeid: entry.typeid.clone(),
            fallback: Some(fallback),
        };
        let object = entry.object.clone();
        Ok(Found { ident, object, asked, returns: None, args: Vec::new(), kwargs: parts.kwargs })
    }

    /// A call has ended. If who asked is gone, an object that was to be shared is among those to be dropped.
    pub fn finished(&mut self, ticket: Ticket, result: CallResult<O>) -> Outcome<O> {
        let pending = self.tickets.remove(ticket);
        let Some(Pending { connection: Some(connection), peer, waiting: Waiting::Call(asked) }) = pending
        else {
            if let CallResult::Shared { made, .. } = result {
                self.discard(Some(made));
            }
            return Outcome::Nothing;
        };
        let (reply, holds) = match result {
            CallResult::Many(many) => {
                let reply = outcome::reply(outcome::own(), Kind::Return, NodeId::NONE);
                let outcome = self.answer(connection, peer, reply, Holds::Value, None);
                return match outcome {
                    Outcome::Reply(message) => Outcome::Reply(Message { many: Some(many), ..message }),
                    other => other,
                };
            }
            CallResult::Returned(graph) => {
                let root = graph.root();
                let holds = match &*asked.method {
                    "__str__" | "__repr__" => Holds::Text,
                    _ => Holds::Value,
                };
                (outcome::reply(graph, Kind::Return, root), holds)
            }
            CallResult::Shared { typeid, made } => {
                let shared = match self.registry.get(&typeid).cloned() {
                    Some(registered) => self.register_object(connection, made, typeid, registered),
                    None => {
                        self.discard(Some(made));
                        Err(Fault(format!("KeyError: '{typeid}'")))
                    }
                };
                match shared {
                    Ok(ident) => {
                        let reply = self.proxy_reply(connection, peer, ident);
                        return self.answer(connection, peer, reply, Holds::Value, Some(ident));
                    }
                    Err(fault) => return self.fault(connection, peer, "create", &fault),
                }
            }
            // What a fallback raises is caught by the server, and not handed to the client.
            CallResult::Raised(graph) if asked.fallback.is_some() => {
                return self.fault(connection, peer, SERVING, &Fault::raised(&graph));
            }
            CallResult::Raised(graph) => {
                let root = graph.root();
                (outcome::reply(graph, Kind::Error, root), Holds::Value)
            }
            CallResult::NoMethod => {
                let (typeid, method) = (&asked.typeid, &asked.method);
                let first = format!("AttributeError: '{typeid}' object has no attribute '{method}'");
                let text = chained(SERVING, &Fault(first), &Fault(format!("KeyError: '{method}'")));
                (outcome::text(Kind::Traceback, &text), Holds::Text)
            }
            CallResult::Unserializable(why) => (outcome::unserializable(false, &why), Holds::Text),
        };
        self.answer(connection, peer, reply, holds, None)
    }

    fn proxy_reply(&self, connection: ConnectionId, peer: Peer, ident: Ident) -> Graph {
        let mut graph = outcome::own();
        let exposed = self.exposed_tuple(&mut graph, ident, peer);
        let typeid = self.objects.get(ident).map_or("", |entry| &*entry.typeid);
        let typeid = graph.add_str(typeid);
        let address = self.address(connection).encode(&mut graph, peer.pythons);
        let text = graph.add_str(&format!("{ident}"));
        let token = Token::encode(&mut graph, typeid, address, text);
        let result = graph.add_tuple([exposed, token]);
        outcome::reply(graph, Kind::Proxy, result)
    }
}

/// The object and the method that a request names.
struct Found<O> {
    ident: Ident,
    object: O,
    asked: Asked,
    returns: Option<Arc<str>>,
    args: Vec<NodeId>,
    kwargs: NodeId,
}

enum Refused {
    /// The server itself failed.
    Traceback(String),
    /// The call failed: the text of a TypeError.
    Error(String),
}

fn first_key(graph: &Graph, kwargs: NodeId) -> Option<NodeId> {
    match &graph[kwargs] {
        sabir_pickle::Node::Dict(pairs) => pairs.first().map(|&(key, _)| key),
        _ => None,
    }
}

/// `{'add', 'get'}`
fn set<'m>(methods: impl Iterator<Item = &'m Arc<str>>) -> String {
    let names: Vec<String> = methods.map(|method| format!("'{method}'")).collect();
    if names.is_empty() { "set()".into() } else { format!("{{{}}}", names.join(", ")) }
}

impl Fault {
    /// What a shared object raised, as the last line of a traceback.
    pub(super) fn raised(graph: &Graph) -> Fault {
        Fault(exception::last_line(graph, graph.root()).unwrap_or_else(|| shown(graph, graph.root())))
    }
}

const SERVING: &str = "serve_client";
