//! The driver for a process that serves many peers at once, on tokio.
//!
//! A [`Deadline`] is that of [`blocking`](crate::blocking). Every future here may be
//! dropped at any point without losing a connection or a byte, but for those in [`authenticate`],
//! which leave the handshake half done.

pub mod authenticate;
mod connection;
mod halves;
mod listener;
mod messages;
mod stream;

pub use self::connection::Connection;
pub use self::halves::{ReadHalf, WriteHalf};
pub use self::listener::Listener;
pub use self::stream::Stream;

use std::future::Future;

use crate::deadline::Deadline;
use crate::error::{Doing, Error};

pub(crate) async fn by<T>(
    deadline: Deadline,
    doing: Doing,
    future: impl Future<Output = T>,
) -> Result<T, Error> {
    let Some(at) = deadline.instant() else { return Ok(future.await) };
    ::tokio::time::timeout_at(at.into(), future).await.map_err(|_| Error::Timeout { doing })
}
