//! The descriptor of a connection, and its end.

use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use sabir_net::blocking::descriptor::Kind;

use super::Connection;

impl Connection {
    /// The descriptor, for one call. As in CPython another thread may close it meanwhile.
    #[allow(unsafe_code, reason = "Python gives descriptors as numbers")]
    pub(super) fn borrowed(&self) -> PyResult<BorrowedFd<'static>> {
        // SAFETY: it is no descriptor that Rust code owns, and not -1. If another thread closes it during the call, the
        // call fails or concerns whatever has the number then, as with `os.read`; no memory depends on it.
        Ok(unsafe { BorrowedFd::borrow_raw(self.fileno()?) })
    }

    /// What the descriptor is. Asked once: by a number and not under a lock, for a child may be forked meanwhile.
    pub(super) fn kind(&self) -> PyResult<Kind> {
        if let Some(kind) = KINDS.get(usize::from(self.kind.load(Ordering::Relaxed))) {
            return Ok(*kind);
        }
        let kind = Kind::of(self.borrowed()?);
        let place = KINDS.iter().position(|it| *it == kind).and_then(|place| u8::try_from(place).ok());
        self.kind.store(place.unwrap_or(UNKNOWN), Ordering::Relaxed);
        Ok(kind)
    }

    pub(super) fn bad_message_length(&self, py: Python<'_>) -> PyErr {
        if self.writable() {
            self.readable.store(false, Ordering::Relaxed);
        } else if let Err(error) = self.close(py) {
            return error;
        }
        PyOSError::new_err("bad message length")
    }

    /// Nothing has been allocated, but where the next message begins is not known before this one has passed.
    pub(super) fn too_long(&self, py: Python<'_>, length: usize) -> PyErr {
        let why = format!("the peer announced a message of {length} bytes, for which there is no memory");
        self.close(py).err().unwrap_or_else(|| PyOSError::new_err(why))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let handle = self.handle.swap(-1, Ordering::AcqRel);
        if handle >= 0 {
            // Nobody is left to be told.
            let _ = close(handle);
        }
    }
}

#[allow(unsafe_code, reason = "Python gives descriptors as numbers")]
pub(super) fn close(handle: i32) -> std::io::Result<()> {
    // SAFETY: the number is no longer in the connection, whose descriptor it was. Python code may have closed it
    // already, which is an error of the call and no more.
    Ok(unsafe { rustix::io::try_close(handle) }?)
}

const KINDS: [Kind; 3] = [Kind::Tcp, Kind::Unix, Kind::Pipe];
/// In no place of `KINDS`.
pub(super) const UNKNOWN: u8 = u8::MAX;
