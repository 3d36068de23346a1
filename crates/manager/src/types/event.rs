//! `Event`.

use alloc::string::String;

use super::condition::patience;
use super::era::Era;
use super::raised::Raised;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::waiting::Waiters;
use super::{Answer, Call, Called};
use crate::server::Ticket;

/// A flag that can be waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    set: bool,
    waiters: Waiters<()>,
}

impl Event {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<Event, Raised> {
        if era.is_py2() {
            arguments.init(era, "_Event", &["verbose"], 0)?;
        } else {
            arguments.init(era, "Event", &[], 0)?;
        }
        Ok(Event::default())
    }

    pub(crate) fn repr(&self, era: Era) -> String {
        if era.is_py2() {
            return "<threading._Event object at 0x0>".into();
        }
        if !era.since(10) {
            return "<threading.Event object at 0x0>".into();
        }
        alloc::format!("<threading.Event at 0x0: {}>", if self.set { "set" } else { "unset" })
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let caller = call.caller;
        let era = caller.era;
        let take = |method: &str, signature| call.arguments.take(era, "Event", method, signature);
        let nothing = Signature::Python(&[], 0);
        Ok(Answer::Value(match call.method {
            "is_set" => {
                take(if era.is_py2() { "isSet" } else { "is_set" }, nothing)?;
                Value::bool(self.set)
            }
            "set" => {
                take("set", nothing)?;
                self.set = true;
                for waiter in self.waiters.drain() {
                    call.wakes.wake(waiter.caller.ticket, Ok(Value::bool(true)));
                }
                Value::NONE
            }
            "clear" => {
                take("clear", nothing)?;
                self.set = false;
                Value::NONE
            }
            "wait" => {
                let timeout = take("wait", Signature::Python(&["timeout"], 0))?.into_iter().next().flatten();
                if self.set {
                    return Ok(Answer::Value(Value::bool(true)));
                }
                let patience = patience(era, timeout.as_ref())?;
                if patience.is_none() {
                    return Ok(Answer::Value(Value::bool(false)));
                }
                self.waiters.push(caller, ());
                return Ok(Answer::Parked(patience.deadline(caller.now)));
            }
            _ => return Ok(Answer::NoMethod),
        }))
    }

    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Result<Value, Raised> {
        self.waiters.remove(ticket);
        Ok(Value::bool(false))
    }
}
