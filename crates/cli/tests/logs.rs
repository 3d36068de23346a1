//! What a peer says never becomes a line of the log.

#![allow(dead_code, unreachable_pub, reason = "the support is shared by several tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use support::{DEADLINE, Process, gateway};

/// Sends one pickle through a gateway, and gives what that one logged.
fn logged(pickle: &[u8], more: &[&str]) -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = server.local_addr().expect("it is bound").to_string();
    let (gateway, address) = gateway(&to, more);
    let mut client = TcpStream::connect(address).expect("the gateway listens");
    client.set_read_timeout(Some(DEADLINE)).expect("a timeout can be set");
    let (mut accepted, _) = server.accept().expect("the gateway connects");
    let length = u32::try_from(pickle.len()).expect("it is short").to_be_bytes();
    client.write_all(&[&length, pickle].concat()).expect("the gateway reads");
    client.shutdown(std::net::Shutdown::Write).expect("it is connected");
    // Both ends see the end once the gateway is done with them.
    let _ = accepted.read_to_end(&mut Vec::new());
    drop(accepted);
    let _ = client.read_to_end(&mut Vec::new());
    end(gateway)
}

fn end(gateway: Process) -> String {
    gateway.interrupt();
    let ended = gateway.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    ended.errors
}

#[test]
fn a_log_in_json_is_an_object_a_line_whatever_a_peer_says() {
    let log = logged(&forged(), &["--log-format", "json", "--policy", "learn"]);
    assert!(log.lines().count() > 1, "{log}");
    let mut forged = 0;
    for line in log.lines() {
        assert!(line.starts_with("{\"time\":\"20") && line.ends_with("\"}"), "{line}");
        assert!(line.contains("\",\"level\":\"") && line.contains(",\"message\":\""), "{line}");
        assert!(!line.chars().any(char::is_control), "{line}");
        forged += usize::from(line.contains("os.system"));
        assert!(!line.contains("\"message\":\"passed: --allow os.system\""), "{line}");
    }
    assert_eq!(forged, 1, "{log}");
    assert!(log.contains(",\"from\":\"127.0.0.1:"), "{log}");
}

/// Names `json` and a name with a line of its own, which looks as one of the gateway's does.
fn forged() -> Vec<u8> {
    let name = b"x\n2026-11-25T03:19:19Z  INFO client{}: passed: --allow os.system\x1b[2J";
    let length = [0x8c, u8::try_from(name.len()).expect("it is short")];
    [&b"\x80\x04\x8c\x04json"[..], &length, name, b"\x93."].concat()
}

#[test]
fn a_name_with_a_newline_writes_no_line_into_the_allow_list() {
    let log = logged(&forged(), &["--policy", "learn"]);
    let passed: Vec<&str> = log.lines().filter(|line| line.contains("passed: ")).collect();
    assert!(passed.len() <= 1 && !log.lines().any(|line| line.starts_with("2026-11-25T03:19:19Z")), "{log}");
    assert!(!log.contains('\x1b'), "{log:?}");
}

#[test]
fn a_refused_name_with_a_newline_stays_on_its_line() {
    let log = logged(&forged(), &["--policy", "strict"]);
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("refused")).collect();
    assert!(!refused.is_empty() && refused.iter().all(|line| line.contains(r"json:x\n")), "{log}");
    assert!(
        !log.lines().any(|line| line.starts_with("2026-11-25T03:19:19Z")) && !log.contains('\x1b'),
        "{log:?}"
    );
}
