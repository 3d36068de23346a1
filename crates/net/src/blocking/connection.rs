//! Messages over a stream, in the manner of `multiprocessing.connection.Connection`.

use std::io::{self, IoSlice};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use sabir_wire::auth::{AuthKey, AuthOptions, Handshake, PeerHints};
use sabir_wire::{Config, Event};

use crate::blocking::stream::Stream;
use crate::error::{Doing, Error};
use crate::nonce::nonce;
use crate::receive::SMALLEST_READ;

/// Messages over a stream, after authentication if there is any.
///
/// An error other than a timeout in [`recv_bytes`](Connection::recv_bytes) ends the connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    wire: sabir_wire::Connection,
    hints: PeerHints,
    /// A stock client's first message follows `#WELCOME#` as a second small segment.
    first_message_due: bool,
}

impl Connection {
    /// A connection whose ends do not authenticate.
    #[must_use]
    pub fn new(stream: Stream, config: Config) -> Self {
        let wire = sabir_wire::Connection::new(config);
        Self { stream, wire, hints: PeerHints::default(), first_message_due: true }
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
        deadline: Instant,
    ) -> Result<Self, Error> {
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
        deadline: Instant,
    ) -> Result<Self, Error> {
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
    #[must_use]
    pub fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.wire.into_parts().0)
    }

    /// Sends one message: header and body in one system call, the body without a copy.
    ///
    /// # Errors
    /// [`Error::Wire`] if the peer's dialect has no header for the length: then nothing is sent.
    /// Otherwise part may have been, so that the connection is of no further use.
    pub fn send_bytes(&mut self, message: &[u8], deadline: Instant) -> Result<(), Error> {
        let header =
            self.wire.config().dialect.header(message.len() as u64).map_err(sabir_wire::Error::from)?;
        self.stream.write_all(&mut [IoSlice::new(&header), IoSlice::new(message)], deadline)
    }

    /// Waits for one message; nothing if the peer closed the connection between messages.
    ///
    /// # Errors
    /// [`Error::Wire`] if what comes is no frame or one beyond the limits, [`Error::Timeout`] if
    /// it is not there in time: a later call goes on where this one stopped.
    pub fn recv_bytes(&mut self, deadline: Instant) -> Result<Option<Bytes>, Error> {
        loop {
            match self.wire.poll_event()? {
                Some(Event::Message(message)) => {
                    self.first_message_due = false;
                    return Ok(Some(message));
                }
                Some(Event::Closed) => return Ok(None),
                Some(_) => {}
                None => {
                    let early = self.first_message_due || self.wire.awaits_body();
                    self.receive(early, Doing::Receiving, deadline)?;
                }
            }
        }
    }

    fn authenticated(
        stream: Stream,
        config: Config,
        handshake: Handshake,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let mut this = Self {
            stream,
            wire: sabir_wire::Connection::with_handshake(config, handshake),
            hints: PeerHints::default(),
            first_message_due: true,
        };
        loop {
            let event = this.wire.poll_event();
            let sent = this.transmit(deadline);
            match event {
                Ok(Some(Event::Authenticated(hints))) => {
                    sent?;
                    this.hints = hints;
                    return Ok(this);
                }
                Ok(Some(Event::Closed)) => return Err(Error::Closed { doing: Doing::Authenticating }),
                Ok(Some(_)) => sent?,
                Ok(None) => {
                    sent?;
                    this.receive(true, Doing::Authenticating, deadline)?;
                }
                // Whether the peer has heard of its failure changes nothing for us.
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes what the state machine has to say.
    fn transmit(&mut self, deadline: Instant) -> Result<(), Error> {
        while let Some(chunk) = self.wire.poll_transmit() {
            self.stream.write_all(&mut [IoSlice::new(&chunk)], deadline)?;
        }
        Ok(())
    }

    /// Reads once, and asks for early acknowledgement if that read has to wait.
    fn receive(&mut self, early: bool, doing: Doing, deadline: Instant) -> Result<(), Error> {
        let slack = if self.wire.is_authenticating() { SMALLEST_READ } else { READ };
        loop {
            match self.stream.try_read(self.wire.receive_buffer(slack)) {
                Ok(0) => {
                    self.wire.handle_eof();
                    return Ok(());
                }
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if early {
                        self.stream.quickack();
                    }
                    self.stream.readable(deadline).map_err(|error| match error {
                        Error::Timeout { .. } => Error::Timeout { doing },
                        other => other,
                    })?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Io { doing, source }),
            }
        }
    }
}

/// What one read asks for, in bytes: half a Unix socket's buffer on Linux.
const READ: usize = 64 * 1024;
