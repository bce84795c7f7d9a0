//! What all traffic of one round shares: a context, bad paths, and the word that all is calm.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use highwater::{BindError, Builder, Context, Endpoint, Linger, Transport};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::support::{Chaos, ChaosProxy, Place, wait_until};

/// What is looked at once nothing lingers any more.
pub(crate) type Checks = Box<dyn FnOnce() + Send>;

/// What the sockets ask the kernel for, so that what it holds is bounded.
pub(crate) const KERNEL_BUFFER: usize = 64 << 10;

/// The most messages in the queues between two sockets.
pub(crate) const MOST_QUEUED: usize = 2 * MOST_IN_QUEUE;

const MOST_IN_QUEUE: usize = 500;

pub(crate) const TRANSPORTS: [Transport; 3] = [Transport::Tcp, Transport::Ipc, Transport::Inproc];

/// What all traffic of one round shares.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) context: Context,
    calm: AtomicBool,
    streams: AtomicU64,
    places: [Place; 3],
    proxies: Mutex<Vec<ChaosProxy>>,
    /// Whether sockets may be dropped with what they hold, so that nobody can be asked what became of it.
    blunt: bool,
}

/// Where to bind and where to connect, over one transport.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) transport: Transport,
    pub(crate) bound: String,
    /// Over tcp a bad path leads there.
    pub(crate) reached: String,
}

impl World {
    pub(crate) fn new(random: &mut StdRng) -> Self {
        Self {
            context: Context::builder()
                .io_threads(random.random_range(1..=2))
                .busy_poll(Duration::from_micros(
                    [0, 100, 10_000][random.random_range(0..3)],
                ))
                .build(),
            calm: AtomicBool::new(false),
            streams: AtomicU64::new(0),
            places: TRANSPORTS.map(Place::new),
            proxies: Mutex::default(),
            blunt: random.random(),
        }
    }

    /// A number that no other stream of messages has.
    pub(crate) fn new_stream(&self) -> u64 {
        self.streams.fetch_add(1, Ordering::Relaxed)
    }

    /// A way over each transport, to an address where nobody listens yet.
    pub(crate) fn ways(&self, random: &mut StdRng) -> [Way; 3] {
        self.places.each_ref().map(|place| {
            let bound = place.vacant();
            let mut reached = bound.clone();
            if place.transport() == Transport::Tcp {
                let target = bound.parse().expect("an endpoint");
                let proxy = ChaosProxy::new(&target, Chaos::WILD, random.random());
                reached = proxy.endpoint();
                self.proxies().push(proxy);
            }
            Way {
                transport: place.transport(),
                bound,
                reached,
            }
        })
    }

    /// Addresses where nobody listens yet, with a good path to each.
    pub(crate) fn vacant(&self) -> [String; 3] {
        self.places.each_ref().map(Place::vacant)
    }

    /// Whether a socket ends by being dropped, this time.
    pub(crate) fn is_blunt(&self, random: &mut StdRng) -> bool {
        self.blunt && random.random()
    }

    /// Cuts all connections that take some bad path.
    pub(crate) fn strike(&self, random: &mut StdRng) {
        let proxies = self.proxies();
        if proxies.is_empty() {
            return;
        }
        let proxy = &proxies[random.random_range(0..proxies.len())];
        match random.random() {
            true => proxy.reset_all(),
            false => proxy.close_all(),
        }
    }

    /// From now on nothing is cut, and nobody ends before everything has arrived.
    pub(crate) fn calm(&self) {
        self.proxies().iter().for_each(ChaosProxy::calm);
        self.calm.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    /// Connections that were cut.
    pub(crate) fn cuts(&self) -> usize {
        self.proxies().iter().map(ChaosProxy::broken).sum()
    }

    fn proxies(&self) -> std::sync::MutexGuard<'_, Vec<ChaosProxy>> {
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The options of most sockets: small queues, and quick to come back.
pub(crate) fn hasty<S>(builder: Builder<S>, random: &mut StdRng) -> Builder<S> {
    builder
        .reconnect_interval(Duration::from_millis(5))
        .reconnect_interval_max(Duration::from_millis(50))
        .send_high_water_mark(random.random_range(1..MOST_IN_QUEUE))
        .receive_high_water_mark(random.random_range(1..MOST_IN_QUEUE))
        .send_buffer(KERNEL_BUFFER)
        .receive_buffer(KERNEL_BUFFER)
        .linger(Linger::AtMost(Duration::from_millis(200)))
}

/// Binds to an address that is free, or will be in a moment: a process that is being started has copies of our files for
/// as long as that takes, also of a listener that we have closed.
pub(crate) fn bind_again(mut bind: impl FnMut() -> Result<Endpoint, BindError>) {
    wait_until("the address is free again", || match bind() {
        Ok(_) => true,
        Err(BindError::Io { source, .. }) if source.kind() == ErrorKind::AddrInUse => false,
        Err(other) => panic!("{other}"),
    });
}

/// What a thread came to; its panic becomes ours.
pub(crate) fn or_panic<T>(ended: std::thread::Result<T>) -> T {
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Sets a flag at the end of a scope, also of one that ends in a panic: others wait for it.
pub(crate) struct SetAtEnd<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
