//! Connections of async programs, with stock Pythons and with each other.
#![cfg(all(unix, feature = "tokio"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::time::Duration;

use sabir::tokio::{Connection, Listener};
use sabir::{Context, Error, Timeouts};
use support::{Peer, context, few_pythons, pythons};

#[tokio::test]
async fn every_python_listener_is_sent_what_it_reads_and_answers() {
    for python in pythons() {
        let mut peer = Peer::start(&python, "connection.py", &["listen", "127.0.0.1:0"]);
        let mut connection = Connection::connect(&context(), &peer.line()).await.unwrap();
        connection.send(&("ahoy", 3)).await.unwrap();
        assert_eq!(
            connection.recv::<(String, u32)>().await.unwrap(),
            ("ahoy".into(), 3),
            "{}",
            python.version
        );
    }
}

#[tokio::test]
async fn every_python_client_is_read_and_answered() {
    for python in pythons() {
        let mut listener = Listener::bind(&context(), "127.0.0.1:0").await.unwrap();
        let mut peer = Peer::start(&python, "connection.py", &["client", &listener.address().to_string()]);
        let mut connection = listener.accept().await.unwrap();
        for _ in 0..15 {
            let graph = connection.recv_graph().await.unwrap();
            connection.send_graph(graph).await.unwrap();
        }
        for _ in 0..2 {
            let message = connection.recv_bytes().await.unwrap();
            connection.send_bytes(&message).await.unwrap();
        }
        assert!(matches!(connection.recv_bytes().await, Err(Error::Eof)));
        for value in 0..15 {
            assert_eq!(peer.line(), "same", "{}: value {value}", python.version);
        }
    }
}

#[tokio::test]
async fn a_receive_that_is_cancelled_anywhere_loses_nothing() {
    let (mut one, mut other) = Connection::pipe(&Context::new()).unwrap();
    let sending = tokio::spawn(async move {
        for number in 0..2000u32 {
            one.send(&(number, vec![7u8; number as usize * 13 % 40_000])).await.unwrap();
        }
    });
    let mut expected = 0;
    while expected < 2000 {
        let patience = Duration::from_micros(u64::from(expected) % 70);
        match tokio::time::timeout(patience, other.recv::<(u32, Vec<u8>)>()).await {
            Ok(received) => {
                let (number, bytes) = received.unwrap();
                assert_eq!((number, bytes.len()), (expected, number as usize * 13 % 40_000));
                expected += 1;
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn a_send_that_is_cancelled_half_way_goes_first_with_the_next() {
    let (mut one, mut other) = Connection::pipe(&Context::new()).unwrap();
    let large = vec![1u8; 5_000_000];
    // Nobody reads yet, so it cannot be done.
    let cut = tokio::time::timeout(Duration::from_millis(20), one.send_bytes(&large)).await;
    assert!(cut.is_err());
    let receiving = tokio::spawn(async move {
        let first = other.recv_bytes().await.unwrap();
        (first, other.recv_bytes().await.unwrap())
    });
    one.send_bytes(b"after").await.unwrap();
    let (first, second) = receiving.await.unwrap();
    assert!(first == large && second == "after");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    for python in few_pythons() {
        let mut peer = Peer::start(&python, "connection.py", &["mute", "127.0.0.1:0"]);
        let mut connection = Connection::connect(&context(), &peer.line()).await.unwrap();
        assert_eq!(peer.line(), "silent");
        connection.set_timeouts(connection.timeouts().recv(Duration::from_millis(100)));
        assert!(connection.recv::<u8>().await.unwrap_err().is_timeout());
        peer.kill();
        connection.set_timeouts(connection.timeouts().recv(Duration::from_secs(20)));
        assert!(!connection.recv::<u8>().await.unwrap_err().is_timeout(), "it died in mid-message");
    }
}

#[tokio::test]
async fn peers_that_say_nothing_or_know_no_key_keep_nobody_waiting() {
    let timeouts = Timeouts::default().accept(Duration::from_secs(2));
    let mut listener = Listener::bind(&context().timeouts(timeouts), "127.0.0.1:0").await.unwrap();
    let address = listener.address().clone();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(Connection::connect(&Context::new(), &address).await.unwrap());
    }
    let stranger = tokio::spawn({
        let address = address.clone();
        async move { Connection::connect(&Context::new().authkey(b"wrong"), &address).await }
    });
    let client = tokio::spawn(async move {
        Connection::connect(&context(), &address).await.unwrap().send("ahoy").await.unwrap();
    });
    assert_eq!(listener.accept().await.unwrap().recv::<String>().await.unwrap(), "ahoy");
    client.await.unwrap();
    assert!(listener.accept().await.unwrap_err().is_timeout());
    assert!(stranger.await.unwrap().is_err());
    assert!(listener.refused().iter().any(|error| error.to_string().contains("digest")));
}
