//! Locks and their like. They belong to a thread's connection: what a thread took, that thread gives back.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Deserialize;

use super::typed;
use crate::error::Result;
use crate::manager::Proxy;

/// A `Lock` or an `RLock` of a manager.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let lock = manager.lock()?;
/// {
///     let _held = lock.acquire()?; // with lock:
/// }
/// if let Some(held) = lock.try_acquire()? {
///     held.release()?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Lock {
    proxy: Proxy,
}

typed!(Lock {});

/// A lock that is held; dropped, it is given back.
#[derive(Debug)]
#[must_use = "dropped at once, the lock is given back at once"]
pub struct Guard<'l> {
    proxy: &'l Proxy,
    /// Only the thread that took a lock can give it back.
    here: PhantomData<*const ()>,
}

impl<'l> Guard<'l> {
    fn held(proxy: &'l Proxy) -> Guard<'l> {
        Guard { proxy, here: PhantomData }
    }

    /// Gives the lock back, and says whether the manager took it.
    ///
    /// # Errors
    /// As [`Proxy::call`].
    pub fn release(self) -> Result<()> {
        let proxy = self.proxy;
        std::mem::forget(self);
        proxy.call("release", &())
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // Nobody could be told; a manager that is gone has no lock any more.
        let _ = self.proxy.call::<()>("release", &());
    }
}

fn acquire(proxy: &Proxy, wait: Wait) -> Result<Option<Guard<'_>>> {
    let Truth(taken) = match wait {
        Wait::Forever => proxy.call("acquire", &())?,
        Wait::No => proxy.call("acquire", &(false,))?,
        Wait::For(timeout) => proxy.call_waiting("acquire", &(true, timeout.as_secs_f64()), timeout)?,
    };
    Ok(taken.then(|| Guard::held(proxy)))
}

/// A bool, or the number by which 2.7 says it: its `RLock.acquire` gives 1.
#[derive(Deserialize)]
#[serde(from = "Said")]
struct Truth(bool);

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Bool(bool),
    Number(i64),
}

impl From<Said> for Truth {
    fn from(said: Said) -> Truth {
        Truth(match said {
            Said::Bool(truth) => truth,
            Said::Number(number) => number != 0,
        })
    }
}

#[derive(Clone, Copy)]
enum Wait {
    Forever,
    No,
    For(Duration),
}

/// What all that is taken and given back has.
macro_rules! lockable {
    ($name:ident) => {
        #[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
        impl $name {
            /// Waits until it can be taken.
            pub fn acquire(&self) -> Result<Guard<'_>> {
                loop {
                    if let Some(guard) = acquire(&self.proxy, Wait::Forever)? {
                        return Ok(guard);
                    }
                }
            }

            /// Takes it if that needs no waiting.
            pub fn try_acquire(&self) -> Result<Option<Guard<'_>>> {
                acquire(&self.proxy, Wait::No)
            }

            /// Waits so long until it can be taken. 2.7 has no such call: its managers raise `TypeError`.
            pub fn acquire_timeout(&self, timeout: Duration) -> Result<Option<Guard<'_>>> {
                acquire(&self.proxy, Wait::For(timeout))
            }
        }
    };
}

lockable!(Lock);

/// A `Semaphore` or a `BoundedSemaphore` of a manager.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let rooms = manager.semaphore(2)?;
/// let (_one, _other) = (rooms.acquire()?, rooms.acquire()?);
/// assert!(rooms.try_acquire()?.is_none());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Semaphore {
    proxy: Proxy,
}

typed!(Semaphore {});
lockable!(Semaphore);

impl Semaphore {
    /// Gives a permit, whoever has taken one: what `std::mem::forget` kept of a [`Guard`], or one more than there were.
    ///
    /// # Errors
    /// As [`Proxy::call`]; a `BoundedSemaphore` raises `ValueError` if it has all its permits.
    pub fn release(&self) -> Result<()> {
        self.proxy.call("release", &())
    }
}

/// A `Condition` of a manager.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// use std::time::Duration;
///
/// let changed = manager.condition()?;
/// let held = changed.acquire()?;
/// if !changed.wait_timeout(&held, Duration::from_secs(1))? {
///     println!("nobody notified us");
/// }
/// changed.notify_all(&held)?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Condition {
    proxy: Proxy,
}

typed!(Condition {});
lockable!(Condition);

#[expect(
    clippy::missing_errors_doc,
    reason = "each fails as Proxy::call does, also if the guard is of another lock"
)]
impl Condition {
    /// Lets the lock go, waits until notified, and takes it again.
    pub fn wait(&self, _held: &Guard<'_>) -> Result<()> {
        // 2.7 gives None, 3.x whether it was notified.
        self.proxy.call::<Option<bool>>("wait", &()).map(drop)
    }

    /// The same, but not longer than so long; whether it was notified. 2.7 does not say: there it is always true.
    pub fn wait_timeout(&self, _held: &Guard<'_>, timeout: Duration) -> Result<bool> {
        let notified: Option<bool> = self.proxy.call_waiting("wait", &(timeout.as_secs_f64(),), timeout)?;
        Ok(notified.unwrap_or(true))
    }

    /// Wakes one that waits.
    pub fn notify_one(&self, _held: &Guard<'_>) -> Result<()> {
        self.proxy.call("notify", &())
    }

    /// Wakes all that wait.
    pub fn notify_all(&self, _held: &Guard<'_>) -> Result<()> {
        self.proxy.call("notify_all", &())
    }
}

/// An `Event` of a manager.
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let ready = manager.event()?;
/// ready.set()?;
/// ready.wait()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Event {
    proxy: Proxy,
}

typed!(Event {});

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl Event {
    /// Whether it is set.
    pub fn is_set(&self) -> Result<bool> {
        self.proxy.call("is_set", &())
    }

    /// Sets it, and wakes all that wait.
    pub fn set(&self) -> Result<()> {
        self.proxy.call("set", &())
    }

    /// Takes that back.
    pub fn clear(&self) -> Result<()> {
        self.proxy.call("clear", &())
    }

    /// Waits until it is set.
    pub fn wait(&self) -> Result<()> {
        self.proxy.call::<Option<bool>>("wait", &()).map(drop)
    }

    /// Waits so long until it is set; whether it is.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<bool> {
        self.proxy.call_waiting("wait", &(timeout.as_secs_f64(),), timeout)
    }
}

/// A `Barrier` of a manager (Python 3).
///
/// ```no_run
/// # fn example(manager: &sabir::manager::Manager) -> sabir::Result<()> {
/// let barrier = manager.barrier(1)?;
/// assert_eq!(barrier.wait()?, 0);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Barrier {
    proxy: Proxy,
}

typed!(Barrier {});

#[expect(clippy::missing_errors_doc, reason = "each fails as Proxy::call does")]
impl Barrier {
    /// Waits until all parties wait; which of them this one is, from 0.
    pub fn wait(&self) -> Result<u32> {
        self.proxy.call("wait", &())
    }

    /// Waits so long; a barrier that is not passed by then is broken, and raises `BrokenBarrierError` at all who wait.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<u32> {
        self.proxy.call_waiting("wait", &(timeout.as_secs_f64(),), timeout)
    }

    /// Breaks it.
    pub fn abort(&self) -> Result<()> {
        self.proxy.call("abort", &())
    }

    /// Mends it.
    pub fn reset(&self) -> Result<()> {
        self.proxy.call("reset", &())
    }

    /// How many parties it is for.
    pub fn parties(&self) -> Result<u32> {
        self.proxy.call("__getattribute__", &("parties",))
    }
}
