//! The places that a socket keeps for messages to come: one for each permit.
//!
//! Owns: in which pipe each place is.
//! Always true: a pipe keeps as many places as there are here for it. A place whose pipe has gone is *homeless* until another
//! pipe has room; homeless places get room before anybody else.
//! Must not know: who has a place, and which pipe a message should take.

use std::collections::{BTreeMap, BTreeSet};

use highwater_patterns::{Outbound, Pattern, PipeId, Refusal};

use super::Table;

/// Names a place of one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PlaceId(u64);

/// The places of one socket.
#[derive(Debug, Default)]
pub(super) struct Places {
    last: u64,
    /// The pipe of each place.
    kept: BTreeMap<PlaceId, PipeId>,
    /// The same by pipes: what one pipe loses does not depend on how many places the others keep.
    by_pipe: BTreeSet<(PipeId, PlaceId)>,
    /// The places whose pipes have gone.
    homeless: BTreeSet<PlaceId>,
}

impl Places {
    fn keep(&mut self, place: PlaceId, pipe: PipeId) {
        self.kept.insert(place, pipe);
        self.by_pipe.insert((pipe, place));
    }

    /// `place` is kept in its pipe no more: gives that.
    fn take(&mut self, place: PlaceId) -> Option<PipeId> {
        let pipe = self.kept.remove(&place)?;
        self.by_pipe.remove(&(pipe, place));
        Some(pipe)
    }

    /// The pipe of `place` takes no message any more.
    fn lose(&mut self, place: PlaceId) {
        self.take(place);
        self.homeless.insert(place);
    }

    /// The places in `pipe`, oldest first.
    fn of(&self, pipe: PipeId) -> Vec<PlaceId> {
        let all = (pipe, PlaceId(0))..=(pipe, PlaceId(u64::MAX));
        self.by_pipe.range(all).map(|&(_, place)| place).collect()
    }
}

impl Table {
    /// Keeps a place in the pipe that `pattern` chooses.
    pub(in crate::socket) fn reserve(&mut self, pattern: &mut Pattern) -> Result<PlaceId, Refusal> {
        let pipe = pattern.reserve(self)?;
        self.places.last += 1;
        let place = PlaceId(self.places.last);
        self.places.keep(place, pipe);
        Ok(place)
    }

    /// Queues `message` at `place`, which is used up by that; gives whether its pipe was full and has room now. Otherwise
    /// the place stays, and `message` is as it was.
    ///
    /// [`Refusal::PeerGone`]: the place is homeless, and no pipe has room.
    pub(in crate::socket) fn send_at(
        &mut self,
        place: PlaceId,
        pattern: &mut Pattern,
        message: &mut impl Outbound,
    ) -> Result<bool, Refusal> {
        loop {
            let Some(&pipe) = self.places.kept.get(&place) else {
                self.find_home(place, pattern)?;
                continue;
            };
            let slot = self.pipes.get_mut(pipe).filter(|slot| !slot.is_ending());
            if let Some(slot) = slot {
                let (effects, has_room) = slot.push_at_place(message, &mut self.write_policy);
                if effects.is_empty() || self.note_write(pipe, effects, message) {
                    self.places.take(place);
                    if has_room {
                        pattern.writable(pipe, self);
                    }
                    return Ok(has_room);
                }
            }
            self.places.lose(place);
        }
    }

    /// Gives `place` back; the pipe that was full and has room by that, if it is to be told.
    pub(in crate::socket) fn give_back(&mut self, place: PlaceId) -> Option<PipeId> {
        self.places.homeless.remove(&place);
        let pipe = self.places.take(place)?;
        let slot = self.pipes.get_mut(pipe)?;
        slot.give_place_back().then_some(pipe)
    }

    /// Nothing is written to `pipe` any more: the places in it are homeless.
    pub(super) fn lose_places(&mut self, pipe: PipeId) {
        for place in self.places.of(pipe) {
            self.places.lose(place);
        }
    }

    /// The messages of one pipe go to another to the same peer: so do the places.
    pub(super) fn move_places(&mut self, from: PipeId, to: PipeId) {
        for place in self.places.of(from) {
            if let Some(old) = self.pipes.get_mut(from) {
                // Nobody waits for room there.
                old.give_place_back();
            }
            if let Some(new) = self.pipes.get_mut(to) {
                new.take_place_over();
                self.places.take(place);
                self.places.keep(place, to);
            }
        }
    }

    /// Whether there are homeless places.
    pub(in crate::socket) fn has_homeless(&self) -> bool {
        !self.places.homeless.is_empty()
    }

    /// Finds room for homeless places, as far as there is some.
    #[cold]
    pub(in crate::socket) fn find_homes(&mut self, pattern: &mut Pattern) {
        while let Some(&place) = self.places.homeless.first()
            && self.find_home(place, pattern).is_ok()
        {}
    }

    fn find_home(&mut self, place: PlaceId, pattern: &mut Pattern) -> Result<(), Refusal> {
        let pipe = pattern.reserve(self).map_err(|_| Refusal::PeerGone)?;
        self.places.homeless.remove(&place);
        self.places.keep(place, pipe);
        Ok(())
    }
}
