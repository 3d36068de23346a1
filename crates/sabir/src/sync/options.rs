//! What a server is told when it starts.

use std::time::Duration;

use sabir_manager::types::{Arguments, Most};
use sabir_net::Address;
use sabir_pickle::{Limits, Translation};
use sabir_wire::auth::{AuthKey, AuthOptions};

use crate::secure::Acceptor;

/// Where a server listens, whom it lets in, and how much it takes.
#[derive(Clone, Debug)]
#[must_use]
pub struct SyncOptions {
    pub(super) listen: Vec<Address>,
    pub(super) tls: Option<Acceptor>,
    pub(super) authkey: Option<AuthKey>,
    pub(super) auth: AuthOptions,
    pub(super) translation: Translation,
    pub(super) limits: Limits,
    pub(super) objects: Vec<(String, String, Arguments)>,
    pub(super) max_connections: usize,
    pub(super) max_pending: usize,
    pub(super) max_message: u64,
    pub(super) handshake_timeout: Duration,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) send_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) most: Most,
    pub(super) reference_ttl: Option<Duration>,
    pub(super) keepalive: Duration,
}

impl SyncOptions {
    /// A server that listens here, without a key: whoever can connect is trusted.
    pub fn new(listen: Address) -> SyncOptions {
        SyncOptions {
            listen: vec![listen],
            tls: None,
            authkey: None,
            auth: AuthOptions::default(),
            translation: Translation::default(),
            limits: Limits::default(),
            objects: Vec::new(),
            max_connections: 20_000,
            max_pending: 1024,
            max_message: 1 << 30,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: None,
            send_timeout: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(5),
            most: Most { objects: 1_000_000, ..Most::ENDLESS },
            reference_ttl: None,
            keepalive: Duration::from_secs(60),
        }
    }

    /// Listens here too.
    pub fn listen(mut self, address: Address) -> SyncOptions {
        self.listen.push(address);
        self
    }

    /// What is agreed on with the clients of addresses `tls:host:port`.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, acceptor: Acceptor) -> SyncOptions {
        self.tls = Some(acceptor);
        self
    }

    /// The key that clients prove, and are proved.
    pub fn authkey(mut self, key: impl Into<AuthKey>) -> SyncOptions {
        self.authkey = Some(key.into());
        self
    }

    /// How clients are challenged, and what proof is taken of them.
    pub fn auth_options(mut self, options: AuthOptions) -> SyncOptions {
        self.auth = options;
        self
    }

    /// Names and strings between versions.
    pub fn translation(mut self, translation: Translation) -> SyncOptions {
        self.translation = translation;
        self
    }

    /// How much a pickle may cost.
    pub fn limits(mut self, limits: Limits) -> SyncOptions {
        self.limits = limits;
        self
    }

    /// One object of a type for all clients, under a name that they register.
    pub fn object(mut self, name: &str, typeid: &str, arguments: Arguments) -> SyncOptions {
        self.objects.push((name.to_owned(), typeid.to_owned(), arguments));
        self
    }

    /// How many connections there may be at once; 20,000 without this. One more is closed.
    pub fn max_connections(mut self, most: usize) -> SyncOptions {
        self.max_connections = most;
        self
    }

    /// How many of them may not have proved the key yet; 1,024 without this. One more, and the oldest is closed.
    pub fn max_pending(mut self, most: usize) -> SyncOptions {
        self.max_pending = most;
        self
    }

    /// The longest message, in bytes; 1 GiB without this.
    pub fn max_message(mut self, bytes: u64) -> SyncOptions {
        self.max_message = bytes;
        self
    }

    /// How long a handshake may take; 10 seconds without this.
    pub fn handshake_timeout(mut self, timeout: Duration) -> SyncOptions {
        self.handshake_timeout = timeout;
        self
    }

    /// How long a connection may say nothing while nothing is due to it; for ever without this.
    pub fn idle_timeout(mut self, timeout: Option<Duration>) -> SyncOptions {
        self.idle_timeout = timeout;
        self
    }

    /// How long a client may take to read a reply; a minute without this.
    pub fn send_timeout(mut self, timeout: Duration) -> SyncOptions {
        self.send_timeout = timeout;
        self
    }

    /// How long what is being sent may take when the server ends; 5 seconds without this.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> SyncOptions {
        self.shutdown_timeout = timeout;
        self
    }

    /// How many objects there may be, iterators included; a million without this. To ask for one more raises `MemoryError`.
    pub fn max_objects(mut self, most: usize) -> SyncOptions {
        self.most.objects = most;
        self
    }

    /// How much memory values may take, in bytes; without this as much as there is. A call that would keep more, or return
    /// a copy of more than is left, raises `MemoryError`.
    ///
    /// Counted are messages as long as a value of theirs is kept, the places that values have in objects, and replies of
    /// which clients have not read all. What one call needs while it is made comes on top, for each thread, and so do
    /// messages that have not come in whole.
    pub fn max_memory(mut self, bytes: usize) -> SyncOptions {
        self.most.memory = bytes;
        self
    }

    /// After how long references go that belong to no process known; never without this. Stock clients count references
    /// on connections of their own, so that over TCP nobody knows whose they are, and those of a client that was killed
    /// stay. With this an object goes that nobody has called, waits for or holds for so long, unless it has a name or
    /// is in another object. References from Unix sockets go with their process, with or without this.
    pub fn reference_ttl(mut self, ttl: Option<Duration>) -> SyncOptions {
        self.reference_ttl = ttl;
        self
    }

    /// After how long a silence the machine of a client over TCP is asked whether it is still there; a minute without
    /// this. If it is not, its connection is closed after twice the time, and its locks are let go.
    pub fn keepalive(mut self, silent: Duration) -> SyncOptions {
        self.keepalive = silent;
        self
    }
}
