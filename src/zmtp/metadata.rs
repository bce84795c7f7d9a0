//! Metadata: the properties that two ends tell each other in the handshake.
//!
//! Owns: the layout of a property, and how many of them we are willing to keep.
//! Always true: a name that was read is 1 to 255 letters, digits, `-`, `_`, `.` or `+`, and is kept as it was spelt.
//! Must not know: what a property means.
//! Source: RFC 37/ZMTP 3.1, "Metadata".

use bytes::{Buf, Bytes};

use super::error::ProtocolError;

/// Whether `name` may be the name of a property: 1 to 255 letters, digits, `-`, `_`, `.` or `+`.
pub(crate) fn is_property_name(name: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(byte);
    (1..=usize::from(u8::MAX)).contains(&name.len()) && name.iter().all(allowed)
}

/// Reads properties to the exact end of `data`; the values share it.
///
/// # Errors
///
/// [`ProtocolError::MalformedMetadata`] if a property is cut, a name breaks the grammar, or there are more than 256.
pub(crate) fn parse(mut data: Bytes) -> Result<Vec<(String, Bytes)>, ProtocolError> {
    let mut properties = Vec::new();
    while !data.is_empty() {
        if properties.len() == MAX_PROPERTIES {
            return Err(ProtocolError::MalformedMetadata);
        }
        properties.push(take_property(&mut data).ok_or(ProtocolError::MalformedMetadata)?);
    }
    Ok(properties)
}

/// Whether `data` are properties, and one of them has this `name`.
#[cfg(feature = "curve")]
pub(super) fn has(data: &Bytes, name: &str) -> bool {
    let is_it = |(known, _): &(String, Bytes)| known.eq_ignore_ascii_case(name);
    parse(data.clone()).is_ok_and(|properties| properties.iter().any(is_it))
}

/// Appends one property.
///
/// # Panics
///
/// If the name has more than 255 bytes or the value more than 2^32-1. The caller checks what a user has chosen.
pub(super) fn write_property(name: &str, value: &[u8], out: &mut Vec<u8>) {
    debug_assert!(is_property_name(name.as_bytes()), "{name:?} is no name");
    out.push(u8::try_from(name.len()).expect("a property's name has at most 255 bytes"));
    out.extend_from_slice(name.as_bytes());
    let len = u32::try_from(value.len()).expect("a property's value fits a handshake");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(value);
}

/// Takes a property from the front of `data`, or gives `None` if it is malformed or cut.
fn take_property(data: &mut Bytes) -> Option<(String, Bytes)> {
    let name_len = usize::from(data.try_get_u8().ok()?);
    let name = take(data, name_len).filter(|name| is_property_name(name))?;
    let name = String::from_utf8(name.to_vec()).ok()?;
    let value_len = usize::try_from(data.try_get_u32().ok()?).ok()?;
    Some((name, take(data, value_len)?))
}

fn take(data: &mut Bytes, len: usize) -> Option<Bytes> {
    (len <= data.len()).then(|| data.split_to(len))
}

/// The property with our token. RFC 37 leaves names that begin with `X-` to applications.
pub(crate) const TOKEN: &str = "X-Highwater";

/// Each property costs some 80 bytes of memory whatever its length.
const MAX_PROPERTIES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(data: &[u8]) -> Result<Vec<(String, Bytes)>, ProtocolError> {
        parse(Bytes::copy_from_slice(data))
    }

    #[test]
    fn properties_come_back_as_they_were_written() {
        let mut data = Vec::new();
        write_property("Socket-Type", b"PUSH", &mut data);
        write_property("X-empty", b"", &mut data);
        let properties = parsed(&data).expect("well formed");
        assert_eq!(
            properties,
            [
                ("Socket-Type".to_owned(), Bytes::from_static(b"PUSH")),
                ("X-empty".to_owned(), Bytes::new()),
            ]
        );
        assert_eq!(parsed(b""), Ok(vec![]));
    }

    #[test]
    fn a_cut_anywhere_is_an_error() {
        let mut data = Vec::new();
        write_property("Name", b"value", &mut data);
        for end in 1..data.len() {
            assert_eq!(
                parsed(&data[..end]),
                Err(ProtocolError::MalformedMetadata),
                "at {end}"
            );
        }
        data.push(1);
        assert_eq!(parsed(&data), Err(ProtocolError::MalformedMetadata));
    }

    #[test]
    fn an_empty_name_and_a_strange_letter_are_errors() {
        assert_eq!(
            parsed(b"\x00\x00\x00\x00\x00"),
            Err(ProtocolError::MalformedMetadata)
        );
        assert_eq!(
            parsed(b"\x01 \x00\x00\x00\x00"),
            Err(ProtocolError::MalformedMetadata)
        );
        assert!(is_property_name(b"X-a_b.c+9") && !is_property_name(&[b'x'; 256]));
    }

    #[test]
    fn a_length_of_4_gib_reserves_nothing() {
        assert_eq!(
            parsed(b"\x01a\xff\xff\xff\xffxyz"),
            Err(ProtocolError::MalformedMetadata)
        );
    }

    #[test]
    fn there_are_at_most_256_properties() {
        let mut data = b"\x01a\x00\x00\x00\x00".repeat(256);
        assert_eq!(parsed(&data).map(|properties| properties.len()), Ok(256));
        data.extend_from_slice(b"\x01a\x00\x00\x00\x00");
        assert_eq!(parsed(&data), Err(ProtocolError::MalformedMetadata));
    }
}
