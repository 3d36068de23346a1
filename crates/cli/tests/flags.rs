//! What the flags of `sabir gateway` change between real Pythons.

#![allow(dead_code, unreachable_pub, reason = "the support is shared by several tests")]

mod support;

use std::io::Write as _;

use support::{
    Folder, accept, dial, frame, gateway, gateway_with, keyed_peer, listen, peer, pythons, receive,
};

const TCP: &str = "127.0.0.1:0";

/// What a listener of one version takes a literal of a client of another for, once it has been seen to
/// be of that version.
fn taken_for(server: (u8, u8), client: (u8, u8), literal: &str, more: &[&str]) -> Option<String> {
    let found = pythons(&[server, client])?;
    let mut listener = peer(&found[0], "listener.py", &[TCP, "2"]);
    let (_gateway, address) = gateway(&listener.address(), more);
    peer(&found[1], "say.py", &[&address, "1"]).finish();
    let said = peer(&found[1], "say.py", &[&address, literal]).finish();
    Some(said.lines.first().cloned().unwrap_or(said.errors))
}

#[track_caller]
fn assert_taken_for(expected: &str, taken: Option<String>) {
    let Some(taken) = taken else { return };
    assert_eq!(taken, expected);
}

#[test]
fn py2_str_decides_what_a_str_of_python_2_is() {
    let taken = |literal, more: &[&str]| taken_for((3, 13), (2, 7), literal, more);
    assert_taken_for("str", taken("'text'", &[]));
    assert_taken_for("bytes", taken("'text'", &["--py2-str", "bytes"]));
    assert_taken_for("bytes", taken(r"'\xff'", &[]));
    assert_taken_for("str", taken(r"'\xff'", &["--py2-str", "latin1"]));
}

#[test]
fn py2_text_decides_what_text_is_to_python_2() {
    let taken = |literal, more: &[&str]| taken_for((2, 7), (3, 13), literal, more);
    assert_taken_for("unicode", taken("'text'", &[]));
    assert_taken_for("str", taken("'text'", &["--py2-text", "ascii-str"]));
    assert_taken_for("unicode", taken("'na\u{ef}ve'", &["--py2-text", "ascii-str"]));
}

#[test]
fn a_protocol_that_is_said_is_the_one_that_is_written() {
    let (server, to) = listen();
    let (_gateway, address) = gateway(&to, &["--server-protocol", "3", "--client-protocol", "2"]);
    let (mut client, mut server) = (dial(&address), accept(&server));
    client.write_all(&frame(b"\x80\x04N.")).expect("the gateway reads");
    assert_eq!(receive(&mut server).as_deref(), Some(&b"\x80\x03N."[..]));
    server.write_all(&frame(b"\x80\x05N.")).expect("the gateway reads");
    assert_eq!(receive(&mut client).as_deref(), Some(&b"\x80\x02N."[..]));
}

#[test]
fn one_gateway_serves_a_listener_and_a_manager() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let mut listener = peer(&found[0], "listener.py", &[TCP, "1"]);
    let mut manager = peer(&found[0], "manager_server.py", &[TCP]);
    let route = format!("{TCP}={}", manager.address());
    // One thread has to do for both.
    let (mut gateway, address) = gateway(&listener.address(), &["--route", &route, "--threads", "1"]);
    let second = gateway.address();
    let done = peer(&found[1], "manager_client.py", &[&second]).finish();
    assert_eq!(done.lines.last().map(String::as_str), Some("done"), "{}", done.errors);
    let said = peer(&found[1], "say.py", &[&address, "2"]).finish();
    assert_eq!(said.lines, ["int"], "{}", said.errors);
}

/// The gateway reaches the manager by one name, and the manager has another for itself.
#[test]
fn a_manager_may_have_another_name_for_itself() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let mut manager = peer(&found[0], "manager_server.py", &["0.0.0.0:0"]);
    let own = manager.address();
    let dialled = own.replace("0.0.0.0", "127.0.0.1");
    let (_gateway, address) = gateway(&dialled, &["--to-alias", &own]);
    let done = peer(&found[1], "manager_client.py", &[&address]).finish();
    assert_eq!(done.lines.last().map(String::as_str), Some("done"), "{}", done.errors);
}

#[test]
fn min_auth_keeps_md5_out() {
    let Some(found) = pythons(&[(3, 13), (2, 7)]) else { return };
    let folder = Folder::new("min-auth");
    let more = ["--min-auth", "sha256", "--authkey-file", &folder.file("key", "secret")];
    let mut listener = peer(&found[0], "listener.py", &[TCP, "1"]);
    let (_gateway, address) = gateway(&listener.address(), &more);
    let old = peer(&found[1], "say.py", &[&address, "1"]).finish();
    assert_eq!(old.lines, ["not connected: AuthenticationError"], "{}", old.errors);
    let new = peer(&found[0], "say.py", &[&address, "1"]).finish();
    assert_eq!(new.lines, ["int"], "{}", new.errors);
}

#[test]
fn the_servers_key_may_come_from_the_environment() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let folder = Folder::new("key-env");
    let ours = folder.file("ours", "abc");
    let mut listener = peer(&found[0], "listener.py", &[TCP, "1"]);
    let more = ["--authkey-file", &ours, "--to-authkey-env", "THEIR_KEY"];
    let (_gateway, address) = gateway_with(TCP, &listener.address(), &more, &[("THEIR_KEY", "secret")]);
    let said = keyed_peer(&found[1], "say.py", &[&address, "1"], Some("abc")).finish();
    assert_eq!(said.lines, ["int"], "{}", said.errors);
}

#[test]
fn to_digest_decides_how_a_challenge_without_a_digest_is_answered() {
    let folder = Folder::new("to-digest");
    let key = folder.file("key", "secret");
    for (digest, length) in [("md5", 16), ("sha256-raw", 32)] {
        let (server, to) = listen();
        let (_gateway, address) = gateway(&to, &["--to-authkey-file", &key, "--to-digest", digest]);
        let _client = dial(&address);
        let mut server = accept(&server);
        server.write_all(&frame(b"#CHALLENGE#01234567890123456789")).expect("the gateway reads");
        assert_eq!(receive(&mut server).map(|answer| answer.len()), Some(length), "{digest}");
    }
}
