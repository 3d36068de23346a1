//! TLS, or none where this build has none: the same names, so that nobody else has to ask.

#[cfg(all(feature = "tls", any(feature = "gateway", feature = "sync")))]
pub(crate) use sabir_net::tls::Acceptor;
#[cfg(feature = "tls")]
pub(crate) use sabir_net::tls::{Connector, Fate};

#[cfg(all(not(feature = "tls"), any(feature = "gateway", feature = "sync")))]
pub(crate) use self::none::Acceptor;
#[cfg(not(feature = "tls"))]
pub(crate) use self::none::{Connector, Fate};

/// What there is of it without TLS: types without values.
#[cfg(not(feature = "tls"))]
#[allow(dead_code, reason = "as with TLS, not every build uses all of it")]
mod none {
    use sabir_net::blocking;
    use sabir_net::{Address, Deadline, Error};

    #[derive(Clone, Debug)]
    pub(crate) enum Acceptor {}

    #[derive(Clone, Debug)]
    pub(crate) enum Connector {}

    #[derive(Debug)]
    pub(crate) enum Fate {}

    impl Connector {
        pub(crate) fn connect_blocking(
            &self,
            _address: &Address,
            _deadline: Deadline,
        ) -> Result<(blocking::Stream, Fate), Error> {
            match *self {}
        }
    }

    impl Fate {
        pub(crate) fn error(&self) -> Option<Error> {
            match *self {}
        }
    }

    #[cfg(any(feature = "gateway", feature = "sync", feature = "tokio"))]
    mod tokio {
        use sabir_net::tokio::Stream;
        use sabir_net::{Address, Deadline, Error};

        use super::{Acceptor, Connector, Fate};

        impl Acceptor {
            #[allow(clippy::unused_async, reason = "as with TLS")]
            pub(crate) async fn accept(
                &self,
                _stream: Stream,
                _deadline: Deadline,
            ) -> Result<(Stream, Fate), Error> {
                match *self {}
            }
        }

        impl Connector {
            #[allow(clippy::unused_async, reason = "as with TLS")]
            pub(crate) async fn connect(
                &self,
                _address: &Address,
                _deadline: Deadline,
            ) -> Result<(Stream, Fate), Error> {
                match *self {}
            }
        }

        impl Fate {
            #[allow(clippy::unused_async, reason = "as with TLS")]
            pub(crate) async fn ended(self, _deadline: Deadline) {
                match self {}
            }
        }
    }
}

use sabir_net::{Address, Deadline, Error, blocking};

/// Connects, over TLS if the address says so.
pub(crate) fn dial_blocking(
    tls: Option<&Connector>,
    address: &Address,
    deadline: Deadline,
) -> Result<(blocking::Stream, Option<Fate>), Error> {
    match (address, tls) {
        (Address::Tls { .. }, Some(tls)) => {
            let (stream, fate) = tls.connect_blocking(address, deadline)?;
            Ok((stream, Some(fate)))
        }
        _ => Ok((blocking::Stream::connect(address, deadline)?, None)),
    }
}

/// The same on tokio.
#[cfg(any(feature = "gateway", feature = "tokio"))]
pub(crate) async fn dial(
    tls: Option<&Connector>,
    address: &Address,
    deadline: Deadline,
) -> Result<(sabir_net::tokio::Stream, Option<Fate>), Error> {
    match (address, tls) {
        (Address::Tls { .. }, Some(tls)) => {
            let (stream, fate) = tls.connect(address, deadline).await?;
            Ok((stream, Some(fate)))
        }
        _ => Ok((sabir_net::tokio::Stream::connect(address, deadline).await?, None)),
    }
}

/// What went wrong, if TLS knows better than who sees the mere end of a stream.
pub(crate) fn explained(error: Error, fate: Option<&Fate>) -> Error {
    match (fate.and_then(Fate::error), &error) {
        (Some(refused @ Error::Certificate { .. }), _) => refused,
        (Some(broke), Error::Closed { .. }) => broke,
        _ => error,
    }
}
