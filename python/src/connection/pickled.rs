//! Objects: pickled to where they are sent from, loaded from where they are received.

use std::sync::{MutexGuard, PoisonError};

use pyo3::exceptions::PyEOFError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};

use super::Connection;
use super::receiving::{Received, SHORT};
use crate::buffer::{self, Piece, Target};
use crate::pickling::{self, Pickled, Table};

impl Connection {
    /// The method `_send_pickled`.
    pub(super) fn send_pickled(
        slf: &Bound<'_, Self>,
        obj: &Bound<'_, PyAny>,
        protocol: u8,
        table: &Bound<'_, Table>,
        apart: bool,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.writing()?;
        let Pickled { pieces, buffers } = pickling::pickle(obj, protocol, table, apart)?;
        if !buffers.is_empty() {
            return slf.call_method1("_send_apart", (pieces, buffers)).map(drop);
        }
        let pieces: Vec<_> = pieces.iter().map(|piece| Piece(piece.bind(py).as_bytes())).collect();
        this.send(py, None, |output, handle, deadline, go_on| output.send(handle, &pieces, deadline, go_on))
    }

    /// The method `_recv_pickled`.
    pub(super) fn recv_pickled<'py>(
        slf: &Bound<'py, Self>,
        notice: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        this.reading()?;
        let deadline = this.timeouts.receiving(None)?;
        let memory = this.memory().take();
        let mut target = memory.as_ref().map(|memory| Target::of(memory.bind(py))).transpose()?;
        let mut taken = this.input.take(py, || this.incoming())?;
        let long = target.as_mut().map_or(&mut [][..], Target::memory);
        let received = this.receive(py, taken.get()?, u64::MAX, long, deadline);
        drop((taken, target));
        match (received, memory) {
            (Ok(Some(Received::Long(length))), Some(memory)) => {
                let memory = memory.into_bound(py);
                let (beginning, quick) = look(&memory, length);
                notice.map(|notice| notice.call1((beginning,))).transpose()?;
                let (loaded, free) = if quick { pickling::load_from(&memory, length)? } else { (None, true) };
                let object = match loaded {
                    Some(object) => object,
                    None => slf.call_method1("_load", (buffer::copy(&memory, length),))?,
                };
                *this.memory() = Some(memory.unbind()).filter(|_| free);
                Ok(object)
            }
            (received, memory) => {
                *this.memory() = memory;
                let Some(Received::Bytes(message)) = received? else { return Err(PyEOFError::new_err(())) };
                let bytes = message.as_bytes();
                if (SHORT..=LONG).contains(&bytes.len()) {
                    // The next one may be as long.
                    *this.memory() = Some(
                        PyByteArray::new_with(py, bytes.len().next_power_of_two(), |_| Ok(()))?.unbind(),
                    );
                }
                notice.map(|notice| notice.call1((&message,))).transpose()?;
                let loaded =
                    if pickling::is_special(bytes) { None } else { pickling::load(message.as_any())? };
                loaded.map_or_else(|| slf.call_method1("_load", (&message,)), Ok)
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Option<Py<PyByteArray>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first bytes of a pickle in memory, and whether it can be loaded in the quick way.
fn look<'py>(memory: &Bound<'py, PyByteArray>, length: usize) -> (Bound<'py, PyBytes>, bool) {
    let bytes = buffer::copy(memory, length.min(8));
    (bytes, !buffer::with(memory, |memory| pickling::is_special(&memory[..length])))
}

/// Beyond this, in bytes, memory is not kept for the next pickle.
const LONG: usize = 1 << 20;
