//! Pickle as a reducer: its protocol, its classes, its limits.

use std::sync::Arc;

use sabir_pickle::serde::{Reduction, Reductions};
use sabir_pickle::{
    AllowList, DumpOptions, Graph, Limits, Pythons, Segments, Translation, names_something, scan,
};
use serde::{Deserialize, Serialize};

use crate::peer::Peer;

/// How values are pickled, and how pickles are read. Cheap to clone.
///
/// ```
/// use sabir::Peer;
/// use sabir::reducer::{Pickle, Reducer};
///
/// let reducer = Reducer::from(Pickle::protocol(2));
/// assert_eq!(reducer.dumps("ahoy", Peer::EQUAL)?, b"\x80\x02X\x04\0\0\0ahoy.");
/// # Ok::<(), sabir::reducer::ReduceError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pickle {
    protocol: Option<u8>,
    rules: Arc<Rules>,
}

#[derive(Clone, Debug, Default)]
struct Rules {
    reductions: Reductions,
    limits: Limits,
    translation: Translation,
}

impl Pickle {
    /// The highest protocol that the peer is known to read; see [`Peer`].
    #[must_use]
    pub fn adaptive() -> Pickle {
        Pickle::default()
    }

    /// Always this protocol, 0 to 5, whoever reads it. A higher one fails when something is sent.
    #[must_use]
    pub fn protocol(protocol: u8) -> Pickle {
        Pickle { protocol: Some(protocol), ..Pickle::default() }
    }

    /// Has structs of this name written as a Python class, as `ForkingPickler.register` does for a type. Only this
    /// reducer and its clones made later know of it. See [`Reductions`].
    ///
    /// ```
    /// use sabir::Context;
    /// use sabir::pickle::serde::{Class, Reduction};
    /// use sabir::reducer::Pickle;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let class = Class::new("geometry", "Point");
    /// let pickle = Pickle::adaptive().register("Point", Reduction::Instance(class.clone()));
    /// let (mut one, mut other) = Context::new().reducer(pickle).pipe()?;
    /// one.send(&Point { x: 1, y: 2 })?; // a geometry.Point in Python
    /// let point: sabir::pickle::serde::Instance<std::collections::BTreeMap<String, i32>> = other.recv()?;
    /// assert_eq!((point.class, point.state["y"]), (class, 2));
    /// # Ok::<(), sabir::Error>(())
    /// ```
    #[must_use]
    pub fn register(mut self, name: impl Into<String>, reduction: Reduction) -> Pickle {
        self.rules_mut().reductions.register(name, reduction);
        self
    }

    /// How much a pickle from the peer may cost.
    ///
    /// ```
    /// use sabir::pickle::Limits;
    /// use sabir::reducer::{Pickle, Reducer};
    ///
    /// let small = Reducer::from(Pickle::adaptive().limits(Limits { max_nodes: 100, ..Limits::DEFAULT }));
    /// let message = Reducer::default().dumps(&vec![0; 1000], sabir::Peer::EQUAL)?;
    /// assert!(small.loads::<Vec<u8>>(&message).unwrap_err().to_string().contains("objects"));
    /// # Ok::<(), sabir::reducer::ReduceError>(())
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Pickle {
        self.rules_mut().limits = limits;
        self
    }

    /// How graphs are made ready for another Python: names, and the policies for strings. Values of Rust types need
    /// none of it: they are written as every version reads them.
    ///
    /// ```
    /// use sabir::pickle::{Names, Py2Str, Py2Text, Translation};
    /// use sabir::reducer::Pickle;
    ///
    /// // What 2.7 calls `str` is bytes for us, whatever is in it.
    /// let translation = Translation::new(Names::builtin(), Py2Str::Bytes, Py2Text::default());
    /// let pickle = Pickle::adaptive().translation(translation);
    /// ```
    #[must_use]
    pub fn translation(mut self, translation: Translation) -> Pickle {
        self.rules_mut().translation = translation;
        self
    }

    /// The protocol to write for a peer.
    #[must_use]
    pub fn protocol_for(&self, peer: Peer) -> u8 {
        self.protocol.unwrap_or(peer.protocol())
    }

    /// Pickles a value.
    ///
    /// # Errors
    /// The value has no form in the protocol.
    pub fn dumps<T: ?Sized + Serialize>(&self, value: &T, peer: Peer) -> sabir_pickle::Result<Vec<u8>> {
        let protocol = self.protocol_for(peer);
        let mut pickle = sabir_pickle::serde::to_vec_with(value, protocol, &self.rules.reductions)?;
        if self.protocol.is_none() {
            peer.introduce(&mut pickle);
        }
        Ok(pickle)
    }

    /// Reads the value of a pickle.
    ///
    /// # Errors
    /// The bytes are no pickle, exceed the limits, or hold something else than a `T`.
    pub fn loads<'de, T: Deserialize<'de>>(&self, pickle: &'de [u8]) -> sabir_pickle::Result<T> {
        sabir_pickle::serde::from_slice_with(pickle, &self.rules.limits)
    }

    /// Pickles a graph: names and forms become those of the peer. What is large is not copied.
    ///
    /// # Errors
    /// Something in it has no form in the protocol, or the policy for strings forbids it.
    pub fn dumps_graph(&self, mut graph: Graph, peer: Peer) -> sabir_pickle::Result<Segments> {
        let protocol = self.protocol_for(peer);
        let (from, to) = (Pythons::writing(graph.protocol()), peer.pythons());
        if from != to || graph.protocol() != protocol {
            self.rules.translation.apply(&mut graph, from, to, protocol)?;
        }
        graph.into_segments(&DumpOptions { python: to, ..DumpOptions::protocol(protocol) })
    }

    /// Reads a pickle as a graph, which keeps all that it says.
    ///
    /// # Errors
    /// The bytes are no pickle, or exceed the limits.
    pub fn loads_graph(&self, pickle: bytes::Bytes) -> sabir_pickle::Result<Graph> {
        Graph::load(pickle, &self.rules.limits)
    }

    /// That a message names nothing but what a list allows.
    ///
    /// # Errors
    /// [`ErrorKind::NotAllowed`](sabir_pickle::ErrorKind::NotAllowed); or the bytes are no pickle, or exceed the limits.
    pub(crate) fn check(&self, allow: &AllowList, pickle: &bytes::Bytes) -> sabir_pickle::Result<()> {
        if !names_something(&scan(pickle)?) {
            return Ok(());
        }
        let graph = self.loads_graph(pickle.clone())?;
        self.check_graph(allow, &graph, pickle)
    }

    /// The same, of what has been loaded already.
    pub(crate) fn check_graph(
        &self,
        allow: &AllowList,
        graph: &Graph,
        pickle: &[u8],
    ) -> sabir_pickle::Result<()> {
        allow.check(graph, pickle, self.rules.translation.names())
    }

    /// A value as a graph, to be changed or to become part of a larger one.
    pub(crate) fn graph<T: ?Sized + Serialize>(&self, value: &T) -> sabir_pickle::Result<Graph> {
        let pickle = sabir_pickle::serde::to_vec_with(value, 5, &self.rules.reductions)?;
        // It is the caller's own, so no limit holds.
        Graph::load(pickle.into(), &Limits { max_nodes: u32::MAX, ..Limits::DEFAULT })
    }

    pub(crate) fn translation_of(&self) -> &Translation {
        &self.rules.translation
    }

    pub(crate) fn limits_of(&self) -> &Limits {
        &self.rules.limits
    }

    fn rules_mut(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}
