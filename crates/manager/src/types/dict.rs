//! `dict`.

use alloc::format;
use alloc::string::String;

use super::era::Era;
use super::index::{items, iterate};
use super::iterator::Iterator as KeyIterator;
use super::key::{Use, key};
use super::raised::Raised;
use super::show::Text;
use super::signature::{Arguments, Signature};
use super::table::{Entry, Table};
use super::value::Value;
use super::view::View;
use super::{Answer, Call, Called, Keys, Many};

/// A dict.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dict {
    table: Table,
}

impl Dict {
    pub(crate) fn make(era: Era, keys: &Keys, arguments: &Arguments) -> Result<Dict, Raised> {
        let mut dict = Dict::default();
        dict.update(era, keys, "dict", arguments)?;
        Ok(dict)
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    pub(crate) fn value(&self) -> Value {
        value_of(&self.table)
    }

    pub(crate) fn repr(&self, era: Era) -> Result<String, Raised> {
        let mut text = Text::new(era);
        text.out.push('{');
        for (place, Entry { key, value, .. }) in self.table.iter().enumerate() {
            text.out += if place > 0 { ", " } else { "" };
            text.value(key)?;
            text.out += ": ";
            text.value(value)?;
        }
        text.out.push('}');
        Ok(text.out)
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let (era, keys) = (call.caller.era, call.keys);
        let Some(signature) = signature(call.method, era) else { return Ok(Answer::NoMethod) };
        if call.method == "update" {
            self.update(era, keys, "update", call.arguments)?;
            return Ok(Answer::Value(Value::NONE));
        }
        call.arguments.check(era, "dict", call.method, signature)?;
        let args = &call.arguments.args;
        let digest = |value: &Value| key(keys, era, value, Use::Dict);
        let value = match (call.method, &args[..]) {
            ("__len__", _) => Value::count(self.table.len()),
            ("__contains__" | "has_key", [key]) => Value::bool(self.table.contains(digest(key)?)),
            ("__getitem__", [key]) => match self.table.get(digest(key)?) {
                Some(value) => value.clone(),
                None => return Err(Raised::key_error(key)),
            },
            ("__setitem__", [key, value]) => {
                self.table.insert(digest(key)?, key, value.clone());
                Value::NONE
            }
            ("__delitem__", [key]) => match self.table.remove(digest(key)?) {
                Some(_) => Value::NONE,
                None => return Err(Raised::key_error(key)),
            },
            ("get", [key, rest @ ..]) => {
                let found = self.table.get(digest(key)?);
                found.or(rest.first()).cloned().unwrap_or(Value::NONE)
            }
            ("setdefault", [key, rest @ ..]) => {
                let digest = digest(key)?;
                match self.table.get(digest) {
                    Some(value) => value.clone(),
                    None => {
                        let value = rest.first().cloned().unwrap_or(Value::NONE);
                        self.table.insert(digest, key, value.clone());
                        value
                    }
                }
            }
            ("pop", [key, rest @ ..]) => {
                // CPython does not look at the key if there is nothing to find.
                if self.table.is_empty() {
                    match rest.first() {
                        Some(value) => value.clone(),
                        None => return Err(Raised::key_error(key)),
                    }
                } else {
                    match (self.table.remove(digest(key)?), rest.first()) {
                        (Some(entry), _) => entry.value,
                        (None, Some(value)) => value.clone(),
                        (None, None) => return Err(Raised::key_error(key)),
                    }
                }
            }
            ("popitem", _) => match self.table.pop_last() {
                Some(Entry { key, value, .. }) => Value::tuple(&[key, value]),
                None => return Err(Raised::builtin("KeyError", "popitem(): dictionary is empty")),
            },
            ("clear", _) => {
                self.table.clear();
                Value::NONE
            }
            ("copy", _) => return Ok(Answer::Many(Many::dict(&self.table))),
            ("keys", _) => return Ok(Answer::Many(Many::list(self.table.keys()))),
            ("values", _) => {
                let values = self.table.iter().map(|entry| entry.value.clone()).collect();
                return Ok(Answer::Many(Many::list(values)));
            }
            ("items", _) => return Ok(Answer::Many(Many::pairs(&self.table))),
            ("__iter__", _) => return Ok(Answer::Iterator(KeyIterator::new(self.table.len()))),
            ("__or__" | "__ror__", [other]) => {
                let View::Dict(_) = other.view() else { return Ok(Answer::Value(not_implemented())) };
                let (mut table, mut right) = (self.table.clone(), Table::default());
                merge(era, keys, &mut right, other, false)?;
                if call.method == "__ror__" {
                    core::mem::swap(&mut table, &mut right);
                }
                for Entry { digest, key, value } in right.iter() {
                    table.insert(*digest, key, value.clone());
                }
                value_of(&table)
            }
            ("__ior__", [other]) => {
                merge(era, keys, &mut self.table, other, false)?;
                self.value()
            }
            ("fromkeys", [keys_of, rest @ ..]) => {
                let mut table = Table::default();
                for key in iterate(era, keys_of)? {
                    table.insert(digest(&key)?, &key, rest.first().cloned().unwrap_or(Value::NONE));
                }
                value_of(&table)
            }
            ("__reversed__", _) => {
                let mut keys = self.table.keys();
                keys.reverse();
                Value::call("iter", &Value::list(&keys), None)
            }
            _ => return Ok(Answer::NoMethod),
        };
        Ok(Answer::Value(value))
    }

    fn update(&mut self, era: Era, keys: &Keys, method: &str, arguments: &Arguments) -> Result<(), Raised> {
        let given = arguments.args.len();
        if given > 1 {
            let s = if era.since(8) { "" } else { "s" };
            return Err(Raised::type_error(format!("{method} expected at most 1 argument{s}, got {given}")));
        }
        if let Some(other) = arguments.get(0) {
            // Since 3.14 the exception has a note, which only a traceback shows.
            merge(era, keys, &mut self.table, other, method == "dict")?;
        }
        for (name, value) in &arguments.kwargs {
            let name = Value::name(era, name);
            self.table.insert(key(keys, era, &name, Use::Dict)?, &name, value.clone());
        }
        Ok(())
    }
}

/// Adds what `dict.update` takes: a dict, or pairs. What comes before a bad pair is added.
fn merge(era: Era, keys: &Keys, table: &mut Table, other: &Value, making: bool) -> Result<(), Raised> {
    if let View::Dict(pairs) = other.view() {
        for &(name, value) in pairs {
            let name = other.child(name);
            table.insert(key(keys, era, &name, Use::Dict)?, &name, other.child(value));
        }
        return Ok(());
    }
    for (place, pair) in iterate(era, other)?.iter().enumerate() {
        let Some(parts) = items(era, pair) else {
            return Err(Raised::type_error(if era.since(14) {
                let note =
                    format!("Cannot convert dictionary update sequence element #{place} to a sequence");
                let noted = if making { format!("\n{note}") } else { String::new() };
                format!("object is not iterable{noted}")
            } else {
                format!("cannot convert dictionary update sequence element #{place} to a sequence")
            }));
        };
        let [name, value] = &parts[..] else {
            let length = parts.len();
            return Err(Raised::value_error(format!(
                "dictionary update sequence element #{place} has length {length}; 2 is required"
            )));
        };
        table.insert(key(keys, era, name, Use::Dict)?, name, value.clone());
    }
    Ok(())
}

fn value_of(table: &Table) -> Value {
    Value::dict(table.iter().map(|Entry { key, value, .. }| (key, value)))
}

/// What an operator answers for an operand that it does not know.
pub(crate) fn not_implemented() -> Value {
    Value::made(|graph| graph.add_global("builtins", "NotImplemented"))
}

fn signature(method: &str, era: Era) -> Option<Signature> {
    Some(match method {
        "__delitem__" => Signature::Slot(1),
        "__or__" | "__ror__" | "__ior__" => Signature::Slot(1),
        "__len__" | "__iter__" => Signature::Slot(0),
        "__setitem__" => Signature::Unpacked(2),
        "__contains__" | "__getitem__" => Signature::Exactly(1),
        "has_key" if era.is_py2() => Signature::Exactly(1),
        "clear" | "copy" | "items" | "keys" | "popitem" | "values" | "__reversed__" => Signature::Exactly(0),
        "get" | "pop" | "setdefault" | "fromkeys" => Signature::Unpack(1, 2),
        "update" => Signature::Unpack(0, 1),
        _ => return None,
    })
}
