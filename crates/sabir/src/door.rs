//! Where clients come in, be it over TLS.

use sabir_net::tokio::{Listener, Stream};
use sabir_net::{Address, Deadline, Error};

use crate::secure::{Acceptor, Fate};

/// A listener, and what its clients have to agree on before anything else.
#[derive(Debug)]
pub(crate) struct Door {
    listener: Listener,
    address: Address,
    tls: Option<Acceptor>,
}

/// A client that has connected, and has agreed on nothing yet.
#[derive(Debug)]
pub(crate) struct Guest {
    stream: Stream,
    tls: Option<Acceptor>,
}

impl Door {
    /// Binds and listens: over TLS where the address says so.
    pub(crate) async fn bind(address: &Address, tls: Option<&Acceptor>) -> Result<Door, Error> {
        let (Address::Tls { host, port }, Some(tls)) = (address, tls) else {
            let listener = Listener::bind(address).await?;
            let address = listener.local_address().clone();
            return Ok(Door { listener, address, tls: None });
        };
        let beneath = Address::Tcp { host: host.clone(), port: *port };
        let listener = Listener::bind(&beneath).await.map_err(|error| match error {
            Error::Bind { source, .. } => Error::Bind { address: address.clone(), source },
            error => error,
        })?;
        let address = match listener.local_address().clone() {
            Address::Tcp { host, port } => Address::Tls { host, port },
            other => other,
        };
        Ok(Door { listener, address, tls: Some(tls.clone()) })
    }

    /// Where clients connect.
    pub(crate) fn local_address(&self) -> &Address {
        &self.address
    }

    /// As [`Listener::pauses`].
    pub(crate) fn pauses(&self) -> u64 {
        self.listener.pauses()
    }

    /// As [`Listener::accept`]: nothing that a client does is waited for.
    pub(crate) async fn accept(&self) -> Result<Guest, Error> {
        Ok(Guest { stream: self.listener.accept().await?, tls: self.tls.clone() })
    }
}

impl Guest {
    /// The connection as it is beneath, to see who is there.
    pub(crate) fn beneath(&self) -> &Stream {
        &self.stream
    }

    /// Agrees on TLS, where that is asked for.
    pub(crate) async fn come_in(self, deadline: Deadline) -> Result<(Stream, Option<Fate>), Error> {
        match self.tls {
            None => Ok((self.stream, None)),
            Some(tls) => {
                let (stream, fate) = tls.accept(self.stream, deadline).await?;
                Ok((stream, Some(fate)))
            }
        }
    }
}
