//! The randomness of a handshake.

use std::io;

use sabir_wire::auth::{MESSAGE_LENGTH, Nonce};

use crate::error::{Doing, Error};

/// Fresh bytes from the operating system's generator, for a handshake that the caller drives.
///
/// # Errors
/// [`Error::Io`] if the system has none.
pub fn nonce() -> Result<Nonce, Error> {
    random::<MESSAGE_LENGTH>().map(Nonce::new)
}

/// So many bytes from the operating system's generator.
///
/// # Errors
/// [`Error::Io`] if the system has none.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut random = [0; N];
    getrandom::fill(&mut random)
        .map_err(|error| Error::Io { doing: Doing::Authenticating, source: io::Error::other(error) })?;
    Ok(random)
}
