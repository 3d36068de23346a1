//! Stock managers and stock clients of different Pythons, with nothing but a relay between them.
//!
//! The interpreters are those of `SABIR_PYTHONS` (paths, separated as in PATH), or those under `~/.pyenv/versions`. Pairs
//! of which one is missing are said aloud and left out, but fail with `CI=true`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::Duration;
use std::{env, fs, thread};

use bytes::Bytes;
use sabir_gateway::{
    Address, Addresses, AllowList, Config, Event, Outcome, Policy, Relay, ServerKnowledge, Side, knowledge,
};
use sabir_wire::auth::{Observer, Part, Sender};
use sabir_wire::frame;

/// What a pair may take at most; the peers are killed then.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_2_7_manager_serves_every_client() {
    pair("2.7", "3.13", Over::Tcp, Config::default());
    for client in ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"] {
        pair("2.7", client, Over::Unix, Config::default());
    }
}

#[test]
fn every_manager_serves_a_2_7_client() {
    pair("3.13", "2.7", Over::Tcp, Config::default());
    for server in ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"] {
        pair(server, "2.7", Over::Unix, Config::default());
    }
}

#[test]
fn managers_and_clients_of_3_x_serve_each_other() {
    let pairs = [
        ("3.6", "3.6"),
        ("3.6", "3.13"),
        ("3.13", "3.6"),
        ("3.13", "3.13"),
        ("3.8", "3.12"),
        ("3.6", "3.15"),
        ("3.15", "3.6"),
        ("3.15", "3.14"),
    ];
    for (server, client) in pairs {
        pair(server, client, Over::Unix, Config::default());
    }
    pair("3.6", "3.13", Over::Tcp, Config::default());
}

#[test]
fn stock_managers_and_their_clients_need_no_more_than_the_builtin_allow_list() {
    for (server, client) in [("2.7", "3.13"), ("3.13", "2.7"), ("3.13", "3.13"), ("3.15", "3.6")] {
        let policy = Policy::Strict { allow: AllowList::builtin(), allow_raw: false };
        pair(server, client, Over::Unix, Config { policy, ..Config::default() });
    }
}

/// What the strict policy looks at exposed names for, and at typeids not.
#[test]
fn pythons_compile_what_a_proxy_exposes_and_not_what_its_type_is_called() {
    let code = "from multiprocessing.managers import MakeProxyType\n\
        evil = 'x(self): pass\\nprint(\"ran\")\\ndef y'\n\
        MakeProxyType('AutoProxy[%s]' % evil, ('put',))\n\
        print('then')\n\
        MakeProxyType('AutoProxy[x]', (evil,))\n";
    for version in ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"] {
        let Some(python) = python(version) else {
            eprintln!("skipped: {version}, which is missing");
            continue;
        };
        let output = Command::new(python).args(["-c", code]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.lines().collect::<Vec<_>>(), ["then", "ran"], "{version}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    Tcp,
    Unix,
}

fn pair(server: &str, client: &str, over: Over, config: Config) {
    let (Some(server_python), Some(client_python)) = (python(server), python(client)) else {
        assert_ne!(
            (env::var("CI").as_deref(), newest(server) || newest(client)),
            (Ok("true"), false),
            "{server} or {client} is missing"
        );
        eprintln!("skipped: {server} and {client}, of which one is missing");
        return;
    };
    let folder = Folder::new();
    let path = folder.0.join("manager");
    let mut manager = Killed(
        Command::new(server_python)
            .arg(script("server.py"))
            .args((over == Over::Unix).then_some(&path))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(manager.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let gateway = match over {
        Over::Tcp => Gateway::tcp(line.trim().parse().unwrap(), config),
        Over::Unix => Gateway::unix(&path, &folder.0.join("gateway"), config),
    };

    let peer = Command::new(client_python)
        .arg(script("client.py"))
        .args([&gateway.at, server])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut peer = Killed(peer);
    let mut output = peer.0.stdout.take().unwrap();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut said = String::new();
        let read = output.read_to_string(&mut said);
        send.send(read.map(|_| said))
    });
    let said = receive.recv_timeout(LIMIT);
    let events = gateway.events.lock().unwrap();
    let known = |event: &&Event| matches!(event, Event::Pythons { .. } | Event::Recognised { .. });
    let events: Vec<&Event> = events.iter().filter(|event| !known(event)).collect();
    let said = said.unwrap_or_else(|_| panic!("{client} of {server} hangs: {events:?}")).unwrap();
    assert_eq!(said.lines().last(), Some("fine"), "{client} of {server}: {said}\n{events:?}");
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder that does not outlive its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("sabir-gateway-{}-{count}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A relay on threads: all that a driver must do, and nothing that a good one does.
struct Gateway {
    /// Where, as the client takes it.
    at: String,
    events: Arc<Mutex<Vec<Event>>>,
}

struct Pair<S> {
    relay: Relay,
    observer: Observer,
    client: S,
    server: S,
}

trait Stream: Read + Write + Send + Sized + 'static {
    fn twin(&self) -> Self;
    fn hang_up(&self);
}

impl Stream for TcpStream {
    fn twin(&self) -> TcpStream {
        self.set_nodelay(true).unwrap();
        self.try_clone().unwrap()
    }

    fn hang_up(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Stream for UnixStream {
    fn twin(&self) -> UnixStream {
        self.try_clone().unwrap()
    }

    fn hang_up(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Gateway {
    fn tcp(upstream: u16, config: Config) -> Gateway {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let at = |port| Address::Inet { host: "127.0.0.1".into(), port };
        let accept =
            move || Some((listener.accept().ok()?.0, TcpStream::connect(("127.0.0.1", upstream)).ok()?));
        Gateway::start(port.to_string(), Addresses::new(at(port), at(upstream)), config, accept)
    }

    fn unix(upstream: &Path, listen: &Path, config: Config) -> Gateway {
        let listener = UnixListener::bind(listen).unwrap();
        let at = |path: &Path| Address::Unix(path.to_str().unwrap().into());
        let addresses = Addresses::new(at(listen), at(upstream));
        let upstream = upstream.to_owned();
        let accept = move || Some((listener.accept().ok()?.0, UnixStream::connect(&upstream).ok()?));
        Gateway::start(listen.to_str().unwrap().into(), addresses, config, accept)
    }

    fn start<S: Stream>(
        at: String,
        addresses: Addresses,
        config: Config,
        accept: impl Fn() -> Option<(S, S)> + Send + 'static,
    ) -> Gateway {
        let events = Arc::new(Mutex::new(Vec::new()));
        let all = events.clone();
        let config = Arc::new(config);
        let knowledge = Arc::new(Mutex::new(ServerKnowledge::new(None)));
        thread::spawn(move || {
            while let Some((client, server)) = accept() {
                let relay = Relay::new(config.clone(), addresses.clone());
                let readers = [(Side::Client, client.twin()), (Side::Server, server.twin())];
                let pair = Arc::new(Mutex::new(Pair { relay, observer: Observer::new(), client, server }));
                for (side, mut stream) in readers {
                    let (pair, knowledge, events) = (pair.clone(), knowledge.clone(), all.clone());
                    thread::spawn(move || {
                        while let Some(body) = read(&mut stream) {
                            let mut pair = pair.lock().unwrap();
                            let going = pair.frame(side, &body, &mut knowledge.lock().unwrap());
                            while let Some(event) = pair.relay.poll_event() {
                                events.lock().unwrap().push(event);
                            }
                            if !going {
                                break;
                            }
                        }
                        let pair = pair.lock().unwrap();
                        pair.client.hang_up();
                        pair.server.hang_up();
                    });
                }
            }
        });
        Gateway { at, events }
    }
}

impl<S: Stream> Pair<S> {
    fn frame(&mut self, from: Side, body: &Bytes, knowledge: &mut ServerKnowledge) -> bool {
        let sender = match from {
            Side::Client => Sender::Client,
            Side::Server => Sender::Listener,
        };
        if self.observer.ended().is_none() && self.observer.observe(sender, body) == Part::Handshake {
            if self.observer.ended().is_some() {
                for (side, sender) in [(Side::Client, Sender::Client), (Side::Server, Sender::Listener)] {
                    if let Some(pythons) = knowledge::pythons(&self.observer.hints(sender)) {
                        self.relay.learn(side, pythons, knowledge);
                    }
                }
            }
            return self.write(from.other(), body);
        }
        match self.relay.handle_frame(from, body, knowledge) {
            Outcome::Pass => self.write(from.other(), body),
            Outcome::Replace(pickle) => self.write(from.other(), &pickle.into_vec()),
            Outcome::Answer(pickle) => self.write(from, &pickle),
            Outcome::Close(error) => panic!("closed: {error}"),
        }
    }

    fn write(&mut self, to: Side, body: &[u8]) -> bool {
        let stream = match to {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let mut message = frame::header(body.len() as u64).to_vec();
        message.extend_from_slice(body);
        stream.write_all(&message).is_ok()
    }
}

/// One message; `None` at the end of the stream.
fn read(stream: &mut impl Read) -> Option<Bytes> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).ok()?;
    Some(body.into())
}

fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "peers", name].iter().collect()
}

/// Whether a version is not to be had everywhere yet.
fn newest(version: &str) -> bool {
    matches!(version, "3.14" | "3.15")
}

/// The interpreter of a version.
fn python(version: &str) -> Option<&'static PathBuf> {
    static FOUND: LazyLock<Vec<(String, PathBuf)>> = LazyLock::new(|| {
        let paths: Vec<PathBuf> = match env::var_os("SABIR_PYTHONS") {
            Some(paths) => env::split_paths(&paths).collect(),
            None => {
                let versions = env::home_dir().unwrap_or_default().join(".pyenv/versions");
                let entries = versions.read_dir().into_iter().flatten().flatten();
                entries.map(|entry| entry.path().join("bin/python")).filter(|path| path.exists()).collect()
            }
        };
        let ask = |path: PathBuf| {
            let version = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])";
            let answer = Command::new(&path).args(["-c", version]).output().ok()?;
            Some((String::from_utf8(answer.stdout).ok()?, path))
        };
        paths.into_iter().filter_map(ask).collect()
    });
    FOUND.iter().find(|(found, _)| found == version).map(|(_, path)| path)
}
