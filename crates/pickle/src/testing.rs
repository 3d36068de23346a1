//! For tests, ours and yours (feature `testing`): arbitrary graphs, their comparison, and what the fuzzers run.
//!
//! Each fuzz body takes any bytes and panics if its law, which is the first line of its documentation, does not hold.

mod arbitrary;
mod fuzz;
mod same;
#[cfg(test)]
mod tests;

pub use self::arbitrary::{Choices, arbitrary_graph};
pub use self::fuzz::{fuzz_dis, fuzz_dump, fuzz_lex, fuzz_load, fuzz_report, fuzz_transcode};
pub use self::same::{Difference, same};
