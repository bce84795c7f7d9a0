//! What a socket reads of its pipes, and how much of it under one hold of its lock.
//!
//! Owns: nothing; it spends the budget of the table.
//! Always true: once that is spent, nothing is read until a call [refills it](Table::refill_budget); what was not read, and no
//! call comes back to, an I/O thread tells of again.
//! Must not know: what is done with what is read.

use highwater_patterns::{DropCause, Message, PipeId, Pipes, Received};

use super::Table;
use crate::pipe::InprocEnd;
use crate::policy::{Budget, cost_of_frames, cost_of_topic};
use crate::socket::deferred::DeferredReads;

impl Table {
    /// The table, with a way to ask an I/O thread to read on later.
    pub(in crate::socket) fn with_deferred_reads(self, deferred_reads: DeferredReads) -> Self {
        Self {
            deferred_reads: Some(deferred_reads),
            ..self
        }
    }

    /// A call begins, or has let others have the lock: it has the whole budget again.
    #[inline(always)]
    pub(crate) fn refill_budget(&mut self) {
        self.budget.refill();
    }

    /// The next message of any size; subscriptions that nobody asked for are dropped.
    #[inline(never)]
    pub(super) fn read_any_message(&mut self, pipe: PipeId, into: &mut Message) -> bool {
        loop {
            match self.try_read(pipe) {
                Some(Received::Message(message)) => {
                    *into = message;
                    return true;
                }
                Some(_) => self.dropped(Some(pipe), DropCause::Unexpected),
                None => return false,
            }
        }
    }

    /// The next thing that came through `pipe`; see [`Pipes::try_read`].
    pub(super) fn read_from(&mut self, pipe: PipeId) -> Option<Received> {
        let unasked = self.facts.reads_unasked;
        let slot = self.pipes.get_mut(pipe)?;
        loop {
            if self.budget.is_spent() {
                // Where no call of the application comes back to it, an I/O thread does.
                if !unasked
                    || self
                        .deferred_reads
                        .as_ref()
                        .is_some_and(|deferred| deferred.read_on(pipe))
                {
                    return None;
                }
                self.budget.refill();
            }
            match slot.next(&mut self.budget) {
                Some(received) if unasked => {
                    self.budget.spend(cost(&received));
                    return Some(received);
                }
                None if unasked && self.budget.is_spent() => {}
                None if unasked && slot.lane().is_some_and(InprocEnd::wait_for_news) => {}
                received => {
                    if let Some(Received::Message(message)) = &received {
                        self.budget.spend(cost_of_frames(message.frame_count()));
                    }
                    if received.is_none() && slot.is_ending() {
                        self.found_empty(pipe);
                    }
                    return received;
                }
            }
        }
    }

    /// See [`Pipes::discard`].
    pub(super) fn discard_from(&mut self, pipe: PipeId) -> usize {
        let Some(slot) = self.pipes.get_mut(pipe) else {
            return 0;
        };
        let (mut messages, mut budget) = (0, Budget::default());
        loop {
            match slot.next(&mut budget) {
                Some(Received::Message(_)) => messages += 1,
                None if !budget.is_spent() => break,
                _ => {}
            }
            budget.refill();
        }
        if slot.is_ending() {
            self.found_empty(pipe);
        }
        messages
    }
}

/// What it costs to apply what has come.
fn cost(received: &Received) -> u32 {
    match received {
        Received::Subscribe(topic) | Received::Cancel(topic) => cost_of_topic(topic.len()),
        Received::Message(message) => 1 + cost_of_frames(message.frame_count()),
    }
}
