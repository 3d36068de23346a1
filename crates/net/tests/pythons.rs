//! Stock Pythons at the other end, in either role, over every backend.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use backend::{Backends, Directory, far};
use sabir_net::blocking::{Connection, Listener, Stream, wait};
use sabir_net::handles::HandleRules;
use sabir_net::{Address, Error};
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

#[test]
fn the_oldest_and_the_newest_python_receive_by_each_of_their_methods() {
    let long = b"ab".repeat(50 << 20);
    for python in Python::ends() {
        for address in Backends::new().addresses {
            let listener = Listener::bind(&address).unwrap();
            let mut peer = python.start("receiver", [listener.local_address()]);
            let mut connection = accepting(&listener);
            assert_eq!(connection.recv_bytes(far()).unwrap().unwrap(), "quiet");
            connection.queue_bytes(b"", far()).unwrap();
            for length in [20_480, 11] {
                connection.queue_bytes(&message(length), far()).unwrap();
            }
            connection.flush(far()).unwrap();
            let other = (python.major > 2).then(|| accepting(&listener));
            let head = message(100);
            connection.send_vectored(&[&head[..33], &head[33..]], far()).unwrap();
            let pieces: Vec<_> = long.chunks(1 << 20).collect();
            connection.send_vectored(&pieces, far()).unwrap();
            assert_eq!(peer.line(), "received", "{python:?} {address}");
            connection.shutdown_write(far()).unwrap();
            assert_eq!(peer.line(), "end", "{python:?} {address}");
            drop(other);
        }
    }
}

#[test]
fn we_receive_from_the_oldest_and_the_newest_python_by_each_of_our_methods() {
    let long = b"ab".repeat(50 << 20);
    for python in Python::ends() {
        for address in Backends::new().addresses {
            let listener = Listener::bind(&address).unwrap();
            let mut peer = python.start("sender", [listener.local_address()]);
            let mut connection = accepting(&listener);
            let mut buffer = vec![0; 100 << 20];
            assert!(connection.poll(far()).unwrap());
            assert_eq!(connection.recv_bytes_into(&mut buffer, far()).unwrap(), Some(0));
            assert_eq!(connection.recv_bytes_into(&mut buffer, far()).unwrap(), Some(20_480));
            assert!(buffer[..20_480] == message(20_480));
            match connection.recv_bytes_into(&mut buffer[..10], far()) {
                Err(Error::BufferTooShort { message: whole }) => assert_eq!(whole, message(11)),
                other => panic!("{python:?} {address}: {other:?}"),
            }
            assert!(!connection.poll(Duration::from_millis(1)).unwrap());
            connection.send_bytes(b"more", far()).unwrap();
            assert_eq!(wait(&[&listener, &connection], far()).unwrap(), [1]);
            assert_eq!(connection.recv_bytes_into(&mut buffer, far()).unwrap(), Some(100 << 20));
            assert!(buffer == long);
            assert_eq!(connection.recv_bytes(far()).unwrap().unwrap(), "last");
            let error = connection.recv_bytes_into(&mut buffer, far()).unwrap_err();
            assert!(error.to_string().contains("got end of file during message"), "{error}");
            assert_eq!(peer.line(), "sent", "{python:?} {address}");
        }
    }
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn every_python_client_reaches_our_tokio_listener() {
    use sabir_net::tokio as net;

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
                let (config, options) = (Config::default(), AuthOptions::default());
                let mut connection =
                    net::Connection::accepting(stream, config, key(), options, far()).await.unwrap();
                assert_eq!(connection.hints().era(), python.era(), "{python:?}");
                while let Some(message) = connection.recv_bytes(far()).await.unwrap() {
                    connection.send_bytes(&message, far()).await.unwrap();
                }
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

/// As `peer.py` makes them.
fn message(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
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

    /// Where all would take too long.
    fn ends() -> Vec<Self> {
        let mut all = Self::all();
        all.sort_by_key(|python| (python.major, python.minor));
        let newest = all.pop();
        all.into_iter().take(1).chain(newest).collect()
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
