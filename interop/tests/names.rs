//! Every public class and function of the standard library, pickled by one real Python under the name it gives there,
//! must load as the same object in every other one after `Names::translate`. What cannot has a row with its reason in
//! `names_exceptions.tsv`. And every row of `names.tsv` is asked of every Python: does it resolve exactly where it says?

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use sabir_pickle::{Names, Pythons, Version};

/// Asked of another Python: load this global, is it the object at one of these public paths?
type Question = (u8, Global, String);
/// A module and a name.
type Global = (String, String);

#[test]
fn every_public_class_reaches_every_other_python() {
    let names = Names::builtin();
    let scans = scan_all();
    let exceptions = exceptions();
    let (mut report, mut compared, mut used) = (String::new(), 0, BTreeSet::new());
    let answered = each(&scans, |to| {
        let questions = questions(&names, &scans, to);
        let answers = ask(&to.python, BARE, questions.keys());
        (questions, answers)
    });
    for (to, (questions, answers)) in scans.iter().zip(&answered) {
        compared += questions.values().map(Vec::len).sum::<usize>();
        for ((question, asked), answer) in questions.iter().zip(answers) {
            if answer == "same" {
                continue;
            }
            for &from in asked {
                if let Some(row) = exceptions.iter().position(|row| row.excuses(from, to.version)) {
                    used.insert(row);
                    continue;
                }
                let ((module, name), (wire_module, wire_name)) = (&from.path, &from.wire);
                let (protocol, (to_module, to_name), _) = question;
                writeln!(
                    report,
                    "{module}.{name}: {} protocol {} writes {wire_module}.{wire_name}; in {} protocol {protocol} \
                     {to_module}.{to_name} is {answer}",
                    from.version, from.protocol, to.version
                )
                .unwrap();
            }
        }
    }
    println!("{compared} pickled names compared between {} Pythons", scans.len());
    assert!(report.is_empty(), "in neither names.tsv nor names_exceptions.tsv:\n{report}");
    if EXPECTED.iter().all(|&expected| scans.iter().any(|scan| scan.version == expected)) {
        let stale: Vec<_> = (0..exceptions.len()).filter(|row| !used.contains(row)).collect();
        let stale: Vec<_> = stale.iter().map(|&row| &exceptions[row].pattern).collect();
        assert!(stale.is_empty(), "rows of names_exceptions.tsv that excuse nothing: {stale:?}");
    }
}

#[test]
fn every_alias_resolves_exactly_where_its_row_says() {
    let (names, pythons) = (Names::builtin(), found());
    let (mut wrong, mut checked) = (String::new(), 0);
    for (version, python) in &pythons {
        let package = |name: &str| (2, (name.into(), "__name__".into()), String::new());
        let installed = ask(python, WITH_SITE, &THIRD_PARTY.map(package));
        let absent: Vec<_> = (0..installed.len()).filter(|&at| installed[at] == "no").collect();
        let absent: Vec<_> = absent.into_iter().map(|at| THIRD_PARTY[at]).collect();
        if !absent.is_empty() {
            println!("not resolved in {version}, for it is not installed: {}", absent.join(", "));
        }
        let mut rows = aliases();
        rows.retain(|row| cfg!(windows) || !row.note.starts_with("Windows"));
        rows.retain(|row| !absent.iter().any(|&package| row.alias.0.split('.').next() == Some(package)));
        let questions: Vec<_> = rows.iter().map(|row| row.question(&names, *version)).collect();
        for (row, answer) in rows.iter().zip(ask(python, WITH_SITE, &questions)) {
            let Some(span) = row.pythons else { continue };
            let says = span.contains(*version);
            // Classes that became one in 3.x are several in 2.7; a module may be right for some names beyond its span.
            let right = match (says, &*answer) {
                (true, _) if version.major == 2 || row.alias.1 == "*" => answer != "no",
                (true, _) => answer == "same",
                (false, _) => answer != "same" || !EXPECTED.contains(version),
            };
            checked += 1;
            if !right {
                writeln!(wrong, "{version}: line {}: {:?}: {answer}", row.line, row.alias).unwrap();
            }
        }
    }
    println!("{checked} aliases resolved in {} Pythons", pythons.len());
    assert!(wrong.is_empty(), "names.tsv says otherwise:\n{wrong}");
}

#[test]
fn compat_table_is_what_every_python_3_has() {
    let tsv = fs::read_to_string(tables().join("compat.tsv")).unwrap();
    let table: BTreeSet<&str> = tsv.lines().filter(|line| !line.starts_with('#')).collect();
    let (mut union, mut pythons) = (BTreeSet::new(), found());
    pythons.retain(|(version, _)| version.major == 3);
    for (version, python) in &pythons {
        let exported = run(python, BARE, "export_compat.py", "", "");
        let missing: Vec<_> = exported.lines().filter(|row| !table.contains(row)).collect();
        assert!(missing.is_empty(), "compat.tsv lacks rows of {version}: {missing:?}");
        union.extend(exported.lines().map(str::to_owned));
    }
    // 3.13 no longer has every row.
    if pythons.len() > 1 {
        let excess: Vec<_> = table.iter().filter(|&&row| !union.contains(row)).collect();
        assert!(excess.is_empty(), "compat.tsv has rows that no Python has: {excess:?}");
    }
}

#[test]
fn the_page_of_names_shows_every_row() {
    let page = fs::read_to_string(root().join("docs/names.md")).unwrap();
    let rows = fs::read_to_string(tables().join("names.tsv")).unwrap();
    let mut shown = String::from("| Python 3 | also written | in | |\n|---|---|---|---|\n");
    for row in rows.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (pythons, note) = (columns[2], columns.get(3).unwrap_or(&""));
        writeln!(shown, "| `{}` | `{}` | {pythons} | {note} |", columns[0], columns[1]).unwrap();
    }
    if page.contains(&shown) {
        return;
    }
    let generated = env::temp_dir().join("sabir-names-table.md");
    fs::write(&generated, &shown).unwrap();
    panic!("docs/names.md is behind names.tsv: its table should be {}", generated.display());
}

/// What one Python calls its public classes and functions.
struct Scan {
    version: Version,
    python: PathBuf,
    pickled: Vec<Pickled>,
    /// The public paths by the canonical name of each.
    paths: BTreeMap<Global, BTreeSet<Global>>,
}

struct Pickled {
    version: Version,
    path: Global,
    protocol: u8,
    wire: Global,
}

/// A row of names.tsv.
struct Alias {
    line: usize,
    canonical: Global,
    alias: Global,
    pythons: Option<Pythons>,
    note: String,
}

/// A row of names_exceptions.tsv.
struct Exception {
    pattern: String,
    from: Pythons,
    to: Pythons,
}

impl Alias {
    /// A whole module is asked for by its `__name__`, which every module has.
    fn question(&self, names: &Names, version: Version) -> Question {
        let (module, name) = &self.alias;
        if name == "*" {
            return (2, (module.clone(), "__name__".into()), String::new());
        }
        let (protocol, to) = if version.major == 2 { (2, Pythons::PY2) } else { (4, version.into()) };
        let (module, name) = (module.clone(), name.clone());
        let path = match names.translate(&self.canonical.0, &self.canonical.1, 4, to, protocol) {
            Some((module, name)) if version.major == 2 => format!("{module}:{name}"),
            _ => format!("{}:{}", self.canonical.0, self.canonical.1),
        };
        (protocol, (module, name), path)
    }
}

impl Exception {
    fn excuses(&self, from: &Pickled, to: Version) -> bool {
        let path = format!("{}.{}", from.path.0, from.path.1);
        let matches = match self.pattern.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == self.pattern,
        };
        matches && self.from.contains(from.version) && self.to.contains(to)
    }
}

fn scan_all() -> Vec<Scan> {
    let names = &Names::builtin();
    each(&found(), |(version, python)| scan(names, *version, python))
}

/// Does it for all, as many at a time as there are processors.
fn each<T: Sync, R: Send>(all: &[T], it: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let at_a_time = thread::available_parallelism().map_or(1, usize::from);
    let next = Mutex::new(all.iter().enumerate());
    let work = || {
        let mut done = Vec::new();
        loop {
            let taken = next.lock().unwrap().next();
            let Some((at, one)) = taken else { return done };
            done.push((at, it(one)));
        }
    };
    let mut done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..at_a_time).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn scan(names: &Names, version: Version, python: &Path) -> Scan {
    let pickled: Vec<Pickled> = run(python, BARE, "scan_names.py", "scan", "")
        .lines()
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [module, name, protocol, wire_module, wire_name] = columns[..] else { panic!("{line}") };
            let path = (module.into(), name.into());
            let wire = (wire_module.into(), wire_name.into());
            Pickled { version, path, protocol: protocol.parse().unwrap(), wire }
        })
        .collect();
    assert!(pickled.len() > 2000, "{}: only {} names", python.display(), pickled.len());
    let mut paths = BTreeMap::<_, BTreeSet<_>>::new();
    for Pickled { path, .. } in &pickled {
        let (module, name) = names.canonical(&path.0, &path.1, if version.major == 2 { 2 } else { 4 });
        paths.entry((module.into(), name.into())).or_default().insert(path.clone());
    }
    Scan { version, python: python.into(), pickled, paths }
}

/// What to ask of one Python about what the others pickle, and who wrote it.
fn questions<'a>(names: &Names, scans: &'a [Scan], to: &Scan) -> BTreeMap<Question, Vec<&'a Pickled>> {
    let mut questions = BTreeMap::<Question, Vec<&Pickled>>::new();
    for from in scans {
        for pickled in &from.pickled {
            let (module, name) = (&*pickled.path.0, &*pickled.path.1);
            let path = names.canonical(module, name, if from.version.major == 2 { 2 } else { 4 });
            let home = names.canonical(&pickled.wire.0, &pickled.wire.1, pickled.protocol);
            let (path, home) = ((path.0.into(), path.1.into()), (home.0.into(), home.1.into()));
            // `mmap.error` of 3.x is OSError and pickled as such: what matters is where OSError is in 2.7, not `mmap.error`.
            let home = from.paths.contains_key(&home).then(|| to.paths.get(&home)).flatten();
            let path = to.paths.get(&path).filter(|_| home.is_none() || from.version == to.version);
            let paths: Vec<_> =
                home.into_iter().chain(path).flatten().map(|(m, n)| format!("{m}:{n}")).collect();
            if paths.is_empty() {
                continue;
            }
            let paths = paths.join(",");
            let mut expect = |span, protocol| {
                let (module, name) = (&*pickled.wire.0, &*pickled.wire.1);
                let written = names.translate(module, name, pickled.protocol, span, protocol);
                let (module, name) = written.unwrap_or((module.into(), name.into()));
                let question = (protocol, (module.into(), name.into()), paths.clone());
                questions.entry(question).or_default().push(pickled);
            };
            expect(to.version.into(), 2);
            if to.version.major == 3 {
                expect(to.version.into(), 4);
                expect(Pythons::PY3, 4);
                expect(Pythons::PY3, 2);
            }
        }
    }
    questions
}

fn ask<'a>(python: &Path, flags: &[&str], questions: impl IntoIterator<Item = &'a Question>) -> Vec<String> {
    let mut lines = String::new();
    for (protocol, (module, name), paths) in questions {
        writeln!(lines, "{protocol}\t{module}\t{name}\t{paths}").unwrap();
    }
    let answers: Vec<_> =
        run(python, flags, "scan_names.py", "resolve", &lines).lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.lines().count(), "{}: an answer for each question", python.display());
    answers
}

/// Runs a script of the tables to its end.
fn run(python: &Path, flags: &[&str], script: &str, mode: &str, input: &str) -> String {
    let mut child = Command::new(python)
        .args(flags)
        .arg(tables().join(script))
        .arg(mode)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    let input = input.to_owned();
    thread::spawn(move || stdin.write_all(input.as_bytes()));
    thread::spawn(move || {
        let mut output = String::new();
        sender.send(stdout.read_to_string(&mut output).map(|_| output))
    });
    let output = receiver.recv_timeout(TIMEOUT);
    if output.is_err() {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let output =
        output.unwrap_or_else(|_| panic!("{}: no end within {TIMEOUT:?}", python.display())).unwrap();
    assert!(status.success(), "{}: {mode}: {status}", python.display());
    output
}

/// The Pythons of `SABIR_PYTHONS` (paths as in `PATH`), else those of pyenv; says aloud which are absent.
fn found() -> Vec<(Version, PathBuf)> {
    let listed = env::var_os("SABIR_PYTHONS").map(|paths| env::split_paths(&paths).collect::<Vec<_>>());
    let paths = listed.unwrap_or_else(|| {
        let versions = PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".pyenv/versions");
        let entries = fs::read_dir(versions).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join("bin/python")).filter(|path| path.exists()).collect()
    });
    let mut found = BTreeMap::new();
    for path in paths {
        let program = "import sys; print('%d.%d' % sys.version_info[:2])";
        let output = Command::new(&path).args(["-E", "-S", "-c", program]).output().unwrap();
        let version = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        found.insert(version, path);
    }
    let absent: Vec<_> = EXPECTED.iter().filter(|version| !found.contains_key(*version)).collect();
    if !absent.is_empty() {
        let absent: Vec<_> = absent.iter().map(ToString::to_string).collect();
        let message = format!("not compared, for they are not installed: Python {}", absent.join(", "));
        assert!(env::var("CI").as_deref() != Ok("true"), "{message}");
        println!("{message}");
    }
    found.into_iter().collect()
}

fn aliases() -> Vec<Alias> {
    let tsv = fs::read_to_string(tables().join("names.tsv")).unwrap();
    let rows = tsv.lines().enumerate().filter(|(_, row)| !row.starts_with('#') && !row.is_empty());
    rows.map(|(index, row)| {
        let columns: Vec<&str> = row.split('\t').collect();
        let global =
            |text: &str| text.rsplit_once('.').map(|(module, name)| (module.into(), name.into())).unwrap();
        let pythons = (columns[2] != "-").then(|| span(columns[2]));
        let (canonical, alias) = (global(columns[0]), global(columns[1]));
        let note = columns.get(3).copied().unwrap_or_default().to_owned();
        Alias { line: index + 1, canonical, alias, pythons, note }
    })
    .collect()
}

fn exceptions() -> Vec<Exception> {
    let tsv = fs::read_to_string(tables().join("names_exceptions.tsv")).unwrap();
    let rows = tsv.lines().filter(|row| !row.starts_with('#') && !row.is_empty());
    rows.map(|row| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [pattern, from, to, reason] = columns[..] else { panic!("four columns: {row}") };
        assert!(!reason.is_empty(), "{row}");
        Exception { pattern: pattern.into(), from: span(from), to: span(to) }
    })
    .collect()
}

/// `2.7`, `3.7+`, `3.8-3.10`.
fn span(text: &str) -> Pythons {
    let (min, max) = match text.strip_suffix('+') {
        Some(min) => (min, "3.255"),
        None => text.split_once('-').unwrap_or((text, text)),
    };
    Pythons::between(min.parse().unwrap(), max.parse().unwrap())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn tables() -> PathBuf {
    root().join("crates/pickle/tables")
}

/// Without site-packages, where setuptools puts classes of its own into distutils.
const BARE: &[&str] = &["-E", "-S"];
const WITH_SITE: &[&str] = &[];

/// Packages of names.tsv that are not the standard library's.
const THIRD_PARTY: [&str; 1] = ["numpy"];

/// The Pythons that the tables were made with.
const EXPECTED: [Version; 9] = [
    Version::new(2, 7),
    Version::new(3, 6),
    Version::new(3, 7),
    Version::new(3, 8),
    Version::new(3, 9),
    Version::new(3, 10),
    Version::new(3, 11),
    Version::new(3, 12),
    Version::new(3, 13),
];

/// For one run of one interpreter. It takes a second or two, but other tests may have the processors.
const TIMEOUT: Duration = Duration::from_secs(300);
