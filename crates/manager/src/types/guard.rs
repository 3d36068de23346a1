//! The lock of a condition: one of its own, or one that it was given.

use super::lock::Lock;
use super::raised::Raised;
use super::rlock::RLock;
use super::value::Value;
use super::waiting::Wakes;
use super::{Call, Called, Caller, Object};
use crate::server::{ConnectionId, Ticket};

/// What a condition is guarded by.
///
/// A 3.x would reach a lock that it was given through a proxy, whose connection another thread of the server answers.
/// With a `Lock` that comes to the same as here. An `RLock` would there be another thread's, so that no `wait` ever works;
/// here it does what it does in 2.7.
#[derive(Debug)]
pub(crate) enum Guard<'a> {
    Lock(&'a mut Lock),
    RLock(&'a mut RLock),
}

impl<'a> Guard<'a> {
    /// An object that can be one.
    pub(crate) fn of(object: &'a mut Object) -> Option<Guard<'a>> {
        match object {
            Object::Lock(lock) => Some(Guard::Lock(lock)),
            Object::RLock(lock) => Some(Guard::RLock(lock)),
            _ => None,
        }
    }

    /// `acquire`, `release` and `locked`.
    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        match self {
            Guard::Lock(lock) => lock.call(call),
            Guard::RLock(lock) => lock.call(call),
        }
    }

    pub(crate) fn is_held_by(&self, connection: ConnectionId) -> bool {
        match self {
            Guard::Lock(lock) => lock.is_held(),
            Guard::RLock(lock) => lock.is_held_by(connection),
        }
    }

    /// Lets go of it altogether. How often it was held.
    pub(crate) fn let_go(&mut self, wakes: &mut Wakes) -> u64 {
        match self {
            Guard::Lock(lock) => {
                lock.pass_on(wakes);
                1
            }
            Guard::RLock(lock) => lock.let_go(wakes),
        }
    }

    /// Takes it again for a call that then has this answer, however long that takes.
    pub(crate) fn take_again(&mut self, caller: Caller, answer: Value, count: u64, wakes: &mut Wakes) {
        match self {
            Guard::Lock(lock) => lock.take_again(caller, answer, wakes),
            Guard::RLock(lock) => lock.take_again(caller, answer, count, wakes),
        }
    }

    /// The time of a call has come; nothing if it has to have the lock all the same.
    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Option<Result<Value, Raised>> {
        match self {
            Guard::Lock(lock) => lock.give_up(ticket),
            Guard::RLock(lock) => lock.give_up(ticket),
        }
    }

    /// Who made a call is gone.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        match self {
            Guard::Lock(lock) => lock.abandon(ticket),
            Guard::RLock(lock) => lock.abandon(ticket),
        }
    }
}
