//! Pickles as Rust types: the third altitude.
//!
//! ```
//! # use serde::{Deserialize, Serialize};
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! struct Job {
//!     name: String,
//!     sizes: Vec<u32>,
//! }
//! let job = Job { name: "resize".into(), sizes: vec![640, 480] };
//! let pickle = sabir_pickle::serde::to_vec(&job, 2)?; // {'name': 'resize', 'sizes': [640, 480]}
//! assert_eq!(sabir_pickle::serde::from_slice::<Job>(&pickle)?, job);
//! # Ok::<(), sabir_pickle::Error>(())
//! ```
//!
//! Nothing is ever called or imported: an object of a class is read as the data that its pickle holds.
//!
//! # What is written
//!
//! | Rust | Python |
//! |---|---|
//! | `()`, unit struct, `None` | `None` |
//! | `Some(x)`, newtype struct | `x` |
//! | `bool`, integers of all widths, `f32`, `f64` | `bool`, `int`, `float` |
//! | `str`, `String`, `char` | `str` (`unicode` in 2.7) |
//! | what serializes as bytes (`serde_bytes`) | `bytes` (`str` in 2.7) |
//! | `Vec`, slices, Rust's sets | `list` |
//! | tuples, arrays, tuple structs | `tuple` |
//! | maps | `dict`; a list, dict or set as a key is refused, since Python cannot hash it |
//! | structs | `dict` with `str` keys, unless [`Reductions`] say another class |
//! | unit variant | `'Variant'` |
//! | newtype, tuple and struct variant | `{'Variant': x}`, `{'Variant': (x, y)}`, `{'Variant': {'field': x}}` |
//! | [`Tuple`], [`Set`], [`FrozenSet`], [`ByteArray`] | what they say |
//! | [`Class`] | the class or function of that name |
//! | [`Instance`] | an instance of a class, with attributes |
//! | [`Reduce`] | what a call gives |
//!
//! Equal values are not shared: there is no memo. Below protocol 3, names are Python 2's and bytes are a call of
//! `_codecs.encode`, so that 2.7 and every 3.x read them.
//!
//! # What is read
//!
//! | Python | Rust, where the type asks for nothing | or, where it does |
//! |---|---|---|
//! | `None` | unit | `Option` |
//! | `bool`, `float` | the same | |
//! | `int`, 2.7 `long` | `i64`, or the first that fits of `u64`, `i128`, `u128`; beyond these an error | bytes: two's complement, little-endian, of any length; `f64` |
//! | `str`, 2.7 `unicode` | text; bytes if it holds lone surrogates | |
//! | 2.7 `str` | text if it is UTF-8, else bytes | bytes |
//! | `bytes`, `bytearray` | bytes | a sequence of numbers |
//! | `list`, `tuple`, `set`, `frozenset`, `deque` | sequence | |
//! | `dict`, `OrderedDict`, `defaultdict`, `Counter` | map | struct; an enum, if it has one entry |
//! | `complex`, `slice`, `range`, `timedelta` | sequence of their arguments | struct (`real`, `imag`; `start`, `stop`, `step`; `days`, `seconds`, `microseconds`); `timedelta` as `f64`: seconds |
//! | `datetime`, `date`, `time` | text, as `isoformat` gives it; a named zone follows in brackets; with a `tzinfo` of an unknown class the struct | sequence of the arguments, `tzinfo` only if it is not `None`; struct (`year` ... `microsecond`, `tzinfo`, `fold`) |
//! | `timezone`, `ZoneInfo` | text: `+HH:MM`; the key | |
//! | `Decimal` | text | `f64` |
//! | `Fraction` | text, `1/3` | sequence of two integers; `f64` |
//! | `UUID` | text, hyphenated | bytes (16, big-endian), `u128` |
//! | `array.array` | sequence of numbers; text for types `u` and `w` | bytes, as they lie in it (protocol 3 and newer) |
//! | `PosixPath` | text | |
//! | class, function | text, `module:Name` | [`Class`] |
//! | `enum` member | its name or its value, as the version that wrote it has it | a unit variant of that name |
//! | namedtuple | sequence | struct, by place |
//! | other instances | what was appended to them; or what was set in them; or a map of their attributes; or, without any, their state or arguments | struct: attributes (and `args`, if the struct has such a field and the object has not); number, text or bytes: their one argument; [`Instance`], [`Reduce`] |
//! | persistent id, extension code, out-of-band buffer | an error: load a [`Graph`] | |
//!
//! NumPy's arrays are instances like others. Shared objects are read once for each reference to them, and
//! [`Limits::max_nodes`] says how many values that may be beyond those that the pickle spells out;
//! [`Limits::max_depth`] says how deep they may nest. An object that contains itself is an error.
//!
//! Errors of category [`Unrepresentable`](crate::Category::Unrepresentable) name the path to the value and the offset
//! of the opcode that made it (for None, True and False, that made what they are in): `[3].size: invalid type: string "x", expected u32 at offset 29`.

mod access;
mod atoms;
mod class;
mod de;
mod fault;
mod flatten;
mod forms;
mod moment;
mod numbers;
mod put;
mod record;
mod reductions;
mod ser;
mod stream;
mod tape;

use alloc::vec::Vec;

use serde::de::Deserialize;
use serde::ser::Serialize;

pub use self::class::{ByteArray, Class, FrozenSet, Instance, ParseClassError, Reduce, Set, Tuple};
use self::de::Reading;
pub use self::reductions::{Reduction, Reductions};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, NodeId};
use crate::limits::Limits;

/// Reads a pickle with the default limits. Bytes after its STOP are ignored, as Python does.
///
/// # Errors
/// The bytes are no pickle, exceed the limits, or hold something else than a `T`.
pub fn from_slice<'de, T: Deserialize<'de>>(pickle: &'de [u8]) -> Result<T> {
    from_slice_with(pickle, &Limits::DEFAULT)
}

/// Reads a pickle.
///
/// # Errors
/// The bytes are no pickle, exceed the limits, or hold something else than a `T`.
pub fn from_slice_with<'de, T: Deserialize<'de>>(pickle: &'de [u8], limits: &Limits) -> Result<T> {
    if let Some(value) = stream::read(pickle, limits) {
        return Ok(value);
    }
    let tape = record::record(pickle, limits)?;
    let reading = Reading::new(&tape, limits);
    let value = T::deserialize(reading.root()).map_err(|fault| fault.at(tape.root));
    value.map_err(|fault| fault.into_error(|item| record::offset_of(pickle, limits, item)))
}

/// Reads what a graph holds, with the default limits.
///
/// # Errors
/// It exceeds the limits, or is something else than a `T`.
pub fn from_graph<'de, T: Deserialize<'de>>(graph: &'de Graph) -> Result<T> {
    from_node(graph, graph.root(), &Limits::DEFAULT)
}

/// Reads one node of a graph, and what it refers to.
///
/// # Errors
/// It exceeds the limits, or is something else than a `T`.
pub fn from_node<'de, T: Deserialize<'de>>(graph: &'de Graph, node: NodeId, limits: &Limits) -> Result<T> {
    let tape = flatten::flatten(graph, node)?;
    let reading = Reading::new(&tape, limits);
    T::deserialize(reading.root()).map_err(|fault| fault.into_error(|_| None))
}

/// Writes a value as a pickle of protocol 0 to 5.
///
/// # Errors
/// There is no such protocol, or the value has no form in it; or its own `Serialize` fails.
pub fn to_vec<T: ?Sized + Serialize>(value: &T, protocol: u8) -> Result<Vec<u8>> {
    to_vec_with(value, protocol, &Reductions::new())
}

/// Writes a value as a pickle of protocol 0 to 5, structs that `reductions` names as it says.
///
/// # Errors
/// As [`to_vec`].
pub fn to_vec_with<T: ?Sized + Serialize>(
    value: &T,
    protocol: u8,
    reductions: &Reductions,
) -> Result<Vec<u8>> {
    if protocol > 5 {
        return Err(Error::new(ErrorKind::UnsupportedProtocol(protocol)));
    }
    let writer = ser::pickle(value, protocol, reductions).map_err(|fault| fault.into_error(|_| None))?;
    Ok(writer.out)
}

/// Makes a graph of a value, to be changed or to become part of another pickle.
///
/// # Errors
/// As [`to_vec`].
pub fn to_graph<T: ?Sized + Serialize>(value: &T) -> Result<Graph> {
    let limits = Limits { max_nodes: u32::MAX, ..Limits::DEFAULT };
    Graph::load(to_vec(value, 5)?.into(), &limits)
}
