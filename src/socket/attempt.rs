//! One attempt to send or to receive a message, without waiting.
//!
//! Owns: the work of a send or a receive beside asking the pattern: it acts on the effects of a send, marks the socket
//! as mute, flushes before a receive comes back with nothing, and checks idle links.
//! Always true: an attempt keeps the lock that it was given. A caller that registers to be woken after a failed
//! attempt, before it releases that lock, misses no event; a thread, a poll and a task wait in this same way
//! ([`waiting`](super::waiting)).
//! Must not know: deadlines, wakers.

use highwater_patterns::{Outbound, Pattern, PipeId, Refusal};

use super::caller::Caller;
use super::{Core, Locked, State, Table, Unsent};
use crate::error::Ended;
use crate::pipe::WriteEffects;
use crate::sync::hold_drops;
use crate::sync::late_calls::hold_calls;

/// After this many messages a send asks whether it is in a forked child, since a send that only adds to a batch does
/// not ask. Together with the messages of one [`send_many`](crate::Push::send_many), it is asked once in 1000 messages
/// at least.
pub(super) const ASK_EVERY: u32 = 512;

/// The outcome of an attempt to send.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<T> {
    /// The message is on its way.
    Done(T),
    /// The message is on its way, and these effects were acted on; the caller may have to wait for its peer.
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
        caller: Caller,
        message: &mut M,
        put: &mut impl FnMut(&mut Pattern, &mut Table, &mut M) -> Result<T, Refusal>,
    ) -> Result<Given<T>, Unsent> {
        if let Some(ended) = state.ended {
            return Err(Unsent::Ended(ended));
        }
        state.sends_unasked += 1;
        if state.sends_unasked >= ASK_EVERY {
            if !self.is_here() {
                return Err(self.forked(state));
            }
            if self.gives_senders_a_turn(state, caller) {
                return Err(Unsent::Refused(Refusal::Full));
            }
        }
        if message.may_have_owner() {
            // A pattern that takes its messages apart may drop a part.
            hold_drops();
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

    /// Takes what `read` finds. If it finds nothing, the socket is flushed, and [`Core::readable`] tells when to try
    /// again.
    #[inline(always)]
    pub(super) fn attempt_recv<T>(
        &self,
        state: &mut Locked<'_>,
        caller: Caller,
        read: &mut impl FnMut(&mut Pattern, &mut Table) -> Option<T>,
    ) -> Result<Option<T>, Ended> {
        if let Some(ended) = state.ended {
            return Err(ended);
        }
        let State { pattern, table, .. } = &mut **state;
        if let Some(taken) = read(pattern, table) {
            if self.lending.used() {
                self.check_idle(state, caller);
            }
            return Ok(Some(taken));
        }
        self.found_nothing(state)?;
        Ok(None)
    }

    /// There is no message: flushes the socket, and removes pipes that were read to the end.
    #[cold]
    fn found_nothing(&self, state: &mut Locked<'_>) -> Result<(), Ended> {
        state.table.waited();
        state.table.flush();
        self.sweep(state);
        // The last pipe of a socket that retires may just have been read to the end.
        state.ended.map_or(Ok(()), Err)
    }

    /// Acts on the effects of a send, as far as that needs no wait, and gives them to the caller.
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
            // Evicting a slow subscriber takes locks of the I/O thread, which in a forked child may be held for ever.
            if !self.is_here() {
                return Err(self.forked(state));
            }
            // A pipe within the process may be connected again. What that tells another socket and the log waits for the release
            // of the lock.
            hold_calls();
            self.end_closed(state);
        }
        Ok(effects)
    }

    /// No pipe has room: the socket is mute, unless no peer will ever come.
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

    /// In a forked child: refuses this message and all later ones.
    #[cold]
    pub(super) fn forked(&self, state: &mut State) -> Unsent {
        state.ended = Some(Ended::Forked);
        Unsent::Ended(Ended::Forked)
    }

    /// Tells the pattern of messages that came from within the process; true if there were any.
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
