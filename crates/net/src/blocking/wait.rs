//! Waiting for a socket, never beyond a deadline.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::deadline::Deadline;
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
    deadline: Deadline,
    doing: Doing,
) -> Result<(), Error> {
    let events = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    loop {
        let timeout = timeout(deadline);
        match poll(&mut [PollFd::from_borrowed_fd(socket.as_fd(), events)], timeout.as_ref()) {
            Ok(0) if deadline.has_passed() => return Err(Error::Timeout { doing }),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(Error::Io { doing, source: error.into() }),
        }
    }
}

/// What one `poll` may wait; `None` is for ever. Not every system takes the longest time that can be
/// said, so a far deadline is waited for in several rounds.
fn timeout(deadline: Deadline) -> Option<Timespec> {
    let left = deadline.left()?.min(LONGEST);
    Some(Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() })
}

const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
