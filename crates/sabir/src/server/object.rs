//! An object, as the server sees it.

use std::any::Any;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use sabir_pickle::Graph;
use sabir_pickle::serde::to_graph;
use serde::Serialize;

use super::{Arguments, Exception};

/// What a call comes to, once it is done.
pub type Called<'a> = Pin<Box<dyn Future<Output = Result<Return, Exception>> + Send + 'a>>;

/// An object that clients share. `#[sabir::shared]` on an `impl` writes this from its methods.
///
/// ```
/// use sabir::server::{Arguments, Called, Exception, Return, Shared};
///
/// /// An object with whatever methods callers think of.
/// struct Echo;
///
/// impl Shared for Echo {
///     fn typeid() -> &'static str {
///         "Echo"
///     }
///
///     fn exposed(&self) -> &'static [&'static str] {
///         &["say"]
///     }
///
///     fn call<'a>(&'a self, method: &'a str, mut arguments: Arguments) -> Called<'a> {
///         Box::pin(async move {
///             match method {
///                 "say" => Return::value(&arguments.take::<String>("what")?),
///                 other => Err(Exception::new("builtins", "AttributeError", &(other,))),
///             }
///         })
///     }
/// }
/// ```
pub trait Shared: Any + Send + Sync {
    /// The name under which objects of this type stay with a server, when a method returns one.
    fn typeid() -> &'static str
    where
        Self: Sized;

    /// Which methods return an [`Object`], and the typeid of that.
    fn returns() -> Vec<(&'static str, &'static str)>
    where
        Self: Sized,
    {
        Vec::new()
    }

    /// The names of the methods that clients can call, in order.
    fn exposed(&self) -> &'static [&'static str];

    /// Calls one of its methods.
    fn call<'a>(&'a self, method: &'a str, arguments: Arguments) -> Called<'a>;

    /// What Python's `str` and `repr` show of it. `#[sabir::shared]` shows the type.
    fn text(&self) -> String {
        "<object of a Rust program>".to_owned()
    }
}

/// What a method returns: a [value](Return::value), which the caller gets a copy of, or, from an [`Object`], an object that
/// stays here, which the caller gets a proxy of.
#[derive(Debug)]
pub struct Return(pub(super) Returned);

#[derive(Debug)]
pub(super) enum Returned {
    Value(Graph),
    Object(Kept),
}

impl Return {
    /// A value.
    ///
    /// # Errors
    /// `RuntimeError` if it cannot be pickled.
    pub fn value<T: ?Sized + Serialize>(value: &T) -> Result<Return, Exception> {
        let graph = to_graph(value).map_err(Exception::runtime_error)?;
        Ok(Return(Returned::Value(graph)))
    }
}

impl<T: Shared> From<Object<T>> for Return {
    fn from(Object { object }: Object<T>) -> Return {
        Return(Returned::Object(Kept { typeid: T::typeid(), object }))
    }
}

/// An object on its way to a caller, of whatever type.
pub(super) struct Kept {
    pub(super) typeid: &'static str,
    pub(super) object: Arc<dyn Shared>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}>", self.typeid)
    }
}

/// An object of this server, where a method returns one or is given one.
///
/// A result stays with the server: `method_to_typeid` in Python. The caller gets a proxy of the type's
/// [`typeid`](Shared::typeid), which it must have registered on its side. The same object returned twice is one object
/// there, too. As a parameter it is what a caller has a proxy of.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use sabir::Context;
/// use sabir::server::{Object, Server};
///
/// #[derive(Default)]
/// struct Purse(Mutex<u32>);
///
/// #[sabir::shared]
/// impl Purse {
///     fn put(&self, coins: u32) {
///         *self.0.lock().expect("no panic while it was held") += coins;
///     }
///
///     fn empty_into(&self, other: Object<Purse>) {
///         other.put(std::mem::take(&mut *self.0.lock().expect("no panic while it was held")));
///     }
///
///     fn coins(&self) -> u32 {
///         *self.0.lock().expect("no panic while it was held")
///     }
/// }
///
/// # fn main() -> sabir::Result<()> {
/// let mut server = Server::new(&Context::new()).without_authkey(); // for clients in Rust
/// server.register("Purse", |_| Ok(Purse::default()));
/// let running = server.start("127.0.0.1:0")?;
/// let manager = Context::new().manager(running.address())?;
/// let (mine, yours) = (manager.create("Purse", &())?, manager.create("Purse", &())?);
/// mine.call::<()>("put", &(3,))?;
/// mine.call::<()>("empty_into", &(&yours,))?;
/// assert_eq!(yours.call::<u32>("coins", &())?, 3);
/// # Ok(()) }
/// ```
pub struct Object<T> {
    object: Arc<T>,
}

impl<T: Shared> Object<T> {
    /// An object to be kept.
    pub fn new(object: impl Into<Arc<T>>) -> Object<T> {
        Object { object: object.into() }
    }

    /// The object, to keep it beyond the call.
    #[must_use]
    pub fn into_inner(self) -> Arc<T> {
        self.object
    }
}

impl<T> Clone for Object<T> {
    fn clone(&self) -> Object<T> {
        Object { object: Arc::clone(&self.object) }
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: Shared> std::fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}>", T::typeid())
    }
}
