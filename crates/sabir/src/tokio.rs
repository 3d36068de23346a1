//! Connections, listeners and clients of managers for async programs, on tokio.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! use sabir::Context;
//! use sabir::tokio::{Connection, Listener};
//!
//! let context = Context::new();
//! let mut listener = Listener::bind(&context, "127.0.0.1:0").await?;
//! let address = listener.address().clone();
//! let client = tokio::spawn(async move {
//!     let mut connection = Connection::connect(&context, &address).await?;
//!     connection.send(&("ahoy", 3)).await
//! });
//! let mut connection = listener.accept().await?;
//! let (greeting, count): (String, u32) = connection.recv().await?;
//! assert_eq!((&*greeting, count), ("ahoy", 3));
//! client.await.expect("no panic")?;
//! # Ok::<(), sabir::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Any future may be dropped at any point: one that receives loses nothing; of one that sends the rest of a message that
//! had begun to leave goes first with the next. What that means for calls of a manager is said at [`Manager`].

mod connection;
mod halves;
mod link;
mod listener;
mod manager;
mod proxy;

pub use self::connection::Connection;
pub use self::halves::{ReadHalf, WriteHalf};
pub use self::listener::Listener;
pub use self::manager::Manager;
pub use self::proxy::{Proxy, Session, Typed};
