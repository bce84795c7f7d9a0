//! Accepting connections.
//!
//! Owns: the listening sockets of one thread.
//! Always true: out of file descriptors, a listener pauses instead of spinning; accepted connections are spread over
//! the I/O threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use polling::{Event, PollMode};

use super::event_loop::{Entry, Loop};
use super::registration::Registered;
use super::{EndpointConfig, Key, Request};
use crate::monitor::EventKind;
use crate::transport::{Listener, Stream, is_out_of_resources};

/// How long accepting rests when the system is out of file descriptors or memory.
const REST: Duration = Duration::from_millis(100);

/// How many connections are accepted before the rest of the loop gets its turn.
const AT_ONCE: usize = 64;

/// A listening socket.
#[derive(Debug)]
pub(super) struct ListenerEntry {
    listener: Registered<Listener>,
    config: Arc<EndpointConfig>,
}

impl Loop {
    pub(super) fn add_listener(
        &mut self,
        key: Key,
        listener: Listener,
        config: Arc<EndpointConfig>,
    ) {
        let poller = Arc::clone(&self.shared().poller);
        let telemetry = &config.telemetry;
        match Registered::new(poller, listener, Event::readable(key)) {
            Ok(listener) => {
                telemetry
                    .monitor
                    .emit(EventKind::Listening, Some(&config.endpoint), None);
                self.entries
                    .insert(key, Entry::Listener(ListenerEntry { listener, config }));
            }
            Err(error) => {
                telemetry.accepts_failed.add(1);
                let kind = EventKind::AcceptFailed(error.into());
                telemetry.monitor.emit(kind, Some(&config.endpoint), None);
            }
        }
    }

    /// Stops listening; on return the address is free.
    pub(super) fn close_listener(&mut self, key: Key) {
        if let Some(Entry::Listener(entry)) = self.entries.remove(&key) {
            self.timers.set(key, None);
            let ListenerEntry { listener, config } = entry;
            drop(listener);
            config
                .telemetry
                .monitor
                .emit(EventKind::Closed, Some(&config.endpoint), None);
        }
    }

    /// Takes the connections that wait.
    pub(super) fn accept(&mut self, key: Key) {
        for _ in 0..AT_ONCE {
            let Some(Entry::Listener(entry)) = self.entries.get(&key) else {
                return;
            };
            let config = Arc::clone(&entry.config);
            match entry.listener.accept() {
                Ok(stream) => self.hand_out(key, stream, config),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    let rest = is_out_of_resources(&error);
                    if rest {
                        // A failed change leaves it listening, which costs time and not correctness.
                        let _ = entry.listener.modify(Event::none(key), PollMode::Level);
                        self.timers.set(key, Some(Instant::now() + REST));
                    }
                    config.telemetry.accepts_failed.add(1);
                    let kind = EventKind::AcceptFailed(error.into());
                    config
                        .telemetry
                        .monitor
                        .emit(kind, Some(&config.endpoint), None);
                    if rest {
                        return;
                    }
                }
            }
        }
    }

    /// The rest is over: listen again.
    pub(super) fn resume_accepting(&mut self, key: Key) {
        if let Some(Entry::Listener(entry)) = self.entries.get(&key)
            && entry
                .listener
                .modify(Event::readable(key), PollMode::Level)
                .is_err()
        {
            self.timers.set(key, Some(Instant::now() + REST));
        }
    }

    /// Gives an accepted connection to the next I/O thread in turn.
    fn hand_out(&mut self, listener: Key, stream: Stream, config: Arc<EndpointConfig>) {
        let thread = self.next_thread % self.threads.len();
        self.next_thread = self.next_thread.wrapping_add(1);
        if thread == 0 {
            self.adopt(stream, listener, config);
        } else {
            self.threads[thread].send(Request::Adopt {
                stream,
                listener,
                config,
            });
        }
    }
}
