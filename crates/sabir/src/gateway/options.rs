//! What a gateway is to do: where it listens and dials, who may pass, how long it waits.

use std::time::Duration;

use sabir_gateway::Config;
use sabir_net::Address;
use sabir_wire::auth::{AuthKey, LegacyDigest, MinAuth};

use crate::secure::{Acceptor, Connector};

/// Everything that a [`Gateway`](super::Gateway) can be told, with its defaults.
///
/// ```
/// use std::time::Duration;
///
/// use sabir::gateway::GatewayOptions;
/// use sabir::net::Address;
///
/// let (connections, manager): (Address, Address) = ("127.0.0.1:5000".parse()?, "127.0.0.1:5001".parse()?);
/// let options = GatewayOptions::new("127.0.0.1:0".parse()?, connections)
///     .route("127.0.0.1:0".parse()?, manager)
///     .handshake_timeout(Duration::from_secs(5));
/// # Ok::<(), sabir::net::AddressError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct GatewayOptions {
    pub(super) routes: Vec<Route>,
    pub(super) authentication: Authentication,
    pub(super) server_alias: Option<Address>,
    pub(super) client_tls: Option<Acceptor>,
    pub(super) server_tls: Option<Connector>,
    pub(super) rewriting: Config,
    pub(super) max_message: u64,
    pub(super) max_pending: usize,
    pub(super) connect_timeout: Duration,
    pub(super) handshake_timeout: Duration,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) shutdown_timeout: Duration,
}

/// One listener and the server behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where clients connect.
    pub listen: Address,
    /// Where the gateway connects for them.
    pub to: Upstream,
}

/// The server of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upstream {
    /// Always this one.
    At(Address),
    /// The one that the client meant before a firewall rule redirected it (Linux, TCP).
    Original,
}

impl From<Address> for Upstream {
    fn from(address: Address) -> Self {
        Self::At(address)
    }
}

/// Who proves what to whom.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Authentication {
    /// The two programs authenticate with each other, through the gateway, which has no key. It
    /// cannot know who is who before they do, so each connection that is accepted is dialled on: the
    /// server is the one to speak first. A stock one accepts its connections one after the other, and
    /// waits for each client's proof. So silent clients keep the others waiting as they would without
    /// a gateway, but each for no longer than [`handshake_timeout`](GatewayOptions::handshake_timeout);
    /// with [`Terminate`](Self::Terminate) the server never hears of them.
    #[default]
    PassThrough,
    /// The gateway is a peer to both. Nobody is dialled for a client that has not proved the key,
    /// and no client is welcomed before its server is there.
    Terminate {
        /// What clients have to prove. Without one anybody passes who can connect.
        client_key: Option<AuthKey>,
        /// What the gateway proves to the server. Without one the server must not ask.
        server_key: Option<AuthKey>,
        /// The weakest proof that is taken and given.
        min_auth: MinAuth,
        /// What a challenge of the server that names no digest is answered with.
        server_digest: LegacyDigest,
    },
}

impl GatewayOptions {
    /// A gateway between one listener and one server, with every default.
    pub fn new(listen: Address, to: impl Into<Upstream>) -> Self {
        Self {
            routes: vec![Route { listen, to: to.into() }],
            authentication: Authentication::PassThrough,
            server_alias: None,
            client_tls: None,
            server_tls: None,
            rewriting: Config::default(),
            max_message: sabir_wire::frame::FrameLimits::DEFAULT.max_message,
            max_pending: 1024,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: None,
            shutdown_timeout: Duration::from_secs(5),
        }
    }

    /// One more listener, with a server of its own. Tokens that name a server of any route are
    /// rewritten to its listener.
    pub fn route(mut self, listen: Address, to: impl Into<Upstream>) -> Self {
        self.routes.push(Route { listen, to: to.into() });
        self
    }

    /// Who proves what to whom; default: the handshake passes through.
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// What the server calls itself in its tokens, if it is not the address that is dialled and
    /// not the first one that it is seen to name.
    pub fn server_alias(mut self, alias: Address) -> Self {
        self.server_alias = Some(alias);
        self
    }

    /// What is agreed on with clients, where the gateway listens at `tls:host:port`.
    #[cfg(feature = "tls")]
    pub fn client_tls(mut self, acceptor: Acceptor) -> Self {
        self.client_tls = Some(acceptor);
        self
    }

    /// Whom the gateway trusts, where a server is at `tls:host:port`, and what it shows of itself.
    #[cfg(feature = "tls")]
    pub fn server_tls(mut self, connector: Connector) -> Self {
        self.server_tls = Some(connector);
        self
    }

    /// What is rewritten, and for whom. Its own limit of messages is that of
    /// [`max_message`](Self::max_message).
    pub fn rewriting(mut self, rewriting: Config) -> Self {
        self.rewriting = rewriting;
        self
    }

    /// The longest message in bytes; default 1 GiB. A message is held in memory whole, once. Before it
    /// is known whether a client has to prove a key, all such clients together may have begun messages
    /// of 64 MiB, or one of them a longer one; what more they send waits in their sockets.
    pub fn max_message(mut self, bytes: u64) -> Self {
        self.max_message = bytes;
        self
    }

    /// How many connections may owe the proof of a key at once; default 1,024. One more, and the oldest
    /// of them is closed; with 0 nobody gets in who has to prove one. Where the handshake passes
    /// through, a connection is counted once its server has asked.
    pub fn max_pending(mut self, connections: usize) -> Self {
        self.max_pending = connections;
        self
    }

    /// How long the server may take to accept; default 10 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a handshake may take once it has begun; default 10 seconds. A server may begin as
    /// late as its clients have patience.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How long both ends may be silent before their connection is closed; default: for ever.
    pub fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How long connections may finish what is in flight once the gateway is told to stop; default
    /// 5 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }
}
