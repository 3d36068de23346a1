//! Objects and bytes between two processes.

use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use sabir_net::handles::HandleRules;
use sabir_net::tokio as net;
use sabir_net::{Address, Deadline};
use sabir_pickle::Graph;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::halves::{ReadHalf, WriteHalf};
use crate::address::IntoAddress;
use crate::channel::{Channel, config, settings};
use crate::connection::unknown;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::peer::Peer;
use crate::secure;
use crate::timeouts::Timeouts;

/// One end of a connection; the async sister of [`sabir::Connection`](crate::Connection).
///
/// ```no_run
/// # async fn example() -> sabir::Result<()> {
/// use sabir::Context;
/// use sabir::tokio::Connection;
///
/// let context = Context::new().authkey(b"secret");
/// let mut connection = Connection::connect(&context, "localhost:5000").await?;
/// connection.send(&("add", 2, 3)).await?;
/// let sum: u32 = connection.recv().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(super) inner: net::Connection,
    channel: Channel,
}

settings!(Connection);

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

    /// Sends a value, but not at once if it is short: it leaves together with others, when 64 KiB have come together, at
    /// the next call that sends, or at [`flush`](Connection::flush).
    ///
    /// # Errors
    /// As [`send`](Connection::send).
    pub async fn queue<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let message = self.channel.dumps(value)?;
        self.queue_bytes(&message).await
    }

    /// The same for bytes as they are.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn queue_bytes(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.inner.queue_bytes(message, self.channel.timeouts.send).await?)
    }

    /// Sends what is queued. What never is goes with the connection.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn flush(&mut self) -> Result<()> {
        Ok(self.inner.flush(self.channel.timeouts.send).await?)
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

    /// Whether a message or the end of the connection is there, or comes by the deadline.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool> {
        Ok(self.inner.poll(deadline).await?)
    }

    /// Sends a file descriptor over a Unix socket; see [`sabir::Connection`](crate::Connection::send_handle).
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn send_handle(&mut self, handle: impl AsFd, rules: HandleRules) -> Result<()> {
        Ok(self.inner.send_handle(handle, rules, self.channel.timeouts.send).await?)
    }

    /// Receives a file descriptor.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn recv_handle(&mut self, rules: HandleRules) -> Result<OwnedFd> {
        Ok(self.inner.recv_handle(rules, self.channel.timeouts.recv).await?)
    }

    /// Where the peer is, as far as its socket has a name: that of a Unix client has none.
    ///
    /// # Errors
    /// [`Error::Net`] if it is gone.
    pub fn peer_address(&self) -> Result<Option<Address>> {
        self.inner.stream().peer_address().map_err(unknown)
    }

    /// One half for a task that receives, one for a task that sends. What the one learns of the peer the other one goes by.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> sabir::Result<()> {
    /// use sabir::Context;
    /// use sabir::tokio::Connection;
    ///
    /// let (one, mut other) = Connection::pipe(&Context::new())?;
    /// let (mut reading, mut writing) = one.split();
    /// let (sent, received) = tokio::join!(writing.send(&1), other.recv::<u8>());
    /// assert_eq!((sent?, received?), ((), 1));
    /// other.send(&7).await?;
    /// assert_eq!(reading.recv::<u8>().await?, 7);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        let (reading, writing) = self.inner.split();
        (ReadHalf::of(reading, self.channel.clone()), WriteHalf::of(writing, self.channel))
    }

    /// Sends what is queued, and closes the connection. To drop it closes it as well, but what is queued is lost then.
    ///
    /// # Errors
    /// [`Error::Net`]; it is closed all the same.
    pub async fn close(mut self) -> Result<()> {
        self.flush().await
    }

    /// The connection beneath, without values.
    #[must_use]
    pub fn get_ref(&self) -> &net::Connection {
        &self.inner
    }

    pub(crate) fn joined(inner: net::Connection, channel: Channel) -> Connection {
        Connection { inner, channel }
    }

    pub(super) async fn recv_bytes_by(&mut self, deadline: Deadline) -> Result<Bytes> {
        let message = self.inner.recv_bytes(deadline).await?;
        self.channel.received(message)
    }

    /// Connects until one deadline and authenticates until the other; a duration counts from when its part begins.
    pub(super) async fn connect_by(
        context: &Context,
        address: &Address,
        connect: impl Into<Deadline>,
        handshake: impl Into<Deadline>,
    ) -> Result<Connection> {
        let settings = context.settings();
        let stream = secure::dial(settings.tls.as_ref(), address, connect.into()).await;
        let (stream, fate) = stream.inspect_err(|_| settings.known.forget(address))?;
        let config = config(context);
        let inner = match &settings.authkey {
            None => net::Connection::new(stream, config),
            Some(key) => net::Connection::connecting(stream, config, key.clone(), settings.auth, handshake)
                .await
                .map_err(|error| secure::explained(error, fate.as_ref()))?,
        };
        let channel = Channel::to_address(context, address, inner.hints());
        Ok(Connection { inner, channel })
    }
}
