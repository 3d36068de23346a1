//! The symbolic machine behind the report.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Call, Callee, Name, PersistentId, Report, Target, Verdict, Verdicts};
use crate::error::{Error, ErrorKind};
use crate::lex::Lexer;
use crate::memo::{self, Memo};
use crate::op::Op;
use crate::opcode::Opcode;
use crate::text;

pub(super) fn walk<'a>(pickle: &'a [u8], verdicts: &Verdicts) -> Report<'a> {
    let mut walker = Walker {
        report: Report {
            names: Vec::new(),
            calls: Vec::new(),
            persistent: Vec::new(),
            buffers: 0,
            length: 0,
            error: None,
        },
        verdicts,
        offset: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Memo::new(),
    };
    let mut lexer = Lexer::new(pickle);
    for spanned in lexer.by_ref() {
        match spanned {
            Ok(spanned) => {
                walker.offset = spanned.start;
                walker.step(spanned.op);
            }
            Err(error) => {
                walker.report.error.get_or_insert(error);
            }
        }
    }
    walker.report.length = lexer.position();
    walker.report
}

/// What is known of an object on the stack.
#[derive(Clone, Copy)]
enum Value<'a> {
    /// No text, and nothing that can be called: a number, a list...
    Plain,
    /// A list, dict or set: its own methods are no calls.
    Container,
    /// Text in UTF-8, surrogates included.
    Text(&'a [u8]),
    /// Text in raw-unicode-escape.
    Escaped(&'a [u8]),
    /// The repr of a Python 2 `str`, which Python 3 reads as text.
    Repr(&'a [u8]),
    /// Something that the pickle does not say.
    Other(Callee),
}

struct Walker<'a, 'v> {
    report: Report<'a>,
    verdicts: &'v Verdicts,
    /// Where the opcode stands.
    offset: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at which marks stand.
    marks: Vec<usize>,
    memo: Memo<Value<'a>>,
}

const UNKNOWN: Value<'static> = Value::Other(Callee::Unknown);

impl<'a> Walker<'a, '_> {
    #[inline]
    fn step(&mut self, op: Op<'a>) {
        match op {
            Op::ShortBinUnicode(s) | Op::BinUnicode(s) | Op::BinUnicode8(s) => {
                self.stack.push(Value::Text(s));
            }
            Op::ShortBinString(s) | Op::BinString(s) => self.stack.push(Value::Text(s)),
            Op::Unicode(s) => self.stack.push(Value::Escaped(s)),
            Op::String(s) => self.stack.push(Value::Repr(s)),
            Op::EmptyList | Op::EmptyDict | Op::EmptySet => self.stack.push(Value::Container),

            Op::List | Op::Dict => self.collect(Value::Container),
            Op::Tuple | Op::FrozenSet => self.collect(Value::Plain),
            Op::Tuple1 => self.replace(1),
            Op::Tuple2 => self.replace(2),
            Op::Tuple3 => self.replace(3),
            Op::Append => {
                self.pop();
                self.changed(Opcode::Append);
            }
            Op::SetItem => {
                self.pop();
                self.pop();
                self.changed(Opcode::SetItem);
            }
            Op::Appends | Op::SetItems | Op::AddItems => {
                self.drop_to_mark();
                self.changed(op.opcode());
            }

            Op::Mark => self.marks.push(self.stack.len()),
            Op::Pop => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop();
                }
            }
            Op::PopMark => self.drop_to_mark(),
            Op::Dup => {
                let top = self.top();
                self.stack.push(top);
            }
            Op::BinGet(index) => self.get(Some(index.into())),
            Op::LongBinGet(index) => self.get(Some(index.into())),
            Op::Get(s) => self.get(memo::index(s)),
            Op::BinPut(index) => self.put(Some(index.into())),
            Op::LongBinPut(index) => self.put(Some(index.into())),
            Op::Put(s) => self.put(memo::index(s)),
            Op::Memoize => self.put(Some(self.memo.entries())),

            Op::Global { module, name } => self.named(Opcode::Global, module, name),
            Op::StackGlobal => self.stack_global(),
            Op::Ext1(code) => self.extension(Opcode::Ext1, code.into()),
            Op::Ext2(code) => self.extension(Opcode::Ext2, code.into()),
            Op::Ext4(code) => self.extension(Opcode::Ext4, code as u32),
            Op::Reduce | Op::NewObj | Op::NewObjEx => {
                self.pop();
                if op == Op::NewObjEx {
                    self.pop();
                }
                let callee = self.pop();
                self.call(op.opcode(), callee);
            }
            Op::Inst { module, name } => {
                self.drop_to_mark();
                self.named(Opcode::Inst, module, name);
                let class = self.pop();
                self.call(Opcode::Inst, class);
            }
            Op::Obj => {
                let start = self.marks.pop();
                let class = start.and_then(|start| self.stack.get(start)).copied();
                if class.is_none() {
                    self.wrong(ErrorKind::StackUnderflow);
                }
                self.stack.truncate(start.unwrap_or(0));
                self.call(Opcode::Obj, class.unwrap_or(UNKNOWN));
            }
            Op::Build => {
                self.pop();
                self.changed(Opcode::Build);
            }
            Op::PersId(s) => {
                let text = Some(String::from_utf8_lossy(s));
                self.report.persistent.push(PersistentId { offset: self.offset, text });
                self.stack.push(Value::Other(Callee::Persistent));
            }
            Op::BinPersId => {
                let text = written_text(self.pop());
                self.report.persistent.push(PersistentId { offset: self.offset, text });
                self.stack.push(Value::Other(Callee::Persistent));
            }

            Op::NextBuffer => {
                self.report.buffers += 1;
                self.stack.push(Value::Plain);
            }
            // Of what is no buffer it makes an error.
            Op::ReadOnlyBuffer => {
                self.top();
            }
            Op::Proto(protocol @ 6..) => self.wrong(ErrorKind::UnsupportedProtocol(protocol)),
            Op::Proto(_) | Op::Frame(_) => {}
            Op::Stop => {
                self.pop();
            }
            // All that is left pushes one thing that is neither text nor callable: numbers, bytes, constants, empty tuples.
            _ => self.stack.push(Value::Plain),
        }
    }

    /// Notes what is wrong; a reader that goes on after that knows as little of its stack as we do.
    #[cold]
    fn wrong(&mut self, kind: ErrorKind) {
        let error = Error::at(kind, self.offset);
        self.report.error.get_or_insert(error);
    }

    /// The top of the stack. After the first error, nothing on it is trusted.
    #[inline]
    fn top(&mut self) -> Value<'a> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&value) if self.stack.len() > floor && self.report.error.is_none() => value,
            _ => {
                self.wrong(ErrorKind::StackUnderflow);
                UNKNOWN
            }
        }
    }

    #[inline]
    fn pop(&mut self) -> Value<'a> {
        let top = self.top();
        self.stack.pop();
        top
    }

    #[inline]
    fn drop_to_mark(&mut self) {
        match self.marks.pop() {
            Some(start) => self.stack.truncate(start),
            None => self.wrong(ErrorKind::StackUnderflow),
        }
    }

    fn collect(&mut self, value: Value<'a>) {
        self.drop_to_mark();
        self.stack.push(value);
    }

    #[inline]
    fn replace(&mut self, count: usize) {
        for _ in 0..count {
            self.pop();
        }
        self.stack.push(Value::Plain);
    }

    #[inline]
    fn get(&mut self, index: Option<u64>) {
        match index.and_then(|index| self.memo.get(index)) {
            Some(value) => self.stack.push(value),
            None => {
                self.wrong(ErrorKind::UnknownMemo(index.unwrap_or(u64::MAX)));
                self.stack.push(UNKNOWN);
            }
        }
    }

    #[inline]
    fn put(&mut self, index: Option<u64>) {
        let top = self.top();
        match index {
            Some(index) => self.memo.put(index, top),
            None => self.wrong(ErrorKind::BadText("an index of the memo")),
        }
    }

    fn named(&mut self, opcode: Opcode, module: &'a [u8], name: &'a [u8]) {
        match (written_text(Value::Text(module)), written_text(Value::Text(name))) {
            (Some(module), Some(name)) => self.resolve(opcode, module, name),
            _ => self.push_name(opcode, Target::Computed, Verdict::Dangerous, "longer than any name"),
        }
    }

    fn stack_global(&mut self) {
        let (name, module) = (self.pop(), self.pop());
        match (written_text(module), written_text(name)) {
            (Some(module), Some(name)) => self.resolve(Opcode::StackGlobal, module, name),
            _ => {
                // Of what a call returns nobody can tell whether it is `os` and `system`. Behind an error it is anybody's guess.
                let verdict = if self.report.error.is_some() { Verdict::Unknown } else { Verdict::Dangerous };
                self.push_name(
                    Opcode::StackGlobal,
                    Target::Computed,
                    verdict,
                    "says what it is only when loaded",
                );
            }
        }
    }

    fn extension(&mut self, opcode: Opcode, code: u32) {
        self.push_name(
            opcode,
            Target::Extension(code),
            Verdict::Unknown,
            "the reader's own registry says what it is",
        );
    }

    fn resolve(&mut self, opcode: Opcode, module: Cow<'a, str>, name: Cow<'a, str>) {
        let (verdict, why) = self.verdicts.of(&module, &name);
        let why = if why.is_empty() { Cow::Borrowed("") } else { Cow::Owned(String::from(why)) };
        self.push_name(opcode, Target::Global { module, name }, verdict, why);
    }

    fn push_name(
        &mut self,
        opcode: Opcode,
        target: Target<'a>,
        verdict: Verdict,
        why: impl Into<Cow<'static, str>>,
    ) {
        self.stack.push(Value::Other(Callee::Name(self.report.names.len())));
        self.report.names.push(Name { offset: self.offset, opcode, target, verdict, why: why.into() });
    }

    fn call(&mut self, opcode: Opcode, callee: Value<'a>) {
        let callee = match callee {
            Value::Other(callee) => callee,
            _ => Callee::Unknown,
        };
        // What is known of a name holds for calling it. What a call returns is called by no pickler.
        let verdict = if matches!(callee, Callee::Name(_)) { Verdict::Safe } else { Verdict::Unknown };
        self.stack.push(Value::Other(Callee::Result(self.report.calls.len())));
        self.report.calls.push(Call { offset: self.offset, opcode, callee, verdict });
    }

    /// Something is done to the top of the stack by its own methods, and leaves it there.
    #[inline]
    fn changed(&mut self, opcode: Opcode) {
        let target = self.top();
        if matches!(target, Value::Container) && opcode != Opcode::Build {
            return;
        }
        let (callee, verdict) = match target {
            // This changes a class or module of the program itself, which no pickler does.
            Value::Other(callee @ Callee::Name(_)) => (callee, Verdict::Dangerous),
            // As safe as the call that made it.
            Value::Other(callee @ Callee::Result(_)) => (callee, Verdict::Safe),
            Value::Other(callee) => (callee, Verdict::Unknown),
            _ => (Callee::Unknown, Verdict::Unknown),
        };
        self.report.calls.push(Call { offset: self.offset, opcode, callee, verdict });
    }
}

/// The longest name or persistent id that is looked at, in bytes as written: else a few bytes that fetch a long text from
/// the memo, over and over, would cost a copy of it each.
const MAX_TEXT: usize = 512;

/// The text that a value is, as far as the pickle says it.
fn written_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    let owned = |bytes: Vec<u8>| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned());
    match value {
        Value::Text(s) | Value::Escaped(s) | Value::Repr(s) if s.len() > MAX_TEXT => None,
        Value::Text(s) => Some(String::from_utf8_lossy(s)),
        Value::Escaped(s) => text::parse_raw_unicode_escape(s).map(owned),
        Value::Repr(s) => text::parse_string_repr(s).map(owned),
        Value::Plain | Value::Container | Value::Other(_) => None,
    }
}
