//! Requests and replies.

use sabir_pickle::{Graph, Lexer, Node, NodeId, Op};

use crate::Kind;

/// What a client asks for: `(ident, method, args, kwargs)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which object, a text; None for a function of the server itself, such as `create`.
    pub ident: NodeId,
    /// The name of the method or function, a text.
    pub method: NodeId,
    /// A tuple. A proxy class of the program's own may send a list.
    pub args: NodeId,
    /// A dict.
    pub kwargs: NodeId,
}

impl Request {
    /// The request that a node is; `None` if it is something else.
    pub fn decode(graph: &Graph, id: NodeId) -> Option<Request> {
        let Node::Tuple(items) = &graph[id] else { return None };
        let &[ident, method, args, kwargs] = &items[..] else { return None };
        let known = (ident == NodeId::NONE || graph.text(ident).is_some()) && graph.text(method).is_some();
        let called = graph.items(args).is_some() && matches!(graph[kwargs], Node::Dict(_));
        (known && called).then_some(Request { ident, method, args, kwargs })
    }

    /// Adds the request to a graph.
    pub fn encode(&self, graph: &mut Graph) -> NodeId {
        graph.add_tuple([self.ident, self.method, self.args, self.kwargs])
    }

    /// Whether it asks for a function of the server itself.
    pub fn is_function(&self) -> bool {
        self.ident == NodeId::NONE
    }
}

/// What a server answers: `(kind, result)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What kind of answer it is.
    pub kind: Kind,
    /// The node that says so, a text.
    pub name: NodeId,
    /// The value, exception, proxy or text.
    pub result: NodeId,
}

impl Reply {
    /// The reply that a node is; `None` if it is something else.
    pub fn decode(graph: &Graph, id: NodeId) -> Option<Reply> {
        let Node::Tuple(items) = &graph[id] else { return None };
        let &[name, result] = &items[..] else { return None };
        Some(Reply { kind: Kind::from_name(graph.text(name)?)?, name, result })
    }

    /// Adds the reply to a graph.
    pub fn encode(&self, graph: &mut Graph) -> NodeId {
        graph.add_tuple([self.name, self.result])
    }

    /// A reply of this kind whose result is a text.
    pub fn text(graph: &mut Graph, kind: Kind, text: &str) -> Reply {
        Reply { kind, name: graph.add_str(kind.name()), result: graph.add_str(text) }
    }
}

/// The beginning of a request, read from its opcodes alone: enough to tell most requests that need no second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Which object; `None` for a function of the server itself.
    pub ident: Option<&'a str>,
    /// The name of the method or function.
    pub method: &'a str,
}

impl<'a> Head<'a> {
    /// What a pickle begins with, if it begins like the requests of CPython's own picklers: a mark, then None or a
    /// text, then a text. Whether a request follows is not looked at.
    pub fn peek(pickle: &'a [u8]) -> Option<Head<'a>> {
        let mut ops = Lexer::new(pickle).map_while(Result::ok).map(|spanned| spanned.op).filter(|op| {
            !matches!(
                op,
                Op::Proto(_) | Op::Frame(_) | Op::Memoize | Op::BinPut(_) | Op::LongBinPut(_) | Op::Put(_)
            )
        });
        if ops.next()? != Op::Mark {
            return None;
        }
        let ident = match ops.next()? {
            Op::None => None,
            op => Some(text(op)?),
        };
        Some(Head { ident, method: text(ops.next()?)? })
    }
}

fn text(op: Op<'_>) -> Option<&str> {
    match op {
        Op::ShortBinUnicode(bytes)
        | Op::BinUnicode(bytes)
        | Op::BinUnicode8(bytes)
        | Op::ShortBinString(bytes)
        | Op::BinString(bytes) => core::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_say_what_the_whole_request_says() {
        let pickles: [&[u8]; 4] = [
            b"\x80\x02(NU\x05dummyq\x01)}t.",
            b"\x80\x03(NX\x05\0\0\0dummyq\0)}q\x01tq\x02.",
            b"\x80\x04\x95\x10\0\0\0\0\0\0\0(N\x8c\x05dummy\x94)}\x94t\x94.",
            b"\x80\x02(U\x0c7f0e686d2270U\x06appendK\x01\x85}t.",
        ];
        for pickle in pickles {
            let graph = Graph::from_slice(pickle).unwrap();
            let request = Request::decode(&graph, graph.root()).unwrap();
            let head = Head::peek(pickle).unwrap();
            assert_eq!(head.ident, graph.text(request.ident));
            assert_eq!(Some(head.method), graph.text(request.method));
            assert_eq!(request.is_function(), head.ident.is_none());
        }
    }

    #[test]
    fn other_tuples_are_no_requests() {
        let pickles: [&[u8]; 5] = [
            b"\x80\x02(NU\x05dummy)t.",  // three items
            b"\x80\x02(NK\x05)}t.",      // the method is a number
            b"\x80\x02(K\x05U\x01x)}t.", // the ident is a number
            b"\x80\x02(NU\x01x)Nt.",     // no kwargs
            b"\x80\x02](NU\x01x)}e.",    // a list
        ];
        for pickle in pickles {
            let graph = Graph::from_slice(pickle).unwrap();
            assert_eq!(Request::decode(&graph, graph.root()), None);
        }
    }

    #[test]
    fn replies_are_read_as_they_are_written() {
        for kind in [Kind::Return, Kind::Error, Kind::Proxy, Kind::Traceback, Kind::Unserializable] {
            let mut graph = Graph::new();
            let reply = Reply::text(&mut graph, kind, "text");
            let root = reply.encode(&mut graph);
            assert_eq!(Reply::decode(&graph, root), Some(reply));
        }
        let mut graph = Graph::new();
        let (kind, result) = (graph.add_str("#OTHER"), graph.add_str(""));
        let root = graph.add_tuple([kind, result]);
        assert_eq!(Reply::decode(&graph, root), None);
    }
}
