//! Requests and replies, and the record of them that a socket keeps beside its pattern.
//!
//! Owns: when a request counts as taken, answered or given up.
//! Always true: each request that was taken is answered or abandoned once, whether or not its reply is sent, so that a
//! retiring socket knows for which replies it has to wait.
//! Must not know: typed handles, and their error types.

use std::sync::Arc;
use std::time::Duration;

use highwater_patterns::{self as patterns, Message, Pattern, Refusal, RequestFailed, ReturnPath};

use super::calls::by_value;
use super::{Core, RecvFailure, State, Table, Unsent, Wait};
use crate::error::Ended;
use crate::peer::PeerInfo;
use crate::sync::hold_drops;

/// A request that was received, with the way back for its reply.
#[derive(Debug)]
pub(crate) struct RequestReceived {
    pub(crate) message: Message,
    pub(crate) path: ReturnPath,
    /// The peer on whose connection it came.
    pub(crate) peer: Option<Arc<PeerInfo>>,
}

/// A reply, and the peer that sent it.
type ReplyFrom = (Option<Arc<PeerInfo>>, Message);

/// The calls of a REP.
impl Core {
    /// The next request.
    pub(crate) fn next_request(&self, wait: Wait) -> Result<RequestReceived, RecvFailure> {
        self.recv_with(wait, take_request)
    }

    /// Sends `message` back along `path`. After a failure, `message` is as it was, and cannot be sent any more; a request
    /// whose reply has too many frames counts as unanswered.
    pub(crate) fn answer(
        &self,
        path: ReturnPath,
        wait: Wait,
        message: &mut Message,
    ) -> Result<(), Unsent> {
        let outcome = self.send_with(wait, message, |pattern, table, message| {
            put_reply(&path, pattern, table, message)
        });
        self.has_answered(path, &outcome);
        outcome
    }

    /// The attempt to send the reply along `path` is over.
    pub(crate) fn has_answered(&self, path: ReturnPath, outcome: &Result<(), Unsent>) {
        match outcome {
            Ok(()) => self.sweep_if_retiring(),
            Err(Unsent::Refused(Refusal::TooManyFrames)) => self.abandon(path),
            Err(_) => {
                if let Ok(mut state) = self.enter() {
                    state.table.answered(path.pipe());
                }
                self.sweep_if_retiring();
            }
        }
    }

    /// The request that came along `path` will not be answered: counts it as unanswered.
    pub(crate) fn abandon(&self, path: ReturnPath) {
        let Ok(mut state) = self.enter() else {
            return;
        };
        let State { pattern, table, .. } = &mut *state;
        table.answered(path.pipe());
        pattern.rules_mut::<patterns::Rep>().abandon(path, table);
        drop(state);
        self.sweep_if_retiring();
    }
}

/// The calls of a REQ.
impl Core {
    /// Sends a request. A request that is still waiting for its reply is given up first: the handle cannot be used
    /// while a caller waits, so no caller waits for that reply any more. After a failure, `message` is as it was.
    pub(crate) fn ask(&self, wait: Wait, message: &mut Message) -> Result<(), Unsent> {
        loop {
            match self.send_with(wait, message, put_request) {
                Err(Unsent::Refused(Refusal::OutOfTurn)) => {
                    self.give_request_up().map_err(Unsent::Ended)?;
                }
                outcome => return outcome,
            }
        }
    }

    /// The outcome of the request under way.
    pub(crate) fn reply(&self, wait: Wait) -> Result<Result<Message, RequestFailed>, RecvFailure> {
        self.recv_with(wait, take_reply)
    }

    /// As [`reply`](Self::reply), with the peer on whose connection the reply came; `None` if the pipe of that is gone already.
    pub(crate) fn reply_from(
        &self,
        wait: Wait,
    ) -> Result<Result<ReplyFrom, RequestFailed>, RecvFailure> {
        self.recv_with(wait, |pattern, table| {
            let outcome = take_reply(pattern, table)?;
            let pipe = pattern.rules_mut::<patterns::Req>().replied_on();
            Some(outcome.map(|reply| (pipe.and_then(|pipe| table.sender(pipe)), reply)))
        })
    }

    /// Waits until the request under way has an outcome, or the socket has ended; false if `timeout` passed first.
    pub(crate) fn wait_for_reply(&self, timeout: Duration) -> bool {
        let outcome = self.recv_with(Wait::AtMost(timeout), |pattern, table| {
            hold_request(pattern.rules_mut());
            pattern.can_recv(table).then_some(())
        });
        outcome != Err(RecvFailure::Timeout)
    }

    /// Gives up the request under way, if there is one.
    pub(crate) fn give_request_up(&self) -> Result<(), Ended> {
        let mut state = self.enter()?;
        let State { pattern, table, .. } = &mut *state;
        let rules = pattern.rules_mut::<patterns::Req>();
        if rules.is_out() {
            table.refill_budget();
            rules.abandon(table);
        }
        self.end_closed(&mut state);
        Ok(())
    }
}

/// The next request for a REP, if there is one.
pub(crate) fn take_request(pattern: &mut Pattern, table: &mut Table) -> Option<RequestReceived> {
    let rules = pattern.rules_mut::<patterns::Rep>();
    let (path, message) = rules.recv_request(table)?;
    let peer = table.asked(path.pipe());
    if table.has_taken_last(path.pipe()) {
        pattern.ignore(path.pipe());
        table.deafen(path.pipe());
    }
    Some(RequestReceived {
        message,
        path,
        peer,
    })
}

/// Sends the reply of a REP along `path`.
pub(crate) fn put_reply(
    path: &ReturnPath,
    pattern: &mut Pattern,
    table: &mut Table,
    message: &mut Message,
) -> Result<(), Refusal> {
    let rules = pattern.rules_mut::<patterns::Rep>();
    by_value(message, |message| rules.reply(path, message, table))?;
    table.answered(path.pipe());
    Ok(())
}

/// Sends the request of a REQ; [`Refusal::OutOfTurn`] if one is out.
pub(crate) fn put_request(
    pattern: &mut Pattern,
    table: &mut Table,
    message: &mut Message,
) -> Result<(), Refusal> {
    let rules = pattern.rules_mut::<patterns::Req>();
    if rules.is_out() {
        return Err(Refusal::OutOfTurn);
    }
    // Late replies are read first, as many as one call looks at.
    table.refill_budget();
    by_value(message, |message| rules.start(message, table)).map(drop)
}

/// The outcome of the request of a REQ, if there is one.
pub(crate) fn take_reply(
    pattern: &mut Pattern,
    table: &mut Table,
) -> Option<Result<Message, RequestFailed>> {
    let rules = pattern.rules_mut::<patterns::Req>();
    hold_request(rules);
    rules.reply(table)
}

/// A copy of the request that `rules` may keep is dropped, once the lock is released, when the reply is found: its body may
/// have an owner.
#[inline]
fn hold_request(rules: &patterns::Req) {
    if rules.keeps_request() {
        hold_drops();
    }
}
