//! Connections over TLS: who is who by certificates, and nobody in between reads along.
//!
//! TLS is one more hop and not one more kind of connection: the stream that comes of it is one end of a pair of sockets
//! inside this process, and a task carries what passes between the other end and the peer. So whoever uses no TLS pays nothing
//! for it, and all that is known of a stream holds, but that what has been sent may still be on its way through that task.
//! Descriptors do not travel over TLS.
//!
//! TLS 1.2 and 1.3, with what rustls takes for safe; certificates and keys in PEM. An end is trusted if an authority that was
//! named has signed its certificate: those of the system are not asked, since no public one knows your Python programs.

mod connect;
mod tunnel;

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

pub use self::connect::Connector;
pub use self::tunnel::Fate;
use self::tunnel::carry;
use crate::address::Address;
use crate::deadline::Deadline;
use crate::error::{Doing, Error};
use crate::tokio::{Stream, by};

/// Why certificates or keys cannot be used: the fault of whoever chose them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The text has no certificate in it.
    #[error("no certificate is in it: expected PEM, with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The text has no private key in it that is not encrypted.
    #[error("no private key is in it: expected PEM, with -----BEGIN PRIVATE KEY----- and no passphrase")]
    NoKey,
    /// They are there and do not do, the key for another certificate, say.
    #[error("{0}")]
    Unusable(String),
}

/// What an end shows of itself: its certificate, those that lead to its authority, and its private key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM: the end's own certificate is the first.
    ///
    /// # Errors
    /// [`TlsError::NoCertificate`], [`TlsError::NoKey`].
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Identity, TlsError> {
        let chain = certificates_in(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey)?;
        Ok(Identity { chain, key })
    }
}

/// Who signs the certificates that are trusted.
#[derive(Clone, Debug)]
pub struct Authorities {
    roots: Arc<RootCertStore>,
}

impl Authorities {
    /// From PEM: one certificate or several. That of an end itself does too, if it signed it itself.
    ///
    /// # Errors
    /// [`TlsError::NoCertificate`], [`TlsError::Unusable`].
    pub fn from_pem(certificates: &[u8]) -> Result<Authorities, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates_in(certificates)? {
            roots.add(certificate).map_err(unusable)?;
        }
        Ok(Authorities { roots: Arc::new(roots) })
    }
}

/// The listener's part of TLS.
#[derive(Clone)]
pub struct Acceptor {
    inner: TlsAcceptor,
}

impl Acceptor {
    /// One that shows `identity`; with `clients`, only those are let in whose certificate one of these signed.
    ///
    /// # Errors
    /// [`TlsError::Unusable`].
    pub fn new(identity: Identity, clients: Option<Authorities>) -> Result<Acceptor, TlsError> {
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().map_err(unusable)?;
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(Authorities { roots }) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                config.with_client_cert_verifier(
                    verifier.map_err(|error| TlsError::Unusable(error.to_string()))?,
                )
            }
        };
        let config = config.with_single_cert(identity.chain, identity.key).map_err(unusable)?;
        Ok(Acceptor { inner: Arc::new(config).into() })
    }

    /// Agrees on TLS with a client that has just been accepted over TCP.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::Timeout`], [`Error::Io`] (a client that speaks no TLS, among others).
    pub async fn accept(
        &self,
        stream: Stream,
        deadline: impl Into<Deadline>,
    ) -> Result<(Stream, Fate), Error> {
        let (socket, ends) = parts(stream)?;
        let tls = by(deadline.into(), Doing::Securing, self.inner.accept(socket)).await?.map_err(failed)?;
        let (ours, fate) = carry(tls)?;
        Ok((Stream::from_tunnel(ours, ends), fate))
    }
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

/// The addresses of the connection that TLS goes over.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) local: Address,
    pub(crate) peer: Address,
}

fn parts(stream: Stream) -> Result<(::tokio::net::TcpStream, Ends), Error> {
    let io = Error::io(Doing::Securing);
    let not_tcp = || io::Error::new(io::ErrorKind::Unsupported, "TLS goes over TCP only");
    let ends = match (stream.local_address(), stream.peer_address()) {
        (Ok(Some(local)), Ok(Some(peer))) => Ends { local, peer },
        (Err(error), _) | (_, Err(error)) => return Err(io(error)),
        _ => return Err(io(not_tcp())),
    };
    match stream.into_tcp() {
        Ok(socket) => Ok((socket, ends)),
        Err(_) => Err(io(not_tcp())),
    }
}

fn certificates_in(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(TlsError::NoCertificate)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn unusable(error: rustls::Error) -> TlsError {
    TlsError::Unusable(error.to_string())
}

/// Why two ends did not come to terms.
fn failed(source: io::Error) -> Error {
    use rustls::AlertDescription as Alert;

    let reason = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match reason {
        Some(
            rustls::Error::InvalidCertificate(_)
            | rustls::Error::NoCertificatesPresented
            | rustls::Error::AlertReceived(
                Alert::BadCertificate
                | Alert::CertificateExpired
                | Alert::CertificateRequired
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::UnsupportedCertificate,
            ),
        ) => Error::Certificate { source },
        _ => Error::Io { doing: Doing::Securing, source },
    }
}
