//! The deserializer: a value of a tape, to whatever type asks for it.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell};

use serde::de::{Deserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{ClassAccess, EnumAccess, MapAccess, MomentAccess, SeqAccess};
use super::class;
use super::fault::Fault;
use super::forms::{self, Form, Instance};
use super::moment;
use super::numbers;
use super::tape::{Item, NONE, Tape};
use crate::error::ErrorKind;
use crate::limits::Limits;
use crate::names::Names;
use crate::text;

/// What all the values of one reading share.
pub(super) struct Reading<'t, 'de> {
    pub(super) tape: &'t Tape<'de>,
    max_depth: u32,
    /// How many more values may be read.
    left: Cell<u64>,
    names: OnceCell<Names>,
}

/// As many bytes of text count for one value.
pub(super) const WEIGHT: u64 = 32;

impl<'t, 'de> Reading<'t, 'de> {
    /// Each value may be read once for each byte that the pickle could have spent on referring to it, and
    /// `max_nodes` times on top where shared objects are expanded.
    pub(super) fn new(tape: &'t Tape<'de>, limits: &Limits) -> Reading<'t, 'de> {
        Reading {
            tape,
            max_depth: limits.max_depth,
            left: Cell::new(u64::from(limits.max_nodes) + tape.reference_count() + tape.length / WEIGHT),
            names: OnceCell::new(),
        }
    }

    pub(super) fn root(&self) -> Value<'_, 't, 'de> {
        Value { reading: self, id: self.tape.root, depth: self.max_depth }
    }

    /// Takes `count` values from the budget.
    #[inline]
    pub(super) fn spend(&self, count: usize) -> Result<(), Fault> {
        match self.left.get().checked_sub(count as u64) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(Fault::new(ErrorKind::Limit("expanded references to shared objects"))),
        }
    }

    /// Takes text or bytes from the budget: a long one that is referred to often is copied as often.
    #[inline]
    pub(super) fn weigh(&self, piece: &[u8]) -> Result<(), Fault> {
        match piece.len() as u64 / WEIGHT {
            0 => Ok(()),
            weight => self.spend(weight as usize),
        }
    }

    /// What went wrong if values nest too deep at `id`.
    #[cold]
    fn too_deep(&self, id: u32) -> Fault {
        let kind = if self.tape.holds_itself(id) {
            ErrorKind::Data("an object that contains itself has no form as a serde type".into())
        } else {
            ErrorKind::Limit("nested objects")
        };
        Fault::new(kind).at(id)
    }

    /// The name of a class, as `module:Name`, which no dot in either part can confuse. Python 2's names become
    /// Python 3's, as every Python 3 makes them when it reads protocols below 3.
    pub(super) fn class_name(&self, id: u32) -> Option<String> {
        if let Item::Object(index) = self.tape.item(id) {
            let Form::Member(class, name) = forms::form(self.tape, self.tape.object(index)) else {
                return None;
            };
            // Protocols below 4 reach a nested class by getattr, one level for each dot.
            let (module, outer) = self.tape.global(class)?;
            let (module, outer) = (core::str::from_utf8(module).ok()?, core::str::from_utf8(outer).ok()?);
            return Some(format!("{module}:{outer}.{name}"));
        }
        let (module, name) = self.tape.global(id)?;
        let (module, name) = (core::str::from_utf8(module).ok()?, core::str::from_utf8(name).ok()?);
        if self.tape.protocol >= 3 {
            return Some(format!("{module}:{name}"));
        }
        let names = self.names.get_or_init(Names::builtin);
        let (module, name) = names.canonical(module, name, self.tape.protocol);
        Some(format!("{module}:{name}"))
    }
}

/// One value, about to be read.
#[derive(Clone, Copy)]
pub(super) struct Value<'r, 't, 'de> {
    pub(super) reading: &'r Reading<'t, 'de>,
    pub(super) id: u32,
    /// How many levels may lie below it.
    depth: u32,
}

impl<'r, 't, 'de> Value<'r, 't, 'de> {
    #[inline]
    pub(super) fn item(self) -> Item<'de> {
        self.reading.tape.item(self.id)
    }

    /// Another value, of the same depth.
    #[inline]
    pub(super) fn with(self, id: u32) -> Value<'r, 't, 'de> {
        Value { id, ..self }
    }

    /// The same value, seen from within a container.
    #[inline]
    pub(super) fn enter(self) -> Result<Value<'r, 't, 'de>, Fault> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Value { depth, ..self }),
            None => Err(self.reading.too_deep(self.id)),
        }
    }

    fn form(self, index: u32) -> Form<'t, 'de> {
        forms::form(self.reading.tape, self.reading.tape.object(index))
    }

    pub(super) fn seq<V: Visitor<'de>>(self, ids: &[u32], visitor: V) -> Result<V::Value, Fault> {
        self.reading.spend(ids.len())?;
        let mut access = SeqAccess::new(self.enter()?, ids);
        let value = visitor.visit_seq(&mut access)?;
        match access.left() {
            0 => Ok(value),
            _ => Err(Fault::data(format!(
                "invalid length {}, expected {} items",
                ids.len(),
                ids.len() - access.left()
            ))),
        }
    }

    fn map<V: Visitor<'de>>(self, pairs: &[u32], visitor: V) -> Result<V::Value, Fault> {
        self.reading.spend(pairs.len())?;
        visitor.visit_map(MapAccess::new(self.enter()?, pairs))
    }

    fn fields<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        ids: &[u32],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.reading.spend(ids.len())?;
        visitor.visit_map(super::access::NamedAccess::new(self.enter()?, names, ids))
    }

    fn long<V: Visitor<'de>>(self, bytes: &[u8], visitor: V) -> Result<V::Value, Fault> {
        match numbers::Wide::of(bytes) {
            Some(numbers::Wide::Unsigned64(value)) => visitor.visit_u64(value),
            Some(numbers::Wide::Signed(value)) => visitor.visit_i128(value),
            Some(numbers::Wide::Unsigned(value)) => visitor.visit_u128(value),
            None => Err(Fault::data(format!(
                "an integer of {} bytes does not fit into 128 bits: read it as bytes (two's complement, little-endian)",
                bytes.len()
            ))),
        }
    }

    fn text<V: Visitor<'de>>(self, text: &'de [u8], visitor: V) -> Result<V::Value, Fault> {
        self.reading.weigh(text)?;
        match core::str::from_utf8(text) {
            Ok(text) => visitor.visit_borrowed_str(text),
            // Lone surrogates, which Python's text may have and Rust's may not.
            Err(_) => visitor.visit_borrowed_bytes(text),
        }
    }

    fn cow<V: Visitor<'de>>(self, bytes: Cow<'de, [u8]>, visitor: V) -> Result<V::Value, Fault> {
        self.reading.weigh(&bytes)?;
        match bytes {
            Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
            Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    /// Text that had to be decoded, or a Python 2 `str` as text if it is some.
    fn decoded<V: Visitor<'de>>(self, bytes: Option<Vec<u8>>, visitor: V) -> Result<V::Value, Fault> {
        let bytes = bytes.unwrap_or_default();
        self.reading.weigh(&bytes)?;
        match String::from_utf8(bytes) {
            Ok(text) => visitor.visit_string(text),
            Err(error) => visitor.visit_byte_buf(error.into_bytes()),
        }
    }

    /// What an object reads as where the type has no wish.
    #[cold]
    fn object_as_any<V: Visitor<'de>>(self, index: u32, visitor: V) -> Result<V::Value, Fault> {
        match self.form(index) {
            Form::Same(id) => self.with(id).enter()?.deserialize_any(visitor),
            Form::Bytes(bytes) => self.cow(bytes, visitor),
            Form::Text(text) => visitor.visit_string(text),
            Form::Seq(ids) | Form::Fields(_, ids) => self.seq(&ids, visitor),
            Form::Map(pairs) => self.map(&pairs, visitor),
            Form::Moment(moment) => match moment.text() {
                Some(text) => visitor.visit_string(text),
                None => visitor.visit_map(MomentAccess::new(self.enter()?, &moment)),
            },
            Form::Uuid(uuid) => visitor.visit_string(numbers::uuid_text(uuid)),
            Form::Fraction(numerator, denominator) => {
                visitor.visit_string(format!("{numerator}/{denominator}"))
            }
            Form::Array(code, bytes) => numbers::visit_array(self, code, &bytes, visitor),
            Form::Member(_, Cow::Borrowed(name)) => visitor.visit_borrowed_str(name),
            Form::Member(_, Cow::Owned(name)) => visitor.visit_string(name),
            Form::Instance(instance) => {
                let Instance { args, attributes, state, items, pairs, .. } = instance;
                match state {
                    _ if !items.is_empty() => self.seq(items, visitor),
                    _ if !pairs.is_empty() => self.map(pairs, visitor),
                    _ if !attributes.is_empty() => self.map(&attributes, visitor),
                    Some(state) => self.with(state).enter()?.deserialize_any(visitor),
                    None if !args.is_empty() => self.seq(&args, visitor),
                    None => self.map(&[], visitor),
                }
            }
        }
    }

    /// What an object reads as where a number, text or bytes are wanted: an instance of a subclass of these, or a
    /// member of an enum, is made of one argument, and that is read.
    #[cold]
    fn object_as_scalar<V: Visitor<'de>>(
        self,
        index: u32,
        wanted: Scalar,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let invalid = |what: &str| Err(serde::de::Error::invalid_type(Unexpected::Other(what), &visitor));
        match (self.form(index), wanted) {
            (Form::Same(id), _) => self.with(id).enter()?.scalar(wanted, visitor),
            (Form::Instance(Instance { state: Some(state), attributes, .. }), _) if attributes.is_empty() => {
                self.with(state).enter()?.scalar(wanted, visitor)
            }
            (Form::Instance(Instance { args, .. }), _) if args.len() == 1 => {
                self.with(args[0]).enter()?.scalar(wanted, visitor)
            }
            (Form::Instance(instance), _) => match self.reading.class_name(instance.class) {
                Some(name) => invalid(&format!("an instance of {name}")),
                None => invalid("an instance"),
            },
            (Form::Uuid(uuid), Scalar::Integer) => visitor.visit_u128(uuid),
            (Form::Uuid(uuid), Scalar::Bytes) => visitor.visit_byte_buf(uuid.to_be_bytes().to_vec()),
            (Form::Text(text), Scalar::Float) => match text.parse() {
                Ok(value) => visitor.visit_f64(value),
                Err(_) => Err(serde::de::Error::invalid_value(Unexpected::Str(&text), &visitor)),
            },
            (Form::Fraction(numerator, denominator), Scalar::Float) => {
                match (numerator.parse::<f64>(), denominator.parse::<f64>()) {
                    (Ok(numerator), Ok(denominator)) => visitor.visit_f64(numerator / denominator),
                    _ => invalid("a fraction"),
                }
            }
            (Form::Fields(forms::DELTA, ids), Scalar::Float) => {
                match moment::delta_micros(self.reading.tape, &ids) {
                    Some(micros) => visitor.visit_f64(micros as f64 / 1e6),
                    None => invalid("a timedelta beyond 64 bits of microseconds"),
                }
            }
            (Form::Array(_, bytes), Scalar::Bytes) => self.cow(bytes, visitor),
            _ => self.object_as_any(index, visitor),
        }
    }

    #[inline]
    fn scalar<V: Visitor<'de>>(self, wanted: Scalar, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::Object(index) => self.object_as_scalar(index, wanted, visitor),
            Item::String(bytes) if wanted == Scalar::Bytes => self.cow(Cow::Borrowed(bytes), visitor),
            Item::Int(_) | Item::Long(_) | Item::Decimal(_) | Item::ReprString(_)
                if wanted == Scalar::Bytes =>
            {
                match forms::integer(self.reading.tape, self.id) {
                    Some(bytes) => self.cow(bytes, visitor),
                    None => {
                        self.cow(forms::bytes_of(self.reading.tape, self.id).unwrap_or_default(), visitor)
                    }
                }
            }
            Item::Long(_) | Item::Decimal(_) if wanted == Scalar::Float => {
                match forms::decimal(self.reading.tape, self.id).map(|s| s.parse()) {
                    Some(Ok(value)) => visitor.visit_f64(value),
                    _ => Err(Fault::new(ErrorKind::Limit("digits of an integer"))),
                }
            }
            _ => self.deserialize_any(visitor),
        }
    }

    /// What an object reads as where a sequence is wanted.
    #[cold]
    fn object_as_seq<V: Visitor<'de>>(self, index: u32, visitor: V) -> Result<V::Value, Fault> {
        match self.form(index) {
            Form::Same(id) => self.with(id).enter()?.deserialize_seq(visitor),
            Form::Bytes(bytes) => numbers::visit_array(self, numbers::BYTES, &bytes, visitor),
            Form::Moment(moment) => {
                let mut access = MomentAccess::new(self.enter()?, &moment).by_place();
                let value = visitor.visit_seq(&mut access)?;
                match access.left() {
                    0 => Ok(value),
                    left => {
                        Err(Fault::data(format!("a date or time has {left} more parts than were asked for")))
                    }
                }
            }
            Form::Uuid(uuid) => numbers::visit_array(self, numbers::BYTES, &uuid.to_be_bytes(), visitor),
            Form::Fraction(numerator, denominator) => {
                match (numerator.parse::<i128>(), denominator.parse::<i128>()) {
                    (Ok(numerator), Ok(denominator)) => {
                        let both = [numbers::Number::Wide(numerator), numbers::Number::Wide(denominator)];
                        numbers::visit(both.into_iter(), visitor)
                    }
                    _ => Err(Fault::data("a fraction of integers beyond 128 bits: read it as text")),
                }
            }
            Form::Instance(instance) => match instance.state {
                _ if !instance.items.is_empty() => self.seq(instance.items, visitor),
                Some(state) if instance.args.is_empty() => self.with(state).enter()?.deserialize_seq(visitor),
                _ => match *instance.args {
                    // An instance of a subclass of list or set is made of one of these by some protocols.
                    [of] if self.is_list_or_set(of) => self.with(of).enter()?.deserialize_seq(visitor),
                    ref args => self.seq(args, visitor),
                },
            },
            _ => self.object_as_any(index, visitor),
        }
    }

    fn is_list_or_set(self, id: u32) -> bool {
        matches!(self.with(id).item(), Item::List(_) | Item::Set(_) | Item::FrozenSet(_))
    }

    /// What an object reads as where a map is wanted, or a struct of these fields.
    #[cold]
    fn object_as_struct<V: Visitor<'de>>(
        self,
        index: u32,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Instance { args, attributes, state, pairs, .. } = match self.form(index) {
            Form::Same(id) => return self.with(id).enter()?.deserialize_struct("", names, visitor),
            Form::Fields(fields, ids) => return self.fields(fields, &ids, visitor),
            Form::Moment(moment) => return visitor.visit_map(MomentAccess::new(self.enter()?, &moment)),
            Form::Fraction(..) => return self.object_as_seq(index, visitor),
            Form::Instance(instance) => instance,
            _ => return self.object_as_any(index, visitor),
        };
        let mut all = attributes;
        if !pairs.is_empty() {
            all.to_mut().extend_from_slice(pairs);
        }
        if all.is_empty() && names.is_empty() {
            return match (state, &*args) {
                (Some(state), _) => self.with(state).enter()?.deserialize_map(visitor),
                // An instance of a subclass of dict is made of a dict by protocols 0 and 1.
                (None, &[of]) => self.with(of).enter()?.deserialize_map(visitor),
                _ => self.map(&[], visitor),
            };
        }
        if names.contains(&"args") && !self.has_key(&all, b"args") {
            // What Python has as an attribute of every exception, and picklers as arguments of its class.
            return visitor.visit_map(MapAccess::new(self.enter()?, &all).with_args(&args));
        }
        if all.is_empty() {
            return match state {
                Some(state) => self.with(state).enter()?.deserialize_struct("", names, visitor),
                None if args.is_empty() => self.map(&[], visitor),
                // A namedtuple knows its values by place.
                None => self.seq(&args, visitor),
            };
        }
        self.map(&all, visitor)
    }

    /// The class and state of an object, and the arguments of its class if they are wanted.
    #[cold]
    fn parts<V: Visitor<'de>>(self, index: u32, with_args: bool, visitor: V) -> Result<V::Value, Fault> {
        let tape = self.reading.tape;
        let object = tape.object(index);
        let call = forms::call(tape, object);
        let Some((call, class)) = call.and_then(|call| {
            let class = self.reading.class_name(call.class)?;
            Some((call, class))
        }) else {
            return Err(Fault::data("the class of an object has no name"));
        };
        let inner = self.enter()?;
        if with_args {
            let state = inner.with(object.state.unwrap_or(NONE));
            return visitor.visit_map(ClassAccess::reduce(class, &call.args, state));
        }
        visitor.visit_map(ClassAccess::instance(class, inner))
    }

    fn has_key(self, pairs: &[u32], name: &[u8]) -> bool {
        let keys = pairs.iter().step_by(2);
        keys.copied().any(|key| forms::plain_text(self.reading.tape, key) == Some(name))
    }
}

/// What a type that is no container wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scalar {
    Integer,
    Float,
    Text,
    Bytes,
}

macro_rules! scalars {
    ($($method:ident => $wanted:ident,)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.item() {
                Item::Int(value) if Scalar::$wanted != Scalar::Bytes => visitor.visit_i64(value),
                Item::Float(value) => visitor.visit_f64(value),
                Item::Str(text) => self.text(text, visitor),
                _ => self.scalar(Scalar::$wanted, visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_, '_, 'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let tape = self.reading.tape;
        match self.item() {
            Item::None => visitor.visit_unit(),
            Item::Bool(value) => visitor.visit_bool(value),
            Item::Int(value) => visitor.visit_i64(value),
            Item::Float(value) => visitor.visit_f64(value),
            Item::Long(bytes) => self.long(bytes, visitor),
            Item::Decimal(_) => self.long(&forms::integer(tape, self.id).unwrap_or_default(), visitor),
            Item::Str(text) | Item::String(text) => self.text(text, visitor),
            Item::EscapedStr(line) => self.decoded(text::parse_raw_unicode_escape(line), visitor),
            Item::ReprString(line) => self.decoded(text::parse_string_repr(line), visitor),
            Item::Bytes(bytes) | Item::ByteArray(bytes) => self.cow(Cow::Borrowed(bytes), visitor),
            Item::List(span) | Item::Tuple(span) | Item::Set(span) | Item::FrozenSet(span) => {
                self.seq(tape.references(span), visitor)
            }
            Item::Dict(span) => self.map(tape.references(span), visitor),
            Item::Global(_) => match self.reading.class_name(self.id) {
                Some(name) => visitor.visit_string(name),
                None => Err(Fault::data("the name of a class is not UTF-8")),
            },
            Item::Object(index) => self.object_as_any(index, visitor),
            Item::Opaque(what) => {
                Err(Fault::data(format!("{what} has no form as a serde type: load the pickle as a graph")))
            }
        }
    }

    scalars! {
        deserialize_i8 => Integer,
        deserialize_i16 => Integer,
        deserialize_i32 => Integer,
        deserialize_i64 => Integer,
        deserialize_i128 => Integer,
        deserialize_u8 => Integer,
        deserialize_u16 => Integer,
        deserialize_u32 => Integer,
        deserialize_u64 => Integer,
        deserialize_u128 => Integer,
        deserialize_f32 => Float,
        deserialize_f64 => Float,
        deserialize_char => Text,
        deserialize_str => Text,
        deserialize_string => Text,
        deserialize_bytes => Bytes,
        deserialize_byte_buf => Bytes,
        deserialize_identifier => Text,
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::Bool(value) => visitor.visit_bool(value),
            _ => self.scalar(Scalar::Integer, visitor),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::None => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == class::CLASS {
            return match self.reading.class_name(self.id) {
                Some(name) => visitor.visit_string(name),
                None => self.deserialize_any(visitor),
            };
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::List(span) | Item::Tuple(span) => self.seq(self.reading.tape.references(span), visitor),
            Item::Bytes(bytes) | Item::ByteArray(bytes) | Item::String(bytes) => {
                numbers::visit_array(self, numbers::BYTES, bytes, visitor)
            }
            Item::ReprString(_) => {
                let bytes = forms::bytes_of(self.reading.tape, self.id).unwrap_or_default();
                numbers::visit_array(self, numbers::BYTES, &bytes, visitor)
            }
            Item::Object(index) => self.object_as_seq(index, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::Dict(span) => self.map(self.reading.tape.references(span), visitor),
            Item::Object(index) => self.object_as_struct(index, &[], visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.item() {
            Item::Dict(span) => self.map(self.reading.tape.references(span), visitor),
            Item::Object(index) => match name {
                class::INSTANCE | class::REDUCE => self.parts(index, name == class::REDUCE, visitor),
                _ => self.object_as_struct(index, fields, visitor),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let tape = self.reading.tape;
        match self.item() {
            Item::Dict(span) => match *tape.references(span) {
                [variant, content] => {
                    self.reading.spend(2)?;
                    let inner = self.enter()?;
                    visitor.visit_enum(EnumAccess::new(inner.with(variant), Some(inner.with(content))))
                }
                _ => Err(serde::de::Error::invalid_value(
                    Unexpected::Map,
                    &"the name of a variant, or a dict of one entry: the name and the content",
                )),
            },
            Item::Object(index) => match self.form(index) {
                Form::Same(id) => self.with(id).enter()?.deserialize_enum(name, variants, visitor),
                Form::Instance(instance) if instance.args.len() == 1 && instance.attributes.is_empty() => {
                    self.with(instance.args[0]).enter()?.deserialize_enum(name, variants, visitor)
                }
                _ => visitor.visit_enum(EnumAccess::new(self, None)),
            },
            _ => visitor.visit_enum(EnumAccess::new(self, None)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { unit unit_struct }
}
