//! What calls mean: the objects of Python's standard library that read as plain values, and instances as data.
//!
//! Nothing is called. Each row of the match in [`form`] is a shape that a pickler writes, under the names of Python 3
//! and of Python 2 (which every version writes at protocols 0 to 2).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::atoms;
use super::moment::{self, Moment};
use super::tape::{Item, Make, Object, Tape};

/// What an object reads as.
pub(super) enum Form<'t, 'de> {
    /// The same as another object.
    Same(u32),
    Bytes(Cow<'de, [u8]>),
    Text(String),
    Seq(Cow<'t, [u32]>),
    /// Keys and values in turn.
    Map(Cow<'t, [u32]>),
    /// Values that have their places and names by definition.
    Fields(&'static [&'static str], Cow<'t, [u32]>),
    Moment(Moment),
    Uuid(u128),
    /// Numerator and denominator, in decimal.
    Fraction(String, String),
    /// The items of an `array.array`, by its machine format code.
    Array(u8, Cow<'de, [u8]>),
    /// An attribute of a class, by its name: a member of an enum, or a nested class.
    Member(u32, Cow<'de, str>),
    Instance(Instance<'t>),
}

/// An object of a class that only its program knows.
pub(super) struct Instance<'t> {
    /// The class or function that makes it.
    pub(super) class: u32,
    /// What it is called with.
    pub(super) args: Cow<'t, [u32]>,
    /// Attributes, names and values in turn.
    pub(super) attributes: Cow<'t, [u32]>,
    /// A state that says nothing of attributes.
    pub(super) state: Option<u32>,
    /// What was appended to it.
    pub(super) items: &'t [u32],
    /// What was set in it, keys and values in turn.
    pub(super) pairs: &'t [u32],
}

/// The names of the arguments of `datetime.timedelta`.
pub(super) const DELTA: &[&str] = &["days", "seconds", "microseconds"];

/// The class or function that makes an object, and its arguments.
pub(super) struct Call<'t> {
    pub(super) class: u32,
    pub(super) args: Cow<'t, [u32]>,
    kwargs: Option<u32>,
}

/// What an object reads as.
pub(super) fn form<'t, 'de>(tape: &'t Tape<'de>, object: &'t Object) -> Form<'t, 'de> {
    let Some(call) = call(tape, object) else {
        return match object.make {
            Make::Given(id) => Form::Same(id),
            _ => instance(tape, object, 0, Cow::Borrowed(&[])),
        };
    };
    known(tape, object, &call).unwrap_or_else(|| {
        let mut instance = instance(tape, object, call.class, call.args);
        if let (Form::Instance(instance), Make::Reduce { callable, .. }) = (&mut instance, object.make)
            && is_reconstructor(name(tape, callable))
            && let [base] = *instance.args
        {
            // Protocols 0 and 1 make an instance of a subclass of list or dict from one of these, whole.
            match tape.item(base) {
                Item::Dict(span) => instance.pairs = tape.references(span),
                Item::List(span) | Item::Set(span) | Item::FrozenSet(span) => {
                    instance.items = tape.references(span);
                }
                _ => {}
            }
        }
        if let (Form::Instance(instance), Some(kwargs)) = (&mut instance, call.kwargs)
            && let Item::Dict(span) = tape.item(kwargs)
            && span.len() > 0
        {
            instance.attributes.to_mut().extend(tape.references(span));
        }
        instance
    })
}

/// The class and arguments of an object, however they are written. None if it is made by no call, or by a call that
/// breaks the rules of the function it names.
pub(super) fn call<'t>(tape: &'t Tape<'_>, object: &'t Object) -> Option<Call<'t>> {
    let row = |id| tape.row(id).map(Cow::Borrowed);
    let (class, args, kwargs) = match object.make {
        Make::NewObj { class, args } => (class, row(args)?, None),
        Make::NewObjEx { class, args, kwargs } => (class, row(args)?, Some(kwargs)),
        Make::Instance { class, args } => (class, Cow::Borrowed(tape.references(args)), None),
        Make::Given(_) => return None,
        Make::Reduce { callable, args } => {
            let args = tape.row(args)?;
            match (name(tape, callable), args) {
                ((b"copyreg" | b"copy_reg", b"__newobj__"), [class, args @ ..]) => {
                    (*class, Cow::Borrowed(args), None)
                }
                ((b"copyreg" | b"copy_reg", b"__newobj_ex__"), &[class, args, kwargs]) => {
                    (class, row(args)?, Some(kwargs))
                }
                (name, [class, base, state]) if is_reconstructor(name) => {
                    let args = match self::name(tape, *base) {
                        (b"builtins" | b"__builtin__", b"object") => Cow::Borrowed(&[][..]),
                        (b"builtins" | b"__builtin__", b"tuple") => row(*state)?,
                        _ => Cow::Borrowed(core::slice::from_ref(state)),
                    };
                    (*class, args, None)
                }
                _ => (callable, Cow::Borrowed(args), None),
            }
        }
    };
    Some(Call { class, args, kwargs })
}

fn is_reconstructor(name: (&[u8], &[u8])) -> bool {
    matches!(name, (b"copyreg" | b"copy_reg", b"_reconstructor"))
}

/// Module and name of a global; empty for what is none.
pub(super) fn name<'de>(tape: &Tape<'de>, id: u32) -> (&'de [u8], &'de [u8]) {
    tape.global(id).unwrap_or((b"", b""))
}

/// The key of a `zoneinfo.ZoneInfo`, which is made by a call of its method `_unpickle`.
pub(super) fn zone_key<'de>(tape: &Tape<'de>, call: &Call<'_>) -> Option<Cow<'de, str>> {
    let Item::Object(method) = tape.item(call.class) else { return None };
    let getattr = self::call(tape, tape.object(method))?;
    if !matches!(name(tape, getattr.class), (b"builtins" | b"__builtin__", b"getattr")) {
        return None;
    }
    match *getattr.args {
        [class, method]
            if name(tape, class) == (b"zoneinfo", b"ZoneInfo")
                && atoms::plain_text(tape, method)? == b"_unpickle" =>
        {
            atoms::text_of(tape, *call.args.first()?)
        }
        _ => None,
    }
}

/// The form of an object that is made by a class or function of the standard library.
fn known<'t, 'de>(tape: &'t Tape<'de>, object: &'t Object, call: &Call<'t>) -> Option<Form<'t, 'de>> {
    let args = &call.args;
    let (module, name) = name(tape, call.class);
    Some(match (module, name) {
        (b"", b"") => Form::Text(zone_key(tape, call)?.into_owned()),
        (b"builtins" | b"__builtin__", b"bytes" | b"bytearray") | (b"_codecs", b"encode") => {
            Form::Bytes(atoms::made_bytes(tape, object, 4)?)
        }
        (b"builtins" | b"__builtin__", b"set" | b"frozenset" | b"list" | b"tuple") => {
            Form::Seq(sequence(tape, object, args)?)
        }
        (b"builtins" | b"__builtin__", b"dict") => Form::Map(mapping(tape, object, args)?),
        (b"builtins" | b"__builtin__", b"complex") => fields(&["real", "imag"], args)?,
        (b"builtins" | b"__builtin__", b"slice" | b"range" | b"xrange") => {
            fields(&["start", "stop", "step"], args)?
        }
        (b"builtins" | b"__builtin__", b"getattr") => match **args {
            [class, name] if matches!(tape.item(class), Item::Global(_) | Item::Object(_)) => {
                Form::Member(class, atoms::text_of(tape, name)?)
            }
            _ => return None,
        },
        (b"collections", b"deque") => Form::Seq(sequence(tape, object, args)?),
        (b"collections", b"OrderedDict" | b"Counter") => Form::Map(mapping(tape, object, args)?),
        (b"collections", b"defaultdict") => {
            Form::Map(mapping(tape, object, args.get(1..).unwrap_or_default())?)
        }
        (b"datetime", b"timedelta") => fields(DELTA, args)?,
        (b"datetime", b"datetime" | b"date" | b"time") => Form::Moment(moment::moment(tape, name, args)?),
        (b"datetime", b"timezone") => Form::Text(moment::offset_text(moment::offset(tape, args)?)),
        (b"decimal" | b"_decimal", b"Decimal") => {
            Form::Text(atoms::text_of(tape, *args.first()?)?.into_owned())
        }
        (b"fractions", b"Fraction") => match **args {
            [both] => {
                let both = atoms::text_of(tape, both)?;
                let (numerator, denominator) = both.split_once('/').unwrap_or((&both, "1"));
                Form::Fraction(numerator.to_string(), denominator.to_string())
            }
            [numerator, denominator] => {
                Form::Fraction(atoms::decimal(tape, numerator)?, atoms::decimal(tape, denominator)?)
            }
            _ => return None,
        },
        (b"uuid", b"UUID") => Form::Uuid(uuid(tape, object)?),
        (b"array", b"array") => Form::Same(match **args {
            [_, items] => items,
            _ => return None,
        }),
        (b"array", b"_array_reconstructor") => match **args {
            [_, _, code, bytes] => {
                let Item::Int(code @ 0..=21) = tape.item(code) else { return None };
                Form::Array(code as u8, atoms::bytes_of(tape, bytes)?)
            }
            _ => return None,
        },
        (b"pathlib" | b"pathlib._local", b"PosixPath" | b"PurePosixPath") => {
            let parts: Option<Vec<_>> = args.iter().map(|&part| atoms::text_of(tape, part)).collect();
            let path = parts?.join("/");
            Form::Text(if path.starts_with("//") { path[1..].to_string() } else { path })
        }
        _ => return None,
    })
}

fn instance<'t, 'de>(
    tape: &'t Tape<'_>,
    object: &'t Object,
    class: u32,
    args: Cow<'t, [u32]>,
) -> Form<'t, 'de> {
    let mut attributes = Cow::Borrowed(&[][..]);
    let mut other = None;
    for &state in object.state.iter().chain(&object.more_states) {
        match tape.item(state) {
            Item::None => {}
            Item::Dict(span) => add(&mut attributes, tape.references(span)),
            // What a class with __slots__ has beside its __dict__, or instead of one.
            Item::Tuple(span) => match *tape.references(span) {
                [dict, slots] if is_attributes(tape, dict) && is_attributes(tape, slots) => {
                    for part in [dict, slots] {
                        if let Item::Dict(span) = tape.item(part) {
                            add(&mut attributes, tape.references(span));
                        }
                    }
                }
                _ => other = Some(state),
            },
            _ => other = Some(state),
        }
    }
    Form::Instance(Instance {
        class,
        args,
        attributes,
        state: other,
        items: &object.items,
        pairs: &object.pairs,
    })
}

fn is_attributes(tape: &Tape<'_>, id: u32) -> bool {
    matches!(tape.item(id), Item::None | Item::Dict(_))
}

fn add<'t>(all: &mut Cow<'t, [u32]>, more: &'t [u32]) {
    if all.is_empty() {
        *all = Cow::Borrowed(more);
    } else {
        all.to_mut().extend_from_slice(more);
    }
}

fn fields<'t, 'de>(names: &'static [&'static str], args: &Cow<'t, [u32]>) -> Option<Form<'t, 'de>> {
    (args.len() == names.len()).then(|| Form::Fields(names, args.clone()))
}

/// The items of what a call makes from an iterable, and of what is appended to it.
fn sequence<'t>(tape: &'t Tape<'_>, object: &'t Object, args: &[u32]) -> Option<Cow<'t, [u32]>> {
    let mut items = Cow::Borrowed(&[][..]);
    if let Some(&first) = args.first() {
        items = match tape.item(first) {
            Item::List(span) | Item::Tuple(span) | Item::Set(span) | Item::FrozenSet(span) => {
                Cow::Borrowed(tape.references(span))
            }
            _ => return None,
        };
    }
    add(&mut items, &object.items);
    Some(items)
}

/// The entries of what a call makes from a dict or from pairs, and of what is set in it.
fn mapping<'t>(tape: &'t Tape<'_>, object: &'t Object, args: &[u32]) -> Option<Cow<'t, [u32]>> {
    let mut pairs = Cow::Borrowed(&[][..]);
    if let Some(&first) = args.first() {
        pairs = match tape.item(first) {
            Item::Dict(span) => Cow::Borrowed(tape.references(span)),
            Item::List(span) | Item::Tuple(span) => {
                let mut flat = Vec::new();
                for &pair in tape.references(span) {
                    flat.extend_from_slice(tape.row(pair).filter(|pair| pair.len() == 2)?);
                }
                Cow::Owned(flat)
            }
            _ => return None,
        };
    }
    add(&mut pairs, &object.pairs);
    Some(pairs)
}

fn uuid(tape: &Tape<'_>, object: &Object) -> Option<u128> {
    let Item::Dict(span) = tape.item(object.state?) else { return None };
    let pairs = tape.references(span).chunks_exact(2);
    let mut found = pairs.filter(|pair| atoms::plain_text(tape, pair[0]) == Some(b"int"));
    let value = atoms::integer(tape, found.next()?[1])?;
    let length = value.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let mut bytes = [0; 16];
    bytes.get_mut(..length)?.copy_from_slice(&value[..length]);
    Some(u128::from_le_bytes(bytes))
}
