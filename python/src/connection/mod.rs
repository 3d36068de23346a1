//! `Connection`: CPython's, for bytes, over any descriptor.
//!
//! The methods are here; `receiving` and `sending` are the two halves of what they do, `pickled` moves
//! objects, `handshake` is the authentication, `handle` has to do with the descriptor.

mod handle;
mod handshake;
mod pickled;
mod receiving;
mod sending;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyTuple};
use sabir_net::Error;
use sabir_net::blocking::descriptor::{Interrupted, Output, ready_by};

use self::handle::{UNKNOWN, close};
pub(crate) use self::handshake::Handshake;
use self::receiving::{Incoming, Received};
use self::sending::part;
use crate::buffer::{Piece, Target, View};
use crate::error::{exception, is_no_frame};
use crate::pickling::Table;
use crate::slot::Slot;
use crate::timeouts::{Timeouts, deadline};

/// Messages of bytes over a file descriptor: what `multiprocessing.connection.Connection` does, without the pickling.
///
/// Connection(handle, readable=True, writable=True, *, read_ahead=False)
///
/// Nothing is read beyond the message that is asked for, so that several processes can share a descriptor. With
/// read_ahead=True whole messages that lie in a socket are read together: only if nobody else reads from it, no forked
/// child either. In both cases the descriptor is readable exactly if there is something to receive, so `select` and
/// `multiprocessing.connection.wait` work.
///
/// A timeout (in seconds) that passes raises multiprocessing.TimeoutError and loses nothing: what has arrived is kept for the
/// next call, and the rest of a message that has begun to leave goes before what is sent next.
#[pyclass(subclass, frozen, module = "sabir._native")]
pub(crate) struct Connection {
    /// -1 once it is closed, or before `__init__`.
    handle: AtomicI32,
    /// What the descriptor is, once that was asked: a [`Kind`](sabir_net::blocking::descriptor::Kind) by its place in `KINDS`.
    kind: AtomicU8,
    readable: AtomicBool,
    writable: AtomicBool,
    read_ahead: AtomicBool,
    timeouts: Timeouts,
    input: Slot<Incoming>,
    output: Slot<Output>,
    /// Where long pickles are received, to be loaded from there: fresh memory for each costs more than they do.
    memory: Mutex<Option<Py<PyByteArray>>>,
}

#[pymethods]
impl Connection {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            handle: AtomicI32::new(-1),
            kind: AtomicU8::new(UNKNOWN),
            readable: AtomicBool::new(false),
            writable: AtomicBool::new(false),
            read_ahead: AtomicBool::new(false),
            timeouts: Timeouts::default(),
            input: Slot::new(),
            output: Slot::new(),
            memory: Mutex::new(None),
        }
    }

    #[pyo3(signature = (handle, readable = true, writable = true, *, read_ahead = false))]
    fn __init__(&self, handle: i64, readable: bool, writable: bool, read_ahead: bool) -> PyResult<()> {
        let handle = i32::try_from(handle).ok().filter(|handle| *handle >= 0);
        let handle = handle.ok_or_else(|| PyValueError::new_err("invalid handle"))?;
        if !readable && !writable {
            let why = "at least one of `readable` and `writable` must be True";
            return Err(PyValueError::new_err(why));
        }
        self.readable.store(readable, Ordering::Relaxed);
        self.writable.store(writable, Ordering::Relaxed);
        self.read_ahead.store(read_ahead, Ordering::Relaxed);
        self.handle.store(handle, Ordering::Release);
        Ok(())
    }

    /// True if the connection is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.handle.load(Ordering::Acquire) < 0
    }

    /// True if the connection is readable.
    #[getter]
    fn readable(&self) -> bool {
        self.readable.load(Ordering::Relaxed)
    }

    /// True if the connection is writable.
    #[getter]
    fn writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Whether messages are read ahead; may be set, see the class.
    #[getter]
    fn get_read_ahead(&self) -> bool {
        self.read_ahead.load(Ordering::Relaxed)
    }

    #[setter]
    fn set_read_ahead(&self, read_ahead: bool) {
        self.read_ahead.store(read_ahead, Ordering::Relaxed);
    }

    /// How long a call that receives may take, in seconds, where it does not say so itself; None waits.
    #[getter]
    fn get_recv_timeout(&self) -> Option<f64> {
        self.timeouts.recv.get()
    }

    #[setter]
    fn set_recv_timeout(&self, seconds: Option<f64>) {
        self.timeouts.recv.set(seconds);
    }

    /// The same of a call that sends.
    #[getter]
    fn get_send_timeout(&self) -> Option<f64> {
        self.timeouts.send.get()
    }

    #[setter]
    fn set_send_timeout(&self, seconds: Option<f64>) {
        self.timeouts.send.set(seconds);
    }

    /// Until this is called again, all calls together have so many seconds from now on; None takes it back.
    #[pyo3(signature = (seconds, /))]
    fn _within(&self, seconds: Option<f64>) -> PyResult<()> {
        self.timeouts.bound(deadline(seconds)?);
        Ok(())
    }

    fn _check_closed(&self) -> PyResult<()> {
        self.fileno().map(drop)
    }

    fn _check_readable(&self) -> PyResult<()> {
        if self.readable() { Ok(()) } else { Err(PyOSError::new_err("connection is write-only")) }
    }

    fn _check_writable(&self) -> PyResult<()> {
        if self.writable() { Ok(()) } else { Err(PyOSError::new_err("connection is read-only")) }
    }

    /// The descriptor, or None once it is closed.
    #[getter]
    fn _handle(&self) -> Option<i32> {
        Some(self.handle.load(Ordering::Acquire)).filter(|handle| *handle >= 0)
    }

    /// File descriptor of the connection.
    fn fileno(&self) -> PyResult<i32> {
        self._handle().ok_or_else(|| PyOSError::new_err("handle is closed"))
    }

    /// Close the connection.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let handle = self.handle.swap(-1, Ordering::AcqRel);
        if handle >= 0 { close(handle).map_err(|error| crate::error::system(py, &error)) } else { Ok(()) }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (_exc_type = None, _exc_value = None, _exc_tb = None))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        _exc_type: Option<&Bound<'_, PyAny>>,
        _exc_value: Option<&Bound<'_, PyAny>>,
        _exc_tb: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        slf.call_method0("close").map(drop)
    }

    /// Send the bytes of a bytes-like object as one message, in one system call.
    #[pyo3(signature = (buf, offset = 0, size = None, *, timeout = None))]
    fn send_bytes(
        &self,
        py: Python<'_>,
        buf: &Bound<'_, PyAny>,
        offset: isize,
        size: Option<isize>,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        self.writing()?;
        let view = View::of(buf)?;
        let piece = Piece(part(&view.bytes(), offset, size)?.0);
        self.send(py, timeout, |output, handle, deadline, go_on| {
            output.send(handle, &[piece], deadline, go_on)
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "PyO3 gives lists of arguments by value")]
    /// Send one message that lies in several bytes-like objects, without copying them together.
    #[pyo3(signature = (parts, *, timeout = None))]
    fn send_gathered(
        &self,
        py: Python<'_>,
        parts: Vec<Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        self.writing()?;
        let views = parts.iter().map(View::of).collect::<PyResult<Vec<_>>>()?;
        let pieces: Vec<_> = views.iter().map(View::bytes).collect();
        self.send(py, timeout, |output, handle, deadline, go_on| {
            output.send(handle, &pieces, deadline, go_on)
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "PyO3 gives lists of arguments by value")]
    /// Send each of these bytes-like objects as a message; short ones leave together, 64 KiB in one system call. A list is
    /// one message that lies in several.
    #[pyo3(signature = (messages, *, timeout = None))]
    fn send_many(
        &self,
        py: Python<'_>,
        messages: Vec<Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        self.writing()?;
        self.send_each(py, &messages, timeout)
    }

    /// Send an object as a pickle of this protocol; what is long in it is not copied. Long buffers, if they may be `apart`,
    /// go to the method `_send_apart`.
    #[pyo3(signature = (obj, protocol, table, apart, /))]
    fn _send_pickled(
        slf: &Bound<'_, Self>,
        obj: &Bound<'_, PyAny>,
        protocol: u8,
        table: &Bound<'_, Table>,
        apart: bool,
    ) -> PyResult<()> {
        Self::send_pickled(slf, obj, protocol, table, apart)
    }

    /// Receive a pickle and load it. `notice` is told its first bytes; what the quick way cannot load goes to the method
    /// `_load`.
    #[pyo3(signature = (notice, /))]
    fn _recv_pickled<'py>(
        slf: &Bound<'py, Self>,
        notice: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::recv_pickled(slf, notice)
    }

    /// Receive one message as a bytes object.
    #[pyo3(signature = (maxlength = None, *, timeout = None))]
    fn recv_bytes<'py>(
        &self,
        py: Python<'py>,
        maxlength: Option<isize>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.reading()?;
        let longest = match maxlength {
            None => u64::MAX,
            Some(length) => u64::try_from(length).map_err(|_| PyValueError::new_err("negative maxlength"))?,
        };
        let deadline = self.timeouts.receiving(timeout)?;
        let mut taken = self.input.take(py, || self.incoming())?;
        let message = self.receive(py, taken.get()?, longest, &mut [], deadline)?;
        drop(taken);
        match message {
            Some(Received::Bytes(message)) => Ok(message),
            _ => Err(self.bad_message_length(py)),
        }
    }

    /// Receive those messages that have arrived, at least one; short ones in one system call. Only where nobody else reads
    /// from the descriptor, no forked child either.
    #[pyo3(signature = (*, timeout = None))]
    fn recv_many<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        self.reading()?;
        self.receive_many(py, self.timeouts.receiving(timeout)?)
    }

    /// Receive one message into a writeable bytes-like object, from offset on; its length. What has not been read ahead is
    /// read straight to its place.
    #[pyo3(signature = (buf, offset = 0, *, timeout = None))]
    fn recv_bytes_into(
        &self,
        py: Python<'_>,
        buf: &Bound<'_, PyAny>,
        offset: isize,
        timeout: Option<f64>,
    ) -> PyResult<usize> {
        self.reading()?;
        let mut target = Target::of(buf)?;
        let offset = usize::try_from(offset).map_err(|_| PyValueError::new_err("negative offset"))?;
        if offset > target.len() {
            return Err(PyValueError::new_err("offset too large"));
        }
        let place = &mut target.memory()[offset..];
        self.receive_into(py, place, self.timeouts.receiving(timeout)?)
    }

    /// Whether there is any input available to be read, within timeout seconds; None waits for ever.
    #[pyo3(signature = (timeout = Some(0.0)), text_signature = "($self, timeout=0.0)")]
    fn poll(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        self.reading()?;
        let (handle, deadline) = (self.borrowed()?, deadline(timeout)?);
        self.waiting(py, |go_on| ready_by(handle, deadline, go_on))
    }
}

impl Connection {
    fn reading(&self) -> PyResult<()> {
        self._check_closed()?;
        self._check_readable()
    }

    fn writing(&self) -> PyResult<()> {
        self._check_closed()?;
        self._check_writable()
    }

    /// Calls with the interpreter lock released; signal handlers run when a signal interrupts it.
    fn waiting<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(Interrupted<'_>) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let mut raised = None;
        let done = py.detach(|| {
            #[expect(
                clippy::redundant_closure_for_method_calls,
                reason = "a path to it is not general enough"
            )]
            call(&mut || match Python::attach(|py| py.check_signals()) {
                Ok(()) => true,
                Err(error) => {
                    raised = Some(error);
                    false
                }
            })
        });
        match (done, raised) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => {
                if is_no_frame(&error) {
                    // What comes next is no header either.
                    self.close(py)?;
                }
                Err(exception(py, &error))
            }
            (Ok(done), None) => Ok(done),
        }
    }
}
