//! Tokens: what a manager calls itself, and where its clients find it.

use super::*;

fn value(dialect: &Dialect, address: &Address) -> Vec<u8> {
    dialect.reply(|g| {
        let token = g.token("dict", address, "7f");
        let list = g.graph.add(Node::List(vec![token]));
        (g.text("#RETURN"), g.graph.add(Node::Dict(vec![(NodeId::NONE, list)])))
    })
}

fn argument(dialect: &Dialect, address: &Address) -> Vec<u8> {
    dialect.request(Some("7f"), "append", |g| vec![g.token("dict", address, "7f")])
}

#[test]
fn clients_are_led_to_the_gateway_and_the_server_to_itself() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY313);
    for spelling in ["127.0.0.1", "localhost", "0.0.0.0", ""] {
        let reply = value(&PY313, &inet(spelling, 6000));
        assert_eq!(addresses(&pair.gives(Side::Server, &reply)), ["127.0.0.1:5000"], "{spelling}");
    }
    let request = argument(&PY313, &inet("127.0.0.1", 5000));
    assert_eq!(addresses(&pair.gives(Side::Client, &request)), ["127.0.0.1:6000"]);
    assert_eq!(pair.events(), []);
}

#[test]
fn a_proxy_reply_tells_what_the_server_calls_itself() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY313);
    let proxy = PY313.reply(|g| {
        let exposed = g.texts(&["__next__"]);
        let token = g.token("Iterator", &inet("10.1.1.1", 7777), "7f01");
        (g.text("#PROXY"), g.graph.add_tuple([exposed, token]))
    });
    assert_eq!(addresses(&pair.gives(Side::Server, &proxy)), ["127.0.0.1:5000"]);
    assert_eq!(pair.server.own_address(), Some(&inet("10.1.1.1", 7777)));
    let request = argument(&PY313, &inet("127.0.0.1", 5000));
    assert_eq!(addresses(&pair.gives(Side::Client, &request)), ["10.1.1.1:7777"]);
    let reply = value(&PY313, &inet("10.1.1.1", 7777));
    assert_eq!(addresses(&pair.gives(Side::Server, &reply)), ["127.0.0.1:5000"]);
}

#[test]
fn a_token_in_a_value_says_nothing_of_the_server() {
    // One client stored it, and once the gateway took the server for `localhost` from then on, and `7f` for a dict, so that
    // the proxies of all other clients failed.
    let mut pair = Pair::manager(Config::default(), &PY313, &PY27);
    let exposed = Methods::builtin().exposed(["next"]);
    pair.server.learn_object("7f", "Iterator", exposed, true);
    pair.gives(Side::Client, &PY313.request(Some("aa"), "get", |_| vec![]));
    assert_eq!(
        addresses(&pair.gives(Side::Server, &value(&PY27, &inet("localhost", 6000)))),
        ["127.0.0.1:5000"]
    );
    assert_eq!(pair.server.own_address(), None);
    assert_eq!(&*pair.server.object("7f").unwrap().typeid, "Iterator");
    pair.gives(
        Side::Client,
        &PY313.request(None, "get_methods", |g| vec![g.token("dict", &inet("127.0.0.1", 5000), "7f")]),
    );
    pair.gives(Side::Server, &PY27.reply(|g| (g.text("#RETURN"), g.texts(&["next"]))));
    let next = PY313.request(Some("7f"), "__next__", |_| vec![]);
    assert_eq!(show(&pair.gives(Side::Client, &next)), "2 (s'7f' s'next' () {})");
}

#[test]
fn an_alias_goes_before_what_is_learnt() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY313);
    pair.server = ServerKnowledge::new(Some(inet("db", 1)));
    let request = argument(&PY313, &inet("localhost", 5000));
    assert_eq!(addresses(&pair.gives(Side::Client, &request)), ["db:1"]);
    assert_eq!(addresses(&pair.gives(Side::Server, &value(&PY313, &inet("db", 1)))), ["127.0.0.1:5000"]);
}

#[test]
fn what_shares_a_part_with_a_token_stays_what_it_was() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY313);
    let reply = PY313.reply(|g| {
        let host = g.text("127.0.0.1");
        let port = g.graph.add_int(6000);
        let address = g.graph.add_tuple([host, port]);
        let (typeid, ident) = (g.text("dict"), g.text("7f"));
        let token = Token::encode(&mut g.graph, typeid, address, ident);
        (g.text("#RETURN"), g.graph.add(Node::List(vec![host, address, token])))
    });
    let got = show(&pair.gives(Side::Server, &reply));
    assert!(got.contains("[u'127.0.0.1' (u'127.0.0.1' 6000) multi"), "{got}");
    assert!(got.ends_with("Token()(u'dict' (u'127.0.0.1' 5000) u'7f')])"), "{got}");
}

#[test]
fn managers_that_no_route_leads_to_are_left_alone_and_told_of() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY313);
    let foreign = inet("10.0.0.9", 6000);
    assert!(matches!(pair.says(Side::Server, &value(&PY313, &foreign)), Outcome::Pass));
    assert_eq!(pair.events(), [Event::UnknownAddress { from: Side::Server, address: foreign }]);
}

#[test]
fn a_client_that_calls_the_gateway_by_a_name_is_known_by_its_objects() {
    let mut pair = Pair::manager(Config::default(), &PY313, &PY313);
    let named = inet("gateway.example", 5000);
    assert!(matches!(pair.says(Side::Client, &argument(&PY313, &named)), Outcome::Pass));
    assert_eq!(pair.events().len(), 1);
    pair.server.learn_object("7f", "dict", Exposed::default(), true);
    pair.says(Side::Server, &PY313.reply(|g| (g.text("#RETURN"), NodeId::NONE)));
    assert_eq!(addresses(&pair.gives(Side::Client, &argument(&PY313, &named))), ["127.0.0.1:6000"]);
}

#[test]
fn tokens_of_other_routes_are_rewritten_both_ways() {
    let routes = [
        Route { listen: inet("0.0.0.0", 5001), to: inet("127.0.0.1", 6001), alias: None },
        Route { listen: inet("127.0.0.1", 5002), to: inet("127.0.0.1", 6002), alias: Some(inet("db", 9)) },
    ];
    let addresses_of_pair = Addresses {
        routes: Arc::from(routes.to_vec()),
        ..Addresses::new(inet("192.0.2.1", 5000), inet("127.0.0.1", 6000))
    };
    // On a connection that is no manager's, too.
    for manager in [false, true] {
        let mut pair = Pair::at(Config::default(), addresses_of_pair.clone());
        if manager {
            pair.says(Side::Client, &PY313.request(None, "dummy", |_| vec![]));
        }
        pair.says(Side::Server, &PY313.reply(|g| (g.text("#RETURN"), NodeId::NONE)));
        let mut from = |side, address: Address| {
            let pickle = PY313.pickle(|g| g.token("dict", &address, "7f"));
            addresses(&pair.gives(side, &pickle)).remove(0)
        };
        assert_eq!(from(Side::Server, inet("127.0.0.1", 6001)), "192.0.2.1:5001");
        assert_eq!(from(Side::Client, inet("192.0.2.1", 5001)), "127.0.0.1:6001");
        assert_eq!(from(Side::Server, inet("db", 9)), "127.0.0.1:5002");
        assert_eq!(from(Side::Client, inet("127.0.0.1", 5002)), "db:9");
    }
}

#[test]
fn paths_are_a_str_to_2_7_and_abstract_names_bytes_to_3_13() {
    let unix = |name: &[u8]| Address::Unix(name.to_vec());
    let ours = Addresses::new(unix(b"/run/gateway"), unix(b"\0manager"));
    let mut pair = Pair::at(Config::default(), ours);
    pair.says(Side::Client, &PY27.request(None, "dummy", |_| vec![]));
    let got = show(&pair.gives(Side::Server, &value(&PY313, &unix(b"\0manager"))));
    assert!(got.contains("(s'dict' s'/run/gateway' s'7f')"), "{got}");
    let got = show(&pair.gives(Side::Client, &argument(&PY27, &unix(b"/run/gateway"))));
    assert!(
        got.contains("_codecs.encode(u'\\x00manager' u'latin1') ") || got.contains("b'\\x00manager'"),
        "{got}"
    );
}
