//! Messages that a socket has sent and not handed to the kernel or the I/O thread: they are written, or given back to their
//! pipes.
//!
//! Owns: in which pipes messages wait, and which of them have a draft.
//! Always true: after a flush, whatever waits in a pipe waits for its peer or for the I/O thread, not for its socket.
//! Must not know: why the socket flushes.

use highwater_patterns::PipeId;

use super::Table;
use crate::pipe::WriteEffects;
use crate::sync::late_calls::hold_calls;

impl Table {
    /// Messages wait in `pipe`: a socket that receives writes them before it waits for input, and so does a thread that
    /// goes on to wait on another socket.
    pub(super) fn note_unflushed(&mut self, pipe: PipeId) {
        if self.unflushed.len() > self.pipes.len() {
            let Self {
                unflushed, pipes, ..
            } = self;
            unflushed.retain(|pipe| pipes.get(*pipe).is_some());
        }
        self.unflushed.push(pipe);
        self.effects |= WriteEffects::UNFLUSHED;
    }

    /// The socket is about to wait for input: what it has sent goes out.
    #[inline]
    pub(in crate::socket) fn flush(&mut self) {
        for pipe in self.unflushed.drain(..) {
            if let Some(slot) = self.pipes.get_mut(pipe) {
                slot.flush();
            }
        }
    }

    /// Gives the drafts of all senders back to their pipes: before anything that is not a send or a receive.
    #[inline]
    pub(in crate::socket) fn collect_drafts(&mut self) {
        if !self.drafts.is_empty() {
            self.collect_all_drafts();
        }
    }

    #[cold]
    fn collect_all_drafts(&mut self) {
        for pipe in self.drafts.drain(..) {
            if let Some(slot) = self.pipes.get_mut(pipe) {
                let lost = slot.collect_draft();
                if lost > 0 {
                    hold_calls();
                    self.telemetry.lose_unsent(lost, None);
                }
            }
        }
    }
}
