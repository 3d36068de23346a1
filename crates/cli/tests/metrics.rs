//! What `sabir serve --metrics` tells Prometheus.
#![cfg(unix)]
#![allow(dead_code, unreachable_pub, reason = "no test uses all of the helpers")]

mod support;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use support::{Process, dial, sabir};

const KEY: [&str; 2] = ["--authkey-env", "PEER_AUTHKEY"];

/// A server, where it is, and where its metrics are.
fn serve(more: &[&str]) -> (Process, String, String) {
    let args = ["serve", "--metrics", "127.0.0.1:0", "--object", "config=dict", "--object", "jobs=Queue"];
    let mut command = sabir(args.iter().chain(&KEY).chain(more));
    command.env("PEER_AUTHKEY", "secret");
    let mut server = Process::start(command);
    let address = server.address();
    let line = server.line();
    let url = line.strip_prefix("metrics at http://").and_then(|url| url.strip_suffix("/metrics"));
    let metrics = url.expect("it says where").to_owned();
    (server, address, metrics)
}

fn call(address: &str, key: &str, args: &[&str]) -> Option<i32> {
    let mut command = sabir(["call", address].iter().chain(args).chain(&KEY));
    command.env("PEER_AUTHKEY", key);
    Process::start(command).finish().code
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = dial(address);
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it is text");
    reply
}

/// The figures of this moment, by name and label.
fn figures(address: &str) -> BTreeMap<String, u64> {
    let reply = ask(address, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    let mut declared = String::new();
    let mut found = BTreeMap::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            declared = rest.split(' ').nth(1).expect("a name").to_owned();
            continue;
        }
        let (name, figure) = line.rsplit_once(' ').expect("a name and a figure");
        assert_eq!(name.split('{').next(), Some(&*declared), "each has its help and type");
        found.insert(name.to_owned(), figure.parse().expect("a number"));
    }
    found
}

#[test]
fn what_clients_do_is_counted() {
    let (_server, address, metrics) = serve(&["--handshake-timeout", "500ms"]);
    let before = figures(&metrics);
    assert_eq!(before["sabir_connections"], 0);
    assert_eq!(before[r#"sabir_objects{type="dict"}"#], 1);

    assert_eq!(call(&address, "secret", &["config.update", "{'a': 1}"]), Some(0));
    assert_eq!(call(&address, "secret", &["config.__getitem__", "'nothing'"]), Some(1));
    assert_eq!(call(&address, "secret", &["jobs.get", "timeout=0.01"]), Some(1));
    assert_eq!(call(&address, "secret", &["list.append", "1"]), Some(0));
    assert_eq!(call(&address, "wrong", &["config.copy"]), Some(4));
    let mut silent = dial(&address);
    assert!(silent.read_to_end(&mut Vec::new()).is_ok());
    let waits = {
        let mut command = sabir(["call", &*address, "jobs.get"].iter().chain(&KEY));
        command.env("PEER_AUTHKEY", "secret");
        Process::start(command)
    };
    while figures(&metrics)["sabir_waiting_calls"] == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    let now = figures(&metrics);
    let grown = |name: &str| now[name] - before[name];
    assert_eq!(grown(r#"sabir_calls_total{type="dict"}"#), 2);
    assert_eq!(grown(r#"sabir_call_errors_total{type="dict"}"#), 1);
    assert_eq!(grown(r#"sabir_calls_total{type="Queue"}"#), 2);
    assert_eq!(grown(r#"sabir_call_errors_total{type="Queue"}"#), 1, "Empty, after its time");
    assert_eq!(grown(r#"sabir_objects_created_total{type="list"}"#), 1);
    assert_eq!(now[r#"sabir_objects{type="list"}"#], 0, "it went with its proxy");
    assert_eq!(grown(r#"sabir_connections_refused_total{reason="key"}"#), 1);
    assert_eq!(grown(r#"sabir_connections_refused_total{reason="timeout"}"#), 1);
    assert!(grown("sabir_connections_accepted_total") >= 10);
    assert!(now["sabir_connections"] >= 1 && now["sabir_handshakes"] == 0);
    assert!(grown("sabir_received_bytes_total") > 100 && grown("sabir_sent_bytes_total") > 100);
    assert!(now["sabir_references"] >= 1);
    drop(waits);
}

#[test]
fn who_asks_for_something_else_or_nothing_does_no_harm() {
    let (_server, _, metrics) = serve(&[]);
    let silent: Vec<_> = (0..8).map(|_| dial(&metrics)).collect();
    assert!(ask(&metrics, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(ask(&metrics, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    let head = ask(&metrics, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    let mut endless = dial(&metrics);
    // The end comes before all of it is taken.
    let _ = endless.write_all(&vec![b'a'; 1 << 20]);
    let _ = endless.read_to_end(&mut Vec::new());
    assert_eq!(figures(&metrics)["sabir_connections"], 0);
    drop(silent);
}
