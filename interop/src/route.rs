//! What lies between two peers: nothing, or a running `sabir gateway`.

use std::collections::VecDeque;
use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use crate::interpreters::checkout;

/// How the client reaches the server.
#[derive(Clone, Debug)]
pub enum Route {
    /// At its own address.
    Direct,
    /// Through `sabir gateway`.
    Gateway {
        /// The program `sabir`.
        program: PathBuf,
        /// Where the gateway listens: `127.0.0.1:0`, `unix:/path`.
        listen: String,
        /// More of its options.
        options: Vec<String>,
    },
}

/// A way to one server, open until it is dropped.
#[derive(Debug)]
pub struct Way {
    /// Where the client is to connect.
    pub address: String,
    gateway: Option<Gateway>,
}

impl Route {
    /// Opens the way to a server.
    pub fn open(&self, server: &str) -> Result<Way, String> {
        match self {
            Route::Direct => Ok(Way { address: server.to_owned(), gateway: None }),
            Route::Gateway { program, listen, options } => {
                let gateway = Gateway::start(program.clone(), listen, server, options)
                    .map_err(|error| format!("error gateway: {error}"))?;
                Ok(Way { address: gateway.address.clone(), gateway: Some(gateway) })
            }
        }
    }
}

impl Way {
    /// The last lines that the gateway wrote to its log.
    pub fn log(&self) -> Vec<String> {
        let Some(gateway) = &self.gateway else { return Vec::new() };
        gateway.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// A running gateway. It is killed when dropped.
#[derive(Debug)]
struct Gateway {
    child: Child,
    address: String,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Gateway {
    fn start(program: PathBuf, listen: &str, to: &str, options: &[String]) -> io::Result<Gateway> {
        let mut child = Command::new(program)
            .args(["gateway", "--listen", listen, "--to", to])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("started without its pipes"));
        };
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let kept = log.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(line);
                if kept.len() > LOG_LINES {
                    kept.pop_front();
                }
            }
        });
        let (send, first) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let line = first.recv_timeout(START).ok();
        let address = line.as_deref().and_then(|line| line.strip_prefix("listening on ")).map(str::to_owned);
        if let Some(address) = address {
            return Ok(Gateway { child, address, log });
        }
        let _ = child.kill();
        let status = child.wait()?;
        let _ = reader.join();
        let said = log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect::<Vec<_>>()
            .join(" / ");
        Err(io::Error::other(format!("first line {line:?}, {status}: {said}")))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program `sabir`: what `SABIR_PROGRAM` names, or what Cargo builds, beside the running program.
pub fn program() -> Result<PathBuf, String> {
    if let Some(given) = env::var_os("SABIR_PROGRAM") {
        return Ok(PathBuf::from(given));
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let here = env::current_exe().map_err(|error| error.to_string())?;
    // target/PROFILE/program, or target/PROFILE/deps/program for a test.
    let profile = here.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).map(PathBuf::from);
    let profile = profile.ok_or("this program lies in no target folder")?;
    let mut build = Command::new(cargo);
    build.current_dir(checkout()).args(["build", "--quiet", "--package", "sabir-cli", "--bin", "sabir"]);
    build.arg("--target-dir").arg(profile.parent().unwrap_or(&profile));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let status = build.status().map_err(|error| format!("cargo does not run: {error}"))?;
    let built = profile.join(format!("sabir{}", env::consts::EXE_SUFFIX));
    if status.success() { Ok(built) } else { Err(format!("sabir does not build: {status}")) }
}

/// How long a gateway may take until it listens.
const START: Duration = Duration::from_secs(10);

/// How much of a gateway's log is kept for a failure's report.
const LOG_LINES: usize = 20;
