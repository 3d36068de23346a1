//! One connected socket.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};
use std::time::Duration;

use ::tokio::io::Interest;
use ::tokio::net::{TcpStream, UnixStream, lookup_host};
use ::tokio::time::sleep;
use bytes::{BufMut, BytesMut};

use crate::address::Address;
use crate::bind::unsupported;
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::handles::{self, Received};
use crate::socket::{self, FULL_BACKLOG_LONGEST, FULL_BACKLOG_PAUSE, share};
#[cfg(feature = "tls")]
use crate::tls::Ends;
use crate::tokio::by;

/// A connected socket. TCP_NODELAY is set: what is sent goes out at once.
///
/// All calls take `&self`, so that one task can read while another writes.
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
    pub async fn connect(address: &Address, deadline: impl Into<Deadline>) -> Result<Self, Error> {
        let deadline = deadline.into();
        let failed = |source| Error::Connect { address: address.clone(), source };
        match address {
            Address::Tcp { host, port } => {
                // An IPv6 address with a zone is beyond `SocketAddr`'s own parser, but the resolver knows it.
                let found = by(deadline, Doing::Resolving, lookup_host((host.as_str(), *port))).await?;
                let mut addresses: Vec<SocketAddr> = found.map_err(failed)?.collect();
                // `multiprocessing` listens on AF_INET only, even on `localhost`.
                addresses.sort_by_key(SocketAddr::is_ipv6);
                Self::connect_tcp(&addresses, deadline, failed).await
            }
            Address::Unix(_) => Self::connect_unix(address, deadline, failed).await,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Address::Abstract(_) => Self::connect_unix(address, deadline, failed).await,
            _ => Err(unsupported(address)),
        }
    }

    /// Two ends of one connection inside this process.
    ///
    /// # Errors
    /// The system's, if no descriptor is left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Self::from_unix(one), Self::from_unix(other)))
    }

    /// Takes over a connected TCP socket.
    #[must_use]
    pub fn from_tcp(socket: TcpStream) -> Self {
        // It fails only on a connection that is broken already, which the first read tells.
        let _ = socket.set_nodelay(true);
        Self { socket: Socket::Tcp(socket) }
    }

    /// Takes over a connected Unix socket.
    #[must_use]
    pub fn from_unix(socket: UnixStream) -> Self {
        Self { socket: Socket::Unix(socket) }
    }

    /// Waits until there may be something to read, be it the end of the stream.
    ///
    /// # Errors
    /// [`Error::Io`] if the runtime is shutting down.
    pub async fn readable(&self) -> Result<(), Error> {
        match &self.socket {
            Socket::Tcp(socket) => socket.readable().await,
            Socket::Unix(socket) => socket.readable().await,
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.readable().await,
        }
        .map_err(Error::io(Doing::Receiving))
    }

    /// As [`readable`](Stream::readable), for the one task that reads: its place is kept from one wait to the next, where
    /// `readable` takes a new one in a list each time.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.socket {
            Socket::Tcp(socket) => socket.poll_read_ready(context),
            Socket::Unix(socket) => socket.poll_read_ready(context),
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.poll_read_ready(context),
        }
    }

    /// Waits until there may be room to write.
    ///
    /// # Errors
    /// [`Error::Io`] if the runtime is shutting down.
    pub async fn writable(&self) -> Result<(), Error> {
        match &self.socket {
            Socket::Tcp(socket) => socket.writable().await,
            Socket::Unix(socket) => socket.writable().await,
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.writable().await,
        }
        .map_err(Error::io(Doing::Sending))
    }

    /// Reads what is there into the buffer's spare capacity, without waiting; 0 bytes is the end of
    /// the stream, unless the buffer has no room (a `BytesMut` makes some itself). Descriptors that
    /// come along are lost: see [`try_read_with_fds`](Stream::try_read_with_fds).
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there: then wait with [`readable`](Stream::readable).
    pub fn try_read(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
        match &self.socket {
            Socket::Tcp(socket) => socket.try_read_buf(buffer),
            Socket::Unix(socket) => socket.try_read_buf(buffer),
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.try_read_buf(buffer),
        }
    }

    /// Appends to `buffer` at most `limit` of the bytes that are there, and to `fds` the descriptors
    /// that came with the last of them, closed on `exec`; none ever come over TCP. See
    /// [`handles::try_recv_with_fds`] for which bytes they belong to.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there: then wait with [`readable`](Stream::readable).
    pub fn try_read_with_fds(
        &self,
        buffer: &mut BytesMut,
        limit: usize,
        fds: &mut Vec<OwnedFd>,
    ) -> io::Result<Received> {
        match &self.socket {
            Socket::Tcp(socket) => {
                buffer.reserve(limit);
                let bytes = socket.try_read_buf(&mut buffer.limit(limit))?;
                Ok(Received { bytes, lost_descriptors: false })
            }
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => {
                buffer.reserve(limit);
                let bytes = socket.try_read_buf(&mut buffer.limit(limit))?;
                Ok(Received { bytes, lost_descriptors: false })
            }
            Socket::Unix(socket) => {
                socket.try_io(Interest::READABLE, || handles::try_recv_appending(socket, buffer, limit, fds))
            }
        }
    }

    /// Writes the beginning of `pieces`, as much as there is room for, without waiting.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is none: then wait with [`writable`](Stream::writable).
    pub fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.socket {
            Socket::Tcp(socket) => socket.try_write_vectored(pieces),
            Socket::Unix(socket) => socket.try_write_vectored(pieces),
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.try_write_vectored(pieces),
        }
    }

    /// Sends one byte with descriptors beside it, all of it or none, without waiting.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is no room, [`io::ErrorKind::Unsupported`] over TCP.
    pub fn try_send_fds(&self, byte: u8, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(_) => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(feature = "tls")]
            Socket::Tls(..) => Err(io::ErrorKind::Unsupported.into()),
            Socket::Unix(socket) => {
                socket.try_io(Interest::WRITABLE, || handles::try_send_fds(socket, byte, fds))
            }
        }
    }

    /// Whether small writes leave at once (set on every stream) or may be put together.
    ///
    /// # Errors
    /// The system's, if the connection is broken.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket.set_nodelay(nodelay),
            Socket::Unix(_) => Ok(()),
            #[cfg(feature = "tls")]
            Socket::Tls(..) => Ok(()),
        }
    }

    /// Has the kernel ask the peer's machine whether it is still there, once the connection was silent for so long, and
    /// break it if nothing is answered for as long again: neither a machine that is cut off nor one that was switched off
    /// says good-bye. On Linux what was sent has to be acknowledged in twice the time as well, which a peer that reads
    /// nothing for as long fails to do once its buffers are full. On Unix sockets, whose ends cannot go unnoticed, it does nothing.
    ///
    /// # Errors
    /// The system's, if the connection is broken.
    pub fn set_keepalive(&self, silent: Duration) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket::set_keepalive(socket, silent),
            Socket::Unix(_) => Ok(()),
            #[cfg(feature = "tls")]
            Socket::Tls(..) => Ok(()),
        }
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

    /// Whether descriptors can travel over it.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self.socket, Socket::Unix(_))
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

    /// Ends the stream for the peer, while it can still be read from.
    ///
    /// # Errors
    /// The system's, if the connection is broken.
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self, rustix::net::Shutdown::Write)?)
    }

    /// Has the connection break for the peer when this end closes it, instead of ending: what the
    /// peer reads last is ConnectionResetError. Says whether it will; only TCP itself can.
    pub fn reset_on_close(&self) -> bool {
        matches!(self.socket, Socket::Tcp(_))
            && rustix::net::sockopt::set_socket_linger(self, Some(Duration::ZERO)).is_ok()
    }

    /// Our end of a pair whose other end is carried over TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn from_tunnel(socket: UnixStream, ends: Ends) -> Self {
        Self { socket: Socket::Tls(socket, ends) }
    }

    /// The TCP socket beneath; the stream itself if it is none.
    #[cfg(feature = "tls")]
    pub(crate) fn into_tcp(self) -> Result<TcpStream, Self> {
        match self.socket {
            Socket::Tcp(socket) => Ok(socket),
            _ => Err(self),
        }
    }

    /// Calls `attempt`, and notes if it says that it would block, so that it is waited for.
    pub(super) fn try_io<T>(
        &self,
        interest: Interest,
        attempt: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        match &self.socket {
            Socket::Tcp(socket) => socket.try_io(interest, attempt),
            Socket::Unix(socket) => socket.try_io(interest, attempt),
            #[cfg(feature = "tls")]
            Socket::Tls(socket, _) => socket.try_io(interest, attempt),
        }
    }

    async fn connect_tcp(
        addresses: &[SocketAddr],
        deadline: Deadline,
        failed: impl FnOnce(io::Error) -> Error,
    ) -> Result<Self, Error> {
        let mut last = Error::Timeout { doing: Doing::Connecting };
        let mut refused = None;
        for (tried, address) in addresses.iter().enumerate() {
            let share = Deadline::from(share(deadline, addresses.len() - tried));
            match by(share, Doing::Connecting, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => return Ok(Self::from_tcp(socket)),
                Ok(Err(error)) => refused = Some(error),
                Err(timeout) => last = timeout,
            }
        }
        Err(refused.map_or(last, failed))
    }

    async fn connect_unix(
        address: &Address,
        deadline: Deadline,
        failed: impl FnOnce(io::Error) -> Error,
    ) -> Result<Self, Error> {
        let mut pause = FULL_BACKLOG_PAUSE;
        loop {
            // The backlog is full: Linux gives no event to wait for.
            let source = match UnixStream::connect(socket::unix_path(address)).await {
                Ok(socket) => return Ok(Self::from_unix(socket)),
                Err(error) => error,
            };
            if source.kind() != io::ErrorKind::WouldBlock {
                return Err(failed(source));
            }
            let left = share(deadline, 1);
            if left.is_zero() {
                return Err(Error::Timeout { doing: Doing::Connecting });
            }
            sleep(pause.min(left)).await;
            pause = Duration::min(pause * 2, FULL_BACKLOG_LONGEST);
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
