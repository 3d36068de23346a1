//! Messages over a stream, in the manner of `multiprocessing.connection.Connection`.

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};

use bytes::{Bytes, BytesMut};
use sabir_wire::auth::{AuthKey, AuthOptions, Handshake, PeerHints};
use sabir_wire::error::Phase;
use sabir_wire::frame::{self, Deframer};
use sabir_wire::{Config, Event};

use crate::blocking::stream::Stream;
use crate::blocking::wait::{self, Direction};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::handles::{self, HandleRules, TOO_EARLY};
use crate::nonce::nonce;
use crate::receive::{SMALLEST_READ, try_receive};

/// Messages and handles over a stream, after authentication if there is any.
///
/// An error other than a timeout in [`recv_bytes`](Connection::recv_bytes) ends the connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    config: Config,
    deframer: Deframer,
    eof: bool,
    hints: PeerHints,
    /// A stock client's first message follows `#WELCOME#` as a second small segment.
    first_message_due: bool,
    handles: Handles,
}

/// Descriptors that came with the last byte read.
#[derive(Debug, Default)]
struct Handles {
    received: Vec<OwnedFd>,
    lost: bool,
}

impl Connection {
    /// A connection whose ends do not authenticate.
    #[must_use]
    pub fn new(stream: Stream, config: Config) -> Self {
        Self::of(stream, config, PeerHints::default(), &BytesMut::new())
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
        let deadline = deadline.into();
        let handshake = Handshake::accepting(key, nonce()?, options);
        Self::authenticated(stream, config, handshake, deadline)
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
        let deadline = deadline.into();
        let handshake = Handshake::connecting(key, nonce()?, options);
        Self::authenticated(stream, config, handshake, deadline)
    }

    /// What the handshake told of the peer; nothing if there was none.
    #[must_use]
    pub fn hints(&self) -> PeerHints {
        self.hints
    }

    /// The socket beneath. What is read from it or written to it directly is missing here.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The socket, and the bytes that were read from it and belong to no message returned yet.
    /// Descriptors among them are closed.
    #[must_use]
    pub fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.deframer.into_rest())
    }

    /// Sends one message: header and body in one system call, the body without a copy.
    ///
    /// # Errors
    /// [`Error::Wire`] if the peer's dialect has no header for the length: then nothing is sent.
    /// Otherwise part may have been, so that the connection is of no further use.
    pub fn send_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        let deadline = deadline.into();
        let header = self.config.dialect.header(message.len() as u64).map_err(sabir_wire::Error::from)?;
        self.stream.write_all(&mut [IoSlice::new(&header), IoSlice::new(message)], deadline)
    }

    /// Waits for one message; nothing if the peer closed the connection between messages.
    ///
    /// # Errors
    /// [`Error::Wire`] if what comes is no frame or one beyond the limits, [`Error::Timeout`] if
    /// it is not there in time: a later call goes on where this one stopped.
    pub fn recv_bytes(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Bytes>, Error> {
        let deadline = deadline.into();
        let Config { limits, dialect } = self.config;
        loop {
            let offset = self.deframer.offset();
            let failed = |source| sabir_wire::Error::Frame { source, phase: Phase::Application, offset };
            if let Some(message) = self.deframer.next_message(dialect, limits).map_err(failed)? {
                self.first_message_due = false;
                return Ok(Some(message));
            }
            if self.eof {
                self.deframer.end(dialect, limits).map_err(failed)?;
                return Ok(None);
            }
            self.receive(Doing::Receiving, deadline)?;
        }
    }

    /// Sends one descriptor over a Unix socket, as `multiprocessing.reduction.send_handle` does, and
    /// waits for the acknowledgement if `rules` has one.
    ///
    /// # Errors
    /// As [`handles::send_handle`](crate::handles::send_handle).
    pub fn send_handle(
        &mut self,
        handle: impl AsFd,
        rules: HandleRules,
        deadline: impl Into<Deadline>,
    ) -> Result<(), Error> {
        let deadline = deadline.into();
        handles::send_one(self.stream.as_fd(), handle.as_fd(), rules, deadline)?;
        if rules.acknowledges() {
            let answer = self.recv_unframed(deadline)?;
            handles::check_acknowledgement(answer)?;
        }
        Ok(())
    }

    /// Receives one descriptor over a Unix socket, as `multiprocessing.reduction.recv_handle` does,
    /// and acknowledges it if `rules` asks for that. To receive from [`stream`](Connection::stream)
    /// instead could miss what was read ahead.
    ///
    /// # Errors
    /// As [`handles::recv_handle`](crate::handles::recv_handle).
    pub fn recv_handle(
        &mut self,
        rules: HandleRules,
        deadline: impl Into<Deadline>,
    ) -> Result<OwnedFd, Error> {
        let deadline = deadline.into();
        let byte = self.recv_unframed(deadline)?;
        let Handles { received, lost } = mem::take(&mut self.handles);
        handles::take_one(self.stream.as_fd(), byte, received, lost, rules, deadline)
    }

    fn of(stream: Stream, config: Config, hints: PeerHints, leftover: &[u8]) -> Self {
        let mut deframer = Deframer::new();
        deframer.push(leftover);
        let handles = Handles::default();
        Self { stream, config, deframer, eof: false, hints, first_message_due: true, handles }
    }

    fn authenticated(
        stream: Stream,
        config: Config,
        handshake: Handshake,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        const DOING: Doing = Doing::Authenticating;
        let mut wire = sabir_wire::Connection::with_handshake(config, handshake);
        let mut handles = Handles::default();
        loop {
            let event = wire.poll_event();
            let mut sent = Ok(());
            while let (Ok(()), Some(chunk)) = (&sent, wire.poll_transmit()) {
                sent = stream.write_all(&mut [IoSlice::new(&chunk)], deadline);
            }
            match event {
                Ok(Some(Event::Authenticated(hints))) => {
                    sent?;
                    let this = Self::of(stream, config, hints, &wire.into_parts().0);
                    return Ok(Self { handles, ..this });
                }
                Ok(Some(Event::Closed)) => return Err(Error::Closed { doing: DOING }),
                Ok(Some(_)) => sent?,
                Ok(None) if !handles.received.is_empty() => return Err(Error::Handle(TOO_EARLY)),
                Ok(None) => {
                    sent?;
                    let buffer = wire.receive_buffer(SMALLEST_READ);
                    if receive(&stream, buffer, SMALLEST_READ, &mut handles, true, DOING, deadline)? == 0 {
                        wire.handle_eof();
                    }
                }
                // Whether the peer has heard of its failure changes nothing for us.
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads once, and notes the end of the stream.
    fn receive(&mut self, doing: Doing, deadline: Deadline) -> Result<(), Error> {
        // Whatever they came with has been read as the header of a message.
        if !self.handles.received.is_empty() {
            return Err(Error::Handle("the peer sent a descriptor where a message was expected"));
        }
        let Config { limits, dialect } = self.config;
        let early = self.first_message_due || self.deframer.awaits_body(dialect, limits);
        let size = self.deframer.read_size(READ, dialect, limits);
        let waiting = self.deframer.waiting();
        let buffer = self.deframer.buffer(size);
        let body = frame::peek(buffer, dialect, limits).ok().flatten();
        let received = match body.and_then(|frame| usize::try_from(frame.frame_len()).ok()) {
            // No descriptor comes inside a message: only what follows it must be read with care.
            Some(length) if self.stream.is_unix() => {
                let limit = length.saturating_sub(waiting);
                let read = |buffer: &mut BytesMut| try_receive(&self.stream, buffer, limit);
                retry(&self.stream, || read(buffer), early, doing, deadline)?
            }
            _ => receive(&self.stream, buffer, size, &mut self.handles, early, doing, deadline)?,
        };
        self.eof = received == 0;
        Ok(())
    }

    /// Waits for one byte that belongs to no message.
    fn recv_unframed(&mut self, deadline: Deadline) -> Result<u8, Error> {
        const DOING: Doing = Doing::PassingHandle;
        loop {
            if let Some(byte) = self.deframer.take_unframed(1) {
                return byte.first().copied().ok_or(Error::Closed { doing: DOING });
            }
            if self.eof {
                return Err(Error::Closed { doing: DOING });
            }
            self.receive(DOING, deadline)?;
        }
    }
}

/// Reads what is there, or waits for it, and keeps the descriptors of a Unix socket.
fn receive(
    stream: &Stream,
    buffer: &mut BytesMut,
    size: usize,
    handles: &mut Handles,
    early: bool,
    doing: Doing,
    deadline: Deadline,
) -> Result<usize, Error> {
    if !stream.is_unix() {
        return retry(stream, || stream.try_read(buffer), early, doing, deadline);
    }
    let read = || handles::try_recv_appending(stream, buffer, size, &mut handles.received);
    let received = retry(stream, read, early, doing, deadline)?;
    handles.lost |= received.lost_descriptors;
    Ok(received.bytes)
}

/// Calls `attempt` until it does not block, and asks for `early` acknowledgement before it waits.
fn retry<T>(
    stream: &Stream,
    mut attempt: impl FnMut() -> io::Result<T>,
    early: bool,
    doing: Doing,
    deadline: Deadline,
) -> Result<T, Error> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if early {
                    stream.quickack();
                }
                wait::until_ready(stream.as_fd(), Direction::Read, deadline, doing)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map_err(Error::io(doing)),
        }
    }
}

/// What one read asks for, in bytes: as much as CPython 3.14 asks for.
const READ: usize = 64 * 1024;
