//! The arguments of `acquire`, which locks written in C and semaphores written in Python read each in their way.

use alloc::format;
use core::time::Duration;

use super::era::Era;
use super::order::name;
use super::raised::Raised;
use super::signature::Signature;
use super::value::Value;
use super::waiting::{Patience, seconds, truth};
use super::{Answer, Call};

/// How a caller wants a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Now or not at all.
    Now,
    /// Until then, or for ever.
    Until(Option<Duration>),
}

impl Wish {
    /// What `acquire` of a lock in C was given. 2.7's RLock is written in Python.
    pub(crate) fn of_lock(call: &Call<'_>, python2: bool) -> Result<Wish, Raised> {
        let (era, arguments) = (call.caller.era, call.arguments);
        if era.is_py2() {
            let given = if python2 {
                arguments.take(era, "_RLock", "acquire", Signature::Python(&["blocking"], 0))?
            } else {
                arguments.take(era, "lock", "acquire", Signature::Between(0, 1))?
            };
            let blocking = given.first().cloned().flatten();
            return Ok(match blocking {
                Some(value) if !truth(&value) => Wish::Now,
                _ => Wish::Until(None),
            });
        }
        let given = arguments.args.len() + arguments.kwargs.len();
        if given > 2 {
            return Err(Raised::type_error(format!("acquire() takes at most 2 arguments ({given} given)")));
        }
        let mut values = [arguments.get(0), arguments.get(1)];
        for (keyword, value) in &arguments.kwargs {
            let place = ["blocking", "timeout"].iter().position(|name| name == keyword);
            let Some(slot) = place.and_then(|place| values.get_mut(place)) else {
                return Err(Raised::type_error(if era.since(12) {
                    format!("acquire() got an unexpected keyword argument '{keyword}'")
                } else if era.since(7) {
                    format!("'{keyword}' is an invalid keyword argument for acquire()")
                } else {
                    format!("'{keyword}' is an invalid keyword argument for this function")
                }));
            };
            if slot.is_some() {
                let place = place.unwrap_or_default() + 1;
                let text =
                    format!("argument for acquire() given by name ('{keyword}') and position ({place})");
                return Err(Raised::type_error(text));
            }
            *slot = Some(value);
        }
        let blocking = match values[0] {
            Some(value) if !era.since(12) => whole(era, value)?,
            Some(value) => truth(value),
            None => true,
        };
        let timeout = match values[1] {
            None => -1.0,
            Some(value) => timestamp(era, value)?,
        };
        if !blocking {
            if timeout != -1.0 {
                return Err(Raised::value_error("can't specify a timeout for a non-blocking call"));
            }
            return Ok(Wish::Now);
        }
        if timeout == -1.0 {
            return Ok(Wish::Until(None));
        }
        if timeout < 0.0 {
            return Err(Raised::value_error(if era.since(12) {
                "timeout value must be a non-negative number"
            } else {
                "timeout value must be positive"
            }));
        }
        if timeout == 0.0 {
            return Ok(Wish::Now);
        }
        Ok(Wish::Until(Patience::Seconds(timeout).deadline(call.caller.now)))
    }

    /// What `acquire` of a semaphore was given; `busy` says whether the timeout will be looked at.
    pub(crate) fn of_semaphore(call: &Call<'_>, busy: bool) -> Result<Wish, Raised> {
        let (era, arguments) = (call.caller.era, call.arguments);
        let names: &[&str] = if era.is_py2() { &["blocking"] } else { &["blocking", "timeout"] };
        let owner = if era.is_py2() { "_Semaphore" } else { "Semaphore" };
        let signature = if names.len() == 1 {
            Signature::Python(&["blocking"], 0)
        } else {
            Signature::Python(&["blocking", "timeout"], 0)
        };
        let given = arguments.take(era, owner, "acquire", signature)?;
        let (blocking, timeout) = (given.first().cloned().flatten(), given.get(1).cloned().flatten());
        let timeout = timeout.filter(|value| !matches!(value.view(), super::view::View::None));
        if blocking.is_some_and(|value| !truth(&value)) {
            if timeout.is_some() {
                return Err(Raised::value_error("can't specify timeout for non-blocking acquire"));
            }
            return Ok(Wish::Now);
        }
        if !busy {
            return Ok(Wish::Until(None));
        }
        let patience = Patience::of(era, timeout.as_ref())?;
        if let Patience::Seconds(seconds) = patience {
            in_range(era, seconds)?;
        }
        Ok(if patience.is_none() { Wish::Now } else { Wish::Until(patience.deadline(call.caller.now)) })
    }

    /// What becomes of it where the lock is not free.
    pub(crate) fn refused(self) -> Answer {
        match self {
            Wish::Now => Answer::Value(Value::bool(false)),
            Wish::Until(deadline) => Answer::Parked(deadline),
        }
    }
}

/// What a call that waits for a lock is told, and how often it then holds it.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    pub(crate) answer: Value,
    pub(crate) count: u64,
    /// Whether it may give up: who waited for a condition has to have the lock again first.
    pub(crate) patient: bool,
}

impl Want {
    /// Of `acquire`.
    pub(crate) fn once() -> Want {
        Want { answer: Value::bool(true), count: 1, patient: true }
    }
}

fn whole(era: Era, value: &Value) -> Result<bool, Raised> {
    use super::view::View;
    match value.view() {
        View::Bool(_) | View::Int(_) | View::Long(_) => Ok(truth(value)),
        View::Float(_) => Err(Raised::type_error("integer argument expected, got float")),
        _ => Err(not_an_integer(era, value)),
    }
}

fn not_an_integer(era: Era, value: &Value) -> Raised {
    let kind = name(value, era);
    Raised::type_error(if era.since(10) {
        format!("'{kind}' object cannot be interpreted as an integer")
    } else {
        format!("an integer is required (got type {kind})")
    })
}

/// Seconds, as C's time has them.
fn timestamp(era: Era, value: &Value) -> Result<f64, Raised> {
    let seconds = seconds(value).ok_or_else(|| {
        if era.since(14) {
            let kind = name(value, era);
            return Raised::type_error(format!("must be real number, not {kind}"));
        }
        not_an_integer(era, value)
    })?;
    if seconds.is_nan() {
        return Err(Raised::value_error("Invalid value NaN (not a number)"));
    }
    in_range(era, seconds)?;
    Ok(seconds)
}

/// That a timeout fits into 64 bits of nanoseconds.
pub(crate) fn in_range(era: Era, seconds: f64) -> Result<(), Raised> {
    const MOST: f64 = 9_223_372_036.0;
    if seconds.abs() < MOST {
        return Ok(());
    }
    if era.is_py2() {
        return Ok(());
    }
    Err(Raised::overflow_error(if era.since(14) {
        "timestamp out of range for C PyTime_t"
    } else if era.since(12) {
        "timestamp out of range for platform time_t"
    } else {
        "timestamp too large to convert to C _PyTime_t"
    }))
}
