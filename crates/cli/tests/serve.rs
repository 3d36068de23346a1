//! `sabir serve` and stock clients of every version.
#![cfg(unix)]
#![allow(dead_code, unreachable_pub, reason = "no test uses all of the helpers")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sabir::pickle::Version;
use sabir::pythons::Python;
use support::{Folder, Process, dial, peer, pythons, receive, sabir};

/// A server with the key of the peers.
fn serve(more: &[&str]) -> (Process, String) {
    let mut command = sabir(["serve", "--authkey-env", "PEER_AUTHKEY", "--log", "debug"].iter().chain(more));
    command.env("PEER_AUTHKEY", "secret");
    let mut server = Process::start(command);
    let address = server.address();
    (server, address)
}

/// What most tests are about: the oldest of both, one of the middle, a new one.
const VERSIONS: [(u8, u8); 4] = [(2, 7), (3, 6), (3, 9), (3, 13)];

/// What CI has at least. Newer ones take part if they are here.
const ALL: [(u8, u8); 9] = [(2, 7), (3, 6), (3, 7), (3, 8), (3, 9), (3, 10), (3, 11), (3, 12), (3, 13)];

#[test]
fn every_method_of_every_type_does_and_says_what_a_stock_manager_does() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the checkout");
    let found = sabir::pythons::find(Some(checkout));
    // On a user's machine those that are here are compared; which are not is said.
    drop(pythons(&ALL));
    let (_server, address) = serve(&[]);
    let excuses = Excuse::all();
    assert!(excuses.len() <= 15, "the list of excuses is too long");
    let jobs: Vec<_> = found.iter().flat_map(|python| [(python, "1"), (python, "2")]).collect();
    let next = AtomicUsize::new(0);
    // The script waits for half of its time.
    let work = || {
        let mut done = Vec::new();
        while let Some(&(python, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((python, seed, transcript(python, "stock", seed), transcript(python, &address, seed)));
        }
        done
    };
    let compared: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a transcript")).collect()
    });
    let mut used = vec![false; excuses.len()];
    let mut unexcused = Vec::new();
    for (python, seed, stock, ours) in &compared {
        assert!(stock.len() > 2000, "{} said {} lines only", python.version, stock.len());
        assert_eq!(stock.len(), ours.len(), "{}: as many lines", python.version);
        let same = |stock: &str, ours: &str| {
            stock == ours || !tells_apart(python.version) && without_text(stock) == without_text(ours)
        };
        for (stock, ours) in stock.iter().zip(ours).filter(|(stock, ours)| !same(stock, ours)) {
            match excuses.iter().position(|excuse| excuse.holds(python, stock, ours)) {
                Some(place) => used[place] = true,
                None => unexcused.push(format!("{} seed {seed}\n  - {stock}\n  + {ours}", python.version)),
            }
        }
    }
    assert!(unexcused.is_empty(), "{} lines differ\n{}", unexcused.len(), unexcused.join("\n"));
    for (excuse, used) in excuses.iter().zip(used) {
        let absent = !found.iter().any(|python| excuse.version == python.version.to_string());
        assert!(used || absent, "nobody needs this excuse any more: {}", excuse.reason);
    }
}

/// Whether the wire tells a version from those before it: the others get the texts of exceptions that their neighbours do.
fn tells_apart(version: Version) -> bool {
    [(2, 7), (3, 6), (3, 9), (3, 13), (3, 15)].contains(&(version.major, version.minor))
}

/// Of what was raised, the class alone.
fn without_text(line: &str) -> &str {
    let end = line.rfind("Error ").or_else(|| line.rfind("Error: ")).filter(|_| line.contains(" -> "));
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

/// The lines that the script says.
fn transcript(python: &Python, place: &str, seed: &str) -> Vec<String> {
    let mut command = Command::new(&python.executable);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/serve/every_method.py");
    command.arg("-B").arg(script).args([place, seed]);
    let done = Process::start(command).finish();
    assert_eq!(done.code, Some(0), "{} {place}: {}", python.version, done.errors);
    done.lines
}

/// A line that may differ, and why: a row of `tests/data/serve_excuses.tsv`.
struct Excuse {
    version: String,
    stock: String,
    ours: String,
    reason: String,
}

impl Excuse {
    fn all() -> Vec<Excuse> {
        let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/serve_excuses.tsv");
        let rows = fs::read_to_string(file).expect("the list");
        let rows = rows.lines().filter(|line| !line.starts_with('#'));
        rows.map(|row| {
            let fields: Vec<String> = row.split('\t').map(str::to_owned).collect();
            let [version, stock, ours, reason] = fields.try_into().expect("four fields");
            Excuse { version, stock, ours, reason }
        })
        .collect()
    }

    fn holds(&self, python: &Python, stock: &str, ours: &str) -> bool {
        (self.version == "all" || self.version == python.version.to_string())
            && stock.contains(&self.stock)
            && ours.contains(&self.ours)
    }
}

/// Runs a script to its end, which says `fine`.
fn fine(python: &Python, script: &str, args: &[&str]) {
    let done = peer(python, script, args).finish();
    assert_eq!(done.code, Some(0), "{}: {}", python.version, done.errors);
    assert_eq!(done.lines, ["fine"], "{}: {}", python.version, done.errors);
}

#[test]
fn a_named_object_is_one_for_all_versions_and_strings_cross_by_the_policy() {
    let Some(found) = pythons(&VERSIONS) else { return };
    let (_server, address) = serve(&["--object", "config=dict", "--object", "jobs=Queue(2)"]);
    for writer in &found {
        fine(writer, "serve/write.py", &[&address, &writer.version.to_string()]);
        for reader in &found {
            fine(reader, "serve/read.py", &[&address, &writer.version.to_string()]);
        }
    }
}

#[test]
fn what_only_python_has_is_refused_with_a_remedy() {
    let Some(found) = pythons(&VERSIONS) else { return };
    let (_server, address) = serve(&["--object", "config=dict"]);
    for python in &found {
        fine(python, "serve/refused.py", &[&address]);
    }
}

#[test]
fn who_is_killed_lets_go_of_locks_and_waits() {
    let Some(found) = pythons(&VERSIONS) else { return };
    let names = ["lock=Lock", "rlock=RLock", "semaphore=Semaphore(1)", "condition=Condition", "jobs=Queue"];
    let objects: Vec<&str> = names.iter().flat_map(|name| ["--object", name]).collect();
    let (_server, address) = serve(&objects);
    for python in &found {
        for what in ["lock", "rlock", "semaphore", "condition", "waits", "gets"] {
            let mut holder = peer(python, "serve/hold.py", &[&address, what]);
            assert_eq!(holder.line(), "ready");
            // What it does last is a call that waits, if it is to be killed in one.
            thread::sleep(std::time::Duration::from_millis(100));
            holder.kill();
            fine(python, "serve/take.py", &[&address, what]);
        }
    }
}

#[test]
fn sixty_four_workers_of_mixed_versions_lose_nothing_and_double_nothing() {
    let Some(found) = pythons(&VERSIONS) else { return };
    let objects = [
        "--object",
        "jobs=Queue(8)",
        "--object",
        "done=list",
        "--object",
        "guard=Lock",
        "--object",
        "total=Value('i', 0)",
    ];
    let (_server, address) = serve(&objects);
    let mut workers: Vec<Process> =
        (0..16).map(|number| peer(&found[number % found.len()], "serve/work.py", &[&address, "4"])).collect();
    for worker in &mut workers {
        assert_eq!(worker.line(), "ready");
    }
    fine(&found[found.len() - 1], "serve/give.py", &[&address, "64", "640"]);
    for worker in workers {
        let done = worker.finish();
        assert_eq!(done.code, Some(0), "{}", done.errors);
    }
    fine(&found[0], "serve/count.py", &[&address, "640"]);
}

#[test]
fn a_flood_of_silent_sockets_does_not_keep_a_client_out() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let (_server, address) =
        serve(&["--max-pending", "50", "--handshake-timeout", "30s", "--object", "config=dict"]);
    let silent: Vec<_> = (0..300).map(|_| dial(&address)).collect();
    fine(&found[0], "serve/write.py", &[&address, "3.13"]);
    drop(silent);
}

#[test]
fn a_client_that_does_not_read_keeps_nobody_waiting() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let (_server, address) =
        serve(&["--object", "config=dict", "--object", "big=list", "--send-timeout", "1s"]);
    let mut slow = peer(&found[0], "serve/slow.py", &[&address]);
    assert_eq!(slow.line(), "ready");
    fine(&found[0], "serve/write.py", &[&address, "3.13"]);
    fine(&found[0], "serve/read.py", &[&address, "3.13"]);
}

#[test]
fn it_ends_on_a_signal_and_on_the_shutdown_of_the_protocol() {
    let Some(found) = pythons(&VERSIONS) else { return };
    let (server, address) = serve(&["--object", "jobs=Queue"]);
    let mut waits = peer(&found[0], "serve/hold.py", &[&address, "gets"]);
    assert_eq!(waits.line(), "ready");
    server.interrupt();
    let done = server.finish();
    assert_eq!(done.code, Some(0), "{}", done.errors);
    for python in &found {
        let (server, address) = serve(&[]);
        fine(python, "serve/shutdown.py", &[&address]);
        let done = server.finish();
        assert_eq!(done.code, Some(0), "{}", done.errors);
    }
}

#[test]
fn a_key_is_made_in_a_file_of_its_own_and_goes_with_the_server() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut server = Process::start(sabir(["serve"]));
    let address = server.address();
    let line = server.line();
    let file = PathBuf::from(line.strip_prefix("the key is in ").expect("it says where"));
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let key = fs::read_to_string(&file).expect("it is text");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/serve/shutdown.py");
    let mut client = Command::new(&found[0].executable);
    client.arg("-B").arg(script).arg(&address).env("PEER_AUTHKEY", key.trim_end());
    assert_eq!(Process::start(client).finish().lines, ["fine"]);
    assert_eq!(server.finish().code, Some(0));
    assert!(!file.exists());
}

#[test]
fn it_listens_on_unix_sockets_too_and_nobody_gets_in_without_the_key() {
    let Some(found) = pythons(&VERSIONS) else { return };
    let folder = Folder::new("serve-unix");
    let path = folder.path().join("socket");
    let listen = format!("unix:{}", path.display());
    let (mut server, address) =
        serve(&["--listen", "127.0.0.1:0", "--listen", &listen, "--object", "config=dict"]);
    assert_eq!(server.address(), listen);
    for python in &found {
        fine(python, "serve/write.py", &[path.to_str().expect("text"), "3.13"]);
        let stranger =
            support::keyed_peer(python, "serve/write.py", &[&address, "x"], Some("wrong")).finish();
        assert_ne!(stranger.code, Some(0));
        assert!(stranger.errors.contains("AuthenticationError"), "{}", stranger.errors);
    }
    // Whoever begins with a request gets a failure or the end, and no reply.
    let mut stream = dial(&address);
    std::io::Write::write_all(&mut stream, &support::frame(b"\x80\x02(NU\x05dummyq\x01)}t."))
        .expect("it is taken");
    let challenge = receive(&mut stream).expect("a challenge");
    assert!(challenge.starts_with(b"#CHALLENGE#"));
    while let Some(message) = receive(&mut stream) {
        assert_eq!(message, b"#FAILURE#");
    }
}

#[test]
fn a_shell_can_look_and_act_on_any_manager() {
    let (server, address) = serve(&["--object", "config=dict", "--object", "jobs=Queue(2)"]);
    let call = |args: &[&str]| {
        let mut command =
            sabir(["call", &*address].iter().chain(args).chain(&["--authkey-env", "PEER_AUTHKEY"]));
        command.env("PEER_AUTHKEY", "secret");
        let done = Process::start(command).finish();
        (done.code, done.lines.join("\n"), done.errors)
    };
    let said = |args: &[&str]| {
        let (code, lines, errors) = call(args);
        assert_eq!(code, Some(0), "{args:?}: {errors}");
        lines
    };
    assert_eq!(said(&["config.update", "{'a': [1, None]}", "b=2"]), "None");
    assert_eq!(said(&["config.copy"]), "{'a': [1, None], 'b': 2}");
    assert_eq!(said(&["config.copy", "--json"]), r#"{"a":[1,null],"b":2}"#);
    assert_eq!(said(&["config.get", "'x'", "-5"]), "-5");
    assert_eq!(said(&["list([3, 1]).index", "1"]), "1");
    assert_eq!(said(&["list([3, 1]).__str__"]), "[3, 1]");
    assert_eq!(said(&[":number_of_objects"]), "0");
    assert_eq!(said(&["jobs.put", "'text'"]), "None");
    assert_eq!(said(&["jobs.get"]), "'text'");
    let (code, _, errors) = call(&["jobs.get", "timeout=0.01"]);
    assert_eq!((code, &*errors), (Some(1), "sabir: queue.Empty\n"));
    let (code, _, errors) = call(&["config.get"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("TypeError: get expected at least 1 argument, got 0"), "{errors}");
    let (code, _, errors) = call(&["config"]);
    assert_eq!(code, Some(2), "{errors}");
    assert_eq!(said(&[":shutdown"]), "None");
    assert_eq!(server.finish().code, Some(0));
    assert_eq!(call(&[":dummy"]).0, Some(3));
}
