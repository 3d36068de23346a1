//! Waiting for a socket, never beyond a deadline.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::{Doing, Error};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// Returns once the socket is ready or has failed, which the next call on it tells.
pub(crate) fn until_ready(
    socket: BorrowedFd<'_>,
    direction: Direction,
    deadline: Instant,
    doing: Doing,
) -> Result<(), Error> {
    let events = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left)
            .map_err(|_| Error::Io { doing, source: io::ErrorKind::InvalidInput.into() })?;
        match poll(&mut [PollFd::from_borrowed_fd(socket.as_fd(), events)], Some(&timeout)) {
            Ok(0) if Instant::now() >= deadline => return Err(Error::Timeout { doing }),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(Error::Io { doing, source: error.into() }),
        }
    }
}
