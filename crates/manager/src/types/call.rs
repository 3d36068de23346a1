//! A call of a shared object, and how it can end.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use sabir_pickle::{Graph, Pythons};

use super::Shared;
use super::value::{Value, View, Writer};
use crate::server::{ConnectionId, Ticket};

/// Who calls, and when.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The connection: locks are taken by it, and go with it.
    pub connection: ConnectionId,
    /// What is known of its Python.
    pub pythons: Pythons,
    /// The time, on any clock that never goes back.
    pub now: Duration,
}

/// A call that is being tried, or waits to be tried again.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) caller: Caller,
    /// What tells calls apart.
    pub(super) ticket: Ticket,
    pub(super) method: Arc<str>,
    pub(super) args: Vec<Value>,
    pub(super) kwargs: Vec<(Arc<str>, Value)>,
    /// When it gives up.
    pub(super) deadline: Option<Duration>,
    /// Whether it was tried before.
    pub(super) parked: bool,
}

/// How a try ends.
#[derive(Debug)]
pub(super) enum Done {
    Value(Value),
    /// Something new to be shared.
    Object(Box<dyn Shared>),
    /// Not yet.
    Park,
}

impl From<Value> for Done {
    fn from(value: Value) -> Done {
        Done::Value(value)
    }
}

pub(super) type Outcome = Result<Done, Raise>;

/// How a call fails.
#[derive(Clone, Debug)]
pub(super) enum Raise {
    Exception { module: &'static str, name: &'static str, args: Vec<Value> },
    /// What is no key; the text depends on what it was to be the key of.
    Unhashable(String),
    NoMethod,
    Unserializable(String),
}

impl Raise {
    /// A built-in exception.
    pub(super) fn new(name: &'static str, text: &str) -> Raise {
        Raise::Exception { module: "builtins", name, args: alloc::vec![Value::text(text)] }
    }

    pub(super) fn bare(module: &'static str, name: &'static str) -> Raise {
        Raise::Exception { module, name, args: Vec::new() }
    }

    pub(super) fn type_error(text: &str) -> Raise {
        Raise::new("TypeError", text)
    }

    pub(super) fn key_error(key: &Value) -> Raise {
        Raise::Exception { module: "builtins", name: "KeyError", args: alloc::vec![key.clone()] }
    }

    /// The same, with the words of what the key was for, as 3.14 has them.
    pub(super) fn keyed(self, used: &str, pythons: Pythons) -> Raise {
        match self {
            Raise::Unhashable(name) if pythons.min >= V314 => Raise::type_error(&format!(
                "cannot use '{name}' as a {used} (unhashable type: '{name}')"
            )),
            Raise::Unhashable(name) => Raise::type_error(&format!("unhashable type: '{name}'")),
            other => other,
        }
    }

    /// The exception as a graph's root.
    pub(super) fn into_graph(self) -> Graph {
        let (module, name, args) = match self {
            Raise::Exception { module, name, args } => (module, name, args),
            Raise::Unhashable(name) => {
                return Raise::type_error(&format!("unhashable type: '{name}'")).into_graph();
            }
            Raise::NoMethod => ("builtins", "AttributeError", Vec::new()),
            Raise::Unserializable(text) => ("builtins", "TypeError", alloc::vec![Value::text(&text)]),
        };
        let mut writer = Writer::new();
        let args = writer.values(&args);
        let root = crate::exception::encode(&mut writer.graph, module, name, args);
        writer.finish(root)
    }
}

pub(super) const V314: sabir_pickle::Version = sabir_pickle::Version::new(3, 14);

impl Call {
    pub(super) fn is_py2(&self) -> bool {
        self.caller.pythons == Pythons::PY2
    }

    /// Whether its time is over.
    pub(super) fn expired(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= self.caller.now)
    }

    /// Exactly so many arguments, none by name, as functions in C take them.
    pub(super) fn exactly<const N: usize>(&self, class: &str) -> Result<[Value; N], Raise> {
        let (method, given) = (&self.method, self.args.len());
        self.no_keywords(class)?;
        <[Value; N]>::try_from(self.args.clone()).map_err(|_| {
            let slot = method.starts_with("__") && &**method != "__reversed__";
            Raise::type_error(&match N {
                0 => format!("{class}.{method}() takes no arguments ({given} given)"),
                1 if slot => format!("expected 1 argument, got {given}"),
                1 => format!("{class}.{method}() takes exactly one argument ({given} given)"),
                _ if slot => format!("expected {N} arguments, got {given}"),
                _ => format!("{method} expected {N} arguments, got {given}"),
            })
        })
    }

    /// From `least` to `most` arguments, none by name.
    pub(super) fn between(&self, class: &str, least: usize, most: usize) -> Result<&[Value], Raise> {
        let (method, given) = (&self.method, self.args.len());
        self.no_keywords(class)?;
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        if given < least {
            let how = if least == most { "" } else { "at least " };
            let s = plural(least);
            return Err(Raise::type_error(&format!("{method} expected {how}{least} argument{s}, got {given}")));
        }
        if given > most {
            let how = if least == most { "" } else { "at most " };
            let s = plural(most);
            return Err(Raise::type_error(&format!("{method} expected {how}{most} argument{s}, got {given}")));
        }
        Ok(&self.args)
    }

    pub(super) fn no_keywords(&self, class: &str) -> Result<(), Raise> {
        let method = &self.method;
        if self.kwargs.is_empty() {
            return Ok(());
        }
        if method.starts_with("__") {
            return Err(Raise::type_error(&format!("wrapper {method}() takes no keyword arguments")));
        }
        Err(Raise::type_error(&format!("{class}.{method}() takes no keyword arguments")))
    }

    /// The arguments of a function in Python, by place or name; of those that were not given, nothing. The first
    /// `required` must be there.
    pub(super) fn bind<const N: usize>(
        &self,
        class: &str,
        names: [&str; N],
        required: usize,
    ) -> Result<[Option<Value>; N], Raise> {
        let name = if class.is_empty() { self.method.to_string() } else { format!("{class}.{}", self.method) };
        self.bind_to(&name, names, required)
    }

    /// The same for a function of another name: `__init__` of a class.
    pub(super) fn bind_to<const N: usize>(
        &self,
        function: &str,
        names: [&str; N],
        required: usize,
    ) -> Result<[Option<Value>; N], Raise> {
        let function = format!("{function}()");
        let given = self.args.len();
        if given > N {
            let takes = if required == N { format!("{}", N + 1) } else { format!("from {} to {}", required + 1, N + 1) };
            let s = if N == 0 { "" } else { "s" };
            return Err(Raise::type_error(&format!(
                "{function} takes {takes} positional argument{s} but {} were given",
                given + 1
            )));
        }
        let mut bound: [Option<Value>; N] = core::array::from_fn(|place| self.args.get(place).cloned());
        for (name, value) in &self.kwargs {
            let place = names.iter().position(|known| *known == &**name);
            match place.and_then(|place| bound.get_mut(place)) {
                None => {
                    let text = format!("{function} got an unexpected keyword argument '{name}'");
                    return Err(Raise::type_error(&text));
                }
                Some(Some(_)) => {
                    return Err(Raise::type_error(&format!("{function} got multiple values for argument '{name}'")));
                }
                Some(slot) => *slot = Some(value.clone()),
            }
        }
        let missing: Vec<&str> = names
            .iter()
            .zip(&bound)
            .take(required)
            .filter_map(|(name, value)| value.is_none().then_some(*name))
            .collect();
        match &missing[..] {
            [] => Ok(bound),
            [one] => {
                Err(Raise::type_error(&format!("{function} missing 1 required positional argument: '{one}'")))
            }
            many => {
                let mut list = String::new();
                for (place, name) in many.iter().enumerate() {
                    list += match place {
                        0 => "",
                        _ if place + 1 == many.len() && many.len() == 2 => " and ",
                        _ if place + 1 == many.len() => ", and ",
                        _ => ", ",
                    };
                    list += &format!("'{name}'");
                }
                let count = many.len();
                Err(Raise::type_error(&format!("{function} missing {count} required positional arguments: {list}")))
            }
        }
    }
}

/// `bool(x)`
pub(super) fn truth(value: &Value) -> bool {
    match value.view() {
        View::None => false,
        View::Int(value) => value != 0,
        View::Float(value) => value != 0.0,
        View::Text(bytes) | View::Bytes(bytes) | View::ByteArray(bytes) => !bytes.is_empty(),
        View::Tuple(items) | View::List(items) | View::Set(items) | View::FrozenSet(items) => !items.is_empty(),
        View::Dict(pairs) => !pairs.is_empty(),
        View::Big(_) | View::Global(..) | View::Other(..) => true,
    }
}

/// A number of seconds; `None` if the value is none.
pub(super) fn seconds(value: &Value) -> Option<f64> {
    match value.view() {
        View::Int(value) => Some(value as f64),
        View::Float(value) => Some(value),
        _ => None,
    }
}

/// The time so many seconds from now. More than a thousand years are never.
pub(super) fn after(now: Duration, seconds: f64) -> Option<Duration> {
    if seconds.is_nan() || seconds <= 0.0 {
        return Some(now);
    }
    (seconds < 3.2e10).then(|| now + Duration::from_secs_f64(seconds))
}

impl Call {
    /// That nothing was given by place.
    pub(super) fn bind_only_keywords(&self, function: &str) -> Result<(), Raise> {
        match self.args.len() {
            0 => Ok(()),
            given => Err(Raise::type_error(&format!(
                "{function} takes 1 positional argument but {} were given",
                given + 1
            ))),
        }
    }
}
