//! Descriptors between real Pythons, through the gateway.

#![allow(dead_code, unreachable_pub, reason = "the support is shared by several tests")]

mod support;

use support::{Folder, gateway_on, peer, pythons};

fn a_handle_passes(sender: (u8, u8), receiver: (u8, u8)) {
    let Some(found) = pythons(&[sender, receiver]) else { return };
    let folder = Folder::new(&format!("handle-{}-{}-{}-{}", sender.0, sender.1, receiver.0, receiver.1));
    let at = |name: &str| format!("unix:{}", folder.path().join(name).display());
    let mut receiver = peer(&found[1], "handle_receiver.py", &[&at("server")]);
    let (_gateway, address) = gateway_on(&at("gateway"), &receiver.address(), &[]);
    let sender = peer(&found[0], "handle_sender.py", &[&address]).finish();
    let receiver = receiver.finish();
    assert_eq!(receiver.lines, ["a handle follows", "through the pipe", "after it"], "{}", receiver.errors);
    assert_eq!(sender.lines, ["go on", "done"], "{}", sender.errors);
}

/// Stock, this fails: 2.7 sends a byte 0 where 3.x expects the number of descriptors.
#[test]
fn from_2_7_to_3_13() {
    a_handle_passes((2, 7), (3, 13));
}

#[test]
fn from_3_6_to_2_7() {
    a_handle_passes((3, 6), (2, 7));
}

#[test]
fn from_3_13_to_3_6() {
    a_handle_passes((3, 13), (3, 6));
}

#[test]
fn to_a_server_over_tcp_is_refused_and_nobody_waits() {
    let Some(found) = pythons(&[(3, 13), (3, 6)]) else { return };
    let folder = Folder::new("handle-tcp");
    let listen = format!("unix:{}", folder.path().join("gateway").display());
    let mut receiver = peer(&found[1], "handle_receiver.py", &["127.0.0.1:0"]);
    let (gateway, address) = gateway_on(&listen, &receiver.address(), &[]);
    let sender = peer(&found[0], "handle_sender.py", &[&address]).finish();
    assert_eq!(sender.lines, ["go on", "closed"], "{}", sender.errors);
    gateway.interrupt();
    let log = gateway.finish().errors;
    assert!(log.contains("the client passed a descriptor: it cannot travel on"), "{log}");
    assert_ne!(receiver.finish().code, None);
}

/// The byte that goes with a descriptor belongs to no message. Whoever waits for a message takes it for
/// the first byte of a length, and would read all that follows otherwise than it was judged.
#[test]
fn a_strict_policy_lets_no_descriptor_pass() {
    let Some(found) = pythons(&[(3, 13), (3, 6)]) else { return };
    let folder = Folder::new("handle-strict");
    let at = |name: &str| format!("unix:{}", folder.path().join(name).display());
    let mut receiver = peer(&found[1], "listener.py", &[&at("server"), "1"]);
    let (gateway, address) = gateway_on(&at("gateway"), &receiver.address(), &["--policy", "strict"]);
    let sender = peer(&found[0], "handle_sender.py", &[&address]).finish();
    assert_eq!(sender.lines.last().map(String::as_str), Some("closed"), "{}", sender.errors);
    assert_eq!(receiver.finish().lines, ["broken: OSError"]);
    gateway.interrupt();
    let log = gateway.finish().errors;
    assert!(log.contains("the client passed a descriptor: --policy strict lets none pass"), "{log}");
}
