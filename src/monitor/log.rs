//! Events as lines of a log, at a bounded rate.
//!
//! Owns: for each class of line, how many more may be written in this second, and how many were held back.
//! Always true: lines that were held back are counted in the next line of their class, at the latest in the last one,
//! when the socket has gone. Each class has its own bound, so a peer that connects again and again hides no loss.
//! A subscriber runs on the thread that logs, once that thread has released the lock of the socket: it is code of the
//! application, which may use the socket.
//! Must not know: the subscribers of the log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::EventKind;
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::sync::{Mutex, late_calls};

/// The classes of lines; each has a bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The normal course of connections.
    Progress,
    GaveUp,
    HandshakeFailed,
    AcceptFailed,
    /// Something is not as safe as it should be.
    Flaw,
    /// This class and the next ones tell of lost messages.
    Disconnected,
    Unsent,
    Unread,
    DroppingStarted,
    DroppingStopped,
    /// A peer that may not connect does so, perhaps as often as the network allows.
    TurnedAway,
}

const CLASSES: usize = Class::TurnedAway as usize + 1;

/// How many lines of a class one socket writes in a second; the rest are counted in the next line.
const LINES_PER_SECOND: u32 = 20;

/// How many lines it writes in a second of losses and of connections that are turned away.
const LOSSES_PER_SECOND: u32 = 1;

const SECOND: Duration = Duration::from_secs(1);

/// All lines have this target.
macro_rules! is_on {
    ($level:ident) => {
        tracing::enabled!(target: "highwater", tracing::Level::$level)
    };
}

/// The lines of one socket.
#[derive(Debug, Default)]
pub(super) struct Log {
    budgets: Mutex<[Budget; CLASSES]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Budget {
    second: Option<Instant>,
    written: u32,
    /// How many lines were held back.
    held_back: u64,
    /// How many messages these lines would have told of.
    messages: u64,
}

/// One line, without what was held back before it.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'static str,
    endpoint: Option<&'a Endpoint>,
    peer: Option<&'a str>,
    cause: Option<&'a dyn std::fmt::Display>,
    delay: Option<Duration>,
    messages: u64,
}

impl Class {
    /// Whether the log is read at the level of this class.
    pub(super) fn is_read(self) -> bool {
        match self {
            Self::Progress => is_on!(DEBUG),
            _ => warnings_are_read(),
        }
    }

    /// Whether lines of this class tell of lost messages.
    fn is_loss(self) -> bool {
        self as usize >= Self::Disconnected as usize
    }

    fn of(kind: &EventKind) -> Self {
        match kind {
            EventKind::GaveUp(_) => Self::GaveUp,
            EventKind::HandshakeFailed(_) => Self::HandshakeFailed,
            EventKind::AcceptFailed(
                LinkError::NotAccepted
                | LinkError::TooManyConnections
                | LinkError::TooManyHandshakes,
            ) => Self::TurnedAway,
            EventKind::Unprotected | EventKind::KeyFile { .. } => Self::Flaw,
            EventKind::AcceptFailed(_) => Self::AcceptFailed,
            EventKind::Disconnected { lost: 1.., .. } => Self::Disconnected,
            EventKind::Unsent { .. } | EventKind::MessageGivenUp { .. } => Self::Unsent,
            EventKind::Unread { .. } => Self::Unread,
            EventKind::DroppingStarted => Self::DroppingStarted,
            EventKind::DroppingStopped { .. } => Self::DroppingStopped,
            _ => Self::Progress,
        }
    }

    /// The text of a line that tells only of losses that were held back.
    fn summary(self) -> &'static str {
        match self {
            Self::Disconnected | Self::Unsent => "more unsent messages lost",
            Self::Unread => "more received messages lost unread",
            Self::DroppingStarted => "dropping started for more peers",
            Self::TurnedAway => "more connections turned away",
            _ => "dropping stopped for more peers, which have missed messages",
        }
    }
}

/// Whether the log is read at the level of such an event.
pub(super) fn is_read(kind: &EventKind) -> bool {
    Class::of(kind).is_read()
}

/// Whether the log is read at the level of warnings.
pub(super) fn warnings_are_read() -> bool {
    is_on!(WARN)
}

/// Writes a line about messages that were dropped for `cause`. There is no event for them, and the caller bounds the
/// rate.
pub(super) fn dropped(
    cause: &'static str,
    messages: u64,
    endpoint: Option<&Endpoint>,
    peer: Option<&str>,
) {
    let line = Line {
        text: "messages dropped",
        endpoint,
        peer: peer.filter(|peer| !peer.is_empty()),
        cause: Some(&cause),
        delay: None,
        messages,
    };
    line.write(Class::Unsent, messages, 0);
}

impl Log {
    /// Writes a line about an event, or holds it back if there were too many in this second.
    pub(super) fn event(&self, kind: &EventKind, endpoint: Option<&Endpoint>, peer: Option<&str>) {
        let (cause, delay, messages): (Option<&dyn std::fmt::Display>, _, u64) = match kind {
            EventKind::GaveUp(cause)
            | EventKind::HandshakeFailed(cause)
            | EventKind::AcceptFailed(cause) => (Some(cause), None, 0),
            EventKind::Retrying { delay, cause } => (Some(cause), Some(*delay), 0),
            EventKind::MessageGivenUp { cause, .. } => (Some(cause), None, 1),
            EventKind::Disconnected { cause, lost } => (Some(cause), None, *lost as u64),
            EventKind::Unsent { lost } | EventKind::Unread { lost } => (None, None, *lost),
            EventKind::DroppingStopped { missed } => (None, None, *missed),
            EventKind::KeyFile { .. } => (Some(kind), None, 0),
            _ => (None, None, 0),
        };
        let line = Line {
            text: kind.name(),
            endpoint,
            peer,
            cause,
            delay,
            messages,
        };
        self.write(Class::of(kind), line);
    }

    fn write(&self, class: Class, line: Line<'_>) {
        let now = Instant::now();
        let mut budgets = self.budgets.lock();
        let held = budgets[class as usize].take(class, now, line.messages);
        let due = budgets.map(|budget| budget.is_due(now));
        let mut late = [(0, 0); CLASSES];
        for (index, late) in late.iter_mut().enumerate().filter(|(index, _)| due[*index]) {
            *late = budgets[index].spend(now);
        }
        // Written without the lock: a subscriber may cause a further line itself.
        drop(budgets);
        if let Some((held_back, messages)) = held {
            line.write(class, line.messages + messages, held_back);
        }
        for class in LOSSES {
            let (held_back, messages) = late[class as usize];
            if held_back > 0 {
                Line::summary(class).write(class, messages, held_back);
            }
        }
    }

    /// Writes the lines that were held back, when the socket has gone.
    pub(super) fn finish(&self) {
        let budgets = std::mem::take(&mut *self.budgets.lock());
        for class in LOSSES {
            let budget = budgets[class as usize];
            if budget.held_back > 0 {
                Line::summary(class).write(class, budget.messages, budget.held_back);
            }
        }
    }

    /// Whether any line is held back.
    pub(super) fn holds_back(&self) -> bool {
        let budgets = self.budgets.lock();
        budgets.iter().any(|budget| budget.held_back > 0)
    }
}

const LOSSES: [Class; 6] = [
    Class::Disconnected,
    Class::Unsent,
    Class::Unread,
    Class::DroppingStarted,
    Class::DroppingStopped,
    Class::TurnedAway,
];

impl Budget {
    /// Asks for a line that tells of `messages`: gives the lines and messages held back before it, or `None` if this
    /// line is held back itself.
    fn take(&mut self, class: Class, now: Instant, messages: u64) -> Option<(u64, u64)> {
        if self.is_over(now) {
            self.second = Some(now);
            self.written = 0;
        }
        let most = if class.is_loss() {
            LOSSES_PER_SECOND
        } else {
            LINES_PER_SECOND
        };
        if self.written == most {
            self.held_back += 1;
            self.messages += messages;
            return None;
        }
        self.written += 1;
        Some((
            std::mem::take(&mut self.held_back),
            std::mem::take(&mut self.messages),
        ))
    }

    /// Takes the counts of lines and messages that were held back, for a line of its own.
    fn spend(&mut self, now: Instant) -> (u64, u64) {
        self.second = Some(now);
        self.written = 1;
        (
            std::mem::take(&mut self.held_back),
            std::mem::take(&mut self.messages),
        )
    }

    /// Whether lines were held back of which a line may tell now.
    fn is_due(&self, now: Instant) -> bool {
        self.held_back > 0 && self.is_over(now)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.second
            .is_none_or(|begun| now.saturating_duration_since(begun) >= SECOND)
    }
}

impl Line<'_> {
    fn summary(class: Class) -> Self {
        Self {
            text: class.summary(),
            endpoint: None,
            peer: None,
            cause: None,
            delay: None,
            messages: 0,
        }
    }

    /// Writes the line, at once or as soon as this thread has released the lock of a socket.
    fn write(self, class: Class, messages: u64, held_back: u64) {
        let text = WholeLine {
            class,
            text: self.text,
            endpoint: self.endpoint.cloned(),
            peer: self.peer.map(str::to_owned),
            cause: self.cause.map(ToString::to_string),
            delay: self.delay,
            messages,
            held_back,
        };
        // A subscriber that panics harms nobody else; there is no log to tell of it.
        late_calls::call(move || drop(catch_unwind(AssertUnwindSafe(|| text.write()))));
    }
}

/// A line that is ready to be written.
struct WholeLine {
    class: Class,
    text: &'static str,
    endpoint: Option<Endpoint>,
    peer: Option<String>,
    cause: Option<String>,
    delay: Option<Duration>,
    messages: u64,
    held_back: u64,
}

impl WholeLine {
    /// Writes the line; fields without a value are left out.
    fn write(&self) {
        macro_rules! line {
            ($level:ident) => {
                tracing::event!(
                    target: "highwater",
                    tracing::Level::$level,
                    endpoint = self.endpoint.as_ref().map(tracing::field::display),
                    peer = self.peer.as_ref().map(tracing::field::display),
                    cause = self.cause.as_ref().map(tracing::field::display),
                    delay = self.delay.map(tracing::field::debug),
                    count = (self.messages > 0).then_some(self.messages),
                    held_back = (self.held_back > 0).then_some(self.held_back),
                    "{}",
                    self.text
                )
            };
        }
        match self.class {
            Class::Progress => line!(DEBUG),
            _ => line!(WARN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_loss_there_is_one_line_a_second_and_the_next_tells_what_was_held_back() {
        let mut budget = Budget::default();
        let begun = Instant::now();
        assert_eq!(budget.take(Class::Unsent, begun, 5), Some((0, 0)));
        for _ in 0..3 {
            assert_eq!(budget.take(Class::Unsent, begun, 2), None);
        }
        assert!(!budget.is_due(begun));
        let later = begun + SECOND;
        assert!(budget.is_due(later));
        assert_eq!(budget.take(Class::Unsent, later, 1), Some((3, 6)));
        assert!(!budget.is_due(later + SECOND), "nothing is held back");
    }

    #[test]
    fn of_other_lines_there_are_twenty() {
        let mut budget = Budget::default();
        let now = Instant::now();
        for _ in 0..LINES_PER_SECOND {
            assert_eq!(budget.take(Class::HandshakeFailed, now, 0), Some((0, 0)));
        }
        assert_eq!(budget.take(Class::HandshakeFailed, now, 0), None);
        assert_eq!(budget.spend(now), (1, 0));
    }

    #[test]
    fn each_class_of_loss_is_among_those_that_are_told_at_the_end() {
        let all = LOSSES.iter().all(|class| class.is_loss());
        assert!(all && LOSSES.len() == CLASSES - Class::Disconnected as usize);
    }
}
