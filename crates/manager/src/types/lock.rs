//! `Lock`.

use alloc::string::String;

use super::acquire::{Want, Wish};
use super::era::Era;
use super::raised::Raised;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::waiting::{Waiters, Wakes};
use super::{Answer, Call, Called, Caller};
use crate::server::{ConnectionId, Ticket};

/// A lock, which anybody may release.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lock {
    /// Whose it is; it ends with the connection.
    holder: Option<ConnectionId>,
    waiters: Waiters<Want>,
}

impl Lock {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<Lock, Raised> {
        let given = arguments.args.len();
        let name = if era.since(13) { "lock" } else { "allocate_lock" };
        if !arguments.kwargs.is_empty() {
            let name = if era.since(9) && !era.since(13) { "_thread.allocate_lock" } else { name };
            return Err(Raised::type_error(alloc::format!("{name}() takes no keyword arguments")));
        }
        if given == 0 {
            return Ok(Lock::default());
        }
        Err(Raised::type_error(if era.since(14) {
            "lock() takes no positional arguments".into()
        } else if era.since(13) {
            alloc::format!("lock expected 0 arguments, got {given}")
        } else if era.since(9) {
            alloc::format!("_thread.allocate_lock() takes no arguments ({given} given)")
        } else {
            alloc::format!("allocate_lock() takes no arguments ({given} given)")
        }))
    }

    pub(crate) fn repr(&self, era: Era) -> String {
        let state = if self.holder.is_some() { "locked" } else { "unlocked" };
        if era.is_py2() {
            "<thread.lock object at 0x0>".into()
        } else {
            alloc::format!("<{state} _thread.lock object at 0x0>")
        }
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let caller = call.caller;
        match call.method {
            "acquire" => {
                let wish = Wish::of_lock(call, false)?;
                if self.holder.is_none() {
                    self.holder = Some(caller.connection);
                    call.wakes.took(caller.connection);
                    return Ok(Answer::Value(Value::bool(true)));
                }
                if let Wish::Until(_) = wish {
                    self.waiters.push(caller, Want::once());
                }
                Ok(wish.refused())
            }
            "release" => {
                call.arguments.take(caller.era, "lock", "release", Signature::Exactly(0))?;
                if self.holder.is_none() {
                    let text = "release unlocked lock";
                    return Err(if caller.era.is_py2() {
                        Raised::new("_thread", "error", alloc::vec![Value::name(caller.era, text)])
                    } else {
                        Raised::runtime_error(text)
                    });
                }
                self.pass_on(call.wakes);
                Ok(Answer::Value(Value::NONE))
            }
            "locked" if caller.era.since(14) => {
                call.arguments.take(caller.era, "lock", "locked", Signature::Exactly(0))?;
                Ok(Answer::Value(Value::bool(self.holder.is_some())))
            }
            _ => Ok(Answer::NoMethod),
        }
    }

    /// Whether anybody holds it: a condition takes that for its caller, as Python does.
    pub(crate) fn is_held(&self) -> bool {
        self.holder.is_some()
    }

    /// Passes it on to who has waited longest.
    pub(crate) fn pass_on(&mut self, wakes: &mut Wakes) {
        self.holder = self.waiters.pop().map(|next| {
            wakes.took(next.caller.connection);
            wakes.wake(next.caller.ticket, Ok(next.what.answer));
            next.caller.connection
        });
    }

    /// Takes it again for a call that then has this answer, however long that takes.
    pub(crate) fn take_again(&mut self, caller: Caller, answer: Value, wakes: &mut Wakes) {
        self.waiters.push(caller, Want { answer, count: 1, patient: false });
        wakes.patient.push(caller.ticket);
        if self.holder.is_none() {
            self.pass_on(wakes);
        }
    }

    /// The time of a call has come; nothing if it has to have the lock all the same.
    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Option<Result<Value, Raised>> {
        self.waiters.remove_if(ticket, |want| want.patient).map(|_| Ok(Value::bool(false)))
    }

    /// Who made a call is gone.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        self.waiters.remove(ticket);
    }

    /// A connection has ended, and what it held with it.
    pub(crate) fn gone(&mut self, connection: ConnectionId, wakes: &mut Wakes) {
        if self.holder == Some(connection) {
            self.pass_on(wakes);
        }
    }
}
