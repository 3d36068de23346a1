//! What is to be written still, for either driver.

use std::io::{self, IoSlice};
use std::ops::Deref;

use sabir_wire::frame::Header;

use crate::error::Doing;

/// Bytes that wait to be written: small messages, and the rest of one that a deadline has cut.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Vec<u8>,
    /// How much of the queue is written already.
    written: usize,
    /// Where small pieces of one write are put together; used again by the next.
    scratch: Vec<u8>,
}

impl Outbox {
    /// How many bytes wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len() - self.written
    }

    /// Whether a message of this length should wait here for its neighbours.
    pub(crate) fn suits(length: usize) -> bool {
        length <= sabir_wire::connection::COALESCE
    }

    /// Whether one more has room.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.queue.len() + length <= CAPACITY
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.queue.extend_from_slice(bytes);
    }

    /// A message on its way out, behind all that waits.
    pub(crate) fn message<'a, P: Deref<Target = [u8]>>(
        &'a mut self,
        header: Header,
        pieces: &'a [P],
    ) -> Sending<'a, P> {
        let left = header.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>();
        Sending { outbox: self, header: Some(header), pieces, done: 0, offset: 0, left, begun: false }
    }

    /// What waits, on its way out.
    pub(crate) fn flush(&mut self) -> Sending<'_, &[u8]> {
        Sending { outbox: self, header: None, pieces: &[], done: 0, offset: 0, left: 0, begun: true }
    }

    fn advance(&mut self, written: usize) {
        self.written += written;
        if self.written == self.queue.len() {
            self.written = 0;
            self.queue.clear();
            // The rest of a long message came here.
            self.queue.shrink_to(2 * CAPACITY);
        }
    }
}

/// A message that is being written. If it is dropped half-way, its rest is queued; if before its first
/// byte, it is as if it had never been.
#[derive(Debug)]
pub(crate) struct Sending<'a, P: Deref<Target = [u8]>> {
    outbox: &'a mut Outbox,
    header: Option<Header>,
    pieces: &'a [P],
    /// How many pieces are written, the header being the first if there is one.
    done: usize,
    /// How much of the next is written.
    offset: usize,
    /// What of header and pieces is not, in bytes.
    left: usize,
    begun: bool,
}

impl<P: Deref<Target = [u8]>> Sending<'_, P> {
    /// Whether all is written.
    pub(crate) fn is_over(&self) -> bool {
        self.left == 0 && self.outbox.queued() == 0
    }

    /// What a deadline that passes now interrupts.
    pub(crate) fn doing(&self) -> Doing {
        if self.begun { Doing::Sending } else { Doing::WaitingToSend }
    }

    /// One write of as much as goes into one. Other errors than those that pass end the connection.
    pub(crate) fn step(&mut self, write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<()> {
        match self.gather(write) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                self.advance(written);
                Ok(())
            }
            Err(error) => {
                if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
                    self.begun = false;
                    self.outbox.advance(self.outbox.queued());
                }
                Err(error)
            }
        }
    }

    fn gather(&mut self, write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        let Outbox { queue, written, scratch } = &mut *self.outbox;
        let rest = Rest { header: self.header.as_ref(), pieces: self.pieces, offset: self.offset };

        // First what is small is put together, so that it stays where it is while it is written.
        scratch.clear();
        let (mut end, mut slices, mut in_scratch) = (self.done, 1, false);
        while let Some(piece) = rest.get(end, self.done) {
            let small = piece.len() <= SMALL;
            slices += usize::from(!(small && in_scratch));
            if slices > MOST_SLICES || scratch.len() > CAPACITY {
                break;
            }
            if small {
                scratch.extend_from_slice(piece);
            }
            in_scratch = small;
            end += 1;
        }

        // Most messages are short, and nothing waits before them.
        if in_scratch && slices == 2 && queue.len() == *written {
            return write(&[IoSlice::new(scratch)]);
        }
        let mut all = [IoSlice::new(&[]); MOST_SLICES];
        let mut count = 0;
        let mut add = |slice| {
            all[count] = IoSlice::new(slice);
            count += usize::from(!<[u8]>::is_empty(slice));
        };
        add(&queue[*written..]);
        let (mut from, mut to) = (0, 0);
        for piece in (self.done..end).filter_map(|at| rest.get(at, self.done)) {
            if piece.len() <= SMALL {
                to += piece.len();
            } else {
                add(&scratch[from..to]);
                add(piece);
                from = to;
            }
        }
        add(&scratch[from..to]);
        write(&all[..count])
    }

    fn advance(&mut self, written: usize) {
        let queued = written.min(self.outbox.queued());
        self.outbox.advance(queued);
        let mut written = written - queued;
        self.begun |= written > 0;
        self.left -= written;
        let rest = Rest { header: self.header.as_ref(), pieces: self.pieces, offset: self.offset };
        let first = self.done;
        while let Some(piece) = rest.get(self.done, first).filter(|piece| piece.len() <= written) {
            written -= piece.len();
            self.done += 1;
            self.offset = 0;
        }
        self.offset += written;
    }
}

impl<P: Deref<Target = [u8]>> Drop for Sending<'_, P> {
    fn drop(&mut self) {
        if !self.begun || self.left == 0 {
            return;
        }
        self.outbox.queue.reserve(self.left);
        let rest = Rest { header: self.header.as_ref(), pieces: self.pieces, offset: self.offset };
        let mut at = self.done;
        while let Some(piece) = rest.get(at, self.done) {
            self.outbox.push(piece);
            at += 1;
        }
    }
}

/// Header and pieces as one row.
struct Rest<'a, P> {
    header: Option<&'a Header>,
    pieces: &'a [P],
    offset: usize,
}

impl<P: Deref<Target = [u8]>> Rest<'_, P> {
    /// The piece at this place, without what is written of it, if it is the `first` that is not over.
    fn get(&self, at: usize, first: usize) -> Option<&[u8]> {
        let piece = match (self.header, at) {
            (Some(header), 0) => &header[..],
            (header, at) => self.pieces.get(at - usize::from(header.is_some()))?,
        };
        Some(if at == first { &piece[self.offset..] } else { piece })
    }
}

/// How much may wait before it is written, in bytes: what one write to a socket commonly takes.
const CAPACITY: usize = 64 * 1024;
/// Up to this length, in bytes, to copy a piece costs less than to point at it.
const SMALL: usize = 1024;
/// How many pieces one system call writes; every system takes as many (IOV_MAX is 1024, 16 by POSIX).
const MOST_SLICES: usize = 64;

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
