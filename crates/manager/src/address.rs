//! Where a manager listens, as a token says it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use sabir_pickle::{Graph, Node, NodeId, Pythons, Version, native_text};

/// An address as Python has it in `listener.address` and in tokens.
///
/// `multiprocessing.connection.address_type` tells the families apart by the type of the object alone: a tuple is
/// AF_INET, a text is a path, bytes that begin with NUL are a name in Linux's abstract namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// AF_INET: a tuple of host and port.
    Inet {
        /// A name or a numeric address; empty for every interface.
        host: String,
        /// The port.
        port: u16,
    },
    /// AF_UNIX: a path as the file system has it, or an abstract name with its leading NUL.
    Unix(Vec<u8>),
    /// AF_PIPE: a name that begins with two backslashes.
    Pipe(String),
}

impl Address {
    /// The address that a node is; `None` if it is something else.
    pub fn decode(graph: &Graph, id: NodeId) -> Option<Address> {
        match &graph[id] {
            // AF_INET6 has a flow and a scope besides; no stock Client can connect to such a tuple.
            Node::Tuple(items) => {
                let &[host, port, ..] = &items[..] else { return None };
                let port = graph.int(port)?.try_into().ok()?;
                Some(Address::Inet { host: graph.text(host)?.to_string(), port })
            }
            Node::Str(blob) | Node::String(blob) => match graph.text(id) {
                Some(text) if text.starts_with(r"\\") => Some(Address::Pipe(text.to_string())),
                _ if matches!(graph[id], Node::String(_)) => Some(Address::Unix(graph.blob(*blob).to_vec())),
                _ => Some(Address::Unix(without_escapes(graph.blob(*blob)))),
            },
            Node::Bytes(blob) => Some(Address::Unix(graph.blob(*blob).to_vec())),
            Node::Object(object) => {
                // Bytes at protocol 2: text that is encoded when it is read.
                let (callable, args) = object.call()?;
                let text = *graph.items(args)?.first()?;
                let text =
                    graph.text(text).filter(|_| graph.global(callable) == Some(("_codecs", "encode")))?;
                text.chars()
                    .map(|c| u8::try_from(u32::from(c)).ok())
                    .collect::<Option<_>>()
                    .map(Address::Unix)
            }
            _ => None,
        }
    }

    /// Adds the address to a graph, of the types that `to` can connect to.
    pub fn encode(&self, graph: &mut Graph, to: Pythons) -> NodeId {
        match self {
            Address::Inet { host, port } => {
                let host = text(graph, host.as_bytes(), to);
                let port = graph.add_int((*port).into());
                graph.add_tuple([host, port])
            }
            // `listener.address` of an abstract name is bytes from 3.7 on, which 3.6 does not take.
            Address::Unix(name) if name.first() == Some(&0) && to.max >= Version::new(3, 7) => {
                let blob = graph.store(name);
                graph.add(Node::Bytes(blob))
            }
            Address::Unix(name) if !to.may_be_py3() => {
                let blob = graph.store(name);
                graph.add(Node::String(blob))
            }
            Address::Unix(name) => text(graph, &with_escapes(name), to),
            Address::Pipe(name) => text(graph, name.as_bytes(), to),
        }
    }

    /// Whether a token with this address may mean the manager at `other`: the port is the same, and the host is the same
    /// or a wildcard or loopback one, as a manager writes that listens on every interface or behind a tunnel.
    pub fn may_be(&self, other: &Address) -> bool {
        match (self, other) {
            (Address::Inet { host: a, port: p }, Address::Inet { host: b, port: q }) => {
                p == q && (a.eq_ignore_ascii_case(b) || is_local(a))
            }
            _ => self == other,
        }
    }

    /// The length of its text, in bytes.
    pub fn text_len(&self) -> usize {
        match self {
            Address::Inet { host, .. } => host.len(),
            Address::Unix(name) => name.len(),
            Address::Pipe(name) => name.len(),
        }
    }

    /// Whether the host stands for every interface.
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Address::Inet { host, .. } if matches!(&**host, "" | "0.0.0.0" | "::"))
    }
}

impl fmt::Display for Address {
    /// As it would stand on a command line of `sabir`; what no address has, such as the end of a line, is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Inet { host, port } if host.contains(':') => {
                write!(f, "[{}]:{port}", host.escape_debug())
            }
            Address::Inet { host, port } => write!(f, "{}:{port}", host.escape_debug()),
            Address::Unix(name) => match name.split_first() {
                Some((0, name)) => write!(f, "unix:@{}", name.escape_ascii()),
                _ => write!(f, "unix:{}", name.escape_ascii()),
            },
            Address::Pipe(name) => {
                f.write_str("pipe:")?;
                // Its backslashes are its own.
                name.split('\\').enumerate().try_for_each(|(place, part)| {
                    write!(f, "{}{}", if place > 0 { "\\" } else { "" }, part.escape_debug())
                })
            }
        }
    }
}

/// Whether a host is a wildcard or a loopback address.
fn is_local(host: &str) -> bool {
    matches!(host, "" | "0.0.0.0" | "::" | "::1")
        || host.eq_ignore_ascii_case("localhost")
        || (host.starts_with("127.") && host.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

fn text(graph: &mut Graph, text: &[u8], to: Pythons) -> NodeId {
    let blob = graph.store(text);
    let id = graph.add(Node::Str(blob));
    native_text(graph, id, to)
}

/// A path as Python 3 has it: bytes that are no UTF-8 as the surrogates U+DC80 to U+DCFF (PEP 383), here in the three
/// bytes that pickle writes for them.
fn with_escapes(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        for &byte in chunk.invalid() {
            // U+DC80 is ED B2 80, U+DCC0 is ED B3 80.
            text.extend_from_slice(&[0xed, 0xb0 | byte >> 6, 0x80 | byte & 0x3f]);
        }
    }
    text
}

/// The path that [`with_escapes`] has made that text of.
fn without_escapes(mut text: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(text.len());
    while let [first, rest @ ..] = text {
        if let [0xed, high @ (0xb2 | 0xb3), low @ 0x80..=0xbf, after @ ..] = text {
            path.push(high << 6 | low & 0x3f);
            text = after;
        } else {
            path.push(*first);
            text = rest;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet(host: &str, port: u16) -> Address {
        Address::Inet { host: host.into(), port }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let addresses = [
            inet("127.0.0.1", 5000),
            inet("", 0),
            Address::Unix(b"/tmp/s".to_vec()),
            Address::Unix("/tmp/\u{e9}".as_bytes().to_vec()),
            Address::Unix(b"/tmp/\xff\x80\xc0".to_vec()),
            Address::Unix(b"\0abstract\xff".to_vec()),
            Address::Pipe(r"\\.\pipe\x".into()),
        ];
        for to in [Pythons::PY2, Pythons::PY3, Pythons::exactly(Version::new(3, 6)), Pythons::ANY] {
            for address in &addresses {
                let mut graph = Graph::new();
                let id = address.encode(&mut graph, to);
                assert_eq!(Address::decode(&graph, id).as_ref(), Some(address), "{to}");
            }
        }
    }

    #[test]
    fn abstract_names_are_bytes_from_3_7_on_and_str_before() {
        let name = Address::Unix(b"\0name".to_vec());
        let node = |to| {
            let mut graph = Graph::new();
            let id = name.encode(&mut graph, to);
            graph[id].clone()
        };
        assert!(matches!(node(Pythons::PY2), Node::String(_)));
        assert!(matches!(node(Version::new(3, 6).into()), Node::Str(_)));
        assert!(matches!(node(Version::new(3, 7).into()), Node::Bytes(_)));
    }

    #[test]
    fn bytes_of_protocol_2_are_an_abstract_name() {
        // pickle.dumps(b'\0name', 2) of 3.13
        let pickle = b"\x80\x02c_codecs\nencode\nX\x05\0\0\0\0nameX\x06\0\0\0latin1\x86R.";
        let graph = Graph::from_slice(pickle).unwrap();
        assert_eq!(Address::decode(&graph, graph.root()), Some(Address::Unix(b"\0name".to_vec())));
    }

    /// A log shows the addresses of a peer's tokens.
    #[test]
    fn no_address_is_shown_as_two_lines() {
        let shown = |address: Address| alloc::format!("{address}");
        assert_eq!(shown(inet("x\n2026 WARN passed", 1)), r"x\n2026 WARN passed:1");
        assert_eq!(shown(inet("::1\r", 1)), r"[::1\r]:1");
        assert_eq!(shown(Address::Unix(b"/a\nb".to_vec())), r"unix:/a\nb");
        assert_eq!(shown(Address::Pipe("\\\\.\\pipe\\a\n".into())), r"pipe:\\.\pipe\a\n");
    }

    #[test]
    fn other_objects_are_no_addresses() {
        for pickle in
            [&b"\x80\x02K\x05."[..], b"\x80\x02U\x01aK\x01\x86\x85.", b"\x80\x02U\x01aJ\0\0\x01\0\x86."]
        {
            let graph = Graph::from_slice(pickle).unwrap();
            assert_eq!(Address::decode(&graph, graph.root()), None);
        }
    }

    #[test]
    fn spellings_of_one_place_may_be_each_other() {
        assert!(inet("0.0.0.0", 5).may_be(&inet("db.example", 5)));
        assert!(inet("localhost", 5).may_be(&inet("127.0.0.1", 5)));
        assert!(!inet("localhost", 5).may_be(&inet("localhost", 6)));
        assert!(!inet("10.0.0.1", 5).may_be(&inet("10.0.0.2", 5)));
        assert!(!inet("db.example", 5).may_be(&inet("0.0.0.0", 5)));
        assert!(!inet("127.evil.example", 5).may_be(&inet("10.0.0.2", 5)));
    }
}
