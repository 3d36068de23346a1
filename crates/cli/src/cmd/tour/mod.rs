//! `sabir tour`: the whole story, live, on the Pythons of this machine.

mod cast;
mod stage;
mod stand_in;

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use sabir::net::Address;
use sabir::pythons::{self, Python};

use self::cast::Server;
use self::stage::{Folder, Inside, Shown};
use self::stand_in::StandIn;
use crate::exit::AnsweredNo;
use crate::output;

/// See it work: two stock programs of different Pythons fail, then succeed through a gateway, then all share a server
///
/// With one Python, or none that differ enough, the program itself plays the server of another.
/// Takes less than a minute, starts only processes of its own and ends them, and writes only to a
/// temporary folder, which it removes.
#[derive(Debug, clap::Args)]
pub(crate) struct TourArgs {
    /// The server's Python, a version or an executable; default: the oldest here that fails with the client's
    #[arg(long, value_name = "PYTHON")]
    server: Option<PathBuf>,
    /// The client's Python, a version or an executable; default: the newest here, that fails with the server's if there is one
    #[arg(long, value_name = "PYTHON")]
    client: Option<PathBuf>,
}

/// Tells the story.
pub(crate) fn run(args: &TourArgs) -> anyhow::Result<()> {
    let mut tour = Tour { style: Style::of_terminal() };
    tour.title("Sabir: programs of any two Pythons trade objects, unchanged")?;
    let found = pythons::find(None);
    let Some((server, client)) = cast::cast(args, &found)? else {
        tour.say("There is no Python here that multiprocessing could be shown with.")?;
        tour.say("Install any two, 2.7 or 3.6 and newer (one will do), or name them in SABIR_PYTHONS:")?;
        tour.say("  SABIR_PYTHONS=/path/to/python2.7:/path/to/python3.13 sabir tour")?;
        return Err(AnsweredNo.into());
    };
    if !found.is_empty() {
        let names: Vec<&str> = found.iter().map(|python| python.full_version.as_str()).collect();
        tour.say(&format!("Pythons here: {}", names.join(", ")))?;
    }
    if let Server::StandIn(version) = server {
        tour.say(&format!(
            "No Python here fails with {}, so this program plays a Python {version} itself.",
            client.version
        ))?;
    }
    let folder = Folder::new().context("cannot make a temporary folder")?;
    for (name, program) in [("server.py", SERVER), ("client.py", CLIENT), ("share.py", SHARE)] {
        fs::write(folder.path().join(name), program).with_context(|| format!("cannot write {name}"))?;
    }

    let mut good = tour.act("1. A Listener and a Client", "listener", &server, &client, &folder)?;
    if let Server::Python(_) = server {
        let title = "2. A manager: a class of one's own, an exception, a Namespace";
        good &= tour.act(title, "manager", &server, &client, &folder)?;
    } else {
        tour.say("\nA manager needs a second Python: install one, and take the tour again.")?;
    }
    good &= tour.shared(&found, &client, &folder)?;
    if !good {
        tour.say("\nThat is not how it should end. Please report it, with the lines above.")?;
        return Err(AnsweredNo.into());
    }
    tour.title("\nNow your own")?;
    tour.say("  sabir gateway --listen 127.0.0.1:5001 --to 127.0.0.1:5000   your server is at 5000; clients use 5001")?;
    tour.say("  sabir serve --authkey-file KEY --object jobs=Queue           a server of shared objects for every Python")?;
    tour.say("  sabir doctor 127.0.0.1:5000 --authkey-file KEY              what is there, and whom it would refuse")?;
    tour.say("  sabir pickle check FILE                                     what a pickle would run, without running it")?;
    Ok(())
}

struct Tour {
    style: Style,
}

impl Tour {
    /// The pair as it is, then through a gateway. Says whether it went as it should.
    fn act(
        &mut self,
        title: &str,
        what: &str,
        server: &Server,
        client: &Python,
        folder: &Folder,
    ) -> anyhow::Result<bool> {
        self.title(&format!("\n{title}"))?;
        let name = match server {
            Server::Python(python) => format!("Python {}", python.version),
            Server::StandIn(version) => format!("as {version}, in Rust"),
        };
        self.say(&format!("server.py: {name}    client.py: Python {}", client.version))?;
        self.say("\nAs they are:")?;
        let direct = scene(what, server, client, folder, false)?;
        self.shown(&direct)?;
        self.say("\nThe same two programs, through a gateway:")?;
        let through = scene(what, server, client, folder, true)?;
        self.shown(&through)?;
        if direct.client_succeeded && through.client_succeeded {
            self.say("These two understand each other as they are, and need no gateway.")?;
        }
        let fails = !cast::talk(server.version(), client.version);
        Ok(through.client_succeeded && !(direct.client_succeeded && fails))
    }

    /// One dict and one queue for every Python here, on a server without Python. Says whether it went as it should.
    fn shared(&mut self, found: &[Python], client: &Python, folder: &Folder) -> anyhow::Result<bool> {
        self.title("\n3. No Python serves: one queue and one dict for all")?;
        self.say("share.py: each Python in turn\n")?;
        let server = Inside::server(&[("logbook", "dict"), ("bottles", "Queue")])?;
        let address = server.address().to_string();
        // One Python alone meets itself.
        let cast: Vec<&Python> = if found.len() > 1 { found.iter().collect() } else { vec![client; 2] };
        for (turn, python) in cast.iter().enumerate() {
            let turn = match turn {
                0 => "first",
                turn if turn + 1 == cast.len() => "last",
                _ => "next",
            };
            let (succeeded, lines) = folder.start(python, "share.py", &[&address, turn])?.finish();
            self.lines(&format!("{:>4}", python.version.to_string()), &lines, succeeded)?;
            if !succeeded {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn shown(&mut self, shown: &Shown) -> io::Result<()> {
        self.lines("server", &shown.server, shown.client_succeeded)?;
        self.lines("client", &shown.client, shown.client_succeeded)
    }

    fn lines(&mut self, who: &str, lines: &[String], good: bool) -> io::Result<()> {
        let mark = if good { self.style.good } else { self.style.bad };
        let mut out = output::stdout();
        for line in lines {
            writeln!(out, "  {who} | {mark}{line}{}", self.style.plain)?;
        }
        out.flush()
    }

    fn title(&mut self, text: &str) -> io::Result<()> {
        let text = format!("{}{text}{}", self.style.strong, self.style.plain);
        self.say(&text)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        let mut out = output::stdout();
        writeln!(out, "{text}")?;
        out.flush()
    }
}

/// One run of the pair.
fn scene(
    what: &str,
    server: &Server,
    client: &Python,
    folder: &Folder,
    through_gateway: bool,
) -> anyhow::Result<Shown> {
    let (address, mut program, stand_in) = match server {
        Server::Python(python) => {
            let mut program = folder.start(python, "server.py", &[what])?;
            let address: Address = program.first_line()?.parse()?;
            (address, Some(program), None)
        }
        Server::StandIn(version) => {
            let stand_in = StandIn::start(*version)?;
            (stand_in.address().clone(), None, Some(stand_in))
        }
    };
    let gate = if through_gateway { Some(Inside::gateway(&address)?) } else { None };
    let dialled = gate.as_ref().map_or(&address, Inside::address).to_string();
    let (client_succeeded, client) = folder.start(client, "client.py", &[what, &dialled])?.finish();
    // A manager serves for ever; a Listener's program has ended by itself, well or badly.
    let server = match (program.take(), stand_in) {
        (Some(program), _) if what == "manager" => program.stop(),
        (Some(program), _) => program.finish().1,
        (None, Some(stand_in)) => stand_in.finish(),
        (None, None) => Vec::new(),
    };
    drop(gate);
    Ok(Shown { client_succeeded, client, server })
}

/// What makes text stand out, if anything may.
struct Style {
    strong: &'static str,
    good: &'static str,
    bad: &'static str,
    plain: &'static str,
}

impl Style {
    fn of_terminal() -> Self {
        if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
            Self { strong: "\x1b[1m", good: "\x1b[32m", bad: "\x1b[31m", plain: "\x1b[0m" }
        } else {
            Self { strong: "", good: "", bad: "", plain: "" }
        }
    }
}

const SERVER: &str = include_str!("server.py");
const CLIENT: &str = include_str!("client.py");
const SHARE: &str = include_str!("share.py");
