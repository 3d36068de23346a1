//! Messages over descriptors that need not be ours alone.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

use std::io::{self, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use sabir_net::blocking::descriptor::{Handshake, Input, Kind, Output, ready_by};
use sabir_net::{Deadline, Doing, Error};

#[test]
fn messages_of_any_size_pass_through_a_pipe_and_a_socket() {
    let (reader, writer) = io::pipe().unwrap();
    pass(reader.as_fd(), writer.as_fd(), false);
    let (one, other) = UnixStream::pair().unwrap();
    pass(one.as_fd(), other.as_fd(), false);
    pass(one.as_fd(), other.as_fd(), true);
}

#[test]
fn the_descriptor_is_readable_until_the_last_message_is_received() {
    let (one, other) = UnixStream::pair().unwrap();
    let mut output = Output::new(Kind::of(other.as_fd()));
    let messages: Vec<&[u8]> = vec![b"one", b"", b"three", b""];
    output.send_many(other.as_fd(), &messages, far(), &mut go_on()).unwrap();
    let mut input = Input::new(Kind::of(one.as_fd()));
    input.set_read_ahead(true);
    for message in messages {
        assert!(ready_by(one.as_fd(), Duration::ZERO, &mut go_on()).unwrap());
        assert_eq!(receive(&mut input, one.as_fd(), far()).unwrap().as_deref(), Some(message));
    }
    assert!(!ready_by(one.as_fd(), Duration::ZERO, &mut go_on()).unwrap());
}

#[test]
fn without_reading_ahead_two_readers_of_one_pipe_take_turns() {
    let (reader, writer) = io::pipe().unwrap();
    let mut output = Output::new(Kind::of(writer.as_fd()));
    let messages: Vec<Vec<u8>> = (0..100u8).map(|at| vec![at; usize::from(at)]).collect();
    output.send_many(writer.as_fd(), &messages, far(), &mut go_on()).unwrap();
    let (mut one, mut other) = (Input::new(Kind::Pipe), Input::new(Kind::Pipe));
    for (at, message) in messages.into_iter().enumerate() {
        let input = if at % 3 == 0 { &mut one } else { &mut other };
        assert_eq!(receive(input, reader.as_fd(), far()).unwrap(), Some(message));
    }
}

#[test]
fn a_timeout_half_way_loses_nothing() {
    let (one, mut other) = UnixStream::pair().unwrap();
    let mut input = Input::new(Kind::of(one.as_fd()));
    let mut body = [MaybeUninit::uninit(); 5];
    let soon = Duration::from_millis(5);
    other.write_all(&[0, 0]).unwrap();
    assert!(matches!(input.header(one.as_fd(), soon, &mut go_on()), Err(Error::Timeout { .. })));
    other.write_all(&[0, 5, b'h', b'e']).unwrap();
    assert_eq!(input.header(one.as_fd(), soon, &mut go_on()).unwrap().unwrap().body_len, 5);
    let stopped = input.body(one.as_fd(), &mut body, 0, soon, &mut go_on());
    assert!(matches!(stopped, Err(Error::Timeout { doing: Doing::Receiving })));
    assert_eq!(input.filled(), 2);
    other.write_all(b"llo").unwrap();
    input.body(one.as_fd(), &mut body, 0, soon, &mut go_on()).unwrap();
    assert_eq!((input.filled(), input.has_some()), (0, false));
}

#[test]
fn a_peer_that_does_not_read_does_not_hang_a_sender_and_gets_the_rest_later() {
    for (reader, writer) in [pipe(), socket()] {
        let (reader, writer) = (reader.as_fd(), writer.as_fd());
        let mut output = Output::new(Kind::of(writer));
        let long = vec![7; 1 << 20];
        let stopped = output.send(writer, &[&long[..]], Duration::from_millis(20), &mut go_on());
        assert!(matches!(stopped, Err(Error::Timeout { doing: Doing::Sending })));
        assert!(output.has_rest());
        thread::scope(|scope| {
            scope.spawn(|| output.send(writer, &[&b"next"[..]], far(), &mut go_on()).unwrap());
            let mut input = Input::new(Kind::of(reader));
            assert!(receive(&mut input, reader, far()).unwrap() == Some(long.clone()));
            assert_eq!(receive(&mut input, reader, far()).unwrap().as_deref(), Some(&b"next"[..]));
        });
    }
}

#[test]
fn a_handshake_that_runs_out_of_time_goes_on_where_it_was_and_takes_nothing_beyond() {
    let (one, other) = UnixStream::pair().unwrap();
    let mut listener = Handshake::accepting(b"key".to_vec().into(), Default::default()).unwrap();
    let (mut input, mut output) = (Input::new(Kind::Unix), Output::new(Kind::Unix));
    let soon = Duration::from_millis(5);
    for _ in 0..2 {
        let shaken = listener.go_on(one.as_fd(), &mut input, &mut output, soon, &mut go_on());
        assert!(matches!(shaken, Err(Error::Timeout { .. })));
    }
    let client = thread::spawn(move || {
        let mut client = Handshake::connecting(b"key".to_vec().into(), Default::default()).unwrap();
        let (mut input, mut output) = (Input::new(Kind::Unix), Output::new(Kind::Unix));
        client.go_on(other.as_fd(), &mut input, &mut output, far(), &mut go_on()).unwrap();
        output.send(other.as_fd(), &[&b"request"[..]], far(), &mut go_on()).unwrap();
    });
    listener.go_on(one.as_fd(), &mut input, &mut output, far(), &mut go_on()).unwrap();
    client.join().unwrap();
    assert_eq!(receive(&mut input, one.as_fd(), far()).unwrap().as_deref(), Some(&b"request"[..]));
}

fn pass(reader: BorrowedFd<'_>, writer: BorrowedFd<'_>, read_ahead: bool) {
    let sizes = [0, 1, 3, 1024, 16_384, 16_385, 65_536, 1 << 20, 0, 9];
    let message = |size: usize| (0..size).map(|at| at as u8).collect::<Vec<u8>>();
    let mut input = Input::new(Kind::of(reader));
    input.set_read_ahead(read_ahead);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut output = Output::new(Kind::of(writer));
            for size in sizes {
                output.send(writer, &[message(size)], Deadline::NEVER, &mut go_on()).unwrap();
            }
            let all: Vec<_> = sizes.into_iter().map(message).collect();
            output.send_many(writer, &all, Deadline::NEVER, &mut go_on()).unwrap();
        });
        for size in sizes.into_iter().chain(sizes) {
            assert!(receive(&mut input, reader, far()).unwrap() == Some(message(size)), "{size}");
        }
    });
}

fn receive(
    input: &mut Input,
    descriptor: BorrowedFd<'_>,
    deadline: Duration,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(frame) = input.header(descriptor, deadline, &mut go_on())? else { return Ok(None) };
    let mut body = Box::new_uninit_slice(usize::try_from(frame.body_len).unwrap());
    input.body(descriptor, &mut body, 0, deadline, &mut go_on())?;
    #[allow(unsafe_code, reason = "all of it has been filled")]
    // SAFETY: `body` has returned.
    Ok(Some(unsafe { body.assume_init() }.into_vec()))
}

fn go_on() -> impl FnMut() -> bool {
    || true
}

fn far() -> Duration {
    Duration::from_secs(20)
}

fn pipe() -> (std::os::fd::OwnedFd, std::os::fd::OwnedFd) {
    let (reader, writer) = io::pipe().unwrap();
    (reader.into(), writer.into())
}

fn socket() -> (std::os::fd::OwnedFd, std::os::fd::OwnedFd) {
    let (one, other) = UnixStream::pair().unwrap();
    (one.into(), other.into())
}
