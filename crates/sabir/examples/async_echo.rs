//! A server on tokio that answers each message with the same value, whatever it is, to any number of Pythons at once.
//!
//! ```console
//! $ cargo run -p sabir --features tokio --example async_echo -- 127.0.0.1:5000
//! ```
//!
//! and in any Python:
//!
//! ```python
//! from multiprocessing.connection import Client
//! conn = Client(('127.0.0.1', 5000), authkey=b'secret')
//! conn.send({'any': ['object']}); print(conn.recv())
//! ```

use sabir::Context;
use sabir::tokio::{Connection, Listener};

#[tokio::main]
async fn main() -> sabir::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5000".to_owned());
    let context = Context::new().authkey(b"secret");
    let mut listener = Listener::bind(&context, address).await?;
    println!("listening on {}", listener.address());
    loop {
        let connection = listener.accept().await?;
        tokio::spawn(async move {
            match echo(connection).await {
                Err(error) if !error.is_eof() => eprintln!("a client is gone: {error}"),
                _ => {}
            }
        });
        for error in listener.refused() {
            eprintln!("turned away: {error}");
        }
    }
}

/// As a graph an object keeps all that Rust types could not say: its class, what it shares, what it contains twice.
async fn echo(mut connection: Connection) -> sabir::Result<()> {
    loop {
        let graph = connection.recv_graph().await?;
        connection.send_graph(graph).await?;
    }
}
