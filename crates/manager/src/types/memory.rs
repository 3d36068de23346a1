//! What values take of the memory, counted while they are there.

use alloc::sync::Arc;
use core::ops::Deref;
use core::sync::atomic::{AtomicUsize, Ordering};

use sabir_pickle::Graph;

/// Counts bytes: those of the messages that values are parts of, of the places that they have in objects, and of replies
/// on their way. Clones count together.
///
/// A message counts as a whole until the last value that is a part of it is gone. The figure is an estimate, near to what
/// the allocator is asked for; what the allocator keeps beyond that is not in it.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<AtomicUsize>);

impl Meter {
    /// How much it is now, in bytes.
    pub fn used(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts so many bytes until the charge is dropped.
    pub fn charge(&self, bytes: usize) -> Charge {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Charge { meter: self.clone(), bytes }
    }

    /// Counts a graph for as long as a value is a part of it.
    pub(crate) fn keep(&self, graph: Graph) -> Arc<Kept> {
        let bytes = graph.length() + NODE * graph.len();
        Arc::new(Kept { graph, charge: Some(self.charge(bytes)) })
    }

    /// Counts the places in an object.
    pub(crate) fn changed(&self, from: usize, to: usize) {
        if to > from {
            self.0.fetch_add(to - from, Ordering::Relaxed);
        } else {
            self.0.fetch_sub(from - to, Ordering::Relaxed);
        }
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub struct Charge {
    meter: Meter,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A graph that values are parts of.
#[derive(Debug)]
pub struct Kept {
    graph: Graph,
    /// What it is counted as; nothing for what the server itself has made.
    charge: Option<Charge>,
}

impl Kept {
    pub(crate) fn uncounted(graph: Graph) -> Arc<Kept> {
        Arc::new(Kept { graph, charge: None })
    }

    /// The graph alone.
    pub(crate) fn into_graph(self) -> Graph {
        drop(self.charge);
        self.graph
    }
}

impl Deref for Kept {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        &self.graph
    }
}

/// What a node takes, with a reference to it.
const NODE: usize = 36;
