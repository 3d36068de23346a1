//! What the tour starts, and ends: programs, a gateway, a folder.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use sabir::gateway::{Gateway, GatewayOptions};
use sabir::net::Address;
use sabir::pythons::Python;
use sabir::sync::{Arguments, SyncOptions, SyncServer};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// What two programs printed.
pub(super) struct Shown {
    pub(super) client_succeeded: bool,
    pub(super) client: Vec<String>,
    pub(super) server: Vec<String>,
}

/// A temporary folder, which goes with the tour.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("sabir-tour-{}", std::process::id()));
        // Not `create_dir_all`: what is there already is not ours.
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Starts one of the programs in it.
    pub(super) fn start(&self, python: &Python, program: &str, args: &[&str]) -> anyhow::Result<Program> {
        let mut child = Command::new(&python.executable)
            .arg("-B")
            .arg(self.0.join(program))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.executable.display()))?;
        let (send, lines) = mpsc::channel();
        let readers = [
            child.stdout.take().map(|stdout| read(stdout, send.clone(), false)),
            child.stderr.take().map(|stderr| read(stderr, send, true)),
        ];
        Ok(Program { child, lines, readers: readers.into_iter().flatten().collect() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is a few lines of Python in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program of the tour, which ends with it.
pub(super) struct Program {
    child: Child,
    /// Lines, and whether they are complaints.
    lines: Receiver<(bool, String)>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    pub(super) fn first_line(&mut self) -> anyhow::Result<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok((false, line)) => Ok(line),
            Ok((true, line)) => bail!("the server did not start: {line}"),
            Err(_) => bail!("the server did not start in time"),
        }
    }

    /// Waits for its end; whether that was a good one, and what it printed.
    pub(super) fn finish(mut self) -> (bool, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let succeeded = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status.success(),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
                _ => break false,
            }
        };
        (succeeded, self.stop())
    }

    /// Ends it, and gives what it printed.
    pub(super) fn stop(mut self) -> Vec<String> {
        self.kill();
        for reader in self.readers.drain(..) {
            // Both pipes have ended with the process.
            let _ = reader.join();
        }
        let (complaints, mut shown): (Vec<_>, Vec<_>) = self.lines.try_iter().partition(|(bad, _)| *bad);
        // Of a traceback the last line says what happened.
        shown.extend(complaints.into_iter().rfind(|(_, line)| line.contains("Error")));
        shown.into_iter().map(|(_, line)| line).collect()
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read(
    pipe: impl io::Read + Send + 'static,
    send: mpsc::Sender<(bool, String)>,
    complaint: bool,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe.take(MOST_OUTPUT));
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if send.send((complaint, text)).is_err() {
                return;
            }
            line.clear();
        }
    })
}

/// A gateway or a server in this process, which ends with it.
pub(super) struct Inside {
    address: Address,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Inside {
    /// A gateway to a server.
    pub(super) fn gateway(to: &Address) -> anyhow::Result<Self> {
        let options = GatewayOptions::new(any_port(), to.clone()).shutdown_timeout(A_MOMENT);
        let runtime = runtime()?;
        let gateway = runtime.block_on(Gateway::bind(options))?;
        let address = gateway.local_addresses().next().cloned();
        Self::start(address, move |stopped| drop(runtime.block_on(gateway.run(stopped))))
    }

    /// A server of shared objects: each a name and a typeid.
    pub(super) fn server(objects: &[(&str, &str)]) -> anyhow::Result<Self> {
        let options = SyncOptions::new(any_port()).authkey(b"tour").shutdown_timeout(A_MOMENT);
        let options = objects
            .iter()
            .fold(options, |options, (name, typeid)| options.object(name, typeid, Arguments::default()));
        let runtime = runtime()?;
        let server = runtime.block_on(SyncServer::bind(options))?;
        let address = server.local_addresses().next().cloned();
        Self::start(address, move |stopped| drop(runtime.block_on(server.run(stopped))))
    }

    /// What breaks while it runs shows in what the client prints.
    fn start(
        address: Option<Address>,
        run: impl FnOnce(Pin<Box<dyn Future<Output = ()>>>) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let address = address.context("it listens nowhere")?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || run(Box::pin(async { drop(stopped.await) })));
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends within its shutdown timeout.
            let _ = thread.join();
        }
    }
}

fn any_port() -> Address {
    Address::Tcp { host: "127.0.0.1".into(), port: 0 }
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

/// How long what runs inside may take to end.
const A_MOMENT: Duration = Duration::from_millis(200);
/// How long a program of the tour may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(12);
/// Bytes of output that are read of one program.
const MOST_OUTPUT: u64 = 64 * 1024;
