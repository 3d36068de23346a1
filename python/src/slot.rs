//! One half of a connection, for one thread at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};

/// Holds a state that a call takes out while it works, without a lock: a child that is forked meanwhile must not
/// inherit one that nobody will ever unlock. It makes a state of its own instead.
pub(crate) struct Slot<T> {
    place: Mutex<Place<T>>,
    freed: Condvar,
}

struct Place<T> {
    state: Option<T>,
    /// Who has taken the state: the process by its forks, and the thread by an address of its own.
    taker: Option<(u64, usize)>,
    /// How many threads wait: to wake nobody is a system call too.
    waiting: usize,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Self { place: Mutex::new(Place { state: None, taker: None, waiting: 0 }), freed: Condvar::new() }
    }

    /// Takes the state, or makes the first one; waits while another thread has it.
    pub(crate) fn take(&self, py: Python<'_>, make: impl FnOnce() -> T) -> PyResult<Taken<'_, T>>
    where
        T: Send,
    {
        let mut make = Some(make);
        loop {
            let mut place = self.lock();
            let taken_here = place.taker.is_some_and(|(forks, _)| forks == FORKS.load(Ordering::Relaxed));
            if !taken_here {
                let state = place.state.take();
                if place.taker.is_some() {
                    // Those who waited are threads of the parent.
                    place.waiting = 0;
                }
                place.taker = Some((FORKS.load(Ordering::Relaxed), thread()));
                drop(place);
                let state = state.or_else(|| make.take().map(|make| make()));
                return Ok(Taken { slot: self, state });
            }
            if place.taker.is_some_and(|(_, taker)| taker == thread()) {
                let why = "the connection is in use by this very thread: a signal handler cannot use it now";
                return Err(PyRuntimeError::new_err(why));
            }
            drop(place);
            py.detach(|| {
                let mut place = self.lock();
                if place.taker.is_some() {
                    place.waiting += 1;
                    let woken = self.freed.wait_timeout(place, ROUND);
                    woken.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
                }
            });
            py.check_signals()?;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Place<T>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A state that was taken; it goes back when this is dropped.
pub(crate) struct Taken<'a, T> {
    slot: &'a Slot<T>,
    state: Option<T>,
}

impl<T> Taken<'_, T> {
    pub(crate) fn get(&mut self) -> PyResult<&mut T> {
        self.state.as_mut().ok_or_else(|| PyRuntimeError::new_err("the state of the connection is lost"))
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        let mut place = self.slot.lock();
        place.state = self.state.take();
        place.taker = None;
        if place.waiting > 0 {
            self.slot.freed.notify_one();
        }
    }
}

/// Has every forked child know that it is one, without a system call for each message.
pub(crate) fn watch_forks(py: Python<'_>) -> PyResult<()> {
    let forked = PyCFunction::new_closure(py, None, None, |_, _| {
        FORKS.fetch_add(1, Ordering::Relaxed);
    })?;
    let arguments = PyDict::new(py);
    arguments.set_item("after_in_child", forked)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&arguments)).map(drop)
}

/// How many forks lie between this process and the one that loaded the module.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// An address that no other living thread has.
fn thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here) as usize)
}

/// How long to wait before signals are looked for.
const ROUND: Duration = Duration::from_millis(50);
