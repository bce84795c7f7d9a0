//! Sending and receiving many messages in one call.
//!
//! Owns: the messages that were taken from the caller's iterator and are not sent yet.
//! Always true: messages go in order, each as in a call of its own. The iterator and its messages are the caller's
//! code: they are called without the socket's lock, so they may wait, or use the socket. No more messages are taken at
//! once than have room, but at least one.

use std::time::Instant;

use highwater_patterns::{
    Body, INLINE_CAPACITY, IntoMessage, Message, Outbound, OutboundFrame, Pattern, Refusal,
};

use super::{Core, RecvFailure, SendFailure, Table, Wait};
use crate::policy::tuning::{
    ENOUGH_RECEIVED_AT_ONCE_BYTES, ENOUGH_SENT_AT_ONCE_BYTES, MOST_SENT_AT_ONCE, SLOW_ITERATOR,
};

impl Core {
    /// Sends all of `messages`, many of them under one hold of the lock; gives their number, or after a failure the
    /// number of those sent before.
    pub(crate) fn send_many(
        &self,
        mut messages: impl Iterator<Item: IntoMessage>,
    ) -> Result<usize, (usize, SendFailure)> {
        let mut gathered = Vec::new();
        let (mut sent, mut room, mut most) = (0, 1, 1);
        loop {
            // An iterator that does not tell its length, as that of a channel, may wait for its next message.
            let left = messages.size_hint().0.max(1);
            let begun = (most > 1).then(Instant::now);
            gather(&mut gathered, &mut messages, most.min(room).min(left));
            most = match begun {
                Some(begun) if begun.elapsed() > SLOW_ITERATOR => 1,
                _ => MOST_SENT_AT_ONCE.min(2 * most),
            };
            let outcome = match gathered.as_mut_slice() {
                [] => return Ok(sent),
                [alone] => self.send_run(&mut [alone.next()]),
                many => self.send_run(&mut many.iter_mut().map(Given::next).collect::<Vec<_>>()),
            };
            room = outcome.map_err(|(before, failure)| (sent + before, failure))?;
            sent += gathered.len();
        }
    }

    pub(crate) fn recv_many(
        &self,
        wait: Wait,
        into: &mut Vec<Message>,
        most: usize,
    ) -> Result<usize, RecvFailure> {
        if most == 0 {
            return Ok(0);
        }
        self.recv_with(wait, |pattern, table| take_many(pattern, table, into, most))
    }

    /// Sends `run`, which has at least one message. Gives how many more messages are sure to find room, at least one;
    /// after a failure the number of those sent before.
    fn send_run(&self, run: &mut [Next<'_>]) -> Result<usize, (usize, SendFailure)> {
        let mut run = Run {
            may_have_owner: run.iter().any(Next::may_have_owner),
            items: run,
            at: 0,
        };
        let mut state = match self.lock_here() {
            Ok(state) => state,
            Err(ended) => return Err((0, SendFailure::Ended(self.give_up(run), ended))),
        };
        let put = |pattern: &mut Pattern, table: &mut Table, run: &mut Run<'_, '_>| {
            let begun = run.at;
            while let Some(next) = run.items.get_mut(run.at) {
                if next.is_too_long() {
                    return Err(Refusal::TooManyFrames);
                }
                pattern.offer(next, table)?;
                run.at += 1;
                if table.has_effects() {
                    break;
                }
            }
            Ok(u32::try_from(run.at - begun).unwrap_or(u32::MAX))
        };
        while run.at < run.items.len() {
            let outcome;
            (state, outcome) = self.send_locked(state, Wait::Configured, &mut run, put);
            match outcome {
                Ok(visited) => state.sent_more(visited.saturating_sub(1)),
                Err(why) => {
                    state.unlock();
                    return Err((run.at, why.of(self.give_up(run))));
                }
            }
        }
        Ok(state.table.room(MOST_SENT_AT_ONCE).max(1))
    }

    /// Gives up the rest of `run`: the first message that was not sent goes back to the caller, the others are counted
    /// as unsent. They had room when they were taken, until the socket ended or another thread sent.
    #[cold]
    fn give_up(&self, run: Run<'_, '_>) -> Message {
        let at = run.current();
        let rest = run.items.len() - at - 1;
        self.telemetry().lose_unsent(rest, None);
        run.items[at].take()
    }
}

/// Takes the messages that are there, at most `most` and about 128 KiB, and appends them to `into`; their number, if there is
/// one.
#[inline]
pub(crate) fn take_many(
    pattern: &mut Pattern,
    table: &mut Table,
    into: &mut Vec<Message>,
    most: usize,
) -> Option<usize> {
    let before = into.len();
    let mut bytes = 0;
    while into.len() - before < most && bytes < ENOUGH_RECEIVED_AT_ONCE_BYTES {
        into.push(Message::EMPTY);
        let last = into.len() - 1;
        if !pattern.recv_into(table, &mut into[last]) {
            into.pop();
            break;
        }
        bytes += into[last].size();
    }
    (into.len() > before).then_some(into.len() - before)
}

/// Takes the next messages from the caller, `most` at the most.
#[inline]
fn gather<T: IntoMessage>(
    into: &mut Vec<Given<T>>,
    messages: &mut impl Iterator<Item = T>,
    most: usize,
) {
    into.clear();
    let mut bytes = 0;
    while into.len() < most && bytes < ENOUGH_SENT_AT_ONCE_BYTES {
        let Some(given) = messages.next() else {
            return;
        };
        let given = Given::new(given);
        bytes += given.weight();
        into.push(given);
    }
}

/// An item of the caller's iterator: as it is, if it lends its body; otherwise made into a message.
#[derive(Debug)]
enum Given<T> {
    Lends(T),
    Made(Message),
}

impl<T: IntoMessage> Given<T> {
    #[inline]
    fn new(given: T) -> Self {
        if given.body().is_some() {
            Self::Lends(given)
        } else {
            Self::Made(given.into_message())
        }
    }

    /// Its bytes. A message that is too long to be sent counts so much that nothing is taken behind it.
    #[inline]
    fn weight(&self) -> usize {
        match self {
            Self::Lends(given) => given.body().map_or(0, |body| body.bytes().len()),
            Self::Made(message) if is_too_long(message) => ENOUGH_SENT_AT_ONCE_BYTES,
            Self::Made(message) => message.size(),
        }
    }

    /// The form in which it is sent; the caller's code is not called again.
    #[inline]
    fn next(&mut self) -> Next<'_> {
        match self {
            Self::Lends(given) => given.body().map_or(Next::EMPTY, Next::Body),
            Self::Made(message) => Next::Message(std::mem::take(message)),
        }
    }
}

#[inline]
fn is_too_long(message: &Message) -> bool {
    message.frame_count() > Message::MAX_FRAMES
}

/// Messages to be sent under one hold of the lock.
#[derive(Debug)]
struct Run<'a, 'b> {
    items: &'a mut [Next<'b>],
    /// How many of them were sent.
    at: usize,
    may_have_owner: bool,
}

impl Run<'_, '_> {
    /// The index of the next message, or of the last if all were sent.
    #[inline]
    fn current(&self) -> usize {
        self.at.min(self.items.len() - 1)
    }
}

impl Outbound for Run<'_, '_> {
    fn first(&self) -> &[u8] {
        self.items[self.current()].first()
    }

    fn frame_count(&self) -> usize {
        self.items[self.current()].frame_count()
    }

    fn copy_short(&self, window: &mut [u8; INLINE_CAPACITY]) -> Option<usize> {
        self.items[self.current()].copy_short(window)
    }

    fn for_each_frame(&self, each: impl FnMut(OutboundFrame<'_>)) {
        self.items[self.current()].for_each_frame(each);
    }

    fn to_message(&self) -> Message {
        self.items[self.current()].to_message()
    }

    fn as_message<U>(&mut self, then: impl FnOnce(&mut Message) -> U) -> U {
        let at = self.current();
        self.items[at].as_message(then)
    }

    fn may_have_owner(&self) -> bool {
        self.may_have_owner
    }
}

/// A message, or a borrowed body.
#[derive(Debug)]
enum Next<'a> {
    Body(Body<'a>),
    Message(Message),
}

impl Next<'_> {
    const EMPTY: Self = Self::Message(Message::EMPTY);

    #[inline]
    fn is_too_long(&self) -> bool {
        matches!(self, Self::Message(message) if is_too_long(message))
    }
}

impl Outbound for Next<'_> {
    #[inline]
    fn first(&self) -> &[u8] {
        match self {
            Self::Body(body) => body.first(),
            Self::Message(message) => Outbound::first(message),
        }
    }

    #[inline]
    fn frame_count(&self) -> usize {
        match self {
            Self::Body(body) => body.frame_count(),
            Self::Message(message) => message.frame_count(),
        }
    }

    #[inline]
    fn copy_short(&self, window: &mut [u8; INLINE_CAPACITY]) -> Option<usize> {
        match self {
            Self::Body(body) => body.copy_short(window),
            Self::Message(message) => message.copy_short(window),
        }
    }

    #[inline]
    fn for_each_frame(&self, each: impl FnMut(OutboundFrame<'_>)) {
        match self {
            Self::Body(body) => body.for_each_frame(each),
            Self::Message(message) => message.for_each_frame(each),
        }
    }

    fn to_message(&self) -> Message {
        match self {
            Self::Body(body) => body.to_message(),
            Self::Message(message) => message.to_message(),
        }
    }

    fn as_message<U>(&mut self, then: impl FnOnce(&mut Message) -> U) -> U {
        if let Self::Body(body) = self {
            *self = Self::Message(Message::from(*body));
        }
        match self {
            Self::Message(message) => then(message),
            Self::Body(_) => unreachable!("it was made a message just now"),
        }
    }

    #[inline]
    fn may_have_owner(&self) -> bool {
        matches!(self, Self::Message(message) if message.may_have_owner())
    }
}
