use sabir_pickle::Version;

use super::*;
use crate::Kind;

const PY313: Pythons = Pythons::exactly(Version::new(3, 13));

/// Whether a node is text, and of which Python.
fn of(graph: &Graph, id: NodeId) -> char {
    match graph[id] {
        Node::Str(_) => '3',
        Node::String(_) => '2',
        _ => '-',
    }
}

#[test]
fn requests_for_2_7_have_its_str_where_it_wants_one() {
    // ('7f', '__setattr__', ('x', 'value'), {'key': 'value'}) and (None, 'create', ('dict', 'value'), {}) of 3.13
    let mut graph = Graph::new();
    let str = |graph: &mut Graph, text| graph.add_str(text);
    let (x, value, key) = (str(&mut graph, "x"), str(&mut graph, "value"), str(&mut graph, "key"));
    let args = graph.add_tuple([x, value]);
    let kwargs = graph.add(Node::Dict(alloc::vec![(key, value)]));
    for (ident, method) in [(Some("7f"), "__setattr__"), (None, "create")] {
        let ident = ident.map_or(NodeId::NONE, |ident| graph.add_str(ident));
        let old = Request { ident, method: graph.add_str(method), args, kwargs };
        let new = request(&mut graph, &old, Pythons::PY2);
        assert_eq!(of(&graph, new.ident), if ident == NodeId::NONE { '-' } else { '2' });
        assert_eq!((of(&graph, new.method), graph.text(new.method)), ('2', Some(method)));
        let args = graph.items(new.args).unwrap();
        assert_eq!((of(&graph, args[0]), args[1]), ('2', value), "values stay text");
        let Node::Dict(pairs) = &graph[new.kwargs] else { panic!("no dict") };
        assert_eq!((of(&graph, pairs[0].0), pairs[0].1), ('2', value));
        assert_eq!(request(&mut graph, &old, PY313), old, "3.x has what it wants");
    }
    assert_eq!(of(&graph, x), '3', "what else holds the text holds what it was");
}

#[test]
fn arguments_of_other_methods_are_values() {
    let mut graph = Graph::new();
    let text = graph.add_str("create");
    let (ident, method) = (graph.add_str("7f"), graph.add_str("append"));
    let (args, kwargs) = (graph.add_tuple([text]), graph.add(Node::Dict(Vec::new())));
    let new = request(&mut graph, &Request { ident, method, args, kwargs }, Pythons::PY2);
    assert_eq!((new.args, new.kwargs), (args, kwargs));
}

#[test]
fn replies_to_2_7_have_its_str_where_it_asserts_one() {
    let cases = [
        (Kind::Traceback, Holds::Value, '2'),
        (Kind::Unserializable, Holds::Value, '2'),
        (Kind::Return, Holds::Text, '2'),
        (Kind::Return, Holds::Value, '3'),
        (Kind::Error, Holds::Text, '3'),
    ];
    for (kind, holds, wanted) in cases {
        let mut graph = Graph::new();
        let old = Reply::text(&mut graph, kind, "h\u{e9}");
        let new = reply(&mut graph, &old, holds, Pythons::PY2);
        assert_eq!((of(&graph, new.name), of(&graph, new.result)), ('2', wanted), "{kind:?}");
        assert_eq!(graph.text(new.result), Some("h\u{e9}"));
        assert_eq!(reply(&mut graph, &old, holds, PY313), old);
    }
}

#[test]
fn idents_and_exposed_names_are_native() {
    let mut graph = Graph::new();
    let (ident, put) = (graph.add_str("7f"), graph.add_str("put"));
    let exposed = graph.add_tuple([put]);
    let result = graph.add_tuple([ident, exposed]);
    let name = graph.add_str("#RETURN");
    let old = Reply { kind: Kind::Return, name, result };
    let new = reply(&mut graph, &old, Holds::Created, Pythons::PY2);
    let &[ident, exposed] = graph.items(new.result).unwrap() else { panic!("no pair") };
    assert_eq!((of(&graph, ident), of(&graph, graph.items(exposed).unwrap()[0])), ('2', '2'));
    let new = reply(&mut graph, &Reply { result: exposed, ..old }, Holds::Methods, PY313);
    assert_eq!(of(&graph, graph.items(new.result).unwrap()[0]), '3');
}

#[test]
fn tokens_and_proxies_are_native_at_any_depth() {
    // [{'proxy': RebuildProxy(AutoProxy, Token('Q', '/tmp/s', '7f'), 'pickle', {'exposed': ('put',)})}] of 3.x
    let pickle =
        b"\x80\x02]}X\x05\0\0\0proxycmultiprocessing.managers\nRebuildProxy\n(cmultiprocessing.managers\n\
        AutoProxy\ncmultiprocessing.managers\nToken\n)\x81X\x01\0\0\0QX\x06\0\0\0/tmp/sX\x02\0\0\x007f\x87b\
        X\x06\0\0\0pickle}X\x07\0\0\0exposedX\x03\0\0\0put\x85stRsa.";
    let mut graph = Graph::from_slice(pickle).unwrap();
    assert!(!tokens(&mut graph, PY313));
    assert!(tokens(&mut graph, Pythons::PY2));
    let token = Token::find(&graph)[0];
    assert_eq!([token.typeid, token.address, token.ident].map(|id| of(&graph, id)), ['2'; 3]);
    let rebuild = Rebuild::find(&graph)[0];
    assert_eq!(of(&graph, rebuild.serializer), '2');
    let Node::Dict(pairs) = &graph[rebuild.kwargs] else { panic!("no dict") };
    assert_eq!((of(&graph, pairs[0].0), of(&graph, graph.items(pairs[0].1).unwrap()[0])), ('2', '2'));
    assert!(!tokens(&mut graph, Pythons::PY2), "once is enough");
}

#[test]
fn abstract_names_of_2_7_are_bytes_to_3_x() {
    let pickle = b"\x80\x02cmultiprocessing.managers\nToken\n)\x81U\x01QU\x05\0nameU\x027f\x87b.";
    let mut graph = Graph::from_slice(pickle).unwrap();
    assert!(tokens(&mut graph, PY313));
    assert!(matches!(graph[Token::find(&graph)[0].address], Node::Bytes(_)));
}

#[test]
fn a_reader_that_may_be_any_version_gets_ascii_as_both_read_it() {
    let mut graph = Graph::new();
    let reply_to = Reply::text(&mut graph, Kind::Traceback, "Traceback");
    let new = reply(&mut graph, &reply_to, Holds::Value, Pythons::ANY);
    assert_eq!((of(&graph, new.name), of(&graph, new.result)), ('2', '2'));
    let accented = Reply::text(&mut graph, Kind::Traceback, "h\u{e9}");
    let new = reply(&mut graph, &accented, Holds::Value, Pythons::ANY);
    assert_eq!(of(&graph, new.result), '3');
}
