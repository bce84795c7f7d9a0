//! Waiting for several sockets, foreign descriptors and a timeout at once.
//!
//! Owns: the list of sources, and the descriptor that ends the wait.
//! Always true: a reported source was ready at the time of the call (level-triggered); between two reports the thread
//! sleeps.
//! Must not know: what the caller does with a ready source.
//! Source: as libzmq's zmq_poller.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::facade::AsSocket;
use crate::socket::{Interest, Watch, unflushed};
use crate::wake::{WakePipe, timespec};

/// Waits for several sockets, foreign descriptors and a timeout at once.
///
/// Each [`wait`](Self::wait) reports a source for as long as it is ready. Sockets are not borrowed: they can be used
/// meanwhile, and a closed socket is reported as closed.
///
/// ```
/// use std::time::Duration;
/// use highwater::{Context, Interest, Poll, Pull, Push};
///
/// let context = Context::new();
/// let (jobs, urgent) = (Pull::new(&context), Pull::new(&context));
/// jobs.bind("tcp://127.0.0.1:0")?;
/// let at = urgent.bind("tcp://127.0.0.1:0")?;
/// let push = Push::new(&context);
/// push.connect(&at)?;
///
/// let mut poll = Poll::new()?;
/// let job = poll.add(&jobs, Interest::READABLE);
/// let alarm = poll.add(&urgent, Interest::READABLE);
/// assert!(poll.wait(Some(Duration::ZERO))?.is_empty());
///
/// push.send("fire")?;
/// for ready in poll.wait(None)? {
///     assert_ne!(ready.token, job);
///     assert_eq!(ready.token, alarm);
///     assert_eq!(urgent.recv()?, "fire");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "zmq_poll")]
pub struct Poll<'fd> {
    sources: Vec<(Token, Source<'fd>)>,
    next_token: usize,
    pipe: Arc<WakePipe>,
    /// The waker for sockets.
    waker: Waker,
    interrupt: Arc<Interrupt>,
    ready: Vec<Ready>,
}

#[derive(Debug)]
enum Source<'fd> {
    Socket(Watch),
    Foreign(BorrowedFd<'fd>, Interest),
}

/// Names one source of a [`Poll`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(usize);

/// A source that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ready {
    /// The token of the source.
    pub token: Token,
    /// Something can be received, or the call would return an error at once.
    pub readable: bool,
    /// Something can be sent, or the call would return an error at once.
    pub writable: bool,
    /// The source has ended, or soon will: the socket is closed or its context shut down; the descriptor has failed, or
    /// its other end has hung up.
    pub closed: bool,
}

/// Ends a wait through [`waker`](Poll::waker).
#[derive(Debug)]
struct Interrupt {
    pipe: Arc<WakePipe>,
    asked: AtomicBool,
}

impl Wake for Interrupt {
    fn wake(self: Arc<Self>) {
        self.asked.store(true, Ordering::Release);
        WakePipe::wake(&self.pipe);
    }
}

/// One line: how many sources of each kind it has.
impl fmt::Debug for Poll<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_socket = |(_, source): &&(Token, Source<'_>)| matches!(source, Source::Socket(_));
        let sockets = self.sources.iter().filter(is_socket).count();
        f.debug_struct("Poll")
            .field("sockets", &sockets)
            .field("descriptors", &(self.sources.len() - sockets))
            .finish()
    }
}

impl<'fd> Poll<'fd> {
    /// A poll without sources.
    ///
    /// # Errors
    ///
    /// If the system has no more descriptors: a poll needs two.
    pub fn new() -> io::Result<Self> {
        let pipe = Arc::new(WakePipe::new()?);
        Ok(Self {
            sources: Vec::new(),
            next_token: 0,
            waker: Waker::from(Arc::clone(&pipe)),
            interrupt: Arc::new(Interrupt {
                pipe: Arc::clone(&pipe),
                asked: AtomicBool::new(false),
            }),
            pipe,
            ready: Vec::new(),
        })
    }

    /// Adds `socket`; waited for from the next [`wait`](Self::wait) on.
    ///
    /// A socket that cannot receive is never readable; one that cannot send is never writable. A PUB is always
    /// writable.
    pub fn add(&mut self, socket: &impl AsSocket, interest: Interest) -> Token {
        self.push(Source::Socket(Watch::new(
            socket.as_socket().core(),
            interest,
        )))
    }

    /// Adds a descriptor: a TCP stream, a pipe, a terminal, a timer.
    ///
    /// The poll borrows it. Its readiness is what poll(2) says.
    pub fn add_source(&mut self, source: &'fd (impl AsFd + ?Sized), interest: Interest) -> Token {
        self.push(Source::Foreign(source.as_fd(), interest))
    }

    fn push(&mut self, source: Source<'fd>) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.sources.push((token, source));
        token
    }

    /// Changes the interest in a source; an interest in nothing suspends it. False if the source has been removed.
    pub fn set_interest(&mut self, token: Token, interest: Interest) -> bool {
        match self.sources.iter_mut().find(|(known, _)| *known == token) {
            Some((_, Source::Socket(watch))) => watch.set_interest(interest),
            Some((_, Source::Foreign(_, wanted))) => *wanted = interest,
            None => return false,
        }
        true
    }

    /// Removes a source. False if it has been removed already.
    pub fn remove(&mut self, token: Token) -> bool {
        let index = self.sources.iter().position(|(known, _)| *known == token);
        index.map(|index| self.sources.remove(index)).is_some()
    }

    /// A function that ends the present or next wait of any thread. That wait returns the ready sources, perhaps none.
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.interrupt))
    }

    /// Waits until at least one source is ready, at most `timeout`; `None` waits for ever. Gives the ready sources in
    /// the order in which they were added; none after the timeout or a call of the [`waker`](Self::waker).
    ///
    /// A timeout of zero does not wait. A signal does not end the wait.
    ///
    /// # Errors
    ///
    /// If the system's poll fails: out of memory, or more descriptors than the process may have. In a forked child, if
    /// the poll was made by the parent.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<&[Ready]> {
        self.pipe.origin().check()?;
        let deadline = timeout.map(|timeout| Instant::now().checked_add(timeout));
        let outcome = loop {
            self.pipe.drain();
            let interrupted = self.interrupt.asked.swap(false, Ordering::Acquire);
            self.look_at_sockets();
            let now = Instant::now();
            let last = interrupted
                || !self.ready.is_empty()
                || matches!(deadline, Some(Some(deadline)) if deadline <= now);
            let sleep = if last || !self.arm() {
                Some(Duration::ZERO)
            } else {
                unflushed::flush();
                deadline.flatten().map(|deadline| deadline - now)
            };
            if let Err(error) = self.look_at_foreign(sleep) {
                break Err(error);
            }
            if last || !self.ready.is_empty() {
                break Ok(());
            }
        };
        for (_, source) in &mut self.sources {
            if let Source::Socket(watch) = source {
                watch.disarm();
            }
        }
        outcome?;
        self.ready.sort_by_key(|ready| ready.token);
        Ok(&self.ready)
    }

    fn look_at_sockets(&mut self) {
        self.ready.clear();
        for (token, source) in &mut self.sources {
            let Source::Socket(watch) = source else {
                continue;
            };
            if !watch.interest().is_any() {
                continue;
            }
            let found = watch.check();
            if found.is_any() {
                self.ready.push(Ready {
                    token: *token,
                    readable: found.readable,
                    writable: found.writable,
                    closed: watch.has_ended(),
                });
            }
        }
    }

    /// Registers this poll with every socket; false if one of them is ready already.
    fn arm(&mut self) -> bool {
        let waker = &self.waker;
        self.sources.iter_mut().all(|(_, source)| match source {
            Source::Socket(watch) => watch.arm(waker),
            Source::Foreign(..) => true,
        })
    }

    /// Waits in poll(2) until a foreign source is ready, this poll is woken, or `timeout` is over.
    fn look_at_foreign(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let foreign = self
            .sources
            .iter()
            .filter_map(|(token, source)| match source {
                Source::Foreign(descriptor, interest) if interest.is_any() => {
                    Some((*token, descriptor, *interest))
                }
                _ => None,
            });
        let mut descriptors = vec![PollFd::new(&*self.pipe, PollFlags::IN)];
        let mut tokens = Vec::new();
        for (token, descriptor, interest) in foreign {
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, interest.readable);
            events.set(PollFlags::OUT, interest.writable);
            descriptors.push(PollFd::new(descriptor, events));
            tokens.push((token, interest));
        }
        match poll(&mut descriptors, timeout.map(timespec).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for (descriptor, (token, interest)) in descriptors[1..].iter().zip(tokens) {
            let events = descriptor.revents();
            let closed = events.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
            if !events.is_empty() {
                self.ready.push(Ready {
                    token,
                    readable: interest.readable && (closed || events.contains(PollFlags::IN)),
                    writable: interest.writable && (closed || events.contains(PollFlags::OUT)),
                    closed,
                });
            }
        }
        Ok(())
    }
}
