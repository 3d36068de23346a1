use alloc::string::{String, ToString};

use sabir_pickle::DumpOptions;

use super::*;
use crate::Address;
use sabir_pickle::Pythons;

/// `Token('dict', ('127.0.0.1', 5000), '7f0012ab')` as 2.7 and 3.x write it, and at protocols 0 and 1.
const TOKENS: [&[u8]; 5] = [
    b"\x80\x02cmultiprocessing.managers\nToken\n)\x81U\x04dictU\x09127.0.0.1M\x88\x13\x86U\x087f0012ab\x87b.",
    b"\x80\x03cmultiprocessing.managers\nToken\nq\0)\x81q\x01X\x04\0\0\0dictq\x02X\x09\0\0\x00127.0.0.1q\x03\
      M\x88\x13\x86q\x04X\x08\0\0\x007f0012abq\x05\x87q\x06b.",
    b"\x80\x04\x8c\x18multiprocessing.managers\x94\x8c\x05Token\x94\x93\x94)\x81\x94\x8c\x04dict\x94\x8c\x09127.0.0.1\
      \x94M\x88\x13\x86\x94\x8c\x087f0012ab\x94\x87\x94b.",
    b"ccopy_reg\n_reconstructor\n(cmultiprocessing.managers\nToken\nc__builtin__\nobject\nNtR\
      (S'dict'\n(S'127.0.0.1'\nI5000\ntS'7f0012ab'\ntb.",
    b"ccopyreg\n__newobj__\n(cmultiprocessing.managers\nToken\ntR(X\x04\0\0\0dict(X\x09\0\0\x00127.0.0.1M\x88\x13t\
      X\x08\0\0\x007f0012abtb.",
];

fn texts(graph: &Graph, token: &Token) -> (String, Option<Address>, String) {
    let text = |id| graph.text(id).unwrap().to_string();
    (text(token.typeid), Address::decode(graph, token.address), text(token.ident))
}

fn at(port: u16) -> Address {
    Address::Inet { host: "127.0.0.1".into(), port }
}

#[test]
fn tokens_are_found_in_every_form() {
    for pickle in TOKENS {
        let graph = Graph::from_slice(pickle).unwrap();
        let tokens = Token::find(&graph);
        assert_eq!(tokens.len(), 1, "{}", pickle.escape_ascii());
        assert_eq!(tokens[0].node, graph.root());
        assert_eq!(texts(&graph, &tokens[0]), ("dict".into(), Some(at(5000)), "7f0012ab".into()));
    }
}

#[test]
fn what_is_encoded_is_found() {
    let mut graph = Graph::new();
    let (typeid, ident) = (graph.add_str("list"), graph.add_str("7f"));
    let address = at(1).encode(&mut graph, Pythons::PY3);
    let node = Token::encode(&mut graph, typeid, address, ident);
    graph.set_root(node);
    let graph = Graph::from_slice(&graph.dump(&DumpOptions::protocol(2)).unwrap()).unwrap();
    let tokens = Token::find(&graph);
    assert_eq!(texts(&graph, &tokens[0]), ("list".into(), Some(at(1)), "7f".into()));
}

#[test]
fn tokens_are_changed_in_every_form() {
    for pickle in TOKENS {
        let mut graph = Graph::from_slice(pickle).unwrap();
        let mut token = Token::find(&graph)[0];
        let address = at(6000).encode(&mut graph, Pythons::ANY);
        token.replace(&mut graph, token.typeid, address, token.ident);
        let graph = Graph::from_slice(&graph.dump(&DumpOptions::protocol(4)).unwrap()).unwrap();
        let tokens = Token::find(&graph);
        assert_eq!(texts(&graph, &tokens[0]), ("dict".into(), Some(at(6000)), "7f0012ab".into()));
    }
}

/// `['127.0.0.1', ('127.0.0.1', 5000), state, token]`, in which the host, the address and the whole state are shared.
#[test]
fn what_shares_a_part_with_a_token_stays_what_it_was() {
    let pickle = b"\x80\x02](U\x09127.0.0.1q\x01h\x01M\x88\x13\x86q\x02U\x04dicth\x02U\x027f\x87q\x03\
        cmultiprocessing.managers\nToken\n)\x81h\x03be.";
    let mut graph = Graph::from_slice(pickle).unwrap();
    let mut token = Token::find(&graph)[0];
    let address = Address::Inet { host: "10.0.0.1".into(), port: 1 }.encode(&mut graph, Pythons::PY2);
    token.replace(&mut graph, token.typeid, address, token.ident);
    let graph = Graph::from_slice(&graph.dump(&DumpOptions::protocol(2)).unwrap()).unwrap();
    let &[host, address, state, token] = graph.items(graph.root()).unwrap() else { panic!("four items") };
    assert_eq!(graph.text(host), Some("127.0.0.1"));
    assert_eq!(Address::decode(&graph, address), Some(at(5000)));
    assert_eq!(Address::decode(&graph, graph.items(state).unwrap()[1]), Some(at(5000)));
    let found = Token::find(&graph)[0];
    assert_eq!((found.node, found.address == address), (token, false));
    assert_eq!(Address::decode(&graph, found.address).unwrap().to_string(), "10.0.0.1:1");
}

#[test]
fn other_objects_with_such_a_state_are_no_tokens() {
    let pickles: [&[u8]; 3] = [
        b"\x80\x02cshop\nToken\n)\x81U\x01aU\x01bU\x01c\x87b.",
        b"\x80\x02cmultiprocessing.managers\nToken\n.",
        b"\x80\x02cmultiprocessing.managers\nToken\n)\x81K\x01K\x02\x86b.",
    ];
    for pickle in pickles {
        assert_eq!(Token::find(&Graph::from_slice(pickle).unwrap()), []);
    }
}

#[test]
fn proxies_as_values_are_found_and_changed() {
    // pickle.dumps(proxy, 2) of 3.13, in short.
    let pickle = b"\x80\x02cmultiprocessing.managers\nRebuildProxy\n(cmultiprocessing.managers\nAutoProxy\n\
        cmultiprocessing.managers\nToken\n)\x81X\x01\0\0\0QX\x09\0\0\x00127.0.0.1M\x88\x13\x86X\x02\0\0\x007f\x87b\
        X\x06\0\0\0pickle}X\x07\0\0\0exposedX\x03\0\0\0put\x85stR.";
    let mut graph = Graph::from_slice(pickle).unwrap();
    let mut rebuild = Rebuild::find(&graph)[0];
    assert_eq!(rebuild.node, graph.root());
    assert_eq!(graph.global(rebuild.function), Some(("multiprocessing.managers", "AutoProxy")));
    assert_eq!(rebuild.token, Token::find(&graph)[0].node);
    assert_eq!(graph.text(rebuild.serializer), Some("pickle"));
    let serializer = graph.add_str("xmlrpclib");
    rebuild.replace(&mut graph, serializer, rebuild.kwargs);
    assert_eq!(Rebuild::find(&graph), [rebuild]);
}

/// An object with a hundred thousand states once took a look at all of them for each.
#[test]
fn each_state_is_replaced_where_it_was_found() {
    const STATES: usize = 100_000;
    let mut pickle = b"\x80\x02cmultiprocessing.managers\nToken\n)\x81(U\x01aU\x01bU\x01ctq\x01b".to_vec();
    pickle.extend(b"h\x01b".repeat(STATES - 1));
    pickle.push(b'.');
    let mut graph = Graph::from_slice(&pickle).unwrap();
    let tokens = Token::find(&graph);
    assert_eq!(tokens.len(), STATES);
    for (number, mut token) in tokens.into_iter().enumerate() {
        let ident = graph.add_int(number as i64);
        token.replace(&mut graph, token.typeid, token.address, ident);
    }
    let Node::Object(object) = &graph[graph.root()] else { panic!("an object") };
    let idents: Vec<i64> = object
        .steps
        .iter()
        .map(|step| {
            let Step::Build(state) = step else { panic!("a state") };
            graph.int(graph.items(*state).unwrap()[2]).unwrap()
        })
        .collect();
    assert!(idents.into_iter().eq(0..STATES as i64));
}

#[test]
fn parts_that_no_manager_writes_so_long_are_none_of_a_token() {
    // They may be shared by very many tokens, of which each costs a look at them.
    let long = "x".repeat(5000);
    for place in 0..3 {
        let mut graph = Graph::new();
        let mut parts = ["dict", "/tmp/s", "7f"].map(|text| graph.add_str(text));
        parts[place] = graph.add_str(&long);
        let node = Token::encode(&mut graph, parts[0], parts[1], parts[2]);
        assert_eq!(Token::at(&graph, node), None);
    }
}

#[test]
fn whole_tokens_are_those_that_are_nothing_else() {
    for pickle in TOKENS {
        let graph = Graph::from_slice(pickle).unwrap();
        assert!(Token::whole(&graph, graph.root()).is_some(), "{}", pickle.escape_ascii());
    }
    let odd: [&[u8]; 4] = [
        // Two states, a state that is a list, one more step, an argument.
        b"\x80\x02cmultiprocessing.managers\nToken\n)\x81U\x01aU\x01bU\x01c\x87q\x01bh\x01b.",
        b"\x80\x02cmultiprocessing.managers\nToken\n)\x81](U\x01aU\x01bU\x01ceb.",
        b"\x80\x02cmultiprocessing.managers\nToken\n)\x81U\x01aU\x01bU\x01c\x87bNa.",
        b"\x80\x02cmultiprocessing.managers\nToken\nN\x85\x81U\x01aU\x01bU\x01c\x87b.",
    ];
    for pickle in odd {
        let graph = Graph::from_slice(pickle).unwrap();
        assert_eq!(Token::whole(&graph, graph.root()), None, "{}", pickle.escape_ascii());
        assert!(Token::at(&graph, graph.root()).is_some(), "{}", pickle.escape_ascii());
    }
}
