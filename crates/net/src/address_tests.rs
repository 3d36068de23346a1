use super::*;

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp { host: host.into(), port }
}

#[test]
fn every_form_survives_text() {
    let addresses = [
        (tcp("localhost", 5000), "localhost:5000"),
        (tcp("::1", 0), "[::1]:0"),
        (tcp("fe80::1%eth0", 65535), "[fe80::1%eth0]:65535"),
        (Address::Tls { host: "example.org".into(), port: 443 }, "tls:example.org:443"),
        (Address::Tls { host: "::1".into(), port: 443 }, "tls:[::1]:443"),
        (Address::Unix("/tmp/a b.sock".into()), "unix:/tmp/a b.sock"),
        (Address::Unix("relative".into()), "unix:relative"),
        (Address::Unix("@not abstract".into()), r"unix:\x40not abstract"),
        (Address::Unix(r"back\slash".into()), r"unix:back\x5cslash"),
        (Address::Abstract(b"app".to_vec()), "unix:@app"),
        (Address::Abstract(b"@\0\xff\\x41\n".to_vec()), r"unix:@@\x00\xff\x5cx41\x0a"),
        (Address::Pipe(r"\\.\pipe\app".into()), r"pipe:\\.\pipe\app"),
    ];
    for (address, text) in addresses {
        assert_eq!(address.to_string(), text);
        assert_eq!(text.parse(), Ok(address), "{text}");
    }
}

#[test]
fn a_backslash_that_begins_no_escape_stands_for_itself() {
    assert_eq!(r"unix:/tmp/\x4".parse(), Ok(Address::Unix(r"/tmp/\x4".into())));
    assert_eq!(r"unix:/tmp/\y".parse(), Ok(Address::Unix(r"/tmp/\y".into())));
}

#[test]
fn what_is_no_address_is_refused_with_its_reason() {
    let parse = |text: &str| text.parse::<Address>();
    assert_eq!(parse(""), Err(AddressError::Shape(String::new())));
    assert_eq!(parse("5000"), Err(AddressError::Shape("5000".into())));
    assert_eq!(parse("localhost:"), Err(AddressError::Port(String::new())));
    assert_eq!(parse("localhost:65536"), Err(AddressError::Port("65536".into())));
    assert_eq!(parse("localhost:+80"), Err(AddressError::Port("+80".into())));
    assert_eq!(parse(":80"), Err(AddressError::Host(String::new())));
    assert_eq!(parse("a b:80"), Err(AddressError::Host("a b".into())));
    assert_eq!(parse("::1:80"), Err(AddressError::Brackets("::1:80".into())));
    assert_eq!(parse("[::1]"), Err(AddressError::Shape("[::1]".into())));
    assert_eq!(parse("unix:"), Err(AddressError::NoName));
    assert_eq!(parse("unix:@"), Err(AddressError::NoName));
    assert_eq!(parse(r"unix:a\x00b"), Err(AddressError::Nul));
    assert_eq!(parse("pipe:app"), Err(AddressError::Pipe("app".into())));
}

#[test]
fn only_this_machine_reaches_a_loopback_address() {
    for text in ["localhost:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/a", "unix:@a"] {
        assert!(text.parse::<Address>().unwrap().is_loopback(), "{text}");
    }
    for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", r"pipe:\\server\pipe\a"] {
        assert!(!text.parse::<Address>().unwrap().is_loopback(), "{text}");
    }
}

#[test]
fn an_abstract_name_has_a_leading_nul_in_python() {
    let address = Address::Abstract(b"app".to_vec());
    let python = address.to_python().unwrap();
    assert_eq!(python, PythonAddress::Unix(b"\0app".to_vec()));
    assert!(python.is_abstract());
    assert_eq!(Address::try_from(&python), Ok(address));
}

#[test]
fn the_families_of_python_survive_the_way_back() {
    for address in [tcp("127.0.0.1", 9), Address::Unix("/a".into()), Address::Pipe(r"\\.\pipe\a".into())] {
        assert_eq!(Address::try_from(&address.to_python().unwrap()), Ok(address));
    }
    assert_eq!(Address::Tls { host: "a".into(), port: 1 }.to_python(), None);
}

#[test]
fn a_nameless_or_poisoned_python_address_is_an_error() {
    assert_eq!(Address::try_from(&PythonAddress::Unix(vec![])), Err(AddressError::NoName));
    assert_eq!(Address::try_from(&PythonAddress::Unix(b"a\0b".to_vec())), Err(AddressError::Nul));
    let host = "a\nlistening on b";
    assert_eq!(Address::try_from(&PythonAddress::Inet(host.into(), 1)), Err(AddressError::Host(host.into())));
}
