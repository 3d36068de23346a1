//! The types that every `SyncManager` shares, as state machines: a call comes in, what it came to goes out, or that it
//! has to wait.
//!
//! They do what CPython's do, method by method, for each version of a caller as its own manager would, exceptions and
//! their texts included. Nothing here runs what a value names: where CPython would call the code of a class (to order
//! instances, to sort by a function, to act at a barrier) a `TypeError` says so and what to do instead.
//!
//! [`Objects`] holds them and knows who waits.

mod acquire;
mod array;
mod barrier;
mod condition;
mod dict;
mod digest;
mod era;
mod event;
mod guard;
mod holder;
mod index;
mod iterator;
mod key;
mod list;
mod lock;
mod many;
mod memory;
mod namespace;
mod number;
mod objects;
mod order;
mod queue;
mod raised;
mod registered;
mod rlock;
mod room;
mod semaphore;
mod set;
mod show;
mod signature;
mod sip;
mod sorting;
mod table;
mod tally;
mod value;
mod view;
mod waiting;
mod writer;

use alloc::string::String;
use core::time::Duration;

pub use self::digest::Keys;
pub use self::era::Era;
pub use self::many::Many;
pub use self::memory::{Charge, Kept, Meter};
pub use self::objects::{Came, Key, Objects, Woken};
pub use self::raised::Raised;
pub use self::registered::registered;
pub use self::room::Most;
pub use self::signature::Arguments;
pub use self::tally::{Row, Tally};
pub use self::value::Value;
pub(crate) use self::writer::canonical;

use self::room::Room;
use self::waiting::Wakes;
use crate::server::{ConnectionId, Fallback, Ticket};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose are the locks that it takes.
    pub connection: ConnectionId,
    /// Whose rules it knows.
    pub era: Era,
    /// Which of its calls this is.
    pub ticket: Ticket,
    /// When, since any moment that stays the same.
    pub now: Duration,
}

/// A call on its way through an object.
pub(crate) struct Call<'a> {
    pub(crate) caller: Caller,
    pub(crate) keys: &'a Keys,
    pub(crate) method: &'a str,
    pub(crate) arguments: &'a Arguments,
    pub(crate) room: Room,
    /// The calls that can go on because of this one.
    pub(crate) wakes: &'a mut Wakes,
}

/// What a call comes to, if it raises nothing.
#[derive(Debug)]
pub(crate) enum Answer {
    Value(Value),
    Many(Many),
    /// An iterator over the keys of the object that was called.
    Iterator(iterator::Iterator),
    /// It waits, until then at most.
    Parked(Option<Duration>),
    /// There is no such method in this version.
    NoMethod,
    /// What it returns cannot be pickled: the exception that says so.
    Unserializable(String),
}

type Called = Result<Answer, Raised>;

/// One of the shared types.
#[derive(Debug)]
pub(crate) enum Object {
    Array(array::Array),
    Barrier(barrier::Barrier),
    Condition(condition::Condition),
    Dict(dict::Dict),
    Event(event::Event),
    Holder(holder::Holder),
    Iterator(iterator::Iterator),
    List(list::List),
    Lock(lock::Lock),
    Namespace(namespace::Namespace),
    Queue(queue::Queue),
    RLock(rlock::RLock),
    Semaphore(semaphore::Semaphore),
    Set(set::Set),
}

impl Object {
    /// What a typeid of `SyncManager` makes.
    /// `has_lock` says whether a condition was given a lock of this server.
    fn make(
        typeid: &str,
        caller: &Caller,
        keys: &Keys,
        arguments: &Arguments,
        has_lock: bool,
    ) -> Result<Object, Raised> {
        let era = caller.era;
        Ok(match typeid {
            "dict" => Object::Dict(dict::Dict::make(era, keys, arguments)?),
            "list" => Object::List(list::List::make(era, arguments)?),
            "set" => Object::Set(set::Set::make(era, keys, arguments)?),
            "Namespace" => Object::Namespace(namespace::Namespace::make(era, arguments)?),
            "Queue" | "JoinableQueue" => Object::Queue(queue::Queue::make(era, arguments)?),
            "Event" => Object::Event(event::Event::make(era, arguments)?),
            "Lock" => Object::Lock(lock::Lock::make(era, arguments)?),
            "RLock" => Object::RLock(rlock::RLock::make(era, arguments)?),
            "Semaphore" => Object::Semaphore(semaphore::Semaphore::make(era, arguments, false)?),
            "BoundedSemaphore" => Object::Semaphore(semaphore::Semaphore::make(era, arguments, true)?),
            "Condition" => Object::Condition(condition::Condition::make(era, arguments, has_lock)?),
            "Barrier" => Object::Barrier(barrier::Barrier::make(era, arguments)?),
            "Value" => Object::Holder(holder::Holder::make(era, arguments)?),
            "Array" => Object::Array(array::Array::make(era, arguments)?),
            "Pool" => {
                return Err(Raised::type_error(
                    "this server runs no Python, so it has no Pool: start a multiprocessing.Pool, or a manager of \
                     your own for it, in a program",
                ));
            }
            other => return Err(Raised::type_error(alloc::format!("this server has no type {other}"))),
        })
    }

    fn call(&mut self, call: &mut Call<'_>) -> Called {
        match self {
            Object::Array(array) => array.call(call),
            Object::Barrier(barrier) => barrier.call(call),
            Object::Condition(condition) => condition.call(call, None),
            Object::Dict(dict) => dict.call(call),
            Object::Event(event) => event.call(call),
            Object::Holder(holder) => holder.call(call),
            // It needs the dict that it goes over.
            Object::Iterator(_) => Ok(Answer::NoMethod),
            Object::List(list) => list.call(call),
            Object::Lock(lock) => lock.call(call),
            Object::Namespace(namespace) => namespace.call(call),
            Object::Queue(queue) => queue.call(call),
            Object::RLock(lock) => lock.call(call),
            Object::Semaphore(semaphore) => semaphore.call(call),
            Object::Set(set) => set.call(call),
        }
    }

    /// What the server itself answers for an object.
    fn fallback(&self, era: Era, fallback: Fallback) -> Called {
        match (fallback, self) {
            (Fallback::GetValue, Object::Dict(dict)) => Ok(Answer::Many(Many::dict(dict.table()))),
            (Fallback::GetValue, Object::List(list)) => Ok(Answer::Many(list.all())),
            (Fallback::GetValue, Object::Set(set)) => Ok(Answer::Many(Many::set(set.table()))),
            (Fallback::GetValue, _) => self.value(era).map(Answer::Value),
            _ => self.repr(era).map(|text| Answer::Value(Value::text(&text))),
        }
    }

    /// `repr`.
    fn repr(&self, era: Era) -> Result<String, Raised> {
        match self {
            Object::Array(array) => array.repr(era),
            Object::Dict(dict) => dict.repr(era),
            Object::Holder(holder) => holder.repr(era),
            Object::List(list) => list.repr(era),
            Object::Namespace(namespace) => namespace.repr(era),
            Object::Set(set) => set.repr(era),
            Object::Lock(lock) => Ok(lock.repr(era)),
            Object::RLock(lock) => Ok(lock.repr(era)),
            Object::Semaphore(semaphore) => Ok(semaphore.repr(era)),
            Object::Condition(condition) => Ok(condition.repr(era, None)),
            Object::Event(event) => Ok(event.repr(era)),
            Object::Barrier(barrier) => Ok(barrier.repr(era)),
            Object::Queue(_) => Ok(String::from(if era.is_py2() {
                "<Queue.Queue instance at 0x0>"
            } else {
                "<queue.Queue object at 0x0>"
            })),
            Object::Iterator(_) => Ok(String::from(if era.is_py2() {
                "<dictionary-keyiterator object at 0x0>"
            } else {
                "<dict_keyiterator object at 0x0>"
            })),
        }
    }

    /// The object itself, as a value.
    fn value(&self, era: Era) -> Result<Value, Raised> {
        let kind = match self {
            Object::Namespace(namespace) => return Ok(namespace.value()),
            Object::Holder(holder) => return Ok(holder.value()),
            Object::Array(array) => return Ok(array.value()),
            Object::Lock(_) | Object::Condition(_) | Object::Semaphore(_) | Object::Event(_) => {
                if era.is_py2() { "thread.lock" } else { "_thread.lock" }
            }
            Object::Queue(_) | Object::Barrier(_) => "_thread.lock",
            Object::RLock(_) => "_thread.RLock",
            // These have values, which are many.
            Object::Dict(_) => "dict",
            Object::List(_) => "list",
            Object::Set(_) => "set",
            Object::Iterator(_) => "dict_keyiterator",
        };
        Err(Raised::type_error(alloc::format!("cannot pickle '{kind}' object")))
    }
}
