//! Descriptors that travel over Unix sockets, as `multiprocessing.reduction` sends them:
//! one `sendmsg` of one unframed data byte with SCM_RIGHTS beside it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
};

use crate::blocking::wait::{self, Direction};
use crate::deadline::Deadline;
use crate::error::{Doing, Error};

/// What a Python at the other end expects around a descriptor. Nothing on the wire tells which it
/// is, so whoever passes a descriptor has to know the peer's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandleRules {
    /// Python 2.7: the data byte is 0 and means nothing.
    Python27,
    /// Python 3.3 to 3.13: the data byte counts the descriptors, modulo 256.
    Counted,
    /// Python 3.14 and later, and every Python 3 on macOS: counted, and the receiver answers with
    /// one byte `A`, before which the sender does nothing else.
    Acknowledged,
}

impl HandleRules {
    /// The byte by which the receiver confirms under [`HandleRules::Acknowledged`].
    pub const ACKNOWLEDGEMENT: u8 = b'A';

    /// The rules of a Python on this machine.
    #[must_use]
    pub fn of_python(major: u8, minor: u8) -> Self {
        match (major, minor) {
            (..=2, _) => Self::Python27,
            (3, ..=13) if !cfg!(target_vendor = "apple") => Self::Counted,
            _ => Self::Acknowledged,
        }
    }

    /// The byte that goes with this many descriptors.
    #[must_use]
    pub fn data_byte(self, descriptors: usize) -> u8 {
        match self {
            Self::Python27 => 0,
            Self::Counted | Self::Acknowledged => (descriptors % 256) as u8,
        }
    }

    /// Whether the receiver answers with [`HandleRules::ACKNOWLEDGEMENT`].
    #[must_use]
    pub fn acknowledges(self) -> bool {
        self == Self::Acknowledged
    }

    /// Whether a Python of these rules could have sent this byte with this many descriptors.
    #[must_use]
    pub fn admits(self, byte: u8, descriptors: usize) -> bool {
        self == Self::Python27 || byte == self.data_byte(descriptors)
    }
}

/// Sends one descriptor, as `multiprocessing.reduction.send_handle` does, and waits for the
/// acknowledgement if `rules` has one.
///
/// # Errors
/// [`Error::Timeout`] if the peer does not read or does not answer, [`Error::Handle`] if it
/// answers with anything but an acknowledgement, as a Python without one does.
pub fn send_handle(
    socket: impl AsFd,
    handle: impl AsFd,
    rules: HandleRules,
    deadline: impl Into<Deadline>,
) -> Result<(), Error> {
    let deadline = deadline.into();
    let socket = socket.as_fd();
    send_one(socket, handle.as_fd(), rules, deadline)?;
    if !rules.acknowledges() {
        return Ok(());
    }
    let mut answer = [0];
    let (received, _) = retry(socket, Direction::Read, deadline, || {
        Ok(rustix::net::recv(socket, &mut answer, RecvFlags::DONTWAIT)?)
    })?;
    if received == 0 {
        return Err(Error::Closed { doing: Doing::PassingHandle });
    }
    check_acknowledgement(answer[0])
}

/// Receives one descriptor, as `multiprocessing.reduction.recv_handle` does, and acknowledges it
/// if `rules` asks for that. Reads one byte of data and leaves what follows.
///
/// # Errors
/// [`Error::Handle`] if the byte that comes is not accompanied by exactly one descriptor, or is
/// not the byte that `rules` goes with; what came is then closed.
pub fn recv_handle(
    socket: impl AsFd,
    rules: HandleRules,
    deadline: impl Into<Deadline>,
) -> Result<OwnedFd, Error> {
    let deadline = deadline.into();
    let socket = socket.as_fd();
    let mut byte = [0];
    let mut handles = Vec::new();
    let received =
        retry(socket, Direction::Read, deadline, || try_recv_with_fds(socket, &mut byte, &mut handles))?;
    if received.bytes == 0 {
        return Err(Error::Closed { doing: Doing::PassingHandle });
    }
    if rules.acknowledges() && !handles.is_empty() {
        acknowledge(socket, deadline)?;
    }
    take_one(byte[0], handles, received.lost_descriptors, rules)
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes; 0 at the end of the stream.
    pub bytes: usize,
    /// The kernel dropped descriptors, since this process may have no more.
    pub lost_descriptors: bool,
}

/// Sends one byte with descriptors beside it, without waiting. All of it goes or none.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] if the socket's buffer is full; EINVAL beyond 253 descriptors.
pub fn try_send_fds(socket: impl AsFd, byte: u8, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); CONTROL_SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(&[byte])], &mut control, SEND)?;
    Ok(())
}

/// Reads bytes and the descriptors beside them, without waiting. The kernel ends a read at the
/// message that carried descriptors, so they belong to the last bytes of this read: to the very
/// last, if the sender is `send_handle`. They are closed on `exec`.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] if nothing is there.
pub fn try_recv_with_fds(
    socket: impl AsFd,
    buffer: &mut [u8],
    fds: &mut Vec<OwnedFd>,
) -> io::Result<Received> {
    recv_with_fds(socket.as_fd(), buffer, fds, RecvFlags::DONTWAIT)
}

/// [`try_recv_with_fds`] that waits, if `flags` and the socket do.
pub(crate) fn recv_with_fds(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    fds: &mut Vec<OwnedFd>,
    flags: RecvFlags,
) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); CONTROL_SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, RECV | flags)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    #[cfg(target_vendor = "apple")]
    for fd in &*fds {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
    }
    let lost_descriptors = message.flags.contains(ReturnFlags::CTRUNC);
    Ok(Received { bytes: message.bytes, lost_descriptors })
}

/// [`try_recv_with_fds`] at the end of `buffer`. A `recvmsg` wants memory that is initialized, so
/// the kernel is asked how much there is, lest a small message pay for zeroing all of `limit`.
#[cfg(feature = "tokio")]
pub(crate) fn try_recv_appending(
    socket: impl AsFd,
    buffer: &mut bytes::BytesMut,
    limit: usize,
    fds: &mut Vec<OwnedFd>,
) -> io::Result<Received> {
    let socket = socket.as_fd();
    let filled = buffer.len();
    let there = usize::try_from(rustix::io::ioctl_fionread(socket)?).unwrap_or(usize::MAX);
    // At least one: a read of nothing would look like the end of the stream.
    buffer.resize(filled + there.clamp(1, limit.max(1)), 0);
    let received = try_recv_with_fds(socket, &mut buffer[filled..], fds);
    buffer.truncate(filled + received.as_ref().map_or(0, |received| received.bytes));
    received
}

/// The sending half of [`send_handle`], before any acknowledgement.
pub(crate) fn send_one(
    socket: BorrowedFd<'_>,
    handle: BorrowedFd<'_>,
    rules: HandleRules,
    deadline: Deadline,
) -> Result<(), Error> {
    let handles = [handle];
    retry(socket, Direction::Write, deadline, || {
        try_send_fds(socket, rules.data_byte(handles.len()), &handles)
    })
}

/// Linux would send the byte over TCP as well, and lose the descriptor.
pub(crate) fn check_is_unix(is_unix: bool) -> Result<(), Error> {
    let source = || io::Error::new(io::ErrorKind::Unsupported, "descriptors travel over Unix sockets only");
    if is_unix { Ok(()) } else { Err(Error::Io { doing: Doing::PassingHandle, source: source() }) }
}

pub(crate) fn check_acknowledgement(answer: u8) -> Result<(), Error> {
    if answer == HandleRules::ACKNOWLEDGEMENT {
        Ok(())
    } else {
        Err(Error::Handle("the peer did not acknowledge the descriptor"))
    }
}

/// What a receiver answers whom descriptors have reached, whether it can use them or not.
pub(crate) fn acknowledge(socket: BorrowedFd<'_>, deadline: Deadline) -> Result<(), Error> {
    retry(socket, Direction::Write, deadline, || Ok(send(socket, &[HandleRules::ACKNOWLEDGEMENT], SEND)?))?;
    Ok(())
}

/// The one descriptor that came with `byte`.
pub(crate) fn take_one(
    byte: u8,
    mut handles: Vec<OwnedFd>,
    lost_descriptors: bool,
    rules: HandleRules,
) -> Result<OwnedFd, Error> {
    if lost_descriptors {
        return Err(Error::Handle("this process has no room for the descriptor"));
    }
    if !rules.admits(byte, handles.len()) {
        return Err(Error::Handle("the data byte is not the number of descriptors"));
    }
    match (handles.pop(), handles.len()) {
        (Some(handle), 0) => Ok(handle),
        (None, _) => Err(Error::Handle("the peer sent a byte without a descriptor")),
        (Some(_), _) => Err(Error::Handle("the peer sent more than one descriptor")),
    }
}

/// Calls `attempt` until it does not block, and waits in between.
fn retry<T>(
    socket: BorrowedFd<'_>,
    direction: Direction,
    deadline: Deadline,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Result<T, Error> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait::until_ready(socket, direction, deadline, Doing::PassingHandle)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map_err(Error::io(Doing::PassingHandle)),
        }
    }
}

/// No Python sends descriptors before it is authenticated, and to keep them would let a stranger
/// use up ours.
pub(crate) const TOO_EARLY: &str = "the peer sent a descriptor before it was authenticated";

/// Room for the most descriptors that Linux passes at once, SCM_MAX_FD.
const CONTROL_SPACE: usize = rustix::cmsg_space!(ScmRights(253));

#[cfg(not(target_vendor = "apple"))]
const RECV: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(target_vendor = "apple")]
const RECV: RecvFlags = RecvFlags::empty();

/// A peer that is gone is an error, not a signal.
#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::DONTWAIT;
