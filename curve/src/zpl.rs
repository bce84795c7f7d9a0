//! ZPL: the text in which czmq keeps configurations and certificates.
//!
//! Owns: lines, indentation, comments and quotes.
//! Always true: reading never copies, so a secret in the text is in the text alone. What is no ZPL is named with the number
//! of its line and nothing of what stands in it.
//! Must not know: what names and values mean; files.
//! Source: RFC 4/ZPL, and czmq's `zconfig` where the RFC leaves a choice. pyzmq writes values without quotes, also such
//! with blanks in them.

use std::fmt;

/// One line that is neither empty nor a comment.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Item<'a> {
    /// How deep it stands: 0 at the left margin, one more for each four blanks.
    pub(crate) depth: usize,
    pub(crate) name: &'a str,
    /// What follows `=`, without its quotes.
    pub(crate) value: Option<&'a str>,
}

/// Reads a whole text.
///
/// # Errors
///
/// The first line that is no ZPL.
pub(crate) fn parse(text: &str) -> Result<Vec<Item<'_>>, ZplError> {
    let mut items: Vec<Item<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let deepest = items.last().map_or(0, |last| last.depth + 1);
        let item = parse_line(line, deepest);
        items.extend(item.map_err(|flaw| ZplError {
            line: index + 1,
            flaw,
        })?);
    }
    Ok(items)
}

/// Appends `name = "value"` at this depth; `false`, and nothing is appended, if the value cannot be quoted.
pub(crate) fn write_value(depth: usize, name: &str, value: &str, out: &mut String) -> bool {
    let quote = match (value.contains('"'), value.contains('\'')) {
        (true, true) => return false,
        (true, false) => '\'',
        (false, _) => '"',
    };
    if !is_name(name) || value.contains(['\n', '\r', '\0']) {
        return false;
    }
    (0..depth).for_each(|_| out.push_str(INDENT));
    for piece in [name, " = "] {
        out.push_str(piece);
    }
    out.push(quote);
    out.push_str(value);
    out.push(quote);
    out.push('\n');
    true
}

/// A line that is no ZPL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZplError {
    /// Its number, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub flaw: ZplFlaw,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ZplFlaw {
    /// The blanks before it are no multiple of four, or more than four beyond those of the line above; or there are tabs.
    Indentation,
    /// It does not begin with a name, or something that is neither `=` nor a comment follows the name.
    Name,
    /// A value that begins with a quote does not end with it, or something follows the quote.
    Quote,
}

impl fmt::Display for ZplError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.flaw {
            ZplFlaw::Indentation => "is not indented by four blanks for each level",
            ZplFlaw::Name => "is neither `name` nor `name = value`",
            ZplFlaw::Quote => "has a quote without its partner",
        };
        write!(f, "line {} {what}", self.line)
    }
}

impl std::error::Error for ZplError {}

fn parse_line(line: &str, deepest: usize) -> Result<Option<Item<'_>>, ZplFlaw> {
    let line = line.trim_end();
    let content = line.trim_start();
    if content.is_empty() || content.starts_with('#') {
        return Ok(None);
    }
    let indent = &line[..line.len() - content.len()];
    let depth = indent.len() / INDENT.len();
    let is_even = indent.len().is_multiple_of(INDENT.len());
    if !is_even || depth > deepest || indent.contains(|c| c != ' ') {
        return Err(ZplFlaw::Indentation);
    }
    let end = content
        .find(|c: char| !is_name_character(c))
        .unwrap_or(content.len());
    let (name, rest) = content.split_at(end);
    let rest = rest.trim_start();
    let value = match rest.strip_prefix('=') {
        Some(value) => Some(parse_value(value.trim_start())?),
        None if rest.is_empty() || rest.starts_with('#') => None,
        None => return Err(ZplFlaw::Name),
    };
    if name.is_empty() {
        return Err(ZplFlaw::Name);
    }
    Ok(Some(Item { depth, name, value }))
}

fn parse_value(text: &str) -> Result<&str, ZplFlaw> {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            let (value, rest) = quoted.split_once(quote).ok_or(ZplFlaw::Quote)?;
            let rest = rest.trim_start();
            return if rest.is_empty() || rest.starts_with('#') {
                Ok(value)
            } else {
                Err(ZplFlaw::Quote)
            };
        }
    }
    // A `#` within a word is a part of it: keys have some.
    let end = text.find(" #").unwrap_or(text.len());
    Ok(if text.starts_with('#') {
        ""
    } else {
        text[..end].trim_end()
    })
}

/// Whether `name` is read back as a name.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_character)
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "$-_@.&+/".contains(c)
}

const INDENT: &str = "    ";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item<'a>(depth: usize, name: &'a str, value: Option<&'a str>) -> Item<'a> {
        Item { depth, name, value }
    }

    #[test]
    fn levels_comments_and_both_quotes_are_read() {
        let text = "#  a comment\n\nmetadata\n    name = \"with # and '\"   # why\n    other='\"'\n  # odd\ncurve # here\n    sub\n        deep/er = a b  # c\n    key = x#y\n    none =\n";
        assert_eq!(
            parse(text),
            Ok(vec![
                item(0, "metadata", None),
                item(1, "name", Some("with # and '")),
                item(1, "other", Some("\"")),
                item(0, "curve", None),
                item(1, "sub", None),
                item(2, "deep/er", Some("a b")),
                item(1, "key", Some("x#y")),
                item(1, "none", Some("")),
            ])
        );
        assert_eq!(
            parse("a\r\n    b = c\r\n"),
            Ok(vec![item(0, "a", None), item(1, "b", Some("c"))])
        );
    }

    #[test]
    fn a_line_that_is_no_zpl_is_named_by_its_number() {
        for (text, line, flaw) in [
            ("a\n  b = c", 2, ZplFlaw::Indentation),
            ("    a = b", 1, ZplFlaw::Indentation),
            ("a\n        b = c", 2, ZplFlaw::Indentation),
            ("a\n\tb = c", 2, ZplFlaw::Indentation),
            ("a b", 1, ZplFlaw::Name),
            ("= b", 1, ZplFlaw::Name),
            ("{\"json\": 1}", 1, ZplFlaw::Name),
            ("a = \"b", 1, ZplFlaw::Quote),
            ("a = 'b\"", 1, ZplFlaw::Quote),
            ("a = 'b' c", 1, ZplFlaw::Quote),
        ] {
            assert_eq!(parse(text), Err(ZplError { line, flaw }), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_quoted_is_not_written() {
        let mut out = String::new();
        for (name, value) in [
            ("a", "\"'"),
            ("a", "b\nc"),
            ("a b", "c"),
            ("", "c"),
            ("a", "\r"),
        ] {
            assert!(!write_value(1, name, value, &mut out));
        }
        assert_eq!(out, "");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(values in prop::collection::vec(("[a-z/.-]{1,9}", "[^\u{0}\r\n]{0,20}"), 0..9)) {
            let mut text = "top\n".to_owned();
            let written: Vec<_> = values
                .iter()
                .filter(|(name, value)| write_value(1, name, value, &mut text))
                .map(|(name, value)| item(1, name, Some(value)))
                .collect();
            // Line separators of Unicode end no line.
            prop_assert_eq!(&parse(&text).expect("our own")[1..], &written[..]);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[ab =\"'#\n\t {}]{0,60}|.{0,60}") {
            if let Ok(items) = parse(&text) {
                prop_assert!(items.iter().all(|item| is_name(item.name)));
            }
        }
    }
}
