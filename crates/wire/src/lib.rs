//! Frames and authentication of the `multiprocessing` wire.
#![no_std]
extern crate alloc;
