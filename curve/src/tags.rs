//! The tags of boxes: Poly1305, of one text or of several at a time.
//!
//! Owns: the tags of texts of which each has a key of its own.
//! Always true: both ways give the same tag. No index and no branch depends on a secret. Keys are not wiped: each is good for
//! one text, which stays in memory.
//! Source: Bernstein, "The Poly1305-AES message-authentication code". A column holds a number as five words of 26 bits.

use dryoc::classic::crypto_onetimeauth::crypto_onetimeauth;
use fearless_simd::{Level, dispatch};

use crate::boxes::TAG;
use crate::vectors::BLOCK;

/// What the tag of a box is made with.
#[derive(Clone, Copy, Default)]
pub(crate) struct OneTimeKey([u8; 32]);

impl OneTimeKey {
    /// By the first block of the stream of the box.
    pub(crate) fn of(first_block: &[u8; BLOCK]) -> Self {
        Self(*first_block.first_chunk().expect("a block is longer"))
    }

    /// The tag of one text, by the crate `dryoc`.
    pub(crate) fn tag_of(&self, text: &[u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        crypto_onetimeauth(&mut tag, text, &self.0);
        tag
    }
}

/// The tag of each text, in order: of short ones some at a time, if there is a `level`.
pub(crate) fn tags_of<'a>(
    level: Option<Level>,
    texts: impl Iterator<Item = (OneTimeKey, &'a [u8])>,
    tags: &mut [[u8; TAG]],
) {
    let mut group = Group::default();
    for ((key, text), index) in texts.zip(0..tags.len()) {
        match level {
            Some(level) if text.len() < LONG => {
                group.add(key, text, index);
                if group.count == TAGS_AT_ONCE {
                    group.tags(level, tags);
                    group = Group::default();
                }
            }
            _ => tags[index] = key.tag_of(text),
        }
    }
    if let Some(level) = level {
        group.tags(level, tags);
    }
}

/// Texts whose tags are made together.
#[derive(Default)]
struct Group<'a> {
    keys: [OneTimeKey; TAGS_AT_ONCE],
    texts: [&'a [u8]; TAGS_AT_ONCE],
    /// Where the tag of each goes.
    indices: [usize; TAGS_AT_ONCE],
    count: usize,
}

impl<'a> Group<'a> {
    fn add(&mut self, key: OneTimeKey, text: &'a [u8], index: usize) {
        self.keys[self.count] = key;
        self.texts[self.count] = text;
        self.indices[self.count] = index;
        self.count += 1;
    }

    fn tags(&self, level: Level, tags: &mut [[u8; TAG]]) {
        let texts = &self.texts[..self.count];
        let steps = |text: &&[u8]| text.len().div_ceil(16);
        let longest = texts.iter().map(steps).max().unwrap_or(0);
        let one_by_one: usize = texts.iter().map(|text| steps(text) + 3).sum();
        // A step of all columns takes as long as four of one text.
        if one_by_one <= 4 * longest {
            for (column, &index) in self.indices[..self.count].iter().enumerate() {
                tags[index] = self.keys[column].tag_of(self.texts[column]);
            }
            return;
        }
        let made = self.together(level);
        for (tag, &index) in made.iter().zip(&self.indices[..self.count]) {
            tags[index] = *tag;
        }
    }

    fn together(&self, level: Level) -> [[u8; TAG]; TAGS_AT_ONCE] {
        let steps = self.texts.map(|text| text.len().div_ceil(16));
        let steps = steps.into_iter().max().unwrap_or(0);
        dispatch!(level, simd => {
            let _ = simd;
            in_vectors(&self.keys, &self.texts, steps)
        })
    }
}

/// A word of each column: a column computes the tag of one text.
type Words = [u64; TAGS_AT_ONCE];

/// The tags of all texts, none of which has more than `steps` blocks.
///
/// A shorter text begins later: until then its column is zero, and stays zero.
#[inline(always)]
fn in_vectors(
    keys: &[OneTimeKey; TAGS_AT_ONCE],
    texts: &[&[u8]; TAGS_AT_ONCE],
    steps: usize,
) -> [[u8; TAG]; TAGS_AT_ONCE] {
    let mut state = State {
        key: [[0; TAGS_AT_ONCE]; 5],
        sum: [[0; TAGS_AT_ONCE]; 5],
    };
    for (column, key) in keys.iter().enumerate() {
        state.set_key(column, key);
    }
    let (mut low, mut high, mut over) = ([0; TAGS_AT_ONCE], [0; TAGS_AT_ONCE], [0; TAGS_AT_ONCE]);
    for step in 0..steps {
        for (column, text) in texts.iter().enumerate() {
            // Before the beginning the index wraps around, to a block that there is not.
            let late = steps - text.len().div_ceil(16);
            let block = text.as_chunks().0.get(step.wrapping_sub(late));
            (low[column], high[column]) = block.map_or((0, 0), halves);
            over[column] = u64::from(block.is_some()) << 24;
            if step + 1 == steps && text.len() % 16 > 0 {
                (low[column], high[column]) = halves(&last_block(text));
            }
        }
        state.absorb(&low, &high, &over);
    }
    std::array::from_fn(|column| state.tag(column, &keys[column]))
}

/// The end of `text` that is no whole block, with a bit behind it.
#[inline(always)]
fn last_block(text: &[u8]) -> [u8; 16] {
    let len = text.len() % 16;
    let number = match text.last_chunk() {
        Some(last) => u128::from_le_bytes(*last) >> (8 * (16 - len)),
        None => {
            let mut block = [0; 16];
            block[..len].copy_from_slice(text);
            u128::from_le_bytes(block)
        }
    };
    (number | 1 << (8 * len)).to_le_bytes()
}

struct State {
    /// The factor of each column.
    key: [Words; 5],
    /// What the blocks have come to.
    sum: [Words; 5],
}

impl State {
    #[inline(always)]
    fn set_key(&mut self, column: usize, key: &OneTimeKey) {
        let (low, high) = halves(key.0.first_chunk().expect("16 of 32 bytes"));
        let words = split(low & 0x0FFF_FFFC_0FFF_FFFF, high & 0x0FFF_FFFC_0FFF_FFFC);
        for (all, word) in self.key.iter_mut().zip(words) {
            all[column] = word;
        }
    }

    /// Adds a block to each column, and multiplies by its key, modulo 2^130 - 5.
    #[inline(always)]
    fn absorb(&mut self, low: &Words, high: &Words, over: &Words) {
        let Self { key, sum } = self;
        for column in 0..TAGS_AT_ONCE {
            let [m0, m1, m2, m3, m4] = split(low[column], high[column]);
            let a0 = (sum[0][column] & WORD) + m0;
            let a1 = sum[1][column] + m1;
            let a2 = (sum[2][column] & WORD) + m2;
            let a3 = (sum[3][column] & WORD) + m3;
            let a4 = (sum[4][column] & WORD) + (m4 | over[column]);
            let [r0, r1, r2, r3, r4] = [
                key[0][column],
                key[1][column],
                key[2][column],
                key[3][column],
                key[4][column],
            ];
            // What is beyond 2^130 comes back five times.
            let five = |word: u64| (word << 2) + word;
            let [s1, s2, s3, s4] = [five(r1), five(r2), five(r3), five(r4)];
            let d0 = times(a0, r0) + times(a1, s4) + times(a2, s3) + times(a3, s2) + times(a4, s1);
            let d1 = times(a0, r1) + times(a1, r0) + times(a2, s4) + times(a3, s3) + times(a4, s2);
            let d2 = times(a0, r2) + times(a1, r1) + times(a2, r0) + times(a3, s4) + times(a4, s3);
            let d3 = times(a0, r3) + times(a1, r2) + times(a2, r1) + times(a3, r0) + times(a4, s4);
            let d4 = times(a0, r4) + times(a1, r3) + times(a2, r2) + times(a3, r1) + times(a4, r0);
            let d1 = d1 + (d0 >> 26);
            let d2 = d2 + (d1 >> 26);
            let d3 = d3 + (d2 >> 26);
            let d4 = d4 + (d3 >> 26);
            let b0 = (d0 & WORD) + five(d4 >> 26);
            // They are cut to words where they are used: the compiler must see there that 32 bits are enough.
            sum[0][column] = b0;
            sum[1][column] = (d1 & WORD) + (b0 >> 26);
            sum[2][column] = d2;
            sum[3][column] = d3;
            sum[4][column] = d4;
        }
    }

    /// The tag of a column: its number modulo 2^130 - 5, plus the second half of the key, modulo 2^128.
    #[inline(always)]
    fn tag(&self, column: usize, key: &OneTimeKey) -> [u8; TAG] {
        let word = |index: usize| u128::from(self.sum[index][column] & WORD);
        // The second may be longer than a word by some bits.
        let second = u128::from(self.sum[1][column]) << 26;
        let low = word(0) + second + (word(2) << 52) + (word(3) << 78);
        let (number, carry) = low.overflowing_add(word(4) << 104);
        let above = (word(4) >> 24) as u64 + u64::from(carry);
        let (number, carry) = number.overflowing_add(u128::from((above >> 2) * 5));
        let above = (above & 3) + u64::from(carry);
        // Less 2^130 - 5 if it is no less than that, which is so if 5 more reaches 2^130.
        let (reduced, carry) = number.overflowing_add(5);
        let is_over = (above + u64::from(carry)) >> 2;
        let mask = 0_u128.wrapping_sub(u128::from(is_over));
        let number = (number & !mask) | (reduced & mask);
        let second = u128::from_le_bytes(*key.0.last_chunk().expect("16 of 32 bytes"));
        number.wrapping_add(second).to_le_bytes()
    }
}

/// The two halves of a number of 128 bits.
#[inline(always)]
fn halves(bytes: &[u8; 16]) -> (u64, u64) {
    let number = u128::from_le_bytes(*bytes);
    (number as u64, (number >> 64) as u64)
}

/// The words of a number of 128 bits.
#[inline(always)]
fn split(low: u64, high: u64) -> [u64; 5] {
    [
        low & WORD,
        (low >> 26) & WORD,
        ((low >> 52) | (high << 12)) & WORD,
        (high >> 14) & WORD,
        high >> 40,
    ]
}

/// The product of two numbers below 2^32, which the vector units of processors compute.
#[inline(always)]
fn times(one: u64, other: u64) -> u64 {
    (one & 0xFFFF_FFFF) * (other & 0xFFFF_FFFF)
}

/// A word has 26 bits.
const WORD: u64 = (1 << 26) - 1;

/// How many tags are made at a time: as many as the widest vectors have words of 64 bits.
const TAGS_AT_ONCE: usize = 8;

/// From this length on, in bytes, the tag of a text is made alone: the crate `dryoc` then has vectors of its own.
const LONG: usize = 1024;

#[cfg(test)]
mod tests;
