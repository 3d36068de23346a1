//! `set`, which managers share since 3.14.

use alloc::format;
use alloc::string::String;

use super::dict::not_implemented;
use super::digest::Digest;
use super::era::Era;
use super::index::iterate;
use super::key::{Use, key, unhashable};
use super::order::digest;
use super::raised::Raised;
use super::show::Text;
use super::signature::{Arguments, Signature};
use super::table::Table;
use super::value::Value;
use super::view::View;
use super::{Answer, Call, Called, Keys};

/// A set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set {
    table: Table,
}

impl Set {
    pub(crate) fn make(era: Era, keys: &Keys, arguments: &Arguments) -> Result<Set, Raised> {
        if !arguments.kwargs.is_empty() {
            return Err(Raised::type_error("set() takes no keyword arguments"));
        }
        match &arguments.args[..] {
            [] => Ok(Set::default()),
            [only] => Ok(Set { table: gathered(era, keys, only, Use::Set)? }),
            more => Err(Raised::type_error(format!("set expected at most 1 argument, got {}", more.len()))),
        }
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn value(&self) -> Value {
        Value::set(&self.table.keys())
    }

    pub(crate) fn repr(&self, era: Era) -> Result<String, Raised> {
        let mut text = Text::new(era);
        text.value(&self.value())?;
        Ok(text.out)
    }

    pub(crate) fn call(&mut self, call: &mut Call<'_>) -> Called {
        let (era, keys) = (call.caller.era, call.keys);
        let Some(signature) = signature(call.method) else { return Ok(Answer::NoMethod) };
        call.arguments.check(era, "set", call.method, signature)?;
        let args = &call.arguments.args;
        let digest = |value: &Value| key(keys, era, value, Use::Set);
        let value = match (call.method, &args[..]) {
            ("__len__", _) => Value::count(self.table.len()),
            ("__iter__", _) => Value::call("iter", &Value::list(&self.table.keys()), None),
            ("__contains__", [item]) => Value::bool(self.table.contains(self.member(keys, era, item)?)),
            ("add", [item]) => {
                self.table.insert(digest(item)?, item, Value::NONE);
                Value::NONE
            }
            ("discard", [item]) => {
                self.table.remove(self.member(keys, era, item)?);
                Value::NONE
            }
            ("remove", [item]) => match self.table.remove(self.member(keys, era, item)?) {
                Some(_) => Value::NONE,
                None => return Err(Raised::key_error(item)),
            },
            ("pop", _) => match self.table.pop_first() {
                Some(entry) => entry.key,
                None => return Err(Raised::builtin("KeyError", "pop from an empty set")),
            },
            ("clear", _) => {
                self.table.clear();
                Value::NONE
            }
            ("copy", _) => self.value(),
            ("isdisjoint" | "issubset" | "issuperset", [other]) => {
                let what = if call.method == "issubset" { Use::Lookup } else { Use::Set };
                let other = gathered(era, keys, other, what)?;
                Value::bool(match call.method {
                    "isdisjoint" => !within_any(&self.table, &other),
                    "issubset" => within(&self.table, &other),
                    _ => within(&other, &self.table),
                })
            }
            ("__le__" | "__lt__" | "__ge__" | "__gt__", [other]) => {
                let Some(other) = operand(era, keys, other)? else {
                    return Ok(Answer::Value(not_implemented()));
                };
                let mine = &self.table;
                Value::bool(match call.method {
                    "__le__" => within(mine, &other),
                    "__lt__" => within(mine, &other) && mine.len() < other.len(),
                    "__ge__" => within(&other, mine),
                    _ => within(&other, mine) && mine.len() > other.len(),
                })
            }
            (operator, [other]) if operator.starts_with("__") => {
                let Some(other) = operand(era, keys, other)? else {
                    return Ok(Answer::Value(not_implemented()));
                };
                let frozen = matches!(args[0].view(), View::FrozenSet(_));
                return self.operate(operator, &other, frozen).map(Answer::Value);
            }
            (method, others) => return self.combine(era, keys, method, others).map(Answer::Value),
        };
        Ok(Answer::Value(value))
    }

    /// The result has the type of the left operand.
    fn operate(&mut self, operator: &str, other: &Table, frozen: bool) -> Result<Value, Raised> {
        let (left, right) = if matches!(operator, "__rsub__" | "__ror__" | "__rand__" | "__rxor__") {
            (other, &self.table)
        } else {
            (&self.table, other)
        };
        let table = match operator {
            "__and__" | "__rand__" | "__iand__" => kept(left, right, true),
            "__sub__" | "__rsub__" | "__isub__" => kept(left, right, false),
            "__or__" | "__ror__" | "__ior__" => joined(left.clone(), right),
            _ => joined(kept(left, right, false), &kept(right, left, false)),
        };
        if operator.starts_with("__i") {
            self.table = table;
            return Ok(self.value());
        }
        let frozen = frozen && core::ptr::eq(left, other);
        Ok(if frozen { Value::frozen(&table.keys()) } else { Value::set(&table.keys()) })
    }

    fn combine(&mut self, era: Era, keys: &Keys, method: &str, others: &[Value]) -> Result<Value, Raised> {
        let mut table = self.table.clone();
        for other in others {
            let what = if method.starts_with("intersection") { Use::Lookup } else { Use::Set };
            let other = gathered(era, keys, other, what)?;
            table = match method {
                "union" | "update" => joined(table, &other),
                "intersection" | "intersection_update" => kept(&table, &other, true),
                "difference" | "difference_update" => kept(&table, &other, false),
                _ => joined(kept(&table, &other, false), &kept(&other, &table, false)),
            };
        }
        if method.ends_with("update") {
            self.table = table;
            return Ok(Value::NONE);
        }
        Ok(Value::set(&table.keys()))
    }

    /// A set may be looked for in a set, as the frozenset that is equal to it.
    fn member(&self, keys: &Keys, era: Era, item: &Value) -> Result<Digest, Raised> {
        match item.view() {
            View::Set(items) if items.iter().all(|&id| unhashable(era, &item.child(id)).is_none()) => {
                digest(keys, item)
            }
            _ => key(keys, era, item, Use::Set),
        }
    }
}

/// A table of what can be iterated over.
fn gathered(era: Era, keys: &Keys, other: &Value, what: Use) -> Result<Table, Raised> {
    let mut table = Table::default();
    for item in iterate(era, other)? {
        table.insert(key(keys, era, &item, what)?, &item, Value::NONE);
    }
    Ok(table)
}

/// The members of an operand, which must be a set.
fn operand(era: Era, keys: &Keys, other: &Value) -> Result<Option<Table>, Raised> {
    match other.view() {
        View::Set(_) | View::FrozenSet(_) => gathered(era, keys, other, Use::Set).map(Some),
        _ => Ok(None),
    }
}

fn within(one: &Table, other: &Table) -> bool {
    one.iter().all(|entry| other.contains(entry.digest))
}

fn within_any(one: &Table, other: &Table) -> bool {
    one.iter().any(|entry| other.contains(entry.digest))
}

/// Those of one that are, or are not, in the other.
fn kept(one: &Table, other: &Table, common: bool) -> Table {
    let mut table = Table::default();
    for entry in one.iter().filter(|entry| other.contains(entry.digest) == common) {
        table.insert(entry.digest, &entry.key, Value::NONE);
    }
    table
}

fn joined(mut one: Table, other: &Table) -> Table {
    for entry in other.iter() {
        one.insert(entry.digest, &entry.key, Value::NONE);
    }
    one
}

fn signature(method: &str) -> Option<Signature> {
    Some(match method {
        "__and__" | "__rand__" | "__iand__" | "__or__" | "__ror__" | "__ior__" | "__sub__" | "__rsub__"
        | "__isub__" | "__xor__" | "__rxor__" | "__ixor__" | "__ge__" | "__gt__" | "__le__" | "__lt__" => {
            Signature::Slot(1)
        }
        "__len__" | "__iter__" => Signature::Slot(0),
        "__contains__"
        | "add"
        | "discard"
        | "isdisjoint"
        | "issubset"
        | "issuperset"
        | "remove"
        | "symmetric_difference"
        | "symmetric_difference_update" => Signature::Exactly(1),
        "clear" | "copy" | "pop" => Signature::Exactly(0),
        "difference" | "difference_update" | "intersection" | "intersection_update" | "union" | "update" => {
            Signature::Between(0, usize::MAX)
        }
        _ => return None,
    })
}
