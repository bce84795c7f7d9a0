//! Load-balancing: each message goes, whole, to the next pipe with room.
//!
//! Owns: the rotation of outbound pipes, and which of them are full.
//! Always true: each attached pipe is either in rotation or known to be full.
//! Must not know: what a message means.
//! Source: RFC 30/PIPELINE, "The PUSH Socket Type"; RFC 28/REQREP, "The DEALER Socket Type".

use super::rotation::Rotation;
use crate::{Outbound, PipeId, Pipes};

/// The outbound half of PUSH, DEALER and REQ.
#[derive(Debug, Default)]
pub(crate) struct LoadBalance {
    rotation: Rotation,
}

impl LoadBalance {
    /// Hands `message` to the next pipe with room and gives that pipe; leaves the message unchanged if there is none.
    #[inline(always)]
    pub(crate) fn send(
        &mut self,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Option<PipeId> {
        while let Some(pipe) = self.next() {
            if self.send_to_next(message, pipes) {
                return Some(pipe);
            }
        }
        None
    }

    /// The pipe whose turn it is.
    #[inline(always)]
    pub(crate) fn next(&self) -> Option<PipeId> {
        self.rotation.current()
    }

    /// Hands `message` to the pipe whose turn it is. If that has no room, the message is unchanged, and another pipe has the turn.
    #[inline(always)]
    pub(crate) fn send_to_next(
        &mut self,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> bool {
        let Some(pipe) = self.next() else {
            return false;
        };
        let sent = pipes.try_write(pipe, message);
        if sent {
            self.rotation.advance();
        } else {
            self.rotation.rest_current();
        }
        sent
    }

    /// Reserves room in the next pipe that has some, and gives that pipe. The reservation is its turn.
    pub(crate) fn reserve(&mut self, pipes: &mut impl Pipes) -> Option<PipeId> {
        while let Some(pipe) = self.rotation.current() {
            if pipes.reserve(pipe) {
                self.rotation.advance();
                return Some(pipe);
            }
            self.rotation.rest_current();
        }
        None
    }

    /// Whether there are no pipes.
    pub(crate) fn is_empty(&self) -> bool {
        self.rotation.is_empty()
    }

    /// Whether a message would be taken now.
    pub(crate) fn has_room(&self, pipes: &mut impl Pipes) -> bool {
        self.rotation
            .usable()
            .iter()
            .any(|&pipe| pipes.has_room(pipe))
    }

    /// A new pipe; it gets its first message after the pipes already in rotation.
    pub(crate) fn attach(&mut self, pipe: PipeId) {
        self.rotation.attach(pipe);
    }

    /// A pipe that was full has room again.
    pub(crate) fn writable(&mut self, pipe: PipeId) {
        self.rotation.activate(pipe);
    }

    /// `pipe` is not written any more.
    pub(crate) fn detach(&mut self, pipe: PipeId) {
        self.rotation.detach(pipe);
    }

    #[cfg(test)]
    pub(crate) fn rotation(&self) -> &Rotation {
        &self.rotation
    }
}

#[cfg(test)]
mod tests;
