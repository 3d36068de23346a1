//! `Queue` and `JoinableQueue`, which are both `queue.Queue`.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use super::acquire::in_range;
use super::era::Era;
use super::order::name;
use super::raised::Raised;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::view::View;
use super::waiting::{Patience, Waiters, Wakes, seconds, truth};
use super::{Answer, Call, Called};
use crate::server::Ticket;

/// A queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    items: VecDeque<Value>,
    /// As it was given; what is no number is found out when it is needed.
    maxsize: Value,
    unfinished: u64,
    closed: bool,
    getters: Waiters<()>,
    putters: Waiters<Value>,
    joiners: Waiters<()>,
}

/// How many there can be.
enum Room {
    Endless,
    For(f64),
}

impl Queue {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<Queue, Raised> {
        let given = arguments.init(era, "Queue", &["maxsize"], 0)?.into_iter().next().flatten();
        Ok(Queue {
            items: VecDeque::new(),
            maxsize: given.unwrap_or(Value::int(0)),
            unfinished: 0,
            closed: false,
            getters: Waiters::default(),
            putters: Waiters::default(),
            joiners: Waiters::default(),
        })
    }

    /// Items, and those that wait for a place.
    pub(crate) fn len(&self) -> usize {
        self.items.len() + self.putters.len()
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let era = call.caller.era;
        let take = |signature| call.arguments.take(era, "Queue", call.method, signature);
        let nothing = Signature::Python(&[], 0);
        Ok(Answer::Value(match call.method {
            "qsize" => {
                take(nothing)?;
                Value::count(self.items.len())
            }
            "empty" => {
                take(nothing)?;
                Value::bool(self.items.is_empty())
            }
            "full" => {
                take(nothing)?;
                // 0 < maxsize <= qsize
                match self.room(era, false)? {
                    Room::Endless => Value::bool(false),
                    Room::For(room) => Value::bool(self.items.len() as f64 >= room),
                }
            }
            "put" => {
                let mut given = take(Signature::Python(&["item", "block", "timeout"], 1))?.into_iter();
                let (item, block, timeout) =
                    (given.next().flatten(), given.next().flatten(), given.next().flatten());
                return self.put(call, item.unwrap_or(Value::NONE), block.as_ref(), timeout.as_ref());
            }
            "put_nowait" => {
                let item = take(Signature::Python(&["item"], 1))?.into_iter().next().flatten();
                return self.put(call, item.unwrap_or(Value::NONE), Some(&Value::bool(false)), None);
            }
            "get" => {
                let mut given = take(Signature::Python(&["block", "timeout"], 0))?.into_iter();
                let (block, timeout) = (given.next().flatten(), given.next().flatten());
                return self.get(call, block.as_ref(), timeout.as_ref());
            }
            "get_nowait" => {
                take(nothing)?;
                return self.get(call, Some(&Value::bool(false)), None);
            }
            "task_done" => {
                take(nothing)?;
                if self.unfinished == 0 {
                    return Err(Raised::value_error("task_done() called too many times"));
                }
                self.finish_one(call.wakes);
                Value::NONE
            }
            "join" => {
                take(nothing)?;
                if self.unfinished > 0 {
                    self.joiners.push(call.caller, ());
                    return Ok(Answer::Parked(None));
                }
                Value::NONE
            }
            "shutdown" if era.since(13) => {
                let immediate = take(Signature::Python(&["immediate"], 0))?.into_iter().next().flatten();
                self.shut_down(immediate.is_some_and(|value| truth(&value)), call.wakes);
                Value::NONE
            }
            _ => return Ok(Answer::NoMethod),
        }))
    }

    /// What `maxsize` allows. `positive` says in which order it is compared with 0.
    fn room(&self, era: Era, positive: bool) -> Result<Room, Raised> {
        match seconds(&self.maxsize) {
            // 2.7 asks whether there are exactly so many.
            Some(size) if era.is_py2() && size % 1.0 != 0.0 => Ok(Room::Endless),
            Some(size) if size > 0.0 => Ok(Room::For(size)),
            Some(_) => Ok(Room::Endless),
            // Python 2 has an order for everything: a number is less than any text, and None less than a number.
            None if era.is_py2() => Ok(Room::Endless),
            None => {
                let kind = name(&self.maxsize, era);
                let text = if positive {
                    format!("'>' not supported between instances of '{kind}' and 'int'")
                } else {
                    format!("'<' not supported between instances of 'int' and '{kind}'")
                };
                Err(Raised::type_error(text))
            }
        }
    }

    fn put(
        &mut self,
        call: &mut Call<'_>,
        item: Value,
        block: Option<&Value>,
        timeout: Option<&Value>,
    ) -> Called {
        let era = call.caller.era;
        if self.closed {
            return Err(shut_down());
        }
        if let Room::For(room) = self.room(era, true)? {
            // In any version a timeout is looked at if there is a bound and the caller blocks.
            let full = self.items.len() as f64 >= room;
            if block.is_some_and(|block| !truth(block)) {
                if full {
                    return Err(Raised::new("queue", "Full", Vec::new()));
                }
            } else {
                let patience = patience(era, timeout)?;
                if full {
                    if patience.is_none() {
                        return Err(Raised::new("queue", "Full", Vec::new()));
                    }
                    self.putters.push(call.caller, item);
                    return Ok(Answer::Parked(patience.deadline(call.caller.now)));
                }
            }
        }
        self.add(item, call.wakes);
        Ok(Answer::Value(Value::NONE))
    }

    fn get(&mut self, call: &mut Call<'_>, block: Option<&Value>, timeout: Option<&Value>) -> Called {
        let era = call.caller.era;
        if self.closed && self.items.is_empty() {
            return Err(shut_down());
        }
        let blocks = block.is_none_or(truth);
        let patience = if blocks { patience(era, timeout)? } else { Patience::Seconds(0.0) };
        if let Some(item) = self.items.pop_front() {
            self.refill(call.wakes);
            return Ok(Answer::Value(item));
        }
        if patience.is_none() {
            return Err(Raised::new("queue", "Empty", Vec::new()));
        }
        self.getters.push(call.caller, ());
        Ok(Answer::Parked(patience.deadline(call.caller.now)))
    }

    /// Adds an item, or hands it to who has waited longest.
    fn add(&mut self, item: Value, wakes: &mut Wakes) {
        self.unfinished += 1;
        match self.getters.pop() {
            Some(getter) => wakes.wake(getter.caller.ticket, Ok(item)),
            None => self.items.push_back(item),
        }
    }

    /// There is room for one more.
    fn refill(&mut self, wakes: &mut Wakes) {
        if let Some(putter) = self.putters.pop() {
            self.add(putter.what, wakes);
            wakes.wake(putter.caller.ticket, Ok(Value::NONE));
        }
    }

    fn finish_one(&mut self, wakes: &mut Wakes) {
        self.unfinished = self.unfinished.saturating_sub(1);
        if self.unfinished == 0 {
            for joiner in self.joiners.drain() {
                wakes.wake(joiner.caller.ticket, Ok(Value::NONE));
            }
        }
    }

    fn shut_down(&mut self, immediate: bool, wakes: &mut Wakes) {
        self.closed = true;
        if immediate {
            while self.items.pop_front().is_some() {
                if self.unfinished > 0 {
                    self.finish_one(wakes);
                }
            }
        }
        for getter in self.getters.drain() {
            wakes.wake(getter.caller.ticket, Err(shut_down()));
        }
        for putter in self.putters.drain() {
            wakes.wake(putter.caller.ticket, Err(shut_down()));
        }
    }

    /// The time of a call has come.
    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Result<Value, Raised> {
        let class = if self.putters.remove(ticket).is_some() { "Full" } else { "Empty" };
        self.abandon(ticket);
        Err(Raised::new("queue", class, Vec::new()))
    }

    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        self.getters.remove(ticket);
        self.putters.remove(ticket);
        self.joiners.remove(ticket);
    }
}

fn patience(era: Era, timeout: Option<&Value>) -> Result<Patience, Raised> {
    match timeout {
        Some(value) if !era.is_py2() && seconds(value).is_none() && !matches!(value.view(), View::None) => {
            let kind = name(value, era);
            Err(Raised::type_error(format!("'<' not supported between instances of '{kind}' and 'int'")))
        }
        timeout => match Patience::of(era, timeout)? {
            Patience::Seconds(seconds) if seconds < 0.0 => {
                Err(Raised::value_error("'timeout' must be a non-negative number"))
            }
            Patience::Seconds(seconds) => {
                in_range(era, seconds)?;
                Ok(Patience::Seconds(seconds))
            }
            patience => Ok(patience),
        },
    }
}

fn shut_down() -> Raised {
    Raised::new("queue", "ShutDown", Vec::new())
}
