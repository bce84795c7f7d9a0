//! The sending of events to monitors and to the log.
//!
//! Owns: the channels of one socket's monitors, the count of events that found no room, and the log.
//! Always true: an event never blocks the thread that raises it; one that finds a full channel is dropped and counted.
//! Must not know: the readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::log::{self, Log};
use super::{Event, EventKind};
use crate::endpoint::Endpoint;
use crate::origin::Origin;
pub(crate) use crate::sync::Event as Notifier;
use crate::sync::{Mutex, due_wakes};

/// How many events wait for a reader before further ones are dropped.
const CHANNEL_CAPACITY: usize = 4096;

/// The monitors of one socket.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    channels: Mutex<Vec<Sender<Event>>>,
    /// Wakes the tasks that wait for an event, and for the end of all.
    news: Arc<Notifier>,
    watched: AtomicBool,
    missed: AtomicU64,
    log: Log,
    origin: Origin,
}

impl Monitor {
    /// A channel on which every event from now on arrives; one without a sender in a forked child.
    pub(crate) fn subscribe(&self) -> Receiver<Event> {
        let (sender, receiver) = bounded(CHANNEL_CAPACITY);
        if !self.origin.is_here() {
            return receiver;
        }
        self.channels.lock().push(sender);
        self.watched.store(true, Ordering::Release);
        receiver
    }

    /// Sends an event to every monitor and to the log, without waiting.
    pub(crate) fn emit(&self, kind: EventKind, endpoint: Option<&Endpoint>, peer: Option<&str>) {
        let logged = log::is_read(&kind);
        if !logged && !self.watched.load(Ordering::Acquire) {
            return;
        }
        if !self.origin.is_here() {
            return;
        }
        if logged {
            let peer = peer.filter(|peer| !peer.is_empty());
            self.log.event(&kind, endpoint, peer);
        }
        let event = Event {
            kind,
            endpoint: endpoint.cloned(),
            peer: peer.map(str::to_owned),
        };
        self.channels
            .lock()
            .retain(|channel| match channel.try_send(event.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    self.missed.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            });
        due_wakes::notify(&self.news, usize::MAX);
    }

    /// Notified after each event, and once there will be none any more.
    pub(crate) fn news(&self) -> &Arc<Notifier> {
        &self.news
    }

    /// How many events have found a channel full.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Whether the log is read, so that [dropped](Self::dropped) messages are worth a line.
    #[inline]
    pub(crate) fn tells_of_drops() -> bool {
        log::warnings_are_read()
    }

    /// Writes a line about messages that were dropped for `cause`, of which there is no event.
    pub(crate) fn dropped(
        &self,
        cause: &'static str,
        messages: u64,
        endpoint: Option<&Endpoint>,
        peer: Option<&str>,
    ) {
        if self.origin.is_here() {
            log::dropped(cause, messages, endpoint, peer);
        }
    }
}

impl Drop for Monitor {
    /// Ends the channels, so that their readers see the end, and writes the lines that the log has held back.
    fn drop(&mut self) {
        self.channels.lock().clear();
        due_wakes::notify(&self.news, usize::MAX);
        if self.origin.is_here() && self.log.holds_back() {
            self.log.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_monitor_hears_every_event() {
        let monitor = Monitor::default();
        let (a, b) = (monitor.subscribe(), monitor.subscribe());
        monitor.emit(EventKind::Muted, None, None);
        assert_eq!(a.try_recv().expect("a is told").kind, EventKind::Muted);
        assert_eq!(b.try_recv().expect("b is told").kind, EventKind::Muted);
    }

    #[test]
    fn a_monitor_nobody_reads_costs_a_bounded_number_of_events_and_counts_the_rest() {
        let monitor = Monitor::default();
        let unread = monitor.subscribe();
        for _ in 0..CHANNEL_CAPACITY + 5 {
            monitor.emit(EventKind::Muted, None, None);
        }
        assert_eq!((unread.len(), monitor.missed()), (CHANNEL_CAPACITY, 5));
    }

    #[test]
    fn a_dropped_monitor_is_forgotten() {
        let monitor = Monitor::default();
        drop(monitor.subscribe());
        monitor.emit(EventKind::Muted, None, None);
        assert!(monitor.channels.lock().is_empty());
    }
}
