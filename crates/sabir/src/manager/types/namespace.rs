//! Attributes that processes share.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{typed, unless};
use crate::error::Result;
use crate::manager::Proxy;

/// A `Namespace` of a manager, or any object whose proxy is a `NamespaceProxy`.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let settings = manager.namespace()?;
/// settings.set("verbose", &true)?; // settings.verbose = True
/// assert_eq!(settings.get::<bool>("verbose")?, Some(true));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Namespace {
    proxy: Proxy,
}

typed!(Namespace {});

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl Namespace {
    /// An attribute, if it is there.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        unless(self.proxy.call("__getattribute__", &(name,)), "builtins", "AttributeError")
    }

    /// Sets an attribute.
    pub fn set<T: ?Sized + Serialize>(&self, name: &str, value: &T) -> Result<()> {
        self.proxy.call("__setattr__", &(name, value))
    }

    /// Takes an attribute away; false if it was not there.
    pub fn delete(&self, name: &str) -> Result<bool> {
        let deleted = self.proxy.call::<()>("__delattr__", &(name,));
        Ok(unless(deleted, "builtins", "AttributeError")?.is_some())
    }
}
