use super::*;
use crypto_secretbox::XSalsa20Poly1305;
use crypto_secretbox::aead::{AeadInPlace, KeyInit};
use dryoc::classic::crypto_box::crypto_box_beforenm;
use proptest::prelude::*;

/// 1,024 bytes are one turn; 2,048 are two, with every remainder.
const LONGEST: usize = 2048;

/// The key for these nonces by each way that this processor has.
fn each_way(shared: &SharedKey, prefix: &[u8; 16]) -> Vec<BoxKey> {
    let mut keys = vec![shared.for_nonces_by(prefix, Kernel::Scalar)];
    keys.extend(crate::vectors::levels().into_iter().map(|level| BoxKey {
        level: Some(level),
        ..shared.for_nonces(prefix)
    }));
    keys
}

fn bytes<const N: usize>(seed: u8) -> [u8; N] {
    std::array::from_fn(|index| (index as u8).wrapping_mul(31) ^ seed)
}

/// What another implementation makes of a text.
fn sealed(key: &[u8; 32], nonce: &[u8; 24], text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let tag = XSalsa20Poly1305::new(key.into())
        .encrypt_in_place_detached(nonce.into(), b"", &mut text)
        .expect("a short text");
    [&tag[..], &text].concat()
}

fn whole_nonce(prefix: &[u8; 16], counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

#[test]
fn a_box_of_each_length_at_each_alignment_is_that_of_another_implementation() {
    let (key, prefix) = (bytes(1), *b"CurveZMQMESSAGEC");
    let shared = SharedKey::from_bytes(key);
    let text: [u8; LONGEST] = bytes(2);
    let mut space = vec![0; LONGEST + TAG + 32];
    for (way, boxes) in each_way(&shared, &prefix).into_iter().enumerate() {
        for len in 0..=LONGEST {
            let counter = 1 + len as u64 * 0x1_0000_0001;
            let expected = sealed(&key, &whole_nonce(&prefix, counter), &text[..len]);
            let align = len % 32;
            let boxed = &mut space[align..align + TAG + len];
            boxed[TAG..].copy_from_slice(&text[..len]);
            boxes.seal(counter.to_be_bytes(), boxed);
            assert_eq!(boxed, expected, "{len} bytes, way {way}");
            let opened = boxes.open(counter.to_be_bytes(), boxed).expect("our own");
            assert_eq!(opened, &text[..len], "{len} bytes, way {way}");
        }
    }
}

#[test]
fn each_alignment_gives_the_same_box() {
    let shared = SharedKey::from_bytes(bytes(3));
    let boxes = shared.for_nonces(&[7; 16]);
    for len in [0, 1, 15, 31, 32, 33, 95, 96, 97, 479, 480, 481, 700] {
        let mut expected = vec![5; TAG + len];
        boxes.seal([0; 8], &mut expected);
        for align in 0..64 {
            let mut space = vec![0; align + TAG + len];
            let boxed = &mut space[align..];
            boxed[TAG..].fill(5);
            boxes.seal([0; 8], boxed);
            assert_eq!(boxed, expected, "{len} bytes from {align} on");
        }
    }
}

#[test]
fn two_ends_have_the_key_that_another_implementation_has() {
    let ours = SecretKey::from_bytes(bytes(4));
    let theirs = SecretKey::from_bytes(bytes(5));
    let key = SharedKey::new(&ours, &theirs.public()).expect("a good key");
    let same = SharedKey::new(&theirs, &ours.public()).expect("a good key");
    let expected =
        crypto_box_beforenm(theirs.public().as_bytes(), ours.expose()).expect("a good key");
    assert_eq!((*key.0, *same.0), (expected, expected));
}

#[test]
fn a_changed_bit_anywhere_is_noticed_and_nothing_is_given_out() {
    let boxes = SharedKey::from_bytes(bytes(6)).for_nonces(&[1; 16]);
    for len in [0, 1, 32, 33, 600] {
        let mut good = vec![9; TAG + len];
        boxes.seal([0; 8], &mut good);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let before = bad.clone();
            assert_eq!(boxes.open([0; 8], &mut bad), Err(Forged), "bit {bit}");
            assert_eq!(bad, before, "a refused box is left as it came");
        }
        for cut in 0..good.len() {
            assert_eq!(boxes.open([0; 8], &mut good.clone()[..cut]), Err(Forged));
        }
        assert_eq!(boxes.open([1; 8], &mut good.clone()), Err(Forged));
        let other = SharedKey::from_bytes(bytes(6)).for_nonces(&[2; 16]);
        assert_eq!(other.open([0; 8], &mut good), Err(Forged));
    }
}

#[test]
fn a_nonce_at_a_time_seals_the_same_box() {
    let shared = SharedKey::from_bytes(bytes(8));
    let nonce: [u8; 24] = bytes(9);
    let mut boxed = [3; TAG + 100];
    shared.seal(&nonce, &mut boxed);
    assert_eq!(boxed[..], sealed(&bytes(8), &nonce, &[3; 100]));
    assert_eq!(
        shared.open(&nonce, &mut boxed).map(|text| text.len()),
        Ok(100)
    );
}

/// Counts of boxes on both sides of the number that is made at once, each with lengths that begin and end anywhere in a turn.
#[test]
fn boxes_sealed_and_opened_together_are_those_of_one_by_one() {
    let (key, prefix) = (bytes(10), [4; 16]);
    let ways = each_way(&SharedKey::from_bytes(key), &prefix);
    for count in 0..=2 * AT_ONCE + 1 {
        for step in [0, 1, 31, 32, 33, 64, 95, 97, 500] {
            let len = |index: usize| (index * step) % 4500;
            let texts: Vec<Vec<u8>> = (0..count)
                .map(|index| vec![index as u8; TAG + len(index)])
                .collect();
            let expected: Vec<Vec<u8>> = (0..count)
                .map(|index| {
                    let nonce = whole_nonce(&prefix, index as u64);
                    sealed(&key, &nonce, &texts[index][TAG..])
                })
                .collect();
            for way in &ways {
                let mut together = texts.clone();
                way.seal_all(counters().zip(together.iter_mut().map(Vec::as_mut_slice)));
                assert_eq!(together, expected, "{count} boxes by {step}");
                let given = together.clone();
                assert_eq!(way.open_all(pairs(&given, &mut together)), Ok(()));
                for (opened, text) in together.iter().zip(&texts) {
                    assert_eq!(opened[TAG..], text[TAG..], "{count} boxes by {step}");
                }
            }
        }
    }
}

#[test]
fn of_boxes_opened_together_those_before_a_forged_one_open() {
    let boxes = SharedKey::from_bytes(bytes(11)).for_nonces(&[5; 16]);
    for count in 1..=2 * AT_ONCE + 1 {
        for len in [0, 20, 40, 300] {
            let mut given = vec![vec![6; TAG + len]; count];
            boxes.seal_all(counters().zip(given.iter_mut().map(Vec::as_mut_slice)));
            for forged in 0..count {
                let mut bad = given.clone();
                // In the tag, or at the end of the text.
                *bad[forged].last_mut().expect("there is a tag") ^= 0x10;
                let mut space = bad.clone();
                assert_eq!(boxes.open_all(pairs(&bad, &mut space)), Err(forged));
                assert!(
                    space[..forged]
                        .iter()
                        .all(|text| text[TAG..] == vec![6; len])
                );
                assert_eq!(
                    space[forged], bad[forged],
                    "a refused box is left as it came"
                );
            }
            // Of two it is the first that counts.
            let mut bad = given.clone();
            bad[count - 1][0] ^= 1;
            bad[count / 2][3] ^= 1;
            let mut space = bad.clone();
            assert_eq!(boxes.open_all(pairs(&bad, &mut space)), Err(count / 2));
        }
    }
}

#[test]
fn long_boxes_among_short_ones_are_sealed_and_opened_in_their_place() {
    let (key, prefix) = (bytes(12), [7; 16]);
    let lengths = [10, 3000, 20, LONG, LONG - 1, LONG - TAG, 5, 9000, 0, 4000];
    for way in each_way(&SharedKey::from_bytes(key), &prefix) {
        let mut given: Vec<Vec<u8>> = lengths.map(|len| vec![6; TAG + len]).into();
        let expected = given.iter().zip(0..).map(|(boxed, index)| {
            let nonce = whole_nonce(&prefix, index);
            sealed(&key, &nonce, &boxed[TAG..])
        });
        let expected: Vec<Vec<u8>> = expected.collect();
        way.seal_all(counters().zip(given.iter_mut().map(Vec::as_mut_slice)));
        assert_eq!(given, expected);
        for forged in 0..given.len() {
            let mut bad = given.clone();
            *bad[forged].last_mut().expect("there is a tag") ^= 0x10;
            let mut space = bad.clone();
            assert_eq!(way.open_all(pairs(&bad, &mut space)), Err(forged));
            for (text, len) in space[..forged].iter().zip(lengths) {
                assert_eq!(text[TAG..], vec![6; len]);
            }
            assert_eq!(space[forged], bad[forged]);
        }
        let mut space = given.clone();
        assert_eq!(way.open_all(pairs(&given, &mut space)), Ok(()));
        for (text, len) in space.iter().zip(lengths) {
            assert_eq!(text[TAG..], vec![6; len]);
        }
    }
}

fn counters() -> impl Iterator<Item = [u8; 8]> {
    (0_u64..).map(u64::to_be_bytes)
}

/// The counters, the tags as they were `given`, and the texts in `space`.
fn pairs<'a>(
    given: &'a [Vec<u8>],
    space: &'a mut [Vec<u8>],
) -> impl Iterator<Item = ([u8; 8], &'a [u8; TAG], &'a mut [u8])> {
    let tags = given
        .iter()
        .map(|boxed| boxed.first_chunk().expect("a tag"));
    let texts = space.iter_mut().map(|boxed| &mut boxed[TAG..]);
    counters()
        .zip(tags)
        .zip(texts)
        .map(|((counter, tag), text)| (counter, tag, text))
}

proptest! {
    #[test]
    fn any_boxes_sealed_together_open_one_by_one_elsewhere(
        key in any::<[u8; 32]>(),
        prefix in any::<[u8; 16]>(),
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..24),
        first in any::<u64>(),
    ) {
        let boxes = SharedKey::from_bytes(key).for_nonces(&prefix);
        let mut sealed: Vec<Vec<u8>> =
            texts.iter().map(|text| [&[0; TAG][..], text].concat()).collect();
        let counter = |index: usize| first.wrapping_add(index as u64);
        boxes.seal_all(sealed.iter_mut().enumerate().map(|(index, boxed)| {
            (counter(index).to_be_bytes(), boxed.as_mut_slice())
        }));
        for (index, (boxed, text)) in sealed.iter_mut().zip(&texts).enumerate() {
            let (tag, inside) = boxed.split_first_chunk_mut::<TAG>().expect("a tag");
            let nonce = whole_nonce(&prefix, counter(index));
            let opened = XSalsa20Poly1305::new(&key.into()).decrypt_in_place_detached(
                &nonce.into(),
                b"",
                inside,
                (&*tag).into(),
            );
            prop_assert!(opened.is_ok());
            prop_assert_eq!(inside, text);
        }
    }
}
