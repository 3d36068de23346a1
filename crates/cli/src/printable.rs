//! Text of peers for a terminal or a log: one line stays one line, and a terminal is told nothing.

use std::fmt::{self, Write};

/// Shows a value with every control character, and every other that cannot be seen, escaped.
pub(crate) struct Printable<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

impl<T: fmt::Debug> fmt::Debug for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{:?}", self.0)
    }
}

/// Escapes what is written through it.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut shown = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| is_hidden(*c)) {
            self.0.write_str(&text[shown..at])?;
            write!(self.0, "{}", c.escape_default())?;
            shown = at + c.len_utf8();
        }
        self.0.write_str(&text[shown..])
    }
}

/// Controls, and beyond ASCII whatever Rust does not print: separators of lines, marks that turn the direction of text.
fn is_hidden(c: char) -> bool {
    c.is_control() || (!c.is_ascii() && c.escape_debug().len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_text_stays_text() {
        let hostile = "a\nERROR b\r\x1b[31mc\u{9b}d\u{2028}e\u{202e}f";
        let shown = r"a\nERROR b\r\u{1b}[31mc\u{9b}d\u{2028}e\u{202e}f";
        assert_eq!(Printable(hostile).to_string(), shown);
        assert_eq!(format!("{:?}", Printable(format_args!("{hostile}"))), shown);
        assert_eq!(Printable(r#"C:\new "Käse" 漢字"#).to_string(), r#"C:\new "Käse" 漢字"#);
    }
}
