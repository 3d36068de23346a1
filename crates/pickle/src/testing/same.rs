//! Whether two graphs are the same to a program.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use crate::graph::{Graph, Make, Node, NodeId, Object, Step};

/// Where two graphs differ: the first pair of nodes that do, in the order of a walk from the roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The node of the one graph.
    pub a: NodeId,
    /// The node of the other.
    pub b: NodeId,
    /// How they differ.
    pub what: &'static str,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at nodes {} and {}", self.what, self.a.index(), self.b.index())
    }
}

/// Compares what two graphs hold, from their roots: kinds, values, and which objects are one and the same, cycles included.
///
/// Numbers are equal if their values are, whichever form they have: protocol 0 has one for all. A NaN equals any other.
/// Constants, numbers and names have no identity, for no pickler keeps it. What is done to an object counts one by one,
/// so that two appends are one of two items. The protocol is not compared.
///
/// # Errors
/// They differ.
pub fn same(a: &Graph, b: &Graph) -> Result<(), Difference> {
    let mut comparison = Comparison {
        a,
        b,
        twin_of_a: alloc::vec![None; a.len()],
        twin_of_b: alloc::vec![None; b.len()],
        seen: BTreeSet::new(),
        ahead: alloc::vec![(a.root(), b.root())],
    };
    while let Some((a, b)) = comparison.ahead.pop() {
        comparison.compare(a, b).map_err(|what| Difference { a, b, what })?;
    }
    Ok(())
}

struct Comparison<'g> {
    a: &'g Graph,
    b: &'g Graph,
    /// For each node with an identity, which one of the other graph it is.
    twin_of_a: Vec<Option<NodeId>>,
    twin_of_b: Vec<Option<NodeId>>,
    /// Pairs of nodes without an identity that were compared before.
    seen: BTreeSet<(NodeId, NodeId)>,
    ahead: Vec<(NodeId, NodeId)>,
}

/// What differs, if anything.
type Outcome = Result<(), &'static str>;

impl<'g> Comparison<'g> {
    fn compare(&mut self, a: NodeId, b: NodeId) -> Outcome {
        let (a, b) = (itself(self.a, a), itself(self.b, b));
        let (node_a, node_b) = (&self.a[a], &self.b[b]);
        if has_identity(node_a) || has_identity(node_b) {
            match (self.twin_of_a[a.index()], self.twin_of_b[b.index()]) {
                (Some(twin_a), Some(twin_b)) if (twin_a, twin_b) == (b, a) => return Ok(()),
                (None, None) => {
                    self.twin_of_a[a.index()] = Some(b);
                    self.twin_of_b[b.index()] = Some(a);
                }
                _ => return Err("one object in the one graph is two in the other"),
            }
        } else if !self.seen.insert((a, b)) {
            return Ok(());
        }
        let bytes =
            |a_blob, b_blob| if self.a.blob(a_blob) == self.b.blob(b_blob) { Ok(()) } else { Err("bytes") };
        match (node_a, node_b) {
            (Node::None, Node::None) => Ok(()),
            (Node::Bool(x), Node::Bool(y)) => equal(x, y, "booleans"),
            (Node::Int(_) | Node::Long(_), Node::Int(_) | Node::Long(_)) => {
                equal(&number(self.a, node_a), &number(self.b, node_b), "integers")
            }
            (Node::Float(x), Node::Float(y)) if x.is_nan() && y.is_nan() => Ok(()),
            (Node::Float(x), Node::Float(y)) => equal(&x.to_bits(), &y.to_bits(), "floats"),
            (Node::Str(x), Node::Str(y)) => bytes(*x, *y),
            (Node::Bytes(x), Node::Bytes(y)) => bytes(*x, *y),
            (Node::String(x), Node::String(y)) => bytes(*x, *y),
            (Node::ByteArray(x), Node::ByteArray(y)) => bytes(*x, *y),
            (Node::Global(x), Node::Global(y)) => {
                bytes(x.module, y.module).and_then(|()| bytes(x.name, y.name))
            }
            (Node::PersistentText(x), Node::PersistentText(y)) => bytes(*x, *y),
            // Protocol 0 has no other persistent ids than text.
            (Node::Persistent(x), Node::PersistentText(y)) => text(self.a, *x, self.b.blob(*y)),
            (Node::PersistentText(x), Node::Persistent(y)) => text(self.b, *y, self.a.blob(*x)),
            (Node::Persistent(x), Node::Persistent(y)) => {
                self.ahead.push((*x, *y));
                Ok(())
            }
            (Node::Extension(x), Node::Extension(y)) => equal(x, y, "extension codes"),
            (Node::Buffer { index: i, readonly: r }, Node::Buffer { index: j, readonly: s }) => {
                equal(&(i, r), &(j, s), "buffers")
            }
            (Node::List(x), Node::List(y)) | (Node::Tuple(x), Node::Tuple(y)) => self.all(x, y),
            (Node::Set(x), Node::Set(y)) | (Node::FrozenSet(x), Node::FrozenSet(y)) => self.all(x, y),
            (Node::Dict(x), Node::Dict(y)) => {
                equal(&x.len(), &y.len(), "lengths")?;
                self.ahead.extend(x.iter().zip(y).flat_map(|(p, q)| [(p.1, q.1), (p.0, q.0)]));
                Ok(())
            }
            (Node::Object(x), Node::Object(y)) => self.objects(x, y),
            _ => Err("kinds"),
        }
    }

    fn all(&mut self, x: &[NodeId], y: &[NodeId]) -> Outcome {
        equal(&x.len(), &y.len(), "lengths")?;
        self.ahead.extend(x.iter().copied().zip(y.iter().copied()).rev());
        Ok(())
    }

    fn objects(&mut self, x: &'g Object, y: &'g Object) -> Outcome {
        let ((make_x, steps_x), (make_y, steps_y)) = (whole(self.a, x), whole(self.b, y));
        equal(&steps_x.len(), &steps_y.len(), "numbers of steps")?;
        for (x, y) in steps_x.into_iter().zip(steps_y).rev() {
            equal(&x.kind, &y.kind, "steps")?;
            self.all(&x.ids, &y.ids)?;
        }
        match (make_x, make_y) {
            (Make::Reduce { callable: f, args: x }, Make::Reduce { callable: g, args: y })
            | (Make::NewObj { class: f, args: x }, Make::NewObj { class: g, args: y }) => {
                self.all(&[*f, *x], &[*g, *y])
            }
            (
                Make::NewObjEx { class: f, args: x, kwargs: v },
                Make::NewObjEx { class: g, args: y, kwargs: w },
            ) => self.all(&[*f, *x, *v], &[*g, *y, *w]),
            (Make::Instance { class: f, args: x }, Make::Instance { class: g, args: y }) => {
                self.all(x, y)?;
                self.all(&[*f], &[*g])
            }
            (Make::Given(x), Make::Given(y)) => self.all(&[*x], &[*y]),
            _ => Err("ways to make an object"),
        }
    }
}

/// One thing that is done to an object.
struct SingleStep {
    kind: &'static str,
    ids: Vec<NodeId>,
}

/// What is given, if nothing is done to it: an extension by no items at all.
fn itself(graph: &Graph, mut id: NodeId) -> NodeId {
    for _ in 0..graph.len() {
        match &graph[id] {
            Node::Object(object) if single_steps(object.steps.iter()).is_empty() => match object.make {
                Make::Given(inner) => id = inner,
                _ => break,
            },
            _ => break,
        }
    }
    id
}

/// How an object is made, and all that is done to it. What is done to an object that is given is done to that object, which
/// matters where a set is given, and a call in protocols that have no sets.
fn whole<'g>(graph: &'g Graph, object: &'g Object) -> (&'g Make, Vec<SingleStep>) {
    let (mut make, mut layers) = (&object.make, alloc::vec![&object.steps]);
    while let Make::Given(id) = make
        && let Node::Object(inner) = &graph[*id]
        && layers.len() < graph.len()
    {
        make = &inner.make;
        layers.push(&inner.steps);
    }
    (make, single_steps(layers.into_iter().rev().flatten()))
}

fn single_steps<'g>(steps: impl Iterator<Item = &'g Step>) -> Vec<SingleStep> {
    let mut out = Vec::new();
    for step in steps {
        let mut one = |kind, ids: &[NodeId]| out.push(SingleStep { kind, ids: ids.to_vec() });
        match step {
            Step::Build(state) => one("build", &[*state]),
            Step::Append(items) => items.iter().for_each(|item| one("append", &[*item])),
            Step::AddItems(items) => items.iter().for_each(|item| one("add", &[*item])),
            Step::SetItems(pairs) => pairs.iter().for_each(|(key, value)| one("set", &[*key, *value])),
        }
    }
    out
}

/// Whether a pickle keeps it apart from its equals.
fn has_identity(node: &Node) -> bool {
    match node {
        Node::Tuple(items) => !items.is_empty(),
        Node::Str(_) | Node::Bytes(_) | Node::String(_) | Node::ByteArray(_) | Node::Object(_) => true,
        Node::List(_) | Node::Dict(_) | Node::Set(_) | Node::FrozenSet(_) => true,
        _ => false,
    }
}

fn equal<T: PartialEq>(x: &T, y: &T, what: &'static str) -> Outcome {
    if x == y { Ok(()) } else { Err(what) }
}

fn text(graph: &Graph, id: NodeId, wanted: &[u8]) -> Outcome {
    if graph.text(id).is_some_and(|text| text.as_bytes() == wanted) { Ok(()) } else { Err("persistent ids") }
}

/// A number's two's complement, as short as it can be.
fn number(graph: &Graph, node: &Node) -> Vec<u8> {
    let mut bytes = match node {
        Node::Int(value) => value.to_le_bytes().to_vec(),
        Node::Long(blob) => graph.blob(*blob).to_vec(),
        _ => Vec::new(),
    };
    loop {
        match bytes[..] {
            [0] | [.., 0..0x80, 0] | [.., 0x80..=0xff, 0xff] => drop(bytes.pop()),
            _ => return bytes,
        }
    }
}
