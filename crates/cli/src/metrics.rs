//! Metrics by HTTP: `GET /metrics`, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sabir::net::Address;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::exit::Usage;

/// What answers who asks for metrics.
pub(crate) struct Responder {
    listener: TcpListener,
}

impl Responder {
    /// Listens, at an address of TCP.
    pub(crate) async fn bind(address: &Address) -> anyhow::Result<Responder> {
        let Address::Tcp { host, port } = address else {
            return Err(Usage(format!("metrics are read by HTTP over TCP, and not at {address}")).into());
        };
        let listener = TcpListener::bind((host.as_str(), *port)).await;
        let listener =
            listener.map_err(|source| sabir::net::Error::Bind { address: address.clone(), source })?;
        Ok(Responder { listener })
    }

    /// Where to ask.
    pub(crate) fn url(&self) -> anyhow::Result<String> {
        let address = self.listener.local_addr().context("the listener of metrics is broken")?;
        Ok(format!("http://{address}/metrics"))
    }

    /// Answers for ever, a few at a time.
    pub(crate) async fn run(self, text: impl Fn() -> String + Send + Sync + 'static) {
        let (places, text) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(text));
        loop {
            // It is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, _)) = self.listener.accept().await else {
                sleep(PAUSE).await;
                continue;
            };
            let text = Arc::clone(&text);
            tokio::spawn(async move {
                // Who is slow or broken gets no metrics.
                let _ = timeout(PATIENCE, answer(stream, &*text)).await;
                drop(place);
            });
        }
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    text: &impl Fn() -> String,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > LONGEST_HEAD || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split(|&byte| byte == b'?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        (b"GET" | b"HEAD", b"/metrics") => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", text()),
        (b"GET" | b"HEAD", _) => ("404 Not Found", "text/plain", "metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", "only GET\n".to_owned()),
    };
    let length = body.len();
    let mut reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    if method != b"HEAD" {
        reply.push_str(&body);
    }
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

/// How many are answered at once: one Prometheus asks once in a while.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
/// In bytes.
const LONGEST_HEAD: usize = 8 * 1024;
