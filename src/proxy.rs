//! Two sockets joined: what arrives at one is sent by the other.
//!
//! Owns: the loop that gives each direction its turn, and sleeps when neither can go on.
//! Always true: a message is taken from a side only if the other side can send; each direction gets its turn; at most
//! one message a direction is held; no two sockets' locks are held at once.
//! Must not know: socket types. Messages pass as the untyped core has them: a ROUTER puts the routing id in front.
//! Source: as libzmq's zmq_proxy_steerable.

mod counts;
mod direction;
mod steering;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};
use std::thread::Thread;

use crate::facade::AsSocket;
use crate::socket::{Core, Interest, Watch};
use counts::add;
pub use counts::{ProxySide, ProxyStats};
use direction::{Direction, Pause};
use steering::Switch;
pub use steering::{ProxyControl, ProxyHandle};

/// Joins two sockets: what arrives at either is sent by the other, whole and unchanged, envelopes included.
///
/// | frontend | backend | makes |
/// |---|---|---|
/// | `Router` | `Dealer` | a broker of requests: many clients, many workers |
/// | `XSub` | `XPub` | a forwarder of published messages; subscriptions travel the other way |
/// | `Pull` | `Push` | a streamer: a pipeline with one more stage |
///
/// Any other two make sense as far as their peers understand each other. A side is read only while the opposite one
/// can send, so high-water marks work across a proxy. A publisher that refuses
/// ([`SlowSubscriber::Refuse`](crate::SlowSubscriber::Refuse)) holds up its direction until all who want the message have room;
/// with every other rule it can always send. The same socket may be both sides; then it is sent what it receives.
///
/// A proxy does not own its sockets. It ends when it is stopped, or when one of them is closed or its context shut
/// down.
///
/// To end a forwarder or a streamer and lose nothing, [`retire`](crate::XSub::retire) the side that receives: what its peers
/// had sent is still forwarded, then the proxy ends; where the last message waits for a slow subscriber of a publisher that
/// refuses, not before it is sent or the proxy is stopped. [`close`](crate::XPub::close) the other side after that:
///
/// ```
/// use std::time::Duration;
/// use highwater::{Context, Proxy, Pull, Push};
///
/// let context = Context::new();
/// let (frontend, backend) = (Pull::new(&context), Push::new(&context));
/// let (sources, sinks) = (frontend.bind("tcp://127.0.0.1:0")?, backend.bind("tcp://127.0.0.1:0")?);
/// let streamer = Proxy::new(&frontend, &backend).spawn()?;
/// let (source, sink) = (Push::new(&context), Pull::new(&context));
/// source.connect(&sources)?;
/// sink.connect(&sinks)?;
/// source.send_many((0..1000).map(|n: u32| n.to_string()))?;
/// assert_eq!(sink.recv()?, "0");
/// source.close(Duration::from_secs(5)); // or it connects again, once there is a successor
///
/// frontend.retire(Duration::from_secs(5));
/// let collected = std::thread::spawn(move || sink.iter().take(999).count());
/// assert_eq!(streamer.join().backend.messages_sent, 1000);
/// assert_eq!(backend.close(Duration::from_secs(5)).lost, 0);
/// assert_eq!(collected.join().expect("it does not panic"), 999);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A forwarder passes on the subscriptions that its `XPub` shows. For a publisher that sends
/// [late subscribers](crate::XPub#late-subscribers) the last value, that `XPub` too needs
/// [`Notices::EverySubscribe`](crate::Notices::EverySubscribe). What typed sockets
/// announce ends at a proxy, whose sockets say nothing of it: give them the property `X-Payload` by
/// [`metadata`](crate::Builder::metadata).
///
/// A broker:
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
#[doc(alias("zmq_proxy", "zmq_proxy_steerable"))]
pub struct Proxy {
    frontend: Arc<Core>,
    backend: Arc<Core>,
    capture: Option<Arc<Core>>,
    switch: Arc<Switch>,
}

/// Ends the sleep of the proxy's thread.
#[derive(Debug)]
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
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

    /// A handle by which this proxy is paused, resumed and stopped once it runs.
    pub fn control(&self) -> ProxyControl {
        ProxyControl {
            switch: Arc::clone(&self.switch),
        }
    }

    /// Forwards on this thread until the proxy is stopped or one of its sockets ends; gives its counts. In a forked
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
        let mut ended = false;
        while !ended && !self.switch.stopped.load(Ordering::Acquire) {
            // The end of a socket is waited for in any case.
            let mut watches = vec![
                Watch::new(&self.frontend, Interest::default()),
                Watch::new(&self.backend, Interest::default()),
            ];
            let mut rested = true;
            if !self.switch.paused.load(Ordering::Acquire) {
                for direction in [Some(&mut forth), both.then_some(&mut back)] {
                    let Some(direction) = direction else { continue };
                    let not_captured = &self.switch.not_captured;
                    match direction.forward(self.capture.as_deref(), not_captured, &waker) {
                        Pause::Turn => rested = false,
                        // The waker ends the sleep.
                        Pause::Awaited => {}
                        Pause::Empty => {
                            watches.push(Watch::new(direction.from, Interest::READABLE));
                        }
                        Pause::Full => {
                            watches.push(Watch::new(direction.to, Interest::WRITABLE).patient());
                        }
                        Pause::Ended => ended = true,
                    }
                }
            }
            if rested && !ended && !sleep(&mut watches, &waker) {
                break;
            }
        }
        for mut direction in [forth, back] {
            self.send_last(&mut direction, &waker);
            if direction.held.is_some() {
                add(&direction.counts.undeliverable, 1);
            }
        }
        *self.switch.runner.lock() = None;
        self.switch.stats()
    }

    /// Sends the message that `direction` holds, if the socket that it came from has retired: nothing that its peers had sent
    /// is to be lost. Waits until it is sent, the other socket ends or the proxy is stopped.
    fn send_last(&self, direction: &mut Direction<'_>, waker: &Waker) {
        while direction.held.is_some()
            && direction.from.has_retired()
            && !self.switch.stopped.load(Ordering::Acquire)
        {
            let interest = match direction.send_held(waker) {
                Ok(()) | Err(Pause::Ended) => return,
                Err(Pause::Full) => Interest::WRITABLE,
                Err(_) => Interest::default(),
            };
            if !sleep(&mut [Watch::new(direction.to, interest).patient()], waker) {
                return;
            }
        }
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
    /// An error in a child that was forked after the proxy or one of its sockets was made.
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

/// Sleeps until the socket of one of `watches` is ready, or `waker` is called; false if a socket has ended.
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
