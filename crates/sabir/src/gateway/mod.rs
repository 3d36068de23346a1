//! The running gateway: two programs that share no Python version, and stay as they are.
//!
//! It listens where a client connects, connects to the server for it, and passes messages on. What
//! is rewritten on the way is decided in `sabir-gateway`, which has no socket; here are the sockets,
//! the clocks and the limits.
//!
//! ```no_run
//! use sabir::gateway::{Gateway, GatewayOptions};
//! use sabir::net::Address;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server: Address = "127.0.0.1:5000".parse()?;
//! let options = GatewayOptions::new("127.0.0.1:5001".parse()?, server);
//! let gateway = Gateway::bind(options).await?;
//! for address in gateway.local_addresses() {
//!     println!("listening on {address}");
//! }
//! gateway.run(std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! One task serves a pair of connections; a message of very many opcodes is judged on a thread beside
//! it, so that other pairs need not wait. A message is held whole, once, in the buffer that it was
//! read to; one that stays as it is leaves from there. A peer that does not read stops its partner
//! from being read, and nobody else.

mod admit;
mod challenges;
mod circle;
mod descriptors;
mod ends;
mod error;
mod heavy;
mod inbox;
mod knowledge;
mod leg;
mod log;
mod messages;
mod options;
mod pair;
mod pump;
mod run;
mod talk;

pub use sabir_gateway::{AllowList, Config, Mode, Policy, Side};

pub use self::options::{Authentication, GatewayOptions, Route, Upstream};
pub use self::run::Gateway;
