//! A Python that Rust plays where there is none: it reads and writes the protocols of its version and nothing newer.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sabir::net::blocking::{Connection, Listener};
use sabir::net::{Address, Error};
use sabir::pickle::{Graph, Node, Version};
use sabir::wire::Config;
use sabir::wire::auth::{AuthKey, AuthOptions, Challenge};

/// The `server.py` of the tour as a Python of some version would run it.
pub(super) struct StandIn {
    address: Address,
    thread: JoinHandle<Vec<String>>,
}

impl StandIn {
    pub(super) fn start(version: Version) -> Result<Self, Error> {
        let listener = Listener::bind(&Address::Tcp { host: "127.0.0.1".into(), port: 0 })?;
        let address = listener.local_address().clone();
        let thread = thread::spawn(move || match serve(&listener, version) {
            Ok(lines) => lines,
            Err(error) => vec![error.to_string()],
        });
        Ok(Self { address, thread })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// What it said.
    pub(super) fn finish(self) -> Vec<String> {
        self.thread.join().unwrap_or_default()
    }
}

fn serve(listener: &Listener, version: Version) -> Result<Vec<String>, Error> {
    let deadline = Instant::now() + Duration::from_secs(12);
    let stream = listener.accept(deadline)?;
    let challenge = if version < Version::new(3, 12) { Challenge::Legacy } else { Challenge::Sha256 };
    let options = AuthOptions { challenge, ..AuthOptions::default() };
    let key = AuthKey::new(*b"tour");
    let mut connection = Connection::accepting(stream, Config::default(), key, options, deadline)?;
    let Some(order) = connection.recv_bytes(deadline)? else { return Ok(Vec::new()) };
    if let &[0x80, protocol, ..] = &order[..]
        && protocol > version.highest_protocol()
    {
        return Ok(vec![format!("ValueError: unsupported pickle protocol: {protocol}")]);
    }
    if !Graph::from_slice(&order).is_ok_and(|graph| matches!(graph[graph.root()], Node::Dict(_))) {
        return Ok(vec!["UnpicklingError: that is no dict".to_owned()]);
    }
    connection.send_bytes(if version.major == 2 { ANSWER_2 } else { ANSWER_3 }, deadline)?;
    // It waits for the client to have read, or to have ended because it could not.
    let _ = connection.recv_bytes(deadline);
    Ok(Vec::new())
}

/// `{'cargo': ['cloves', 'pepper'], 'crates': 42}` as 2.7 writes it.
const ANSWER_2: &[u8] = b"\x80\x02}(U\x05cargo](U\x06clovesU\x06peppereU\x06cratesK*u.";
/// The same as 3.8 to 3.13 write it, save for frames and the memo.
const ANSWER_3: &[u8] = b"\x80\x04}(\x8c\x05cargo](\x8c\x06cloves\x8c\x06peppere\x8c\x06cratesK*u.";
