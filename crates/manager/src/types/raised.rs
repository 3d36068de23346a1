//! Exceptions that shared objects raise.

use alloc::string::String;
use alloc::vec::Vec;

use sabir_pickle::Graph;

use super::value::Value;
use super::writer::Writer;
use crate::exception;

/// An exception: its class, by the name that Python 3 has for it, and its arguments.
#[derive(Clone, Debug)]
pub struct Raised {
    module: &'static str,
    name: &'static str,
    args: Vec<Value>,
}

impl Raised {
    pub(crate) fn new(module: &'static str, name: &'static str, args: Vec<Value>) -> Raised {
        Raised { module, name, args }
    }

    pub(crate) fn builtin(name: &'static str, text: &str) -> Raised {
        Raised::new("builtins", name, alloc::vec![Value::text(text)])
    }

    pub(crate) fn type_error(text: impl AsRef<str>) -> Raised {
        Raised::builtin("TypeError", text.as_ref())
    }

    pub(crate) fn value_error(text: impl AsRef<str>) -> Raised {
        Raised::builtin("ValueError", text.as_ref())
    }

    pub(crate) fn index_error(text: impl AsRef<str>) -> Raised {
        Raised::builtin("IndexError", text.as_ref())
    }

    pub(crate) fn runtime_error(text: impl AsRef<str>) -> Raised {
        Raised::builtin("RuntimeError", text.as_ref())
    }

    pub(crate) fn attribute_error(text: impl AsRef<str>) -> Raised {
        Raised::builtin("AttributeError", text.as_ref())
    }

    pub(crate) fn overflow_error(text: impl AsRef<str>) -> Raised {
        Raised::builtin("OverflowError", text.as_ref())
    }

    /// A key that is not there.
    pub(crate) fn key_error(key: &Value) -> Raised {
        Raised::new("builtins", "KeyError", alloc::vec![key.clone()])
    }

    /// The class and its text, for logs and tests.
    pub fn describe(&self) -> String {
        let graph = self.clone().into_graph();
        exception::last_line(&graph, graph.root()).unwrap_or_default()
    }

    /// As it is sent.
    pub fn into_graph(self) -> Graph {
        let mut writer = Writer::new();
        let args: Vec<_> = self.args.iter().map(|arg| writer.add(arg)).collect();
        let mut graph = writer.graph;
        let root = exception::encode(&mut graph, self.module, self.name, args);
        graph.set_root(root);
        graph
    }
}
