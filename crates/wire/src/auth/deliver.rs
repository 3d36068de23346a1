//! `deliver_challenge`: we challenge, the peer proves that it knows the key.

use alloc::vec::Vec;

use super::{
    AuthKey, CHALLENGE, Digest, FAILURE, LEGACY_MESSAGE_LENGTH, MAX_AUTH_MESSAGE, MESSAGE_LENGTH,
    ResponseStyle, WELCOME,
};
use crate::error::AuthError;

/// 40 random bytes for one challenge, from the operating system's generator. Not `Clone`: use each once.
///
/// A legacy challenge uses the first 20.
#[derive(Debug)]
pub struct Nonce([u8; MESSAGE_LENGTH]);

impl Nonce {
    /// The bytes must be unpredictable; this crate has no randomness of its own.
    pub fn new(random: [u8; MESSAGE_LENGTH]) -> Nonce {
        Nonce(random)
    }
}

impl From<[u8; MESSAGE_LENGTH]> for Nonce {
    fn from(random: [u8; MESSAGE_LENGTH]) -> Nonce {
        Nonce(random)
    }
}

/// Which challenge we deliver. Every Python answers either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Challenge {
    /// `{sha256}` and 40 bytes, as 3.12 and newer. 2.7 to 3.11 answer it too: raw MD5 over all of it.
    #[default]
    Sha256,
    /// 20 bytes, as 2.7 to 3.11.
    Legacy,
}

/// The weakest proof that we take, and that we give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MinAuth {
    /// MD5 and anything better: all that 2.7 to 3.11 can do, and no CPython refuses it.
    #[default]
    Md5,
    /// SHA-256 or better, raw or named: 3.12 and newer, vendor builds, and us.
    Sha256,
}

impl MinAuth {
    pub(super) fn check(self, style: ResponseStyle) -> Result<(), AuthError> {
        match self {
            MinAuth::Sha256 if style.digest() == Digest::Md5 => Err(AuthError::TooWeak { style }),
            _ => Ok(()),
        }
    }
}

/// The challenging half: send [`challenge`](DeliverChallenge::challenge), hand the answer to
/// [`handle_response`](DeliverChallenge::handle_response), send its verdict.
#[derive(Debug)]
pub struct DeliverChallenge {
    key: AuthKey,
    /// `#CHALLENGE#` and the message.
    challenge: Vec<u8>,
    min_auth: MinAuth,
}

impl DeliverChallenge {
    /// A challenge that is still to be sent.
    #[expect(clippy::needless_pass_by_value, reason = "a nonce is used up")]
    pub fn new(key: AuthKey, nonce: Nonce, style: Challenge, min_auth: MinAuth) -> DeliverChallenge {
        let mut challenge = CHALLENGE.to_vec();
        match style {
            Challenge::Sha256 => {
                challenge.extend_from_slice(b"{sha256}");
                challenge.extend_from_slice(&nonce.0);
            }
            Challenge::Legacy => challenge.extend_from_slice(&nonce.0[..LEGACY_MESSAGE_LENGTH]),
        }
        DeliverChallenge { key, challenge, min_auth }
    }

    /// The body of the message to send first.
    pub fn challenge(&self) -> &[u8] {
        &self.challenge
    }

    /// Judges the peer's answer. The verdict is to be sent in either case: `#WELCOME#` with `Ok`, `#FAILURE#` with `Err`.
    ///
    /// Every dialect is taken: 16 raw bytes of MD5, 32 of SHA-256, or any of CPython's five digests by name, all
    /// over the whole message. As in CPython the name in our challenge does not bind the peer.
    pub fn handle_response(self, body: &[u8]) -> (&'static [u8], Result<ResponseStyle, AuthError>) {
        match self.judge(body) {
            Ok(style) => (WELCOME, Ok(style)),
            Err(error) => (FAILURE, Err(error)),
        }
    }

    fn judge(&self, body: &[u8]) -> Result<ResponseStyle, AuthError> {
        if body.len() > MAX_AUTH_MESSAGE {
            return Err(AuthError::TooLong { length: body.len() });
        }
        let Some((mac, style)) = ResponseStyle::parse(body) else {
            return Err(AuthError::NotAResponse { length: body.len() });
        };
        self.min_auth.check(style)?;
        let message = self.challenge.get(CHALLENGE.len()..).unwrap_or_default();
        if style.digest().mac(&self.key, message).verify(mac) {
            Ok(style)
        } else {
            Err(AuthError::DigestReceivedWasWrong { style })
        }
    }
}
