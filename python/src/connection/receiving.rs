//! The receiving half: a message goes to memory that is fit for its length.

use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use pyo3::exceptions::{PyEOFError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sabir_net::Deadline;
use sabir_net::blocking::descriptor::{Input, Kind};

use super::Connection;
use crate::buffer;
use crate::error::too_short;

/// The state of the receiving half.
pub(super) struct Incoming {
    pub(super) input: Input,
    /// A message of which only the beginning arrived in time, and its place.
    begun: Option<Py<PyBytes>>,
    /// Where a short message is read to, so that one call does it all with the interpreter lock released.
    short: Box<[MaybeUninit<u8>]>,
}

/// A message, or how long it is in the memory that was given for it.
pub(super) enum Received<'py> {
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

impl Connection {
    /// One message, in `long` if it is longer than a short one and fits there; nothing if it is longer than `longest`.
    pub(super) fn receive<'py>(
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

    /// All short messages that have arrived, or the next one.
    pub(super) fn receive_many<'py>(
        &self,
        py: Python<'py>,
        deadline: Deadline,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let mut taken = self.input.take(py, || self.incoming())?;
        let incoming = taken.get()?;
        let handle = self.borrowed()?;
        if incoming.begun.is_none() {
            self.waiting(py, |go_on| incoming.input.gulp(handle, deadline, go_on))?;
        }
        let mut messages = Vec::new();
        loop {
            let Some(Received::Bytes(message)) = self.receive(py, incoming, u64::MAX, &mut [], deadline)?
            else {
                return Err(PyEOFError::new_err(()));
            };
            messages.push(message);
            if !incoming.input.has_whole() {
                return Ok(messages);
            }
        }
    }

    /// One message into `place`, from its beginning on; its length.
    pub(super) fn receive_into(
        &self,
        py: Python<'_>,
        place: &mut [MaybeUninit<u8>],
        deadline: Deadline,
    ) -> PyResult<usize> {
        let mut taken = self.input.take(py, || self.incoming())?;
        let incoming = taken.get()?;
        incoming.input.set_read_ahead(self.get_read_ahead());
        let handle = self.borrowed()?;
        // One that was begun lies elsewhere already.
        if incoming.begun.is_none() {
            let input = &mut incoming.input;
            let done = self.waiting(py, |go_on| {
                let Some(frame) = input.header(handle, deadline, go_on)? else { return Ok(None) };
                match usize::try_from(frame.body_len) {
                    Ok(length) if length <= place.len() => {
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
                    incoming.keep(py, handle, place)?;
                    return Err(error);
                }
            }
        }
        let Some(Received::Bytes(message)) = self.receive(py, incoming, u64::MAX, &mut [], deadline)? else {
            return Err(PyEOFError::new_err(()));
        };
        let bytes = message.as_bytes();
        if bytes.len() > place.len() {
            return Err(too_short(message.into_any()));
        }
        for (to, from) in place.iter_mut().zip(bytes) {
            to.write(*from);
        }
        Ok(bytes.len())
    }

    pub(super) fn incoming(&self) -> Incoming {
        let kind = self.kind().unwrap_or(Kind::Pipe);
        Incoming { input: Input::new(kind), begun: None, short: Box::new_uninit_slice(SHORT) }
    }
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

#[allow(
    unsafe_code,
    reason = "the standard library's own way to say so is newer than the oldest compiler we serve"
)]
fn filled(bytes: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: only asked for what `Input::body` has filled.
    unsafe { &*(std::ptr::from_ref(bytes) as *const [u8]) }
}

/// Up to this length, in bytes, to copy a message costs less than to take the interpreter lock once more.
pub(super) const SHORT: usize = 16 * 1024;
