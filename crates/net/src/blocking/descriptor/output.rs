//! Messages on their way out.

use std::io;
use std::ops::Deref;
use std::os::fd::BorrowedFd;

use sabir_wire::frame::{FrameDialect, Header};

use super::fd::{Interrupted, Kind, wait_for};
use crate::blocking::wait::Direction;
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::outbox::{Outbox, Sending};

/// The sending half of a connection over any descriptor.
#[derive(Debug)]
pub struct Output {
    kind: Kind,
    outbox: Outbox,
}

impl Output {
    /// For a descriptor of this kind, at a boundary between messages.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, outbox: Outbox::default() }
    }

    /// What the descriptor is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the rest of a message waits that a deadline or a signal has cut.
    #[must_use]
    pub fn has_rest(&self) -> bool {
        self.outbox.queued() > 0
    }

    /// Sends one message that lies in several pieces, with its header, in one system call if there is room.
    ///
    /// # Errors
    /// [`Error::Timeout`]: [`Doing::WaitingToSend`] if nothing of it has left, else the rest of it is kept.
    /// [`Error::Io`].
    pub fn send<P: Deref<Target = [u8]>>(
        &mut self,
        descriptor: BorrowedFd<'_>,
        pieces: &[P],
        deadline: impl Into<Deadline>,
        interrupted: Interrupted<'_>,
    ) -> Result<(), Error> {
        let header = header(pieces.iter().map(|piece| piece.len()).sum())?;
        let sending = self.outbox.message(header, pieces);
        transmit(self.kind, descriptor, sending, deadline.into(), interrupted)
    }

    /// Sends messages one after the other; short ones leave together, 64 KiB in one system call.
    ///
    /// # Errors
    /// As [`send`](Output::send), for those that are not sent yet; what a write had begun with is kept.
    pub fn send_many<M: Deref<Target = [u8]>>(
        &mut self,
        descriptor: BorrowedFd<'_>,
        messages: &[M],
        deadline: impl Into<Deadline>,
        interrupted: Interrupted<'_>,
    ) -> Result<(), Error> {
        let (kind, deadline) = (self.kind, deadline.into());
        for message in messages {
            let header = header(message.len())?;
            if !Outbox::suits(message.len()) {
                let pieces = [&message[..]];
                transmit(kind, descriptor, self.outbox.message(header, &pieces), deadline, interrupted)?;
                continue;
            }
            if !self.outbox.has_room(header.len() + message.len()) {
                transmit(kind, descriptor, self.outbox.flush(), deadline, interrupted)?;
            }
            self.outbox.push(&header);
            self.outbox.push(message);
        }
        transmit(kind, descriptor, self.outbox.flush(), deadline, interrupted)
    }
}

fn header(length: usize) -> Result<Header, Error> {
    Ok(FrameDialect::PY38.header(length as u64).map_err(sabir_wire::Error::from)?)
}

fn transmit<P: Deref<Target = [u8]>>(
    kind: Kind,
    descriptor: BorrowedFd<'_>,
    mut sending: Sending<'_, P>,
    deadline: Deadline,
    interrupted: Interrupted<'_>,
) -> Result<(), Error> {
    let wait = deadline == Deadline::NEVER;
    let mut ask = !wait && !kind.can_refuse_to_wait();
    while !sending.is_over() {
        if ask {
            let doing = sending.doing();
            if !wait_for(descriptor, Direction::Write, deadline, doing, interrupted)? {
                return Err(Error::Timeout { doing });
            }
        }
        match sending.step(|pieces| kind.write(descriptor, pieces, wait)) {
            Ok(()) => ask = !wait && !kind.can_refuse_to_wait(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ask = true,
            Err(error) if error.kind() == io::ErrorKind::Interrupted && interrupted() => {}
            Err(source) => return Err(Error::Io { doing: Doing::Sending, source }),
        }
    }
    Ok(())
}
