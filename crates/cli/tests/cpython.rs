//! CPython's own tests of managers, with `sabir serve` in the place of the servers that they start.
//!
//! `tests/peers/cpython/suite.py` runs them, on four versions; `tests/data/cpython_excuses.tsv` says which do not pass and why.
//! `SABIR_BLESS=1 cargo test -p sabir-cli --test cpython` runs them on all Pythons that have their tests with them, and writes the
//! counts to `tests/data/cpython_table.tsv`.
#![cfg(unix)]
#![allow(dead_code, unreachable_pub, reason = "no test uses all of the helpers")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use sabir::pythons::Python;
use support::{Folder, Process, pythons};

#[test]
fn the_tests_of_managers_that_cpython_has_pass_with_its_clients_and_this_server() {
    let Some(mut found) = pythons(&[(2, 7), (3, 6), (3, 9), (3, 13)]) else { return };
    if std::env::var_os("SABIR_BLESS").is_some() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        let others = sabir::pythons::find(checkout).into_iter().filter(|python| !found.contains(python));
        found.extend(others.filter(has_tests).collect::<Vec<_>>());
    }
    let excuses = Excuse::all();
    let mut used = vec![false; excuses.len()];
    let mut wrong = Vec::new();
    let mut rows = BTreeMap::new();
    let running: Vec<_> =
        found.iter().cloned().map(|python| thread::spawn(move || verdicts(&python))).collect();
    for (python, running) in found.iter().zip(running) {
        let version = &python.full_version;
        let (verdicts, errors) = running.join().expect("the tests have run");
        let (mut passed, mut excused, mut skipped) = (0, 0, 0);
        for (name, verdict) in verdicts {
            let excuse = excuses.iter().position(|excuse| excuse.is_for(python, &name));
            match (&*verdict, excuse) {
                ("skipped", _) => skipped += 1,
                ("ok", None) => passed += 1,
                ("ok", Some(place)) if excuses[place].test == name => {
                    wrong.push(format!("{version} {name} passes: it needs its excuse no more"));
                }
                ("ok", Some(_)) => passed += 1,
                (_, Some(place)) => {
                    used[place] = true;
                    excused += 1;
                }
                (verdict, None) => wrong.push(format!("{version} {name}: {verdict}\n{errors}")),
            }
        }
        assert!(passed > 20, "{version}: {passed} tests passed only\n{errors}");
        // Each class ends with what is left on its server.
        if errors.contains("still exist at manager shutdown") {
            wrong.push(format!("{version}: objects were left\n{errors}"));
        }
        rows.insert(version.clone(), format!("{version}\t{passed}\t{excused}\t{skipped}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (excuse, used) in excuses.iter().zip(used) {
        assert!(used, "nobody needs this excuse any more: {} {}", excuse.test, excuse.reason);
    }
    holds_table(&rows);
}

/// Runs the tests: the verdict of each, and what was said of those that failed.
fn verdicts(python: &Python) -> (Vec<(String, String)>, String) {
    let mut command = Command::new(&python.executable);
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/cpython/suite.py");
    // Of its own: tests make folders of one name where they are run, and four versions are run at once.
    let here = Folder::new(&format!("cpython-{}", python.full_version));
    command.arg("-B").arg(suite).arg(env!("CARGO_BIN_EXE_sabir")).current_dir(here.path());
    let done = Process::start(command).finish_within(PATIENCE);
    let lines = done.lines.iter().filter_map(|line| line.split_once('\t'));
    let mut verdicts: Vec<_> = lines.map(|(verdict, name)| (name.to_owned(), verdict.to_owned())).collect();
    let last = verdicts.pop();
    assert_eq!(last, Some(("all".into(), "done".into())), "{}: {}", python.full_version, done.errors);
    (verdicts, done.errors)
}

/// The tests mostly wait: all of them take 8 seconds on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(600);

/// Whether CPython's tests are installed along with it, which packages of systems leave out.
fn has_tests(python: &Python) -> bool {
    let mut command = Command::new(&python.executable);
    command.args(["-c", "import test._test_multiprocessing"]);
    command.output().is_ok_and(|output| output.status.success())
}

/// What does not pass, and why.
struct Excuse {
    but: bool,
    versions: Vec<String>,
    /// A test, or a class that fails as a whole.
    test: String,
    reason: String,
}

impl Excuse {
    fn all() -> Vec<Excuse> {
        let rows = fs::read_to_string(data("cpython_excuses.tsv")).expect("the list");
        let rows = rows.lines().filter(|line| !line.starts_with('#'));
        rows.map(|row| {
            let fields: Vec<&str> = row.split('\t').collect();
            let [versions, test, reason] = fields[..] else { panic!("{row:?} has not three fields") };
            let (but, versions) = match versions.strip_prefix("all") {
                Some(rest) => (true, rest.strip_prefix(" but ").unwrap_or_default()),
                None => (false, versions),
            };
            let versions = versions.split(',').map(str::to_owned).collect();
            Excuse { but, versions, test: test.to_owned(), reason: reason.to_owned() }
        })
        .collect()
    }

    fn is_for(&self, python: &Python, test: &str) -> bool {
        let listed = self.versions.contains(&python.version.to_string());
        let class = test.split('.').next();
        listed != self.but && (self.test == test || class == Some(&self.test))
    }
}

/// Checks the rows of versions that the table has, or writes them.
fn holds_table(rows: &BTreeMap<String, String>) {
    let file = data("cpython_table.tsv");
    let table = fs::read_to_string(&file).unwrap_or_default();
    let known = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (version, _) = line.split_once('\t')?;
        Some((version.to_owned(), line.to_owned()))
    });
    let mut known: BTreeMap<String, String> = known.collect();
    if std::env::var_os("SABIR_BLESS").is_some() {
        known.extend(rows.clone());
        let mut rows: Vec<String> = known.into_values().collect();
        rows.sort_by_key(|row| {
            let version = row.split('\t').next().unwrap_or_default();
            version.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>()
        });
        let table = format!("{HEAD}{}\n", rows.join("\n"));
        fs::write(file, table).expect("the table can be written");
        return;
    }
    for (version, row) in rows {
        if let Some(known) = known.get(version) {
            assert_eq!(row, known, "if this is right: SABIR_BLESS=1 cargo test -p sabir-cli --test cpython");
        }
    }
}

const HEAD: &str = "\
# CPython's own tests of managers, with stock clients and `sabir serve`: written by tests/cpython.rs.
# version\tpassed\texcused\tskipped by CPython
";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}
