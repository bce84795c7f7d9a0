//! DEALER: asynchronous requests, spread over the peers; replies from all of them, fairly.
//!
//! Owns: a load-balancer, a fair queue, and the probe.
//! Always true: messages pass unchanged; to talk to a REP the application puts an empty frame first.
//! Must not know: which message answers which.
//! Source: RFC 28/REQREP, "The DEALER Socket Type".

use crate::probe::Probe;
use crate::rules::Rules;
use crate::strategy::{FairQueue, LoadBalance};
use crate::{
    Admission, Afterlife, Message, Outbound, PatternOptions, Peer, PipeId, Pipes, Refusal, Sent,
};

/// The rules of a DEALER socket.
#[derive(Debug)]
pub struct Dealer {
    outgoing: LoadBalance,
    incoming: FairQueue,
    probe: Probe,
}

impl Dealer {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            outgoing: LoadBalance::default(),
            incoming: FairQueue::default(),
            probe: Probe::new(options.probe),
        }
    }
}

impl Rules for Dealer {
    fn reconfigure(&mut self, options: &PatternOptions) {
        self.probe.enabled = options.probe;
    }

    fn attached(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> Admission {
        self.probe.attached(pipe, pipes);
        self.outgoing.attach(pipe);
        self.incoming.attach(pipe);
        Admission::Accepted
    }

    fn connected(&mut self, pipe: PipeId, _: &Peer<'_>, pipes: &mut impl Pipes) -> Admission {
        self.probe.connected(pipe, pipes);
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, _: &mut impl Pipes) {
        self.probe.disconnected(pipe, afterwards);
        if afterwards == Afterlife::Ends {
            self.outgoing.detach(pipe);
        }
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.probe.detached(pipe);
        self.outgoing.detach(pipe);
        self.incoming.detach(pipe);
    }

    fn readable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.incoming.readable(pipe);
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

    #[inline]
    fn recv_into(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        self.incoming.recv_into(pipes, into)
    }

    fn recv_with_source(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> Option<PipeId> {
        self.recv_into(pipes, into).then(|| self.incoming.source())
    }

    fn can_send(&mut self, pipes: &mut impl Pipes) -> bool {
        self.outgoing.has_room(pipes)
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
