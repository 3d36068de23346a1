//! The samples of `data/generate.py`, and the real Pythons that write and compare them.

#![allow(dead_code, unreachable_pub, reason = "no test uses all of it, and each has it as its own module")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use sabir_pickle::{Graph, Names, Node, Pythons, Version};

/// A pickle that a real Python wrote.
pub struct Golden {
    pub protocol: u8,
    /// The name of the value in the zoo.
    pub name: String,
    pub pickle: Vec<u8>,
}

/// Where the checked-in samples, and their generator, are.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The checked-in samples, by version.
pub fn goldens() -> BTreeMap<Version, Vec<Golden>> {
    let files = fs::read_dir(data().join("golden")).unwrap().map(|entry| entry.unwrap().path());
    let goldens: BTreeMap<_, _> = files
        .map(|path| {
            let version = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
            (version, read_goldens(&fs::read(path).unwrap()))
        })
        .collect();
    assert!(goldens.len() >= 6, "the samples are there");
    goldens
}

pub fn read_goldens(mut bytes: &[u8]) -> Vec<Golden> {
    let mut take = |length: usize| {
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        bytes = rest;
        piece
    };
    let mut goldens = Vec::new();
    while let [protocol] = *take(1) {
        let length = u16::from_le_bytes(take(2).try_into().unwrap());
        let name = String::from_utf8(take(length.into()).to_vec()).unwrap();
        let length = u32::from_le_bytes(take(4).try_into().unwrap());
        goldens.push(Golden { protocol, name, pickle: take(length as usize).to_vec() });
    }
    goldens
}

/// Renames all globals as a program of `to` must find them at `to_protocol`.
pub fn translate_names(graph: &mut Graph, names: &Names, to: Pythons, to_protocol: u8) {
    for id in graph.ids() {
        let Some((module, name)) = graph.global(id) else { continue };
        let Some((module, name)) = names.translate(module, name, graph.protocol(), to, to_protocol) else {
            continue;
        };
        let (module, name) = (module.into_owned(), name.into_owned());
        let renamed = graph.add_global(&module, &name);
        let global = graph[renamed].clone();
        assert!(matches!(global, Node::Global(_)));
        *graph.node_mut(id) = global;
    }
    graph.set_protocol(to_protocol);
}

/// The Pythons that are here: those in the environment's SABIR_PYTHONS (a path list), else those of pyenv and those that
/// `interop/get-newest-pythons` put beside the sources.
pub fn pythons() -> BTreeMap<Version, PathBuf> {
    let listed = env::var_os("SABIR_PYTHONS").map(|paths| env::split_paths(&paths).collect::<Vec<_>>());
    let paths = listed.unwrap_or_else(|| {
        let pyenv = PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".pyenv/versions");
        let entries = fs::read_dir(pyenv).into_iter().flatten().flatten();
        let newest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.pythons/newest/usr/bin");
        let newest = ["python3.14", "python3.15"].map(|name| newest.join(name));
        entries
            .map(|entry| entry.path().join("bin/python"))
            .chain(newest)
            .filter(|path| path.exists())
            .collect()
    });
    let mut pythons = BTreeMap::new();
    for path in paths {
        let program = "import sys; print('%d.%d' % sys.version_info[:2])";
        let version = run(Command::new(&path).args(["-E", "-S", "-c", program]), Vec::new());
        pythons.insert(String::from_utf8(version).unwrap().trim().parse().unwrap(), path);
    }
    if pythons.is_empty() {
        assert!(env::var("CI").as_deref() != Ok("true"), "no Python is here");
        println!("skipped: no Python is here");
    }
    pythons
}

/// Runs a program, gives it its input, and returns its output. It has two minutes.
pub fn run(command: &mut Command, input: Vec<u8>) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    // A child that ends early is told from what it printed.
    thread::spawn(move || drop(stdin.write_all(&input)));
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = Vec::new();
        let outcome = stdout.read_to_end(&mut output).map(|_| output);
        drop(sender.send(outcome));
    });
    let output = receiver.recv_timeout(Duration::from_secs(120));
    if output.is_err() {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let output = output.expect("the child answers in time").unwrap();
    assert!(status.success(), "{command:?}: {status}");
    output
}
