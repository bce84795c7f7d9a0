//! A buffer that is filled from its front, with space made ahead.
//!
//! Owns: the bytes, and how many of them are filled.
//! Always true: `filled <= bytes.len()`. The bytes beyond `filled` are initialized and may be overwritten, so a piece
//! of constant size is put in with one comparison and without a call.
//! Must not know: what is in it.

/// A buffer that is filled from its front.
#[derive(Debug, Default)]
pub(super) struct FillBuffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl FillBuffer {
    /// The bytes that were put in.
    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.filled
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The capacity in bytes, filled or not.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The next `N` bytes to fill, if there is space; [`advance`](Self::advance) says how many of them were filled.
    #[inline]
    pub(super) fn space<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        self.bytes.get_mut(self.filled..)?.first_chunk_mut()
    }

    /// The first `count` bytes of [`space`](Self::space) have been filled.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.filled += count;
        debug_assert!(
            self.filled <= self.bytes.len(),
            "more than there was space for"
        );
    }

    /// Makes space for `count` more bytes.
    #[inline]
    pub(super) fn make_space(&mut self, count: usize) {
        let least = self.filled + count;
        if self.bytes.len() < least {
            self.grow(least);
        }
    }

    #[cold]
    fn grow(&mut self, least: usize) {
        self.bytes.resize(least.max(2 * self.bytes.len()), 0);
    }

    /// Puts `bytes` behind those that are in the buffer.
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.make_space(bytes.len());
        let end = self.filled + bytes.len();
        self.bytes[self.filled..end].copy_from_slice(bytes);
        self.filled = end;
    }

    /// Puts `bytes` before those that are in the buffer.
    pub(super) fn prepend(&mut self, bytes: &[u8]) {
        self.append(bytes);
        self.bytes[..self.filled].rotate_right(bytes.len());
    }

    /// Forgets all but the first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(len);
    }

    /// Forgets all bytes, and keeps the space.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_whichever_way_it_went_in() {
        let mut buffer = FillBuffer::default();
        let mut expected = Vec::new();
        assert_eq!(buffer.space::<1>(), None);
        for round in 0..300_usize {
            let piece = vec![round as u8; round];
            buffer.append(&piece);
            expected.extend(&piece);
            buffer.make_space(3);
            *buffer.space().expect("just made") = [1, 2, 3];
            buffer.advance(2);
            expected.extend([1, 2]);
            assert_eq!(buffer.as_slice(), expected);
            assert_eq!(buffer.len(), expected.len());
        }
    }

    #[test]
    fn what_is_put_before_stands_before() {
        let mut buffer = FillBuffer::default();
        for front in ["c", "ab", ""] {
            buffer.prepend(front.as_bytes());
        }
        buffer.append(b"d");
        assert_eq!(buffer.as_slice(), b"abcd");
        buffer.clear();
        assert!(buffer.is_empty() && buffer.capacity() > 0);
        buffer.prepend(b"x");
        assert_eq!(buffer.as_slice(), b"x");
    }

    #[test]
    fn space_grows_by_doubling_and_no_more_than_is_of_use() {
        let mut buffer = FillBuffer::default();
        buffer.append(b"x");
        buffer.append(&[0; 1000]);
        assert!((1001..2 * 1001).contains(&buffer.capacity()));
    }
}
