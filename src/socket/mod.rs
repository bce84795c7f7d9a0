//! The untyped core of every socket.
//!
//! Owns: a pattern and its pipes, under one lock; the waiting threads; endpoints; options.
//! Always true: an event of the I/O thread is applied by the thread that holds the lock, or by the I/O thread if none
//! does. So the I/O thread never waits for a socket, and no event waits for a call. A closed socket takes and gives no
//! message.
//! Must not know: typed handles; how the I/O thread does its work.
//!
//! ```text
//!   send ----\                        /---- events: attached, connected, readable, writable, ...
//!             lock: pattern + table --
//!   recv ----/                        \---- wakes: readers, writers, those who wait for peers
//! ```

mod applicants;
mod attempt;
mod binding;
mod borrowed;
mod caller;
pub(crate) mod calls;
mod closing;
mod connecting;
mod debug_line;
mod deferred;
mod endpoint_control;
mod endpoints;
mod events;
mod failure;
mod joining;
mod mute;
mod permits;
mod report;
mod requests;
mod retirement_handle;
mod retiring;
mod revoking;
mod send_many;
mod set_option;
mod slot;
mod spin;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod unflushed;
mod waiting;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use highwater_patterns::{Facts, Pattern, PatternOptions, PipeId, SocketType};

pub(crate) use caller::Wait;
pub(crate) use endpoints::meant_by;
pub(crate) use failure::{RecvFailure, SendFailure, Unsent};
pub(crate) use permits::put_place;
pub(crate) use requests::{RequestReceived, put_reply, put_request, take_reply, take_request};
pub use retirement_handle::{RetireFuture, Retirement};
pub(crate) use send_many::take_many;
pub(crate) use table::{PlaceId, Table};
pub use waiting::{Interest, Readiness};
pub(crate) use waiting::{Registration, TaskWait, Watch, call_waker};

use crate::context::{Hub, Terminate};
use crate::engine::{AcceptedCount, HandshakeCount};
use crate::error::{Ended, WaitError};
use crate::options::Options;
use crate::origin::{Here, Origin};
use crate::pipe::{Lending, PipeEvent};
use crate::policy::{BusyPoll, IdleCheck, Spin};
use crate::stats::Telemetry;
use crate::sync::{self, Event, Room};
use deferred::{DeferredMail, DeferredWork};
use endpoints::Endpoints;
use retiring::Retiring;
use waiting::{LeaderWake, OwedWakes, Precedence};

/// A socket of any type.
pub(crate) struct Core {
    hub: Arc<Hub>,
    kind: SocketType,
    facts: Facts,
    /// The state, and what has happened to it and is not applied yet.
    room: Room<State, PipeEvent>,
    /// Wakes those who wait for a message.
    readable: Event,
    /// Wakes those who wait for room.
    writable: Event,
    /// Wakes those who wait for peers, or for subscriptions.
    changed: Event,
    /// Wakes those who wait for the end of the socket, and for nothing else.
    ends: Event,
    /// The moment from which the times of turns count.
    made: Instant,
    /// The turns of those who wait for a message.
    receivers: Precedence,
    /// The turns of those who wait for room.
    senders: Precedence,
    leader: LeaderWake,
    lending: Lending,
    telemetry: Arc<Telemetry>,
    /// How many accepted connections the socket has.
    accepted: AcceptedCount,
    handshakes: HandshakeCount,
    /// The id of the next pipe: in 64 bits it never wraps.
    next_pipe: AtomicU64,
    /// How often a decision that lets peers in, such as a key on a list, was revoked; changed under the lock.
    revoked: Arc<AtomicU64>,
    /// Names this socket to peers of this library.
    token: u64,
    /// `State::retiring` is set, or is about to be.
    retires: AtomicBool,
    /// An I/O thread is about to apply what was posted.
    deferred_mail: DeferredMail,
    /// Tasks whose wakers are to be called once nobody holds the lock.
    owed_wakes: OwedWakes,
    this: Weak<Self>,
}

/// The state of a socket, which its lock protects.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) pattern: Pattern,
    pub(crate) table: Table,
    pub(crate) options: Options,
    pattern_options: PatternOptions,
    endpoints: Endpoints,
    /// Somebody waits on the borrowed links.
    leading: bool,
    /// The number of polls that wait for this socket together with others. While there are any, nobody borrows its links.
    polls: usize,
    /// Whether a wait on borrowed links busy-polls, judged by earlier ones.
    busy_poll: BusyPoll,
    /// For how long a wait for a message from within the process spins, judged by earlier ones.
    spin: Spin,
    /// When a receiver that is busy with some peers checks the others.
    idle_check: IdleCheck,
    /// The borrowed link from which bytes were read last.
    read_last: Option<PipeId>,
    /// The number of messages sent since a send has asked in which process it is.
    sends_unasked: u32,
    /// How many messages were sent by then, over all; wraps.
    sends_counted: u32,
    /// How many more senders let those that wait go first: the socket was mute, and has room.
    shared_turns: u32,
    /// The send that was just refused is to queue behind those that wait, though there is room.
    queues: bool,
    /// How many calls of tasks in a row had no need to wait.
    ready_turns: u32,
    /// Set once, when the socket closes or its context shuts down; or in a forked child.
    ended: Option<Ended>,
    /// Set once, when the socket retires.
    retiring: Option<Retiring>,
    muted_since: Option<Instant>,
    time_muted: Duration,
    /// Connections within the process wait at our names for a seat.
    refused_within: bool,
    /// Connections within the process that ask nobody yet.
    unseated: Vec<joining::Unseated>,
}

impl State {
    /// Whether the socket is of no more use, and why.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// One hold of the lock has sent this many messages beside the one that the attempt counts.
    pub(crate) fn sent_more(&mut self, messages: u32) {
        self.sends_unasked += messages;
    }

    /// Whether at least `count` peers are connected.
    pub(crate) fn has_peers(&self, count: usize) -> bool {
        self.table.peers().count() >= count
    }

    /// Whether it takes new endpoints.
    fn is_open(&self) -> bool {
        self.ended.is_none() && self.retiring.is_none()
    }
}

impl Core {
    pub(crate) fn new(
        hub: &Arc<Hub>,
        kind: SocketType,
        options: Options,
        pattern: &PatternOptions,
    ) -> Arc<Self> {
        let telemetry = Arc::new(Telemetry::default());
        let facts = kind.facts();
        let mut table = Table::new(
            facts,
            Arc::clone(&telemetry),
            hub.io_threads(),
            options.departed_bytes,
        );
        if options.conflation(kind).received {
            table.lend_nothing();
        }
        let core = Arc::new_cyclic(|this| Self {
            hub: Arc::clone(hub),
            kind,
            facts,
            room: Room::new(State {
                pattern: Pattern::new(kind, pattern),
                table: table.with_deferred_work(DeferredWork::new(Arc::clone(hub), this.clone())),
                options,
                pattern_options: pattern.clone(),
                endpoints: Endpoints::default(),
                leading: false,
                polls: 0,
                busy_poll: BusyPoll::new(hub.busy_poll()),
                spin: Spin::new(!hub.busy_poll().is_zero()),
                idle_check: IdleCheck::new(),
                read_last: None,
                sends_unasked: 0,
                sends_counted: 0,
                shared_turns: 0,
                queues: false,
                ready_turns: 0,
                ended: None,
                retiring: None,
                muted_since: None,
                time_muted: Duration::ZERO,
                refused_within: false,
                unseated: Vec::new(),
            }),
            readable: Event::new(),
            writable: Event::new(),
            changed: Event::new(),
            ends: Event::new(),
            made: Instant::now(),
            receivers: Precedence::default(),
            senders: Precedence::default(),
            leader: LeaderWake::default(),
            lending: Lending::default(),
            telemetry,
            accepted: AcceptedCount::default(),
            handshakes: HandshakeCount::default(),
            next_pipe: AtomicU64::new(1),
            revoked: Arc::default(),
            token: rand::random(),
            retires: AtomicBool::new(false),
            deferred_mail: DeferredMail::default(),
            owed_wakes: OwedWakes::default(),
            this: this.clone(),
        });
        hub.register(&core);
        core.watch_decision();
        core
    }

    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// The lock, with all earlier events applied and all drafts collected; for a call that knows its process.
    #[inline]
    pub(crate) fn lock(&self, here: Here) -> Locked<'_> {
        let mut state = self.room.lock(self, here);
        sync::late_calls::hold_calls();
        state.table.collect_drafts();
        state
    }

    /// The lock, for any call but a send or a receive; an error in a forked child.
    pub(crate) fn enter(&self) -> Result<Locked<'_>, Ended> {
        Ok(self.lock(self.here()?))
    }

    /// The lock for a send or a receive, without asking for the process: in a forked child an error only if the parent held
    /// it at the fork.
    #[inline]
    pub(crate) fn lock_here(&self) -> Result<Locked<'_>, Ended> {
        self.room.lock_here(self).ok_or(Ended::Forked)
    }

    /// Asks whether this process has made the socket, and is no child that has forked since. A system call.
    pub(crate) fn here(&self) -> Result<Here, Ended> {
        self.origin().ask().ok_or(Ended::Forked)
    }

    /// As [`here`](Self::here), for a call that does not wait for the process's threads.
    pub(crate) fn is_here(&self) -> bool {
        self.origin().is_here()
    }

    /// The process that has made the socket.
    pub(crate) fn origin(&self) -> Origin {
        self.hub.origin()
    }

    /// Ends the socket: each waiting and each later call returns an error.
    fn end(&self, state: &mut State, ended: Ended) {
        state.ended.get_or_insert(ended);
        self.readable.notify(usize::MAX);
        self.writable.notify(usize::MAX);
        self.changed.notify(usize::MAX);
        self.ends.notify(usize::MAX);
        if state.leading {
            self.leader.wake();
        }
    }

    /// Whether its peers tell it what they want, so that a message may have room where another has none.
    pub(crate) fn hears_subscriptions(&self) -> bool {
        self.facts.hears_subscriptions
    }

    /// Whether it has retired, or is about to, so that it ends once everything is received.
    pub(crate) fn has_retired(&self) -> bool {
        self.retires.load(Ordering::Acquire)
    }

    /// Waits until at least `count` peers are connected.
    pub(crate) fn wait_for_peers(&self, count: usize, timeout: Duration) -> Result<(), WaitError> {
        self.wait_until(timeout, |state| state.has_peers(count))
    }
}

impl Terminate for Core {
    fn terminate(&self, here: Here) {
        let mut state = self.lock(here);
        self.end(&mut state, Ended::Terminated);
    }
}

/// The lock on a socket. Releasing it applies the events that were posted meanwhile.
pub(crate) type Locked<'a> = sync::Locked<'a, Core>;
