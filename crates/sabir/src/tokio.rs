//! Connections, listeners and clients of managers for async programs, on tokio.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! use sabir::Context;
//! use sabir::tokio::{Connection, Listener};
//!
//! let context = Context::new();
//! let mut listener = Listener::bind(&context, "127.0.0.1:0").await?;
//! let address = listener.address().clone();
//! let client = tokio::spawn(async move {
//!     let mut connection = Connection::connect(&context, &address).await?;
//!     connection.send(&("ahoy", 3)).await
//! });
//! let mut connection = listener.accept().await?;
//! let (greeting, count): (String, u32) = connection.recv().await?;
//! assert_eq!((&*greeting, count), ("ahoy", 3));
//! client.await.expect("no panic")?;
//! # Ok::<(), sabir::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Any future may be dropped at any point: one that receives loses nothing; of one that sends the rest of a message that
//! had begun to leave goes first with the next. What that means for calls of a manager is said at [`Manager`].

mod link;
mod manager;
mod proxy;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use sabir_net::tokio::{self as net, Stream};
use sabir_net::{Address, Deadline, Doing};
use sabir_pickle::Graph;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::{AbortHandle, JoinSet};

use crate::address::IntoAddress;
use crate::channel::{Channel, config};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::peer::Peer;
use crate::reducer::Reducer;
use crate::timeouts::Timeouts;

pub use self::manager::Manager;
pub use self::proxy::{Proxy, Session};

/// One end of a connection; the async sister of [`sabir::Connection`](crate::Connection).
#[derive(Debug)]
pub struct Connection {
    inner: net::Connection,
    channel: Channel,
}

impl Connection {
    /// Connects to a listener and authenticates.
    ///
    /// # Errors
    /// Nobody listens there, the key is wrong, or the peer is too slow.
    pub async fn connect(context: &Context, address: impl IntoAddress) -> Result<Connection> {
        let Timeouts { connect, handshake, .. } = context.settings().timeouts;
        Connection::connect_by(context, &address.into_address()?, connect, handshake).await
    }

    /// The two ends of a connection inside this process.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> sabir::Result<()> {
    /// use sabir::Context;
    /// use sabir::tokio::Connection;
    ///
    /// let (mut one, mut other) = Connection::pipe(&Context::new())?;
    /// one.send("ahoy").await?;
    /// assert_eq!(other.recv::<String>().await?, "ahoy");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The system has no more descriptors.
    pub fn pipe(context: &Context) -> Result<(Connection, Connection)> {
        let (one, other) = net::Connection::pair(config(context))?;
        let end = |inner| Connection { inner, channel: Channel::to(context, Peer::EQUAL) };
        Ok((end(one), end(other)))
    }

    /// Sends a value.
    ///
    /// # Errors
    /// [`Error::Dumps`] if it has no form in the reducer's format: then nothing is sent. [`Error::Net`].
    pub async fn send<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let message = self.channel.dumps(value)?;
        self.send_bytes(&message).await
    }

    /// Waits for a value.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> sabir::Result<()> {
    /// use std::time::Duration;
    ///
    /// use sabir::Context;
    /// use sabir::tokio::Connection;
    ///
    /// let (mut one, mut other) = Connection::pipe(&Context::new())?;
    /// // To give up is to drop the future: nothing of a message is lost by that.
    /// let waited = tokio::time::timeout(Duration::from_millis(1), other.recv::<u32>()).await;
    /// assert!(waited.is_err());
    /// one.send(&7).await?;
    /// assert_eq!(other.recv::<u32>().await?, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Eof`] if the peer has closed the connection, [`Error::Loads`] if it sent something else than a `T`,
    /// [`Error::Net`].
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<T> {
        let message = self.recv_bytes().await?;
        self.channel.loads(message)
    }

    /// Sends a graph, its names and forms made those of the peer. What is large in it is not copied.
    ///
    /// # Errors
    /// As [`send`](Connection::send).
    pub async fn send_graph(&mut self, graph: Graph) -> Result<()> {
        let segments = self.channel.dumps_graph(graph)?;
        let pieces: Vec<&[u8]> = segments.iter().collect();
        Ok(self.inner.send_vectored(&pieces, self.channel.timeouts.send).await?)
    }

    /// Waits for a pickle, to keep all that it says.
    ///
    /// # Errors
    /// As [`recv`](Connection::recv).
    pub async fn recv_graph(&mut self) -> Result<Graph> {
        let message = self.recv_bytes().await?;
        self.channel.loads_graph(message)
    }

    /// Sends bytes as they are, without a copy.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn send_bytes(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.inner.send_bytes(message, self.channel.timeouts.send).await?)
    }

    /// Waits for a message as it is.
    ///
    /// # Errors
    /// [`Error::Eof`] if the peer has closed the connection, [`Error::Net`].
    pub async fn recv_bytes(&mut self) -> Result<Bytes> {
        self.recv_bytes_by(self.channel.timeouts.recv.into()).await
    }

    /// Waits for a message and puts it at the start of `buffer`; gives its length.
    ///
    /// # Errors
    /// [`BufferTooShort`](sabir_net::Error::BufferTooShort), which has the message; [`Error::Eof`], [`Error::Net`].
    pub async fn recv_bytes_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.inner.recv_bytes_into(buffer, self.channel.timeouts.recv).await?.ok_or(Error::Eof)
    }

    /// Whether a message or the end of the connection is there, or comes within `timeout`.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn poll(&mut self, timeout: Duration) -> Result<bool> {
        Ok(self.inner.poll(timeout).await?)
    }

    /// The reducer of this connection.
    #[must_use]
    pub fn reducer(&self) -> &Reducer {
        &self.channel.reducer
    }

    /// Gives this connection another reducer, from the next message on.
    pub fn set_reducer(&mut self, reducer: impl Into<Reducer>) {
        self.channel.reducer = reducer.into();
    }

    /// How long things may take on this connection.
    pub fn timeouts_mut(&mut self) -> &mut Timeouts {
        &mut self.channel.timeouts
    }

    /// What is known of the peer.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.channel.peer
    }

    /// Says what the peer reads, where it is known otherwise.
    pub fn set_peer(&mut self, peer: Peer) {
        self.channel.peer = peer;
    }

    /// The connection beneath, without values.
    #[must_use]
    pub fn get_ref(&self) -> &net::Connection {
        &self.inner
    }

    async fn recv_bytes_by(&mut self, deadline: Deadline) -> Result<Bytes> {
        let message = self.inner.recv_bytes(deadline).await?;
        self.channel.received(message)
    }

    /// Connects until one deadline and authenticates until the other; a duration counts from when its part begins.
    async fn connect_by(
        context: &Context,
        address: &Address,
        connect: impl Into<Deadline>,
        handshake: impl Into<Deadline>,
    ) -> Result<Connection> {
        let settings = context.settings();
        let stream = Stream::connect(address, connect).await;
        let stream = stream.inspect_err(|_| settings.known.forget(address))?;
        let config = config(context);
        let inner = match &settings.authkey {
            None => net::Connection::new(stream, config),
            Some(key) => {
                net::Connection::connecting(stream, config, key.clone(), settings.auth, handshake).await?
            }
        };
        let channel = Channel::to_address(context, address, inner.hints());
        Ok(Connection { inner, channel })
    }
}

/// A listening socket; the async sister of [`sabir::Listener`](crate::Listener).
///
/// All that have connected authenticate at once, so that one that says nothing keeps nobody waiting.
///
/// ```no_run
/// # async fn example() -> sabir::Result<()> {
/// use sabir::tokio::Listener;
/// use sabir::Context;
///
/// let context = Context::new().authkey(b"secret");
/// let mut listener = Listener::bind(&context, "127.0.0.1:5000").await?;
/// loop {
///     let mut connection = listener.accept().await?;
///     tokio::spawn(async move {
///         while let Ok(number) = connection.recv::<u64>().await {
///             connection.send(&(number + 1)).await?;
///         }
///         Ok::<_, sabir::Error>(())
///     });
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    inner: net::Listener,
    context: Context,
    pending: JoinSet<Result<net::Connection>>,
    /// Those of `pending`, the oldest first, and some that are done.
    oldest: VecDeque<AbortHandle>,
    refused: VecDeque<Error>,
}

/// How many may authenticate at a time; beyond these the oldest is closed for the next.
const MOST_PENDING: usize = 1024;
/// How many failures are remembered.
const MOST_REFUSED: usize = 64;

impl Listener {
    /// Listens. Port 0 picks a free one.
    ///
    /// # Errors
    /// The address is none, is taken, or is not of this machine.
    pub async fn bind(context: &Context, address: impl IntoAddress) -> Result<Listener> {
        let inner = net::Listener::bind(&address.into_address()?).await?;
        let (pending, oldest, refused) = (JoinSet::new(), VecDeque::new(), VecDeque::new());
        Ok(Listener { inner, context: context.clone(), pending, oldest, refused })
    }

    /// Where peers connect to.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.inner.local_address()
    }

    /// Waits until a peer has connected and authenticated. Dropped, it loses nobody.
    ///
    /// # Errors
    /// [`Error::Net`]: the timeout of accepting has passed, or the listener itself is broken. That a peer fails is no
    /// error.
    pub async fn accept(&mut self) -> Result<Connection> {
        match self.context.settings().timeouts.accept {
            None => self.accepted().await,
            Some(timeout) => match tokio::time::timeout(timeout, self.accepted()).await {
                Ok(accepted) => accepted,
                Err(_) => Err(sabir_net::Error::Timeout { doing: Doing::Accepting }.into()),
            },
        }
    }

    /// Why peers were turned away since this was last asked; at most the last 64.
    pub fn refused(&mut self) -> Vec<Error> {
        self.refused.drain(..).collect()
    }

    async fn accepted(&mut self) -> Result<Connection> {
        loop {
            tokio::select! {
                stream = self.inner.accept() => {
                    let (context, stream) = (self.context.clone(), stream?);
                    self.oldest.push_back(self.pending.spawn(authenticated(context, stream)));
                    while self.oldest.len() > MOST_PENDING {
                        if let Some(oldest) = self.oldest.pop_front() {
                            oldest.abort();
                        }
                    }
                }
                Some(done) = self.pending.join_next() => match done {
                    Ok(Ok(inner)) => {
                        let peer = Peer::authenticated(inner.hints());
                        return Ok(Connection { inner, channel: Channel::to(&self.context, peer) });
                    }
                    Ok(Err(error)) => {
                        self.refused.push_back(error);
                        if self.refused.len() > MOST_REFUSED {
                            self.refused.pop_front();
                        }
                    }
                    // A handshake that panicked or had to make room is one peer less.
                    Err(_) => {}
                }
            }
        }
    }
}

async fn authenticated(context: Context, stream: Stream) -> Result<net::Connection> {
    let (settings, config) = (context.settings(), config(&context));
    match &settings.authkey {
        None => Ok(net::Connection::new(stream, config)),
        Some(key) => {
            let timeout = settings.timeouts.handshake;
            Ok(net::Connection::accepting(stream, config, key.clone(), settings.auth, timeout).await?)
        }
    }
}
