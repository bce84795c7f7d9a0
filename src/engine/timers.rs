//! The deadlines of an I/O thread.
//!
//! Owns: at most one deadline for each key.
//! Always true: `queue` and `deadlines` hold the same pairs.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::Key;

/// The deadlines of everything on one I/O thread.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Instant, Key)>,
    deadlines: HashMap<Key, Instant>,
}

impl Timers {
    /// Sets the deadline of `key`, or removes it.
    pub(super) fn set(&mut self, key: Key, deadline: Option<Instant>) {
        let old = match deadline {
            Some(deadline) => self.deadlines.insert(key, deadline),
            None => self.deadlines.remove(&key),
        };
        if old == deadline {
            return;
        }
        if let Some(old) = old {
            self.queue.remove(&(old, key));
        }
        if let Some(deadline) = deadline {
            self.queue.insert((deadline, key));
        }
    }

    /// Sets the deadline of `key` unless it has an earlier one.
    pub(super) fn bring_forward(&mut self, key: Key, deadline: Option<Instant>) {
        if let Some(deadline) = deadline
            && self
                .deadlines
                .get(&key)
                .is_none_or(|known| *known > deadline)
        {
            self.set(key, Some(deadline));
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(deadline, _)| *deadline)
    }

    /// A key whose deadline has passed, with the deadline removed.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Key> {
        let (deadline, key) = *self.queue.first()?;
        (deadline <= now).then(|| {
            self.queue.pop_first();
            self.deadlines.remove(&key);
            key
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn deadlines_come_in_order_and_the_last_one_set_counts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        timers.set(1, Some(at(30)));
        timers.set(2, Some(at(20)));
        timers.set(1, Some(at(10)));
        timers.set(3, Some(at(5)));
        timers.set(3, None);
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.pop(at(25)), Some(1));
        assert_eq!(timers.pop(at(25)), Some(2));
        assert_eq!((timers.pop(at(99)), timers.next()), (None, None));
    }

    #[test]
    fn a_deadline_is_brought_forward_and_never_put_off() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        for (deadline, expected) in [(20, 20), (30, 20), (10, 10)] {
            timers.bring_forward(1, Some(at(deadline)));
            assert_eq!(timers.next(), Some(at(expected)));
        }
        timers.bring_forward(1, None);
        assert_eq!(timers.next(), Some(at(10)));
    }
}
