//! Pools of worker processes that live in a manager.

use std::marker::PhantomData;
use std::time::Duration;

use sabir_pickle::serde::Class;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Iter, typed, unless};
use crate::error::Result;
use crate::manager::{NO_KEYWORDS, Proxy};

/// A `Pool` of a manager: processes that call Python's functions with what they are given.
///
/// A function is named by a [`Class`], which is anything that a module has; arguments are a tuple, an array or a vector,
/// `()` for none.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// use sabir::pickle::serde::Class;
///
/// let pool = manager.pool(Some(4))?;
/// let power = Class::new("math", "pow");
/// assert_eq!(pool.apply::<f64, _>(&power, &(2, 10))?, 1024.0);
/// let roots: Vec<f64> = pool.map(&Class::new("math", "sqrt"), &[1.0, 4.0, 9.0])?;
/// assert_eq!(roots, [1.0, 2.0, 3.0]);
/// pool.terminate()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Pool {
    proxy: Proxy,
}

typed!(Pool {});

#[expect(
    clippy::missing_errors_doc,
    reason = "each fails as Proxy::call does, also with what the function raised"
)]
impl Pool {
    /// Calls a function, and waits for its result.
    pub fn apply<R, A>(&self, function: &Class, args: &A) -> Result<R>
    where
        R: DeserializeOwned,
        A: ?Sized + Serialize,
    {
        self.apply_with(function, args, &NO_KEYWORDS)
    }

    /// The same with keyword arguments too: a struct or a map.
    pub fn apply_with<R, A, K>(&self, function: &Class, args: &A, kwargs: &K) -> Result<R>
    where
        R: DeserializeOwned,
        A: ?Sized + Serialize,
        K: ?Sized + Serialize,
    {
        self.proxy.call_function("apply", function, args, kwargs)?.value()
    }

    /// Has a function called, and does not wait.
    pub fn apply_async<R, A: ?Sized + Serialize>(
        &self,
        function: &Class,
        args: &A,
    ) -> Result<AsyncResult<R>> {
        self.apply_async_with(function, args, &NO_KEYWORDS)
    }

    /// The same with keyword arguments too.
    pub fn apply_async_with<R, A, K>(&self, function: &Class, args: &A, kwargs: &K) -> Result<AsyncResult<R>>
    where
        A: ?Sized + Serialize,
        K: ?Sized + Serialize,
    {
        let reply = self.proxy.call_function("apply_async", function, args, kwargs)?;
        Ok(self.proxy.kept(&reply)?.into())
    }

    /// Calls a function with each item; all results, in the order of the items.
    pub fn map<R: DeserializeOwned, T: Serialize>(&self, function: &Class, items: &[T]) -> Result<Vec<R>> {
        self.proxy.call("map", &(function, items))
    }

    /// The same, and does not wait.
    pub fn map_async<R, T: Serialize>(&self, function: &Class, items: &[T]) -> Result<AsyncResult<Vec<R>>> {
        Ok(self.proxy.call_proxy("map_async", &(function, items))?.into())
    }

    /// Calls a function with each row of arguments; all results, in the order of the rows (Python 3).
    pub fn starmap<R: DeserializeOwned, A: Serialize>(&self, function: &Class, rows: &[A]) -> Result<Vec<R>> {
        self.proxy.call("starmap", &(function, rows))
    }

    /// The same, and does not wait (Python 3).
    pub fn starmap_async<R, A: Serialize>(
        &self,
        function: &Class,
        rows: &[A],
    ) -> Result<AsyncResult<Vec<R>>> {
        Ok(self.proxy.call_proxy("starmap_async", &(function, rows))?.into())
    }

    /// Calls a function with each item; results one by one, in the order of the items, as they are there. What the
    /// function raised is an item, too.
    pub fn imap<R, T: Serialize>(&self, function: &Class, items: &[T]) -> Result<Iter<R>> {
        Ok(self.proxy.call_proxy("imap", &(function, items))?.into())
    }

    /// The same in the order in which they are done.
    pub fn imap_unordered<R, T: Serialize>(&self, function: &Class, items: &[T]) -> Result<Iter<R>> {
        Ok(self.proxy.call_proxy("imap_unordered", &(function, items))?.into())
    }

    /// Takes no more work; the processes end when what there is is done.
    pub fn close(&self) -> Result<()> {
        self.proxy.call("close", &())
    }

    /// Ends the processes, whatever they do.
    pub fn terminate(&self) -> Result<()> {
        self.proxy.call("terminate", &())
    }

    /// Waits until the processes have ended, after [`close`](Pool::close) or [`terminate`](Pool::terminate).
    pub fn join(&self) -> Result<()> {
        self.proxy.call("join", &())
    }
}

/// A result of a [`Pool`] that may be on its way.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// use std::time::Duration;
///
/// use sabir::pickle::serde::Class;
///
/// let pool = manager.pool(None)?;
/// let result = pool.apply_async::<f64, _>(&Class::new("math", "sqrt"), &(2,))?;
/// match result.get_timeout(Duration::from_secs(1))? {
///     Some(root) => println!("{root}"),
///     None => println!("not yet"),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct AsyncResult<R> {
    proxy: Proxy,
    kind: PhantomData<fn() -> R>,
}

typed!(AsyncResult { kind: PhantomData } R);

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl<R: DeserializeOwned> AsyncResult<R> {
    /// Waits for the result; what the function raised is an error.
    pub fn get(&self) -> Result<R> {
        self.proxy.call("get", &())
    }

    /// Waits so long for the result.
    pub fn get_timeout(&self, timeout: Duration) -> Result<Option<R>> {
        let got = self.proxy.call_waiting("get", &(timeout.as_secs_f64(),), timeout);
        unless(got, "multiprocessing.context", "TimeoutError")
    }

    /// Waits until the function has returned or raised.
    pub fn wait(&self) -> Result<()> {
        self.proxy.call("wait", &())
    }

    /// Waits so long for that; [`ready`](AsyncResult::ready) tells whether it has.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        self.proxy.call_waiting("wait", &(timeout.as_secs_f64(),), timeout)
    }

    /// Whether the function has returned or raised.
    pub fn ready(&self) -> Result<bool> {
        self.proxy.call("ready", &())
    }

    /// Whether it has returned. Of one that is not ready, Python raises `ValueError` (before 3.7 `AssertionError`).
    pub fn successful(&self) -> Result<bool> {
        self.proxy.call("successful", &())
    }
}
