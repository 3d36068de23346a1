//! `Value`: one value, and a type code that nothing looks at.

use alloc::string::String;

use super::era::Era;
use super::raised::Raised;
use super::show::Text;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::{Answer, Call, Called};

/// A place for a value.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    code: Value,
    value: Value,
}

impl Holder {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<Holder, Raised> {
        let mut given = arguments.init(era, "Value", &["typecode", "value", "lock"], 2)?.into_iter();
        let (code, value) = (given.next().flatten(), given.next().flatten());
        Ok(Holder { code: code.unwrap_or(Value::NONE), value: value.unwrap_or(Value::NONE) })
    }

    pub(crate) fn value(&self) -> Value {
        Value::instance(
            "multiprocessing.managers",
            "Value",
            &[("_typecode", &self.code), ("_value", &self.value)],
        )
    }

    pub(crate) fn repr(&self, era: Era) -> Result<String, Raised> {
        let mut text = Text::new(era);
        text.out += "Value(";
        text.values([&self.code, &self.value])?;
        text.out.push(')');
        Ok(text.out)
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let era = call.caller.era;
        match call.method {
            "get" => {
                call.arguments.take(era, "Value", "get", Signature::Python(&[], 0))?;
                Ok(Answer::Value(self.value.clone()))
            }
            "set" => {
                let given = call.arguments.take(era, "Value", "set", Signature::Python(&["value"], 1))?;
                self.value = given.into_iter().next().flatten().unwrap_or(Value::NONE);
                Ok(Answer::Value(Value::NONE))
            }
            _ => Ok(Answer::NoMethod),
        }
    }
}
