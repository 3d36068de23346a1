//! `sabir doctor` with real Pythons, gateways, and what is neither.

#![allow(dead_code, unreachable_pub, reason = "the support is shared by several tests")]

mod support;

use support::{Folder, Process, peer, pythons, sabir};

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
