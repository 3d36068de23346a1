//! The sending half: what is sent goes out from where it lies.

use std::os::fd::BorrowedFd;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use sabir_net::blocking::descriptor::{Interrupted, Kind, Output};
use sabir_net::{Deadline, Error};

use super::Connection;
use crate::buffer::{Piece, View};

impl Connection {
    /// Calls `send` with the sending half, and the descriptor, until when and what to ask at a signal.
    pub(super) fn send(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        send: impl FnOnce(&mut Output, BorrowedFd<'_>, Deadline, Interrupted<'_>) -> Result<(), Error> + Send,
    ) -> PyResult<()> {
        let (handle, deadline) = (self.borrowed()?, self.timeouts.sending(timeout)?);
        let mut taken = self.output.take(py, || self.outgoing())?;
        let output = taken.get()?;
        self.waiting(py, |go_on| send(output, handle, deadline, go_on))
    }

    pub(super) fn outgoing(&self) -> Output {
        Output::new(self.kind().unwrap_or(Kind::Pipe))
    }

    /// Sends each as a message, short ones together.
    pub(super) fn send_each(
        &self,
        py: Python<'_>,
        messages: &[Bound<'_, PyAny>],
        timeout: Option<f64>,
    ) -> PyResult<()> {
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

/// The part of a buffer that is to be sent, by CPython's rules.
pub(super) fn part<'a>(bytes: &Piece<'a>, offset: isize, size: Option<isize>) -> PyResult<Piece<'a>> {
    let wrong = PyValueError::new_err;
    let offset = usize::try_from(offset).map_err(|_| wrong("offset is negative"))?;
    let rest = bytes.0.get(offset..).ok_or_else(|| wrong("buffer length < offset"))?;
    let Some(size) = size else { return Ok(Piece(rest)) };
    let size = usize::try_from(size).map_err(|_| wrong("size is negative"))?;
    Ok(Piece(rest.get(..size).ok_or_else(|| wrong("buffer length < offset + size"))?))
}
