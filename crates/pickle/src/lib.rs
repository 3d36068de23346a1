//! Python's pickle, protocols 0 to 5, at three altitudes: opcodes, a lossless graph, and serde types.
//!
//! It never resolves, imports or calls anything that a pickle names: classes and functions stay names.
//!
//! ```
//! use sabir_pickle::{Graph, Node};
//! let graph = Graph::from_slice(b"\x80\x04\x8c\x05hello\x94.")?;
//! assert_eq!(graph.text(graph.root()), Some("hello"));
//! # Ok::<(), sabir_pickle::Error>(())
//! ```
#![no_std]
extern crate alloc;
#[cfg(any(test, feature = "testing"))]
extern crate std;

mod allow;
mod dis;
mod dump;
mod emit;
mod error;
mod graph;
mod lex;
mod limits;
mod load;
mod lower;
mod memo;
mod names;
mod op;
mod opcode;
mod output;
mod report;
#[cfg(feature = "serde")]
pub mod serde;
mod sound;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod translate;
mod version;

pub use allow::{AllowError, AllowList, Named, one_line};
pub use dis::{Argument, Disassembly, Note, Row, dis};
pub use dump::{DumpOptions, MemoStyle};
pub use emit::emit_op;
pub use error::{Category, Error, ErrorKind, Result};
pub use graph::{Blob, Global, Graph, Make, Node, NodeId, Object, Step};
pub use lex::{Lexer, Scan, scan};
pub use limits::Limits;
pub use names::{Names, NamesError};
pub use op::{Op, Spanned};
pub use opcode::{ArgKind, OPCODES, OpInfo, Opcode, OpcodeSet, StackItem};
pub use output::Segments;
pub use report::{
    Call, Callee, Name, PersistentId, Report, Target, Verdict, Verdicts, VerdictsError, report,
};
pub use sound::is_sound;
pub use text::float_repr;
pub use translate::{Py2Str, Py2Text, Translation, names_something, native_text};
pub use version::{ParseVersionError, Pythons, Version};
