use sabir_wire::frame::header;

use super::*;

fn message(lengths: &[usize]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let pieces: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(n, &length)| vec![n as u8; length]).collect();
    let body = pieces.concat();
    (pieces, [&header(body.len() as u64)[..], &body].concat())
}

/// Writes at most `limit` bytes of what is offered.
fn to(sink: &mut Vec<u8>, limit: usize) -> impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize> + '_ {
    move |slices| {
        assert!(slices.len() <= MOST_SLICES && slices.iter().all(|slice| !slice.is_empty()));
        let before = sink.len();
        sink.extend(slices.iter().flat_map(|slice| slice.iter()).take(limit));
        Ok(sink.len() - before)
    }
}

#[test]
fn every_cut_of_the_writes_gives_the_same_bytes() {
    let shapes: [&[usize]; 6] =
        [&[], &[0], &[5, 0, 7], &[1024, 1025, 3], &[2000, 0, 1, 1, 2000, 1], &[0, 3000, 0]];
    for shape in shapes {
        let (pieces, expected) = message(shape);
        for limit in [1, 2, 3, 5, 1000, 1024, 1029, 100_000] {
            let (mut outbox, mut sink) = (Outbox::default(), Vec::new());
            outbox.push(b"queued");
            let mut sending = outbox.message(header(pieces.concat().len() as u64), &pieces);
            while !sending.is_over() {
                sending.step(to(&mut sink, limit)).unwrap();
            }
            drop(sending);
            assert_eq!(sink, [b"queued", &expected[..]].concat(), "{shape:?}, {limit} at a time");
            assert_eq!(outbox.queued(), 0);
        }
    }
}

#[test]
fn a_message_that_is_dropped_anywhere_is_sent_whole_or_not_at_all() {
    let (pieces, expected) = message(&[10, 1500, 0, 3, 1500]);
    for written in 0..b"queued".len() + expected.len() {
        let (mut outbox, mut sink) = (Outbox::default(), Vec::new());
        outbox.push(b"queued");
        let mut sending = outbox.message(header(3013), &pieces);
        if written > 0 {
            sending.step(to(&mut sink, written)).unwrap();
        }
        let begun = written > b"queued".len();
        assert_eq!(sending.doing(), if begun { Doing::Sending } else { Doing::WaitingToSend });
        drop(sending);
        let mut flush = outbox.flush();
        while !flush.is_over() {
            flush.step(to(&mut sink, 1000)).unwrap();
        }
        let message = if begun { &expected[..] } else { b"" };
        assert!(sink == [b"queued", message].concat(), "after {written} bytes");
    }
}

#[test]
fn many_small_pieces_leave_together_and_large_ones_are_not_copied() {
    let (pieces, _) = message(&[10; 1000]);
    let mut outbox = Outbox::default();
    let mut sending = outbox.message(header(10_000), &pieces);
    sending
        .step(|slices| {
            assert_eq!(slices.len(), 1);
            Ok(slices[0].len())
        })
        .unwrap();
    assert!(sending.is_over());
    drop(sending);

    let (pieces, _) = message(&[5000, 10, 10, 5000]);
    let mut sending = outbox.message(header(10_020), &pieces);
    sending
        .step(|slices| {
            let lengths: Vec<_> = slices.iter().map(|slice| slice.len()).collect();
            assert_eq!(lengths, [4, 5000, 20, 5000]);
            assert_eq!(slices[1].as_ptr(), pieces[0].as_ptr());
            Ok(10_024)
        })
        .unwrap();
    assert!(sending.is_over());
}

#[test]
fn more_pieces_than_one_call_takes_go_in_several() {
    let (pieces, expected) = message(&[1025; 3000]);
    let (mut outbox, mut sink) = (Outbox::default(), Vec::new());
    let mut sending = outbox.message(header(1025 * 3000), &pieces);
    while !sending.is_over() {
        sending.step(to(&mut sink, usize::MAX)).unwrap();
    }
    assert!(sink == expected);
}

#[test]
fn a_broken_connection_keeps_nothing() {
    let (pieces, _) = message(&[5000]);
    let mut outbox = Outbox::default();
    let mut sending = outbox.message(header(5000), &pieces);
    sending.step(|_| Ok(100)).unwrap();
    sending.step(|_| Err(io::ErrorKind::BrokenPipe.into())).unwrap_err();
    drop(sending);
    assert_eq!(outbox.queued(), 0);
}
