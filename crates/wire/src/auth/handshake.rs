//! Both halves, in the order of a listener or of a client.

use alloc::vec;
use alloc::vec::Vec;
use core::{fmt, mem};

use bytes::Bytes;

use super::{
    AnswerChallenge, AuthKey, Challenge, DeliverChallenge, LegacyDigest, MinAuth, Nonce, PeerHints,
    ResponseStyle,
};
use crate::error::AuthError;

/// The choices of a handshake; the default authenticates with every stock Python in either role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuthOptions {
    /// How we challenge.
    pub challenge: Challenge,
    /// The weakest proof that we take, and that we give.
    pub min_auth: MinAuth,
    /// What we answer to a challenge that names no digest. When accepting, a client that has itself answered with a
    /// raw digest is answered with the same one, whatever is set here.
    pub legacy_digest: LegacyDigest,
}

/// What to do after a message: send these, then go on as `next` says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the messages must be sent, also those before a failure"]
pub struct Step {
    /// Bodies of messages to send, in order. Before a failure this is where `#FAILURE#` stands.
    pub send: Vec<Bytes>,
    /// How it goes on, once they are sent.
    pub next: Next,
}

/// How a handshake goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Hand the peer's next message to [`Handshake::handle_message`].
    Read,
    /// Both ends are authenticated; the application's messages may follow at once.
    Done(PeerHints),
    /// The handshake failed; close the connection.
    Fail(AuthError),
}

/// Which message a handshake waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The peer's `#CHALLENGE#`.
    Challenge,
    /// The peer's answer to our challenge.
    Response,
    /// The peer's `#WELCOME#` or `#FAILURE#`.
    Verdict,
    /// None: it is over, well or badly.
    Over,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Challenge => "waiting for a challenge",
            Stage::Response => "waiting for the answer to our challenge",
            Stage::Verdict => "waiting for the verdict on our answer",
            Stage::Over => "over",
        })
    }
}

/// A whole mutual handshake.
///
/// 1. Call [`start`](Handshake::start) and send what it says (a client has nothing to send yet).
/// 2. Hand each message of the peer to [`handle_message`](Handshake::handle_message), send what the [`Step`] says,
///    and stop at [`Next::Done`] or [`Next::Fail`].
///
/// There is no clock: CPython waits for ever here, a driver should not.
#[derive(Debug)]
pub struct Handshake {
    state: State,
    key: AuthKey,
    options: AuthOptions,
    hints: PeerHints,
}

/// "ours" is still to come when the second half holds it: the listener delivers first, the client answers first.
#[derive(Debug)]
enum State {
    Deliver { ours: DeliverChallenge, then_answer: bool },
    Answer { answer: AnswerChallenge, then_deliver: Option<DeliverChallenge> },
    Verdict { answer: AnswerChallenge, then_deliver: Option<DeliverChallenge> },
    Over,
}

impl Handshake {
    /// The listener's order: deliver, then answer.
    pub fn accepting(key: AuthKey, nonce: Nonce, options: AuthOptions) -> Handshake {
        let ours = DeliverChallenge::new(key.clone(), nonce, options.challenge, options.min_auth);
        Handshake {
            state: State::Deliver { ours, then_answer: true },
            key,
            options,
            hints: PeerHints::default(),
        }
    }

    /// The client's order: answer, then deliver.
    pub fn connecting(key: AuthKey, nonce: Nonce, options: AuthOptions) -> Handshake {
        let ours = DeliverChallenge::new(key.clone(), nonce, options.challenge, options.min_auth);
        let answer = AnswerChallenge::new(key.clone(), options.legacy_digest, options.min_auth);
        Handshake {
            state: State::Answer { answer, then_deliver: Some(ours) },
            key,
            options,
            hints: PeerHints::default(),
        }
    }

    /// What to send before anything is read: the listener's challenge, nothing for a client.
    pub fn start(&self) -> Step {
        let send = match &self.state {
            State::Deliver { ours, .. } => vec![Bytes::copy_from_slice(ours.challenge())],
            _ => Vec::new(),
        };
        Step { send, next: Next::Read }
    }

    /// Which message is due.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Deliver { .. } => Stage::Response,
            State::Answer { .. } => Stage::Challenge,
            State::Verdict { .. } => Stage::Verdict,
            State::Over => Stage::Over,
        }
    }

    /// What the peer has shown so far.
    pub fn hints(&self) -> PeerHints {
        self.hints
    }

    /// Takes one message of the peer.
    pub fn handle_message(&mut self, body: &[u8]) -> Step {
        match mem::replace(&mut self.state, State::Over) {
            State::Deliver { ours, then_answer } => {
                let (verdict, outcome) = ours.handle_response(body);
                let next = match outcome {
                    Ok(style) => self.response_was_right(style, then_answer),
                    Err(error) => Next::Fail(error),
                };
                Step { send: vec![Bytes::from_static(verdict)], next }
            }
            State::Answer { mut answer, then_deliver } => match answer.handle_challenge(body) {
                Ok((response, style)) => {
                    self.hints.challenge = Some(style);
                    self.state = State::Verdict { answer, then_deliver };
                    Step { send: vec![Bytes::from(response)], next: Next::Read }
                }
                Err(error) => Step { send: Vec::new(), next: Next::Fail(error) },
            },
            State::Verdict { answer, then_deliver } => match (answer.handle_verdict(body), then_deliver) {
                (Err(error), _) => Step { send: Vec::new(), next: Next::Fail(error) },
                (Ok(()), None) => Step { send: Vec::new(), next: Next::Done(self.hints) },
                (Ok(()), Some(ours)) => {
                    let challenge = Bytes::copy_from_slice(ours.challenge());
                    self.state = State::Deliver { ours, then_answer: false };
                    Step { send: vec![challenge], next: Next::Read }
                }
            },
            State::Over => Step { send: Vec::new(), next: Next::Fail(AuthError::Over) },
        }
    }

    fn response_was_right(&mut self, style: ResponseStyle, then_answer: bool) -> Next {
        self.hints.response = Some(style);
        if !then_answer {
            return Next::Done(self.hints);
        }
        // A vendor's client will want the digest that it has itself used.
        let legacy = match style {
            ResponseStyle::RawMd5 => LegacyDigest::Md5,
            ResponseStyle::RawSha256 => LegacyDigest::Sha256Raw,
            ResponseStyle::Named(_) => self.options.legacy_digest,
        };
        let answer = AnswerChallenge::new(self.key.clone(), legacy, self.options.min_auth);
        self.state = State::Answer { answer, then_deliver: None };
        Next::Read
    }
}
