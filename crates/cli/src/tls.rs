//! Certificates and keys for addresses `tls:host:port`, from files in PEM.

use std::path::PathBuf;

use sabir::Context;
use sabir::gateway::GatewayOptions;
use sabir::net::Address;
use sabir::sync::SyncOptions;

use crate::exit::Usage;

/// What a listener shows of itself, and asks of its clients.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ListenTlsArgs {
    /// The certificate that clients of tls:HOST:PORT are shown, and those that lead to its authority, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Let in only clients with a certificate that one of these authorities signed, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
}

/// Whom a client trusts, and what it shows of itself.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ConnectTlsArgs {
    /// Who has signed the certificate of a server at tls:HOST:PORT, in PEM
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The certificate that the server is shown, if it asks for one, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "tls_ca")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// The same for the server behind a gateway.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ToTlsArgs {
    /// Who has signed the certificate of a server at tls:HOST:PORT, in PEM
    #[arg(long, value_name = "FILE")]
    to_tls_ca: Option<PathBuf>,
    /// The certificate that the server is shown, if it asks for one, in PEM
    #[arg(long, value_name = "FILE", requires = "to_tls_key", requires = "to_tls_ca")]
    to_tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "to_tls_cert")]
    to_tls_key: Option<PathBuf>,
}

impl ListenTlsArgs {
    /// Options of a server with what its listeners need.
    pub(crate) fn serve(&self, options: SyncOptions, listen: &[Address]) -> Result<SyncOptions, Usage> {
        if !self.is_needed(listen)? {
            return Ok(options);
        }
        #[cfg(feature = "tls")]
        return Ok(options.tls(self.acceptor()?));
        #[cfg(not(feature = "tls"))]
        Err(absent())
    }

    /// Options of a gateway with what its listeners need.
    pub(crate) fn gateway(
        &self,
        options: GatewayOptions,
        listen: &[Address],
    ) -> Result<GatewayOptions, Usage> {
        if !self.is_needed(listen)? {
            return Ok(options);
        }
        #[cfg(feature = "tls")]
        return Ok(options.client_tls(self.acceptor()?));
        #[cfg(not(feature = "tls"))]
        Err(absent())
    }

    fn is_needed(&self, listen: &[Address]) -> Result<bool, Usage> {
        match (listen.iter().find(|address| is_tls(address)), &self.tls_cert) {
            (None, None) => Ok(false),
            (Some(_), Some(_)) => Ok(true),
            (Some(address), None) => Err(Usage(format!(
                "{address} needs a certificate and its key to show to clients: --tls-cert FILE --tls-key FILE"
            ))),
            (None, Some(_)) => Err(Usage(
                "--tls-cert means something with a listener at tls:HOST:PORT only, and there is none".into(),
            )),
        }
    }
}

impl ConnectTlsArgs {
    /// A context with what is needed to connect to an address.
    pub(crate) fn context(&self, context: Context, address: &Address) -> Result<Context, Usage> {
        if !is_needed(address, self.tls_ca.is_some(), "--tls-ca")? {
            return Ok(context);
        }
        #[cfg(feature = "tls")]
        return Ok(context.tls(connector(&self.tls_ca, &self.tls_cert, &self.tls_key)?));
        #[cfg(not(feature = "tls"))]
        Err(absent())
    }
}

impl ToTlsArgs {
    /// Options of a gateway with what is needed to connect to its servers.
    pub(crate) fn gateway(&self, options: GatewayOptions, to: &[Address]) -> Result<GatewayOptions, Usage> {
        let any = to.iter().find(|address| is_tls(address)).or(to.first());
        let needed = match any {
            Some(address) => is_needed(address, self.to_tls_ca.is_some(), "--to-tls-ca")?,
            None => false,
        };
        if !needed {
            return Ok(options);
        }
        #[cfg(feature = "tls")]
        return Ok(options.server_tls(connector(&self.to_tls_ca, &self.to_tls_cert, &self.to_tls_key)?));
        #[cfg(not(feature = "tls"))]
        Err(absent())
    }
}

fn is_needed(address: &Address, given: bool, flag: &str) -> Result<bool, Usage> {
    match (is_tls(address), given) {
        (false, false) => Ok(false),
        (true, true) => Ok(true),
        (true, false) => Err(Usage(format!(
            "{address} shows a certificate, and it must be known whom to trust: {flag} FILE, the authority that signed it"
        ))),
        (false, true) => Err(Usage(format!("{flag} means something for a server at tls:HOST:PORT only"))),
    }
}

fn is_tls(address: &Address) -> bool {
    matches!(address, Address::Tls { .. })
}

#[cfg(not(feature = "tls"))]
fn absent() -> Usage {
    Usage("this build has no TLS: cargo install --path crates/cli --features tls".into())
}

#[cfg(feature = "tls")]
use self::files::connector;

#[cfg(feature = "tls")]
mod files {
    use std::fs;
    use std::path::PathBuf;

    use sabir::net::tls::{Acceptor, Authorities, Connector, Identity, TlsError};

    use super::ListenTlsArgs;
    use crate::exit::Usage;

    impl ListenTlsArgs {
        pub(super) fn acceptor(&self) -> Result<Acceptor, Usage> {
            let identity = identity(&self.tls_cert, &self.tls_key)?;
            let identity =
                identity.ok_or_else(|| Usage("--tls-cert and --tls-key belong together".into()))?;
            Acceptor::new(identity, authorities(&self.tls_client_ca)?)
                .map_err(|error| Usage(format!("--tls-cert, --tls-key: {error}")))
        }
    }

    pub(super) fn connector(
        ca: &Option<PathBuf>,
        cert: &Option<PathBuf>,
        key: &Option<PathBuf>,
    ) -> Result<Connector, Usage> {
        let trusted = authorities(ca)?.ok_or_else(|| Usage("it must be known whom to trust".into()))?;
        Connector::new(trusted, identity(cert, key)?)
            .map_err(|error| Usage(format!("the certificate and its key: {error}")))
    }

    fn identity(cert: &Option<PathBuf>, key: &Option<PathBuf>) -> Result<Option<Identity>, Usage> {
        let (Some(cert), Some(key)) = (cert, key) else { return Ok(None) };
        let found = Identity::from_pem(&read(cert)?, &read(key)?);
        found.map(Some).map_err(|error| {
            let file = if matches!(error, TlsError::NoKey) { key } else { cert };
            Usage(format!("{}: {error}", file.display()))
        })
    }

    fn authorities(file: &Option<PathBuf>) -> Result<Option<Authorities>, Usage> {
        let Some(file) = file else { return Ok(None) };
        let found = Authorities::from_pem(&read(file)?);
        found.map(Some).map_err(|error| Usage(format!("{}: {error}", file.display())))
    }

    fn read(file: &PathBuf) -> Result<Vec<u8>, Usage> {
        fs::read(file).map_err(|error| Usage(format!("cannot read {}: {error}", file.display())))
    }
}
