//! The blocking driver over each backend.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::io::{ErrorKind, IoSlice};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::{fs, process, thread};

use backend::{Backends, Directory, far, near, tcp};
use bytes::BytesMut;
use sabir_net::blocking::{Connection, Listener, Stream};
use sabir_net::{Address, Doing, Error};
use sabir_wire::Config;
use sabir_wire::auth::{AuthKey, AuthOptions};
use sabir_wire::frame::FrameLimits;

#[test]
fn messages_of_any_size_come_back_over_every_backend() {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).unwrap();
        let there = listener.local_address().clone();
        let echo =
            thread::spawn(move || echo(accepting(listener.accept(far()).unwrap(), b"secret").unwrap()));
        let mut client = connecting(Stream::connect(&there, far()).unwrap(), b"secret").unwrap();
        round_trips(&mut client);
        drop(client);
        echo.join().unwrap();
    }
}

#[test]
fn messages_of_any_size_come_back_within_a_process() {
    let (one, other) = Stream::pair().unwrap();
    let echo = thread::spawn(move || echo(Connection::new(one, Config::default())));
    let mut client = Connection::new(other, Config::default());
    round_trips(&mut client);
    drop(client);
    echo.join().unwrap();
}

#[test]
fn either_end_knows_where_the_other_is() {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).unwrap();
        let client = Stream::connect(listener.local_address(), far()).unwrap();
        let server = listener.accept(far()).unwrap();
        let there = Some(listener.local_address().clone());
        assert_eq!(client.peer_address().unwrap(), there);
        assert_eq!(server.local_address().unwrap(), there);
        // A Unix client has no name, and Python's `last_accepted` is then the empty string.
        assert_eq!(server.peer_address().unwrap(), client.local_address().unwrap());
        let is_unix = !matches!(address, Address::Tcp { .. });
        assert_eq!(client.local_address().unwrap().is_none(), is_unix);
        if cfg!(target_os = "linux") {
            assert_eq!(server.peer_pid(), is_unix.then(process::id));
        }
    }
}

#[test]
fn a_wrong_key_is_told_to_both_ends() {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).unwrap();
        let there = listener.local_address().clone();
        let server = thread::spawn(move || accepting(listener.accept(far()).unwrap(), b"right").unwrap_err());
        let client = connecting(Stream::connect(&there, far()).unwrap(), b"wrong").unwrap_err();
        assert!(client.is_wrong_key(), "{client}");
        let server = server.join().unwrap();
        assert!(server.is_wrong_key(), "{server}");
    }
}

#[test]
fn a_silent_peer_ends_at_the_deadline() {
    let (one, _silent) = Stream::pair().unwrap();
    let error =
        Connection::connecting(one, Config::default(), AuthKey::new(*b"k"), AuthOptions::default(), near())
            .unwrap_err();
    assert!(matches!(error, Error::Timeout { doing: Doing::Authenticating }), "{error}");
}

#[test]
fn a_message_goes_on_where_a_deadline_cut_it() {
    let (one, other) = Stream::pair().unwrap();
    let mut reader = Connection::new(one, Config::default());
    other.write_all(&mut [IoSlice::new(b"\0\0\0\x05he")], far()).unwrap();
    let error = reader.recv_bytes(near()).unwrap_err();
    assert!(matches!(error, Error::Timeout { doing: Doing::Receiving }), "{error}");
    other.write_all(&mut [IoSlice::new(b"llo")], far()).unwrap();
    assert_eq!(reader.recv_bytes(far()).unwrap().unwrap(), "hello");
}

#[test]
fn a_peer_that_does_not_read_ends_at_the_deadline() {
    let (one, _deaf) = Stream::pair().unwrap();
    let mut writer = Connection::new(one, Config::default());
    let error = writer.send_bytes(&vec![0; 16 << 20], near()).unwrap_err();
    assert!(matches!(error, Error::Timeout { doing: Doing::Sending }), "{error}");
}

#[test]
fn a_message_beyond_the_limit_is_refused_before_it_arrives() {
    let (one, other) = Stream::pair().unwrap();
    let config = Config { limits: FrameLimits { max_message: 10 }, ..Config::default() };
    let mut reader = Connection::new(one, config);
    other.write_all(&mut [IoSlice::new(b"\0\0\0\x0b")], far()).unwrap();
    assert!(matches!(reader.recv_bytes(far()), Err(Error::Wire(_))));
}

#[test]
fn half_a_connection_can_be_closed() {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).unwrap();
        let client = Stream::connect(listener.local_address(), far()).unwrap();
        let server = listener.accept(far()).unwrap();
        client.shutdown_write().unwrap();
        let mut buffer = BytesMut::new();
        assert_eq!(server.read(&mut buffer, far()).unwrap(), 0);
        server.write_all(&mut [IoSlice::new(b"still ")], far()).unwrap();
        server.write_all(&mut [IoSlice::new(b""), IoSlice::new(b"here")], far()).unwrap();
        while buffer.len() < b"still here".len() {
            assert_ne!(client.read(&mut buffer, far()).unwrap(), 0);
        }
        assert_eq!(buffer, "still here");
    }
}

#[test]
fn nobody_to_accept_ends_at_the_deadline() {
    for address in Backends::new().addresses {
        let error = Listener::bind(&address).unwrap().accept(near()).unwrap_err();
        assert!(matches!(error, Error::Timeout { doing: Doing::Accepting }), "{error}");
    }
}

#[test]
fn nobody_there_is_said_at_once() {
    for address in Backends::new().addresses {
        let gone = Listener::bind(&address).unwrap().local_address().clone();
        let error = Stream::connect(&gone, far()).unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        assert!(error.to_string().contains(&gone.to_string()), "{error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_backlog_ends_at_the_deadline() {
    let directory = Directory::new();
    let path = directory.join("full");
    let _listener = backlog_of_one(&path);
    let mut taken = Vec::new();
    let error = loop {
        match Stream::connect(&Address::Unix(path.clone()), near()) {
            Ok(stream) => taken.push(stream),
            Err(error) => break error,
        }
        assert!(taken.len() < 10, "the backlog never fills");
    };
    assert!(matches!(error, Error::Timeout { doing: Doing::Connecting }), "{error}");
}

#[test]
fn a_host_that_nobody_knows_is_an_error_that_names_it() {
    // RFC 2606 reserves the name.
    let address: Address = "no-such-host.invalid:1".parse().unwrap();
    match Stream::connect(&address, far()).unwrap_err() {
        error @ (Error::Connect { .. } | Error::Timeout { .. }) => {
            assert!(error.to_string().contains("host") || error.to_string().contains("invalid"), "{error}");
        }
        error => panic!("{error}"),
    }
}

#[test]
fn what_this_build_lacks_is_said_by_name() {
    for text in ["tls:localhost:1", r"pipe:\\.\pipe\a"] {
        let address = text.parse().unwrap();
        for error in [Listener::bind(&address).unwrap_err(), Stream::connect(&address, far()).unwrap_err()] {
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_not_shared() {
    let first = Listener::bind(&tcp()).unwrap();
    assert_in_use(&Listener::bind(first.local_address()).unwrap_err());
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let directory = Directory::new();
    let path = directory.join("listener");
    // The standard library leaves its file behind.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = Listener::bind(&Address::Unix(path.clone())).unwrap();

    assert_in_use(&Listener::bind(&Address::Unix(path.clone())).unwrap_err());
    // The question whether it lives has cost it one connection, that is closed already.
    UnixStream::connect(&path).unwrap();
    listener.accept(far()).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_socket_with_a_full_backlog_is_live() {
    let directory = Directory::new();
    let path = directory.join("full");
    let _listener = backlog_of_one(&path);
    let address = Address::Unix(path.clone());
    let mut taken = Vec::new();
    while let Ok(stream) = Stream::connect(&address, near()) {
        taken.push(stream);
    }
    assert_in_use(&Listener::bind(&address).unwrap_err());
    assert!(path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let directory = Directory::new();
    let path = directory.join("precious");
    fs::write(&path, "data").unwrap();
    let error = Listener::bind(&Address::Unix(path.clone())).unwrap_err();
    assert!(
        matches!(&error, Error::Bind { source, .. } if source.kind() == ErrorKind::AlreadyExists),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"data");
}

#[test]
fn a_socket_is_its_owners_alone_and_goes_with_its_listener() {
    let directory = Directory::new();
    let path = directory.join("listener");
    let listener = Listener::bind(&Address::Unix(path.clone())).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_socket_that_another_listener_has_put_there_stays() {
    let directory = Directory::new();
    let path = directory.join("listener");
    let first = Listener::bind(&Address::Unix(path.clone())).unwrap();
    fs::remove_file(&path).unwrap();
    let _second = Listener::bind(&Address::Unix(path.clone())).unwrap();
    drop(first);
    assert!(path.exists());
}

#[test]
fn only_tcp_has_an_original_destination() {
    let (one, _other) = Stream::pair().unwrap();
    assert_eq!(one.original_destination().unwrap_err().kind(), ErrorKind::Unsupported);
}

fn round_trips(client: &mut Connection) {
    // The edges of one write, of one read, and of what a socket's buffer holds.
    for length in [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 1_000_000, 20 << 20] {
        let message: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        client.send_bytes(&message, far()).unwrap();
        let echoed = client.recv_bytes(far()).unwrap().unwrap();
        assert!(echoed == message, "{length} bytes came back as {}", echoed.len());
    }
}

fn echo(mut connection: Connection) {
    while let Some(message) = connection.recv_bytes(far()).unwrap() {
        connection.send_bytes(&message, far()).unwrap();
    }
}

fn accepting(stream: Stream, key: &[u8]) -> Result<Connection, Error> {
    Connection::accepting(stream, Config::default(), AuthKey::new(key), AuthOptions::default(), far())
}

fn connecting(stream: Stream, key: &[u8]) -> Result<Connection, Error> {
    Connection::connecting(stream, Config::default(), AuthKey::new(key), AuthOptions::default(), far())
}

fn assert_in_use(error: &Error) {
    assert!(matches!(error, Error::Bind { source, .. } if source.kind() == ErrorKind::AddrInUse), "{error}");
}

/// A listener that nobody accepts from, with the backlog of Python's own `Listener`.
#[cfg(target_os = "linux")]
fn backlog_of_one(path: &std::path::Path) -> std::os::fd::OwnedFd {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};

    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(path).unwrap()).unwrap();
    listen(&listener, 1).unwrap();
    listener
}
