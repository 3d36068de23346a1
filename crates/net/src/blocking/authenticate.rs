//! The handshake over a [`Stream`], in either role.

use std::io::IoSlice;
use std::os::fd::AsFd as _;

use rustix::net::RecvFlags;
use sabir_wire::auth::{AuthKey, AuthOptions, Handshake, PeerHints};
use sabir_wire::{Config, Connection, Event};

use crate::blocking::stream::Stream;
use crate::blocking::wait::{self, Direction};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::handles::TOO_EARLY;
use crate::inbox::{Handles, Inbox};
use crate::nonce::nonce;
use crate::receive::{SMALLEST_READ, receive, receive_with_handles};

/// The listener's part, and what has arrived after it.
pub(crate) fn accepting(
    stream: &Stream,
    config: Config,
    key: AuthKey,
    options: AuthOptions,
    deadline: Deadline,
) -> Result<(PeerHints, Inbox), Error> {
    drive(stream, config, Handshake::accepting(key, nonce()?, options), deadline)
}

/// The client's part, and what has arrived after it.
pub(crate) fn connecting(
    stream: &Stream,
    config: Config,
    key: AuthKey,
    options: AuthOptions,
    deadline: Deadline,
) -> Result<(PeerHints, Inbox), Error> {
    drive(stream, config, Handshake::connecting(key, nonce()?, options), deadline)
}

fn drive(
    stream: &Stream,
    config: Config,
    handshake: Handshake,
    deadline: Deadline,
) -> Result<(PeerHints, Inbox), Error> {
    let mut wire = Connection::with_handshake(config, handshake);
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
                return Ok((hints, Inbox::new(config, &wire.into_parts().0, handles)));
            }
            Ok(Some(Event::Closed)) => return Err(Error::Closed { doing: Doing::Authenticating }),
            Ok(Some(_)) => sent?,
            Ok(None) if !handles.received.is_empty() => return Err(Error::Handle(TOO_EARLY)),
            Ok(None) => {
                sent?;
                read(stream, &mut wire, &mut handles, deadline)?;
            }
            // Whether the peer has heard of its failure changes nothing for us.
            Err(error) => return Err(error.into()),
        }
    }
}

fn read(
    stream: &Stream,
    wire: &mut Connection,
    handles: &mut Handles,
    deadline: Deadline,
) -> Result<(), Error> {
    const DOING: Doing = Doing::Authenticating;
    let buffer = wire.receive_buffer(SMALLEST_READ);
    loop {
        let (socket, flags) = (stream.as_fd(), RecvFlags::DONTWAIT);
        let received = if stream.is_unix() {
            receive_with_handles(socket, buffer, SMALLEST_READ, handles, flags)
        } else {
            receive(socket, buffer, SMALLEST_READ, flags)
        };
        match received {
            Ok(0) => wire.handle_eof(),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                stream.quickack();
                wait::until_ready(socket, Direction::Read, deadline, DOING)?;
                continue;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Error::Io { doing: DOING, source }),
        }
        return Ok(());
    }
}
