//! Python's pickle: opcodes, graphs and serde types.
#![no_std]
extern crate alloc;
