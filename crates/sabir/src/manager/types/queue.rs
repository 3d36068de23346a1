//! Queues.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{typed, unless};
use crate::error::Result;
use crate::manager::Proxy;

/// A `Queue` or a `JoinableQueue` of a manager.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let jobs = manager.queue::<(u32, String)>(100)?;
/// jobs.put(&(1, "resize".into()))?;
/// while let Some((number, what)) = jobs.try_get()? {
///     println!("{number}: {what}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Queue<T> {
    proxy: Proxy,
    kind: PhantomData<fn(T)>,
}

typed!(Queue { kind: PhantomData } T);

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl<T: Serialize + DeserializeOwned> Queue<T> {
    /// Waits for room, and puts an item at the end.
    pub fn put(&self, item: &T) -> Result<()> {
        self.proxy.call("put", &(item,))
    }

    /// Puts an item at the end; false if there is no room.
    pub fn try_put(&self, item: &T) -> Result<bool> {
        let put = self.proxy.call::<()>("put", &(item, false));
        Ok(unless(put, "queue", "Full")?.is_some())
    }

    /// Waits so long for room, and puts an item at the end; false if there was none.
    pub fn put_timeout(&self, item: &T, timeout: Duration) -> Result<bool> {
        let put = self.proxy.call_waiting::<(), _>("put", &(item, true, timeout.as_secs_f64()), timeout);
        Ok(unless(put, "queue", "Full")?.is_some())
    }

    /// Waits for an item.
    pub fn get(&self) -> Result<T> {
        self.proxy.call("get", &())
    }

    /// The first item, if there is one.
    pub fn try_get(&self) -> Result<Option<T>> {
        unless(self.proxy.call("get", &(false,)), "queue", "Empty")
    }

    /// Waits so long for an item.
    pub fn get_timeout(&self, timeout: Duration) -> Result<Option<T>> {
        unless(self.proxy.call_waiting("get", &(true, timeout.as_secs_f64()), timeout), "queue", "Empty")
    }

    /// How many items there are.
    pub fn len(&self) -> Result<usize> {
        self.proxy.call("qsize", &())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool> {
        self.proxy.call("empty", &())
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> Result<bool> {
        self.proxy.call("full", &())
    }

    /// Says that what was got from the queue is done.
    pub fn task_done(&self) -> Result<()> {
        self.proxy.call("task_done", &())
    }

    /// Waits until all that was put is done.
    pub fn join(&self) -> Result<()> {
        self.proxy.call("join", &())
    }
}
