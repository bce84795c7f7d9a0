//! One attempt to give the socket a message, or to take one of it: it never waits.
//!
//! Owns: what a send or a receive does beside asking the pattern: it settles what a send has brought about, marks the
//! socket as mute, writes what has been gathered before a receive comes back with nothing, and checks idle peers.
//! Always true: an attempt keeps the lock that it was given. A caller that registers to be woken after a failed
//! attempt, before it releases that lock, misses no event; a thread, a poll and a task wait in this same way
//! ([`waiting`](super::waiting)).
//! Must not know: deadlines, threads, wakers.

use highwater_patterns::{Outbound, Pattern, PipeId, Refusal};

use super::{Core, Ended, Locked, State, Table, Unsent};
use crate::pipe::WriteEffects;

/// After this many messages a send asks whether it is in a forked child, in case that all of them have only been gathered.
/// With what one visit of a [`send_many`](crate::Push::send_many) adds, that is once in 1000 messages at least.
const ASK_EVERY: u32 = 512;

/// The outcome of an attempt to send.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<T> {
    /// The message is on its way.
    Done(T),
    /// The message is on its way, with effects on which the caller may have to act.
    Acted(T, WriteEffects),
}

impl Core {
    /// Gives `message` to the pattern by `put`, if it has room. After a failure, `message` is as it was.
    ///
    /// [`Refusal::Full`] alone is a reason to wait: [`Core::writable`] tells when to try again.
    #[inline(always)]
    pub(super) fn attempt_send<T, M: Outbound>(
        &self,
        state: &mut Locked<'_>,
        message: &mut M,
        put: &mut impl FnMut(&mut Pattern, &mut Table, &mut M) -> Result<T, Refusal>,
    ) -> Result<Given<T>, Unsent> {
        if let Some(ended) = state.ended {
            return Err(Unsent::Ended(ended));
        }
        state.sends_unasked += 1;
        if state.sends_unasked >= ASK_EVERY {
            state.sends_unasked = 0;
            if !self.is_here() {
                return Err(self.forked(state));
            }
        }
        let State { pattern, table, .. } = &mut **state;
        match put(pattern, table, message) {
            Ok(done) if !state.table.has_effects() => Ok(Given::Done(done)),
            Ok(done) => {
                let effects = self.act_on_effects(state, message)?;
                Ok(Given::Acted(done, effects))
            }
            Err(Refusal::Full) => Err(self.no_room(state)),
            Err(reason) => Err(Unsent::Refused(reason)),
        }
    }

    /// Takes what `read` finds, if there is anything. Else everything that the socket has gathered is on its way to the
    /// kernel when this returns, and [`Core::readable`] tells when to try again.
    #[inline(always)]
    pub(super) fn attempt_recv<T>(
        &self,
        state: &mut Locked<'_>,
        read: &mut impl FnMut(&mut Pattern, &mut Table) -> Option<T>,
    ) -> Result<Option<T>, Ended> {
        if let Some(ended) = state.ended {
            return Err(ended);
        }
        let State { pattern, table, .. } = &mut **state;
        if let Some(taken) = read(pattern, table) {
            if self.lending.used() {
                self.check_idle(state);
            }
            return Ok(Some(taken));
        }
        self.found_nothing(state)?;
        Ok(None)
    }

    /// There is no message: what the socket has sent goes out, and pipes that have been read to the end go.
    #[cold]
    fn found_nothing(&self, state: &mut Locked<'_>) -> Result<(), Ended> {
        state.table.waited();
        state.table.flush();
        self.sweep(state);
        // It may have retired, and the last pipe has just been read to the end.
        state.ended.map_or(Ok(()), Err)
    }

    /// A send has brought about more than that its message is on its way: does what needs no wait, and says what it was.
    #[cold]
    fn act_on_effects(
        &self,
        state: &mut State,
        message: &mut impl Outbound,
    ) -> Result<WriteEffects, Unsent> {
        let effects = state.table.take_effects();
        self.unmute(state);
        if state.table.has_closed() {
            if let Some(foreign) = state.table.take_foreign() {
                message.as_message(|message| *message = foreign);
                return Err(self.forked(state));
            }
            // A slow subscriber was evicted, which takes locks of the I/O thread's.
            if !self.is_here() {
                return Err(self.forked(state));
            }
            self.end_closed(state);
        }
        Ok(effects)
    }

    /// The pattern has no room: the socket is mute, unless nobody will come who could have any.
    #[cold]
    fn no_room(&self, state: &mut State) -> Unsent {
        let is_given_up = state.is_given_up();
        if (is_given_up || state.muted_since.is_none()) && !self.is_here() {
            return self.forked(state);
        }
        if is_given_up {
            return Unsent::GivenUp;
        }
        self.mute(state);
        Unsent::Refused(Refusal::Full)
    }

    /// Refuses the message at hand, and whatever comes after it.
    #[cold]
    pub(super) fn forked(&self, state: &mut State) -> Unsent {
        state.ended = Some(Ended::Forked);
        Unsent::Ended(Ended::Forked)
    }

    /// Whether anything came from within the process; the pattern is told.
    pub(super) fn poll_lanes(&self, state: &mut State) -> bool {
        let news = state.table.news_within();
        self.lanes_readable(state, &news);
        !news.is_empty()
    }

    pub(super) fn lanes_readable(&self, state: &mut State, news: &[PipeId]) {
        for pipe in news {
            state.pattern.readable(*pipe, &mut state.table);
        }
    }
}
