//! What can be given as an address.

use std::net::SocketAddr;

use sabir_net::{Address, AddressError};

/// Whatever says where a peer is: an [`Address`], the text of one, host and port, a socket's address.
///
/// ```
/// use sabir::{Address, IntoAddress};
///
/// let address: Address = "127.0.0.1:5000".into_address()?;
/// assert_eq!(("127.0.0.1", 5000).into_address()?, address);
/// assert!(matches!("unix:/run/robots".into_address()?, Address::Unix(_)));
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

impl IntoAddress for SocketAddr {
    fn into_address(self) -> Result<Address, AddressError> {
        Ok(self.into())
    }
}
