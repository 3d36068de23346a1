//! What is no message: the end of a stream, be it orderly or not, and descriptors.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::Ordering;

use bytes::Bytes;
use sabir_gateway::Side;
use sabir_net::handles::HandleRules;
use sabir_wire::frame::FrameLimits;

use super::error::PairError;
use super::inbox::{Filled, Inbox};
use super::leg::Piece;
use super::log;
use super::pump::Pump;
use super::talk::index;

impl Pump {
    /// One peer has ended its stream.
    pub(super) async fn end(&self, from: Side, mut inbox: Inbox) -> Result<(), PairError> {
        self.busy[index(from)].store(false, Ordering::Relaxed);
        // The other one learns that the end came inside a message, if it did: a header and one byte
        // suffice for CPython to raise OSError rather than EOFError. All of it would be too much:
        // nobody has looked at it.
        let offset = inbox.offset;
        let tail = inbox.take_all();
        if !tail.is_empty() {
            self.span.in_scope(|| log::broken_off(from, tail.len(), offset));
        }
        self.talk().left_first.get_or_insert(from);
        let tail = tail.slice(..tail.len().min(BROKEN_OFF));
        self.write(from.other(), &[Piece::Bytes(tail)]).await?;
        match self.leg(from.other()).stream.shutdown_write() {
            // It is gone too.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done.map_err(PairError::io(from.other())),
        }
    }

    pub(super) async fn pass_descriptors(
        &self,
        from: Side,
        byte: u8,
        fds: &[OwnedFd],
    ) -> Result<(), PairError> {
        let to = from.other();
        let acknowledge = {
            let mut talk = self.talk();
            if talk.manager {
                let why = "it came on a manager's connection, where nobody waits for one";
                return Err(PairError::Descriptor { side: from, why });
            }
            let pythons = (talk.pythons[index(from)], talk.pythons[index(to)]);
            let unix = self.leg(to).stream.is_unix();
            talk.handoff
                .pass(from, byte, fds.len(), pythons, unix)
                .map_err(|why| PairError::Descriptor { side: from, why })?
        };
        let borrowed: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        let count = (fds.len() % 256) as u8;
        self.leg(to).write_descriptors(count, &borrowed).await.map_err(PairError::io(to))?;
        if acknowledge { self.acknowledge(from).await } else { Ok(()) }
    }

    /// Reads the message that has begun to arrive, whose body is of this length, and drops it.
    pub(super) async fn skip(&self, from: Side, inbox: &mut Inbox, length: u64) -> Result<(), PairError> {
        let header = inbox.begun(FrameLimits::UNLIMITED).ok().flatten().map_or(0, |header| header.header_len);
        let mut left = length.saturating_add(header as u64);
        loop {
            let arrived = inbox.arrived().len() as u64;
            inbox.drop_first(arrived.min(left));
            left -= arrived.min(left);
            if left == 0 {
                return Ok(());
            }
            let filled = inbox.fill(&self.leg(from).stream, FrameLimits::UNLIMITED, false).await;
            self.activity.fetch_add(1, Ordering::Relaxed);
            match filled.map_err(|source| self.lost(from, source))? {
                Filled::Some => {}
                // Of which the next read will tell again.
                Filled::End | Filled::LostDescriptors => return Ok(()),
            }
        }
    }

    /// One peer's connection broke.
    pub(super) fn lost(&self, from: Side, source: io::Error) -> PairError {
        self.talk().left_first.get_or_insert(from);
        PairError::Io { side: from, source }
    }

    /// This pair is over before its programs ended it. Who had no part in that must not take it for
    /// an orderly end between two messages, where there was none.
    pub(super) async fn break_off(&self, why: &PairError) {
        let busy = |from: Side| self.busy[index(from)].load(Ordering::Relaxed);
        match (why, why.breaks_off()) {
            // It has been passed on.
            (PairError::Refused(_), _) => {}
            (PairError::Io { side, .. }, _) => {
                let other = self.leg(side.other());
                if !other.stream.reset_on_close() && busy(*side) {
                    other.break_off().await;
                }
            }
            (_, Some(side)) => self.leg(side.other()).break_off().await,
            (_, None) => {
                for from in [Side::Client, Side::Server] {
                    if busy(from) {
                        self.leg(from.other()).break_off().await;
                    }
                }
            }
        }
    }

    pub(super) async fn acknowledge(&self, to: Side) -> Result<(), PairError> {
        let byte = Bytes::from_static(&[HandleRules::ACKNOWLEDGEMENT]);
        self.write(to, &[Piece::Bytes(byte)]).await
    }
}

/// The longest header and one byte.
const BROKEN_OFF: usize = 13;
