//! Running the program and real Pythons, each under a deadline.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use sabir::pickle::Version;
use sabir::pythons::{self, Python};

/// No single step of these tests takes longer, even on a loaded machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A process that ends with the test.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    errors: Option<thread::JoinHandle<String>>,
    name: String,
}

/// What a process has printed by its end.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub lines: Vec<String>,
    pub errors: String,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let (send, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut stderr = child.stderr.take().expect("it is piped");
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines, errors: Some(errors), name }
    }

    /// Its next line.
    pub fn line(&mut self) -> String {
        self.lines.recv_timeout(DEADLINE).unwrap_or_else(|_| {
            let _ = self.child.kill();
            let errors = self.errors.take().map(|errors| errors.join().unwrap_or_default());
            panic!("{} did not say a line in time: {}", self.name, errors.unwrap_or_default())
        })
    }

    /// The address of its next line, `listening on ADDR`.
    pub fn address(&mut self) -> String {
        let line = self.line();
        line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{} said {line:?}", self.name)).to_owned()
    }

    /// Waits for its end.
    pub fn finish(self) -> Finished {
        self.finish_within(DEADLINE)
    }

    /// The same for one that has much to do.
    pub fn finish_within(mut self, patience: Duration) -> Finished {
        let deadline = Instant::now() + patience;
        let status = loop {
            match self.child.try_wait().expect("it can be waited for") {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("{} did not end in time", self.name),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let errors = self.errors.take().map(|errors| errors.join().unwrap_or_default()).unwrap_or_default();
        Finished { code: status.code(), lines: self.lines.iter().collect(), errors }
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    /// `kill -9`.
    pub fn kill(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("it has a pid"), signal).expect("it is ours");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test.
pub fn sabir(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sabir"));
    command.args(args).env_remove("RUST_LOG");
    command
}

/// A gateway in front of `to`, and where it listens.
pub fn gateway(to: &str, more: &[&str]) -> (Process, String) {
    gateway_on("127.0.0.1:0", to, more)
}

pub fn gateway_on(listen: &str, to: &str, more: &[&str]) -> (Process, String) {
    gateway_with(listen, to, more, &[])
}

/// The same, with variables in its environment.
pub fn gateway_with(listen: &str, to: &str, more: &[&str], env: &[(&str, &str)]) -> (Process, String) {
    let args = ["gateway", "--listen", listen, "--to", to, "--log", "debug"];
    let mut command = sabir(args.iter().chain(more));
    command.envs(env.iter().copied());
    let mut gateway = Process::start(command);
    let address = gateway.address();
    (gateway, address)
}

/// A socket of a test that plays a client itself.
pub fn dial(address: &str) -> TcpStream {
    in_time(TcpStream::connect(address).expect("somebody listens"))
}

/// The same for one that plays a server.
pub fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    (listener, address)
}

pub fn accept(listener: &TcpListener) -> TcpStream {
    in_time(listener.accept().expect("a client comes").0)
}

/// One message, with its header.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("it is short");
    [&length.to_be_bytes(), body].concat()
}

/// The body of the next message, or nothing if the stream ends or breaks.
pub fn receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).ok()?;
    let mut body = vec![0; u32::from_be_bytes(header) as usize];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn in_time(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout can be set");
    stream
}

/// One of the programs beside these tests.
pub fn peer(python: &Python, program: &str, args: &[&str]) -> Process {
    keyed_peer(python, program, args, Some("secret"))
}

pub fn keyed_peer(python: &Python, program: &str, args: &[&str], key: Option<&str>) -> Process {
    let mut command = Command::new(&python.executable);
    command.arg("-B").arg(peers().join(program)).args(args).env_remove("PEER_AUTHKEY");
    if let Some(key) = key {
        command.env("PEER_AUTHKEY", key);
    }
    Process::start(command)
}

/// The interpreters of these versions. Says aloud which are absent, and fails in CI if one is.
pub fn pythons(versions: &[(u8, u8)]) -> Option<Vec<Python>> {
    let found = pythons::find(None);
    let mut chosen = Vec::new();
    for (major, minor) in versions {
        let version = Version::new(*major, *minor);
        match found.iter().find(|python| python.version == version) {
            Some(python) => chosen.push(python.clone()),
            None => {
                assert!(std::env::var_os("CI").is_none(), "Python {version} is absent");
                eprintln!("SKIPPED: Python {version} is absent");
                return None;
            }
        }
    }
    Some(chosen)
}

/// A folder of this test's own, which goes with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sabir-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a temporary file can be written");
        path.to_str().expect("it is text").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}
