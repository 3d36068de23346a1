//! Where a peer is: as a person writes it on a command line, and as Python spells it in a token.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The place of a listener.
///
/// What is parsed from text is printed as text that parses to the same address. A path that begins with
/// a slash needs no `unix:`. Bytes that text
/// cannot hold, in the names of Unix sockets, are written `\xHH`.
///
/// ```
/// use sabir_net::Address;
///
/// for text in ["localhost:5000", "[::1]:5000", "unix:/run/app.sock", "unix:@app", r"pipe:\\.\pipe\app"] {
///     let address: Address = text.parse()?;
///     assert_eq!(address.to_string(), text);
/// }
/// # Ok::<(), sabir_net::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// `host:port` or `[ipv6]:port`: Python's AF_INET. Port 0 asks a listener to pick a free one.
    Tcp {
        /// A name or a numeric address, without the brackets of the text form.
        host: String,
        /// The port, 0 to 65,535.
        port: u16,
    },
    /// `unix:/path`: Python's AF_UNIX.
    Unix(PathBuf),
    /// `unix:@name`: a name in Linux's abstract namespace, without the NUL that leads it on the wire.
    Abstract(Vec<u8>),
    /// `tls:host:port`: TCP under TLS, which wants certificates; see the module `tls`.
    Tls {
        /// A name or a numeric address, without the brackets of the text form.
        host: String,
        /// The port, 0 to 65,535.
        port: u16,
    },
    /// `pipe:\\.\pipe\name`: Python's AF_PIPE, understood, but not served by this build.
    Pipe(String),
}

impl Address {
    /// Whether only processes of this machine can reach the address.
    ///
    /// The name `localhost` is taken at its word; any other name is not looked up, and counts as
    /// beyond this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Tcp { host, .. } | Self::Tls { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
            Self::Unix(_) | Self::Abstract(_) => true,
            // `\\server\pipe\name` is another machine's pipe.
            Self::Pipe(name) => name.starts_with(r"\\.\"),
        }
    }

    /// The port, where there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp { port, .. } | Self::Tls { port, .. } => Some(*port),
            Self::Unix(_) | Self::Abstract(_) | Self::Pipe(_) => None,
        }
    }

    /// As a Python program would have it in `listener.address` or in a token, or nothing if
    /// Python has no word for such a place.
    #[must_use]
    pub fn to_python(&self) -> Option<PythonAddress> {
        match self {
            Self::Tcp { host, port } => Some(PythonAddress::Inet(host.clone(), *port)),
            Self::Unix(path) => Some(PythonAddress::Unix(path_bytes(path)?)),
            Self::Abstract(name) => Some(PythonAddress::Unix([b"\0", name.as_slice()].concat())),
            Self::Pipe(name) => Some(PythonAddress::Pipe(name.clone())),
            Self::Tls { .. } => None,
        }
    }
}

/// An address as it stands in a Python program: `multiprocessing.connection.address_type` tells
/// the families apart by the type of the object alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PythonAddress {
    /// AF_INET: a tuple of host and port.
    Inet(String, u16),
    /// AF_UNIX: the path as the file system has it, or an abstract name with its leading NUL.
    /// Python has a path as `str`; an abstract name is `bytes` in `listener.address` from 3.7 on.
    /// The client's end of a connection has no name: then it is empty.
    Unix(Vec<u8>),
    /// AF_PIPE: a `str` that begins with two backslashes.
    Pipe(String),
}

impl PythonAddress {
    /// Whether this is a name in Linux's abstract namespace.
    #[must_use]
    pub fn is_abstract(&self) -> bool {
        matches!(self, Self::Unix(name) if name.first() == Some(&0))
    }
}

impl TryFrom<&PythonAddress> for Address {
    type Error = AddressError;

    fn try_from(address: &PythonAddress) -> Result<Self, AddressError> {
        match address {
            PythonAddress::Inet(host, port) => Ok(Self::Tcp { host: checked_host(host)?, port: *port }),
            PythonAddress::Unix(name) => match name.as_slice() {
                [] => Err(AddressError::NoName),
                [0, name @ ..] => abstract_name(name.to_vec()),
                path => unix_path(path.to_vec()),
            },
            PythonAddress::Pipe(name) => pipe_name(name),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(name) = text.strip_prefix("unix:@") {
            abstract_name(unescaped(name))
        } else if let Some(path) = text.strip_prefix("unix:") {
            unix_path(unescaped(path))
        } else if text.starts_with('/') {
            // No host has a slash, and a path is what people have at hand. It is printed with `unix:`.
            unix_path(unescaped(text))
        } else if let Some(name) = text.strip_prefix("pipe:") {
            pipe_name(name)
        } else if let Some(rest) = text.strip_prefix("tls:") {
            let (host, port) = host_and_port(rest)?;
            Ok(Self::Tls { host, port })
        } else {
            let (host, port) = host_and_port(text)?;
            Ok(Self::Tcp { host, port })
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write_host_and_port(f, host, *port),
            Self::Tls { host, port } => {
                f.write_str("tls:")?;
                write_host_and_port(f, host, *port)
            }
            Self::Unix(path) => match path_bytes(path) {
                // A path that begins with `@` must not read as an abstract name.
                Some(bytes) if bytes.first() == Some(&b'@') => {
                    f.write_str(r"unix:\x40")?;
                    write_escaped(f, &bytes[1..])
                }
                Some(bytes) => {
                    f.write_str("unix:")?;
                    write_escaped(f, &bytes)
                }
                None => write!(f, "unix:{}", path.display()),
            },
            Self::Abstract(name) => {
                f.write_str("unix:@")?;
                write_escaped(f, name)
            }
            Self::Pipe(name) => write!(f, "pipe:{name}"),
        }
    }
}

/// Why a text or a Python object is no address. The caller's fault, or that of the peer that sent
/// the object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No colon parts a host from a port.
    #[error(
        "an address is host:port, [ipv6]:port, /path, unix:path or unix:@name, and {0:?} is none of them"
    )]
    Shape(String),
    /// The port is no number from 0 to 65,535.
    #[error("{0:?} is not a port: expected a number from 0 to 65535")]
    Port(String),
    /// The host is empty, or has a character that no host has.
    #[error("{0:?} is not a host: expected a name or a numeric address (0.0.0.0 for every interface)")]
    Host(String),
    /// An IPv6 address without brackets, whose last group cannot be told from a port.
    #[error("write an IPv6 address in brackets, as [::1]:5000, instead of {0:?}")]
    Brackets(String),
    /// A Unix socket or a pipe without a name.
    #[error("the address has no name")]
    NoName,
    /// A path with a NUL inside, which no file has.
    #[error("a path cannot hold a NUL byte")]
    Nul,
    /// A pipe's name that Python would not take for one.
    #[error("{0:?} is not the name of a pipe: expected \\\\.\\pipe\\name")]
    Pipe(String),
}

fn host_and_port(text: &str) -> Result<(String, u16), AddressError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").ok_or_else(|| AddressError::Shape(text.into()))?,
        None => text.rsplit_once(':').ok_or_else(|| AddressError::Shape(text.into()))?,
    };
    if host.contains(':') && !text.starts_with('[') {
        return Err(AddressError::Brackets(text.into()));
    }
    // `parse` alone would take "+80".
    if port.is_empty() || !port.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(AddressError::Port(port.into()));
    }
    let port = port.parse().map_err(|_| AddressError::Port(port.into()))?;
    Ok((checked_host(host)?, port))
}

fn checked_host(host: &str) -> Result<String, AddressError> {
    let known = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(known) {
        return Err(AddressError::Host(host.into()));
    }
    Ok(host.into())
}

fn write_host_and_port(f: &mut fmt::Formatter<'_>, host: &str, port: u16) -> fmt::Result {
    if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
}

fn abstract_name(name: Vec<u8>) -> Result<Address, AddressError> {
    if name.is_empty() { Err(AddressError::NoName) } else { Ok(Address::Abstract(name)) }
}

fn pipe_name(name: &str) -> Result<Address, AddressError> {
    if name.starts_with(r"\\") && name.len() > 2 {
        Ok(Address::Pipe(name.into()))
    } else {
        Err(AddressError::Pipe(name.into()))
    }
}

fn unix_path(bytes: Vec<u8>) -> Result<Address, AddressError> {
    if bytes.is_empty() {
        return Err(AddressError::NoName);
    }
    if bytes.contains(&0) {
        return Err(AddressError::Nul);
    }
    #[cfg(unix)]
    let path = {
        use std::os::unix::ffi::OsStringExt as _;
        PathBuf::from(std::ffi::OsString::from_vec(bytes))
    };
    #[cfg(not(unix))]
    let path = PathBuf::from(String::from_utf8_lossy(&bytes).into_owned());
    Ok(Address::Unix(path))
}

fn path_bytes(path: &std::path::Path) -> Option<Vec<u8>> {
    #[cfg(unix)]
    return Some(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec());
    #[cfg(not(unix))]
    return path.to_str().map(|path| path.as_bytes().to_vec());
}

/// Writes bytes as text that [`unescaped`] reads back.
fn write_escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // A backslash is escaped too: `\x41` could be the name itself.
            if c == '\\' || c.is_control() {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    write!(f, r"\x{byte:02x}")?;
                }
            } else {
                write!(f, "{c}")?;
            }
        }
        for byte in chunk.invalid() {
            write!(f, r"\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// `\xHH` becomes that byte; any other backslash stands for itself.
fn unescaped(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, tail @ ..] = rest {
        rest = tail;
        if let (b'\\', [b'x', high, low, after @ ..]) = (first, tail) {
            let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
            if let (Some(high), Some(low)) = (digit(high), digit(low)) {
                bytes.push(high << 4 | low);
                rest = after;
                continue;
            }
        }
        bytes.push(*first);
    }
    bytes
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
