//! A fact about this machine that costs a system call to learn.
//!
//! Always true: no thread waits for another. If a fact were learnt under a lock, a forked child might find it locked
//! for ever.

use std::sync::atomic::{AtomicU8, Ordering};

/// A fact of yes or no, learnt once; by two threads at the same time perhaps twice.
#[derive(Debug)]
pub(crate) struct MachineFact(AtomicU8);

const UNKNOWN: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;

impl MachineFact {
    pub(crate) const fn unknown() -> Self {
        Self(AtomicU8::new(UNKNOWN))
    }

    #[inline]
    pub(crate) fn get(&self, ask: impl FnOnce() -> bool) -> bool {
        match self.0.load(Ordering::Relaxed) {
            UNKNOWN => {
                let is_so = ask();
                self.0
                    .store(if is_so { TRUE } else { FALSE }, Ordering::Relaxed);
                is_so
            }
            known => known == TRUE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_once() {
        for is_so in [true, false] {
            let fact = MachineFact::unknown();
            assert_eq!(fact.get(|| is_so), is_so);
            assert_eq!(fact.get(|| unreachable!("it is known")), is_so);
        }
    }
}
