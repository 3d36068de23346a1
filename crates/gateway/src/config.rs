//! What the user decides: modes, protocols, addresses and routes.

use alloc::sync::Arc;
use alloc::vec::Vec;

use sabir_manager::{Address, Methods};
use sabir_pickle::{Limits, Translation};

use crate::policy::Policy;

/// Which frames are taken for pickles. A frame carries no type, and `send_bytes` sends what it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Those that begin with PROTO 2 to 5 and whose one STOP is their last byte; and all frames of a connection that
    /// is seen to speak the manager protocol.
    #[default]
    Auto,
    /// All.
    Pickle,
    /// None.
    Raw,
}

/// What all connections of one route have in common.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Which frames are taken for pickles.
    pub mode: Mode,
    /// Names, forms and strings between versions.
    pub translation: Translation,
    /// The protocol that the client reads, 0 to 5; `None`: what it is seen to read.
    pub client_protocol: Option<u8>,
    /// The protocol that the server reads, 0 to 5; `None`: what it is seen to read.
    pub server_protocol: Option<u8>,
    /// The methods of managers between versions.
    pub methods: Methods,
    /// Which names may pass.
    pub policy: Policy,
    /// What loading one pickle may cost.
    pub limits: Limits,
    /// The longest frame that is written, in bytes; `None`: any. What grows beyond it in translation is an error.
    pub max_message: Option<u64>,
}

/// Which addresses stand for what, on one pair of connections. All are as Python spells them in a token.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// What tokens must carry for this client: the local address of its accepted socket.
    pub client: Address,
    /// Other spellings that this client may have of it, such as the name that the listener was given.
    pub client_also: Vec<Address>,
    /// Where the server is: the other end of the socket that dialled it, or where it was dialled.
    pub server: Address,
    /// Other spellings of it, such as the name that was dialled.
    pub server_also: Vec<Address>,
    /// The other routes of this gateway.
    pub routes: Arc<[Route]>,
}

impl Addresses {
    /// No other spellings, no other routes.
    pub fn new(client: Address, server: Address) -> Addresses {
        Addresses {
            client,
            client_also: Vec::new(),
            server,
            server_also: Vec::new(),
            routes: Arc::from(Vec::new()),
        }
    }
}

/// Another listener of the same gateway: tokens of its server are rewritten too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where clients find it. A wildcard host stands for the host at which the client found us.
    pub listen: Address,
    /// Where its server is.
    pub to: Address,
    /// What its server calls itself, if that is not where it is.
    pub alias: Option<Address>,
}
