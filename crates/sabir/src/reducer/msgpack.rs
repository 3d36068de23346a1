//! MessagePack, as Python's `msgpack` has it: structs are maps with the names of their fields.

use serde::{Deserialize, Serialize};

use crate::error::Source;

pub(super) fn dumps<T: ?Sized + Serialize>(value: &T) -> Result<Vec<u8>, Source> {
    Ok(rmp_serde::to_vec_named(value)?)
}

/// Nothing is borrowed: only a reader that copies says where it stands, and so whether bytes follow the value.
pub(super) fn loads<'de, T: Deserialize<'de>>(message: &'de [u8]) -> Result<T, Source> {
    let mut deserializer = rmp_serde::Deserializer::new(std::io::Cursor::new(message));
    let value = T::deserialize(&mut deserializer)?;
    if deserializer.position() < message.len() as u64 {
        Err("bytes after the value".into())
    } else {
        Ok(value)
    }
}
