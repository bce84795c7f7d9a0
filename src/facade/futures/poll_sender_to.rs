//! Sending to a certain peer in a future that is written by hand.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use highwater_patterns::{self as patterns, Message, Pattern, RoutingId};

use super::poll_sender::poll_send;
use crate::error::RouteError;
use crate::socket::{Core, Table, TaskWait};

/// Sends one message after the other, each to the peer with a certain routing id, for futures that are written by hand: made by
/// [`Router::poll_sender_to`](crate::Router::poll_sender_to). All else is as with a [`PollSender`](crate::PollSender).
///
/// # Cancel safety
///
/// While [`poll_send_to`](Self::poll_send_to) is pending, nothing is sent, and the message is in the caller's option: it can be
/// taken out, or changed for another; the routing id can be another at the next poll, too.
///
/// Room wakes one waiting sender. If that sender is neither polled again nor dropped, the others are not woken in its place:
/// call [`stop_waiting`](Self::stop_waiting) if the message is not to be sent any more.
#[must_use = "nothing is sent unless it is polled with a message"]
pub struct PollSenderTo {
    wait: TaskWait,
    /// The peer for whose room it waits.
    waits_for: Option<RoutingId>,
}

impl PollSenderTo {
    pub(in crate::facade) fn new(core: &Arc<Core>) -> Self {
        Self {
            wait: TaskWait::new(core),
            waits_for: None,
        }
    }

    /// Sends `message` to the peer known as `id`, and takes it out of the option; leaves it there while the peer is at its
    /// high-water mark. The waker of the last poll is woken; a waker that was given before is given up. After each outcome it
    /// can be polled with the next.
    ///
    /// Waits without limit, but not for a peer that is not there. Once it is ready, the message is queued, not delivered; it
    /// needs no further call to go out.
    ///
    /// # Errors
    ///
    /// [`RouteError`], with the message, which is no longer in the option: no peer has this id, or it has gone meanwhile.
    ///
    /// # Panics
    ///
    /// If there is no message.
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// use highwater::{Context, Dealer, Message, Router, RoutingId};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let context = Context::new();
    /// # let router = Router::new(&context);
    /// let mut sender = router.poll_sender_to();
    /// let (id, mut message) = (RoutingId::new("worker 1")?, Some(Message::from("job")));
    /// poll_fn(|context| sender.poll_send_to(context, &id, &mut message)).await?;
    /// assert!(message.is_none());
    /// # Ok(()) }
    /// ```
    pub fn poll_send_to(
        &mut self,
        context: &mut Context<'_>,
        id: &RoutingId,
        message: &mut Option<Message>,
    ) -> Poll<Result<(), RouteError>> {
        if self.waits_for.as_ref().is_some_and(|known| known != id) {
            // The room of the former peer says nothing of that of this one.
            self.stop_waiting();
        }
        let mut put = |pattern: &mut Pattern, table: &mut Table, message: &mut Message| {
            let rules = pattern.rules_mut::<patterns::Router>();
            rules.send_to(id, message, table).map(drop)
        };
        let outcome = poll_send(&mut self.wait, context, message, &mut put);
        match &outcome {
            Poll::Pending if self.waits_for.is_some() => {}
            Poll::Pending => self.waits_for = Some(id.clone()),
            Poll::Ready(Ok(())) => self.waits_for = None,
            // A message that no socket takes is refused without a look at the socket, perhaps while room was waited for.
            Poll::Ready(Err(_)) => self.stop_waiting(),
        }
        outcome.map_err(RouteError::from)
    }

    /// Gives up the waker of the last poll. A wake-up that has come meanwhile is passed on to the next who waits for room.
    #[cold]
    pub fn stop_waiting(&mut self) {
        self.wait = TaskWait::new(&Arc::clone(self.wait.core()));
        self.waits_for = None;
    }
}

impl fmt::Debug for PollSenderTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollSenderTo").finish_non_exhaustive()
    }
}
