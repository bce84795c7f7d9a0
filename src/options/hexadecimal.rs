//! Bytes as two hexadecimal digits each, alone or behind a `%` in a text.
//!
//! Owns: how digits are read, and how a text with such bytes is read.
//! Always true: two digits are one byte, of either case; anything else is no byte.
//! Must not know: which bytes of a text have to be written so.

/// The byte that two hexadecimal digits stand for.
pub(super) fn byte_of(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    match digits {
        [high, low] => u8::try_from(16 * value(*high)? + value(*low)?).ok(),
        _ => None,
    }
}

/// Appends `byte` to `text`, as `%` and two digits.
pub(super) fn push_escaped(text: &mut String, byte: u8) {
    text.push_str(&format!("%{byte:02X}"));
}

/// The bytes of `text`, in which any of them may be escaped; `None` if a `%` is not followed by two digits.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        bytes.push(byte_of(digits)?);
        rest = behind;
    }
    Some(bytes)
}
