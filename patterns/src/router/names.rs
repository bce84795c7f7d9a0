//! The names of peers: which id a peer gets, and what becomes of the id when two pipes lead to one peer.
//!
//! Owns: nothing; it changes the routing table of a [`Router`].
//! Always true: a name that this side has given is never taken by a peer that is not the twin of its pipe, unless the option
//! `duplicate_id` says so.
//! Must not know: how messages are routed.

use super::{Behind, Router};
use crate::{DuplicateId, Peer, PipeId, Pipes, RoutingId, Twin};

impl Router {
    /// `pipe`, which had a connection before or was named by [`assign`](Self::assign), has a new one, perhaps of
    /// another peer. False if the peer is to be refused.
    pub(super) fn rename(&mut self, pipe: PipeId, peer: &Peer<'_>, pipes: &mut impl Pipes) -> bool {
        let is_routed = self.table.is_routed(pipe);
        let wanted = peer.assigned_id.or(peer.routing_id);
        if is_routed && wanted.is_some() && wanted == self.table.id_of(pipe) {
            return true;
        }
        let holder = wanted.and_then(|id| self.table.route(id.as_bytes()));
        let twin = peer.twin.map(|twin| twin.pipe);
        // Both ends may have handed the name over to the connection of the other: they settle on one of the two.
        let settles = peer.assigned_id.is_some() && holder == twin;
        if !is_routed && holder.is_some() && !settles {
            return false;
        }
        let Some((id, routed)) = self.name(pipe, peer, pipes) else {
            return false;
        };
        if self.table.id_of(pipe) != Some(&id) {
            pipes.drop_waiting(pipe);
        }
        self.table.rename(pipe, id, routed);
        true
    }

    /// The id of the peer that has just connected behind `pipe`, and whether messages for that id go to it.
    pub(super) fn name(
        &mut self,
        pipe: PipeId,
        peer: &Peer<'_>,
        pipes: &mut impl Pipes,
    ) -> Option<(RoutingId, bool)> {
        let Some(wanted) = peer.assigned_id.or(peer.routing_id) else {
            return Some((self.table.generate(), true));
        };
        if let Some(older) = self.table.route(wanted.as_bytes()) {
            if let Some(twin) = peer.twin.filter(|twin| twin.pipe == older) {
                return self.settle(wanted, twin, peer.connected_here, pipes);
            }
            if peer.assigned_id.is_some() || self.duplicate_id == DuplicateId::Refuse {
                return None;
            }
            if self.assigned.get(older) == Some(&Behind::Nobody) {
                // There is no connection to end: what waits for the name goes to the peer that takes it.
                self.table.close_route(older);
                pipes.move_waiting(older, pipe);
            } else {
                self.table.retire(older);
                pipes.close(older);
            }
        }
        Some((wanted.clone(), true))
    }

    /// Two sockets have connected to each other, and messages may be in flight on both connections. The connection that
    /// gives way is read to its end under the same id; the end that made the other connection closes it.
    fn settle(
        &mut self,
        id: &RoutingId,
        twin: Twin,
        connected_here: bool,
        pipes: &mut impl Pipes,
    ) -> Option<(RoutingId, bool)> {
        if twin.gives_way {
            self.table.close_route(twin.pipe);
            if self.assigned.get(twin.pipe).is_none() {
                pipes.close(twin.pipe);
            }
        } else if !connected_here {
            // No message has been sent on it.
            return None;
        }
        Some((id.clone(), twin.gives_way))
    }

    /// The peer behind `pipe` has gone: if it had connected to this socket and had the name that this side has given to one of its
    /// own pipes, that pipe has the name again.
    pub(super) fn give_name_back(&mut self, pipe: PipeId) {
        let mut assigned = self.assigned.pipes();
        let id = self.table.id_of(pipe);
        let named = assigned.find(|named| *named != pipe && self.table.id_of(*named) == id);
        if let Some(named) = named {
            self.table.open_route(named);
        }
    }
}
