//! The handshake over a [`Stream`], in either role.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use bytes::{Buf as _, BytesMut};
use sabir_wire::auth::{AuthKey, AuthOptions, Handshake, PeerHints};
use sabir_wire::{Config, Connection, Event};

use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::handles::{Received, TOO_EARLY};
use crate::nonce::nonce;
use crate::receive::SMALLEST_READ;
use crate::tokio::{Stream, by};

/// What is known once both ends are authenticated.
#[derive(Debug)]
pub struct Authenticated {
    /// What the handshake told of the peer.
    pub hints: PeerHints,
    /// The first bytes of the application, which may have arrived with the last of the handshake.
    pub leftover: BytesMut,
    /// Descriptors that came with the last byte of `leftover`: a client may pass one at once.
    pub fds: Vec<OwnedFd>,
}

/// The listener's part: challenges first, then answers.
///
/// # Errors
/// [`Error::Wire`] if the peer's key or its bytes are wrong, after it has been told so;
/// [`Error::Timeout`], [`Error::Closed`], [`Error::Io`].
pub async fn accepting(
    stream: &Stream,
    key: AuthKey,
    options: AuthOptions,
    deadline: impl Into<Deadline>,
) -> Result<Authenticated, Error> {
    let deadline = deadline.into();
    let handshake = Handshake::accepting(key, nonce()?, options);
    by(deadline, Doing::Authenticating, drive(stream, handshake)).await?
}

/// The client's part: answers first, then challenges.
///
/// # Errors
/// As [`accepting`].
pub async fn connecting(
    stream: &Stream,
    key: AuthKey,
    options: AuthOptions,
    deadline: impl Into<Deadline>,
) -> Result<Authenticated, Error> {
    let deadline = deadline.into();
    let handshake = Handshake::connecting(key, nonce()?, options);
    by(deadline, Doing::Authenticating, drive(stream, handshake)).await?
}

async fn drive(stream: &Stream, handshake: Handshake) -> Result<Authenticated, Error> {
    let mut wire = Connection::with_handshake(Config::default(), handshake);
    let mut fds = Vec::new();
    loop {
        let event = wire.poll_event();
        let sent = transmit(stream, &mut wire).await;
        match event {
            Ok(Some(Event::Authenticated(hints))) => {
                sent?;
                return Ok(Authenticated { hints, leftover: wire.into_parts().0, fds });
            }
            Ok(Some(Event::Closed)) => return Err(Error::Closed { doing: Doing::Authenticating }),
            Ok(Some(_)) => sent?,
            Ok(None) if !fds.is_empty() => return Err(Error::Handle(TOO_EARLY)),
            Ok(None) => {
                sent?;
                receive(stream, &mut wire, &mut fds).await?;
            }
            // Whether the peer has heard of its failure changes nothing for us.
            Err(error) => return Err(error.into()),
        }
    }
}

async fn transmit(stream: &Stream, wire: &mut Connection) -> Result<(), Error> {
    while let Some(mut chunk) = wire.poll_transmit() {
        while chunk.has_remaining() {
            match stream.try_write_vectored(&[IoSlice::new(&chunk)]) {
                Ok(written) => chunk.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
                Err(source) => return Err(Error::Io { doing: Doing::Authenticating, source }),
            }
        }
    }
    Ok(())
}

async fn receive(stream: &Stream, wire: &mut Connection, fds: &mut Vec<OwnedFd>) -> Result<(), Error> {
    loop {
        let buffer = wire.receive_buffer(SMALLEST_READ);
        match stream.try_read_with_fds(buffer, SMALLEST_READ, fds) {
            Ok(Received { bytes: 0, .. }) => {
                wire.handle_eof();
                return Ok(());
            }
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.quickack();
                stream.readable().await?;
            }
            Err(source) => return Err(Error::Io { doing: Doing::Authenticating, source }),
        }
    }
}
