//! A process that runs `peers/peer.py` in one Python, and does what it is told.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, thread};

use sabir_pickle::Version;

use crate::interpreters::{Interpreter, checkout};

/// A running peer. It is killed when dropped.
#[derive(Debug)]
pub struct Peer {
    /// Its Python.
    pub version: Version,
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    fit: bool,
    /// Commands whose answer nobody has fetched yet.
    pending: usize,
}

/// The answer to one command: what came, and why no more came.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Name and text of each line, in order.
    pub lines: Vec<(String, String)>,
    /// Why the command did not end well: its exception, the peer's death, or silence.
    pub failure: Option<String>,
}

impl Answer {
    /// The text of the only line that matters to the asker, or the failure.
    pub fn text(&self, name: &str) -> Result<String, String> {
        let found = self.lines.iter().find(|(key, _)| key == name).map(|(_, text)| text.clone());
        found
            .ok_or_else(|| self.failure.clone().unwrap_or_else(|| format!("the peer did not say its {name}")))
    }

    /// Whether the command ended well.
    pub fn done(&self) -> Result<(), String> {
        self.failure.clone().map_or(Ok(()), Err)
    }
}

impl Peer {
    /// Starts the interpreter.
    pub fn start(interpreter: &Interpreter) -> io::Result<Peer> {
        let verbose = env::var_os("SABIR_INTEROP_STDERR").is_some();
        let mut command = Command::new(&interpreter.python.executable);
        command
            .arg(checkout().join("interop/peers/peer.py"))
            .env_remove("PYTHONPATH")
            .env("PYTHONHASHSEED", "0") // so that a set is in the same order in every run
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("OPENBLAS_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if verbose { Stdio::inherit() } else { Stdio::null() });
        if let Some(numpy) = &interpreter.numpy {
            command.env("PYTHONPATH", numpy);
        }
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the peer was started without its pipes"));
        };
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Peer { version: interpreter.python.version, child, stdin, lines, fit: true, pending: 0 })
    }

    /// Gives a command whose answer is fetched later, so that the other end can be told meanwhile.
    pub fn tell(&mut self, command: &str) {
        // A peer that is gone says so by its missing answer.
        self.fit &= writeln!(self.stdin, "{command}").is_ok();
        self.pending += 1;
    }

    /// The answer to the earliest command that has had none.
    pub fn answer(&mut self, limit: Duration) -> Answer {
        self.pending = self.pending.saturating_sub(1);
        let mut answer = Answer::default();
        let deadline = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line == "done" => return answer,
                Ok(line) => match line.split_once('\t') {
                    Some((name, text)) => answer.lines.push((name.to_owned(), text.to_owned())),
                    None => {
                        let reason = line.strip_prefix("failed ").unwrap_or(&line);
                        answer.failure = Some(reason.to_owned());
                        return answer;
                    }
                },
                Err(error) => {
                    self.fit = false;
                    let _ = self.child.kill();
                    answer.failure = Some(match error {
                        RecvTimeoutError::Timeout => {
                            format!("error silence: no answer within {} s", limit.as_secs())
                        }
                        RecvTimeoutError::Disconnected => "error death: the peer's process ended".to_owned(),
                    });
                    return answer;
                }
            }
        }
    }

    /// Gives a command and waits for its answer.
    pub fn ask(&mut self, command: &str) -> Answer {
        self.tell(command);
        self.answer(LIMIT)
    }

    /// Whether it may be used again: it has answered all that it was asked.
    pub fn is_fit(&self) -> bool {
        self.fit && self.pending == 0
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a command may take. The longest, a thousand graphs over TCP on a loaded machine, takes a few seconds.
pub const LIMIT: Duration = Duration::from_secs(60);
