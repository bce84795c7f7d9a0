//! The settings of a context.
//!
//! Owns: the settings, their defaults and bounds.
//! Always true: a value beyond its bounds is refused, and the setting keeps its default.
//! Must not know: which code uses a setting.

use std::time::Duration;

use super::Context;
use crate::error::OptionError;

/// How long a blocking call busy-polls at most by default: time enough for a sleeping peer to wake and answer.
const USUAL_BUSY_POLL: Duration = Duration::from_micros(100);

/// The longest busy-poll that can be set: an interruption of the wait, such as a close, does not end a busy-poll.
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

/// The settings that a context keeps.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) io_threads: usize,
    pub(super) busy_poll: Duration,
    pub(super) thread_name: String,
    /// Empty means any processor.
    pub(super) processors: Vec<usize>,
    /// The first refused value; its setting has kept its former value.
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

    /// The number of I/O threads that share the connections. Default: 1. With 0 the context is refused: see
    /// [`try_build`](Self::try_build).
    ///
    /// One is enough for a few gigabytes a second. More help with many connections on many cores. With one I/O thread,
    /// a blocked receiver reads up to 64 connections itself. With several, it reads up to 8, and leaves further ones to
    /// the I/O threads.
    #[doc(alias = "ZMQ_IO_THREADS")]
    #[must_use]
    pub fn io_threads(mut self, count: usize) -> Self {
        const NAME: &str = "io_threads";
        if self.takes(NAME, count > 0, "a whole number from 1") {
            self.settings.io_threads = count;
        }
        self
    }

    /// How long a blocking call busy-polls before it sleeps. Default: 100 µs; zero: never; at most 10 ms, else the
    /// context is refused: see [`try_build`](Self::try_build).
    ///
    /// Being woken by the system takes longer than a message, and more processor time. So a call busy-polls if the last
    /// wait was shorter than twice this limit, and yields between two polls. A round trip then takes a fifth of the
    /// time. A socket with long waits does not busy-poll. Nor does one that only receives, does little else, and gets less
    /// than a message each 20 µs: its waits sleep, which takes less processor time, and its messages take some 30 µs
    /// longer. After failed busy-polls only one wait in 65 busy-polls. If other threads run during its yields, a call
    /// sleeps after four of them. If other threads keep its processor, its socket does not busy-poll for a while. Input
    /// from within the process is looked for during some microseconds in any case. A task that receives looks again at
    /// each turn of its executor, at whatever pace, and yields between two turns: its future is woken by itself
    /// meanwhile. Choose zero if processor time matters and latency does not. Takes effect for sockets made later.
    #[must_use]
    pub fn busy_poll(mut self, limit: Duration) -> Self {
        const NAME: &str = "busy_poll";
        if self.takes(NAME, limit <= LONGEST_BUSY_POLL, "at most 10 ms") {
            self.settings.busy_poll = limit;
        }
        self
    }

    /// The name of the I/O threads: this text, `-io-` and a number. Default: `highwater`.
    ///
    /// A name with a NUL byte is cut there. Linux shows 15 bytes of it.
    #[must_use]
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.settings.thread_name = name.split('\0').next().unwrap_or_default().to_owned();
        self
    }

    /// The processors on which the I/O threads may run, by their numbers from 0. Default: all, as for an empty list.
    ///
    /// Linux only. Takes effect when the threads start, with the first `bind` or `connect`. That call fails if the
    /// system has none of these processors, or does not let a thread choose.
    #[must_use]
    pub fn io_affinity(mut self, processors: impl IntoIterator<Item = usize>) -> Self {
        self.settings.processors = processors.into_iter().collect();
        self
    }

    /// Whether `value_is_good`; if not, the error is kept for [`try_build`](Self::try_build) and later binds.
    fn takes(&mut self, name: &'static str, value_is_good: bool, expected: &'static str) -> bool {
        let refused = &mut self.settings.refused;
        if value_is_good {
            refused.take_if(|refused| matches!(refused, OptionError::Invalid { name: known, .. } if *known == name));
        } else {
            refused.get_or_insert(OptionError::Invalid { name, expected });
        }
        value_is_good
    }

    /// Makes the context, unless a setting was given a value out of bounds.
    ///
    /// # Errors
    ///
    /// [`OptionError::Invalid`]: the first such value, unless its setting was later given a good one.
    pub fn try_build(self) -> Result<Context, OptionError> {
        match self.settings.refused {
            Some(refused) => Err(refused),
            None => Ok(self.build()),
        }
    }

    /// Makes the context; no thread is started yet. A setting that was given a value out of bounds keeps its default,
    /// and every `bind` and `connect` of the sockets is refused: [`try_build`](Self::try_build) reports the error at
    /// once.
    pub fn build(self) -> Context {
        Context::of(self.settings)
    }
}
