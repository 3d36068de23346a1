//! Values that clients gave: owned, immutable, cheap to clone, and written back as they came.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use sabir_pickle::{Graph, Make, Names, Node, NodeId, Object, Pythons, Step};

use super::era::Era;
use super::memory::Kept;
use super::view::View;
use super::writer::{Writer, canonical};

/// A value. What was shared within one message stays shared: parts of one graph are parts of one graph in a reply too.
#[derive(Clone, Debug)]
pub struct Value(pub(super) Held);

#[derive(Clone, Debug)]
pub(super) enum Held {
    Atom(Atom),
    Part(Part),
}

/// What needs no graph.
#[derive(Clone, Copy, Debug)]
pub(super) enum Atom {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
}

/// A node of a graph that keeps the whole graph.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) graph: Arc<Kept>,
    pub(crate) id: NodeId,
}

impl Value {
    /// None.
    pub const NONE: Value = Value(Held::Atom(Atom::None));

    /// The value of a node.
    pub fn of(graph: &Arc<Kept>, id: NodeId) -> Value {
        Value(match graph[id] {
            Node::None => Held::Atom(Atom::None),
            Node::Bool(value) => Held::Atom(Atom::Bool(value)),
            Node::Int(value) => Held::Atom(Atom::Int(value)),
            Node::Float(value) => Held::Atom(Atom::Float(value)),
            _ => Held::Part(Part { graph: Arc::clone(graph), id }),
        })
    }

    /// The root of a graph, whose names may be those of either Python.
    pub fn read(graph: Graph, names: &Names) -> Value {
        let graph = Kept::uncounted(canonical(graph, names));
        Value::of(&graph, graph.root())
    }

    /// A bool.
    pub fn bool(value: bool) -> Value {
        Value(Held::Atom(Atom::Bool(value)))
    }

    /// An int.
    pub fn int(value: i64) -> Value {
        Value(Held::Atom(Atom::Int(value)))
    }

    /// An int that is a `long` in Python 2.
    pub(crate) fn long(value: i64) -> Value {
        Value::made(|graph| {
            let blob = graph.store(&value.to_le_bytes());
            graph.add(Node::Long(blob))
        })
    }

    /// A name: of the type that the version has for names.
    pub(crate) fn name(era: Era, name: &str) -> Value {
        let text = Value::text(name);
        if era.is_py2() { text.native() } else { text }
    }

    /// A frozenset.
    pub(crate) fn frozen(items: &[Value]) -> Value {
        Value::written(|writer| {
            let items = items.iter().map(|item| writer.add(item)).collect();
            writer.graph.add(Node::FrozenSet(items))
        })
    }

    /// An int that counts.
    pub fn count(value: usize) -> Value {
        Value::int(value.try_into().unwrap_or(i64::MAX))
    }

    /// A float.
    pub fn float(value: f64) -> Value {
        Value(Held::Atom(Atom::Float(value)))
    }

    /// Text.
    pub fn text(text: &str) -> Value {
        Value::made(|graph| graph.add_str(text))
    }

    /// Bytes.
    pub fn bytes(bytes: &[u8]) -> Value {
        Value::made(|graph| {
            let blob = graph.store(bytes);
            graph.add(Node::Bytes(blob))
        })
    }

    /// An int of any size, in decimal; `None` if the text is none.
    pub fn big(decimal: &str) -> Option<Value> {
        let bytes = super::number::decimal_bytes(decimal)?;
        Some(Value::made(|graph| {
            let blob = graph.store(&bytes);
            graph.add(Node::Long(blob))
        }))
    }

    /// `repr` of the newest Python 3.
    pub fn repr(&self) -> String {
        super::show::repr(Era::of(Pythons::PY3), self).unwrap_or_default()
    }

    /// Whatever is added to a graph of its own, with Python 3's names.
    pub fn made(make: impl FnOnce(&mut Graph) -> NodeId) -> Value {
        let mut graph = Graph::new();
        graph.set_protocol(4);
        let id = make(&mut graph);
        Value::of(&Kept::uncounted(graph), id)
    }

    /// A list.
    pub fn list(items: &[Value]) -> Value {
        Value::written(|writer| {
            let items = items.iter().map(|item| writer.add(item)).collect();
            writer.graph.add(Node::List(items))
        })
    }

    /// A tuple.
    pub fn tuple(items: &[Value]) -> Value {
        Value::written(|writer| {
            let items: Vec<NodeId> = items.iter().map(|item| writer.add(item)).collect();
            writer.graph.add_tuple(items)
        })
    }

    /// A set.
    pub fn set(items: &[Value]) -> Value {
        Value::written(|writer| {
            let items = items.iter().map(|item| writer.add(item)).collect();
            writer.graph.add(Node::Set(items))
        })
    }

    /// A dict.
    pub fn dict<'v>(pairs: impl Iterator<Item = (&'v Value, &'v Value)>) -> Value {
        Value::written(|writer| {
            let pairs = pairs.map(|(key, value)| (writer.add(key), writer.add(value))).collect();
            writer.graph.add(Node::Dict(pairs))
        })
    }

    /// A list of pairs.
    pub(crate) fn pairs<'v>(pairs: impl Iterator<Item = (&'v Value, &'v Value)>) -> Value {
        Value::written(|writer| {
            let pairs = pairs.map(|(key, value)| {
                let pair = [writer.add(key), writer.add(value)];
                writer.graph.add_tuple(pair)
            });
            let pairs = pairs.collect();
            writer.graph.add(Node::List(pairs))
        })
    }

    /// What a function makes of values.
    pub(crate) fn calling(module: &str, name: &str, args: &[Value]) -> Value {
        Value::written(|writer| {
            let args: Vec<NodeId> = args.iter().map(|arg| writer.add(arg)).collect();
            let args = writer.graph.add_tuple(args);
            let callable = writer.graph.add_global(module, name);
            writer.graph.add_object(Make::Reduce { callable, args })
        })
    }

    /// An instance of a class with these attributes.
    pub(crate) fn instance(module: &str, name: &str, attributes: &[(&str, &Value)]) -> Value {
        Value::written(|writer| {
            let pairs: Vec<(NodeId, NodeId)> = attributes
                .iter()
                .map(|(name, value)| (writer.graph.add_str(name), writer.add(value)))
                .collect();
            let graph = &mut writer.graph;
            let state = graph.add(Node::Dict(pairs));
            let (class, args) = (graph.add_global(module, name), graph.add_tuple([]));
            let make = Make::NewObj { class, args };
            graph.add(Node::Object(Box::new(Object { make, steps: alloc::vec![Step::Build(state)] })))
        })
    }

    /// ASCII as a Python 2 `str`, which 3.x reads as text.
    pub(crate) fn native(&self) -> Value {
        match self.as_text() {
            Some(text) if text.is_ascii() => Value::made(|graph| {
                let blob = graph.store(text.as_bytes());
                graph.add(Node::String(blob))
            }),
            _ => self.clone(),
        }
    }

    /// What a built-in function makes of one value, which is then given a state.
    pub(crate) fn call(function: &str, argument: &Value, state: Option<i64>) -> Value {
        Value::written(|writer| {
            let argument = writer.add(argument);
            let graph = &mut writer.graph;
            let args = graph.add_tuple([argument]);
            let callable = graph.add_global("builtins", function);
            let steps = state.map(|state| Step::Build(graph.add_int(state))).into_iter().collect();
            graph.add(Node::Object(Box::new(Object { make: Make::Reduce { callable, args }, steps })))
        })
    }

    fn written(write: impl FnOnce(&mut Writer) -> NodeId) -> Value {
        let mut writer = Writer::new();
        let id = write(&mut writer);
        Value::of(&Kept::uncounted(writer.graph), id)
    }

    /// A graph of it and nothing else.
    pub fn to_graph(&self) -> Graph {
        Writer::alone(self)
    }

    /// A graph whose root it is.
    pub fn into_graph(self) -> Graph {
        // A value that was just made is its graph already.
        if let Held::Part(Part { graph, id }) = self.0 {
            return match Arc::try_unwrap(graph) {
                Ok(kept) if kept.len() <= ROOM_FOR_WASTE => {
                    let mut graph = kept.into_graph();
                    graph.set_root(id);
                    graph
                }
                Ok(kept) => Writer::alone(&Value(Held::Part(Part { graph: Arc::new(kept), id }))),
                Err(graph) => Writer::leaf(&graph, id)
                    .unwrap_or_else(|| Writer::alone(&Value(Held::Part(Part { graph, id })))),
            };
        }
        Writer::alone(&self)
    }

    /// What kind of thing it is.
    pub(crate) fn view(&self) -> View<'_> {
        match &self.0 {
            Held::Atom(Atom::None) => View::None,
            Held::Atom(Atom::Bool(value)) => View::Bool(*value),
            Held::Atom(Atom::Int(value)) => View::Int(*value),
            Held::Atom(Atom::Float(value)) => View::Float(*value),
            Held::Part(Part { graph, id }) => View::of(graph, *id),
        }
    }

    /// The graph that it is a part of.
    pub(crate) fn part(&self) -> Option<&Part> {
        match &self.0 {
            Held::Part(part) => Some(part),
            Held::Atom(_) => None,
        }
    }

    /// A part of it.
    pub(crate) fn child(&self, id: NodeId) -> Value {
        match &self.0 {
            Held::Part(part) => Value::of(&part.graph, id),
            Held::Atom(_) => Value::NONE,
        }
    }

    /// Parts of it.
    pub(crate) fn children(&self, ids: &[NodeId]) -> Vec<Value> {
        ids.iter().map(|&id| self.child(id)).collect()
    }

    /// Its text, if it is text of either Python.
    pub(crate) fn as_text(&self) -> Option<&str> {
        let part = self.part()?;
        part.graph.text(part.id)
    }
}

/// A graph of few nodes goes out as it is, with what nothing refers to.
const ROOM_FOR_WASTE: usize = 1 << 20;

impl Part {
    pub(crate) fn node(&self) -> &Node {
        &self.graph.deref()[self.id]
    }
}
