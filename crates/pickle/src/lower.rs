//! What a protocol has no opcode for, said the way that Python's own picklers of that protocol say it.
//!
//! Sets become calls of `set`, bytes below protocol 3 calls of `_codecs.encode`, nested names calls of `getattr`, and
//! so on: ordinary objects of the graph, under the same ids, so that sharing and cycles stay what they are.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::dump::DumpOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Blob, Global, Graph, Make, Node, NodeId, Object, Step};
use crate::text;

/// Rewrites what `options` have no opcode for. Gives the ids of the sets among them, in order: they must be complete
/// when they are made.
pub(crate) fn lower(graph: &mut Graph, options: &DumpOptions<'_>) -> Result<Vec<NodeId>> {
    let mut lowering =
        Lowering { protocol: options.protocol, names: [None; Known::COUNT], sets: Vec::new(), graph };
    let before = lowering.graph.len();
    for id in lowering.graph.ids().take(before) {
        lowering.node(id, options)?;
    }
    Ok(lowering.sets)
}

/// Whether [`lower`] would change anything.
pub(crate) fn needed(graph: &Graph, options: &DumpOptions<'_>) -> bool {
    graph.ids().any(|id| match &graph[id] {
        Node::Buffer { .. } => options.buffers.is_some() || options.protocol < 5,
        Node::ByteArray(_) => options.protocol < 5,
        Node::Set(_) | Node::FrozenSet(_) => options.protocol < 4,
        Node::Bytes(_) => options.protocol < 3,
        Node::Global(global) => options.protocol < 4 && graph.blob(global.name).contains(&b'.'),
        Node::Object(object) => match object.make {
            Make::NewObjEx { .. } => options.protocol < 4,
            Make::NewObj { .. } => options.protocol < 2,
            _ => false,
        },
        _ => false,
    })
}

struct Lowering<'g> {
    graph: &'g mut Graph,
    protocol: u8,
    /// The functions that forms call, each added once so that the memo shares it.
    names: [Option<NodeId>; Known::COUNT],
    sets: Vec<NodeId>,
}

impl Lowering<'_> {
    fn node(&mut self, id: NodeId, options: &DumpOptions<'_>) -> Result<()> {
        match &self.graph[id] {
            &Node::Buffer { index, readonly } if options.buffers.is_some() || self.protocol < 5 => {
                let given = options.buffers.and_then(|buffers| buffers.get(index as usize));
                let bytes: Bytes = given.ok_or(Error::new(ErrorKind::MissingBuffer(index)))?.clone();
                let blob = self.graph.share(bytes);
                *self.graph.node_mut(id) = if readonly { Node::Bytes(blob) } else { Node::ByteArray(blob) };
                self.node(id, options)?;
            }
            &Node::ByteArray(blob) if self.protocol < 5 => {
                let mut args = Vec::new();
                if !blob.is_empty() {
                    args.push(self.graph.add(Node::Bytes(blob)));
                    self.bytes(args[0], blob, options);
                }
                self.call(id, Known::ByteArray, args);
            }
            &Node::Bytes(blob) if self.protocol < 3 => self.bytes(id, blob, options),
            Node::Set(_) | Node::FrozenSet(_) if self.protocol < 4 => {
                let (function, items) = match core::mem::replace(self.graph.node_mut(id), Node::None) {
                    Node::Set(items) => (Known::Set, items),
                    Node::FrozenSet(items) => (Known::FrozenSet, items),
                    _ => return Ok(()),
                };
                let list = self.graph.add(Node::List(items));
                self.call(id, function, vec![list]);
                self.sets.push(id);
            }
            Node::Global(global) if self.protocol < 4 => self.nested_name(id, **global, options),
            Node::Object(object) => match object.make {
                Make::NewObjEx { class, args, kwargs } if self.protocol < 4 => {
                    self.new_obj_ex(id, class, args, kwargs)?;
                }
                Make::NewObj { class, args } if self.protocol < 2 => self.new_obj(id, class, args)?,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// Python 2 has the opcodes for `str`, which is its bytes. For a reader that may be a Python 3, protocols below 3
    /// have no bytes, only text that is encoded when it is read; both versions read that.
    fn bytes(&mut self, id: NodeId, blob: Blob, options: &DumpOptions<'_>) {
        if self.protocol >= 3 {
        } else if !options.python.may_be_py3() {
            *self.graph.node_mut(id) = Node::String(blob);
        } else if blob.is_empty() {
            self.call(id, Known::Bytes, Vec::new());
        } else {
            let bytes = self.graph.blob(blob);
            // ASCII is its own UTF-8, and is not copied.
            let text = if bytes.is_ascii() {
                blob
            } else {
                let text = Bytes::from(text::latin1_to_utf8(bytes));
                self.graph.share(text)
            };
            let text = self.graph.add(Node::Str(text));
            let latin1 = self.latin1();
            self.call(id, Known::Encode, vec![text, latin1]);
        }
    }

    /// `Outer.Inner` is found by `getattr`, one step at a time, as CPython 3.4 and newer write it. A name with an empty
    /// part stays as it is: nothing has it, whichever way it is looked up.
    fn nested_name(&mut self, id: NodeId, global: Global, options: &DumpOptions<'_>) {
        let name = self.graph.blob(global.name);
        let mut ends: Vec<usize> = memchr::memchr_iter(b'.', name).collect();
        let Some(&first) = ends.first() else { return };
        ends.push(name.len());
        if first == 0 || ends.windows(2).any(|pair| pair[0] + 1 == pair[1]) {
            return;
        }
        // The parts are pieces of the name, not copies: a name may have as many as it has bytes.
        let outer = Global { module: global.module, name: global.name.slice(0, first) };
        let mut object = self.graph.add(Node::Global(Box::new(outer)));
        for (index, pair) in ends.windows(2).enumerate() {
            let part = global.name.slice(pair[0] + 1, pair[1]);
            let part = if options.python.may_be_py3() { Node::Str(part) } else { Node::String(part) };
            let args = vec![object, self.graph.add(part)];
            if index + 2 == ends.len() {
                return self.call(id, Known::GetAttr, args);
            }
            object = self.add_call(Known::GetAttr, args);
        }
    }

    /// Protocols 2 and 3 bind the arguments with `functools.partial(cls.__new__, cls, *args, **kwargs)`, which is then
    /// called with none; so does CPython.
    fn new_obj_ex(&mut self, id: NodeId, class: NodeId, args: NodeId, kwargs: NodeId) -> Result<()> {
        let all = self.with_class(class, args)?;
        let new = self.graph.add_str("__new__");
        let method = self.add_call(Known::GetAttr, vec![class, new]);
        let state = self.graph.add_tuple([method, all, kwargs, NodeId::NONE]);
        let partial = self.add_call(Known::Partial, vec![method]);
        if let Node::Object(object) = self.graph.node_mut(partial) {
            object.steps.push(Step::Build(state));
        }
        let none = self.graph.add_tuple([]);
        self.remake(id, Make::Reduce { callable: partial, args: none });
        Ok(())
    }

    /// Protocols 0 and 1 have `copyreg._reconstructor(cls, object, None)`. Where there are arguments, a pickler would
    /// ask the object for the base class that takes them; what a pickle can say without the object is `cls.__new__`.
    fn new_obj(&mut self, id: NodeId, class: NodeId, args: NodeId) -> Result<()> {
        let (function, args) = if self.graph.items(args).is_some_and(<[_]>::is_empty) {
            let object = self.known(Known::Object);
            (Known::Reconstructor, self.graph.add_tuple([class, object, NodeId::NONE]))
        } else {
            (Known::NewObj, self.with_class(class, args)?)
        };
        let callable = self.known(function);
        self.remake(id, Make::Reduce { callable, args });
        Ok(())
    }

    fn with_class(&mut self, class: NodeId, args: NodeId) -> Result<NodeId> {
        let wrong =
            Error::new(ErrorKind::Unrepresentable("a NEWOBJ whose arguments are no tuple, below protocol 2"));
        let args = self.graph.items(args).ok_or(wrong)?;
        let all: Vec<NodeId> = core::iter::once(class).chain(args.iter().copied()).collect();
        Ok(self.graph.add_tuple(all))
    }

    /// Makes the node a call.
    fn call(&mut self, id: NodeId, function: Known, args: Vec<NodeId>) {
        let make = Make::Reduce { callable: self.known(function), args: self.graph.add_tuple(args) };
        *self.graph.node_mut(id) = Node::Object(Box::new(Object { make, steps: Vec::new() }));
    }

    fn add_call(&mut self, function: Known, args: Vec<NodeId>) -> NodeId {
        let id = self.graph.add(Node::None);
        self.call(id, function, args);
        id
    }

    /// Makes an object another way, and leaves what is done to it.
    fn remake(&mut self, id: NodeId, make: Make) {
        if let Node::Object(object) = self.graph.node_mut(id) {
            object.make = make;
        }
    }

    fn known(&mut self, known: Known) -> NodeId {
        let (module, name) = known.name(self.protocol);
        *self.names[known as usize].get_or_insert_with(|| self.graph.add_global(module, name))
    }

    fn latin1(&mut self) -> NodeId {
        *self.names[Known::Latin1 as usize].get_or_insert_with(|| self.graph.add_str("latin1"))
    }
}

/// What the forms refer to.
#[derive(Clone, Copy)]
enum Known {
    ByteArray,
    Bytes,
    Encode,
    FrozenSet,
    GetAttr,
    NewObj,
    Object,
    Partial,
    Reconstructor,
    Set,
    /// The text `latin1`, not a name; kept here because it is shared in the same way.
    Latin1,
}

impl Known {
    const COUNT: usize = Known::Latin1 as usize + 1;

    /// Module and name: below protocol 3 Python 2's, which every Python 3 maps back when it reads.
    fn name(self, protocol: u8) -> (&'static str, &'static str) {
        let (builtins, copyreg) =
            if protocol < 3 { ("__builtin__", "copy_reg") } else { ("builtins", "copyreg") };
        match self {
            Known::ByteArray => (builtins, "bytearray"),
            Known::Bytes => (builtins, "bytes"),
            Known::Encode => ("_codecs", "encode"),
            Known::FrozenSet => (builtins, "frozenset"),
            Known::GetAttr => (builtins, "getattr"),
            Known::NewObj => (copyreg, "__newobj__"),
            Known::Object => (builtins, "object"),
            Known::Partial => ("functools", "partial"),
            Known::Reconstructor => (copyreg, "_reconstructor"),
            Known::Set => (builtins, "set"),
            Known::Latin1 => ("", ""),
        }
    }
}
