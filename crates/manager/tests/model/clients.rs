//! What clients send.

use sabir_manager::server::{Outcome, Ticket};
use sabir_manager::{Peer, Token, request};
use sabir_pickle::{Graph, NodeId};

use super::world::{Asked, Client, Expected, Handle, State, What, World, exposed};

impl World<'_> {
    /// Some client sends some message.
    pub(super) fn send(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let at = self.random.below(self.clients.len());
        match self.clients[at].state {
            State::New => self.function(at),
            State::Accepted => self.call(at),
            State::Done if self.random.below(4) > 0 => {
                let client = self.clients.swap_remove(at);
                self.close(&client);
            }
            State::Waiting(_) | State::Done => {
                // No stock client does.
                if self.random.below(8) == 0 {
                    let outcome = self.ask(at, request::dummy());
                    assert!(matches!(outcome, Outcome::Close), "{outcome:?}");
                    let client = self.clients.swap_remove(at);
                    self.close(&client);
                    self.steps.note("speaks out of turn");
                }
            }
        }
    }

    /// Sends a request as its client writes it.
    pub(super) fn ask(&mut self, at: usize, graph: Graph) -> Outcome<Handle> {
        let Client { id, peer, .. } = self.clients[at];
        let pickle = peer.request(graph, self.translation).unwrap().into_vec();
        let graph = Graph::from_slice(&pickle).unwrap();
        self.server.request(id, &graph, Peer::of(&graph))
    }

    /// An ident: mostly of an object, else of one that is gone, or of none.
    pub(super) fn ident(&mut self) -> String {
        let some: Vec<String> = self.objects.keys().cloned().collect();
        match self.random.below(8) {
            0 if !self.gone.is_empty() => self.gone[self.random.below(self.gone.len())].clone(),
            1 => self.random.pick(&["0", "", "7f0012ab", "0000000000005ab2000001"]).into(),
            _ if some.is_empty() => "0000000000005ab1000001".into(),
            _ => some[self.random.below(some.len())].clone(),
        }
    }

    pub(super) fn function(&mut self, at: usize) {
        let ident = self.ident();
        let missing = Expected::Fault(format!("KeyError: '{ident}'"));
        match self.random.below(14) {
            0 => {
                let outcome = self.ask(at, request::dummy());
                self.replied(at, outcome, &Expected::Nothing);
            }
            1 => {
                let counted = self.counted().len().try_into().unwrap();
                let outcome = self.ask(at, request::number_of_objects());
                self.replied(at, outcome, &Expected::Int(counted));
            }
            2 => {
                let outcome = self.ask(at, request::incref(&ident));
                let expected = match self.objects.get_mut(&ident) {
                    Some(object) => {
                        if object.references == 0 {
                            self.steps.note("revived");
                        }
                        object.references += 1;
                        Expected::Nothing
                    }
                    None => missing,
                };
                self.replied(at, outcome, &expected);
            }
            3..=5 => {
                let outcome = self.ask(at, request::decref(&ident));
                let expected = if self.objects.contains_key(&ident) {
                    self.discount(&ident);
                    Expected::Nothing
                } else {
                    missing
                };
                self.replied(at, outcome, &expected);
            }
            6 => {
                let mut graph = Graph::new();
                let text = graph.add_str(&ident);
                let token = Token::encode(&mut graph, text, NodeId::NONE, text);
                let outcome = self.ask(at, request::get_methods(graph, token));
                let expected = match self.objects.get(&ident).map(|object| object.typeid) {
                    Some("rich") => Expected::Methods(&["get", "make"]),
                    Some(typeid) => Expected::Methods(exposed(typeid)),
                    None => missing,
                };
                self.replied(at, outcome, &expected);
            }
            7 | 8 => self.create(at),
            9..=11 => {
                let outcome = self.ask(at, request::accept_connection("MainProcess"));
                self.clients[at].state = State::Accepted;
                self.replied(at, outcome, &Expected::Nothing);
            }
            12 => {
                let counted = self.counted();
                let Outcome::Describe { ticket, objects } = self.ask(at, request::debug_info()) else {
                    panic!("debug_info is described")
                };
                let numbers: Vec<u32> = objects.iter().map(|handle| **handle).collect();
                let expected: Vec<u32> = counted.iter().map(|(_, number, _)| *number).collect();
                assert_eq!(numbers, expected);
                let shown = counted.into_iter().map(|(ident, _, references)| (ident, references));
                self.wait(at, ticket, What::Describe(shown.collect()));
            }
            _ => self.nonsense(at, "_handle_request"),
        }
    }

    pub(super) fn create(&mut self, at: usize) {
        let typeid = self.random.pick(&["plain", "rich", "bare", "other"]);
        let graph = request::create(Graph::new(), typeid, &[], NodeId::NONE);
        let outcome = self.ask(at, graph);
        match typeid {
            "other" => self.replied(at, outcome, &Expected::Fault("KeyError: 'other'".into())),
            "bare" => {
                let text = "ValueError: Without callable, must have one non-keyword argument";
                self.replied(at, outcome, &Expected::Fault(text.into()));
            }
            typeid => {
                let Outcome::Create(create) = outcome else { panic!("{outcome:?}") };
                assert_eq!((&*create.typeid, create.args.len(), create.given), (typeid, 0, false));
                self.wait(at, create.ticket, What::Create(typeid));
            }
        }
    }

    pub(super) fn call(&mut self, at: usize) {
        let (ident, method) = (self.ident(), self.random.pick(&METHODS));
        let typeid = self.objects.get(&ident).map(|object| object.typeid);
        if self.random.below(10) == 0 {
            return self.nonsense(at, "serve_client");
        }
        let outcome = self.ask(at, request::call(Graph::new(), &ident, method, [], NodeId::NONE));
        let Some(typeid) = typeid else {
            return self.replied(at, outcome, &Expected::Fault(format!("KeyError: '{ident}'")));
        };
        let shown = exposed(typeid).contains(&method);
        let fallback = !shown && matches!(method, "__str__" | "__repr__" | "#GETVALUE");
        if !shown && !fallback {
            return self.replied(at, outcome, &Expected::Fault(format!("KeyError: '{method}'")));
        }
        let Outcome::Call(call) = outcome else { panic!("{outcome:?}") };
        assert_eq!((*call.object, &*call.method), (self.objects[&ident].number, method));
        assert_eq!((call.ident.to_string(), call.fallback.is_some()), (ident, fallback));
        let returns = (typeid == "rich" && method == "make").then_some("plain");
        assert_eq!(call.returns.as_deref(), returns);
        self.wait(at, call.ticket, What::Call { method: method.into(), fallback });
    }

    /// A message that is no request, or no pickle at all.
    pub(super) fn nonsense(&mut self, at: usize, function: &str) {
        let Client { id, mut peer, .. } = self.clients[at];
        peer.protocol = Peer::answers(peer.protocol);
        let error = Graph::from_slice(b"garbage").unwrap_err();
        let (outcome, expected) = match self.random.below(3) {
            0 => (self.server.unreadable(id, peer, &error), format!("_pickle.UnpicklingError: {error}")),
            1 => {
                let mut graph = Graph::new();
                let root = graph.add_int(5);
                graph.set_root(root);
                (self.ask(at, graph), "TypeError: cannot unpack non-iterable int object".into())
            }
            _ => {
                let graph = request::function(Graph::new(), "nosuch", [], NodeId::NONE);
                let text = if function == "serve_client" {
                    "KeyError: None"
                } else {
                    "AssertionError: 'nosuch' unrecognized"
                };
                (self.ask(at, graph), text.into())
            }
        };
        self.replied(at, outcome, &Expected::Fault(expected));
    }

    pub(super) fn wait(&mut self, at: usize, ticket: Ticket, what: What) {
        let client = &mut self.clients[at];
        client.state = State::Waiting(client.state == State::Accepted);
        assert!(self.asked.iter().all(|asked| asked.ticket != ticket), "a ticket is given twice");
        self.asked.push(Asked { ticket, connection: Some(client.id), what });
    }
}

const METHODS: [&str; 8] = ["alpha", "beta", "get", "make", "__str__", "__repr__", "#GETVALUE", "nope"];
