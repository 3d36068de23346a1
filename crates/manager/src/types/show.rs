//! `repr` of values, as the version of whoever asks has it: bounded, and without recursion.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use sabir_pickle::{Argument, Graph, Node, NodeId, Op};

use super::digest::offset;
use super::era::Era;
use super::raised::Raised;
use super::value::Value;
use super::view::{View, Whole};

/// `repr(value)`.
pub(crate) fn repr(era: Era, value: &Value) -> Result<String, Raised> {
    let mut text = Text::new(era);
    text.value(value)?;
    Ok(text.out)
}

/// A text that is put together of values.
pub(crate) struct Text {
    era: Era,
    pub(crate) out: String,
}

/// No text grows longer, in bytes: what is shared can be written out many times.
const MAX_TEXT: usize = 16 << 20;
/// Python gives up at such a depth too.
const MAX_DEPTH: usize = 990;

enum Work<'g> {
    Node(NodeId),
    Text(&'static str),
    Items(&'g [NodeId], usize),
    Pairs(&'g [(NodeId, NodeId)], usize),
    /// The container that was opened last ends so.
    Close(&'static str),
}

impl Text {
    pub(crate) fn new(era: Era) -> Text {
        Text { era, out: String::new() }
    }

    /// Values between commas.
    pub(crate) fn values<'v>(&mut self, values: impl IntoIterator<Item = &'v Value>) -> Result<(), Raised> {
        for (place, value) in values.into_iter().enumerate() {
            self.out += if place > 0 { ", " } else { "" };
            self.value(value)?;
        }
        Ok(())
    }

    /// One value.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), Raised> {
        let Some(part) = value.part() else {
            return self.atom(&value.view(), None);
        };
        let graph = &*part.graph;
        let mut work = alloc::vec![Work::Node(part.id)];
        let mut open: Vec<NodeId> = Vec::new();
        while let Some(next) = work.pop() {
            if self.out.len() > MAX_TEXT {
                return Err(Raised::builtin(
                    "MemoryError",
                    "the text would be longer than 16 MiB: take the value, and make its text in the program",
                ));
            }
            match next {
                Work::Text(text) => self.out += text,
                Work::Close(text) => {
                    open.pop();
                    self.out += text;
                }
                Work::Items(items, at) => {
                    let Some(&item) = items.get(at) else { continue };
                    self.out += if at > 0 { ", " } else { "" };
                    work.extend([Work::Items(items, at + 1), Work::Node(item)]);
                }
                Work::Pairs(pairs, at) => {
                    let Some(&(key, value)) = pairs.get(at) else { continue };
                    self.out += if at > 0 { ", " } else { "" };
                    work.push(Work::Pairs(pairs, at + 1));
                    work.extend([Work::Node(value), Work::Text(": "), Work::Node(key)]);
                }
                Work::Node(id) => self.node(graph, id, &mut work, &mut open)?,
            }
        }
        Ok(())
    }

    fn node<'g>(
        &mut self,
        graph: &'g Graph,
        id: NodeId,
        work: &mut Vec<Work<'g>>,
        open: &mut Vec<NodeId>,
    ) -> Result<(), Raised> {
        let view = View::of(graph, id);
        let py2 = self.era.is_py2();
        let (begin, items, end, again): (_, &[NodeId], _, _) = match &view {
            View::List(items) => ("[", *items, "]", "[...]"),
            View::Tuple(items) | View::Named(items) if items.len() == 1 => ("(", *items, ",)", "(...)"),
            View::Tuple(items) => ("(", *items, ")", "(...)"),
            View::Named(items) => {
                let name = crate::repr::type_name(graph, id);
                self.out += name;
                ("(", *items, ")", "(...)")
            }
            View::Set(items) if py2 => ("set([", *items, "])", "set(...)"),
            View::FrozenSet(items) if py2 => ("frozenset([", *items, "])", "frozenset(...)"),
            View::Set([]) => ("set(", &[], ")", ""),
            View::FrozenSet([]) => ("frozenset(", &[], ")", ""),
            View::Set(items) => ("{", *items, "}", "set(...)"),
            View::FrozenSet(items) => ("frozenset({", *items, "})", "frozenset(...)"),
            View::Slice(items) => ("slice(", *items, ")", "..."),
            View::Range(items) => {
                let plain = graph.int(items[2]) == Some(1);
                (if py2 { "xrange(" } else { "range(" }, &items[..if plain { 2 } else { 3 }], ")", "...")
            }
            View::Dict(pairs) => {
                if !self.enter(id, open, "{...}")? {
                    return Ok(());
                }
                self.out.push('{');
                work.extend([Work::Close("}"), Work::Pairs(pairs, 0)]);
                return Ok(());
            }
            View::Uuid(int) => {
                let value = match &graph[*int] {
                    Node::Int(value) => u128::from(value.unsigned_abs()),
                    Node::Long(blob) => {
                        graph.blob(*blob).iter().rev().fold(0, |sum, &byte| sum << 8 | u128::from(byte))
                    }
                    _ => 0,
                };
                let hex = format!("{value:032x}");
                let cut = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
                self.out += &format!("UUID('{cut}')");
                return Ok(());
            }
            View::DateTime(raw, zone) | View::Time(raw, zone) => {
                self.moment(graph, raw, *zone, matches!(view, View::DateTime(..)));
                return Ok(());
            }
            _ => return self.atom(&view, Some((graph, id))),
        };
        if !self.enter(id, open, again)? {
            return Ok(());
        }
        self.out += begin;
        work.extend([Work::Close(end), Work::Items(items, 0)]);
        Ok(())
    }

    fn enter(&mut self, id: NodeId, open: &mut Vec<NodeId>, again: &str) -> Result<bool, Raised> {
        if open.len() >= MAX_DEPTH {
            let text = "maximum recursion depth exceeded while getting the repr of an object";
            return Err(Raised::builtin("RecursionError", text));
        }
        if open.contains(&id) {
            self.out += again;
            return Ok(false);
        }
        open.push(id);
        Ok(true)
    }

    fn moment(&mut self, graph: &Graph, raw: &[u8], zone: Option<NodeId>, dated: bool) {
        let at = |place: usize| i64::from(raw.get(place).copied().unwrap_or_default());
        let base = if dated { 4 } else { 0 };
        let mut fields = Vec::new();
        if dated {
            fields.extend([at(0) * 256 + at(1), at(2) & 0x7f, at(3)]);
        }
        let (hour, second) = (at(base) & 0x7f, at(base + 2));
        let micros = at(base + 3) << 16 | at(base + 4) << 8 | at(base + 5);
        fields.extend([hour, at(base + 1)]);
        if second != 0 || micros != 0 {
            fields.push(second);
        }
        if micros != 0 {
            fields.push(micros);
        }
        let fields: Vec<String> = fields.iter().map(|field| format!("{field}")).collect();
        self.out += &format!("datetime.{}({}", if dated { "datetime" } else { "time" }, fields.join(", "));
        if let Some(zone) = zone {
            match offset(graph, zone) {
                Some(0) => self.out += ", tzinfo=datetime.timezone.utc",
                Some(offset) => {
                    let seconds = offset.div_euclid(1_000_000) as i64;
                    self.out += ", tzinfo=datetime.timezone(";
                    self.duration(seconds.div_euclid(86_400), seconds.rem_euclid(86_400), 0);
                    self.out.push(')');
                }
                None => self.out += ", tzinfo=...",
            }
        }
        self.out.push(')');
    }

    fn duration(&mut self, days: i64, seconds: i64, micros: i64) {
        let mut fields = Vec::new();
        if self.era.since(7) {
            for (name, value) in [("days", days), ("seconds", seconds), ("microseconds", micros)] {
                if value != 0 {
                    fields.push(format!("{name}={value}"));
                }
            }
            if fields.is_empty() {
                fields.push("0".into());
            }
        } else {
            let count = if micros != 0 {
                3
            } else if seconds != 0 {
                2
            } else {
                1
            };
            fields.extend([days, seconds, micros].iter().take(count).map(|value| format!("{value}")));
        }
        self.out += &format!("datetime.timedelta({})", fields.join(", "));
    }

    fn atom(&mut self, view: &View<'_>, node: Option<(&Graph, NodeId)>) -> Result<(), Raised> {
        let py2 = self.era.is_py2();
        let op = match view {
            View::None => return self.push("None"),
            View::Bool(true) => return self.push("True"),
            View::Bool(false) => return self.push("False"),
            View::Int(value) => {
                let long = node.is_some_and(|(graph, id)| matches!(graph[id], Node::Long(_)));
                return self.push(&format!("{value}{}", if py2 && long { "L" } else { "" }));
            }
            View::Long(bytes) => Op::Long4(bytes),
            View::Float(value) => Op::BinFloat(*value),
            View::Complex(re, im) => return self.complex(*re, *im),
            View::Text(text) if py2 => return self.quoted("u", &decoded(text), true),
            View::Text(text) => Op::BinUnicode8(text),
            View::Str2(bytes) if py2 => {
                let chars: Vec<u32> = bytes.iter().map(|&byte| u32::from(byte)).collect();
                return self.quoted("", &chars, false);
            }
            View::Str2(bytes) if core::str::from_utf8(bytes).is_ok() => Op::BinUnicode8(bytes),
            View::Str2(bytes) => Op::BinBytes8(bytes),
            View::Bytes(bytes) if py2 => {
                let chars: Vec<u32> = bytes.iter().map(|&byte| u32::from(byte)).collect();
                return self.quoted("", &chars, false);
            }
            View::Bytes(bytes) => Op::BinBytes8(bytes),
            View::ByteArray(bytes) => Op::ByteArray8(bytes),
            View::Decimal(text) => return self.push(&format!("Decimal('{text}')")),
            View::Fraction(n, d) => return self.push(&format!("Fraction({}, {})", whole(*n), whole(*d))),
            View::TimeDelta(days, seconds, micros) => {
                self.duration(*days, *seconds, *micros);
                return Ok(());
            }
            View::Date(raw) => {
                let at = |place: usize| i64::from(raw.get(place).copied().unwrap_or_default());
                let text = format!("datetime.date({}, {}, {})", at(0) * 256 + at(1), at(2), at(3));
                return self.push(&text);
            }
            View::Class(module, name) => {
                let word = if py2 { "type" } else { "class" };
                let module = if *module == "builtins" { String::new() } else { format!("{module}.") };
                return self.push(&format!("<{word} '{module}{name}'>"));
            }
            _ => {
                let text = node.map(|(graph, id)| crate::repr::repr(graph, id, 1024));
                return self.push(text.as_deref().unwrap_or("<object>"));
            }
        };
        if let Some(argument) = Argument::of(op) {
            // Writing to a string does not fail.
            let _ = write!(self.out, "{argument}");
        }
        if py2 && matches!(view, View::Long(_)) {
            self.out.push('L');
        }
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<(), Raised> {
        self.out += text;
        Ok(())
    }

    fn complex(&mut self, re: f64, im: f64) -> Result<(), Raised> {
        let number = |value: f64| {
            let text =
                Argument::of(Op::BinFloat(value)).map(|argument| format!("{argument}")).unwrap_or_default();
            text.strip_suffix(".0").map(Into::into).unwrap_or(text)
        };
        if re == 0.0 && !re.is_sign_negative() {
            return self.push(&format!("{}j", number(im)));
        }
        let sign = if im.is_sign_negative() { "" } else { "+" };
        self.push(&format!("({}{sign}{}j)", number(re), number(im)))
    }

    /// A string as Python 2 shows it: ASCII, everything else escaped.
    fn quoted(&mut self, prefix: &str, chars: &[u32], wide: bool) -> Result<(), Raised> {
        let has = |c: char| chars.contains(&(c as u32));
        let quote = if has('\'') && !has('"') { '"' } else { '\'' };
        self.out += prefix;
        self.out.push(quote);
        for &c in chars {
            match char::from_u32(c) {
                Some('\t') => self.out += "\\t",
                Some('\n') => self.out += "\\n",
                Some('\r') => self.out += "\\r",
                Some('\\') => self.out += "\\\\",
                Some(c) if c == quote => self.out.extend(['\\', c]),
                Some(c @ ' '..='~') => self.out.push(c),
                _ => {
                    let _ = match c {
                        0..=0xff => write!(self.out, "\\x{c:02x}"),
                        0x100..=0xffff if wide => write!(self.out, "\\u{c:04x}"),
                        _ => write!(self.out, "\\U{c:08x}"),
                    };
                }
            }
        }
        self.out.push(quote);
        Ok(())
    }
}

fn decoded(text: &[u8]) -> Vec<u32> {
    String::from_utf8_lossy(text).chars().map(|c| c as u32).collect()
}

fn whole(whole: Whole<'_>) -> String {
    match whole {
        Whole::Digits(text) => text.into(),
        Whole::Int(value) => format!("{value}"),
        Whole::Long(bytes) => {
            Argument::of(Op::Long4(bytes)).map(|argument| format!("{argument}")).unwrap_or_default()
        }
    }
}
