//! What becomes of one pickle, whatever it is for.

use alloc::string::String;

use sabir_pickle::{
    Category, DumpOptions, ErrorKind, Graph, MemoStyle, Opcode, OpcodeSet, Pythons, Scan, names_something,
};

use super::{Frame, Outcome, Relay};
use crate::config::Config;
use crate::error::RelayError;
use crate::event::Event;
use crate::knowledge::ServerKnowledge;
use crate::policy::{self, Forbidden, Policy};

/// Text, which is not what Python 2 calls `str`.
const TEXTS: OpcodeSet =
    OpcodeSet::of(&[Opcode::Unicode, Opcode::ShortBinUnicode, Opcode::BinUnicode, Opcode::BinUnicode8]);

impl Frame<'_> {
    /// Whether the frame can pass as it is, if nothing in it means anything to a manager.
    pub(super) fn is_plain(&self) -> bool {
        self.readable && self.sound && !names_something(self.scan)
    }

    /// Whether texts that must be the reader's own `str` may have to be written anew.
    pub(super) fn may_need_native_texts(&self) -> bool {
        self.target.pythons.may_be_py2() && self.source != Pythons::PY2 && self.scan.opcodes.intersects(TEXTS)
    }

    /// The protocol of what is written in its place: a pickle that can be read keeps its own.
    pub(super) fn protocol(&self) -> u8 {
        if self.readable && !self.target.pinned { self.scan.protocol.max(2) } else { self.target.protocol }
    }

    pub(super) fn load(&self, config: &Config) -> Result<Graph, RelayError> {
        Graph::load(self.body.clone(), &config.limits)
            .map_err(|source| RelayError::Malformed { from: self.from, source })
    }

    fn forbidden(&self, why: Forbidden) -> RelayError {
        match why {
            Forbidden::Name(name) => RelayError::Refused { from: self.from, name },
            Forbidden::Use(what) => self.misused(what),
        }
    }

    pub(super) fn misused(&self, what: impl Into<String>) -> RelayError {
        RelayError::Misused { from: self.from, what: what.into() }
    }
}

impl Relay {
    /// A message of a plain connection.
    pub(super) fn value(
        &mut self,
        frame: Frame<'_>,
        server: &mut ServerKnowledge,
    ) -> Result<Outcome, RelayError> {
        if frame.is_plain() {
            return Ok(Outcome::Pass);
        }
        let graph = match Graph::load(frame.body.clone(), &self.config.limits) {
            Ok(graph) => graph,
            // Bytes that `send_bytes` sent may look like opcodes, and no reader can load them any more than we can.
            Err(error) if error.category() == Category::Malformed && self.may_be_bytes() => {
                return Ok(Outcome::Pass);
            }
            Err(source) => return Err(RelayError::Malformed { from: frame.from, source }),
        };
        match self.finish(frame, graph, false, server) {
            // It asks for buffers that no frame has room for, so no reader can load it either.
            Err(RelayError::Untranslatable { source, .. })
                if matches!(source.kind(), ErrorKind::MissingBuffer(_)) && self.may_be_bytes() =>
            {
                Ok(Outcome::Pass)
            }
            outcome => outcome,
        }
    }

    /// The last steps: tokens, names, strings and forms, then the policy, then the pickle, if it is another.
    pub(super) fn finish(
        &mut self,
        frame: Frame<'_>,
        mut graph: Graph,
        mut changed: bool,
        server: &mut ServerKnowledge,
    ) -> Result<Outcome, RelayError> {
        let config = self.config.clone();
        let (to, protocol) = (frame.target.pythons, frame.protocol());
        let untranslatable = |source| RelayError::Untranslatable { from: frame.from, source };
        changed |= self.readdress(frame, &mut graph, server)?;
        changed |= sabir_manager::native::tokens(&mut graph, native_for(&config, to));
        changed |=
            config.translation.apply(&mut graph, frame.source, to, protocol).map_err(untranslatable)?;

        let names = config.translation.names();
        let anew = match &config.policy {
            Policy::Strict { allow, .. } => {
                let dangerous = |name| self.events.push(Event::Dangerous { from: frame.from, name });
                policy::check(allow, &graph, names, protocol, dangerous)
                    .map_err(|forbidden| frame.forbidden(forbidden))?;
                // Readers differ in what they make of odd pickles; of ours they all make the same.
                true
            }
            Policy::Learn => {
                policy::named(&graph, names, protocol, |name| server.learn_name(name));
                false
            }
            Policy::Transparent => false,
        };
        if !changed && !anew && frame.readable {
            return Ok(Outcome::Pass);
        }
        let options = DumpOptions { protocol, python: to, memo: MemoStyle::Shared, buffers: None };
        let pickle = graph.into_segments(&options).map_err(untranslatable)?;
        match config.max_message {
            Some(limit) if pickle.len() as u64 > limit => {
                Err(RelayError::TooLong { from: frame.from, length: pickle.len() as u64, limit })
            }
            _ => Ok(Outcome::Replace(pickle)),
        }
    }

    /// Whether a frame that cannot be loaded may be no pickle at all, and may pass.
    fn may_be_bytes(&self) -> bool {
        self.config.mode == crate::Mode::Auto
            && !matches!(self.config.policy, Policy::Strict { allow_raw: false, .. })
    }
}

/// For whom texts are made native. Where the reader may be any version and the policy makes bytes of every Python 2
/// `str`, text is what is left that both take.
pub(super) fn native_for(config: &Config, to: Pythons) -> Pythons {
    let either = to.may_be_py2() && to.may_be_py3();
    if either && !strings_pass(config) { Pythons::PY3 } else { to }
}

/// Whether an ASCII `str` of Python 2 is text to a Python 3.
fn strings_pass(config: &Config) -> bool {
    let scan = Scan {
        protocol: 2,
        opcodes: OpcodeSet::of(&[Opcode::ShortBinString]),
        non_ascii_strings: false,
        length: 0,
    };
    config.translation.may_pass(&scan, Pythons::PY2, Pythons::PY3, 2)
}
