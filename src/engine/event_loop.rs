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
use std::sync::Arc;
use std::time::{Duration, Instant};

use polling::{Event, Events};

use super::entries::{Entry, LinkEntry, Reached};
use super::helpers::Helpers;
use super::inbox::{Inbox, Shared};
use super::lenders::Lenders;
use super::link::Link;
use super::mechanism::Mechanisms;
use super::request::Request;
use super::resolver::Resolver;
use super::scheduled::Scheduled;
use super::timers::Timers;
use super::{Closing, Key};
use crate::error::LinkError;
use crate::pipe::{BufferPool, BusyReaders, Duty};
use crate::policy::tuning::{
    CURVE_STEPS_IN_A_TURN, OTHERS_IN_A_ROUND, REQUEST_ROUNDS, URGENT_IN_A_ROUND,
};

/// One I/O thread.
#[derive(Debug)]
pub(super) struct Loop {
    /// The way to this thread, then to the others of the context.
    pub(super) threads: Vec<Arc<Shared>>,
    pub(super) next_thread: usize,
    /// Requests that were taken out of the inbox and wait for a later turn of the loop.
    urgent: VecDeque<Request>,
    others: VecDeque<Request>,
    pub(super) entries: HashMap<Key, Entry>,
    pub(super) timers: Timers,
    pub(super) resolver: Resolver,
    /// The threads of the context on which it is decided who may come in.
    pub(super) deciders: Arc<Helpers>,
    pub(super) mechanisms: Mechanisms,
    /// The read buffer of the thread's links. One is enough, since an idle link needs none.
    pub(super) scratch: Vec<u8>,
    /// The pool of buffers for large bodies of all links.
    pub(super) buffers: Arc<BufferPool>,
    /// How many links are streams at present, which share the processor's cache.
    pub(super) busy_readers: Arc<BusyReaders>,
    pub(super) scheduled: Scheduled,
    pub(super) lenders: Lenders,
    /// Handshakes that may still go a step with multiplications on the curve in this turn.
    pub(super) steps_left: u32,
    stopping: bool,
}

impl Loop {
    /// `threads`: this thread first, then the others of the context.
    pub(super) fn new(threads: Vec<Arc<Shared>>, deciders: Arc<Helpers>) -> Self {
        Self {
            deciders,
            resolver: Resolver::new(Arc::clone(&threads[0])),
            threads,
            next_thread: 0,
            urgent: VecDeque::new(),
            others: VecDeque::new(),
            entries: HashMap::new(),
            timers: Timers::default(),
            mechanisms: Mechanisms::default(),
            scratch: Vec::new(),
            buffers: Arc::default(),
            busy_readers: Arc::default(),
            scheduled: Scheduled::default(),
            lenders: Lenders::default(),
            steps_left: 0,
            stopping: false,
        }
    }

    /// Runs until it is asked to stop and has no entry left. Work for one connection is [guarded](Self::guarded). A
    /// panic elsewhere is logged and the thread goes on, since a context without its I/O thread would hang silently.
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
            self.steps_left = CURVE_STEPS_IN_A_TURN;
            for event in events.iter() {
                self.guarded(event.key, |this| this.handle_event(event));
            }
            self.take_requests();
            self.scheduled.look();
            self.flush();
            self.fire_timers();
            self.lenders.tick();
        }
    }

    /// Does `work` for the entry `key`. Code of the application may run in it: the destructor of a body's owner, a
    /// subscriber of the log. A panic there, or in ours, ends this entry alone.
    pub(super) fn guarded(&mut self, key: Key, work: impl FnOnce(&mut Self)) {
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
            // The first panic was logged already.
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

    /// Handles some of the requests. If there is none, gives false and notes that the thread is about to sleep.
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

    /// Handles at most `most` requests of a queue.
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
                counted,
                listener,
                config,
            } => self.adopt(stream, address, counted, listener, config),
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
            Request::Judged { key, answer } => self.judged(key, answer),
            Request::Duty(key, Duty::Flush) => self.schedule(key),
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

    /// Ends the entry `key`.
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

    /// How long the poller may wait; `None` without limit.
    fn time_to_wait(&mut self) -> Option<Duration> {
        if self.scheduled.is_due() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let tick = self.lenders.next_tick(now);
        let look = self.scheduled.next_look(now);
        let deadlines = [self.timers.next(), tick, look];
        let deadline = deadlines.into_iter().flatten().min();
        deadline.map(|deadline| deadline.saturating_duration_since(now))
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

    pub(super) fn link_entry(&mut self, key: Key) -> Option<&mut LinkEntry> {
        match self.entries.get_mut(&key) {
            Some(Entry::Link(entry)) => Some(entry),
            _ => None,
        }
    }

    pub(super) fn link(&self, key: Key) -> Option<&Arc<Link>> {
        match self.entries.get(&key) {
            Some(Entry::Link(entry)) => Some(&entry.link),
            _ => None,
        }
    }
}
