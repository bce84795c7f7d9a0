//! Many messages in one call.
//!
//! Owns: the message that is to go next, in whichever form it was given.
//! Always true: they go in order, each as it would in a call of its own.

use highwater_patterns::{Body, IntoMessage, Message, Outbound, Pattern, PipeId, Pipes, Refusal};

use crate::socket::{Core, SendFailure, Table, Wait};

/// The most messages that are sent in one visit to the pattern.
const MOST_IN_A_VISIT: u32 = 256;

impl Core {
    /// Sends all of `messages`, a good many of them in one visit to the pattern.
    pub(super) fn send_many(
        &self,
        mut messages: impl Iterator<Item: IntoMessage>,
    ) -> Result<usize, SendFailure> {
        let Some(first) = messages.next() else {
            return Ok(0);
        };
        let mut state = match self.lock_here() {
            Ok(state) => state,
            Err(ended) => return Err(SendFailure::Ended(first.into_message(), ended)),
        };
        let mut next = Next::new(first);
        let mut sent = 0;
        // How many messages went, and whether `next` is one more.
        let mut put = |pattern: &mut Pattern, table: &mut Table, next: &mut Next<_>| {
            let mut visited = 0;
            loop {
                if next.message.frame_count() > Message::MAX_FRAMES {
                    return Err(Refusal::TooManyFrames);
                }
                pattern.offer(next, table)?;
                sent += 1;
                visited += 1;
                let Some(given) = messages.next() else {
                    return Ok((visited, false));
                };
                next.set(given);
                if visited == MOST_IN_A_VISIT || table.has_news() {
                    return Ok((visited, true));
                }
            }
        };
        loop {
            let outcome;
            (state, outcome) = self.send_locked(state, Wait::Configured, &mut next, &mut put);
            match outcome {
                Ok((visited, true)) => state.sent_more(visited - 1),
                Ok((visited, false)) => {
                    state.sent_more(visited - 1);
                    return Ok(sent);
                }
                Err(why) => return Err(why.of(next.into_message())),
            }
        }
    }
}

/// The message that is to go next: as it was given, if it lends its body; else as a message.
#[derive(Debug)]
struct Next<T> {
    given: Option<T>,
    message: Message,
}

impl<T: IntoMessage> Next<T> {
    #[inline]
    fn new(given: T) -> Self {
        let mut next = Self {
            given: None,
            message: Message::EMPTY,
        };
        next.set(given);
        next
    }

    #[inline]
    fn set(&mut self, given: T) {
        if given.body().is_some() {
            self.given = Some(given);
        } else {
            self.given = None;
            self.message = given.into_message();
        }
    }

    #[inline]
    fn body(&self) -> Option<Body<'_>> {
        self.given.as_ref()?.body()
    }

    fn into_message(self) -> Message {
        self.given.map_or(self.message, T::into_message)
    }
}

impl<T: IntoMessage> Outbound for Next<T> {
    #[inline]
    fn first(&self) -> &[u8] {
        self.body()
            .map_or_else(|| Outbound::first(&self.message), Body::bytes)
    }

    #[inline(always)]
    fn write_to(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> bool {
        match self.body() {
            Some(mut body) => body.write_to(pipe, pipes),
            None => self.message.write_to(pipe, pipes),
        }
    }

    fn write_to_all(&self, these: &[PipeId], pipes: &mut impl Pipes, full: &mut dyn FnMut(PipeId)) {
        match self.body() {
            Some(body) => body.write_to_all(these, pipes, full),
            None => self.message.write_to_all(these, pipes, full),
        }
    }

    fn as_message<U>(&mut self, then: impl FnOnce(&mut Message) -> U) -> U {
        if let Some(given) = self.given.take() {
            self.message = given.into_message();
        }
        then(&mut self.message)
    }
}
