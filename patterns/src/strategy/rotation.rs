//! An array of pipes, the usable ones first, and a cursor that goes round them.
//!
//! Owns: which pipes are usable now, and whose turn it is.
//! Always true: each attached pipe is in the array once; the cursor points at a usable pipe, or is 0 if there is none.
//! Must not know: what makes a pipe usable.

use crate::PipeId;

/// The pipes of a round robin. Finding whose turn it is costs one array access; everything else may search.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    /// The first `usable` take their turns, the others wait to be reactivated.
    pipes: Vec<PipeId>,
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

    /// The turn of the current pipe is over.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.cursor += 1;
        if self.cursor >= self.usable {
            self.cursor = 0;
        }
    }

    /// The current pipe is not usable until it is reactivated; the pipe that takes its place has the turn.
    pub(crate) fn rest_current(&mut self) {
        debug_assert!(self.cursor < self.usable, "nothing to put to rest");
        self.rest(self.cursor);
    }

    /// A new pipe, usable, behind the other usable ones.
    pub(crate) fn attach(&mut self, pipe: PipeId) {
        debug_assert!(!self.pipes.contains(&pipe), "{pipe:?} attached twice");
        self.pipes.push(pipe);
        self.activate_at(self.pipes.len() - 1);
    }

    /// `pipe` is usable again, behind the other usable ones. Nothing happens if it is usable or not attached.
    pub(crate) fn activate(&mut self, pipe: PipeId) {
        let resting = &self.pipes[self.usable..];
        if let Some(offset) = resting.iter().position(|&known| known == pipe) {
            self.activate_at(self.usable + offset);
        }
    }

    /// `pipe` is gone. Nothing happens if it is not attached.
    pub(crate) fn detach(&mut self, pipe: PipeId) {
        let Some(mut index) = self.pipes.iter().position(|&known| known == pipe) else {
            return;
        };
        if index < self.usable {
            self.rest(index);
            index = self.usable;
        }
        self.pipes.swap_remove(index);
    }

    /// The usable pipes, in the order of their places.
    pub(crate) fn usable(&self) -> &[PipeId] {
        &self.pipes[..self.usable]
    }

    fn activate_at(&mut self, index: usize) {
        self.pipes.swap(index, self.usable);
        self.usable += 1;
    }

    /// Moves the usable pipe at `index` to the first place of those that rest.
    fn rest(&mut self, index: usize) {
        self.usable -= 1;
        self.pipes.swap(index, self.usable);
        if self.cursor >= self.usable {
            self.cursor = 0;
        }
    }

    /// Panics if what is said to be always true is not.
    #[cfg(test)]
    pub(crate) fn check(&self, attached: &[PipeId]) {
        let mut held = self.pipes.clone();
        let mut expected = attached.to_vec();
        held.sort_unstable();
        expected.sort_unstable();
        assert_eq!(held, expected, "each attached pipe is here once");
        assert!(self.usable <= self.pipes.len());
        assert!(self.cursor < self.usable || (self.cursor == 0 && self.usable == 0));
    }
}
