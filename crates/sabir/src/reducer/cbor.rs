//! CBOR (RFC 8949), as Python's `cbor2` has it with `dumps` and `loads`.
//!
//! | Python | in CBOR | Rust reads it as |
//! |---|---|---|
//! | `None` | null | `()`, `Option` |
//! | `bool` | simple | `bool` |
//! | `int` of any length | integer, bignum | integers of up to 128 bits, `f64` up to 64; *bignum exceeds 128 bits* |
//! | `float`, `nan` and the infinities too | float | `f64`, `f32` |
//! | `str` | text | text; `UnicodeEncodeError` in Python if there are lone surrogates |
//! | `bytes`, `bytearray` | bytes | bytes; a `Vec<u8>` is a sequence and takes none |
//! | `list`, `tuple` | array | sequences, tuples |
//! | `dict` | map | maps with keys of any kind, structs, enums |
//! | `set`, `frozenset`, `datetime`, `date`, `Decimal`, `UUID`, `complex` | tagged | *unexpected type tag*, *unexpected tag*; passed over in a field that the struct lacks. Python refuses a `datetime` without time zone: `CBOREncodeError` |
//!
//! | Rust | in CBOR | Python reads it as |
//! |---|---|---|
//! | `()`, `None` | null | `None` |
//! | integers, of 128 bits too | integer, bignum | `int` |
//! | `f64`, `f32` | float | `float` |
//! | text, `char` | text | `str` |
//! | bytes | bytes | `bytes` |
//! | sequences (`Vec<u8>` too), tuples, sets | array | `list`; `tuple` where it is a key |
//! | maps | map | `dict` |
//! | structs | map | `dict` |
//! | unit variant; other variants | text; map with one key | `str`; `dict` |
//!
//! What is refused is [`Error::Dumps`](crate::Error::Dumps) or [`Error::Loads`](crate::Error::Loads), with these words.
//! A message may nest 128 levels.
//!
//! ```
//! use sabir::{Context, Reducer};
//!
//! // In Python: cbor2.loads(connection.recv_bytes()) == [1, 'two']
//! let (mut one, mut other) = Context::new().reducer(Reducer::Cbor).pipe()?;
//! one.send(&(1, "two"))?;
//! assert_eq!(other.recv_bytes()?, &b"\x82\x01\x63two"[..]);
//! # Ok::<(), sabir::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use super::reading::Lenient;
use super::writing::{Checked, Lacks};
use crate::error::Source;

pub(super) fn dumps<T: ?Sized + Serialize>(value: &T) -> Result<Vec<u8>, Source> {
    let mut message = Vec::new();
    let mut serializer = minicbor_serde::Serializer::new(&mut message);
    // An empty array otherwise, which Python has as a list.
    Checked(value, LACKS).serialize(serializer.serialize_unit_as_null(true))?;
    Ok(message)
}

const LACKS: Lacks = Lacks { non_finite: false, wide: false };

pub(super) fn loads<'de, T: Deserialize<'de>>(message: &'de [u8]) -> Result<T, Source> {
    let mut deserializer = minicbor_serde::Deserializer::new(message);
    let value = T::deserialize(Lenient::new(&mut deserializer))?;
    if deserializer.decoder().position() < message.len() {
        Err("bytes after the value".into())
    } else {
        Ok(value)
    }
}
