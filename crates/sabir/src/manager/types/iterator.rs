//! Iterators that live in a manager.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::{typed, unless};
use crate::error::Result;
use crate::manager::Proxy;

/// An iterator of a manager: each item is a call.
#[derive(Debug)]
pub struct Iter<T> {
    proxy: Proxy,
    kind: PhantomData<fn() -> T>,
}

typed!(Iter { kind: PhantomData } T);

impl<T: DeserializeOwned> Iterator for Iter<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        // 2.7's proxy exposes both names, of which its iterators have the first only.
        let method = if self.proxy.exposed().iter().any(|name| name == "next") { "next" } else { "__next__" };
        unless(self.proxy.call(method, &()), "builtins", "StopIteration").transpose()
    }
}
