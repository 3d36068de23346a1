//! A graph to opcodes: depth first, as Python's picklers walk, but without recursion.

mod objects;
mod shared;
mod write;

use alloc::vec::Vec;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Node, NodeId, Step};
use crate::lower;
use crate::opcode::Opcode;
use crate::output::{Output, Segments};
use crate::version::Pythons;

/// How a graph is written.
#[derive(Clone, Copy, Debug)]
pub struct DumpOptions<'a> {
    /// The protocol, 0 to 5.
    pub protocol: u8,
    /// Who may read it. Python 2 has opcodes for bytes and for large `int`s that no Python 3 would take for these.
    pub python: Pythons,
    /// Which objects get a memo entry.
    pub memo: MemoStyle,
    /// The buffers that stood beside the pickle, to be written into it. `None` leaves them beside it (protocol 5).
    pub buffers: Option<&'a [Bytes]>,
}

/// Which objects get a memo entry, so that they can be referred to again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoStyle {
    /// Those that are referred to again: shorter, and faster to read.
    #[default]
    Shared,
    /// All that could be, as Python 3's pickler writes them, which cannot look ahead.
    Everything,
}

impl DumpOptions<'_> {
    /// A protocol, for any Python that reads it.
    pub const fn protocol(protocol: u8) -> DumpOptions<'static> {
        DumpOptions { protocol, python: Pythons::ANY, memo: MemoStyle::Shared, buffers: None }
    }
}

impl Graph {
    /// Writes the graph as a pickle.
    ///
    /// Names are written as they are: translate them first for a protocol on the other side of 3.
    ///
    /// ```
    /// use sabir_pickle::{DumpOptions, Graph};
    /// let graph = Graph::from_slice(b"\x80\x04\x95\x05\0\0\0\0\0\0\0(K\x01K\x02K\x03t\x94.")?;
    /// assert_eq!(graph.dump(&DumpOptions::protocol(2))?, b"\x80\x02K\x01K\x02K\x03\x87.");
    /// # Ok::<(), sabir_pickle::Error>(())
    /// ```
    ///
    /// # Errors
    /// Something in it has no form in this protocol, or is made of itself.
    pub fn dump(&self, options: &DumpOptions<'_>) -> Result<Vec<u8>> {
        if lower::needed(self, options) {
            return self.clone().into_segments(options).map(Segments::into_vec);
        }
        Dumper::run(self, options, &[]).map(Segments::into_vec)
    }

    /// Writes the graph as a pickle in pieces: what is large is shared with the graph, not copied.
    ///
    /// # Errors
    /// As [`dump`](Graph::dump).
    pub fn into_segments(mut self, options: &DumpOptions<'_>) -> Result<Segments> {
        let sets = if lower::needed(&self, options) { lower::lower(&mut self, options)? } else { Vec::new() };
        Dumper::run(&self, options, &sets)
    }
}

/// Python's picklers write at most so many items with one APPENDS or SETITEMS.
const BATCH: usize = 1000;

/// What remains to be written, the next last.
#[derive(Clone, Copy)]
enum Work<'g> {
    Visit(NodeId),
    Opcode(Opcode),
    /// The rest of an iterable, in batches.
    Items(&'g [NodeId], Extend),
    Pairs(&'g [(NodeId, NodeId)]),
    /// All items of a tuple or frozenset have been written: close it, or leave it if it was written meanwhile.
    Close(NodeId),
    /// The parts of an object have been written: make it, then do what is done to it.
    Make(NodeId),
    Steps(&'g [Step]),
}

#[derive(Clone, Copy)]
enum Extend {
    List,
    Set,
}

struct Dumper<'g> {
    graph: &'g Graph,
    protocol: u8,
    python2: bool,
    out: Output,
    work: Vec<Work<'g>>,
    /// Each node's memo index and one, 0 for none.
    memo: Vec<u32>,
    memo_next: u32,
    /// Which nodes get an entry; without it all.
    shared: Option<shared::Nodes>,
    /// Sets that were lowered: they must not be met inside themselves.
    sets: &'g [NodeId],
    /// Nodes begun since the memo last grew: more of them than there are nodes means that one is made of itself.
    begun: usize,
}

impl<'g> Dumper<'g> {
    fn run(graph: &'g Graph, options: &DumpOptions<'_>, sets: &'g [NodeId]) -> Result<Segments> {
        if options.protocol > 5 {
            return Err(Error::new(ErrorKind::UnsupportedProtocol(options.protocol)));
        }
        let shared = match options.memo {
            MemoStyle::Shared => Some(shared::nodes(graph)),
            MemoStyle::Everything => None,
        };
        let mut work = Vec::with_capacity(16);
        work.extend([Work::Opcode(Opcode::Stop), Work::Visit(graph.root())]);
        let mut dumper = Dumper {
            graph,
            protocol: options.protocol,
            python2: !options.python.may_be_py3(),
            out: Output::new(),
            work,
            memo: alloc::vec![0; graph.len()],
            memo_next: 0,
            shared,
            sets,
            begun: 0,
        };
        if dumper.protocol >= 2 {
            dumper.out.buffer().extend_from_slice(&[Opcode::Proto.byte(), options.protocol]);
        }
        if dumper.protocol >= 4 {
            dumper.out.start_framing();
        }
        while let Some(work) = dumper.work.pop() {
            dumper.step(work)?;
        }
        Ok(dumper.out.finish())
    }

    fn step(&mut self, work: Work<'g>) -> Result<()> {
        match work {
            Work::Visit(id) => self.visit(id)?,
            Work::Opcode(opcode) => self.op(opcode),
            Work::Items(items, extend) => self.items(items, extend),
            Work::Pairs(pairs) => self.pairs(pairs),
            Work::Close(id) => self.close(id),
            Work::Make(id) => self.make(id)?,
            Work::Steps(steps) => self.steps(steps)?,
        }
        Ok(())
    }

    fn visit(&mut self, id: NodeId) -> Result<()> {
        self.out.boundary();
        if self.memo[id.index()] != 0 {
            self.get(self.memo[id.index()] - 1);
            return Ok(());
        }
        let graph = self.graph;
        match &graph[id] {
            Node::None => self.op(Opcode::None),
            Node::Bool(value) => self.bool(*value),
            Node::Int(value) => self.int(*value),
            Node::Long(blob) => self.long(graph.blob(*blob))?,
            Node::Float(value) => self.float(*value),
            Node::Str(blob) => {
                self.str(*blob)?;
                self.put(id);
            }
            Node::Bytes(blob) => {
                self.bytes(*blob)?;
                self.put(id);
            }
            Node::String(blob) => {
                self.string(*blob)?;
                self.put(id);
            }
            Node::ByteArray(blob) => {
                self.blob8(Opcode::ByteArray8, *blob);
                self.put(id);
            }
            Node::List(items) => {
                self.empty(Opcode::EmptyList, Opcode::List);
                self.put(id);
                self.work.push(Work::Items(items, Extend::List));
            }
            Node::Dict(pairs) => {
                self.empty(Opcode::EmptyDict, Opcode::Dict);
                self.put(id);
                self.work.push(Work::Pairs(pairs));
            }
            Node::Set(items) => {
                self.op(Opcode::EmptySet);
                self.put(id);
                self.work.push(Work::Items(items, Extend::Set));
            }
            Node::Tuple(items) => self.tuple(id, items)?,
            Node::FrozenSet(items) => {
                self.begin()?;
                self.op(Opcode::Mark);
                self.work.push(Work::Close(id));
                self.visit_all(items);
            }
            Node::Global(global) => {
                self.global(global)?;
                self.put(id);
            }
            Node::Object(object) => {
                self.begin()?;
                self.work.push(Work::Make(id));
                self.parts(&object.make)?;
            }
            Node::Persistent(pid) => {
                if self.protocol == 0 {
                    let Some(text) = graph.text(*pid) else {
                        return Err(unrepresentable("a persistent id that is no text, in protocol 0"));
                    };
                    return self.line(Opcode::PersId, text.as_bytes());
                }
                self.work.push(Work::Opcode(Opcode::BinPersId));
                self.work.push(Work::Visit(*pid));
            }
            Node::PersistentText(blob) => self.line(Opcode::PersId, graph.blob(*blob))?,
            Node::Extension(code) => self.extension(*code)?,
            Node::Buffer { readonly, .. } => {
                self.op(Opcode::NextBuffer);
                if *readonly {
                    self.op(Opcode::ReadOnlyBuffer);
                }
            }
        }
        Ok(())
    }

    /// Counts the nodes that are written only when all within them is, which is where a loop could hide.
    fn begin(&mut self) -> Result<()> {
        self.begun += 1;
        if self.begun > self.graph.len() {
            return Err(unrepresentable("an object that cannot be made before itself"));
        }
        Ok(())
    }

    fn visit_all(&mut self, items: &[NodeId]) {
        self.work.extend(items.iter().rev().map(|&id| Work::Visit(id)));
    }

    fn empty(&mut self, opcode: Opcode, text: Opcode) {
        if self.protocol == 0 {
            self.op(Opcode::Mark);
            self.op(text);
        } else {
            self.op(opcode);
        }
    }

    fn tuple(&mut self, id: NodeId, items: &[NodeId]) -> Result<()> {
        if items.is_empty() {
            self.empty(Opcode::EmptyTuple, Opcode::Tuple);
            return Ok(());
        }
        self.begin()?;
        if self.protocol < 2 || items.len() > 3 {
            self.op(Opcode::Mark);
        }
        self.work.push(Work::Close(id));
        self.visit_all(items);
        Ok(())
    }

    fn close(&mut self, id: NodeId) {
        let (count, frozen) = match &self.graph[id] {
            Node::FrozenSet(items) => (items.len(), true),
            Node::Tuple(items) => (items.len(), false),
            _ => return,
        };
        let marked = frozen || self.protocol < 2 || count > 3;
        if self.memo[id.index()] != 0 {
            // It contains itself, and was written whole as its own part: what was put down for it here goes away.
            if marked && self.protocol > 0 {
                self.op(Opcode::PopMark);
            } else {
                (0..count + usize::from(marked)).for_each(|_| self.op(Opcode::Pop));
            }
            self.get(self.memo[id.index()] - 1);
            return;
        }
        self.op(match (frozen, marked, count) {
            (true, ..) => Opcode::FrozenSet,
            (_, false, 1) => Opcode::Tuple1,
            (_, false, 2) => Opcode::Tuple2,
            (_, false, 3) => Opcode::Tuple3,
            _ => Opcode::Tuple,
        });
        self.put(id);
    }

    fn items(&mut self, items: &'g [NodeId], extend: Extend) {
        let (one, many) = match extend {
            Extend::List => (Opcode::Append, Opcode::Appends),
            Extend::Set => (Opcode::AddItems, Opcode::AddItems),
        };
        let Some((&first, rest)) = items.split_first() else { return };
        if self.protocol == 0 || (rest.is_empty() && matches!(extend, Extend::List)) {
            self.work.push(Work::Items(rest, extend));
            self.work.push(Work::Opcode(one));
            self.work.push(Work::Visit(first));
            return;
        }
        let (batch, rest) = items.split_at(items.len().min(BATCH));
        self.op(Opcode::Mark);
        self.work.push(Work::Items(rest, extend));
        self.work.push(Work::Opcode(many));
        self.visit_all(batch);
    }

    fn pairs(&mut self, pairs: &'g [(NodeId, NodeId)]) {
        let count = if self.protocol == 0 { 1 } else { pairs.len().min(BATCH) };
        let (batch, rest) = pairs.split_at(count.min(pairs.len()));
        if batch.is_empty() {
            return;
        }
        self.work.push(Work::Pairs(rest));
        if batch.len() == 1 {
            self.work.push(Work::Opcode(Opcode::SetItem));
        } else {
            self.op(Opcode::Mark);
            self.work.push(Work::Opcode(Opcode::SetItems));
        }
        for &(key, value) in batch.iter().rev() {
            self.work.push(Work::Visit(value));
            self.work.push(Work::Visit(key));
        }
    }
}

fn unrepresentable(what: &'static str) -> Error {
    Error::new(ErrorKind::Unrepresentable(what))
}
