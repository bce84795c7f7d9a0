//! Accepting connections.
//!
//! Owns: the listening sockets of one thread.
//! Always true: a listener pauses while the process has no file descriptors left, and while its socket has many
//! unapplied events. Accepted connections are spread over the I/O threads.

use std::sync::Arc;
use std::time::Instant;

use polling::{Event, PollMode};

use super::accept_filter;
use super::accepted_count::CountedConnection;
use super::entries::{Entry, ListenerEntry};
use super::event_loop::Loop;
use super::registration::Registered;
use super::request::Request;
use super::{EndpointConfig, Key};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::policy::tuning::{ACCEPT_BREATH, ACCEPT_REST, ACCEPTED_AT_ONCE, MOST_ROUNDS_AT_END};
use crate::transport::{Listener, Stream, is_out_of_resources};
use crate::zmtp;

impl Loop {
    pub(super) fn add_listener(
        &mut self,
        key: Key,
        listener: Listener,
        config: Arc<EndpointConfig>,
    ) {
        let poller = Arc::clone(&self.shared().poller);
        let telemetry = &config.telemetry;
        match Registered::new(poller, listener, Event::readable(key), self.shared().origin) {
            Ok(listener) => {
                let entry = ListenerEntry {
                    listener,
                    config,
                    paused: false,
                };
                self.entries.insert(key, Entry::Listener(Box::new(entry)));
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
            let ListenerEntry {
                listener, config, ..
            } = *entry;
            drop(listener);
            config
                .telemetry
                .monitor
                .emit(EventKind::Closed, Some(&config.endpoint), None);
        }
    }

    /// A connection waits: it is accepted, unless the socket has not applied the events of those before it, or has as many
    /// handshakes under way as its options allow.
    pub(super) fn accept_event(&mut self, key: Key) {
        let Some(Entry::Listener(entry)) = self.entries.get(&key) else {
            return;
        };
        let handshakes = &entry.config.handshakes;
        if entry.config.side.is_behind() || handshakes.is_full(entry.config.options.handshake_limit)
        {
            // A failed change leaves it listening, which costs time and not correctness.
            let _ = entry.listener.modify(Event::none(key), PollMode::Level);
            self.timers.set(key, Some(Instant::now() + ACCEPT_BREATH));
        } else {
            self.accept(key);
        }
    }

    /// Takes the connections that wait; true if there may be more.
    pub(super) fn accept(&mut self, key: Key) -> bool {
        for _ in 0..ACCEPTED_AT_ONCE {
            let Some(Entry::Listener(entry)) = self.entries.get(&key) else {
                return false;
            };
            let config = Arc::clone(&entry.config);
            if entry.paused || config.handshakes.is_full(config.options.handshake_limit) {
                return false;
            }
            match entry.listener.accept() {
                Ok((stream, peer)) => {
                    let accepted = accept_filter::filter(&config, &stream, peer.as_ref());
                    let address = peer.map(|peer| zmtp::escaped(&peer.to_string()));
                    match accepted {
                        Ok(counted) => {
                            let address = address.unwrap_or_default();
                            self.hand_out(key, stream, address, counted, config);
                        }
                        Err(cause) => {
                            let telemetry = &config.telemetry;
                            telemetry.accepts_failed.add(1);
                            match cause {
                                LinkError::NotAccepted => telemetry.refused_by_filter.add(1),
                                LinkError::TooManyHandshakes => {
                                    telemetry.refused_handshakes.add(1);
                                }
                                _ => telemetry.refused_by_limit.add(1),
                            }
                            telemetry.monitor.emit(
                                EventKind::AcceptFailed(cause),
                                Some(&config.endpoint),
                                address.as_deref(),
                            );
                        }
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    let rest = is_out_of_resources(&error);
                    if rest {
                        // A failed change leaves it listening, which costs time and not correctness.
                        let _ = entry.listener.modify(Event::none(key), PollMode::Level);
                        self.timers.set(key, Some(Instant::now() + ACCEPT_REST));
                    }
                    config.telemetry.accepts_failed.add(1);
                    let kind = EventKind::AcceptFailed(error.into());
                    config
                        .telemetry
                        .monitor
                        .emit(kind, Some(&config.endpoint), None);
                    if rest {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Before the end of the listener: takes the connections that wait in its queue, which would be reset with it. A
    /// peer that connects after this is reset before its handshake, has sent nothing, and connects again.
    pub(super) fn accept_rest(&mut self, key: Key) {
        for _ in 0..MOST_ROUNDS_AT_END {
            if !self.accept(key) {
                return;
            }
        }
    }

    /// The pause is over: listen again.
    pub(super) fn resume_accepting(&mut self, key: Key) {
        if let Some(Entry::Listener(entry)) = self.entries.get(&key)
            && !entry.paused
            && entry
                .listener
                .modify(Event::readable(key), PollMode::Level)
                .is_err()
        {
            self.timers.set(key, Some(Instant::now() + ACCEPT_REST));
        }
    }

    /// Takes no connections until further notice, or takes them again.
    pub(super) fn set_accepting(&mut self, key: Key, accept: bool) {
        let Some(Entry::Listener(entry)) = self.entries.get_mut(&key) else {
            return;
        };
        entry.paused = !accept;
        self.timers.set(key, None);
        if accept {
            self.resume_accepting(key);
        } else {
            // A failed change leaves it listening, which costs time; nothing is accepted in any case.
            let _ = entry.listener.modify(Event::none(key), PollMode::Level);
        }
    }

    /// Gives an accepted connection to the next I/O thread in turn.
    fn hand_out(
        &mut self,
        listener: Key,
        stream: Stream,
        address: String,
        counted: CountedConnection,
        config: Arc<EndpointConfig>,
    ) {
        let thread = self.next_thread % self.threads.len();
        self.next_thread = self.next_thread.wrapping_add(1);
        if thread == 0 {
            self.adopt(stream, address, counted, listener, config);
        } else {
            self.threads[thread].send(Request::Adopt {
                stream,
                address,
                counted,
                listener,
                config,
            });
        }
    }
}
