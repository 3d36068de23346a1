//! The program `sabir`.
fn main() {}
