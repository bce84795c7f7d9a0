use super::*;
use crate::vectors::levels;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use proptest::prelude::*;

/// What another implementation makes of it.
fn expected(key: &OneTimeKey, text: &[u8]) -> [u8; TAG] {
    Poly1305::new(&key.0.into()).compute_unpadded(text).into()
}

/// Texts of these lengths, with keys and bytes that are `fill` or differ from column to column.
fn check(lens: &[usize], fill: Option<u8>) {
    let bytes = |column: usize, len: usize| -> Vec<u8> {
        let byte = |index: usize| (index as u8).wrapping_mul(29) ^ (column as u8).wrapping_mul(83);
        (0..len).map(|index| fill.unwrap_or(byte(index))).collect()
    };
    let texts: Vec<(OneTimeKey, Vec<u8>)> = lens
        .iter()
        .enumerate()
        .map(|(column, &len)| {
            let key = bytes(column + 100, 32).try_into().expect("a key");
            (OneTimeKey(key), bytes(column, len))
        })
        .collect();
    let expected: Vec<_> = texts
        .iter()
        .map(|(key, text)| expected(key, text))
        .collect();
    for level in levels().into_iter().map(Some).chain([None]) {
        let mut tags = vec![[0xAA; TAG]; lens.len()];
        tags_of(
            level,
            texts.iter().map(|(key, text)| (*key, &text[..])),
            &mut tags,
        );
        assert_eq!(tags, expected, "{lens:?} {fill:?} {level:?}");
    }
    if lens.len() <= TAGS_AT_ONCE {
        // Without the choice of the better way.
        let mut group = Group::default();
        for (index, (key, text)) in texts.iter().enumerate() {
            group.add(*key, text, index);
        }
        for level in levels() {
            assert_eq!(
                group.together(level)[..lens.len()],
                expected,
                "{lens:?} {fill:?} {level:?}"
            );
        }
    }
}

#[test]
fn each_length_in_each_lane_has_the_tag_of_another_implementation() {
    for len in 0..=2048 {
        let mut lens = [len, len / 2, 0, len + 1, 16, len / 3, 17, len];
        lens.rotate_left(len % TAGS_AT_ONCE);
        check(&lens, None);
    }
}

#[test]
fn each_number_of_texts_has_the_tags_of_another_implementation() {
    for count in 0..=2 * TAGS_AT_ONCE + 1 {
        for len in [0, 1, 15, 16, 17, 33, 255, 1023, 1024, 1025] {
            check(&vec![len; count], None);
        }
    }
}

/// Sums that are carried through all words, and numbers at the ends of what is below 2^130 - 5.
#[test]
fn numbers_at_the_ends_of_their_range_are_reduced() {
    for fill in [0x00, 0x01, 0x7F, 0x80, 0xFB, 0xFC, 0xFE, 0xFF] {
        for len in (0..=96).chain([1024, 2048]) {
            check(&[len; TAGS_AT_ONCE], Some(fill));
        }
    }
    // Source: RFC 8439, A.3, vectors 7 to 11, which end at such numbers.
    let number = |first: u8, rest: u8| {
        let mut bytes = [rest; 16];
        bytes[0] = first;
        bytes
    };
    let cases: [(u8, Vec<[u8; 16]>); 5] = [
        (1, vec![[0xFF; 16], number(0xF0, 0xFF), number(0x11, 0)]),
        (1, vec![[0xFF; 16], number(0xFB, 0xFE), [1; 16]]),
        (2, vec![number(0xFD, 0xFF)]),
        (2, vec![[0xFF; 16]]),
        (
            4,
            vec![
                number(0xE3, 0x35),
                number(0x33, 0x94),
                number(0, 0),
                number(1, 0),
            ],
        ),
    ];
    for (factor, blocks) in cases {
        let mut key = [0; 32];
        key[0] = factor;
        let (key, text) = (OneTimeKey(key), blocks.concat());
        let mut group = Group::default();
        (0..TAGS_AT_ONCE).for_each(|column| group.add(key, &text, column));
        for level in levels() {
            assert_eq!(group.together(level), [expected(&key, &text); TAGS_AT_ONCE]);
        }
    }
}

proptest! {
    #[test]
    fn any_texts_have_the_tags_of_another_implementation(
        texts in prop::collection::vec(
            (any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 0..1200)),
            0..20,
        ),
    ) {
        let given = || texts.iter().map(|(key, text)| (OneTimeKey(*key), &text[..]));
        for level in levels() {
            let mut tags = vec![[0; TAG]; texts.len()];
            tags_of(Some(level), given(), &mut tags);
            for ((key, text), tag) in given().zip(tags) {
                prop_assert_eq!(tag, expected(&key, text));
            }
        }
    }
}
