//! The shared secret.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// The key that both ends know: wiped from memory when the last copy goes, never printed.
///
/// An empty key is a key here: the handshake takes place. So does `Client(authkey=b'')` in every Python, and
/// `Listener(authkey=b'')` from 3.13 on; up to 3.12 that Listener tests the key for truth, sends no challenge and
/// accepts at once, so that a `Client(authkey=b'')` waits for ever. No authentication at all is the absence of a
/// [`Handshake`](super::Handshake), not an empty key.
///
/// Comparing two keys takes the same time wherever they differ.
#[derive(Clone)]
pub struct AuthKey(Arc<Zeroizing<Vec<u8>>>);

impl AuthKey {
    /// Takes the bytes over without copying them.
    pub fn new(key: impl Into<Vec<u8>>) -> AuthKey {
        AuthKey(Arc::new(Zeroizing::new(key.into())))
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the key is empty; see above.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for AuthKey {
    fn from(key: &[u8]) -> AuthKey {
        AuthKey::new(key)
    }
}

impl<const N: usize> From<&[u8; N]> for AuthKey {
    fn from(key: &[u8; N]) -> AuthKey {
        AuthKey::new(key)
    }
}

impl<const N: usize> From<[u8; N]> for AuthKey {
    fn from(key: [u8; N]) -> AuthKey {
        AuthKey::new(key)
    }
}

impl From<Vec<u8>> for AuthKey {
    fn from(key: Vec<u8>) -> AuthKey {
        AuthKey::new(key)
    }
}

impl fmt::Debug for AuthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthKey(hidden)")
    }
}

impl PartialEq for AuthKey {
    fn eq(&self, other: &AuthKey) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for AuthKey {}
