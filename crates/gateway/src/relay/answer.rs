//! What a client is told when its request, or the reply to it, cannot be passed on.

use alloc::format;
use alloc::string::{String, ToString};

use sabir_manager::native::{self, Holds};
use sabir_manager::{Kind, Reply};
use sabir_pickle::{DumpOptions, Graph, MemoStyle, Segments};

use super::translate::native_for;
use super::{Outcome, Relay};
use crate::Side;
use crate::error::RelayError;
use crate::event::Event;
use crate::knowledge::ServerKnowledge;

impl Relay {
    /// A frame of this length is not even read. [`Outcome::Answer`] and [`Outcome::Replace`] are for a manager's
    /// client, who is told so in its place.
    pub fn handle_too_long(
        &mut self,
        from: Side,
        length: u64,
        limit: u64,
        server: &ServerKnowledge,
    ) -> Outcome {
        self.fail(RelayError::TooLong { from, length, limit }, server)
    }

    /// A manager's client is told, as its server would tell it; anybody else has no word for it.
    pub(super) fn fail(&mut self, error: RelayError, server: &ServerKnowledge) -> Outcome {
        let from = match &error {
            RelayError::Malformed { from, .. }
            | RelayError::Untranslatable { from, .. }
            | RelayError::Refused { from, .. }
            | RelayError::Misused { from, .. }
            | RelayError::RawRefused { from }
            | RelayError::TooLong { from, .. }
                if self.is_manager() =>
            {
                *from
            }
            _ => return Outcome::Close(error),
        };
        let kind = match (&error, from) {
            (RelayError::Untranslatable { .. } | RelayError::TooLong { .. }, Side::Server) => {
                Kind::Unserializable
            }
            _ => Kind::Traceback,
        };
        self.tell(from, kind, error.to_string(), server)
    }

    /// Tells the client, instead of passing on what `from` sent.
    pub(super) fn tell(&mut self, from: Side, kind: Kind, text: String, server: &ServerKnowledge) -> Outcome {
        // A reply that overtakes others would be taken for theirs.
        if from == Side::Client && !self.expected.is_empty() {
            return Outcome::Close(RelayError::Pipelined { text });
        }
        // A traceback ends its last line, and RemoteError goes on right behind it.
        let reply = match self.told(kind, &format!("sabir gateway: {text}\n"), server) {
            Ok(reply) => reply,
            Err(source) => return Outcome::Close(RelayError::Untranslatable { from: Side::Server, source }),
        };
        self.events.push(Event::Refused { from, text });
        match from {
            Side::Client => Outcome::Answer(Segments::into_vec(reply)),
            Side::Server => {
                // The reply that it stands for.
                self.answered();
                Outcome::Replace(reply)
            }
        }
    }

    /// The reply in the client's protocol and dialect.
    fn told(&self, kind: Kind, text: &str, server: &ServerKnowledge) -> sabir_pickle::Result<Segments> {
        let target = self.target(Side::Client, server);
        let mut graph = Graph::new();
        let reply = Reply::text(&mut graph, kind, text);
        let reply = native::reply(&mut graph, &reply, Holds::Text, native_for(&self.config, target.pythons));
        let root = reply.encode(&mut graph);
        graph.set_root(root);
        let (protocol, python) = (target.protocol, target.pythons);
        graph.into_segments(&DumpOptions { protocol, python, memo: MemoStyle::Shared, buffers: None })
    }
}
