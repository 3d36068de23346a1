//! How serde walks through containers, and the path that an error gathers on its way out of them.

use alloc::string::String;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::atoms;
use super::de::Value;
use super::fault::Fault;
use super::moment::{Moment, Zone};
use super::numbers::Number;
use super::tape::{Item, NONE};

/// The items of a sequence.
pub(super) struct SeqAccess<'r, 't, 'de, 'i> {
    within: Value<'r, 't, 'de>,
    ids: &'i [u32],
    index: usize,
}

impl<'r, 't, 'de, 'i> SeqAccess<'r, 't, 'de, 'i> {
    pub(super) fn new(within: Value<'r, 't, 'de>, ids: &'i [u32]) -> SeqAccess<'r, 't, 'de, 'i> {
        SeqAccess { within, ids, index: 0 }
    }

    /// How many were not asked for.
    pub(super) fn left(&self) -> usize {
        self.ids.len() - self.index
    }
}

impl<'de> de::SeqAccess<'de> for SeqAccess<'_, '_, 'de, '_> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(&id) = self.ids.get(self.index) else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        match seed.deserialize(self.within.with(id)) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => Err(fault.within(format_args!("[{index}]"), id)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left())
    }
}

/// The entries of a map, and the arguments of the call that made it if they are wanted as one more entry.
pub(super) struct MapAccess<'r, 't, 'de, 'i> {
    within: Value<'r, 't, 'de>,
    pairs: &'i [u32],
    key: u32,
    value: u32,
    args: Option<&'i [u32]>,
}

impl<'r, 't, 'de, 'i> MapAccess<'r, 't, 'de, 'i> {
    pub(super) fn new(within: Value<'r, 't, 'de>, pairs: &'i [u32]) -> MapAccess<'r, 't, 'de, 'i> {
        MapAccess { within, pairs, key: NONE, value: NONE, args: None }
    }

    pub(super) fn with_args(self, args: &'i [u32]) -> MapAccess<'r, 't, 'de, 'i> {
        MapAccess { args: Some(args), ..self }
    }

    #[cold]
    fn fault(&self, fault: Fault) -> Fault {
        match atoms::text_of(self.within.reading.tape, self.key) {
            Some(key) => fault.within(format_args!(".{key}"), self.value),
            None => match self.within.with(self.key).item() {
                Item::Int(key) => fault.within(format_args!("[{key}]"), self.value),
                _ => fault.within(format_args!("[..]"), self.value),
            },
        }
    }
}

impl<'de> de::MapAccess<'de> for MapAccess<'_, '_, 'de, '_> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let [key, value, rest @ ..] = self.pairs else {
            return match self.args {
                Some(_) => seed.deserialize(BorrowedStrDeserializer::new("args")).map(Some),
                None => Ok(None),
            };
        };
        (self.key, self.value, self.pairs) = (*key, *value, rest);
        match seed.deserialize(self.within.with(*key)) {
            Ok(key) => Ok(Some(key)),
            Err(fault) => Err(fault.at(*key)),
        }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        if self.pairs.is_empty()
            && self.key == NONE
            && let Some(ids) = self.args.take()
        {
            return seed.deserialize(Row { within: self.within, ids });
        }
        match seed.deserialize(self.within.with(self.value)) {
            Ok(value) => {
                self.key = NONE;
                Ok(value)
            }
            Err(fault) => Err(self.fault(fault)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.pairs.len() / 2 + usize::from(self.args.is_some()))
    }
}

/// Values that have names by definition.
pub(super) struct NamedAccess<'r, 't, 'de, 'i> {
    within: Value<'r, 't, 'de>,
    names: &'static [&'static str],
    ids: &'i [u32],
    index: usize,
}

impl<'r, 't, 'de, 'i> NamedAccess<'r, 't, 'de, 'i> {
    /// As many names as ids.
    pub(super) fn new(
        within: Value<'r, 't, 'de>,
        names: &'static [&'static str],
        ids: &'i [u32],
    ) -> NamedAccess<'r, 't, 'de, 'i> {
        NamedAccess { within, names, ids, index: 0 }
    }
}

impl<'de> de::MapAccess<'de> for NamedAccess<'_, '_, 'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(name) = self.names.get(self.index) else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (name, id) = (self.names[self.index], self.ids[self.index]);
        self.index += 1;
        let value = seed.deserialize(self.within.with(id));
        value.map_err(|fault| fault.within(format_args!(".{name}"), id))
    }
}

/// The parts of a date or time, by place or by name.
pub(super) struct MomentAccess<'r, 't, 'de> {
    within: Value<'r, 't, 'de>,
    parts: [(&'static str, Part); 9],
    /// Which of the parts come next, and which is the first that does not.
    range: core::ops::Range<usize>,
}

#[derive(Clone, Copy)]
enum Part {
    Number(u32),
    Object(u32),
}

impl<'r, 't, 'de> MomentAccess<'r, 't, 'de> {
    pub(super) fn new(within: Value<'r, 't, 'de>, moment: &Moment) -> MomentAccess<'r, 't, 'de> {
        let [year, month, day] = moment.date.unwrap_or_default();
        let [hour, minute, second] = moment.time.unwrap_or_default();
        let zone = match moment.zone {
            Zone::Naive => NONE,
            Zone::Offset(_, id) | Zone::Named(_, id) | Zone::Unknown(id) => id,
        };
        let parts = [
            ("year", Part::Number(year.into())),
            ("month", Part::Number(month.into())),
            ("day", Part::Number(day.into())),
            ("hour", Part::Number(hour.into())),
            ("minute", Part::Number(minute.into())),
            ("second", Part::Number(second.into())),
            ("microsecond", Part::Number(moment.microsecond)),
            ("tzinfo", Part::Object(zone)),
            ("fold", Part::Number(moment.fold.into())),
        ];
        let start = if moment.date.is_some() { 0 } else { 3 };
        let end = if moment.time.is_some() { parts.len() } else { 3 };
        MomentAccess { within, parts, range: start..end }
    }

    /// By place there is no `fold`, as for the constructor, and no `tzinfo` that is None.
    pub(super) fn by_place(mut self) -> MomentAccess<'r, 't, 'de> {
        if self.range.end > 3 {
            self.range.end = if matches!(self.parts[7].1, Part::Object(NONE)) { 7 } else { 8 };
        }
        self
    }

    /// How many were not asked for.
    pub(super) fn left(&self) -> usize {
        self.range.len()
    }

    fn read<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(index) = self.range.next() else { return Ok(None) };
        match self.parts[index].1 {
            Part::Number(value) => seed.deserialize(Number::Int(value.into())).map(Some),
            Part::Object(id) => seed.deserialize(self.within.with(id)).map(Some),
        }
    }
}

impl<'de> de::SeqAccess<'de> for MomentAccess<'_, '_, 'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.read(seed)
    }
}

impl<'de> de::MapAccess<'de> for MomentAccess<'_, '_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let (name, _) = self.parts[self.range.start];
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        self.read(seed)?.ok_or_else(|| Fault::data("a value was asked for before its key"))
    }
}

/// The fields of [`Instance`](super::Instance) and [`Reduce`](super::Reduce): the name of the class first.
pub(super) struct ClassAccess<'r, 't, 'de, 'i> {
    class: Option<(&'static str, String)>,
    /// `args`, which only `Reduce` has, and `state`.
    rest: [Option<(&'static str, Content<'r, 't, 'de, 'i>)>; 2],
}

#[derive(Clone, Copy)]
pub(super) enum Content<'r, 't, 'de, 'i> {
    Value(Value<'r, 't, 'de>),
    Row(Row<'r, 't, 'de, 'i>),
}

impl<'r, 't, 'de, 'i> ClassAccess<'r, 't, 'de, 'i> {
    pub(super) fn instance(class: String, state: Value<'r, 't, 'de>) -> ClassAccess<'r, 't, 'de, 'i> {
        ClassAccess { class: Some(("class", class)), rest: [None, Some(("state", Content::Value(state)))] }
    }

    pub(super) fn reduce(
        class: String,
        args: &'i [u32],
        state: Value<'r, 't, 'de>,
    ) -> ClassAccess<'r, 't, 'de, 'i> {
        let args = Content::Row(Row { within: state, ids: args });
        ClassAccess {
            class: Some(("callable", class)),
            rest: [Some(("args", args)), Some(("state", Content::Value(state)))],
        }
    }
}

impl<'de> de::MapAccess<'de> for ClassAccess<'_, '_, 'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let rest = self.rest.iter().flatten().map(|(name, _)| *name);
        match self.class.iter().map(|(name, _)| *name).chain(rest).next() {
            Some(name) => seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        if let Some((_, class)) = self.class.take() {
            let class: StringDeserializer<Fault> = class.into_deserializer();
            return seed.deserialize(class);
        }
        match self.rest.iter_mut().find_map(Option::take) {
            Some((_, Content::Value(value))) => seed.deserialize(value),
            Some((_, Content::Row(row))) => seed.deserialize(row),
            None => Err(Fault::data("a value was asked for before its key")),
        }
    }
}

/// Values in a row that are no object of the pickle by themselves.
#[derive(Clone, Copy)]
pub(super) struct Row<'r, 't, 'de, 'i> {
    within: Value<'r, 't, 'de>,
    ids: &'i [u32],
}

impl<'de> Deserializer<'de> for Row<'_, '_, 'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.within.seq(self.ids, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A variant by its name, and what it holds.
pub(super) struct EnumAccess<'r, 't, 'de> {
    variant: Value<'r, 't, 'de>,
    content: Option<Value<'r, 't, 'de>>,
}

impl<'r, 't, 'de> EnumAccess<'r, 't, 'de> {
    pub(super) fn new(
        variant: Value<'r, 't, 'de>,
        content: Option<Value<'r, 't, 'de>>,
    ) -> EnumAccess<'r, 't, 'de> {
        EnumAccess { variant, content }
    }
}

impl<'de> de::EnumAccess<'de> for EnumAccess<'_, '_, 'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let variant = seed.deserialize(self.variant).map_err(|fault| fault.at(self.variant.id))?;
        Ok((variant, self))
    }
}

impl<'r, 't, 'de> EnumAccess<'r, 't, 'de> {
    fn content<T>(
        self,
        wanted: &'static str,
        read: impl FnOnce(Value<'r, 't, 'de>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let name = atoms::text_of(self.variant.reading.tape, self.variant.id).unwrap_or_default();
        match self.content {
            Some(content) => read(content).map_err(|fault| fault.within(format_args!(".{name}"), content.id)),
            None => Err(de::Error::invalid_type(Unexpected::UnitVariant, &wanted)),
        }
    }
}

impl<'de> de::VariantAccess<'de> for EnumAccess<'_, '_, 'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            Some(_) => self.content("a unit variant", <() as de::Deserialize>::deserialize),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.content("a newtype variant", |content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content("a tuple variant", |content| content.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.content("a struct variant", |content| content.deserialize_struct("", fields, visitor))
    }
}
