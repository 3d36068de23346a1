//! One end of a connection: optional handshake, then messages.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::auth::{Handshake, Next, PeerHints, Step};
use crate::error::{ApiMisuse, AuthError, Error, Phase};
use crate::frame::{Deframer, FrameDialect, FrameLimits, header};

/// Bodies up to this many bytes are copied behind their header and leave together with their neighbours; longer ones
/// are passed on without a copy. The figure is CPython's (`Connection._send_bytes`: 16384).
pub const COALESCE: usize = 16 * 1024;

/// How a connection frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Config {
    /// The budget of what the peer sends. Until authentication is over 256 bytes apply instead.
    pub limits: FrameLimits,
    /// How the peer reads and writes lengths.
    pub dialect: FrameDialect,
}

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is over; comes once, and only if there was one.
    Authenticated(PeerHints),
    /// A message of the application, without its header. May be empty. It shares memory with its neighbours in the
    /// receive buffer: copy small ones that are kept for long.
    Message(Bytes),
    /// The peer closed between messages. Nothing follows.
    Closed,
}

/// One end of a connection: no socket, no clock, no randomness.
///
/// Its driver does this, in any order that suits it, and after every call that is not a `poll`:
///
/// 1. [`poll_transmit`](Connection::poll_transmit) until `None`, and write what it gives (collect several chunks into
///    one vectored write);
/// 2. [`poll_event`](Connection::poll_event) until `None` or an error, *then again 1*: events make messages to send.
///    After an error also do 1 before closing, so that the peer learns of it (`#FAILURE#`);
/// 3. when the socket has bytes: [`handle_bytes`](Connection::handle_bytes), or read into
///    [`receive_buffer`](Connection::receive_buffer); at its end: [`handle_eof`](Connection::handle_eof).
///
/// [`send`](Connection::send) may be called at any time; until authentication is over messages are held back.
/// The cut of the bytes that are handed in never changes the events.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    deframer: Deframer,
    handshake: Option<Handshake>,
    outgoing: Outgoing,
    /// Messages sent before authentication was over, framed already.
    held: Outgoing,
    eof: bool,
    closed: bool,
    /// Errors stay.
    failed: Option<Error>,
}

impl Connection {
    /// A connection without authentication.
    pub fn new(config: Config) -> Connection {
        Connection {
            config,
            deframer: Deframer::new(),
            handshake: None,
            outgoing: Outgoing::default(),
            held: Outgoing::default(),
            eof: false,
            closed: false,
            failed: None,
        }
    }

    /// A connection that authenticates first.
    pub fn with_handshake(config: Config, handshake: Handshake) -> Connection {
        let mut connection = Connection::new(config);
        let Step { send, .. } = handshake.start();
        connection.send_handshake(&send);
        connection.handshake = Some(handshake);
        connection
    }

    /// Whether the handshake still goes on.
    pub fn is_authenticating(&self) -> bool {
        self.handshake.is_some()
    }

    /// How the connection frames; the dialect may be changed once more is known of the peer.
    pub fn config(&self) -> Config {
        self.config
    }

    /// Whether a header has arrived without its body, so that a TCP driver should acknowledge at once; see
    /// [`Deframer::awaits_body`].
    pub fn awaits_body(&self) -> bool {
        self.deframer.awaits_body(self.config.dialect, self.limits())
    }

    /// Bytes that wait for [`poll_transmit`](Connection::poll_transmit), messages held back included.
    pub fn queued(&self) -> usize {
        self.outgoing.bytes + self.held.bytes
    }

    /// Takes bytes that arrived.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.eof {
            return Err(ApiMisuse::BytesAfterEof.into());
        }
        self.deframer.push(bytes);
        Ok(())
    }

    /// The buffer to append arrived bytes to, with room for at least `slack`, and for the rest of a long message as
    /// far as the budget of memory goes (twice what has arrived). Only append.
    pub fn receive_buffer(&mut self, slack: usize) -> &mut BytesMut {
        let size = self.deframer.read_size(slack, self.config.dialect, self.limits());
        self.deframer.buffer(size)
    }

    /// The peer will send no more.
    pub fn handle_eof(&mut self) {
        self.eof = true;
    }

    /// Changes how the peer's lengths are written and read, once more is known of it.
    pub fn set_dialect(&mut self, dialect: FrameDialect) {
        self.config.dialect = dialect;
    }

    /// Sends one message without copying it if it is long. CPython's `send_bytes`.
    pub fn send(&mut self, body: Bytes) -> Result<(), Error> {
        if body.len() <= COALESCE {
            return self.send_slice(&body);
        }
        let header = self.config.dialect.header(body.len() as u64)?;
        let outgoing = self.application()?;
        outgoing.push_slice(&header);
        outgoing.push(body);
        Ok(())
    }

    /// Sends one message, copying it.
    pub fn send_slice(&mut self, body: &[u8]) -> Result<(), Error> {
        let header = self.config.dialect.header(body.len() as u64)?;
        let outgoing = self.application()?;
        outgoing.push_slice(&header);
        outgoing.push_slice(body);
        Ok(())
    }

    /// The next bytes to write, or `None`. They are the driver's then: what it could not write it keeps.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outgoing.pop()
    }

    /// What happened next, or `None` if more bytes are needed. An error is returned again on each call.
    pub fn poll_event(&mut self) -> Result<Option<Event>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let event = self.next_event();
        if let Err(error) = &event {
            self.failed = Some(error.clone());
        }
        event
    }

    /// Takes `n` bytes that belong to no frame, if they have arrived: what follows an SCM_RIGHTS message.
    pub fn take_unframed(&mut self, n: usize) -> Result<Option<Bytes>, Error> {
        if self.is_authenticating() {
            return Err(ApiMisuse::UnframedDuringAuthentication.into());
        }
        Ok(self.deframer.take_unframed(n))
    }

    /// Gives back the memory of buffers in which nothing waits, for drivers that keep many idle connections.
    pub fn release(&mut self) {
        self.deframer.release();
        self.outgoing.release();
    }

    /// Gives up the state machine: bytes that arrived and are not pulled yet, and bytes that are not written yet.
    pub fn into_parts(mut self) -> (BytesMut, Vec<Bytes>) {
        let mut unsent = Vec::new();
        while let Some(chunk) = self.outgoing.pop().or_else(|| self.held.pop()) {
            unsent.push(chunk);
        }
        (self.deframer.into_rest(), unsent)
    }

    fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let (dialect, limits, offset) = (self.config.dialect, self.limits(), self.deframer.offset());
            let phase =
                if self.handshake.is_some() { Phase::BeforeAuthentication } else { Phase::Application };
            let frame_error = |source| Error::Frame { source, phase, offset };
            let Some(message) = self.deframer.next_message(dialect, limits).map_err(frame_error)? else {
                return if self.eof { self.end(phase, offset) } else { Ok(None) };
            };
            let Some(handshake) = &mut self.handshake else { return Ok(Some(Event::Message(message))) };
            let stage = handshake.stage();
            let Step { send, next } = handshake.handle_message(&message);
            self.send_handshake(&send);
            match next {
                Next::Read => {}
                Next::Done(hints) => {
                    self.handshake = None;
                    self.outgoing.append(&mut self.held);
                    return Ok(Some(Event::Authenticated(hints)));
                }
                Next::Fail(source) => return Err(Error::Auth { source, stage, offset }),
            }
        }
    }

    fn end(&mut self, phase: Phase, offset: u64) -> Result<Option<Event>, Error> {
        self.deframer.end(self.config.dialect, self.limits()).map_err(|source| Error::Frame {
            source,
            phase,
            offset,
        })?;
        match &self.handshake {
            Some(handshake) => {
                Err(Error::Auth { source: AuthError::Closed, stage: handshake.stage(), offset })
            }
            None if self.closed => Ok(None),
            None => {
                self.closed = true;
                Ok(Some(Event::Closed))
            }
        }
    }

    fn limits(&self) -> FrameLimits {
        if self.handshake.is_some() { FrameLimits::BEFORE_AUTHENTICATION } else { self.config.limits }
    }

    /// Where messages of the application go now.
    fn application(&mut self) -> Result<&mut Outgoing, Error> {
        match (&self.failed, &self.handshake) {
            (Some(_), _) => Err(ApiMisuse::SendAfterError.into()),
            (None, Some(_)) => Ok(&mut self.held),
            (None, None) => Ok(&mut self.outgoing),
        }
    }

    fn send_handshake(&mut self, messages: &[Bytes]) {
        for message in messages {
            self.outgoing.push_slice(&header(message.len() as u64));
            self.outgoing.push_slice(message);
        }
    }
}

/// Bytes to write: whole chunks, then a tail in which small messages gather.
#[derive(Debug, Default)]
struct Outgoing {
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    bytes: usize,
}

impl Outgoing {
    fn push_slice(&mut self, slice: &[u8]) {
        self.tail.extend_from_slice(slice);
        self.bytes += slice.len();
        if self.tail.len() >= CHUNK {
            self.seal();
        }
    }

    fn push(&mut self, chunk: Bytes) {
        self.seal();
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
    }

    fn pop(&mut self) -> Option<Bytes> {
        let chunk = match self.chunks.pop_front() {
            Some(chunk) => chunk,
            None if self.tail.is_empty() => return None,
            None => self.tail.split().freeze(),
        };
        self.bytes -= chunk.len();
        Some(chunk)
    }

    fn append(&mut self, other: &mut Outgoing) {
        while let Some(chunk) = other.pop() {
            if chunk.len() <= COALESCE { self.push_slice(&chunk) } else { self.push(chunk) }
        }
    }

    fn release(&mut self) {
        if self.tail.is_empty() {
            self.tail = BytesMut::new();
        }
        self.chunks.shrink_to_fit();
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.split().freeze());
        }
    }
}

/// Where a run of small messages is cut into the next chunk, in bytes: what one write to a socket commonly takes.
const CHUNK: usize = 64 * 1024;
