//! The I/O threads: what looks after connections while the application does something else.
//!
//! Owns: listeners, sessions (one configured peer each), links (one live connection each), their timers and back-off.
//! Always true: everything here belongs to one thread; others reach it by [`Request`]s, or through a link's own locks.
//! Must not know: sockets and patterns. It answers a [`SocketSide`] with events.
//!
//! ```text
//!   Engine --Request--> Loop --owns--> Listener --accepts--> Link --------+
//!                        |                                    ^           | PipeEvent
//!                        +-----------> Session --connects-----+           v
//!                                      (its Pipe outlives links)      SocketSide
//! ```

mod admission;
mod affinity;
mod asking;
mod drain;
mod entries;
mod event_loop;
mod handshake;
mod hearing;
mod link;
mod listener;
mod met;
mod parting;
mod proxying;
mod reading;
mod registration;
mod resolver;
mod session;
mod status;
mod timers;
mod traffic;

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use event_listener::{Event, Listener as _};
use highwater_patterns::SocketType;
use polling::Poller;

use admission::Seat;
pub(crate) use admission::Seats;
pub(crate) use drain::{Closing, Drain, Hold};
pub use drain::{DrainReport, RetireReport};
pub(crate) use status::Status;

use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::options::Options;
use crate::origin::{Here, Origin};
pub(crate) use crate::pipe::Key;
use crate::pipe::{Duty, Pipe, PipeEvent, SocketSide};
use crate::stats::Telemetry;
use crate::sync::Mutex;
use crate::transport::{Listener, Stream, Target};
use crate::zmtp::HeartbeatConfig;

/// What every connection of one endpoint has in common.
#[derive(Debug)]
pub(crate) struct EndpointConfig {
    pub(crate) endpoint: Endpoint,
    pub(crate) socket_type: SocketType,
    pub(crate) options: Options,
    /// The part of the options that every connection needs all the time.
    pub(crate) heartbeat: Arc<HeartbeatConfig>,
    pub(crate) side: Arc<dyn SocketSide>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) seats: Seats,
    /// Names the socket to peers of this library.
    pub(crate) token: u64,
}

/// What others ask of an I/O thread.
#[derive(Debug)]
enum Request {
    /// Accept connections.
    Listen {
        key: Key,
        /// Far larger than anything else that is asked.
        listener: Box<Listener>,
        config: Arc<EndpointConfig>,
    },
    /// Look after an accepted connection.
    Adopt {
        stream: Stream,
        /// Where it comes from; empty if it has no name.
        address: String,
        seat: Seat,
        listener: Key,
        config: Arc<EndpointConfig>,
    },
    /// Keep a connection to a peer.
    Connect {
        key: Key,
        config: Arc<EndpointConfig>,
        pipe: Option<Arc<Pipe>>,
        status: Status,
        /// A connection that is there already, and cannot be made again.
        stream: Option<Stream>,
    },
    /// Take no connections any more on a listener, or take them again.
    Accept {
        key: Key,
        accept: bool,
        /// Told when it is so.
        done: crossbeam_channel::Sender<()>,
    },
    /// Listen no more; the connections that were accepted go on.
    StopListening {
        key: Key,
        /// Told when it is so.
        done: crossbeam_channel::Sender<()>,
    },
    /// End a listener, with the connections it accepted, or a session.
    Close {
        key: Key,
        closing: Closing,
        /// Told when a listener no longer listens.
        closed: Option<crossbeam_channel::Sender<()>>,
    },
    /// A name has been looked up.
    Resolved {
        key: Key,
        outcome: Result<Vec<Target>, LinkError>,
    },
    /// Work on one link.
    Duty(Key, Duty),
    /// Tell a socket what it has told itself, or have it read what it was told.
    Tell {
        side: Weak<dyn SocketSide>,
        event: Option<PipeEvent>,
    },
    /// End, once nothing is left.
    Stop,
}

impl Request {
    /// What it concerns; 0 if that has no key yet.
    fn key(&self) -> Key {
        match self {
            Self::Listen { key, .. }
            | Self::Connect { key, .. }
            | Self::Accept { key, .. }
            | Self::StopListening { key, .. }
            | Self::Close { key, .. }
            | Self::Resolved { key, .. }
            | Self::Duty(key, _) => *key,
            Self::Adopt { .. } | Self::Tell { .. } | Self::Stop => 0,
        }
    }

    /// Whether it may overtake the others: it concerns a listener, whose caller waits, or a live connection. A connection
    /// that is handed over, and the end of its listener on that thread, are to stay in their order.
    fn is_urgent(&self) -> bool {
        match self {
            Self::Listen { .. }
            | Self::Accept { .. }
            | Self::StopListening { .. }
            | Self::Duty(..)
            | Self::Tell { .. }
            | Self::Close {
                closed: Some(_), ..
            } => true,
            Self::Adopt { .. }
            | Self::Connect { .. }
            | Self::Close { closed: None, .. }
            | Self::Resolved { .. }
            | Self::Stop => false,
        }
    }
}

/// The connects that the I/O threads of a context have not begun yet. Who makes more than they can begin waits a
/// little, so that their number is bounded, and with it the time that everything else waits behind them.
#[derive(Debug, Default)]
struct QueuedConnects {
    count: AtomicUsize,
    fewer: Event,
}

/// With this many connects queued, a further one waits for its turn. To begin one takes some 20 µs.
const MOST_QUEUED_CONNECTS: usize = 1024;

/// For this long at most: an I/O thread that makes no progress holds up nobody for ever.
const LONGEST_TURN: Duration = Duration::from_secs(1);

impl QueuedConnects {
    fn wait_for_turn(&self) {
        let deadline = Instant::now() + LONGEST_TURN;
        while self.count.load(Ordering::SeqCst) >= MOST_QUEUED_CONNECTS {
            let listener = self.fewer.listen();
            if self.count.load(Ordering::SeqCst) >= MOST_QUEUED_CONNECTS
                && listener.wait_deadline(deadline).is_none()
            {
                return;
            }
        }
    }

    fn begun(&self) {
        // Half of them at a time: to wake somebody for each would cost more than the connects.
        if self.count.fetch_sub(1, Ordering::SeqCst) == MOST_QUEUED_CONNECTS / 2 {
            self.fewer.notify(usize::MAX);
        }
    }
}

/// The part of an I/O thread that others reach.
#[derive(Debug)]
struct Shared {
    poller: Arc<Poller>,
    inbox: Mutex<Inbox>,
    next_key: Arc<AtomicUsize>,
    queued_connects: Arc<QueuedConnects>,
    origin: Origin,
}

/// In each of the two, requests are handled in the order in which they came.
#[derive(Debug, Default)]
struct Inbox {
    /// What somebody waits for, or what a live connection needs.
    urgent: Vec<Request>,
    /// What takes the system longer: connections that begin and end.
    others: Vec<Request>,
    /// The thread waits for the poller, or is about to.
    asleep: bool,
}

impl Shared {
    /// Hands over a request; wakes the thread only if it sleeps. In a forked child, where there is no such thread, the
    /// parent's is left alone.
    fn send(&self, request: Request) {
        let Some(mut inbox) = self.inbox.lock_here(|| self.origin.is_here()) else {
            return;
        };
        if request.is_urgent() {
            inbox.urgent.push(request);
        } else {
            inbox.others.push(request);
        }
        let wake = std::mem::take(&mut inbox.asleep);
        drop(inbox);
        if wake && self.origin.is_here() {
            // It fails only where the system is out of resources for an eventfd write; the thread then finds the
            // request when its next timer or event wakes it.
            let _ = self.poller.notify();
        }
    }
}

thread_local! {
    static IS_IO_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Whether the thread at hand is an I/O thread, of any context: it must not wait.
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
        for index in 0..engine.threads.len() {
            let (before, from) = engine.threads.split_at(index);
            let turned = from.iter().chain(before).cloned().collect();
            let processors = processors.to_vec();
            let (report, pinned) = crossbeam_channel::bounded(1);
            let started = std::thread::Builder::new()
                .name(format!("{name}-io-{index}"))
                .spawn(move || {
                    let outcome = affinity::pin(&processors);
                    let run = outcome.is_ok();
                    // Nobody waits any more only if the start was given up.
                    let _ = report.send(outcome);
                    if run {
                        IS_IO_THREAD.set(true);
                        event_loop::Loop::new(turned).run();
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

    /// Waits, a second at most, while more connects are queued than the I/O threads begin in some 20 ms. Not to be called
    /// with a lock held.
    pub(crate) fn wait_for_turn(&self, _: Here) {
        self.threads[0].queued_connects.wait_for_turn();
    }

    /// Connects, and connects again whenever the connection is lost; the key ends it. Without a `pipe`, each
    /// connection gets one of its own. With a `stream`, that is the connection, and there is no other after it.
    pub(crate) fn connect(
        &self,
        config: Arc<EndpointConfig>,
        pipe: Option<Arc<Pipe>>,
        status: Status,
        stream: Option<Stream>,
    ) -> Key {
        let key = self.new_key();
        let queued = &self.threads[0].queued_connects;
        queued.count.fetch_add(1, Ordering::SeqCst);
        self.thread_for(key).send(Request::Connect {
            key,
            config,
            pipe,
            status,
            stream,
        });
        key
    }

    /// Stops the listener `key` from taking connections, or lets it again. On return it is so.
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
        // The others only now: what the listener has handed to them is in their inboxes already.
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

    /// Has an I/O thread tell `side` of `event`; without one, has it read what it was told and has left unread.
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
