use sabir_pickle::{DumpOptions, Version};

use super::*;
use crate::Vocabulary;

const PY313: Pythons = Pythons::exactly(Version::new(3, 13));
const PY314: Pythons = Pythons::exactly(Version::new(3, 14));

/// What a call becomes, by the rule for it: the method and the arguments as a pickle of protocol 2.
fn rewritten(
    typeid: &str,
    method: &str,
    args: &[&dyn Fn(&mut Graph) -> NodeId],
    server: Pythons,
) -> Option<(String, Vec<u8>)> {
    let methods = Methods::builtin();
    let client = if server == Pythons::PY2 { PY314 } else { Pythons::PY2 };
    let newest = matches!(method, "copy" | "clear" | "__ior__" | "__or__");
    let client = if newest { PY314 } else { client };
    let mut graph = Graph::new();
    let args: Vec<NodeId> = args.iter().map(|arg| arg(&mut graph)).collect();
    let request = Request {
        ident: graph.add_str("7f"),
        method: graph.add_str(method),
        args: graph.add_tuple(args),
        kwargs: graph.add(Node::Dict(Vec::new())),
    };
    match methods
        .rule(&Call { typeid, exposed: None, method, client, server })?
        .rewrite(&mut graph, &request, server)
    {
        Rewriting::Keep => None,
        Rewriting::Request(new) => {
            assert_eq!((new.ident, new.kwargs), (request.ident, request.kwargs));
            let method = graph.text(new.method).unwrap().to_string();
            graph.set_root(new.args);
            Some((method, graph.dump(&DumpOptions::protocol(2)).unwrap()))
        }
        Rewriting::NoEquivalent(text) => Some((text, Vec::new())),
    }
}

fn int(value: i64) -> impl Fn(&mut Graph) -> NodeId {
    move |graph| graph.add_int(value)
}

#[test]
fn every_line_of_the_table_is_a_rule() {
    assert_eq!(Methods::builtin().rules.len(), table::rows(TABLE).count());
    assert!(Methods::builtin().known.len() <= 64, "each known method has a bit");
}

#[test]
fn rules_agree_with_the_vocabulary_of_real_managers() {
    let vocabulary = Vocabulary::builtin();
    for rule in Methods::builtin().rules {
        for typeid in &rule.typeids {
            let exposes = |method, servers| vocabulary.exposes(typeid, method, servers);
            if let Some(becomes) = rule.becomes {
                let answers = exposes(becomes, rule.servers);
                assert_eq!(answers, Some(true), "{typeid}.{becomes} of {}", rule.servers);
            }
            // 2.7 exposes `__next__` without having it; a lock's acquire is there, but without a timeout; 3.6 exposes
            // has_key without having it.
            if !matches!(rule.called, "__next__" | "acquire" | "has_key") {
                assert_eq!(exposes(rule.called, rule.servers), Some(false), "{typeid}.{}", rule.called);
            }
        }
    }
}

#[test]
fn slices_of_2_7_become_slice_objects() {
    let (method, args) = rewritten("list", "__getslice__", &[&int(1), &int(3)], PY313).unwrap();
    assert_eq!(
        (&*method, &args[..]),
        ("__getitem__", &b"\x80\x02c__builtin__\nslice\nK\x01K\x03N\x87R\x85."[..])
    );
    let (method, args) = rewritten("list", "__setslice__", &[&int(1), &int(3), &int(9)], PY313).unwrap();
    assert_eq!(
        (&*method, &args[..]),
        ("__setitem__", &b"\x80\x02c__builtin__\nslice\nK\x01K\x03N\x87RK\x09\x86."[..])
    );
    let (method, _) = rewritten("list", "__delslice__", &[&int(1), &int(3)], PY313).unwrap();
    assert_eq!(method, "__delitem__");
    assert_eq!(rewritten("list", "__getslice__", &[&int(1), &int(3)], Pythons::PY2), None);
}

/// `[1, 2, 3].__getslice__(-1, 3)` is the whole list in 2.7.
#[test]
fn what_is_still_negative_in_a_slice_of_2_7_is_its_start() {
    let (_, args) = rewritten("list", "__getslice__", &[&int(-1), &int(3)], PY313).unwrap();
    assert_eq!(args, b"\x80\x02c__builtin__\nslice\nK\x00K\x03N\x87R\x85.");
}

#[test]
fn odd_arguments_are_left_to_the_server() {
    assert_eq!(rewritten("list", "__getslice__", &[], PY313), None);
    assert_eq!(rewritten("list", "__getslice__", &[&int(1), &int(2), &int(3), &int(4)], PY313), None);
    assert_eq!(rewritten("list", "copy", &[&int(1)], PY313), None);
}

#[test]
fn iterators_differ_by_the_major_version() {
    assert_eq!(rewritten("Iterator", "next", &[], PY313).unwrap().0, "__next__");
    assert_eq!(rewritten("Iterator", "__next__", &[], Pythons::PY2).unwrap().0, "next");
    assert_eq!(rewritten("Iterator", "__next__", &[], PY313), None);
    assert_eq!(rewritten("Iterator", "next", &[], Pythons::PY2), None);
}

#[test]
fn what_3_14_added_is_asked_of_older_servers_in_their_words() {
    let older = Pythons::writing(4);
    assert_eq!(rewritten("list", "copy", &[], older).unwrap().0, "__getitem__");
    let (method, args) = rewritten("list", "clear", &[], Pythons::PY2).unwrap();
    assert_eq!((&*method, &args[..]), ("__delitem__", &b"\x80\x02c__builtin__\nslice\nNNN\x87R\x85."[..]));
    assert_eq!(rewritten("dict", "__ior__", &[&int(1)], older).unwrap().0, "update");
    assert_eq!(rewritten("list", "copy", &[], Pythons::writing(5)), None);
    let (text, _) = rewritten("dict", "__or__", &[&int(1)], older).unwrap();
    assert!(text.contains("no equivalent") && text.contains("copy()"), "{text}");
}

#[test]
fn timeouts_of_locks_are_unknown_to_2_7() {
    let none = |_: &mut Graph| NodeId::NONE;
    let yes = |_: &mut Graph| NodeId::TRUE;
    let seconds = |graph: &mut Graph| graph.add(Node::Float(1.5));
    for typeid in ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition"] {
        let (text, _) = rewritten(typeid, "acquire", &[&yes, &seconds], Pythons::PY2).unwrap();
        assert!(text.contains("acquire() with 2 arguments has no equivalent"), "{text}");
        assert_eq!(rewritten(typeid, "acquire", &[&yes], Pythons::PY2), None);
        assert_eq!(rewritten(typeid, "acquire", &[], Pythons::PY2), None);
        assert_eq!(rewritten(typeid, "acquire", &[&yes, &seconds], PY313), None);
        for endless in [&none as &dyn Fn(&mut Graph) -> NodeId, &int(-1)] {
            let (method, args) = rewritten(typeid, "acquire", &[&yes, endless], Pythons::PY2).unwrap();
            assert_eq!((&*method, &args[..]), ("acquire", &b"\x80\x02\x88\x85."[..]));
        }
    }
}

/// 3.7 and newer send a count, 2.7 and 3.6 none; `threading.Condition.notify` of all takes both.
#[test]
fn notify_needs_no_rule() {
    assert!(!Methods::builtin().may_translate("notify"));
}

#[test]
fn what_is_exposed_decides_for_typeids_of_the_program() {
    let methods = Methods::builtin();
    let rule = |exposed: &[&str], method, server| {
        let exposed = Some(methods.exposed(exposed.iter().copied()));
        let client = if server == Pythons::PY2 { PY314 } else { Pythons::PY2 };
        methods.rule(&Call { typeid: "shop", exposed, method, client, server }).map(|rule| rule.becomes)
    };
    assert_eq!(rule(&["__getitem__"], "__getslice__", PY313), Some(Some("__getitem__")));
    assert_eq!(rule(&["__getitem__", "__getslice__"], "__getslice__", PY313), None);
    assert_eq!(rule(&[], "__getslice__", PY313), None);
    assert_eq!(rule(&["__next__"], "next", PY313), Some(Some("__next__")));
    assert_eq!(
        rule(&["__next__", "next"], "__next__", Pythons::PY2),
        Some(Some("next")),
        "as IteratorProxy has it"
    );
    // An object of the program may have a copy() of its own, or acquire() with two arguments.
    assert_eq!(rule(&["__getitem__", "copy", "append"], "copy", Pythons::PY2), None);
    assert_eq!(rule(&["__getitem__"], "copy", Pythons::PY2), None);
    assert_eq!(rule(&["__getitem__", "append"], "copy", Pythons::PY2), Some(Some("__getitem__")));
    assert_eq!(rule(&["acquire", "release"], "acquire", Pythons::PY2), None);
    let unknown = Call { typeid: "shop", exposed: None, method: "next", client: Pythons::PY2, server: PY313 };
    assert_eq!(methods.rule(&unknown), None);
}

#[test]
fn no_rule_is_about_a_pair_of_one_version() {
    for rule in Methods::builtin().rules {
        assert_eq!(rule.callers.intersect(rule.servers), None, "{}", rule.called);
    }
}

#[test]
fn versions_that_are_not_known_well_enough_have_no_rule() {
    let methods = Methods::builtin();
    let call = Call {
        typeid: "Iterator",
        exposed: None,
        method: "next",
        client: Pythons::PY2,
        server: Pythons::ANY,
    };
    assert_eq!(methods.rule(&call), None);
    assert_eq!(methods.rule(&Call { server: PY313, client: Pythons::ANY, ..call }), None);
}

#[test]
fn clients_find_what_their_proxies_call_among_the_exposed() {
    let methods = Methods::builtin();
    let missing = |typeid: &str, exposed: &[&str], client| -> Vec<&str> {
        let server = if client == Pythons::PY2 { PY313 } else { Pythons::PY2 };
        methods.missing(typeid, methods.exposed(exposed.iter().copied()), client, server).collect()
    };
    let list = ["__getitem__", "__setitem__", "__delitem__", "append"];
    assert_eq!(missing("list", &list, Pythons::PY2), ["__getslice__", "__setslice__", "__delslice__"]);
    assert_eq!(missing("list", &list, PY313), [""; 0]);
    assert_eq!(missing("list", &list, Version::new(3, 14).into()), ["copy", "clear"]);
    assert_eq!(missing("Iterator", &["__next__", "send"], Pythons::PY2), ["next"]);
    assert_eq!(missing("shop", &["next"], PY313), ["__next__"]);
    assert_eq!(missing("dict", &["__contains__"], Pythons::PY2), ["has_key"]);
    assert_eq!(missing("dict", &["__contains__"], Pythons::ANY), [""; 0]);
}
