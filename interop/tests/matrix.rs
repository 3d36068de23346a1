//! A few pairs of the live matrix, for plain `cargo test`; `cargo xtask test` runs them all.

use std::fs;

use sabir_interop::cell::Kind;
use sabir_interop::connection;
use sabir_interop::differences::Differences;
use sabir_interop::interpreters::{self, Interpreter, checkout};
use sabir_interop::matrix::{self, Plan, Results, Way};
use sabir_interop::pool::Pool;
use sabir_interop::report;
use sabir_interop::route::{self, Route};
use sabir_pickle::Version;

const OLD: Version = Version::new(2, 7);
const MIDDLE: Version = Version::new(3, 6);
const NEW: Version = Version::new(3, 13);

/// The interpreters of these versions; none, said aloud, if one is missing on a machine that need not have all.
fn interpreters(wanted: &[Version]) -> Option<Vec<Interpreter>> {
    let found: Vec<Interpreter> =
        interpreters::find().into_iter().filter(|it| wanted.contains(&it.python.version)).collect();
    if found.len() == wanted.len() {
        return Some(found);
    }
    assert!(!interpreters::must_be_complete(), "CI must have Python {wanted:?}, but has {found:?}");
    println!("skipped: not all of {wanted:?} are on this machine");
    None
}

fn run(interpreters: Vec<Interpreter>, plan: &Plan, differences: &Differences) -> Results {
    matrix::run(&Pool::new(interpreters), plan, differences)
}

#[test]
fn a_version_understands_itself_and_what_it_shows_never_changes() {
    let Some(found) = interpreters(&[OLD, NEW]) else { return };
    let pairs = vec![(OLD, OLD), (NEW, NEW)];
    let plan = Plan { pairs, graphs: 100, program: None, direct: true, extras: false };
    let results = run(found, &plan, &Differences::default());
    assert_eq!(results.troubles, [""; 0]);
    assert_eq!(results.verdicts.len(), 4);
    for (pair, verdict) in &results.verdicts {
        let told: Vec<String> = verdict.unequal.iter().map(report::told).collect();
        assert_eq!(told, [""; 0], "{pair:?}");
        assert!(verdict.equal > 300, "{pair:?}: {}", verdict.equal);
    }
}

/// The reason for all this; and the proof that this harness sees a failure.
#[test]
fn unmodified_2_7_and_3_x_do_not_understand_each_other() {
    let Some(found) = interpreters(&[OLD, NEW]) else { return };
    let pairs = vec![(OLD, NEW), (NEW, OLD)];
    let plan = Plan { pairs, graphs: 0, program: None, direct: true, extras: false };
    let results = run(found, &plan, &Differences::default());
    for kind in [Kind::Connection, Kind::Manager] {
        for (server, client) in [(OLD, NEW), (NEW, OLD)] {
            let verdict = &results.verdicts[&(kind, Way::Direct, server, client)];
            assert!(verdict.silent && !verdict.unequal.is_empty(), "{kind} {server} {client}: {verdict:?}");
        }
    }
}

#[test]
fn without_a_gateway_the_bytes_are_the_same() {
    let Some(found) = interpreters(&[MIDDLE]) else { return };
    let identity = connection::identity_of_bytes(&Pool::new(found), MIDDLE, &Route::Direct).unwrap();
    assert!(identity.changed.is_empty(), "{:?}", identity.changed);
    assert!(identity.same > 1_000_000, "{}", identity.same);
}

#[test]
fn old_and_new_understand_each_other_through_the_gateway() {
    let Some(found) = interpreters(&[OLD, MIDDLE, NEW]) else { return };
    let pairs = vec![(OLD, NEW), (NEW, OLD), (OLD, OLD), (MIDDLE, NEW)];
    let program = Some(route::program().unwrap());
    let plan = Plan { pairs, graphs: 50, program, direct: false, extras: false };
    let listed = fs::read_to_string(checkout().join("interop/differences.tsv")).unwrap();
    let differences = Differences::parse(&listed).unwrap();
    let results = run(found, &plan, &differences);
    let failures = report::failures(&results, &differences, &plan);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
