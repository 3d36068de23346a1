//! The functions of the server itself: `Server.public` of CPython.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sabir_pickle::{Graph, Node, NodeId};

use super::objects::{Count, Ident};
use super::outcome::{self, ConnectionId, Create, Made, Outcome, Ticket};
use super::registry::Registered;
use super::traceback::{Fault, shown, traceback};
use super::{Parts, Pending, Server, Waiting};
use crate::native::Holds;
use crate::{Kind, Peer, Token};

impl<O: Clone> Server<O> {
    /// The first request of a connection. Whatever ident it names is ignored, as CPython does.
    pub(super) fn function(&mut self, connection: ConnectionId, graph: &Graph, peer: Peer) -> Outcome<O> {
        let parts = match Parts::of(graph) {
            Ok(parts) => parts,
            Err(fault) => return self.fault(connection, peer, "_handle_request", &fault),
        };
        let Some(name) = graph.text(parts.method) else {
            return self.unrecognized(connection, graph, peer, parts.method);
        };
        let process = self.process(connection);
        let answered = match name {
            "dummy" => parts.none(graph, "dummy").map(|()| nothing()),
            "shutdown" => match parts.none(graph, "shutdown") {
                Ok(()) => return self.shut_down(connection, peer),
                Err(fault) => Err(fault),
            },
            "number_of_objects" => parts.none(graph, name).map(|()| {
                let mut graph = outcome::own();
                let count = graph.add_int(self.number_of_objects().try_into().unwrap_or(i64::MAX));
                (outcome::reply(graph, Kind::Return, count), Holds::Value)
            }),
            "incref" => parts.one(graph, name, "ident").and_then(|ident| {
                self.count(graph, ident, |server, ident| {
                    server.objects.count(ident, Count::Reference(process)).is_ok()
                })
            }),
            "decref" => parts.one(graph, name, "ident").and_then(|ident| {
                self.count(graph, ident, |server, ident| {
                    server.objects.discount(ident, Count::Reference(process)).is_ok()
                })
            }),
            "get_methods" => {
                parts.one(graph, name, "token").and_then(|token| self.methods(graph, token, peer))
            }
            "accept_connection" => match parts.one(graph, name, "name") {
                Ok(_) => return self.accept(connection, peer),
                Err(fault) => Err(fault),
            },
            "debug_info" => match parts.none(graph, name) {
                Ok(()) => return self.describe(connection, peer),
                Err(fault) => Err(fault),
            },
            "create" => match self.creation(graph, &parts) {
                Ok(creation) => return self.create(connection, peer, creation),
                Err((function, fault)) => return self.fault(connection, peer, function, &fault),
            },
            _ => return self.unrecognized(connection, graph, peer, parts.method),
        };
        match answered {
            Ok((reply, holds)) => self.answer(connection, peer, reply, holds, None),
            Err(fault) => self.fault(connection, peer, "_handle_request", &fault),
        }
    }

    fn unrecognized(
        &mut self,
        connection: ConnectionId,
        graph: &Graph,
        peer: Peer,
        method: NodeId,
    ) -> Outcome<O> {
        let fault = Fault(format!("AssertionError: {} unrecognized", shown(graph, method)));
        self.fault(connection, peer, "_handle_request", &fault)
    }

    fn count(
        &mut self,
        graph: &Graph,
        ident: NodeId,
        count: impl FnOnce(&mut Self, Ident) -> bool,
    ) -> Result<(Graph, Holds), Fault> {
        let known = graph.text(ident).and_then(Ident::parse);
        if known.is_some_and(|ident| count(self, ident)) {
            Ok(nothing())
        } else {
            Err(Fault::missing(graph, ident))
        }
    }

    fn methods(&self, graph: &Graph, token: NodeId, peer: Peer) -> Result<(Graph, Holds), Fault> {
        let Some(token) = Token::at(graph, token) else {
            let name = crate::repr::type_name(graph, token);
            return Err(Fault(format!("AttributeError: '{name}' object has no attribute 'id'")));
        };
        let entry = graph.text(token.ident).and_then(Ident::parse).and_then(|ident| self.objects.get(ident));
        let entry = entry.ok_or_else(|| Fault::missing(graph, token.ident))?;
        let mut graph = outcome::own();
        // CPython has a set here.
        let mut once: Vec<&str> = Vec::new();
        for method in entry.exposed.iter().filter(|method| entry.registered.shows(method, peer.pythons)) {
            if !once.contains(&&**method) {
                once.push(method);
            }
        }
        let methods: Vec<NodeId> = once.into_iter().map(|method| graph.add_str(method)).collect();
        let methods = graph.add_tuple(methods);
        Ok((outcome::reply(graph, Kind::Return, methods), Holds::Methods))
    }

    fn shut_down(&mut self, connection: ConnectionId, peer: Peer) -> Outcome<O> {
        match self.answer(connection, peer, nothing().0, Holds::Value, None) {
            Outcome::ReplyAndClose(message) => Outcome::Shutdown(message),
            other => other,
        }
    }

    fn describe(&mut self, connection: ConnectionId, peer: Peer) -> Outcome<O> {
        let (idents, objects): (Vec<_>, Vec<_>) = self
            .objects
            .counted()
            .map(|(ident, entry)| ((ident, entry.references), entry.object.clone()))
            .unzip();
        let ticket = self.wait(connection, peer, Waiting::Describe(idents));
        Outcome::Describe { ticket, objects }
    }

    /// The text of `debug_info`, of what the driver says of each object.
    pub(super) fn debug_info(idents: &[(Ident, u64)], texts: &[String]) -> String {
        let mut info = String::new();
        for (place, (ident, references)) in idents.iter().enumerate() {
            let text = texts.get(place).map_or("", |text| text);
            let shown: String = text.chars().take(75).collect();
            info += if place > 0 { "\n" } else { "" };
            info += &format!("  {ident}:       refcount={references}\n    {shown}");
        }
        info
    }

    /// What `create` asks for, or what went wrong in which function.
    fn creation(&self, graph: &Graph, parts: &Parts) -> Result<Creation, (&'static str, Fault)> {
        let handling = |fault| ("_handle_request", fault);
        let args = parts.args(graph).map_err(handling)?;
        parts.keywords(graph, &format!("{SERVER}create")).map_err(handling)?;
        let Some((&typeid, args)) = args.split_first() else {
            let text = "TypeError: Server.create() missing 1 required positional argument: 'typeid'";
            return Err(handling(Fault(text.into())));
        };
        let found = graph.text(typeid).and_then(|typeid| self.registry.get_key_value(typeid));
        let Some((typeid, registered)) = found else {
            return Err((
                "create",
                match self.remedy {
                    Some(remedy) => Fault(format!(
                        "TypeError: this server has no type {}: {remedy}",
                        shown(graph, typeid)
                    )),
                    None => Fault::missing(graph, typeid),
                },
            ));
        };
        if !registered.callable && (args.len() != 1 || !parts.has_no_keywords(graph)) {
            let text = "ValueError: Without callable, must have one non-keyword argument";
            return Err(("create", Fault(text.into())));
        }
        let (typeid, registered) = (typeid.clone(), registered.clone());
        Ok(Creation { typeid, registered, args: args.to_vec(), kwargs: parts.kwargs })
    }

    fn create(&mut self, connection: ConnectionId, peer: Peer, creation: Creation) -> Outcome<O> {
        let Creation { typeid, registered, args, kwargs } = creation;
        let given = !registered.callable;
        let ticket = self.wait(connection, peer, Waiting::Create(typeid.clone(), registered));
        Outcome::Create(Create { ticket, typeid, args, kwargs, given })
    }

    /// The object of a [`Create`] was made, or an exception was raised instead: a graph whose root it is.
    ///
    /// If who asked is gone, nobody will ever know the object, and it is among those to be dropped.
    pub fn created(&mut self, ticket: Ticket, made: Result<Made<O>, Graph>) -> Outcome<O> {
        let pending = self.tickets.remove(ticket);
        let Some(Pending {
            connection: Some(connection),
            peer,
            waiting: Waiting::Create(typeid, registered),
        }) = pending
        else {
            self.discard(made.ok());
            return Outcome::Nothing;
        };
        let raised = match made {
            Ok(made) => match self.register_object(connection, made, typeid, registered) {
                Ok(ident) => {
                    let mut graph = outcome::own();
                    let exposed = self.exposed_tuple(&mut graph, ident, peer);
                    let text = graph.add_str(&format!("{ident}"));
                    let result = graph.add_tuple([text, exposed]);
                    let reply = outcome::reply(graph, Kind::Return, result);
                    return self.answer(connection, peer, reply, Holds::Created, Some(ident));
                }
                Err(fault) => fault,
            },
            Err(graph) => Fault::raised(&graph),
        };
        self.fault(connection, peer, "create", &raised)
    }

    /// The texts that [`Outcome::Describe`] asked for, in its order. Objects without one are shown without.
    pub fn described(&mut self, ticket: Ticket, texts: &[String]) -> Outcome<O> {
        match self.tickets.remove(ticket) {
            Some(Pending { connection: Some(connection), peer, waiting: Waiting::Describe(idents) }) => {
                let info = Self::debug_info(&idents, texts);
                self.answer(connection, peer, outcome::text(Kind::Return, &info), Holds::Text, None)
            }
            _ => Outcome::Nothing,
        }
    }

    /// A reply of `#TRACEBACK`.
    pub(super) fn fault(
        &mut self,
        connection: ConnectionId,
        peer: Peer,
        function: &str,
        fault: &Fault,
    ) -> Outcome<O> {
        let text = outcome::text(Kind::Traceback, &traceback(function, fault));
        self.answer(connection, peer, text, Holds::Text, None)
    }
}

struct Creation {
    typeid: Arc<str>,
    registered: Arc<Registered>,
    args: Vec<NodeId>,
    kwargs: NodeId,
}

fn nothing() -> (Graph, Holds) {
    (outcome::reply(outcome::own(), Kind::Return, NodeId::NONE), Holds::Value)
}

impl Parts {
    pub(super) fn of(graph: &Graph) -> Result<Parts, Fault> {
        match graph.items(graph.root()) {
            Some(&[ident, method, args, kwargs]) => Ok(Parts { ident, method, args, kwargs }),
            _ => Err(Fault::unpack(graph, graph.root())),
        }
    }

    /// The arguments, which CPython takes out of anything that can be iterated over.
    pub(super) fn args<'g>(&self, graph: &'g Graph) -> Result<&'g [NodeId], Fault> {
        graph.items(self.args).ok_or_else(|| {
            let name = crate::repr::type_name(graph, self.args);
            Fault(format!("TypeError: Value after * must be an iterable, not {name}"))
        })
    }

    /// Checks that the keyword arguments are a dict of texts.
    pub(super) fn keywords(&self, graph: &Graph, function: &str) -> Result<(), Fault> {
        let Node::Dict(pairs) = &graph[self.kwargs] else {
            let name = crate::repr::type_name(graph, self.kwargs);
            return Err(Fault(format!(
                "TypeError: {function}() argument after ** must be a mapping, not {name}"
            )));
        };
        if pairs.iter().all(|&(key, _)| graph.text(key).is_some()) {
            Ok(())
        } else {
            Err(Fault("TypeError: keywords must be strings".into()))
        }
    }

    pub(super) fn has_no_keywords(&self, graph: &Graph) -> bool {
        matches!(&graph[self.kwargs], Node::Dict(pairs) if pairs.is_empty())
    }

    /// Checks that there are no arguments to a function of the server. `self` and the connection are counted.
    fn none(&self, graph: &Graph, function: &str) -> Result<(), Fault> {
        let args = self.args(graph)?;
        self.keywords(graph, &format!("{SERVER}{function}"))?;
        self.known(graph, function, None)?;
        if args.is_empty() { Ok(()) } else { Err(too_many(function, 2, args.len())) }
    }

    /// The one argument to a function of the server, which may be given by its name.
    fn one(&self, graph: &Graph, function: &str, name: &str) -> Result<NodeId, Fault> {
        let args = self.args(graph)?;
        self.keywords(graph, &format!("{SERVER}{function}"))?;
        let named = self.known(graph, function, Some(name))?;
        match (args, named) {
            (&[only], None) => Ok(only),
            (&[], Some(named)) => Ok(named),
            (&[], None) => Err(Fault(format!(
                "TypeError: Server.{function}() missing 1 required positional argument: '{name}'"
            ))),
            (_, Some(_)) => Err(Fault(format!(
                "TypeError: Server.{function}() got multiple values for argument '{name}'"
            ))),
            (args, None) => Err(too_many(function, 3, args.len())),
        }
    }

    /// The value of the one keyword argument that a function has.
    fn known(&self, graph: &Graph, function: &str, name: Option<&str>) -> Result<Option<NodeId>, Fault> {
        let Node::Dict(pairs) = &graph[self.kwargs] else { return Ok(None) };
        let mut found = None;
        for &(key, value) in pairs {
            if graph.text(key) != name {
                let key = shown(graph, key);
                return Err(Fault(format!(
                    "TypeError: Server.{function}() got an unexpected keyword argument {key}"
                )));
            }
            found = Some(value);
        }
        Ok(found)
    }
}

fn too_many(function: &str, takes: usize, given: usize) -> Fault {
    Fault(format!(
        "TypeError: Server.{function}() takes {takes} positional arguments but {} were given",
        given + 2
    ))
}

/// What CPython names the functions by where their arguments are no arguments.
pub(super) const SERVER: &str = "multiprocessing.managers.Server.";
