//! `Namespace`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::era::Era;
use super::order::name;
use super::raised::Raised;
use super::show::Text;
use super::signature::{Arguments, Signature};
use super::value::Value;
use super::{Answer, Call, Called};

/// Attributes, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespace {
    names: Vec<String>,
    values: alloc::collections::BTreeMap<String, Value>,
}

impl Namespace {
    pub(crate) fn make(era: Era, arguments: &Arguments) -> Result<Namespace, Raised> {
        let positional = Arguments { args: arguments.args.clone(), kwargs: Vec::new() };
        positional.init(era, "Namespace", &[], 0)?;
        let mut namespace = Namespace::default();
        for (name, value) in &arguments.kwargs {
            namespace.set(name, value.clone());
        }
        Ok(namespace)
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn value(&self) -> Value {
        let pairs: Vec<(&str, &Value)> = self.pairs().collect();
        Value::instance("multiprocessing.managers", "Namespace", &pairs)
    }

    pub(crate) fn repr(&self, era: Era) -> Result<String, Raised> {
        let mut pairs = Vec::new();
        for (name, value) in self.pairs().filter(|(name, _)| !name.starts_with('_')) {
            let mut text = Text::new(era);
            text.value(value)?;
            pairs.push(format!("{name}={}", text.out));
        }
        pairs.sort();
        Ok(format!("Namespace({})", pairs.join(", ")))
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let era = call.caller.era;
        let signature = match call.method {
            "__getattribute__" | "__delattr__" => Signature::Slot(1),
            "__setattr__" => Signature::Unpacked(2),
            _ => return Ok(Answer::NoMethod),
        };
        let given = call.arguments.take(era, "Namespace", call.method, signature)?;
        let name_of = given.first().cloned().flatten().unwrap_or(Value::NONE);
        let Some(attribute) = name_of.as_text() else {
            let kind = name(&name_of, era);
            return Err(Raised::type_error(format!("attribute name must be string, not '{kind}'")));
        };
        if era.is_py2()
            && let Some(place) = attribute.chars().position(|c| !c.is_ascii())
        {
            return Err(not_ascii(&name_of, place, attribute));
        }
        let missing =
            || Raised::attribute_error(format!("'Namespace' object has no attribute '{attribute}'"));
        match (call.method, given.get(1).cloned().flatten()) {
            ("__getattribute__", _) => {
                self.values.get(attribute).cloned().map(Answer::Value).ok_or_else(missing)
            }
            ("__setattr__", Some(value)) => {
                self.set(attribute, value);
                Ok(Answer::Value(Value::NONE))
            }
            _ => match self.values.remove(attribute) {
                Some(_) => {
                    self.names.retain(|name| name != attribute);
                    Ok(Answer::Value(Value::NONE))
                }
                None if era.since(11) => Err(missing()),
                None => Err(Raised::attribute_error(attribute)),
            },
        }
    }

    fn set(&mut self, name: &str, value: Value) {
        if self.values.insert(name.to_string(), value).is_none() {
            self.names.push(name.to_string());
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.names.iter().filter_map(|name| Some((&**name, self.values.get(name)?)))
    }
}

/// Names are ASCII in Python 2.
fn not_ascii(name: &Value, place: usize, text: &str) -> Raised {
    let end = place + text.chars().skip(place).take_while(|c| !c.is_ascii()).count();
    let args = [
        Value::text("ascii").native(),
        name.clone(),
        Value::count(place),
        Value::count(end),
        Value::text("ordinal not in range(128)").native(),
    ];
    Raised::new("builtins", "UnicodeEncodeError", args.into())
}
