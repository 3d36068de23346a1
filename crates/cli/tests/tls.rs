//! TLS on every leg: certificates that are made here, real clients, and those that nobody should let in.
#![cfg(unix)]
#![allow(dead_code, unreachable_pub, reason = "no test uses all of the helpers")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::{DEADLINE, Finished, Folder, Process, dial, gateway_with, peer, pythons, sabir};

/// Files of an authority, of a server and a client that it signed, and of another authority with a client.
struct Files {
    _folder: Folder,
    ca: String,
    server: [String; 2],
    client: [String; 2],
    other_ca: String,
    other_client: [String; 2],
}

impl Files {
    fn new(name: &str) -> Files {
        let folder = Folder::new(name);
        let (authority, ca) = authority();
        let (other, other_ca) = authority_named("another authority");
        let write = |name: &str, (certificate, key): (String, String)| {
            [folder.file(&format!("{name}.pem"), certificate), folder.file(&format!("{name}.key"), key)]
        };
        let server = write("server", signed(&authority));
        let client = write("client", signed(&authority));
        let other_client = write("other-client", signed(&other));
        let (ca, other_ca) = (folder.file("ca.pem", ca), folder.file("other-ca.pem", other_ca));
        Files { ca, server, client, other_ca, other_client, _folder: folder }
    }

    /// What a listener is told; with `mutual`, it asks clients for a certificate too.
    fn listening(&self, mutual: bool) -> Vec<&str> {
        let mut args = vec!["--tls-cert", &*self.server[0], "--tls-key", &*self.server[1]];
        if mutual {
            args.extend(["--tls-client-ca", &*self.ca]);
        }
        args
    }
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    authority_named("the authority of a test")
}

fn authority_named(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("it is signed").pem();
    (Issuer::new(params, key), certificate)
}

/// A certificate for this machine, and its key.
fn signed(authority: &Issuer<'_, KeyPair>) -> (String, String) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(names).expect("they are names");
    let certificate = params.signed_by(&key, authority).expect("it is signed");
    (certificate.pem(), key.serialize_pem())
}

const KEY: [&str; 2] = ["--authkey-env", "PEER_AUTHKEY"];
const SECRET: [(&str, &str); 1] = [("PEER_AUTHKEY", "secret")];

fn serve(tls: &[&str], more: &[&str]) -> (Process, String) {
    let args = ["serve", "--listen", "tls:127.0.0.1:0", "--log", "debug", "--object", "config=dict"];
    let mut command = sabir(args.iter().chain(&KEY).chain(tls).chain(more));
    command.envs(SECRET);
    let mut server = Process::start(command);
    let address = server.address();
    assert!(address.starts_with("tls:127.0.0.1:"), "{address}");
    (server, address)
}

fn call(address: &str, tls: &[&str]) -> Finished {
    let mut command =
        sabir(["call", address, "config.copy", "--timeout", "60s"].iter().chain(&KEY).chain(tls));
    command.envs(SECRET);
    Process::start(command).finish()
}

/// Where the TCP connection beneath is.
fn beneath(address: &str) -> &str {
    address.strip_prefix("tls:").expect("it is one of TLS")
}

#[test]
fn stock_clients_of_all_versions_reach_a_server_over_mutual_tls_by_a_tunnel() {
    let Some(found) = pythons(&[(2, 7), (3, 6), (3, 13)]) else { return };
    let files = Files::new("tls-tunnel");
    let (server, address) = serve(&files.listening(true), &[]);
    let to = ["--to-tls-ca", &files.ca, "--to-tls-cert", &files.client[0], "--to-tls-key", &files.client[1]];
    // With the key at both ends of the tunnel, and with none in it.
    for keys in [&KEY[..], &[]] {
        let more: Vec<&str> = to.iter().chain(keys).copied().collect();
        let (tunnel, near) = gateway_with("127.0.0.1:0", &address, &more, &SECRET);
        for python in &found {
            for (script, more) in [("serve/write.py", "x"), ("serve/read.py", "x"), ("serve/large.py", "5")] {
                let done = peer(python, script, &[&near, more]).finish();
                assert_eq!(done.lines, ["fine"], "{} {script}: {}", python.version, done.errors);
            }
        }
        tunnel.interrupt();
        assert_eq!(tunnel.finish().code, Some(0));
    }
    // Its reply is there although the server ends with it.
    let mut command = sabir(["call", &address, ":shutdown", "--tls-ca", &files.ca].iter().chain(&KEY));
    command.args(["--tls-cert", &files.client[0], "--tls-key", &files.client[1]]).envs(SECRET);
    let done = Process::start(command).finish();
    assert_eq!((done.code, &*done.lines.join("\n")), (Some(0), "None"), "{}", done.errors);
    assert_eq!(server.finish().code, Some(0));
}

#[test]
fn a_gateway_listens_over_tls_too() {
    let files = Files::new("tls-gateway");
    let (_server, address) = serve(&files.listening(false), &["--listen", "127.0.0.1:0"]);
    let more: Vec<&str> =
        files.listening(false).into_iter().chain(["--to-tls-ca", &files.ca]).chain(KEY).collect();
    let (_gateway, front) = gateway_with("tls:127.0.0.1:0", &address, &more, &SECRET);
    let done = call(&front, &["--tls-ca", &files.ca]);
    assert_eq!((done.code, &*done.lines.join("\n")), (Some(0), "{}"), "{}", done.errors);
}

#[test]
fn who_shows_a_certificate_of_another_authority_is_not_talked_to() {
    let files = Files::new("tls-wrong");
    let (server, address) = serve(&files.listening(true), &[]);
    let ours = ["--tls-cert", &*files.client[0], "--tls-key", &*files.client[1]];
    let others = ["--tls-cert", &*files.other_client[0], "--tls-key", &*files.other_client[1]];
    let with = |ca: &str, more: &[&str]| call(&address, &[&["--tls-ca", ca], more].concat());

    let done = with(&files.other_ca, &ours);
    assert_eq!(done.code, Some(4), "{}", done.errors);
    assert!(done.errors.contains("UnknownIssuer"), "{}", done.errors);
    let done = with(&files.ca, &[]);
    assert_eq!(done.code, Some(4), "{}", done.errors);
    assert!(done.errors.contains("CertificateRequired"), "{}", done.errors);
    let done = with(&files.ca, &others);
    assert_eq!(done.code, Some(4), "{}", done.errors);
    // The right one is let in, but not under a name that the certificate has not.
    assert_eq!(with(&files.ca, &ours).code, Some(0));
    let by_name = address.replace("127.0.0.1", "localhost");
    assert_eq!(call(&by_name, &[&["--tls-ca", &*files.ca], &ours[..]].concat()).code, Some(0));
    let other_name = address.replace("127.0.0.1", "127.0.0.2");
    assert_ne!(call(&other_name, &[&["--tls-ca", &*files.ca], &ours[..]].concat()).code, Some(0));

    server.interrupt();
    let said = server.finish().errors;
    assert!(said.contains("peer sent no certificates") && said.contains("UnknownIssuer"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_gateway_says_why_its_server_does_not_take_it() {
    let Some(found) = pythons(&[(3, 13)]) else { return };
    let files = Files::new("tls-refused");
    let (_server, address) = serve(&files.listening(true), &[]);
    for keys in [&KEY[..], &[]] {
        let more: Vec<&str> = ["--to-tls-ca", &*files.ca].iter().chain(keys).copied().collect();
        let (tunnel, near) = gateway_with("127.0.0.1:0", &address, &more, &SECRET);
        assert_ne!(peer(&found[0], "serve/write.py", &[&near, "x"]).finish().code, Some(0));
        tunnel.interrupt();
        let said = tunnel.finish().errors;
        assert!(said.contains("CertificateRequired"), "{said}");
    }
}

#[test]
fn half_a_handshake_keeps_nobody_waiting_and_is_over_in_its_time() {
    let files = Files::new("tls-half");
    let (_server, address) = serve(&files.listening(false), &["--handshake-timeout", "2s"]);
    let begun = Instant::now();
    let mut silent = dial(beneath(&address));
    // The beginning of a record of 512 bytes, and of the greeting in it.
    let mut half = dial(beneath(&address));
    half.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").expect("it is taken");
    // A peer that speaks another protocol altogether.
    let mut other = dial(beneath(&address));
    other.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it is taken");
    let mut stock = dial(beneath(&address));
    stock.write_all(&support::frame(b"#CHALLENGE#")).expect("it is taken");

    let done = call(&address, &["--tls-ca", &files.ca]);
    assert_eq!(done.code, Some(0), "{}", done.errors);
    for stream in [&mut silent, &mut half, &mut other, &mut stock] {
        assert!(ends(stream), "an alert at most, and the end");
    }
    assert!(begun.elapsed() < DEADLINE);
}

/// Reads to the end, be it a broken one.
fn ends(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    rest.len() < 100 && !matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn a_server_that_says_nothing_of_tls_is_given_up_in_time() {
    let (listener, to) = support::listen();
    let files = Files::new("tls-silent");
    let mut command =
        sabir(["call", &format!("tls:{to}"), "config.copy", "--timeout", "1s"].iter().chain(&KEY));
    command.args(["--tls-ca", &files.ca]).envs(SECRET);
    let begun = Instant::now();
    let done = Process::start(command).finish();
    assert_eq!(done.code, Some(3), "{}", done.errors);
    assert!(done.errors.contains("the deadline passed"), "{}", done.errors);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    drop(listener);
}

#[test]
fn files_that_are_none_are_wrong_usage() {
    let files = Files::new("tls-usage");
    let usage = |args: &[&str]| {
        let done = Process::start(sabir(args.iter().chain(&["--no-auth"]))).finish();
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.errors);
        done.errors
    };
    let listen = ["serve", "--listen", "tls:127.0.0.1:0"];
    let with = |more: &[&str]| usage(&[&listen, more].concat());
    assert!(with(&[]).contains("--tls-cert FILE --tls-key FILE"));
    let said = with(&["--tls-cert", &files.server[1], "--tls-key", &files.server[1]]);
    assert!(said.contains("no certificate is in it"), "{said}");
    let said = with(&["--tls-cert", &files.server[0], "--tls-key", &files.server[0]]);
    assert!(said.contains("no private key is in it"), "{said}");
    let said = with(&["--tls-cert", &files.server[0], "--tls-key", &files.client[1]]);
    assert!(said.contains("--tls-cert, --tls-key"), "{said}");
    let said = with(&["--tls-cert", "nowhere", "--tls-key", "nowhere"]);
    assert!(said.contains("cannot read nowhere"), "{said}");
}
