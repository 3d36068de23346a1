//! What a value is to be in Python, where Rust's type alone does not say it.
//!
//! Each wrapper is an ordinary type to other formats; to pickle it shows itself by a name that no other type has.

use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// The name of a class or function.
///
/// Written, it is a reference to that class or function; read, it is where one stands. Elsewhere it is the text that
/// [`Display`](fmt::Display) gives. Names are Python 3's: protocols below 3, which have Python 2's, are translated.
///
/// ```
/// use sabir_pickle::serde::Class;
/// let class: Class = "collections.OrderedDict".parse().unwrap();
/// assert_eq!((&*class.module, &*class.name), ("collections", "OrderedDict"));
/// assert_eq!(class.to_string(), "collections:OrderedDict");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// The module, dotted.
    pub module: String,
    /// The name in it (`__qualname__`); dotted if it is nested.
    pub name: String,
}

impl Class {
    /// The class or function `name` of `module`.
    pub fn new(module: impl Into<String>, name: impl Into<String>) -> Class {
        Class { module: module.into(), name: name.into() }
    }
}

/// `module:Name`, as entry points are written: so that a dot in the name is told from one in the module.
impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.module, self.name)
    }
}

/// The text is no name of a class: `module:Name` and `module.Name` are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a class: write it as module:Name or module.Name")]
pub struct ParseClassError;

impl FromStr for Class {
    type Err = ParseClassError;

    /// `module:Name`, or `module.Name` where the last dot parts them.
    fn from_str(text: &str) -> Result<Class, ParseClassError> {
        match text.split_once(':').or_else(|| text.rsplit_once('.')) {
            Some((module, name)) if !module.is_empty() && !name.is_empty() => Ok(Class::new(module, name)),
            _ => Err(ParseClassError),
        }
    }
}

pub(super) const CLASS: &str = "$sabir_pickle::Class";
pub(super) const INSTANCE: &str = "$sabir_pickle::Instance";
pub(super) const REDUCE: &str = "$sabir_pickle::Reduce";
pub(super) const TUPLE: &str = "$sabir_pickle::Tuple";
pub(super) const SET: &str = "$sabir_pickle::Set";
pub(super) const FROZEN_SET: &str = "$sabir_pickle::FrozenSet";
pub(super) const BYTE_ARRAY: &str = "$sabir_pickle::ByteArray";

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(CLASS, &alloc::format!("{self}"))
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Class, D::Error> {
        struct ClassVisitor;

        impl<'de> Visitor<'de> for ClassVisitor {
            type Value = Class;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a class")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Class, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Class, D::Error> {
                deserializer.deserialize_str(self)
            }
        }
        deserializer.deserialize_newtype_struct(CLASS, ClassVisitor)
    }
}

/// An instance of a class: its attributes are the fields or entries of `state`.
///
/// Written, it is what Python writes for an object without `__reduce__` of its own: the class's `__new__`, then an
/// update of its `__dict__`. (Not for the old-style classes of Python 2, which have no `__new__`.) Read, any object
/// of any class will do. A `state` that is `None` or `()` sets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance<T> {
    /// Its class.
    pub class: Class,
    /// Its attributes: a struct, a map, or, for a class with `__setstate__`, whatever that takes.
    pub state: T,
}

/// What a call makes: `callable(*args)`, and then `__setstate__(state)` unless the state is `None` or `()`.
///
/// Written, Python calls it when it loads the pickle. Read, nothing is called: it takes an object apart, whatever the
/// way its class was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduce<A, S = ()> {
    /// What is called.
    pub callable: Class,
    /// Its arguments: a tuple, an array or a vector.
    pub args: A,
    /// What is done afterwards.
    pub state: S,
}

impl<A> Reduce<A> {
    /// A call with nothing done afterwards.
    pub fn new(callable: Class, args: A) -> Reduce<A> {
        Reduce { callable, args, state: () }
    }
}

impl<T: Serialize> Serialize for Instance<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct(INSTANCE, 2)?;
        fields.serialize_field("class", &self.class)?;
        fields.serialize_field("state", &self.state)?;
        fields.end()
    }
}

impl<A: Serialize, T: Serialize> Serialize for Reduce<A, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct(REDUCE, 3)?;
        fields.serialize_field("callable", &self.callable)?;
        fields.serialize_field("args", &self.args)?;
        fields.serialize_field("state", &self.state)?;
        fields.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Instance<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Instance<T>, D::Error> {
        let parts: Parts<(), T> =
            deserializer.deserialize_struct(INSTANCE, &["class", "state"], PartsVisitor(PhantomData))?;
        let class = parts.class.ok_or_else(|| D::Error::missing_field("class"))?;
        let state = parts.state.ok_or_else(|| D::Error::missing_field("state"))?;
        Ok(Instance { class, state })
    }
}

impl<'de, A: Deserialize<'de>, S: Deserialize<'de>> Deserialize<'de> for Reduce<A, S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Reduce<A, S>, D::Error> {
        let parts: Parts<A, S> = deserializer.deserialize_struct(
            REDUCE,
            &["callable", "args", "state"],
            PartsVisitor(PhantomData),
        )?;
        let callable = parts.class.ok_or_else(|| D::Error::missing_field("callable"))?;
        let args = parts.args.ok_or_else(|| D::Error::missing_field("args"))?;
        let state = parts.state.ok_or_else(|| D::Error::missing_field("state"))?;
        Ok(Reduce { callable, args, state })
    }
}

/// The fields of [`Instance`] and [`Reduce`], as far as they were met.
struct Parts<A, S> {
    class: Option<Class>,
    args: Option<A>,
    state: Option<S>,
}

struct PartsVisitor<A, S>(PhantomData<(A, S)>);

impl<'de, A: Deserialize<'de>, S: Deserialize<'de>> Visitor<'de> for PartsVisitor<A, S> {
    type Value = Parts<A, S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an instance of a class")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Parts<A, S>, M::Error> {
        let mut parts = Parts { class: None, args: None, state: None };
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "class" | "callable" => parts.class = Some(map.next_value()?),
                "args" => parts.args = Some(map.next_value()?),
                "state" => parts.state = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(parts)
    }
}

/// A wrapper that reads whatever its content reads, and is written as another kind of container.
macro_rules! containers {
    ($($(#[$doc:meta])* $name:ident = $marker:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<T>(pub T);

        impl<T: Serialize> Serialize for $name<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($marker, &self.0)
            }
        }

        impl<'de, T: Deserialize<'de>> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name<T>, D::Error> {
                deserializer.deserialize_newtype_struct($marker, NewtypeVisitor(PhantomData)).map($name)
            }
        }
    )*};
}

containers! {
    /// A sequence that is a `tuple` in Python.
    Tuple = TUPLE,
    /// A sequence that is a `set` in Python; its items must be hashable there.
    Set = SET,
    /// A sequence that is a `frozenset` in Python; its items must be hashable there.
    FrozenSet = FROZEN_SET,
    /// Bytes that are a `bytearray` in Python.
    ByteArray = BYTE_ARRAY,
}

struct NewtypeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NewtypeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a container")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}
