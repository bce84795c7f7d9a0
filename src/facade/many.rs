//! Many messages in one call.
//!
//! Owns: the messages that were taken from the caller's iterator and are not sent yet, in whichever form they were given.
//! Always true: they go in order, each as it would in a call of its own. The iterator, which is the caller's code, runs
//! without the socket's lock: it may wait, or use the socket. No more is taken from it at once than has room, or one.

use std::time::{Duration, Instant};

use highwater_patterns::{Body, IntoMessage, Message, Outbound, Pattern, PipeId, Pipes, Refusal};

use crate::socket::{Core, SendFailure, Table, Wait};

/// The most messages that are taken before they are sent under one hold of the lock.
const MOST_AT_ONCE: usize = 256;

/// Enough bytes of bodies to be taken before they are sent.
const ENOUGH_BYTES: usize = 128 * 1024;

/// An iterator that takes longer than this for some messages waits for something: what it has given is not to wait as well.
const SLOW: Duration = Duration::from_micros(200);

impl Core {
    /// Sends all of `messages`, a good many of them in one visit to the pattern.
    pub(super) fn send_many(
        &self,
        mut messages: impl Iterator<Item: IntoMessage>,
    ) -> Result<usize, SendFailure> {
        let mut gathered = Gathered::default();
        let (mut sent, mut room, mut most) = (0, 1, 1);
        loop {
            // One that does not say how much it has may wait for the next before it gives it, as that of a channel does.
            let left = messages.size_hint().0.max(1);
            let begun = (most > 1).then(Instant::now);
            gathered.fill(&mut messages, most.min(room).min(left));
            if gathered.items.is_empty() {
                return Ok(sent);
            }
            most = match begun {
                Some(begun) if begun.elapsed() > SLOW => 1,
                _ => MOST_AT_ONCE.min(2 * most),
            };
            room = self.send_gathered(&mut gathered)?;
            sent += gathered.items.len();
        }
    }

    /// Sends what was gathered: how many more messages are sure to find room, at least one.
    fn send_gathered<T: IntoMessage>(&self, run: &mut Gathered<T>) -> Result<usize, SendFailure> {
        let mut state = match self.lock_here() {
            Ok(state) => state,
            Err(ended) => return Err(SendFailure::Ended(self.give_up(run), ended)),
        };
        let put = |pattern: &mut Pattern, table: &mut Table, run: &mut Gathered<T>| {
            let begun = run.at;
            while let Some(next) = run.items.get_mut(run.at) {
                if next.is_too_long() {
                    return Err(Refusal::TooManyFrames);
                }
                pattern.offer(next, table)?;
                run.at += 1;
                if table.has_news() {
                    break;
                }
            }
            Ok(u32::try_from(run.at - begun).unwrap_or(u32::MAX))
        };
        while run.at < run.items.len() {
            let outcome;
            (state, outcome) = self.send_locked(state, Wait::Configured, run, put);
            match outcome {
                Ok(visited) => state.sent_more(visited.saturating_sub(1)),
                Err(why) => {
                    state.leave();
                    return Err(why.of(self.give_up(run)));
                }
            }
        }
        Ok(state.table.room(MOST_AT_ONCE).max(1))
    }

    /// The message that was not sent. What was taken with it had room, until the socket ended or others sent as well: it is
    /// counted and told as unsent.
    #[cold]
    fn give_up<T: IntoMessage>(&self, run: &mut Gathered<T>) -> Message {
        let at = run.at.min(run.items.len() - 1);
        let mut rest = run.items.drain(at..);
        let message = rest.next().map_or(Message::EMPTY, Next::into_message);
        self.telemetry().lose_unsent(rest.count(), None);
        message
    }
}

/// Messages that were taken from the caller's iterator.
#[derive(Debug)]
struct Gathered<T> {
    items: Vec<Next<T>>,
    /// So many of them are sent.
    at: usize,
}

impl<T> Default for Gathered<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            at: 0,
        }
    }
}

impl<T: IntoMessage> Gathered<T> {
    /// Takes the next messages, `most` at the most.
    #[inline]
    fn fill(&mut self, messages: &mut impl Iterator<Item = T>, most: usize) {
        self.items.clear();
        self.at = 0;
        let mut bytes = 0;
        while self.items.len() < most && bytes < ENOUGH_BYTES {
            let Some(given) = messages.next() else {
                return;
            };
            let next = Next::new(given);
            // Nothing is taken behind one that will not be sent.
            bytes += match next.is_too_long() {
                true => ENOUGH_BYTES,
                false => next.size(),
            };
            self.items.push(next);
        }
    }

    /// The message that is next, or was last.
    #[inline]
    fn current(&self) -> &Next<T> {
        &self.items[self.at.min(self.items.len() - 1)]
    }

    #[inline]
    fn current_mut(&mut self) -> &mut Next<T> {
        let at = self.at.min(self.items.len() - 1);
        &mut self.items[at]
    }
}

impl<T: IntoMessage> Outbound for Gathered<T> {
    fn first(&self) -> &[u8] {
        self.current().first()
    }

    fn write_to(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> bool {
        self.current_mut().write_to(pipe, pipes)
    }

    fn write_to_all(&self, these: &[PipeId], pipes: &mut impl Pipes, full: &mut dyn FnMut(PipeId)) {
        self.current().write_to_all(these, pipes, full);
    }

    fn as_message<U>(&mut self, then: impl FnOnce(&mut Message) -> U) -> U {
        self.current_mut().as_message(then)
    }
}

/// A message: as it was given, if it lends its body; else as a message.
#[derive(Debug)]
enum Next<T> {
    Given(T),
    Made(Message),
}

impl<T: IntoMessage> Next<T> {
    #[inline]
    fn new(given: T) -> Self {
        if given.body().is_some() {
            Self::Given(given)
        } else {
            Self::Made(given.into_message())
        }
    }

    #[inline]
    fn size(&self) -> usize {
        match self {
            Self::Given(given) => given.body().map_or(0, |body| body.bytes().len()),
            Self::Made(message) => message.size(),
        }
    }

    #[inline]
    fn is_too_long(&self) -> bool {
        matches!(self, Self::Made(message) if message.frame_count() > Message::MAX_FRAMES)
    }

    fn into_message(self) -> Message {
        match self {
            Self::Given(given) => given.into_message(),
            Self::Made(message) => message,
        }
    }
}

impl<T: IntoMessage> Outbound for Next<T> {
    #[inline]
    fn first(&self) -> &[u8] {
        match self {
            Self::Given(given) => given.body().map_or(&[], Body::bytes),
            Self::Made(message) => Outbound::first(message),
        }
    }

    #[inline(always)]
    fn write_to(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> bool {
        match self {
            Self::Given(given) => match given.body() {
                Some(mut body) => body.write_to(pipe, pipes),
                None => self.as_message(|message| message.write_to(pipe, pipes)),
            },
            Self::Made(message) => message.write_to(pipe, pipes),
        }
    }

    fn write_to_all(&self, these: &[PipeId], pipes: &mut impl Pipes, full: &mut dyn FnMut(PipeId)) {
        match self {
            Self::Given(given) => {
                if let Some(body) = given.body() {
                    body.write_to_all(these, pipes, full);
                }
            }
            Self::Made(message) => message.write_to_all(these, pipes, full),
        }
    }

    fn as_message<U>(&mut self, then: impl FnOnce(&mut Message) -> U) -> U {
        if let Self::Given(_) = self {
            let made = std::mem::replace(self, Self::Made(Message::EMPTY)).into_message();
            *self = Self::Made(made);
        }
        match self {
            Self::Made(message) => then(message),
            Self::Given(_) => unreachable!("it was made just now"),
        }
    }
}
