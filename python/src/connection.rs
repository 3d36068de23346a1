//! `Connection`: CPython's, for bytes, over any descriptor.

use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyEOFError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyTuple};
use sabir_net::blocking::descriptor::{Input, Kind, Output, ready_by};
use sabir_net::{Deadline, Error};

use crate::buffer::{self, Piece, Target, View};
use crate::error::{exception, is_no_frame, too_short};
use crate::pickling::{self, Pickled, Table};
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
    readable: AtomicBool,
    writable: AtomicBool,
    read_ahead: AtomicBool,
    timeouts: Timeouts,
    input: Slot<Incoming>,
    output: Slot<Output>,
    /// Where long pickles are received, to be loaded from there: fresh memory for each costs more than they do.
    memory: Mutex<Option<Py<PyByteArray>>>,
}

/// The receiving half.
struct Incoming {
    input: Input,
    /// A message of which only the beginning arrived in time, and its place.
    begun: Option<Py<PyBytes>>,
    /// Where a short message is read to, so that one call does it all with the interpreter lock released.
    short: Box<[MaybeUninit<u8>]>,
}

#[pymethods]
impl Connection {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            handle: AtomicI32::new(-1),
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
        let messages = messages.iter().map(Outgoing::of).collect::<PyResult<Vec<_>>>()?;
        let messages: Vec<Vec<Piece<'_>>> =
            messages.iter().map(|views| views.0.iter().map(View::bytes).collect()).collect();
        self.send(py, timeout, |output, handle, deadline, go_on| {
            let mut rest = &messages[..];
            while let Some(first) = rest.first() {
                let together = rest.iter().take_while(|message| message.len() == 1).count();
                if together == 0 {
                    output.send(handle, first, deadline, go_on)?;
                    rest = &rest[1..];
                    continue;
                }
                let short: Vec<_> = rest[..together].iter().flatten().copied().collect();
                output.send_many(handle, &short, deadline, go_on)?;
                rest = &rest[together..];
            }
            Ok(())
        })
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
        let (py, this) = (slf.py(), slf.get());
        this.writing()?;
        let Pickled { pieces, buffers } = pickling::pickle(obj, protocol, table, apart)?;
        if !buffers.is_empty() {
            return slf.call_method1("_send_apart", (pieces, buffers)).map(drop);
        }
        let pieces: Vec<_> = pieces.iter().map(|piece| Piece(piece.bind(py).as_bytes())).collect();
        this.send(py, None, |output, handle, deadline, go_on| output.send(handle, &pieces, deadline, go_on))
    }

    /// Receive a pickle and load it. `notice` is told its first bytes; what the quick way cannot load goes to the method
    /// `_load`.
    #[pyo3(signature = (notice, /))]
    fn _recv_pickled<'py>(
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
        let deadline = self.timeouts.receiving(timeout)?;
        let mut taken = self.input.take(py, || self.incoming())?;
        let incoming = taken.get()?;
        incoming.input.set_read_ahead(self.get_read_ahead());
        let handle = self.borrowed()?;
        let room = target.len() - offset;
        // One that was begun lies elsewhere already.
        if incoming.begun.is_none() {
            let place = &mut target.memory()[offset..];
            let input = &mut incoming.input;
            let done = self.waiting(py, |go_on| {
                let Some(frame) = input.header(handle, deadline, go_on)? else { return Ok(None) };
                match usize::try_from(frame.body_len) {
                    Ok(length) if length <= room => {
                        input.body(handle, &mut place[..length], 0, deadline, go_on)?;
                        Ok(Some(Some(length)))
                    }
                    _ => Ok(Some(None)),
                }
            });
            match done {
                Ok(None) => return Err(PyEOFError::new_err(())),
                Ok(Some(Some(length))) => return Ok(length),
                Ok(Some(None)) => {}
                Err(error) => {
                    incoming.keep(py, handle, &target.memory()[offset..])?;
                    return Err(error);
                }
            }
        }
        let Some(Received::Bytes(message)) = self.receive(py, incoming, u64::MAX, &mut [], deadline)? else {
            return Err(PyEOFError::new_err(()));
        };
        let bytes = message.as_bytes();
        if bytes.len() > room {
            return Err(too_short(message.into_any()));
        }
        for (to, from) in target.memory()[offset..].iter_mut().zip(bytes) {
            to.write(*from);
        }
        Ok(bytes.len())
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

    fn bad_message_length(&self, py: Python<'_>) -> PyErr {
        if self.writable() {
            self.readable.store(false, Ordering::Relaxed);
        } else if let Err(error) = self.close(py) {
            return error;
        }
        PyOSError::new_err("bad message length")
    }

    /// Nothing has been allocated, but where the next message begins is not known before this one has passed.
    fn too_long(&self, py: Python<'_>, length: usize) -> PyErr {
        let why = format!("the peer announced a message of {length} bytes, for which there is no memory");
        self.close(py).err().unwrap_or_else(|| PyOSError::new_err(why))
    }

    /// The descriptor, for one call. As in CPython another thread may close it meanwhile.
    #[allow(unsafe_code, reason = "Python gives descriptors as numbers")]
    fn borrowed(&self) -> PyResult<BorrowedFd<'static>> {
        // SAFETY: it is no descriptor that Rust code owns, and not -1. If another thread closes it during the call, the
        // call fails or concerns whatever has the number then, as with `os.read`; no memory depends on it.
        Ok(unsafe { BorrowedFd::borrow_raw(self.fileno()?) })
    }

    fn incoming(&self) -> Incoming {
        let kind = self.borrowed().map_or(Kind::Pipe, Kind::of);
        Incoming { input: Input::new(kind), begun: None, short: Box::new_uninit_slice(SHORT) }
    }

    fn send(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        send: impl FnOnce(&mut Output, BorrowedFd<'_>, Deadline, &mut dyn FnMut() -> bool) -> Result<(), Error>
        + Send,
    ) -> PyResult<()> {
        let (handle, deadline) = (self.borrowed()?, self.timeouts.sending(timeout)?);
        let mut taken = self.output.take(py, || Output::new(Kind::of(handle)))?;
        let output = taken.get()?;
        self.waiting(py, |go_on| send(output, handle, deadline, go_on))
    }

    /// One message, in `long` if it is longer than a short one and fits there; nothing if it is longer than `longest`.
    fn receive<'py>(
        &self,
        py: Python<'py>,
        incoming: &mut Incoming,
        longest: u64,
        long: &mut [MaybeUninit<u8>],
        deadline: Deadline,
    ) -> PyResult<Option<Received<'py>>> {
        let handle = self.borrowed()?;
        incoming.input.set_read_ahead(self.get_read_ahead());
        let (mut message, length) = match incoming.begun.take() {
            Some(message) => {
                let message = message.into_bound(py);
                let length = message.as_bytes().len();
                (message, length)
            }
            None => {
                let Incoming { input, short, .. } = incoming;
                let mut place = Place::None;
                let header = self.waiting(py, |go_on| {
                    let frame = input.header(handle, deadline, go_on)?;
                    let Some(frame) = frame.filter(|frame| frame.body_len <= longest) else {
                        return Ok(frame);
                    };
                    let Ok(length) = usize::try_from(frame.body_len) else { return Ok(Some(frame)) };
                    let memory = if let Some(memory) = short.get_mut(..length) {
                        place = Place::Short;
                        memory
                    } else if let Some(memory) = long.get_mut(..length) {
                        place = Place::Long;
                        memory
                    } else {
                        return Ok(Some(frame));
                    };
                    input.body(handle, memory, 0, deadline, go_on).map(|()| Some(frame))
                });
                let frame = match (header, place) {
                    (Ok(frame), _) => frame,
                    (Err(error), Place::Long) => {
                        incoming.keep(py, handle, long)?;
                        return Err(error);
                    }
                    (Err(error), _) => {
                        incoming.keep_short(py, handle)?;
                        return Err(error);
                    }
                };
                let Some(frame) = frame else { return Err(PyEOFError::new_err(())) };
                if frame.body_len > longest {
                    return Ok(None);
                }
                let length =
                    usize::try_from(frame.body_len).map_err(|_| PyOSError::new_err("bad message length"))?;
                match place {
                    Place::Short => {
                        let message = PyBytes::new(py, filled(&incoming.short[..length]));
                        return Ok(Some(Received::Bytes(message)));
                    }
                    Place::Long => return Ok(Some(Received::Long(length))),
                    Place::None => {}
                }
                let Ok(place) = buffer::unfilled(py, length) else { return Err(self.too_long(py, length)) };
                (place, length)
            }
        };
        if length as u64 > longest {
            incoming.begun = Some(message.unbind());
            return Ok(None);
        }
        let place = buffer::memory(&mut message);
        let input = &mut incoming.input;
        match self.waiting(py, |go_on| input.body(handle, place, 0, deadline, go_on)) {
            Ok(()) => Ok(Some(Received::Bytes(message))),
            Err(error) => {
                incoming.begun = Some(message.unbind());
                Err(error)
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Option<Py<PyByteArray>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls with the interpreter lock released; signal handlers run when a signal interrupts it.
    fn waiting<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T, Error> + Send,
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

/// One message that is sent among many.
struct Outgoing<'py>(Vec<View<'py>>);

impl<'py> Outgoing<'py> {
    fn of(message: &Bound<'py, PyAny>) -> PyResult<Self> {
        match message.cast::<PyList>() {
            Ok(parts) => parts.iter().map(|part| View::of(&part)).collect::<PyResult<_>>().map(Self),
            Err(_) => Ok(Self(vec![View::of(message)?])),
        }
    }
}

/// A message, or how long it is in the memory that was given for it.
enum Received<'py> {
    Bytes(Bound<'py, PyBytes>),
    Long(usize),
}

/// Where a message was to go.
#[derive(Clone, Copy)]
enum Place {
    None,
    Short,
    Long,
}

impl Incoming {
    /// Keeps what has arrived of a short message.
    fn keep_short(&mut self, py: Python<'_>, handle: BorrowedFd<'_>) -> PyResult<()> {
        let short = std::mem::take(&mut self.short);
        let kept = self.keep(py, handle, &short);
        self.short = short;
        kept
    }

    /// Keeps what has arrived of a message in memory that will not be there for the next call.
    fn keep(&mut self, py: Python<'_>, handle: BorrowedFd<'_>, place: &[MaybeUninit<u8>]) -> PyResult<()> {
        let here = self.input.filled();
        if here == 0 {
            return Ok(());
        }
        // The header is here, or nothing would be filled: this does not wait.
        let Ok(Some(frame)) = self.input.header(handle, Duration::ZERO, &mut || true) else { return Ok(()) };
        let Ok(length) = usize::try_from(frame.body_len) else { return Ok(()) };
        let mut message = buffer::unfilled(py, length)?;
        buffer::memory(&mut message)[..here].copy_from_slice(&place[..here]);
        self.begun = Some(message.unbind());
        Ok(())
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
fn close(handle: i32) -> std::io::Result<()> {
    // SAFETY: the number is no longer in the connection, whose descriptor it was. That it is one is asked first, for
    // the standard library takes that for granted.
    unsafe {
        rustix::io::fcntl_getfd(BorrowedFd::borrow_raw(handle))?;
        drop(OwnedFd::from_raw_fd(handle));
    }
    Ok(())
}

/// The first bytes of a pickle in memory, and whether it can be loaded in the quick way.
fn look<'py>(memory: &Bound<'py, PyByteArray>, length: usize) -> (Bound<'py, PyBytes>, bool) {
    let bytes = buffer::copy(memory, length.min(8));
    (bytes, !buffer::with(memory, |memory| pickling::is_special(&memory[..length])))
}

/// The part of a buffer that is to be sent, by CPython's rules.
fn part<'a>(bytes: &Piece<'a>, offset: isize, size: Option<isize>) -> PyResult<Piece<'a>> {
    let wrong = PyValueError::new_err;
    let offset = usize::try_from(offset).map_err(|_| wrong("offset is negative"))?;
    let rest = bytes.0.get(offset..).ok_or_else(|| wrong("buffer length < offset"))?;
    let Some(size) = size else { return Ok(Piece(rest)) };
    let size = usize::try_from(size).map_err(|_| wrong("size is negative"))?;
    Ok(Piece(rest.get(..size).ok_or_else(|| wrong("buffer length < offset + size"))?))
}

#[allow(
    unsafe_code,
    reason = "the standard library's own way to say so is newer than the oldest compiler we serve"
)]
fn filled(bytes: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: only asked for what `Input::body` has filled.
    unsafe { &*(std::ptr::from_ref(bytes) as *const [u8]) }
}

/// Up to this length, in bytes, to copy a message costs less than to take the interpreter lock once more.
const SHORT: usize = 16 * 1024;
/// Beyond this, in bytes, memory is not kept for the next pickle.
const LONG: usize = 1 << 20;
