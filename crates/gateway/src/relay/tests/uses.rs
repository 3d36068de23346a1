//! What allowed names may be used for. Each of these once ran a stranger's code, or kept a stock Python busy, behind a gateway
//! whose policy was strict.

use super::policies::strict;
use super::*;

/// CPython compiles `def NAME(self, ...)` for each exposed name.
const EVIL: &str = "x(self): pass\nopen('/tmp/pwned','w').close()\ndef y";

/// What the policy says of a pickle of a client; empty if it passes.
fn verdict(pickle: &[u8]) -> String {
    let mut pair = Pair::new(strict());
    match pair.says(Side::Client, pickle) {
        Outcome::Pass | Outcome::Replace(_) => String::new(),
        Outcome::Close(error) => error.to_string(),
        outcome => panic!("{outcome:?}"),
    }
}

fn is_refused(pickle: &[u8], part: &str) {
    let said = verdict(pickle);
    assert!(said.contains(part), "{}: {said:?}", pickle.escape_ascii());
}

/// `MODULE.name` of multiprocessing.managers, in every protocol.
fn managers(g: &mut Writer<'_>, name: &str) -> NodeId {
    g.graph.add_global("multiprocessing.managers", name)
}

fn here(g: &mut Writer<'_>) -> NodeId {
    g.token("x", &inet("127.0.0.1", 5000), "7f")
}

fn rebuild(g: &mut Writer<'_>, function: NodeId, token: NodeId, kwargs: Vec<(NodeId, NodeId)>) -> NodeId {
    let serializer = g.text("pickle");
    let kwargs = g.graph.add(Node::Dict(kwargs));
    sabir_manager::Rebuild::encode(&mut g.graph, function, token, serializer, kwargs)
}

fn call(g: &mut Writer<'_>, module: &str, name: &str, args: &[NodeId]) -> NodeId {
    let callable = g.graph.add_global(module, name);
    let args = g.graph.add_tuple(args);
    g.graph.add_object(Make::Reduce { callable, args })
}

#[test]
fn proxies_pass_as_stock_pythons_write_them() {
    for dialect in [PY27, PY36, PY313] {
        let pickle = dialect.pickle(|g| {
            let (auto, list) = (managers(g, "AutoProxy"), managers(g, "ListProxy"));
            let (key, names) = (g.text("exposed"), g.texts(&["put", "__len__", "_x9", "gr\u{f6}\u{df}e"]));
            let token = here(g);
            let one = rebuild(g, auto, token, vec![(key, names)]);
            let two = rebuild(g, list, token, vec![]);
            g.graph.add(Node::List(vec![one, two, one]))
        });
        assert_eq!(verdict(&pickle), "");
    }
}

#[test]
fn an_exposed_name_that_is_code_is_refused() {
    for names in [&[EVIL][..], &["put", "x y"], &[""], &["9"], &["x\n"], &["x(self): 0 #"], &["a.b"]] {
        for key in ["exposed", "b"] {
            let pickle = PY313.pickle(|g| {
                let (auto, exposed, names) = (managers(g, "AutoProxy"), g.text("exposed"), g.texts(names));
                // Bytes are 2.7's `str`, so no key but text is one that is understood.
                let blob = g.graph.store(b"exposed");
                let key = if key == "b" { g.graph.add(Node::Bytes(blob)) } else { exposed };
                let token = here(g);
                rebuild(g, auto, token, vec![(key, names)])
            });
            let part = if key == "b" { "form that no stock pickle has" } else { "no name of Python" };
            is_refused(&pickle, part);
        }
    }
    // str() of an exception is what its maker likes.
    let pickle = PY313.pickle(|g| {
        let evil = g.text(EVIL);
        let evil = call(g, "builtins", "ValueError", &[evil]);
        let (auto, key, names) = (managers(g, "AutoProxy"), g.text("exposed"), g.graph.add_tuple([evil]));
        let token = here(g);
        rebuild(g, auto, token, vec![(key, names)])
    });
    is_refused(&pickle, "an exposed method that is no text");
    let pickle = PY313.pickle(|g| {
        let evil = g.texts(&[EVIL]);
        let evil = call(g, "collections", "deque", &[evil]);
        let (auto, key) = (managers(g, "AutoProxy"), g.text("exposed"));
        let token = here(g);
        rebuild(g, auto, token, vec![(key, evil)])
    });
    is_refused(&pickle, "exposed methods that are no tuple");
}

#[test]
fn proxies_are_made_in_no_other_way() {
    let direct = |make: fn(NodeId, NodeId) -> Make| {
        PY313.pickle(|g| {
            let (auto, token) = (managers(g, "AutoProxy"), here(g));
            let (serializer, key, evil) = (g.text("pickle"), g.text("key"), g.texts(&[EVIL]));
            let args = g.graph.add_tuple([token, serializer, NodeId::NONE, key, evil]);
            g.graph.add_object(make(auto, args))
        })
    };
    for make in [
        |callable, args| Make::Reduce { callable, args },
        |class, args| Make::NewObj { class, args },
        |class, args| Make::Instance { class, args: vec![args] },
    ] as [fn(NodeId, NodeId) -> Make; 3]
    {
        is_refused(&direct(make), "a proxy that RebuildProxy does not make");
    }
    // A class that something else calls: `__setstate__` of an instance, the arguments of another function.
    let elsewhere = [
        PY313.pickle(|g| {
            let (auto, key) = (managers(g, "AutoProxy"), g.text("__setstate__"));
            let object = call(g, "types", "SimpleNamespace", &[]);
            let state = g.graph.add(Node::Dict(vec![(key, auto)]));
            let Node::Object(made) = g.graph.node_mut(object) else { panic!("an object") };
            made.steps.push(Step::Build(state));
            object
        }),
        PY313.pickle(|g| {
            let auto = managers(g, "AutoProxy");
            call(g, "collections", "defaultdict", &[auto])
        }),
        PY313.pickle(|g| {
            let (auto, token) = (managers(g, "ListProxy"), here(g));
            let proxy = rebuild(g, auto, token, vec![]);
            let Node::Object(made) = &g.graph[proxy] else { panic!("an object") };
            let (_, args) = made.call().unwrap();
            let callable = g.graph.add_global("copyreg", "__newobj__");
            let other = g.graph.add_object(Make::Reduce { callable, args });
            g.graph.add_tuple([proxy, other])
        }),
    ];
    for pickle in elsewhere {
        is_refused(&pickle, "where no stock pickle has it");
    }
    let make_type = |names: &'static [&str]| {
        let mut allow = AllowList::builtin();
        allow.add("multiprocessing.managers.MakeProxyType").unwrap();
        let policy = Policy::Strict { allow, allow_raw: false };
        let mut pair = Pair::new(Config { policy, ..Config::default() });
        let pickle = PY313.pickle(|g| {
            let (name, names) = (g.text("Mine"), g.texts(names));
            call(g, "multiprocessing.managers", "MakeProxyType", &[name, names])
        });
        matches!(pair.says(Side::Client, &pickle), Outcome::Replace(_))
    };
    assert!(make_type(&["put"]) && !make_type(&[EVIL]));
}

#[test]
fn a_token_is_plain_and_leads_to_a_route() {
    // The reader of a proxy connects to where its token leads, with a key that the pickle may name, and loads the answer.
    let elsewhere = PY313.pickle(|g| {
        let (list, token) = (managers(g, "ListProxy"), g.token("x", &inet("203.0.113.9", 80), "7f"));
        rebuild(g, list, token, vec![])
    });
    is_refused(&elsewhere, "a token of a manager at 203.0.113.9:80, to which no route leads");
    // What merely has the attributes of a token is none.
    let looks = PY313.pickle(|g| {
        let (list, namespace) = (managers(g, "ListProxy"), call(g, "types", "SimpleNamespace", &[]));
        rebuild(g, list, namespace, vec![])
    });
    is_refused(&looks, "a RebuildProxy of a form that no stock pickle has");
    for twice in [false, true] {
        let pickle = PY313.pickle(|g| {
            let token = here(g);
            let (a, b) = (g.text("a"), g.graph.add_int(1));
            let odd = g.graph.add(if twice { Node::Tuple(vec![a, b]) } else { Node::Dict(vec![(a, b)]) });
            let Node::Object(object) = g.graph.node_mut(token) else { panic!("an object") };
            object.steps.push(Step::Build(odd));
            token
        });
        is_refused(&pickle, "a Token of a form that no stock pickle has");
    }
}

#[test]
fn nothing_is_done_to_what_a_pickle_did_not_make() {
    let managers_name = b"cmultiprocessing.managers\n";
    // setattr(Namespace, '__init__', int), for the whole process.
    let patch =
        [&b"\x80\x02"[..], managers_name, b"Namespace\n(N}X\x08\0\0\0__init__c__builtin__\nint\nstb."]
            .concat();
    is_refused(&patch, "a change of something that it did not make");
    let changes: [&[u8]; 4] = [
        b"\x80\x02cdatetime\ntimezone\n}b.",
        b"\x80\x02cdatetime\ntimezone\nK\x01a.",
        b"\x80\x02cdatetime\ntimezone\nK\x01K\x02s.",
        // A member of an enumeration is everybody's.
        b"\x80\x02cuuid\nSafeUUID\nK\x00\x85R}U\x01aK\x01sb.",
    ];
    for pickle in changes {
        is_refused(pickle, "a change of something that it did not make");
    }
    // rebuild_exc gives back what it gets, a class as well.
    is_refused(
        b"\x80\x02cmultiprocessing.pool\nrebuild_exc\ncargparse\nNamespace\nU\x01x\x86R.",
        "argparse.Namespace, which",
    );
    is_refused(
        b"\x80\x02cmultiprocessing.pool\nrebuild_exc\ncmultiprocessing.managers\nNamespace\nU\x01x\x86R}b.",
        "a rebuild_exc of a form that no stock pickle has",
    );
    let exception =
        b"\x80\x02cmultiprocessing.pool\nrebuild_exc\ncexceptions\nKeyError\nU\x01k\x85RU\x01x\x86R.";
    assert_eq!(verdict(exception), "");
}

#[test]
fn what_need_not_end_is_refused() {
    is_refused(
        b"\x80\x02c__builtin__\niter\nc__builtin__\nlist\nK\x01\x86R.",
        "iter() of a function, which need not end",
    );
    // deque(iter(list, 1), 0) once kept a thread of a server for ever.
    is_refused(
        b"\x80\x02ccollections\ndeque\nc__builtin__\niter\nc__builtin__\nlist\nK\x01\x86RK\x00\x86R.",
        "which the policy refuses",
    );
    // deque(range(1 << 62), 0)
    is_refused(
        b"\x80\x02ccollections\ndeque\nc__builtin__\nxrange\n\x8a\x08\0\0\0\0\0\0\0\x40\x85RK\x00\x86R.",
        "a call that goes through a range or an iterator",
    );
    for pickle in [
        // As pickle writes iter([1]), range(3) and iter(range(3)) half way.
        &b"\x80\x02c__builtin__\niter\n]K\x01a\x85RK\x01b."[..],
        b"\x80\x02c__builtin__\nxrange\nK\x00K\x03K\x01\x87R.",
        b"\x80\x02c__builtin__\niter\nc__builtin__\nxrange\nK\x00K\x03K\x01\x87R\x85RK\x01b.",
    ] {
        assert_eq!(verdict(pickle), "", "{}", pickle.escape_ascii());
    }
}

#[test]
fn a_server_exposes_nothing_but_names() {
    let client_asks = |method: &str| {
        let mut pair = Pair::manager(strict(), &PY313, &PY313);
        let request = PY313.request(None, method, |g| match method {
            "create" => vec![g.text("Counter")],
            _ => vec![here(g)],
        });
        pair.gives(Side::Client, &request);
        pair
    };
    let reply = |kind: &'static str, names: &'static str| {
        PY313.reply(|g| {
            let (ident, exposed) = (g.text("7fff"), g.texts(&["put", names]));
            let token = g.token("x", &inet("127.0.0.1", 6000), "7f");
            let result = match kind {
                "create" => g.graph.add_tuple([ident, exposed]),
                "get_methods" => exposed,
                _ => g.graph.add_tuple([exposed, token]),
            };
            (g.text(if kind == "#PROXY" { kind } else { "#RETURN" }), result)
        })
    };
    for (method, kind) in [("create", "create"), ("get_methods", "get_methods"), ("create", "#PROXY")] {
        let (said, text, _) = client_asks(method).told(Side::Server, &reply(kind, EVIL));
        assert_eq!(said, "#TRACEBACK");
        assert!(text.contains("the server sent an exposed method that is no name of Python"), "{text}");
        assert!(!text.trim_end().contains('\n'), "{text}");
        client_asks(method).gives(Side::Server, &reply(kind, "get"));
        // What is neither is what a client might still make methods of.
        let odd =
            PY313.reply(|g| (g.text(if kind == "#PROXY" { kind } else { "#RETURN" }), g.graph.add_int(1)));
        client_asks(method).told(Side::Server, &odd);
    }
    // A typeid that is too long to be remembered is judged as well.
    let mut pair = Pair::manager(strict(), &PY313, &PY313);
    pair.gives(Side::Client, &PY313.request(None, "create", |g| vec![g.text(&"x".repeat(1000))]));
    pair.told(Side::Server, &reply("create", EVIL));
    let mut pair = Pair::manager(strict(), &PY313, &PY313);
    pair.gives(Side::Client, &PY313.request(Some("7f"), "get", |_| vec![]));
    pair.told(Side::Server, &PY313.pickle(|g| g.graph.add_global("builtins", "int")));
}
