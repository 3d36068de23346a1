//! The driver for a process that serves many peers at once, on tokio.
//!
//! Deadlines are those of `std::time`, as in [`blocking`](crate::blocking). Every future here may be
//! dropped at any point without losing a connection or a byte, but for those in [`authenticate`],
//! which leave the handshake half done.

pub mod authenticate;
mod listener;
mod stream;

pub use self::listener::Listener;
pub use self::stream::Stream;

use std::future::Future;
use std::time::Instant;

use crate::error::{Doing, Error};

async fn by<T>(deadline: Instant, doing: Doing, future: impl Future<Output = T>) -> Result<T, Error> {
    ::tokio::time::timeout_at(deadline.into(), future).await.map_err(|_| Error::Timeout { doing })
}
