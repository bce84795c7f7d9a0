//! Fair queueing: one whole message from each pipe in turn.
//!
//! Owns: the rotation of inbound pipes, which of them are empty, and a message that was read and put back.
//! Always true: each attached pipe is either in rotation or known to be empty.
//! Must not know: what a message means.
//! Source: RFC 30/PIPELINE, "The PULL Socket Type"; RFC 28/REQREP, "The DEALER Socket Type".

use super::rotation::Rotation;
use crate::{Message, PipeId, Pipes};

/// The inbound half of every socket type that takes messages from all its peers alike.
#[derive(Debug)]
pub(crate) struct FairQueue {
    rotation: Rotation,
    /// The pipe of the message read last.
    source: PipeId,
    /// A message of `source` that was put back; it comes first.
    ahead: Option<Message>,
}

impl Default for FairQueue {
    fn default() -> Self {
        Self {
            rotation: Rotation::default(),
            source: PipeId(u64::MAX),
            ahead: None,
        }
    }
}

impl FairQueue {
    /// Puts the next message into `into`; false if no pipe has one. [`Self::source`] tells its pipe.
    #[inline(always)]
    pub(crate) fn recv_into(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        if let Some(pipe) = self.rotation.current()
            && self.ahead.is_none()
            && pipes.try_read_into(pipe, into)
        {
            self.take_turn();
            return true;
        }
        self.recv_elsewhere(pipes, into)
    }

    /// The rare case: the pipe whose turn it is has nothing, or a message was put back.
    #[cold]
    fn recv_elsewhere(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        if let Some(ahead) = self.ahead.take() {
            *into = ahead;
            pipes.replace(self.source, into);
            return true;
        }
        let mut turns = self.rotation.usable().len();
        while self.rotation.current().is_some() {
            if !pipes.has_spent_budget() {
                self.rotation.rest_current();
            } else if turns > 1 {
                // Past the call's budget, `None` does not mean empty: the pipe keeps its place. Messages decoded at
                // other pipes are still given.
                turns -= 1;
                self.rotation.advance();
            } else {
                return false;
            }
            if let Some(pipe) = self.rotation.current()
                && pipes.try_read_into(pipe, into)
            {
                self.take_turn();
                return true;
            }
        }
        false
    }

    /// The next message by value, for rules that change it.
    #[inline]
    pub(crate) fn recv(&mut self, pipes: &mut impl Pipes) -> Option<Message> {
        let mut message = Message::EMPTY;
        self.recv_into(pipes, &mut message).then_some(message)
    }

    /// Ends the turn of the pipe from which a message was read.
    #[inline]
    fn take_turn(&mut self) {
        if let Some(pipe) = self.rotation.current() {
            self.source = pipe;
            self.rotation.advance();
        }
    }

    /// The pipe of the message that [`Self::recv`] gave last.
    #[inline]
    pub(crate) fn source(&self) -> PipeId {
        self.source
    }

    /// Puts the message read last back; it is the next message again.
    pub(crate) fn unread(&mut self, message: Message) {
        debug_assert!(self.ahead.is_none(), "two messages put back");
        self.ahead = Some(message);
    }

    /// Whether [`Self::recv`] would give a message now.
    pub(crate) fn has_message(&mut self, pipes: &mut impl Pipes) -> bool {
        if self.ahead.is_none() {
            self.ahead = self.recv(pipes);
        }
        self.ahead.is_some()
    }

    /// The pipe of a message that was read ahead and not received.
    pub(crate) fn looked_at(&self) -> Option<PipeId> {
        self.ahead.as_ref().map(|_| self.source)
    }

    /// A new pipe.
    pub(crate) fn attach(&mut self, pipe: PipeId) {
        self.rotation.attach(pipe);
    }

    /// A pipe that was empty has something again.
    pub(crate) fn readable(&mut self, pipe: PipeId) {
        self.rotation.activate(pipe);
    }

    /// `pipe` cannot be read any more; a message of it that was put back is lost.
    pub(crate) fn detach(&mut self, pipe: PipeId) {
        self.rotation.detach(pipe);
        if self.source == pipe {
            self.ahead = None;
        }
    }

    #[cfg(test)]
    pub(crate) fn rotation(&self) -> &Rotation {
        &self.rotation
    }
}

#[cfg(test)]
mod tests;
