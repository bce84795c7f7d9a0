//! Properties that a socket tells its peers in the handshake.
//!
//! Owns: the list of properties, its bounds, and its form as text.
//! Always true: each name is one that the handshake can carry and begins with `X-`; no two are equal but for case.
//! Must not know: the handshake.
//! Source: RFC 37/ZMTP 3.1, "Metadata"; libzmq's ZMQ_METADATA.

use bytes::Bytes;

use super::OptionValue;
use super::hexadecimal::{push_escaped, unescape};
use crate::zmtp::{TOKEN, is_property_name};

/// The most bytes that the names and values of one socket may have together.
const MOST_BYTES: usize = 16 * 1024;

/// The most properties of one socket.
const MOST_PROPERTIES: usize = 64;

/// The properties of one socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata(Vec<(String, Bytes)>);

impl Metadata {
    /// Sets the property `name`; false if the name is invalid, or there would be too many properties or bytes.
    #[must_use]
    pub(crate) fn set(&mut self, name: &str, value: Bytes) -> bool {
        let is_own = name.len() > 2 && name.as_bytes()[..2].eq_ignore_ascii_case(b"X-");
        let is_ours = name.eq_ignore_ascii_case(TOKEN);
        if !is_property_name(name.as_bytes()) || !is_own || is_ours {
            return false;
        }
        let mut others = self.0.clone();
        others.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        let taken: usize = others
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        let fits = others.len() < MOST_PROPERTIES
            && taken.saturating_add(name.len()).saturating_add(value.len()) <= MOST_BYTES;
        if fits {
            others.push((name.to_owned(), value));
            self.0 = others;
        }
        fits
    }

    /// Name and value of each.
    pub(crate) fn properties(&self) -> &[(String, Bytes)] {
        &self.0
    }
}

impl OptionValue for Metadata {
    const EXPECTED: &'static str = "none, or properties such as X-Role=feed;X-Zone=7 whose names are X- and letters, \
        digits or -_.+ (at most 64, of 16 KiB together; %3B is a semicolon)";

    fn parse(text: &str) -> Option<Self> {
        let mut metadata = Self::default();
        if text == "none" {
            return Some(metadata);
        }
        for property in text.split(';') {
            let (name, value) = property.split_once('=')?;
            if !metadata.set(name, unescape(value)?.into()) {
                return None;
            }
        }
        Some(metadata)
    }

    fn print(&self) -> String {
        if self.0.is_empty() {
            return "none".to_owned();
        }
        let properties: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        properties.join(";")
    }
}

/// Bytes as text: bytes that have a meaning in the list are written as `%` and two hexadecimal digits.
fn escape(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        match byte {
            b' '..=b'~' if !matches!(byte, b'%' | b';') => text.push(char::from(*byte)),
            _ => push_escaped(&mut text, *byte),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_the_last_value_counts() {
        let mut metadata = Metadata::default();
        for bad in [
            "",
            "X-",
            "Role",
            "Socket-Type",
            "X-a b",
            "X-ä",
            "aä-",
            "x-HIGHWATER",
        ] {
            assert!(!metadata.set(bad, Bytes::new()), "{bad}");
        }
        assert!(metadata.set("X-Role", "a".into()) && metadata.set("x-role", "b".into()));
        assert_eq!(metadata.properties(), [("x-role".to_owned(), "b".into())]);
    }

    #[test]
    fn there_is_a_bound_on_number_and_size() {
        let mut metadata = Metadata::default();
        assert!(!metadata.set("X-a", vec![0; MOST_BYTES].into()));
        assert!(metadata.set("X-a", vec![0; MOST_BYTES - 3].into()));
        assert!(!metadata.set("X-b", Bytes::new()));
        let mut metadata = Metadata::default();
        for n in 0..MOST_PROPERTIES {
            assert!(metadata.set(&format!("X-{n}"), Bytes::new()));
        }
        assert!(!metadata.set("X-more", Bytes::new()) && metadata.set("X-0", "again".into()));
    }

    #[test]
    fn any_bytes_can_be_written_as_text() {
        let mut metadata = Metadata::default();
        assert!(metadata.set("X-all", (0..=255).collect::<Vec<u8>>().into()));
        assert!(metadata.set("X-none", Bytes::new()));
        assert_eq!(Metadata::parse(&metadata.print()), Some(metadata));
        for bad in ["X-a", "X-a=%", "X-a=%4", "X-a=%+1", "X-a=b;", "a=b"] {
            assert_eq!(Metadata::parse(bad), None, "{bad}");
        }
    }
}
