//! Reading from the pipes of a socket, within the budget of one hold of its lock.
//!
//! Owns: nothing; it spends the budget of the table.
//! Always true: once the budget is spent, nothing is read until a call [refills it](Table::refill_budget). If no call
//! of the application will do so, an I/O thread is asked to have the socket read on.
//! Must not know: how the messages are used.

use highwater_patterns::{DropCause, Message, PipeId, Pipes, Received};

use super::Table;
use crate::pipe::InprocEnd;
use crate::policy::{Budget, cost_of_frames, cost_of_topic};
use crate::socket::deferred::DeferredWork;

impl Table {
    /// The table, with a way to ask an I/O thread to go on later.
    pub(in crate::socket) fn with_deferred_work(self, deferred_work: DeferredWork) -> Self {
        Self {
            deferred_work: Some(deferred_work),
            ..self
        }
    }

    /// A call begins, or has released the lock for other threads: it has the whole budget again.
    #[inline(always)]
    pub(crate) fn refill_budget(&mut self) {
        self.budget.refill();
    }

    /// The next message of any size; subscriptions before it are dropped.
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

    /// The next message or subscription from `pipe`; see [`Pipes::try_read`].
    pub(super) fn read_from(&mut self, pipe: PipeId) -> Option<Received> {
        let unasked = self.facts.reads_unasked;
        let slot = self.pipes.get_mut(pipe)?;
        loop {
            if self.budget.is_spent() {
                // If no call of the application will come to read on, an I/O thread is asked to do so.
                if !unasked
                    || self
                        .deferred_work
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

    /// See [`Pipes::removed_topic`].
    pub(super) fn spend_on_topic(&mut self, bytes: usize) {
        self.budget.spend(cost_of_topic(bytes));
    }

    /// See [`Pipes::go_on_later`].
    pub(super) fn defer_rest(&self) -> bool {
        self.deferred_work.as_ref().is_some_and(DeferredWork::go_on)
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

/// How much of the budget an item costs.
fn cost(received: &Received) -> u32 {
    match received {
        Received::Subscribe(topic) | Received::Cancel(topic) => cost_of_topic(topic.len()),
        Received::Message(message) => 1 + cost_of_frames(message.frame_count()),
    }
}
