//! What `str` of an exception is, by its class: the rules of CPython's Objects/exceptions.c.

use alloc::format;
use alloc::string::{String, ToString};

use sabir_pickle::{Graph, Node, NodeId};

use super::Parts;
use crate::repr::{repr, str};

/// The text of an exception of this Python 3 name with these `args`; `limit` bounds each part, in bytes.
pub(super) fn text(graph: &Graph, name: &str, args: &[NodeId], limit: usize) -> String {
    let own = match name {
        "KeyError" => key_error(graph, args, limit),
        "UnicodeDecodeError" => decode_error(graph, args, limit),
        "UnicodeEncodeError" => encode_error(graph, args, limit),
        "SyntaxError" | "IndentationError" | "TabError" => syntax_error(graph, args, limit),
        "ExceptionGroup" | "BaseExceptionGroup" => group(graph, args, limit),
        _ if OS_ERRORS.contains(&name) => os_error(graph, args, limit),
        _ => None,
    };
    own.unwrap_or_else(|| plain(graph, args, limit))
}

/// `BaseException.__str__`. An exception that holds an exception is as its text; a chain of those is a loop.
fn plain<'g>(graph: &'g Graph, mut args: &'g [NodeId], limit: usize) -> String {
    for _ in 0..MAX_CHAIN {
        match *args {
            [] => return String::new(),
            [only] => match Parts::of(graph, only) {
                Some(parts) if is_exception(parts.name) => args = parts.args,
                _ => return str(graph, only, limit),
            },
            _ => break,
        }
    }
    tuple(graph, args, limit)
}

fn tuple(graph: &Graph, args: &[NodeId], limit: usize) -> String {
    let mut text = String::from("(");
    for (place, &arg) in args.iter().enumerate() {
        if text.len() > limit {
            break;
        }
        text.push_str(if place > 0 { ", " } else { "" });
        text.push_str(&repr(graph, arg, limit));
    }
    text.push(')');
    text
}

fn key_error(graph: &Graph, args: &[NodeId], limit: usize) -> Option<String> {
    let &[key] = args else { return None };
    Some(repr(graph, key, limit))
}

fn os_error(graph: &Graph, args: &[NodeId], limit: usize) -> Option<String> {
    let (&[errno, error, ref rest @ ..], 2..=5) = (args, args.len()) else { return None };
    let mut text = format!("[Errno {}] {}", str(graph, errno, limit), str(graph, error, limit));
    // errno, strerror, filename, winerror, filename2
    if let Some(&name) = rest.first().filter(|&&name| name != NodeId::NONE) {
        text += &format!(": {}", repr(graph, name, limit));
        if let Some(&second) = rest.get(2).filter(|&&name| name != NodeId::NONE) {
            text += &format!(" -> {}", repr(graph, second, limit));
        }
    }
    Some(text)
}

fn decode_error(graph: &Graph, args: &[NodeId], limit: usize) -> Option<String> {
    let &[encoding, object, start, end, reason] = args else { return None };
    let (Node::Bytes(blob) | Node::String(blob)) = graph[object] else { return None };
    let (encoding, reason) = (str(graph, encoding, limit), str(graph, reason, limit));
    let (start, end) = (graph.int(start)?, graph.int(end)?);
    let byte = usize::try_from(start).ok().and_then(|start| graph.blob(blob).get(start));
    Some(match byte {
        Some(byte) if end.checked_sub(1) == Some(start) => {
            format!("'{encoding}' codec can't decode byte 0x{byte:02x} in position {start}: {reason}")
        }
        _ => {
            let last = end.saturating_sub(1);
            format!("'{encoding}' codec can't decode bytes in position {start}-{last}: {reason}")
        }
    })
}

fn encode_error(graph: &Graph, args: &[NodeId], limit: usize) -> Option<String> {
    let &[encoding, object, start, end, reason] = args else { return None };
    let (encoding, reason) = (str(graph, encoding, limit), str(graph, reason, limit));
    let object = graph.text(object)?;
    let (start, end) = (graph.int(start)?, graph.int(end)?);
    let character = usize::try_from(start).ok().and_then(|start| object.chars().nth(start));
    Some(match character.map(u32::from) {
        Some(code) if end.checked_sub(1) == Some(start) => {
            let code = match code {
                0..=0xff => format!("\\x{code:02x}"),
                0x100..=0xffff => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            };
            format!("'{encoding}' codec can't encode character '{code}' in position {start}: {reason}")
        }
        _ => {
            let last = end.saturating_sub(1);
            format!("'{encoding}' codec can't encode characters in position {start}-{last}: {reason}")
        }
    })
}

/// `args` is the message and `(filename, line, offset, text, ...)`.
fn syntax_error(graph: &Graph, args: &[NodeId], limit: usize) -> Option<String> {
    let &[message, place] = args else { return None };
    let &[file, line, ..] = graph.items(place)? else { return None };
    let (message, line) = (str(graph, message, limit), graph.int(line));
    let file = graph.text(file).map(|file| file.rsplit('/').next().unwrap_or(file).to_string());
    Some(match (file, line) {
        (Some(file), Some(line)) => format!("{message} ({file}, line {line})"),
        (Some(file), None) => format!("{message} ({file})"),
        (None, Some(line)) => format!("{message} (line {line})"),
        (None, None) => message,
    })
}

fn group(graph: &Graph, args: &[NodeId], limit: usize) -> Option<String> {
    let &[message, members] = args else { return None };
    let count = graph.items(members)?.len();
    let plural = if count == 1 { "" } else { "s" };
    Some(format!("{} ({count} sub-exception{plural})", str(graph, message, limit)))
}

/// Whether a name is that of an exception, as far as names tell.
fn is_exception(name: &str) -> bool {
    const ENDS: [&str; 6] = ["Error", "Exception", "Warning", "Exit", "Interrupt", "Iteration"];
    ENDS.iter().any(|end| name.ends_with(end))
}

/// `OSError`, its subclasses in the standard library, and what Python 2 and older 3.x call some of them.
const OS_ERRORS: [&str; 22] = [
    "OSError",
    "IOError",
    "EnvironmentError",
    "BlockingIOError",
    "BrokenPipeError",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "FileExistsError",
    "FileNotFoundError",
    "InterruptedError",
    "IsADirectoryError",
    "NotADirectoryError",
    "PermissionError",
    "ProcessLookupError",
    "TimeoutError",
    "gaierror",
    "herror",
    "timeout",
    "UnsupportedOperation",
];
/// Exceptions within exceptions that are followed.
const MAX_CHAIN: usize = 100;
