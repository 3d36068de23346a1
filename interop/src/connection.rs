//! One pair of `Listener` and `Client`: the zoo, pickles of every protocol and random graphs, in both directions.

use sabir_pickle::Version;

use crate::cell::{Cell, Kind};
use crate::peer::{Answer, LIMIT, Peer};
use crate::pool::{Names, Pool, Role};
use crate::recorder::{Direction, Recorder, frames};
use crate::route::Route;

/// What to send.
#[derive(Clone, Debug)]
pub struct Load {
    /// Whether pickles made by the programs are sent too, at every protocol that the sender has.
    pub pickles: bool,
    /// How many random graphs each end sends.
    pub graphs: u32,
    /// Where the server listens, such as `127.0.0.1:0` or `unix:/path`.
    pub listen: String,
}

/// What a pair showed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What each end saw of each value.
    pub cells: Vec<Cell>,
    /// The end of the gateway's log, where something went wrong that is not in the cells.
    pub log: Vec<String>,
}

/// Runs one pair.
pub fn run(
    pool: &Pool,
    server: Version,
    client: Version,
    route: &Route,
    load: &Load,
) -> Result<Outcome, String> {
    let mut server = pool.take(server, Role::Client)?;
    let mut client = pool.take(client, Role::Client)?;
    let address = server.ask(&format!("listen {}", load.listen)).text("address")?;
    let way = route.open(&address)?;
    let mut cells = Vec::new();
    let connected = connect(&mut server, &mut client, &way.address);
    let broken = connected.err();
    if !matches!(route, Route::Direct) {
        // The client has not written yet, so a gateway does not know for whom it translates.
        let (from, to) = (&mut *server, &mut *client);
        Exchange { pool, from, to, broken: broken.clone(), cells: &mut cells }.zoo("blind:")?;
    }
    for there in [false, true] {
        let (from, to) = if there { (&mut *server, &mut *client) } else { (&mut *client, &mut *server) };
        let mut exchange = Exchange { pool, from, to, broken: broken.clone(), cells: &mut cells };
        exchange.zoo("send:")?;
        if load.pickles {
            exchange.pickles()?;
        }
        exchange.graphs(load.graphs)?;
    }
    server.ask("close");
    client.ask("close");
    Ok(Outcome { cells, log: way.log() })
}

/// Connects both ends; the client's error counts first, since it is what a user would see.
fn connect(server: &mut Peer, client: &mut Peer, address: &str) -> Result<(), String> {
    server.tell("accept");
    client.tell(&format!("connect {address}"));
    let connected = client.answer(LIMIT).done();
    let accepted = server.answer(LIMIT).done();
    connected.and(accepted)
}

/// One direction of a connected pair.
struct Exchange<'a> {
    pool: &'a Pool,
    from: &'a mut Peer,
    to: &'a mut Peer,
    /// Why nothing can be exchanged any more: one end is gone.
    broken: Option<String>,
    cells: &'a mut Vec<Cell>,
}

impl Exchange<'_> {
    fn zoo(&mut self, manner: &str) -> Result<(), String> {
        let names = self.names(None)?;
        let list = names.join(" ");
        let (_, received) = self.both(&format!("send_zoo {list}"), &format!("recv_zoo {list}"));
        self.record(manner, &names, &received, None);
        Ok(())
    }

    /// Frames that a program has pickled itself. Protocols 0 and 1 have no mark that tells them from other bytes, so they pass
    /// as they are; the others are pickles to a gateway as to the receiver.
    fn pickles(&mut self) -> Result<(), String> {
        for protocol in 0..=self.from.version.highest_protocol() {
            let names = self.names(Some(protocol))?;
            let list = names.join(" ");
            let receive = if protocol < 2 { "recv_raw" } else { "recv_pickles" };
            let (sent, received) =
                self.both(&format!("send_pickles {protocol} {list}"), &format!("{receive} {list}"));
            let (manner, sent) = if protocol < 2 { ("raw", Some(&sent)) } else { ("pickle", None) };
            self.record(&format!("{manner}{protocol}:"), &names, &received, sent);
        }
        Ok(())
    }

    fn graphs(&mut self, count: u32) -> Result<(), String> {
        let names: Vec<String> = (0..count).map(|seed| format!("graph_{seed}")).collect();
        if count > 0 {
            let (_, received) =
                self.both(&format!("send_graphs 0 {count}"), &format!("recv_graphs 0 {count}"));
            self.record("", &names, &received, None);
        }
        Ok(())
    }

    fn names(&mut self, protocol: Option<u8>) -> Result<Names, String> {
        self.pool.names(self.from, protocol)
    }

    /// Tells both ends at once, and waits for the receiver first: it is the one that says what went wrong.
    fn both(&mut self, send: &str, receive: &str) -> (Answer, Answer) {
        if let Some(failure) = self.broken.clone() {
            let answer = Answer { lines: Vec::new(), failure: Some(failure) };
            return (answer.clone(), answer);
        }
        self.from.tell(send);
        self.to.tell(receive);
        let received = self.to.answer(LIMIT);
        let sent = self.from.answer(LIMIT);
        if !self.from.is_fit() || !self.to.is_fit() {
            self.broken = received.failure.clone().or_else(|| sent.failure.clone());
        }
        (sent, received)
    }

    /// A cell for every name, whether its text came or not.
    fn record(&mut self, manner: &str, names: &[String], received: &Answer, sent: Option<&Answer>) {
        for (index, name) in names.iter().enumerate() {
            let text = match received.lines.get(index) {
                Some((_, text)) => text.clone(),
                None => received.failure.clone().unwrap_or_else(|| "error nothing: no answer".to_owned()),
            };
            let sent = sent.map(|sent| match sent.lines.get(index) {
                Some((_, text)) => text.clone(),
                None => "it was not sent".to_owned(),
            });
            let (from, to, name) = (self.from.version, self.to.version, format!("{manner}{name}"));
            self.cells.push(Cell { kind: Kind::Connection, from, to, name, text, sent });
        }
    }
}

/// Bytes that went through a gateway between two of one version.
#[derive(Debug, Default)]
pub struct Identity {
    /// Bytes of frames that came out as they went in.
    pub same: usize,
    /// A cell for each value whose frame came out otherwise, in the manner `bytes:`.
    pub changed: Vec<Cell>,
}

/// Compares, for a pair of one version, the bytes that went into the gateway with those that came out, once each end has been
/// seen to write.
pub fn identity_of_bytes(pool: &Pool, version: Version, route: &Route) -> Result<Identity, String> {
    let mut server = pool.take(version, Role::Client)?;
    let mut client = pool.take(version, Role::Client)?;
    let address = server.ask("listen 127.0.0.1:0").text("address")?;
    let outer = |to: &str| Recorder::start(to).map_err(|error| format!("error recorder: {error}"));
    let behind = outer(&address)?;
    let way = route.open(&behind.address)?;
    let before = outer(&way.address)?;
    connect(&mut server, &mut client, &before.address)?;
    server.tell("greet second");
    client.ask("greet first").done()?;
    server.answer(LIMIT).done()?;

    let mut identity = Identity::default();
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (from, to, entered, left) = match direction {
            Direction::ToServer => (&mut *client, &mut *server, &before, &behind),
            Direction::ToClient => (&mut *server, &mut *client, &behind, &before),
        };
        let marks = [entered, left].map(|recorder| recorder.passed(direction).len());
        let mut cells = Vec::new();
        let mut exchange = Exchange { pool, from, to, broken: None, cells: &mut cells };
        exchange.zoo("send:")?;
        exchange.pickles()?;
        let (went_in, came_out) = (entered.passed(direction), left.passed(direction));
        let (went_in, came_out) = (frames(&went_in[marks[0]..]), frames(&came_out[marks[1]..]));
        // One frame for each value, in their order.
        if [went_in.len(), came_out.len()] != [cells.len(); 2] {
            let (went_in, came_out, sent) = (went_in.len(), came_out.len(), cells.len());
            return Err(format!(
                "{direction:?}: {sent} values, {went_in} frames went in, {came_out} came out"
            ));
        }
        for ((input, output), cell) in went_in.into_iter().zip(came_out).zip(cells) {
            if input == output {
                identity.same += input.len();
            } else {
                let [input, output] =
                    [input, output].map(|frame| frame[..frame.len().min(60)].escape_ascii());
                let text = format!("{input} came out as {output}");
                identity.changed.push(Cell {
                    name: format!("bytes:{}", cell.value()),
                    text,
                    sent: None,
                    ..cell
                });
            }
        }
    }
    server.ask("close");
    client.ask("close");
    Ok(identity)
}
