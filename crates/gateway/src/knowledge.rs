//! What is known of a peer, and of one upstream address.

use sabir_manager::Address;
use sabir_pickle::{Pythons, Version};
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
/// open a new one for almost every request. Bounded: the oldest is forgotten first.
#[derive(Clone, Debug, Default)]
pub struct ServerKnowledge {
    alias: Option<Address>,
}

impl ServerKnowledge {
    /// Nothing is known, but perhaps what the server calls itself in its tokens.
    pub fn new(alias: Option<Address>) -> ServerKnowledge {
        ServerKnowledge { alias }
    }

    /// Which versions the server may be.
    pub fn pythons(&self) -> Pythons {
        Pythons::ANY
    }

    /// What the server calls itself in its tokens, if that is known.
    pub fn own_address(&self) -> Option<&Address> {
        self.alias.as_ref()
    }

    /// The names that the policy `Learn` has collected, each in the form that an allow list takes.
    pub fn learned_names(&self) -> impl Iterator<Item = &str> {
        core::iter::empty()
    }
}
