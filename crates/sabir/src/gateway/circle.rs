//! Upstream addresses that lead back to this gateway, which would dial itself for ever.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sabir_net::Address;
use sabir_net::tokio::Stream;
use tokio::net::lookup_host;

/// Whether somebody who dials `to` is accepted by the listener at `bound`, as far as can be told
/// beforehand.
pub(super) async fn leads_to(to: &Address, bound: &Address) -> bool {
    match (to, bound) {
        (
            Address::Tcp { host, port } | Address::Tls { host, port },
            Address::Tcp { host: ours, port: our_port } | Address::Tls { host: ours, port: our_port },
        ) if port == our_port => {
            let (Ok(ours), Ok(mut found)) =
                (ours.parse::<IpAddr>(), lookup_host((host.as_str(), *port)).await)
            else {
                return false;
            };
            found.any(|address| reaches(address.ip().to_canonical(), ours.to_canonical()))
        }
        (Address::Unix(path), Address::Unix(ours)) => path == ours || is_same_file(path, ours),
        (Address::Abstract(name), Address::Abstract(ours)) => name == ours,
        _ => false,
    }
}

fn reaches(to: IpAddr, bound: IpAddr) -> bool {
    // To dial the unspecified address is to dial this machine.
    let to = match to {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    let wildcard = bound.is_unspecified() && bound.is_ipv4() == to.is_ipv4();
    to == bound || wildcard && (to.is_loopback() || UdpSocket::bind((to, 0)).is_ok())
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// Our own connections to servers: a client whose connection is one of them is this gateway, whose
/// server's name leads elsewhere by now.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    own: Mutex<HashSet<Ends>>,
}

/// One such connection, while it lasts.
#[derive(Debug)]
pub(super) struct Own<'a> {
    outgoing: &'a Outgoing,
    ends: Option<Ends>,
}

/// Who dialled, and whom. One of them alone does not do: the system gives a port to several sockets
/// that dial different addresses.
type Ends = (SocketAddr, SocketAddr);

impl Outgoing {
    /// Remembers a connection to a server.
    pub(super) fn enter(&self, server: &Stream) -> Own<'_> {
        let ends = socket(server.local_address()).zip(socket(server.peer_address()));
        self.own().extend(ends);
        Own { outgoing: self, ends }
    }

    /// Whether a client is ourselves.
    pub(super) fn contains(&self, client: &Stream) -> bool {
        let ends = socket(client.peer_address()).zip(socket(client.local_address()));
        ends.is_some_and(|ends| self.own().contains(&ends))
    }

    fn own(&self) -> MutexGuard<'_, HashSet<Ends>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        if let Some(ends) = self.ends {
            self.outgoing.own().remove(&ends);
        }
    }
}

/// A TCP address, however its family is spelt.
fn socket(address: io::Result<Option<Address>>) -> Option<SocketAddr> {
    let Ok(Some(Address::Tcp { host, port })) = address else { return None };
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn leads(to: &str, bound: &str) -> bool {
        leads_to(&to.parse().expect("an address"), &bound.parse().expect("an address")).await
    }

    #[tokio::test]
    async fn a_listener_is_recognised_in_every_spelling() {
        for to in ["127.0.0.1:5", "localhost:5", "0.0.0.0:5"] {
            assert!(leads(to, "127.0.0.1:5").await, "{to}");
            assert!(leads(to, "0.0.0.0:5").await, "{to}");
            assert!(!leads(to, "127.0.0.1:6").await, "{to}");
        }
        assert!(!leads("127.0.0.2:5", "127.0.0.1:5").await);
        assert!(leads("127.0.0.2:5", "0.0.0.0:5").await);
        assert!(leads("unix:@a", "unix:@a").await);
        assert!(leads("unix:/tmp", "unix:/tmp/../tmp").await);
        assert!(!leads("unix:/tmp", "unix:/etc").await);
    }

    #[tokio::test]
    async fn a_client_that_is_our_own_connection_is_recognised_while_that_lasts() {
        let bind = "127.0.0.1:0".parse().expect("an address");
        let listener = sabir_net::tokio::Listener::bind(&bind).await.expect("a port is free");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let ours = Stream::connect(listener.local_address(), deadline).await.expect("it listens");
        let accepted = listener.accept().await.expect("it was dialled");
        let outgoing = Outgoing::default();
        assert!(!outgoing.contains(&accepted));
        let own = outgoing.enter(&ours);
        assert!(outgoing.contains(&accepted));
        drop(own);
        assert!(!outgoing.contains(&accepted));
    }
}
