//! Messages on their way in.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use sabir_wire::error::{EofPlace, FrameError, Phase};
use sabir_wire::frame::{self, FrameDialect, FrameHeader, FrameLimits};

use super::ahead::Ahead;
use super::fd::{Interrupted, Kind, wait_for};
use crate::blocking::wait::Direction;
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::socket;

/// The receiving half of a connection over any descriptor.
///
/// 1. [`header`](Input::header) waits for the next message and tells its length.
/// 2. [`body`](Input::body) puts it into memory of the caller's. Until it has, the header stays the same, so a
///    caller whose deadline passes half-way can come back with the same memory, or with other memory into which it has
///    copied what was [`filled`](Input::filled).
#[derive(Debug)]
pub struct Input {
    kind: Kind,
    header: [u8; 12],
    /// How much of the header has arrived.
    arrived: usize,
    frame: Option<FrameHeader>,
    filled: usize,
    /// Bytes of the stream before the message that is next.
    offset: u64,
    messages: u64,
    /// Whether the peer waits for us to speak before it sends anything but the next message.
    in_turn: bool,
    ahead: Ahead,
}

impl Input {
    /// For a descriptor of this kind, at a boundary between messages.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            header: [0; 12],
            arrived: 0,
            frame: None,
            filled: 0,
            offset: 0,
            messages: 0,
            in_turn: false,
            ahead: Ahead::default(),
        }
    }

    /// What the descriptor is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether whole messages may be read ahead: only if nobody else reads from the descriptor, in this process or in
    /// another, now or later. Means nothing on a pipe. What was read ahead before is received first in either case.
    pub fn set_read_ahead(&mut self, allowed: bool) {
        self.ahead.allow(allowed && self.kind != Kind::Pipe);
    }

    /// Whether the peer sends one message and then waits for ours, as in a handshake: then it is waited for before it is
    /// looked for, and nothing is held back that would need a quick acknowledgement.
    pub(super) fn set_in_turn(&mut self, in_turn: bool) {
        self.in_turn = in_turn;
    }

    /// Bytes of the stream before the message that is next.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Waits for the next message, and takes it with those that have arrived after it, as far as they are short: then it
    /// [`has_whole`](Input::has_whole) ones, which are received without a system call. Only where nobody else reads from
    /// the descriptor; whoever receives until it has none sees no difference there.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Io`].
    pub fn gulp(
        &mut self,
        descriptor: BorrowedFd<'_>,
        deadline: impl Into<Deadline>,
        interrupted: Interrupted<'_>,
    ) -> Result<(), Error> {
        if self.frame.is_some() || self.has_whole() {
            return Ok(());
        }
        let deadline = deadline.into();
        if deadline != Deadline::NEVER {
            wait_to_receive(descriptor, deadline, interrupted)?;
        }
        let ahead = &mut self.ahead;
        receive(self.kind, descriptor, false, Deadline::NEVER, interrupted, |_| ahead.gulp(descriptor))
            .map(drop)
    }

    /// Whether a whole message has been taken from the descriptor already.
    #[must_use]
    pub fn has_whole(&self) -> bool {
        self.frame.is_none() && self.arrived == 0 && self.ahead.has_whole()
    }

    /// Whether something has been taken from the descriptor already: bytes read ahead, or part of a message.
    #[must_use]
    pub fn has_some(&self) -> bool {
        self.arrived > 0 || !self.ahead.is_empty()
    }

    /// How much of the body has been put to its place, in bytes.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Waits for the next message; nothing if the peer closed before it.
    ///
    /// # Errors
    /// [`Error::Wire`] if what comes is no header, [`Error::Timeout`], [`Error::Io`].
    pub fn header(
        &mut self,
        descriptor: BorrowedFd<'_>,
        deadline: impl Into<Deadline>,
        interrupted: Interrupted<'_>,
    ) -> Result<Option<FrameHeader>, Error> {
        let deadline = deadline.into();
        while self.frame.is_none() {
            let early = self.kind == Kind::Tcp && self.messages < FIRST_MESSAGES && !self.in_turn;
            if self.in_turn && self.arrived == 0 && deadline != Deadline::NEVER {
                wait_to_receive(descriptor, deadline, interrupted)?;
            }
            if self.arrived == 0 && self.ahead.wants_more() {
                let ahead = &mut self.ahead;
                let look = |wait| ahead.look(descriptor, wait);
                receive(self.kind, descriptor, early, deadline, interrupted, look)?;
            }
            let end = if self.arrived < 4 { 4 } else { 12 };
            let mut header = self.header;
            let place = &mut as_uninit(&mut header)[self.arrived..end];
            let read = self.read(descriptor, place, early, deadline, interrupted)?;
            self.header = header;
            if read == 0 && self.arrived == 0 {
                return Ok(None);
            }
            if read == 0 {
                let arrived = u8::try_from(self.arrived).unwrap_or(u8::MAX);
                return Err(self.failed(FrameError::EndOfFile { place: EofPlace::Header { arrived } }));
            }
            self.arrived += read;
            self.frame = frame::peek(&self.header[..self.arrived], DIALECT, FrameLimits::UNLIMITED)
                .map_err(|source| self.failed(source))?;
        }
        Ok(self.frame)
    }

    /// Fills `place` with the body of the message whose header is here, from where it was [`filled`](Input::filled) to
    /// before. Then the next message may be asked for.
    ///
    /// `place` may end before the body does, and the next call go on with other memory for what follows
    /// (`skipped` bytes of the body are then no longer in it).
    ///
    /// # Errors
    /// [`Error::Wire`] if the peer closes before its end, [`Error::Timeout`], [`Error::Io`]: what was filled stays so.
    pub fn body(
        &mut self,
        descriptor: BorrowedFd<'_>,
        place: &mut [MaybeUninit<u8>],
        skipped: usize,
        deadline: impl Into<Deadline>,
        interrupted: Interrupted<'_>,
    ) -> Result<(), Error> {
        let (deadline, Some(frame)) = (deadline.into(), self.frame) else { return Ok(()) };
        while self.filled - skipped < place.len() {
            let early = self.kind == Kind::Tcp && self.filled == 0;
            let rest = &mut place[self.filled - skipped..];
            match self.read(descriptor, rest, early, deadline, interrupted)? {
                0 => return Err(self.failed(FrameError::EndOfFile { place: self.place(frame) })),
                read => self.filled += read,
            }
        }
        if self.filled as u64 == frame.body_len {
            self.offset = self.offset.saturating_add(frame.frame_len());
            self.messages += 1;
            (self.frame, self.arrived, self.filled) = (None, 0, 0);
        }
        Ok(())
    }

    /// Reads once: what was read ahead, or from the descriptor.
    fn read(
        &mut self,
        descriptor: BorrowedFd<'_>,
        place: &mut [MaybeUninit<u8>],
        early: bool,
        deadline: Deadline,
        interrupted: Interrupted<'_>,
    ) -> Result<usize, Error> {
        if !self.ahead.is_empty() {
            return Ok(self.ahead.take(place));
        }
        let kind = self.kind;
        let read = |wait| kind.read(descriptor, place, true, wait);
        receive(kind, descriptor, early, deadline, interrupted, read)
    }

    fn place(&self, frame: FrameHeader) -> EofPlace {
        let (arrived, length) = (self.filled as u64, frame.body_len);
        if arrived == 0 { EofPlace::AfterHeader { length } } else { EofPlace::Body { arrived, length } }
    }

    fn failed(&self, source: FrameError) -> Error {
        self.refused(source, Phase::Application)
    }

    pub(super) fn refused(&self, source: FrameError, phase: Phase) -> Error {
        sabir_wire::Error::Frame { source, phase, offset: self.offset }.into()
    }
}

/// Calls `read` until it has read, and acknowledges before it waits if that is wanted `early`.
fn receive<T>(
    kind: Kind,
    descriptor: BorrowedFd<'_>,
    early: bool,
    deadline: Deadline,
    interrupted: Interrupted<'_>,
    mut read: impl FnMut(bool) -> io::Result<T>,
) -> Result<T, Error> {
    let wait = deadline == Deadline::NEVER && !early;
    let mut ask = !wait && !kind.can_refuse_to_wait();
    loop {
        if ask {
            wait_to_receive(descriptor, deadline, interrupted)?;
        }
        match read(wait) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if early {
                    socket::quickack(descriptor);
                }
                ask = true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted && interrupted() => {}
            done => return done.map_err(Error::io(Doing::Receiving)),
        }
    }
}

fn wait_to_receive(
    descriptor: BorrowedFd<'_>,
    deadline: Deadline,
    interrupted: Interrupted<'_>,
) -> Result<(), Error> {
    const DOING: Doing = Doing::Receiving;
    let ready = wait_for(descriptor, Direction::Read, deadline, DOING, interrupted)?;
    if ready { Ok(()) } else { Err(Error::Timeout { doing: DOING }) }
}

/// The same bytes, to be read into.
#[allow(
    unsafe_code,
    reason = "one kind of memory for headers, which are kept, and for bodies, which are made to be filled"
)]
pub(super) fn as_uninit(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: of one layout; and nothing here writes anything to such memory but bytes.
    unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) }
}

/// Lengths as 3.8 and newer write them, which older ones write too.
const DIALECT: FrameDialect = FrameDialect::PY38;
/// Among these may be one that the peer's kernel holds back until we acknowledge the one before: a stock client's
/// handshake, and its first request.
const FIRST_MESSAGES: u64 = 8;
