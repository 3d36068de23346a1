//! `Semaphore` and `BoundedSemaphore`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use super::acquire::Wish;
use super::era::Era;
use super::order::name;
use super::raised::Raised;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::view::View;
use super::waiting::{Waiters, Wakes, seconds};
use super::{Answer, Call, Called};
use crate::server::{ConnectionId, Ticket};

/// A semaphore.
#[derive(Clone, Debug)]
pub(crate) struct Semaphore {
    /// What is left. Python lets it be a float.
    value: f64,
    /// What it was at first, if it may not be more.
    bound: Option<f64>,
    /// Who took how many: what a connection has taken and nobody has given back is given back when it ends.
    holders: BTreeMap<ConnectionId, u64>,
    waiters: Waiters<()>,
}

impl Semaphore {
    pub(crate) fn make(era: Era, arguments: &Arguments, bounded: bool) -> Result<Semaphore, Raised> {
        let class = match (era.is_py2(), bounded) {
            (true, false) => "_Semaphore",
            (true, true) => "_BoundedSemaphore",
            (false, false) => "Semaphore",
            (false, true) => "BoundedSemaphore",
        };
        let names: &[&str] = if era.is_py2() { &["value", "verbose"] } else { &["value"] };
        let given = arguments.init(era, class, names, 0)?.into_iter().next().flatten();
        let given = given.unwrap_or(Value::int(1));
        let value = match seconds(&given) {
            Some(value) if value >= 0.0 => value,
            None if era.is_py2() && !matches!(given.view(), View::None) => {
                return Err(Raised::type_error(format!(
                    "the value of a semaphore is a number here, not {}",
                    name(&given, era)
                )));
            }
            None if !era.is_py2() => {
                let kind = name(&given, era);
                let text = format!("'<' not supported between instances of '{kind}' and 'int'");
                return Err(Raised::type_error(text));
            }
            _ => return Err(Raised::value_error("semaphore initial value must be >= 0")),
        };
        let bound = bounded.then_some(value);
        Ok(Semaphore { value, bound, holders: BTreeMap::new(), waiters: Waiters::default() })
    }

    pub(crate) fn repr(&self, era: Era) -> String {
        let class = if self.bound.is_some() { "BoundedSemaphore" } else { "Semaphore" };
        if era.is_py2() {
            return format!("<threading._{class} object at 0x0>");
        }
        if !era.since(10) {
            return format!("<threading.{class} object at 0x0>");
        }
        match self.bound {
            Some(bound) => format!("<threading.{class} at 0x0: value={}/{bound}>", self.value),
            None => format!("<threading.{class} at 0x0: value={}>", self.value),
        }
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let caller = call.caller;
        match call.method {
            "acquire" => {
                let free = self.value > 0.0;
                let wish = Wish::of_semaphore(call, !free)?;
                if free {
                    self.value -= 1.0;
                    self.hold(caller.connection, call.wakes);
                    return Ok(Answer::Value(Value::bool(true)));
                }
                if let Wish::Until(_) = wish {
                    self.waiters.push(caller, ());
                }
                Ok(wish.refused())
            }
            "release" => {
                let era = caller.era;
                let owner = if self.bound.is_some() { "BoundedSemaphore" } else { "Semaphore" };
                let signature =
                    if era.since(9) { Signature::Python(&["n"], 0) } else { Signature::Python(&[], 0) };
                let n = call.arguments.take(era, owner, "release", signature)?.into_iter().next().flatten();
                let n = match n {
                    None => 1.0,
                    Some(n) => seconds(&n).ok_or_else(|| {
                        let kind = name(&n, era);
                        Raised::type_error(format!(
                            "'<' not supported between instances of '{kind}' and 'int'"
                        ))
                    })?,
                };
                if n < 1.0 {
                    return Err(Raised::value_error("n must be one or more"));
                }
                if self.bound.is_some_and(|bound| self.value + n > bound) {
                    return Err(Raised::value_error("Semaphore released too many times"));
                }
                let mut left = n;
                while left >= 1.0 && self.give_back(caller.connection) {
                    left -= 1.0;
                }
                self.value += n;
                self.hand_out(call.wakes);
                Ok(Answer::Value(Value::NONE))
            }
            // `locked`, which is exposed since 3.14, is no method of theirs.
            _ => Ok(Answer::NoMethod),
        }
    }

    fn hold(&mut self, connection: ConnectionId, wakes: &mut Wakes) {
        *self.holders.entry(connection).or_default() += 1;
        wakes.took(connection);
    }

    /// One that was taken is given back: by whoever took one, else for whoever took one.
    fn give_back(&mut self, connection: ConnectionId) -> bool {
        let holder = if self.holders.contains_key(&connection) {
            Some(connection)
        } else {
            self.holders.keys().next().copied()
        };
        let Some(holder) = holder else { return false };
        if let Some(count) = self.holders.get_mut(&holder) {
            *count -= 1;
            if *count == 0 {
                self.holders.remove(&holder);
            }
        }
        true
    }

    fn hand_out(&mut self, wakes: &mut Wakes) {
        while self.value > 0.0
            && let Some(waiter) = self.waiters.pop()
        {
            self.value -= 1.0;
            self.hold(waiter.caller.connection, wakes);
            wakes.wake(waiter.caller.ticket, Ok(Value::bool(true)));
        }
    }

    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Result<Value, Raised> {
        self.waiters.remove(ticket);
        Ok(Value::bool(false))
    }

    pub(crate) fn gone(&mut self, connection: ConnectionId, wakes: &mut Wakes) {
        if let Some(count) = self.holders.remove(&connection) {
            self.value += count as f64;
            if let Some(bound) = self.bound {
                self.value = self.value.min(bound);
            }
            self.hand_out(wakes);
        }
    }
}
