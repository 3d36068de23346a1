//! The program `sabir`, which a wheel carries in here: no second binary, and one install for both.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Run the program `sabir` with these arguments, its own name first, and return its exit code.
#[pyfunction]
#[pyo3(signature = (arguments, /))]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| sabir_cli::run(arguments))
}
