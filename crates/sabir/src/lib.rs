//! Python's multiprocessing wire for Rust.
