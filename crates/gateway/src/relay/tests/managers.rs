//! Whole conversations between managers and clients of different versions.

use super::*;

const IDENT: &str = "7f0e686d2270";

#[test]
fn a_3_13_client_talks_to_a_2_7_manager() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY27);
    let create = PY313.request(None, "create", |g| vec![g.text("dict")]);
    assert_eq!(show(&pair.gives(Side::Client, &create)), "2 (None s'create' (s'dict') {})");
    let created = PY27.reply(|g| {
        let (ident, exposed) = (g.text(IDENT), g.texts(&["__iter__", "has_key"]));
        (g.text("#RETURN"), g.graph.add_tuple([ident, exposed]))
    });
    let got = pair.gives(Side::Server, &created);
    assert_eq!(
        show(&got),
        format!("2 (s'#RETURN' (s'{IDENT}' (s'__iter__' s'has_key')))").replace("s'", "u'")
    );

    let set = PY313.request(Some(IDENT), "__setitem__", |g| vec![g.text("key"), g.text("value")]);
    let wanted = format!("2 (s'{IDENT}' s'__setitem__' (u'key' u'value') {{}})");
    assert_eq!(show(&pair.gives(Side::Client, &set)), wanted);
    // What is text to both passes as it is.
    let none = PY27.reply(|g| (g.text("#RETURN"), NodeId::NONE));
    assert!(matches!(pair.says(Side::Server, &none), Outcome::Pass));

    let iter = PY313.request(Some(IDENT), "__iter__", |_| vec![]);
    pair.gives(Side::Client, &iter);
    let proxy = PY27.reply(|g| {
        let exposed = g.texts(&["__next__", "next"]);
        let token = g.token("Iterator", &inet("127.0.0.1", 6000), "7f01");
        (g.text("#PROXY"), g.graph.add_tuple([exposed, token]))
    });
    assert_eq!(addresses(&pair.gives(Side::Server, &proxy)), ["127.0.0.1:5000"]);
    let next = PY313.request(Some("7f01"), "__next__", |_| vec![]);
    assert_eq!(show(&pair.gives(Side::Client, &next)), "2 (s'7f01' s'next' () {})");
    let translated = Event::MethodTranslated { called: "__next__".into(), becomes: "next".into() };
    assert!(pair.events().contains(&translated));
}

#[test]
fn a_2_7_client_talks_to_a_3_13_manager() {
    let mut pair = Pair::manager(Config::default(), &PY27, &PY313);
    let create = PY27.request(None, "create", |g| vec![g.text("list")]);
    assert!(matches!(pair.says(Side::Client, &create), Outcome::Replace(_) | Outcome::Pass));
    let created = PY313.reply(|g| {
        let (ident, exposed) = (g.text(IDENT), g.texts(&["__getitem__", "append"]));
        (g.text("#RETURN"), g.graph.add_tuple([ident, exposed]))
    });
    // A proxy that is made of what is exposed needs the name that it will call.
    let wanted = format!("2 (s'#RETURN' (s'{IDENT}' (s'__getitem__' s'append' s'__getslice__')))");
    assert_eq!(show(&pair.gives(Side::Server, &created)), wanted);

    let slice = PY27.request(Some(IDENT), "__getslice__", |g| vec![g.graph.add_int(1), g.graph.add_int(3)]);
    let got = show(&pair.gives(Side::Client, &slice));
    assert!(got.contains("'__getitem__' (__builtin__.slice(1 3 None)) {})"), "{got}");
    let value = PY313.reply(|g| (g.text("#RETURN"), g.text("h\u{e9}")));
    assert_eq!(show(&pair.gives(Side::Server, &value)), "2 (s'#RETURN' u'h\\xc3\\xa9')");

    // 2.7 asserts that a traceback is its `str`.
    let nope = PY27.request(Some(IDENT), "nope", |_| vec![]);
    assert!(matches!(pair.says(Side::Client, &nope), Outcome::Pass), "what needs no translation passes");
    let traceback = PY313.reply(|g| (g.text("#TRACEBACK"), g.text("Traceback")));
    assert_eq!(show(&pair.gives(Side::Server, &traceback)), "2 (s'#TRACEBACK' s'Traceback')");
    let repr = PY27.request(Some(IDENT), "__repr__", |_| vec![]);
    pair.says(Side::Client, &repr);
    let value = PY313.reply(|g| (g.text("#RETURN"), g.text("[1]")));
    assert_eq!(show(&pair.gives(Side::Server, &value)), "2 (s'#RETURN' s'[1]')");
}

#[test]
fn a_method_list_has_what_the_client_will_call() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY27);
    let ask =
        PY313.request(None, "get_methods", |g| vec![g.token("Iterator", &inet("127.0.0.1", 5000), "7f01")]);
    assert_eq!(addresses(&pair.gives(Side::Client, &ask)), ["127.0.0.1:6000"]);
    let reply = PY27.reply(|g| (g.text("#RETURN"), g.texts(&["next"])));
    assert_eq!(show(&pair.gives(Side::Server, &reply)), "2 (u'#RETURN' (u'next' u'__next__'))");
}

#[test]
fn equal_versions_pass_byte_for_byte() {
    for dialect in [PY27, PY36, PY313, PY314] {
        let mut pair = Pair::manager(Config::default(), &dialect, &dialect);
        let frames = [
            (Side::Client, dialect.request(None, "create", |g| vec![g.text("dict")])),
            (
                Side::Server,
                dialect.reply(|g| {
                    let (ident, exposed) = (g.text(IDENT), g.texts(&["__iter__", "has_key", "__contains__"]));
                    (g.text("#RETURN"), g.graph.add_tuple([ident, exposed]))
                }),
            ),
            (Side::Client, dialect.request(Some(IDENT), "has_key", |g| vec![g.text("a")])),
            (
                Side::Server,
                dialect
                    .reply(|g| (g.text("#ERROR"), g.graph.add_global("multiprocessing.managers", "Token"))),
            ),
            (Side::Client, dialect.request(Some(IDENT), "__str__", |_| vec![])),
            (Side::Server, dialect.reply(|g| (g.text("#RETURN"), g.text("text")))),
            (Side::Client, dialect.request(None, "shutdown", |_| vec![])),
            (Side::Server, dialect.reply(|g| (g.text("#RETURN"), NodeId::NONE))),
            // 3.x answers twice.
            (Side::Server, dialect.reply(|g| (g.text("#RETURN"), NodeId::NONE))),
        ];
        for (from, body) in frames {
            assert!(matches!(pair.says(from, &body), Outcome::Pass), "{} {}", dialect.pythons, show(&body));
        }
    }
}

#[test]
fn a_timeout_that_2_7_does_not_know_is_said_to_the_client() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY27);
    let exposed = Methods::builtin().exposed(["acquire", "release"]);
    pair.server.learn_object("7f02", "Lock", exposed, true);
    let acquire = PY313.request(Some("7f02"), "acquire", |g| vec![NodeId::TRUE, g.graph.add_int(5)]);
    let (kind, text, pickle) = pair.told(Side::Client, &acquire);
    assert_eq!((kind, pickle[1]), ("#TRACEBACK", 5));
    assert!(text.starts_with("sabir gateway: acquire() with 2 arguments has no equivalent"), "{text}");
    // The next request is answered by the server.
    let acquire = PY313.request(Some("7f02"), "acquire", |_| vec![NodeId::TRUE]);
    pair.gives(Side::Client, &acquire);
    let reply = PY27.reply(|g| (g.text("#RETURN"), NodeId::TRUE));
    assert!(matches!(pair.says(Side::Server, &reply), Outcome::Pass));
}

#[test]
fn a_malformed_request_is_answered_as_its_server_would_answer() {
    let mut pair = Pair::manager(Config::default(), &PY27, &PY313);
    let (kind, text, pickle) = pair.told(Side::Client, b"\x80\x02(U\x01a");
    assert_eq!(kind, "#TRACEBACK");
    assert_eq!(
        text,
        "sabir gateway: the client sent what is no pickle: the pickle ends before its STOP at offset 6\n"
    );
    assert_eq!(show(&pickle), format!("2 (s'#TRACEBACK' s'{}')", text.escape_default()));
    let (_, text, _) = pair.told(Side::Client, b"\x80\x02(U\x01aee.");
    assert!(text.contains("the client sent what is no pickle"), "{text}");
}

#[test]
fn a_reply_that_cannot_be_passed_on_is_still_a_reply() {
    let translation = Translation::new(Names::builtin(), Py2Str::Strict, Py2Text::Unicode);
    let mut pair = Pair::manager(Config { translation, ..Config::default() }, &PY313, &PY27);
    for (body, wanted, part) in [
        (&b"\x80\x02U\x07#RETURNU\x01\xff\x86."[..], "#UNSERIALIZABLE", "the policy for str is strict"),
        (b"no pickle", "#TRACEBACK", "the server sent what is no pickle"),
    ] {
        let request = PY313.request(Some("7f"), "get", |_| vec![]);
        pair.gives(Side::Client, &request);
        let (kind, text, _) = pair.told(Side::Server, body);
        assert_eq!(kind, wanted);
        assert!(text.contains(part), "{text}");
        assert!(pair.relay.expected.is_empty());
    }
}

#[test]
fn who_does_not_wait_for_replies_gets_none_out_of_order() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY313);
    pair.gives(Side::Client, &PY313.request(Some("7f"), "get", |_| vec![]));
    assert!(matches!(pair.says(Side::Client, b"no pickle"), Outcome::Close(RelayError::Pipelined { .. })));
    let get = PY313.request(Some("7f"), "get", |_| vec![]);
    let outcome = (0..2000).map(|_| pair.says(Side::Client, &get)).find(|o| !matches!(o, Outcome::Pass));
    assert!(matches!(outcome, Some(Outcome::Close(RelayError::TooManyRequests { limit: 1024 }))));
}

#[test]
fn a_server_that_changes_its_version_is_another() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY27);
    let exposed = Methods::builtin().exposed(["next"]);
    pair.server.learn_object("7f01", "Iterator", exposed, true);
    pair.says(Side::Server, &PY313.reply(|g| (g.text("#RETURN"), NodeId::NONE)));
    let next = PY313.request(Some("7f01"), "__next__", |_| vec![]);
    assert!(matches!(pair.says(Side::Client, &next), Outcome::Pass));
}

#[test]
fn a_3_x_that_writes_protocol_2_is_not_taken_for_2_7() {
    let mut pair = Pair::new(Config::default());
    let dialect = Dialect { protocol: 2, pythons: PY313.pythons };
    pair.says(Side::Client, &dialect.request(None, "dummy", |_| vec![]));
    assert!(pair.events().contains(&Event::Pythons { side: Side::Client, pythons: Pythons::PY3 }));
    let bytes = PY313.reply(|g| {
        let blob = g.graph.store(b"\xff");
        (g.text("#RETURN"), g.graph.add(Node::Bytes(blob)))
    });
    let wanted = "2 (u'#RETURN' _codecs.encode(u'\\xc3\\xbf' u'latin1'))";
    assert_eq!(show(&pair.gives(Side::Server, &bytes)), wanted);
}
