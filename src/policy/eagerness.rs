//! Whether to read a connection again before the poller reports more input.
//!
//! Owns: how successful such reads were lately.
//! Always true: only a read of some size is followed by another. After repeated failures only one in 17 is.
//! Must not know: which thread waits for input otherwise, and how.
//!
//! In a stream more input has arrived while the last bytes were decoded, and a further read costs one call instead of
//! two. If each of many peers sends a burst and waits for the answer, nothing more has arrived, and the call is wasted.

use super::tuning::{READ_ON_BYTES, READ_ON_IN_VAIN};

/// The success of one reader with further reads.
#[derive(Debug, Default)]
pub(crate) struct Eagerness {
    due: bool,
    /// How many failed in a row, up to a limit.
    in_vain: u32,
    /// How many reads are still left without a further one.
    let_be: u32,
}

impl Eagerness {
    /// Whether a further read is worth while.
    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    /// A read has brought `read` bytes; 0 if nothing was there.
    pub(crate) fn learn(&mut self, read: usize) {
        let read_on = std::mem::take(&mut self.due);
        if read_on {
            self.in_vain = match read {
                0 => READ_ON_IN_VAIN.min(self.in_vain + 1),
                _ => 0,
            };
            if self.in_vain == READ_ON_IN_VAIN {
                self.let_be = READ_ON_IN_VAIN;
            }
        }
        if read >= READ_ON_BYTES {
            self.due = self.let_be == 0;
            self.let_be = self.let_be.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads much; whether it is to be read on. If so, that brings `then`.
    fn burst(eagerness: &mut Eagerness, then: usize) -> bool {
        eagerness.learn(READ_ON_BYTES);
        let reads_on = eagerness.is_due();
        if reads_on {
            eagerness.learn(then);
        }
        reads_on
    }

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

    #[test]
    fn a_stream_is_read_on_each_time() {
        let mut eagerness = Eagerness::default();
        assert!((0..100).all(|_| burst(&mut eagerness, READ_ON_BYTES)));
    }

    #[test]
    fn reading_on_in_vain_becomes_rare() {
        let mut eagerness = Eagerness::default();
        let read_on = (0..17_000).filter(|_| burst(&mut eagerness, 0)).count();
        assert!((1010..1020).contains(&read_on), "{read_on} times");
    }

    #[test]
    fn where_it_is_worth_it_now_and_then_it_is_done_each_time() {
        let mut eagerness = Eagerness::default();
        let comes = |turn: u32| usize::from(turn.is_multiple_of(READ_ON_IN_VAIN));
        assert!((0..1000).all(|turn| burst(&mut eagerness, comes(turn))));
    }

    #[test]
    fn once_it_was_worth_it_it_is_done_each_time_again() {
        let mut eagerness = Eagerness::default();
        for _ in 0..100 {
            burst(&mut eagerness, 0);
        }
        while !burst(&mut eagerness, 1) {}
        assert!((0..100).all(|_| burst(&mut eagerness, 1)));
    }
}
