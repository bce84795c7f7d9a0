//! The routing table: which peer has which routing id.
//!
//! Owns: the ids of all identified peers, and the counter from which ids are generated.
//! Always true: an id leads to at most one pipe. A pipe has at most one id, and keeps it until it gets another or is
//! removed, even while no messages are routed to it.
//! Must not know: how an id was chosen, or what a duplicate means.
//! Source: RFC 28/REQREP, "The ROUTER Socket Type".

use std::collections::HashMap;

use crate::pipe_map::PipeMap;
use crate::{PipeId, RoutingId};

/// Both directions of a ROUTER's addressing.
#[derive(Debug, Default)]
pub(crate) struct RoutingTable {
    /// Looked up, never walked. Peers choose ids, so the hash is keyed: no peer can provoke collisions.
    routes: HashMap<RoutingId, PipeId>,
    names: PipeMap<Name>,
    /// The pipe whose id was looked up last: a reply usually goes to the sender of the last request.
    recent: Option<PipeId>,
    next: u32,
}

/// The name by which a peer is known.
#[derive(Debug)]
struct Name {
    id: RoutingId,
    /// Whether messages for the id go to its pipe.
    routed: bool,
}

impl RoutingTable {
    /// An empty table; generated ids count from `seed`.
    pub(crate) fn new(seed: u32) -> Self {
        Self {
            next: seed,
            ..Self::default()
        }
    }

    /// The pipe to which messages for `id` go.
    #[inline]
    pub(crate) fn route(&self, id: &[u8]) -> Option<PipeId> {
        if let Some(pipe) = self.recent
            && let Some(name) = self.names.get(pipe)
            && name.routed
            && name.id.as_bytes() == id
        {
            return Some(pipe);
        }
        self.routes.get(id).copied()
    }

    /// The id of the peer behind `pipe`.
    #[inline]
    pub(crate) fn id_of(&self, pipe: PipeId) -> Option<&RoutingId> {
        self.names.get(pipe).map(|name| &name.id)
    }

    /// As [`Self::id_of`], for a peer to which a reply is likely.
    #[inline]
    pub(crate) fn sender(&mut self, pipe: PipeId) -> Option<&RoutingId> {
        self.recent = Some(pipe);
        self.id_of(pipe)
    }

    /// Whether messages for the id of `pipe` go to `pipe`.
    pub(crate) fn is_routed(&self, pipe: PipeId) -> bool {
        self.names.get(pipe).is_some_and(|name| name.routed)
    }

    /// The pipes that messages can go to.
    pub(crate) fn routed(&self) -> impl Iterator<Item = PipeId> + '_ {
        self.names.pipes().filter(|&pipe| self.is_routed(pipe))
    }

    /// Names the peer behind `pipe` `id`.
    pub(crate) fn insert(&mut self, pipe: PipeId, id: RoutingId) {
        let before = self.routes.insert(id.clone(), pipe);
        debug_assert!(before.is_none(), "{id:?} has a pipe already");
        let before = self.names.insert(pipe, Name { id, routed: true });
        debug_assert!(before.is_none(), "{pipe:?} has an id already");
    }

    /// Names the peer behind `pipe` `id`, while messages for `id` go to another pipe.
    pub(crate) fn insert_beside(&mut self, pipe: PipeId, id: RoutingId) {
        let before = self.names.insert(pipe, Name { id, routed: false });
        debug_assert!(before.is_none(), "{pipe:?} has an id already");
    }

    /// Gives `id` to the peer behind `pipe`, whose former peer had another id.
    pub(crate) fn rename(&mut self, pipe: PipeId, id: RoutingId, routed: bool) {
        self.remove(pipe);
        if routed {
            self.insert(pipe, id);
        } else {
            self.insert_beside(pipe, id);
        }
    }

    /// An id that no peer has.
    pub(crate) fn generate(&mut self) -> RoutingId {
        loop {
            let id = RoutingId::generated(self.next);
            self.next = self.next.wrapping_add(1);
            if !self.routes.contains_key(&id) {
                return id;
            }
        }
    }

    /// Ends routing to `pipe` and frees its id; unread messages of the pipe keep the id.
    pub(crate) fn close_route(&mut self, pipe: PipeId) {
        if let Some(name) = self.names.get_mut(pipe)
            && std::mem::take(&mut name.routed)
        {
            self.routes.remove(&name.id);
        }
    }

    /// Messages for the id of `pipe` go to `pipe` again, unless another pipe has the id.
    pub(crate) fn open_route(&mut self, pipe: PipeId) {
        if let Some(name) = self.names.get_mut(pipe)
            && !self.routes.contains_key(&name.id)
        {
            name.routed = true;
            self.routes.insert(name.id.clone(), pipe);
        }
    }

    /// Ends routing to `pipe` and frees its id; unread messages of the pipe get a generated id.
    pub(crate) fn retire(&mut self, pipe: PipeId) {
        self.close_route(pipe);
        let fresh = self.generate();
        if let Some(name) = self.names.get_mut(pipe) {
            name.id = fresh;
        }
    }

    /// Removes `pipe`.
    pub(crate) fn remove(&mut self, pipe: PipeId) {
        self.close_route(pipe);
        self.names.remove(pipe);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str) -> RoutingId {
        RoutingId::new(name).expect("a valid id")
    }

    #[test]
    fn generated_ids_count_up_from_the_seed_and_pass_over_those_in_use() {
        let mut table = RoutingTable::new(u32::MAX);
        table.insert(PipeId(1), RoutingId::generated(0));
        assert_eq!(table.generate(), RoutingId::generated(u32::MAX));
        assert_eq!(table.generate(), RoutingId::generated(1));
    }

    #[test]
    fn a_closed_route_frees_the_id_but_the_pipe_keeps_its_name() {
        let mut table = RoutingTable::new(0);
        table.insert(PipeId(1), id("a"));
        table.close_route(PipeId(1));
        assert_eq!(table.route(b"a"), None);
        table.insert(PipeId(2), id("a"));
        table.remove(PipeId(1));
        assert_eq!(table.route(b"a"), Some(PipeId(2)));
    }

    proptest! {
        #[test]
        fn both_directions_agree(steps in prop::collection::vec((0_u8..4, 0_u32..6, 0_u32..6), 0..60)) {
            let mut table = RoutingTable::new(0);
            for (step, pipe, name) in steps {
                let (pipe, name) = (PipeId(pipe.into()), RoutingId::generated(name));
                match step {
                    0 if table.id_of(pipe).is_none() && table.route(name.as_bytes()).is_none() => {
                        table.insert(pipe, name);
                    }
                    1 => table.close_route(pipe),
                    2 => table.remove(pipe),
                    3 => table.retire(pipe),
                    _ => {}
                }
                for (id, &pipe) in &table.routes {
                    prop_assert_eq!(table.id_of(pipe), Some(id));
                }
                prop_assert_eq!(table.routed().count(), table.routes.len());
            }
        }
    }
}
