//! Writing and reading until it is done, never beyond a deadline.

use std::io;
use std::ops::Deref;
use std::os::fd::AsFd as _;

use rustix::net::{RecvFlags, SendFlags};

use crate::blocking::stream::Stream;
use crate::blocking::timeout::ReceiveTimeout;
use crate::blocking::wait::{self, Direction};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::outbox::Sending;
use crate::socket;

/// Writes until all has left.
pub(crate) fn transmit<P: Deref<Target = [u8]>>(
    stream: &Stream,
    mut sending: Sending<'_, P>,
    deadline: Deadline,
) -> Result<(), Error> {
    let flags = if deadline == Deadline::NEVER { SendFlags::empty() } else { SendFlags::DONTWAIT };
    while !sending.is_over() {
        match sending.step(|pieces| socket::send(stream, pieces, flags)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait::until_ready(stream.as_fd(), Direction::Write, deadline, sending.doing())?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Io { doing: Doing::Sending, source }),
        }
    }
    Ok(())
}

/// Calls `read` until it has read, and acknowledges before it waits if that is wanted `early`.
pub(crate) fn receive<T>(
    stream: &Stream,
    timeout: &mut ReceiveTimeout,
    early: bool,
    doing: Doing,
    deadline: Deadline,
    mut read: impl FnMut(RecvFlags) -> io::Result<T>,
) -> Result<T, Error> {
    let early = early && !stream.is_unix();
    loop {
        let flags = if early { RecvFlags::DONTWAIT } else { timeout.flags(stream.as_fd(), deadline) };
        match read(flags) {
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
