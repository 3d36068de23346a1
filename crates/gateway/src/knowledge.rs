//! What is known of a peer, and of one upstream address.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use sabir_manager::{Address, Exposed};
use sabir_pickle::{Opcode, OpcodeSet, Pythons, Scan, Version};
use sabir_wire::auth::{Era, PeerHints};

/// What a handshake tells of a peer's version.
pub fn pythons(hints: &PeerHints) -> Option<Pythons> {
    Some(match hints.era()? {
        Era::UpTo311 => Pythons::between(Version::new(2, 7), Version::new(3, 11)),
        Era::From312 => Pythons::between(Version::new(3, 12), Version::new(3, 255)),
        _ => return None,
    })
}

/// What is known of the server at one upstream address: shared by all connections to it, since a manager's clients
/// open a new one for almost every request.
///
/// One client must not mislead the others, so all of it comes from what the server itself says in answer to `create` and
/// `get_methods` and in `#PROXY`, never from the tokens in a value, which may be any client's.
///
/// It is bounded: of 65,536 objects, the one that was not called for longest is forgotten first, and its methods are then
/// passed on as they are called; more than 10,000 names are not collected. When the server turns out to be another version
/// than before, it was started anew, and all is forgotten but the alias.
#[derive(Clone, Debug, Default)]
pub struct ServerKnowledge {
    pub(crate) peer: Peer,
    alias: Option<Address>,
    own: Option<Address>,
    objects: BTreeMap<Box<str>, Object>,
    /// The idents of the objects, by when they were last called.
    order: BTreeMap<u64, Box<str>>,
    /// How often any object was called: the time in `order`.
    calls: u64,
    learned: BTreeSet<String>,
}

/// A shared object of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) typeid: Box<str>,
    /// What it exposes.
    pub(crate) exposed: Exposed,
    /// When it was last called.
    called: u64,
}

impl ServerKnowledge {
    /// Nothing is known, but perhaps what the server calls itself in its tokens (`--to-alias`).
    pub fn new(alias: Option<Address>) -> ServerKnowledge {
        ServerKnowledge { alias, ..ServerKnowledge::default() }
    }

    /// Which versions the server may be.
    pub fn pythons(&self) -> Pythons {
        self.peer.pythons()
    }

    /// What the server calls itself in its tokens, if that is known.
    pub fn own_address(&self) -> Option<&Address> {
        self.alias.as_ref().or(self.own.as_ref())
    }

    /// The names that the policy `Learn` has collected, each in the form that an allow list takes.
    pub fn learned_names(&self) -> impl Iterator<Item = &str> {
        self.learned.iter().map(String::as_str)
    }

    /// Takes over what a copy has learnt since it was made. With a copy a long message can be judged
    /// while others need what is known.
    pub fn merge(&mut self, before: &ServerKnowledge, copy: ServerKnowledge) {
        if copy.peer != before.peer
            && let Some(seen) = copy.peer.seen
        {
            self.saw(seen);
        }
        // Another server has come meanwhile: what the copy has learnt is not about it.
        if self.pythons().intersect(copy.pythons()).is_none() {
            return;
        }
        if copy.own != before.own {
            self.own = copy.own;
        }
        for (ident, object) in &copy.objects {
            let known = before.objects.get(ident);
            if known.is_none_or(|known| known.typeid != object.typeid || known.exposed != object.exposed) {
                self.learn_object(ident, &object.typeid, object.exposed, true);
            }
        }
        for name in copy.learned {
            self.learn_name(name);
        }
    }

    pub(crate) fn learn_name(&mut self, name: String) {
        if self.learned.len() < MAX_NAMES && name.len() <= MAX_NAME {
            self.learned.insert(name);
        }
    }

    /// What the server calls itself in a `#PROXY` reply.
    pub(crate) fn learn_own_address(&mut self, address: &Address) {
        self.own = Some(address.clone());
    }

    /// What a reply of the server says of an object. Where the typeid is not `certain`, since only a client has said it,
    /// one that is known stays.
    pub(crate) fn learn_object(&mut self, ident: &str, typeid: &str, exposed: Exposed, certain: bool) {
        if ident.len() > MAX_TEXT || typeid.len() > MAX_TEXT {
            return;
        }
        if self.recall(ident).is_some()
            && let Some(object) = self.objects.get_mut(ident)
        {
            // CPython's idents are addresses in memory, which it uses again for other objects.
            if certain {
                object.typeid = typeid.into();
            }
            object.exposed = exposed;
            return;
        }
        if self.objects.len() >= MAX_OBJECTS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.objects.remove(&oldest);
        }
        self.calls += 1;
        self.order.insert(self.calls, ident.into());
        let object = Object { typeid: typeid.into(), exposed, called: self.calls };
        self.objects.insert(ident.into(), object);
    }

    pub(crate) fn object(&self, ident: &str) -> Option<&Object> {
        self.objects.get(ident)
    }

    /// An object that is called, and so is not forgotten soon.
    pub(crate) fn recall(&mut self, ident: &str) -> Option<&Object> {
        let object = self.objects.get_mut(ident)?;
        self.calls += 1;
        let before = core::mem::replace(&mut object.called, self.calls);
        if let Some(ident) = self.order.remove(&before) {
            self.order.insert(self.calls, ident);
        }
        Some(object)
    }

    /// Whether anything is new.
    pub(crate) fn saw(&mut self, evidence: Evidence) -> bool {
        let change = self.peer.saw(evidence);
        self.note(change)
    }

    /// Whether anything is new.
    pub(crate) fn proved(&mut self, pythons: Pythons) -> bool {
        let change = self.peer.proved(pythons);
        self.note(change)
    }

    fn note(&mut self, change: Change) -> bool {
        if change == Change::Contradicted {
            self.own = None;
            self.objects.clear();
            self.order.clear();
        }
        change != Change::Nothing
    }
}

/// What is known of a peer's version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// What its handshake showed.
    proven: Option<Pythons>,
    /// What its pickles showed.
    seen: Option<Evidence>,
}

/// What a pickle tells of who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    pythons: Pythons,
    protocol: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// More is known.
    Narrowed,
    /// It is another than it seemed.
    Contradicted,
}

impl Evidence {
    /// Only Python 2 writes its `str`. In messages of managers there is always one where there could be; elsewhere a
    /// pickle of protocol 2 without one may be of a Python 3 that was told to write protocol 2.
    pub(crate) fn of(scan: &Scan, manager: bool) -> Evidence {
        let pythons = match scan.protocol {
            _ if scan.opcodes.intersects(STRINGS) => Pythons::PY2,
            3.. => Pythons::writing(scan.protocol),
            _ if manager => Pythons::PY3,
            _ => Pythons::ANY,
        };
        Evidence { pythons, protocol: scan.protocol }
    }
}

impl Peer {
    pub(crate) fn pythons(&self) -> Pythons {
        let proven = self.proven.unwrap_or(Pythons::ANY);
        match self.seen {
            Some(seen) => seen.pythons.intersect(proven).unwrap_or(seen.pythons),
            None => proven,
        }
    }

    /// The highest protocol that it surely reads.
    pub(crate) fn readable(&self) -> u8 {
        self.at_least(5)
    }

    /// The protocol to write to it: no higher than what it is sure to read, and 4 where its handshake is all that is
    /// known, which every version with that handshake reads.
    pub(crate) fn preferred(&self) -> u8 {
        self.at_least(4)
    }

    fn at_least(&self, by_handshake: u8) -> u8 {
        let proven = self.proven.map_or(2, Pythons::readable_protocol).min(by_handshake);
        // Protocol 3 is 3.6 or 3.7, which read 4; protocol 4 is 3.8 or newer, which read 5.
        let seen = match self.seen.map_or(0, |seen| seen.protocol) {
            0..=2 => 2,
            3 => 4,
            _ => 5,
        };
        proven.max(seen)
    }

    pub(crate) fn saw(&mut self, new: Evidence) -> Change {
        let before = self.pythons();
        let Some(seen) = &mut self.seen else {
            self.seen = Some(new);
            return if self.pythons() == before { Change::Nothing } else { Change::Narrowed };
        };
        match seen.pythons.intersect(new.pythons) {
            Some(pythons) => {
                let protocol = seen.protocol.max(new.protocol);
                *seen = Evidence { pythons, protocol };
                if self.pythons() == before { Change::Nothing } else { Change::Narrowed }
            }
            None => {
                *seen = new;
                Change::Contradicted
            }
        }
    }

    pub(crate) fn proved(&mut self, pythons: Pythons) -> Change {
        let before = self.pythons();
        if self.proven.is_some_and(|proven| proven.intersect(pythons).is_none())
            || self.seen.is_some_and(|seen| seen.pythons.intersect(pythons).is_none())
        {
            *self = Peer { proven: Some(pythons), seen: None };
            return Change::Contradicted;
        }
        self.proven = Some(pythons);
        if self.pythons() == before { Change::Nothing } else { Change::Narrowed }
    }
}

const STRINGS: OpcodeSet = OpcodeSet::of(&[Opcode::String, Opcode::BinString, Opcode::ShortBinString]);

/// A manager of CPython with this many objects runs into other limits first; each entry is some 200 bytes.
const MAX_OBJECTS: usize = 65_536;
/// Idents are 12 hexadecimal digits, typeids are names in a program.
pub(crate) const MAX_TEXT: usize = 128;
const MAX_NAMES: usize = 10_000;
const MAX_NAME: usize = 512;

#[cfg(test)]
mod tests {
    use sabir_pickle::scan;

    use super::*;

    const PY312: Pythons = Pythons::between(Version::new(3, 12), Version::new(3, 255));
    const PY311: Pythons = Pythons::between(Version::new(2, 7), Version::new(3, 11));

    fn saw(peer: &mut Peer, pickle: &[u8]) -> Change {
        peer.saw(Evidence::of(&scan(pickle).unwrap(), false))
    }

    #[test]
    fn what_a_peer_writes_raises_what_is_written_to_it() {
        let mut peer = Peer::default();
        assert_eq!((peer.preferred(), peer.readable()), (2, 2), "nothing is known");
        for (pickle, protocol) in [(&b"\x80\x02N."[..], 2), (b"\x80\x03N.", 4), (b"\x80\x04N.", 5)] {
            peer = Peer::default();
            saw(&mut peer, pickle);
            assert_eq!((peer.preferred(), peer.readable()), (protocol, protocol));
        }
    }

    #[test]
    fn a_sha256_challenge_means_4_until_more_is_seen() {
        let mut peer = Peer::default();
        peer.proved(PY312);
        assert_eq!((peer.preferred(), peer.readable()), (4, 5));
        saw(&mut peer, b"\x80\x04N.");
        assert_eq!(peer.preferred(), 5);
        let mut peer = Peer::default();
        peer.proved(PY311);
        assert_eq!(peer.preferred(), 2);
    }

    #[test]
    fn only_a_str_proves_python_2() {
        let mut peer = Peer::default();
        saw(&mut peer, b"\x80\x02K\x01.");
        assert_eq!(peer.pythons(), Pythons::ANY);
        assert_eq!(saw(&mut peer, b"\x80\x02U\x01a."), Change::Narrowed);
        assert_eq!(peer.pythons(), Pythons::PY2);
    }

    #[test]
    fn what_contradicts_is_forgotten_with_all_that_hangs_on_it() {
        let mut server = ServerKnowledge::new(None);
        server.saw(Evidence::of(&scan(b"\x80\x02U\x01a.").unwrap(), true));
        server.learn_object("7f00", "dict", Exposed::default(), true);
        server.learn_own_address(&Address::Unix(b"/a".to_vec()));
        assert!(server.saw(Evidence::of(&scan(b"\x80\x04\x8c\x01a.").unwrap(), true)));
        assert_eq!(server.pythons(), Pythons::writing(4));
        assert_eq!((server.object("7f00"), server.own_address()), (None, None));
    }

    #[test]
    fn what_a_copy_has_learnt_is_taken_over_unless_the_server_is_another_by_then() {
        let address = Address::Unix(b"/a".to_vec());
        let mut server = ServerKnowledge::new(None);
        server.saw(Evidence::of(&scan(b"\x80\x04N.").unwrap(), true));
        let before = server.clone();
        let mut copy = before.clone();
        copy.learn_object("7f00", "dict", Exposed::default(), true);
        copy.learn_own_address(&address);
        copy.learn_name("decimal.Decimal".into());
        server.learn_object("7f01", "list", Exposed::default(), true);
        server.merge(&before, copy.clone());
        assert!(server.object("7f00").is_some() && server.object("7f01").is_some());
        assert_eq!(server.own_address(), Some(&address));
        assert!(server.learned_names().eq(["decimal.Decimal"]));

        let mut another = before.clone();
        another.saw(Evidence::of(&scan(b"\x80\x02U\x01a.").unwrap(), true));
        another.merge(&before, copy);
        assert_eq!((another.pythons(), another.object("7f00")), (Pythons::PY2, None));
    }

    #[test]
    fn a_client_with_very_many_objects_makes_nobody_forget_those_in_use() {
        let mut server = ServerKnowledge::new(None);
        server.learn_object("used", "dict", Exposed::default(), true);
        server.learn_object("idle", "dict", Exposed::default(), true);
        for n in 0..2 * MAX_OBJECTS {
            server.learn_object(&alloc::format!("{n:x}"), "list", Exposed::default(), true);
            if n % 1000 == 0 {
                assert!(server.recall("used").is_some(), "{n}");
            }
        }
        assert_eq!((server.objects.len(), server.order.len()), (MAX_OBJECTS, MAX_OBJECTS));
        assert_eq!(server.object("idle"), None);
    }

    #[test]
    fn what_a_client_says_of_an_object_does_not_change_what_the_server_said() {
        let mut server = ServerKnowledge::new(None);
        let typeid = |server: &ServerKnowledge| server.object("7f").unwrap().typeid.clone();
        server.learn_object("7f", "Iterator", Exposed::default(), true);
        server.learn_object("7f", "dict", Exposed::default(), false);
        assert_eq!(&*typeid(&server), "Iterator");
        server.learn_object("7f", "list", Exposed::default(), true);
        assert_eq!(&*typeid(&server), "list", "another object in the same place");
    }

    #[test]
    fn an_alias_goes_before_what_the_server_calls_itself() {
        let address = |port| Address::Inet { host: "0.0.0.0".into(), port };
        let mut server = ServerKnowledge::new(None);
        server.learn_own_address(&address(1));
        assert_eq!(server.own_address(), Some(&address(1)));
        let mut server = ServerKnowledge::new(Some(address(9)));
        server.learn_own_address(&address(1));
        assert_eq!(server.own_address(), Some(&address(9)));
    }
}
