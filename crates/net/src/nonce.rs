//! The randomness of a handshake.

use std::io;

use sabir_wire::auth::{MESSAGE_LENGTH, Nonce};

use crate::error::{Doing, Error};

/// Fresh bytes from the operating system's generator, for a handshake that the caller drives.
///
/// # Errors
/// [`Error::Io`] if the system has none.
pub fn nonce() -> Result<Nonce, Error> {
    let mut random = [0; MESSAGE_LENGTH];
    getrandom::fill(&mut random)
        .map_err(|error| Error::Io { doing: Doing::Authenticating, source: io::Error::other(error) })?;
    Ok(Nonce::new(random))
}
