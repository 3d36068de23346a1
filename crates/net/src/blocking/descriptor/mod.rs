//! Messages over a descriptor that need not be ours alone: pipes, sockets that other processes share.
//!
//! [`Connection`](super::Connection) reads ahead, and so needs a socket to itself. A `multiprocessing` program also
//! reads one pipe from several processes in turn, as the workers of a pool do, or waits for the descriptor with
//! `select`: a message that was read ahead would be lost to the others, or wake nobody. So [`Input`] and [`Output`] keep
//! to these rules:
//!
//! - **Nothing is taken beyond the message that is asked for**, unless [`Input::set_read_ahead`] says that the
//!   descriptor has no other reader.
//! - **The descriptor is readable exactly if there is something to receive**, reading ahead or not: of what was read
//!   ahead the last byte stays in the kernel until the message that it ends is received.
//! - **Nothing is lost** when a deadline passes or a signal interrupts: what has arrived of a message is kept for the next
//!   call, and the rest of one that has begun to leave goes before all that is sent later.
//!
//! | | system calls | copies of the body beside the kernel's |
//! |---|---|---|
//! | a message sent | 1 | one up to 1 KiB, else none |
//! | many sent together | 1 for 64 KiB of them | one up to 16 KiB, none above |
//! | a message received | 2: header, body | none |
//! | many received, reading ahead (sockets) | 3 for what lies there, up to 64 KiB | one |

mod ahead;
mod fd;
mod handshake;
mod input;
mod output;

pub use self::fd::{Interrupted, Kind, ready_by};
pub use self::handshake::Handshake;
pub use self::input::Input;
pub use self::output::Output;
