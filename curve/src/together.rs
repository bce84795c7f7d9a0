//! Boxes that are sealed, or opened, together.
//!
//! Owns: which blocks of the stream are made at a time, and in which order.
//! Always true: a box that is opened is combined with its stream only once its tag was found right.
//! Must not know: where boxes come from, or that they are messages.
//!
//! The first block of each box has the key of its tag: these are made first, for up to as many boxes as are made at once. The
//! other blocks follow, those of different boxes at a time.

use subtle::ConstantTimeEq;

use crate::boxes::{BoxKey, FIRST, TAG, xor};
use crate::tags::{OneTimeKey, tags_of};
use crate::vectors::{AT_ONCE, BLOCK, Place};

/// Up to [`AT_ONCE`] boxes, with a `Tag` of each to be made or to be compared.
pub(crate) struct Together<'k, 'a, Tag> {
    key: &'k BoxKey,
    nonces: [[u8; 8]; AT_ONCE],
    tags: [Option<Tag>; AT_ONCE],
    texts: [&'a mut [u8]; AT_ONCE],
    count: usize,
    blocks: [[u8; BLOCK]; AT_ONCE],
}

impl<'a> Together<'_, 'a, &'a mut [u8; TAG]> {
    /// Seals them; then there is room again.
    pub(crate) fn seal(&mut self) {
        let keys = self.begin();
        self.combine();
        let made = self.make_tags(&keys);
        for (tag, made) in self.tags[..self.count].iter_mut().flatten().zip(made) {
            **tag = made;
        }
        self.count = 0;
    }
}

impl<'a> Together<'_, 'a, &'a [u8; TAG]> {
    /// Opens them, up to the first that is forged; then there is room again. How many they were.
    ///
    /// # Errors
    ///
    /// How many come before one that is forged.
    pub(crate) fn open(&mut self) -> Result<usize, usize> {
        let keys = self.begin();
        let made = self.make_tags(&keys);
        let all = self.count;
        let tags = self.tags[..all].iter().flatten().zip(&made);
        let is_right = |(tag, made): &(&&[u8; TAG], &[u8; TAG])| bool::from(tag.ct_eq(&made[..]));
        self.count = tags.take_while(is_right).count();
        self.combine();
        let opened = std::mem::take(&mut self.count);
        if opened < all {
            Err(opened)
        } else {
            Ok(opened)
        }
    }
}

impl<'k, 'a, Tag> Together<'k, 'a, Tag> {
    pub(crate) fn new(key: &'k BoxKey) -> Self {
        Self {
            key,
            nonces: [[0; 8]; AT_ONCE],
            tags: [const { None }; AT_ONCE],
            texts: Default::default(),
            count: 0,
            blocks: [[0; BLOCK]; AT_ONCE],
        }
    }

    /// Adds a box; there must be room.
    pub(crate) fn add(&mut self, nonce: [u8; 8], tag: Tag, text: &'a mut [u8]) {
        self.nonces[self.count] = nonce;
        self.tags[self.count] = Some(tag);
        self.texts[self.count] = text;
        self.count += 1;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count == AT_ONCE
    }

    /// Makes the first blocks, and gives the keys of the tags.
    fn begin(&mut self) -> [OneTimeKey; AT_ONCE] {
        let places = self.nonces.map(|nonce| Place { nonce, block: 0 });
        self.key.make(&places, self.count, &mut self.blocks);
        std::array::from_fn(|column| OneTimeKey::of(&self.blocks[column]))
    }

    fn make_tags(&self, keys: &[OneTimeKey; AT_ONCE]) -> [[u8; TAG]; AT_ONCE] {
        let texts = self.texts[..self.count].iter().map(|text| &**text);
        let mut made = [[0; TAG]; AT_ONCE];
        tags_of(self.key.level(), keys.iter().copied().zip(texts), &mut made);
        made
    }

    /// Combines the texts with their streams, of which the first blocks are made.
    fn combine(&mut self) {
        let texts = self.texts[..self.count].iter_mut();
        for (text, block) in texts.zip(&self.blocks) {
            let first = text.len().min(FIRST);
            xor(&mut text[..first], &block[BLOCK - FIRST..]);
        }
        let mut places = [Place::default(); AT_ONCE];
        let mut chunks: [&mut [u8]; AT_ONCE] = Default::default();
        let mut wanted = 0;
        let mut turn = |places: &_, chunks: &mut [&mut [u8]]| {
            self.key.make(places, chunks.len(), &mut self.blocks);
            for (chunk, block) in chunks.iter_mut().zip(&self.blocks) {
                xor(chunk, block);
            }
        };
        for (text, &nonce) in self.texts[..self.count].iter_mut().zip(&self.nonces) {
            let rest = text.get_mut(FIRST..).unwrap_or_default();
            for (chunk, block) in rest.chunks_mut(BLOCK).zip(1..) {
                places[wanted] = Place { nonce, block };
                chunks[wanted] = chunk;
                wanted += 1;
                if wanted == AT_ONCE {
                    turn(&places, &mut chunks);
                    wanted = 0;
                }
            }
        }
        turn(&places, &mut chunks[..wanted]);
    }
}
