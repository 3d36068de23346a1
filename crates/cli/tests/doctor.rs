//! `sabir doctor` with real Pythons, gateways, and what is neither.

#![allow(dead_code, unreachable_pub, reason = "the support is shared by several tests")]

mod support;

use std::io::Write as _;
use std::net::TcpListener;

use support::{Finished, Folder, Process, gateway, keyed_peer, peer, pythons, sabir};

#[test]
fn doctor_knows_a_2_7_manager_and_names_the_gateway() {
    let Some(found) = pythons(&[(2, 7)]) else { return };
    let folder = Folder::new("doctor");
    let key = folder.file("key", "secret\n");
    let mut manager = peer(&found[0], "manager_server.py", &["127.0.0.1:0"]);
    let address = manager.address();
    let done = Process::start(sabir(["doctor", &address, "--authkey-file", &key])).finish();
    let text = done.lines.join("\n");
    assert_eq!(done.code, Some(0), "{}", done.errors);
    assert!(text.contains("it writes pickle protocol 2") && text.contains("a manager"), "{text}");
    assert!(text.contains("3.14, 3.15   fails"), "{text}");
    assert!(text.contains(&format!("sabir gateway --listen 127.0.0.1:0 --to {address}")), "{text}");
}

#[test]
fn doctor_with_the_wrong_key_is_refused() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let folder = Folder::new("doctor-refused");
    let key = folder.file("key", "guess");
    let mut manager = peer(&found[0], "manager_server.py", &["127.0.0.1:0"]);
    let address = manager.address();
    let done = Process::start(sabir(["doctor", &address, "--authkey-file", &key])).finish();
    assert_eq!(done.code, Some(4), "{}", done.errors);
    assert!(done.errors.contains("different keys"), "{}", done.errors);
}

fn doctor(address: &str, more: &[&str]) -> Finished {
    Process::start(sabir(["doctor", address, "--timeout", "2s"].iter().chain(more))).finish()
}

#[test]
fn a_gateway_is_not_taken_for_the_2_7_behind_it() {
    let Some(found) = pythons(&[(2, 7)]) else { return };
    let folder = Folder::new("doctor-gateway");
    let key = folder.file("key", "secret\n");
    let mut manager = peer(&found[0], "manager_server.py", &["127.0.0.1:0"]);
    let server = manager.address();
    for more in [&["--authkey-file", &key][..], &[]] {
        let (_gateway, address) = gateway(&server, more);
        let done = doctor(&address, &["--authkey-file", &key]);
        let text = done.lines.join("\n");
        assert_eq!(done.code, Some(0), "{}", done.errors);
        assert!(text.contains("it is a gateway or a Sabir peer"), "{more:?}: {text}");
        assert!(text.contains("a manager") && !text.contains("fails"), "{more:?}: {text}");
    }
}

/// Who answers `{sha256}` is written what 3.12 reads, so what the gateway passes on is what 3.13 wrote.
#[test]
fn a_gateway_that_cannot_be_told_from_its_server_is_thought_of() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let folder = Folder::new("doctor-gateway-3");
    let key = folder.file("key", "secret\n");
    let mut manager = peer(&found[0], "manager_server.py", &["127.0.0.1:0"]);
    let (_gateway, address) = gateway(&manager.address(), &["--authkey-file", &key]);
    let done = doctor(&address, &["--authkey-file", &key]);
    let text = done.lines.join("\n");
    assert_eq!(done.code, Some(0), "{}", done.errors);
    assert!(text.contains("unless this is a gateway already, which lets every Python in"), "{text}");
}

#[test]
fn a_listener_without_a_key_is_helped_though_it_says_nothing() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let mut listener = keyed_peer(&found[0], "listener.py", &["127.0.0.1:0", "2"], None);
    let address = listener.address();
    let done = doctor(&address, &["--probe"]);
    let text = done.lines.join("\n");
    assert_eq!(done.code, Some(0), "{}", done.errors);
    assert!(text.contains("in the first object that its program sends"), "{text}");
    assert!(text.contains(&format!("sabir gateway --listen 127.0.0.1:0 --to {address}")), "{text}");

    let folder = Folder::new("doctor-keyless");
    let done = doctor(&address, &["--authkey-file", &folder.file("key", "secret")]);
    assert_eq!(done.code, Some(5), "{}", done.errors);
    assert!(done.errors.contains("it sent no challenge: has it a key"), "{}", done.errors);
}

/// What the doctor says of a server that greets so and hangs up.
fn greeted(greeting: &[u8], more: &[&str]) -> Finished {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("it is bound").to_string();
    let doctor = Process::start(sabir(["doctor", &address].iter().chain(more)));
    let (mut stream, _) = server.accept().expect("it comes");
    stream.write_all(greeting).expect("it reads");
    drop(stream);
    doctor.finish()
}

#[test]
fn what_is_no_multiprocessing_server_is_called_so() {
    let folder = Folder::new("doctor-others");
    let key = folder.file("key", "secret");
    for greeting in
        [&b"SSH-2.0-OpenSSH_9.6\r\n"[..], b"220 mail ready\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""]
    {
        for more in [&["--probe"][..], &["--authkey-file", &key]] {
            let done = greeted(greeting, more);
            assert_eq!(done.code, Some(5), "{greeting:?} {more:?}: {done:?}");
            let said = "does not look like a multiprocessing server: wrong port?";
            assert!(done.errors.contains(said), "{greeting:?} {more:?}: {done:?}");
        }
    }
}

#[test]
fn a_listener_that_writes_first_shows_its_protocol() {
    let done = greeted(b"\0\0\0\x04\x80\x03N.", &["--probe"]);
    let text = done.lines.join("\n");
    assert_eq!(done.code, Some(0), "{}", done.errors);
    assert!(text.contains("it writes by itself, so it has no key") && text.contains("protocol 3"), "{text}");
    assert!(text.contains("2.7          fails"), "{text}");
}
