//! The replacement of connections by others.
//!
//! Owns: the list of pipes within the process that are to be connected again.
//! Always true: messages under way on a connection that was cut do not arrive, and are counted.
//! Must not know: why a connection is cut.

use std::sync::Arc;

use highwater_patterns::{Message, PipeId, Recall, Recalled};

use super::losses::Losses;
use super::{Table, tell_of_end};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::pipe::{CutOff, Lane, Wire, WriteEffects};
use crate::socket::slot::Slot;
use crate::sync::late_calls::hold_calls;
use crate::zmtp;

impl Table {
    /// The pattern has seen to which peer `wire` leads: the waiting messages of `pipe` are written to it.
    pub(in crate::socket) fn open(&self, pipe: PipeId, wire: &Arc<dyn Wire>) {
        if let Some(slot) = self.pipes.get(pipe) {
            slot.open(wire);
        }
    }

    /// See [`Pipes::recall`](highwater_patterns::Pipes::recall).
    #[cold]
    pub(super) fn take_back(&mut self, pipe: PipeId, recall: Recall) -> Recalled {
        let Some(slot) = self.pipes.get_mut(pipe) else {
            return Recalled::Gone;
        };
        let (recalled, lost) = slot.recall(recall);
        self.telemetry.unsent.add(lost);
        if recalled == Recalled::Cut && slot.lane().is_some() {
            self.cut_within(pipe);
        }
        recalled
    }

    /// The peer has ended the connection of `pipe`; the pattern hears of it next.
    pub(in crate::socket) fn is_cut_off(&mut self, pipe: PipeId, cut_off: CutOff) {
        self.cut_off = Some(Box::new((pipe, cut_off)));
    }

    /// The pattern has heard of it.
    pub(in crate::socket) fn forget_cut_off(&mut self) {
        self.cut_off = None;
    }

    /// How many ends of connections by peers, of which `pipe` has met the last, show that the peers do not take a message.
    pub(super) fn most_cuts(&self, pipe: PipeId) -> Option<usize> {
        let (cut, cut_off) = self.cut_off.as_deref()?;
        cut_off.most.filter(|_| *cut == pipe)
    }

    /// Counts and tells that `message` is given up, since the peer of `pipe` has cut it off last.
    pub(super) fn tell_given_up(&mut self, pipe: PipeId, message: &Message) {
        let Some((_, cut_off)) = self.cut_off.take().map(|cut_off| *cut_off) else {
            return;
        };
        self.telemetry.unsent.add(usize::from(!cut_off.is_counted));
        let peer = self.pipes.get(pipe).and_then(Slot::peer);
        let kind = EventKind::MessageGivenUp {
            cause: cut_off.cause,
            bytes: zmtp::encoded_len(message),
        };
        hold_calls();
        let (endpoint, address) = (
            peer.map(|peer| &peer.endpoint),
            peer.map(|peer| &*peer.address),
        );
        self.telemetry.monitor.emit(kind, endpoint, address);
    }

    /// Cuts the connection of a pipe within the process. The end that has connected, this one or the other, is to do so
    /// again.
    fn cut_within(&mut self, pipe: PipeId) {
        let Some(slot) = self.pipes.get_mut(pipe) else {
            return;
        };
        tell_of_end(slot, &self.telemetry, LinkError::RequestGivenUp);
        let (unread, stays) = slot.cut_within();
        self.tell_losses_of(pipe, Losses { unsent: 0, unread });
        self.effects |= WriteEffects::CLOSED;
        if stays {
            self.unjoined.push(pipe);
        } else {
            self.begin_ending(pipe);
            self.closed.push(pipe);
        }
    }

    /// The other end has cut the connection of `pipe`, which has connected within the process: it is to connect again.
    /// False if the pipe is gone or ending.
    pub(in crate::socket) fn was_cut(&mut self, pipe: PipeId) -> bool {
        let Some(slot) = self.pipes.get_mut(pipe) else {
            return false;
        };
        if slot.lane().is_none() || slot.is_ending() {
            return false;
        }
        tell_of_end(slot, &self.telemetry, LinkError::PeerClosed);
        let (unsent, unread) = slot.renew();
        self.tell_losses_of(pipe, Losses { unsent, unread });
        self.unjoined.push(pipe);
        true
    }

    /// As [`was_cut`](Self::was_cut), for a pipe that has connected from this end and whose peer the pattern has
    /// refused, since another peer has taken the seat between the question and the connection: it asks again. False for
    /// any other pipe.
    pub(in crate::socket) fn refuse_within(&mut self, pipe: PipeId, cause: LinkError) -> bool {
        let slot = self.pipes.get(pipe).filter(|slot| slot.lane().is_some());
        let Some(peer) = slot.and_then(Slot::peer).filter(|peer| peer.connected_here) else {
            return false;
        };
        let (endpoint, address) = (peer.endpoint.clone(), peer.address.clone());
        self.telemetry.handshakes_failed.add(1);
        hold_calls();
        let kind = EventKind::HandshakeFailed(cause);
        let monitor = &self.telemetry.monitor;
        monitor.emit(kind, Some(&endpoint), Some(&address));
        self.was_cut(pipe)
    }

    /// Whether the pattern hears of `pipe` only when there is a peer.
    pub(in crate::socket) fn is_unannounced(&self, pipe: PipeId) -> bool {
        self.pipes.get(pipe).is_some_and(Slot::is_unannounced)
    }

    /// Takes the pipes that are to be connected again, with the lanes on which they send.
    pub(in crate::socket) fn take_unjoined(&mut self) -> Vec<(PipeId, Arc<Lane>)> {
        let unjoined = std::mem::take(&mut self.unjoined);
        unjoined
            .into_iter()
            .filter_map(|pipe| {
                let lane = self.pipes.get(pipe).and_then(Slot::lane)?;
                Some((pipe, Arc::clone(lane.outgoing())))
            })
            .collect()
    }

    /// Takes the pipes within the process that the pattern has closed.
    pub(in crate::socket) fn take_closed(&mut self) -> Vec<PipeId> {
        std::mem::take(&mut self.closed)
    }

    /// Whether [`take_closed`](Self::take_closed) or [`take_unjoined`](Self::take_unjoined) would give any.
    pub(in crate::socket) fn has_closed(&self) -> bool {
        !self.closed.is_empty() || !self.unjoined.is_empty()
    }

    /// Whether there is a pipe that takes messages, full or not, with a peer or without one yet.
    pub(in crate::socket) fn has_pipe_to_write(&self) -> bool {
        let mut slots = self.pipes.values();
        slots.any(|slot| !slot.is_ending() && !slot.has_retired())
    }

    /// Whether `pipe` has no peer and still waits for one.
    pub(in crate::socket) fn is_waiting(&self, pipe: PipeId) -> bool {
        self.pipes
            .get(pipe)
            .is_some_and(|slot| slot.peer().is_none() && !slot.is_ending())
    }
}
