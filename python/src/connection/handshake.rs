//! The handshake, in one call with the interpreter lock released.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sabir_net::blocking::descriptor;
use sabir_wire::auth::{AuthKey, AuthOptions, ChallengeStyle, PeerHints};

use super::Connection;
use crate::error::exception;
use crate::timeouts::deadline;

/// Both halves of the handshake, in every dialect; the listening end challenges first.
///
/// Handshake(connection, authkey, listening)
#[pyclass(frozen, module = "sabir._native")]
pub(crate) struct Handshake {
    connection: Py<Connection>,
    /// None while a call goes on with it, and once it is over.
    steps: Mutex<Option<descriptor::Handshake>>,
}

#[pymethods]
impl Handshake {
    #[new]
    fn new(
        connection: &Bound<'_, Connection>,
        authkey: &Bound<'_, PyBytes>,
        listening: bool,
    ) -> PyResult<Self> {
        let (key, options) = (AuthKey::from(authkey.as_bytes()), AuthOptions::default());
        let steps = if listening {
            descriptor::Handshake::accepting(key, options)
        } else {
            descriptor::Handshake::connecting(key, options)
        };
        let steps = steps.map_err(|error| exception(connection.py(), &error))?;
        Ok(Self { connection: connection.clone().unbind(), steps: Mutex::new(Some(steps)) })
    }

    /// Go on to the end; whether the peer challenged as Python 3.12 and newer do.
    ///
    /// AuthenticationError unless both ends know the key. After TimeoutError, if `seconds` (None: no limit) are over before
    /// the end, another call goes on where this one was.
    #[pyo3(signature = (seconds, /))]
    fn go_on(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<bool> {
        let deadline = deadline(seconds)?;
        let connection = self.connection.get();
        connection.reading()?;
        connection.writing()?;
        let handle = connection.borrowed()?;
        let mut incoming = connection.input.take(py, || connection.incoming())?;
        let mut outgoing = connection.output.take(py, || connection.outgoing())?;
        let (input, output) = (&mut incoming.get()?.input, outgoing.get()?);
        let Some(mut steps) = self.steps().take() else {
            return Err(PyRuntimeError::new_err("the handshake is over, or goes on in another thread"));
        };
        let done = connection.waiting(py, |go_on| steps.go_on(handle, input, output, deadline, go_on));
        match done {
            Ok(hints) => Ok(is_modern(hints)),
            Err(error) => {
                *self.steps() = Some(steps);
                Err(error)
            }
        }
    }
}

impl Handshake {
    fn steps(&self) -> MutexGuard<'_, Option<descriptor::Handshake>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_modern(hints: PeerHints) -> bool {
    matches!(hints.challenge, Some(ChallengeStyle::Named(_)))
}
