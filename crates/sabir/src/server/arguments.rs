//! What a caller gave.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use sabir_pickle::serde::from_node;
use sabir_pickle::{Graph, Node, NodeId};
use serde::de::DeserializeOwned;

use super::state::State;
use super::{Exception, Object, Shared};

/// The arguments of a call, taken one by one as the parameters of a Python function take them: by place, else by name.
///
/// ```
/// use sabir::server::{Arguments, Exception};
///
/// /// What `def area(width, height=1)` takes.
/// fn area(mut arguments: Arguments) -> Result<f64, Exception> {
///     let width: f64 = arguments.take("width")?;
///     let height = arguments.optional("height")?.unwrap_or(1.0);
///     arguments.end()?;
///     Ok(width * height)
/// }
/// ```
pub struct Arguments {
    graph: Graph,
    /// Of the server that was called: it knows its objects.
    state: Arc<State>,
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
        state: &Arc<State>,
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
        let (state, function) = (Arc::clone(state), format!("{function}()"));
        Arguments { graph, state, function, given, taken: 0, named }
    }

    /// The next argument, which must be there.
    ///
    /// # Errors
    /// `TypeError` if it is missing, or is no `T`.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Exception> {
        match self.next(name)? {
            Some(node) => self.read(name, node),
            None => Err(self.missing(name)),
        }
    }

    /// The next argument, which may be left out.
    ///
    /// # Errors
    /// `TypeError` if it is no `T`.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Exception> {
        self.next(name)?.map(|node| self.read(name, node)).transpose()
    }

    /// The next argument, which must be a proxy of an object of this server: the object itself. CPython's server makes its
    /// own proxy of it (2.7: gives the object), and so reaches the same.
    ///
    /// # Errors
    /// `TypeError` if it is missing, no such proxy, or of an object that is no `T` or is no more.
    pub fn take_object<T: Shared>(&mut self, name: &str) -> Result<Object<T>, Exception> {
        match self.next(name)? {
            Some(node) => self.object(name, node),
            None => Err(self.missing(name)),
        }
    }

    /// The next argument, a proxy that may be left out or be None.
    ///
    /// # Errors
    /// As [`take_object`](Arguments::take_object), but that it is missing.
    pub fn optional_object<T: Shared>(&mut self, name: &str) -> Result<Option<Object<T>>, Exception> {
        let given = self.next(name)?.filter(|node| *node != NodeId::NONE);
        given.map(|node| self.object(name, node)).transpose()
    }

    /// That nothing else was given. What [`register`](super::Server::register) was given need not ask: the server does.
    ///
    /// # Errors
    /// `TypeError` if something was.
    pub fn end(&self) -> Result<(), Exception> {
        if self.taken < self.given.len() {
            return Err(Exception::type_error(format!(
                "{} takes {} positional arguments but {} were given",
                self.function,
                self.taken,
                self.given.len()
            )));
        }
        match self.named.first() {
            Some((name, _)) => Err(Exception::type_error(format!(
                "{} got an unexpected keyword argument '{name}'",
                self.function
            ))),
            None => Ok(()),
        }
    }

    fn next(&mut self, name: &str) -> Result<Option<NodeId>, Exception> {
        let by_name = self.named.iter().position(|(given, _)| given == name);
        match (self.given.get(self.taken).copied(), by_name) {
            (Some(_), Some(_)) => Err(Exception::type_error(format!(
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
        from_node(&self.graph, node, &self.state.limits()).map_err(|error| self.wrong(name, &error))
    }

    fn object<T: Shared>(&self, name: &str, node: NodeId) -> Result<Object<T>, Exception> {
        let object = self.state.object(&self.graph, node);
        let object =
            object.ok_or_else(|| self.wrong(name, &"expected a proxy of an object of this manager"))?;
        let object: Arc<dyn Any + Send + Sync> = object;
        match object.downcast::<T>() {
            Ok(object) => Ok(Object::new(object)),
            Err(_) => Err(self.wrong(name, &format_args!("expected a proxy of type {}", T::typeid()))),
        }
    }

    fn missing(&self, name: &str) -> Exception {
        let function = &self.function;
        Exception::type_error(format!("{function} missing 1 required positional argument: '{name}'"))
    }

    fn wrong(&self, name: &str, why: &dyn fmt::Display) -> Exception {
        Exception::type_error(format!("{} argument '{name}': {why}", self.function))
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arguments { function, given, taken, named, .. } = self;
        let names: Vec<&String> = named.iter().map(|(name, _)| name).collect();
        f.debug_struct("Arguments")
            .field("function", function)
            .field("given", &given.len())
            .field("taken", taken)
            .field("named", &names)
            .finish()
    }
}
