//! Messages over a stream, in the manner of `multiprocessing.connection.Connection`.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytes::Bytes;
use rustix::net::SendFlags;
use sabir_wire::Config;
use sabir_wire::auth::{AuthKey, AuthOptions, PeerHints};
use sabir_wire::frame::FrameDialect;

use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::handles::{self, HandleRules};
use crate::inbox::{Handles, Inbox};
use crate::outbox::Outbox;
use crate::socket;
use crate::tokio::authenticate::{self, Authenticated};
use crate::tokio::{ReadHalf, Stream, WriteHalf, by, messages};

/// Messages and handles over a stream, after authentication if there is any.
///
/// # Deadlines and cancellation
///
/// Whatever waits takes a [`Deadline`], or its future may be dropped, with the same outcome:
///
/// - Receiving loses nothing: what has arrived of a message is kept for the next call.
/// - A message of which nothing has left ([`Doing::WaitingToSend`]) is not sent. Of one that has begun to
///   leave ([`Doing::Sending`]) the rest is queued: the next call that sends, or
///   [`flush`](Connection::flush), finishes it first, so that the stream stays whole.
/// - [`send_handle`](Connection::send_handle) alone leaves something open under
///   [`HandleRules::Acknowledged`]: once the descriptor has left, its acknowledgement will come where the
///   next message is expected.
///
/// # Costs
///
/// Copies and allocations are those of [`blocking::Connection`](crate::blocking::Connection). A message that
/// has to be waited for takes one system call to see that it is not there and one to read it, beside those
/// of the runtime. An idle connection holds 4 KiB if it has received only short messages.
///
/// ```
/// use std::time::Duration;
/// use sabir_net::tokio::Connection;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sabir_net::Error> {
/// let patience = Duration::from_secs(10);
/// let (mut one, mut other) = Connection::pair(Default::default())?;
/// one.send_bytes(b"hello", patience).await?;
/// assert_eq!(other.recv_bytes(patience).await?.as_deref(), Some(&b"hello"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    hints: PeerHints,
    inbox: Inbox,
    outbox: Outbox,
}

impl Connection {
    /// A connection whose ends do not authenticate.
    #[must_use]
    pub fn new(stream: Stream, config: Config) -> Self {
        Self::of(stream, PeerHints::default(), Inbox::new(config, &[], Handles::default()))
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
    /// As [`authenticate::accepting`].
    pub async fn accepting(
        stream: Stream,
        config: Config,
        key: AuthKey,
        options: AuthOptions,
        deadline: impl Into<Deadline>,
    ) -> Result<Self, Error> {
        let done = authenticate::accepting(&stream, key, options, deadline).await?;
        Ok(Self::authenticated(stream, config, done))
    }

    /// The client's end: answers first, then challenges.
    ///
    /// # Errors
    /// As [`authenticate::connecting`].
    pub async fn connecting(
        stream: Stream,
        config: Config,
        key: AuthKey,
        options: AuthOptions,
        deadline: impl Into<Deadline>,
    ) -> Result<Self, Error> {
        let done = authenticate::connecting(&stream, key, options, deadline).await?;
        Ok(Self::authenticated(stream, config, done))
    }

    /// A connection on which the handshake is over.
    #[must_use]
    pub fn authenticated(stream: Stream, config: Config, done: Authenticated) -> Self {
        let Authenticated { hints, leftover, fds } = done;
        Self::of(stream, hints, Inbox::new(config, &leftover, Handles { received: fds, lost: false }))
    }

    /// What the handshake told of the peer; nothing if there was none.
    #[must_use]
    pub fn hints(&self) -> PeerHints {
        self.hints
    }

    /// How the peer reads and writes lengths, and the limits of what it may send.
    #[must_use]
    pub fn config(&self) -> Config {
        self.inbox.config()
    }

    /// Changes how lengths are written and read, once more is known of the peer.
    pub fn set_dialect(&mut self, dialect: FrameDialect) {
        self.inbox.config_mut().dialect = dialect;
    }

    /// Holds no memory for messages while it waits for one, at the price of an allocation for each: for who has thousands
    /// of connections, most of which are silent.
    pub fn save_memory(&mut self) {
        self.inbox.set_thrifty();
    }

    /// The socket beneath. What is read from it or written to it directly is missing here.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// One half for a task that receives, one for a task that sends.
    #[must_use]
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        let dialect = self.inbox.config().dialect;
        let stream = Arc::new(self.stream);
        let writing = WriteHalf { stream: Arc::clone(&stream), outbox: self.outbox, dialect };
        (ReadHalf { stream, hints: self.hints, inbox: self.inbox }, writing)
    }

    /// Two halves of one connection put together again; others come back as they are.
    ///
    /// # Errors
    /// The halves, if they are of two connections.
    pub fn unsplit(reading: ReadHalf, writing: WriteHalf) -> Result<Self, Box<(ReadHalf, WriteHalf)>> {
        if !Arc::ptr_eq(&reading.stream, &writing.stream) {
            return Err(Box::new((reading, writing)));
        }
        let (ReadHalf { stream, hints, inbox }, WriteHalf { stream: other, outbox, dialect }) =
            (reading, writing);
        drop(other);
        match Arc::try_unwrap(stream) {
            Ok(stream) => Ok(Self { stream, hints, inbox, outbox }),
            Err(stream) => {
                let writing = WriteHalf { stream: Arc::clone(&stream), outbox, dialect };
                Err(Box::new((ReadHalf { stream, hints, inbox }, writing)))
            }
        }
    }

    /// Sends one message: header and body in one system call.
    ///
    /// # Errors
    /// [`Error::Wire`] if the peer's dialect has no header for the length: then nothing is sent.
    /// [`Error::Timeout`], [`Error::Io`].
    pub async fn send_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.send_vectored(&[message], deadline).await
    }

    /// Sends one message that lies in several pieces, as a pickle with large buffers does. Short ones
    /// are copied together, the others go from where they are.
    ///
    /// # Errors
    /// As [`send_bytes`](Connection::send_bytes).
    pub async fn send_vectored<P: Deref<Target = [u8]>>(
        &mut self,
        pieces: &[P],
        deadline: impl Into<Deadline>,
    ) -> Result<(), Error> {
        let (dialect, deadline) = (self.config().dialect, deadline.into());
        messages::send_vectored(&self.stream, &mut self.outbox, dialect, pieces, deadline).await
    }

    /// Sends one message, but not at once if it is short: it waits for others to leave together with,
    /// until 64 KiB have come together, the next call that sends, or [`flush`](Connection::flush). Call
    /// that before you wait for an answer; what is never flushed is lost when the connection goes.
    ///
    /// # Errors
    /// As [`send_bytes`](Connection::send_bytes).
    pub async fn queue_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        let (dialect, deadline) = (self.config().dialect, deadline.into());
        messages::queue_bytes(&self.stream, &mut self.outbox, dialect, message, deadline).await
    }

    /// Writes what is queued.
    ///
    /// # Errors
    /// [`Error::Timeout`]: the rest stays queued. [`Error::Io`].
    pub async fn flush(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        messages::flush(&self.stream, &mut self.outbox, Doing::Sending, deadline.into()).await
    }

    /// How many bytes are queued.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.queued()
    }

    /// Waits for one message; nothing if the peer closed the connection between messages.
    ///
    /// The message shares memory with others that were read along with it: copy a short one that is kept
    /// for long.
    ///
    /// # Errors
    /// [`Error::Wire`] if what comes is no frame or one beyond the limits, [`Error::Timeout`] if
    /// it is not there in time: a later call goes on where this one stopped.
    pub async fn recv_bytes(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Bytes>, Error> {
        messages::recv_bytes(&self.stream, &mut self.inbox, deadline.into()).await
    }

    /// Waits for one message and moves it to the front of `buffer`; its length in bytes, or nothing if
    /// the peer closed the connection between messages. What has not been read ahead is read straight to
    /// its place. The buffer beyond the message may be written to as well.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`], which has the message; otherwise as [`recv_bytes`](Connection::recv_bytes).
    pub async fn recv_bytes_into(
        &mut self,
        buffer: &mut [u8],
        deadline: impl Into<Deadline>,
    ) -> Result<Option<usize>, Error> {
        messages::recv_bytes_into(&self.stream, &mut self.inbox, buffer, deadline.into()).await
    }

    /// Waits until there is something to receive: a whole message, the end of the stream or an error has
    /// been read ahead, or the socket has more.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn readable(&mut self) -> Result<(), Error> {
        messages::readable(&self.stream, &self.inbox).await
    }

    /// Whether it is [`readable`](Connection::readable), said at the deadline at the latest. As with
    /// CPython's `poll`, the rest of the message may still have to be waited for.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool, Error> {
        messages::poll(&self.stream, &self.inbox, deadline.into()).await
    }

    /// Sends one descriptor over a Unix socket, as `multiprocessing.reduction.send_handle` does, and
    /// waits for the acknowledgement if `rules` has one.
    ///
    /// # Errors
    /// As [`handles::send_handle`](crate::handles::send_handle); [`io::ErrorKind::Unsupported`] over TCP.
    pub async fn send_handle(
        &mut self,
        handle: impl AsFd,
        rules: HandleRules,
        deadline: impl Into<Deadline>,
    ) -> Result<(), Error> {
        handles::check_is_unix(self.stream.is_unix())?;
        let deadline = deadline.into();
        messages::flush(&self.stream, &mut self.outbox, Doing::WaitingToSend, deadline).await?;
        let sending = async {
            loop {
                match self.stream.try_send_fds(rules.data_byte(1), &[handle.as_fd()]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.writable().await?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    sent => return sent.map_err(Error::io(Doing::PassingHandle)),
                }
            }
        };
        by(deadline, Doing::PassingHandle, sending).await??;
        if rules.acknowledges() {
            let answer = messages::recv_unframed(&self.stream, &mut self.inbox, deadline).await?;
            handles::check_acknowledgement(answer)?;
        }
        Ok(())
    }

    /// Receives one descriptor over a Unix socket, as `multiprocessing.reduction.recv_handle` does,
    /// and acknowledges it if `rules` asks for that. To receive from [`stream`](Connection::stream)
    /// instead could miss what was read ahead.
    ///
    /// # Errors
    /// As [`handles::recv_handle`](crate::handles::recv_handle); [`io::ErrorKind::Unsupported`] over TCP.
    pub async fn recv_handle(
        &mut self,
        rules: HandleRules,
        deadline: impl Into<Deadline>,
    ) -> Result<OwnedFd, Error> {
        handles::check_is_unix(self.stream.is_unix())?;
        let deadline = deadline.into();
        if rules.acknowledges() {
            // The acknowledgement must not end up inside of a message.
            messages::flush(&self.stream, &mut self.outbox, Doing::WaitingToSend, deadline).await?;
        }
        let byte = messages::recv_unframed(&self.stream, &mut self.inbox, deadline).await?;
        // From here on nothing waits, or the descriptor could be dropped with the future.
        let Handles { received, lost } = self.inbox.take_handles();
        if rules.acknowledges() && !received.is_empty() {
            let answer = [HandleRules::ACKNOWLEDGEMENT];
            match socket::send(&self.stream, &[io::IoSlice::new(&answer)], SendFlags::DONTWAIT) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.outbox.push(&answer),
                sent => drop(sent.map_err(Error::io(Doing::PassingHandle))?),
            }
        }
        handles::take_one(byte, received, lost, rules)
    }

    /// Writes what is queued and ends the stream for the peer, while the peer can still be received from.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Io`].
    pub async fn shutdown_write(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.flush(deadline).await?;
        self.stream.shutdown_write().map_err(Error::io(Doing::Sending))
    }

    /// Writes what is queued and closes the connection. To drop it closes it as well, but what is queued is
    /// lost then.
    ///
    /// # Errors
    /// As [`flush`](Connection::flush); it is closed all the same.
    pub async fn close(mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.flush(deadline).await
    }

    fn of(stream: Stream, hints: PeerHints, inbox: Inbox) -> Self {
        Self { stream, hints, inbox, outbox: Outbox::default() }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
