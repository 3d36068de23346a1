//! Calls that wait, and how they are told.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use super::era::Era;
use super::number::Number;
use super::order::name;
use super::raised::Raised;
use super::value::Value;
use super::view::View;
use super::{Caller, Raised as Exception};
use crate::server::{ConnectionId, Ticket};

/// Calls that came to an end while another was made.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pub(crate) woken: Vec<(Ticket, Result<Value, Exception>)>,
    /// Connections that came to hold something that ends with them.
    pub(crate) holders: Vec<ConnectionId>,
    /// Calls that wait without a deadline from now on.
    pub(crate) patient: Vec<Ticket>,
}

impl Wakes {
    pub(crate) fn wake(&mut self, ticket: Ticket, result: Result<Value, Exception>) {
        self.woken.push((ticket, result));
    }

    /// A connection has taken something that ends with it.
    pub(crate) fn took(&mut self, connection: ConnectionId) {
        self.holders.push(connection);
    }
}

/// Calls that wait for the same thing, the first first.
#[derive(Clone, Debug)]
pub(crate) struct Waiters<T>(VecDeque<Waiter<T>>);

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Waiter<T> {
    pub(crate) caller: Caller,
    pub(crate) what: T,
}

impl<T> Default for Waiters<T> {
    fn default() -> Waiters<T> {
        Waiters(VecDeque::new())
    }
}

impl<T> Waiters<T> {
    pub(crate) fn push(&mut self, caller: Caller, what: T) {
        self.0.push_back(Waiter { caller, what });
    }

    pub(crate) fn pop(&mut self) -> Option<Waiter<T>> {
        self.0.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes out the one of a call.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Waiter<T>> {
        self.remove_if(ticket, |_| true)
    }

    /// The same, if what it waits for is so; otherwise it keeps its place.
    pub(crate) fn remove_if(&mut self, ticket: Ticket, is: impl Fn(&T) -> bool) -> Option<Waiter<T>> {
        let place = self.0.iter().position(|waiter| waiter.caller.ticket == ticket && is(&waiter.what))?;
        self.0.remove(place)
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Waiter<T>> + use<'_, T> {
        self.0.drain(..)
    }
}

/// How long a call may wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Patience {
    /// For ever.
    Endless,
    /// Seconds; not positive is not at all.
    Seconds(f64),
}

impl Patience {
    /// Of a timeout in seconds, or None.
    pub(crate) fn of(era: Era, timeout: Option<&Value>) -> Result<Patience, Raised> {
        match timeout {
            None => Ok(Patience::Endless),
            Some(value) if matches!(value.view(), View::None) => Ok(Patience::Endless),
            Some(value) => seconds(value).map(Patience::Seconds).ok_or_else(|| not_a_number(era, value)),
        }
    }

    /// Until when.
    pub(crate) fn deadline(self, now: Duration) -> Option<Duration> {
        match self {
            Patience::Endless => None,
            Patience::Seconds(seconds) => {
                let wait = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
                Some(now.saturating_add(wait))
            }
        }
    }

    /// Whether it is not to wait at all.
    pub(crate) fn is_none(self) -> bool {
        matches!(self, Patience::Seconds(seconds) if seconds <= 0.0)
    }
}

/// A number as seconds.
pub(crate) fn seconds(value: &Value) -> Option<f64> {
    match Number::of(&value.view())? {
        Number::Small(value) => Some(value as f64),
        Number::Float(value) => Some(value),
        Number::Infinite(negative) => Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        Number::Long(bytes) => {
            Some(if bytes.last().is_some_and(|&top| top >= 0x80) { f64::MIN } else { f64::MAX })
        }
        _ => None,
    }
}

/// What a version says of a timeout that is none, where it adds it to the time.
pub(crate) fn not_a_number(era: Era, value: &Value) -> Raised {
    let kind = name(value, era);
    Raised::type_error(format!("unsupported operand type(s) for +: 'float' and '{kind}'"))
}

/// `bool(value)`.
pub(crate) fn truth(value: &Value) -> bool {
    match value.view() {
        View::None => false,
        View::Bool(value) => value,
        View::Int(value) => value != 0,
        View::Float(value) => value != 0.0,
        View::Complex(re, im) => re != 0.0 || im != 0.0,
        View::Text(text) | View::Str2(text) => !text.is_empty(),
        View::Bytes(bytes) | View::ByteArray(bytes) => !bytes.is_empty(),
        View::List(items) | View::Tuple(items) | View::Named(items) => !items.is_empty(),
        View::Set(items) | View::FrozenSet(items) => !items.is_empty(),
        View::Dict(pairs) => !pairs.is_empty(),
        View::Decimal(text) => {
            text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) || text.contains(['n', 'N'])
        }
        View::TimeDelta(a, b, c) => (a, b, c) != (0, 0, 0),
        _ => true,
    }
}
