//! What `#[sabir::shared]` writes calls of: it sees how a type is spelled, and here is what the type is.
//!
//! The method that is found first is that of the most references less, so that `Result<Object<T>, E>` is told from
//! `Result<T, E>` and from any other value, whatever name the program gave them ("autoref specialization").

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Arguments, Exception, Object, Return, Shared};

/// A type, to be asked about as `(&&&Kind::<T>::NEW)`.
#[derive(Debug)]
pub struct Kind<T>(PhantomData<fn() -> T>);

impl<T> Kind<T> {
    pub const NEW: Self = Kind(PhantomData);
}

/// What a method returned, for the caller, and the typeid if it stays here.
pub trait Returned {
    type Value;

    fn typeid(&self) -> Option<&'static str> {
        None
    }

    fn finish(&self, value: Self::Value) -> Result<Return, Exception>;
}

impl<T: Shared, E: Into<Exception>> Returned for &&Kind<Result<Object<T>, E>> {
    type Value = Result<Object<T>, E>;

    fn typeid(&self) -> Option<&'static str> {
        Some(T::typeid())
    }

    fn finish(&self, value: Self::Value) -> Result<Return, Exception> {
        value.map(Return::from).map_err(Into::into)
    }
}

impl<T: Shared> Returned for &&Kind<Object<T>> {
    type Value = Object<T>;

    fn typeid(&self) -> Option<&'static str> {
        Some(T::typeid())
    }

    fn finish(&self, value: Self::Value) -> Result<Return, Exception> {
        Ok(value.into())
    }
}

impl<T: Serialize, E: Into<Exception>> Returned for &Kind<Result<T, E>> {
    type Value = Result<T, E>;

    fn finish(&self, value: Self::Value) -> Result<Return, Exception> {
        Return::value(&value.map_err(Into::into)?)
    }
}

impl<T: Serialize> Returned for Kind<T> {
    type Value = T;

    fn finish(&self, value: T) -> Result<Return, Exception> {
        Return::value(&value)
    }
}

/// A parameter of a method.
pub trait Parameter {
    type Value;

    fn given(&self, arguments: &mut Arguments, name: &str) -> Result<Self::Value, Exception>;
}

impl<T: Shared> Parameter for &&Kind<Option<Object<T>>> {
    type Value = Option<Object<T>>;

    fn given(&self, arguments: &mut Arguments, name: &str) -> Result<Self::Value, Exception> {
        arguments.optional_object(name)
    }
}

impl<T: Shared> Parameter for &&Kind<Object<T>> {
    type Value = Object<T>;

    fn given(&self, arguments: &mut Arguments, name: &str) -> Result<Self::Value, Exception> {
        arguments.take_object(name)
    }
}

impl<T: DeserializeOwned> Parameter for &Kind<Option<T>> {
    type Value = Option<T>;

    fn given(&self, arguments: &mut Arguments, name: &str) -> Result<Self::Value, Exception> {
        // Left out and None are the same to it.
        Ok(arguments.optional::<Option<T>>(name)?.flatten())
    }
}

impl<T: DeserializeOwned> Parameter for Kind<T> {
    type Value = T;

    fn given(&self, arguments: &mut Arguments, name: &str) -> Result<T, Exception> {
        arguments.take(name)
    }
}

/// What a method returns that has no name: `impl Serialize`.
#[derive(Debug)]
pub struct Unnamed;

impl Unnamed {
    /// It is a value.
    #[must_use]
    pub fn typeid(&self) -> Option<&'static str> {
        None
    }

    #[allow(clippy::missing_errors_doc, reason = "for what the attribute writes alone")]
    pub fn finish<T: Serialize>(&self, value: T) -> Result<Return, Exception> {
        Return::value(&value)
    }
}
