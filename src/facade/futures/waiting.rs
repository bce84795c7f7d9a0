//! Waiting in a task for peers and subscriptions.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::WaitError;
use crate::socket::{Core, State, TaskWait};

/// Ready once a socket has what is waited for: made by `wait_for_peers_async` and the like.
///
/// # Cancel safety
///
/// It changes nothing, and can be dropped at any time.
#[must_use = "a future does nothing unless it is polled"]
pub struct WaitFuture {
    wait: TaskWait,
    there: Box<dyn FnMut(&mut State) -> bool + Send>,
}

impl WaitFuture {
    pub(in crate::facade) fn new(
        core: &Arc<Core>,
        there: impl FnMut(&mut State) -> bool + Send + 'static,
    ) -> Self {
        Self {
            wait: TaskWait::new(core),
            there: Box::new(there),
        }
    }
}

impl Future for WaitFuture {
    type Output = Result<(), WaitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, there } = Pin::into_inner(self);
        wait.poll_until(context, there)
    }
}

impl fmt::Debug for WaitFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFuture").finish_non_exhaustive()
    }
}

/// The calls of every type of socket.
macro_rules! waits_async {
    ($vis:vis $this:ident => $core:expr, [$($sized:tt)*]) => {
        /// Ready once at least `count` peers are connected.
        ///
        /// Waits without limit; for a limit, use a timer of the executor. It can be dropped at any time.
        ///
        /// # Errors
        ///
        /// [`WaitError`](crate::WaitError): the socket has ended; never `Timeout`.
        $vis fn wait_for_peers_async(&$this, count: usize) -> crate::WaitFuture {
            crate::WaitFuture::new($core, move |state| state.has_peers(count))
        }

        /// Every event from now on, for a task; [`monitor`](Self::monitor) is the same for threads.
        ///
        /// An event is dropped if 4096 others are unread, and counted in
        /// [`Stats::events_missed`](crate::Stats::events_missed).
        $vis fn events(&$this) -> crate::EventStream {
            crate::EventStream::new($core)
        }

        /// A descriptor by which an event loop of any kind learns when a call on this socket would not wait.
        ///
        /// # Errors
        ///
        /// If the system has no more descriptors: it needs two.
        #[doc(alias("ZMQ_FD", "ZMQ_EVENTS"))]
        $vis fn readiness(
            &$this,
            interest: crate::Interest,
        ) -> std::io::Result<crate::Readiness> {
            crate::Readiness::new($core, interest)
        }
    };
}
pub(in crate::facade) use waits_async;

/// The end of a handle, which it does not outlive.
macro_rules! closes_async {
    () => {
        /// As [`close`](Self::close): closes the socket at once, and is ready once queued messages are sent and each
        /// peer has read to the end and closed its side, or `drain` is over.
        ///
        /// # Cancel safety
        ///
        /// If the future is dropped before it is ready, queued messages are still sent until `drain` is over.
        pub fn close_async(self, drain: std::time::Duration) -> crate::CloseFuture {
            let linger = crate::Linger::AtMost(drain);
            crate::CloseFuture::new(&self.core, self._context.clone(), linger)
        }
    };
}
pub(in crate::facade) use closes_async;

/// The calls of a socket type that knows its subscribers.
macro_rules! knows_subscribers_async {
    ($name:ident) => {
        impl $name {
            /// Ready once at least `count` peers subscribe to anything.
            ///
            /// Waits without limit; for a limit, use a timer of the executor. It can be dropped at any time.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): the socket has ended; never `Timeout`.
            pub fn wait_for_subscribers_async(&self, count: usize) -> crate::WaitFuture {
                crate::WaitFuture::new(&self.core, move |state| {
                    let rules = state.pattern.rules::<highwater_patterns::$name>();
                    rules.subscriber_count() >= count
                })
            }

            /// Ready once at least `count` peers would get a message whose first frame is `topic`.
            ///
            /// Waits without limit; for a limit, use a timer of the executor. It can be dropped at any time.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): the socket has ended; never `Timeout`.
            pub fn wait_for_subscription_async(
                &self,
                topic: impl AsRef<[u8]>,
                count: usize,
            ) -> crate::WaitFuture {
                let topic = topic.as_ref().to_vec();
                crate::WaitFuture::new(&self.core, move |state| {
                    let rules = state.pattern.rules::<highwater_patterns::$name>();
                    rules.subscription_count(&topic) >= count
                })
            }
        }
    };
}
pub(in crate::facade) use knows_subscribers_async;
