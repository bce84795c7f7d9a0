//! What an end says of its payload, and whether two ends agree.
//!
//! Owns: the property of that name, its comparison, and the words for a peer that differs.
//! Always true: where one end says nothing, the two agree. Values are compared byte by byte.
//! Must not know: what a value means.

use bytes::Bytes;

use crate::zmtp::error::{OF_OURS, OF_THE_PEER, ProtocolError, printable};

/// The property with which an end may say what its payload is. RFC 37 leaves names that begin with `X-` to applications.
pub(crate) const PAYLOAD: &str = "X-Payload";

/// What the end with these `properties` says of its payload; the first value counts, if a peer gives more.
pub(crate) fn payload_of(properties: &[(String, Bytes)]) -> Option<&Bytes> {
    properties
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(PAYLOAD))
        .map(|(_, value)| value)
}

/// Compares the properties of two ends.
///
/// # Errors
///
/// [`ProtocolError::PayloadMismatch`] if both say what their payload is, and differ.
pub(crate) fn compare_payloads(
    ours: &[(String, Bytes)],
    theirs: &[(String, Bytes)],
) -> Result<(), ProtocolError> {
    match (payload_of(ours), payload_of(theirs)) {
        (Some(ours), Some(theirs)) if ours != theirs => Err(ProtocolError::PayloadMismatch {
            theirs: shown(theirs),
            ours: shown(ours),
        }),
        _ => Ok(()),
    }
}

/// The mismatch of which a peer tells us in these `words`, which are the text of its own error, seen from here.
pub(crate) fn mismatch_told(words: &str) -> Option<ProtocolError> {
    let (ours, theirs) = words.strip_prefix(OF_THE_PEER)?.split_once(OF_OURS)?;
    Some(ProtocolError::PayloadMismatch {
        theirs: theirs.to_owned(),
        ours: ours.to_owned(),
    })
}

/// A value as text for people. Both values and the words around them fit into the 255 bytes of an ERROR.
fn shown(value: &[u8]) -> String {
    let mut text = printable(&value[..value.len().min(LONGEST_SHOWN)]);
    while text.len() > LONGEST_SHOWN {
        text.pop();
    }
    text
}

const LONGEST_SHOWN: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn says(value: &'static [u8]) -> Vec<(String, Bytes)> {
        let other = ("X-Role".to_owned(), Bytes::from_static(b"feed"));
        vec![other, ("x-PAYLOAD".to_owned(), Bytes::from_static(value))]
    }

    #[test]
    fn only_two_ends_that_both_say_something_can_differ() {
        let json = says(b"json");
        assert_eq!(compare_payloads(&json, &says(b"json")), Ok(()));
        assert_eq!(compare_payloads(&json, &[]), Ok(()));
        assert_eq!(compare_payloads(&[], &json), Ok(()));
        assert_eq!(
            compare_payloads(&json, &says(b"job/2+json")),
            Err(ProtocolError::PayloadMismatch {
                theirs: "job/2+json".into(),
                ours: "json".into(),
            })
        );
        assert!(compare_payloads(&json, &says(b"JSON")).is_err());
        assert!(compare_payloads(&json, &says(b"")).is_err());
        let twice = [says(b"json"), says(b"cbor")].concat();
        assert_eq!(
            compare_payloads(&json, &twice),
            Ok(()),
            "the first value counts"
        );
    }

    #[test]
    fn the_words_of_one_end_are_the_error_of_the_other() {
        let error = |ours, theirs| {
            compare_payloads(&says(ours), &says(theirs)).expect_err("they are different")
        };
        let here = error(b"job/2+json", b"job/1+json");
        let there = error(b"job/1+json", b"job/2+json");
        assert_eq!(mismatch_told(&here.to_string()), Some(there));
        assert_eq!(mismatch_told("the peer's payload is odd"), None);
        assert_eq!(mismatch_told("400"), None);
    }

    #[test]
    fn a_long_or_strange_value_is_cut_and_cleaned() {
        const LONG: &[u8] = &[0xFF; 5000];
        let error = compare_payloads(&says(LONG), &says(b"\x1b[31m")).expect_err("different");
        let text = error.to_string();
        assert!(
            text.len() < 200 && !text.chars().any(char::is_control),
            "{text}"
        );
        assert!(mismatch_told(&text).is_some());
    }
}
