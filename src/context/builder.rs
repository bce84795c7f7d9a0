//! What can be set on a context.
//!
//! Owns: the settings, their defaults and bounds.
//! Always true: a value beyond its bounds is refused; the setting keeps its default then.
//! Must not know: who obeys.

use std::time::Duration;

use super::Context;
use crate::error::OptionError;

/// How long a call looks out at most before it sleeps, if nobody says otherwise: a peer that sleeps has woken by then and
/// answered.
const USUAL_BUSY_POLL: Duration = Duration::from_micros(100);

/// The longest that a call may look out before it sleeps: what ends a wait from outside ends no look-out.
const LONGEST_BUSY_POLL: Duration = Duration::from_millis(10);

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

/// What a context keeps of its builder.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) io_threads: usize,
    pub(super) busy_poll: Duration,
    pub(super) thread_name: String,
    /// Empty: any.
    pub(super) processors: Vec<usize>,
    /// The first value that the builder was given and does not take; the setting has another.
    pub(super) refused: Option<OptionError>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            io_threads: 1,
            busy_poll: USUAL_BUSY_POLL,
            thread_name: "highwater".to_owned(),
            processors: Vec::new(),
            refused: None,
        }
    }
}

impl ContextBuilder {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings::default(),
        }
    }

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
        Context::of(self.settings)
    }
}
