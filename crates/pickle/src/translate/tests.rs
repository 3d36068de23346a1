//! Claims about single values; whole zoos cross between real interpreters in the interop matrix.

use alloc::vec::Vec;

use super::*;
use crate::dump::DumpOptions;
use crate::version::Version;

const V3_13: Pythons = Pythons::exactly(Version::new(3, 13));
const V3_6: Pythons = Pythons::exactly(Version::new(3, 6));

fn carry(pickle: &[u8], from: Pythons, to: Pythons, protocol: u8) -> Result<Vec<u8>> {
    carry_with(&Translation::default(), pickle, from, to, protocol)
}

fn carry_with(by: &Translation, pickle: &[u8], from: Pythons, to: Pythons, protocol: u8) -> Result<Vec<u8>> {
    let mut graph = Graph::from_slice(pickle)?;
    by.apply(&mut graph, from, to, protocol)?;
    graph
        .into_segments(&DumpOptions { python: to, ..DumpOptions::protocol(protocol) })
        .map(crate::output::Segments::into_vec)
}

fn with_str(policy: Py2Str) -> Translation {
    Translation::new(Names::builtin(), policy, Py2Text::Unicode)
}

#[test]
fn bytes_reach_2_7_as_str_without_inflation() {
    let pickle = b"\x80\x04C\x03\x00\x80\xff.";
    assert_eq!(carry(pickle, V3_13, Pythons::PY2, 2).unwrap(), b"\x80\x02U\x03\x00\x80\xff.");
}

#[test]
fn bytes_for_an_unknown_reader_are_encoded_text_that_both_read() {
    let to_any = carry(b"\x80\x04C\x01\xff.", V3_13, Pythons::ANY, 2).unwrap();
    assert_eq!(to_any, b"\x80\x02c_codecs\nencode\nX\x02\0\0\0\xc3\xbfX\x06\0\0\0latin1\x86R.");
}

#[test]
fn a_2_7_str_is_text_if_it_is_utf8_and_else_bytes() {
    let both = b"\x80\x02U\x02\xc3\xbcU\x01\xff\x86.";
    assert_eq!(carry(both, Pythons::PY2, V3_6, 4).unwrap()[11..], *b"\x8c\x02\xc3\xbcC\x01\xff\x86.");
    let one = b"\x80\x02U\x01\xff.";
    let latin1 = carry_with(&with_str(Py2Str::Latin1), one, Pythons::PY2, V3_6, 2).unwrap();
    assert_eq!(latin1, b"\x80\x02X\x02\0\0\0\xc3\xbf.");
    assert!(carry_with(&with_str(Py2Str::Utf8), one, Pythons::PY2, V3_6, 2).is_err());
    assert!(carry_with(&with_str(Py2Str::Strict), b"\x80\x02U\x02\xc3\xbc.", Pythons::PY2, V3_6, 2).is_err());
}

#[test]
fn the_bytes_of_a_time_stay_bytes_though_they_are_valid_utf8() {
    // datetime.time(1, 2, 3, 50089) of 2.7, and the same six bytes once more as a str of their own, through the memo.
    let pickle = b"\x80\x02cdatetime\ntime\nU\x06\x01\x02\x03\x00\xc3\xa9q\x01\x85Rh\x01\x86.";
    let carried = carry(pickle, Pythons::PY2, V3_13, 3).unwrap();
    let time = b"\x80\x03cdatetime\ntime\nC\x06\x01\x02\x03\x00\xc3\xa9\x85R";
    assert_eq!(carried[..time.len()], *time);
    assert_eq!(carried[time.len()..], *b"X\x06\0\0\0\x01\x02\x03\x00\xc3\xa9\x86.");
}

#[test]
fn the_repeated_hour_is_dropped_for_2_7_and_kept_for_3_6() {
    let fold = b"\x80\x04\x8c\x08datetime\x8c\x08datetime\x93C\x0a\x07\xe4\x82\x03\0\0\0\0\0\0\x85R.";
    let to_27 = carry(fold, V3_13, Pythons::PY2, 2).unwrap();
    assert!(to_27.windows(3).any(|w| w == b"\x07\xe4\x02"));
    let to_36 = carry(fold, V3_13, V3_6, 4).unwrap();
    assert!(to_36.windows(3).any(|w| w == b"\x07\xe4\x82"));
}

#[test]
fn names_of_attributes_are_str_in_2_7_and_shared_text_stays_text() {
    // An instance with the attribute 'a', whose value is the same text 'a', through the memo.
    let pickle = b"\x80\x04\x8c\x01m\x8c\x01C\x93)\x81}\x8c\x01a\x94h\0sb.";
    let carried = carry(pickle, V3_13, Pythons::PY2, 2).unwrap();
    assert_eq!(carried, b"\x80\x02cm\nC\n)\x81}U\x01aX\x01\0\0\0asb.");
}

#[test]
fn integers_of_python_3_are_int_in_2_7_as_far_as_they_fit() {
    let pickle = b"\x80\x04\x8a\x05\0\0\0\0\x01.";
    assert_eq!(carry(pickle, V3_13, Pythons::PY2, 2).unwrap(), b"\x80\x02I4294967296\n.");
    let long = b"\x80\x02\x8a\x01\x03.";
    assert_eq!(carry(long, Pythons::PY2, Pythons::PY2, 2).unwrap(), long, "2.7's own longs stay long");
}

#[test]
fn ascii_text_is_str_in_2_7_where_the_policy_says_so() {
    let policy = Translation::new(Names::builtin(), Py2Str::default(), Py2Text::AsciiStr);
    let carried =
        carry_with(&policy, b"\x80\x04\x8c\x01a\x8c\x02\xc3\xbc\x86.", V3_13, Pythons::PY2, 2).unwrap();
    assert_eq!(carried, b"\x80\x02U\x01aX\x02\0\0\0\xc3\xbc\x86.");
}

#[test]
fn a_partial_of_multiprocessing_becomes_one_of_functools_for_2_7() {
    let pickle = b"\x80\x04\x8c\x19multiprocessing.reduction\x8c\x10_rebuild_partial\x93\x8c\x08builtins\x8c\x03int\x93)}\x8c\x04baseK\x02s\x87R.";
    let carried = carry(pickle, V3_13, Pythons::PY2, 2).unwrap();
    let wanted = b"\x80\x02cfunctools\npartial\nc__builtin__\nint\nq\0\x85R(h\0)}U\x04baseK\x02sNtb.";
    assert_eq!(carried.escape_ascii().to_string(), wanted.escape_ascii().to_string());
}

#[test]
fn what_may_pass_is_decided_by_the_opcodes_alone() {
    let translation = Translation::default();
    let scan = |pickle: &[u8]| crate::lex::scan(pickle).unwrap();
    let may_pass = |pickle: &[u8], from, to: Pythons| {
        translation.may_pass(&scan(pickle), from, to, to.readable_protocol())
    };
    assert!(may_pass(b"\x80\x04\x8c\x01a.", V3_13, V3_6), "3.6 reads protocol 4");
    assert!(!may_pass(b"\x80\x04\x8c\x01a.", V3_13, Pythons::PY2));
    assert!(!may_pass(b"\x80\x05N.", V3_13, V3_6), "3.6 does not read protocol 5");
    assert!(may_pass(b"\x80\x02U\x01a.", Pythons::PY2, V3_6), "ASCII is text to all");
    assert!(!may_pass(b"\x80\x02U\x01\xff.", Pythons::PY2, V3_6));
    assert!(may_pass(b"\x80\x02U\x01\xff.", Pythons::PY2, Pythons::PY2));
}

#[test]
fn an_array_of_protocol_4_becomes_the_list_form_that_2_7_reads() {
    let args = b"\x8c\x01i\x94K\x08C\x08\x01\0\0\0\xff\xff\xff\xfft\x94R\x94.";
    let mut pickle =
        b"\x80\x04\x8c\x05array\x94\x8c\x14_array_reconstructor\x94\x93\x94(h\x00\x8c\x05array\x93".to_vec();
    pickle.extend_from_slice(args);
    let carried = carry(&pickle, V3_13, Pythons::PY2, 2).unwrap();
    assert_eq!(carried, b"\x80\x02carray\narray\nU\x01i](K\x01J\xff\xff\xff\xffe\x86R.");
}

#[test]
fn an_error_that_2_7_lacks_arrives_as_what_it_was_there() {
    let pickle = b"\x80\x04\x8c\x08builtins\x8c\x0eRecursionError\x93\x8c\x04deep\x85R.";
    let carried = carry(pickle, V3_13, Pythons::PY2, 2).unwrap();
    assert_eq!(carried, b"\x80\x02cexceptions\nRuntimeError\nU\x04deep\x85R.");
    assert_eq!(
        carry(&carried, Pythons::PY2, V3_13, 4).unwrap()[11..],
        *b"\x8c\x08builtins\x8c\x0cRuntimeError\x93U\x04deep\x85R."
    );
}

/// Objects of one class that share everything: two bytes of the pickle each.
fn sharing(count: usize, shared: &[u8], object: &[u8]) -> Vec<u8> {
    [b"\x80\x02", shared, b"0(", &object.repeat(count), b"l."].concat()
}

/// Each object once got its own copy of what all share, so that a pickle of a megabyte made a terabyte.
#[test]
fn what_very_many_objects_share_is_rewritten_once() {
    const COUNT: usize = 5000;
    let mut packed = b"\x07\xe0\x0c\x1f\x17\x3b\x3b\x01\xe2\x40".to_vec();
    packed[2] |= 0x80;
    let datetime = sharing(
        COUNT,
        &[&b"cdatetime\ndatetime\nq\x000(C\x0a"[..], &packed, b"tq\x01"].concat(),
        b"h\x00h\x01R",
    );
    // 3,000 more arguments than any datetime has, of which the first is looked at.
    let wide =
        [&b"cdatetime\ndatetime\nq\x000(U\x0a"[..], &packed, &b"K\x01".repeat(3000), b"tq\x01"].concat();
    let wide = sharing(COUNT, &wide, b"h\x00h\x01R");
    let array = [
        &b"carray\n_array_reconstructor\nq\x000(carray\narray\nU\x01BK\x00B\x00\x10\x00\x00"[..],
        &[7; 4096],
        b"tq\x01",
    ]
    .concat();
    let array = sharing(COUNT, &array, b"h\x00h\x01R");
    for (pickle, from, to) in
        [(&datetime, V3_13, Pythons::PY2), (&wide, Pythons::PY2, V3_13), (&array, V3_13, Pythons::PY2)]
    {
        let mut graph = Graph::from_slice(pickle).unwrap();
        let before = graph.len();
        assert!(Translation::default().apply(&mut graph, from, to, 2).unwrap());
        let added = graph.len() - before;
        assert!(added < 4 * COUNT + 5000, "{added} nodes were added for {COUNT} objects");
        let references: usize = graph.ids().map(|id| children(&graph, id)).sum();
        assert!(references < 20 * COUNT + 20_000, "{references} references");
    }
}

fn children(graph: &Graph, id: NodeId) -> usize {
    let mut count = 0;
    graph[id].for_each_child(|_| count += 1);
    count
}

/// Each object once had all keys of its state looked at, and its class's name copied.
#[test]
fn a_state_and_a_name_that_very_many_objects_share_are_looked_at_once() {
    const COUNT: usize = 50_000;
    let name = [&b"c"[..], &b"n".repeat(COUNT), b"\nC\nq\x000"].concat();
    let state = [&b"}q\x01("[..], &b"U\x01kN".repeat(COUNT), b"u"].concat();
    let pickle = sharing(COUNT, &[&name[..], &state].concat(), b"h\x00)\x81h\x01b");
    let mut graph = Graph::from_slice(&pickle).unwrap();
    Translation::default().apply(&mut graph, Pythons::PY2, V3_13, 2).unwrap();
    assert!(graph.len() < 6 * COUNT);
}

/// Each proxy once had all keyword arguments and exposed names looked at, arguments of its own or not.
#[test]
fn keyword_arguments_that_very_many_proxies_share_are_looked_at_once() {
    const COUNT: usize = 50_000;
    let kwargs = [&b"}X\x07\0\0\0exposed("[..], &b"X\x01\0\0\0m".repeat(COUNT), b"tsq\x02"].concat();
    let function = b"cmultiprocessing.managers\nRebuildProxy\nq\x000";
    let pickle = sharing(COUNT, &[&function[..], &kwargs].concat(), b"h\x00(NNNh\x02tR");
    let mut graph = Graph::from_slice(&pickle).unwrap();
    assert!(Translation::default().apply(&mut graph, V3_13, Pythons::PY2, 2).unwrap());
    let references: usize = graph.ids().map(|id| children(&graph, id)).sum();
    assert!(references < 20 * COUNT);
}

/// A message of a gigabyte is not held twice.
#[test]
fn long_bytes_and_texts_go_out_from_where_they_came_in() {
    let long = |header: &[u8], protocol: u8| {
        [&[0x80, protocol][..], header, &(1u32 << 20).to_le_bytes(), &[b'x'; 1 << 20], b"q\x00."].concat()
    };
    let bytes_3 = long(b"B", 3);
    let cases: [(&[u8], Pythons, Pythons, u8); 5] = [
        (&bytes_3, V3_13, Pythons::PY2, 2),
        (&long(b"X", 3), V3_13, Pythons::PY2, 2),
        (&long(b"T", 2), Pythons::PY2, V3_13, 4),
        (&long(b"T", 2), Pythons::PY2, Pythons::ANY, 2),
        (&long(b"X", 2), V3_6, V3_13, 5),
    ];
    for (pickle, from, to, protocol) in cases {
        let source = bytes::Bytes::copy_from_slice(pickle);
        let mut graph = Graph::load(source.clone(), &crate::Limits::DEFAULT).unwrap();
        Translation::default().apply(&mut graph, from, to, protocol).unwrap();
        let options = DumpOptions { python: to, ..DumpOptions::protocol(protocol) };
        let pieces = graph.into_segments(&options).unwrap().into_pieces();
        let shared = pieces.iter().filter(|piece| source.as_ptr_range().contains(&piece.as_ptr()));
        assert_eq!(shared.map(bytes::Bytes::len).sum::<usize>(), 1 << 20, "{from} to {to}");
        assert!(pieces.iter().map(bytes::Bytes::len).sum::<usize>() < (1 << 20) + 100);
    }
}
