//! One pair of a manager's server and its client: steps of a program, the zoo, and random graphs.

use sabir_pickle::Version;

use crate::cell::{Cell, Kind};
use crate::connection::{Load, Outcome};
use crate::pool::{Pool, Role};
use crate::route::Route;

/// Runs one pair. The server may have served other clients before; it is nobody else's meanwhile.
pub fn run(
    pool: &Pool,
    server: Version,
    client: Version,
    route: &Route,
    load: &Load,
) -> Result<Outcome, String> {
    let mut serving = pool.take(server, Role::Server(load.listen.clone()))?;
    let mut using = pool.take(client, Role::Client)?;
    let theirs = pool.names(&mut serving, None)?;
    let ours = pool.names(&mut using, None)?;
    let address = serving.ask(&format!("serve {}", load.listen)).text("address")?;
    let way = route.open(&address)?;

    let answer = using.ask(&format!("manage {} {} {}", way.address, ours.join(","), theirs.join(",")));
    let mut lines = answer.lines;
    let mut failure = answer.failure;
    if failure.is_none() && load.graphs > 0 {
        let answer = using.ask(&format!("manage_graphs {} 0 {}", way.address, load.graphs));
        lines.extend(answer.lines);
        failure = answer.failure;
    }
    let mut cells: Vec<Cell> =
        lines.into_iter().map(|(name, text)| cell(server, client, name, text)).collect();
    if let Some(failure) = failure {
        let last = cells.last().map_or("the beginning", |cell| &cell.name);
        let text = format!("{failure} (after {last})");
        cells.push(cell(server, client, "step_end".to_owned(), text));
    }
    Ok(Outcome { cells, log: way.log() })
}

/// `see:` is what the server saw; all else the client did.
fn cell(server: Version, client: Version, name: String, text: String) -> Cell {
    let (from, to) = if name.starts_with("see:") { (client, server) } else { (server, client) };
    Cell { kind: Kind::Manager, from, to, name, text, sent: None }
}
