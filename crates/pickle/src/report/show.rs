//! The report as text.

use alloc::string::{String, ToString};
use core::fmt;

use super::{Call, Callee, Name, Report, Target, Verdict};
use crate::opcode::Opcode;

impl Report<'_> {
    /// What a call calls, such as `os.system`; `None` if it cannot be told.
    pub fn callee(&self, call: &Call) -> Option<String> {
        match call.callee {
            Callee::Name(index) => self.names.get(index).map(|name| name.target.to_string()),
            Callee::Result(index) => {
                let made = self.calls.get(index)?;
                // One step back: the chain of a hostile pickle is as long as the pickle.
                let Callee::Name(name) = made.callee else {
                    return Some("the result of another call".into());
                };
                let target = &self.names.get(name)?.target;
                Some(match made.opcode {
                    Opcode::Reduce => alloc::format!("what {target} returned"),
                    _ => alloc::format!("an instance of {target}"),
                })
            }
            Callee::Persistent => Some("an object of the program's own".into()),
            Callee::Unknown => None,
        }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Global { module, name } => write!(f, "{}.{}", module.escape_debug(), name.escape_debug()),
            Target::Extension(code) => write!(f, "extension {code}"),
            Target::Computed => f.write_str("a computed name"),
        }
    }
}

impl fmt::Display for Report<'_> {
    /// The verdict, then a line for each name, call, persistent id, and what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict())?;
        for Name { offset, opcode, target, verdict, why } in &self.names {
            write!(f, "{offset:5}: {} {target}: {verdict}", opcode.info().name)?;
            if why.is_empty() {
                writeln!(f)?;
            } else {
                writeln!(f, ", {why}")?;
            };
        }
        for call in &self.calls {
            let callee = self.callee(call);
            write!(
                f,
                "{:5}: {} {}",
                call.offset,
                call.opcode.info().name,
                callee.as_deref().unwrap_or("of something unknown")
            )?;
            match (call.verdict, call.callee) {
                (Verdict::Safe, _) => writeln!(f)?,
                (verdict, Callee::Name(_)) => {
                    writeln!(f, ": {verdict}, changes what is not the pickle's own")?;
                }
                (verdict, _) => writeln!(f, ": {verdict}")?,
            }
        }
        for id in &self.persistent {
            let text = id.text.as_deref().unwrap_or("an id that is no text");
            writeln!(f, "{:5}: asks the program for {}", id.offset, text.escape_debug())?;
        }
        match &self.error {
            Some(error) => writeln!(f, "broken: {error}"),
            None => Ok(()),
        }
    }
}
