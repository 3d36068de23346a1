//! The five digests that CPython allows, as keyed MACs.

use core::fmt;

use hmac::{KeyInit, Mac as _, SimpleHmac};
use subtle::ConstantTimeEq;

use super::AuthKey;

/// A digest by CPython's name. 3.12 and newer allow these five (`_ALLOWED_DIGESTS`) and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Digest {
    /// `md5`, for 2.7 to 3.11.
    Md5,
    /// `sha256`, what 3.12 and newer ask for.
    Sha256,
    /// `sha384`.
    Sha384,
    /// `sha3_256`.
    Sha3_256,
    /// `sha3_384`.
    Sha3_384,
}

impl Digest {
    /// All five, in CPython's order.
    pub const ALL: [Digest; 5] =
        [Digest::Md5, Digest::Sha256, Digest::Sha384, Digest::Sha3_256, Digest::Sha3_384];

    /// The name between the braces.
    pub const fn name(self) -> &'static str {
        match self {
            Digest::Md5 => "md5",
            Digest::Sha256 => "sha256",
            Digest::Sha384 => "sha384",
            Digest::Sha3_256 => "sha3_256",
            Digest::Sha3_384 => "sha3_384",
        }
    }

    /// The digest of that name.
    pub fn from_name(name: &[u8]) -> Option<Digest> {
        Digest::ALL.into_iter().find(|digest| digest.name().as_bytes() == name)
    }

    /// Length of the MAC in bytes.
    pub const fn mac_len(self) -> usize {
        match self {
            Digest::Md5 => 16,
            Digest::Sha256 | Digest::Sha3_256 => 32,
            Digest::Sha384 | Digest::Sha3_384 => 48,
        }
    }

    /// HMAC of `message` under `key`.
    pub fn mac(self, key: &AuthKey, message: &[u8]) -> Mac {
        // `SimpleHmac`, because sha3 0.12 has no block-level trait for `Hmac`.
        macro_rules! hmac {
            ($hash:ty) => {
                match SimpleHmac::<$hash>::new_from_slice(key.as_bytes()) {
                    Ok(hmac) => Mac::new(&hmac.chain_update(message).finalize().into_bytes()),
                    Err(_) => unreachable!("HMAC takes keys of any length"),
                }
            };
        }
        match self {
            Digest::Md5 => hmac!(md5::Md5),
            Digest::Sha256 => hmac!(sha2::Sha256),
            Digest::Sha384 => hmac!(sha2::Sha384),
            Digest::Sha3_256 => hmac!(sha3::Sha3_256),
            Digest::Sha3_384 => hmac!(sha3::Sha3_384),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A proof: the MAC of a message under the key. Derefs to its bytes.
#[derive(Clone)]
pub struct Mac {
    bytes: [u8; 48],
    len: usize,
}

impl Mac {
    fn new(mac: &[u8]) -> Mac {
        let mut bytes = [0; 48];
        bytes[..mac.len()].copy_from_slice(mac);
        Mac { bytes, len: mac.len() }
    }

    /// Whether `claimed` is this MAC; takes the same time wherever they differ. CPython's `hmac.compare_digest`.
    pub fn verify(&self, claimed: &[u8]) -> bool {
        self.ct_eq(claimed).into()
    }
}

impl core::ops::Deref for Mac {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({} bytes)", self.len)
    }
}
