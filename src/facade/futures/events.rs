//! The events of a socket as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crossbeam_channel::{Receiver, TryRecvError};

use crate::monitor::{Event, Notifier};
use crate::socket::{Core, Registration};

/// The events of a socket, for a task: made by `events`.
///
/// It gets every event from the moment at which it is made, as a channel of `monitor` does. Events for which it has no room
/// are dropped and counted. It does not keep the socket open, and ends once the socket is closed and has lingered.
///
/// # Cancel safety
///
/// A future of [`recv`](Self::recv) that is dropped before it is ready has taken no event.
pub struct EventStream {
    events: Receiver<Event>,
    news: Arc<Notifier>,
    socket: Weak<Core>,
    registration: Registration,
}

impl EventStream {
    pub(in crate::facade) fn new(core: &Arc<Core>) -> Self {
        let monitor = &core.telemetry().monitor;
        Self {
            events: monitor.subscribe(),
            news: Arc::clone(monitor.news()),
            socket: Arc::downgrade(core),
            registration: Registration::new(core),
        }
    }

    /// The next event; `None` once there will be none any more.
    pub fn recv(&mut self) -> NextEvent<'_> {
        NextEvent(self)
    }

    /// The next event, or `None` once there will be none any more; if there is none yet, the task is woken when there is.
    pub fn poll_next_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let Self {
            events,
            news,
            socket,
            registration,
        } = self;
        if !registration.is_here() {
            // No thread of this process tells of any.
            return Poll::Ready(None);
        }
        registration.poll_until(socket, news, context, || match events.try_recv() {
            Ok(event) => Some(Some(event)),
            Err(TryRecvError::Disconnected) => Some(None),
            Err(TryRecvError::Empty) => None,
        })
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("waiting", &self.events.len())
            .finish_non_exhaustive()
    }
}

/// The next event of an [`EventStream`].
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct NextEvent<'a>(&'a mut EventStream);

impl Future for NextEvent<'_> {
    type Output = Option<Event>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::into_inner(self).0.poll_next_event(context)
    }
}

#[cfg(feature = "futures")]
impl futures_core::Stream for EventStream {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::into_inner(self).poll_next_event(context)
    }
}
