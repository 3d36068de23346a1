//! A listening socket, in the manner of `multiprocessing.connection.Listener`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;

use crate::address::Address;
use crate::bind::{self, ACCEPT_PAUSE, AcceptFailure, Bound, BoundSocket};
use crate::blocking::stream::Stream;
use crate::blocking::wait::{self, Direction};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::socket::share;

/// A listening socket.
///
/// Accepting and authenticating are apart, unlike in Python: a peer that connects and says nothing
/// must not keep the next one waiting. A Unix socket's file has mode 0600 and goes with the listener.
#[derive(Debug)]
pub struct Listener {
    bound: Bound,
}

impl Listener {
    /// Binds and listens. The stale file of a Unix socket whose listener is gone is replaced.
    ///
    /// # Errors
    /// [`Error::Bind`], with [`io::ErrorKind::AddrInUse`] if another process listens there, or
    /// [`Error::Unsupported`].
    pub fn bind(address: &Address) -> Result<Self, Error> {
        Ok(Self { bound: bind::bind(address)? })
    }

    /// Where peers connect to: for TCP the numeric address and the port that the system picked.
    #[must_use]
    pub fn local_address(&self) -> &Address {
        &self.bound.address
    }

    /// Waits for a peer to connect. What can be mended by waiting, such as a shortage of
    /// descriptors, is waited out.
    ///
    /// # Errors
    /// [`Error::Timeout`] at the deadline, [`Error::Io`] if the listener itself is broken.
    pub fn accept(&self, deadline: impl Into<Deadline>) -> Result<Stream, Error> {
        let deadline = deadline.into();
        const DOING: Doing = Doing::Accepting;
        loop {
            match self.try_accept() {
                Ok(stream) => return Ok(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait::until_ready(self.as_fd(), Direction::Read, deadline, DOING)?;
                }
                Err(error) => match AcceptFailure::of(&error) {
                    AcceptFailure::Next => {}
                    AcceptFailure::Pause => {
                        if deadline.has_passed() {
                            return Err(Error::Timeout { doing: DOING });
                        }
                        thread::sleep(share(deadline, 1).min(ACCEPT_PAUSE));
                    }
                    AcceptFailure::Fatal => return Err(Error::Io { doing: DOING, source: error }),
                },
            }
        }
    }

    fn try_accept(&self) -> io::Result<Stream> {
        match &self.bound.socket {
            BoundSocket::Tcp(socket) => Stream::from_tcp(socket.accept()?.0),
            BoundSocket::Unix(socket) => Stream::from_unix(socket.accept()?.0),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.bound.socket {
            BoundSocket::Tcp(socket) => socket.as_fd(),
            BoundSocket::Unix(socket) => socket.as_fd(),
        }
    }
}
