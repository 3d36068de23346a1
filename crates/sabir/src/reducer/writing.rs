//! What a format's crate would write as something else is refused instead: a value that changes without a word is worse
//! than an error.

use serde::ser::{self, Serialize, Serializer};

/// What a format has no form for.
#[derive(Clone, Copy)]
pub(super) struct Lacks {
    /// `nan` and the infinities.
    pub(super) non_finite: bool,
    /// Integers beyond 64 bits.
    pub(super) wide: bool,
}

/// A value that is written by the rules.
pub(super) struct Checked<T>(pub(super) T, pub(super) Lacks);

impl<T: Serialize> Serialize for Checked<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Checking(serializer, self.1))
    }
}

/// A serializer that looks at numbers before the format does.
struct Checking<S>(S, Lacks);

/// Hands on what needs no look.
macro_rules! plain {
    ($($method:ident: $type:ty,)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.0.$method(value)
        }
    )*};
}

/// Starts a container, whose parts are looked at too.
macro_rules! container {
    ($($method:ident($($name:ident: $type:ty),*) -> $made:ident,)*) => {$(
        #[inline]
        fn $method(self, $($name: $type),*) -> Result<Parts<S::$made>, S::Error> {
            Ok(Parts(self.0.$method($($name),*)?, self.1))
        }
    )*};
}

impl<S: Serializer> Serializer for Checking<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<S::SerializeSeq>;
    type SerializeTuple = Parts<S::SerializeTuple>;
    type SerializeTupleStruct = Parts<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<S::SerializeTupleVariant>;
    type SerializeMap = Parts<S::SerializeMap>;
    type SerializeStruct = Parts<S::SerializeStruct>;
    type SerializeStructVariant = Parts<S::SerializeStructVariant>;

    plain! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    container! {
        serialize_seq(length: Option<usize>) -> SerializeSeq,
        serialize_tuple(length: usize) -> SerializeTuple,
        serialize_tuple_struct(name: &'static str, length: usize) -> SerializeTupleStruct,
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, length: usize
        ) -> SerializeTupleVariant,
        serialize_map(length: Option<usize>) -> SerializeMap,
        serialize_struct(name: &'static str, length: usize) -> SerializeStruct,
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, length: usize
        ) -> SerializeStructVariant,
    }

    fn serialize_i128(self, value: i128) -> Result<S::Ok, S::Error> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.0.serialize_i64(value),
            (_, Ok(value)) => self.0.serialize_u64(value),
            _ if self.1.wide => Err(too_wide(value)),
            _ => self.0.serialize_i128(value),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<S::Ok, S::Error> {
        match u64::try_from(value) {
            Ok(value) => self.0.serialize_u64(value),
            _ if self.1.wide => Err(too_wide(value)),
            _ => self.0.serialize_u128(value),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        finite(value.is_finite() || !self.1.non_finite, value)?;
        self.0.serialize_f32(value)
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        finite(value.is_finite() || !self.1.non_finite, value)?;
        self.0.serialize_f64(value)
    }

    /// A text of one letter: Python has no other, and a format's crate may write its number.
    fn serialize_char(self, value: char) -> Result<S::Ok, S::Error> {
        self.0.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit()
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_none()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Checked(value, self.1))
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Checked(value, self.1))
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, index, variant, &Checked(value, self.1))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

fn too_wide<E: ser::Error>(value: impl std::fmt::Display) -> E {
    E::custom(format_args!("it has no integers beyond 64 bits, such as {value}"))
}

fn finite<E: ser::Error>(is_finite: bool, value: impl std::fmt::Display) -> Result<(), E> {
    if is_finite { Ok(()) } else { Err(E::custom(format_args!("it has no number {value}"))) }
}

/// A container that is being written.
struct Parts<C>(C, Lacks);

macro_rules! parts {
    ($($trait:ident::$method:ident $(($key:ident: $type:ty))?,)*) => {$(
        impl<C: ser::$trait> ser::$trait for Parts<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            #[inline]
            fn $method<T: ?Sized + Serialize>(&mut self, $($key: $type,)? value: &T) -> Result<(), C::Error> {
                self.0.$method($($key,)? &Checked(value, self.1))
            }

            #[inline]
            fn end(self) -> Result<C::Ok, C::Error> {
                self.0.end()
            }
        }
    )*};
}

parts! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
    SerializeStruct::serialize_field(key: &'static str),
    SerializeStructVariant::serialize_field(key: &'static str),
}

impl<C: ser::SerializeMap> ser::SerializeMap for Parts<C> {
    type Ok = C::Ok;
    type Error = C::Error;

    #[inline]
    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), C::Error> {
        self.0.serialize_key(&Checked(key, self.1))
    }

    #[inline]
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        self.0.serialize_value(&Checked(value, self.1))
    }

    #[inline]
    fn end(self) -> Result<C::Ok, C::Error> {
        self.0.end()
    }
}
