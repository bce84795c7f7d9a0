//! Events as lines of a log, few enough to be read.
//!
//! Owns: what each kind of line may still say in this second, and what it has held back.
//! Always true: what is held back is counted in the next line of its kind, at the latest in the last one, when the socket has
//! gone; no kind of line takes the place of another, so a peer that comes and goes hides no loss.
//! Must not know: who subscribes. A subscriber runs on the thread that logs, which may hold the lock of the socket.

use std::time::{Duration, Instant};

use super::EventKind;
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::sync::Mutex;

/// What is counted by itself, and how often it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Everything that goes its way.
    Progress,
    GaveUp,
    HandshakeFailed,
    AcceptFailed,
    /// Messages are lost, from here on.
    Disconnected,
    Unsent,
    Unread,
    DroppingStarted,
    DroppingStopped,
    /// Somebody connects who is not to, and may do so as often as the network lets him.
    TurnedAway,
}

const CLASSES: usize = Class::TurnedAway as usize + 1;

/// At most so many lines of a class a second and socket; the rest are counted in the next line.
const LINES_PER_SECOND: u32 = 20;

/// Losses, and connections that are turned away, are told once a second, with their number.
const LOSSES_PER_SECOND: u32 = 1;

const SECOND: Duration = Duration::from_secs(1);

/// Every line is of this target.
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
    /// Lines.
    held_back: u64,
    /// Messages of which they would have told.
    messages: u64,
}

/// One line, without what was held back before it.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    endpoint: Option<&'a Endpoint>,
    peer: Option<&'a str>,
    cause: Option<&'a dyn std::fmt::Display>,
    delay: Option<Duration>,
    messages: u64,
}

impl Class {
    /// Whether anybody reads such lines.
    pub(super) fn is_read(self) -> bool {
        match self {
            Self::Progress => is_on!(DEBUG),
            _ => warnings_are_read(),
        }
    }

    /// Whether it is told once a second.
    fn is_loss(self) -> bool {
        self as usize >= Self::Disconnected as usize
    }

    fn of(kind: &EventKind) -> Self {
        match kind {
            EventKind::GaveUp(_) => Self::GaveUp,
            EventKind::HandshakeFailed(_) => Self::HandshakeFailed,
            EventKind::AcceptFailed(LinkError::NotAccepted | LinkError::TooManyConnections) => {
                Self::TurnedAway
            }
            EventKind::AcceptFailed(_) => Self::AcceptFailed,
            EventKind::Disconnected { lost: 1.., .. } => Self::Disconnected,
            EventKind::Unsent { .. } | EventKind::MessageGivenUp { .. } => Self::Unsent,
            EventKind::Unread { .. } => Self::Unread,
            EventKind::DroppingStarted => Self::DroppingStarted,
            EventKind::DroppingStopped { .. } => Self::DroppingStopped,
            _ => Self::Progress,
        }
    }

    /// What is said of losses that were held back and are told by themselves.
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

/// Whether anybody reads lines about such an event.
pub(super) fn is_read(kind: &EventKind) -> bool {
    Class::of(kind).is_read()
}

/// Whether anybody reads warnings.
pub(super) fn warnings_are_read() -> bool {
    is_on!(WARN)
}

/// A line about messages that were dropped for `cause`, of which there is no event; the caller sees to it that there are
/// not too many.
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
    /// A line about an event, unless there have been too many.
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
        // Not under the lock: a subscriber may come back here with a line about what it does itself.
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

    /// Tells what was held back, since nothing more comes.
    pub(super) fn finish(&self) {
        let budgets = std::mem::take(&mut *self.budgets.lock());
        for class in LOSSES {
            let budget = budgets[class as usize];
            if budget.held_back > 0 {
                Line::summary(class).write(class, budget.messages, budget.held_back);
            }
        }
    }

    /// Whether anything is to be told before the end.
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
    /// A line that tells of so many messages: what was held back before it, or `None` if it is held back itself.
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

    /// What was held back, told by a line of its own.
    fn spend(&mut self, now: Instant) -> (u64, u64) {
        self.second = Some(now);
        self.written = 1;
        (
            std::mem::take(&mut self.held_back),
            std::mem::take(&mut self.messages),
        )
    }

    /// Whether something was held back that may be told now.
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

    /// Fields that have nothing to say are left out.
    fn write(self, class: Class, messages: u64, held_back: u64) {
        macro_rules! line {
            ($level:ident) => {
                tracing::event!(
                    target: "highwater",
                    tracing::Level::$level,
                    endpoint = self.endpoint.map(tracing::field::display),
                    peer = self.peer.map(tracing::field::display),
                    cause = self.cause.map(tracing::field::display),
                    delay = self.delay.map(tracing::field::debug),
                    count = (messages > 0).then_some(messages),
                    held_back = (held_back > 0).then_some(held_back),
                    "{}",
                    self.text
                )
            };
        }
        match class {
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
