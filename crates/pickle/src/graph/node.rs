//! What a graph is made of.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Blob, NodeId};

/// An object, as far as a pickle says what it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Node {
    /// None.
    None,
    /// True or False.
    Bool(bool),
    /// A number that was not written as one of Python 2's `long`s.
    Int(i64),
    /// A number of any size, or a Python 2 `long` of any value: two's complement, little-endian, as LONG1 has it.
    Long(Blob),
    /// A float.
    Float(f64),
    /// Text: UTF-8, except that Python lets lone surrogates through (`surrogatepass`).
    Str(Blob),
    /// `bytes`, as protocol 3 and newer write them.
    Bytes(Blob),
    /// A Python 2 `str`: bytes that may mean text. Only Python 2 writes it.
    String(Blob),
    /// A `bytearray`, as protocol 5 writes it.
    ByteArray(Blob),
    /// A list.
    List(Vec<NodeId>),
    /// A tuple.
    Tuple(Vec<NodeId>),
    /// A dict, in the order it was written.
    Dict(Vec<(NodeId, NodeId)>),
    /// A set, as protocol 4 writes it.
    Set(Vec<NodeId>),
    /// A frozenset, as protocol 4 writes it.
    FrozenSet(Vec<NodeId>),
    /// A class, function or other object that is known by its name.
    Global(Box<Global>),
    /// An object that is made by a call, or that is changed after it was made.
    Object(Box<Object>),
    /// An object that the program's own `persistent_load` knows by this id.
    Persistent(NodeId),
    /// The same, where the id is a line of text (protocol 0).
    PersistentText(Blob),
    /// An object by its `copyreg` extension code.
    Extension(u32),
    /// A buffer that travels beside the pickle, counted from 0.
    Buffer {
        /// Which of them.
        index: u32,
        /// Whether the receiver must not write to it.
        readonly: bool,
    },
}

/// The name of a class or function.
#[derive(Clone, Copy, Debug)]
pub struct Global {
    /// The module, dotted.
    pub module: Blob,
    /// The name in it; dotted if it is nested.
    pub name: Blob,
}

/// An object that a call makes.
#[derive(Clone, Debug)]
pub struct Object {
    /// How it is made.
    pub make: Make,
    /// What is done to it afterwards, in order.
    pub steps: Vec<Step>,
}

/// How an [`Object`] is made.
#[derive(Clone, Debug)]
pub enum Make {
    /// `callable(*args)`: REDUCE.
    Reduce {
        /// What is called.
        callable: NodeId,
        /// Its arguments, a tuple.
        args: NodeId,
    },
    /// `class.__new__(class, *args)`: NEWOBJ.
    NewObj {
        /// The class.
        class: NodeId,
        /// The arguments, a tuple.
        args: NodeId,
    },
    /// `class.__new__(class, *args, **kwargs)`: NEWOBJ_EX.
    NewObjEx {
        /// The class.
        class: NodeId,
        /// The arguments, a tuple.
        args: NodeId,
        /// The keyword arguments, a dict.
        kwargs: NodeId,
    },
    /// An instance of a class by its own rules, as Python 2's old-style classes are pickled: INST, OBJ.
    Instance {
        /// The class.
        class: NodeId,
        /// The arguments.
        args: Vec<NodeId>,
    },
    /// What the node refers to, to which something is then done: BUILD on something that is no [`Object`] by itself.
    Given(NodeId),
}

/// What is done to an [`Object`] after it was made.
#[derive(Clone, Debug)]
pub enum Step {
    /// `__setstate__(state)`, or an update of its `__dict__`: BUILD.
    Build(NodeId),
    /// `append` or `extend`: APPEND, APPENDS.
    Append(Vec<NodeId>),
    /// `obj[key] = value`: SETITEM, SETITEMS.
    SetItems(Vec<(NodeId, NodeId)>),
    /// `add` or `update`: ADDITEMS.
    AddItems(Vec<NodeId>),
}

impl Node {
    /// Calls `f` with every node that this one refers to, in order.
    pub fn for_each_child(&self, mut f: impl FnMut(NodeId)) {
        match self {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) | Node::FrozenSet(items) => {
                items.iter().copied().for_each(f);
            }
            Node::Dict(pairs) => pairs.iter().for_each(|&(k, v)| {
                f(k);
                f(v);
            }),
            Node::Persistent(id) => f(*id),
            Node::Object(object) => object.for_each_child(f),
            _ => {}
        }
    }

    /// Calls `f` with every reference that this node holds, to change it.
    pub fn for_each_child_mut(&mut self, mut f: impl FnMut(&mut NodeId)) {
        match self {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) | Node::FrozenSet(items) => {
                items.iter_mut().for_each(f);
            }
            Node::Dict(pairs) => pairs.iter_mut().for_each(|(k, v)| {
                f(k);
                f(v);
            }),
            Node::Persistent(id) => f(id),
            Node::Object(object) => object.for_each_child_mut(f),
            _ => {}
        }
    }
}

impl Object {
    fn for_each_child(&self, mut f: impl FnMut(NodeId)) {
        match &self.make {
            Make::Reduce { callable: a, args: b } | Make::NewObj { class: a, args: b } => {
                f(*a);
                f(*b);
            }
            Make::NewObjEx { class, args, kwargs } => [*class, *args, *kwargs].into_iter().for_each(&mut f),
            Make::Instance { class, args } => {
                f(*class);
                args.iter().copied().for_each(&mut f);
            }
            Make::Given(id) => f(*id),
        }
        for step in &self.steps {
            match step {
                Step::Build(id) => f(*id),
                Step::Append(items) | Step::AddItems(items) => items.iter().copied().for_each(&mut f),
                Step::SetItems(pairs) => pairs.iter().for_each(|&(k, v)| {
                    f(k);
                    f(v);
                }),
            }
        }
    }

    fn for_each_child_mut(&mut self, mut f: impl FnMut(&mut NodeId)) {
        match &mut self.make {
            Make::Reduce { callable: a, args: b } | Make::NewObj { class: a, args: b } => {
                f(a);
                f(b);
            }
            Make::NewObjEx { class, args, kwargs } => [class, args, kwargs].into_iter().for_each(&mut f),
            Make::Instance { class, args } => {
                f(class);
                args.iter_mut().for_each(&mut f);
            }
            Make::Given(id) => f(id),
        }
        for step in &mut self.steps {
            match step {
                Step::Build(id) => f(id),
                Step::Append(items) | Step::AddItems(items) => items.iter_mut().for_each(&mut f),
                Step::SetItems(pairs) => pairs.iter_mut().for_each(|(k, v)| {
                    f(k);
                    f(v);
                }),
            }
        }
    }

    /// The state that BUILD gives it, if one does.
    pub fn state(&self) -> Option<NodeId> {
        self.steps.iter().find_map(|step| match step {
            Step::Build(state) => Some(*state),
            _ => None,
        })
    }

    /// The class or function that makes it, and its arguments as one node; for INST and OBJ and for what is given there is none.
    pub fn call(&self) -> Option<(NodeId, NodeId)> {
        match self.make {
            Make::Reduce { callable, args } => Some((callable, args)),
            Make::NewObj { class, args } | Make::NewObjEx { class, args, .. } => Some((class, args)),
            Make::Instance { .. } | Make::Given(_) => None,
        }
    }
}
