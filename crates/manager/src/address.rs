//! Where a manager listens, as a token says it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// An address as Python has it in `listener.address` and in tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// AF_INET: a tuple of host and port.
    Inet {
        /// A name or a numeric address; empty for every interface.
        host: String,
        /// The port.
        port: u16,
    },
    /// AF_UNIX: a path as the file system has it, or an abstract name with its leading NUL.
    Unix(Vec<u8>),
    /// AF_PIPE: a name that begins with two backslashes.
    Pipe(String),
}

impl Address {
    /// Whether this may be another spelling of `other`: the same port, and a host that is the same, or that is a
    /// loopback or a wildcard address in one of them. What a listener calls itself (`0.0.0.0`) and what its clients
    /// call it (`localhost`) differ so.
    pub fn may_be(&self, other: &Address) -> bool {
        match (self, other) {
            (Address::Inet { host: a, port: p }, Address::Inet { host: b, port: q }) => {
                p == q && (a.eq_ignore_ascii_case(b) || is_local(a) || is_local(b))
            }
            _ => self == other,
        }
    }
}

/// Whether a host is a wildcard or a loopback address.
fn is_local(host: &str) -> bool {
    matches!(host, "" | "0.0.0.0" | "::" | "::1")
        || host.eq_ignore_ascii_case("localhost")
        || (host.starts_with("127.") && host.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

impl fmt::Display for Address {
    /// As it would stand on a command line of `sabir`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Inet { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(name) => match name.split_first() {
                Some((0, name)) => write!(f, "unix:@{}", name.escape_ascii()),
                _ => write!(f, "unix:{}", name.escape_ascii()),
            },
            Address::Pipe(name) => write!(f, "pipe:{name}"),
        }
    }
}
