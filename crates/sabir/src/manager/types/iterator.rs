//! Iterators that live in a manager.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::{typed, unless};
use crate::error::{Error, Result};
use crate::manager::Proxy;

/// An iterator of a manager: each item is a call. After an error that is no exception of the iterator's it gives no more.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// for key in manager.dict::<String, u32>()?.iter()? {
///     println!("{}", key?);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Iter<T> {
    proxy: Proxy,
    state: (bool, PhantomData<fn() -> T>),
}

typed!(Iter { state: (false, PhantomData) } T);

impl<T: DeserializeOwned> Iterator for Iter<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        // 2.7's proxy exposes both names, of which its iterators have the first only.
        let method = if self.proxy.exposed().iter().any(|name| name == "next") { "next" } else { "__next__" };
        if self.state.0 {
            return None;
        }
        let item = unless(self.proxy.call(method, &()), "builtins", "StopIteration").transpose();
        // Who asks again would ask for ever.
        self.state.0 = matches!(&item, None | Some(Err(Error::Net(_) | Error::Eof | Error::Protocol(_))));
        item
    }
}
