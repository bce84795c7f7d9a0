//! Room that is reserved for a message before there is the message.
//!
//! Owns: nothing; the table has the places.
//! Always true: a place goes to those who wait for room only when nobody else has lost one.
//! Must not know: typed handles.

use highwater_patterns::{IntoMessage, Message, Outbound, Pattern, Refusal};

use super::calls::give;
use super::table::PlaceId;
use super::{Core, Ended, SendFailure, State, Table, Unsent, Wait};
use crate::pipe::PipeEvent;

/// Keeps a place; there is no message yet.
pub(crate) fn put_place(
    pattern: &mut Pattern,
    table: &mut Table,
    _: &mut Message,
) -> Result<PlaceId, Refusal> {
    table.reserve(pattern)
}

impl Core {
    /// Keeps a place, waiting for one as long as `wait` allows.
    pub(crate) fn reserve(&self, wait: Wait) -> Result<PlaceId, Unsent> {
        let mut none = Message::EMPTY;
        self.send_with(wait, &mut none, put_place)
    }

    /// Sends a message at `place`, without waiting. After a failure the place stays.
    pub(crate) fn send_at<E: From<SendFailure>>(
        &self,
        place: PlaceId,
        message: impl IntoMessage,
    ) -> Result<(), E> {
        give(
            message,
            |body| self.send_at_from(place, body),
            |message| self.send_at_from(place, message),
        )
    }

    #[inline(never)]
    fn send_at_from(&self, place: PlaceId, message: &mut impl Outbound) -> Result<(), Unsent> {
        let sent = self.send_with(Wait::No, message, |pattern, table, message| {
            table.send_at(place, pattern, message)
        });
        match sent {
            Ok(has_room) => {
                if has_room && let Ok(mut state) = self.enter() {
                    self.has_room(&mut state);
                }
                Ok(())
            }
            // The connections of a forked child are its parent's, so it finds no room.
            Err(Unsent::Refused(Refusal::PeerGone)) if !self.is_here() => {
                Err(Unsent::Ended(Ended::Forked))
            }
            Err(unsent) => Err(unsent),
        }
    }

    /// A place is not used: it is the next one's who waits for room.
    pub(crate) fn give_back(&self, place: PlaceId) {
        let Ok(mut state) = self.enter() else {
            return;
        };
        if let Some(pipe) = state.table.give_back(place) {
            self.happen(&mut state, PipeEvent::Writable(pipe));
        }
    }

    /// Finds room for places whose pipes have gone.
    pub(super) fn find_homes(&self, state: &mut State) {
        if state.table.has_homeless() {
            let State { pattern, table, .. } = state;
            table.find_homes(pattern);
        }
    }
}
