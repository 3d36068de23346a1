//! Messages over a stream, in the manner of `multiprocessing.connection.Connection`.

use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytes::Bytes;
use sabir_wire::Config;
use sabir_wire::auth::{AuthKey, AuthOptions, PeerHints};
use sabir_wire::frame::FrameDialect;

use crate::blocking::authenticate;
use crate::blocking::halves::{ReadHalf, WriteHalf};
use crate::blocking::stream::Stream;
use crate::blocking::timeout::ReceiveTimeout;
use crate::blocking::wait::Waitable;
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::handles::{self, HandleRules};
use crate::inbox::{Handles, Inbox};
use crate::outbox::Outbox;

/// Messages and handles over a stream, after authentication if there is any.
///
/// # Deadlines
///
/// Whatever waits takes one ([`Deadline`]), and a timeout loses nothing: what has arrived of a message is
/// kept for the next call that receives. A message of which nothing has left when the deadline passes
/// ([`Doing::WaitingToSend`]) is not sent; of one that has begun to leave ([`Doing::Sending`]) the rest is
/// queued, and goes before all that is sent later, or with [`flush`](Connection::flush). Any other error
/// but [`Error::BufferTooShort`] ends the connection.
///
/// # Costs
///
/// | call | system calls | copies of the body beside the kernel's |
/// |---|---|---|
/// | `send_bytes` | 1 | none; one up to 1 KiB |
/// | `send_vectored` | 1 for 62 pieces of more than 1 KiB; runs of shorter ones count as one | none, but for those |
/// | `queue_bytes` | 1 for 64 KiB of messages | one up to 16 KiB, none above |
/// | `recv_bytes` | 1 for all that lies there, up to 64 KiB | none while the rest of a message fits behind it; a long one's memory grows by doubling |
/// | `recv_bytes_into` | the same | only what was read ahead, at most 64 KiB |
/// | `poll`, `wait` | 1; `poll` none if a message was read ahead | |
///
/// That is with a socket buffer that has room, or a peer that is fast enough; to wait for room takes one
/// more call each time, unless for ever. To wait for a message takes none, but for a `setsockopt` when
/// deadlines become much nearer or further. Messages that are received share one buffer, which is used
/// again once they are dropped: steady traffic of messages up to 64 KiB allocates nothing.
#[derive(Debug)]
pub struct Connection {
    reading: ReadHalf,
    writing: WriteHalf,
}

impl Connection {
    /// A connection whose ends do not authenticate.
    #[must_use]
    pub fn new(stream: Stream, config: Config) -> Self {
        Self::of(stream, PeerHints::default(), Inbox::new(config, &[], Handles::default()))
    }

    /// A connection whose ends have authenticated: what that told, and the bytes that were read after it.
    #[must_use]
    pub fn from_parts(stream: Stream, config: Config, hints: PeerHints, rest: &[u8]) -> Self {
        Self::of(stream, hints, Inbox::new(config, rest, Handles::default()))
    }

    /// Two ends of one connection inside this process, as `multiprocessing.Pipe()`.
    ///
    /// # Errors
    /// [`Error::Io`] if no descriptor is left.
    pub fn pair(config: Config) -> Result<(Self, Self), Error> {
        let (one, other) = Stream::pair().map_err(Error::io(Doing::Connecting))?;
        Ok((Self::new(one, config), Self::new(other, config)))
    }

    /// The listener's end: challenges first, then answers.
    ///
    /// # Errors
    /// [`Error::Wire`] if the peer's key or its bytes are wrong, [`Error::Timeout`],
    /// [`Error::Closed`], [`Error::Io`].
    pub fn accepting(
        stream: Stream,
        config: Config,
        key: AuthKey,
        options: AuthOptions,
        deadline: impl Into<Deadline>,
    ) -> Result<Self, Error> {
        let (hints, inbox) = authenticate::accepting(&stream, config, key, options, deadline.into())?;
        Ok(Self::of(stream, hints, inbox))
    }

    /// The client's end: answers first, then challenges.
    ///
    /// # Errors
    /// As [`accepting`](Connection::accepting).
    pub fn connecting(
        stream: Stream,
        config: Config,
        key: AuthKey,
        options: AuthOptions,
        deadline: impl Into<Deadline>,
    ) -> Result<Self, Error> {
        let (hints, inbox) = authenticate::connecting(&stream, config, key, options, deadline.into())?;
        Ok(Self::of(stream, hints, inbox))
    }

    /// What the handshake told of the peer; nothing if there was none.
    #[must_use]
    pub fn hints(&self) -> PeerHints {
        self.reading.hints
    }

    /// How the peer reads and writes lengths, and the limits of what it may send.
    #[must_use]
    pub fn config(&self) -> Config {
        self.reading.inbox.config()
    }

    /// Changes how lengths are written and read, once more is known of the peer.
    pub fn set_dialect(&mut self, dialect: FrameDialect) {
        self.reading.inbox.config_mut().dialect = dialect;
        self.writing.dialect = dialect;
    }

    /// The socket beneath. What is read from it or written to it directly is missing here.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.reading.stream
    }

    /// One half for a thread that receives, one for a thread that sends.
    ///
    /// ```
    /// use std::thread;
    ///
    /// use sabir_net::Deadline;
    /// use sabir_net::blocking::Connection;
    ///
    /// let (one, mut other) = Connection::pair(Default::default())?;
    /// let (mut reading, mut writing) = one.split();
    /// thread::scope(|scope| {
    ///     scope.spawn(move || writing.send_bytes(b"hello", Deadline::NEVER));
    ///     let echo = other.recv_bytes(Deadline::NEVER)?.unwrap_or_default();
    ///     other.send_bytes(&echo, Deadline::NEVER)?;
    ///     assert_eq!(reading.recv_bytes(Deadline::NEVER)?.as_deref(), Some(&b"hello"[..]));
    ///     Ok(())
    /// })
    /// # .map_err(|error: sabir_net::Error| error)?;
    /// # Ok::<(), sabir_net::Error>(())
    /// ```
    #[must_use]
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        (self.reading, self.writing)
    }

    /// Two halves of one connection put together again; others come back as they are.
    ///
    /// # Errors
    /// The halves, if they are of two connections.
    pub fn unsplit(reading: ReadHalf, writing: WriteHalf) -> Result<Self, Box<(ReadHalf, WriteHalf)>> {
        if Arc::ptr_eq(&reading.stream, &writing.stream) {
            Ok(Self { reading, writing })
        } else {
            Err(Box::new((reading, writing)))
        }
    }

    /// Sends one message: header and body in one system call.
    ///
    /// # Errors
    /// [`Error::Wire`] if the peer's dialect has no header for the length: then nothing is sent.
    /// [`Error::Timeout`], [`Error::Io`].
    pub fn send_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.send_vectored(&[message], deadline)
    }

    /// Sends one message that lies in several pieces, as a pickle with large buffers does. Short ones
    /// are copied together, the others go from where they are.
    ///
    /// # Errors
    /// As [`send_bytes`](Connection::send_bytes).
    pub fn send_vectored<P: Deref<Target = [u8]>>(
        &mut self,
        pieces: &[P],
        deadline: impl Into<Deadline>,
    ) -> Result<(), Error> {
        self.writing.send_vectored(pieces, deadline)
    }

    /// Sends one message, but not at once if it is short: it waits for others to leave together with,
    /// until 64 KiB have come together, the next call that sends, or [`flush`](Connection::flush). Call
    /// that before you wait for an answer; what is never flushed is lost when the connection goes.
    ///
    /// # Errors
    /// As [`send_bytes`](Connection::send_bytes).
    pub fn queue_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.writing.queue_bytes(message, deadline)
    }

    /// Writes what is queued.
    ///
    /// # Errors
    /// [`Error::Timeout`]: the rest stays queued. [`Error::Io`].
    pub fn flush(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.writing.flush(deadline)
    }

    /// How many bytes are queued.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.writing.queued()
    }

    /// Waits for one message; nothing if the peer closed the connection between messages.
    ///
    /// The message shares memory with others that were read along with it: copy a short one that is kept
    /// for long.
    ///
    /// # Errors
    /// [`Error::Wire`] if what comes is no frame or one beyond the limits, [`Error::Timeout`] if
    /// it is not there in time: a later call goes on where this one stopped.
    pub fn recv_bytes(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Bytes>, Error> {
        self.reading.recv_bytes(deadline)
    }

    /// Waits for one message and moves it to the front of `buffer`; its length in bytes, or nothing if
    /// the peer closed the connection between messages. What has not been read ahead is read straight to
    /// its place. The buffer beyond the message may be written to as well.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`], which has the message; otherwise as [`recv_bytes`](Connection::recv_bytes).
    pub fn recv_bytes_into(
        &mut self,
        buffer: &mut [u8],
        deadline: impl Into<Deadline>,
    ) -> Result<Option<usize>, Error> {
        self.reading.recv_bytes_into(buffer, deadline)
    }

    /// Waits until there is something to receive: a whole message, the end of the stream or an error has
    /// been read ahead, or the socket has more. Says whether there is, at the deadline at the latest.
    ///
    /// As with CPython's `poll`, a receiving call may still have to wait for the rest of a message that
    /// has begun to arrive. If that rest fails to come, `poll` waits for it too, and does not say again and
    /// again that there is a beginning.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool, Error> {
        self.reading.poll(deadline)
    }

    /// Sends one descriptor over a Unix socket, as `multiprocessing.reduction.send_handle` does, and
    /// waits for the acknowledgement if `rules` has one.
    ///
    /// # Errors
    /// As [`handles::send_handle`](crate::handles::send_handle); [`ErrorKind::Unsupported`](std::io::ErrorKind::Unsupported) over TCP.
    pub fn send_handle(
        &mut self,
        handle: impl AsFd,
        rules: HandleRules,
        deadline: impl Into<Deadline>,
    ) -> Result<(), Error> {
        handles::check_is_unix(self.stream().is_unix())?;
        let deadline = deadline.into();
        self.writing.flush_for(Doing::WaitingToSend, deadline)?;
        handles::send_one(self.stream().as_fd(), handle.as_fd(), rules, deadline)?;
        if rules.acknowledges() {
            let answer = self.reading.recv_unframed(deadline)?;
            handles::check_acknowledgement(answer)?;
        }
        Ok(())
    }

    /// Receives one descriptor over a Unix socket, as `multiprocessing.reduction.recv_handle` does,
    /// and acknowledges it if `rules` asks for that. To receive from [`stream`](Connection::stream)
    /// instead could miss what was read ahead.
    ///
    /// # Errors
    /// As [`handles::recv_handle`](crate::handles::recv_handle); [`ErrorKind::Unsupported`](std::io::ErrorKind::Unsupported) over TCP.
    pub fn recv_handle(
        &mut self,
        rules: HandleRules,
        deadline: impl Into<Deadline>,
    ) -> Result<OwnedFd, Error> {
        handles::check_is_unix(self.stream().is_unix())?;
        let deadline = deadline.into();
        if rules.acknowledges() {
            // The acknowledgement must not end up inside of a message.
            self.writing.flush_for(Doing::WaitingToSend, deadline)?;
        }
        let byte = self.reading.recv_unframed(deadline)?;
        let Handles { received, lost } = self.reading.inbox.take_handles();
        if rules.acknowledges() && !received.is_empty() {
            handles::acknowledge(self.stream().as_fd(), deadline)?;
        }
        handles::take_one(byte, received, lost, rules)
    }

    /// Writes what is queued and ends the stream for the peer, while the peer can still be received from.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Io`].
    pub fn shutdown_write(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.writing.shutdown_write(deadline)
    }

    /// Writes what is queued and closes the connection. To drop it closes it as well, but what is queued is
    /// lost then.
    ///
    /// # Errors
    /// As [`flush`](Connection::flush); it is closed all the same.
    pub fn close(mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.flush(deadline)
    }

    fn of(stream: Stream, hints: PeerHints, inbox: Inbox) -> Self {
        let (stream, dialect) = (Arc::new(stream), inbox.config().dialect);
        let writing = WriteHalf { stream: Arc::clone(&stream), outbox: Outbox::default(), dialect };
        Self { reading: ReadHalf { stream, hints, inbox, timeout: ReceiveTimeout::default() }, writing }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream().as_fd()
    }
}

impl Waitable for Connection {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream().as_fd()
    }

    fn is_ready(&self) -> bool {
        self.reading.is_ready()
    }
}
