//! How much a pickle from a stranger may cost.

/// The budget of loading one pickle.
///
/// A byte of input makes at most one node and one memo entry, so the input's own length bounds the work; these limits
/// bound the memory that a hostile input of legal length can claim. Python has none of them: its unpickler allocates
/// a memo as large as the highest index that a 6-byte opcode names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes of the graph; each costs 32 bytes, and 4 more wherever it is referred to.
    pub max_nodes: u32,
    /// Digits of an integer written in decimal (protocol 0). CPython's own default is 4,300.
    pub max_digits: u32,
    /// How deep values may nest where they are read recursively (serde types). Graphs have no such limit.
    pub max_depth: u32,
}

impl Limits {
    /// Room for 16 million nodes: half a gigabyte at the worst.
    pub const DEFAULT: Limits = Limits { max_nodes: 16 << 20, max_digits: 4300, max_depth: 256 };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
