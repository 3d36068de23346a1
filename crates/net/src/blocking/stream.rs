//! One connected socket, with a deadline on every wait.

use std::io::{self, IoSlice};
use std::net::{self, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use rustix::io::Errno;
use rustix::net::{SendFlags, SocketAddrUnix, connect};

use crate::address::Address;
use crate::bind::{resolve, unsupported};
use crate::blocking::wait::{self, Direction};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::receive::{SMALLEST_READ, try_receive};
use crate::socket::{self, FULL_BACKLOG_LONGEST, FULL_BACKLOG_PAUSE, share};
#[cfg(feature = "tls")]
use crate::tls::Ends;

/// A connected socket. TCP_NODELAY is set: what is sent goes out at once.
///
/// The descriptor is in blocking mode, as a Python's is; each call says itself how it waits.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Our end of a pair whose other end is carried over TLS, and the addresses of that connection.
    #[cfg(feature = "tls")]
    Tls(UnixStream, Ends),
}

impl Stream {
    /// Connects, trying each address of a host that has several, IPv4 first, in an equal share of
    /// the time left.
    ///
    /// # Errors
    /// [`Error::Connect`] if nobody listens there, [`Error::Timeout`] if nobody answers,
    /// [`Error::Unsupported`].
    pub fn connect(address: &Address, deadline: impl Into<Deadline>) -> Result<Self, Error> {
        let deadline = deadline.into();
        let failed = |source| Error::Connect { address: address.clone(), source };
        match address {
            Address::Tcp { host, port } => {
                let addresses = resolve_by(host, *port, deadline)?.map_err(failed)?;
                Self::connect_tcp(&addresses, deadline, failed)
            }
            Address::Unix(path) => {
                let name = SocketAddrUnix::new(path.as_path()).map_err(|error| failed(error.into()))?;
                Self::connect_unix(&name, deadline, failed)
            }
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Address::Abstract(name) => {
                let name = SocketAddrUnix::new_abstract_name(name).map_err(|error| failed(error.into()))?;
                Self::connect_unix(&name, deadline, failed)
            }
            _ => Err(unsupported(address)),
        }
    }

    /// Two ends of one connection inside this process.
    ///
    /// # Errors
    /// The system's, if no descriptor is left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Self::from_unix(one)?, Self::from_unix(other)?))
    }

    /// Takes over a connected TCP socket.
    ///
    /// # Errors
    /// The system's, if the socket cannot be made to block.
    pub fn from_tcp(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        // It fails only on a connection that is broken already, which the first read tells.
        let _ = socket.set_nodelay(true);
        Ok(Self { socket: Socket::Tcp(socket) })
    }

    /// Takes over a connected Unix socket.
    ///
    /// # Errors
    /// The system's, if the socket cannot be made to block.
    pub fn from_unix(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        Ok(Self { socket: Socket::Unix(socket) })
    }

    /// Our end of a pair whose other end is carried over TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn from_tunnel(socket: UnixStream, ends: Ends) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        Ok(Self { socket: Socket::Tls(socket, ends) })
    }

    /// Appends to `buffer` what is there, or waits for it; 0 bytes is the end of the stream. Reads as
    /// much as the buffer has room for, and makes some if it has none. Descriptors that come along
    /// are lost: see [`handles`](crate::handles).
    ///
    /// # Errors
    /// [`Error::Timeout`] if nothing arrives in time, [`Error::Io`].
    pub fn read(&self, buffer: &mut BytesMut, deadline: impl Into<Deadline>) -> Result<usize, Error> {
        let deadline = deadline.into();
        self.retry(Direction::Read, deadline, || self.try_read(buffer))
    }

    /// Appends to `buffer` what is there, without waiting; 0 bytes is the end of the stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there.
    pub fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        if buffer.len() == buffer.capacity() {
            buffer.reserve(SMALLEST_READ);
        }
        try_receive(self, buffer, usize::MAX)
    }

    /// Waits until there is something to read, be it the end of the stream.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Io`].
    pub fn readable(&self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        let deadline = deadline.into();
        wait::until_ready(self.as_fd(), Direction::Read, deadline, Doing::Receiving)
    }

    /// Writes all of `pieces`, in one system call if the socket's buffer takes them.
    ///
    /// # Errors
    /// [`Error::Timeout`] if the peer does not read, [`Error::Io`]; part may have been sent, so that
    /// the connection is of no further use.
    pub fn write_all(
        &self,
        mut pieces: &mut [IoSlice<'_>],
        deadline: impl Into<Deadline>,
    ) -> Result<(), Error> {
        let deadline = deadline.into();
        IoSlice::advance_slices(&mut pieces, 0);
        while !pieces.is_empty() {
            let write = || socket::send(self, pieces, SendFlags::DONTWAIT);
            let written = self.retry(Direction::Write, deadline, write)?;
            IoSlice::advance_slices(&mut pieces, written);
        }
        Ok(())
    }

    /// Has the kernel acknowledge at once what arrives next, so that a peer which never sets
    /// TCP_NODELAY, as no stock Python does, sends its next segment without a delay of 40 ms. Call
    /// it after sending and before waiting: sending ends its effect. Only Linux can; elsewhere, and
    /// on Unix sockets, it does nothing.
    pub fn quickack(&self) {
        if let Socket::Tcp(socket) = &self.socket {
            socket::quickack(socket);
        }
    }

    /// The address of this end, unless it is a Unix socket without a name.
    ///
    /// # Errors
    /// The system's, if the connection is broken.
    pub fn local_address(&self) -> io::Result<Option<Address>> {
        #[cfg(feature = "tls")]
        if let Socket::Tls(_, ends) = &self.socket {
            return Ok(Some(ends.local.clone()));
        }
        socket::local_address(self)
    }

    /// The address of the other end, unless it is a Unix socket without a name.
    ///
    /// # Errors
    /// The system's, if the connection is broken.
    pub fn peer_address(&self) -> io::Result<Option<Address>> {
        #[cfg(feature = "tls")]
        if let Socket::Tls(_, ends) = &self.socket {
            return Ok(Some(ends.peer.clone()));
        }
        socket::peer_address(self)
    }

    /// The process at the other end of a Unix socket, as it was when the connection was made.
    #[must_use]
    pub fn peer_pid(&self) -> Option<u32> {
        if self.is_unix() { socket::peer_pid(self) } else { None }
    }

    /// Where a TCP connection was going before a firewall rule redirected it here (Linux).
    ///
    /// # Errors
    /// The system's, if it was not redirected; [`io::ErrorKind::Unsupported`] elsewhere.
    pub fn original_destination(&self) -> io::Result<Address> {
        match &self.socket {
            Socket::Tcp(socket) => socket::original_destination(socket),
            Socket::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(feature = "tls")]
            Socket::Tls(..) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether descriptors can travel over it.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self.socket, Socket::Unix(_))
    }

    /// Ends the stream for the peer, while it can still be read from.
    ///
    /// # Errors
    /// The system's, if the connection is broken.
    pub fn shutdown_write(&self) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(net::Shutdown::Write),
            Socket::Unix(socket) => socket.shutdown(net::Shutdown::Write),
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.shutdown(net::Shutdown::Write),
        }
    }

    fn connect_tcp(
        addresses: &[net::SocketAddr],
        deadline: Deadline,
        failed: impl FnOnce(io::Error) -> Error,
    ) -> Result<Self, Error> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for (tried, address) in addresses.iter().enumerate() {
            let share = share(deadline, addresses.len() - tried);
            // A timeout of zero is refused as an argument.
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                Ok(socket) => return Self::from_tcp(socket).map_err(Error::io(Doing::Connecting)),
                Err(error) => last = error,
            }
        }
        if last.kind() == io::ErrorKind::TimedOut {
            return Err(Error::Timeout { doing: Doing::Connecting });
        }
        Err(failed(last))
    }

    fn connect_unix(
        name: &SocketAddrUnix,
        deadline: Deadline,
        failed: impl FnOnce(io::Error) -> Error,
    ) -> Result<Self, Error> {
        let socket = socket::unix().map_err(Error::io(Doing::Connecting))?;
        let mut pause = FULL_BACKLOG_PAUSE;
        loop {
            match connect(&socket, name) {
                Ok(()) => break,
                // A full backlog. Linux gives no event to wait for, and to block, as CPython
                // does, would have no deadline.
                Err(Errno::AGAIN) => {
                    let left = share(deadline, 1);
                    if left.is_zero() {
                        return Err(Error::Timeout { doing: Doing::Connecting });
                    }
                    thread::sleep(pause.min(left));
                    pause = (pause * 2).min(FULL_BACKLOG_LONGEST);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
        Self::from_unix(socket.into()).map_err(Error::io(Doing::Connecting))
    }

    /// Calls `attempt` until it does not block, and waits in between.
    fn retry<T>(
        &self,
        direction: Direction,
        deadline: Deadline,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> Result<T, Error> {
        let doing = match direction {
            Direction::Read => Doing::Receiving,
            Direction::Write => Doing::Sending,
        };
        loop {
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait::until_ready(self.as_fd(), direction, deadline, doing)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done.map_err(Error::io(doing)),
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.as_fd(),
        }
    }
}

impl From<Stream> for OwnedFd {
    fn from(stream: Stream) -> Self {
        match stream.socket {
            Socket::Tcp(socket) => socket.into(),
            Socket::Unix(socket) => socket.into(),
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.into(),
        }
    }
}

/// Looks a host up. The system's resolver knows no deadline: past ours its thread is left behind,
/// and ends when the resolver gives up.
fn resolve_by(host: &str, port: u16, deadline: Deadline) -> Result<io::Result<Vec<net::SocketAddr>>, Error> {
    if let Ok(ip) = host.parse() {
        return Ok(Ok(vec![net::SocketAddr::new(ip, port)]));
    }
    let (answer, answered) = mpsc::channel();
    let host = host.to_owned();
    thread::Builder::new()
        .name("resolver".into())
        .spawn(move || {
            // Nobody listens any more past the deadline.
            let _ = answer.send(resolve(&host, port));
        })
        .map_err(Error::io(Doing::Resolving))?;
    answered.recv_timeout(share(deadline, 1)).map_err(|_| Error::Timeout { doing: Doing::Resolving })
}
