//! One direction of a proxy: from one socket to the other.
//!
//! Owns: the message that was taken and could not be sent yet.
//! Always true: a message is taken only if the other side can send; no two sockets' locks are held at once.
//! Must not know: the opposite direction, and how the proxy sleeps.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, Waker};

use highwater_patterns::{Message, Outbound, Pattern, Refusal, Sent};

use super::counts::{Counts, add};
use crate::policy::tuning::PROXY_TURN;
use crate::socket::{Core, RecvFailure, SendFailure, State, Table, TaskWait, Wait};

/// One direction of a proxy.
#[derive(Debug)]
pub(super) struct Direction<'a> {
    pub(super) from: &'a Arc<Core>,
    pub(super) to: &'a Arc<Core>,
    pub(super) counts: &'a Counts,
    /// A message that was taken and could not be sent yet, since the other side has lost its room meanwhile.
    pub(super) held: Option<Message>,
    /// The wait of a held message for room at all who want it.
    wait: TaskWait,
    /// That wait has begun and has had no outcome.
    awaits_room: bool,
}

/// Why forwarding in one direction has paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// The turn is over; there may be more.
    Turn,
    /// Nothing to forward.
    Empty,
    /// The sending side has no room.
    Full,
    /// The sending side refuses the message that is held until all who want it have room; the waker is called then.
    Awaited,
    /// A socket has ended.
    Ended,
}

impl<'a> Direction<'a> {
    pub(super) fn new(from: &'a Arc<Core>, to: &'a Arc<Core>, counts: &'a Counts) -> Self {
        Self {
            from,
            to,
            counts,
            held: None,
            wait: TaskWait::new(to),
            awaits_room: false,
        }
    }

    /// Forwards for one turn. `waker` is called when a held message has room at all who want it.
    pub(super) fn forward(
        &mut self,
        capture: Option<&Core>,
        not_captured: &AtomicU64,
        waker: &Waker,
    ) -> Pause {
        for _ in 0..PROXY_TURN {
            let message = match self.held.take() {
                Some(held) => held,
                None => match self.next(capture, not_captured) {
                    Ok(message) => message,
                    Err(pause) => return pause,
                },
            };
            if let Err(pause) = self.send(message, waker) {
                return pause;
            }
        }
        Pause::Turn
    }

    /// Sends the message that is held, if there is one.
    pub(super) fn send_held(&mut self, waker: &Waker) -> Result<(), Pause> {
        match self.held.take() {
            Some(held) => self.send(held, waker),
            None => Ok(()),
        }
    }

    /// Takes a message that can be sent on.
    fn next(&self, capture: Option<&Core>, not_captured: &AtomicU64) -> Result<Message, Pause> {
        if !can_send(self.to) {
            return Err(Pause::Full);
        }
        let message = self
            .from
            .recv_with(Wait::No, |pattern, table| pattern.recv(table))
            .map_err(|failure| match failure {
                RecvFailure::Timeout => Pause::Empty,
                RecvFailure::Ended(_) => Pause::Ended,
            })?;
        add(&self.counts.received, 1);
        add(&self.counts.received_bytes, message.size());
        if let Some(capture) = capture
            && (!can_send(capture) || put(capture, message.clone()).is_err())
        {
            add(not_captured, 1);
        }
        Ok(message)
    }

    fn send(&mut self, message: Message, waker: &Waker) -> Result<(), Pause> {
        let bytes = message.size();
        let outcome = if self.awaits_room {
            self.await_room(message, waker)?
        } else {
            put(self.to, message)
        };
        let outcome = match outcome {
            // A publisher has room or none depending on the message, so only an attempt with this one tells.
            Err(SendFailure::Refused(message, Refusal::Full)) if self.to.hears_subscriptions() => {
                self.await_room(message, waker)?
            }
            outcome => outcome,
        };
        match outcome {
            Ok(()) => {
                add(&self.counts.sent, 1);
                add(&self.counts.sent_bytes, bytes);
                Ok(())
            }
            Err(SendFailure::Ended(message, _)) => {
                self.held = Some(message);
                Err(Pause::Ended)
            }
            // Another thread has sent by the same socket and has taken the room.
            Err(SendFailure::Refused(message, Refusal::Full)) if !can_send(self.to) => {
                self.held = Some(message);
                Err(Pause::Full)
            }
            // The socket may be connected to another peer later.
            Err(SendFailure::GivenUp(message)) => {
                self.held = Some(message);
                Err(Pause::Full)
            }
            Err(SendFailure::Refused(..)) => {
                add(&self.counts.undeliverable, 1);
                Ok(())
            }
        }
    }

    /// Sends `message` once it has room at all who want it. Until then it is held, and `waker` is called when another
    /// attempt is worth while.
    fn await_room(
        &mut self,
        mut message: Message,
        waker: &Waker,
    ) -> Result<Result<(), SendFailure>, Pause> {
        let mut context = Context::from_waker(waker);
        let outcome = self.wait.poll_send(&mut context, &mut message, offer);
        self.awaits_room = outcome.is_pending();
        match outcome {
            Poll::Ready(outcome) => Ok(outcome.map(drop).map_err(|why| why.of(message))),
            Poll::Pending => {
                self.held = Some(message);
                Err(Pause::Awaited)
            }
        }
    }
}

fn can_send(socket: &Core) -> bool {
    let Ok(mut state) = socket.lock_here() else {
        return false;
    };
    let State { pattern, table, .. } = &mut *state;
    pattern.can_send(table)
}

fn put(socket: &Core, mut message: Message) -> Result<(), SendFailure> {
    // A ROUTER has put a frame before it.
    if message.frame_count() > Message::MAX_FRAMES {
        return Err(SendFailure::Refused(message, Refusal::TooManyFrames));
    }
    socket
        .send_with(Wait::No, &mut message, offer)
        .map(|_| ())
        .map_err(|why| why.of(message))
}

fn offer(
    pattern: &mut Pattern,
    table: &mut Table,
    message: &mut impl Outbound,
) -> Result<Sent, Refusal> {
    pattern.offer(message, table)
}
