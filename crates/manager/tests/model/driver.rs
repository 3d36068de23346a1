//! What the driver of the server does, at any time.

use std::rc::Rc;

use sabir_manager::exception;
use sabir_manager::server::{CallResult, Ident, Made, Outcome, Ticket};
use sabir_pickle::Graph;

use super::world::{Asked, Expected, Handle, State, TYPES, What, World, public};

impl World<'_> {
    /// The driver comes to an end with something that it was asked for.
    pub(super) fn finish(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        let at = self.random.below(self.asked.len());
        let Asked { ticket, connection, what } = self.asked.swap_remove(at);
        let heard = connection.is_some();
        let (outcome, expected) = match what {
            What::Create(typeid) => {
                let (made, expected) = self.make();
                if self.random.below(6) == 0 {
                    self.forget(made, &expected);
                    let raised = exception::raised("builtins", "ValueError", &["no more"]);
                    (self.server.created(ticket, Err(raised)), Expected::Fault("ValueError: no more".into()))
                } else {
                    if !heard {
                        self.steps.note("made for nobody");
                    }
                    let expected = self.registered(expected, heard);
                    (self.server.created(ticket, Ok(made)), Expected::Created(typeid, expected))
                }
            }
            What::Call { method, fallback } => self.end_call(ticket, &method, fallback, heard),
            What::Describe(counted) => {
                let texts: Vec<String> = counted.iter().map(|_| "x".repeat(80)).collect();
                let shown = |(ident, references): &(String, u64)| {
                    format!("  {ident}:       refcount={references}\n    {}", "x".repeat(75))
                };
                let info: Vec<String> = counted.iter().map(shown).collect();
                (self.server.described(ticket, &texts), Expected::Text(info.join("\n")))
            }
        };
        assert!(matches!(self.server.created(ticket, Err(Graph::new())), Outcome::Nothing), "tickets end");
        match connection.map(|id| self.clients.iter().position(|client| client.id == id).unwrap()) {
            Some(at) => {
                let State::Waiting(accepted) = self.clients[at].state else { panic!("nobody waits") };
                self.clients[at].state = if accepted { State::Accepted } else { State::New };
                self.replied(at, outcome, &expected);
            }
            None => assert!(matches!(outcome, Outcome::Nothing), "{outcome:?}"),
        }
    }

    pub(super) fn end_call(
        &mut self,
        ticket: Ticket,
        method: &str,
        fallback: bool,
        heard: bool,
    ) -> (Outcome<Handle>, Expected) {
        let mut value = Graph::new();
        let text = value.add_str("value");
        value.set_root(text);
        let (result, expected) = match self.random.below(8) {
            0 | 1 => (CallResult::Returned(value), Expected::Text("value".into())),
            2..=4 => {
                let shared = self.random.pick(&TYPES);
                let (made, expected) = self.make();
                if !heard {
                    self.steps.note("shared for nobody");
                }
                let expected = self.registered(expected, heard);
                (CallResult::Shared { typeid: shared.into(), made }, Expected::Proxy(shared, expected))
            }
            5 => {
                let raised = exception::raised("builtins", "ValueError", &["boom"]);
                let expected = if fallback {
                    Expected::Fault("ValueError: boom".into())
                } else {
                    Expected::Error("ValueError: boom")
                };
                (CallResult::Raised(raised), expected)
            }
            6 => (CallResult::NoMethod, Expected::Fault(format!("KeyError: '{method}'"))),
            _ if self.random.below(2) == 0 => {
                let made = Made::New { object: self.handle(), public: public() };
                self.due.push(self.next_object);
                (
                    CallResult::Shared { typeid: "other".into(), made },
                    Expected::Fault("KeyError: 'other'".into()),
                )
            }
            _ => {
                (CallResult::Unserializable("_pickle.PicklingError: a lock".into()), Expected::Unserializable)
            }
        };
        (self.server.finished(ticket, result), expected)
    }

    pub(super) fn handle(&mut self) -> Handle {
        self.next_object += 1;
        let handle = Rc::new(self.next_object);
        self.handles.insert(self.next_object, Rc::downgrade(&handle));
        handle
    }

    /// An object to be shared: a new one, one that is there, or one that is gone.
    pub(super) fn make(&mut self) -> (Made<Handle>, Result<u32, String>) {
        if self.random.below(3) > 0 {
            let object = self.handle();
            return (Made::New { object, public: public() }, Ok(self.next_object));
        }
        let some: Vec<&String> = self.objects.keys().chain(&self.gone).collect();
        if some.is_empty() {
            let object = self.handle();
            return (Made::New { object, public: public() }, Ok(self.next_object));
        }
        let ident = some[self.random.below(some.len())].clone();
        (Made::Again(Ident::parse(&ident).unwrap()), Err(ident))
    }

    /// What the driver made and did not hand over.
    pub(super) fn forget(&mut self, made: Made<Handle>, expected: &Result<u32, String>) {
        drop(made);
        if let Ok(number) = expected {
            assert!(self.handles.remove(number).unwrap().upgrade().is_none());
        }
    }

    /// What the model makes of an object that is handed over.
    pub(super) fn registered(&mut self, made: Result<u32, String>, heard: bool) -> Result<u32, String> {
        match &made {
            Ok(number) if !heard => self.due.push(*number),
            Err(ident) if heard => {
                if let Some(object) = self.objects.get_mut(ident) {
                    object.references += 1;
                }
            }
            _ => {}
        }
        made
    }

    /// The server's own program shares, holds and releases.
    pub(super) fn own(&mut self) {
        let ident = self.ident();
        let parsed = Ident::parse(&ident);
        match (self.random.below(4), parsed) {
            (0, _) => {
                let typeid = self.random.pick(&TYPES);
                let object = self.handle();
                let ident = self.server.share(typeid, object, public()).unwrap();
                self.add(&ident.to_string(), self.next_object, typeid, 0, 1);
            }
            (1, _) => {
                let object = self.handle();
                assert!(self.server.share("other", object, public()).is_err());
                self.due.push(self.next_object);
            }
            (2, Some(parsed)) => {
                let held = self.server.hold(parsed).is_ok();
                assert_eq!(held, self.objects.contains_key(&ident));
                if let Some(object) = self.objects.get_mut(&ident) {
                    object.holds += 1;
                }
            }
            (_, Some(parsed)) if self.objects.get(&ident).is_some_and(|object| object.holds > 0) => {
                self.server.release(parsed).unwrap();
                let object = self.objects.get_mut(&ident).unwrap();
                object.holds -= 1;
                self.bury(&ident);
            }
            _ => {}
        }
    }

    /// The driver drops what nobody counts on.
    pub(super) fn collect(&mut self) {
        let mut dropped: Vec<u32> = self.server.take_dropped().into_iter().map(|handle| *handle).collect();
        dropped.sort_unstable();
        self.due.sort_unstable();
        assert_eq!(dropped, self.due);
        if !self.due.is_empty() {
            self.steps.note("dropped");
        }
        self.due.clear();
    }
}
