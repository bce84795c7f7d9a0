//! PUSH: feeds a pipeline. Each message goes to one peer, in turn; it never receives.
//!
//! Owns: a load-balancer.
//! Always true: a message is taken by one pipe or given back.
//! Must not know: what the peers do with it.
//! Source: RFC 30/PIPELINE, "The PUSH Socket Type".

use crate::rules::Rules;
use crate::strategy::LoadBalance;
use crate::{Admission, Afterlife, DropCause, Outbound, PipeId, Pipes, Refusal, Sent};

/// The rules of a PUSH socket.
#[derive(Debug, Default)]
pub struct Push {
    outgoing: LoadBalance,
}

impl Rules for Push {
    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.outgoing.attach(pipe);
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, _: &mut impl Pipes) {
        if afterwards == Afterlife::Ends {
            self.outgoing.detach(pipe);
        }
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.outgoing.detach(pipe);
    }

    /// A PULL must not send data; any that arrives is thrown away and counted.
    fn readable(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        while pipes.try_read(pipe).is_some() {
            pipes.dropped(Some(pipe), DropCause::Unexpected);
        }
    }

    fn writable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.outgoing.writable(pipe);
    }

    #[inline]
    fn offer(
        &mut self,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        self.outgoing
            .send(message, pipes)
            .map_or(Err(Refusal::Full), |_| Ok(Sent::ONE))
    }

    fn reserve(&mut self, pipes: &mut impl Pipes) -> Result<PipeId, Refusal> {
        self.outgoing.reserve(pipes).ok_or(Refusal::Full)
    }

    fn can_send(&mut self, pipes: &mut impl Pipes) -> bool {
        self.outgoing.has_room(pipes)
    }
}

#[cfg(test)]
mod tests;
