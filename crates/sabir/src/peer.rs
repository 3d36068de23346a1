//! What is known of whoever reads what we write: the adaptive protocol.

use sabir_pickle::Pythons;
use sabir_wire::auth::{Era, PeerHints};

/// The highest pickle protocol that a peer is known to read.
///
/// Every Python since 2.3 reads 2, so that is what a stranger gets. What a peer does raises it and nothing lowers it: a
/// `{sha256}` challenge or response is that of 3.12 or newer, which reads 4 and 5; a message of protocol 3 was written
/// by 3.6 or 3.7, which read 4; one of 4 or 5 by 3.8 or newer, which read 5.
///
/// Two programs of this library would stay strangers for ever, each writing 2 to the other. So an adaptive value for a
/// stranger names its protocol twice, which every reader takes and no stock pickler writes: who sees that knows that its
/// peer reads 5. Large messages, graphs and requests to managers do without.
///
/// ```
/// use sabir::{Context, Peer};
///
/// let listener = Context::new().listener("127.0.0.1:0")?;
/// let mut client = Context::new().client(listener.address())?;
/// let mut server = listener.accept()?;
/// assert_eq!((client.peer(), server.peer()), (Peer::STRANGER, Peer::STRANGER));
/// client.send("ahoy")?; // by protocol 2
/// assert_eq!(server.recv::<String>()?, "ahoy");
/// server.send("ahoy")?; // by protocol 5
/// assert_eq!(client.recv::<String>()?, "ahoy");
/// assert_eq!((client.peer(), server.peer()), (Peer::EQUAL, Peer::EQUAL));
/// # Ok::<(), sabir::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    reads: u8,
}

impl Peer {
    /// One of which nothing is known.
    pub const STRANGER: Peer = Peer { reads: 2 };
    /// One that reads whatever we write: another end in this process, or one that is known to be as new.
    pub const EQUAL: Peer = Peer { reads: 5 };

    /// One that reads protocols up to this one, 0 to 5.
    #[must_use]
    pub const fn reading(protocol: u8) -> Peer {
        Peer { reads: if protocol > 5 { 5 } else { protocol } }
    }

    /// What a handshake told.
    pub(crate) fn authenticated(hints: PeerHints) -> Peer {
        match hints.era() {
            Some(Era::From312) => Peer::reading(4),
            _ => Peer::STRANGER,
        }
    }

    /// Takes note of a message that the peer wrote, if it is a pickle.
    ///
    /// ```
    /// use sabir::Peer;
    ///
    /// let mut peer = Peer::STRANGER;
    /// peer.saw(b"\x80\x03N."); // None by protocol 3
    /// assert_eq!((peer.protocol(), peer.pythons().may_be_py2()), (4, false));
    /// ```
    pub fn saw(&mut self, message: &[u8]) {
        let reads = match *message {
            [0x80, 2, 0x80, 2, ..] => 5,
            [0x80, 3, ..] => 4,
            [0x80, 4 | 5, ..] => 5,
            _ => return,
        };
        self.reads = self.reads.max(reads);
    }

    /// Has a pickle for this peer say what its writer reads, if the peer cannot know.
    pub(crate) fn introduce(self, pickle: &mut Vec<u8>) {
        // The rest moves for it, which a long one is not worth.
        if self == Peer::STRANGER && pickle.len() < LONG && pickle.starts_with(&PROTO_2) {
            pickle.splice(..0, PROTO_2);
        }
    }

    /// The highest protocol that it is known to read, 0 to 5.
    #[must_use]
    pub const fn protocol(self) -> u8 {
        self.reads
    }

    /// The versions that it may be.
    #[must_use]
    pub fn pythons(self) -> Pythons {
        match self.reads {
            0..=2 => Pythons::ANY,
            // Whoever reads 4 may have written 3; whoever reads 5 has written 4 or 5.
            3 | 4 => Pythons::PY3,
            _ => Pythons::between(Pythons::writing(4).min, Pythons::PY3.max),
        }
    }
}

/// What a pickle of protocol 2 begins with.
const PROTO_2: [u8; 2] = [0x80, 2];

/// From how many bytes on a pickle is left as it is.
const LONG: usize = 1 << 16;

impl Default for Peer {
    fn default() -> Peer {
        Peer::STRANGER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_writes_raises_what_it_gets_and_nothing_lowers_it() {
        let mut peer = Peer::default();
        for (message, reads) in [
            (&b"hello"[..], 2),
            (b"\x80\x02N.", 2),
            (b"\x80\x03N.", 4),
            (b"\x80\x02N.", 4),
            (b"\x80\x04N.", 5),
            (b"", 5),
            (b"\x80\x03N.", 5),
        ] {
            peer.saw(message);
            assert_eq!(peer.protocol(), reads, "after {message:?}");
        }
        assert!(!peer.pythons().may_be_py2());
    }

    #[test]
    fn only_a_stranger_is_told_what_we_read() {
        for (peer, told) in [(Peer::STRANGER, true), (Peer::reading(4), false), (Peer::EQUAL, false)] {
            let mut pickle = b"\x80\x02N.".to_vec();
            peer.introduce(&mut pickle);
            let mut reader = Peer::default();
            reader.saw(&pickle);
            assert_eq!(reader == Peer::EQUAL, told, "{peer:?}");
        }
        let mut long = [&PROTO_2[..], &[b'N'; LONG]].concat();
        Peer::STRANGER.introduce(&mut long);
        assert_eq!(long[2], b'N');
    }
}
