//! The interface of a socket type: the events of its pipes, and the calls of the application.
//!
//! Owns: the methods, with defaults for a type that neither sends nor receives.
//! Always true: an event about a pipe that the type does not know, or has refused, changes nothing.
//! Must not know: any type in particular.

use crate::{
    Admission, Afterlife, Message, Outbound, PatternOptions, Peer, PipeId, Pipes, Refusal, Refused,
    RoutingId, Sent,
};

/// The rules of one socket type; [`Pattern`](crate::Pattern) documents each method.
pub(crate) trait Rules {
    fn reconfigure(&mut self, _: &PatternOptions) {}

    fn attached(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> Admission;

    fn admits(&self, _: &Peer<'_>) -> Admission {
        Admission::Accepted
    }

    fn may_connect(&self, _: PipeId) -> Admission {
        Admission::Accepted
    }

    fn connected(&mut self, _: PipeId, _: &Peer<'_>, _: &mut impl Pipes) -> Admission {
        Admission::Accepted
    }

    fn disconnected(&mut self, _: PipeId, _: Afterlife, _: &mut impl Pipes) {}

    fn detached(&mut self, pipe: PipeId, pipes: &mut impl Pipes);

    fn readable(&mut self, pipe: PipeId, pipes: &mut impl Pipes);

    fn writable(&mut self, _: PipeId, _: &mut impl Pipes) {}

    fn go_on(&mut self, _: &mut impl Pipes) {}

    /// Sends `message`; a refused message is unchanged. A sending type implements `offer` if it passes messages on
    /// unchanged, or `send` if it changes them.
    fn offer(
        &mut self,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        message.as_message(|message| {
            self.send(std::mem::take(message), pipes)
                .map_err(|refused| {
                    *message = refused.message;
                    refused.reason
                })
        })
    }

    fn send(&mut self, message: Message, _: &mut impl Pipes) -> Result<Sent, Refused> {
        Err(Refusal::NotSupported.give_back(message))
    }

    /// Reserves room for a message that is written later. A sending type implements it if any peer will do.
    fn reserve(&mut self, _: &mut impl Pipes) -> Result<PipeId, Refusal> {
        Err(Refusal::NotSupported)
    }

    /// Puts the next message into `into`; false if there is none. A receiving type implements `recv_into` if it passes
    /// messages on unchanged, or `recv` if it changes them.
    fn recv_into(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        self.recv(pipes).map(|message| *into = message).is_some()
    }

    fn recv(&mut self, _: &mut impl Pipes) -> Option<Message> {
        None
    }

    /// As `recv_into`, and gives the pipe of the message. A receiving type implements it if it knows that pipe.
    fn recv_with_source(&mut self, _: &mut impl Pipes, _: &mut Message) -> Option<PipeId> {
        None
    }

    fn can_send(&mut self, _: &mut impl Pipes) -> bool {
        false
    }

    fn can_recv(&mut self, _: &mut impl Pipes) -> bool {
        false
    }

    fn nobody_comes(&mut self) {}

    fn ignore(&mut self, _: PipeId) {}

    fn assign(&mut self, _: PipeId, _: &RoutingId) -> Admission {
        Admission::Accepted
    }

    fn looked_at(&self) -> Option<PipeId> {
        None
    }

    fn may_recv(&self) -> Result<(), Refusal> {
        Err(Refusal::NotSupported)
    }
}
