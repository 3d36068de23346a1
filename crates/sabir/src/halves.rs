//! The two directions of a connection, for two threads.

use std::os::fd::{AsFd, BorrowedFd};

use bytes::Bytes;
use sabir_net::Deadline;
use sabir_net::blocking;
use sabir_pickle::Graph;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::channel::{Channel, settings};
use crate::error::{Error, Result};

/// The receiving half of a [`Connection`](crate::Connection).
///
/// ```no_run
/// fn print_all(mut reading: sabir::ReadHalf) -> sabir::Result<()> {
///     loop {
///         println!("{}", reading.recv::<String>()?);
///     }
/// }
/// ```
#[derive(Debug)]
pub struct ReadHalf {
    inner: blocking::ReadHalf,
    channel: Channel,
}

settings!(ReadHalf);

impl ReadHalf {
    pub(crate) fn of(inner: blocking::ReadHalf, channel: Channel) -> ReadHalf {
        ReadHalf { inner, channel }
    }

    /// As [`Connection::recv`](crate::Connection::recv).
    ///
    /// # Errors
    /// As there.
    pub fn recv<T: DeserializeOwned>(&mut self) -> Result<T> {
        let message = self.recv_bytes()?;
        self.channel.loads(message)
    }

    /// As [`Connection::recv_graph`](crate::Connection::recv_graph).
    ///
    /// # Errors
    /// As there.
    pub fn recv_graph(&mut self) -> Result<Graph> {
        let message = self.recv_bytes()?;
        self.channel.loads_graph(message)
    }

    /// As [`Connection::recv_bytes`](crate::Connection::recv_bytes).
    ///
    /// # Errors
    /// As there.
    pub fn recv_bytes(&mut self) -> Result<Bytes> {
        let message = self.inner.recv_bytes(self.channel.timeouts.recv)?;
        self.channel.received(message)
    }

    /// As [`Connection::recv_bytes_into`](crate::Connection::recv_bytes_into).
    ///
    /// # Errors
    /// As there.
    pub fn recv_bytes_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.inner.recv_bytes_into(buffer, self.channel.timeouts.recv)?.ok_or(Error::Eof)
    }

    /// As [`Connection::poll`](crate::Connection::poll).
    ///
    /// # Errors
    /// As there.
    pub fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool> {
        Ok(self.inner.poll(deadline)?)
    }

    /// The half beneath, without values.
    #[must_use]
    pub fn get_ref(&self) -> &blocking::ReadHalf {
        &self.inner
    }

    /// Puts the two halves of a connection together again, with this one's reducer and timeouts; others come back as they are.
    ///
    /// # Errors
    /// The halves, if they are of two connections.
    pub fn unsplit(self, writing: WriteHalf) -> Result<crate::Connection, Box<(ReadHalf, WriteHalf)>> {
        let ReadHalf { inner, channel } = self;
        match blocking::Connection::unsplit(inner, writing.inner) {
            Ok(inner) => Ok(crate::Connection::joined(inner, channel)),
            Err(apart) => {
                let (reading, other) = *apart;
                Err(Box::new((ReadHalf::of(reading, channel), WriteHalf::of(other, writing.channel))))
            }
        }
    }
}

impl AsFd for ReadHalf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// The sending half of a [`Connection`](crate::Connection). The peer sees the end when both halves are dropped, or after
/// [`close`](WriteHalf::close).
///
/// ```no_run
/// fn count(mut writing: sabir::WriteHalf) -> sabir::Result<()> {
///     for number in 0..1_000_000 {
///         writing.queue(&number)?;
///     }
///     writing.close()
/// }
/// ```
#[derive(Debug)]
pub struct WriteHalf {
    inner: blocking::WriteHalf,
    channel: Channel,
}

settings!(WriteHalf);

impl WriteHalf {
    pub(crate) fn of(inner: blocking::WriteHalf, channel: Channel) -> WriteHalf {
        WriteHalf { inner, channel }
    }

    /// As [`Connection::send`](crate::Connection::send).
    ///
    /// # Errors
    /// As there.
    pub fn send<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let message = self.channel.dumps(value)?;
        self.send_bytes(&message)
    }

    /// As [`Connection::send_graph`](crate::Connection::send_graph).
    ///
    /// # Errors
    /// As there.
    pub fn send_graph(&mut self, graph: Graph) -> Result<()> {
        let segments = self.channel.dumps_graph(graph)?;
        let pieces: Vec<&[u8]> = segments.iter().collect();
        Ok(self.inner.send_vectored(&pieces, self.channel.timeouts.send)?)
    }

    /// As [`Connection::send_bytes`](crate::Connection::send_bytes).
    ///
    /// # Errors
    /// As there.
    pub fn send_bytes(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.inner.send_bytes(message, self.channel.timeouts.send)?)
    }

    /// As [`Connection::queue`](crate::Connection::queue).
    ///
    /// # Errors
    /// As there.
    pub fn queue<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let message = self.channel.dumps(value)?;
        self.queue_bytes(&message)
    }

    /// As [`Connection::queue_bytes`](crate::Connection::queue_bytes).
    ///
    /// # Errors
    /// As there.
    pub fn queue_bytes(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.inner.queue_bytes(message, self.channel.timeouts.send)?)
    }

    /// As [`Connection::flush`](crate::Connection::flush).
    ///
    /// # Errors
    /// As there.
    pub fn flush(&mut self) -> Result<()> {
        Ok(self.inner.flush(self.channel.timeouts.send)?)
    }

    /// Sends what is queued, and ends the connection for the peer's `recv`; what it still sends can be received.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub fn close(mut self) -> Result<()> {
        Ok(self.inner.shutdown_write(self.channel.timeouts.send)?)
    }
}
