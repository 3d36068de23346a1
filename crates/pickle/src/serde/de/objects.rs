//! What calls read as, by what the type wants.

use alloc::borrow::Cow;
use alloc::format;

use serde::de::{Deserializer, Unexpected, Visitor};

use super::Value;
use crate::error::ErrorKind;
use crate::serde::access::{ClassAccess, MapAccess, MomentAccess};
use crate::serde::atoms;
use crate::serde::fault::Fault;
use crate::serde::forms::{self, Form, Instance};
use crate::serde::moment;
use crate::serde::numbers;
use crate::serde::tape::{Item, NONE};

/// What a type that is no container wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Integer,
    Float,
    Text,
    Bytes,
}

impl<'de> Value<'_, '_, 'de> {
    /// What an object reads as where the type has no wish.
    #[cold]
    pub(super) fn object_as_any<V: Visitor<'de>>(self, index: u32, visitor: V) -> Result<V::Value, Fault> {
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
    pub(super) fn object_as_scalar<V: Visitor<'de>>(
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
    pub(super) fn scalar<V: Visitor<'de>>(self, wanted: Scalar, visitor: V) -> Result<V::Value, Fault> {
        match self.item() {
            Item::Object(index) => self.object_as_scalar(index, wanted, visitor),
            Item::String(bytes) if wanted == Scalar::Bytes => self.cow(Cow::Borrowed(bytes), visitor),
            Item::Int(_) | Item::Long(_) | Item::Decimal(_) | Item::ReprString(_)
                if wanted == Scalar::Bytes =>
            {
                match atoms::integer(self.reading.tape, self.id) {
                    Some(bytes) => self.cow(bytes, visitor),
                    None => {
                        self.cow(atoms::bytes_of(self.reading.tape, self.id).unwrap_or_default(), visitor)
                    }
                }
            }
            Item::Long(_) | Item::Decimal(_) if wanted == Scalar::Float => {
                match atoms::decimal(self.reading.tape, self.id).map(|s| s.parse()) {
                    Some(Ok(value)) => visitor.visit_f64(value),
                    _ => Err(Fault::new(ErrorKind::Limit("digits of an integer"))),
                }
            }
            _ => self.deserialize_any(visitor),
        }
    }

    /// What an object reads as where a sequence is wanted.
    #[cold]
    pub(super) fn object_as_seq<V: Visitor<'de>>(self, index: u32, visitor: V) -> Result<V::Value, Fault> {
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

    pub(super) fn is_list_or_set(self, id: u32) -> bool {
        matches!(self.with(id).item(), Item::List(_) | Item::Set(_) | Item::FrozenSet(_))
    }

    /// What an object reads as where a map is wanted, or a struct of these fields.
    #[cold]
    pub(super) fn object_as_struct<V: Visitor<'de>>(
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
    pub(super) fn parts<V: Visitor<'de>>(
        self,
        index: u32,
        with_args: bool,
        visitor: V,
    ) -> Result<V::Value, Fault> {
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

    pub(super) fn has_key(self, pairs: &[u32], name: &[u8]) -> bool {
        let keys = pairs.iter().step_by(2);
        keys.copied().any(|key| atoms::plain_text(self.reading.tape, key) == Some(name))
    }
}
