//! All pairs: first each version with itself, which is the yardstick, then what was asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sabir_pickle::Version;

use crate::baseline::{Baseline, Expectation};
use crate::cell::{Cell, Kind};
use crate::connection::{self, Identity, Load, Outcome};
use crate::differences::Differences;
use crate::manager;
use crate::pool::Pool;
use crate::route::Route;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Server and client of each pair.
    pub pairs: Vec<(Version, Version)>,
    /// Random graphs that each end of a pair sends.
    pub graphs: u32,
    /// The program `sabir`; none to run direct pairs only.
    pub program: Option<PathBuf>,
    /// Whether the unmodified pairs are run too, for the table beside ours.
    pub direct: bool,
    /// Whether other sockets, key files and identity of bytes are tried too, with a few of the pairs.
    pub extras: bool,
}

/// What lay between, and how it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Nothing: two unmodified programs.
    Direct,
    /// The gateway over TCP, which passes authentication through.
    Gateway,
    /// The gateway over TCP, with the key.
    GatewayWithKey,
    /// The gateway between Unix sockets.
    GatewayUnix,
    /// The gateway between sockets of Linux's abstract namespace.
    GatewayAbstract,
}

/// How one pair came out.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Cells that show what they should.
    pub equal: usize,
    /// Cells that differ as a row of the list says.
    pub listed: usize,
    /// Cells that differ otherwise.
    pub unequal: Vec<Mismatch>,
    /// Whether, in one direction or the other, nothing at all came out right.
    pub silent: bool,
    /// The end of the gateway's log.
    pub log: Vec<String>,
}

/// A cell that shows what it should not.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// What was seen.
    pub cell: Cell,
    /// What should have been; none if no stock pair has such a value.
    pub expected: Option<String>,
}

/// How the bytes between two of one version came out of the gateway.
#[derive(Clone, Debug, Default)]
pub struct Same {
    /// Bytes that came out as they went in.
    pub bytes: usize,
    /// Frames that came out otherwise, as a row of the list says.
    pub listed: usize,
    /// Frames that came out otherwise.
    pub changed: Vec<Cell>,
}

/// A whole run.
#[derive(Debug, Default)]
pub struct Results {
    /// By kind, way, server and client.
    pub verdicts: BTreeMap<(Kind, Way, Version, Version), Verdict>,
    /// Uses of each row of the list.
    pub uses: Vec<usize>,
    /// Bytes between two of each version, or why they could not be compared.
    pub identity: BTreeMap<Version, Result<Same, String>>,
    /// What went wrong apart from cells: pairs that could not run, contradictions in the baseline.
    pub troubles: Vec<String>,
    /// How long each part took.
    pub timings: Vec<(String, Duration)>,
}

/// Runs the plan.
pub fn run(pool: &Pool, plan: &Plan, differences: &Differences) -> Results {
    let mut results = Results { uses: vec![0; differences.rows.len()], ..Results::default() };
    let baseline = learn(pool, plan, &mut results);
    let mut judge = Judge { baseline: &baseline, differences, results: &mut results };

    if plan.direct {
        let jobs = all(&plan.pairs, Way::Direct);
        let load = Load { pickles: false, graphs: 0, listen: String::new() };
        judge.run("unmodified pairs", pool, &jobs, &load, None);
    }
    if let Some(program) = &plan.program {
        let load = Load { pickles: true, graphs: plan.graphs, listen: String::new() };
        judge.run("through the gateway", pool, &all(&plan.pairs, Way::Gateway), &load, Some(program));
        if plan.extras {
            let load = Load { pickles: false, graphs: plan.graphs.min(50), listen: String::new() };
            let mut jobs = Vec::new();
            for way in [Way::GatewayWithKey, Way::GatewayUnix, Way::GatewayAbstract] {
                let able = |version: Version| way != Way::GatewayAbstract || version >= Version::new(3, 7);
                let mut few: Vec<_> =
                    plan.pairs.iter().copied().filter(|(s, c)| able(*s) && able(*c)).collect();
                few.retain({
                    let (oldest, newest) = (few.iter().min().copied(), few.iter().max().copied());
                    move |pair| Some(*pair) == oldest || Some(*pair) == newest || is_of_extras(*pair)
                });
                jobs.extend(all(&few, way));
            }
            judge.run("other sockets and keys", pool, &jobs, &load, Some(program));
            let started = Instant::now();
            for version in versions(&plan.pairs) {
                let same =
                    connection::identity_of_bytes(pool, version, &route(pool, Way::Gateway, Some(program)));
                let same = same.map(|identity| judge.identity(identity));
                judge.results.identity.insert(version, same);
            }
            judge.results.timings.push(("identity of bytes".to_owned(), started.elapsed()));
        }
    }
    results
}

/// The versions of some pairs, oldest first.
pub fn versions(pairs: &[(Version, Version)]) -> Vec<Version> {
    let mut versions: Vec<Version> = pairs.iter().flat_map(|&(server, client)| [server, client]).collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// The pairs with which other sockets and keys are tried: old with new, both ways, and neighbours that changed dialect.
fn is_of_extras((server, client): (Version, Version)) -> bool {
    let of = |major, minor| Version::new(major, minor);
    [(of(2, 7), of(3, 13)), (of(3, 13), of(2, 7)), (of(3, 7), of(3, 12)), (of(3, 12), of(3, 8))]
        .contains(&(server, client))
}

fn all(pairs: &[(Version, Version)], way: Way) -> Vec<Job> {
    let kinds = [Kind::Connection, Kind::Manager];
    pairs.iter().flat_map(|&(server, client)| kinds.map(|kind| Job { kind, way, server, client })).collect()
}

/// One pair to run.
#[derive(Clone, Copy, Debug)]
struct Job {
    kind: Kind,
    way: Way,
    server: Version,
    client: Version,
}

/// Runs each version with itself, unmodified, and keeps what it shows.
fn learn(pool: &Pool, plan: &Plan, results: &mut Results) -> Baseline {
    let started = Instant::now();
    let pairs: Vec<_> = versions(&plan.pairs).into_iter().map(|version| (version, version)).collect();
    // A manager's graphs are a connection's, so a few of them will do.
    let load = Load { pickles: true, graphs: plan.graphs, listen: String::new() };
    let mut baseline = Baseline::default();
    for (job, outcome) in run_all(pool, &all(&pairs, Way::Direct), &load, None, |_, outcome| outcome) {
        match outcome {
            Err(error) => results.troubles.push(format!("baseline {} {}: {error}", job.kind, job.server)),
            Ok(outcome) => {
                for contradiction in outcome.cells.iter().filter_map(|cell| baseline.learn(cell).err()) {
                    let (cell, before) = (&contradiction.cell, &contradiction.before);
                    let (kind, to, name, text) = (cell.kind, cell.to, &cell.name, &cell.text);
                    results.troubles.push(format!("baseline {kind} {to} {name}: once {before}, once {text}"));
                }
            }
        }
    }
    results.timings.push((format!("yardstick: {} versions with themselves", pairs.len()), started.elapsed()));
    baseline
}

/// Compares, and keeps the outcome.
struct Judge<'a> {
    baseline: &'a Baseline,
    differences: &'a Differences,
    results: &'a mut Results,
}

impl Judge<'_> {
    fn run(&mut self, title: &str, pool: &Pool, jobs: &[Job], load: &Load, program: Option<&PathBuf>) {
        let started = Instant::now();
        let (baseline, differences) = (self.baseline, self.differences);
        let judged =
            run_all(pool, jobs, load, program, |job, outcome| judge(baseline, differences, job, &outcome));
        for (job, outcome) in judged {
            match outcome {
                Err(error) => {
                    let trouble =
                        format!("{:?} {} {} to {}: {error}", job.way, job.kind, job.client, job.server);
                    self.results.troubles.push(trouble);
                }
                Ok((verdict, uses)) => {
                    for row in uses {
                        self.results.uses[row] += 1;
                    }
                    self.results.verdicts.insert((job.kind, job.way, job.server, job.client), verdict);
                }
            }
        }
        self.results.timings.push((format!("{title}: {} runs", jobs.len()), started.elapsed()));
    }
}

impl Judge<'_> {
    fn identity(&mut self, identity: Identity) -> Same {
        let mut same = Same { bytes: identity.same, ..Same::default() };
        for cell in identity.changed {
            if let Some(row) = self.differences.listing(&cell) {
                same.listed += 1;
                self.results.uses[row] += 1;
            } else {
                same.changed.push(cell);
            }
        }
        same
    }
}

/// Compares what a pair showed with what it should have; also the rows of the list that were used, once for each use.
fn judge(
    baseline: &Baseline,
    differences: &Differences,
    job: Job,
    outcome: &Outcome,
) -> (Verdict, Vec<usize>) {
    let mut verdict = Verdict::default();
    let mut uses = Vec::new();
    let mut right: BTreeMap<(Version, Version), bool> = BTreeMap::new();
    for cell in &outcome.cells {
        let expected = baseline.expected(cell);
        let equal = expected == Expectation::Text(&cell.text);
        *right.entry((cell.from, cell.to)).or_default() |= equal;
        // The list is of what remains when the gateway has done all that can be done.
        let listing = if equal || job.way == Way::Direct { None } else { differences.listing(cell) };
        if equal {
            verdict.equal += 1;
        } else if let Some(row) = listing {
            verdict.listed += 1;
            uses.push(row);
        } else {
            let expected = match expected {
                Expectation::Text(text) => Some(text.to_owned()),
                Expectation::Nothing => None,
            };
            verdict.unequal.push(Mismatch { cell: cell.clone(), expected });
        }
    }
    verdict.silent = right.values().any(|&any| !any);
    verdict.log.clone_from(&outcome.log);
    (verdict, uses)
}

/// Runs jobs on a few threads: a pair is two processes that wait for each other most of the time.
///
/// What a pair showed is finished on its thread, since a run of all pairs shows millions of cells.
fn run_all<T: Send>(
    pool: &Pool,
    jobs: &[Job],
    load: &Load,
    program: Option<&PathBuf>,
    finish: impl Fn(Job, Outcome) -> T + Sync,
) -> Vec<(Job, Result<T, String>)> {
    let queue = Mutex::new(jobs.iter().copied().enumerate());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, job)) = next else { break };
                    let outcome =
                        run_one(pool, job, load, program, index).map(|outcome| finish(job, outcome));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, job, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, ..)| *index);
    done.into_iter().map(|(_, job, outcome)| (job, outcome)).collect()
}

fn run_one(
    pool: &Pool,
    job: Job,
    load: &Load,
    program: Option<&PathBuf>,
    index: usize,
) -> Result<Outcome, String> {
    let folder = pool.folder();
    let fresh = format!("{index}-{:?}", job.way);
    let mut route = route(pool, job.way, program);
    // A star stands for something of the server's own; a gateway is started for each pair.
    let (listen, between) = match (job.way, job.kind) {
        // Stock peers over TCP wait 44 ms for each new connection, which a manager's client makes by the hundred.
        (Way::Direct, Kind::Manager) => (format!("unix:{folder}/*"), None),
        (Way::GatewayUnix, _) => (format!("unix:{folder}/*"), Some(format!("unix:{folder}/{fresh}"))),
        (Way::GatewayAbstract, _) => (format!("unix:@{folder}/*"), Some(format!("unix:@{folder}/{fresh}"))),
        _ => ("127.0.0.1:0".to_owned(), None),
    };
    if let (Route::Gateway { listen, .. }, Some(between)) = (&mut route, between) {
        *listen = between;
    }
    let load = Load { listen, ..load.clone() };
    match job.kind {
        Kind::Connection => connection::run(pool, job.server, job.client, &route, &load),
        Kind::Manager => manager::run(pool, job.server, job.client, &route, &load),
    }
}

fn route(pool: &Pool, way: Way, program: Option<&PathBuf>) -> Route {
    let (Some(program), false) = (program, way == Way::Direct) else { return Route::Direct };
    let options = match way {
        Way::GatewayWithKey => vec!["--authkey-file".to_owned(), pool.key_file()],
        _ => Vec::new(),
    };
    Route::Gateway { program: program.clone(), listen: "127.0.0.1:0".to_owned(), options }
}

/// Pairs at work at once.
const WORKERS: usize = 3;
