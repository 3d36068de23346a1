//! Python's multiprocessing wire for Rust.

pub mod pythons;
