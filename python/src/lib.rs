//! `sabir._native`: the parts of the Python package that are worth a compiler.
//!
//! Only Python's object model is here: what is sent, waited for and proved is done by the core crates, with the
//! interpreter lock released. The package works without this module, and then is slower.
//!
//! | module | holds |
//! |---|---|
//! | `connection` | `Connection`: messages over any descriptor; `Handshake`: authentication there |
//! | `pickling` | objects as pickles, by the interpreter's own pickler |
//! | `program` | `main`: the program `sabir` |
//! | `buffer` | bytes-like objects as memory |
//! | `slot` | one half of a connection, for one thread at a time |
//! | `timeouts` | how long calls may take |
//! | `error` | which exception an error becomes |

mod buffer;
mod connection;
mod error;
mod pickling;
mod program;
mod slot;
mod timeouts;

use pyo3::prelude::*;

/// The compiled part of sabir: connections, authentication, the program.
// Needs no interpreter lock: every class is frozen, what changes in it is atomic or behind a mutex, no mutex is held while
// Python code runs, and memory that is received into is known to one call at a time.
#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::connection::{Connection, Handshake};
    #[pymodule_export]
    use super::pickling::{Table, pickle_whole, unpickle};
    #[pymodule_export]
    use super::program::main;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::slot::watch_forks(module.py())
    }
}
