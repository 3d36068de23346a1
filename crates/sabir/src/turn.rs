//! One after the other, each until its own deadline: a mutex that is waited for no longer than so long.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use sabir_net::Deadline;

/// A value that one thread at a time has.
#[derive(Debug, Default)]
pub(crate) struct Turns<T> {
    taken: Mutex<bool>,
    freed: Condvar,
    /// Locked by whoever has taken it.
    value: Mutex<T>,
}

impl<T> Turns<T> {
    /// Waits for the value; nothing at the deadline.
    pub(crate) fn take(&self, deadline: Deadline) -> Option<Turn<'_, T>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            taken = match deadline.left() {
                None => self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => self.freed.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        *taken = true;
        Some(Turn { turns: self, value: self.value.lock().unwrap_or_else(PoisonError::into_inner) })
    }
}

/// The value, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a, T> {
    turns: &'a Turns<T>,
    value: MutexGuard<'a, T>,
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        // Whoever is next finds the mutex of the value locked for a moment still.
        *self.turns.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.turns.freed.notify_one();
    }
}
