//! The handshake over a descriptor that need not be ours alone.

use std::collections::VecDeque;
use std::mem;
use std::os::fd::BorrowedFd;

use bytes::Bytes;
use sabir_wire::auth::{self, AuthKey, AuthOptions, MAX_AUTH_MESSAGE, Next, PeerHints, Stage, Step};
use sabir_wire::error::{AuthError, FrameError, Phase};

use super::fd::{Interrupted, Kind};
use super::input::{Input, as_uninit};
use super::output::Output;
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::nonce::nonce;

/// Both halves of a handshake. Nothing is taken from the descriptor beyond its last message.
///
/// ```
/// use std::os::{fd::AsFd, unix::net::UnixStream};
/// use std::time::Duration;
/// use sabir_net::blocking::descriptor::{Handshake, Input, Kind, Output};
///
/// let (one, other) = UnixStream::pair()?;
/// let client = std::thread::spawn(move || {
///     let (mut input, mut output) = (Input::new(Kind::Unix), Output::new(Kind::Unix));
///     let mut handshake = Handshake::connecting(b"key".to_vec().into(), Default::default())?;
///     handshake.go_on(other.as_fd(), &mut input, &mut output, Duration::from_secs(20), &mut || true)
/// });
/// let (mut input, mut output) = (Input::new(Kind::Unix), Output::new(Kind::Unix));
/// let mut handshake = Handshake::accepting(b"key".to_vec().into(), Default::default())?;
/// handshake.go_on(one.as_fd(), &mut input, &mut output, Duration::from_secs(20), &mut || true)?;
/// client.join().expect("no panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Handshake {
    steps: auth::Handshake,
    accepting: bool,
    unsent: VecDeque<Bytes>,
    next: Next,
    /// The message that is on its way in.
    message: [u8; MAX_AUTH_MESSAGE],
}

impl Handshake {
    /// The listener's: it challenges first.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no randomness.
    pub fn accepting(key: AuthKey, options: AuthOptions) -> Result<Self, Error> {
        Ok(Self::new(auth::Handshake::accepting(key, nonce()?, options), true))
    }

    /// The client's: it is challenged first.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no randomness.
    pub fn connecting(key: AuthKey, options: AuthOptions) -> Result<Self, Error> {
        Ok(Self::new(auth::Handshake::connecting(key, nonce()?, options), false))
    }

    fn new(steps: auth::Handshake, accepting: bool) -> Self {
        let mut this = Self {
            accepting,
            unsent: VecDeque::new(),
            next: Next::Read,
            message: [0; MAX_AUTH_MESSAGE],
            steps,
        };
        let start = this.steps.start();
        this.take(start);
        this
    }

    /// Goes on to the end. After [`Error::Timeout`] another call, with the same halves of the connection, goes on where
    /// this one was; after any other error the handshake has failed.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Wire`] if the peer does not prove that it knows the key or refuses our proof,
    /// [`Error::Closed`] if it leaves between two messages, [`Error::Io`].
    pub fn go_on(
        &mut self,
        descriptor: BorrowedFd<'_>,
        input: &mut Input,
        output: &mut Output,
        deadline: impl Into<Deadline>,
        interrupted: Interrupted<'_>,
    ) -> Result<PeerHints, Error> {
        let deadline = deadline.into();
        loop {
            while let Some(message) = self.unsent.front() {
                let sent = output.send(descriptor, &[&message[..]], deadline, interrupted);
                if !matches!(sent, Err(Error::Timeout { doing: Doing::WaitingToSend })) {
                    // It has left, or the sending half keeps what is left of it.
                    self.unsent.pop_front();
                }
                sent?;
            }
            match mem::replace(&mut self.next, Next::Fail(AuthError::Over)) {
                Next::Read => self.next = Next::Read,
                Next::Done(hints) => return Ok(hints),
                Next::Fail(source) => return Err(self.failed(source, input)),
            }
            let received = self.receive(descriptor, input, deadline, interrupted)?;
            let step = self.steps.handle_message(&self.message[..received]);
            self.take(step);
        }
    }

    /// One message into its place; its length.
    fn receive(
        &mut self,
        descriptor: BorrowedFd<'_>,
        input: &mut Input,
        deadline: Deadline,
        interrupted: Interrupted<'_>,
    ) -> Result<usize, Error> {
        // Through TCP a stock client's first request may wait in its kernel for the acknowledgement of its verdict. All
        // other messages have the peer wait for ours.
        let last = self.accepting && self.steps.stage() == Stage::Verdict;
        input.set_in_turn(!last || input.kind() != Kind::Tcp);
        let header = input.header(descriptor, deadline, interrupted);
        input.set_in_turn(false);
        let Some(frame) = header? else {
            return Err(Error::Closed { doing: Doing::Authenticating });
        };
        let length = usize::try_from(frame.body_len).unwrap_or(usize::MAX);
        let Some(place) = self.message.get_mut(..length) else {
            let source = FrameError::TooLong { length: frame.body_len, limit: MAX_AUTH_MESSAGE as u64 };
            return Err(input.refused(source, Phase::BeforeAuthentication));
        };
        input.body(descriptor, as_uninit(place), 0, deadline, interrupted)?;
        Ok(length)
    }

    fn take(&mut self, step: Step) {
        self.unsent.extend(step.send);
        self.next = step.next;
    }

    fn failed(&self, source: AuthError, input: &Input) -> Error {
        sabir_wire::Error::Auth { source, stage: self.steps.stage(), offset: input.offset() }.into()
    }
}
