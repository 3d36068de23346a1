//! What a Python caller has raised.

use std::fmt;

use sabir_manager::exception;
use sabir_pickle::Graph;
use sabir_pickle::serde::to_graph;
use serde::Serialize;

/// An exception by its class, as Python 3 names it, and its arguments.
///
/// ```
/// use sabir::server::Exception;
/// let error = Exception::new("queue", "Empty", &());
/// assert_eq!(error.to_string(), "queue.Empty");
/// assert_eq!(Exception::value_error("no such user").to_string(), "ValueError: no such user");
/// let number = "seven".parse::<u8>().map_err(Exception::value_error);
/// assert_eq!(number.unwrap_err().to_string(), "ValueError: invalid digit found in string");
/// ```
#[derive(Clone, Debug)]
pub struct Exception {
    graph: Graph,
    shown: String,
}

impl Exception {
    /// An exception of any class that the caller can import. `args` are a tuple, an array or a vector: what the class
    /// is called with. Arguments that cannot be pickled become a `RuntimeError` that says so.
    pub fn new<A: ?Sized + Serialize>(module: &str, name: &str, args: &A) -> Exception {
        let mut graph = match to_graph(args) {
            Ok(graph) => graph,
            Err(error) => return Exception::runtime_error(format!("{module}.{name}: {error}")),
        };
        let args = graph.items(graph.root()).map(<[_]>::to_vec).unwrap_or_default();
        let root = exception::encode(&mut graph, module, name, args);
        graph.set_root(root);
        let shown = sabir_manager::RemoteException::decode(&graph, root, &sabir_pickle::Names::builtin());
        Exception { shown: shown.map_or_else(|| name.to_owned(), |shown| shown.to_string()), graph }
    }

    /// A `ValueError`.
    #[must_use]
    pub fn value_error(text: impl fmt::Display) -> Exception {
        Exception::builtin("ValueError", &text.to_string())
    }

    /// A `TypeError`.
    #[must_use]
    pub fn type_error(text: impl fmt::Display) -> Exception {
        Exception::builtin("TypeError", &text.to_string())
    }

    /// A `RuntimeError`.
    #[must_use]
    pub fn runtime_error(text: impl fmt::Display) -> Exception {
        Exception::builtin("RuntimeError", &text.to_string())
    }

    /// A `KeyError` of a key.
    pub fn key_error<K: ?Sized + Serialize>(key: &K) -> Exception {
        Exception::new("builtins", "KeyError", &(key,))
    }

    /// That an object has no such method, which it said it has.
    #[doc(hidden)]
    #[must_use]
    pub fn no_method(method: &str) -> Exception {
        Exception::builtin("AttributeError", &format!("no method '{method}'"))
    }

    fn builtin(name: &str, text: &str) -> Exception {
        Exception { graph: exception::raised("builtins", name, &[text]), shown: format!("{name}: {text}") }
    }

    pub(super) fn into_graph(self) -> Graph {
        self.graph
    }
}

/// As the last line of a traceback.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl std::error::Error for Exception {}

/// What another manager raised is raised again, by its class and its text. The end of a connection is an `EOFError`, and
/// whatever else went wrong here a `RuntimeError` there.
impl From<crate::Error> for Exception {
    fn from(error: crate::Error) -> Exception {
        match error {
            crate::Error::Remote(raised) => match &*raised.text {
                "" => Exception::new(&raised.module, &raised.name, &()),
                text => Exception::new(&raised.module, &raised.name, &(text,)),
            },
            crate::Error::Eof => Exception::builtin("EOFError", &error.to_string()),
            error => Exception::runtime_error(error),
        }
    }
}

impl From<std::io::Error> for Exception {
    fn from(error: std::io::Error) -> Exception {
        match error.raw_os_error() {
            // Python makes of the number the subclass that it stands for.
            Some(number) => Exception::new("builtins", "OSError", &(number, strerror(&error))),
            None => Exception::builtin("OSError", &error.to_string()),
        }
    }
}

/// The system's words, without the number that Rust puts behind them.
fn strerror(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
