//! How many bytes a stream gathers before its sender writes.
//!
//! Owns: the size of the next batch, learnt from earlier ones.
//! Always true: 64 to 512 KiB; all pipes of a socket together gather at most 2 MiB, or 64 KiB each.
//! Must not know: the content of a batch.
//!
//! A larger batch costs the kernel less per byte. But its first bytes must still be in the processor's cache when it is
//! written.

use super::tuning::{ALL_BATCHES_BYTES, LEAST_BATCH_BYTES, MOST_BATCH_BYTES};

/// The size of the next batch.
#[derive(Debug)]
pub(crate) struct BatchSize {
    bytes: usize,
    most: usize,
}

impl Default for BatchSize {
    fn default() -> Self {
        Self {
            bytes: LEAST_BATCH_BYTES,
            most: MOST_BATCH_BYTES,
        }
    }
}

impl BatchSize {
    #[inline]
    pub(crate) fn get(&self) -> usize {
        self.bytes
    }

    /// Sets the number of pipes that share the processor's cache.
    pub(crate) fn set_pipes(&mut self, pipes: usize) {
        let share = ALL_BATCHES_BYTES / pipes.max(1);
        self.most = share.clamp(LEAST_BATCH_BYTES, MOST_BATCH_BYTES);
        self.bytes = self.bytes.min(self.most);
    }

    /// A batch has become full: this is a stream.
    pub(crate) fn has_filled(&mut self) {
        self.bytes = self.most.min(2 * self.bytes);
    }

    /// The stream has ended: batches start small again.
    pub(crate) fn begin_anew(&mut self) {
        self.bytes = LEAST_BATCH_BYTES;
    }
}
