//! `Condition`, with the RLock that it makes for itself.

use alloc::string::String;

use super::acquire::in_range;
use super::era::Era;
use super::order::name;
use super::raised::Raised;
use super::rlock::RLock;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::view::View;
use super::waiting::{Patience, Waiters, Wakes, seconds};
use super::{Answer, Call, Called};
use crate::server::{ConnectionId, Ticket};

/// A condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    lock: RLock,
    /// Who waits to be notified, and how often it held the lock.
    waiters: Waiters<u64>,
}

impl Condition {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<Condition, Raised> {
        let given = if era.is_py2() {
            arguments.init(era, "_Condition", &["lock", "verbose"], 0)?
        } else {
            arguments.init(era, "Condition", &["lock"], 0)?
        };
        match given.first() {
            Some(Some(lock)) if !matches!(lock.view(), View::None) => Err(Raised::type_error(
                "a Condition of this server has a lock of its own: leave the argument out, and use the condition's \
                 acquire() and release()",
            )),
            _ => Ok(Condition::default()),
        }
    }

    pub(crate) fn repr(&self, era: Era) -> String {
        alloc::format!("<Condition({}, {})>", self.lock.repr(era), self.waiters.len())
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let caller = call.caller;
        let era = caller.era;
        let owner = if era.is_py2() { "_Condition" } else { "Condition" };
        let take = |method: &str, signature| call.arguments.take(era, owner, method, signature);
        match call.method {
            "wait" => {
                let timeout = take("wait", Signature::Python(&["timeout"], 0))?.into_iter().next().flatten();
                if !self.lock.is_held_by(caller.connection) {
                    return Err(Raised::runtime_error("cannot wait on un-acquired lock"));
                }
                let patience = patience(era, timeout.as_ref())?;
                let count = self.lock.let_go(call.wakes);
                if patience.is_none() {
                    // Others may have had it in between; if nobody wanted it, it is there again at once.
                    let mut own = Wakes::default();
                    self.lock.take_again(caller, answer(era, false), count, &mut own);
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
                self.waiters.push(caller, count);
                Ok(Answer::Parked(patience.deadline(caller.now)))
            }
            "notify" => {
                let n = take("notify", Signature::Python(&["n"], 0))?.into_iter().next().flatten();
                self.owned(caller.connection)?;
                let n = n.map_or(Some(1.0), |n| seconds(&n)).unwrap_or(1.0);
                self.notify(if n < 1.0 { 0 } else { n as usize }, call.wakes);
                Ok(Answer::Value(Value::NONE))
            }
            "notify_all" => {
                let method = if era.is_py2() { "notifyAll" } else { "notify_all" };
                take(method, Signature::Python(&[], 0))?;
                self.owned(caller.connection)?;
                self.notify(usize::MAX, call.wakes);
                Ok(Answer::Value(Value::NONE))
            }
            _ => self.lock.call(call),
        }
    }

    fn owned(&self, connection: ConnectionId) -> Result<(), Raised> {
        if self.lock.is_held_by(connection) {
            return Ok(());
        }
        Err(Raised::runtime_error("cannot notify on un-acquired lock"))
    }

    fn notify(&mut self, count: usize, wakes: &mut Wakes) {
        for _ in 0..count {
            let Some(waiter) = self.waiters.pop() else { break };
            let answer = answer(waiter.caller.era, true);
            self.lock.take_again(waiter.caller, answer, waiter.what, wakes);
        }
    }

    /// The time of a call has come. It has to have the lock again before it is told.
    pub(crate) fn give_up(&mut self, ticket: Ticket, wakes: &mut Wakes) -> Option<Result<Value, Raised>> {
        if let Some(waiter) = self.waiters.remove(ticket) {
            let answer = answer(waiter.caller.era, false);
            self.lock.take_again(waiter.caller, answer, waiter.what, wakes);
            return None;
        }
        self.lock.give_up(ticket)
    }

    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        self.waiters.remove(ticket);
        self.lock.abandon(ticket);
    }

    pub(crate) fn gone(&mut self, connection: ConnectionId, wakes: &mut Wakes) {
        self.lock.gone(connection, wakes);
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
