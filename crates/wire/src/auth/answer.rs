//! `answer_challenge`: the peer challenges, we prove that we know the key.

use alloc::string::String;
use alloc::vec::Vec;

use super::style::prefix;
use super::{AuthKey, ChallengeStyle, FAILURE, MAX_AUTH_MESSAGE, MinAuth, ResponseStyle, WELCOME};
use crate::error::AuthError;

/// What to answer to a challenge that names no digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LegacyDigest {
    /// Raw MD5, as every CPython does.
    #[default]
    Md5,
    /// Raw SHA-256, as vendor builds without MD5 do among themselves. Their challenge looks like any other, so a
    /// client must be told; a listener learns it from the client's own answer.
    Sha256Raw,
}

impl LegacyDigest {
    fn style(self) -> ResponseStyle {
        match self {
            LegacyDigest::Md5 => ResponseStyle::RawMd5,
            LegacyDigest::Sha256Raw => ResponseStyle::RawSha256,
        }
    }
}

/// The challenged half: hand the peer's challenge to [`handle_challenge`](AnswerChallenge::handle_challenge), send
/// the answer, hand what comes back to [`handle_verdict`](AnswerChallenge::handle_verdict).
#[derive(Debug)]
pub struct AnswerChallenge {
    key: AuthKey,
    legacy: LegacyDigest,
    min_auth: MinAuth,
    sent: ResponseStyle,
}

impl AnswerChallenge {
    /// Waits for a challenge.
    pub fn new(key: AuthKey, legacy: LegacyDigest, min_auth: MinAuth) -> AnswerChallenge {
        AnswerChallenge { key, legacy, min_auth, sent: legacy.style() }
    }

    /// The answer to send, and how the peer challenged.
    ///
    /// | after `#CHALLENGE#` | answer |
    /// |---|---|
    /// | exactly 20 bytes | the [`LegacyDigest`], raw |
    /// | more, with an allowed `{name}` | `{name}` and that HMAC |
    /// | more, with another `{name}` | [`AuthError::UnsupportedDigest`] |
    /// | any other | the [`LegacyDigest`], raw |
    ///
    /// The last row is what 2.7 to 3.11 do, who look at neither length nor content; 3.12 and newer refuse it. A
    /// client gives nothing away by being the more tolerant one.
    pub fn handle_challenge(&mut self, body: &[u8]) -> Result<(Vec<u8>, ChallengeStyle), AuthError> {
        if body.len() > MAX_AUTH_MESSAGE {
            return Err(AuthError::TooLong { length: body.len() });
        }
        let Some((message, challenge)) = ChallengeStyle::parse(body) else {
            return Err(AuthError::NotAChallenge { length: body.len() });
        };
        self.sent = match challenge {
            ChallengeStyle::Named(digest) => ResponseStyle::Named(digest),
            ChallengeStyle::Bare { length } if length > super::LEGACY_MESSAGE_LENGTH => match prefix(message)
            {
                Some((name, _)) => {
                    return Err(AuthError::UnsupportedDigest {
                        name: String::from_utf8_lossy(name).into_owned(),
                    });
                }
                None => self.legacy.style(),
            },
            ChallengeStyle::Legacy | ChallengeStyle::Bare { .. } => self.legacy.style(),
        };
        self.min_auth.check(self.sent)?;
        let mut answer = Vec::new();
        if let ResponseStyle::Named(digest) = self.sent {
            answer.push(b'{');
            answer.extend_from_slice(digest.name().as_bytes());
            answer.push(b'}');
        }
        answer.extend_from_slice(&self.sent.digest().mac(&self.key, message));
        Ok((answer, challenge))
    }

    /// The peer's verdict on our answer.
    pub fn handle_verdict(self, body: &[u8]) -> Result<(), AuthError> {
        match body {
            WELCOME => Ok(()),
            FAILURE => Err(AuthError::DigestSentWasRejected { style: self.sent }),
            _ => Err(AuthError::NotAVerdict { length: body.len() }),
        }
    }
}
