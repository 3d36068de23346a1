//! The items of containers, one by one.

use serde::de::{self, Deserialize, DeserializeSeed, Visitor};

use super::{BATCH, Batch, Result, Stream, Unforeseen};

pub(super) struct Items<'s, 'de> {
    pub(super) stream: &'s mut Stream<'de>,
    pub(super) batch: Batch,
}

impl Items<'_, '_> {
    /// Whether no item follows.
    #[inline]
    pub(super) fn at_end(&mut self) -> Result<bool> {
        if self.batch.open && self.stream.peek()? != self.batch.end {
            return Ok(false);
        }
        self.next_batch()
    }

    /// Ends a batch, and starts the next one if there is one; gives whether there is none.
    fn next_batch(&mut self) -> Result<bool> {
        while self.batch.open && self.stream.take(self.batch.end)? {
            let more = self.batch.end != b't' && self.batch.count == BATCH && self.stream.take(b'(')?;
            self.batch.open = more;
            self.batch.count = 0;
        }
        Ok(!self.batch.open)
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Unforeseen;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.at_end()? {
            return Ok(None);
        }
        self.batch.count += 1;
        seed.deserialize(&mut *self.stream).map(Some)
    }
}

/// The items of a tuple whose opcode is behind them.
pub(super) struct Parts<'s, 'de> {
    pub(super) stream: &'s mut Stream<'de>,
    pub(super) left: usize,
}

impl<'de> de::SeqAccess<'de> for Parts<'_, 'de> {
    type Error = Unforeseen;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.stream).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = Unforeseen;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if self.at_end()? {
            return Ok(None);
        }
        self.batch.count += 1;
        seed.deserialize(&mut *self.stream).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.stream)
    }
}

/// What wants an atom takes nothing else: that the type does not fit is the tape's to say.
/// A variant by its name, which what it holds follows.
pub(super) struct Variant<'s, 'de> {
    pub(super) stream: &'s mut Stream<'de>,
    pub(super) has_content: bool,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Unforeseen;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        Ok((seed.deserialize(&mut *self.stream)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Unforeseen;

    fn unit_variant(self) -> Result<()> {
        if self.has_content { <()>::deserialize(self.stream) } else { Ok(()) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        if self.has_content { seed.deserialize(self.stream) } else { Err(Unforeseen) }
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        if self.has_content { self.stream.tuple(length, visitor) } else { Err(Unforeseen) }
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        if self.has_content { self.stream.map(visitor) } else { Err(Unforeseen) }
    }
}
