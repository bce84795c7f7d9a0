//! PAIR: exactly one peer, both ways.
//!
//! Owns: which pipe is the peer's, which former pipes may still hold messages, and which pipes wait for the place.
//! Always true: at most one pipe is written to. Messages of former peers are read before those of the present one. A
//! pipe has the place from the moment it is attached, connected or not. A pipe attached while the place is taken gets
//! it once those before it have gone; until then no connection of it is taken.
//! Must not know: anything about a second peer.
//! Source: RFC 31/EXPAIR, "The PAIR Socket Type".

use std::collections::VecDeque;

use crate::rules::Rules;
use crate::{
    Admission, AdmissionRefusal, Afterlife, Message, Outbound, Peer, PipeId, Pipes, Refusal, Sent,
};

/// At most 8 former peers may have unread messages; while there are 8, no further peer is admitted.
const FORMER_LIMIT: usize = 8;

/// The rules of a PAIR socket.
#[derive(Debug, Default)]
pub struct Pair {
    peer: Option<PipeId>,
    /// Pipes attached while the place was taken, in the order in which they get it.
    waiting: VecDeque<PipeId>,
    /// Ended pipes, oldest first; each until it is detached. At most [`FORMER_LIMIT`].
    former: VecDeque<PipeId>,
    /// A message that `can_recv` has read and no call has taken.
    ahead: Option<Message>,
    /// The pipe of the message in `ahead`.
    source: Option<PipeId>,
}

impl Pair {
    /// Gives the place, if it is free, to the pipe that has waited longest.
    fn fill(&mut self) {
        if self.peer.is_none() && self.former.len() < FORMER_LIMIT {
            self.peer = self.waiting.pop_front();
        }
    }

    /// The next message: of a former peer if one is left, else of the present peer.
    fn next(&mut self, pipes: &mut impl Pipes) -> Option<Message> {
        for &pipe in self.former.iter().chain(&self.peer) {
            let mut message = Message::EMPTY;
            if pipes.try_read_into(pipe, &mut message) {
                self.source = Some(pipe);
                return Some(message);
            }
        }
        None
    }
}

impl Rules for Pair {
    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.waiting.push_back(pipe);
        self.fill();
        Admission::Accepted
    }

    fn admits(&self, peer: &Peer<'_>) -> Admission {
        let twin = peer.twin.filter(|twin| twin.gives_way);
        let is_free = match self.peer {
            None => self.former.len() < FORMER_LIMIT,
            holder => twin.is_some_and(|twin| Some(twin.pipe) == holder),
        };
        if is_free {
            Admission::Accepted
        } else {
            Admission::Refused(AdmissionRefusal::AlreadyPaired)
        }
    }

    fn may_connect(&self, pipe: PipeId) -> Admission {
        if self.peer == Some(pipe) {
            Admission::Accepted
        } else {
            Admission::Refused(AdmissionRefusal::AlreadyPaired)
        }
    }

    /// If two sockets connect to each other, each holds its place for the other's connection. One of them gives its
    /// place up: its pipe is then the next to have the place.
    fn connected(&mut self, pipe: PipeId, peer: &Peer<'_>, _: &mut impl Pipes) -> Admission {
        if let Some(twin) = peer.twin
            && twin.gives_way
            && self.peer == Some(twin.pipe)
        {
            self.waiting.retain(|&waiting| waiting != pipe);
            self.waiting.push_front(twin.pipe);
            self.peer = Some(pipe);
        }
        self.may_connect(pipe)
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, _: &mut impl Pipes) {
        if afterwards == Afterlife::Reconnects {
            return;
        }
        self.waiting.retain(|&waiting| waiting != pipe);
        if let Some(ended) = self.peer.take_if(|peer| *peer == pipe) {
            self.former.push_back(ended);
            self.fill();
        }
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.peer.take_if(|peer| *peer == pipe);
        self.former.retain(|&former| former != pipe);
        self.waiting.retain(|&waiting| waiting != pipe);
        self.fill();
        if self.source == Some(pipe) {
            self.ahead = None;
        }
    }

    fn readable(&mut self, _: PipeId, _: &mut impl Pipes) {}

    #[inline]
    fn offer(
        &mut self,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        match self.peer {
            Some(pipe) if pipes.try_write(pipe, message) => Ok(Sent::ONE),
            _ => Err(Refusal::Full),
        }
    }

    fn reserve(&mut self, pipes: &mut impl Pipes) -> Result<PipeId, Refusal> {
        let peer = self.peer.filter(|pipe| pipes.reserve(*pipe));
        peer.ok_or(Refusal::Full)
    }

    #[inline]
    fn recv_into(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        if self.ahead.is_none() && self.former.is_empty() {
            return self
                .peer
                .is_some_and(|peer| pipes.try_read_into(peer, into));
        }
        if let Some(ahead) = self.ahead.take() {
            *into = ahead;
            if let Some(source) = self.source {
                pipes.replace(source, into);
            }
            return true;
        }
        self.next(pipes).map(|message| *into = message).is_some()
    }

    fn recv_with_source(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> Option<PipeId> {
        let is_quick = self.ahead.is_none() && self.former.is_empty();
        let there = self.recv_into(pipes, into);
        there.then_some(if is_quick { self.peer } else { self.source })?
    }

    fn can_send(&mut self, pipes: &mut impl Pipes) -> bool {
        self.peer.is_some_and(|pipe| pipes.has_room(pipe))
    }

    fn can_recv(&mut self, pipes: &mut impl Pipes) -> bool {
        if self.ahead.is_none() {
            self.ahead = self.next(pipes);
        }
        self.ahead.is_some()
    }

    fn looked_at(&self) -> Option<PipeId> {
        self.source.filter(|_| self.ahead.is_some())
    }

    fn may_recv(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
