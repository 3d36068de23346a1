//! The vocabulary of `multiprocessing.managers`.
#![no_std]
extern crate alloc;
