//! The codec on 10,000 records, beside CPython's C pickler, serde-pickle and rmp-serde: nanoseconds an object.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sabir_pickle::{DumpOptions, Graph, Limits, Pythons, Translation, scan};
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::processes::{numbers, python};
use crate::report::Table;

const ROUNDS: usize = 5;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/codec.py");
/// A list of 10,000 dicts; each with six keys, six values, and five objects in its tags.
const OBJECTS: f64 = 180_001.0;

#[derive(Serialize, Deserialize)]
struct Record {
    id: u32,
    name: String,
    score: f64,
    active: bool,
    note: Option<String>,
    tags: (u8, String, [f64; 2]),
}

pub(crate) fn run() -> Outcome {
    let folder = std::env::temp_dir().join(format!("sabir-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = Command::new(python("3.13")?).args([SCRIPT, "write"]).arg(&folder).status();
    let measured = match outcome {
        Ok(status) if status.success() => measure(&folder),
        other => Err(format!("the corpus could not be written: {other:?}").into()),
    };
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(folder: &std::path::Path) -> Outcome {
    let file = folder.join("records.p4");
    let pickle = Bytes::from(std::fs::read(&file)?);
    let records: Vec<Record> = sabir_pickle::serde::from_slice(&pickle)?;
    let packed = rmp_serde::to_vec_named(&records)?;
    let graph = Graph::load(pickle.clone(), &Limits::DEFAULT)?;
    let value = serde_pickle::value_from_slice(&pickle, serde_pickle::DeOptions::new())?;
    let translation = Translation::default();
    let mut table = Table::default();
    for round in 0..ROUNDS {
        let mut add = |workload: &str, peer: &str, time: f64| table.add(workload, peer, time);
        let cpython = numbers(Command::new(python("3.13")?).arg(SCRIPT).arg(&file).arg("4"))?;
        add("decode to values", "CPython 3.13", cpython[0]);
        add("decode to values", "sabir", timed(|| Graph::load(pickle.clone(), &Limits::DEFAULT).is_ok()));
        add(
            "decode to values",
            "serde-pickle",
            timed(|| serde_pickle::value_from_slice(&pickle, serde_pickle::DeOptions::new()).is_ok()),
        );
        add("decode to structs", "CPython 3.13", cpython[0]);
        add(
            "decode to structs",
            "sabir",
            timed(|| sabir_pickle::serde::from_slice::<Vec<Record>>(&pickle).is_ok()),
        );
        add(
            "decode to structs",
            "rmp-serde",
            timed(|| rmp_serde::from_slice::<Vec<Record>>(&packed).is_ok()),
        );
        add(
            "decode to structs",
            "serde-pickle",
            timed(|| {
                serde_pickle::from_slice::<Vec<Record>>(&pickle, serde_pickle::DeOptions::new()).is_ok()
            }),
        );
        add("encode values", "CPython 3.13", cpython[1]);
        add("encode values", "sabir", timed(|| graph.dump(&DumpOptions::protocol(4)).is_ok()));
        add(
            "encode values",
            "serde-pickle (no memo)",
            timed(|| serde_pickle::value_to_vec(&value, serde_pickle::SerOptions::new()).is_ok()),
        );
        add("encode structs", "CPython 3.13", cpython[1]);
        add("encode structs", "sabir", timed(|| sabir_pickle::serde::to_vec(&records, 4).is_ok()));
        add(
            "encode structs",
            "serde-pickle (no memo)",
            timed(|| serde_pickle::to_vec(&records, serde_pickle::SerOptions::new()).is_ok()),
        );
        add("encode structs", "rmp-serde", timed(|| rmp_serde::to_vec_named(&records).is_ok()));
        add("transcode 3.13 to 2.7", "CPython 3.13", cpython[0] + cpython[1]);
        add("transcode 3.13 to 2.7", "sabir", timed(|| transcode(&translation, &pickle).is_ok()));
        add("walk over the opcodes", "CPython 3.13", cpython[0]);
        add("walk over the opcodes", "sabir", timed(|| scan(&pickle).is_ok()));
        eprintln!("codec: round {} of {ROUNDS}", round + 1);
    }
    println!(
        "\n### Codec: 10,000 records\n\nCPython's own figure for a walk is that of loading, for a transcoding that of loading and dumping.\n"
    );
    table.print("ns an object", "CPython 3.13");
    Ok(())
}

fn transcode(translation: &Translation, pickle: &Bytes) -> sabir_pickle::Result<usize> {
    let mut graph = Graph::load(pickle.clone(), &Limits::DEFAULT)?;
    translation.apply(&mut graph, Pythons::writing(4), Pythons::PY2, 2)?;
    let options = DumpOptions { python: Pythons::PY2, ..DumpOptions::protocol(2) };
    Ok(graph.into_segments(&options)?.len())
}

/// The best of many calls in 0.7 s, in nanoseconds an object. The peer in Python is timed the same way.
fn timed(mut call: impl FnMut() -> bool) -> f64 {
    let end = Instant::now() + Duration::from_millis(700);
    let mut best = f64::MAX;
    while Instant::now() < end {
        let start = Instant::now();
        assert!(black_box(call()), "what is measured must work");
        best = best.min(start.elapsed().as_secs_f64());
    }
    best / OBJECTS * 1e9
}
