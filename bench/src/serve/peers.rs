//! The servers, as processes that are stopped by their own ids.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::SCRIPT;
use super::says::KEY;
use crate::Outcome;
use crate::processes::{Background, on_core, ourselves, python, sabir};

/// A server that is measured.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Server {
    Floor,
    Sabir,
    Stock,
    Redis,
}

impl Server {
    /// All that there are on this machine. Redis is installed where that needs no more than a word.
    pub(super) fn all() -> Vec<Server> {
        let mut all = vec![Server::Floor, Server::Sabir, Server::Stock];
        let is_there = || Command::new(REDIS).arg("--version").stdout(Stdio::null()).status().is_ok();
        if !is_there() {
            let mut command = Command::new("apt-get");
            command.args(["install", "--yes", "--no-install-recommends", REDIS]).stdout(Stdio::null());
            // Without it the others are still worth measuring.
            let _ = command.status();
        }
        if is_there() {
            all.push(Server::Redis);
        } else {
            eprintln!("no {REDIS} here, so that it is left out: install the Debian package of that name");
        }
        all
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Server::Floor => "floor",
            Server::Sabir => "sabir",
            Server::Stock => "stock 3.13",
            Server::Redis => "Redis",
        }
    }

    /// How it is spoken to.
    pub(super) fn speech(self) -> &'static str {
        match self {
            Server::Floor => "bare",
            Server::Redis => "redis",
            Server::Sabir | Server::Stock => "manager",
        }
    }
}

/// A server, until it is dropped.
pub(super) struct Running {
    process: Background,
    pub(super) address: String,
}

impl Running {
    /// With `pinned` it has the first core and no other.
    pub(super) fn start(server: Server, pinned: bool) -> Outcome<Running> {
        let mut given = None;
        let mut command = match server {
            Server::Floor => {
                let mut command = ourselves(pinned)?;
                command.arg("floor");
                command
            }
            Server::Sabir => {
                let mut command = sabir(pinned)?;
                command
                    .args(["serve", "--listen", "127.0.0.1:0", "--authkey-env", "BENCH_KEY"])
                    .env("BENCH_KEY", KEY);
                command
            }
            Server::Stock => {
                let mut command = on_core(python("3.13")?.into(), pinned);
                command.args([SCRIPT, "server"]);
                command
            }
            Server::Redis => {
                let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
                let mut command = on_core(REDIS.into(), pinned);
                command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
                command.args(["--maxclients", "15000"]);
                given = Some(format!("127.0.0.1:{port}"));
                command
            }
        };
        let process = Background::start(command.stderr(Stdio::null()))?;
        let address = given.unwrap_or_else(|| process.line.replace("listening on ", ""));
        Ok(Running { process, address })
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}

const REDIS: &str = "redis-server";
