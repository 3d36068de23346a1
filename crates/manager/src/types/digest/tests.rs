use super::*;

fn keys() -> Keys {
    Keys::new(*b"0123456789abcdef")
}

fn digest(pickle: &[u8]) -> Result<Digest, Endless> {
    let graph = super::super::canonical(Graph::from_slice(pickle).unwrap(), &sabir_pickle::Names::builtin());
    keys().node(&graph, graph.root())
}

#[test]
fn numbers_of_all_types_are_equal_by_value() {
    let one = digest(b"\x80\x02K\x01.").unwrap();
    for same in [
        &b"\x80\x02\x88."[..],
        b"\x80\x02G?\xf0\0\0\0\0\0\0.",
        b"\x80\x02\x8a\x01\x01.",
        b"\x80\x02\x8a\x0a\x01\0\0\0\0\0\0\0\0\0.",
        b"\x80\x02cdecimal\nDecimal\nU\x041.00\x85R.",
        b"\x80\x02cdecimal\nDecimal\nU\x0510E-1\x85R.",
        b"\x80\x02cfractions\nFraction\nU\x011\x85R.",
        b"\x80\x02c__builtin__\ncomplex\nG?\xf0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0\x86R.",
    ] {
        let same_or = digest(same);
        assert_eq!(same_or, Ok(one), "{}", same.escape_ascii());
    }
    let half = digest(b"\x80\x02G?\xe0\0\0\0\0\0\0.").unwrap();
    assert_eq!(digest(b"\x80\x02cfractions\nFraction\nU\x031/2\x85R."), Ok(half));
    assert_eq!(digest(b"\x80\x02cdecimal\nDecimal\nU\x030.5\x85R."), Ok(half));
    assert_ne!(digest(b"\x80\x02K\x02."), Ok(one));
    assert_ne!(digest(b"\x80\x02\x8a\x01\xff."), Ok(one), "minus one");
    assert_eq!(digest(b"\x80\x02\x8a\x01\xff."), digest(b"\x80\x02G\xbf\xf0\0\0\0\0\0\0."));
}

#[test]
fn containers_are_equal_by_what_they_hold() {
    let same =
        |a: &[u8], b: &[u8]| assert_eq!(digest(a), digest(b), "{} {}", a.escape_ascii(), b.escape_ascii());
    let differ =
        |a: &[u8], b: &[u8]| assert_ne!(digest(a), digest(b), "{} {}", a.escape_ascii(), b.escape_ascii());
    same(b"\x80\x04]K\x01a.", b"\x80\x04]G?\xf0\0\0\0\0\0\0a.");
    differ(b"\x80\x04]K\x01a.", b"\x80\x04K\x01\x85.");
    same(b"\x80\x04\x8f(K\x01K\x02\x90.", b"\x80\x04(K\x02K\x01\x91.");
    same(b"\x80\x02c__builtin__\nset\n]K\x01a\x85R.", b"\x80\x04\x8f(K\x01\x90.");
    same(b"\x80\x02}(K\x01NK\x02Nu.", b"\x80\x02}(K\x02NK\x01Nu.");
    differ(b"\x80\x02}(K\x01NK\x02Nu.", b"\x80\x02}K\x02Ns.");
    same(b"\x80\x02U\x01a.", b"\x80\x02X\x01\0\0\0a.");
    differ(b"\x80\x04C\x01a.", b"\x80\x04\x8c\x01a.");
}

#[test]
fn what_contains_itself_has_none_and_what_is_shared_costs_once() {
    assert_eq!(digest(b"\x80\x02]q\0h\0a."), Err(Endless));
    // Forty levels, each of which holds the next one twice.
    let mut pickle = b"\x80\x02]".to_vec();
    for _ in 0..40 {
        pickle.extend_from_slice(b"2\x86");
    }
    pickle.push(b'.');
    digest(&pickle).unwrap();
    let mut deep = b"\x80\x02".to_vec();
    deep.extend_from_slice(&[b']'; 100_000]);
    deep.extend_from_slice(&[b'a'; 99_999]);
    deep.push(b'.');
    digest(&deep).unwrap();
}
