//! The two directions of a connection, for two tasks.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use sabir_wire::auth::PeerHints;
use sabir_wire::frame::FrameDialect;

use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::tokio::{Stream, messages};

/// The receiving half of a [`Connection`](crate::tokio::Connection).
#[derive(Debug)]
pub struct ReadHalf {
    pub(super) stream: Arc<Stream>,
    pub(super) hints: PeerHints,
    pub(super) inbox: Inbox,
}

impl ReadHalf {
    /// The socket beneath. What is read from it directly is missing here.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// As [`Connection::recv_bytes`](crate::tokio::Connection::recv_bytes).
    ///
    /// # Errors
    /// As there.
    pub async fn recv_bytes(&mut self, deadline: impl Into<Deadline>) -> Result<Option<Bytes>, Error> {
        messages::recv_bytes(&self.stream, &mut self.inbox, deadline.into()).await
    }

    /// As [`Connection::recv_bytes_into`](crate::tokio::Connection::recv_bytes_into).
    ///
    /// # Errors
    /// As there.
    pub async fn recv_bytes_into(
        &mut self,
        buffer: &mut [u8],
        deadline: impl Into<Deadline>,
    ) -> Result<Option<usize>, Error> {
        messages::recv_bytes_into(&self.stream, &mut self.inbox, buffer, deadline.into()).await
    }

    /// As [`Connection::readable`](crate::tokio::Connection::readable).
    ///
    /// # Errors
    /// As there.
    pub async fn readable(&mut self) -> Result<(), Error> {
        messages::readable(&self.stream, &self.inbox).await
    }

    /// As [`Connection::poll`](crate::tokio::Connection::poll).
    ///
    /// # Errors
    /// As there.
    pub async fn poll(&mut self, deadline: impl Into<Deadline>) -> Result<bool, Error> {
        messages::poll(&self.stream, &self.inbox, deadline.into()).await
    }
}

/// The sending half of a [`Connection`](crate::tokio::Connection). To drop it does not end the stream for
/// the peer: see [`shutdown_write`](WriteHalf::shutdown_write).
#[derive(Debug)]
pub struct WriteHalf {
    pub(super) stream: Arc<Stream>,
    pub(super) outbox: Outbox,
    pub(super) dialect: FrameDialect,
}

impl WriteHalf {
    /// The socket beneath. What is written to it directly may end up inside of a message.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// As [`Connection::send_bytes`](crate::tokio::Connection::send_bytes).
    ///
    /// # Errors
    /// As there.
    pub async fn send_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.send_vectored(&[message], deadline).await
    }

    /// As [`Connection::send_vectored`](crate::tokio::Connection::send_vectored).
    ///
    /// # Errors
    /// As there.
    pub async fn send_vectored<P: Deref<Target = [u8]>>(
        &mut self,
        pieces: &[P],
        deadline: impl Into<Deadline>,
    ) -> Result<(), Error> {
        let deadline = deadline.into();
        messages::send_vectored(&self.stream, &mut self.outbox, self.dialect, pieces, deadline).await
    }

    /// As [`Connection::queue_bytes`](crate::tokio::Connection::queue_bytes).
    ///
    /// # Errors
    /// As there.
    pub async fn queue_bytes(&mut self, message: &[u8], deadline: impl Into<Deadline>) -> Result<(), Error> {
        let deadline = deadline.into();
        messages::queue_bytes(&self.stream, &mut self.outbox, self.dialect, message, deadline).await
    }

    /// As [`Connection::flush`](crate::tokio::Connection::flush).
    ///
    /// # Errors
    /// As there.
    pub async fn flush(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        messages::flush(&self.stream, &mut self.outbox, Doing::Sending, deadline.into()).await
    }

    /// How many bytes are queued.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.queued()
    }

    /// Writes what is queued and ends the stream for the peer.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Io`].
    pub async fn shutdown_write(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        self.flush(deadline).await?;
        self.stream.shutdown_write().map_err(Error::io(Doing::Sending))
    }
}
