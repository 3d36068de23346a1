//! The dialects of challenges and responses, recognised without the key.

use core::fmt;

use super::{CHALLENGE, Digest, LEGACY_MESSAGE_LENGTH, MAX_AUTH_MESSAGE};

/// How a challenge is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChallengeStyle {
    /// Exactly 20 bytes, whatever they are: 2.7 to 3.11.
    Legacy,
    /// `{name}` and random bytes, more than 20 in all: 3.12 and newer.
    Named(Digest),
    /// Another length without an allowed name; no CPython writes it.
    Bare {
        /// Bytes after `#CHALLENGE#`.
        length: usize,
    },
}

impl ChallengeStyle {
    /// The challenge in the body of a message, and its style; `None` if it is none.
    pub fn parse(body: &[u8]) -> Option<(&[u8], ChallengeStyle)> {
        if body.len() > MAX_AUTH_MESSAGE {
            return None;
        }
        let message = body.strip_prefix(CHALLENGE)?;
        let style = match named(message) {
            // 3.12 and newer look at the length first: 20 bytes are legacy even if they begin with `{sha256}`.
            _ if message.len() == LEGACY_MESSAGE_LENGTH => ChallengeStyle::Legacy,
            // The shortest that 3.12 answers at all is 20, so a name in fewer bytes is chance.
            Some((digest, _)) if message.len() > LEGACY_MESSAGE_LENGTH => ChallengeStyle::Named(digest),
            _ => ChallengeStyle::Bare { length: message.len() },
        };
        Some((message, style))
    }
}

/// How a response is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseStyle {
    /// 16 raw bytes of HMAC-MD5: 2.7 to 3.11, and every version in answer to 20 bytes.
    RawMd5,
    /// 32 raw bytes of HMAC-SHA256: vendor builds without MD5.
    RawSha256,
    /// `{name}` and the HMAC: 3.12 and newer.
    Named(Digest),
}

impl ResponseStyle {
    /// The MAC in the body of a response, and its style; `None` if it is in no known dialect.
    pub fn parse(body: &[u8]) -> Option<(&[u8], ResponseStyle)> {
        // The lengths decide; the named ones are 21, 40, 42, 56 and 58 bytes.
        match body.len() {
            16 => Some((body, ResponseStyle::RawMd5)),
            32 => Some((body, ResponseStyle::RawSha256)),
            _ => {
                let (digest, mac) = named(body)?;
                (mac.len() == digest.mac_len()).then_some((mac, ResponseStyle::Named(digest)))
            }
        }
    }

    /// The digest that makes the MAC.
    pub fn digest(self) -> Digest {
        match self {
            ResponseStyle::RawMd5 => Digest::Md5,
            ResponseStyle::RawSha256 => Digest::Sha256,
            ResponseStyle::Named(digest) => digest,
        }
    }
}

impl fmt::Display for ResponseStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseStyle::RawMd5 => f.write_str("raw md5"),
            ResponseStyle::RawSha256 => f.write_str("raw sha256"),
            ResponseStyle::Named(digest) => write!(f, "{{{digest}}}"),
        }
    }
}

/// What a handshake told of the peer. Nothing here is proof of a version; it is what each version does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PeerHints {
    /// How the peer challenged; `None` if it has not.
    pub challenge: Option<ChallengeStyle>,
    /// How the peer answered; `None` if it has not.
    pub response: Option<ResponseStyle>,
}

/// The age of a peer, as far as a handshake tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Era {
    /// 2.7 to 3.11.
    UpTo311,
    /// 3.12 or newer.
    From312,
}

impl PeerHints {
    /// The age of the peer. `None` if it has shown nothing: everybody answers 20 bytes with raw MD5.
    pub fn era(&self) -> Option<Era> {
        match (self.challenge, self.response) {
            (Some(ChallengeStyle::Legacy), _) => Some(Era::UpTo311),
            (Some(ChallengeStyle::Named(_)), _) => Some(Era::From312),
            (_, Some(ResponseStyle::Named(_))) => Some(Era::From312),
            (_, Some(ResponseStyle::RawSha256)) => Some(Era::UpTo311),
            _ => None,
        }
    }

    /// Whether the peer answers with raw SHA-256, as vendor builds of 3.11 and older without MD5 do.
    pub fn is_vendor_build(&self) -> bool {
        self.response == Some(ResponseStyle::RawSha256)
    }
}

/// Splits `{name}rest`; `None` unless the name is allowed.
fn named(message: &[u8]) -> Option<(Digest, &[u8])> {
    let (name, rest) = prefix(message)?;
    Some((Digest::from_name(name)?, rest))
}

/// Splits `{name}rest` for any name of 1 to 20 characters that a digest may have.
pub(super) fn prefix(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = message.strip_prefix(b"{")?;
    let end = inner.iter().take(21).position(|&byte| byte == b'}')?;
    let name = inner.get(..end)?;
    let plausible = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    (!name.is_empty() && name.iter().all(plausible)).then(|| (name, inner.get(end + 1..).unwrap_or_default()))
}
