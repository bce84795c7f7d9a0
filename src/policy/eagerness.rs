//! Whether to read on before anybody says that more is there.
//!
//! Owns: whether the last read brought much.
//! Always true: a read of some size is followed by another; a read on that brings less than that is not.
//! Must not know: who waits for input otherwise, and how.
//!
//! In a stream more has come while the last bytes were decoded, and to read it costs one call instead of two.

use super::tuning::READ_ON_BYTES;

/// Whether one reader reads on.
#[derive(Debug, Default)]
pub(crate) struct Eagerness {
    due: bool,
}

impl Eagerness {
    /// Whether to read on.
    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    /// A read has brought so many bytes; none, if nothing was there.
    pub(crate) fn learn(&mut self, read: usize) {
        self.due = read >= READ_ON_BYTES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_much_there_may_be_more_and_after_little_or_nothing_not() {
        let mut eagerness = Eagerness::default();
        assert!(!eagerness.is_due());
        for (read, due) in [
            (READ_ON_BYTES, true),
            (READ_ON_BYTES - 1, false),
            (0, false),
            (READ_ON_BYTES, true),
        ] {
            eagerness.learn(read);
            assert_eq!(eagerness.is_due(), due, "{read}");
        }
    }
}
