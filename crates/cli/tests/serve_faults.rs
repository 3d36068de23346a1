//! `sabir serve` and clients that die, fall silent, do not read, or only knock: whoever else is there notices nothing.
#![cfg(unix)]
#![allow(dead_code, unreachable_pub, reason = "no test uses all of the helpers")]

mod support;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sabir::net::blocking::{Connection, Stream};
use sabir::pythons::Python;
use sabir::wire::Config;
use sabir::{Address, AuthKey};
use support::{DEADLINE, Folder, Process, peer, pythons, sabir};

fn serve(more: &[&str]) -> (Process, String) {
    let mut command = sabir(["serve", "--authkey-env", "PEER_AUTHKEY"].iter().chain(more));
    command.env("PEER_AUTHKEY", "secret");
    let mut server = Process::start(command);
    let address = server.address();
    (server, address)
}

/// Runs a script to its end, which says `fine`.
fn fine(python: &Python, script: &str, args: &[&str]) {
    let done = peer(python, script, args).finish();
    assert_eq!(done.code, Some(0), "{}: {}", python.version, done.errors);
    assert_eq!(done.lines, ["fine"], "{}: {}", python.version, done.errors);
}

/// What `sabir call` prints.
fn said(address: &str, args: &[&str]) -> String {
    let mut command = sabir(["call", address].iter().chain(args).chain(&["--authkey-env", "PEER_AUTHKEY"]));
    command.env("PEER_AUTHKEY", "secret");
    let done = Process::start(command).finish();
    assert_eq!(done.code, Some(0), "{args:?}: {}", done.errors);
    done.lines.join("\n")
}

/// Waits until a call prints this.
fn until(address: &str, args: &[&str], wanted: &str) {
    let end = Instant::now() + DEADLINE;
    loop {
        let last = said(address, args);
        if last == wanted {
            return;
        }
        assert!(Instant::now() < end, "{args:?} still says {last}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A client that a test plays itself, authenticated.
fn client(address: &Address) -> Connection {
    let stream = Stream::connect(address, DEADLINE).expect("somebody listens");
    let key = AuthKey::new(*b"secret");
    Connection::connecting(stream, Config::default(), key, Default::default(), DEADLINE)
        .expect("the key is right")
}

/// `(ident, method, args, {})`, the arguments being a pickled tuple.
fn pickle(ident: Option<&str>, method: &str, args: &[u8]) -> Vec<u8> {
    let text =
        |text: &str| [&[0x8c, u8::try_from(text.len()).expect("it is short")], text.as_bytes()].concat();
    let ident = ident.map_or(b"N".to_vec(), text);
    [&b"\x80\x04("[..], &ident, &text(method), args, b"}t."].concat()
}

fn ask(connection: &mut Connection, request: &[u8]) -> Vec<u8> {
    connection.send_bytes(request, DEADLINE).expect("it is taken");
    connection.recv_bytes(DEADLINE).expect("an answer in time").expect("the server is there").to_vec()
}

/// A connection that may call objects, and the ident of an object with a name.
fn caller(address: &Address, name: &str) -> (Connection, String) {
    let name = [&[0x8c, u8::try_from(name.len()).expect("it is short")], name.as_bytes(), b"\x85"].concat();
    let reply = ask(&mut client(address), &pickle(None, "create", &name));
    let graph = sabir::pickle::Graph::from_slice(&reply).expect("a pickle");
    let made = graph.items(graph.root()).and_then(|reply| graph.items(reply[1])).expect("a reply");
    let ident = graph.text(made[0]).expect("an ident").to_owned();
    let mut connection = client(address);
    ask(&mut connection, &pickle(None, "accept_connection", b"\x8c\x01x\x85"));
    (connection, ident)
}

/// What a process has of the memory, in KiB.
fn resident(process: &Process) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("Linux");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a field");
    resident.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

const OBJECTS: [&str; 14] = [
    "--object",
    "lock=Lock",
    "--object",
    "rlock=RLock",
    "--object",
    "semaphore=Semaphore(1)",
    "--object",
    "jobs=Queue(1)",
    "--object",
    "config=dict",
    "--object",
    "big=list",
    "--object",
    "condition=Condition",
];

#[test]
fn whoever_is_killed_in_whatever_state_keeps_nobody_waiting() {
    let Some(found) = pythons(&[(2, 7), (3, 6), (3, 13)]) else { return };
    let (_server, address) = serve(&OBJECTS);
    for python in &found {
        for state in
            ["connected", "challenged", "header", "body", "acquiring", "putting", "getting", "unread"]
        {
            let mut dying = peer(python, "serve/halfway.py", &[&address, state]);
            assert_eq!(dying.line(), "ready");
            thread::sleep(Duration::from_millis(50));
            dying.kill();
            assert_eq!(dying.finish().code, None);
            for what in ["lock", "gets"] {
                fine(python, "serve/take.py", &[&address, what]);
            }
            // What was being put or got when its client died was neither put nor got.
            until(&address, &["jobs.qsize"], "0");
        }
    }
    fine(&found[0], "serve/write.py", &[&address, "x"]);
}

#[test]
fn who_says_nothing_is_closed_in_time_and_who_waits_is_not() {
    let (_server, address) = serve(&[&OBJECTS[..], &["--idle-timeout", "300ms"]].concat());
    let address: Address = address.parse().expect("an address");
    let (mut idle, ident) = caller(&address, "jobs");
    let (mut waiting, _) = caller(&address, "jobs");
    waiting.send_bytes(&pickle(Some(&ident), "get", b")"), DEADLINE).expect("it is taken");
    assert!(matches!(idle.recv_bytes(DEADLINE), Ok(None) | Err(_)), "it was silent for too long");
    thread::sleep(Duration::from_millis(600));
    let (mut giving, _) = caller(&address, "jobs");
    ask(&mut giving, &pickle(Some(&ident), "put", b"K\x07\x85"));
    let got = waiting.recv_bytes(DEADLINE).expect("in time").expect("it was not closed");
    assert!(got.ends_with(b"K\x07\x86.") || got.ends_with(b"K\x07\x86\x94."), "{}", got.escape_ascii());
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_that_vanished_is_asked_after() {
    let (_server, address) = serve(&[&OBJECTS[..], &["--keepalive", "7s"]].concat());
    let parsed: Address = address.parse().expect("an address");
    let (connection, _) = caller(&parsed, "lock");
    let port: u16 = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let client = connection.stream().local_address().expect("it has one").expect("it has one").to_string();
    let client: u16 = client.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    // The server's end: its local port is the server's. The timer that runs is that of keepalive: 02, in jiffies.
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    let row = table.lines().find(|row| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        matches!(fields[..], [_, local, remote, ..]
            if local.ends_with(&format!(":{port:04X}")) && remote.ends_with(&format!(":{client:04X}")))
    });
    let timer = row.expect("the connection").split_whitespace().nth(5).expect("a timer").to_owned();
    let (kind, left) = timer.split_once(':').expect("two numbers");
    let left = u64::from_str_radix(left, 16).expect("a number");
    assert_eq!(kind, "02", "{timer}");
    assert!(left <= 7 * 1000, "it runs out too late: {timer}");
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_clients_take_a_few_threads_and_little_memory() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    const EACH: usize = 2_500;
    let most = getrlimit(Resource::Nofile).maximum;
    if most.is_some_and(|most| most < 11_000) {
        eprintln!("SKIPPED: no more than {most:?} files may be open, and the server needs 10,000");
        return;
    }
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("it is within the limit");
    let (server, address) = serve(&OBJECTS);
    let address: Address = address.parse().expect("an address");
    let (_first, ident) = caller(&address, "config");
    let before = resident(&server);
    let open = || -> Vec<Connection> {
        let accepted = |_| {
            let mut connection = client(&address);
            ask(&mut connection, &pickle(None, "accept_connection", b"\x8c\x01x\x85"));
            connection
        };
        (0..EACH).map(accepted).collect()
    };
    let mut clients: Vec<Connection> = thread::scope(|scope| {
        let opening: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        opening.into_iter().flat_map(|part| part.join().expect("all get in")).collect()
    });
    // Each calls while all others are there.
    for client in &mut clients {
        let reply = ask(client, &pickle(Some(&ident), "__len__", b")"));
        assert!(reply.windows(7).any(|part| part == b"#RETURN"), "{}", reply.escape_ascii());
    }
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.id())).expect("it runs").count();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    assert!(threads <= cores + 4, "{threads} threads on {cores} cores");
    let each = (resident(&server) - before) / clients.len();
    assert!(each <= 16, "{each} KiB a client");
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_machine_that_vanished_held_is_let_go() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let (_server, address) = serve(&[&OBJECTS[..], &["--keepalive", "1s"]].concat());
    for state in ["vanished", "vanished before the reply"] {
        let mut vanished = peer(&found[0], "serve/halfway.py", &[&address, state]);
        assert_eq!(vanished.line(), "ready");
        let since = Instant::now();
        fine(&found[0], "serve/take.py", &[&address, "lock"]);
        assert!(since.elapsed() > Duration::from_secs(1), "{state}: it was not held");
        assert!(since.elapsed() < Duration::from_secs(60), "{state}: it was held for too long");
        // It was not its end that let go of the lock.
        vanished.kill();
        assert_eq!(vanished.finish().code, None, "{state}");
    }
}

#[test]
fn clients_that_do_not_read_neither_fill_the_memory_nor_keep_others_waiting() {
    let (server, address) = serve(&[&OBJECTS[..], &["--max-memory", "64MiB"]].concat());
    let parsed: Address = address.parse().expect("an address");
    let (mut filling, ident) = caller(&parsed, "big");
    // 20 MB in short texts, so that a copy of them is a copy.
    let mut item = b"B\x00\x01\x00\x00".to_vec();
    item.extend_from_slice(&[b'x'; 256]);
    let list = [b"](".as_slice(), &item.repeat(8_000), b"e\x85"].concat();
    for _ in 0..10 {
        let reply = ask(&mut filling, &pickle(Some(&ident), "extend", &list));
        assert!(reply.windows(7).any(|window| window == b"#RETURN"), "{}", reply.escape_ascii());
    }
    let mut deaf = Vec::new();
    for _ in 0..40 {
        let (mut connection, _) = caller(&parsed, "big");
        connection
            .send_bytes(&pickle(Some(&ident), "__getitem__", b"cbuiltins\nslice\n(NNNtR\x85"), DEADLINE)
            .expect("it is taken");
        deaf.push(connection);
        // The next comes when this one's reply is on its way.
        ask(&mut filling, &pickle(Some(&ident), "__len__", b")"));
    }
    let resident = resident(&server);
    assert!(resident < 400 << 10, "{resident} KiB for 40 copies of 20 MB under a limit of 64 MiB");
    // Those that came too late for the memory were told so.
    let told = deaf.last_mut().expect("many").recv_bytes(DEADLINE).expect("in time").expect("an answer");
    assert!(told.windows(11).any(|window| window == b"MemoryError"), "{}", told.escape_ascii());
    drop(deaf);
    let end = Instant::now() + DEADLINE;
    while !ask(&mut filling, &pickle(Some(&ident), "append", b"K\x01\x85"))
        .windows(7)
        .any(|w| w == b"#RETURN")
    {
        assert!(Instant::now() < end, "the memory of those that went is not given back");
    }
}

#[test]
fn a_flood_of_silent_and_lying_sockets_keeps_no_client_from_its_answer() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let (_server, address) = serve(&[&OBJECTS[..], &["--max-pending", "100"]].concat());
    let over = Arc::new(AtomicBool::new(false));
    let (tell, begun) = std::sync::mpsc::channel();
    let flood = thread::spawn({
        let (over, address) = (Arc::clone(&over), address.clone());
        move || {
            let mut open: std::collections::VecDeque<TcpStream> = Default::default();
            let mut count = 0_u64;
            while !over.load(Ordering::Relaxed) {
                let Ok(mut stream) = TcpStream::connect(&address) else { continue };
                count += 1;
                if count.is_multiple_of(2) {
                    // It may be closed already.
                    let _ = stream.write_all(b"\0\0\0\x14aaaaaaaaaaaaaaaaaaaa");
                }
                open.push_back(stream);
                if open.len() > 300 {
                    open.pop_front();
                    // Nobody listens any more after the first time.
                    let _ = tell.send(());
                }
            }
            count
        }
    });
    begun.recv_timeout(DEADLINE).expect("a flood");
    drop(begun);
    let mut worst = Duration::ZERO;
    for _ in 0..10 {
        let begun = Instant::now();
        let (mut connection, ident) = caller(&address.parse().expect("an address"), "config");
        ask(&mut connection, &pickle(Some(&ident), "__len__", b")"));
        worst = worst.max(begun.elapsed());
    }
    fine(&found[0], "serve/write.py", &[&address, "x"]);
    over.store(true, Ordering::Relaxed);
    let count = flood.join().expect("it does not panic");
    assert!(count > 300, "that was no flood: {count}");
    assert!(worst < Duration::from_secs(10), "a handshake's own deadline: {worst:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn over_a_unix_socket_what_a_killed_client_had_made_goes_with_it() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let folder = Folder::new("serve-references");
    let path = folder.path().join("socket");
    let listen = format!("unix:{}", path.display());
    let (_server, address) = serve(&["--listen", &listen, "--object", "config=dict"]);
    for python in &found {
        let mut living = peer(python, "serve/made.py", &[path.to_str().expect("text"), "3"]);
        assert_eq!(living.line(), "ready");
        let mut dying = peer(python, "serve/made.py", &[path.to_str().expect("text"), "40"]);
        assert_eq!(dying.line(), "ready");
        assert_eq!(said(&address, &[":number_of_objects"]), "43");
        dying.kill();
        until(&address, &[":number_of_objects"], "3");
        living.kill();
        until(&address, &[":number_of_objects"], "0");
    }
}

#[test]
fn over_tcp_what_nobody_calls_goes_when_it_was_said_so() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let (_server, address) = serve(&["--reference-ttl", "1s", "--object", "config=dict"]);
    let mut dying = peer(&found[0], "serve/made.py", &[&address, "5"]);
    assert_eq!(dying.line(), "ready");
    dying.kill();
    until(&address, &[":number_of_objects"], "0");
    assert_eq!(said(&address, &["config.__len__"]), "0");
}
