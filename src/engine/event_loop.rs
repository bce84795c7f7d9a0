//! The loop of one I/O thread.
//!
//! Owns: every listener, session and link of this thread, their timers, and the order in which work is done.
//! Always true: no call in here blocks but the one wait; before it waits, every request has been seen, and every lent
//! link is either waited on by its socket or watched by a tick.
//!
//! One turn: wait; handle events; handle requests; write what was scheduled, yielding once before it believes that a
//! stream has ended; fire timers; look after lent links.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use polling::{Event, Events};

use super::entries::{Entry, Reached};
use super::inbox::{Inbox, Shared};
use super::link::Link;
use super::request::Request;
use super::resolver::Resolver;
use super::timers::Timers;
use super::{Closing, Key};
use crate::error::LinkError;
use crate::pipe::{BufferPool, BusyReaders, Duty, PipeEvent, Pumped, SocketSide};

/// How long a lent link that is not in use stays lent: one to two ticks.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// How often scheduled links are written before the poller is asked again, which costs five system calls.
const FLUSH_ROUNDS: usize = 16;

/// How long a link whose sender is at work in a stream is left to it; as long as there is one, twice as long each time, up
/// to the most. To look costs some microseconds, and there may be no processor to spare.
const LOOK: Duration = Duration::from_micros(100);
const LONGEST_LOOK: Duration = Duration::from_micros(400);

/// How often requests are taken before the poller is asked again: many senders together could keep this thread busy, and
/// from hearing of input, for ever.
const REQUEST_ROUNDS: usize = 4;

/// How many requests are handled in a round: the urgent ones take a microsecond or less, the others some 20.
const URGENT_IN_A_ROUND: usize = 512;
const OTHERS_IN_A_ROUND: usize = 256;

/// One I/O thread.
#[derive(Debug)]
pub(super) struct Loop {
    /// The way to this thread, then to the others of the context.
    pub(super) threads: Vec<Arc<Shared>>,
    pub(super) next_thread: usize,
    /// Requests that were taken out of the inbox and wait for a later round.
    urgent: VecDeque<Request>,
    others: VecDeque<Request>,
    pub(super) entries: HashMap<Key, Entry>,
    pub(super) timers: Timers,
    pub(super) resolver: Resolver,
    /// What links read into; one for the thread, since an idle link needs none.
    pub(super) scratch: Vec<u8>,
    /// What the large bodies of all links are read into.
    pub(super) buffers: Arc<BufferPool>,
    /// How many links read much at present.
    pub(super) busy_readers: Arc<BusyReaders>,
    /// Links with bytes to write.
    flushing: Vec<Key>,
    /// Links that have some, too, left to their senders until the next look.
    streaming: Vec<Key>,
    next_look: Option<Instant>,
    look_after: Duration,
    /// Sockets that have borrowed a reader.
    lenders: Vec<Lender>,
    next_tick: Option<Instant>,
    stopping: bool,
}

/// A socket that has borrowed a reader.
#[derive(Debug)]
struct Lender {
    /// Weak: a socket that is closed while it waits has no link left through which it could tell of that.
    side: Weak<dyn SocketSide>,
    /// Its uses at the last tick.
    seen: u32,
    /// It is looked at with each tick; otherwise it waits, and tells when it no longer does.
    ticking: bool,
}

impl Loop {
    /// `threads`: this thread first, then the others of the context.
    pub(super) fn new(threads: Vec<Arc<Shared>>) -> Self {
        Self {
            resolver: Resolver::new(Arc::clone(&threads[0])),
            threads,
            next_thread: 0,
            urgent: VecDeque::new(),
            others: VecDeque::new(),
            entries: HashMap::new(),
            timers: Timers::default(),
            scratch: Vec::new(),
            buffers: Arc::default(),
            busy_readers: Arc::default(),
            flushing: Vec::new(),
            streaming: Vec::new(),
            next_look: None,
            look_after: LOOK,
            lenders: Vec::new(),
            next_tick: None,
            stopping: false,
        }
    }

    /// Until it is to stop and nothing is left. What is done for one connection is [guarded](Self::guarded); should anything
    /// else panic, it is told, and the thread goes on: a context without its I/O thread would hang in silence.
    pub(super) fn run(mut self) {
        while catch_unwind(AssertUnwindSafe(|| self.turns())).is_err() {
            tracing::error!(target: "highwater", "an I/O thread panicked, and goes on");
        }
    }

    fn turns(&mut self) {
        let mut events = Events::new();
        let mut rounds = 0;
        while !(self.stopping && self.entries.is_empty() && self.others.is_empty()) {
            let pressed = rounds == REQUEST_ROUNDS;
            if !pressed && self.take_requests() {
                self.flush();
                rounds += 1;
                continue;
            }
            rounds = 0;
            events.clear();
            let timeout = if pressed {
                Some(Duration::ZERO)
            } else {
                self.time_to_wait()
            };
            if let Err(error) = self.threads[0].poller.wait(&mut events, timeout) {
                tracing::error!(target: "highwater", "waiting for events failed: {error}");
                std::thread::yield_now();
            }
            self.threads[0].inbox.lock().asleep = false;
            for event in events.iter() {
                self.guarded(event.key, |this| this.handle_event(event));
            }
            self.take_requests();
            self.look();
            self.flush();
            self.fire_timers();
            self.tick();
        }
    }

    /// Does `work` for whatever `key` is. Code of the application may run in it: the owner of a body that is dropped, a
    /// subscriber of the log. Should that panic, or we, it costs this one connection.
    fn guarded(&mut self, key: Key, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            self.has_panicked(key);
        }
    }

    #[cold]
    fn has_panicked(&mut self, key: Key) {
        tracing::error!(target: "highwater", "a panic on an I/O thread, which goes on; the connection concerned is ended");
        let end = |this: &mut Self| this.link_failed(key, LinkError::Panicked);
        if catch_unwind(AssertUnwindSafe(|| end(self))).is_err()
            && let Some(Entry::Link(link)) = self.entries.remove(&key)
        {
            let owner = link.owner;
            let go_on = |this: &mut Self| {
                drop(link);
                this.session_link_ended(owner, LinkError::Panicked, Reached::Traffic);
            };
            // It was told already.
            let _ = catch_unwind(AssertUnwindSafe(|| go_on(self)));
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.threads[0]
    }

    pub(super) fn new_key(&self) -> Key {
        self.shared()
            .next_key
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    /// Handles some of what others have asked for; false, and ready to be woken, if there was nothing.
    fn take_requests(&mut self) -> bool {
        let mut inbox: crate::sync::MutexGuard<'_, Inbox> = self.threads[0].inbox.lock();
        self.urgent.extend(inbox.urgent.drain(..));
        self.others.extend(inbox.others.drain(..));
        inbox.asleep = self.urgent.is_empty() && self.others.is_empty();
        if inbox.asleep {
            return false;
        }
        drop(inbox);
        self.handle_some(URGENT_IN_A_ROUND, |this| &mut this.urgent);
        self.handle_some(OTHERS_IN_A_ROUND, |this| &mut this.others);
        true
    }

    /// Handles `most` requests of a queue, if there are so many.
    fn handle_some(&mut self, most: usize, queue: fn(&mut Self) -> &mut VecDeque<Request>) {
        for _ in 0..most {
            let Some(request) = queue(self).pop_front() else {
                return;
            };
            self.guarded(request.key(), |this| this.handle_request(request));
        }
    }

    fn handle_request(&mut self, request: Request) {
        match request {
            Request::Listen {
                key,
                listener,
                config,
            } => self.add_listener(key, *listener, config),
            Request::Adopt {
                stream,
                address,
                seat,
                listener,
                config,
            } => self.adopt(stream, address, seat, listener, config),
            Request::Connect {
                key,
                config,
                pipe,
                status,
                stream,
            } => {
                self.shared().queued_connects.begun();
                self.add_session(key, config, pipe, status, stream);
            }
            Request::Accept { key, accept, done } => {
                self.set_accepting(key, accept);
                // Nobody waits any more; that is not ours to judge.
                let _ = done.send(());
            }
            Request::StopListening { key, done } => {
                self.accept_rest(key);
                self.close_listener(key);
                // Nobody waits any more; that is not ours to judge.
                let _ = done.send(());
            }
            Request::Close {
                key,
                closing,
                closed,
            } => {
                self.close(key, &closing);
                if let Some(closed) = closed {
                    // Nobody waits any more; that is not ours to judge.
                    let _ = closed.send(());
                }
            }
            Request::Resolved { key, outcome } => self.resolved(key, outcome),
            Request::Duty(key, Duty::Flush) => self.flushing.push(key),
            Request::Duty(key, duty) => self.do_duty(key, duty),
            Request::Tell { side, event } => {
                if let Some(side) = side.upgrade() {
                    match event {
                        Some(event) => side.happened(event),
                        None => side.read_mail(),
                    }
                }
            }
            Request::Stop => self.stopping = true,
        }
    }

    fn handle_event(&mut self, event: Event) {
        match self.entries.get(&event.key) {
            Some(Entry::Listener(_)) => self.accept_event(event.key),
            Some(Entry::Link(_)) => self.link_event(event.key, event.readable, event.writable),
            Some(Entry::Session(_)) | None => {}
        }
    }

    /// Ends whatever `key` is.
    fn close(&mut self, key: Key, closing: &Closing) {
        match self.entries.get(&key) {
            Some(Entry::Session(_)) => self.close_session(key, closing),
            _ => {
                self.close_listener(key);
                let children: Vec<Key> = self
                    .entries
                    .iter()
                    .filter(|(_, entry)| matches!(entry, Entry::Link(link) if link.owner == key))
                    .map(|(key, _)| *key)
                    .collect();
                for child in children {
                    closing.drains.iter().for_each(|drain| drain.begin());
                    self.close_link(child, closing);
                }
            }
        }
        closing.drains.iter().for_each(|drain| drain.finish(0, 0));
    }

    /// A link has bytes to write.
    pub(super) fn schedule(&mut self, key: Key) {
        self.flushing.push(key);
    }

    /// Writes what was scheduled. A link that has nothing left is looked at once more after a yield, since a stream
    /// pauses between any two messages; only then does its duty end.
    fn flush(&mut self) {
        for _ in 0..FLUSH_ROUNDS {
            let flushing = std::mem::take(&mut self.flushing);
            let mut pumped = Vec::new();
            for key in flushing {
                let mut outcome = None;
                self.guarded(key, |this| outcome = this.pump(key));
                match outcome {
                    Some(Pumped::Drained | Pumped::Contended | Pumped::Lent) => pumped.push(key),
                    Some(Pumped::Streaming) => self.streaming.push(key),
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
                    .is_some_and(|pipe| !pipe.outgoing.retire())
                {
                    self.flushing.push(key);
                } else {
                    self.link_drained(key);
                }
            }
        }
    }

    /// Writes what one link has; `None` if it is gone.
    fn pump(&mut self, key: Key) -> Option<Pumped> {
        let Some(Entry::Link(entry)) = self.entries.get(&key) else {
            return None;
        };
        let outgoing = &entry.pipe.as_ref()?.outgoing;
        let mut outcome = outgoing.pump();
        if let Ok(Pumped::Lent) = outcome {
            // The socket gives it back now, or as soon as its sender lets go of the lock.
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

    /// Looks at the streams again, when it is time: one that has ended has bytes to write.
    fn look(&mut self) {
        if self.next_look.is_some_and(|look| look <= Instant::now()) {
            self.next_look = None;
            self.look_after = LONGEST_LOOK.min(2 * self.look_after);
            // A link may have come here twice: from a duty, and when its kernel had room again.
            self.streaming.sort_unstable();
            self.streaming.dedup();
            self.flushing.append(&mut self.streaming);
        }
    }

    /// How long the poller may wait.
    fn time_to_wait(&mut self) -> Option<Duration> {
        if !self.flushing.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let watched = self.lenders.iter().any(|lender| lender.ticking);
        self.next_tick = watched.then(|| self.next_tick.unwrap_or(now + TICK));
        if self.streaming.is_empty() {
            self.next_look = None;
            self.look_after = LOOK;
        } else {
            self.next_look.get_or_insert(now + self.look_after);
        }
        let deadlines = [self.timers.next(), self.next_tick, self.next_look];
        let deadline = deadlines.into_iter().flatten().min();
        deadline.map(|deadline| deadline.saturating_duration_since(now))
    }

    /// Looks after the lent links. One that has not been used for a whole tick is taken back; or, if its socket waits
    /// on it, left alone until that says that the wait is over.
    fn tick(&mut self) {
        if self.next_tick.is_none_or(|tick| Instant::now() < tick) {
            return;
        }
        self.next_tick = None;
        self.lenders.retain_mut(|lender| {
            let Some(side) = lender.side.upgrade() else {
                return false;
            };
            let lending = side.lending();
            let uses = lending.uses();
            if !lender.ticking {
                return true;
            }
            if std::mem::replace(&mut lender.seen, uses) != uses {
                // It is busy with some of them. A receiver that takes long over each message checks the others now.
                lending.check_after(0);
                return true;
            }
            if lending.is_waiting() {
                lender.ticking = lending.must_tick();
                return true;
            }
            !side.return_readers()
        });
    }

    /// A socket has borrowed a reader, or has stopped to wait after so long that nobody ticked any more.
    pub(super) fn watch(&mut self, side: Arc<dyn SocketSide>) {
        side.lending().watched();
        let seen = side.lending().uses();
        let side = Arc::downgrade(&side);
        self.lenders.retain(|known| known.side.strong_count() > 0);
        match self
            .lenders
            .iter_mut()
            .find(|known| known.side.ptr_eq(&side))
        {
            Some(lender) => lender.ticking = true,
            None => self.lenders.push(Lender {
                side,
                seen,
                ticking: true,
            }),
        }
    }

    fn fire_timers(&mut self) {
        if self.timers.next().is_none() {
            return;
        }
        let now = Instant::now();
        while let Some(key) = self.timers.pop(now) {
            self.guarded(key, |this| match this.entries.get(&key) {
                Some(Entry::Listener(_)) => this.resume_accepting(key),
                Some(Entry::Session(_)) => this.session_timer(key, now),
                Some(Entry::Link(_)) => this.link_timer(key, now),
                None => {}
            });
        }
    }

    pub(super) fn link(&self, key: Key) -> Option<&Arc<Link>> {
        match self.entries.get(&key) {
            Some(Entry::Link(entry)) => Some(&entry.link),
            _ => None,
        }
    }
}
