//! A listening socket, in the manner of `multiprocessing.connection.Listener`.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use ::tokio::net::{TcpListener, UnixListener};
use ::tokio::time::sleep;

use crate::address::Address;
use crate::bind::{self, ACCEPT_PAUSE, AcceptFailure, Bound, BoundSocket, SocketFile};
use crate::error::{Doing, Error};
use crate::tokio::Stream;

/// A listening socket.
///
/// Accepting and authenticating are apart, unlike in Python: a peer that connects and says nothing
/// must not keep the next one waiting, so hand each stream to a task of its own. A Unix socket's
/// file has mode 0600 and goes with the listener.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: Address,
    pauses: AtomicU64,
    /// Held for its `Drop`.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds and listens. The stale file of a Unix socket whose listener is gone is replaced.
    ///
    /// # Errors
    /// [`Error::Bind`], with [`io::ErrorKind::AddrInUse`] if another process listens there, or
    /// [`Error::Unsupported`].
    pub async fn bind(address: &Address) -> Result<Self, Error> {
        let failed = |source| Error::Bind { address: address.clone(), source };
        // A host's name may have to be looked up, which blocks.
        let Bound { socket, address: bound, _file } = {
            let address = address.clone();
            let binding = ::tokio::task::spawn_blocking(move || bind::bind(&address));
            binding.await.map_err(|error| failed(io::Error::other(error)))??
        };
        let socket = match socket {
            BoundSocket::Tcp(socket) => Socket::Tcp(TcpListener::from_std(socket).map_err(failed)?),
            BoundSocket::Unix(socket) => Socket::Unix(UnixListener::from_std(socket).map_err(failed)?),
        };
        Ok(Self { socket, address: bound, pauses: AtomicU64::new(0), _file })
    }

    /// Where peers connect to: for TCP the numeric address and the port that the system picked. A
    /// host of several addresses is listened to on the first that can be bound, IPv4 before IPv6.
    #[must_use]
    pub fn local_address(&self) -> &Address {
        &self.address
    }

    /// Waits for a peer to connect. A peer that is gone before it is accepted is skipped; while the
    /// system has no descriptor left, peers stay in the backlog.
    ///
    /// # Errors
    /// [`Error::Io`] if the listener itself is broken, so that there is no use in calling again.
    pub async fn accept(&self) -> Result<Stream, Error> {
        loop {
            let accepted = match &self.socket {
                Socket::Tcp(socket) => socket.accept().await.map(|(stream, _)| Stream::from_tcp(stream)),
                Socket::Unix(socket) => socket.accept().await.map(|(stream, _)| Stream::from_unix(stream)),
            };
            let source = match accepted {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            match AcceptFailure::of(&source) {
                AcceptFailure::Next => {}
                AcceptFailure::Pause => {
                    self.pauses.fetch_add(1, Ordering::Relaxed);
                    sleep(ACCEPT_PAUSE).await;
                }
                AcceptFailure::Fatal => return Err(Error::Io { doing: Doing::Accepting, source }),
            }
        }
    }

    /// How often accepting rested because the system had no descriptor left: worth a line in a log
    /// when it grows.
    #[must_use]
    pub fn pauses(&self) -> u64 {
        self.pauses.load(Ordering::Relaxed)
    }
}
