//! Messages that were read ahead, from a socket that nobody else reads from.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use sabir_wire::frame::{self, FrameDialect, FrameLimits};

/// What was taken from the socket and belongs to messages that nobody has asked for yet.
///
/// The last byte of the last of them stays in the socket, so that `select` sees that there is something to receive. To
/// know where that byte is, what lies there is looked at first (MSG_PEEK) and taken then.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    allowed: bool,
    bytes: Vec<u8>,
    /// How many of them were taken out.
    taken: usize,
    /// How far to look, in bytes.
    reach: usize,
    /// For how many messages to come it is not worth looking.
    rest: u32,
}

impl Ahead {
    pub(super) fn allow(&mut self, allowed: bool) {
        self.allowed = allowed;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// Whether to look what lies in the socket, at a boundary between messages.
    pub(super) fn wants_more(&mut self) -> bool {
        if !self.allowed || !self.is_empty() {
            return false;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return false;
        }
        true
    }

    /// Looks once, and takes the whole messages that lie there.
    pub(super) fn look(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<()> {
        self.reach = self.reach.clamp(SHORTEST, LONGEST);
        self.taken = 0;
        self.bytes.clear();
        self.bytes.reserve(self.reach);
        let wait = if wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        let place = &mut self.bytes.spare_capacity_mut()[..self.reach];
        let seen = &*recv(socket, place, RecvFlags::PEEK | wait)?.0.0;
        let (seen_len, (messages, end)) = (seen.len(), whole(seen, usize::MAX));
        if messages == 0 {
            // A long message: it is better read to its place.
            self.rest = RESTS;
            self.reach /= 4;
            return Ok(());
        }
        if messages > 1 && seen_len == self.reach {
            self.reach *= 4;
        }
        // One message alone is asked for already.
        let take = if messages == 1 { end } else { end - 1 };
        self.bytes.resize(take, 0);
        let taken = recv(socket, &mut self.bytes[..], RecvFlags::DONTWAIT);
        self.bytes.truncate(taken.as_ref().map_or(0, |taken| taken.1));
        taken?;
        Ok(())
    }

    /// Takes what lies in the descriptor, the beginning of a message at its end too.
    pub(super) fn gulp(&mut self, descriptor: BorrowedFd<'_>) -> io::Result<usize> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.reserve(LONGEST);
        Ok(rustix::io::read(descriptor, spare_capacity(&mut self.bytes))?)
    }

    /// Whether a whole message is here.
    pub(super) fn has_whole(&self) -> bool {
        whole(&self.bytes[self.taken..], 1).0 > 0
    }

    /// Moves what fits to the front of `place`, and says how much that is, in bytes.
    pub(super) fn take(&mut self, place: &mut [MaybeUninit<u8>]) -> usize {
        let here = &self.bytes[self.taken..];
        let length = here.len().min(place.len());
        for (to, from) in place.iter_mut().zip(here) {
            to.write(*from);
        }
        self.taken += length;
        length
    }
}

/// How many whole messages these bytes begin with, up to `most`, and where the last of them ends.
fn whole(bytes: &[u8], most: usize) -> (usize, usize) {
    let (mut messages, mut end) = (0, 0);
    while messages < most
        && let Ok(Some(frame)) = frame::peek(&bytes[end..], FrameDialect::PY38, FrameLimits::UNLIMITED)
    {
        match usize::try_from(frame.frame_len()) {
            Ok(length) if length <= bytes.len() - end => end += length,
            _ => break,
        }
        messages += 1;
    }
    (messages, end)
}

/// How far to look at least and at most, in bytes.
const SHORTEST: usize = 1024;
const LONGEST: usize = 64 * 1024;
/// After a message that was longer than that, so many more are expected to be.
const RESTS: u32 = 16;
