//! JSON, as Python's `json` has it.

use serde::{Deserialize, Serialize};

use crate::error::Source;

pub(super) fn dumps<T: ?Sized + Serialize>(value: &T) -> Result<Vec<u8>, Source> {
    Ok(serde_json::to_vec(value)?)
}

pub(super) fn loads<'de, T: Deserialize<'de>>(message: &'de [u8]) -> Result<T, Source> {
    Ok(serde_json::from_slice(message)?)
}
