//! JSON (RFC 8259), as Python's `json` has it.
//!
//! | Python | in JSON | Rust reads it as |
//! |---|---|---|
//! | `None` | `null` | `()`, `Option` |
//! | `bool` | `true`, `false` | `bool` |
//! | `int` of any length | number | integers of up to 128 bits, `f64`; *number out of range* beyond these |
//! | `float` | number | `f64`, `f32`; `nan` and the infinities are no JSON, though Python writes them: *expected value* |
//! | `str` | string | text; *hex escape* if there are lone surrogates |
//! | `list`, `tuple` | array | sequences, tuples |
//! | `dict` | object | maps, structs, enums |
//! | its keys `int`, `float`, `bool`, `None` | their text | integers, `bool`, text (`"null"` for `None`) |
//! | `bytes`, `bytearray`, `set`, `frozenset`, `datetime`, `date`, `Decimal`, `UUID`, `complex`; other keys | nothing: `TypeError` | |
//!
//! | Rust | in JSON | Python reads it as |
//! |---|---|---|
//! | `()`, `None` | `null` | `None` |
//! | integers, of 128 bits too | number | `int` |
//! | `f64`, `f32` | number | `float`; of `nan` and the infinities *it has no number* |
//! | text, `char` | string | `str` |
//! | sequences, tuples, sets | array | `list` |
//! | bytes | array of numbers | `list` of `int` |
//! | maps | object | `dict` with `str` keys, integers and `bool` as their text; of other keys *key must be a string* |
//! | structs | object | `dict` |
//! | unit variant; other variants | string; object with one key | `str`; `dict` |
//!
//! What is refused is [`Error::Dumps`](crate::Error::Dumps) or [`Error::Loads`](crate::Error::Loads), with these words.
//! A message may nest 128 levels.
//!
//! ```
//! use sabir::{Context, Reducer};
//!
//! // In Python: json.loads(connection.recv_bytes()) == {'size': [640, 480]}
//! let (mut one, mut other) = Context::new().reducer(Reducer::Json).pipe()?;
//! one.send(&std::collections::BTreeMap::from([("size", (640, 480))]))?;
//! assert_eq!(other.recv_bytes()?, &br#"{"size":[640,480]}"#[..]);
//! # Ok::<(), sabir::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use super::writing::{Checked, Lacks};
use crate::error::Source;

pub(super) fn dumps<T: ?Sized + Serialize>(value: &T) -> Result<Vec<u8>, Source> {
    Ok(serde_json::to_vec(&Checked(value, LACKS))?)
}

/// serde_json would write `null` for these.
const LACKS: Lacks = Lacks { non_finite: true, wide: false };

pub(super) fn loads<'de, T: Deserialize<'de>>(message: &'de [u8]) -> Result<T, Source> {
    Ok(serde_json::from_slice(message)?)
}
