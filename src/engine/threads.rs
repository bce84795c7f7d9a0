//! The I/O threads of a context, as the other parts use them.
//!
//! Owns: the threads, and the routing of each request to the thread that it concerns.
//! Always true: a listener or session belongs for life to the thread that its key names.
//! Must not know: how a thread carries out a request.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use polling::Poller;

use super::affinity;
use super::config::EndpointConfig;
use super::drain::{Closing, Drain};
use super::event_loop::Loop;
use super::helpers::Helpers;
use super::inbox::Shared;
use super::queued_connects::QueuedConnects;
use super::request::Request;
use super::status::Status;
use crate::origin::{Here, Origin};
use crate::pipe::{Key, Pipe, PipeEvent, SocketSide};
use crate::policy::tuning::{DECIDER_THREADS, UNDECIDED};
use crate::sync::Mutex;
use crate::transport::{Listener, Stream};

thread_local! {
    static IS_IO_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is an I/O thread of any context, which must not wait.
pub(crate) fn is_io_thread() -> bool {
    IS_IO_THREAD.try_with(Cell::get).unwrap_or(false)
}

/// The I/O threads of a context.
#[derive(Debug)]
pub(crate) struct Engine {
    threads: Vec<Arc<Shared>>,
    next_key: Arc<AtomicUsize>,
}

impl Engine {
    /// Starts `count` I/O threads, at least one, on these processors; on any if there are none.
    pub(crate) fn start(count: usize, name: &str, processors: &[usize]) -> io::Result<Self> {
        let next_key = Arc::new(AtomicUsize::new(1));
        let queued_connects = Arc::new(QueuedConnects::default());
        let mut threads = Vec::new();
        for _ in 0..count.max(1) {
            threads.push(Arc::new(Shared {
                poller: Arc::new(Poller::new()?),
                inbox: Mutex::default(),
                next_key: Arc::clone(&next_key),
                queued_connects: Arc::clone(&queued_connects),
                origin: Origin::here(),
            }));
        }
        let engine = Self { threads, next_key };
        let deciders =
            Arc::new(Helpers::new("highwater-decider", DECIDER_THREADS).bounded(UNDECIDED));
        for index in 0..engine.threads.len() {
            let (before, from) = engine.threads.split_at(index);
            let turned = from.iter().chain(before).cloned().collect();
            let processors = processors.to_vec();
            let deciders = Arc::clone(&deciders);
            let (report, pinned) = crossbeam_channel::bounded(1);
            let started = std::thread::Builder::new()
                .name(format!("{name}-io-{index}"))
                .spawn(move || {
                    let outcome = affinity::pin(&processors);
                    let run = outcome.is_ok();
                    // This fails if the start was given up and nobody waits for the outcome.
                    let _ = report.send(outcome);
                    if run {
                        IS_IO_THREAD.set(true);
                        Loop::new(turned, deciders).run();
                    }
                })
                .and_then(|_| pinned.recv().unwrap_or(Err(io::ErrorKind::Other.into())));
            if let Err(error) = started {
                engine.stop();
                return Err(error);
            }
        }
        Ok(engine)
    }

    /// Accepts connections on `listener`; the key ends it.
    pub(crate) fn listen(&self, listener: Listener, config: Arc<EndpointConfig>) -> Key {
        let key = self.new_key();
        self.thread_for(key).send(Request::Listen {
            key,
            listener: Box::new(listener),
            config,
        });
        key
    }

    /// Waits while more connects are queued than the I/O threads begin in some 20 ms; a second at most. Must not be
    /// called with a lock held.
    pub(crate) fn wait_for_turn(&self, _: Here) {
        self.threads[0].queued_connects.wait_for_turn();
    }

    /// Connects, and connects again each time that the connection is lost; the key ends it. Without a `pipe`, each
    /// connection gets one of its own. A `stream` is the only connection: it is not made again.
    pub(crate) fn connect(
        &self,
        config: Arc<EndpointConfig>,
        pipe: Option<Arc<Pipe>>,
        status: Status,
        stream: Option<Stream>,
    ) -> Key {
        let key = self.new_key();
        self.threads[0].queued_connects.queued();
        self.thread_for(key).send(Request::Connect {
            key,
            config,
            pipe,
            status,
            stream,
        });
        key
    }

    /// Has the listener `key` accept no connections, or accept them again. On return it is so.
    pub(crate) fn accept(&self, key: Key, accept: bool, _: Here) {
        let (done, is_done) = crossbeam_channel::bounded(1);
        self.thread_for(key)
            .send(Request::Accept { key, accept, done });
        // An error says that the request was dropped, by a panic, and with it the listener.
        let _ = is_done.recv();
    }

    /// Ends the listener `key`, and leaves the connections that it has accepted. On return the address is free.
    pub(crate) fn stop_listening(&self, key: Key, _: Here) {
        let (done, is_done) = crossbeam_channel::bounded(1);
        self.thread_for(key)
            .send(Request::StopListening { key, done });
        // An error says that the request was dropped, by a panic, and with it the listener.
        let _ = is_done.recv();
    }

    /// Ends the listener `key` and the connections it accepted. On return the address is free.
    pub(crate) fn close_listener(&self, key: Key, closing: &Closing, _: Here) {
        let _hold = Drain::hold(&closing.drains);
        let close = |closed| {
            closing.drains.iter().for_each(|drain| drain.begin());
            Request::Close {
                key,
                closing: closing.clone(),
                closed,
            }
        };
        let owner = self.thread_for(key);
        let (closed, is_closed) = crossbeam_channel::bounded(1);
        owner.send(close(Some(closed)));
        // An error says that the request was dropped, by a panic, and with it the listener.
        let _ = is_closed.recv();
        // The other threads are asked only now: the connections that the listener gave them are in their inboxes
        // already.
        for thread in self
            .threads
            .iter()
            .filter(|thread| !Arc::ptr_eq(thread, owner))
        {
            thread.send(close(None));
        }
    }

    /// Ends the session `key`.
    pub(crate) fn close_session(&self, key: Key, closing: &Closing) {
        closing.drains.iter().for_each(|drain| drain.begin());
        self.thread_for(key).send(Request::Close {
            key,
            closing: closing.clone(),
            closed: None,
        });
    }

    /// Has an I/O thread tell `side` of `event`, or without an event apply its mail.
    pub(crate) fn tell(&self, side: Weak<dyn SocketSide>, event: Option<PipeEvent>) {
        self.threads[0].send(Request::Tell { side, event });
    }

    /// Lets the threads end by themselves once nothing is left to do.
    pub(crate) fn stop(&self) {
        for thread in &self.threads {
            thread.send(Request::Stop);
        }
    }

    fn new_key(&self) -> Key {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }

    fn thread_for(&self, key: Key) -> &Arc<Shared> {
        &self.threads[key % self.threads.len()]
    }
}
