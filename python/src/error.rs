//! Which exception an error becomes: the one table.

use std::io;

use pyo3::exceptions::{PyEOFError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use sabir_net::Error;
use sabir_wire::error::{EofPlace, FrameError};

/// CPython's own type and words where it has some; `multiprocessing.TimeoutError` if a deadline has passed.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    match error {
        Error::Timeout { .. } => {
            from_multiprocessing(py, "TimeoutError", PyString::new(py, &error.to_string()).into_any())
        }
        Error::Io { source, .. } => system(py, source),
        Error::Closed { .. } => PyEOFError::new_err(()),
        Error::Wire(sabir_wire::Error::Frame { source: FrameError::EndOfFile { place }, .. }) => {
            match place {
                // CPython takes this for an orderly end.
                EofPlace::AfterHeader { .. } => PyEOFError::new_err(()),
                _ => PyOSError::new_err("got end of file during message"),
            }
        }
        Error::Wire(sabir_wire::Error::Auth { source, .. }) => refused(py, &source.to_string()),
        _ => PyOSError::new_err(error.to_string()),
    }
}

/// Whether the peer sent what is not a header, after which nothing can be read.
pub(crate) fn is_no_frame(error: &Error) -> bool {
    matches!(
        error,
        Error::Wire(sabir_wire::Error::Frame { source, .. }) if !matches!(source, FrameError::EndOfFile { .. })
    )
}

/// `OSError(errno, text)`, of which Python makes the subclass.
pub(crate) fn system(py: Python<'_>, error: &io::Error) -> PyErr {
    let Some(code) = error.raw_os_error() else { return PyOSError::new_err(error.to_string()) };
    match py.import("os").and_then(|os| os.call_method1("strerror", (code,))) {
        Ok(text) => PyOSError::new_err((code, text.unbind())),
        Err(error) => error,
    }
}

/// `multiprocessing.AuthenticationError`.
pub(crate) fn refused(py: Python<'_>, why: &str) -> PyErr {
    from_multiprocessing(py, "AuthenticationError", PyString::new(py, why).into_any())
}

/// `multiprocessing.BufferTooShort`, with the whole message.
pub(crate) fn too_short(message: Bound<'_, PyAny>) -> PyErr {
    from_multiprocessing(message.py(), "BufferTooShort", message)
}

fn from_multiprocessing<'py>(py: Python<'py>, name: &str, argument: Bound<'py, PyAny>) -> PyErr {
    let make = || py.import("multiprocessing")?.getattr(name)?.call1((argument,));
    make().map_or_else(|error| error, PyErr::from_value)
}
