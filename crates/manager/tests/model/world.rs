//! The model: what there is, and what must be alive.

use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use sabir_manager::server::{ConnectionId, Ident, MethodNames, Registered, Server, Ticket};
use sabir_manager::{Address, Peer, request};
use sabir_pickle::testing::Choices;
use sabir_pickle::{Pythons, Translation, Version};

use super::Steps;

/// The handle of a shared object; the number is the model's name for it.
pub(super) type Handle = Rc<u32>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    New,
    Accepted,
    Waiting(bool),
    Done,
}

/// A client: its connection, and what it writes.
pub(super) struct Client {
    pub(super) id: ConnectionId,
    pub(super) state: State,
    pub(super) peer: Peer,
}

/// What the driver has been asked for.
pub(super) struct Asked {
    pub(super) ticket: Ticket,
    /// Who waits.
    pub(super) connection: Option<ConnectionId>,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Create(&'static str),
    Call { method: String, fallback: bool },
    Describe(Vec<(String, u64)>),
}

pub(super) struct Object {
    pub(super) number: u32,
    pub(super) typeid: &'static str,
    pub(super) references: u64,
    pub(super) holds: u64,
}

/// What a reply must be.
pub(super) enum Expected {
    Nothing,
    Int(i64),
    Text(String),
    Methods(&'static [&'static str]),
    /// The exception that a traceback ends with.
    Fault(String),
    Error(&'static str),
    /// A new object of this number, or one that is there already.
    Created(&'static str, Result<u32, String>),
    Proxy(&'static str, Result<u32, String>),
    Unserializable,
}

pub(super) struct World<'a> {
    pub(super) random: Choices<'a>,
    pub(super) translation: &'a Translation,
    pub(super) server: Server<Handle>,
    pub(super) clients: Vec<Client>,
    pub(super) asked: Vec<Asked>,
    /// The model: by ident.
    pub(super) objects: BTreeMap<String, Object>,
    /// Idents whose objects are gone.
    pub(super) gone: Vec<String>,
    /// Numbers of objects that the server must hand back.
    pub(super) due: Vec<u32>,
    /// Every handle that was ever made: only the server keeps any.
    pub(super) handles: BTreeMap<u32, Weak<u32>>,
    pub(super) next_object: u32,
    pub(super) steps: Steps,
}

pub(super) const NONCE: u64 = 0x5ab1;
pub(super) const TYPES: [&str; 3] = ["plain", "rich", "bare"];

pub(super) fn exposed(typeid: &str) -> &'static [&'static str] {
    if typeid == "rich" { &["get", "make", "make"] } else { &["alpha", "beta"] }
}

pub(super) fn here() -> Address {
    Address::Inet { host: "127.0.0.1".into(), port: 5000 }
}

impl<'a> World<'a> {
    pub(super) fn new(seed: &'a [u8], translation: &'a Translation) -> World<'a> {
        let mut server = Server::new(NONCE, here());
        server.register("plain", Registered::new());
        server.register("rich", Registered::new().exposing(["get", "make"]).returning("make", "plain"));
        server.register("bare", Registered::new().without_callable());
        World {
            random: Choices::new(seed),
            translation,
            server,
            clients: Vec::new(),
            asked: Vec::new(),
            objects: BTreeMap::new(),
            gone: Vec::new(),
            due: Vec::new(),
            handles: BTreeMap::new(),
            next_object: 0,
            steps: Steps::default(),
        }
    }

    pub(super) fn step(&mut self) {
        match self.random.below(12) {
            0 | 1 => self.connect(),
            2..=6 => self.send(),
            7 => self.die(),
            8 | 9 => self.finish(),
            10 => self.own(),
            _ => self.collect(),
        }
    }

    pub(super) fn connect(&mut self) {
        if self.clients.len() > 8 {
            return;
        }
        // Numbers of connections come again, as descriptors do.
        let free: Vec<u64> =
            (0..12).filter(|&number| self.clients.iter().all(|client| client.id.0 != number)).collect();
        let id = ConnectionId(free[self.random.below(free.len())]);
        let exactly = |minor| Pythons::exactly(Version::new(3, minor));
        let peer = self.random.pick(&[
            Peer { pythons: Pythons::PY2, protocol: 2 },
            Peer { pythons: exactly(6), protocol: 3 },
            Peer { pythons: exactly(13), protocol: 4 },
            Peer { pythons: exactly(14), protocol: 5 },
            Peer { pythons: exactly(13), protocol: 2 },
        ]);
        self.server.connected(id, None);
        self.clients.push(Client { id, state: State::New, peer });
    }

    /// A client's process is killed, or closes its connection.
    pub(super) fn die(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let at = self.random.below(self.clients.len());
        let client = self.clients.swap_remove(at);
        self.steps.note(match client.state {
            State::New => "dies while New",
            State::Accepted => "dies while Accepted",
            State::Waiting(_) => "dies while Waiting",
            State::Done => "dies while Done",
        });
        self.close(&client);
    }

    pub(super) fn close(&mut self, client: &Client) {
        let waiting = self.asked.iter_mut().find(|asked| asked.connection == Some(client.id));
        let expected = waiting.map(|asked| {
            asked.connection = None;
            asked.ticket
        });
        assert_eq!(self.server.closed(client.id), expected);
        assert_eq!(self.server.closed(client.id), None, "once is enough");
    }

    pub(super) fn add(
        &mut self,
        ident: &str,
        number: u32,
        typeid: &'static str,
        references: u64,
        holds: u64,
    ) {
        assert!(!self.gone.iter().any(|gone| gone == ident), "{ident} comes back");
        let before = self.objects.insert(ident.into(), Object { number, typeid, references, holds });
        assert!(before.is_none(), "{ident} is given twice");
    }

    pub(super) fn discount(&mut self, ident: &str) {
        let object = self.objects.get_mut(ident).unwrap();
        if object.references == 0 {
            self.steps.note("skipped decref");
            return;
        }
        object.references -= 1;
        self.bury(ident);
    }

    pub(super) fn bury(&mut self, ident: &str) {
        let object = &self.objects[ident];
        if (object.references, object.holds) == (0, 0) {
            self.due.push(object.number);
            self.objects.remove(ident);
            self.gone.push(ident.into());
        }
    }

    /// Ident, number and count of what clients count on.
    pub(super) fn counted(&self) -> Vec<(String, u32, u64)> {
        let counted = self.objects.iter().filter(|(_, object)| object.references > 0);
        counted.map(|(ident, object)| (ident.clone(), object.number, object.references)).collect()
    }

    /// The server's counts are the model's, and so are the objects that are alive.
    pub(super) fn check(&self) {
        assert_eq!(self.server.number_of_objects(), self.counted().len());
        for (ident, object) in &self.objects {
            let parsed = Ident::parse(ident).unwrap();
            assert_eq!(self.server.references(parsed), Some(object.references), "{ident}");
            assert_eq!(self.server.object(parsed).map(|handle| **handle), Some(object.number));
        }
        for ident in &self.gone {
            assert_eq!(self.server.references(Ident::parse(ident).unwrap()), None, "{ident}");
        }
        let mut alive: Vec<u32> = self.objects.values().map(|object| object.number).collect();
        alive.extend(&self.due);
        alive.sort_unstable();
        let handles = self.handles.iter().filter(|(_, handle)| handle.strong_count() > 0);
        let handles: Vec<u32> = handles.map(|(&number, _)| number).collect();
        assert_eq!(handles, alive);
    }

    /// All clients go, give back what they hold, and nothing is left.
    pub(super) fn end(&mut self) {
        while !self.clients.is_empty() {
            let client = self.clients.swap_remove(0);
            self.close(&client);
        }
        while !self.asked.is_empty() {
            self.finish();
            self.check();
        }
        for ident in self.objects.keys().cloned().collect::<Vec<_>>() {
            let Object { references, holds, .. } = self.objects[&ident];
            for _ in 0..holds {
                self.server.release(Ident::parse(&ident).unwrap()).unwrap();
            }
            for _ in 0..references {
                self.connect();
                let at = self.clients.len() - 1;
                let outcome = self.ask(at, request::decref(&ident));
                self.replied(at, outcome, &Expected::Nothing);
                let client = self.clients.swap_remove(at);
                self.close(&client);
            }
            let Object { number, .. } = self.objects.remove(&ident).unwrap();
            self.due.push(number);
            self.gone.push(ident);
        }
        self.check();
        self.collect();
        self.check();
        assert_eq!(self.server.number_of_objects(), 0);
        assert!(self.handles.values().all(|handle| handle.strong_count() == 0));
    }
}

pub(super) fn public() -> MethodNames {
    ["alpha".into(), "beta".into()].into()
}
