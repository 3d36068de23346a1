//! How the program ends: the one table from errors to exit codes.

use std::fmt;
use std::io::{self, Write as _};

use clap::error::ErrorKind;
use sabir::net::Error as NetError;
use sabir::wire::Blame;

use crate::printable::Printable;

/// The answer to the question was no: an unsafe pickle, a failed call. What there is to say has been
/// said on standard output.
#[derive(Debug)]
pub(crate) struct AnsweredNo;

impl fmt::Display for AnsweredNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is no")
    }
}

impl std::error::Error for AnsweredNo {}

/// The command line, or a file that it names, cannot be used.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The peer is not what it should be: what is said of it.
#[derive(Debug)]
pub(crate) struct Unexpected(pub(crate) &'static str);

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unexpected {}

/// Prints what went wrong, if anything, and gives the exit code.
pub(crate) fn finish(result: anyhow::Result<()>) -> u8 {
    let Err(error) = result else { return FINE };
    let code = code(&error);
    if code != FINE && error.downcast_ref::<AnsweredNo>().is_none() {
        // Nobody is left to tell if standard error is closed too.
        let _ = writeln!(io::stderr(), "sabir: {}", Printable(story(&error)));
    }
    code
}

/// Prints help, the version, or what is wrong with the arguments.
pub(crate) fn usage(error: &clap::Error) -> u8 {
    // A closed pipe is the reader's choice.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => FINE,
        _ => USAGE,
    }
}

/// What went wrong, and why, and why that: each once, since some errors tell their causes themselves.
fn story(error: &anyhow::Error) -> String {
    let mut story = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !story.contains(&cause) {
            story.push_str(": ");
            story.push_str(&cause);
        }
    }
    story
}

fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<NetError>() {
            return match error {
                NetError::Address(_) | NetError::Unsupported { .. } => USAGE,
                NetError::Wire(sabir::wire::Error::Auth { .. }) | NetError::Certificate { .. } => {
                    AUTHENTICATION
                }
                NetError::Wire(wire) if wire.blame() == Blame::Peer => PROTOCOL,
                NetError::Handle(_) => PROTOCOL,
                _ => CONNECTION,
            };
        }
        if cause.is::<Usage>() {
            return USAGE;
        }
        if cause.is::<Unexpected>() {
            return PROTOCOL;
        }
        if cause.is::<AnsweredNo>() {
            return ANSWERED_NO;
        }
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            // A reader that has enough is no failure.
            return if error.kind() == io::ErrorKind::BrokenPipe { FINE } else { USAGE };
        }
    }
    ANSWERED_NO
}

const FINE: u8 = 0;
const ANSWERED_NO: u8 = 1;
/// Wrong arguments, or a file that cannot be read or written, be it standard output.
const USAGE: u8 = 2;
/// Could not connect or bind.
const CONNECTION: u8 = 3;
const AUTHENTICATION: u8 = 4;
/// The peer broke the protocol.
const PROTOCOL: u8 = 5;
