//! Stock Pythons at the other end, in either role, over every backend.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::{env, fs};

use backend::{Backends, Directory, far};
use sabir_net::Address;
use sabir_net::blocking::{Connection, Listener, Stream};
use sabir_net::handles::HandleRules;
use sabir_wire::Config;
use sabir_wire::auth::{AuthKey, AuthOptions, Era};

#[test]
fn every_python_client_reaches_our_listener() {
    for python in Python::all() {
        let backends = Backends::new();
        let listeners: Vec<_> =
            backends.addresses.iter().map(|address| Listener::bind(address).unwrap()).collect();
        let mut peer = python.start("connect", listeners.iter().map(Listener::local_address));
        for listener in &listeners {
            let mut connection = accepting(listener);
            assert_eq!(connection.hints().era(), python.era(), "{python:?}");
            let mut messages = 0;
            while let Some(message) = connection.recv_bytes(far()).unwrap() {
                connection.send_bytes(&message, far()).unwrap();
                messages += 1;
            }
            assert_eq!(messages, LENGTHS.len());
        }
        assert_eq!(peer.line(), "done", "{python:?}");
    }
}

#[test]
fn our_client_reaches_every_python_listener() {
    for python in Python::all() {
        let backends = Backends::new();
        let mut peer = python.start("listen", &backends.addresses);
        for address in &backends.addresses {
            let port = peer.line().parse().unwrap();
            let there = match address {
                Address::Tcp { host, .. } => Address::Tcp { host: host.clone(), port },
                other => other.clone(),
            };
            let stream = Stream::connect(&there, far()).unwrap();
            let (config, options) = (Config::default(), AuthOptions::default());
            let mut connection = Connection::connecting(stream, config, key(), options, far()).unwrap();
            assert_eq!(connection.hints().era(), python.era(), "{python:?}");
            for length in LENGTHS {
                let message: Vec<u8> = (0..length).map(|i| (i % 241) as u8).collect();
                connection.send_bytes(&message, far()).unwrap();
                assert!(connection.recv_bytes(far()).unwrap().unwrap() == message, "{python:?}, {length}");
            }
        }
        assert_eq!(peer.line(), "done", "{python:?}");
    }
}

#[test]
fn every_python_is_told_that_its_key_is_wrong() {
    for python in Python::all() {
        let listener = Listener::bind(&backend::tcp()).unwrap();
        let mut peer = python.start("wrong_key", [listener.local_address()]);
        let stream = listener.accept(far()).unwrap();
        let (config, options) = (Config::default(), AuthOptions::default());
        let error = Connection::accepting(stream, config, key(), options, far()).unwrap_err();
        assert!(error.is_wrong_key(), "{python:?}: {error}");
        assert_eq!(peer.line(), "digest sent was rejected", "{python:?}");
    }
}

#[test]
fn descriptors_go_to_every_python_and_back() {
    let directory = Directory::new();
    for python in Python::all() {
        let listener = Listener::bind(&Address::Unix(directory.join("handles"))).unwrap();
        let mut peer = python.start("handles", [listener.local_address()]);
        let rules = HandleRules::of_python(python.major, python.minor);
        let mut connection = accepting(&listener);

        let handle = connection.recv_handle(rules, far()).unwrap();
        let mut content = String::new();
        File::from(handle).read_to_string(&mut content).unwrap();
        assert_eq!(content, "from python", "{python:?}");
        assert_eq!(connection.recv_bytes(far()).unwrap().unwrap(), "sent", "{python:?}");

        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"from rust").unwrap();
        connection.send_handle(reader, rules, far()).unwrap();
        connection.send_bytes(b"after it", far()).unwrap();
        assert_eq!(peer.line(), "from rust", "{python:?}");
        assert_eq!(peer.line(), "after it", "{python:?}");
    }
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn every_python_client_reaches_our_tokio_listener() {
    use bytes::{Buf as _, BytesMut};
    use sabir_net::tokio::{self as net, authenticate};
    use sabir_wire::frame::{Deframer, FrameDialect, FrameLimits, header};

    /// Echoes frames as a relay does: what has wholly arrived goes back.
    async fn echo(stream: &net::Stream, leftover: BytesMut) {
        let mut deframer = Deframer::new();
        deframer.push(&leftover);
        let mut eof = false;
        while !eof {
            let pulled = deframer.next_message(FrameDialect::default(), FrameLimits::DEFAULT);
            if let Some(message) = pulled.unwrap() {
                let header = header(message.len() as u64);
                let mut reply = BytesMut::from(&header[..]);
                reply.extend_from_slice(&message);
                while reply.has_remaining() {
                    stream.writable().await.unwrap();
                    if let Ok(written) = stream.try_write_vectored(&[std::io::IoSlice::new(&reply)]) {
                        reply.advance(written);
                    }
                }
                continue;
            }
            stream.quickack();
            stream.readable().await.unwrap();
            eof = stream.try_read(deframer.buffer(65_536)).is_ok_and(|bytes| bytes == 0);
        }
        assert_eq!(deframer.waiting(), 0);
    }

    for python in Python::all() {
        let backends = Backends::new();
        let mut listeners = Vec::new();
        for address in &backends.addresses {
            listeners.push(net::Listener::bind(address).await.unwrap());
        }
        let mut peer = python.start("connect", listeners.iter().map(net::Listener::local_address));
        for listener in &listeners {
            let one = async {
                let stream = listener.accept().await.unwrap();
                let authenticated =
                    authenticate::accepting(&stream, key(), AuthOptions::default(), far()).await.unwrap();
                assert_eq!(authenticated.hints.era(), python.era(), "{python:?}");
                echo(&stream, authenticated.leftover).await;
            };
            tokio::time::timeout_at(far().into(), one).await.unwrap();
        }
        assert_eq!(peer.line(), "done", "{python:?}");
    }
}

/// Of the messages that `peer.py` and these tests send, in bytes.
const LENGTHS: [usize; 7] = [0, 1, 16_383, 16_384, 16_385, 65_536, 3_000_000];

/// One of each kind: without and with extended headers, challenging by MD5 and by SHA-256.
const EXPECTED: [(u8, u8); 5] = [(2, 7), (3, 6), (3, 11), (3, 12), (3, 13)];

fn key() -> AuthKey {
    AuthKey::new(*b"secret")
}

fn accepting(listener: &Listener) -> Connection {
    let stream = listener.accept(far()).unwrap();
    Connection::accepting(stream, Config::default(), key(), AuthOptions::default(), far()).unwrap()
}

/// An interpreter on this machine.
#[derive(Debug)]
struct Python {
    path: PathBuf,
    major: u8,
    minor: u8,
}

impl Python {
    /// Those of `SABIR_PYTHONS` (paths as in `PATH`), else those of pyenv. An expected version that
    /// is absent is said aloud, and is a failure where `CI` is `true`.
    fn all() -> Vec<Self> {
        let listed = env::var_os("SABIR_PYTHONS").map(|paths| env::split_paths(&paths).collect::<Vec<_>>());
        let paths = listed.unwrap_or_else(|| {
            let versions = PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".pyenv/versions");
            let entries = fs::read_dir(versions).into_iter().flatten().flatten();
            entries.map(|entry| entry.path().join("bin/python")).collect()
        });
        let found: Vec<_> = paths.into_iter().filter(|path| path.exists()).map(Self::at).collect();
        for (major, minor) in EXPECTED {
            if !found.iter().any(|python| (python.major, python.minor) == (major, minor)) {
                let message = format!("skipped: no Python {major}.{minor} found, set SABIR_PYTHONS");
                assert!(env::var("CI").as_deref() != Ok("true"), "{message}");
                println!("{message}");
            }
        }
        found
    }

    fn at(path: PathBuf) -> Self {
        let program = "import sys; print('%d %d' % sys.version_info[:2])";
        let output = Command::new(&path).args(["-c", program]).output().unwrap();
        let version = String::from_utf8(output.stdout).unwrap();
        let (major, minor) = version.trim().split_once(' ').unwrap();
        Self { major: major.parse().unwrap(), minor: minor.parse().unwrap(), path }
    }

    fn era(&self) -> Option<Era> {
        Some(if (self.major, self.minor) < (3, 12) { Era::UpTo311 } else { Era::From312 })
    }

    fn start<'a>(&self, role: &str, addresses: impl IntoIterator<Item = &'a Address>) -> Peer {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/peer.py");
        let mut process = Command::new(&self.path)
            .arg(script)
            .arg(role)
            .args(addresses.into_iter().map(Address::to_string))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Peer { process, stdout }
    }
}

/// A running Python, which ends by its own alarm at the latest.
struct Peer {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Peer {
    /// The next line that it prints; empty if it has ended.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
