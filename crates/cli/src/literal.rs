//! Python literals on the command line: None, numbers, texts, bytes, and tuples, lists, dicts and sets of them.

use sabir::sync::{Arguments, Value};

/// `NAME=TYPE` or `NAME=TYPE(ARGS)`.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// What clients register.
    pub(crate) name: String,
    /// One of the types of `SyncManager`.
    pub(crate) typeid: String,
    /// What its constructor is given.
    pub(crate) arguments: Arguments,
}

/// Reads what `--object` is given.
pub(crate) fn object(text: &str) -> Result<Object, String> {
    const WANTED: &str = "an object is NAME=TYPE, as in config=dict or jobs=Queue(100)";
    let (name, made_of) = text.split_once('=').ok_or(WANTED)?;
    let (typeid, arguments) = made(made_of)?;
    if !is_name(name) {
        return Err(WANTED.into());
    }
    Ok(Object { name: name.into(), typeid, arguments })
}

/// Reads one literal, all of the text.
pub(crate) fn value(text: &str) -> Result<Value, String> {
    let mut reader = Reader::new(text);
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// Arguments of a call: literals, and `NAME=LITERAL` for those by name. JSON's words are taken too.
pub(crate) fn arguments(texts: &[String]) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    for text in texts {
        let wrong = |error| format!("{text}: {error}");
        match text.split_once('=').filter(|(name, _)| is_name(name)) {
            Some((name, literal)) => {
                arguments.kwargs.push((name.to_owned(), value(literal).map_err(wrong)?));
            }
            None => arguments.args.push(value(text).map_err(wrong)?),
        }
    }
    Ok(arguments)
}

/// Whether a text is a name of Python's.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c == '_' || c.is_alphabetic());
    starts && text.chars().all(|c| c == '_' || c.is_alphanumeric())
}

/// `TYPE` or `TYPE(ARGS)`.
pub(crate) fn made(text: &str) -> Result<(String, Arguments), String> {
    let (typeid, arguments) = match text.split_once('(') {
        None => (text, Arguments::default()),
        Some((typeid, rest)) => {
            let mut reader = Reader::new(rest);
            let arguments = reader.arguments()?;
            reader.end()?;
            (typeid, arguments)
        }
    };
    if is_name(typeid) {
        Ok((typeid.to_owned(), arguments))
    } else {
        Err(format!("{typeid:?} is no name of a type"))
    }
}

struct Reader<'t> {
    rest: &'t str,
}

/// Whoever writes deeper literals by hand has made a mistake.
const MAX_DEPTH: usize = 100;

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Reader<'t> {
        Reader { rest: text.trim_start() }
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default().trim_start();
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        if found {
            self.skip(text.len());
        }
        found
    }

    fn end(&self) -> Result<(), String> {
        if self.rest.is_empty() { Ok(()) } else { Err(format!("{:?} comes after the value", self.rest)) }
    }

    /// Arguments of a call, up to the bracket that closes it.
    fn arguments(&mut self) -> Result<Arguments, String> {
        let mut arguments = Arguments::default();
        while !self.take(")") {
            let name_ends =
                self.rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest.len());
            let (name, after) = self.rest.split_at(name_ends);
            if !name.is_empty() && after.trim_start().starts_with('=') {
                self.rest = after.trim_start();
                self.skip(1);
                let value = self.value(0)?;
                arguments.kwargs.push((name.to_owned(), value));
            } else if arguments.kwargs.is_empty() {
                arguments.args.push(self.value(0)?);
            } else {
                return Err("arguments by place come before those by name".into());
            }
            if !self.take(",") && !self.rest.starts_with(')') {
                return Err("a bracket is not closed".into());
            }
        }
        Ok(arguments)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("this is nested too deep".into());
        }
        const WORDS: [(&str, Option<bool>); 6] = [
            ("None", None),
            ("null", None),
            ("True", Some(true)),
            ("true", Some(true)),
            ("False", Some(false)),
            ("false", Some(false)),
        ];
        for (word, value) in WORDS.map(|(word, value)| (word, value.map_or(Value::NONE, Value::bool))) {
            if self.take(word) {
                return Ok(value);
            }
        }
        if self.take("[") {
            return Ok(Value::list(&self.items("]", depth)?.0));
        }
        if self.take("(") {
            let (items, comma) = self.items(")", depth)?;
            return Ok(match &items[..] {
                [only] if !comma => only.clone(),
                items => Value::tuple(items),
            });
        }
        if self.take("{") {
            return self.braces(depth);
        }
        if self.rest.starts_with(['\'', '"']) {
            return Ok(Value::text(&self.text()?));
        }
        if self.rest.starts_with("b'") || self.rest.starts_with("b\"") {
            self.rest = &self.rest[1..];
            let text = self.text()?;
            let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c as u32).ok()).collect();
            return bytes
                .map(|bytes| Value::bytes(&bytes))
                .ok_or_else(|| "bytes hold ASCII and \\x escapes".into());
        }
        self.number()
    }

    fn items(&mut self, close: &str, depth: usize) -> Result<(Vec<Value>, bool), String> {
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.take(close) {
            items.push(self.value(depth + 1)?);
            comma = self.take(",");
            if !comma && !self.rest.starts_with(close) {
                return Err("a bracket is not closed".into());
            }
        }
        Ok((items, comma))
    }

    fn braces(&mut self, depth: usize) -> Result<Value, String> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        while !self.take("}") {
            keys.push(self.value(depth + 1)?);
            if self.take(":") {
                values.push(self.value(depth + 1)?);
            }
            if !self.take(",") && !self.rest.starts_with('}') {
                return Err("a bracket is not closed".into());
            }
        }
        match values.len() {
            0 if !keys.is_empty() => Ok(Value::set(&keys)),
            count if count == keys.len() => Ok(Value::dict(keys.iter().zip(&values))),
            _ => Err("braces hold either pairs or items".into()),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        const OPEN: &str = "a quotation mark is not closed";
        let mut chars = self.rest.char_indices();
        let Some((_, quote)) = chars.next() else { return Err(OPEN.into()) };
        let mut text = String::new();
        loop {
            match chars.next().ok_or(OPEN)? {
                (at, c) if c == quote => {
                    self.skip(at + c.len_utf8());
                    return Ok(text);
                }
                (_, '\\') => {
                    let (_, escape) = chars.next().ok_or(OPEN)?;
                    let length = match escape {
                        'x' => 2,
                        'u' => 4,
                        'U' => 8,
                        _ => 0,
                    };
                    text.push(match escape {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        '0' => '\0',
                        '\\' | '\'' | '"' => escape,
                        'x' | 'u' | 'U' => {
                            let digits: String = chars.by_ref().take(length).map(|(_, c)| c).collect();
                            let code =
                                u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == length);
                            code.and_then(char::from_u32)
                                .ok_or_else(|| format!("\\{escape}{digits} is no character"))?
                        }
                        other => return Err(format!("\\{other} is no escape that is known here")),
                    });
                }
                (_, c) => text.push(c),
            }
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let ends = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')))
            .unwrap_or(self.rest.len());
        let word = self.rest[..ends].replace('_', "");
        if word.is_empty() || !word.contains(|c: char| c.is_ascii_digit()) {
            return Err(format!(
                "{:?} is no Python literal: a text needs quotation marks, as in \"'text'\"",
                self.rest
            ));
        }
        self.skip(ends);
        if let Ok(int) = word.parse::<i64>() {
            return Ok(Value::int(int));
        }
        let digits = word.trim_start_matches(['+', '-']);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Value::big(&word).ok_or_else(|| format!("{word} is no number"));
        }
        match word.parse::<f64>() {
            Ok(float) => Ok(Value::float(float)),
            Err(_) => Err(format!("{word} is no number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_what_python_reads() {
        for (text, shown) in [
            ("None", "None"),
            (" [1, -2.5, 'it\\'s',] ", "[1, -2.5, \"it's\"]"),
            ("{'a': (1,), b'\\xff': ()}", "{'a': (1,), b'\\xff': ()}"),
            ("{1, 2}", "{1, 2}"),
            ("(((3)))", "3"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("-18446744073709551616", "-18446744073709551616"),
            ("\"\\u00e9\"", "'\u{e9}'"),
        ] {
            assert_eq!(value(text).map(|value| value.repr()), Ok(shown.to_owned()), "{text}");
        }
        for text in ["", "a", "[1", "{1: 2, 3}", "'a", "1 2", "'\\q'"] {
            assert!(value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_object_has_a_name_a_type_and_perhaps_arguments() {
        let queue = object("jobs=Queue(100)").unwrap();
        assert_eq!((&*queue.name, &*queue.typeid, queue.arguments.args.len()), ("jobs", "Queue", 1));
        let space = object("config=Namespace(debug=True, level=3)").unwrap();
        assert_eq!(space.arguments.kwargs.len(), 2);
        assert!(object("dict").is_err() && object("a=Queue(1").is_err() && object("1a=dict").is_err());
    }
}
