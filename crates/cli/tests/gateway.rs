//! `sabir gateway` between real Pythons that stay as they are.

#![allow(dead_code, unreachable_pub, reason = "the support is shared by several tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use support::{Folder, Process, dial, gateway, gateway_on, keyed_peer, peer, pythons};

/// What `client.py` prints if all is as it would be between equal versions.
fn echoes(server: (u8, u8)) -> Vec<String> {
    let (text, long) = if server.0 == 2 { ("unicode", "long") } else { ("str", "int") };
    let mut lines: Vec<String> = ["NoneType", "bool", long, "float", text, text, "list", "dict", text]
        .iter()
        .map(|name| format!("{name} True"))
        .collect();
    lines.extend(["True".to_owned(), "done".to_owned()]);
    lines
}

const MANAGER_LINES: &[&str] = &[
    "41",
    "47",
    "True",
    "ValueError: enough at 47",
    "blue",
    "7",
    "AttributeError",
    "[1, 2, 3] 3",
    "RemoteError",
    "done",
];

fn listener_and_client(server: (u8, u8), client: (u8, u8), listen: &str, serve: &str, more: &[&str]) {
    let Some(found) = pythons(&[server, client]) else { return };
    let mut listener = peer(&found[0], "listener.py", &[serve, "1"]);
    let (gateway, address) = gateway_on(listen, &listener.address(), more);
    let done = peer(&found[1], "client.py", &[&address]).finish();
    assert_eq!(done.lines, echoes(server), "{}", done.errors);
    assert_eq!(listener.finish().lines, ["end"]);
    gateway.interrupt();
    let ended = gateway.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}

fn manager(server: (u8, u8), client: (u8, u8), listen: &str, serve: &str, more: &[&str]) {
    let Some(found) = pythons(&[server, client]) else { return };
    let mut manager = peer(&found[0], "manager_server.py", &[serve]);
    let (gateway, address) = gateway_on(listen, &manager.address(), more);
    let done = peer(&found[1], "manager_client.py", &[&address]).finish();
    assert_eq!(done.lines, MANAGER_LINES, "{}", done.errors);
    drop(gateway);
}

const TCP: &str = "127.0.0.1:0";

#[test]
fn a_listener_of_2_7_and_a_client_of_3_6() {
    listener_and_client((2, 7), (3, 6), TCP, TCP, &[]);
}

#[test]
fn a_listener_of_2_7_and_a_client_of_3_13() {
    listener_and_client((2, 7), (3, 13), TCP, TCP, &[]);
}

#[test]
fn a_listener_of_3_13_and_a_client_of_2_7() {
    listener_and_client((3, 13), (2, 7), TCP, TCP, &[]);
}

#[test]
fn a_manager_of_2_7_and_a_client_of_3_6() {
    manager((2, 7), (3, 6), TCP, TCP, &[]);
}

#[test]
fn a_manager_of_2_7_and_a_client_of_3_13() {
    manager((2, 7), (3, 13), TCP, TCP, &[]);
}

#[test]
fn a_manager_of_3_13_and_a_client_of_2_7() {
    manager((3, 13), (2, 7), TCP, TCP, &[]);
}

#[test]
fn a_manager_and_a_client_of_one_version() {
    manager((3, 13), (3, 13), TCP, TCP, &[]);
}

#[test]
fn unix_sockets_on_both_sides() {
    let folder = Folder::new("unix");
    let at = |name: &str| format!("unix:{}", folder.path().join(name).display());
    manager((2, 7), (3, 13), &at("gateway"), &at("server"), &[]);
    listener_and_client((3, 13), (2, 7), &at("gateway2"), &at("server2"), &[]);
}

#[test]
fn an_abstract_name_in_front_of_tcp() {
    let name = format!("unix:@sabir-test-{}", std::process::id());
    manager((2, 7), (3, 13), &name, TCP, &[]);
}

#[test]
fn with_the_key_both_dialects_are_spoken() {
    let folder = Folder::new("keyed");
    let key = folder.file("key", "secret\n");
    manager((2, 7), (3, 13), TCP, TCP, &["--authkey-file", &key]);
    manager((3, 13), (2, 7), TCP, TCP, &["--authkey-file", &key]);
    listener_and_client((3, 13), (3, 6), TCP, TCP, &["--authkey-file", &key]);
}

#[test]
fn the_server_may_have_a_key_of_its_own() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let folder = Folder::new("two-keys");
    let ours = folder.file("ours", "616263");
    let theirs = folder.file("theirs", "secret");
    let mut listener = peer(&found[0], "listener.py", &[TCP, "1"]);
    let more = ["--authkey-hex-file", &ours, "--to-authkey-file", &theirs];
    let (_gateway, address) = gateway(&listener.address(), &more);
    let done = keyed_peer(&found[1], "client.py", &[&address], Some("abc")).finish();
    assert_eq!(done.lines, echoes((2, 7)), "{}", done.errors);
}

#[test]
fn a_client_with_the_wrong_key_is_told_so_and_the_server_never_hears_of_it() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let folder = Folder::new("wrong-key");
    let key = folder.file("key", "secret");
    let mut listener = peer(&found[0], "listener.py", &[TCP, "1"]);
    let (gateway, address) = gateway(&listener.address(), &["--authkey-file", &key]);
    let refused = keyed_peer(&found[1], "client.py", &[&address], Some("guess")).finish();
    assert_eq!(refused.lines, ["not connected: AuthenticationError"]);
    // The listener accepts one connection only: it is still to come.
    let done = peer(&found[1], "client.py", &[&address]).finish();
    assert_eq!(done.lines, echoes((2, 7)), "{}", done.errors);
    gateway.interrupt();
    assert!(gateway.finish().errors.contains("different keys"));
}

#[test]
fn a_wrong_key_that_passes_through_is_refused_by_the_server_itself() {
    let Some(found) = pythons(&[(3, 13), (2, 7)]) else { return };
    let mut listener = peer(&found[0], "listener.py", &[TCP, "1"]);
    let (_gateway, address) = gateway(&listener.address(), &[]);
    let refused = keyed_peer(&found[1], "client.py", &[&address], Some("guess")).finish();
    assert_eq!(refused.lines, ["not connected: AuthenticationError"]);
    assert_eq!(listener.line(), "not accepted: AuthenticationError");
}

#[test]
fn a_server_that_is_not_there_is_blamed() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let folder = Folder::new("nobody");
    let key = folder.file("key", "secret");
    // A port that was free a moment ago.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let (gateway, address) = gateway(&format!("127.0.0.1:{port}"), &["--authkey-file", &key]);
    let refused = peer(&found[0], "client.py", &[&address]).finish();
    // Its key was right: it learns what it would have learnt without a gateway, or nearly.
    assert_eq!(refused.lines, ["not connected: ConnectionResetError"]);
    gateway.interrupt();
    assert!(gateway.finish().errors.contains("the server is not there"));
}

#[test]
fn without_keys_nothing_is_asked() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let mut listener = keyed_peer(&found[0], "listener.py", &[TCP, "1"], None);
    let (_gateway, address) = gateway(&listener.address(), &[]);
    let done = keyed_peer(&found[1], "client.py", &[&address], None).finish();
    assert_eq!(done.lines, echoes((2, 7)), "{}", done.errors);
}

fn manager_behind_gateway(more: &[&str]) -> Option<(Vec<sabir::pythons::Python>, Process, Process, String)> {
    let found = pythons(&[(2, 7), (3, 13)])?;
    let mut manager = peer(&found[0], "manager_server.py", &[TCP]);
    let (gateway, address) = gateway(&manager.address(), more);
    Some((found, manager, gateway, address))
}

#[test]
fn garbage_and_resets_harm_nobody_else() {
    let Some((found, _manager, _gateway, address)) = manager_behind_gateway(&[]) else { return };
    for garbage in [&b"GET / HTTP/1.0\r\n\r\n"[..], &[0xff; 64], &[0; 400], b"\x7f\xff\xff\xff", b""] {
        let mut scanner = dial(&address);
        // What comes back is the challenge, or the end.
        let _ = scanner.write_all(garbage);
        // Closing with something unread resets the connection.
        drop(scanner);
    }
    let done = peer(&found[1], "manager_client.py", &[&address]).finish();
    assert_eq!(done.lines, MANAGER_LINES, "{}", done.errors);
}

/// Peers that connect and say nothing; an honest one is served among them, and they are hung up on.
fn silent_peers(address: &str, how_many: usize, honest: impl FnOnce()) {
    let mut silent: Vec<TcpStream> = (0..how_many).map(|_| dial(address)).collect();
    honest();
    for stream in &mut silent {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the gateway hangs up");
    }
}

#[test]
fn silent_peers_are_closed_in_time_and_delay_nobody() {
    // Fewer than the backlog of a 2.7 manager, which is 16.
    let more = ["--handshake-timeout", "2s"];
    let Some((found, _manager, _gateway, address)) = manager_behind_gateway(&more) else { return };
    silent_peers(&address, 12, || {
        let done = peer(&found[1], "manager_client.py", &[&address]).finish();
        assert_eq!(done.lines, MANAGER_LINES, "{}", done.errors);
    });
}

#[test]
fn hundreds_of_silent_peers_are_nothing_to_a_gateway_with_a_key() {
    let folder = Folder::new("silent");
    let more = ["--handshake-timeout", "3s", "--authkey-file", &folder.file("key", "secret")];
    let Some((found, _manager, _gateway, address)) = manager_behind_gateway(&more) else { return };
    silent_peers(&address, 800, || {
        let done = peer(&found[1], "manager_client.py", &[&address]).finish();
        assert_eq!(done.lines, MANAGER_LINES, "{}", done.errors);
    });
}

#[test]
fn the_oldest_silent_peer_goes_when_there_are_too_many() {
    let folder = Folder::new("crowd");
    let key = folder.file("key", "secret");
    let more = ["--max-pending", "4", "--handshake-timeout", "1h", "--authkey-file", &key];
    let Some((found, _manager, _gateway, address)) = manager_behind_gateway(&more) else { return };
    let mut silent: Vec<TcpStream> = (0..8).map(|_| dial(&address)).collect();
    let mut rest = Vec::new();
    silent[0].read_to_end(&mut rest).expect("the gateway hangs up");
    let done = peer(&found[1], "manager_client.py", &[&address]).finish();
    assert_eq!(done.lines, MANAGER_LINES, "{}", done.errors);
}

#[test]
fn an_unauthenticated_client_may_not_send_long_messages() {
    let Some((_, _manager, gateway, address)) = manager_behind_gateway(&[]) else { return };
    let mut stream = dial(&address);
    let mut challenge = [0; 4 + 31];
    stream.read_exact(&mut challenge).expect("2.7 challenges");
    stream.write_all(&257u32.to_be_bytes()).expect("the gateway reads");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the gateway hangs up");
    gateway.interrupt();
    assert!(gateway.finish().errors.contains("bad message length: 257 bytes, the limit is 256"));
}

#[test]
fn a_peer_killed_inside_a_message_harms_nobody_else() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let mut listener = peer(&found[0], "listener.py", &[TCP, "2"]);
    let (gateway, address) = gateway(&listener.address(), &[]);
    let mut victim = peer(&found[1], "half_message.py", &[&address]);
    assert_eq!(victim.line(), "sent half");
    victim.kill();
    drop(victim);
    // A stock reader tells the end inside a message from an orderly one.
    assert_eq!(listener.line(), "broken: IOError");
    let done = peer(&found[1], "client.py", &[&address]).finish();
    assert_eq!(done.lines, echoes((2, 7)), "{}", done.errors);
    gateway.interrupt();
    let log = gateway.finish().errors;
    assert!(log.contains("the client ended inside a message, after 50006 bytes of it"), "{log}");
}

#[test]
fn what_is_too_long_is_refused_by_name() {
    let Some(found) = pythons(&[(3, 13), (3, 13)]) else { return };
    let mut listener = peer(&found[0], "listener.py", &[TCP, "1"]);
    let (gateway, address) = gateway(&listener.address(), &["--max-message", "16KiB"]);
    let done = peer(&found[1], "client.py", &[&address]).finish();
    assert!(done.errors.contains("EOFError") || done.errors.contains("ConnectionResetError"), "{done:?}");
    // The other end must not take it for an orderly one.
    assert_eq!(listener.line(), "broken: OSError");
    gateway.interrupt();
    let log = gateway.finish().errors;
    assert!(log.contains("the client broke the protocol: bad message length"), "{log}");
}

#[test]
fn what_is_in_flight_is_finished_on_ctrl_c() {
    let Some(found) = pythons(&[(2, 7), (3, 13)]) else { return };
    let mut manager = peer(&found[0], "slow_manager.py", &[TCP]);
    let (gateway, address) = gateway(&manager.address(), &["--shutdown-timeout", "60s"]);
    let client = peer(&found[1], "slow_client.py", &[&address]);
    // The server has been asked, and answers a second later.
    assert_eq!(manager.line(), "asked");
    gateway.interrupt();
    assert_eq!(client.finish().lines, ["answered"]);
    assert_eq!(gateway.finish().code, Some(0));
}

#[test]
fn raw_bytes_pass_between_equal_versions() {
    listener_and_client((3, 13), (3, 13), TCP, TCP, &["--mode", "raw"]);
}

#[test]
fn the_names_that_pass_can_be_learnt_and_then_allowed() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let mut manager = peer(&found[0], "manager_server.py", &[TCP]);
    let server = manager.address();
    let (gateway, address) = gateway(&server, &["--policy", "learn"]);
    let done = peer(&found[0], "manager_client.py", &[&address]).finish();
    assert_eq!(done.lines, MANAGER_LINES, "{}", done.errors);
    gateway.interrupt();
    let log = gateway.finish().errors;
    let learnt: Vec<&str> = log.lines().filter_map(|line| line.split("passed: --allow ").nth(1)).collect();
    assert!(learnt.contains(&"builtins.ValueError"), "{log}");

    let folder = Folder::new("learnt");
    let list = format!("@{}", folder.file("list", learnt.join("\n")));
    let (_gateway, address) = self::gateway(&server, &["--policy", "strict", "--allow", &list]);
    let done = peer(&found[0], "manager_client.py", &[&address]).finish();
    assert_eq!(done.lines, MANAGER_LINES, "{}", done.errors);
}
