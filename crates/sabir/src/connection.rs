//! Objects and bytes between two processes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::Bytes;
use sabir_net::blocking::{self, Stream};
use sabir_net::handles::HandleRules;
use sabir_net::{Address, Deadline, Doing};
use sabir_pickle::Graph;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::IntoAddress;
use crate::channel::{Channel, config};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::halves::{ReadHalf, WriteHalf};
use crate::peer::Peer;
use crate::reducer::Reducer;
use crate::secure;
use crate::timeouts::Timeouts;

/// One end of a connection, as `multiprocessing.connection.Connection` is.
///
/// [`send`](Connection::send) and [`recv`](Connection::recv) move values by the connection's reducer;
/// [`send_bytes`](Connection::send_bytes) and [`recv_bytes`](Connection::recv_bytes) move messages as they are. Each waits
/// as long as [`Timeouts`] say. After a timeout of `recv` the connection is whole, and the next `recv` goes on where that
/// one stopped; after one of `send` nothing is lost either: what had begun to leave goes first with the next `send`.
///
/// ```
/// use sabir::{Context, Error};
///
/// let (mut one, mut other) = Context::new().pipe()?;
/// one.send(&("size", [640, 480]))?;
/// one.send("no number")?;
/// drop(one);
///
/// let (name, [width, height]): (String, [u32; 2]) = other.recv()?;
/// assert_eq!((&*name, width, height), ("size", 640, 480));
/// // A message of another type is an error and is over; the connection goes on.
/// assert!(matches!(other.recv::<u32>(), Err(Error::Loads { .. })));
/// assert!(matches!(other.recv::<u32>(), Err(Error::Eof)));
/// # Ok::<(), sabir::Error>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    inner: blocking::Connection,
    channel: Channel,
}

impl Connection {
    /// Sends a value.
    ///
    /// # Errors
    /// [`Error::Dumps`] if it has no form in the reducer's format: then nothing is sent. [`Error::Net`].
    pub fn send<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let message = self.channel.dumps(value)?;
        self.send_bytes(&message)
    }

    /// Waits for a value.
    ///
    /// # Errors
    /// [`Error::Eof`] if the peer has closed the connection, [`Error::Loads`] if it sent something else than a `T`,
    /// [`Error::Net`].
    pub fn recv<T: DeserializeOwned>(&mut self) -> Result<T> {
        let message = self.recv_bytes()?;
        self.channel.loads(message)
    }

    /// Sends a pickle that was read or built as a [`Graph`], its names and forms made those of the peer. What is large
    /// in it is not copied.
    ///
    /// ```
    /// use sabir::Context;
    /// use sabir::pickle::Graph;
    ///
    /// let (mut one, mut other) = Context::new().pipe()?;
    /// // A list in itself, which no Rust type can say.
    /// one.send_graph(Graph::from_slice(b"\x80\x02]q\0h\0a.").expect("it is a pickle"))?;
    /// let graph = other.recv_graph()?;
    /// assert_eq!(graph.items(graph.root()), Some(&[graph.root()][..]));
    /// # Ok::<(), sabir::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Connection::send).
    pub fn send_graph(&mut self, graph: Graph) -> Result<()> {
        let segments = self.channel.dumps_graph(graph)?;
        let pieces: Vec<&[u8]> = segments.iter().collect();
        Ok(self.inner.send_vectored(&pieces, self.channel.timeouts.send)?)
    }

    /// Waits for a pickle, to keep all that it says: classes, sharing, cycles.
    ///
    /// # Errors
    /// As [`recv`](Connection::recv).
    pub fn recv_graph(&mut self) -> Result<Graph> {
        let message = self.recv_bytes()?;
        self.channel.loads_graph(message)
    }

    /// Sends bytes as they are, without a copy.
    ///
    /// ```
    /// let (mut one, mut other) = sabir::Context::new().pipe()?;
    /// one.send_bytes(b"any bytes")?; // In Python: other.recv_bytes()
    /// assert_eq!(other.recv_bytes()?, &b"any bytes"[..]);
    /// # Ok::<(), sabir::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Net`].
    pub fn send_bytes(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.inner.send_bytes(message, self.channel.timeouts.send)?)
    }

    /// Sends a value, but not at once if it is short: it leaves together with others, when 64 KiB have come together, at
    /// the next call that sends, or at [`flush`](Connection::flush). A stream of small values costs a system call for
    /// many of them.
    ///
    /// ```
    /// let (mut one, mut other) = sabir::Context::new().pipe()?;
    /// for number in 0..3 {
    ///     one.queue(&number)?;
    /// }
    /// assert!(!other.poll(std::time::Duration::ZERO)?);
    /// one.flush()?;
    /// assert_eq!(other.recv::<i32>()?, 0);
    /// # Ok::<(), sabir::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Connection::send).
    pub fn queue<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let message = self.channel.dumps(value)?;
        self.queue_bytes(&message)
    }

    /// The same for bytes as they are.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub fn queue_bytes(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.inner.queue_bytes(message, self.channel.timeouts.send)?)
    }

    /// Sends what is queued. What never is goes with the connection.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub fn flush(&mut self) -> Result<()> {
        Ok(self.inner.flush(self.channel.timeouts.send)?)
    }

    /// Waits for a message as it is. The bytes are those that were read from the socket, uncopied.
    ///
    /// # Errors
    /// [`Error::Eof`] if the peer has closed the connection, [`Error::Net`].
    pub fn recv_bytes(&mut self) -> Result<Bytes> {
        self.recv_bytes_by(self.channel.timeouts.recv.into())
    }

    /// Waits for a message and puts it at the start of `buffer`; gives its length. What was not read ahead is read
    /// straight into the buffer.
    ///
    /// ```
    /// let (mut one, mut other) = sabir::pipe()?;
    /// one.send_bytes(b"ahoy")?;
    /// let mut buffer = [0; 16];
    /// let length = other.recv_bytes_into(&mut buffer)?;
    /// assert_eq!(&buffer[..length], b"ahoy");
    /// # Ok::<(), sabir::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`BufferTooShort`](sabir_net::Error::BufferTooShort), which has the message: the connection can be used further.
    /// [`Error::Eof`], [`Error::Net`].
    pub fn recv_bytes_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.inner.recv_bytes_into(buffer, self.channel.timeouts.recv)? {
            Some(length) => Ok(length),
            None => Err(Error::Eof),
        }
    }

    /// Whether a message or the end of the connection is there, or comes by the deadline: a `Duration` from now on, an
    /// `Instant`, or `None` for ever.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (mut one, mut other) = sabir::Context::new().pipe()?;
    /// assert!(!other.poll(Duration::from_millis(1))?);
    /// one.send("ahoy")?;
    /// assert!(other.poll(Duration::from_secs(1))?);
    /// # Ok::<(), sabir::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Net`].
    pub fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool> {
        Ok(self.inner.poll(deadline)?)
    }

    /// Sends a file descriptor over a Unix socket, as `multiprocessing.reduction.send_handle` does. Nothing on the wire
    /// tells which rules the peer goes by, so say which Python it is.
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// use sabir::net::handles::HandleRules;
    ///
    /// let (mut one, mut other) = sabir::Context::new().pipe()?;
    /// let (reader, mut writer) = std::io::pipe().expect("a descriptor is left");
    /// writer.write_all(b"ahoy").expect("there is room");
    /// drop(writer);
    ///
    /// let rules = HandleRules::of_python(3, 13);
    /// one.send_handle(reader, rules)?;
    /// let mut text = String::new();
    /// std::fs::File::from(other.recv_handle(rules)?).read_to_string(&mut text).expect("it is a pipe");
    /// assert_eq!(text, "ahoy");
    /// # Ok::<(), sabir::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Net`].
    pub fn send_handle(&mut self, handle: impl AsFd, rules: HandleRules) -> Result<()> {
        Ok(self.inner.send_handle(handle, rules, self.channel.timeouts.send)?)
    }

    /// Receives a file descriptor, as `multiprocessing.reduction.recv_handle` does.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub fn recv_handle(&mut self, rules: HandleRules) -> Result<OwnedFd> {
        Ok(self.inner.recv_handle(rules, self.channel.timeouts.recv)?)
    }

    /// The reducer of this connection.
    #[must_use]
    pub fn reducer(&self) -> &Reducer {
        &self.channel.reducer
    }

    /// Gives this connection another reducer, from the next message on.
    ///
    /// ```
    /// use sabir::Context;
    /// use sabir::reducer::Pickle;
    ///
    /// let (mut one, mut other) = Context::new().pipe()?;
    /// one.set_reducer(Pickle::protocol(2));
    /// one.send("ahoy")?;
    /// assert!(other.recv_bytes()?.starts_with(b"\x80\x02"));
    /// # Ok::<(), sabir::Error>(())
    /// ```
    pub fn set_reducer(&mut self, reducer: impl Into<Reducer>) {
        self.channel.reducer = reducer.into();
    }

    /// How long things may take on this connection.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.channel.timeouts
    }

    /// Gives this connection other timeouts.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (mut one, _other) = sabir::Context::new().pipe()?;
    /// one.set_timeouts(one.timeouts().recv(Duration::from_millis(1)));
    /// assert!(one.recv::<u8>().unwrap_err().is_timeout());
    /// # Ok::<(), sabir::Error>(())
    /// ```
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.channel.timeouts = timeouts;
    }

    /// What is known of the peer.
    ///
    /// ```
    /// use sabir::{Context, Peer};
    ///
    /// let listener = Context::new().listener("127.0.0.1:0")?;
    /// let mut connection = Context::new().client(listener.address())?;
    /// assert_eq!(connection.peer(), Peer::STRANGER); // It gets pickles of protocol 2,
    /// connection.set_peer(Peer::reading(5)); // unless we know better.
    /// # Ok::<(), sabir::Error>(())
    /// ```
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.channel.peer()
    }

    /// Says what the peer reads, where it is known otherwise.
    ///
    /// ```
    /// use sabir::Peer;
    ///
    /// // That the other end is a 2.7 is known from elsewhere: it reads 2 and no more.
    /// let (mut one, mut other) = sabir::pipe()?;
    /// one.set_peer(Peer::reading(2));
    /// one.send("ahoy")?;
    /// assert!(other.recv_bytes()?.starts_with(b"\x80\x02"));
    /// # Ok::<(), sabir::Error>(())
    /// ```
    pub fn set_peer(&mut self, peer: Peer) {
        self.channel.set_peer(peer);
    }

    /// Where the peer is, as far as its socket has a name: that of a Unix client has none, as in Python.
    ///
    /// # Errors
    /// [`Error::Net`] if it is gone.
    pub fn peer_address(&self) -> Result<Option<Address>> {
        self.inner.stream().peer_address().map_err(unknown)
    }

    /// One half for a thread that receives, one for a thread that sends. What the one learns of the peer the other one goes
    /// by.
    ///
    /// ```
    /// use std::thread;
    ///
    /// let (one, mut other) = sabir::Context::new().pipe()?;
    /// let (mut reading, mut writing) = one.split();
    /// let sender = thread::spawn(move || writing.send("ahoy"));
    /// assert_eq!(other.recv::<String>()?, "ahoy");
    /// other.send(&7)?;
    /// assert_eq!(reading.recv::<u8>()?, 7);
    /// # sender.join().expect("no panic")?;
    /// # Ok::<(), sabir::Error>(())
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
    pub fn close(mut self) -> Result<()> {
        self.flush()
    }

    /// The connection beneath, without values.
    #[must_use]
    pub fn get_ref(&self) -> &blocking::Connection {
        &self.inner
    }

    /// Connects to a listener and authenticates: [`Context::client`] by another name.
    ///
    /// # Errors
    /// As there.
    pub fn connect(context: &Context, address: impl IntoAddress) -> Result<Connection> {
        let Timeouts { connect, handshake, .. } = context.settings().timeouts;
        Connection::connect_by(context, &address.into_address()?, connect, handshake)
    }

    /// Connects until one deadline and authenticates until the other; a duration counts from when its part begins.
    pub(crate) fn connect_by(
        context: &Context,
        address: &Address,
        connect: impl Into<Deadline>,
        handshake: impl Into<Deadline>,
    ) -> Result<Connection> {
        let settings = context.settings();
        let (stream, fate) = secure::dial_blocking(settings.tls.as_ref(), address, connect.into())
            .inspect_err(|_| settings.known.forget(address))?;
        let config = config(context);
        let inner = match &settings.authkey {
            None => blocking::Connection::new(stream, config),
            Some(key) => {
                blocking::Connection::connecting(stream, config, key.clone(), settings.auth, handshake)
                    .map_err(|error| secure::explained(error, fate.as_ref()))?
            }
        };
        let channel = Channel::to_address(context, address, inner.hints());
        Ok(Connection { inner, channel })
    }

    pub(crate) fn joined(inner: blocking::Connection, channel: Channel) -> Connection {
        Connection { inner, channel }
    }

    pub(crate) fn over(context: &Context, stream: Stream, peer: Peer) -> Connection {
        Connection::of(context, blocking::Connection::new(stream, config(context)), peer)
    }

    pub(crate) fn of(context: &Context, inner: blocking::Connection, peer: Peer) -> Connection {
        Connection { inner, channel: Channel::to(context, peer) }
    }

    pub(crate) fn recv_bytes_by(&mut self, deadline: Deadline) -> Result<Bytes> {
        let message = self.inner.recv_bytes(deadline)?;
        self.channel.received(message)
    }

    pub(crate) fn inner_mut(&mut self) -> &mut blocking::Connection {
        &mut self.inner
    }
}

/// The system does not tell of a socket.
pub(crate) fn unknown(source: std::io::Error) -> Error {
    sabir_net::Error::Io { doing: Doing::Connecting, source }.into()
}

/// Its socket, to wait for it. What is read from it or written to it directly is missing here, and what was read ahead
/// makes no socket readable: see [`wait`](crate::wait()).
impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.stream().as_fd()
    }
}
