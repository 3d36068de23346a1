//! What the policies refuse, and how that is said.

use super::*;

pub(super) fn strict() -> Config {
    Config { policy: Policy::Strict { allow: AllowList::builtin(), allow_raw: false }, ..Config::default() }
}

const SYSTEM: &[u8] = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R.";

#[test]
fn a_refused_request_is_answered_with_the_flag_that_allows_it() {
    let mut pair = Pair::manager(strict(), &PY27, &PY313);
    let request = PY27.request(Some("7f"), "append", |g| vec![g.graph.add_global("posix", "system")]);
    let (kind, text, _) = pair.told(Side::Client, &request);
    assert_eq!(kind, "#TRACEBACK");
    assert_eq!(
        text,
        "sabir gateway: the client sent posix.system, which the policy refuses: --allow posix.system lets it pass\n"
    );
    let [Event::Refused { from: Side::Client, text }] = &pair.events()[..] else { panic!("one event") };
    assert!(text.starts_with("the client sent posix.system") && !text.ends_with('\n'), "{text}");
}

#[test]
fn a_refused_reply_is_replaced() {
    let mut pair = Pair::manager(strict(), &PY313, &PY313);
    pair.gives(Side::Client, &PY313.request(Some("7f"), "get", |_| vec![]));
    let reply = PY313.reply(|g| (g.text("#RETURN"), g.graph.add_global("posix", "system")));
    let (kind, text, pickle) = pair.told(Side::Server, &reply);
    assert_eq!(kind, "#TRACEBACK");
    assert!(text.contains("the server sent posix.system"), "{text}");
    assert_eq!(pickle.windows(6).filter(|part| part == b"system").count(), 2, "in the text alone");
}

#[test]
fn a_plain_connection_is_closed() {
    let mut pair = Pair::new(strict());
    let Outcome::Close(error) = pair.says(Side::Server, SYSTEM) else { panic!("not closed") };
    assert_eq!(error, RelayError::Refused { from: Side::Server, name: "posix.system".into() });
}

#[test]
fn what_is_not_wholly_understood_is_refused_unless_raw_is_allowed() {
    let odd: [&[u8]; 4] = [b"hello", b"\x80\x02N.x", b"I1\n.", b"\x80\x04ee."];
    for body in odd {
        let mut pair = Pair::new(strict());
        assert!(matches!(pair.says(Side::Client, body), Outcome::Close(_)), "{}", body.escape_ascii());
        let policy = Policy::Strict { allow: AllowList::builtin(), allow_raw: true };
        let mut pair = Pair::new(Config { policy, ..Config::default() });
        assert!(matches!(pair.says(Side::Client, body), Outcome::Pass), "{}", body.escape_ascii());
    }
    let mut pair = Pair::manager(strict(), &PY313, &PY313);
    let (_, text, _) = pair.told(Side::Client, b"(VK\nVget\n(t(dt.");
    assert!(text.contains("--allow-raw"), "{text}");
}

#[test]
fn what_has_names_is_written_anew() {
    let mut pair = Pair::new(strict());
    pair.says(Side::Server, b"\x80\x04N.");
    // A frame that ends in the middle of an opcode, which CPython's C code and its Python code read differently.
    let pickle = b"\x80\x04\x95\x03\0\0\0\0\0\0\0\x8c\x08builtins\x94\x8c\x04list\x94\x93\x94.";
    let written = pair.gives(Side::Client, pickle);
    assert_ne!(written, pickle);
    assert_eq!(show(&written), "4 builtins.list");
    assert!(matches!(pair.says(Side::Client, b"\x80\x04]K\x01a."), Outcome::Pass), "nothing is named");
}

#[test]
fn what_names_nothing_is_understood_before_it_passes() {
    // CPython allocates a memo of 134 million entries for this, underflows on that, and waits for the whole of a frame.
    let mut pair = Pair::new(strict());
    pair.says(Side::Server, b"\x80\x04N.");
    assert_eq!(pair.gives(Side::Client, b"\x80\x02Nr\x00\x00\x00\x08."), b"\x80\x02N.");
    for body in [&b"\x80\x02a."[..], b"\x80\x04\x95\0\0\0\0\0\0\0\x40N.", b"\x80\x02h\x07."] {
        let mut pair = Pair::new(strict());
        pair.says(Side::Server, b"\x80\x04N.");
        let outcome = pair.says(Side::Client, body);
        assert!(matches!(outcome, Outcome::Close(RelayError::Malformed { .. })), "{}", body.escape_ascii());
        let mut pair = Pair::manager(strict(), &PY313, &PY313);
        let (_, text, _) = pair.told(Side::Client, body);
        assert!(text.contains("the client sent what is no pickle"), "{text}");
    }
}

#[test]
fn names_are_judged_as_the_reader_resolves_them() {
    let mut allow = AllowList::builtin();
    allow.add("subprocess.getoutput").unwrap();
    let policy = Policy::Strict { allow, allow_raw: false };
    let mut pair = Pair::new(Config { policy, ..Config::default() });
    pair.says(Side::Server, b"\x80\x04N.");
    // 3.x readers of protocol 2 take `commands` for `subprocess`.
    assert_eq!(show(&pair.gives(Side::Client, b"\x80\x02ccommands\ngetoutput\n.")), "2 commands.getoutput");
    let told = pair.events().into_iter().filter(|event| matches!(event, Event::Dangerous { .. })).count();
    assert_eq!(told, 1);
    let refused = pair.says(Side::Client, b"\x80\x02ccommands\ngetstatus\n.");
    assert!(matches!(refused, Outcome::Close(RelayError::Refused { .. })));
}

#[test]
fn learning_passes_everything_and_lists_it_once() {
    let mut pair = Pair::new(Config { policy: Policy::Learn, ..Config::default() });
    pair.says(Side::Server, b"\x80\x04N.");
    for _ in 0..3 {
        assert!(matches!(pair.says(Side::Client, SYSTEM), Outcome::Pass));
        pair.says(Side::Client, b"\x80\x02\x82\x07.");
        pair.says(Side::Server, b"\x80\x04\x8c\x04shop\x8c\x0bOrder.Stateb.".as_slice());
        pair.says(Side::Server, b"\x80\x04\x8c\x04shop\x8c\x0bOrder.State\x93.");
    }
    let learned: Vec<&str> = pair.server.learned_names().collect();
    assert_eq!(learned, ["ext:7", "posix.system", "shop:Order.State"]);
    let mut allow = AllowList::empty();
    learned.iter().for_each(|name| allow.add(name).unwrap());
}
