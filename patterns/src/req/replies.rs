//! The messages that come in at a REQ: one of them is the reply, the others are dropped and counted.
//!
//! Owns: nothing; it reads the pipes of a [`Req`] and changes its state.
//! Always true: a message is taken for the reply only if it came on the pipe that has the request, on a connection on which no
//! request was given up, and with the number of the request if that has one.
//! Must not know: how a request is sent, and what follows when its peer is lost.

use super::envelope::open_reply;
use super::{Req, RequestFailed, RequestState};
use crate::{ConnectionRead, DropCause, Message, PipeId, Pipes};

impl Req {
    /// The outcome of the request that is out: the reply, or that there will be none. `None` while neither is known.
    pub fn reply(&mut self, pipes: &mut impl Pipes) -> Option<Result<Message, RequestFailed>> {
        self.send_again(pipes);
        if let Some(reply) = self.arrived(pipes) {
            self.state = RequestState::Idle;
            return Some(Ok(reply));
        }
        match std::mem::replace(&mut self.state, RequestState::Idle) {
            RequestState::Answered(reply) => Some(Ok(reply)),
            RequestState::Failed(why) => Some(Err(why)),
            same => {
                self.state = same;
                None
            }
        }
    }

    /// Whether a copy of the request that is out is kept, to be sent again or to another peer. It is dropped when the reply is
    /// found.
    pub fn keeps_request(&self) -> bool {
        self.state.keeps_request()
    }

    /// The pipe on which the reply came that was taken last.
    pub fn replied_on(&self) -> Option<PipeId> {
        self.replied_on
    }

    /// Keeps the reply if it has arrived; drops and counts other messages.
    pub(super) fn look_for_reply(&mut self, pipes: &mut impl Pipes) {
        self.send_again(pipes);
        if let Some(reply) = self.arrived(pipes) {
            self.state = RequestState::Answered(reply);
        }
    }

    /// The reply, if a request waits for it and it has arrived; the caller changes the state. Drops and counts other messages.
    fn arrived(&mut self, pipes: &mut impl Pipes) -> Option<Message> {
        while let RequestState::Waiting { pipe, number, .. } = &self.state {
            let message = self.incoming.recv(pipes)?;
            let from = self.incoming.source();
            let reply = if from == *pipe && !self.cut.contains(&from) {
                open_reply(number.as_ref(), message)
            } else {
                Err(DropCause::LateReply)
            };
            match reply {
                Ok(reply) => {
                    self.replied_on = Some(from);
                    return Some(reply);
                }
                Err(cause) => pipes.dropped(Some(from), cause),
            }
            if pipes.has_spent_budget() {
                return None;
            }
        }
        None
    }

    /// Drops late replies, at most as many as the budget of one call allows. A peer that has sent more of them unasked
    /// may delay its own replies.
    pub(super) fn drop_late_replies(&mut self, pipes: &mut impl Pipes) {
        while self.incoming.recv(pipes).is_some() {
            pipes.dropped(Some(self.incoming.source()), DropCause::LateReply);
            if pipes.has_spent_budget() {
                break;
            }
        }
    }

    /// Drops what has come on `pipe`, so that it cannot be taken for the reply to a request that is yet to be written there:
    /// a service has answered twice, for instance. True if nothing is left.
    ///
    /// Otherwise the connection is replaced: it has ended, a part of a message has come, or its peer sends more than one call
    /// looks at.
    pub(super) fn drop_unasked(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> bool {
        loop {
            let mut late = Message::EMPTY;
            while pipes.try_read_into(pipe, &mut late) {
                pipes.dropped(Some(pipe), DropCause::LateReply);
            }
            if pipes.has_spent_budget() {
                break;
            }
            match pipes.read_connection(pipe) {
                ConnectionRead::Bytes => {}
                ConnectionRead::Nothing => return true,
                ConnectionRead::Part | ConnectionRead::Ended => break,
            }
        }
        self.replace(pipe, pipes);
        false
    }

    /// Drops all messages left on `pipe` by a lost connection that were not taken for a reply when it ended, however many: the
    /// next connection of the pipe may bring a reply.
    pub(super) fn drop_late_replies_on(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        for _ in 0..pipes.discard(pipe) {
            pipes.dropped(Some(pipe), DropCause::LateReply);
        }
    }
}
