//! Waiting until all messages of a closing or retiring socket are sent, received or given up.
//!
//! Owns: the count of links and sessions that are still closing, and the report on their messages and connections.
//! Always true: `begin` comes before the matching `finish`; waiters are woken when the count reaches zero, and it does
//! not do so while there is a [`Hold`](Drain::hold).

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::report::{DrainReport, RetireReport};
use crate::origin::Here;
use crate::pipe::{PipeEvent, SocketSide};
use crate::sync::{Event, Listener, Mutex, due_wakes};

/// How a listener, session or link ends.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    /// Until when waiting messages may be sent, and further input be read.
    pub(crate) deadline: Option<Instant>,
    /// The groups to which it belongs; each is told when it has ended.
    pub(crate) drains: Vec<Arc<Drain>>,
    /// The socket still wants what its peers have sent: a link is read until its peer has closed it.
    pub(crate) delivers: bool,
}

/// A group of links and sessions that are closing.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    state: Mutex<State>,
    done: Event,
    /// Told when the count reaches zero.
    side: Option<Weak<dyn SocketSide>>,
}

#[derive(Debug, Default)]
struct State {
    pending: usize,
    report: RetireReport,
}

/// Keeps drains from being done while it exists.
#[derive(Debug)]
pub(crate) struct Hold(Vec<Arc<Drain>>);

impl Drain {
    /// A drain that also tells `side` when it is done.
    pub(crate) fn telling(side: Weak<dyn SocketSide>) -> Self {
        Self {
            side: Some(side),
            ..Self::default()
        }
    }

    /// One more link or session is closing.
    pub(crate) fn begin(&self) {
        self.state.lock().pending += 1;
    }

    /// A link or session has ended, with these counts of messages.
    pub(crate) fn finish(&self, sent: usize, lost: usize) {
        let mut state = self.state.lock();
        state.report.sent += sent;
        state.report.lost += lost;
        state.pending -= 1;
        if state.pending == 0 {
            drop(state);
            due_wakes::notify(&self.done, usize::MAX);
            if let Some(side) = self.side.as_ref().and_then(Weak::upgrade) {
                side.happened(PipeEvent::EndpointChanged);
            }
        }
    }

    /// A connection has ended: `in_order` if everything that the peer had sent was read.
    pub(crate) fn connection_ended(&self, in_order: bool) {
        let report = &mut self.state.lock().report;
        report.parted += usize::from(in_order);
        report.cut += usize::from(!in_order);
    }

    /// Keeps `drains` from being done, between the ends of several endpoints, until all of them have begun.
    pub(crate) fn hold(drains: &[Arc<Self>]) -> Hold {
        drains.iter().for_each(|drain| drain.begin());
        Hold(drains.to_vec())
    }

    /// Whether nothing is under way.
    pub(crate) fn is_done(&self) -> bool {
        self.state.lock().pending == 0
    }

    /// Waits until nothing is under way, at most until `deadline`; false if something still is.
    pub(crate) fn wait(&self, deadline: Option<Instant>, _: Here) -> bool {
        loop {
            let listener = self.done.listen();
            if self.is_done() {
                return true;
            }
            match deadline {
                None => listener.wait(),
                Some(deadline) => {
                    if listener.wait_deadline(deadline).is_none() {
                        return self.is_done();
                    }
                }
            }
        }
    }

    /// Notified once nothing is under way.
    pub(crate) fn done(&self) -> &Event {
        &self.done
    }

    /// The counts of the messages so far.
    pub(crate) fn report(&self) -> DrainReport {
        let RetireReport { sent, lost, .. } = self.retire_report();
        DrainReport { sent, lost }
    }

    /// The counts of messages and connections so far.
    pub(crate) fn retire_report(&self) -> RetireReport {
        self.state.lock().report
    }

    /// As [`wait`](Self::wait) without a deadline; calls `still` once if it takes longer than `patience`.
    pub(crate) fn wait_patiently(&self, patience: Duration, here: Here, still: impl FnOnce()) {
        if !self.wait(Some(Instant::now() + patience), here) {
            still();
            self.wait(None, here);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.iter().for_each(|drain| drain.finish(0, 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_that_is_held_is_not_done_between_two_ends() {
        let drain = Arc::new(Drain::default());
        let hold = Drain::hold(&[Arc::clone(&drain)]);
        for _ in 0..2 {
            drain.begin();
            drain.finish(3, 1);
            assert!(!drain.wait(Some(Instant::now()), Here::in_test()));
        }
        drop(hold);
        assert!(drain.wait(Some(Instant::now()), Here::in_test()));
        assert_eq!(drain.report(), DrainReport { sent: 6, lost: 2 });
    }
}
