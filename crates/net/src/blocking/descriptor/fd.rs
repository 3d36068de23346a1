//! One descriptor of whatever kind: what it is, and waiting for it.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, getsockname, recv};

use crate::blocking::wait::{Direction, timeout};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::socket;

/// Asked when a signal interrupts a wait: whether to wait on. If not, the call ends with [`Error::Io`] of kind
/// [`Interrupted`](io::ErrorKind::Interrupted), and nothing is lost. A Python runs its signal handlers here.
pub type Interrupted<'a> = &'a mut dyn FnMut() -> bool;

/// What a descriptor is, as far as reading and writing differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TCP socket.
    Tcp,
    /// Any other socket.
    Unix,
    /// A pipe, or what else can be read from and written to.
    Pipe,
}

impl Kind {
    /// Looks at the descriptor, and sets TCP_NODELAY if that means something there.
    #[must_use]
    pub fn of(descriptor: BorrowedFd<'_>) -> Self {
        match getsockname(descriptor).map(|name| name.address_family()) {
            Ok(AddressFamily::INET | AddressFamily::INET6) => {
                // It fails only on a connection that is broken already, which the first read tells.
                let _ = rustix::net::sockopt::set_tcp_nodelay(descriptor, true);
                Self::Tcp
            }
            Ok(_) => Self::Unix,
            Err(_) => Self::Pipe,
        }
    }

    /// Reads what is there to the front of `place`, or waits for it; of a socket all of `place` if `whole`. A pipe
    /// always waits.
    pub(super) fn read(
        self,
        descriptor: BorrowedFd<'_>,
        place: &mut [MaybeUninit<u8>],
        whole: bool,
        wait: bool,
    ) -> io::Result<usize> {
        if self == Self::Pipe {
            return Ok(rustix::io::read(descriptor, place)?.0.len());
        }
        let mut flags = RecvFlags::empty();
        flags.set(RecvFlags::WAITALL, whole && wait);
        flags.set(RecvFlags::DONTWAIT, !wait);
        Ok(recv(descriptor, place, flags)?.1)
    }

    /// Writes the beginning of `pieces`.
    pub(super) fn write(
        self,
        descriptor: BorrowedFd<'_>,
        pieces: &[io::IoSlice<'_>],
        wait: bool,
    ) -> io::Result<usize> {
        match self {
            Self::Pipe if wait => Ok(rustix::io::writev(descriptor, pieces)?),
            Self::Pipe => {
                let piece = pieces.iter().find(|piece| !piece.is_empty()).map_or(&[][..], |piece| &piece[..]);
                Ok(rustix::io::write(descriptor, &piece[..piece.len().min(PIPE_BUF)])?)
            }
            Self::Tcp | Self::Unix => {
                socket::send(descriptor, pieces, if wait { SendFlags::empty() } else { SendFlags::DONTWAIT })
            }
        }
    }

    /// Whether a call can be told not to wait. A pipe cannot: it is asked first.
    pub(super) fn can_refuse_to_wait(self) -> bool {
        self != Self::Pipe
    }
}

/// Whether there is something to read, be it the end of the stream, by the deadline.
///
/// # Errors
/// [`Error::Io`].
pub fn ready_by(
    descriptor: BorrowedFd<'_>,
    deadline: impl Into<Deadline>,
    interrupted: Interrupted<'_>,
) -> Result<bool, Error> {
    wait_for(descriptor, Direction::Read, deadline.into(), Doing::Receiving, interrupted)
}

/// Whether the descriptor is ready, or has failed, by the deadline.
pub(super) fn wait_for(
    descriptor: BorrowedFd<'_>,
    direction: Direction,
    deadline: Deadline,
    doing: Doing,
    interrupted: Interrupted<'_>,
) -> Result<bool, Error> {
    let events = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    loop {
        let left = deadline.left();
        match poll(&mut [PollFd::from_borrowed_fd(descriptor, events)], timeout(left).as_ref()) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) || deadline.has_passed() => return Ok(false),
            Ok(0) => {}
            Err(Errno::INTR) if interrupted() => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(Error::Io { doing, source: error.into() }),
        }
    }
}

/// A pipe that is ready for writing takes so many bytes without waiting.
const PIPE_BUF: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };
