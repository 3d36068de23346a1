//! CBOR, as Python's `cbor2` has it: structs are maps with the names of their fields.

use serde::{Deserialize, Serialize};

use crate::error::Source;

pub(super) fn dumps<T: ?Sized + Serialize>(value: &T) -> Result<Vec<u8>, Source> {
    Ok(minicbor_serde::to_vec(value)?)
}

pub(super) fn loads<'de, T: Deserialize<'de>>(message: &'de [u8]) -> Result<T, Source> {
    let mut deserializer = minicbor_serde::Deserializer::new(message);
    let value = T::deserialize(&mut deserializer)?;
    if deserializer.decoder().position() < message.len() {
        Err("bytes after the value".into())
    } else {
        Ok(value)
    }
}
