//! What both drivers ask of a socket beyond what the standard library offers.

use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType,
    sendmsg, socket_with,
};

use crate::address::Address;
use crate::deadline::Deadline;

/// A Unix socket that does not block and that no child inherits.
pub(crate) fn unix() -> io::Result<OwnedFd> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(socket)
    }
}

/// How long to rest before a Unix listener with a full backlog is asked again.
pub(crate) const FULL_BACKLOG_PAUSE: Duration = Duration::from_millis(1);
/// To what that rest grows.
pub(crate) const FULL_BACKLOG_LONGEST: Duration = Duration::from_millis(20);

/// The time left for the next of several attempts; of for ever that is long, too.
pub(crate) fn share(deadline: Deadline, attempts: usize) -> Duration {
    let left = deadline.left().unwrap_or(Duration::MAX);
    left / u32::try_from(attempts.max(1)).unwrap_or(u32::MAX)
}

/// Has the kernel acknowledge at once what arrives on a TCP socket, until we next send.
///
/// A stock Python never sets TCP_NODELAY. It writes `#WELCOME#` and its first request as two small
/// segments, and from 16,385 bytes on the header of a message apart from its body; in both cases
/// its kernel holds the second back until the first is acknowledged, which ours would put off for
/// 40 ms.
pub(crate) fn quickack(socket: impl AsFd) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // It fails only on a socket that is broken, and then the next read says so.
    let _ = rustix::net::sockopt::set_tcp_quickack(socket, true);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}

/// Writes the beginning of `pieces`. That the peer is gone is an error, not a signal.
pub(crate) fn send(socket: impl AsFd, pieces: &[IoSlice<'_>], flags: SendFlags) -> io::Result<usize> {
    let pieces = &pieces[..pieces.len().min(IOV_MAX)];
    if let [piece] = pieces {
        // The kernel has less to look at.
        return Ok(rustix::net::send(socket, piece, flags | NOSIGNAL)?);
    }
    Ok(sendmsg(socket, pieces, &mut SendAncillaryBuffer::default(), flags | NOSIGNAL)?)
}

/// Asks after `silent`, four times more in as long again, and then takes the peer for gone. Nobody is asked while something
/// sent is not acknowledged: that gets as long in all, instead of the quarter of an hour for which Linux repeats it.
#[cfg(feature = "tokio")]
pub(crate) fn set_keepalive(socket: impl AsFd, silent: Duration) -> io::Result<()> {
    use rustix::net::sockopt;

    const PROBES: u32 = 5;
    let seconds = |time: Duration| Duration::from_secs(time.as_secs().max(1));
    let socket = socket.as_fd();
    sockopt::set_socket_keepalive(socket, true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        sockopt::set_tcp_keepidle(socket, seconds(silent))?;
        sockopt::set_tcp_keepintvl(socket, seconds(silent / PROBES))?;
        sockopt::set_tcp_keepcnt(socket, PROBES)?;
        let patience = (2 * seconds(silent)).as_millis();
        sockopt::set_tcp_user_timeout(socket, patience.try_into().unwrap_or(u32::MAX))?;
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (silent, seconds);
    Ok(())
}

/// How many pieces Linux, the BSDs and macOS take in one call.
const IOV_MAX: usize = 1024;
#[cfg(not(target_vendor = "apple"))]
const NOSIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// There the standard library turns the signal off for each socket.
#[cfg(target_vendor = "apple")]
const NOSIGNAL: SendFlags = SendFlags::empty();

/// Where a connection was going before a firewall rule redirected it here.
pub(crate) fn original_destination(socket: impl AsFd) -> io::Result<Address> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::net::sockopt::{ip_original_dst, ipv6_original_dst};

        let socket = socket.as_fd();
        match ip_original_dst(socket) {
            Ok(v4) => Ok(SocketAddr::V4(v4).into()),
            Err(v4_error) => match ipv6_original_dst(socket) {
                Ok(v6) => Ok(SocketAddr::V6(v6).into()),
                Err(_) => Err(v4_error.into()),
            },
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = socket;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The process at the other end of a Unix socket, as it was when the connection was made.
pub(crate) fn peer_pid(socket: impl AsFd) -> Option<u32> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let pid = rustix::net::sockopt::socket_peercred(socket).ok()?.pid;
        u32::try_from(pid.as_raw_nonzero().get()).ok()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = socket;
        None
    }
}

/// The address of this end, unless it is a Unix socket without a name.
pub(crate) fn local_address(socket: impl AsFd) -> io::Result<Option<Address>> {
    name(rustix::net::getsockname(socket)?)
}

/// The address of the other end, unless it is a Unix socket without a name.
pub(crate) fn peer_address(socket: impl AsFd) -> io::Result<Option<Address>> {
    name(rustix::net::getpeername(socket)?.ok_or(io::ErrorKind::NotConnected)?)
}

fn name(address: SocketAddrAny) -> io::Result<Option<Address>> {
    if address.address_family() != AddressFamily::UNIX {
        return Ok(Some(SocketAddr::try_from(address)?.into()));
    }
    let address = SocketAddrUnix::try_from(address)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.abstract_name().filter(|name| !name.is_empty()) {
        return Ok(Some(Address::Abstract(name.to_vec())));
    }
    let path = address.path().filter(|path| !path.is_empty());
    Ok(path.map(|path| Address::Unix(OsStr::from_bytes(path.to_bytes()).into())))
}

/// The path by which tokio dials a Unix address: it takes one with a leading NUL for an abstract name.
#[cfg(feature = "tokio")]
pub(crate) fn unix_path(address: &Address) -> std::path::PathBuf {
    match address {
        Address::Abstract(name) => OsStr::from_bytes(&[b"\0", name.as_slice()].concat()).into(),
        Address::Unix(path) => path.clone(),
        _ => std::path::PathBuf::new(),
    }
}
