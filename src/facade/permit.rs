//! Room for one message, reserved before there is the message.

use std::fmt;
use std::sync::Arc;

use highwater_patterns::IntoMessage;

use crate::error::{ReserveError, SendError};
use crate::socket::{Core, PlaceId, Unsent, Wait};

/// Room for one message in the queue of a peer: made by `reserve` and the like.
///
/// The messages that wait for a peer and the permits for it stay within its high-water mark together: a permit is room that nobody else
/// gets. So [`send`](Self::send) waits for nothing and does not fail for want of room. With the permit the peer
/// has had its turn. Messages are sent in the order of the calls of `send`, not in that of the permits.
///
/// *Bytes.* Nobody knows yet how long the message will be. With a mark in bytes (`send_high_water_bytes`) a peer's queue
/// takes nothing else while a permit is out for it.
///
/// *The peer goes.* A connection that this end has made is made again, and the message of a permit waits for that like every
/// other. If the peer had connected, its queue ends with the connection. The permit then gets room at another peer, before
/// anybody else who waits for room. If there is none before [`send`](Self::send) is called, that gives the message back, with
/// [`SendError::PeerGone`].
///
/// *Not used.* A permit that is dropped gives its room to the next who waits for some. One that is forgotten
/// (`mem::forget`) keeps it as long as the socket lives. Closing the socket does not wait for permits.
///
/// ```
/// use highwater::{Context, Pull, Push, ReserveError};
///
/// let context = Context::new();
/// let push = Push::builder(&context).send_high_water_mark(1).build();
/// push.connect("tcp://127.0.0.1:9")?; // nobody listens there
///
/// let permit = push.reserve()?;
/// assert_eq!(push.try_reserve().unwrap_err(), ReserveError::Full);
/// permit.send("the job that took long to make")?; // waits for the peer now
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a permit that is dropped gives its room back"]
pub struct Permit {
    core: Arc<Core>,
    /// `None` once the message is sent.
    place: Option<PlaceId>,
}

impl Permit {
    pub(super) fn new(core: &Arc<Core>, place: PlaceId) -> Self {
        Self {
            core: Arc::clone(core),
            place: Some(place),
        }
    }

    pub(super) fn reserve(core: &Arc<Core>, wait: Wait) -> Result<Self, ReserveError> {
        match core.reserve(wait) {
            Ok(place) => Ok(Self::new(core, place)),
            Err(unsent) => Err(not_reserved(unsent)),
        }
    }

    /// Sends `message`, without waiting.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message: [`PeerGone`](SendError::PeerGone), if the peer has gone for good and no other has room;
    /// [`TooManyFrames`](SendError::TooManyFrames); [`Ended`](SendError::Ended).
    pub fn send(mut self, message: impl IntoMessage) -> Result<(), SendError> {
        if let Some(place) = self.place {
            self.core.send_at::<SendError>(place, message)?;
            self.place = None;
        }
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.core.give_back(place);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Why there is no permit.
#[cold]
pub(super) fn not_reserved(unsent: Unsent) -> ReserveError {
    match unsent {
        Unsent::Refused(_) => ReserveError::Full,
        Unsent::GivenUp => ReserveError::GivenUp,
        Unsent::Ended(ended) => ReserveError::Ended(ended),
    }
}
