use alloc::vec;
use alloc::vec::Vec;

use super::*;

const PY27: FrameDialect = FrameDialect::PY27;
const PY36: FrameDialect = FrameDialect::PY36;
const PY38: FrameDialect = FrameDialect::PY38;
const NO_LIMIT: FrameLimits = FrameLimits::UNLIMITED;

fn body_len(bytes: &[u8], dialect: FrameDialect) -> Result<Option<u64>, FrameError> {
    peek(bytes, dialect, NO_LIMIT).map(|frame| frame.map(|frame| frame.body_len))
}

#[test]
fn headers_are_those_of_the_pythons() {
    assert_eq!(&*header(0), b"\0\0\0\0");
    assert_eq!(&*header(20), b"\0\0\0\x14");
    assert_eq!(&*header(0x7fff_ffff), b"\x7f\xff\xff\xff");
    // Written by 3.8 and newer for a message of 2**31 bytes.
    assert_eq!(&*header(0x8000_0000), b"\xff\xff\xff\xff\0\0\0\0\x80\0\0\0");
    assert_eq!(&*header(u64::MAX), [0xff; 12]);
}

#[test]
fn peek_is_the_inverse_of_header() {
    for len in [0, 1, 16384, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, u64::MAX] {
        let header = header(len);
        let frame = peek(&header, PY38, NO_LIMIT).unwrap().unwrap();
        assert_eq!((frame.header_len, frame.body_len), (header.len(), len));
        for cut in 0..header.len() {
            assert_eq!(peek(&header[..cut], PY38, NO_LIMIT), Ok(None), "{len} cut at {cut}");
        }
    }
}

#[test]
fn each_python_reads_the_top_bit_its_own_way() {
    let high = b"\x80\0\0\x01";
    assert_eq!(body_len(high, PY27), Ok(Some(0x8000_0001)));
    assert_eq!(body_len(high, PY36), Err(FrameError::NegativeLength { length: -0x7fff_ffff }));
    assert_eq!(body_len(high, PY38), Err(FrameError::NegativeLength { length: -0x7fff_ffff }));
    let minus_two = b"\xff\xff\xff\xfe";
    assert_eq!(body_len(minus_two, PY27), Ok(Some(0xffff_fffe)));
    assert_eq!(body_len(minus_two, PY38), Err(FrameError::NegativeLength { length: -2 }));
}

#[test]
fn only_3_8_and_newer_know_the_extended_header() {
    let extended = b"\xff\xff\xff\xff\0\0\0\0\0\0\0\x03abc";
    assert_eq!(body_len(extended, PY38), Ok(Some(3)), "for any length, also small ones");
    assert_eq!(body_len(extended, PY36), Err(FrameError::NegativeLength { length: -1 }));
    assert_eq!(body_len(extended, PY27), Ok(Some(0xffff_ffff)));
}

#[test]
fn a_message_that_the_peer_cannot_read_is_refused_before_it_is_sent() {
    for (dialect, peer) in [(PY27, "Python 2.7"), (PY36, "Python 3.6 and 3.7")] {
        assert_eq!(dialect.header(0x7fff_ffff), Ok(header(0x7fff_ffff)));
        let error = dialect.header(0x8000_0000).unwrap_err();
        let text = alloc::format!("{error}");
        assert!(text.contains(peer) && text.contains("2147483648"), "{text}");
    }
    assert_eq!(PY38.header(0x8000_0000), Ok(header(0x8000_0000)));
}

#[test]
fn the_limit_is_inclusive_and_known_from_the_header_alone() {
    let limits = FrameLimits { max_message: 256 };
    assert!(peek(&header(256), PY38, limits).unwrap().is_some());
    assert_eq!(peek(&header(257), PY38, limits), Err(FrameError::TooLong { length: 257, limit: 256 }));
    let eight_exbibytes = header(1 << 63);
    assert!(matches!(peek(&eight_exbibytes, PY38, FrameLimits::DEFAULT), Err(FrameError::TooLong { .. })));
}

#[test]
fn every_split_gives_the_same_messages() {
    let messages: [&[u8]; 5] = [b"", b"a", b"", &[7; 300], b"end"];
    let mut stream = Vec::new();
    for message in messages {
        stream.extend_from_slice(&header(message.len() as u64));
        stream.extend_from_slice(message);
    }
    for step in 1..=stream.len() {
        let mut deframer = Deframer::new();
        let mut got = Vec::new();
        for piece in stream.chunks(step) {
            deframer.push(piece);
            while let Some(message) = deframer.next_message(PY38, FrameLimits::DEFAULT).unwrap() {
                got.push(message);
            }
        }
        assert_eq!(got, messages, "in pieces of {step}");
        assert_eq!(deframer.end(PY38, FrameLimits::DEFAULT), Ok(()));
        assert_eq!(deframer.offset(), stream.len() as u64);
    }
}

#[test]
fn end_of_file_is_fine_between_messages_only() {
    let ended = |bytes: &[u8]| {
        let mut deframer = Deframer::new();
        deframer.push(bytes);
        while deframer.next_message(PY38, NO_LIMIT).unwrap().is_some() {}
        deframer.end(PY38, NO_LIMIT).map_err(|error| match error {
            FrameError::EndOfFile { place } => place,
            other => panic!("{other}"),
        })
    };
    assert_eq!(ended(b""), Ok(()));
    assert_eq!(ended(b"\0\0\0\x01a"), Ok(()));
    assert_eq!(ended(b"\0\0\0\x01a\0\0"), Err(EofPlace::Header { arrived: 2 }));
    assert_eq!(ended(b"\xff\xff\xff\xff\0"), Err(EofPlace::Header { arrived: 5 }));
    assert_eq!(ended(b"\0\0\0\x02"), Err(EofPlace::AfterHeader { length: 2 }));
    assert_eq!(ended(b"\0\0\0\x02a"), Err(EofPlace::Body { arrived: 1, length: 2 }));
}

#[test]
fn an_announced_length_allocates_nothing() {
    let mut deframer = Deframer::new();
    deframer.push(&header(1 << 40));
    assert_eq!(deframer.next_message(PY38, NO_LIMIT), Ok(None));
    assert_eq!(deframer.read_size(4096, PY38, NO_LIMIT), 4096);
    let room = deframer.buffer(4096).capacity();
    assert!(room < 16 * 1024, "{room}");
}

#[test]
fn reads_grow_with_what_has_arrived_up_to_the_end_of_the_message() {
    let mut deframer = Deframer::new();
    deframer.push(&header(100_000));
    deframer.push(&[0; 60_000]);
    assert_eq!(deframer.read_size(4096, PY38, NO_LIMIT), 40_000);
    deframer.push(&[0; 39_999]);
    assert_eq!(deframer.read_size(4096, PY38, NO_LIMIT), 4096, "room for what follows");
}

#[test]
fn a_long_message_takes_its_memory_along() {
    let mut deframer = Deframer::new();
    let long = vec![1; 1 << 20];
    deframer.push(&header(long.len() as u64));
    deframer.push(&long);
    deframer.push(b"\0\0");
    let message = deframer.next_message(PY38, NO_LIMIT).unwrap().unwrap();
    assert_eq!(message.len(), long.len());
    assert!(message.is_unique(), "the deframer holds on to the long message's memory");
    assert_eq!(deframer.waiting(), 2);
}

#[test]
fn an_empty_message_keeps_no_memory_alive() {
    let mut deframer = Deframer::new();
    deframer.buffer(4096);
    deframer.push(b"\0\0\0\0");
    let empty = deframer.next_message(PY38, NO_LIMIT).unwrap().unwrap();
    let before = deframer.arrived().as_ptr();
    assert!(deframer.buffer(0).try_reclaim(4096));
    assert!(empty.is_empty() && deframer.arrived().as_ptr() < before, "moved to the front");
}

#[test]
fn a_message_that_is_read_elsewhere_is_stepped_over() {
    for here in 4..=9 {
        let mut deframer = Deframer::new();
        deframer.push(&b"\0\0\0\x05hello"[..here]);
        let frame = peek(deframer.arrived(), PY38, NO_LIMIT).unwrap().unwrap();
        deframer.skip(frame);
        assert_eq!((deframer.waiting(), deframer.offset()), (0, 9));
        deframer.push(b"\0\0\0\x04next");
        assert_eq!(deframer.next_message(PY38, NO_LIMIT).unwrap().unwrap(), "next");
    }
}

#[test]
fn a_header_without_its_body_is_told_apart() {
    let awaits = |bytes: &[u8]| {
        let mut deframer = Deframer::new();
        deframer.push(bytes);
        deframer.awaits_body(PY38, NO_LIMIT)
    };
    assert!(awaits(&header(20_000)));
    assert!(awaits(&header(1 << 31)));
    assert!(!awaits(b""));
    assert!(!awaits(b"\0\0\x4e"));
    assert!(!awaits(b"\0\0\x4e\x20x"));
    assert!(!awaits(&header(0)), "an empty message is whole");
}

#[test]
fn memory_is_given_back_only_if_nothing_waits() {
    let mut deframer = Deframer::new();
    deframer.push(b"\0\0\0\x01ab");
    assert!(deframer.next_message(PY38, NO_LIMIT).unwrap().is_some());
    deframer.release();
    assert_eq!(deframer.into_rest(), b"b".as_slice());
    let mut idle = Deframer::new();
    idle.buffer(4096);
    idle.release();
    assert_eq!(idle.into_rest().capacity(), 0);
}

#[test]
fn a_message_that_came_alone_is_the_only_one_in_its_memory() {
    let frame = |body: &[u8]| [&header(body.len() as u64)[..], body].concat();
    let next = |deframer: &mut Deframer| {
        deframer.next_message(FrameDialect::PY38, FrameLimits::DEFAULT).unwrap().unwrap()
    };
    let mut deframer = Deframer::new();
    deframer.push(&frame(b"a request"));
    let alone = next(&mut deframer);
    assert!(alone.is_unique());
    // Memory that can be read on into is kept for that.
    deframer.buffer(1024).extend_from_slice(&frame(b"another"));
    let other = next(&mut deframer);
    assert!(!other.is_unique());
    assert_eq!((&alone[..], &other[..]), (&b"a request"[..], &b"another"[..]));
    assert_eq!(deframer.offset(), 4 + 9 + 4 + 7);
}
