//! An array of pipes, the usable ones first, with a cursor over the usable ones.
//!
//! Owns: which pipes are usable now, and whose turn it is.
//! Always true: each attached pipe is in the array once, and its place is known; the cursor points at a usable pipe, or
//! is 0 if there is none.
//! Must not know: what makes a pipe usable.

use crate::PipeId;
use crate::pipe_map::PipeMap;

/// The pipes of a round robin. Finding the next pipe costs one array access; no operation costs more with more pipes.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    /// The first `usable` pipes take turns; the others wait to be reactivated.
    pipes: Vec<PipeId>,
    places: PipeMap<usize>,
    usable: usize,
    cursor: usize,
}

impl Rotation {
    /// The pipe whose turn it is, if any is usable.
    #[inline]
    pub(crate) fn current(&self) -> Option<PipeId> {
        if self.cursor < self.usable {
            self.pipes.get(self.cursor).copied()
        } else {
            None
        }
    }

    /// Ends the turn of the current pipe.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.cursor += 1;
        if self.cursor >= self.usable {
            self.cursor = 0;
        }
    }

    /// Makes the current pipe unusable until it is reactivated; the pipe that takes its place has the turn.
    pub(crate) fn rest_current(&mut self) {
        debug_assert!(self.cursor < self.usable, "nothing to put to rest");
        self.rest(self.cursor);
    }

    /// Adds a new, usable pipe behind the other usable ones.
    pub(crate) fn attach(&mut self, pipe: PipeId) {
        let place = self.pipes.len();
        let before = self.places.insert(pipe, place);
        debug_assert!(before.is_none(), "{pipe:?} attached twice");
        self.pipes.push(pipe);
        self.activate_at(place);
    }

    /// Makes `pipe` usable again, behind the other usable ones. No effect if it is usable or not attached.
    pub(crate) fn activate(&mut self, pipe: PipeId) {
        if let Some(&place) = self.places.get(pipe)
            && place >= self.usable
        {
            self.activate_at(place);
        }
    }

    /// Removes `pipe`. No effect if it is not attached.
    pub(crate) fn detach(&mut self, pipe: PipeId) {
        let Some(&place) = self.places.get(pipe) else {
            return;
        };
        if place < self.usable {
            self.rest(place);
        }
        let place = place.max(self.usable);
        self.swap(place, self.pipes.len() - 1);
        self.pipes.pop();
        self.places.remove(pipe);
    }

    /// Whether no pipe is attached.
    pub(crate) fn is_empty(&self) -> bool {
        self.pipes.is_empty()
    }

    /// The usable pipes, in the order of their places.
    pub(crate) fn usable(&self) -> &[PipeId] {
        &self.pipes[..self.usable]
    }

    fn activate_at(&mut self, index: usize) {
        self.swap(index, self.usable);
        self.usable += 1;
    }

    fn swap(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        self.pipes.swap(a, b);
        for place in [a, b] {
            if let Some(known) = self.places.get_mut(self.pipes[place]) {
                *known = place;
            }
        }
    }

    /// Moves the usable pipe at `index` to the first unusable place.
    fn rest(&mut self, index: usize) {
        self.usable -= 1;
        self.swap(index, self.usable);
        if self.cursor >= self.usable {
            self.cursor = 0;
        }
    }

    /// Checks the invariants of this module; panics if one is broken.
    #[cfg(test)]
    pub(crate) fn check(&self, attached: &[PipeId]) {
        let mut held = self.pipes.clone();
        let mut expected = attached.to_vec();
        held.sort_unstable();
        expected.sort_unstable();
        assert_eq!(held, expected, "each attached pipe is here once");
        assert_eq!(self.places.len(), self.pipes.len());
        for (place, pipe) in self.pipes.iter().enumerate() {
            assert_eq!(self.places.get(*pipe), Some(&place));
        }
        assert!(self.usable <= self.pipes.len());
        assert!(self.cursor < self.usable || (self.cursor == 0 && self.usable == 0));
    }
}
