//! The only sockets.
