use alloc::borrow::ToOwned;

use super::*;
use crate::Graph;

fn differ(a: &[u8], b: &[u8]) -> Option<&'static str> {
    same(&Graph::from_slice(a).unwrap(), &Graph::from_slice(b).unwrap())
        .err()
        .map(|difference| difference.what)
}

#[test]
fn what_is_written_in_other_words_is_the_same() {
    for (a, b) in [
        (&b"\x80\x02K\x07."[..], &b"I7\n."[..]),
        (b"L7L\n.", b"\x8b\x04\0\0\0\x07\0\0\0."),
        (b"I01\n.", b"\x88."),
        (b"](K\x01K\x02e.", b"(lI1\naI2\na."),
        // Numbers have no identity.
        (b"K\x01q\0h\0\x86.", b"K\x01K\x01\x86."),
        (b"]q\0h\0a.", b"(lp5\ng5\na."),
        (b"cm\nf\n)R(K\x01K\x02e.", b"cm\nf\n)RK\x01aK\x02a."),
        (b"Pid\n.", b"\x8c\x02idQ."),
    ] {
        assert_eq!(differ(a, b), None, "{}", a.escape_ascii());
        assert_eq!(differ(b, a), None, "{}", b.escape_ascii());
    }
}

#[test]
fn what_a_program_can_tell_apart_differs() {
    for (a, b) in [
        (&b"K\x01."[..], &b"K\x02."[..]),
        (b"K\x01.", b"\x88."),
        (b"G\0\0\0\0\0\0\0\0.", b"G\x80\0\0\0\0\0\0\0."),
        (b"U\x01a.", b"\x8c\x01a."),
        (b"C\x01a.", b"U\x01a."),
        // One list twice, and two lists.
        (b"]q\0h\0\x86.", b"]]\x86."),
        (b"\x8c\x01aq\0h\0\x86.", b"\x8c\x01a\x8c\x01a\x86."),
        (b"]q\0h\0a.", b"]]a."),
        (b"]q\0]q\x01\x86q\x02h\0h\x01\x87.", b"]q\0]q\x01\x86q\x02h\x01h\0\x87."),
        (b"(NNd.", b"}."),
        (b"cm\nf\n)R.", b"cm\nf\n)\x81."),
        (b"cm\nf\n)R.", b"cm\ng\n)R."),
        (b"cm\nf\n)RK\x01b.", b"cm\nf\n)RK\x01a."),
        (b"cm\nf\n)RK\x01aK\x02b.", b"cm\nf\n)RK\x02bK\x01a."),
        (b"\x82\x01.", b"\x82\x02."),
        (b"\x97.", b"\x97\x98."),
        (b"Pid\n.", b"\x8c\x02idQ\x85."),
        (b"Pid\n.", b"\x8c\x02ieQ."),
    ] {
        assert!(differ(a, b).is_some(), "{}", a.escape_ascii());
        assert!(differ(b, a).is_some(), "{}", b.escape_ascii());
    }
}

#[test]
fn arbitrary_graphs_have_every_kind_of_node_and_most_can_be_dumped() {
    let mut kinds = alloc::collections::BTreeSet::new();
    let mut dumped = 0;
    for seed in 0..200u32 {
        let graph = arbitrary_graph(&mut Choices::new(&seed.to_le_bytes()));
        for id in graph.ids() {
            let text = alloc::format!("{:?}", graph[id]);
            kinds.insert(text.split(['(', ' ']).next().unwrap().to_owned());
        }
        dumped += usize::from(graph.dump(&crate::DumpOptions::protocol(5)).is_ok());
    }
    assert_eq!(kinds.len(), 20, "{kinds:?}");
    assert!(dumped > 150, "{dumped} of 200 could be dumped");
}
