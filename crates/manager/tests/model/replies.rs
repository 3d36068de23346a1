//! What clients read.

use sabir_manager::server::{ConnectionId, Ident, Message, Outcome};
use sabir_manager::{Address, Answer, Peer, RemoteException};
use sabir_pickle::{Graph, Node, NodeId, Pythons};

use super::world::{Expected, Handle, State, World, exposed, here};

impl World<'_> {
    /// Checks a reply as its client reads it, and closes what is to be closed.
    pub(super) fn replied(&mut self, at: usize, outcome: Outcome<Handle>, expected: &Expected) {
        let accepted = self.clients[at].state == State::Accepted;
        // The reply to accept_connection itself is the first of a connection that stays.
        let message = match (outcome, accepted) {
            (Outcome::Reply(message), true) => message,
            (Outcome::ReplyAndClose(message), false) => {
                self.clients[at].state = State::Done;
                message
            }
            (outcome, _) => panic!("accepted: {accepted}, {outcome:?}"),
        };
        assert_eq!(message.connection, self.clients[at].id);
        let (connection, grants) = (message.connection, message.grants);
        let peer = self.clients[at].peer;
        self.read(peer, message, expected);
        if let Some(ident) = grants
            && self.random.below(6) == 0
        {
            self.steps.note("undelivered");
            self.server.undelivered(connection, ident);
            self.discount(&ident.to_string());
        }
    }

    pub(super) fn read(&mut self, peer: Peer, message: Message, expected: &Expected) {
        let grants = message.grants.map(|ident| ident.to_string());
        let (segments, error) = message.encode(self.translation);
        assert_eq!(error, None);
        let graph = Graph::from_slice(&segments.into_vec()).unwrap();
        let answers = [2, 2, 2, 4, 5, 5][usize::from(peer.protocol)];
        assert_eq!(graph.protocol(), answers);
        if peer.pythons == Pythons::PY2 {
            let kind = graph.items(graph.root()).unwrap()[0];
            assert!(matches!(graph[kind], Node::String(_)), "2.7 asserts that texts are its str");
        }
        let answer = Answer::decode(&graph).unwrap();
        match expected {
            Expected::Nothing => assert_eq!(answer, Answer::Returned(NodeId::NONE)),
            Expected::Int(value) => {
                let Answer::Returned(id) = answer else { panic!("{answer:?}") };
                assert_eq!(graph.int(id), Some(*value));
            }
            Expected::Text(text) => {
                let Answer::Returned(id) = answer else { panic!("{answer:?}") };
                assert_eq!(graph.text(id), Some(&**text));
            }
            Expected::Methods(methods) => {
                let Answer::Returned(id) = answer else { panic!("{answer:?}") };
                let read: Vec<_> =
                    graph.items(id).unwrap().iter().map(|&id| graph.text(id).unwrap()).collect();
                assert_eq!(&read, methods);
            }
            Expected::Fault(line) => {
                let Answer::Traceback(text) = answer else { panic!("{answer:?}, not {line}") };
                assert_eq!(&RemoteException::from_traceback(&text).to_string(), line);
                assert!(text.starts_with("Traceback (most recent call last):\n  File "), "{text}");
            }
            Expected::Error(line) => {
                let Answer::Raised(id) = answer else { panic!("{answer:?}") };
                let names = self.translation.names();
                let raised = RemoteException::decode(&graph, id, names).unwrap();
                assert_eq!(&raised.to_string(), line);
            }
            Expected::Created(typeid, made) => match answer.created(&graph) {
                Some((ident, methods)) => {
                    assert_eq!(grants.as_ref(), Some(&ident));
                    self.known(&ident, &methods, typeid, made);
                }
                None => self.unknown(&answer, made),
            },
            Expected::Proxy(typeid, made) => match answer {
                Answer::Proxy { exposed, token } => {
                    let ident = graph.text(token.ident).unwrap().to_owned();
                    assert_eq!(grants.as_ref(), Some(&ident));
                    assert_eq!(Address::decode(&graph, token.address), Some(here()));
                    let parsed = Ident::parse(&ident);
                    self.known(&ident, &exposed, typeid, made);
                    assert_eq!(self.server.own_reference(&graph, token.node), parsed);
                    let node = self.server.proxy(ConnectionId(0), &mut Graph::new(), parsed.unwrap());
                    assert!(node.is_ok());
                }
                answer => self.unknown(&answer, made),
            },
            Expected::Unserializable => {
                let Answer::Unserializable(text) = answer else { panic!("{answer:?}") };
                assert!(text.ends_with("_pickle.PicklingError: a lock\n"), "{text}");
            }
        }
    }

    /// A client has got the ident of an object.
    pub(super) fn known(
        &mut self,
        ident: &str,
        methods: &[String],
        typeid: &'static str,
        made: &Result<u32, String>,
    ) {
        match made {
            Ok(number) => {
                assert_eq!(methods, exposed(typeid));
                self.add(ident, *number, typeid, 1, 0);
            }
            Err(again) => {
                assert_eq!(ident, again);
                assert_eq!(methods, exposed(self.objects[again].typeid));
            }
        }
    }

    /// Only an object that is gone cannot be given again.
    pub(super) fn unknown(&self, answer: &Answer, made: &Result<u32, String>) {
        let (Answer::Traceback(text), Err(ident)) = (answer, made) else { panic!("{answer:?}") };
        assert!(!self.objects.contains_key(ident));
        assert!(text.ends_with(&format!("KeyError: '{ident}'\n")), "{text}");
    }
}
