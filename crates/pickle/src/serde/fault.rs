//! An error on its way out of nested values: it gathers the path to the value as it passes.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use super::tape::FALSE;
use crate::error::{Error, ErrorKind};

/// What went wrong while a value was read or written, and where in the value.
#[derive(Debug)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    /// From the outermost value to the one that is wrong, such as `.items[3].name`.
    path: String,
    /// The item of the tape that is wrong.
    item: Option<u32>,
}

impl Fault {
    #[cold]
    pub(super) fn new(kind: ErrorKind) -> Fault {
        Fault(Box::new(Inner { kind, path: String::new(), item: None }))
    }

    #[cold]
    pub(super) fn data(message: impl Into<String>) -> Fault {
        Fault::new(ErrorKind::Data(message.into()))
    }

    /// The fault as seen from the container, in which the value is `segment`.
    #[cold]
    pub(super) fn within(mut self, segment: fmt::Arguments<'_>, item: u32) -> Fault {
        self.0.path.insert_str(0, &segment.to_string());
        self.at(item)
    }

    /// Says which item it is, unless an inner one is known. None, True and False are everywhere the same item, so that
    /// what they are in has to do.
    #[cold]
    pub(super) fn at(mut self, item: u32) -> Fault {
        if item > FALSE {
            self.0.item.get_or_insert(item);
        }
        self
    }

    /// The error for the caller; `offset` finds the place of an item in the input.
    #[cold]
    pub(super) fn into_error(self, offset: impl FnOnce(u32) -> Option<usize>) -> Error {
        let Inner { kind, path, item } = *self.0;
        let kind = match kind {
            ErrorKind::Data(message) if !path.is_empty() => ErrorKind::Data(format!("{path}: {message}")),
            kind => kind,
        };
        match item.and_then(offset) {
            Some(offset) => Error::at(kind, offset),
            None => Error::new(kind),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "{}: ", self.0.path)?;
        }
        write!(f, "{}", self.0.kind)
    }
}

impl core::error::Error for Fault {}

impl serde::de::Error for Fault {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Fault {
        Fault::data(message.to_string())
    }
}

impl serde::ser::Error for Fault {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Fault {
        Fault::data(message.to_string())
    }
}
