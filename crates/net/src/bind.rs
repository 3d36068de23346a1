//! Listening sockets, made the same way for either driver.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use rustix::io::Errno;

use crate::address::Address;
use crate::error::Error;

pub(crate) use self::unix::SocketFile;

/// A listening socket that does not block, and the address that peers reach it by.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) socket: BoundSocket,
    pub(crate) address: Address,
    /// Held for its `Drop`.
    pub(crate) _file: Option<SocketFile>,
}

#[derive(Debug)]
pub(crate) enum BoundSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Binds and listens. A host's name is looked up, which may block.
pub(crate) fn bind(address: &Address) -> Result<Bound, Error> {
    let failed = |source| Error::Bind { address: address.clone(), source };
    match address {
        Address::Tcp { host, port } => {
            let socket = tcp(host, *port).map_err(failed)?;
            let address = socket.local_addr().map_err(failed)?.into();
            Ok(Bound { socket: BoundSocket::Tcp(socket), address, _file: None })
        }
        Address::Unix(path) => {
            let (socket, file) = unix::path(path).map_err(failed)?;
            Ok(Bound { socket: BoundSocket::Unix(socket), address: address.clone(), _file: Some(file) })
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Address::Abstract(name) => {
            let socket = unix::abstract_name(name).map_err(failed)?;
            Ok(Bound { socket: BoundSocket::Unix(socket), address: address.clone(), _file: None })
        }
        _ => Err(unsupported(address)),
    }
}

/// The error for an address that can be written but not used here.
pub(crate) fn unsupported(address: &Address) -> Error {
    let why = match address {
        Address::Tls { .. } if cfg!(feature = "tls") => "TLS wants certificates, which were not given",
        Address::Tls { .. } => "this build has no TLS: it is the feature `tls`",
        Address::Pipe(_) => "this build has no named pipes",
        Address::Abstract(_) => "only Linux has an abstract namespace",
        Address::Tcp { .. } | Address::Unix(_) => "this platform has no such sockets",
    };
    Error::Unsupported { address: address.clone(), why }
}

/// The addresses of a host, IPv4 first: the addresses of `multiprocessing` are AF_INET, and its
/// `Client` can dial no other, so a listener on `localhost` has to be found at 127.0.0.1.
pub(crate) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}

/// What a failed `accept` asks of an accept loop.
pub(crate) enum AcceptFailure {
    /// One peer came to grief on its way in; the next may be waiting already.
    Next,
    /// The process or the system has no descriptor or memory left. The peer stays in the backlog,
    /// so that to try again at once would spin.
    Pause,
    /// The listener itself is unusable.
    Fatal,
}

impl AcceptFailure {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Self::Pause,
            // accept(2) hands over errors that were pending on the new connection.
            Some(
                Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::HOSTUNREACH
                | Errno::INTR
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::PERM
                | Errno::PROTO
                | Errno::TIMEDOUT,
            ) => Self::Next,
            _ => Self::Fatal,
        }
    }
}

/// How long an accept loop rests when there is no descriptor left.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

fn tcp(host: &str, port: u16) -> io::Result<TcpListener> {
    // The standard library sets SO_REUSEADDR on Unix, as CPython's `SocketListener` does, and
    // listens with a backlog of 128, CPython's own for manager servers from 3.13 on.
    let socket = TcpListener::bind(resolve(host, port)?.as_slice())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            // An IPv4 peer of an IPv6 listener, by the name that an AF_INET client can dial.
            _ => address.ip().to_canonical().to_string(),
        };
        Self::Tcp { host, port: address.port() }
    }
}

mod unix {
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};

    use rustix::io::Errno;
    use rustix::net::{SocketAddrUnix, bind, connect, listen};

    use crate::socket;

    /// CPython's backlog for manager servers, from 3.13 on.
    const BACKLOG: i32 = 128;

    pub(crate) fn path(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
        let name = SocketAddrUnix::new(path)?;
        let socket = socket::unix()?;
        match bind(&socket, &name) {
            Err(Errno::ADDRINUSE) => {
                remove_stale(path, &name)?;
                bind(&socket, &name)?;
            }
            bound => bound?,
        }
        let file = SocketFile::of(path)?;
        // Nobody can connect before `listen`, so there is no moment at which others could. The
        // umask would do the same for every file that another thread creates meanwhile.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok((listening(socket)?, file))
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn abstract_name(name: &[u8]) -> io::Result<UnixListener> {
        let socket = socket::unix()?;
        bind(&socket, &SocketAddrUnix::new_abstract_name(name)?)?;
        listening(socket)
    }

    fn listening(socket: OwnedFd) -> io::Result<UnixListener> {
        listen(&socket, BACKLOG)?;
        Ok(UnixListener::from(socket))
    }

    /// Removes the socket of a listener that is gone, and nothing else.
    fn remove_stale(path: &Path, name: &SocketAddrUnix) -> io::Result<()> {
        let before = fs::symlink_metadata(path)?;
        if !before.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path is in use, and is no socket"));
        }
        // A live listener accepts, or has a full backlog (EAGAIN).
        if connect(socket::unix()?, name) != Err(Errno::CONNREFUSED) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process is listening there"));
        }
        // Between the question and its answer another process may have replaced the file. This
        // narrows the window in which two starting processes can take each other's path; only a
        // lock file could close it.
        let after = fs::symlink_metadata(path)?;
        if (before.dev(), before.ino()) == (after.dev(), after.ino()) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// The file of a bound socket, removed when the listener closes.
    #[derive(Debug)]
    pub(crate) struct SocketFile {
        path: PathBuf,
        identity: (u64, u64),
        /// A forked child inherits the listener, but its end is not the listener's.
        owner: u32,
    }

    impl SocketFile {
        fn of(path: &Path) -> io::Result<Self> {
            let file = fs::symlink_metadata(path)?;
            let path = std::path::absolute(path)?;
            Ok(Self { path, identity: (file.dev(), file.ino()), owner: std::process::id() })
        }
    }

    impl Drop for SocketFile {
        fn drop(&mut self) {
            // Somebody may have removed the file and put his own there.
            let ours =
                fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.identity);
            if ours && self.owner == std::process::id() {
                // Nobody is left to tell.
                let _ = fs::remove_file(&self.path);
            }
        }
    }
}
