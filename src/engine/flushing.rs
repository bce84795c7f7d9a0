//! Writing the batches that senders have left to the I/O thread.
//!
//! Owns: nothing; it writes the scheduled links until they have nothing left or their kernel buffer is full.
//! Always true: the duty of a link ends only if there is still nothing to write after a yield; its next sender
//! schedules it again.

use super::Key;
use super::entries::Entry;
use super::event_loop::Loop;
use crate::pipe::{PipeEvent, Pumped};
use crate::policy::tuning::FLUSH_ROUNDS;

impl Loop {
    /// A link has bytes to write.
    pub(super) fn schedule(&mut self, key: Key) {
        self.scheduled.flushing.push(key);
    }

    /// Writes the scheduled links. A link with nothing left is looked at once more after a yield, since its sender may
    /// be between two messages of a stream; only then does its duty end. A link with more than one turn's bytes goes on in the next
    /// call, after the events of the others.
    pub(super) fn flush(&mut self) {
        for _ in 0..FLUSH_ROUNDS {
            let flushing = std::mem::take(&mut self.scheduled.flushing);
            let mut pumped = Vec::new();
            let mut shared = false;
            for key in flushing {
                let mut outcome = None;
                self.guarded(key, |this| outcome = this.pump(key));
                match outcome {
                    Some(Pumped::Drained | Pumped::Contended | Pumped::Drafted) => pumped.push(key),
                    Some(Pumped::Shared) => {
                        self.scheduled.flushing.push(key);
                        shared = true;
                    }
                    Some(Pumped::Streaming) => self.scheduled.streaming.push(key),
                    Some(Pumped::Blocked | Pumped::Unwired) | None => {}
                }
            }
            if pumped.is_empty() {
                return;
            }
            std::thread::yield_now();
            for key in pumped {
                let Some(Entry::Link(entry)) = self.entries.get(&key) else {
                    continue;
                };
                if entry
                    .pipe
                    .as_ref()
                    .is_some_and(|pipe| !pipe.outgoing.end_duty())
                {
                    self.scheduled.flushing.push(key);
                } else {
                    self.link_drained(key);
                }
            }
            if shared {
                // Links whose kernel buffer has room again are known to the poller alone.
                return;
            }
        }
    }

    /// Writes the batch of one link; `None` if the link is gone.
    fn pump(&mut self, key: Key) -> Option<Pumped> {
        let Some(Entry::Link(entry)) = self.entries.get(&key) else {
            return None;
        };
        let outgoing = &entry.pipe.as_ref()?.outgoing;
        let mut outcome = outgoing.pump();
        if let Ok(Pumped::Drafted) = outcome {
            // The socket gives the draft back now, or when its sender releases the lock.
            entry.config.side.happened(PipeEvent::Wanted);
            outcome = outgoing.pump();
        }
        match outcome {
            Ok(pumped) => Some(pumped),
            Err(error) => {
                self.output_lost(key, error.into());
                None
            }
        }
    }
}
