//! The driver for a thread that serves one peer at a time.

mod authenticate;
mod connection;
pub mod descriptor;
mod halves;
mod listener;
mod stream;
mod timeout;
mod transfer;
pub(crate) mod wait;

pub use self::connection::Connection;
pub use self::halves::{ReadHalf, WriteHalf};
pub use self::listener::Listener;
pub use self::stream::Stream;
pub use self::wait::{Waitable, wait};
