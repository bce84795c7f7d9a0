//! Salsa20, several blocks at a time.
//!
//! Owns: the stream of Salsa20 for any nonces and blocks under one key, by lanes or one block after the other.
//! Always true: both ways give the same bytes. No index and no branch depends on a secret.
//! Must not know: what the stream is for. It is not wiped: it is no more secret than the text it is combined with, which
//! stays in memory.
//! Source: Bernstein, "The Salsa20 family of stream ciphers"; the names of the words are those of the paper.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u32x8};
use salsa20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

/// How many blocks are made at a time.
pub(crate) const LANES: usize = 8;

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

/// Makes the blocks at `places` by lanes, one in each of `blocks`.
pub(crate) fn by_lanes(
    level: Level,
    key: &[u8; 32],
    places: &[Place; LANES],
    blocks: &mut [[u8; BLOCK]; LANES],
) {
    let key: [u32; 8] = std::array::from_fn(|index| word(&key[4 * index..]));
    let half = |of: fn(&Place) -> u32| std::array::from_fn(|lane| of(&places[lane]));
    let variable = Variable {
        nonce_low: half(|place| word(&place.nonce[..4])),
        nonce_high: half(|place| word(&place.nonce[4..])),
        block_low: half(|place| place.block as u32),
        block_high: half(|place| (place.block >> 32) as u32),
    };
    let mut rows = [[0; LANES]; 16];
    dispatch!(level, simd => rounds(simd, &key, &variable, &mut rows));
    for (lane, block) in blocks.iter_mut().enumerate() {
        for (row, bytes) in rows.iter().zip(block.chunks_exact_mut(4)) {
            bytes.copy_from_slice(&row[lane].to_le_bytes());
        }
    }
}

/// Makes one block without lanes.
pub(crate) fn one(key: &[u8; 32], place: Place, block: &mut [u8; BLOCK]) {
    block.fill(0);
    let mut stream = salsa20::Salsa20::new(key.into(), (&place.nonce).into());
    if place.block > 0 {
        stream.seek(place.block * BLOCK as u64);
    }
    stream.apply_keystream(block);
}

/// The words that differ from lane to lane.
struct Variable {
    nonce_low: [u32; LANES],
    nonce_high: [u32; LANES],
    block_low: [u32; LANES],
    block_high: [u32; LANES],
}

#[inline(always)]
fn rounds<S: Simd>(simd: S, key: &[u32; 8], variable: &Variable, rows: &mut [[u32; LANES]; 16]) {
    let all = |word: u32| u32x8::splat(simd, word);
    let each = |words: &[u32; LANES]| u32x8::from_slice(simd, words);
    let begin: [u32x8<S>; 16] = [
        all(CONSTANTS[0]),
        all(key[0]),
        all(key[1]),
        all(key[2]),
        all(key[3]),
        all(CONSTANTS[1]),
        each(&variable.nonce_low),
        each(&variable.nonce_high),
        each(&variable.block_low),
        each(&variable.block_high),
        all(CONSTANTS[2]),
        all(key[4]),
        all(key[5]),
        all(key[6]),
        all(key[7]),
        all(CONSTANTS[3]),
    ];
    let mut x = begin;
    for _ in 0..DOUBLE_ROUNDS {
        quarter(&mut x, 0, 4, 8, 12);
        quarter(&mut x, 5, 9, 13, 1);
        quarter(&mut x, 10, 14, 2, 6);
        quarter(&mut x, 15, 3, 7, 11);

        quarter(&mut x, 0, 1, 2, 3);
        quarter(&mut x, 5, 6, 7, 4);
        quarter(&mut x, 10, 11, 8, 9);
        quarter(&mut x, 15, 12, 13, 14);
    }
    for ((row, end), begin) in rows.iter_mut().zip(x).zip(begin) {
        (end + begin).store_slice(row);
    }
}

#[inline(always)]
fn quarter<S: Simd>(x: &mut [u32x8<S>; 16], a: usize, b: usize, c: usize, d: usize) {
    x[b] ^= rotated::<S, 7>(x[a] + x[d]);
    x[c] ^= rotated::<S, 9>(x[b] + x[a]);
    x[d] ^= rotated::<S, 13>(x[c] + x[b]);
    x[a] ^= rotated::<S, 18>(x[d] + x[c]);
}

#[inline(always)]
fn rotated<S: Simd, const BITS: u32>(words: u32x8<S>) -> u32x8<S> {
    (words << BITS) | (words >> (32 - BITS))
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"))
}

/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

const DOUBLE_ROUNDS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_lane_is_the_block_that_one_after_the_other_gives(
            key in any::<[u8; 32]>(),
            nonces in any::<[[u8; 8]; LANES]>(),
            blocks in any::<[u32; LANES]>(),
        ) {
            let places = std::array::from_fn(|lane| Place {
                nonce: nonces[lane],
                // Both words of the counter are in use, and the seek of the other way stays in its range.
                block: u64::from(blocks[lane]) << (lane % 16),
            });
            let mut made = [[0xAA; BLOCK]; LANES];
            for level in [Level::new(), Level::baseline()] {
                by_lanes(level, &key, &places, &mut made);
                for (place, made) in places.iter().zip(&made) {
                    let mut block = [0; BLOCK];
                    one(&key, *place, &mut block);
                    prop_assert_eq!(&block, made);
                }
            }
        }
    }
}
