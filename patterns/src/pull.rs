//! PULL: receives from a pipeline, fairly from all its peers; it never sends.
//!
//! Owns: a fair queue.
//! Always true: messages of one peer keep their order.
//! Must not know: how many other workers there are.
//! Source: RFC 30/PIPELINE, "The PULL Socket Type".

use crate::rules::Rules;
use crate::strategy::FairQueue;
use crate::{Admission, Message, PipeId, Pipes, Refusal};

/// The rules of a PULL socket.
#[derive(Debug, Default)]
pub struct Pull {
    incoming: FairQueue,
}

impl Rules for Pull {
    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.incoming.attach(pipe);
        Admission::Accepted
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.incoming.detach(pipe);
    }

    fn readable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.incoming.readable(pipe);
    }

    #[inline]
    fn recv_into(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        self.incoming.recv_into(pipes, into)
    }

    fn recv_with_source(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> Option<PipeId> {
        self.recv_into(pipes, into).then(|| self.incoming.source())
    }

    fn can_recv(&mut self, pipes: &mut impl Pipes) -> bool {
        self.incoming.has_message(pipes)
    }

    fn looked_at(&self) -> Option<PipeId> {
        self.incoming.looked_at()
    }

    fn may_recv(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
