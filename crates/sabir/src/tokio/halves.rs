//! The two directions of a connection, for two tasks.

use bytes::Bytes;
use sabir_net::Deadline;
use sabir_net::tokio as net;
use sabir_pickle::Graph;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::channel::{Channel, settings};
use crate::error::{Error, Result};

/// The receiving half of a [`Connection`](crate::tokio::Connection).
///
/// ```no_run
/// async fn print_all(mut reading: sabir::tokio::ReadHalf) -> sabir::Result<()> {
///     loop {
///         println!("{}", reading.recv::<String>().await?);
///     }
/// }
/// ```
#[derive(Debug)]
pub struct ReadHalf {
    inner: net::ReadHalf,
    channel: Channel,
}

settings!(ReadHalf);

impl ReadHalf {
    pub(crate) fn of(inner: net::ReadHalf, channel: Channel) -> ReadHalf {
        ReadHalf { inner, channel }
    }

    /// As [`Connection::recv`](crate::tokio::Connection::recv).
    ///
    /// # Errors
    /// As there.
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<T> {
        let message = self.recv_bytes().await?;
        self.channel.loads(message)
    }

    /// As [`Connection::recv_graph`](crate::tokio::Connection::recv_graph).
    ///
    /// # Errors
    /// As there.
    pub async fn recv_graph(&mut self) -> Result<Graph> {
        let message = self.recv_bytes().await?;
        self.channel.loads_graph(message)
    }

    /// As [`Connection::recv_bytes`](crate::tokio::Connection::recv_bytes).
    ///
    /// # Errors
    /// As there.
    pub async fn recv_bytes(&mut self) -> Result<Bytes> {
        let message = self.inner.recv_bytes(self.channel.timeouts.recv).await?;
        self.channel.received(message)
    }

    /// As [`Connection::recv_bytes_into`](crate::tokio::Connection::recv_bytes_into).
    ///
    /// # Errors
    /// As there.
    pub async fn recv_bytes_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.inner.recv_bytes_into(buffer, self.channel.timeouts.recv).await?.ok_or(Error::Eof)
    }

    /// As [`Connection::poll`](crate::tokio::Connection::poll).
    ///
    /// # Errors
    /// As there.
    pub async fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool> {
        Ok(self.inner.poll(deadline).await?)
    }

    /// Puts the two halves of a connection together again, with this one's reducer and timeouts; others come back as they are.
    ///
    /// # Errors
    /// The halves, if they are of two connections.
    pub fn unsplit(self, writing: WriteHalf) -> Result<crate::tokio::Connection, Box<(ReadHalf, WriteHalf)>> {
        let ReadHalf { inner, channel } = self;
        match net::Connection::unsplit(inner, writing.inner) {
            Ok(inner) => Ok(crate::tokio::Connection::joined(inner, channel)),
            Err(apart) => {
                let (reading, other) = *apart;
                Err(Box::new((ReadHalf::of(reading, channel), WriteHalf::of(other, writing.channel))))
            }
        }
    }
}

/// The sending half of a [`Connection`](crate::tokio::Connection). The peer sees the end when both halves are dropped, or after
/// [`close`](WriteHalf::close).
///
/// ```no_run
/// async fn count(mut writing: sabir::tokio::WriteHalf) -> sabir::Result<()> {
///     for number in 0..1_000_000 {
///         writing.queue(&number).await?;
///     }
///     writing.close().await
/// }
/// ```
#[derive(Debug)]
pub struct WriteHalf {
    inner: net::WriteHalf,
    channel: Channel,
}

settings!(WriteHalf);

impl WriteHalf {
    pub(crate) fn of(inner: net::WriteHalf, channel: Channel) -> WriteHalf {
        WriteHalf { inner, channel }
    }

    /// As [`Connection::send`](crate::tokio::Connection::send).
    ///
    /// # Errors
    /// As there.
    pub async fn send<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let message = self.channel.dumps(value)?;
        self.send_bytes(&message).await
    }

    /// As [`Connection::send_graph`](crate::tokio::Connection::send_graph).
    ///
    /// # Errors
    /// As there.
    pub async fn send_graph(&mut self, graph: Graph) -> Result<()> {
        let segments = self.channel.dumps_graph(graph)?;
        let pieces: Vec<&[u8]> = segments.iter().collect();
        Ok(self.inner.send_vectored(&pieces, self.channel.timeouts.send).await?)
    }

    /// As [`Connection::send_bytes`](crate::tokio::Connection::send_bytes).
    ///
    /// # Errors
    /// As there.
    pub async fn send_bytes(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.inner.send_bytes(message, self.channel.timeouts.send).await?)
    }

    /// As [`Connection::queue`](crate::tokio::Connection::queue).
    ///
    /// # Errors
    /// As there.
    pub async fn queue<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<()> {
        let message = self.channel.dumps(value)?;
        self.queue_bytes(&message).await
    }

    /// As [`Connection::queue_bytes`](crate::tokio::Connection::queue_bytes).
    ///
    /// # Errors
    /// As there.
    pub async fn queue_bytes(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.inner.queue_bytes(message, self.channel.timeouts.send).await?)
    }

    /// As [`Connection::flush`](crate::tokio::Connection::flush).
    ///
    /// # Errors
    /// As there.
    pub async fn flush(&mut self) -> Result<()> {
        Ok(self.inner.flush(self.channel.timeouts.send).await?)
    }

    /// Sends what is queued, and ends the connection for the peer's `recv`; what it still sends can be received.
    ///
    /// # Errors
    /// [`Error::Net`].
    pub async fn close(mut self) -> Result<()> {
        Ok(self.inner.shutdown_write(self.channel.timeouts.send).await?)
    }
}
