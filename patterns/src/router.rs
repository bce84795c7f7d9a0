//! ROUTER: talks to each peer by its routing id.
//!
//! Owns: the routing table, and the treatment of duplicate ids and of unroutable messages.
//! Always true: a pipe is read and written only once its peer is identified. One id, one peer: a message is received
//! under the id of the peer that sent it, and a message for one peer never goes to a later peer of the same pipe that
//! has another id.
//! Must not know: what an id means to the application.
//! Source: RFC 28/REQREP, "The ROUTER Socket Type".

mod names;

use std::collections::VecDeque;

use crate::pipe_map::PipeMap;
use crate::probe::Probe;
use crate::rules::Rules;
use crate::strategy::{FairQueue, RoutingTable};
use crate::{
    Admission, AdmissionRefusal, Afterlife, DropCause, DuplicateId, Message, Outbound,
    PatternOptions, Peer, PipeId, Pipes, Refusal, Refused, RoutingId, Sent, Undeliverable,
};

/// The rules of a ROUTER socket.
#[derive(Debug)]
pub struct Router {
    table: RoutingTable,
    /// Holds only identified pipes.
    incoming: FairQueue,
    /// For pipes that have had a connection before: the number of unread messages and the id of their sender, oldest
    /// first.
    former: PipeMap<VecDeque<(usize, RoutingId)>>,
    /// Pipes without a connection that keep the id of their last peer until another peer takes it.
    away: PipeMap<()>,
    /// Pipes whose id this side has given.
    assigned: PipeMap<Behind>,
    probe: Probe,
    undeliverable: Undeliverable,
    duplicate_id: DuplicateId,
}

/// Whether a pipe has a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nobody,
    APeer,
}

impl Router {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            table: RoutingTable::new(options.seed),
            incoming: FairQueue::default(),
            former: PipeMap::default(),
            away: PipeMap::default(),
            assigned: PipeMap::default(),
            probe: Probe::new(options.probe),
            undeliverable: options.undeliverable,
            duplicate_id: options.duplicate_id,
        }
    }

    /// Names the peer of an attached `pipe` before it connects, so that messages for it can be queued.
    ///
    /// The pipe keeps this name, whatever ids its peers announce. Refused if another peer has the id, whatever
    /// [`DuplicateId`](crate::DuplicateId) says: that option is for announced ids.
    pub fn assign(&mut self, pipe: PipeId, id: &RoutingId) -> Admission {
        if self.table.route(id.as_bytes()).is_some() || self.table.id_of(pipe).is_some() {
            return Admission::Refused(AdmissionRefusal::DuplicateRoutingId);
        }
        self.table.insert(pipe, id.clone());
        self.assigned.insert(pipe, Behind::Nobody);
        self.incoming.attach(pipe);
        Admission::Accepted
    }

    /// The next message, and the id of its sender.
    #[inline]
    pub fn recv_from(&mut self, pipes: &mut impl Pipes) -> Option<(RoutingId, Message)> {
        let (mut id, mut message) = (RoutingId::UNKNOWN, Message::EMPTY);
        self.recv_from_into(pipes, &mut id, &mut message)
            .then_some((id, message))
    }

    /// As [`Self::recv_from`], with both put into the arguments. False if there is no message now; the content of the
    /// arguments is then unspecified.
    #[inline(always)]
    pub fn recv_from_into(
        &mut self,
        pipes: &mut impl Pipes,
        id: &mut RoutingId,
        message: &mut Message,
    ) -> bool {
        if !self.incoming.recv_into(pipes, message) {
            return false;
        }
        let pipe = self.incoming.source();
        if !self.former.is_empty()
            && let Some(former) = self.sent_formerly(pipe)
        {
            *id = former;
            return true;
        }
        let sender = self.table.sender(pipe);
        id.clone_from(sender.expect("only identified pipes are in the fair queue"));
        true
    }

    /// The pipe of the message that was received last.
    pub fn source(&self) -> PipeId {
        self.incoming.source()
    }

    /// The id of the sender of the message just read from `pipe`, if it arrived on an earlier connection.
    #[cold]
    fn sent_formerly(&mut self, pipe: PipeId) -> Option<RoutingId> {
        let former = self.former.get_mut(pipe)?;
        let (left, id) = former.front_mut()?;
        let id = id.clone();
        *left -= 1;
        if *left == 0 {
            former.pop_front();
        }
        if former.is_empty() {
            self.former.remove(pipe);
        }
        Some(id)
    }

    /// The connection of `pipe` is lost: its unread messages are remembered under the id of their sender.
    fn remember_sender(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        let looked_at = self.incoming.looked_at() == Some(pipe);
        let unread = pipes.unread(pipe) + usize::from(looked_at);
        let known = self.former.get(pipe);
        let known = known.map_or(0, |former| former.iter().map(|(left, _)| left).sum());
        let Some(id) = self.table.id_of(pipe).filter(|_| unread > known) else {
            return;
        };
        let newer = (unread - known, id.clone());
        match self.former.get_mut(pipe) {
            Some(former) => former.push_back(newer),
            None => {
                self.former.insert(pipe, VecDeque::from([newer]));
            }
        }
    }

    /// The pipe of the peer known as `id`, unless that pipe has lost its connection: a peer that now announces `id` is
    /// another one.
    fn holder(&self, id: &RoutingId) -> Option<PipeId> {
        let holder = self.table.route(id.as_bytes());
        holder.filter(|holder| self.away.get(*holder).is_none())
    }

    /// A peer announces `id` on `pipe`: if the former holder of `id` has disconnected, the messages that wait for it
    /// are dropped.
    fn free(&mut self, id: &RoutingId, pipe: PipeId, pipes: &mut impl Pipes) {
        if let Some(gone) = self.table.route(id.as_bytes())
            && gone != pipe
            && self.away.get(gone).is_some()
        {
            self.table.close_route(gone);
            pipes.drop_waiting(gone);
        }
    }

    /// Sends `message` to the peer known as `id`; a refused message is unchanged.
    ///
    /// # Errors
    ///
    /// Unless the options say that such messages are dropped: [`Refusal::NoRoute`] if there is no such peer,
    /// [`Refusal::Full`] if its pipe has no room. A peer whose connection has just ended is none.
    #[inline]
    pub fn send_to(
        &mut self,
        id: &RoutingId,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        let Some(pipe) = self.table.route(id.as_bytes()) else {
            return self.undelivered(None, Refusal::NoRoute, pipes);
        };
        if pipes.try_write(pipe, message) {
            Ok(Sent::ONE)
        } else {
            let reason = Refusal::NoRoute.unless_full(pipe, pipes);
            self.undelivered(Some(pipe), reason, pipes)
        }
    }

    /// The id of the peer behind `pipe`, once it is identified.
    pub fn routing_id(&self, pipe: PipeId) -> Option<&RoutingId> {
        self.table.id_of(pipe)
    }

    #[cold]
    fn undelivered(
        &self,
        pipe: Option<PipeId>,
        reason: Refusal,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        match self.undeliverable {
            Undeliverable::GiveBack => Err(reason),
            Undeliverable::Drop => {
                let cause = match reason {
                    Refusal::Full => DropCause::NoRoom,
                    Refusal::Malformed => DropCause::Malformed,
                    _ => DropCause::Unroutable,
                };
                pipes.dropped(pipe, cause);
                Ok(Sent::LOST)
            }
        }
    }
}

impl Rules for Router {
    fn assign(&mut self, pipe: PipeId, id: &RoutingId) -> Admission {
        Self::assign(self, pipe, id)
    }

    fn reconfigure(&mut self, options: &PatternOptions) {
        self.probe.enabled = options.probe;
        self.undeliverable = options.undeliverable;
        self.duplicate_id = options.duplicate_id;
    }

    fn admits(&self, peer: &Peer<'_>) -> Admission {
        let wanted = peer.assigned_id.or(peer.routing_id);
        let older = wanted.and_then(|id| self.holder(id));
        let gives_way = |older| match peer.twin.filter(|twin| twin.pipe == older) {
            Some(twin) => twin.gives_way || peer.connected_here,
            None => peer.assigned_id.is_none() && self.duplicate_id == DuplicateId::HandOver,
        };
        if older.is_none_or(gives_way) {
            Admission::Accepted
        } else {
            Admission::Refused(AdmissionRefusal::DuplicateRoutingId)
        }
    }

    fn attached(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> Admission {
        self.probe.attached(pipe, pipes);
        Admission::Accepted
    }

    fn connected(&mut self, pipe: PipeId, peer: &Peer<'_>, pipes: &mut impl Pipes) -> Admission {
        if let Some(id) = peer.assigned_id.or(peer.routing_id) {
            self.free(id, pipe, pipes);
        }
        if self.table.id_of(pipe).is_none() {
            let Some((id, routed)) = self.name(pipe, peer, pipes) else {
                return Admission::Refused(AdmissionRefusal::DuplicateRoutingId);
            };
            if routed {
                self.table.insert(pipe, id);
            } else {
                self.table.insert_beside(pipe, id);
            }
            self.incoming.attach(pipe);
        } else if !self.rename(pipe, peer, pipes) {
            return Admission::Refused(AdmissionRefusal::DuplicateRoutingId);
        }
        self.away.remove(pipe);
        if peer.assigned_id.is_some() {
            self.assigned.insert(pipe, Behind::APeer);
        }
        self.probe.connected(pipe, pipes);
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        self.probe.disconnected(pipe, afterwards);
        match afterwards {
            Afterlife::Ends => {
                self.table.close_route(pipe);
                self.give_name_back(pipe);
            }
            Afterlife::Reconnects => {
                self.remember_sender(pipe, pipes);
                match self.assigned.get_mut(pipe) {
                    Some(behind) => *behind = Behind::Nobody,
                    None => {
                        self.away.insert(pipe, ());
                    }
                }
            }
        }
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.probe.detached(pipe);
        self.former.remove(pipe);
        self.away.remove(pipe);
        self.assigned.remove(pipe);
        self.table.close_route(pipe);
        self.give_name_back(pipe);
        self.table.remove(pipe);
        self.incoming.detach(pipe);
    }

    fn readable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.incoming.readable(pipe);
    }

    /// The first frame is the routing id, which is removed.
    fn send(&mut self, message: Message, pipes: &mut impl Pipes) -> Result<Sent, Refused> {
        let Some(pipe) = self.table.route(message.first()) else {
            return self
                .undelivered(None, Refusal::NoRoute, pipes)
                .map_err(|reason| reason.give_back(message));
        };
        match message.split_first() {
            (id, Some(mut body)) => {
                if pipes.try_write(pipe, &mut body) {
                    Ok(Sent::ONE)
                } else {
                    let reason = Refusal::NoRoute.unless_full(pipe, pipes);
                    self.undelivered(Some(pipe), reason, pipes)
                        .map_err(|reason| reason.give_back(body.with_first(id)))
                }
            }
            (id, None) => self
                .undelivered(Some(pipe), Refusal::Malformed, pipes)
                .map_err(|reason| reason.give_back(Message::from(id))),
        }
    }

    /// The routing id of the sender is put in front.
    fn recv(&mut self, pipes: &mut impl Pipes) -> Option<Message> {
        let (id, message) = self.recv_from(pipes)?;
        Some(message.with_first(id.to_frame()))
    }

    /// With [`Undeliverable::Drop`](crate::Undeliverable::Drop) a ROUTER can always send.
    fn can_send(&mut self, pipes: &mut impl Pipes) -> bool {
        self.undeliverable == Undeliverable::Drop
            || self.table.routed().any(|pipe| pipes.has_room(pipe))
    }

    fn can_recv(&mut self, pipes: &mut impl Pipes) -> bool {
        self.incoming.has_message(pipes)
    }

    fn looked_at(&self) -> Option<PipeId> {
        self.incoming.looked_at()
    }

    fn may_recv(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
