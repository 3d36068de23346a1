//! A Python 2.7 that Rust plays where there is none: it reads protocol 2 and nothing newer.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sabir::net::blocking::{Connection, Listener};
use sabir::net::{Address, Error};
use sabir::pickle::{Graph, Node};
use sabir::wire::Config;
use sabir::wire::auth::{AuthKey, AuthOptions, Challenge};

/// The `server.py` of the tour as a 2.7 would run it.
pub(super) struct StandIn {
    address: Address,
    thread: JoinHandle<Vec<String>>,
}

impl StandIn {
    pub(super) fn start() -> Result<Self, Error> {
        let listener = Listener::bind(&Address::Tcp { host: "127.0.0.1".into(), port: 0 })?;
        let address = listener.local_address().clone();
        let thread = thread::spawn(move || match serve(&listener) {
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

fn serve(listener: &Listener) -> Result<Vec<String>, Error> {
    let deadline = Instant::now() + Duration::from_secs(12);
    let stream = listener.accept(deadline)?;
    let options = AuthOptions { challenge: Challenge::Legacy, ..AuthOptions::default() };
    let key = AuthKey::new(*b"tour");
    let mut connection = Connection::accepting(stream, Config::default(), key, options, deadline)?;
    let Some(order) = connection.recv_bytes(deadline)? else { return Ok(Vec::new()) };
    if let &[0x80, protocol, ..] = &order[..]
        && protocol > 2
    {
        return Ok(vec![format!("ValueError: unsupported pickle protocol: {protocol}")]);
    }
    if !Graph::from_slice(&order).is_ok_and(|graph| matches!(graph[graph.root()], Node::Dict(_))) {
        return Ok(vec!["UnpicklingError: that is no dict".to_owned()]);
    }
    connection.send_bytes(ANSWER, deadline)?;
    // It waits for the client to have read.
    connection.recv_bytes(deadline)?;
    Ok(Vec::new())
}

/// `{'cargo': ['cloves', 'pepper'], 'crates': 42}` as 2.7 writes it.
const ANSWER: &[u8] = b"\x80\x02}(U\x05cargo](U\x06clovesU\x06peppereU\x06cratesK*u.";
