//! How often each of several peers is heard, and for how long not.

use std::time::{Duration, Instant};

use highwater::SendError;

/// Peers are numbered from 0 on.
pub(crate) struct Shares {
    pub(crate) heard: Vec<u64>,
    last: Vec<Instant>,
    pub(crate) silence: Vec<Duration>,
}

impl Shares {
    pub(crate) fn new(peers: usize) -> Self {
        Self {
            heard: vec![0; peers],
            last: vec![Instant::now(); peers],
            silence: vec![Duration::ZERO; peers],
        }
    }

    pub(crate) fn hear(&mut self, number: usize) {
        self.silence[number] = self.silence[number].max(self.last[number].elapsed());
        self.last[number] = Instant::now();
        self.heard[number] += 1;
    }

    /// Silences are measured from now on; gives what was heard before.
    pub(crate) fn begin(&mut self) -> Vec<u64> {
        self.last.fill(Instant::now());
        self.silence.fill(Duration::ZERO);
        self.heard.clone()
    }

    /// The silences that still last are counted up to now.
    pub(crate) fn end(&mut self) {
        for (silence, last) in self.silence.iter_mut().zip(&self.last) {
            *silence = (*silence).max(last.elapsed());
        }
    }
}

/// Whether a message was sent; false if there was no room for it in time.
pub(crate) fn is_sent(outcome: Result<(), SendError>) -> bool {
    match outcome {
        Ok(()) => true,
        Err(SendError::Timeout(_)) => false,
        Err(other) => panic!("{other}"),
    }
}
