//! What one program saw of one value.

use std::fmt;

use sabir_pickle::Version;

/// How the two programs speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `Listener` and `Client`.
    Connection,
    /// A `SyncManager` with types of the user's own.
    Manager,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Connection => "connection",
            Kind::Manager => "manager",
        })
    }
}

/// One case: a value, or a step of a program, as the receiving end describes it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Connection or manager.
    pub kind: Kind,
    /// The version whose program made the value, or served the step.
    pub from: Version,
    /// The version whose program looked at it.
    pub to: Version,
    /// How it travelled and what it is: `send:int_zero`, `blind:int_zero` (sent before the receiver had written anything),
    /// `pickle3:int_zero` (the program's own pickle), `raw0:int_zero` (the same, as bytes), `graph_7`, `see:int_zero`
    /// (the manager's server looks), `make:int_zero` (its client looks), `fail:exc_key`, `step_lock`.
    pub name: String,
    /// What was seen.
    pub text: String,
    /// What was sent, where that and not the receiver's own version decides: bytes that pass untouched.
    pub sent: Option<String>,
}

impl Cell {
    /// The name of the value or step itself, without how it travelled.
    pub fn value(&self) -> &str {
        self.name.split_once(':').map_or(&self.name, |(_, value)| value)
    }

    /// How the value travelled; empty for graphs on a connection, and for steps.
    pub fn manner(&self) -> &str {
        self.name.split_once(':').map_or("", |(manner, _)| manner)
    }
}
