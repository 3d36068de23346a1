//! Python's pickle: opcodes, graphs and serde types.
#![no_std]
extern crate alloc;

mod version;

pub use version::{ParseVersionError, Pythons, Version};
