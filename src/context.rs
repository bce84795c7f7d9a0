//! The context: what sockets share.
//!
//! Owns: the I/O threads, started when first needed, and the list of sockets to end on shutdown.
//! Always true: the I/O threads end once no context, no socket and no lingering message is left; whichever owner goes
//! last, a handle of the context or a socket, waits for what lingers.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use highwater_buffers::Lease;

use crate::engine::{self, Drain, DrainReport, Engine};
use crate::error::OptionError;
use crate::inproc::Names;
use crate::origin::{Here, Origin};
use crate::socket::{Core, USUAL_LIMIT};
use crate::sync::Mutex;

/// How long the last context waits for lingering messages before it says so.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest that a call may look out before it sleeps: what ends a wait from outside ends no look-out.
const LONGEST_BUSY_POLL: Duration = Duration::from_millis(10);

/// What sockets share: the I/O threads that look after their connections.
///
/// Cheap to clone; every clone is the same context. Each socket is an owner of it, too, so a context may be dropped
/// before its sockets, as in `Push::new(&Context::new())`.
///
/// # What lingers
///
/// A socket that is dropped leaves its unsent messages to the I/O threads, and does not wait. **The last owner waits**,
/// whether it is the last clone of the context, the last socket or a [`Builder`](crate::Builder): dropping it blocks until
/// the messages that closed sockets have left behind are sent, or their [linger](crate::Linger) time is over, and logs a
/// line if that takes longer than a second. So a program that returns from `main` loses nothing, in whichever order its
/// variables go. What is no owner: a [`Request`](crate::Request), a [`SocketRef`](crate::SocketRef), a
/// [`Poll`](crate::Poll), a monitor's channel. Three ends wait for nothing: that of a forked child, that on an I/O thread
/// (where what owned a body is dropped, for one), and `std::process::exit`, which drops nothing.
///
/// [`close`](crate::Push::close) sets a limit for one socket, [`wait_for_lingering`](Self::wait_for_lingering) waits for
/// all that have been closed so far.
///
/// Each I/O thread keeps the memory of received bodies of 32 KiB and more, once nobody uses them, for those to come:
/// at most 8 MiB. While there is a context, the process also keeps up to 1 MiB of the memory of other bodies of 8 to
/// 256 KiB, for copies of such.
///
/// # After a fork
///
/// A context belongs to the process that made it. A forked child has a copy of it without I/O threads, and of its
/// sockets; they are of no use there. Each call that would send, receive, wait, or change something is refused with the
/// variant `Forked` of its error ([`RecvError::Forked`](crate::RecvError::Forked) for one), and calls that have no error
/// give nothing: an empty list, no peers, zero. Never is anything written on a connection of the parent, or one of its
/// `ipc://` files removed. Dropping the copies does nothing at all, and gives back neither their memory nor their
/// descriptors. One thing knows no process: a channel of events that the parent has from `monitor`. In the child it gives
/// what had come before the fork, and then waits for ever.
///
/// A child that wants to talk makes a context of its own, or calls `exec`, which closes the descriptors. Until it does
/// the one or ends, it keeps the parent's open: an address that the parent lets go of is not free before.
///
/// The question in which process a call is costs a system call, so it is asked only where the call goes to the kernel or
/// waits. Messages that had arrived before the fork may therefore still be received in the child, as copies of those
/// that the parent receives; and messages that would only be gathered in memory, behind others that waited to be written
/// at the fork, may seem to be sent: up to the high-water mark, and never more than 1000.
///
/// ```
/// use highwater::{Context, Pull, Push};
///
/// let context = Context::new();
/// let push = Push::new(&context);
/// let at = push.bind("tcp://127.0.0.1:0")?;
/// let pull = Pull::new(&context);
/// pull.connect(&at)?;
/// push.send("hello")?;
/// assert_eq!(pull.recv()?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Context {
    handle: Arc<Handle>,
}

/// Dropped with the last owner, a [`Context`] or a socket. A socket lets go of it when its handle is dropped: what else
/// keeps its core alive, a request or an I/O thread, is not waited for, nor would it be the right one to wait.
struct Handle {
    hub: Arc<Hub>,
}

/// What contexts and sockets hold on to.
pub(crate) struct Hub {
    settings: Settings,
    origin: Origin,
    engine: Mutex<Option<Arc<Engine>>>,
    sockets: Mutex<Vec<Weak<Core>>>,
    names: Names,
    /// Counts the links and sessions of closed sockets that still have something to send.
    lingering: Arc<Drain>,
    shut_down: AtomicBool,
    /// Let go of after the I/O threads.
    _copies: Lease,
}

#[derive(Debug, Clone)]
struct Settings {
    io_threads: usize,
    busy_poll: Duration,
    thread_name: String,
    /// Empty: any.
    processors: Vec<usize>,
    /// The first value that the builder was given and does not take; the setting has another.
    refused: Option<OptionError>,
}

/// Builds a [`Context`].
///
/// ```
/// use std::time::Duration;
///
/// let context = highwater::Context::builder()
///     .io_threads(2)
///     .thread_name("feeds")
///     .busy_poll(Duration::ZERO)
///     .build();
/// ```
#[derive(Debug, Clone)]
pub struct ContextBuilder {
    settings: Settings,
}

impl Context {
    /// A context with one I/O thread, which is started by the first `bind` or `connect`.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A context that is not as usual.
    pub fn builder() -> ContextBuilder {
        ContextBuilder {
            settings: Settings {
                io_threads: 1,
                busy_poll: USUAL_LIMIT,
                thread_name: "highwater".to_owned(),
                processors: Vec::new(),
                refused: None,
            },
        }
    }

    /// Ends every socket of this context: each call that waits, and each later one, returns `Terminated`.
    ///
    /// Does not wait. Messages already queued linger as usual once their sockets are dropped.
    pub fn shutdown(&self) {
        let Some(here) = self.hub().origin.ask() else {
            return;
        };
        self.hub().shut_down.store(true, Ordering::SeqCst);
        let sockets = std::mem::take(&mut *self.hub().sockets.lock());
        for socket in sockets.iter().filter_map(Weak::upgrade) {
            socket.terminate(here);
        }
    }

    /// Waits until nothing that closed sockets have left behind is still being sent; false if the time was over first,
    /// and in a forked child, where nothing is sent.
    pub fn wait_for_lingering(&self, timeout: Duration) -> bool {
        let hub = self.hub();
        let until = Instant::now().checked_add(timeout);
        hub.origin
            .ask()
            .is_some_and(|here| hub.lingering.wait(until, here))
    }

    /// What has become so far of the messages that closed sockets and endpoints of this context had left to send, over all
    /// of them: those of a socket that is gone, of which there are no [`stats`](crate::Push::stats) any more, included.
    ///
    /// Nothing in a forked child.
    pub fn lingered(&self) -> DrainReport {
        let hub = self.hub();
        if hub.origin.is_here() {
            hub.lingering.report()
        } else {
            DrainReport::default()
        }
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.handle.hub
    }
}

/// One line: the number of I/O threads, and of sockets if that can be had without waiting.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hub().fmt(f)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = f.debug_struct("Context");
        line.field("io_threads", &self.settings.io_threads);
        let sockets = self.origin.is_here().then(|| self.sockets.try_lock());
        let sockets = sockets.flatten().map(|sockets| {
            let exists = |socket: &&Weak<Core>| socket.strong_count() > 0;
            sockets.iter().filter(exists).count()
        });
        match sockets {
            Some(count) => line.field("sockets", &count).finish(),
            None => line.finish_non_exhaustive(),
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl ContextBuilder {
    /// How many I/O threads share the connections. Default: 1; at least 1, else the context is refused: see
    /// [`try_build`](Self::try_build).
    ///
    /// One is enough for a few gigabytes a second. More help with many connections on many cores: with one, a receiver
    /// that waits reads up to 64 connections on its own thread; with more, only up to 8, and leaves the rest to them.
    #[must_use]
    pub fn io_threads(mut self, count: usize) -> Self {
        const NAME: &str = "io_threads";
        if self.takes(NAME, count > 0, "a whole number from 1") {
            self.settings.io_threads = count;
        }
        self
    }

    /// How long a call that waits looks out for what it waits for, before it sleeps. Default: 100 µs; zero: never; at most
    /// 10 ms, else the context is refused: see [`try_build`](Self::try_build).
    ///
    /// To be woken by the system takes longer than a message, and more processor time. So a call looks out first if the
    /// wait before was short (under two such times), giving way to other threads between two looks; a round trip then
    /// takes a fifth of the time. A socket that waits for long does not look out, nor does one whose last look-outs were
    /// in vain, but for one wait in 65. Where other threads have something to do, a call sleeps after giving way four
    /// times; where they need the processor for longer, sockets do not look out for a while. What comes from within the
    /// process is looked out for during some microseconds in any case. Choose zero where processor time is counted and
    /// latency is not. Takes effect for sockets made later.
    #[must_use]
    pub fn busy_poll(mut self, limit: Duration) -> Self {
        const NAME: &str = "busy_poll";
        if self.takes(NAME, limit <= LONGEST_BUSY_POLL, "at most 10 ms") {
            self.settings.busy_poll = limit;
        }
        self
    }

    /// What the I/O threads are called: this, `-io-` and a number. Default: `highwater`.
    ///
    /// A name with a NUL byte is cut there. Linux shows 15 bytes of it.
    #[must_use]
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.settings.thread_name = name.split('\0').next().unwrap_or_default().to_owned();
        self
    }

    /// On which processors the I/O threads may run, by their numbers from 0. Default: on any, as for an empty list.
    ///
    /// Linux only. Takes effect when the threads start, with the first `bind` or `connect`: that fails if the system has
    /// none of these processors, or does not let a thread choose.
    #[must_use]
    pub fn io_affinity(mut self, processors: impl IntoIterator<Item = usize>) -> Self {
        self.settings.processors = processors.into_iter().collect();
        self
    }

    /// Whether `value_is_good`; if not, that is remembered, to be told by whoever can.
    fn takes(&mut self, name: &'static str, value_is_good: bool, expected: &'static str) -> bool {
        let refused = &mut self.settings.refused;
        if value_is_good {
            refused.take_if(|refused| matches!(refused, OptionError::Invalid { name: known, .. } if *known == name));
        } else {
            refused.get_or_insert(OptionError::Invalid { name, expected });
        }
        value_is_good
    }

    /// The context, unless it was given a value that it does not take.
    ///
    /// # Errors
    ///
    /// [`OptionError::Invalid`]: the first such value, if another was not given later.
    pub fn try_build(self) -> Result<Context, OptionError> {
        match self.settings.refused {
            Some(refused) => Err(refused),
            None => Ok(self.build()),
        }
    }

    /// The context. Nothing is started yet. Where it was given a value that it does not take, it keeps the default, and
    /// every `bind` and `connect` of its sockets is refused: [`try_build`](Self::try_build) says so at once.
    pub fn build(self) -> Context {
        Context {
            handle: Arc::new(Handle {
                hub: Arc::new(Hub {
                    settings: self.settings,
                    origin: Origin::here(),
                    engine: Mutex::default(),
                    sockets: Mutex::default(),
                    names: Names::default(),
                    lingering: Arc::default(),
                    shut_down: AtomicBool::new(false),
                    _copies: Lease::new(),
                }),
            }),
        }
    }
}

impl Hub {
    /// The I/O threads.
    pub(crate) fn engine(&self, _: Here) -> io::Result<Arc<Engine>> {
        let mut engine = self.engine.lock();
        if let Some(engine) = &*engine {
            return Ok(Arc::clone(engine));
        }
        let started = Arc::new(Engine::start(
            self.settings.io_threads,
            &self.settings.thread_name,
            &self.settings.processors,
        )?);
        *engine = Some(Arc::clone(&started));
        Ok(started)
    }

    /// The first value that the builder was given in vain.
    pub(crate) fn refused(&self) -> Option<&OptionError> {
        self.settings.refused.as_ref()
    }

    /// How many I/O threads there are, or will be.
    pub(crate) fn io_threads(&self) -> usize {
        self.settings.io_threads
    }

    /// How long whoever waits looks out before it sleeps.
    pub(crate) fn busy_poll(&self) -> Duration {
        self.settings.busy_poll
    }

    /// Remembers a socket, to end it on shutdown; at once if that has been.
    pub(crate) fn register(&self, socket: &Arc<Core>) {
        let Some(here) = self.origin.ask() else {
            return;
        };
        let mut sockets = self.sockets.lock();
        if sockets.len() == sockets.capacity() {
            sockets.retain(|socket| socket.strong_count() > 0);
        }
        sockets.push(Arc::downgrade(socket));
        drop(sockets);
        if self.shut_down.load(Ordering::SeqCst) {
            socket.terminate(here);
        }
    }

    /// The names of inproc endpoints.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn lingering(&self) -> &Arc<Drain> {
        &self.lingering
    }

    /// The process of the I/O threads.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(here) = self.hub.origin.ask() else {
            // Another thread of the parent may have been changing it, and will never be done.
            std::mem::forget(Arc::clone(&self.hub));
            return;
        };
        if engine::is_io_thread() {
            // It would wait for what it is to do itself; or hold up what other contexts have to do.
            return;
        }
        self.hub.lingering.wait_patiently(PATIENCE, here, || {
            tracing::warn!(target: "highwater", "the context waits for messages that linger");
        });
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if !self.origin.is_here() {
            // To let go of the poller, which is the parent's, would tell the kernel to forget what wakes it.
            std::mem::forget(self.engine.try_lock().and_then(|mut engine| engine.take()));
        } else if let Some(engine) = self.engine.lock().take() {
            engine.stop();
        }
    }
}
