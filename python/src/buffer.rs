//! Bytes-like objects as memory.

use std::mem::MaybeUninit;
use std::ops::Deref;
use std::slice;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};

/// The bytes of an object that are sent from where they lie.
pub(crate) enum View<'py> {
    /// `bytes` never change, so they need no export.
    Bytes(Bound<'py, PyBytes>),
    Buffer(PyUntypedBuffer),
}

impl<'py> View<'py> {
    pub(crate) fn of(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.clone()));
        }
        let buffer = PyUntypedBuffer::get(object)?;
        if !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("the buffer is not C-contiguous"));
        }
        Ok(Self::Buffer(buffer))
    }

    /// The memory, for a call that releases the interpreter lock.
    #[allow(unsafe_code, reason = "Python has no safe way to hand memory to a system call")]
    pub(crate) fn bytes(&self) -> Piece<'_> {
        match self {
            Self::Bytes(bytes) => Piece(bytes.as_bytes()),
            Self::Buffer(buffer) if buffer.len_bytes() == 0 => Piece(&[]),
            // SAFETY: the export keeps the memory where it is and as long as it is. Another thread may write to it
            // meanwhile; then the kernel copies a mixture, as it does for `os.write`, and nothing here looks at it.
            Self::Buffer(buffer) => {
                Piece(unsafe { slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes()) })
            }
        }
    }
}

/// A part of memory that stays where it is.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a>(pub(crate) &'a [u8]);

impl Deref for Piece<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

/// Memory of an object that can be received into.
pub(crate) struct Target(PyUntypedBuffer);

impl Target {
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(object)?;
        if buffer.readonly() {
            return Err(PyTypeError::new_err("a read-write bytes-like object is needed"));
        }
        if !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("the buffer is not C-contiguous"));
        }
        Ok(Self(buffer))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len_bytes()
    }

    #[allow(unsafe_code, reason = "Python has no safe way to hand memory to a system call")]
    pub(crate) fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.len() == 0 {
            return &mut [];
        }
        // SAFETY: the export keeps the memory where it is and as long as it is, and it may be written to. What other
        // threads do with it meanwhile is their program's affair, as with `readinto`; nothing here reads it.
        unsafe { slice::from_raw_parts_mut(self.0.buf_ptr().cast(), self.len()) }
    }
}

/// What `look` makes of the memory of a bytearray.
#[allow(unsafe_code, reason = "a bytearray may change whenever Python code runs")]
pub(crate) fn with<T>(memory: &Bound<'_, PyByteArray>, look: impl FnOnce(&[u8]) -> T) -> T {
    // SAFETY: only connections know these, one call at a time, and `look` runs no Python code.
    look(unsafe { memory.as_bytes() })
}

/// The beginning of a bytearray as bytes.
pub(crate) fn copy<'py>(memory: &Bound<'py, PyByteArray>, length: usize) -> Bound<'py, PyBytes> {
    with(memory, |bytes| PyBytes::new(memory.py(), &bytes[..length.min(bytes.len())]))
}

/// A `bytes` of this length that nobody else knows yet, to be filled.
#[allow(
    unsafe_code,
    reason = "PyO3 zeroes such an object first, which writes every byte of a long message twice"
)]
pub(crate) fn unfilled(py: Python<'_>, length: usize) -> PyResult<Bound<'_, PyBytes>> {
    let too_long = || pyo3::exceptions::PyMemoryError::new_err(format!("no memory for {length} bytes"));
    let length = pyo3::ffi::Py_ssize_t::try_from(length).map_err(|_| too_long())?;
    // SAFETY: asks for an object without contents, and gets one or an exception.
    unsafe {
        let object = pyo3::ffi::PyBytes_FromStringAndSize(std::ptr::null(), length);
        Ok(Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked())
    }
}

/// The memory of a `bytes` that is not filled yet.
///
/// Only for one that [`unfilled`] has made and nobody else has seen.
#[allow(unsafe_code, reason = "as of `unfilled`")]
pub(crate) fn memory<'a>(bytes: &'a mut Bound<'_, PyBytes>) -> &'a mut [MaybeUninit<u8>] {
    let length = bytes.as_bytes().len();
    // SAFETY: nobody else knows the object (see above), so this is the only way to its memory.
    unsafe { slice::from_raw_parts_mut(pyo3::ffi::PyBytes_AsString(bytes.as_ptr()).cast(), length) }
}
