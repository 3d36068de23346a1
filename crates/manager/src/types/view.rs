//! What kind of Python object a node is: the same whatever protocol it was written in, and by which Python.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use sabir_pickle::{Graph, Make, Node, NodeId};

/// A node by its kind.
#[derive(Clone, Debug)]
pub(crate) enum View<'g> {
    None,
    Bool(bool),
    Int(i64),
    /// Two's complement, little-endian.
    Long(&'g [u8]),
    Float(f64),
    Complex(f64, f64),
    /// `sign digits exponent`, or `Infinity`, `NaN`, as `str` gives it.
    Decimal(&'g str),
    /// Numerator and denominator: as texts or as ints.
    Fraction(Whole<'g>, Whole<'g>),
    /// UTF-8, lone surrogates let through.
    Text(&'g [u8]),
    /// A Python 2 `str`.
    Str2(&'g [u8]),
    Bytes(Cow<'g, [u8]>),
    ByteArray(Cow<'g, [u8]>),
    List(&'g [NodeId]),
    Tuple(&'g [NodeId]),
    /// Made by `cls.__new__(cls, *items)` and nothing else, as a namedtuple is.
    Named(&'g [NodeId]),
    Dict(&'g [(NodeId, NodeId)]),
    Set(&'g [NodeId]),
    FrozenSet(&'g [NodeId]),
    Slice(&'g [NodeId]),
    Range(&'g [NodeId]),
    Class(&'g str, &'g str),
    Date(&'g [u8]),
    /// The packed fields, and the time zone.
    DateTime(&'g [u8], Option<NodeId>),
    Time(&'g [u8], Option<NodeId>),
    /// Days, seconds, microseconds.
    TimeDelta(i64, i64, i64),
    Uuid(NodeId),
    /// Whatever else: it is data.
    Instance,
}

/// An integer in a Fraction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whole<'g> {
    Digits(&'g str),
    Int(i64),
    Long(&'g [u8]),
}

impl<'g> View<'g> {
    pub(crate) fn of(graph: &'g Graph, id: NodeId) -> View<'g> {
        match &graph[id] {
            Node::None => View::None,
            Node::Bool(value) => View::Bool(*value),
            Node::Int(value) => View::Int(*value),
            Node::Long(blob) => match graph.int(id) {
                Some(value) => View::Int(value),
                None => View::Long(graph.blob(*blob)),
            },
            Node::Float(value) => View::Float(*value),
            Node::Str(blob) => View::Text(graph.blob(*blob)),
            Node::String(blob) => View::Str2(graph.blob(*blob)),
            Node::Bytes(blob) => View::Bytes(Cow::Borrowed(graph.blob(*blob))),
            Node::ByteArray(blob) => View::ByteArray(Cow::Borrowed(graph.blob(*blob))),
            Node::List(items) => View::List(items),
            Node::Tuple(items) => View::Tuple(items),
            Node::Dict(pairs) => View::Dict(pairs),
            Node::Set(items) => View::Set(items),
            Node::FrozenSet(items) => View::FrozenSet(items),
            Node::Global(_) => match graph.global(id) {
                Some((module, name)) => View::Class(module, name),
                None => View::Instance,
            },
            Node::Object(object) => View::object(graph, object).unwrap_or(View::Instance),
            _ => View::Instance,
        }
    }

    fn object(graph: &'g Graph, object: &'g sabir_pickle::Object) -> Option<View<'g>> {
        let (class, args) = object.call()?;
        let (module, name) = graph.global(class)?;
        let args = graph.items(args)?;
        if module == "uuid" && name == "UUID" {
            let Node::Dict(pairs) = &graph[object.state()?] else { return None };
            let &(_, int) = pairs.iter().find(|&&(key, _)| graph.text(key) == Some("int"))?;
            return Some(View::Uuid(int));
        }
        if !object.steps.is_empty() {
            return None;
        }
        let raw = |id: NodeId| match &graph[id] {
            Node::Bytes(blob) | Node::String(blob) => Some(graph.blob(*blob)),
            _ => None,
        };
        Some(match (module, name, args) {
            ("builtins", "set", &[items]) => View::Set(graph.items(items)?),
            ("builtins", "frozenset", &[items]) => View::FrozenSet(graph.items(items)?),
            ("builtins", "list", &[items]) => View::List(graph.items(items)?),
            ("builtins", "set", &[]) => View::Set(&[]),
            ("builtins", "frozenset", &[]) => View::FrozenSet(&[]),
            ("builtins", "bytes", &[]) => View::Bytes(Cow::Borrowed(&[])),
            ("builtins", "complex", &[re, im]) => View::Complex(float(graph, re)?, float(graph, im)?),
            ("builtins", "slice", args) if args.len() == 3 => View::Slice(args),
            ("builtins", "range" | "xrange", args) if args.len() == 3 => View::Range(args),
            ("builtins", "bytearray", &[]) => View::ByteArray(Cow::Borrowed(&[])),
            ("builtins", "bytearray", &[one]) => match View::of(graph, one) {
                View::Bytes(bytes) => View::ByteArray(bytes),
                View::Str2(bytes) => View::ByteArray(Cow::Borrowed(bytes)),
                _ => return None,
            },
            ("builtins", "bytearray", &[text, _]) | ("_codecs", "encode", &[text, _]) => {
                let bytes: Vec<u8> = graph.text(text)?.chars().map(|c| c as u32 as u8).collect();
                match name {
                    "bytearray" => View::ByteArray(Cow::Owned(bytes)),
                    _ => View::Bytes(Cow::Owned(bytes)),
                }
            }
            ("decimal", "Decimal", &[text]) => View::Decimal(graph.text(text)?),
            ("fractions", "Fraction", &[text]) => {
                let text = graph.text(text)?;
                let (n, d) = text.split_once('/').unwrap_or((text, "1"));
                View::Fraction(Whole::Digits(n), Whole::Digits(d))
            }
            ("fractions", "Fraction", &[n, d]) => View::Fraction(whole(graph, n)?, whole(graph, d)?),
            ("datetime", "date", &[state]) => View::Date(raw(state).filter(|raw| raw.len() == 4)?),
            ("datetime", "datetime", &[state]) => {
                View::DateTime(raw(state).filter(|raw| raw.len() == 10)?, None)
            }
            ("datetime", "datetime", &[state, zone]) => {
                View::DateTime(raw(state).filter(|raw| raw.len() == 10)?, Some(zone))
            }
            ("datetime", "time", &[state]) => View::Time(raw(state).filter(|raw| raw.len() == 6)?, None),
            ("datetime", "time", &[state, zone]) => {
                View::Time(raw(state).filter(|raw| raw.len() == 6)?, Some(zone))
            }
            ("datetime", "timedelta", &[days, seconds, micros]) => {
                View::TimeDelta(graph.int(days)?, graph.int(seconds)?, graph.int(micros)?)
            }
            (_, _, args) if matches!(object.make, Make::NewObj { .. }) && !args.is_empty() => {
                View::Named(args)
            }
            _ => return None,
        })
    }

    /// The name of its type, as the errors of a 3.x, or of a 2.7, have it.
    pub(crate) fn type_name(&self, graph: Option<(&'g Graph, NodeId)>, py2: bool) -> &'g str {
        match self {
            View::None => "NoneType",
            View::Bool(_) => "bool",
            View::Long(_) if py2 => "long",
            View::Int(_) | View::Long(_) => "int",
            View::Float(_) => "float",
            View::Complex(..) => "complex",
            View::Decimal(_) if py2 => "Decimal",
            View::Decimal(_) => "decimal.Decimal",
            View::Fraction(..) => "Fraction",
            View::Text(_) if py2 => "unicode",
            View::Text(_) | View::Str2(_) => "str",
            View::Bytes(_) if py2 => "str",
            View::Bytes(_) => "bytes",
            View::ByteArray(_) => "bytearray",
            View::List(_) => "list",
            View::Tuple(_) => "tuple",
            View::Dict(_) => "dict",
            View::Set(_) => "set",
            View::FrozenSet(_) => "frozenset",
            View::Slice(_) => "slice",
            View::Range(_) if py2 => "xrange",
            View::Range(_) => "range",
            View::Class(..) => "type",
            View::Date(_) => "datetime.date",
            View::DateTime(..) => "datetime.datetime",
            View::Time(..) => "datetime.time",
            View::TimeDelta(..) => "datetime.timedelta",
            View::Uuid(_) => "UUID",
            View::Named(_) | View::Instance => {
                graph.map_or("object", |(graph, id)| crate::repr::type_name(graph, id))
            }
        }
    }
}

fn float(graph: &Graph, id: NodeId) -> Option<f64> {
    match graph[id] {
        Node::Float(value) => Some(value),
        Node::Int(value) => Some(value as f64),
        _ => None,
    }
}

fn whole(graph: &Graph, id: NodeId) -> Option<Whole<'_>> {
    match &graph[id] {
        Node::Int(value) => Some(Whole::Int(*value)),
        Node::Long(blob) => Some(Whole::Long(graph.blob(*blob))),
        _ => None,
    }
}
