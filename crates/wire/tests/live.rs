//! Real interpreters on real sockets: each accepts us and connects to us, with the right key and a wrong one.
//!
//! They are those of `SABIR_PYTHONS` (paths, separated as in PATH), or those under `~/.pyenv/versions`. Where there are
//! none the tests say so and pass, but fail with `CI=true`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use sabir_wire::auth::{AuthKey, AuthOptions, Challenge, Era, Handshake, Nonce, PeerHints, ResponseStyle};
use sabir_wire::error::AuthError;
use sabir_wire::{Config, Connection, Error, Event};

/// No test takes longer: reads give up, and the interpreters kill themselves.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What each interpreter runs: echo three messages as a client or as a listener, then say how it went.
const PEER: &str = r#"
import os, sys, threading
from multiprocessing.connection import Client, Listener
watchdog = threading.Timer(60, os._exit, [9]); watchdog.daemon = True; watchdog.start()
role, port, key = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode('ascii')
try:
    if role == 'listen':
        listener = Listener(('127.0.0.1', 0), authkey=key)
        print(listener.address[1]); sys.stdout.flush()
        conn = listener.accept()
    else:
        conn = Client(('127.0.0.1', port), authkey=key)
    for _ in range(3):
        conn.send_bytes(conn.recv_bytes())
    print('fine')
except Exception as e:
    print('%s: %s' % (type(e).__name__, e))
sys.stdout.flush()
watchdog.cancel()  # 2.7 would fire it while it shuts down
"#;

#[test]
fn every_python_connects_to_us_in_either_dialect() {
    for python in pythons() {
        for challenge in [Challenge::Sha256, Challenge::Legacy] {
            let (ended, said) = accept(&python, "secret", challenge);
            let hints = ended.unwrap_or_else(|error| panic!("{python:?}: {error}"));
            assert_eq!(said, "fine", "{python:?}");
            assert_eq!(hints.era(), Some(python.era()), "{python:?}");
            if challenge == Challenge::Legacy {
                assert_eq!(hints.response, Some(ResponseStyle::RawMd5), "{python:?}");
            }
        }
    }
}

#[test]
fn we_connect_to_every_python() {
    for python in pythons() {
        let (ended, said) = connect(&python, "secret");
        let hints = ended.unwrap_or_else(|error| panic!("{python:?}: {error}"));
        assert_eq!(said, "fine", "{python:?}");
        assert_eq!(hints.era(), Some(python.era()), "{python:?}");
    }
}

#[test]
fn every_python_with_another_key_is_refused_and_understands_it() {
    for python in pythons() {
        let (ended, said) = accept(&python, "guess", Challenge::Sha256);
        assert!(
            matches!(ended, Err(Error::Auth { source: AuthError::DigestReceivedWasWrong { .. }, .. })),
            "{python:?}: {ended:?}"
        );
        assert_eq!(said, "AuthenticationError: digest sent was rejected", "{python:?}");

        let (ended, said) = connect(&python, "guess");
        assert!(
            matches!(ended, Err(Error::Auth { source: AuthError::DigestSentWasRejected { .. }, .. })),
            "{python:?}: {ended:?}"
        );
        assert!(said.starts_with("AuthenticationError: digest received was wrong"), "{python:?}: {said}");
    }
}

struct Python {
    path: PathBuf,
    version: (u8, u8),
}

impl std::fmt::Debug for Python {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Python {}.{}", self.version.0, self.version.1)
    }
}

impl Python {
    fn era(&self) -> Era {
        if self.version >= (3, 12) { Era::From312 } else { Era::UpTo311 }
    }

    fn start(&self, role: &str, port: u16, key: &str) -> (Child, BufReader<ChildStdout>) {
        let mut child = Command::new(&self.path)
            .args(["-c", PEER, role, &port.to_string(), key])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        (child, stdout)
    }
}

fn pythons() -> Vec<Python> {
    let mut paths: Vec<PathBuf> = match env::var_os("SABIR_PYTHONS") {
        Some(list) => env::split_paths(&list).collect(),
        None => {
            let versions = env::home_dir().unwrap_or_default().join(".pyenv/versions");
            let entries = fs::read_dir(versions).into_iter().flatten().flatten();
            entries.map(|entry| entry.path().join("bin/python")).filter(|path| path.exists()).collect()
        }
    };
    paths.sort();
    assert!(!paths.is_empty() || env::var("CI").as_deref() != Ok("true"), "no Python to test with");
    if paths.is_empty() {
        eprintln!("skipped: no Python; name some in SABIR_PYTHONS");
    }
    paths.into_iter().map(|path| Python { version: version(&path), path }).collect()
}

fn version(path: &Path) -> (u8, u8) {
    let code = "import sys; print('%d.%d' % sys.version_info[:2])";
    let out = Command::new(path).args(["-c", code]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let (major, minor) = text.trim().split_once('.').unwrap();
    (major.parse().unwrap(), minor.parse().unwrap())
}

type Ended = (Result<PeerHints, Error>, String);

/// The Python connects to us, who hold the key `secret`.
fn accept(python: &Python, their_key: &str, challenge: Challenge) -> Ended {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (child, stdout) = python.start("connect", listener.local_addr().unwrap().port(), their_key);
    // A child that dies before it connects must not leave us waiting.
    let (sender, accepted) = mpsc::channel();
    thread::spawn(move || sender.send(listener.accept()));
    let (socket, _) =
        accepted.recv_timeout(TIMEOUT).unwrap_or_else(|_| panic!("{python:?} never connected")).unwrap();
    let options = AuthOptions { challenge, ..AuthOptions::default() };
    finish(socket, Handshake::accepting(key(), nonce(), options), child, stdout)
}

/// We connect to the Python, with the key `secret`.
fn connect(python: &Python, their_key: &str) -> Ended {
    let (child, mut stdout) = python.start("listen", 0, their_key);
    let mut port = String::new();
    stdout.read_line(&mut port).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port.trim().parse().unwrap())).unwrap();
    finish(socket, Handshake::connecting(key(), nonce(), AuthOptions::default()), child, stdout)
}

fn finish(
    socket: TcpStream,
    handshake: Handshake,
    mut child: Child,
    mut stdout: BufReader<ChildStdout>,
) -> Ended {
    let ended = echo(socket, handshake);
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}, said {said:?}, we {ended:?}");
    (ended, said.trim().to_owned())
}

/// The smallest driver there is: one byte a read. Sends three messages and wants them back.
fn echo(mut socket: TcpStream, handshake: Handshake) -> Result<PeerHints, Error> {
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket.set_nodelay(true).unwrap();
    let bodies = [b"".to_vec(), b"hello".to_vec(), vec![7; 20_000]];
    let mut connection = Connection::with_handshake(Config::default(), handshake);
    for body in &bodies {
        connection.send_slice(body)?;
    }
    let (mut hints, mut back) = (PeerHints::default(), Vec::new());
    let mut byte = [0];
    let outcome = loop {
        match connection.poll_event() {
            Ok(Some(Event::Authenticated(peer))) => hints = peer,
            Ok(Some(Event::Message(body))) => back.push(body),
            Ok(Some(other)) => panic!("{other:?} after {} messages", back.len()),
            Ok(None) => {}
            Err(error) => break Err(error),
        }
        while let Some(chunk) = connection.poll_transmit() {
            socket.write_all(&chunk).unwrap();
        }
        if back.len() == bodies.len() {
            assert_eq!(back, bodies);
            break Ok(hints);
        }
        match socket.read(&mut byte).unwrap() {
            0 => connection.handle_eof(),
            _ => connection.handle_bytes(&byte)?,
        }
    };
    while let Some(chunk) = connection.poll_transmit() {
        socket.write_all(&chunk).unwrap();
    }
    outcome
}

fn key() -> AuthKey {
    AuthKey::new(*b"secret")
}

/// Different each time; a test needs no more.
fn nonce() -> Nonce {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    Nonce::new([COUNT.fetch_add(1, Ordering::Relaxed); 40])
}
