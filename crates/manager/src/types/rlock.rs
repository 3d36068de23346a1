//! `RLock`, which a `Condition` has too.

use alloc::string::String;

use super::acquire::{Want, Wish};
use super::era::Era;
use super::raised::Raised;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::waiting::{Waiters, Wakes};
use super::{Answer, Call, Called, Caller};
use crate::server::{ConnectionId, Ticket};

/// A lock of the connection that holds it, which may take it again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct RLock {
    holder: Option<(ConnectionId, u64)>,
    waiters: Waiters<Want>,
}

impl RLock {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<RLock, Raised> {
        if era.is_py2() {
            arguments.init(era, "_RLock", &["verbose"], 0)?;
        } else if era.since(14) && !(arguments.args.is_empty() && arguments.kwargs.is_empty()) {
            return Err(Raised::type_error(if arguments.kwargs.is_empty() {
                let given = arguments.args.len();
                let were = if given == 1 { "was" } else { "were" };
                alloc::format!("RLock() takes 0 positional arguments but {given} {were} given")
            } else {
                "RLock() takes no keyword arguments".into()
            }));
        }
        Ok(RLock::default())
    }

    pub(crate) fn repr(&self, era: Era) -> String {
        let state = if self.holder.is_some() { "locked" } else { "unlocked" };
        let count = self.holder.map_or(0, |(_, count)| count);
        match (era.is_py2(), self.holder) {
            (true, None) => "<_RLock owner=None count=0>".into(),
            (true, Some((ConnectionId(owner), count))) => {
                alloc::format!("<_RLock owner='Thread-{owner}' count={count}>")
            }
            (false, holder) => {
                let owner = holder.map_or(0, |(ConnectionId(owner), _)| owner);
                alloc::format!("<{state} _thread.RLock object owner={owner} count={count} at 0x0>")
            }
        }
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let caller = call.caller;
        match call.method {
            "acquire" => {
                let wish = Wish::of_lock(call, true)?;
                match &mut self.holder {
                    Some((holder, count)) if *holder == caller.connection => {
                        *count += 1;
                        // 2.7 says so of a lock that one has already.
                        let again = if caller.era.is_py2() { Value::int(1) } else { Value::bool(true) };
                        Ok(Answer::Value(again))
                    }
                    Some(_) => {
                        if let Wish::Until(_) = wish {
                            self.waiters.push(caller, Want::once());
                        }
                        Ok(wish.refused())
                    }
                    None => {
                        self.holder = Some((caller.connection, 1));
                        call.wakes.took(caller.connection);
                        Ok(Answer::Value(Value::bool(true)))
                    }
                }
            }
            "release" => {
                let signature =
                    if caller.era.is_py2() { Signature::Python(&[], 0) } else { Signature::Exactly(0) };
                call.arguments.take(caller.era, "RLock", "release", signature)?;
                match &mut self.holder {
                    Some((holder, count)) if *holder == caller.connection => {
                        *count -= 1;
                        if *count == 0 {
                            self.pass_on(call.wakes);
                        }
                        Ok(Answer::Value(Value::NONE))
                    }
                    _ => Err(Raised::runtime_error("cannot release un-acquired lock")),
                }
            }
            "locked" if caller.era.since(14) => {
                call.arguments.take(caller.era, "RLock", "locked", Signature::Exactly(0))?;
                Ok(Answer::Value(Value::bool(self.holder.is_some())))
            }
            _ => Ok(Answer::NoMethod),
        }
    }

    pub(crate) fn is_held_by(&self, connection: ConnectionId) -> bool {
        self.holder.is_some_and(|(holder, _)| holder == connection)
    }

    /// Lets go of it altogether. How often it was held.
    pub(crate) fn let_go(&mut self, wakes: &mut Wakes) -> u64 {
        let count = self.holder.map_or(0, |(_, count)| count);
        self.pass_on(wakes);
        count
    }

    /// Takes it again for a call that then has this answer, however long that takes.
    pub(crate) fn take_again(&mut self, caller: Caller, answer: Value, count: u64, wakes: &mut Wakes) {
        self.waiters.push(caller, Want { answer, count, patient: false });
        wakes.patient.push(caller.ticket);
        if self.holder.is_none() {
            self.pass_on(wakes);
        }
    }

    fn pass_on(&mut self, wakes: &mut Wakes) {
        self.holder = self.waiters.pop().map(|next| {
            wakes.took(next.caller.connection);
            wakes.wake(next.caller.ticket, Ok(next.what.answer));
            (next.caller.connection, next.what.count)
        });
    }

    /// The time of a call has come; nothing if it has to have the lock all the same.
    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Option<Result<Value, Raised>> {
        self.waiters.remove_if(ticket, |want| want.patient).map(|_| Ok(Value::bool(false)))
    }

    /// Who made a call is gone.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        self.waiters.remove(ticket);
    }

    pub(crate) fn gone(&mut self, connection: ConnectionId, wakes: &mut Wakes) {
        if self.is_held_by(connection) {
            self.pass_on(wakes);
        }
    }
}
