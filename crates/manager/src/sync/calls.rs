//! What a request comes to: a new object, or a call of one.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use sabir_pickle::{Graph, Node, NodeId, Pythons};

use super::reading::Read;
use super::{Step, SyncServer, Then, send};
use crate::server::{Call, CallResult, ConnectionId, Create, Made, MethodNames, Outcome};
use crate::types::{Arguments, Caller, Came, Era, Key, Raised, Value};
use crate::{Peer, Rebuild, Token};

impl SyncServer {
    /// Does what the server asks for, until there is something to send or to wait for.
    pub(super) fn follow(
        &mut self,
        connection: ConnectionId,
        outcome: Outcome<Key>,
        read: Option<&Read>,
        peer: Peer,
        now: Duration,
        steps: &mut Vec<Step>,
    ) {
        let mut outcome = outcome;
        loop {
            outcome = match outcome {
                Outcome::Create(create) => self.create(connection, &create, read, peer, now),
                Outcome::Call(call) => match self.call(connection, &call, read, peer, now) {
                    Some(outcome) => outcome,
                    None => return,
                },
                Outcome::Describe { ticket, objects } => {
                    let era = Era::of(peer.pythons);
                    let texts: Vec<String> = objects.iter().map(|&key| self.objects.text(key, era)).collect();
                    self.server.described(ticket, &texts)
                }
                Outcome::Reply(message) => return steps.push(send(message, Then::Stay)),
                Outcome::ReplyAndClose(message) => return steps.push(send(message, Then::Close)),
                Outcome::Shutdown(message) => return steps.push(send(message, Then::Shutdown)),
                Outcome::Close => return steps.push(Step::Close(connection)),
                Outcome::Nothing => return,
            };
        }
    }

    fn create(
        &mut self,
        connection: ConnectionId,
        create: &Create,
        read: Option<&Read>,
        peer: Peer,
        now: Duration,
    ) -> Outcome<Key> {
        let arguments = arguments(read, &create.args, create.kwargs);
        if let Some(&ident) = self.shared.get(&create.typeid) {
            let made = if arguments.args.is_empty() && arguments.kwargs.is_empty() {
                Ok(Made::Again(ident))
            } else {
                let typeid = &create.typeid;
                Err(Raised::type_error(alloc::format!(
                    "{typeid} is one object for all, which was made when the server started: ask for it without arguments"
                ))
                .into_graph())
            };
            return self.server.created(create.ticket, made);
        }
        if let Some(read) = read {
            self.keep(read);
        }
        let caller = Caller { connection, era: Era::of(peer.pythons), ticket: create.ticket, now };
        let first = read.and_then(|read| self.first_object(read, create));
        let made = match self.objects.create_over(first, &create.typeid, &caller, &arguments) {
            Ok(object) => Ok(Made::New { object, public: MethodNames::from([]) }),
            Err(raised) => Err(raised.into_graph()),
        };
        self.server.created(create.ticket, made)
    }

    /// The object of this server whose proxy is the first argument, or the one called `lock`.
    fn first_object(&self, read: &Read, create: &Create) -> Option<Key> {
        let graph: &Graph = &read.graph;
        let named = || match &graph[create.kwargs] {
            Node::Dict(pairs) => {
                pairs.iter().find(|&&(name, _)| graph.text(name) == Some("lock")).map(|&(_, value)| value)
            }
            _ => None,
        };
        let given = create.args.first().copied().or_else(named)?;
        let ident = self.server.own_reference(graph, Rebuild::at(graph, given)?.token)?;
        self.server.object(ident).copied()
    }

    /// Calls an object; nothing if the call waits.
    fn call(
        &mut self,
        connection: ConnectionId,
        call: &Call<Key>,
        read: Option<&Read>,
        peer: Peer,
        now: Duration,
    ) -> Option<Outcome<Key>> {
        let era = Era::of(peer.pythons);
        if self.expiry.is_some() {
            self.server.used(call.ident, now);
        }
        let came = match call.fallback {
            Some(fallback) => self.objects.fallback(call.object, era, fallback),
            None => {
                if let Some(read) = read {
                    self.keep(read);
                }
                let arguments = arguments(read, &call.args, call.kwargs);
                let caller = Caller { connection, era, ticket: call.ticket, now };
                self.objects.call(call.object, caller, &call.method, &arguments)
            }
        };
        let result = match came {
            Came::Value(value) => CallResult::Returned(self.addressed(connection, value.into_graph())),
            // A token would have to be made to say where its reader finds the server, which only the server knows.
            Came::Many(many) if self.has_tokens => {
                CallResult::Returned(self.addressed(connection, many.into_value().into_graph()))
            }
            Came::Many(many) => CallResult::Many(many),
            Came::Raised(raised) => CallResult::Raised(self.addressed(connection, raised.into_graph())),
            Came::Object(typeid, object) => CallResult::Shared {
                typeid: typeid.into(),
                made: Made::New { object, public: MethodNames::from([]) },
            },
            Came::NoMethod => CallResult::NoMethod,
            Came::Unserializable(why) => CallResult::Unserializable(why),
            Came::Parked => {
                self.waiting.insert(call.ticket, connection);
                return None;
            }
        };
        Some(self.server.finished(call.ticket, result))
    }

    /// Tokens of this server's objects that are in a reply say where its reader finds the server.
    pub(super) fn addressed(&self, connection: ConnectionId, mut graph: Graph) -> Graph {
        if !self.has_tokens {
            return graph;
        }
        for mut token in Token::find(&graph) {
            if self.server.own_reference(&graph, token.node).is_some() {
                let address = self.server.address(connection).clone().encode(&mut graph, Pythons::PY3);
                let (typeid, ident) = (token.typeid, token.ident);
                token.replace(&mut graph, typeid, address, ident);
            }
        }
        graph
    }
}

fn arguments(read: Option<&Read>, args: &[NodeId], kwargs: NodeId) -> Arguments {
    let Some(Read { graph, .. }) = read else { return Arguments::default() };
    let kwargs = match &graph[kwargs] {
        Node::Dict(pairs) => {
            let named = pairs
                .iter()
                .map(|&(key, value)| Some((graph.text(key)?.to_string(), Value::of(graph, value))));
            named.flatten().collect()
        }
        _ => Vec::new(),
    };
    Arguments { args: args.iter().map(|&id| Value::of(graph, id)).collect(), kwargs }
}
