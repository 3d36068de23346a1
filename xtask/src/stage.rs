//! Stages of a command, and how long each took.

use std::process::Command;
use std::time::{Duration, Instant};

/// The stages that have been run.
#[derive(Default)]
pub(crate) struct Stages {
    done: Vec<(String, Duration, bool)>,
}

impl Stages {
    /// Runs one stage under its title.
    pub(crate) fn stage<T>(
        &mut self,
        title: &str,
        work: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        println!("== {title}");
        let started = Instant::now();
        let outcome = work();
        self.done.push((title.to_owned(), started.elapsed(), outcome.is_ok()));
        outcome.map_err(|failure| format!("{title}: {failure}"))
    }

    /// A line for each stage.
    pub(crate) fn print(&self) {
        println!("\n== timings");
        for (title, took, well) in &self.done {
            println!("{:>8.1} s  {title}{}", took.as_secs_f64(), if *well { "" } else { " (failed)" });
        }
        let total: Duration = self.done.iter().map(|(_, took, _)| *took).sum();
        println!("{:>8.1} s  in all", total.as_secs_f64());
    }
}

/// Runs a program to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?} does not run: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
