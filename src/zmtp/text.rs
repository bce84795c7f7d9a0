//! Text that a peer has chosen, made fit to be shown to a person: in events, lines of a log, errors.
//!
//! Always true: the result has no control character, no line or paragraph separator, and no format character that is
//! invisible or changes the direction of writing. So a peer can neither begin a new line nor make a line read as another.
//! Must not know: what the text is about.
//! Source: Unicode, the general categories Cc, Cf, Zl, Zp, Co and Cn, as std's `str::escape_debug` knows them.

/// Whether `c` can be shown as it is: it is visible, and changes nothing around it.
pub(crate) fn is_plain(c: char) -> bool {
    match c {
        ' '..='~' => true,
        _ => {
            // `escape_debug` escapes a combining mark at the beginning of a text, and not behind another character.
            let mut behind = [0; 5];
            behind[0] = b'a';
            let len = 1 + c.encode_utf8(&mut behind[1..]).len();
            let text = std::str::from_utf8(&behind[..len]).expect("two characters");
            text.escape_debug().count() == 2
        }
    }
}

/// `text` with everything that is not [plain](is_plain) as `\u{..}`.
pub(crate) fn escaped(text: &str) -> String {
    // Nearly all of what is shown: each connection has an address.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each kind the first and the last, and those that are known to deceive.
    const DECEIVERS: [char; 24] = [
        '\0',
        '\t',
        '\n',
        '\r',
        '\x1b',
        '\x7f',
        '\u{80}',
        '\u{85}',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{feff}',
        '\u{e0041}',
    ];

    #[test]
    fn what_deceives_is_escaped_and_what_people_write_is_not() {
        for c in DECEIVERS {
            assert!(!is_plain(c), "{c:?}");
            assert_eq!(
                escaped(&format!("a{c}b")),
                format!("a{}b", c.escape_unicode())
            );
        }
        for c in '\0'..='\u{ff}' {
            let is_quoted = matches!(c, '"' | '\'' | '\\');
            let is_shown = c.escape_debug().count() == 1;
            assert_eq!(is_plain(c), is_quoted || is_shown, "{c:?}");
        }
        for text in [
            "/run/app.sock",
            "tcp://[fe80::1%eth0]:5555",
            r#"a "quoted" \ path's end"#,
            "größer, 中文, हिन्दी, עברית, e\u{301}, 🦀",
        ] {
            assert_eq!(escaped(text), text);
        }
    }
}
