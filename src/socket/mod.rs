//! The untyped core of every socket.
//!
//! Owns: a pattern and its pipes, under one lock; who waits for what; endpoints; options.
//! Always true: an event of the I/O thread is applied by whoever holds the lock, or by the I/O thread itself if nobody
//! does; so it never waits for a socket, and no event waits for a call. A closed socket takes no message and gives none.
//! Must not know: typed handles; how the I/O thread does its work.
//!
//! ```text
//!   send ----\                        /---- events: attached, connected, readable, writable, ...
//!             lock: pattern + table --
//!   recv ----/                        \---- wakes: readers, writers, those who wait for peers
//! ```

mod endpoints;
mod leader;
mod table;
mod wait;

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use event_listener::Event;
use highwater_patterns::{
    Admission, AdmissionRefusal, Afterlife, Pattern, PatternOptions, Peer, PipeId, SocketType,
};

pub(crate) use table::Table;
pub(crate) use wait::{RecvFailure, SendFailure, Wait};

use crate::context::Hub;
use crate::error::{LinkError, WaitError};
use crate::monitor::EventKind;
use crate::options::{OptionError, Options};
use crate::peer::PeerInfo;
use crate::pipe::{Duty, Lending, PipeEvent, SocketSide};
use crate::stats::{Stats, Telemetry};
use crate::sync::{Mutex, MutexGuard};
use endpoints::Endpoints;
use leader::LeaderWake;

/// A socket of any type.
#[derive(Debug)]
pub(crate) struct Core {
    hub: Arc<Hub>,
    kind: SocketType,
    state: Mutex<State>,
    /// What has happened and is not applied yet.
    mailbox: Mutex<VecDeque<PipeEvent>>,
    /// There is something in the mailbox.
    pending: AtomicBool,
    /// Wakes those who wait for a message.
    readable: Event,
    /// Wakes those who wait for room.
    writable: Event,
    /// Wakes those who wait for peers, or for subscriptions.
    changed: Event,
    leader: LeaderWake,
    lending: Lending,
    telemetry: Arc<Telemetry>,
    next_pipe: AtomicU32,
    this: Weak<Self>,
}

/// What the lock protects.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) pattern: Pattern,
    pub(crate) table: Table,
    pub(crate) options: Options,
    endpoints: Endpoints,
    /// Somebody waits on the borrowed links.
    leading: bool,
    /// Set once, when the socket closes or its context shuts down.
    ended: Option<Ended>,
    muted_since: Option<Instant>,
    time_muted: Duration,
}

/// Why a socket can be used no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The socket was closed.
    Closed,
    /// The context was shut down.
    Terminated,
}

impl Core {
    pub(crate) fn new(
        hub: &Arc<Hub>,
        kind: SocketType,
        options: Options,
        pattern: &PatternOptions,
    ) -> Arc<Self> {
        let telemetry = Arc::new(Telemetry::default());
        let core = Arc::new_cyclic(|this| Self {
            hub: Arc::clone(hub),
            kind,
            state: Mutex::new(State {
                pattern: Pattern::new(kind, pattern),
                table: Table::new(kind, Arc::clone(&telemetry)),
                options,
                endpoints: Endpoints::default(),
                leading: false,
                ended: None,
                muted_since: None,
                time_muted: Duration::ZERO,
            }),
            mailbox: Mutex::default(),
            pending: AtomicBool::new(false),
            readable: Event::new(),
            writable: Event::new(),
            changed: Event::new(),
            leader: LeaderWake::default(),
            lending: Lending::default(),
            telemetry,
            next_pipe: AtomicU32::new(1),
            this: this.clone(),
        });
        hub.register(&core);
        core
    }

    pub(crate) fn kind(&self) -> SocketType {
        self.kind
    }

    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The lock, with every event applied that had come before.
    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_> {
        let mut state = self.state.lock();
        if self.pending.load(Ordering::Acquire) {
            self.apply_mail(&mut state);
        }
        Locked {
            core: self,
            state: Some(state),
        }
    }

    /// Applies what is in the mailbox.
    #[cold]
    fn apply_mail(&self, state: &mut State) {
        while self.pending.swap(false, Ordering::SeqCst) {
            let mail = std::mem::take(&mut *self.mailbox.lock());
            for event in mail {
                self.apply(state, event);
            }
        }
    }

    fn apply(&self, state: &mut State, event: PipeEvent) {
        let State { pattern, table, .. } = state;
        match event {
            PipeEvent::Attached(pipe) => {
                let id = pipe.id;
                table.attach(pipe);
                if let Admission::Refused(refusal) = pattern.attached(id, table) {
                    self.refuse(state, id, refusal);
                }
                self.has_room(state);
            }
            PipeEvent::Connected { pipe, wire, peer } => {
                if !table.connect(pipe, Arc::clone(&wire), Arc::clone(&peer)) {
                    return;
                }
                let introduced = Peer {
                    routing_id: peer.routing_id.as_ref(),
                    assigned_id: state.endpoints.assigned_id(pipe),
                };
                if let Admission::Refused(refusal) = pattern.connected(pipe, &introduced, table) {
                    self.refuse(state, pipe, refusal);
                    return;
                }
                pattern.readable(pipe, table);
                self.changed.notify(usize::MAX);
                self.has_room(state);
                self.wake_reader(state);
            }
            PipeEvent::Disconnected { pipe, ends } => {
                if table.disconnect(pipe, ends) {
                    let afterwards = if ends {
                        Afterlife::Ends
                    } else {
                        Afterlife::Reconnects
                    };
                    pattern.disconnected(pipe, afterwards, table);
                    pattern.readable(pipe, table);
                    self.changed.notify(usize::MAX);
                    self.wake_reader(state);
                    self.sweep(state);
                }
            }
            PipeEvent::Readable(pipe) => {
                pattern.readable(pipe, table);
                self.changed.notify(usize::MAX);
                self.wake_reader(state);
            }
            PipeEvent::Writable(pipe) => {
                table.writable(pipe);
                pattern.writable(pipe, table);
                self.has_room(state);
            }
            PipeEvent::Gone(pipe) => self.forget(state, pipe),
        }
    }

    /// Turns a peer away.
    fn refuse(&self, state: &mut State, pipe: PipeId, refusal: AdmissionRefusal) {
        let cause = match refusal {
            AdmissionRefusal::AlreadyPaired => LinkError::AlreadyPaired,
            _ => LinkError::DuplicateRoutingId,
        };
        if let Some(wire) = state.table.wire(pipe) {
            wire.duty(Duty::Close(cause));
        }
    }

    /// Lets go of pipes that end and have been read to the end.
    fn sweep(&self, state: &mut State) {
        if state.table.has_ending() {
            for pipe in state.table.ended() {
                self.forget(state, pipe);
            }
        }
    }

    fn forget(&self, state: &mut State, pipe: PipeId) {
        if state.table.remove(pipe).is_some() {
            state.pattern.detached(pipe, &mut state.table);
            self.readable.notify(1);
        }
    }

    /// Something can be read, or those who wait to read should look again.
    fn wake_reader(&self, state: &State) {
        self.readable.notify(1);
        if state.leading {
            self.leader.wake();
        }
    }

    /// Ends the socket: every call, waiting or to come, says so.
    fn end(&self, state: &mut State, ended: Ended) {
        state.ended.get_or_insert(ended);
        self.readable.notify(usize::MAX);
        self.writable.notify(usize::MAX);
        self.changed.notify(usize::MAX);
        if state.leading {
            self.leader.wake();
        }
    }

    /// The context is being shut down.
    pub(crate) fn terminate(&self) {
        let mut state = self.lock();
        self.end(&mut state, Ended::Terminated);
    }

    /// A send found no room: the socket is mute until it has some again.
    fn mute(&self, state: &mut State) {
        if state.muted_since.is_none() {
            state.muted_since = Some(Instant::now());
            self.telemetry.monitor.emit(EventKind::Muted, None, None);
        }
    }

    /// A pipe has got room: those who wait for it may try again.
    fn has_room(&self, state: &mut State) {
        if state.muted_since.is_some() && state.pattern.can_send(&mut state.table) {
            self.unmute(state);
        }
        self.writable.notify(1);
    }

    #[cold]
    fn unmute(&self, state: &mut State) {
        if let Some(since) = state.muted_since.take() {
            state.time_muted += since.elapsed();
            self.telemetry.monitor.emit(EventKind::Unmuted, None, None);
        }
    }

    /// The connected peers.
    pub(crate) fn peers(&self) -> Vec<PeerInfo> {
        self.lock()
            .table
            .peers()
            .map(|peer| PeerInfo::clone(peer))
            .collect()
    }

    /// Waits until at least `count` peers are connected.
    pub(crate) fn wait_for_peers(&self, count: usize, timeout: Duration) -> Result<(), WaitError> {
        self.wait_until(timeout, |state| state.table.peers().count() >= count)
    }

    pub(crate) fn set_option(&self, name: &str, value: &str) -> Result<(), OptionError> {
        self.lock().options.set(name, value, true)
    }

    pub(crate) fn option(&self, name: &str) -> Result<String, OptionError> {
        self.lock().options.get(name)
    }

    pub(crate) fn stats(&self) -> Stats {
        let state = self.lock();
        let totals = state.table.totals();
        let told = &self.telemetry;
        let mut dropped = totals.dropped;
        dropped.unsent = told.unsent.get();
        dropped.unread = told.unread.get();
        Stats {
            messages_sent: totals.sent,
            messages_received: totals.received,
            bytes_sent: totals.bytes_sent,
            bytes_received: told.bytes_received.get(),
            queued_to_send: totals.queued_to_send,
            queued_to_receive: totals.queued_to_receive,
            dropped,
            handshakes: told.handshakes.get(),
            handshakes_failed: told.handshakes_failed.get(),
            disconnects: told.disconnects.get(),
            retries: told.retries.get(),
            accepts_failed: told.accepts_failed.get(),
            time_muted: state.time_muted
                + state
                    .muted_since
                    .map_or(Duration::ZERO, |since| since.elapsed()),
            events_missed: told.monitor.missed(),
            peers: state.table.peer_stats(),
        }
    }
}

impl SocketSide for Core {
    fn next_pipe_id(&self) -> PipeId {
        PipeId(self.next_pipe.fetch_add(1, Ordering::Relaxed))
    }

    /// Puts `event` into the mailbox. Whoever holds the lock finds it there when they let go; if nobody does, it is
    /// applied here. The fence pairs with the one in [`Locked::drop`]: either we see the lock free, or its holder sees
    /// `pending`.
    fn happened(&self, event: PipeEvent) {
        self.mailbox.lock().push_back(event);
        self.pending.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if let Some(state) = self.state.try_lock() {
            drop(Locked {
                core: self,
                state: Some(state),
            });
        }
    }

    fn lending(&self) -> &Lending {
        &self.lending
    }

    fn return_readers(&self) -> bool {
        let Some(state) = self.state.try_lock() else {
            return false;
        };
        let mut state = Locked {
            core: self,
            state: Some(state),
        };
        if state.leading {
            return false;
        }
        state.table.return_readers();
        true
    }
}

/// The lock on a socket. Letting go of it applies what has happened meanwhile.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    core: &'a Core,
    /// `None` only while it is being dropped.
    state: Option<MutexGuard<'a, State>>,
}

impl Deref for Locked<'_> {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        self.state.as_ref().expect("held until it is dropped")
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_mut().expect("held until it is dropped")
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        drop(self.state.take());
        fence(Ordering::SeqCst);
        while self.core.pending.load(Ordering::SeqCst) {
            let Some(mut state) = self.core.state.try_lock() else {
                return;
            };
            self.core.apply_mail(&mut state);
            drop(state);
            fence(Ordering::SeqCst);
        }
    }
}
