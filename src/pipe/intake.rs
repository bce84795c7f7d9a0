//! The socket's end of the way in: one message at a time, from wherever the bytes are.
//!
//! Owns: the chunk being decoded, and the reader while it is lent.
//! Always true: what the I/O thread delivered before it lent the reader comes first; then what the reader holds; then
//! what the next connection brings.
//! Must not know: who else reads; the socket's lock makes sure that nobody does.

mod lent;

use std::sync::Arc;

use highwater_patterns::{Message, Received};

use super::reader::next_single;
use super::{Delivery, Duty, Pipe, Reader, Wire};
use crate::origin::Origin;
use crate::policy::Budget;
use crate::policy::tuning::READ_COST;
use crate::zmtp::{self, Decoder, Item, OwnedCommand, ProtocolError};

/// The reading end of one pipe, in the hands of its socket.
#[derive(Debug)]
pub(crate) struct Intake {
    pipe: Arc<Pipe>,
    wire: Option<Arc<dyn Wire>>,
    chunk: Vec<u8>,
    at: usize,
    decoder: Decoder,
    lent: Option<Reader>,
    /// The connection is not read yet, since messages of an earlier connection are to be read first.
    held_back: bool,
    /// The I/O thread may have delivered messages that come before those of the lent reader.
    behind: bool,
    /// The lent reader holds no whole message: it had none when last asked, and has read nothing since.
    idle: bool,
    /// A message in the form of a subscription is given as a subscription (PUB, XPUB).
    translate: bool,
    /// Of messages that have arrived together, only the latest is given.
    conflates: bool,
    messages: u64,
    /// How many messages were dropped for a later one.
    replaced: u64,
    /// How many heartbeats of the last read the I/O thread was told of.
    passed_on: u8,
    origin: Origin,
}

impl Intake {
    pub(crate) fn new(pipe: Arc<Pipe>, translate: bool) -> Self {
        Self {
            origin: pipe.incoming.origin(),
            conflates: pipe.incoming.conflates(),
            pipe,
            wire: None,
            chunk: Vec::new(),
            at: 0,
            decoder: Decoder::new(None),
            lent: None,
            held_back: false,
            behind: false,
            idle: false,
            translate,
            messages: 0,
            replaced: 0,
            passed_on: 0,
        }
    }

    /// A connection is there; it is read at once, unless it is `held_back`.
    pub(crate) fn connected(&mut self, wire: Arc<dyn Wire>, held_back: bool) {
        self.lent = None;
        self.held_back = held_back;
        if !held_back {
            self.pipe.incoming.connection_known();
            // The socket may have told the connection before this one to resume.
            wire.duty(Duty::Resume);
        }
        self.wire = Some(wire);
    }

    /// The connection is to be read now, if it was held back.
    pub(crate) fn let_in(&mut self) {
        if std::mem::take(&mut self.held_back) {
            self.pipe.incoming.connection_known();
            if let Some(wire) = &self.wire {
                wire.duty(Duty::Resume);
            }
        }
    }

    /// The connection is lost, or let go. Whole messages can still be read, also those that only the lent reader has.
    pub(crate) fn disconnected(&mut self) {
        self.keep_read(|_| {});
        // A connection that is let go has still to be read, or nobody notices that its peer is gone.
        self.return_reader();
        self.lent = None;
        self.held_back = false;
        self.wire = None;
    }

    /// How many whole messages were not given, while there is no connection.
    pub(crate) fn unread(&self) -> usize {
        self.pipe.incoming.queued() + self.left_of_chunk()
    }

    /// The live connection.
    pub(crate) fn wire(&self) -> Option<&Arc<dyn Wire>> {
        self.wire.as_ref()
    }

    /// Messages given so far.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// The next message, if it is one frame that is not large and is whole in a buffer: the fast path of
    /// [`next`](Self::next).
    #[inline(always)]
    pub(crate) fn next_single(&mut self, into: &mut Message) -> bool {
        if !self.behind
            && !self.translate
            && let Some(reader) = &mut self.lent
            && reader.next_short(into)
        {
            self.messages += 1;
            return true;
        }
        self.next_single_anywhere(into)
    }

    /// Out of line, to keep the path of a short message in the lent reader short.
    #[inline(never)]
    fn next_single_anywhere(&mut self, into: &mut Message) -> bool {
        if self.translate || self.conflates {
            return false;
        }
        let there = match &mut self.lent {
            Some(reader) if !self.behind => reader.next_single(into),
            _ => next_single(&self.decoder, &self.chunk, &mut self.at, into),
        };
        self.messages += u64::from(there);
        there
    }

    /// How many messages were replaced by later ones.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced + self.pipe.incoming.replaced()
    }

    /// Gives the latest message instead of `message`, which was read before, if there is a later one.
    pub(crate) fn replace(&mut self, message: &mut Message) {
        if self.conflates
            && let Some(Received::Message(latest)) = self.next(&mut Budget::default())
        {
            *message = latest;
            self.replaced += 1;
        }
    }

    /// The next message or subscription; `None` also once `budget` is spent.
    pub(crate) fn next(&mut self, budget: &mut Budget) -> Option<Received> {
        if self.conflates {
            return self.latest(budget);
        }
        self.next_in_turn(budget)
    }

    /// The last message of the next delivery; it replaces all before it, here or in the queue.
    #[cold]
    fn latest(&mut self, budget: &mut Budget) -> Option<Received> {
        let mut latest = None;
        loop {
            match self.next_in_turn(budget) {
                Some(message @ Received::Message(_)) => {
                    self.replaced += u64::from(latest.is_some());
                    latest = Some(message);
                }
                // A socket that conflates what it receives takes no subscriptions.
                Some(other) => return Some(latest.unwrap_or(other)),
                None => return latest,
            }
            if self.at == self.chunk.len() {
                return latest;
            }
        }
    }

    fn next_in_turn(&mut self, budget: &mut Budget) -> Option<Received> {
        while !budget.is_spent() {
            let item = if self.lent.is_some() && !self.behind {
                self.next_read(budget)?
            } else {
                self.next_delivered(budget)?
            };
            match item {
                Item::Message(message) => {
                    if self.translate
                        && let Some(subscription) = zmtp::as_subscription(&message)
                    {
                        return Some(subscription);
                    }
                    self.messages += 1;
                    return Some(Received::Message(message));
                }
                Item::Command(OwnedCommand::Subscribe(topic)) => {
                    return Some(Received::Subscribe(topic));
                }
                Item::Command(OwnedCommand::Cancel(topic)) => return Some(Received::Cancel(topic)),
                // The I/O thread has answered these already, when it surveyed the chunk.
                Item::Command(
                    OwnedCommand::Ping { .. } | OwnedCommand::Pong { .. } | OwnedCommand::Error(_),
                ) => {
                    budget.spend(1);
                }
            }
        }
        None
    }

    /// From what the I/O thread has delivered.
    fn next_delivered(&mut self, budget: &mut Budget) -> Option<Item> {
        loop {
            if self.at < self.chunk.len() {
                let (taken, item) =
                    self.decoder
                        .decode(&self.chunk[self.at..])
                        .unwrap_or_else(|error| {
                            unreachable!("a surveyed chunk is within bounds: {error}")
                        });
                self.at += taken;
                if item.is_some() {
                    return item;
                }
                debug_assert_eq!(self.at, self.chunk.len(), "a chunk holds whole messages");
            }
            let spent = std::mem::take(&mut self.chunk);
            self.at = 0;
            let (delivery, resume) = self
                .pipe
                .incoming
                .take((spent.capacity() > 0).then_some(spent));
            if resume && let Some(wire) = &self.wire {
                wire.duty(Duty::Resume);
            }
            match delivery {
                Some(Delivery::Chunk { bytes, .. }) => self.chunk = bytes,
                Some(Delivery::One(received)) => {
                    return Some(match received {
                        Received::Subscribe(topic) => Item::Command(OwnedCommand::Subscribe(topic)),
                        Received::Cancel(topic) => Item::Command(OwnedCommand::Cancel(topic)),
                        Received::Message(message) => Item::Message(message),
                    });
                }
                None => {
                    self.behind = false;
                    return if self.lent.is_some() {
                        self.next_read(budget)
                    } else {
                        None
                    };
                }
            }
        }
    }

    /// The next item from the lent reader. If the last read brought much, it reads again by itself, until `budget` is
    /// spent.
    #[inline]
    fn next_read(&mut self, budget: &mut Budget) -> Option<Item> {
        loop {
            let reader = self.lent.as_mut()?;
            match reader.next() {
                Ok(Some(Item::Command(command))) => match command {
                    OwnedCommand::Ping { .. }
                    | OwnedCommand::Pong { .. }
                    | OwnedCommand::Error(_) => {
                        self.answer(command);
                        if !budget.spend(1) {
                            return None;
                        }
                    }
                    subscription => return Some(Item::Command(subscription)),
                },
                Ok(Some(item)) => return Some(item),
                Ok(None) => {
                    self.idle = true;
                    if let Some(breach) = reader.breach() {
                        self.fail(breach.into());
                        return None;
                    }
                    if !reader.is_eager() || !self.origin.is_here() {
                        return None;
                    }
                    // The peer gets our answers before more of its messages are read, so that both work at the same
                    // time.
                    self.pipe.outgoing.flush_much();
                    if !budget.spend(READ_COST) || !self.fill() {
                        return None;
                    }
                }
                Err(error) => {
                    self.fail(ProtocolError::from(error).into());
                    return None;
                }
            }
        }
    }

    /// How many messages have arrived and were not taken, those in the lent reader included.
    pub(crate) fn count_waiting(&mut self) -> usize {
        self.keep_and_answer();
        self.behind = self.lent.is_some();
        self.left_of_chunk() + self.pipe.incoming.queued()
    }

    /// Drops the messages that were not taken, gives their number, and leaves further input to the I/O thread.
    pub(crate) fn ignore(&mut self) -> usize {
        self.keep_and_answer();
        let begun = self.drop_chunk();
        let (queued, resume) = self.pipe.incoming.forget();
        self.return_reader();
        if resume && let Some(wire) = &self.wire {
            wire.duty(Duty::Resume);
        }
        begun + queued
    }

    /// How many messages of the present chunk are not decoded yet.
    fn left_of_chunk(&self) -> usize {
        let rest = &self.chunk[self.at..];
        self.decoder.survey(rest, usize::MAX, |_| {}).messages
    }

    /// Drops the unread input, and gives the number of messages in it; further input is not taken.
    pub(crate) fn discard(&mut self) -> usize {
        self.keep_read(|_| {});
        let begun = self.drop_chunk();
        self.return_reader();
        begun + self.pipe.incoming.close()
    }

    /// Drops the unread input of a connection that has ended, and gives the number of messages; input of its successor
    /// can be read.
    pub(crate) fn forget_unread(&mut self) -> usize {
        self.drop_chunk() + self.pipe.incoming.forget().0
    }

    /// Drops the chunk in hand: how many messages it still held.
    fn drop_chunk(&mut self) -> usize {
        let begun = self.left_of_chunk();
        self.chunk = Vec::new();
        self.at = 0;
        begun
    }

    /// Bytes that were delivered and are not read.
    pub(crate) fn unread_bytes(&self) -> usize {
        self.chunk.len() - self.at + self.pipe.incoming.bytes()
    }

    /// Whether no byte has arrived that is not decoded.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_drained() && !self.lent.as_ref().is_some_and(Reader::has_bytes)
    }

    /// Whether each delivered message was decoded.
    pub(crate) fn is_drained(&self) -> bool {
        self.at == self.chunk.len() && self.pipe.incoming.is_empty()
    }
}

#[cfg(test)]
mod tests;
