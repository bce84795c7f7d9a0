//! Z85: four bytes as five printable characters.
//!
//! Owns: the alphabet, and what is wrong with a text that is no Z85.
//! Always true: what was encoded decodes to the same bytes, and each text decodes to at most one sequence of bytes.
//! Must not know: keys.
//! Source: RFC 32/Z85.

use std::fmt;

/// Writes `bytes` as Z85 into `text`: five characters for each four bytes.
///
/// # Panics
///
/// If the length of `bytes` is no multiple of 4, or `text` is not 5/4 as long.
pub fn encode(bytes: &[u8], text: &mut [u8]) {
    assert!(
        bytes.len().is_multiple_of(4) && text.len() == bytes.len() / 4 * 5,
        "Z85 has five characters for each four bytes"
    );
    for (group, characters) in bytes.chunks_exact(4).zip(text.chunks_exact_mut(5)) {
        let mut value = u32::from_be_bytes(group.try_into().expect("four bytes"));
        for character in characters.iter_mut().rev() {
            *character = ALPHABET[(value % 85) as usize];
            value /= 85;
        }
    }
}

/// Reads `text` into `bytes`: four bytes for each five characters.
///
/// # Errors
///
/// If the text is not exactly 5/4 as long as `bytes`, has a character outside the alphabet, or a group of five that is
/// more than four bytes hold. What `bytes` holds then is of no meaning.
pub fn decode(text: &[u8], bytes: &mut [u8]) -> Result<(), Z85Error> {
    if !bytes.len().is_multiple_of(4) || text.len() != bytes.len() / 4 * 5 {
        return Err(Z85Error::Length {
            len: text.len(),
            expected: bytes.len() / 4 * 5,
        });
    }
    let groups = text.chunks_exact(5).zip(bytes.chunks_exact_mut(4));
    for (count, (characters, group)) in groups.enumerate() {
        let mut value: u64 = 0;
        for (index, &character) in characters.iter().enumerate() {
            let digit = digit(character).ok_or(Z85Error::Character {
                at: count * 5 + index,
            })?;
            value = value * 85 + u64::from(digit);
        }
        let value = u32::try_from(value).map_err(|_| Z85Error::Group { at: count * 5 })?;
        group.copy_from_slice(&value.to_be_bytes());
    }
    Ok(())
}

/// Why a text is no Z85.
///
/// Positions are told and characters are not: the text may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Z85Error {
    /// The length is not the expected one.
    Length {
        /// The length of the text, in bytes.
        len: usize,
        /// The length that it should have.
        expected: usize,
    },
    /// A character outside the alphabet.
    Character {
        /// Its position, counted in bytes from 0.
        at: usize,
    },
    /// Five characters that mean more than 2^32-1.
    Group {
        /// The position of the first of them, counted in bytes from 0.
        at: usize,
    },
}

impl fmt::Display for Z85Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len, expected } => {
                write!(f, "{len} characters, where Z85 has {expected}")
            }
            Self::Character { at } => {
                write!(f, "the character at position {at} is none of Z85")
            }
            Self::Group { at } => write!(
                f,
                "the five characters from position {at} on mean more than four bytes hold"
            ),
        }
    }
}

impl std::error::Error for Z85Error {}

/// The value of a character, found without an index that depends on it: the text may be a secret.
fn digit(character: u8) -> Option<u8> {
    let mut found = u8::MAX;
    for (value, &candidate) in (0_u8..).zip(ALPHABET) {
        let differs = candidate ^ character;
        // All ones if the two are the same, else zero.
        let same = (u16::from(differs).wrapping_sub(1) >> 8) as u8;
        found &= !same | value;
    }
    (found != u8::MAX).then_some(found)
}

const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BYTES: [u8; 8] = [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B];

    #[test]
    fn the_example_of_the_rfc_comes_out_both_ways() {
        let mut text = [0; 10];
        encode(&BYTES, &mut text);
        assert_eq!(&text, b"HelloWorld");
        let mut bytes = [0; 8];
        decode(&text, &mut bytes).expect("good Z85");
        assert_eq!(bytes, BYTES);
    }

    #[test]
    fn the_largest_group_is_read_and_the_next_is_not() {
        let mut bytes = [0; 4];
        decode(b"%nSc0", &mut bytes).expect("2^32-1");
        assert_eq!(bytes, [0xFF; 4]);
        assert_eq!(decode(b"%nSc1", &mut bytes), Err(Z85Error::Group { at: 0 }));
        assert_eq!(decode(b"#####", &mut bytes), Err(Z85Error::Group { at: 0 }));
    }

    #[test]
    fn each_byte_outside_the_alphabet_is_named_by_its_position() {
        for byte in 0..=u8::MAX {
            let text = [b'0', b'0', byte, b'0', b'0'];
            let mut bytes = [0; 4];
            match ALPHABET.iter().position(|&known| known == byte) {
                Some(value) => {
                    decode(&text, &mut bytes).expect("a character of the alphabet");
                    assert_eq!(u32::from_be_bytes(bytes), value as u32 * 85 * 85);
                }
                None => assert_eq!(
                    decode(&text, &mut bytes),
                    Err(Z85Error::Character { at: 2 })
                ),
            }
        }
    }

    #[test]
    fn another_length_is_refused() {
        for len in (0..60).filter(|len| *len != 40) {
            assert_eq!(
                decode(&vec![b'0'; len], &mut [0; 32]),
                Err(Z85Error::Length { len, expected: 40 })
            );
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes_to_the_same(groups in prop::collection::vec(any::<[u8; 4]>(), 0..20)) {
            let bytes = groups.concat();
            let mut text = vec![0; bytes.len() / 4 * 5];
            encode(&bytes, &mut text);
            let mut again = vec![0xAA; bytes.len()];
            prop_assert_eq!(decode(&text, &mut again), Ok(()));
            prop_assert_eq!(again, bytes);
        }

        #[test]
        fn what_decodes_is_encoded_to_the_same(text in "[0-9a-zA-Z.:+=^!/*?&<>()\\[\\]{}@%$#-]{20}") {
            let mut bytes = [0; 16];
            if decode(text.as_bytes(), &mut bytes).is_ok() {
                let mut again = [0; 20];
                encode(&bytes, &mut again);
                prop_assert_eq!(&again[..], text.as_bytes());
            }
        }
    }
}
