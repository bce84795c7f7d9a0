//! Waiting for several sockets, foreign descriptors and a moment at once.
//!
//! Owns: the list of what is waited for, and the descriptor that ends the wait.
//! Always true: what is reported was so at the time of the call (level semantics); between two reports the thread
//! sleeps.
//! Must not know: what is done with a source that is ready.
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
use crate::socket::{Interest, Watch, left};
use crate::wake::{WakePipe, timespec};

/// Waits for several sockets, foreign descriptors and a timeout at once.
///
/// A source is reported by each [`wait`](Self::wait) for as long as it is ready. Sockets are not borrowed: they stay
/// in use while a poll knows them, and one that is closed is reported as such.
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
pub struct Poll<'fd> {
    sources: Vec<(Token, Source<'fd>)>,
    next_token: usize,
    pipe: Arc<WakePipe>,
    /// What sockets call.
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
    /// Which one.
    pub token: Token,
    /// Something can be received, or the call would return an error at once.
    pub readable: bool,
    /// Something can be sent, or the call would return an error at once.
    pub writable: bool,
    /// The source is of no more use, or soon will be: the socket is closed or its context shut down; the descriptor
    /// has failed, or its other end has hung up.
    pub closed: bool,
}

/// Ends a wait because of the sockets.
#[derive(Debug)]
struct News(Arc<WakePipe>);

/// Ends a wait because somebody wants it so.
#[derive(Debug)]
struct Interrupt {
    pipe: Arc<WakePipe>,
    asked: AtomicBool,
}

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

impl Wake for Interrupt {
    fn wake(self: Arc<Self>) {
        self.asked.store(true, Ordering::Release);
        self.pipe.wake();
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
    /// A poll that waits for nothing yet.
    ///
    /// # Errors
    ///
    /// If the system has no more descriptors: a poll needs two.
    pub fn new() -> io::Result<Self> {
        let pipe = Arc::new(WakePipe::new()?);
        Ok(Self {
            sources: Vec::new(),
            next_token: 0,
            waker: Waker::from(Arc::new(News(Arc::clone(&pipe)))),
            interrupt: Arc::new(Interrupt {
                pipe: Arc::clone(&pipe),
                asked: AtomicBool::new(false),
            }),
            pipe,
            ready: Vec::new(),
        })
    }

    /// Waits for `socket`, too, from the next [`wait`](Self::wait) on.
    ///
    /// A socket that cannot receive is never readable; one that cannot send is never writable. A PUB is always
    /// writable.
    pub fn add(&mut self, socket: &impl AsSocket, interest: Interest) -> Token {
        self.push(Source::Socket(Watch::new(
            socket.as_socket().core(),
            interest,
        )))
    }

    /// Waits for a descriptor, too: a TCP stream, a pipe, a terminal, a timer.
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

    /// Waits for something else of a source from now on; an interest in nothing leaves it out. False if there is no
    /// such source any more.
    pub fn set_interest(&mut self, token: Token, interest: Interest) -> bool {
        match self.sources.iter_mut().find(|(known, _)| *known == token) {
            Some((_, Source::Socket(watch))) => watch.set_interest(interest),
            Some((_, Source::Foreign(_, wanted))) => *wanted = interest,
            None => return false,
        }
        true
    }

    /// Forgets a source. False if there is no such source any more.
    pub fn remove(&mut self, token: Token) -> bool {
        let index = self.sources.iter().position(|(known, _)| *known == token);
        index.map(|index| self.sources.remove(index)).is_some()
    }

    /// Ends the wait of another thread when called, now or at its next: that returns what is ready, which may be
    /// nothing.
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.interrupt))
    }

    /// Waits until at least one source is ready, at most `timeout`, or for ever; the sources that are, in the order in
    /// which they were added. There is none of them if the time was over or the [`waker`](Self::waker) was called.
    ///
    /// A timeout of zero only looks. A signal does not end the wait.
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
                left::flush();
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

    /// Has every socket wake this poll; false if one of them has news already.
    fn arm(&mut self) -> bool {
        let waker = &self.waker;
        self.sources.iter_mut().all(|(_, source)| match source {
            Source::Socket(watch) => watch.arm(waker),
            Source::Foreign(..) => true,
        })
    }

    /// Waits in poll(2) until a foreign source is ready, somebody wakes this poll, or `timeout` is over.
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
