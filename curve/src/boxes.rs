//! Boxes: XSalsa20-Poly1305, sealed and opened where they lie.
//!
//! Owns: the layout of a box, and the subkey of each direction.
//! Always true: a box is 16 bytes longer than what is in it, the tag stands first. HSalsa20 runs once for each key and
//! first 16 bytes of a nonce, not once for each box of less than 2 KiB: of a connection's nonces only the last eight bytes differ. What is in
//! a box is given out only once its tag was compared, in constant time, and found right; a box that was refused is left as
//! it came.
//! Must not know: which nonces were used. Whoever seals must never use one twice with the same key.
//! Source: NaCl, `crypto_box` and `crypto_secretbox`.

use std::fmt;

use dryoc::classic::crypto_box::{
    crypto_box_detached_afternm_inplace, crypto_box_open_detached_afternm_inplace,
};
use fearless_simd::Level;
use salsa20::cipher::consts::U10;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keys::{KeyError, PublicKey, SecretKey};
use crate::tags::OneTimeKey;
use crate::together::Together;
use crate::vectors::{AT_ONCE, BLOCK, Place, in_vectors, one};

/// By how many bytes a box is longer than what is in it.
pub const TAG: usize = 16;

/// What two ends share that know each other's public keys, or a secret of one end alone; wiped when dropped.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "a secret must not come into a log"
)]
pub struct SharedKey(Zeroizing<[u8; 32]>);

impl SharedKey {
    /// The key for boxes between the owner of `ours` and the owner of `theirs` (`crypto_box_beforenm`). Takes some 40 µs.
    ///
    /// # Errors
    ///
    /// [`KeyError::LowOrder`] if X25519 gives zero.
    pub fn new(ours: &SecretKey, theirs: &PublicKey) -> Result<Self, KeyError> {
        let agreed = ours.agree(theirs).ok_or(KeyError::LowOrder)?;
        Ok(Self::from_bytes(hsalsa(&agreed, &[0; 16])))
    }

    /// The key for boxes that only its owner opens (`crypto_secretbox`).
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes.into())
    }

    /// The key for all boxes whose nonces begin with `prefix`, by the fastest way that the processor has.
    pub fn for_nonces(&self, prefix: &[u8; 16]) -> BoxKey {
        self.for_nonces_by(prefix, Kernel::Vectors)
    }

    /// As [`for_nonces`](Self::for_nonces), by the way that is named.
    pub fn for_nonces_by(&self, prefix: &[u8; 16], kernel: Kernel) -> BoxKey {
        BoxKey {
            shared: self.clone(),
            prefix: *prefix,
            key: hsalsa(&self.0, prefix).into(),
            level: match kernel {
                Kernel::Scalar => None,
                // Vectors give words in the order of the processor, and Salsa20 has the lowest byte first.
                Kernel::Vectors if cfg!(target_endian = "big") => None,
                Kernel::Vectors => Some(Level::new()),
            },
        }
    }

    /// Seals one box with a nonce of its own: see [`BoxKey::seal`].
    pub fn seal(&self, nonce: &[u8; 24], boxed: &mut [u8]) {
        let (prefix, rest) = split_nonce(nonce);
        self.for_nonces(prefix).seal(*rest, boxed);
    }

    /// Opens one box: see [`BoxKey::open`].
    ///
    /// # Errors
    ///
    /// [`Forged`] if the box was not sealed with this key and nonce.
    pub fn open<'a>(&self, nonce: &[u8; 24], boxed: &'a mut [u8]) -> Result<&'a mut [u8], Forged> {
        let (prefix, rest) = split_nonce(nonce);
        self.for_nonces(prefix).open(*rest, boxed)
    }
}

/// By which way a [`BoxKey`] makes the stream of Salsa20.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// One block after the other, by the crate `salsa20`.
    Scalar,
    /// Up to sixteen blocks at a time where there are two or more, of one box or of several; long boxes by the crate `dryoc`.
    Vectors,
}

/// The key for the boxes of one direction: all of their nonces have the same first 16 bytes. Wiped when dropped.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "a secret must not come into a log"
)]
pub struct BoxKey {
    /// For long boxes, of which each derives `key` once more.
    shared: SharedKey,
    prefix: [u8; 16],
    key: Zeroizing<[u8; 32]>,
    /// `None` for one block after the other.
    level: Option<Level>,
}

impl BoxKey {
    /// Seals what `boxed` has behind its first 16 bytes, which become the tag. `nonce` is what stands behind the prefix,
    /// and must never be used again with this key.
    ///
    /// # Panics
    ///
    /// If `boxed` is shorter than a tag.
    pub fn seal(&self, nonce: [u8; 8], boxed: &mut [u8]) {
        let (tag, text) = split_tag(boxed);
        if self.takes_alone(text) {
            return crypto_box_detached_afternm_inplace(
                text,
                tag,
                &self.whole_nonce(nonce),
                &self.shared.0,
            );
        }
        let mut blocks = [[0; BLOCK]; AT_ONCE];
        let made = self.stream(nonce, 0, blocks_of(text.len()), &mut blocks);
        let mac = OneTimeKey::of(&blocks[0]);
        self.apply(nonce, text, &mut blocks, made);
        *tag = mac.tag_of(text);
    }

    /// Seals each of some boxes as [`seal`](Self::seal) does, by blocks of different boxes at a time: many short messages
    /// cost little more than their bytes.
    ///
    /// # Panics
    ///
    /// If one of them is shorter than a tag.
    pub fn seal_all<'a>(&self, boxes: impl IntoIterator<Item = ([u8; 8], &'a mut [u8])>) {
        let mut boxes = boxes.into_iter();
        let (Some((nonce, first)), second) = (boxes.next(), boxes.next()) else {
            return;
        };
        if second.is_none() {
            return self.seal(nonce, first);
        }
        let mut together = Together::new(self);
        for (nonce, boxed) in [(nonce, first)].into_iter().chain(second).chain(boxes) {
            if self.takes_alone(boxed) {
                self.seal(nonce, boxed);
                continue;
            }
            let (tag, text) = split_tag(boxed);
            together.add(nonce, tag, text);
            if together.is_full() {
                together.seal();
            }
        }
        together.seal();
    }

    /// Opens each of some boxes as [`open_detached`](Self::open_detached) does, by blocks of different boxes at a time.
    ///
    /// # Errors
    ///
    /// How many come before the first that is forged. These are open, it is as it was, and those behind it are either.
    pub fn open_all<'a>(
        &self,
        boxes: impl IntoIterator<Item = ([u8; 8], &'a [u8; TAG], &'a mut [u8])>,
    ) -> Result<(), usize> {
        let mut boxes = boxes.into_iter();
        let (Some((nonce, tag, text)), second) = (boxes.next(), boxes.next()) else {
            return Ok(());
        };
        if second.is_none() {
            return self.open_detached(nonce, tag, text).map_err(|Forged| 0);
        }
        let mut together = Together::new(self);
        let mut before = 0;
        for (nonce, tag, text) in [(nonce, tag, text)].into_iter().chain(second).chain(boxes) {
            let is_alone = self.takes_alone(text);
            if is_alone || together.is_full() {
                before += together.open().map_err(|opened| before + opened)?;
            }
            if is_alone {
                self.open_detached(nonce, tag, text)
                    .map_err(|Forged| before)?;
                before += 1;
            } else {
                together.add(nonce, tag, text);
            }
        }
        together.open().map_err(|opened| before + opened)?;
        Ok(())
    }

    /// Opens `boxed`, a tag and what it vouches for, and gives what is in it: all but the first 16 bytes, where they
    /// stood.
    ///
    /// # Errors
    ///
    /// [`Forged`] if it was not sealed with this key and nonce, or is shorter than a tag. `boxed` is as it was then.
    pub fn open<'a>(&self, nonce: [u8; 8], boxed: &'a mut [u8]) -> Result<&'a mut [u8], Forged> {
        let (tag, text) = boxed.split_first_chunk_mut::<TAG>().ok_or(Forged)?;
        self.open_detached(nonce, tag, text)?;
        Ok(text)
    }

    /// As [`open`](Self::open), where the tag stands apart from what it vouches for.
    ///
    /// # Errors
    ///
    /// [`Forged`] likewise; `text` is as it was then.
    pub fn open_detached(
        &self,
        nonce: [u8; 8],
        tag: &[u8; TAG],
        text: &mut [u8],
    ) -> Result<(), Forged> {
        if self.takes_alone(text) {
            let nonce = self.whole_nonce(nonce);
            let opened =
                crypto_box_open_detached_afternm_inplace(text, tag, &nonce, &self.shared.0);
            return opened.map_err(|_| Forged);
        }
        let mut blocks = [[0; BLOCK]; AT_ONCE];
        let made = self.stream(nonce, 0, blocks_of(text.len()), &mut blocks);
        let expected = OneTimeKey::of(&blocks[0]).tag_of(text);
        if !bool::from(expected.ct_eq(tag)) {
            return Err(Forged);
        }
        self.apply(nonce, text, &mut blocks, made);
        Ok(())
    }

    /// Whether the crate `dryoc` is faster than vectors with this box.
    fn takes_alone(&self, text: &[u8]) -> bool {
        self.level.is_some() && text.len() >= LONG
    }

    fn whole_nonce(&self, nonce: [u8; 8]) -> [u8; 24] {
        let mut whole = [0; 24];
        whole[..16].copy_from_slice(&self.prefix);
        whole[16..].copy_from_slice(&nonce);
        whole
    }

    /// Combines `text` with the stream, of which `blocks` has the first `made` blocks.
    fn apply(
        &self,
        nonce: [u8; 8],
        text: &mut [u8],
        blocks: &mut [[u8; BLOCK]; AT_ONCE],
        mut made: usize,
    ) {
        let (first, rest) = text.split_at_mut(text.len().min(FIRST));
        xor(first, &blocks[0][BLOCK - FIRST..]);
        let mut chunks = rest.chunks_mut(BLOCK);
        let mut next = 1;
        let mut passed = 0;
        loop {
            for (block, chunk) in blocks[next..made].iter().zip(&mut chunks) {
                xor(chunk, block);
            }
            if chunks.len() == 0 {
                break;
            }
            passed += made as u64;
            made = self.stream(nonce, passed, chunks.len(), blocks);
            next = 0;
        }
    }

    /// Makes up to `count` blocks of the stream, from block `first` on, and gives how many.
    fn stream(
        &self,
        nonce: [u8; 8],
        first: u64,
        count: usize,
        blocks: &mut [[u8; BLOCK]; AT_ONCE],
    ) -> usize {
        let count = count.min(AT_ONCE);
        let mut places = [Place::default(); AT_ONCE];
        for (block, place) in (first..).zip(&mut places) {
            *place = Place { nonce, block };
        }
        self.make(&places, count, blocks);
        count
    }

    pub(crate) fn level(&self) -> Option<Level> {
        self.level
    }

    /// Makes the blocks at the first `count` places.
    pub(crate) fn make(
        &self,
        places: &[Place; AT_ONCE],
        count: usize,
        blocks: &mut [[u8; BLOCK]; AT_ONCE],
    ) {
        match self.level {
            Some(level) if count > FEW => in_vectors(level, &self.key, places, count, blocks),
            _ => {
                for (place, block) in places[..count].iter().zip(blocks) {
                    one(&self.key, *place, block);
                }
            }
        }
    }
}

/// A box was not sealed with the key and nonce with which it was to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forged;

impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the box does not open")
    }
}

impl std::error::Error for Forged {}

fn hsalsa(key: &[u8; 32], input: &[u8; 16]) -> [u8; 32] {
    salsa20::hsalsa::<U10>(key.into(), input.into()).into()
}

fn split_tag(boxed: &mut [u8]) -> (&mut [u8; TAG], &mut [u8]) {
    boxed
        .split_first_chunk_mut()
        .expect("a box is no shorter than its tag")
}

fn split_nonce(nonce: &[u8; 24]) -> (&[u8; 16], &[u8; 8]) {
    let (prefix, rest) = nonce.split_first_chunk().expect("24 is more than 16");
    (prefix, rest.try_into().expect("24 less 16 is 8"))
}

/// How many blocks of the stream a text of `len` bytes takes, beside the key of its tag.
fn blocks_of(len: usize) -> usize {
    (BLOCK - FIRST + len).div_ceil(BLOCK)
}

pub(crate) fn xor(text: &mut [u8], stream: &[u8]) {
    for (byte, with) in text.iter_mut().zip(stream) {
        *byte ^= with;
    }
}

/// How much of a text is combined with the first block, whose other bytes are the key of the tag.
pub(crate) const FIRST: usize = 32;

/// From this length on, in bytes, a box is sealed and opened alone, by the crate `dryoc`, which combines a text with its stream
/// in registers. It derives the subkey once more, which takes 90 ns. A box of 2 KiB takes 718 ns by it and 753 ns in a batch by
/// vectors, one of 16 KiB 4.4 us and 5.3 us, one of 64 KiB 16 us and 22 us.
const LONG: usize = 2048;

/// Up to as many blocks are made one after the other: a turn that makes eight takes 1.2 times as long as one block alone.
const FEW: usize = 1;

#[cfg(test)]
mod tests;
