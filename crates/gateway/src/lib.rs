//! What a relay between two Pythons rewrites, and for whom.
#![no_std]
extern crate alloc;
