//! Real Pythons load what is dumped, and cannot tell it from what they wrote themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::path::Path;
use std::process::Command;
use std::{fs, thread};

use sabir_pickle::{DumpOptions, Graph, MemoStyle, Names, Pythons, Version};

use crate::common::{Golden, data, pythons, read_goldens, run, translate_names};

/// Needs a pickler and an unpickler of its own; the other tests read it.
const SPECIAL: [&str; 3] = ["special_persistent", "special_extension", "special_buffers"];

#[test]
fn real_pythons_load_what_is_dumped() {
    let workers: Vec<_> = pythons()
        .into_iter()
        .map(|(version, python)| thread::spawn(move || (version, round_trip(version, &python))))
        .collect();
    let mut report = String::new();
    for worker in workers {
        let (version, (pairs, differences)) = worker.join().unwrap();
        println!("{version}: {pairs} pickles loaded and compared");
        assert!(pairs > 500, "{version} wrote a sample");
        differences.iter().for_each(|difference| report += &format!("{version}: {difference}\n"));
    }
    assert!(report.is_empty(), "{report}");
}

/// How many pickles one Python compared, and what it found.
fn round_trip(version: Version, python: &Path) -> (usize, Vec<String>) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{version}-{}.bin", std::process::id()));
    let script = data().join("generate.py");
    run(command(python).arg(&script).arg("write").arg(&file), Vec::new());
    let goldens = read_goldens(&fs::read(&file).unwrap());
    fs::remove_file(&file).unwrap();

    let (names, mut input, mut whats) = (Names::builtin(), Vec::new(), Vec::new());
    for (i, golden) in goldens.iter().enumerate().filter(|(_, golden)| !SPECIAL.contains(&&*golden.name)) {
        for (how, dumped) in dumps(version, golden, &names, i) {
            for pickle in [&golden.pickle, &dumped] {
                input.extend_from_slice(&u32::try_from(pickle.len()).unwrap().to_le_bytes());
                input.extend_from_slice(pickle);
            }
            whats.push(format!("{} of protocol {}, {how}", golden.name, golden.protocol));
        }
    }
    let output = String::from_utf8(run(command(python).arg(&script).arg("compare"), input)).unwrap();
    let answers: Vec<_> = output.lines().collect();
    assert_eq!(answers.len(), whats.len(), "{version} answers for each");
    let differ = whats.iter().zip(answers).filter(|(_, answer)| *answer != "same");
    let differ = differ
        .filter(|(what, _)| !KNOWN.iter().any(|(name, how)| what.starts_with(name) && what.ends_with(how)));
    (whats.len(), differ.map(|(what, answer)| format!("{what}: {answer}")).collect())
}

/// What is known to come out otherwise, and why. Each is the start and the end of a description.
const KNOWN: [(&str, &str); 7] = [
    // 2.7 has two functions `reduce`, in `__builtin__` and in `_functools`, that are the same to a program.
    ("name_reduce", "as protocol 0"),
    ("name_reduce", "as protocol 1"),
    ("name_reduce", "as protocol 2"),
    // NEWOBJ of a list's or dict's subclass, below protocol 2: the call names the base class, which a pickle with NEWOBJ does
    // not, and `object` is wrong for it.
    ("user_list", "as protocol 0"),
    ("user_list", "as protocol 1"),
    ("user_dict", "as protocol 0"),
    ("user_dict", "as protocol 1"),
];

/// A few ways to write the value again.
fn dumps(version: Version, golden: &Golden, names: &Names, i: usize) -> Vec<(String, Vec<u8>)> {
    let graph = Graph::from_slice(&golden.pickle).unwrap();
    let exactly = DumpOptions { python: Pythons::exactly(version), ..DumpOptions::protocol(golden.protocol) };
    // Over the whole sample, every protocol meets every other.
    let other = ((i + usize::from(golden.protocol)) % (usize::from(version.highest_protocol()) + 1)) as u8;
    let mut renamed = graph.clone();
    translate_names(&mut renamed, names, exactly.python, other);
    let mut dumps = vec![
        ("as it was".into(), graph.dump(&exactly)),
        (format!("as protocol {other}"), renamed.dump(&DumpOptions { protocol: other, ..exactly })),
    ];
    if i.is_multiple_of(2) {
        dumps.push((
            "with all memo entries".into(),
            graph.dump(&DumpOptions { memo: MemoStyle::Everything, ..exactly }),
        ));
    } else if version.major > 2 {
        // A reader of which nothing is known may be 2.7, which shows in protocols that it reads.
        let python = if golden.protocol < 3 { Pythons::ANY } else { Pythons::PY3 };
        dumps.push(("for any Python".into(), graph.dump(&DumpOptions { python, ..exactly })));
    }
    let whole = |(how, dumped): (String, sabir_pickle::Result<Vec<u8>>)| match dumped {
        Ok(dumped) => (how, dumped),
        Err(error) => panic!("{version} {} of protocol {}, {how}: {error}", golden.name, golden.protocol),
    };
    dumps.into_iter().map(whole).collect()
}

fn command(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONHASHSEED", "0").env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONIOENCODING", "utf-8");
    command
}
