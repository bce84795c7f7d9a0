//! The pipes of a socket within the process.
//!
//! Owns: nothing; each lane knows whether messages have come.
//! Always true: before a wait, each lane was asked to tell of its next message. A pattern is not told again of messages
//! that it does not want now.
//! Must not know: how the socket waits.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::pipe::{InprocEnd, Lane};
use crate::socket::slot::Slot;

impl Table {
    /// Whether messages may come from within the process.
    pub(in crate::socket) fn has_lanes(&self) -> bool {
        self.lanes > 0
    }

    /// The lanes within the process that can be read.
    pub(in crate::socket) fn lanes(&self) -> impl Iterator<Item = (PipeId, &Arc<Lane>)> {
        self.pipes
            .values()
            .filter_map(|slot| Some((slot.id(), slot.heard_lane()?.incoming()?)))
    }

    /// Before a wait: has each lane wake this socket when a message comes. Gives the pipes in which messages have come
    /// already, of which the pattern is to be told now.
    pub(crate) fn listen_within(&mut self) -> Vec<PipeId> {
        if self.lanes == 0 {
            return Vec::new();
        }
        self.pipes
            .values_mut()
            .filter(|slot| !slot.is_passed_over())
            .filter(|slot| slot.heard_lane().is_some_and(InprocEnd::wait_for_news))
            .map(Slot::is_told)
            .collect()
    }

    /// The pipes within the process in which messages have come, of which the pattern is to be told now.
    pub(in crate::socket) fn news_within(&mut self) -> Vec<PipeId> {
        let is_ready = |slot: &&mut Slot| {
            let lane = slot.heard_lane().and_then(InprocEnd::incoming);
            lane.is_some_and(|lane| lane.is_ready()) && !slot.is_passed_over()
        };
        self.pipes
            .values_mut()
            .filter(is_ready)
            .map(Slot::is_told)
            .collect()
    }
}
