//! Waiting for many at once.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::io::{IoSlice, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use backend::{Backends, far, near};
use sabir_net::Deadline;
use sabir_net::blocking::{Connection, Listener, Stream, Waitable, wait};
use sabir_wire::Config;

#[test]
fn whatever_is_ready_is_named_by_its_place() {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).unwrap();
        let client = Stream::connect(listener.local_address(), far()).unwrap();
        let idle = Connection::new(listener.accept(far()).unwrap(), Config::default());
        let (mut talker, other) = Connection::pair(Config::default()).unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = OwnedFd::from(reader);
        let objects: [&dyn Waitable; 5] = [&listener, &idle, &other, &reader, &client];

        assert_eq!(wait(&objects, Duration::ZERO).unwrap(), []);
        assert_eq!(wait(&objects, near()).unwrap(), []);
        talker.send_bytes(b"hello", far()).unwrap();
        assert_eq!(wait(&objects, Deadline::NEVER).unwrap(), [2]);
        writer.write_all(b"hello").unwrap();
        assert_eq!(wait(&objects, far()).unwrap(), [2, 3]);
        let _next = Stream::connect(listener.local_address(), far()).unwrap();
        let borrowed = reader.as_fd();
        assert_eq!(wait(&[&idle, &borrowed, &listener], far()).unwrap(), [1, 2]);
        drop(idle);
        assert_eq!(wait(&[&client], far()).unwrap(), [0], "the end is something to read");
    }
}

#[test]
fn what_was_read_ahead_is_ready_and_hides_no_other() {
    let (one, other) = Stream::pair().unwrap();
    one.write_all(&mut [IoSlice::new(b"\0\0\0\x01a\0\0\0\x01b\0\0\0\x02c")], far()).unwrap();
    let mut ahead = Connection::new(other, Config::default());
    let (mut talker, quiet) = Connection::pair(Config::default()).unwrap();
    assert_eq!(ahead.recv_bytes(far()).unwrap().unwrap(), "a");
    assert_eq!(wait(&[&quiet, &ahead], far()).unwrap(), [1]);
    talker.send_bytes(b"", far()).unwrap();
    assert_eq!(wait(&[&quiet, &ahead], far()).unwrap(), [0, 1]);
    assert_eq!(ahead.recv_bytes(far()).unwrap().unwrap(), "b");
    assert_eq!(wait(&[&quiet, &ahead], far()).unwrap(), [0], "the beginning of a message is none");
    one.write_all(&mut [IoSlice::new(b"d")], far()).unwrap();
    assert_eq!(wait(&[&quiet, &ahead], far()).unwrap(), [0, 1]);
}

#[test]
fn nothing_to_wait_for_is_nothing_ready() {
    assert_eq!(wait(&[], Deadline::NEVER).unwrap(), []);
}

#[test]
fn a_far_deadline_is_as_good_as_none() {
    let centuries = Duration::from_secs(1 << 36);
    for deadline in
        [Deadline::NEVER, Duration::MAX.into(), centuries.into(), (Instant::now() + centuries).into()]
    {
        let (mut one, mut other) = Connection::pair(Config::default()).unwrap();
        let sender = thread::spawn(move || {
            for _ in 0..3 {
                thread::sleep(Duration::from_millis(5));
                one.send_bytes(b"hello", deadline).unwrap();
            }
            one
        });
        assert_eq!(wait(&[&other], deadline).unwrap(), [0]);
        assert!(other.poll(deadline).unwrap());
        for _ in 0..3 {
            assert_eq!(other.recv_bytes(deadline).unwrap().unwrap(), "hello");
        }
        drop(sender.join().unwrap());
        assert!(other.recv_bytes(deadline).unwrap().is_none());
    }
}
