//! `Condition`, with the RLock that it makes for itself, or with a lock that was there before.

use alloc::string::String;

use super::acquire::in_range;
use super::era::Era;
use super::guard::Guard;
use super::order::name;
use super::raised::Raised;
use super::rlock::RLock;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::view::View;
use super::waiting::{Patience, Waiters, Wakes, seconds};
use super::{Answer, Call, Called, Object};
use crate::server::{ConnectionId, Ticket};

/// A condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    /// Its lock, if it was given none.
    own: RLock,
    /// Who waits to be notified, and how often it held the lock.
    waiters: Waiters<u64>,
}

impl Condition {
    /// `has_lock` says whether it was given a lock of this server, which is then handed in with each call.
    pub(crate) fn make(era: Era, arguments: &Arguments, has_lock: bool) -> Result<Condition, Raised> {
        let given = if era.is_py2() {
            arguments.init(era, "_Condition", &["lock", "verbose"], 0)?
        } else {
            arguments.init(era, "Condition", &["lock"], 0)?
        };
        match given.first() {
            Some(Some(lock)) if !has_lock && !matches!(lock.view(), View::None) => Err(Raised::type_error(
                "a Condition of this server takes a Lock or an RLock of this server: give it one, or none, and it has \
                 one of its own",
            )),
            _ => Ok(Condition::default()),
        }
    }

    /// `lock` is the text of the lock that it was given.
    pub(crate) fn repr(&self, era: Era, lock: Option<String>) -> String {
        let lock = lock.unwrap_or_else(|| self.own.repr(era));
        alloc::format!("<Condition({lock}, {})>", self.waiters.len())
    }

    /// Its lock, and who waits.
    fn parts<'a>(&'a mut self, given: Option<&'a mut Object>) -> (Guard<'a>, &'a mut Waiters<u64>) {
        (given.and_then(Guard::of).unwrap_or(Guard::RLock(&mut self.own)), &mut self.waiters)
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>, given: Option<&mut Object>) -> Called {
        let (mut lock, waiters) = self.parts(given);
        let caller = call.caller;
        let era = caller.era;
        let owner = if era.is_py2() { "_Condition" } else { "Condition" };
        let take = |method: &str, signature| call.arguments.take(era, owner, method, signature);
        match call.method {
            "wait" => {
                let timeout = take("wait", Signature::Python(&["timeout"], 0))?.into_iter().next().flatten();
                if !lock.is_held_by(caller.connection) {
                    return Err(Raised::runtime_error("cannot wait on un-acquired lock"));
                }
                let patience = patience(era, timeout.as_ref())?;
                let count = lock.let_go(call.wakes);
                if patience.is_none() {
                    // Others may have had it in between; if nobody wanted it, it is there again at once.
                    let mut own = Wakes::default();
                    lock.take_again(caller, answer(era, false), count, &mut own);
                    let woken = core::mem::take(&mut own.woken);
                    call.wakes.holders.append(&mut own.holders);
                    let mut mine = None;
                    for (ticket, result) in woken {
                        if ticket == caller.ticket {
                            mine = Some(result);
                        } else {
                            call.wakes.wake(ticket, result);
                        }
                    }
                    return mine.map_or(Ok(Answer::Parked(None)), |result| result.map(Answer::Value));
                }
                waiters.push(caller, count);
                Ok(Answer::Parked(patience.deadline(caller.now)))
            }
            "notify" => {
                let n = take("notify", Signature::Python(&["n"], 0))?.into_iter().next().flatten();
                owned(&lock, caller.connection)?;
                let n = n.map_or(Some(1.0), |n| seconds(&n)).unwrap_or(1.0);
                notify(&mut lock, waiters, if n < 1.0 { 0 } else { n as usize }, call.wakes);
                Ok(Answer::Value(Value::NONE))
            }
            "notify_all" => {
                let method = if era.is_py2() { "notifyAll" } else { "notify_all" };
                take(method, Signature::Python(&[], 0))?;
                owned(&lock, caller.connection)?;
                notify(&mut lock, waiters, usize::MAX, call.wakes);
                Ok(Answer::Value(Value::NONE))
            }
            _ => lock.call(call),
        }
    }

    /// The time of a call has come. It has to have the lock again before it is told.
    pub(crate) fn give_up(
        &mut self,
        ticket: Ticket,
        given: Option<&mut Object>,
        wakes: &mut Wakes,
    ) -> Option<Result<Value, Raised>> {
        let (mut lock, waiters) = self.parts(given);
        if let Some(waiter) = waiters.remove(ticket) {
            let answer = answer(waiter.caller.era, false);
            lock.take_again(waiter.caller, answer, waiter.what, wakes);
            return None;
        }
        lock.give_up(ticket)
    }

    pub(crate) fn abandon(&mut self, ticket: Ticket, given: Option<&mut Object>) {
        let (mut lock, waiters) = self.parts(given);
        waiters.remove(ticket);
        lock.abandon(ticket);
    }

    /// A connection has ended. A lock that was given is told for itself.
    pub(crate) fn gone(&mut self, connection: ConnectionId, wakes: &mut Wakes) {
        self.own.gone(connection, wakes);
    }
}

fn owned(lock: &Guard<'_>, connection: ConnectionId) -> Result<(), Raised> {
    if lock.is_held_by(connection) {
        return Ok(());
    }
    Err(Raised::runtime_error("cannot notify on un-acquired lock"))
}

fn notify(lock: &mut Guard<'_>, waiters: &mut Waiters<u64>, count: usize, wakes: &mut Wakes) {
    for _ in 0..count {
        let Some(waiter) = waiters.pop() else { break };
        let answer = answer(waiter.caller.era, true);
        lock.take_again(waiter.caller, answer, waiter.what, wakes);
    }
}

/// What `wait` returns.
fn answer(era: Era, notified: bool) -> Value {
    if era.is_py2() { Value::NONE } else { Value::bool(notified) }
}

/// The timeout of `wait` of a condition or an event, which 3.x compares with 0 before it uses it.
pub(crate) fn patience(era: Era, timeout: Option<&Value>) -> Result<Patience, Raised> {
    match timeout {
        Some(value) if !era.is_py2() && seconds(value).is_none() && !matches!(value.view(), View::None) => {
            let kind = name(value, era);
            let op = if era.since(14) { "<=" } else { ">" };
            Err(Raised::type_error(alloc::format!(
                "'{op}' not supported between instances of '{kind}' and 'int'"
            )))
        }
        timeout => {
            let patience = Patience::of(era, timeout)?;
            if let Patience::Seconds(seconds) = patience {
                in_range(era, seconds)?;
            }
            Ok(patience)
        }
    }
}

#[cfg(test)]
mod tests;
