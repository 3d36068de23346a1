//! What a caller gave.

use sabir_pickle::serde::from_node;
use sabir_pickle::{Graph, Limits, Node, NodeId};
use serde::de::DeserializeOwned;

use super::Exception;

/// The arguments of a call, taken one by one as the parameters of a Python function take them: by place, else by name.
#[derive(Debug)]
pub struct Arguments {
    graph: Graph,
    limits: Limits,
    /// For the texts of errors: `move()`.
    function: String,
    given: Vec<NodeId>,
    /// How many of `given` are taken.
    taken: usize,
    /// The keyword arguments that are not taken yet.
    named: Vec<(String, NodeId)>,
}

impl Arguments {
    pub(super) fn new(
        graph: Graph,
        limits: Limits,
        function: &str,
        given: Vec<NodeId>,
        kwargs: NodeId,
    ) -> Arguments {
        let named = match &graph[kwargs] {
            Node::Dict(pairs) => {
                let texts = pairs.iter().map(|&(key, value)| Some((graph.text(key)?.to_owned(), value)));
                texts.flatten().collect()
            }
            _ => Vec::new(),
        };
        Arguments { graph, limits, function: format!("{function}()"), given, taken: 0, named }
    }

    /// The next argument, which must be there.
    ///
    /// # Errors
    /// `TypeError` if it is missing, or is no `T`.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Exception> {
        match self.next(name)? {
            Some(node) => self.read(name, node),
            None => Err(Exception::type_error(&format!(
                "{} missing 1 required positional argument: '{name}'",
                self.function
            ))),
        }
    }

    /// The next argument, which may be left out.
    ///
    /// # Errors
    /// `TypeError` if it is no `T`.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Exception> {
        self.next(name)?.map(|node| self.read(name, node)).transpose()
    }

    /// That nothing else was given.
    ///
    /// # Errors
    /// `TypeError` if something was.
    pub fn end(self) -> Result<(), Exception> {
        if self.taken < self.given.len() {
            return Err(Exception::type_error(&format!(
                "{} takes {} positional arguments but {} were given",
                self.function,
                self.taken,
                self.given.len()
            )));
        }
        match self.named.first() {
            Some((name, _)) => Err(Exception::type_error(&format!(
                "{} got an unexpected keyword argument '{name}'",
                self.function
            ))),
            None => Ok(()),
        }
    }

    fn next(&mut self, name: &str) -> Result<Option<NodeId>, Exception> {
        let by_name = self.named.iter().position(|(given, _)| given == name);
        match (self.given.get(self.taken).copied(), by_name) {
            (Some(_), Some(_)) => Err(Exception::type_error(&format!(
                "{} got multiple values for argument '{name}'",
                self.function
            ))),
            (Some(node), None) => {
                self.taken += 1;
                Ok(Some(node))
            }
            (None, place) => Ok(place.map(|place| self.named.remove(place).1)),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str, node: NodeId) -> Result<T, Exception> {
        from_node(&self.graph, node, &self.limits)
            .map_err(|error| Exception::type_error(&format!("{} argument '{name}': {error}", self.function)))
    }
}
