//! Salsa20, several blocks at a time.
//!
//! Owns: the stream of Salsa20 for any nonces and blocks under one key, in vectors or one block after the other.
//! Always true: both ways give the same bytes. No index and no branch depends on a secret.
//! Must not know: what the stream is for. It is not wiped: it is no more secret than the text it is combined with, which
//! stays in memory.
//! Source: Bernstein, "The Salsa20 family of stream ciphers"; the names of the words are those of the paper.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u32x8};
use salsa20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

/// The most blocks that are made at a time: as many as the widest vectors have words.
pub(crate) const AT_ONCE: usize = 16;

/// Half of them.
const HALF: usize = AT_ONCE / 2;

/// The length of a block, in bytes.
pub(crate) const BLOCK: usize = 64;

/// Which block of which stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    /// The nonce as it stands on the wire.
    pub(crate) nonce: [u8; 8],
    /// Counted from 0.
    pub(crate) block: u64,
}

/// Makes the blocks at the first `count` places, one in each of `blocks`, as many at a time as a vector of the
/// processor has words; the others may be overwritten.
pub(crate) fn in_vectors(
    level: Level,
    key: &[u8; 32],
    places: &[Place; AT_ONCE],
    count: usize,
    blocks: &mut [[u8; BLOCK]; AT_ONCE],
) {
    let key = std::array::from_fn(|index| word(&key[4 * index..]));
    dispatch!(level, simd => turns(simd, &key, places, count, blocks));
}

#[inline(always)]
fn turns<S: Simd>(
    simd: S,
    key: &[u32; 8],
    places: &[Place; AT_ONCE],
    count: usize,
    blocks: &mut [[u8; BLOCK]; AT_ONCE],
) {
    // A turn of sixteen takes half as long again as one of eight.
    if S::u32s::LEN > HALF && count <= HALF {
        return turn::<S, u32x8<S>>(simd, key, &places[..HALF], &mut blocks[..HALF]);
    }
    let width = S::u32s::LEN;
    let turns = places
        .chunks_exact(width)
        .zip(blocks.chunks_exact_mut(width));
    for (places, blocks) in turns.take(count.div_ceil(width)) {
        turn::<S, S::u32s>(simd, key, places, blocks);
    }
}

/// One turn: makes the blocks of all `places` at once, each in one column of the vectors.
#[inline(always)]
fn turn<S: Simd, V: SimdInt<S, Element = u32>>(
    simd: S,
    key: &[u32; 8],
    places: &[Place],
    blocks: &mut [[u8; BLOCK]],
) {
    let all = |word: u32| V::splat(simd, word);
    let each = |of: fn(&Place) -> u32| V::from_fn(simd, |column| of(&places[column]));
    let begin: [V; 16] = [
        all(CONSTANTS[0]),
        all(key[0]),
        all(key[1]),
        all(key[2]),
        all(key[3]),
        all(CONSTANTS[1]),
        each(|place| word(&place.nonce[..4])),
        each(|place| word(&place.nonce[4..])),
        each(|place| place.block as u32),
        each(|place| (place.block >> 32) as u32),
        all(CONSTANTS[2]),
        all(key[4]),
        all(key[5]),
        all(key[6]),
        all(key[7]),
        all(CONSTANTS[3]),
    ];
    let mut x = begin;
    for _ in 0..DOUBLE_ROUNDS {
        quarter::<S, V>(&mut x, 0, 4, 8, 12);
        quarter::<S, V>(&mut x, 5, 9, 13, 1);
        quarter::<S, V>(&mut x, 10, 14, 2, 6);
        quarter::<S, V>(&mut x, 15, 3, 7, 11);

        quarter::<S, V>(&mut x, 0, 1, 2, 3);
        quarter::<S, V>(&mut x, 5, 6, 7, 4);
        quarter::<S, V>(&mut x, 10, 11, 8, 9);
        quarter::<S, V>(&mut x, 15, 12, 13, 14);
    }
    for (end, begin) in x.iter_mut().zip(begin) {
        *end += begin;
    }
    // A vector holds one word of each block. Dealt out four times, it holds words of one block, in order.
    for _ in 0..4 {
        let from = x;
        for index in 0..8 {
            (x[2 * index], x[2 * index + 1]) = from[index].interleave(from[index + 8]);
        }
    }
    let bytes = blocks.as_flattened_mut().chunks_exact_mut(4 * V::LEN);
    for (bytes, words) in bytes.zip(x) {
        words.to_bytes().store_slice(bytes);
    }
}

/// Makes one block, without vectors.
pub(crate) fn one(key: &[u8; 32], place: Place, block: &mut [u8; BLOCK]) {
    block.fill(0);
    let mut stream = salsa20::Salsa20::new(key.into(), (&place.nonce).into());
    if place.block > 0 {
        stream.seek(place.block * BLOCK as u64);
    }
    stream.apply_keystream(block);
}

#[inline(always)]
fn quarter<S: Simd, V: SimdInt<S, Element = u32>>(
    x: &mut [V; 16],
    a: usize,
    b: usize,
    c: usize,
    d: usize,
) {
    x[b] ^= rotated::<S, V, 7>(x[a] + x[d]);
    x[c] ^= rotated::<S, V, 9>(x[b] + x[a]);
    x[d] ^= rotated::<S, V, 13>(x[c] + x[b]);
    x[a] ^= rotated::<S, V, 18>(x[d] + x[c]);
}

#[inline(always)]
fn rotated<S: Simd, V: SimdInt<S, Element = u32>, const BITS: u32>(words: V) -> V {
    (words << BITS) | (words >> (32 - BITS))
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"))
}

/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

const DOUBLE_ROUNDS: usize = 10;

/// Of this processor: its widest vectors, narrower ones, and those that each processor of its kind has.
#[cfg(test)]
pub(crate) fn levels() -> Vec<Level> {
    let mut levels = vec![Level::new(), Level::baseline()];
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        levels.extend(Level::new().as_avx2().map(Level::Avx2));
        levels.extend(Level::new().as_sse4_2().map(Level::Sse4_2));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_lane_is_the_block_that_one_after_the_other_gives(
            key in any::<[u8; 32]>(),
            nonces in any::<[[u8; 8]; AT_ONCE]>(),
            blocks in any::<[u32; AT_ONCE]>(),
            count in 1..=AT_ONCE,
        ) {
            let places = std::array::from_fn(|column| Place {
                nonce: nonces[column],
                // Both words of the counter are in use, and the seek of the other way stays in its range.
                block: u64::from(blocks[column]) << (column % 16),
            });
            for level in levels() {
                let mut made = [[0xAA; BLOCK]; AT_ONCE];
                in_vectors(level, &key, &places, count, &mut made);
                for (place, made) in places.iter().zip(&made).take(count) {
                    let mut block = [0; BLOCK];
                    one(&key, *place, &mut block);
                    prop_assert_eq!(&block, made);
                }
            }
        }
    }
}
