//! What can be given as an address.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use sabir_net::{Address, AddressError};

/// Whatever says where a peer is: an [`Address`], the text of one, host and port, a socket's address, the path of a Unix
/// socket.
///
/// | given | is |
/// |---|---|
/// | `"127.0.0.1:5000"`, `"[::1]:5000"`, `("localhost", 5000)` | TCP |
/// | `"/run/robots"`, `"unix:/run/robots"`, a `Path` | a Unix socket |
/// | `"unix:@robots"` | a name in Linux's abstract namespace |
///
/// ```
/// use std::path::Path;
///
/// use sabir::{Address, IntoAddress};
///
/// let address: Address = "127.0.0.1:5000".into_address()?;
/// assert_eq!(("127.0.0.1", 5000).into_address()?, address);
/// assert_eq!("/run/robots".into_address()?, Path::new("/run/robots").into_address()?);
/// # Ok::<(), sabir::net::AddressError>(())
/// ```
pub trait IntoAddress {
    /// The address.
    ///
    /// # Errors
    /// The text is none.
    fn into_address(self) -> Result<Address, AddressError>;
}

impl IntoAddress for Address {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(self)
    }
}

impl IntoAddress for &Address {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(self.clone())
    }
}

impl IntoAddress for &str {
    fn into_address(self) -> Result<Address, AddressError> {
        self.parse()
    }
}

impl IntoAddress for String {
    fn into_address(self) -> Result<Address, AddressError> {
        self.parse()
    }
}

impl IntoAddress for &String {
    fn into_address(self) -> Result<Address, AddressError> {
        self.parse()
    }
}

impl IntoAddress for (&str, u16) {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(Address::Tcp { host: self.0.to_owned(), port: self.1 })
    }
}

impl IntoAddress for (String, u16) {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(Address::Tcp { host: self.0, port: self.1 })
    }
}

impl IntoAddress for (IpAddr, u16) {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(SocketAddr::from(self).into())
    }
}

impl IntoAddress for SocketAddr {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(self.into())
    }
}

impl IntoAddress for &Path {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(Address::Unix(self.to_owned()))
    }
}

impl IntoAddress for PathBuf {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(Address::Unix(self))
    }
}

impl IntoAddress for &PathBuf {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(Address::Unix(self.clone()))
    }
}
