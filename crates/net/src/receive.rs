//! Reading into memory that nobody has written to yet.

use std::io;
use std::os::fd::AsFd;

use bytes::BytesMut;
use rustix::net::{RecvFlags, recv};

/// What a buffer without room is given before a read, in bytes: a small request or
/// reply, or any frame of a handshake (256 bytes at most).
pub(crate) const SMALLEST_READ: usize = 512;

/// Reads what is there into the spare capacity of `buffer`, at most `limit` bytes, without waiting. To zero that capacity
/// first would write every byte of a long message twice.
#[allow(unsafe_code, reason = "bytes has no safe way to say that a system call has filled the capacity")]
pub(crate) fn try_receive(socket: impl AsFd, buffer: &mut BytesMut, limit: usize) -> io::Result<usize> {
    let filled = buffer.len();
    let spare = buffer.spare_capacity_mut();
    let limit = limit.min(spare.len());
    let ((received, _), _) = recv(socket, &mut spare[..limit], RecvFlags::DONTWAIT)?;
    let received = received.len();
    // SAFETY: rustix returns as its first slice the part of the spare capacity that the kernel has
    // written; it begins right after the bytes that were there.
    unsafe { buffer.set_len(filled + received) };
    Ok(received)
}
