//! Who is at the other end, as far as its messages tell, and what can be sent there.

use sabir_pickle::{DumpOptions, Graph, MemoStyle, Node, Pythons, Result, Segments, Translation};

use crate::native::{self, Holds};
use crate::{Reply, Request};

/// What is known of a peer. Whatever is written for it is made ready here and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The versions that it may be.
    pub pythons: Pythons,
    /// The protocol to write to it, 0 to 5.
    pub protocol: u8,
}

impl Default for Peer {
    fn default() -> Peer {
        Peer::UNKNOWN
    }
}

impl Peer {
    /// Nothing is known: protocol 2, which every Python reads.
    ///
    /// Texts of replies are then written as every Python takes them for its own `str`. Those of requests are written as
    /// text: 2.7 takes names and idents of either type, and a reader that can tell text from bytes sees that the writer
    /// can too.
    pub const UNKNOWN: Peer = Peer { pythons: Pythons::ANY, protocol: 2 };

    /// What a message of a manager or of its client tells of who wrote it: its PROTO byte, and whether its first text,
    /// which every message has, is a Python 2 `str`.
    ///
    /// Protocol 3 is written by 3.6 and 3.7, which read 4; protocols 4 and 5 by 3.8 and newer, which read 5. A Python 3
    /// that was told to write protocol 2 is told apart from 2.7 by its text, and gets protocol 2.
    pub fn of(graph: &Graph) -> Peer {
        let items = graph.items(graph.root()).unwrap_or_default();
        let first = items.iter().take(2).find_map(|&id| match graph[id] {
            Node::String(_) => Some(Pythons::PY2),
            Node::Str(_) => Some(Pythons::PY3),
            _ => None,
        });
        match graph.protocol() {
            protocol @ 0..=2 => {
                Peer { pythons: first.unwrap_or(Pythons::ANY), protocol: Peer::answers(protocol) }
            }
            protocol => Peer { pythons: Pythons::writing(protocol), protocol: Peer::answers(protocol) },
        }
    }

    /// The protocol in which to answer who wrote in this one: the highest that it surely reads.
    pub const fn answers(protocol: u8) -> u8 {
        match protocol {
            0..=2 => 2,
            3 => 4,
            _ => 5,
        }
    }

    /// Writes a request whose root is one ([`Request`]); any other graph as a value.
    ///
    /// Names in it are Python 3's if [`Graph::protocol`] is 3 or above, else Python 2's.
    ///
    /// # Errors
    /// The arguments have no form in the protocol, or the policy for strings forbids them.
    pub fn request(self, mut graph: Graph, translation: &Translation) -> Result<Segments> {
        let from = written_by(&graph);
        self.values(&mut graph, from, translation)?;
        if let Some(request) = Request::decode(&graph, graph.root()) {
            let either = self.pythons.may_be_py2() && self.pythons.may_be_py3();
            let to = if either { Pythons::PY3 } else { self.pythons };
            let request = native::request(&mut graph, &request, to);
            let root = request.encode(&mut graph);
            graph.set_root(root);
        }
        self.dump(graph)
    }

    /// Writes a reply whose root is one ([`Reply`]); any other graph as a value.
    ///
    /// # Errors
    /// As [`request`](Peer::request).
    pub fn reply(self, graph: Graph, holds: Holds, translation: &Translation) -> Result<Segments> {
        let from = written_by(&graph);
        self.reply_of(from, graph, holds, translation)
    }

    /// The same for a reply whose values are those of these versions, whatever names are in it.
    pub(crate) fn reply_of(
        self,
        from: Pythons,
        mut graph: Graph,
        holds: Holds,
        translation: &Translation,
    ) -> Result<Segments> {
        self.values(&mut graph, from, translation)?;
        if let Some(reply) = Reply::decode(&graph, graph.root()) {
            let native = native::reply(&mut graph, &reply, holds, self.pythons);
            if native != reply {
                let root = native.encode(&mut graph);
                graph.set_root(root);
            }
        }
        self.dump(graph)
    }

    /// Names, strings and forms. A reader that may be a Python 3 has the texts of tokens as text before any policy for
    /// Python 2's `str` can make bytes of them.
    fn values(self, graph: &mut Graph, from: Pythons, translation: &Translation) -> Result<()> {
        let first = if self.pythons.may_be_py3() { Pythons::PY3 } else { self.pythons };
        native::tokens(graph, first);
        translation.apply(graph, from, self.pythons, self.protocol)?;
        if first != self.pythons && self.pythons.may_be_py2() {
            native::tokens(graph, self.pythons);
        }
        Ok(())
    }

    fn dump(self, graph: Graph) -> Result<Segments> {
        graph.into_segments(&DumpOptions {
            protocol: self.protocol,
            python: self.pythons,
            memo: MemoStyle::Shared,
            buffers: None,
        })
    }
}

/// Who may have written a graph, as the names in it are.
pub(crate) fn written_by(graph: &Graph) -> Pythons {
    if graph.protocol() < 3 { Pythons::ANY } else { Pythons::PY3 }
}

#[cfg(test)]
mod tests {
    use sabir_pickle::{Names, Py2Str, Py2Text, Version};

    use super::*;
    use crate::{Kind, request};

    #[test]
    fn what_a_peer_writes_says_what_it_reads() {
        let cases: [(&[u8], Pythons, u8); 5] = [
            (b"\x80\x02(NU\x05dummy)}t.", Pythons::PY2, 2),
            (b"\x80\x02(NX\x05\0\0\0dummy)}t.", Pythons::PY3, 2),
            (b"\x80\x03(NX\x05\0\0\0dummy)}t.", Pythons::writing(3), 4),
            (b"\x80\x04(N\x8c\x05dummy)}t.", Pythons::writing(4), 5),
            (b"\x80\x02N.", Pythons::ANY, 2),
        ];
        for (pickle, pythons, protocol) in cases {
            let graph = Graph::from_slice(pickle).unwrap();
            assert_eq!(Peer::of(&graph), Peer { pythons, protocol }, "{}", pickle.escape_ascii());
        }
    }

    #[test]
    fn no_policy_for_strings_touches_the_texts_of_the_protocol() {
        let translation = Translation::new(Names::builtin(), Py2Str::Bytes, Py2Text::Unicode);
        for peer in [Peer::UNKNOWN, Peer { pythons: Version::new(3, 13).into(), protocol: 5 }] {
            let pickle = peer.request(request::incref("7f"), &translation).unwrap().into_vec();
            let graph = Graph::from_slice(&pickle).unwrap();
            let read = Request::decode(&graph, graph.root()).unwrap();
            assert_eq!(graph.text(read.method), Some("incref"));
            assert_eq!(graph.text(graph.items(read.args).unwrap()[0]), Some("7f"));
        }
    }

    #[test]
    fn exceptions_reach_2_7_under_its_own_names() {
        // ('#ERROR', ValueError('boom')) as the server makes it
        let mut graph = Graph::new();
        graph.set_protocol(4);
        let text = graph.add_str("boom");
        let error = crate::exception::encode(&mut graph, "builtins", "ValueError", [text]);
        let name = graph.add_str(Kind::Error.name());
        let root = graph.add_tuple([name, error]);
        graph.set_root(root);
        let peer = Peer { pythons: Pythons::PY2, protocol: 2 };
        let pickle = peer.reply(graph, Holds::Value, &Translation::default()).unwrap().into_vec();
        assert_eq!(pickle, b"\x80\x02U\x06#ERRORcexceptions\nValueError\nU\x04boom\x85R\x86.");
    }
}
