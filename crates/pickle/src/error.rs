//! What can be wrong with a pickle, whose fault that is, and where.

use core::fmt;

/// The outcome of everything here that can fail.
pub type Result<T> = core::result::Result<T, Error>;

/// Something is wrong with a pickle, or cannot be written as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    offset: Option<u64>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ends inside an opcode or before STOP.
    Truncated,
    /// No protocol has an opcode of this byte.
    UnknownOpcode(u8),
    /// PROTO names a protocol above 5.
    UnsupportedProtocol(u8),
    /// A length that must not be negative is.
    NegativeLength,
    /// The text of an argument is not what its opcode wants; the word says what was wanted.
    BadText(&'static str),
    /// An opcode needs more on the stack than is there, or a mark where there is none.
    StackUnderflow,
    /// An opcode found a mark, or something of another type, where it needs what the word says.
    WrongOperand(&'static str),
    /// GET of a memo entry that was never PUT.
    UnknownMemo(u64),
    /// FRAME announces more bytes than follow.
    FrameTooLong,
    /// The pickle asks for a buffer beside it that was not given.
    MissingBuffer(u32),
    /// A limit was reached; the word names it.
    Limit(&'static str),
    /// The pickle mentions a name that is not in the allow list, which is told as [`AllowList`](crate::AllowList) takes it.
    NotAllowed(alloc::string::String),
    /// The value has no form in the protocol or for the Python that was asked for.
    Unrepresentable(&'static str),
    /// The value does not fit the type it is to be read into, or the type cannot be written: serde's own words.
    Data(alloc::string::String),
}

/// Whose fault an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// The bytes are no pickle, or break a rule of pickles: whoever wrote them is to be asked.
    Malformed,
    /// The bytes may be fine, but are more than the limits allow.
    Limit,
    /// The bytes may be fine, but mention what the allow list does not.
    Refused,
    /// The value cannot be said in the protocol, version or type that the caller asked for.
    Unrepresentable,
}

impl Error {
    /// An error at an offset of the input.
    pub(crate) const fn at(kind: ErrorKind, offset: usize) -> Error {
        Error { kind, offset: Some(offset as u64) }
    }

    /// An error that no place in the input causes.
    pub(crate) const fn new(kind: ErrorKind) -> Error {
        Error { kind, offset: None }
    }

    /// What is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The offset of the opcode that is wrong, in bytes from the start of the pickle.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// Whose fault it is.
    pub fn category(&self) -> Category {
        match self.kind {
            ErrorKind::Limit(_) => Category::Limit,
            ErrorKind::NotAllowed(_) => Category::Refused,
            ErrorKind::Unrepresentable(_) | ErrorKind::MissingBuffer(_) | ErrorKind::Data(_) => {
                Category::Unrepresentable
            }
            _ => Category::Malformed,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match self.offset {
            Some(offset) => write!(f, " at offset {offset}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Truncated => f.write_str("the pickle ends before its STOP"),
            ErrorKind::UnknownOpcode(byte) => write!(f, "no opcode has the byte 0x{byte:02x}"),
            ErrorKind::UnsupportedProtocol(protocol) => {
                write!(f, "unsupported pickle protocol: {protocol}")
            }
            ErrorKind::NegativeLength => f.write_str("a length is negative"),
            ErrorKind::BadText(wanted) => write!(f, "an argument is not {wanted}"),
            ErrorKind::StackUnderflow => f.write_str("the stack holds too little for this opcode"),
            ErrorKind::WrongOperand(wanted) => {
                write!(f, "the stack does not hold {wanted} where this opcode needs it")
            }
            ErrorKind::UnknownMemo(index) => write!(f, "memo entry {index} was never stored"),
            ErrorKind::FrameTooLong => f.write_str("a frame is longer than the pickle"),
            ErrorKind::MissingBuffer(index) => write!(f, "out-of-band buffer {index} was not given"),
            ErrorKind::Limit(what) => write!(f, "more {what} than the limits allow"),
            ErrorKind::NotAllowed(name) => write!(f, "{name} is not allowed"),
            ErrorKind::Unrepresentable(what) => write!(f, "cannot be written: {what}"),
            ErrorKind::Data(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for Error {}
