//! The tokio driver over each backend.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;

use std::io::{ErrorKind, IoSlice, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Instant;
use std::{fs, process};

use backend::{Backends, Directory, far, near, tcp};
use bytes::{BufMut as _, BytesMut};
use sabir_net::tokio::authenticate::{self, Authenticated};
use sabir_net::tokio::{Listener, Stream};
use sabir_net::{Address, Doing, Error};
use sabir_wire::auth::{AuthKey, AuthOptions, Era};

#[tokio::test]
async fn both_ends_authenticate_and_what_follows_is_not_lost() {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).await.unwrap();
        let there = listener.local_address().clone();
        let server = async {
            let stream = listener.accept().await.unwrap();
            let Authenticated { hints, mut leftover, .. } =
                accepting(&stream, b"secret", far()).await.unwrap();
            assert_eq!(hints.era(), Some(Era::From312));
            while leftover.len() < 5 {
                assert_ne!(read(&stream, &mut leftover).await, 0);
            }
            assert_eq!(leftover, "\0\0\0\x01x");
            stream
        };
        let client = async {
            let stream = Stream::connect(&there, far()).await.unwrap();
            connecting(&stream, b"secret", far()).await.unwrap();
            write(&stream, b"\0\0\0\x01x").await;
            stream
        };
        let (server, client) = tokio::join!(server, client);
        assert_eq!(client.peer_address().unwrap(), Some(there.clone()));
        assert_eq!(server.local_address().unwrap(), Some(there));
        assert_eq!(server.peer_address().unwrap(), client.local_address().unwrap());
        if cfg!(target_os = "linux") {
            assert_eq!(server.peer_pid(), server.is_unix().then(process::id));
        }
    }
}

#[tokio::test]
async fn bytes_that_arrive_with_the_last_of_the_handshake_are_handed_on() {
    let (one, other) = Stream::pair().unwrap();
    let (authenticated, ()) =
        tokio::join!(accepting(&one, b"k", far()), hasty_client(&other, b"first request"));
    let Authenticated { leftover, fds, .. } = authenticated.unwrap();
    assert_eq!(leftover, "\0\0\0\x0dfirst request");
    assert!(fds.is_empty());
}

/// A 3.13 client that calls `send_handle` right after `Client` is read together with its welcome.
#[tokio::test]
async fn a_descriptor_that_arrives_with_the_last_of_the_handshake_is_handed_on() {
    let (one, other) = Stream::pair().unwrap();
    let (reader, _writer) = std::io::pipe().unwrap();
    let client = async {
        hasty_client(&other, b"").await;
        other.try_send_fds(1, &[reader.as_fd()]).unwrap();
    };
    // The client runs ahead until it waits, so the last read finds all of it.
    let (_, authenticated) = tokio::join!(client, accepting(&one, b"k", far()));
    let Authenticated { leftover, fds, .. } = authenticated.unwrap();
    assert_eq!(leftover, "\0\0\0\0\x01");
    assert_eq!(fds.len(), 1);
}

#[tokio::test]
async fn a_descriptor_before_authentication_is_refused() {
    let (one, other) = Stream::pair().unwrap();
    other.try_send_fds(0, &[other.as_fd()]).unwrap();
    let error = accepting(&one, b"k", far()).await.unwrap_err();
    assert!(matches!(error, Error::Handle(_)), "{error}");
}

/// Says in one write its own welcome and its first request: the state machine tells what that is.
async fn hasty_client(stream: &Stream, request: &[u8]) {
    use sabir_wire::auth::{Handshake, Nonce};
    use sabir_wire::{Config, Connection};

    let handshake = Handshake::connecting(AuthKey::new(*b"k"), Nonce::new([1; 40]), AuthOptions::default());
    let mut wire = Connection::with_handshake(Config::default(), handshake);
    wire.send_slice(request).unwrap();
    let mut buffer = BytesMut::new();
    loop {
        let done = wire.poll_event().unwrap().is_some();
        let mut together = Vec::new();
        while let Some(chunk) = wire.poll_transmit() {
            together.extend_from_slice(&chunk);
        }
        write(stream, &together).await;
        if done {
            return;
        }
        read(stream, &mut buffer).await;
        wire.handle_bytes(&buffer.split()).unwrap();
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_to_both_ends() {
    let (one, other) = Stream::pair().unwrap();
    let (one, other) = tokio::join!(accepting(&one, b"right", far()), connecting(&other, b"wrong", far()));
    assert!(one.unwrap_err().is_wrong_key());
    assert!(other.unwrap_err().is_wrong_key());
}

#[tokio::test]
async fn a_port_scanner_is_refused_after_one_frame() {
    let (one, other) = Stream::pair().unwrap();
    write(&other, b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(matches!(accepting(&one, b"k", far()).await, Err(Error::Wire(_))));
    drop(other);
    let (one, other) = Stream::pair().unwrap();
    drop(other);
    assert!(accepting(&one, b"k", far()).await.is_err());
}

#[tokio::test]
async fn a_silent_peer_ends_at_the_deadline_in_either_role() {
    let (one, other) = Stream::pair().unwrap();
    for error in [connecting(&one, b"k", near()).await, accepting(&other, b"k", near()).await] {
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Timeout { doing: Doing::Authenticating }), "{error}");
    }
}

#[tokio::test]
async fn a_real_client_is_served_among_800_that_say_nothing() {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).await.unwrap();
        let there = listener.local_address().clone();
        let server = tokio::spawn(async move {
            loop {
                let stream = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    if accepting(&stream, b"secret", far()).await.is_ok() {
                        write(&stream, b"served").await;
                    }
                });
            }
        });
        let mut silent = Vec::new();
        for _ in 0..800 {
            silent.push(Stream::connect(&there, far()).await.unwrap());
        }
        let client = Stream::connect(&there, far()).await.unwrap();
        let mut reply = connecting(&client, b"secret", far()).await.unwrap().leftover;
        while reply.len() < 6 {
            assert_ne!(read(&client, &mut reply).await, 0);
        }
        assert_eq!(reply, "served");
        // They were all waiting still: each has its challenge and nothing after it.
        for stream in &silent {
            assert_ne!(read(stream, &mut BytesMut::new()).await, 0);
            assert_eq!(stream.try_read(&mut BytesMut::new()).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        server.abort();
    }
}

#[tokio::test]
async fn descriptors_come_with_the_bytes_they_were_sent_with() {
    let (one, other) = Stream::pair().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(writer);
    write(&one, b"before").await;
    one.try_send_fds(1, &[reader.as_fd()]).unwrap();
    write(&one, b"after").await;

    let (mut buffer, mut fds) = (BytesMut::new(), Vec::new());
    other.readable().await.unwrap();
    // A read that ends before the descriptor's byte does not bring it.
    assert_eq!(other.try_read_with_fds(&mut buffer, 4, &mut fds).unwrap().bytes, 4);
    assert!(fds.is_empty());
    other.try_read_with_fds(&mut buffer, 4096, &mut fds).unwrap();
    assert_eq!(buffer, "before\x01");
    let received: OwnedFd = fds.pop().unwrap();
    assert_eq!(fs::File::from(received).read(&mut [0; 8]).unwrap(), 0);
    other.try_read_with_fds(&mut buffer, 4096, &mut fds).unwrap();
    assert_eq!(buffer, "before\x01after");
    assert!(fds.is_empty());

    let nothing = other.try_read_with_fds(&mut buffer, 4096, &mut fds).unwrap_err();
    assert_eq!((nothing.kind(), buffer.len()), (ErrorKind::WouldBlock, 12));
    drop(one);
    other.readable().await.unwrap();
    assert_eq!(other.try_read_with_fds(&mut buffer, 4096, &mut fds).unwrap().bytes, 0);
}

#[tokio::test]
async fn over_tcp_no_descriptor_travels_and_bytes_do() {
    let listener = Listener::bind(&tcp()).await.unwrap();
    let client = Stream::connect(listener.local_address(), far()).await.unwrap();
    let server = listener.accept().await.unwrap();
    assert_eq!(client.try_send_fds(1, &[client.as_fd()]).unwrap_err().kind(), ErrorKind::Unsupported);
    write(&client, b"bytes").await;
    let (mut buffer, mut fds) = (BytesMut::new(), Vec::new());
    while buffer.len() < 5 {
        server.readable().await.unwrap();
        match server.try_read_with_fds(&mut buffer, 3, &mut fds) {
            Ok(received) => assert!((1..=3).contains(&received.bytes)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert_eq!((buffer.as_ref(), fds.len()), (&b"bytes"[..], 0));
}

#[tokio::test]
async fn half_a_connection_can_be_closed() {
    for address in Backends::new().addresses {
        let listener = Listener::bind(&address).await.unwrap();
        let client = Stream::connect(listener.local_address(), far()).await.unwrap();
        let server = listener.accept().await.unwrap();
        client.shutdown_write().unwrap();
        assert_eq!(read(&server, &mut BytesMut::new()).await, 0);
        write(&server, b"still here").await;
        let mut buffer = BytesMut::new();
        assert_eq!(read(&client, &mut buffer).await, 10);
    }
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    for address in Backends::new().addresses {
        let gone = Listener::bind(&address).await.unwrap().local_address().clone();
        let error = Stream::connect(&gone, far()).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_full_backlog_ends_at_the_deadline() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};

    let directory = Directory::new();
    let path = directory.join("full");
    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 1).unwrap();
    let mut taken = Vec::new();
    let error = loop {
        match Stream::connect(&Address::Unix(path.clone()), near()).await {
            Ok(stream) => taken.push(stream),
            Err(error) => break error,
        }
        assert!(taken.len() < 10, "the backlog never fills");
    };
    assert!(matches!(error, Error::Timeout { doing: Doing::Connecting }), "{error}");
}

#[tokio::test]
async fn a_name_is_looked_up_and_found_on_ipv4() {
    let listener = Listener::bind(&"localhost:0".parse().unwrap()).await.unwrap();
    let Address::Tcp { host, port } = listener.local_address() else { panic!("no port") };
    assert_eq!(host, "127.0.0.1");
    Stream::connect(&Address::Tcp { host: "localhost".into(), port: *port }, far()).await.unwrap();
}

#[tokio::test]
async fn a_listener_takes_its_socket_along() {
    let directory = Directory::new();
    let path = directory.join("listener");
    drop(Listener::bind(&Address::Unix(path.clone())).await.unwrap());
    assert!(!path.exists());
}

async fn accepting(stream: &Stream, key: &[u8], deadline: Instant) -> Result<Authenticated, Error> {
    authenticate::accepting(stream, AuthKey::new(key), AuthOptions::default(), deadline).await
}

async fn connecting(stream: &Stream, key: &[u8], deadline: Instant) -> Result<Authenticated, Error> {
    authenticate::connecting(stream, AuthKey::new(key), AuthOptions::default(), deadline).await
}

async fn read(stream: &Stream, buffer: &mut BytesMut) -> usize {
    loop {
        tokio::time::timeout_at(far().into(), stream.readable()).await.unwrap().unwrap();
        match stream.try_read(&mut buffer.limit(4096)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read.unwrap(),
        }
    }
}

async fn write(stream: &Stream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        stream.writable().await.unwrap();
        match stream.try_write_vectored(&[IoSlice::new(bytes)]) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}
