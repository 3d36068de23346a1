//! The client's part of TLS.

use std::io;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

use ::tokio::runtime::{Builder, Handle};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::address::Address;
use crate::bind::unsupported;
use crate::blocking;
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::socket::share;
use crate::tls::tunnel::{Fate, carry};
use crate::tls::{Authorities, Ends, Identity, TlsError, failed, parts, unusable};
use crate::tokio::{Stream, by};

/// The client's part of TLS.
#[derive(Clone)]
pub struct Connector {
    inner: TlsConnector,
}

impl Connector {
    /// One that trusts servers whose certificate one of `servers` signed, for the very name that is dialled; and shows
    /// `identity`, if it has one, to those that ask for it.
    ///
    /// # Errors
    /// [`TlsError::Unusable`].
    pub fn new(servers: Authorities, identity: Option<Identity>) -> Result<Connector, TlsError> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(unusable)?;
        let config = config.with_root_certificates(servers.roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(Identity { chain, key }) => config.with_client_auth_cert(chain, key).map_err(unusable)?,
        };
        Ok(Connector { inner: Arc::new(config).into() })
    }

    /// Connects to `tls:host:port`, and agrees on TLS until the same deadline. The [`Fate`] tells later why the connection
    /// ended, if the server takes offence at our certificate, say, which it says only after we have begun.
    ///
    /// # Errors
    /// As [`Stream::connect`]; [`Error::Certificate`]; [`Error::Unsupported`] for another address.
    pub async fn connect(
        &self,
        address: &Address,
        deadline: impl Into<Deadline>,
    ) -> Result<(Stream, Fate), Error> {
        let (ours, ends, fate) = self.open(address, deadline.into()).await?;
        Ok((Stream::from_tunnel(ours, ends), fate))
    }

    /// The same for a thread that may block. All such connections of a process are carried by one thread of this library.
    ///
    /// # Errors
    /// As [`connect`](Connector::connect).
    pub fn connect_blocking(
        &self,
        address: &Address,
        deadline: impl Into<Deadline>,
    ) -> Result<(blocking::Stream, Fate), Error> {
        let deadline = deadline.into();
        let io = Error::io(Doing::Connecting);
        let carrier = match carrier() {
            Ok(carrier) => carrier,
            Err(error) => return Err(io(error)),
        };
        let (answer, answered) = mpsc::channel();
        let (connector, address) = (self.clone(), address.clone());
        carrier.spawn(async move {
            let opened = connector.open(&address, deadline).await;
            let opened = opened.map(|(ours, ends, fate)| ours.into_std().map(|ours| (ours, ends, fate)));
            // Past the deadline nobody listens.
            let _ = answer.send(opened);
        });
        let opened = match deadline.left() {
            Some(_) => answered.recv_timeout(share(deadline, 1)).ok(),
            None => answered.recv().ok(),
        };
        let (ours, ends, fate) = match opened.ok_or(Error::Timeout { doing: Doing::Securing })?? {
            Ok(parts) => parts,
            Err(error) => return Err(io(error)),
        };
        let stream = blocking::Stream::from_tunnel(ours, ends).map_err(Error::io(Doing::Connecting))?;
        Ok((stream, fate))
    }

    async fn open(
        &self,
        address: &Address,
        deadline: Deadline,
    ) -> Result<(::tokio::net::UnixStream, Ends, Fate), Error> {
        let Address::Tls { host, port } = address else { return Err(unsupported(address)) };
        let wrong = |source| Error::Connect { address: address.clone(), source };
        let name = ServerName::try_from(host.clone()).map_err(|_| {
            wrong(io::Error::new(io::ErrorKind::InvalidInput, "no certificate has such a name"))
        })?;
        let tcp = Address::Tcp { host: host.clone(), port: *port };
        let (socket, ends) = parts(Stream::connect(&tcp, deadline).await?)?;
        let tls = by(deadline, Doing::Securing, self.inner.connect(name, socket)).await?.map_err(failed)?;
        let (ours, fate) = carry(tls)?;
        Ok((ours, ends, fate))
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

/// The runtime of the thread that carries the connections of threads that block.
fn carrier() -> io::Result<&'static Handle> {
    static CARRIER: OnceLock<Handle> = OnceLock::new();
    if let Some(carrier) = CARRIER.get() {
        return Ok(carrier);
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    // Of two threads that come here at once, the second's is one that carries nothing.
    let carrier = CARRIER.get_or_init(|| handle);
    thread::Builder::new()
        .name("sabir-tls".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(carrier)
}
