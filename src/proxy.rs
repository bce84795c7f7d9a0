//! Two sockets joined: what arrives at one is sent by the other.
//!
//! Owns: the loop that forwards, its switches, and its counts.
//! Always true: a message is taken from a side only if the other side can send; each direction gets its turn; at most
//! one message a direction is held; no two sockets' locks are held at once.
//! Must not know: socket types. Messages pass as the untyped core has them: a ROUTER puts the routing id in front.
//! Source: as libzmq's zmq_proxy_steerable.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::thread::{JoinHandle, Thread};

use highwater_patterns::{Message, Refusal};

use crate::facade::AsSocket;
use crate::origin::Origin;
use crate::policy::tuning::PROXY_TURN;
use crate::socket::{Core, Interest, RecvFailure, SendFailure, State, Wait, Watch};
use crate::sync::Mutex;

/// Joins two sockets: what arrives at either is sent by the other, whole and unchanged, envelopes included.
///
/// | frontend | backend | makes |
/// |---|---|---|
/// | `Router` | `Dealer` | a broker of requests: many clients, many workers |
/// | `XSub` | `XPub` | a forwarder of published messages; subscriptions travel the other way |
/// | `Pull` | `Push` | a streamer: a pipeline with one more stage |
///
/// Any other two make sense as far as their peers understand each other. A side is read only while the opposite one
/// can send, so high-water marks work across a proxy. The same socket may be both sides; then it is sent what it
/// receives.
///
/// A proxy does not own its sockets. It ends when it is stopped, or when one of them is closed or its context shut
/// down.
///
/// ```
/// use highwater::{Context, Dealer, Proxy, Rep, Req, Router};
///
/// let context = Context::new();
/// let (frontend, backend) = (Router::new(&context), Dealer::new(&context));
/// let clients = frontend.bind("tcp://127.0.0.1:0")?;
/// let workers = backend.bind("tcp://127.0.0.1:0")?;
/// let broker = Proxy::new(&frontend, &backend).spawn()?;
///
/// let worker = Rep::new(&context);
/// worker.connect(&workers)?;
/// let mut client = Req::new(&context);
/// client.connect(&clients)?;
/// let pending = client.send("ping")?;
/// worker.recv()?.reply("pong")?;
/// assert_eq!(pending.recv()?, "pong");
/// assert_eq!(broker.stop().frontend.messages_received, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    frontend: Arc<Core>,
    backend: Arc<Core>,
    capture: Option<Arc<Core>>,
    switch: Arc<Switch>,
}

/// Steers a [`Proxy`], from any thread; cheap to clone.
#[derive(Debug, Clone)]
pub struct ProxyControl {
    switch: Arc<Switch>,
}

/// A [`Proxy`] that runs on a thread of its own. Dropping it stops the proxy and waits for the thread.
#[derive(Debug)]
pub struct ProxyHandle {
    control: ProxyControl,
    thread: Option<JoinHandle<ProxyStats>>,
}

/// What a proxy has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProxyStats {
    /// At the frontend.
    pub frontend: ProxySide,
    /// At the backend.
    pub backend: ProxySide,
    /// Messages that the side they were meant for did not take: a ROUTER knows nobody of that id, or that peer has no
    /// room.
    pub undeliverable: u64,
    /// Messages that the capture socket had no room for.
    pub not_captured: u64,
}

/// One side of a proxy. Bytes are those of all frames, without framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProxySide {
    /// Messages taken from this side.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Messages sent by this side.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
}

/// What the proxy and those who steer it share.
#[derive(Default)]
struct Switch {
    paused: AtomicBool,
    stopped: AtomicBool,
    forth: Counts,
    back: Counts,
    not_captured: AtomicU64,
    /// The proxy's thread, while it runs.
    runner: Mutex<Option<Waker>>,
    origin: Origin,
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch")
            .field("paused", &self.paused)
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

/// What went in one direction.
#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    received_bytes: AtomicU64,
    sent: AtomicU64,
    sent_bytes: AtomicU64,
    undeliverable: AtomicU64,
}

/// What goes one way.
#[derive(Debug)]
struct Direction<'a> {
    from: &'a Arc<Core>,
    to: &'a Arc<Core>,
    counts: &'a Counts,
    /// Taken, and not taken by the other side, which had room a moment before.
    held: Option<Message>,
}

/// Ends the sleep of the proxy's thread.
#[derive(Debug)]
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Why forwarding in one direction has paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// The turn is over; there may be more.
    Turn,
    /// Nothing to forward.
    Empty,
    /// The sending side has no room.
    Full,
    /// A socket is of no more use.
    Ended,
}

impl Proxy {
    /// Joins `frontend` and `backend`; nothing happens before [`run`](Self::run) or [`spawn`](Self::spawn).
    pub fn new(frontend: &impl AsSocket, backend: &impl AsSocket) -> Self {
        Self {
            frontend: frontend.as_socket().into_core(),
            backend: backend.as_socket().into_core(),
            capture: None,
            switch: Arc::default(),
        }
    }

    /// Sends a copy of every message, in either direction, to `capture` before it is forwarded.
    ///
    /// The copy is dropped, and counted as [`not_captured`](ProxyStats::not_captured), if `capture` has no room at
    /// that moment: watching does not slow down what is watched. libzmq waits there.
    #[must_use]
    pub fn capture(mut self, capture: &impl AsSocket) -> Self {
        self.capture = Some(capture.as_socket().into_core());
        self
    }

    /// What steers this proxy once it runs.
    pub fn control(&self) -> ProxyControl {
        ProxyControl {
            switch: Arc::clone(&self.switch),
        }
    }

    /// Forwards on this thread until the proxy is stopped or one of its sockets ends; says what it has done. In a forked
    /// child it ends at once if the proxy or one of its sockets was made by the parent.
    pub fn run(self) -> ProxyStats {
        if self.check().is_err() {
            return self.switch.stats();
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        *self.switch.runner.lock() = Some(waker.clone());
        let mut forth = Direction::new(&self.frontend, &self.backend, &self.switch.forth);
        let mut back = Direction::new(&self.backend, &self.frontend, &self.switch.back);
        // One socket on both sides has one direction.
        let both = !Arc::ptr_eq(&self.frontend, &self.backend);
        while !self.switch.stopped.load(Ordering::Acquire) {
            // Their ends are waited for in any case.
            let mut watches = vec![
                Watch::new(&self.frontend, Interest::default()),
                Watch::new(&self.backend, Interest::default()),
            ];
            let mut rested = true;
            if !self.switch.paused.load(Ordering::Acquire) {
                for direction in [Some(&mut forth), both.then_some(&mut back)] {
                    let Some(direction) = direction else { continue };
                    match direction.forward(self.capture.as_deref(), &self.switch.not_captured) {
                        Pause::Turn => rested = false,
                        Pause::Empty => {
                            watches.push(Watch::new(direction.from, Interest::READABLE));
                        }
                        Pause::Full => {
                            watches.push(Watch::new(direction.to, Interest::WRITABLE).patient());
                        }
                        Pause::Ended => {
                            self.switch.stopped.store(true, Ordering::Release);
                        }
                    }
                }
            }
            if rested && !sleep(&mut watches, &waker) {
                break;
            }
        }
        for direction in [forth, back] {
            if direction.held.is_some() {
                add(&direction.counts.undeliverable, 1);
            }
        }
        *self.switch.runner.lock() = None;
        self.switch.stats()
    }

    /// Forwards on a thread of its own.
    ///
    /// # Errors
    ///
    /// If the system has no more threads. In a forked child, if the proxy or one of its sockets was made by the parent.
    pub fn spawn(self) -> io::Result<ProxyHandle> {
        self.check()?;
        let control = self.control();
        let thread = std::thread::Builder::new()
            .name("highwater-proxy".to_owned())
            .spawn(move || self.run())?;
        Ok(ProxyHandle {
            control,
            thread: Some(thread),
        })
    }
}

impl Proxy {
    /// An error in a child that was forked after any of it was made.
    fn check(&self) -> io::Result<()> {
        self.switch.origin.check()?;
        [
            Some(&self.frontend),
            Some(&self.backend),
            self.capture.as_ref(),
        ]
        .into_iter()
        .flatten()
        .try_for_each(|socket| socket.origin().check())
    }
}

impl<'a> Direction<'a> {
    fn new(from: &'a Arc<Core>, to: &'a Arc<Core>, counts: &'a Counts) -> Self {
        Self {
            from,
            to,
            counts,
            held: None,
        }
    }

    /// Forwards for one turn.
    fn forward(&mut self, capture: Option<&Core>, not_captured: &AtomicU64) -> Pause {
        for _ in 0..PROXY_TURN {
            let message = match self.held.take() {
                Some(held) => held,
                None => match self.next(capture, not_captured) {
                    Ok(message) => message,
                    Err(pause) => return pause,
                },
            };
            if let Err(pause) = self.send(message) {
                return pause;
            }
        }
        Pause::Turn
    }

    /// Takes a message that can be sent on.
    fn next(&self, capture: Option<&Core>, not_captured: &AtomicU64) -> Result<Message, Pause> {
        if !can_send(self.to) {
            return Err(Pause::Full);
        }
        let message = self
            .from
            .recv_with(Wait::No, |pattern, table| pattern.recv(table))
            .map_err(|failure| match failure {
                RecvFailure::Timeout => Pause::Empty,
                RecvFailure::Ended(_) => Pause::Ended,
            })?;
        add(&self.counts.received, 1);
        add(&self.counts.received_bytes, message.size());
        if let Some(capture) = capture
            && (!can_send(capture) || put(capture, message.clone()).is_err())
        {
            add(not_captured, 1);
        }
        Ok(message)
    }

    fn send(&mut self, message: Message) -> Result<(), Pause> {
        let bytes = message.size();
        match put(self.to, message) {
            Ok(()) => {
                add(&self.counts.sent, 1);
                add(&self.counts.sent_bytes, bytes);
                Ok(())
            }
            Err(SendFailure::Ended(message, _)) => {
                self.held = Some(message);
                Err(Pause::Ended)
            }
            // Somebody else has sent by the same socket, too, and was faster.
            Err(SendFailure::Refused(message, Refusal::Full)) if !can_send(self.to) => {
                self.held = Some(message);
                Err(Pause::Full)
            }
            // It may be connected to somebody else.
            Err(SendFailure::GivenUp(message)) => {
                self.held = Some(message);
                Err(Pause::Full)
            }
            Err(SendFailure::Refused(..)) => {
                add(&self.counts.undeliverable, 1);
                Ok(())
            }
        }
    }
}

impl ProxyControl {
    /// Forwards nothing until [`resume`](Self::resume). A message that is being forwarded still is.
    pub fn pause(&self) {
        self.switch.paused.store(true, Ordering::Release);
        self.switch.wake();
    }

    /// Forwards again after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.switch.paused.store(false, Ordering::Release);
        self.switch.wake();
    }

    /// Ends the proxy. Does not wait.
    pub fn stop(&self) {
        self.switch.stopped.store(true, Ordering::Release);
        self.switch.wake();
    }

    /// What the proxy has done so far.
    pub fn statistics(&self) -> ProxyStats {
        self.switch.stats()
    }
}

impl ProxyHandle {
    /// What steers the proxy, to be given to others.
    pub fn control(&self) -> ProxyControl {
        self.control.clone()
    }

    /// Forwards nothing until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.control.pause();
    }

    /// Forwards again after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.control.resume();
    }

    /// What the proxy has done so far.
    pub fn statistics(&self) -> ProxyStats {
        self.control.statistics()
    }

    /// Stops the proxy and waits until it has; says what it has done.
    pub fn stop(mut self) -> ProxyStats {
        self.control.stop();
        self.wait()
    }

    /// Waits until the proxy ends because somebody stops it or one of its sockets ends; says what it has done.
    pub fn join(mut self) -> ProxyStats {
        self.wait()
    }

    fn wait(&mut self) -> ProxyStats {
        let thread = self.thread.take();
        if !self.control.switch.origin.is_here() {
            // A thread of the parent: here it neither ends nor can be let go.
            std::mem::forget(thread);
        } else if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!(target: "highwater", "a proxy panicked");
        }
        self.control.statistics()
    }
}

impl Drop for ProxyHandle {
    fn drop(&mut self) {
        self.control.stop();
        self.wait();
    }
}

impl Switch {
    fn wake(&self) {
        if let Some(guard) = self.runner.lock_here(|| self.origin.is_here())
            && let Some(runner) = &*guard
        {
            runner.wake_by_ref();
        }
    }

    fn stats(&self) -> ProxyStats {
        let Self { forth, back, .. } = self;
        ProxyStats {
            frontend: ProxySide::new(forth, back),
            backend: ProxySide::new(back, forth),
            undeliverable: get(&forth.undeliverable) + get(&back.undeliverable),
            not_captured: get(&self.not_captured),
        }
    }
}

impl ProxySide {
    fn new(away: &Counts, hither: &Counts) -> Self {
        Self {
            messages_received: get(&away.received),
            bytes_received: get(&away.received_bytes),
            messages_sent: get(&hither.sent),
            bytes_sent: get(&hither.sent_bytes),
        }
    }
}

/// Sleeps until one of `watches` has something to tell, or `waker` is called; false if a socket has ended.
fn sleep(watches: &mut [Watch], waker: &Waker) -> bool {
    for watch in &mut *watches {
        let found = watch.check();
        if watch.has_ended() {
            return false;
        }
        if found.is_any() {
            return true;
        }
    }
    if watches.iter_mut().all(|watch| watch.arm(waker)) {
        std::thread::park();
    }
    true
}

fn can_send(socket: &Core) -> bool {
    let Ok(mut state) = socket.lock_here() else {
        return false;
    };
    let State { pattern, table, .. } = &mut *state;
    pattern.can_send(table)
}

fn put(socket: &Core, mut message: Message) -> Result<(), SendFailure> {
    // A ROUTER has put a frame before it.
    if message.frame_count() > Message::MAX_FRAMES {
        return Err(SendFailure::Refused(message, Refusal::TooManyFrames));
    }
    socket
        .send_with(Wait::No, &mut message, |pattern, table, message| {
            pattern.offer(message, table)
        })
        .map(|_| ())
        .map_err(|why| why.of(message))
}

fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
