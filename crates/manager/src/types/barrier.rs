//! `Barrier`.

use alloc::format;
use alloc::string::String;

use super::acquire::in_range;
use super::era::Era;
use super::order::name;
use super::raised::Raised;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::view::View;
use super::waiting::{Patience, Waiters, Wakes, seconds};
use super::{Answer, Call, Called};
use crate::server::Ticket;

/// A barrier.
#[derive(Clone, Debug)]
pub(crate) struct Barrier {
    parties: f64,
    shown: Value,
    timeout: Option<Value>,
    broken: bool,
    /// Who has come, in this order.
    waiters: Waiters<()>,
}

impl Barrier {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<Barrier, Raised> {
        let mut given = arguments.init(era, "Barrier", &["parties", "action", "timeout"], 1)?.into_iter();
        let (parties, action, timeout) =
            (given.next().flatten(), given.next().flatten(), given.next().flatten());
        if let Some(action) = action.filter(|action| !matches!(action.view(), View::None)) {
            return Err(Raised::type_error(format!(
                "the action of a barrier, {}, is code, and this server runs no Python: act in the one of the parties \
                 for which wait() returns 0",
                super::show::repr(era, &action)?
            )));
        }
        let shown = parties.unwrap_or(Value::NONE);
        let kind = name(&shown, era);
        let parties = match seconds(&shown) {
            Some(parties) => parties,
            None if era.since(12) => {
                let text = format!("'<' not supported between instances of '{kind}' and 'int'");
                return Err(Raised::type_error(text));
            }
            // So many never come.
            None => f64::NAN,
        };
        if era.since(12) && parties < 1.0 {
            let least = if era.since(14) { "parties must be >= 1" } else { "parties must be > 0" };
            return Err(Raised::value_error(least));
        }
        let timeout = timeout.filter(|timeout| !matches!(timeout.view(), View::None));
        Ok(Barrier { parties, shown, timeout, broken: false, waiters: Waiters::default() })
    }

    pub(crate) fn repr(&self, era: Era) -> String {
        if !era.since(10) {
            return "<threading.Barrier object at 0x0>".into();
        }
        if self.broken {
            return "<threading.Barrier at 0x0: broken>".into();
        }
        format!("<threading.Barrier at 0x0: waiters={}/{}>", self.waiters.len(), self.parties)
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let caller = call.caller;
        let era = caller.era;
        let take = |method: &str, signature| call.arguments.take(era, "Barrier", method, signature);
        match call.method {
            "__getattribute__" => {
                let name = take("__getattribute__", Signature::Slot(1))?.into_iter().next().flatten();
                return self.attribute(era, &name.unwrap_or(Value::NONE)).map(Answer::Value);
            }
            "abort" => {
                take("abort", Signature::Python(&[], 0))?;
                self.shatter(call.wakes);
            }
            "reset" => {
                take("reset", Signature::Python(&[], 0))?;
                // Those who wait see it broken; those who come next find it whole.
                self.shatter(call.wakes);
                self.broken = false;
            }
            "wait" => {
                let timeout = take("wait", Signature::Python(&["timeout"], 0))?.into_iter().next().flatten();
                let timeout = timeout.filter(|timeout| !matches!(timeout.view(), View::None));
                if self.broken {
                    return Err(broken());
                }
                let place = self.waiters.len();
                if place as f64 + 1.0 == self.parties {
                    for (place, waiter) in self.waiters.drain().enumerate() {
                        call.wakes.wake(waiter.caller.ticket, Ok(Value::count(place)));
                    }
                    return Ok(Answer::Value(Value::count(place)));
                }
                let patience = Patience::of(era, timeout.as_ref().or(self.timeout.as_ref()))?;
                if let Patience::Seconds(seconds) = patience {
                    in_range(era, seconds)?;
                }
                if patience.is_none() {
                    self.shatter(call.wakes);
                    return Err(broken());
                }
                self.waiters.push(caller, ());
                return Ok(Answer::Parked(patience.deadline(caller.now)));
            }
            _ => return Ok(Answer::NoMethod),
        }
        Ok(Answer::Value(Value::NONE))
    }

    fn attribute(&self, era: Era, name_of: &Value) -> Result<Value, Raised> {
        let Some(attribute) = name_of.as_text() else {
            let kind = name(name_of, era);
            return Err(Raised::type_error(format!("attribute name must be string, not '{kind}'")));
        };
        match attribute {
            "parties" => Ok(self.shown.clone()),
            "n_waiting" => Ok(Value::count(self.waiters.len())),
            "broken" => Ok(Value::bool(self.broken)),
            _ => Err(Raised::attribute_error(format!("'Barrier' object has no attribute '{attribute}'"))),
        }
    }

    fn shatter(&mut self, wakes: &mut Wakes) {
        self.broken = true;
        for waiter in self.waiters.drain() {
            wakes.wake(waiter.caller.ticket, Err(broken()));
        }
    }

    /// The time of a call has come: the barrier is broken for all.
    pub(crate) fn give_up(&mut self, ticket: Ticket, wakes: &mut Wakes) -> Result<Value, Raised> {
        self.waiters.remove(ticket);
        self.shatter(wakes);
        Err(broken())
    }

    /// Who waited is gone, and counts no more.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        self.waiters.remove(ticket);
    }
}

fn broken() -> Raised {
    Raised::new("threading", "BrokenBarrierError", alloc::vec::Vec::new())
}
