//! Sending in a future that is written by hand.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use highwater_patterns::{Message, Pattern, Refusal, Sent};

use crate::error::SendError;
use crate::socket::{Core, SendFailure, Table, TaskWait, Unsent};

/// Sends one message after the other, for futures and sinks that are written by hand and keep one of these: made by
/// `poll_sender`.
///
/// The message stays with the caller until it is sent. This value keeps the waker, so that several of them wait at one socket
/// for different tasks. It borrows nothing: its socket can be used meanwhile, also by other tasks and threads. `T` is what a
/// send gives: nothing, or the [`Report`](crate::Report) of a publisher.
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll, ready};
///
/// use highwater::{Message, PollSender, Pull, Push, RecvError, RecvFuture, SendError};
///
/// /// Passes on what comes from one socket to another, and holds at most one message.
/// struct Bridge {
///     from: RecvFuture,
///     held: Option<Message>,
///     to: PollSender,
/// }
///
/// impl Future for Bridge {
///     type Output = Result<(), SendError>;
///
///     fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
///         let Self { from, held, to } = Pin::into_inner(self);
///         loop {
///             if held.is_some() {
///                 ready!(to.poll_send(context, held))?; // `held` is `None` now
///             }
///             match ready!(from.poll_recv(context)) {
///                 Ok(message) => *held = Some(message),
///                 Err(_) => return Poll::Ready(Ok(())), // the socket has ended
///             }
///         }
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let context = highwater::Context::new();
/// # let (pull, push) = (Pull::new(&context), Push::new(&context));
/// let bridge = Bridge { from: pull.recv_async(), held: None, to: push.poll_sender() };
/// bridge.await?;
/// # Ok(()) }
/// ```
///
/// # Cancel safety
///
/// While [`poll_send`](Self::poll_send) is pending, nothing is sent, and the message is in the caller's option: it can be
/// taken out, or changed for another.
///
/// Room for a message wakes one waiting sender. If that sender is neither polled again nor dropped, the others are not woken in
/// its place: call [`stop_waiting`](Self::stop_waiting) if the message is not to be sent any more.
#[must_use = "nothing is sent unless it is polled with a message"]
pub struct PollSender<T = ()> {
    wait: TaskWait,
    put: Put<T>,
}

/// Offers a message to a socket.
type Put<T> = fn(&mut Pattern, &mut Table, &mut Message) -> Result<T, Refusal>;

impl PollSender {
    #[inline]
    pub(in crate::facade) fn new(core: &Arc<Core>) -> Self {
        Self {
            wait: TaskWait::new(core),
            put: |pattern, table, message| pattern.offer(message, table).map(drop),
        }
    }
}

impl<T: From<Sent>> PollSender<T> {
    #[inline]
    pub(in crate::facade) fn of_publisher(core: &Arc<Core>) -> Self {
        Self {
            wait: TaskWait::new(core),
            put: |pattern, table, message| pattern.offer(message, table).map(T::from),
        }
    }
}

impl<T> PollSender<T> {
    /// Sends `message` to a peer with room, and takes it out of the option; leaves it there while there is no room. The waker of
    /// the last poll is woken; a waker that was given before is given up. After each outcome it can be polled with the next.
    ///
    /// Waits without limit, but not if no peer can come. Once it is ready, the message is queued, not delivered; it needs no
    /// further call to go out.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message, which is no longer in the option; never `Timeout`.
    ///
    /// # Panics
    ///
    /// If there is no message.
    #[inline]
    pub fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        message: &mut Option<Message>,
    ) -> Poll<Result<T, SendError>> {
        let outcome = poll_send(&mut self.wait, context, message, &mut self.put);
        if matches!(outcome, Poll::Ready(Err(_))) {
            // A message that no socket takes is refused without a look at the socket, perhaps while another was waited for.
            self.stop_waiting();
        }
        outcome.map_err(SendError::from)
    }

    /// Gives up the waker of the last poll. A wake-up that has come meanwhile is passed on to the next who waits for room.
    #[cold]
    pub fn stop_waiting(&mut self) {
        self.wait = TaskWait::new(&Arc::clone(self.wait.core()));
    }
}

impl<T> fmt::Debug for PollSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollSender").finish_non_exhaustive()
    }
}

/// Sends `message`, which is there until it is sent or fails.
#[inline]
pub(super) fn poll_send<T>(
    wait: &mut TaskWait,
    context: &mut Context<'_>,
    message: &mut Option<Message>,
    put: &mut impl FnMut(&mut Pattern, &mut Table, &mut Message) -> Result<T, Refusal>,
) -> Poll<Result<T, SendFailure>> {
    let Some(unsent) = message else {
        panic!("polled without a message: it was sent or taken before");
    };
    let outcome = if unsent.frame_count() > Message::MAX_FRAMES {
        Poll::Ready(Err(Unsent::Refused(Refusal::TooManyFrames)))
    } else {
        wait.poll_send(context, unsent, put)
    };
    match outcome {
        Poll::Ready(Ok(sent)) => {
            *message = None;
            Poll::Ready(Ok(sent))
        }
        Poll::Ready(Err(why)) => Poll::Ready(Err(why.of(message.take().unwrap_or_default()))),
        Poll::Pending => Poll::Pending,
    }
}
