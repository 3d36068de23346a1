//! MessagePack, as Python's `msgpack` has it with `packb` and `unpackb`.
//!
//! | Python | in MessagePack | Rust reads it as |
//! |---|---|---|
//! | `None` | nil | `()`, `Option` |
//! | `bool` | bool | `bool` |
//! | `int` of 64 bits, with or without sign | integer | integers, `f64`; beyond these `OverflowError` in Python |
//! | `float`, `nan` and the infinities too | float 64 | `f64`, `f32` |
//! | `str` | str | text; `UnicodeEncodeError` in Python if there are lone surrogates |
//! | `bytes`, `bytearray` | bin | bytes, a sequence of numbers, text if it is UTF-8 |
//! | `list`, `tuple` | array | sequences, tuples, structs by place |
//! | `dict` | map | maps with keys of any kind, structs, enums |
//! | `msgpack.ExtType`, `msgpack.Timestamp` | ext | *invalid type: newtype struct* |
//! | `set`, `frozenset`, `datetime`, `date`, `Decimal`, `UUID`, `complex` | nothing: `TypeError` | |
//!
//! | Rust | in MessagePack | Python reads it as |
//! |---|---|---|
//! | `()`, `None` | nil | `None` |
//! | integers, of 128 bits too | integer | `int`; beyond 64 bits *it has no integers beyond 64 bits* |
//! | `f64`, `f32` | float | `float` |
//! | text, `char` | str | `str` |
//! | bytes | bin | `bytes` |
//! | sequences (`Vec<u8>` too), tuples, sets | array | `list` |
//! | maps | map | `dict`; keys other than `str` and `bytes` need `strict_map_key=False`, and a list is no key |
//! | structs | map | `dict` |
//! | unit variant; other variants | str; map with one key | `str`; `dict` |
//!
//! What is refused is [`Error::Dumps`](crate::Error::Dumps) or [`Error::Loads`](crate::Error::Loads), with these words.
//! A message may nest 128 levels.
//!
//! ```
//! use sabir::{Context, Reducer};
//!
//! // In Python: msgpack.unpackb(connection.recv_bytes()) == [1, 'two']
//! let (mut one, mut other) = Context::new().reducer(Reducer::MessagePack).pipe()?;
//! one.send(&(1, "two"))?;
//! assert_eq!(other.recv_bytes()?, &b"\x92\x01\xa3two"[..]);
//! # Ok::<(), sabir::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use super::reading::Lenient;
use super::writing::{Checked, Lacks};
use crate::error::Source;

pub(super) fn dumps<T: ?Sized + Serialize>(value: &T) -> Result<Vec<u8>, Source> {
    Ok(rmp_serde::to_vec_named(&Checked(value, LACKS))?)
}

/// rmp-serde would write these as 16 bytes.
const LACKS: Lacks = Lacks { non_finite: false, wide: true };

/// Nothing is borrowed: only a reader that copies says where it stands, and so whether bytes follow the value.
pub(super) fn loads<'de, T: Deserialize<'de>>(message: &'de [u8]) -> Result<T, Source> {
    let mut deserializer = rmp_serde::Deserializer::new(std::io::Cursor::new(message));
    let value = T::deserialize(Lenient::new(&mut deserializer))?;
    if deserializer.position() < message.len() as u64 {
        Err("bytes after the value".into())
    } else {
        Ok(value)
    }
}
