//! Reading into memory of each kind.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use bytes::BytesMut;
use rustix::net::{RecvFlags, recv};

use crate::handles::recv_with_fds;
use crate::inbox::Handles;

/// What a buffer without room is given before a read, in bytes: a small request or
/// reply, or any frame of a handshake (256 bytes at most).
pub(crate) const SMALLEST_READ: usize = 512;

/// Reads what is there into the spare capacity of `buffer`, at most `limit` bytes, without waiting.
pub(crate) fn try_receive(socket: impl AsFd, buffer: &mut BytesMut, limit: usize) -> io::Result<usize> {
    receive(socket.as_fd(), buffer, limit, RecvFlags::DONTWAIT)
}

/// Reads what is there into the spare capacity of `buffer`, at most `limit` bytes. To zero that capacity
/// first would write every byte of a long message twice.
#[allow(unsafe_code, reason = "bytes has no safe way to say that a system call has filled the capacity")]
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut BytesMut,
    limit: usize,
    flags: RecvFlags,
) -> io::Result<usize> {
    let filled = buffer.len();
    let spare = buffer.spare_capacity_mut();
    let limit = limit.min(spare.len());
    let ((received, _), _) = recv(socket, &mut spare[..limit], flags)?;
    let received = received.len();
    // SAFETY: rustix returns as its first slice the part of the spare capacity that the kernel has
    // written; it begins right after the bytes that were there.
    unsafe { buffer.set_len(filled + received) };
    Ok(received)
}

/// Reads what is there to the front of `buffer`.
pub(crate) fn receive_into(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
    Ok(recv(socket, buffer, flags)?.1)
}

/// As [`receive`], for a Unix socket where descriptors may come along. A `recvmsg` wants memory that is
/// initialized, so the limit should be near to what will come.
pub(crate) fn receive_with_handles(
    socket: BorrowedFd<'_>,
    buffer: &mut BytesMut,
    limit: usize,
    handles: &mut Handles,
    flags: RecvFlags,
) -> io::Result<usize> {
    let filled = buffer.len();
    let spare = buffer.capacity() - filled;
    // At least one: a read of nothing would look like the end of the stream.
    buffer.resize(filled + limit.min(spare).max(1), 0);
    let received = recv_with_fds(socket, &mut buffer[filled..], &mut handles.received, flags);
    buffer.truncate(filled + received.as_ref().map_or(0, |received| received.bytes));
    let received = received?;
    handles.lost |= received.lost_descriptors;
    Ok(received.bytes)
}

/// Whether there is something to read, be it the end of the stream. Takes nothing.
#[cfg(feature = "tokio")]
pub(crate) fn peek(socket: BorrowedFd<'_>) -> io::Result<()> {
    recv(socket, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(())
}
