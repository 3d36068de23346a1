//! Opcodes to a graph: the stack machine, which calls nothing.

mod containers;

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use self::containers::pairs;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Blob, Global, Graph, Make, Node, NodeId, Step};
use crate::lex::Lexer;
use crate::limits::Limits;
use crate::memo::{self, Memo, NO_INDEX};
use crate::op::Op;
use crate::text::{self, Decimal};

impl Graph {
    /// Loads a pickle with the default limits. Bytes after its STOP are ignored, as Python does.
    ///
    /// # Errors
    /// The bytes are no pickle, or exceed the limits.
    pub fn from_slice(pickle: &[u8]) -> Result<Graph> {
        Graph::load(Bytes::copy_from_slice(pickle), &Limits::DEFAULT)
    }

    /// Loads a pickle. The graph keeps `pickle` and refers to its strings without copying them.
    ///
    /// # Errors
    /// The bytes are no pickle, or exceed the limits.
    pub fn load(pickle: Bytes, limits: &Limits) -> Result<Graph> {
        let mut machine = Machine {
            graph: Graph::new(),
            base: pickle.as_ptr() as usize,
            stack: Vec::with_capacity(8),
            marks: Vec::new(),
            memo: Memo::new(),
            buffers: 0,
            names: 0,
            max_names: (pickle.len() as u64).saturating_mul(NAMES_PER_BYTE) + NAMES_AT_LEAST,
            limits,
        };
        let mut lexer = Lexer::new(&pickle);
        while let Some(spanned) = lexer.next() {
            let spanned = spanned?;
            let step = match spanned.op {
                Op::Stop => machine.finish(),
                Op::Proto(_) if spanned.start > 0 => Err(ErrorKind::WrongOperand("PROTO at its start only")),
                // What a frame promises is only checked to be there: its borders mean nothing, as in CPython's C code.
                Op::Frame(length) if length > lexer.rest().len() as u64 => Err(ErrorKind::FrameTooLong),
                op => machine.step(op),
            };
            step.map_err(|kind| Error::at(kind, spanned.start))?;
        }
        let mut graph = machine.graph;
        graph.set_length(lexer.position());
        graph.set_first_source(pickle);
        Ok(graph)
    }
}

/// What one opcode comes to; the caller knows where it stood.
type Outcome = core::result::Result<(), ErrorKind>;

struct Machine<'l> {
    graph: Graph,
    /// The address of the pickle's first byte, to tell where in it a slice lies.
    base: usize,
    stack: Vec<NodeId>,
    /// Heights of the stack at which marks stand.
    marks: Vec<usize>,
    memo: Memo<NodeId>,
    buffers: u32,
    /// How many bytes of names STACK_GLOBAL has taken from the memo and elsewhere.
    names: u64,
    max_names: u64,
    limits: &'l Limits,
}

/// Five bytes of a pickle make a name of any length, which has to be read, judged and perhaps written each time. Picklers
/// write each name once, and a module's as often as it has names.
const NAMES_PER_BYTE: u64 = 16;
const NAMES_AT_LEAST: u64 = 1 << 20;

impl Machine<'_> {
    #[inline]
    fn step(&mut self, op: Op<'_>) -> Outcome {
        match op {
            // Numbers, text and other atoms.
            Op::None => self.stack.push(NodeId::NONE),
            Op::NewTrue => self.stack.push(NodeId::TRUE),
            Op::NewFalse => self.stack.push(NodeId::FALSE),
            Op::Int(b"00") => self.stack.push(NodeId::FALSE),
            Op::Int(b"01") => self.stack.push(NodeId::TRUE),
            Op::Int(s) => return self.decimal(s, false),
            Op::Long(s) => return self.decimal(s, true),
            Op::BinInt(v) => return self.push(Node::Int(v.into())),
            Op::BinInt1(v) => return self.push(Node::Int(v.into())),
            Op::BinInt2(v) => return self.push(Node::Int(v.into())),
            Op::Long1(s) | Op::Long4(s) => return self.push(Node::Long(self.blob(s))),
            Op::Float(s) => {
                let value = text::parse_float(s).ok_or(ErrorKind::BadText("a float"))?;
                return self.push(Node::Float(value));
            }
            Op::BinFloat(v) => return self.push(Node::Float(v)),
            Op::ShortBinUnicode(s) | Op::BinUnicode(s) | Op::BinUnicode8(s) => {
                return self.push(Node::Str(self.blob(s)));
            }
            Op::Unicode(s) => {
                let text = text::parse_raw_unicode_escape(s)
                    .ok_or(ErrorKind::BadText("raw-unicode-escaped text"))?;
                let blob = self.graph.store(&text);
                return self.push(Node::Str(blob));
            }
            Op::ShortBinBytes(s) | Op::BinBytes(s) | Op::BinBytes8(s) => {
                return self.push(Node::Bytes(self.blob(s)));
            }
            Op::ShortBinString(s) | Op::BinString(s) => return self.push(Node::String(self.blob(s))),
            Op::String(s) => {
                let bytes = text::parse_string_repr(s).ok_or(ErrorKind::BadText("the repr of a str"))?;
                let blob = self.graph.store(&bytes);
                return self.push(Node::String(blob));
            }
            Op::ByteArray8(s) => return self.push(Node::ByteArray(self.blob(s))),
            Op::NextBuffer => {
                let index = self.buffers;
                self.buffers += 1;
                return self.push(Node::Buffer { index, readonly: false });
            }
            Op::ReadOnlyBuffer => {
                // CPython takes anything with the buffer protocol; only buffers from outside can be writable here.
                if let Node::Buffer { index, .. } = self.graph[self.top()?] {
                    self.pop()?;
                    return self.push(Node::Buffer { index, readonly: true });
                }
            }

            // Containers.
            Op::EmptyList => return self.push(Node::List(Vec::new())),
            Op::EmptyTuple => return self.push(Node::Tuple(Vec::new())),
            Op::EmptyDict => return self.push(Node::Dict(Vec::new())),
            Op::EmptySet => return self.push(Node::Set(Vec::new())),
            Op::List => return self.collect(Node::List),
            Op::Tuple => return self.collect(Node::Tuple),
            Op::FrozenSet => return self.collect(Node::FrozenSet),
            Op::Tuple1 => return self.tuple(1),
            Op::Tuple2 => return self.tuple(2),
            Op::Tuple3 => return self.tuple(3),
            Op::Dict => {
                let start = self.mark()?;
                let pairs = pairs(&self.stack[start..])?;
                self.stack.truncate(start);
                return self.push(Node::Dict(pairs));
            }
            Op::Append => {
                let start = self.need(2)? + 1;
                return self.append(start);
            }
            Op::Appends => {
                let start = self.mark()?;
                return self.append(start);
            }
            Op::SetItem => {
                let start = self.need(3)? + 1;
                return self.set_items(start);
            }
            Op::SetItems => {
                let start = self.mark()?;
                return self.set_items(start);
            }
            Op::AddItems => {
                let start = self.mark()?;
                return self.add_items(start);
            }

            // The stack itself.
            Op::Mark => self.marks.push(self.stack.len()),
            Op::Pop => {
                // A mark on top is what POP drops; `pickle.py` does so to leave a recursive tuple.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            Op::PopMark => {
                let start = self.mark()?;
                self.stack.truncate(start);
            }
            Op::Dup => {
                let top = self.top()?;
                self.stack.push(top);
            }

            // The memo.
            Op::BinGet(index) => return self.get(index.into()),
            Op::LongBinGet(index) => return self.get(index.into()),
            Op::Get(s) => return self.get(memo::index(s).ok_or(NO_INDEX)?),
            Op::BinPut(index) => return self.put(index.into()),
            Op::LongBinPut(index) => return self.put(index.into()),
            Op::Put(s) => return self.put(memo::index(s).ok_or(NO_INDEX)?),
            Op::Memoize => return self.put(self.memo.entries()),

            // Names and calls.
            Op::Global { module, name } => {
                let global = self.global(module, name)?;
                return self.push(global);
            }
            Op::StackGlobal => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id| match self.graph[id] {
                    Node::Str(blob) | Node::String(blob) => Ok(blob),
                    _ => Err(ErrorKind::WrongOperand("text")),
                };
                let global = Global { module: text(module)?, name: text(name)? };
                self.names += (global.module.len() + global.name.len()) as u64;
                if self.names > self.max_names {
                    return Err(ErrorKind::Limit("bytes of names"));
                }
                return self.push(Node::Global(Box::new(global)));
            }
            Op::Ext1(code) => return self.extension(code.into()),
            Op::Ext2(code) => return self.extension(code.into()),
            Op::Ext4(code) => {
                return self.extension(u32::try_from(code).map_err(|_| ErrorKind::NegativeLength)?);
            }
            Op::Reduce => {
                let (args, callable) = (self.pop()?, self.pop()?);
                return self.make(Make::Reduce { callable, args });
            }
            Op::NewObj => {
                let (args, class) = (self.pop()?, self.pop()?);
                return self.make(Make::NewObj { class, args });
            }
            Op::NewObjEx => {
                let (kwargs, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                return self.make(Make::NewObjEx { class, args, kwargs });
            }
            Op::Inst { module, name } => {
                let start = self.mark()?;
                let args = self.stack.split_off(start);
                let class = self.global(module, name)?;
                let class = self.add(class)?;
                return self.make(Make::Instance { class, args });
            }
            Op::Obj => {
                let start = self.mark()?;
                let mut args = self.stack.split_off(start);
                if args.is_empty() {
                    return Err(ErrorKind::StackUnderflow);
                }
                let class = args.remove(0);
                return self.make(Make::Instance { class, args });
            }
            Op::Build => {
                let state = self.pop()?;
                let target = self.top()?;
                self.object(target)?.steps.push(Step::Build(state));
            }
            Op::PersId(s) => return self.push(Node::PersistentText(self.blob(s))),
            Op::BinPersId => {
                let id = self.pop()?;
                return self.push(Node::Persistent(id));
            }

            // The pickle itself.
            Op::Proto(protocol @ 6..) => return Err(ErrorKind::UnsupportedProtocol(protocol)),
            Op::Proto(protocol) => self.graph.set_protocol(protocol),
            Op::Frame(_) | Op::Stop => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Outcome {
        let root = self.pop()?;
        self.graph.set_root(root);
        Ok(())
    }

    /// The blob of a piece of the pickle.
    #[inline]
    fn blob(&self, piece: &[u8]) -> Blob {
        Graph::blob_at((piece.as_ptr() as usize).wrapping_sub(self.base), piece.len())
    }

    #[inline]
    fn add(&mut self, node: Node) -> core::result::Result<NodeId, ErrorKind> {
        if self.graph.len() >= self.limits.max_nodes as usize {
            return Err(ErrorKind::Limit("objects"));
        }
        Ok(self.graph.add(node))
    }

    #[inline]
    fn push(&mut self, node: Node) -> Outcome {
        let id = self.add(node)?;
        self.stack.push(id);
        Ok(())
    }

    /// The top of the stack, which must be no mark.
    #[inline]
    fn top(&self) -> core::result::Result<NodeId, ErrorKind> {
        self.need(1).map(|start| self.stack[start])
    }

    #[inline]
    fn pop(&mut self) -> core::result::Result<NodeId, ErrorKind> {
        let start = self.need(1)?;
        let top = self.stack[start];
        self.stack.truncate(start);
        Ok(top)
    }

    /// Where the top `count` items start, which no mark may part.
    #[inline]
    fn need(&self, count: usize) -> core::result::Result<usize, ErrorKind> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(start),
            _ => Err(ErrorKind::StackUnderflow),
        }
    }

    /// Takes the topmost mark away and says where it stood.
    #[inline]
    fn mark(&mut self) -> core::result::Result<usize, ErrorKind> {
        // Nothing pops below a mark, so the stack is at least as high as it was then.
        self.marks.pop().ok_or(ErrorKind::StackUnderflow)
    }

    fn extension(&mut self, code: u32) -> Outcome {
        if code == 0 {
            return Err(ErrorKind::WrongOperand("an extension code above 0"));
        }
        self.push(Node::Extension(code))
    }

    fn global(&self, module: &[u8], name: &[u8]) -> core::result::Result<Node, ErrorKind> {
        Ok(Node::Global(Box::new(Global { module: self.blob(module), name: self.blob(name) })))
    }

    fn decimal(&mut self, text: &[u8], long: bool) -> Outcome {
        let value = text::parse_decimal(text, self.limits.max_digits)
            .map_err(|()| ErrorKind::Limit("digits of an integer"))?
            .ok_or(ErrorKind::BadText("an integer"))?;
        let node = match value {
            Decimal::Small(value) if !long => Node::Int(value),
            Decimal::Small(value) => {
                let (bytes, length) = text::long_bytes(value);
                Node::Long(self.graph.store(&bytes[..length]))
            }
            Decimal::Large(bytes) => Node::Long(self.graph.store(&bytes)),
        };
        self.push(node)
    }

    #[inline]
    fn get(&mut self, index: u64) -> Outcome {
        let id = self.memo.get(index).ok_or(ErrorKind::UnknownMemo(index))?;
        self.stack.push(id);
        Ok(())
    }

    #[inline]
    fn put(&mut self, index: u64) -> Outcome {
        let top = self.top()?;
        self.memo.put(index, top);
        Ok(())
    }
}
