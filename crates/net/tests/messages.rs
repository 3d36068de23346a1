//! What a connection does with messages, under either driver and over every backend.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails with it")]

mod backend;
#[path = "backend/ends.rs"]
mod ends;

use std::io::{ErrorKind, IoSlice, Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use backend::{far, near};
use bytes::{Buf as _, BytesMut};
use ends::{pairs, with_bare_peers};
use sabir_net::blocking::Stream;
use sabir_net::handles::HandleRules;
use sabir_net::{Doing, Error};
use sabir_wire::error::FrameError;
use sabir_wire::frame::header;

#[test]
fn a_message_in_pieces_arrives_as_one() {
    pairs(|mut one, mut other| {
        let shapes: [&[usize]; 5] =
            [&[], &[0, 0], &[1, 2, 3], &[100, 20_000, 0, 100, 2_000_000], &[1025; 200]];
        let echo = thread::spawn(move || {
            while let Some(message) = other.recv_bytes(far()).unwrap() {
                other.send_bytes(&message, far()).unwrap();
            }
        });
        for shape in shapes {
            let pieces: Vec<_> = shape.iter().zip(1..).map(|(&length, n)| vec![n; length]).collect();
            one.send_vectored(&pieces, far()).unwrap();
            assert!(one.recv_bytes(far()).unwrap().unwrap() == pieces.concat(), "{shape:?}");
        }
        drop(one);
        echo.join().unwrap();
    });
}

#[test]
fn queued_messages_leave_together_in_order_and_before_others() {
    pairs(|mut one, mut other| {
        one.queue_bytes(b"first", far()).unwrap();
        one.queue_bytes(b"", far()).unwrap();
        assert_eq!(one.queued(), 13);
        assert!(!other.poll(near()).unwrap(), "nothing has left");
        one.send_bytes(b"third", far()).unwrap();
        assert_eq!(one.queued(), 0);
        for expected in ["first", "", "third"] {
            assert_eq!(other.recv_bytes(far()).unwrap().unwrap(), expected);
        }
        one.queue_bytes(b"fourth", far()).unwrap();
        one.flush(far()).unwrap();
        assert_eq!(other.recv_bytes(far()).unwrap().unwrap(), "fourth");

        let reader = thread::spawn(move || {
            for n in 0..10_000_u32 {
                let message = other.recv_bytes(far()).unwrap().unwrap();
                assert_eq!((message[..4].to_vec(), message.len()), (n.to_be_bytes().to_vec(), length(n)));
            }
            assert!(other.recv_bytes(far()).unwrap().is_none());
        });
        for n in 0..10_000_u32 {
            let mut message = vec![0; length(n)];
            message[..4].copy_from_slice(&n.to_be_bytes());
            one.queue_bytes(&message, far()).unwrap();
            assert!(one.queued() <= 64 * 1024);
        }
        one.close().unwrap();
        reader.join().unwrap();
    });

    /// Mostly short; some are too long to be queued.
    fn length(n: u32) -> usize {
        if n % 1000 == 999 { 30_000 } else { 4 + n as usize % 50 }
    }
}

/// Whatever part of two messages has come when a deadline passes, the rest completes them.
#[test]
fn receiving_into_a_buffer_survives_every_split() {
    with_bare_peers(|mut end, peer| {
        let body: Vec<u8> = (0..40).collect();
        let stream = [&header(40)[..], &body, &header(0), &header(3), b"end"].concat();
        for cut in 0..=stream.len() {
            write(&peer, &stream[..cut]);
            let mut buffer = [0xff; 50];
            let mut received = end.recv_bytes_into(&mut buffer, Duration::ZERO);
            write(&peer, &stream[cut..]);
            if matches!(received, Err(Error::Timeout { doing: Doing::Receiving })) {
                buffer = [0xff; 50];
                received = end.recv_bytes_into(&mut buffer, far());
            }
            assert_eq!(received.unwrap(), Some(40), "cut at {cut}");
            assert_eq!(buffer[..40], body, "cut at {cut}");
            assert_eq!(end.recv_bytes_into(&mut [], far()).unwrap(), Some(0));
            assert_eq!(end.recv_bytes(far()).unwrap().unwrap(), "end");
        }
    });
}

#[test]
fn a_long_message_is_received_into_a_buffer_piece_by_piece() {
    with_bare_peers(|mut end, peer| {
        let body: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
        let mut buffer = vec![0; body.len()];
        write(&peer, &header(body.len() as u64));
        for part in body[..1_000_000].chunks(100_000) {
            write(&peer, part);
            let error = end.recv_bytes_into(&mut buffer, Duration::from_millis(1)).unwrap_err();
            assert!(matches!(error, Error::Timeout { doing: Doing::Receiving }), "{error}");
            buffer.fill(0);
        }
        write(&peer, &body[1_000_000..]);
        assert_eq!(end.recv_bytes_into(&mut buffer, far()).unwrap(), Some(body.len()));
        assert!(buffer == body);
    });
}

#[test]
fn a_buffer_too_short_gives_the_message_and_the_connection_goes_on() {
    pairs(|mut one, mut other| {
        for length in [3, 100_000] {
            let message = vec![7; length];
            let sender = thread::spawn(move || {
                one.send_bytes(&message, far()).unwrap();
                one.send_bytes(b"next", far()).unwrap();
                one
            });
            let mut short = vec![0; length - 1];
            let error = other.recv_bytes_into(&mut short, far()).unwrap_err();
            assert!(error.to_string().contains(&length.to_string()), "{error}");
            let Error::BufferTooShort { message } = error else { panic!("{error}") };
            assert!(message == vec![7; length]);
            let mut fitting = [0; 4];
            assert_eq!(other.recv_bytes_into(&mut fitting, far()).unwrap(), Some(4));
            assert_eq!(&fitting, b"next");
            one = sender.join().unwrap();
        }
    });
}

#[test]
fn poll_tells_whether_there_is_something_to_receive() {
    with_bare_peers(|mut end, peer| {
        assert!(!end.poll(Duration::ZERO).unwrap());
        assert!(!end.poll(near()).unwrap());
        write(&peer, b"\0\0\0\x01a\0\0\0\x01b\0\0");
        assert!(end.poll(far()).unwrap());
        assert_eq!(end.recv_bytes(far()).unwrap().unwrap(), "a");
        assert!(end.poll(Duration::ZERO).unwrap(), "read ahead");
        assert_eq!(end.recv_bytes(far()).unwrap().unwrap(), "b");
        assert!(!end.poll(near()).unwrap(), "no more than a beginning");
        write(&peer, b"\0");
        assert!(end.poll(far()).unwrap(), "more has arrived");
        assert!(end.recv_bytes(near()).is_err());
        write(&peer, b"\0");
        assert_eq!(end.recv_bytes(far()).unwrap().unwrap(), "");
        drop(peer);
        assert!(end.poll(far()).unwrap(), "the end");
        assert!(end.recv_bytes(far()).unwrap().is_none());
        assert!(end.poll(far()).unwrap(), "the end stays");
    });
}

#[test]
fn a_peer_that_falls_silent_anywhere_is_waited_for_no_longer_than_the_deadline() {
    with_bare_peers(|mut end, peer| {
        let mut buffer = vec![0; 100_000];
        for part in [&b""[..], b"\0", b"\x01\x86", b"\xa0", &[9; 99_999]] {
            write(&peer, part);
            for deadline in [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(50)] {
                let started = Instant::now();
                let errors = [
                    end.recv_bytes(deadline).unwrap_err(),
                    end.recv_bytes_into(&mut buffer, deadline).unwrap_err(),
                    end.recv_bytes_into(&mut [], deadline).unwrap_err(),
                ];
                for error in errors {
                    assert!(matches!(error, Error::Timeout { doing: Doing::Receiving }), "{error}");
                }
                assert!(started.elapsed() >= 3 * deadline, "it waited");
            }
        }
        write(&peer, &[9]);
        assert_eq!(end.recv_bytes_into(&mut buffer, far()).unwrap(), Some(100_000));
        assert!(buffer.iter().all(|&byte| byte == 9));
    });
}

#[test]
fn a_peer_that_dies_inside_a_message_is_an_error_and_between_messages_the_end() {
    for (sent, whole) in
        [(&b""[..], true), (b"\0\0", false), (b"\0\0\0\x05", false), (b"\0\0\0\x05he", false)]
    {
        with_bare_peers(|mut end, peer| {
            write(&peer, sent);
            peer.shutdown_write().unwrap();
            for _ in 0..2 {
                let mut buffer = [0; 10];
                for received in [
                    end.recv_bytes_into(&mut buffer, far()).map(|end| end.is_none()),
                    end.recv_bytes(far()).map(|end| end.is_none()),
                ] {
                    match received {
                        Ok(ended) => assert!(whole && ended, "{sent:?}"),
                        Err(Error::Wire(sabir_wire::Error::Frame {
                            source: FrameError::EndOfFile { .. },
                            ..
                        })) => assert!(!whole, "{sent:?}"),
                        Err(error) => panic!("{sent:?}: {error}"),
                    }
                }
            }
        });
    }
}

#[test]
fn a_message_that_a_deadline_cut_is_finished_and_one_that_never_began_is_not_sent() {
    with_bare_peers(|mut end, peer| {
        let long = vec![5; 16 << 20];
        let error = end.send_bytes(&long, near()).unwrap_err();
        assert!(matches!(error, Error::Timeout { doing: Doing::Sending }), "{error}");
        assert!((1..long.len()).contains(&end.queued()));
        for error in [
            end.send_bytes(b"never", near()).unwrap_err(),
            end.queue_bytes(&[0; 20_000], Duration::ZERO).unwrap_err(),
            end.queue_bytes(b"never", Duration::ZERO).unwrap_err(),
        ] {
            assert!(matches!(error, Error::Timeout { doing: Doing::WaitingToSend }), "{error}");
        }
        let reader = thread::spawn(move || read_all(&peer));
        end.send_bytes(b"next", far()).unwrap();
        end.close().unwrap();
        let mut stream = reader.join().unwrap();
        assert_eq!(stream.get_u32() as usize, long.len());
        assert!(stream.split_to(long.len()) == long);
        assert_eq!(stream, "\0\0\0\x04next");
    });
}

#[test]
fn a_peer_that_is_gone_is_an_error_of_the_sender() {
    with_bare_peers(|mut end, peer| {
        drop(peer);
        let error = loop {
            // Over TCP the first may still be taken by the kernel.
            if let Err(error) = end.send_bytes(b"hello", far()) {
                break error;
            }
        };
        assert!(matches!(error, Error::Io { doing: Doing::Sending, .. }), "{error}");
        assert_eq!(end.queued(), 0);
    });
}

#[test]
fn a_half_that_is_closed_leaves_the_other_open() {
    pairs(|mut one, mut other| {
        one.queue_bytes(b"last", far()).unwrap();
        one.shutdown_write().unwrap();
        assert_eq!(other.recv_bytes(far()).unwrap().unwrap(), "last");
        assert!(other.recv_bytes(far()).unwrap().is_none());
        assert!(one.send_bytes(b"too late", far()).is_err());
        other.send_bytes(b"still here", far()).unwrap();
        assert_eq!(one.recv_bytes(far()).unwrap().unwrap(), "still here");
    });
}

#[test]
fn descriptors_and_messages_keep_their_order() {
    for rules in [HandleRules::Python27, HandleRules::Counted, HandleRules::Acknowledged] {
        pairs(|mut one, mut other| {
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(b"hello").unwrap();
            drop(writer);
            if !one.is_unix() {
                assert_unsupported(one.send_handle(reader.into(), rules));
                assert_unsupported(other.recv_handle(rules).map(drop));
                return;
            }
            let sender = thread::spawn(move || {
                one.queue_bytes(b"before", far()).unwrap();
                one.send_handle(reader.into(), rules).unwrap();
                one.send_bytes(&[8; 50_000], far()).unwrap();
                assert_eq!(one.recv_bytes(far()).unwrap().unwrap(), "back", "no stray acknowledgement");
            });
            assert_eq!(other.recv_bytes(far()).unwrap().unwrap(), "before");
            let mut content = Vec::new();
            std::fs::File::from(other.recv_handle(rules).unwrap()).read_to_end(&mut content).unwrap();
            assert_eq!(content, b"hello");
            assert_eq!(other.recv_bytes(far()).unwrap().unwrap().len(), 50_000);
            other.send_bytes(b"back", far()).unwrap();
            sender.join().unwrap();
        });
    }
}

fn assert_unsupported(result: Result<(), Error>) {
    let Err(Error::Io { doing: Doing::PassingHandle, source }) = result else { panic!("{result:?}") };
    assert_eq!(source.kind(), ErrorKind::Unsupported);
}

fn write(peer: &Stream, bytes: &[u8]) {
    peer.write_all(&mut [IoSlice::new(bytes)], far()).unwrap();
}

fn read_all(peer: &Stream) -> BytesMut {
    let mut all = BytesMut::new();
    while peer.read(&mut all, far()).unwrap() > 0 {
        all.reserve(1 << 20);
    }
    all
}
