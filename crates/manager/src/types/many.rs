//! Many values that a call returns.

use alloc::vec::Vec;

use super::table::{Entry, Table};
use super::value::Value;

/// What an object held at one moment. To take it costs little, since values are shared; to write it takes long if it is
/// much, and that needs no object: it is done where the reply is sent, while others call.
#[derive(Clone, Debug)]
pub struct Many {
    shape: Shape,
    /// Keys and values in turn where there are both.
    values: Vec<Value>,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Dict,
    List,
    Pairs,
    Set,
}

impl Many {
    pub(crate) fn dict(table: &Table) -> Many {
        Many { shape: Shape::Dict, values: both(table) }
    }

    /// The items of a dict.
    pub(crate) fn pairs(table: &Table) -> Many {
        Many { shape: Shape::Pairs, values: both(table) }
    }

    pub(crate) fn set(table: &Table) -> Many {
        Many { shape: Shape::Set, values: table.keys() }
    }

    pub(crate) fn list(values: Vec<Value>) -> Many {
        Many { shape: Shape::List, values }
    }

    /// The value that the caller sees.
    pub fn into_value(self) -> Value {
        let pairs = || self.values.chunks_exact(2).filter_map(|pair| Some((pair.first()?, pair.get(1)?)));
        match self.shape {
            Shape::Dict => Value::dict(pairs()),
            Shape::List => Value::list(&self.values),
            Shape::Pairs => Value::pairs(pairs()),
            Shape::Set => Value::set(&self.values),
        }
    }
}

fn both(table: &Table) -> Vec<Value> {
    table.iter().flat_map(|Entry { key, value, .. }| [key.clone(), value.clone()]).collect()
}
