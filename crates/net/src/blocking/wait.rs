//! Waiting for sockets, never beyond a deadline.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::blocking::{Listener, Stream};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};

/// What [`wait`] waits for: connections, listeners, streams, and by their descriptors whatever else
/// `poll(2)` takes, such as pipes and pidfds.
pub trait Waitable {
    /// The descriptor that becomes readable.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Whether it is ready whatever its descriptor says, since what was read ahead is enough.
    fn is_ready(&self) -> bool {
        false
    }
}

impl Waitable for Listener {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

impl Waitable for Stream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

impl Waitable for BorrowedFd<'_> {
    fn descriptor(&self) -> BorrowedFd<'_> {
        *self
    }
}

impl Waitable for OwnedFd {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

/// Waits until one or more of `objects` are ready, as `multiprocessing.connection.wait` does, and says
/// which, by their places, in order. None are at the deadline, or if none were given.
///
/// A connection is ready by the rule of [`Connection::poll`](crate::blocking::Connection::poll), a
/// listener if a peer waits, a descriptor if a read would not block. One `poll(2)` asks for all.
///
/// ```
/// use std::time::Duration;
/// use sabir_net::blocking::{Connection, Listener, Stream, wait};
///
/// let listener = Listener::bind(&"127.0.0.1:0".parse()?)?;
/// let (one, mut other) = Connection::pair(Default::default())?;
/// other.send_bytes(b"hello", Duration::from_secs(1))?;
/// assert_eq!(wait(&[&listener, &one], Duration::from_secs(1))?, [1]);
/// # Ok::<(), sabir_net::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`], for example if there are more objects than this process may have descriptors.
pub fn wait(objects: &[&dyn Waitable], deadline: impl Into<Deadline>) -> Result<Vec<usize>, Error> {
    let mut deadline = deadline.into();
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let buffered: Vec<bool> = objects.iter().map(|object| object.is_ready()).collect();
    if buffered.contains(&true) {
        // The others are asked all the same, lest a busy one hide them.
        deadline = Duration::ZERO.into();
    }
    let mut fds: Vec<_> =
        objects.iter().map(|object| PollFd::from_borrowed_fd(object.descriptor(), PollFlags::IN)).collect();
    poll_until(&mut fds, deadline, Doing::Receiving)?;
    let ready = |at: &usize| buffered[*at] || !fds[*at].revents().is_empty();
    Ok((0..objects.len()).filter(ready).collect())
}

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
    if is_ready_by(socket, direction, deadline, doing)? { Ok(()) } else { Err(Error::Timeout { doing }) }
}

/// Whether the socket is ready, or has failed, by the deadline.
pub(crate) fn is_ready_by(
    socket: BorrowedFd<'_>,
    direction: Direction,
    deadline: Deadline,
    doing: Doing,
) -> Result<bool, Error> {
    let events = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    poll_until(&mut [PollFd::from_borrowed_fd(socket, events)], deadline, doing)
}

/// Whether any of these are ready by the deadline.
fn poll_until(fds: &mut [PollFd<'_>], deadline: Deadline, doing: Doing) -> Result<bool, Error> {
    loop {
        let left = deadline.left();
        match poll(fds, timeout(left).as_ref()) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) || deadline.has_passed() => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(Error::Io { doing, source: error.into() }),
        }
    }
}

/// What one `poll` may wait; `None` is for ever. Not every system takes the longest time that can be
/// said, so a far deadline is waited for in several rounds.
pub(crate) fn timeout(left: Option<Duration>) -> Option<Timespec> {
    let left = left?.min(LONGEST);
    Some(Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() })
}

const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
