//! Descriptors across Unix sockets.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::fs::File;
use std::io::{IoSlice, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread;

use backend::{far, near};
use bytes::BytesMut;
use sabir_net::blocking::{Connection, Stream};
use sabir_net::handles::{HandleRules, recv_handle, send_handle, try_recv_with_fds, try_send_fds};
use sabir_net::{Doing, Error};
use sabir_wire::Config;

const ALL: [HandleRules; 3] = [HandleRules::Python27, HandleRules::Counted, HandleRules::Acknowledged];

#[test]
fn a_descriptor_arrives_by_every_rule_and_the_next_message_is_whole() {
    for rules in ALL {
        let (one, other) = Stream::pair().unwrap();
        let sender = thread::spawn(move || {
            send_handle(&one, pipe_that_says(b"hello"), rules, far()).unwrap();
            one.write_all(&mut [IoSlice::new(b"next")], far()).unwrap();
            one
        });
        let handle = recv_handle(&other, rules, far()).unwrap();
        assert_eq!(all_of(handle), b"hello");
        let one = sender.join().unwrap();
        let mut next = BytesMut::new();
        other.read(&mut next, far()).unwrap();
        assert_eq!(next, "next", "{rules:?}");
        other.write_all(&mut [IoSlice::new(b"back")], far()).unwrap();
        let mut back = BytesMut::new();
        one.read(&mut back, far()).unwrap();
        assert_eq!(back, "back", "{rules:?}: a stray acknowledgement");
    }
}

/// What a connection reads ahead may hold a descriptor, and must not lose it.
#[test]
fn descriptors_between_messages_are_not_read_over() {
    for rules in ALL {
        let (one, other) = Stream::pair().unwrap();
        let (mut one, mut other) =
            (Connection::new(one, Config::default()), Connection::new(other, Config::default()));
        let sender = thread::spawn(move || {
            for length in [3, 100_000] {
                one.send_bytes(&vec![7; length], far()).unwrap();
                one.send_handle(pipe_that_says(b"hello"), rules, far()).unwrap();
            }
            one.send_bytes(b"last", far()).unwrap();
            // Whatever comes back comes as a message, not as a stray acknowledgement.
            assert_eq!(one.recv_bytes(far()).unwrap().unwrap(), "back", "{rules:?}");
        });
        for length in [3, 100_000] {
            assert_eq!(other.recv_bytes(far()).unwrap().unwrap().len(), length);
            assert_eq!(all_of(other.recv_handle(rules, far()).unwrap()), b"hello", "{rules:?}");
        }
        assert_eq!(other.recv_bytes(far()).unwrap().unwrap(), "last");
        other.send_bytes(b"back", far()).unwrap();
        sender.join().unwrap();
    }
}

#[test]
fn a_descriptor_where_a_message_is_expected_is_an_error() {
    let (one, other) = Stream::pair().unwrap();
    try_send_fds(&one, 1, &[pipe_that_says(b"").as_fd()]).unwrap();
    let error = Connection::new(other, Config::default()).recv_bytes(far()).unwrap_err();
    assert!(matches!(error, Error::Handle(_)), "{error}");
}

#[test]
fn a_receiver_that_does_not_acknowledge_is_waited_for_no_longer_than_the_deadline() {
    let (one, _other) = Stream::pair().unwrap();
    let error = send_handle(&one, pipe_that_says(b""), HandleRules::Acknowledged, near()).unwrap_err();
    assert!(matches!(error, Error::Timeout { doing: Doing::PassingHandle }), "{error}");
}

#[test]
fn a_byte_that_does_not_count_the_descriptors_is_refused_except_from_python_27() {
    for (rules, accepted) in ALL.into_iter().zip([true, false, false]) {
        let (one, other) = Stream::pair().unwrap();
        try_send_fds(&one, 0, &[pipe_that_says(b"").as_fd()]).unwrap();
        assert_eq!(recv_handle(&other, rules, far()).is_ok(), accepted, "{rules:?}");
    }
}

#[test]
fn a_byte_without_a_descriptor_is_refused_and_not_acknowledged() {
    for rules in ALL {
        let (one, other) = Stream::pair().unwrap();
        one.write_all(&mut [IoSlice::new(&[rules.data_byte(0)])], far()).unwrap();
        assert!(matches!(recv_handle(&other, rules, far()), Err(Error::Handle(_))), "{rules:?}");
        drop(other);
        let mut buffer = BytesMut::new();
        assert_eq!(one.read(&mut buffer, far()).unwrap(), 0, "{rules:?}");
    }
}

#[test]
fn a_peer_that_hangs_up_is_no_descriptor() {
    for rules in ALL {
        let (one, other) = Stream::pair().unwrap();
        drop(one);
        assert!(matches!(recv_handle(&other, rules, far()), Err(Error::Closed { .. })));
    }
}

#[test]
fn several_descriptors_come_with_the_last_byte_of_a_read_and_are_closed_on_exec() {
    let (one, other) = Stream::pair().unwrap();
    let pipes = [pipe_that_says(b"1"), pipe_that_says(b"2"), pipe_that_says(b"3")];
    one.write_all(&mut [IoSlice::new(b"before")], far()).unwrap();
    try_send_fds(&one, 3, &pipes.each_ref().map(OwnedFd::as_fd)).unwrap();
    one.write_all(&mut [IoSlice::new(b"after")], far()).unwrap();

    let (mut buffer, mut fds) = ([0; 64], Vec::new());
    let received = try_recv_with_fds(&other, &mut buffer, &mut fds).unwrap();
    assert_eq!(&buffer[..received.bytes], b"before\x03");
    assert!(!received.lost_descriptors);
    for fd in &fds {
        assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
    let contents: Vec<_> = fds.drain(..).map(all_of).collect();
    assert_eq!(contents, [b"1", b"2", b"3"]);

    let received = try_recv_with_fds(&other, &mut buffer, &mut fds).unwrap();
    assert_eq!((&buffer[..received.bytes], fds.len()), (&b"after"[..], 0));
}

#[test]
fn the_rules_of_each_python() {
    assert_eq!(HandleRules::of_python(2, 7), HandleRules::Python27);
    assert_eq!(HandleRules::of_python(3, 14), HandleRules::Acknowledged);
    assert_eq!(HandleRules::of_python(4, 0), HandleRules::Acknowledged);
    if cfg!(target_os = "linux") {
        assert_eq!(HandleRules::of_python(3, 6), HandleRules::Counted);
        assert_eq!(HandleRules::of_python(3, 13), HandleRules::Counted);
    }
    assert_eq!(HandleRules::Counted.data_byte(256), 0);
}

/// The reading end of a pipe that holds this much and no more.
fn pipe_that_says(content: &[u8]) -> OwnedFd {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(content).unwrap();
    reader.into()
}

fn all_of(handle: OwnedFd) -> Vec<u8> {
    let mut content = Vec::new();
    File::from(handle).read_to_end(&mut content).unwrap();
    content
}
