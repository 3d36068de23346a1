//! What a gateway must survive, and what the innocent end sees then.

#![allow(dead_code, unreachable_pub, reason = "the support is shared by several tests")]

mod support;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::{
    Folder, Process, accept, dial, frame, gateway, keyed_peer, listen, peer, pythons, receive, sabir,
};

const TCP: &str = "127.0.0.1:0";
/// `None`, pickled.
const NONE: &[u8] = b"\x80\x02N.";

fn log_of(gateway: Process) -> String {
    gateway.interrupt();
    gateway.finish().errors
}

/// A stock client has no patience to lose; the gateway lost its own after ten seconds, and told the
/// client that its key was wrong.
#[test]
fn a_busy_server_is_waited_for_as_long_as_its_client_waits() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let folder = Folder::new("busy");
    let key = folder.file("key", "secret");
    let mut listener = peer(&found[0], "listener.py", &[TCP, "1", "4"]);
    let more = ["--authkey-file", &key, "--handshake-timeout", "1s"];
    let (gateway, address) = gateway(&listener.address(), &more);
    let done = peer(&found[1], "say.py", &[&address, "1"]).finish();
    assert_eq!(done.lines, ["int"], "{}", done.errors);
    let log = log_of(gateway);
    assert!(log.contains("the server has not asked for a key in 1s: is it busy? has it a key?"), "{log}");
}

#[test]
fn a_client_that_loses_patience_with_the_server_leaves_a_line() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let folder = Folder::new("impatient");
    let (server, to) = listen();
    let (gateway, address) = gateway(&to, &["--authkey-file", &folder.file("key", "secret")]);
    let client = peer(&found[0], "say.py", &[&address, "1"]);
    // It has proved its key, or nobody would have been dialled.
    let mut dialled = accept(&server);
    client.kill();
    assert_eq!(dialled.read(&mut [0]).ok(), Some(0));
    let log = log_of(gateway);
    assert!(log.contains("the server had not asked for a key yet: is it busy? has it a key?"), "{log}");
}

#[test]
fn a_server_that_is_not_there_is_no_orderly_end() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let (gone, to) = listen();
    drop(gone);
    let (_gateway, address) = gateway(&to, &[]);
    let refused = peer(&found[0], "say.py", &[&address, "1"]).finish();
    assert_eq!(refused.lines, ["not connected: ConnectionResetError"]);
}

#[test]
fn a_gateway_in_front_of_itself_does_not_start() {
    let (free, address) = listen();
    drop(free);
    let port = address.rsplit(':').next().expect("a port").to_owned();
    for to in [address.clone(), format!("localhost:{port}"), format!("0.0.0.0:{port}")] {
        let refused = Process::start(sabir(["gateway", "--listen", &address, "--to", &to])).finish();
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.errors.contains("it would dial itself"), "{refused:?}");
    }
}

/// Whoever has the address of one server, and no key, could pass the challenge of another listener on
/// to the gateway as his own, and have it answered.
#[test]
fn the_gateway_does_not_answer_its_own_challenge() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let folder = Folder::new("reflected");
    let key = folder.file("key", "secret");
    let ((rogue, to), (_other, other_to)) = (listen(), listen());
    let route = format!("127.0.0.1:0={other_to}");
    let (mut gateway, address) = gateway(&to, &["--authkey-file", &key, "--route", &route]);
    let mut attack = dial(&gateway.address());
    let _victim = peer(&found[0], "say.py", &[&address, "1"]);
    let mut dialled = accept(&rogue);
    let challenge = receive(&mut attack).expect("the gateway challenges");
    dialled.write_all(&frame(&challenge)).expect("the gateway reads");
    assert_eq!(receive(&mut dialled), None);
    let log = log_of(gateway);
    assert!(log.contains("the server sent one of the gateway's own challenges back"), "{log}");
}

#[test]
fn who_has_proved_nothing_cannot_fill_the_memory() {
    let (_server, to) = listen();
    let (_gateway, address) = gateway(&to, &["--handshake-timeout", "1h"]);
    let mut taken = 0;
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = dial(&address);
        client.write_all(&(40_u32 << 20).to_be_bytes()).expect("the gateway reads");
        client.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout can be set");
        taken += send_what_is_taken(&mut client, 30);
        clients.push(client);
    }
    // One of them after the other; what the kernel holds is not ours.
    assert!((30..110).contains(&taken), "{taken} MiB");
}

fn send_what_is_taken(client: &mut TcpStream, mebibytes: usize) -> usize {
    let block = vec![b'x'; 1 << 20];
    (0..mebibytes).take_while(|_| client.write_all(&block).is_ok()).count()
}

#[test]
fn without_keys_a_long_message_may_be_the_first() {
    let (server, to) = listen();
    let (_gateway, address) = gateway(&to, &[]);
    let mut client = dial(&address);
    let long = frame(&vec![b'x'; 100 << 20]);
    let sending = thread::spawn(move || client.write_all(&long).map(|()| client));
    let got = receive(&mut accept(&server)).map(|body| body.len());
    assert_eq!(got, Some(100 << 20));
    drop(sending.join());
}

/// They were taken for peers that do not authenticate, and the oldest were hung up on.
#[test]
fn without_keys_any_number_may_wait_for_the_server_to_speak() {
    let (server, to) = listen();
    let (_gateway, address) = gateway(&to, &["--max-pending", "2", "--handshake-timeout", "1s"]);
    let mut pairs: Vec<_> = (0..8).map(|_| (dial(&address), accept(&server))).collect();
    // That nothing happens when the time of a handshake is over shows only then.
    thread::sleep(Duration::from_millis(1500));
    for (client, server) in &mut pairs {
        server.write_all(&frame(NONE)).expect("the gateway reads");
        assert_eq!(receive(client).as_deref(), Some(NONE));
    }
}

/// The oldest client without a proof had to go for each that came, which in a flood was soon the honest one.
#[test]
fn in_a_flood_of_silent_sockets_a_client_far_away_has_the_time_for_its_proof() {
    let folder = Folder::new("flood");
    let (_server, to) = listen();
    let key = folder.file("key", "secret");
    let (_gateway, address) = gateway(&to, &["--authkey-file", &key, "--max-pending", "50"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (tell, begun) = mpsc::channel();
        let flood = scope.spawn(|| {
            let (tell, mut open) = (tell, VecDeque::new());
            while !over.load(Ordering::Relaxed) {
                // It may be hung up on at any time.
                open.extend(TcpStream::connect(&address));
                if open.len() > 200 {
                    open.pop_front();
                    // Nobody listens any more after the first time.
                    let _ = tell.send(());
                }
            }
        });
        begun.recv_timeout(Duration::from_secs(30)).expect("a flood");
        let answers: Vec<_> = (0..5)
            .map(|_| {
                let mut client = dial(&address);
                receive(&mut client)?;
                // What its challenge and its answer have been under way.
                thread::sleep(Duration::from_millis(100));
                client.write_all(&frame(b"no proof at all ")).ok()?;
                receive(&mut client)
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        flood.join().expect("it does not panic");
        assert_eq!(answers, vec![Some(b"#FAILURE#".to_vec()); 5]);
    });
}

#[test]
fn a_reset_is_a_reset_to_the_other_end_too() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let mut listener = keyed_peer(&found[0], "listener.py", &[TCP, "1"], None);
    let (_gateway, address) = gateway(&listener.address(), &[]);
    let mut client = dial(&address);
    client.write_all(&frame(NONE)).expect("the gateway reads");
    client.peek(&mut [0]).expect("an answer comes");
    // To close with an answer unread resets the connection.
    drop(client);
    assert_eq!(listener.line(), "broken: ConnectionResetError");
}

/// 3.8 and newer read the long header of a short message, and no other Python does.
#[test]
fn a_long_header_of_a_short_message_is_written_as_everybody_reads_it() {
    let (server, to) = listen();
    let (_gateway, address) = gateway(&to, &[]);
    let mut client = dial(&address);
    let odd = [&[0xff; 4][..], &4u64.to_be_bytes(), NONE].concat();
    client.write_all(&[frame(NONE), odd, frame(b"raw")].concat()).expect("the gateway reads");
    let mut got = vec![0; 8 + 8 + 7];
    accept(&server).read_exact(&mut got).expect("all is passed on");
    assert_eq!(got, [frame(NONE), frame(NONE), frame(b"raw")].concat());
}

/// What a 3.11 had written was taken for what the 2.7 in its place reads, for ever.
#[test]
fn an_older_server_in_the_place_of_another_is_soon_understood() {
    let Some(found) = pythons(&[(3, 11), (2, 7)]) else { return };
    let mut before = peer(&found[0], "listener.py", &[TCP, "1"]);
    let server = before.address();
    let (_gateway, address) = gateway(&server, &[]);
    assert_eq!(peer(&found[0], "say.py", &[&address, "'text'"]).finish().lines, ["str"]);
    assert_eq!(before.finish().lines, ["end"]);
    let mut after = peer(&found[1], "listener.py", &[&server, "2"]);
    assert_eq!(after.address(), server);
    let first = peer(&found[0], "say.py", &[&address, "'text'"]).finish();
    assert!(first.lines.is_empty(), "{first:?}");
    let second = peer(&found[0], "say.py", &[&address, "'text'"]).finish();
    assert_eq!(second.lines, ["unicode"], "{}", second.errors);
}

#[test]
fn a_request_that_was_refused_is_not_waited_for_at_the_end() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let mut manager = peer(&found[0], "manager_server.py", &[TCP]);
    let more =
        ["--policy", "strict", "--allow", "multiprocessing.managers.Token", "--shutdown-timeout", "1h"];
    let (gateway, address) = gateway(&manager.address(), &more);
    let mut client = peer(&found[0], "refused_client.py", &[&address]);
    assert_eq!(client.line(), "True");
    gateway.interrupt();
    assert_eq!(gateway.finish().code, Some(0));
}

/// Bytes of which nothing is known passed by the policy that lets nothing pass which is not understood.
#[test]
fn a_strict_policy_is_strict_in_raw_mode_too() {
    let (server, to) = listen();
    let (gateway, address) = gateway(&to, &["--mode", "raw", "--policy", "strict"]);
    let (mut client, mut server) = (dial(&address), accept(&server));
    for _ in 0..2 {
        // The second may find the connection gone.
        let _ = client.write_all(&frame(NONE));
    }
    assert_eq!(receive(&mut server), None);
    let log = log_of(gateway);
    assert!(log.contains("which the policy refuses: --allow-raw lets it pass"), "{log}");
}

/// It was reset, while a manager's client can be told.
#[test]
fn a_request_that_is_too_long_is_refused_in_a_managers_words() {
    let Some(found) = pythons(&[(3, 13), (2, 7)]) else { return };
    let mut manager = peer(&found[0], "manager_server.py", &[TCP]);
    let (_gateway, address) = gateway(&manager.address(), &["--max-message", "16KiB"]);
    for client in &found {
        let done = peer(client, "long_request.py", &[&address]).finish();
        assert_eq!(done.lines, ["41", "True", "42"], "{}", done.errors);
    }
}

#[test]
fn a_silent_pair_is_closed_if_it_is_said_how_long_it_may_be_silent() {
    let (server, to) = listen();
    let (gateway, address) = gateway(&to, &["--idle-timeout", "1s"]);
    let mut client = dial(&address);
    let _dialled = accept(&server);
    assert!(matches!(
        client.read(&mut [0]).map_err(|error| error.kind()),
        Ok(0) | Err(ErrorKind::ConnectionReset)
    ));
    let log = log_of(gateway);
    assert!(log.contains("idle for too long"), "{log}");
}
