use super::*;

const LIMITS: FrameLimits = FrameLimits { max_message: 1 << 24 };

fn inbox(bytes: &[u8]) -> Inbox {
    Inbox::new(BytesMut::from(bytes), Vec::new())
}

/// Writes all of it to one end, while the other is read into an inbox.
async fn through_a_socket(messages: &[u8], inbox: &mut Inbox) -> Vec<u8> {
    let (ours, theirs) = Stream::pair().expect("a pair of sockets");
    let mut passed = Vec::new();
    let send = async {
        let mut rest = messages;
        while !rest.is_empty() {
            match theirs.try_write_vectored(&[io::IoSlice::new(rest)]) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    theirs.writable().await.expect("the runtime is there");
                }
                Err(error) => panic!("{error}"),
            }
        }
        theirs.shutdown_write().expect("it is connected");
    };
    let receive = async {
        while inbox.fill(&ours, LIMITS, false).await.expect("it can be read") == Filled::Some {
            while let Some(taken) = inbox.take_messages(LIMITS).expect("it is well formed") {
                passed.extend_from_slice(&taken);
            }
        }
    };
    tokio::join!(send, receive);
    passed
}

fn message(length: usize) -> Vec<u8> {
    let mut message = frame::header(length as u64).to_vec();
    message.resize(message.len() + length, b'x');
    message
}

#[test]
fn whole_messages_are_taken_in_one_piece_and_a_part_stays() {
    let mut inbox = inbox(b"\0\0\0\x01a\0\0\0\0\0\0\0\x02b");
    let taken = inbox.take_messages(LIMITS).expect("it is well formed").expect("two are whole");
    assert_eq!(&taken[..], b"\0\0\0\x01a\0\0\0\0");
    assert_eq!(inbox.take_messages(LIMITS), Ok(None));
    assert_eq!(inbox.arrived(), b"\0\0\0\x02b");
    assert_eq!(inbox.offset, 9);
}

#[test]
fn what_came_before_a_broken_header_is_still_passed_on() {
    let mut inbox = inbox(b"\0\0\0\x01a\x7f\xff\xff\xff");
    assert!(inbox.take_messages(LIMITS).expect("the first is whole").is_some());
    assert_eq!(
        inbox.take_messages(LIMITS),
        Err(FrameError::TooLong { length: 0x7fff_ffff, limit: LIMITS.max_message })
    );
}

#[test]
fn a_message_with_the_long_header_loses_all_of_it() {
    let mut inbox = inbox(b"\xff\xff\xff\xff\0\0\0\0\0\0\0\x03abc");
    let taken = inbox.take_message(LIMITS).expect("it is well formed").expect("it is whole");
    assert_eq!(&taken[..], b"abc");
}

#[tokio::test]
async fn nothing_is_lost_whatever_the_sizes() {
    let mut all = Vec::new();
    for length in [0, 1, 4000, 4092, 16_385, 300_000, 2, 1_000_000, 0, 65_536] {
        all.extend(message(length));
    }
    let mut inbox = Inbox::default();
    assert_eq!(through_a_socket(&all, &mut inbox).await, all);
}

#[tokio::test]
async fn the_memory_of_a_long_message_is_used_for_the_next() {
    let mut inbox = Inbox::default();
    through_a_socket(&message(3_000_000), &mut inbox).await;
    let whole = inbox.whole;
    assert!((3_000_000..20_000_000).contains(&whole), "{whole}");
    let start = inbox.buffer.as_ptr();
    for _ in 0..3 {
        through_a_socket(&message(3_000_000), &mut inbox).await;
    }
    assert_eq!((inbox.buffer.as_ptr(), inbox.whole), (start, whole));
}

#[tokio::test]
async fn an_announced_length_is_not_allocated() {
    let mut inbox = Inbox::default();
    through_a_socket(b"\0\xff\xff\xff12345678", &mut inbox).await;
    assert!(inbox.buffer.capacity() <= 2 * LARGE, "{}", inbox.buffer.capacity());
}
