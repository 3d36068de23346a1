//! The types that every `SyncManager` registers, under Rust's names for what they do.
//!
//! Each is a [`Proxy`] with a type: what is not here is called by its Python name through
//! `proxy()`. Where Python raises to say "not there" (`KeyError`, `IndexError`, `queue.Empty`), the
//! methods here give `None`.

mod collections;
mod iterator;
mod namespace;
mod pool;
mod queue;
mod shared;
mod synchronize;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::collections::{Dict, List, Set};
pub use self::iterator::Iter;
pub use self::namespace::Namespace;
pub use self::pool::{AsyncResult, Pool};
pub use self::queue::Queue;
pub use self::shared::{Array, Value};
pub use self::synchronize::{Barrier, Condition, Event, Guard, Lock, Semaphore};
use super::{Manager, Proxy};
use crate::error::{Error, Result};

/// What a type around a proxy has: it is made of one, gives it, and is written as it.
macro_rules! typed {
    ($name:ident { $($field:ident: $value:expr)? } $($parameter:ident),*) => {
        impl<$($parameter),*> From<$crate::manager::Proxy> for $name<$($parameter),*> {
            fn from(proxy: $crate::manager::Proxy) -> Self {
                Self { proxy, $($field: $value)? }
            }
        }

        impl<$($parameter),*> $name<$($parameter),*> {
            /// The untyped proxy: for methods that have no name here.
            #[must_use]
            pub fn proxy(&self) -> &$crate::manager::Proxy {
                &self.proxy
            }
        }

        impl<$($parameter),*> $crate::manager::Typed for $name<$($parameter),*> {
            fn proxy(&self) -> &$crate::manager::Proxy {
                &self.proxy
            }
        }

        impl<$($parameter),*> serde::Serialize for $name<$($parameter),*> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.proxy.serialize(serializer)
            }
        }
    };
}
use typed;

impl Manager {
    /// Creates a `dict`.
    ///
    /// # Errors
    /// [`Error::Remote`] if the manager has no such type registered, [`Error::Net`]; of the others here too.
    pub fn dict<K, V>(&self) -> Result<Dict<K, V>> {
        self.typed("dict", &())
    }

    /// Creates a `list`.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn list<T>(&self) -> Result<List<T>> {
        self.typed("list", &())
    }

    /// Creates a `set` (Python 3.14 and newer).
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn set<T>(&self) -> Result<Set<T>> {
        self.typed("set", &())
    }

    /// Creates a `Pool` of so many processes; without a number, of as many as the manager's machine has processors.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn pool(&self, processes: Option<u32>) -> Result<Pool> {
        self.typed("Pool", &(processes,))
    }

    /// Creates a `Namespace`.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn namespace(&self) -> Result<Namespace> {
        self.typed("Namespace", &())
    }

    /// Creates a `Queue`, which holds at most so many items; 0 for any number.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn queue<T>(&self, max_size: usize) -> Result<Queue<T>> {
        self.typed("Queue", &(max_size,))
    }

    /// Creates a `JoinableQueue`.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn joinable_queue<T>(&self, max_size: usize) -> Result<Queue<T>> {
        self.typed("JoinableQueue", &(max_size,))
    }

    /// Creates an `Event`.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn event(&self) -> Result<Event> {
        self.typed("Event", &())
    }

    /// Creates a `Lock`.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn lock(&self) -> Result<Lock> {
        self.typed("Lock", &())
    }

    /// Creates an `RLock`, which the thread that has it may take again.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn rlock(&self) -> Result<Lock> {
        self.typed("RLock", &())
    }

    /// Creates a `Semaphore` of so many permits.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn semaphore(&self, permits: u32) -> Result<Semaphore> {
        self.typed("Semaphore", &(permits,))
    }

    /// Creates a `BoundedSemaphore`, which refuses to have more permits than it began with.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn bounded_semaphore(&self, permits: u32) -> Result<Semaphore> {
        self.typed("BoundedSemaphore", &(permits,))
    }

    /// Creates a `Condition`.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn condition(&self) -> Result<Condition> {
        self.typed("Condition", &())
    }

    /// Creates a `Barrier` for so many parties (Python 3).
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn barrier(&self, parties: u32) -> Result<Barrier> {
        self.typed("Barrier", &(parties,))
    }

    /// Creates a `Value`. The type code is a word for people: managers do not look at it.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn value<T: Serialize>(&self, typecode: &str, value: &T) -> Result<Value<T>> {
        self.typed("Value", &(typecode, value))
    }

    /// Creates an `Array` of numbers of a type code of Python's `array`, such as `d`.
    #[expect(clippy::missing_errors_doc, reason = "as dict")]
    pub fn array<T: Serialize>(&self, typecode: &str, values: &[T]) -> Result<Array<T>> {
        self.typed("Array", &(typecode, values))
    }

    fn typed<T: From<Proxy>, A: ?Sized + Serialize>(&self, typeid: &str, args: &A) -> Result<T> {
        Ok(self.create(typeid, args)?.into())
    }
}

/// A result, or `None` if the manager raised this.
fn unless<T>(result: Result<T>, module: &str, name: &str) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Remote(raised)) if raised.is(module, name) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The object that a proxy of a type of Python's own collections holds, whole.
fn whole<T: DeserializeOwned>(proxy: &Proxy) -> Result<T> {
    proxy.value()
}
