//! What servers answer, as clients read it.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use sabir_pickle::{Graph, Names, Node, NodeId};

use crate::{Kind, RemoteException, Reply, Token};

/// A reply, by what a client does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// What the method or function returned.
    Returned(NodeId),
    /// The exception that the method raised: see [`RemoteException::decode`](crate::RemoteException::decode).
    Raised(NodeId),
    /// What the method returned stays with the server; the reply holds one reference to it.
    Proxy {
        /// The methods that it exposes.
        exposed: Vec<String>,
        /// Which object it is. The address is what the server calls itself: clients take the one they connected to.
        token: Token,
    },
    /// The server failed: the text of its traceback. See
    /// [`RemoteException::from_traceback`](crate::RemoteException::from_traceback).
    Traceback(String),
    /// The method returned or raised what the server cannot write: the text of the traceback of that.
    Unserializable(String),
}

impl Answer {
    /// The answer that a graph is; `None` if it is no reply, or one whose parts are not those of its kind.
    pub fn decode(graph: &Graph) -> Option<Answer> {
        let reply = Reply::decode(graph, graph.root())?;
        Some(match reply.kind {
            Kind::Return => Answer::Returned(reply.result),
            Kind::Error => Answer::Raised(reply.result),
            Kind::Proxy => {
                let &[exposed, token] = graph.items(reply.result)? else { return None };
                Answer::Proxy { exposed: texts(graph, exposed)?, token: Token::at(graph, token)? }
            }
            Kind::Traceback => Answer::Traceback(any_text(graph, reply.result)?),
            Kind::Unserializable => Answer::Unserializable(any_text(graph, reply.result)?),
        })
    }

    /// What `create` returned: the ident of the new object and the methods that it exposes; `None` if it is something
    /// else.
    pub fn created(&self, graph: &Graph) -> Option<(String, Vec<String>)> {
        let Answer::Returned(result) = self else { return None };
        let &[ident, exposed] = graph.items(*result)? else { return None };
        Some((graph.text(ident)?.to_owned(), texts(graph, exposed)?))
    }

    /// What a client raises: the exception of the method, or what the server failed with. `None` if nothing went wrong.
    ///
    /// What is raised and is no exception, as a serializer other than pickle makes of one, is the TypeError that CPython
    /// raises then.
    pub fn exception(&self, graph: &Graph, names: &Names) -> Option<RemoteException> {
        match self {
            Answer::Returned(_) | Answer::Proxy { .. } => None,
            Answer::Raised(id) => RemoteException::decode(graph, *id, names).or_else(|| {
                Some(RemoteException {
                    module: "builtins".into(),
                    name: "TypeError".into(),
                    text: "exceptions must derive from BaseException".into(),
                    traceback: None,
                })
            }),
            Answer::Traceback(text) | Answer::Unserializable(text) => {
                Some(RemoteException::from_traceback(text))
            }
        }
    }
}

/// The items of a tuple or list, all of which are text.
fn texts(graph: &Graph, id: NodeId) -> Option<Vec<String>> {
    graph.items(id)?.iter().map(|&item| graph.text(item).map(ToOwned::to_owned)).collect()
}

/// A text, with what is no UTF-8 replaced: 2.7 quotes source lines in whatever encoding they have.
fn any_text(graph: &Graph, id: NodeId) -> Option<String> {
    match graph[id] {
        Node::Str(blob) | Node::String(blob) => Some(String::from_utf8_lossy(graph.blob(blob)).into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pickle: &[u8]) -> Option<Answer> {
        Answer::decode(&Graph::from_slice(pickle).unwrap())
    }

    #[test]
    fn every_kind_is_read() {
        assert_eq!(answer(b"\x80\x02U\x07#RETURNN\x86."), Some(Answer::Returned(NodeId::NONE)));
        assert_eq!(
            answer(b"\x80\x02U\x0a#TRACEBACKU\x02\xe9x\x86."),
            Some(Answer::Traceback("\u{fffd}x".into()))
        );
        assert_eq!(
            answer(b"\x80\x02X\x0f\0\0\0#UNSERIALIZABLEX\x01\0\0\0x\x86."),
            Some(Answer::Unserializable("x".into()))
        );
        assert!(matches!(
            answer(b"\x80\x02U\x06#ERRORcexceptions\nKeyError\n)R\x86."),
            Some(Answer::Raised(_))
        ));
        let proxy = b"\x80\x02U\x06#PROXYU\x04next\x85cmultiprocessing.managers\nToken\n)\x81U\x08IteratorU\x02/aU\x027f\x87b\x86\x86.";
        let graph = Graph::from_slice(proxy).unwrap();
        let Some(Answer::Proxy { exposed, token }) = Answer::decode(&graph) else { panic!("no proxy") };
        assert_eq!((exposed, graph.text(token.ident)), (alloc::vec!["next".into()], Some("7f")));
    }

    #[test]
    fn replies_with_other_parts_are_none() {
        let pickles: [&[u8]; 4] = [
            b"\x80\x02U\x0a#TRACEBACKN\x86.",
            b"\x80\x02U\x06#PROXYN\x86.",
            b"\x80\x02U\x06#OTHERN\x86.",
            b"\x80\x02N.",
        ];
        for pickle in pickles {
            assert_eq!(answer(pickle), None);
        }
    }

    #[test]
    fn what_create_returns_is_ident_and_methods() {
        let graph = Graph::from_slice(b"\x80\x02U\x07#RETURNU\x027fU\x03putU\x03get\x86\x86\x86.").unwrap();
        let created = Answer::decode(&graph).unwrap().created(&graph);
        assert_eq!(created, Some(("7f".into(), alloc::vec!["put".into(), "get".into()])));
    }
}
