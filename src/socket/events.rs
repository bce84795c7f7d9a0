//! The events of a socket.
//!
//! Owns: the changes by each event, and the threads that it wakes; how a pipe comes and goes.
//! Always true: events are applied under the lock and in order. Pipes that the pattern closes while one is applied end
//! before the next.
//! Must not know: where an event comes from.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use highwater_patterns::{Admission, AdmissionRefusal, Afterlife, Pattern, PipeId, Pipes};

use super::{Core, State, Table};
use crate::error::LinkError;
use crate::origin::Here;
use crate::peer::PeerInfo;
use crate::pipe::{Duty, Lending, PipeEvent, SocketSide};
use crate::sync::{Combine, Room};

/// While a busy socket has more unapplied events than this, no further connection is accepted for it. Each connection
/// that has ended meanwhile holds a descriptor until its event is applied.
const MOST_MAIL: usize = 1024;

impl Core {
    /// Applies `event`.
    pub(super) fn happen(&self, state: &mut State, event: PipeEvent) {
        let State {
            pattern,
            table,
            options,
            endpoints,
            ..
        } = state;
        table.collect_drafts();
        match event {
            PipeEvent::Wanted => {}
            PipeEvent::Attached(pipe) => {
                let id = pipe.id;
                let is_late = pipe.through.is_some_and(|key| !endpoints.has(key));
                table.attach(pipe);
                if is_late {
                    // Its endpoint has gone meanwhile: the pipe goes as well, and the pattern never hears of it.
                    table.remove(id);
                    table.tell_losses(None);
                    return;
                }
                // The marks may have changed since the pipe was made.
                table.set_limits(id, options.send_limit(), options.receive_limit());
                self.attached(state, id);
            }
            PipeEvent::AttachedInproc(end, peer) => {
                let id = end.id();
                table.attach_inproc(end, peer);
                table.set_limits(id, options.send_limit(), options.receive_limit());
                self.attached(state, id);
            }
            PipeEvent::Applies { pipe, wire, peer } => {
                let answer = self.applies(state, pipe, peer.as_ref());
                wire.duty(Duty::Answered(answer));
            }
            PipeEvent::AppliesWithin {
                pipe,
                peer,
                join_request,
            } => {
                self.applies_within(state, pipe, &peer, join_request);
            }
            PipeEvent::LeadsTo { pipe, token } => {
                if endpoints.leads_to(pipe, token) {
                    self.ask_again(state);
                }
            }
            PipeEvent::Connected { pipe, wire, peer } => {
                if table.connect(pipe, Arc::clone(&wire), Arc::clone(&peer)) {
                    if self.connected(state, pipe, &peer) {
                        state.table.open(pipe, &wire);
                    }
                    self.sweep(state);
                }
            }
            PipeEvent::Joined {
                pipe,
                incoming,
                peer,
            } => {
                if table.join(pipe, incoming, Arc::clone(&peer)) {
                    table.set_limits(pipe, options.send_limit(), options.receive_limit());
                    if table.announce(pipe) {
                        self.attached(state, pipe);
                    }
                    self.connected(state, pipe, &peer);
                }
            }
            PipeEvent::CutOff(pipe, cut_off) => table.is_cut_off(pipe, *cut_off),
            PipeEvent::Disconnected { pipe, ends: false } if table.was_cut(pipe) => {
                pattern.disconnected(pipe, Afterlife::Reconnects, table);
                self.changed.notify(usize::MAX);
                self.wake_reader(state);
                self.writable.notify(usize::MAX);
                self.ask_again(state);
            }
            PipeEvent::Disconnected { pipe, ends } => {
                if table.disconnect(pipe, ends, LinkError::PeerClosed) {
                    // An unread message of this pipe may be the reply to a request, whatever other pipes hold.
                    table.refill_budget();
                    let afterwards = if ends {
                        Afterlife::Ends
                    } else {
                        Afterlife::Reconnects
                    };
                    table.tell_losses(None);
                    pattern.disconnected(pipe, afterwards, table);
                    table.forget_cut_off();
                    pattern.readable(pipe, table);
                    look_for_room(pattern, table, pipe);
                    self.changed.notify(usize::MAX);
                    self.wake_reader(state);
                    // A sender that waits for room at this peer must stop waiting.
                    self.writable.notify(usize::MAX);
                    self.ask_again(state);
                    if ends {
                        self.nobody_comes(state);
                    }
                    self.sweep(state);
                }
            }
            PipeEvent::Readable(pipe) if table.ignore_input(pipe) => {}
            PipeEvent::Readable(pipe) => {
                pattern.readable(pipe, table);
                self.changed.notify(usize::MAX);
                self.wake_reader(state);
                if self.facts.hears_subscriptions {
                    // A send may wait for a slow subscriber that has just cancelled the topic.
                    self.writable.notify(usize::MAX);
                }
            }
            PipeEvent::WorkLeft => {
                // At most one such event is posted at a time. It has the whole budget, whatever this hold has spent before.
                table.refill_budget();
                pattern.go_on(table);
                self.changed.notify(usize::MAX);
                self.wake_reader(state);
            }
            PipeEvent::Writable(pipe) => {
                table.writable(pipe);
                pattern.writable(pipe, table);
                self.has_room(state);
            }
            PipeEvent::Gone(pipe) => {
                self.forget(state, pipe);
                self.sweep(state);
            }
            PipeEvent::EndpointChanged => {
                self.changed.notify(usize::MAX);
                self.nobody_comes(state);
                self.sweep(state);
            }
        }
    }

    fn attached(&self, state: &mut State, pipe: PipeId) {
        let State { pattern, table, .. } = state;
        if let Admission::Refused(refusal) = pattern.attached(pipe, table) {
            self.refuse(state, pipe, refusal);
        }
        // With one pipe more the socket may have too many links to read them itself.
        self.give_back_readers(state);
        self.has_room(state);
    }

    /// A `peer` is connected behind `pipe`; false if it is turned away.
    fn connected(&self, state: &mut State, pipe: PipeId, peer: &PeerInfo) -> bool {
        if self.is_asked_too_early(state, pipe, peer) {
            return false;
        }
        if !state.table.take_admitted(pipe)
            && let Admission::Refused(refusal) = self.introduce(state, pipe, peer)
        {
            self.refuse(state, pipe, refusal);
            return false;
        }
        let State { pattern, table, .. } = state;
        pattern.readable(pipe, table);
        look_for_room(pattern, table, pipe);
        self.changed.notify(usize::MAX);
        self.has_room(state);
        // A receiver may have to borrow the new link's reader, to give back those it has, or to wait for a new lane.
        // Input over a wire is told by events of its own.
        if state.leading || state.table.is_lendable() || state.table.has_lanes() {
            self.wake_reader(state);
        }
        true
    }

    /// The state of an endpoint has changed. If the last endpoint was given up for good, callers stop waiting for room,
    /// and for a request to be sent again.
    fn nobody_comes(&self, state: &mut State) {
        if !state.is_given_up() {
            return;
        }
        state.pattern.nobody_comes();
        self.writable.notify(usize::MAX);
        self.readable.notify(usize::MAX);
        if state.leading {
            self.leader.wake();
        }
    }

    /// Turns the peer behind `pipe` away.
    fn refuse(&self, state: &mut State, pipe: PipeId, refusal: AdmissionRefusal) {
        if !state.table.refuse_within(pipe, cause_of(refusal)) {
            state.table.refuse(pipe, cause_of(refusal));
        }
    }

    /// Ends the pipes within the process that the pattern has closed, and connects those again that have lost their
    /// peer.
    pub(crate) fn end_closed(&self, state: &mut State) {
        while state.table.has_closed() {
            for pipe in state.table.take_closed() {
                self.happen(state, PipeEvent::Disconnected { pipe, ends: true });
            }
            for (pipe, outgoing) in state.table.take_unjoined() {
                self.join_again(state, pipe, outgoing);
            }
        }
    }

    /// Removes pipes of departed peers that were read to the end; a message that was only looked at is not read. It
    /// looks at the pipes that were found empty and at a few others in turn, so that one end among ten thousand does
    /// not cost ten thousand looks.
    pub(super) fn sweep(&self, state: &mut State) {
        if !state.table.has_ending() && state.retiring.is_none() || !self.is_here() {
            return;
        }
        for pipe in state.table.take_ended() {
            if state.pattern.looked_at() == Some(pipe) {
                state.table.keep_ended(pipe);
            } else {
                self.forget(state, pipe);
            }
        }
        if state.retiring.is_some() {
            self.go_on_retiring(state);
        }
    }

    pub(super) fn forget(&self, state: &mut State, pipe: PipeId) {
        if self.remove(state, pipe) {
            state.table.tell_losses(None);
            self.readable.notify(1);
        }
    }

    /// Removes `pipe`; its lost messages are told by [`Table::tell_losses`]. False if it is gone already.
    pub(super) fn remove(&self, state: &mut State, pipe: PipeId) -> bool {
        let is_there = state.table.remove(pipe);
        if is_there {
            if state.pattern.looked_at() == Some(pipe) {
                state.table.lost_unread();
            }
            state.pattern.detached(pipe, &mut state.table);
            if self.facts.one_peer {
                // The socket may have a free place now for a pipe that waits for one.
                self.has_room(state);
            }
            self.ask_again(state);
        }
        is_there
    }

    /// Wakes a thread that waits to receive: there may be a message, or the rules of its wait have changed.
    pub(super) fn wake_reader(&self, state: &State) {
        self.readable.notify(1);
        if state.leading {
            self.leader.wake();
        }
    }
}

pub(super) fn cause_of(refusal: AdmissionRefusal) -> LinkError {
    match refusal {
        AdmissionRefusal::AlreadyPaired => LinkError::AlreadyPaired,
        AdmissionRefusal::DuplicateRoutingId => LinkError::DuplicateRoutingId,
    }
}

/// Tells the pattern of room in `pipe`: the connection may have made room just before it was lost, and not have told.
fn look_for_room(pattern: &mut Pattern, table: &mut Table, pipe: PipeId) {
    if table.has_room(pipe) {
        table.writable(pipe);
        pattern.writable(pipe, table);
    }
}

impl Combine for Core {
    type State = State;
    type Mail = PipeEvent;

    fn room(&self) -> &Room<State, PipeEvent> {
        &self.room
    }

    fn apply(&self, state: &mut State, event: PipeEvent) {
        self.happen(state, event);
        self.end_closed(state);
        self.find_homes(state);
    }

    fn begins(&self, state: &mut State) {
        state.table.refill_budget();
    }

    fn leave_to_another_thread(&self) -> bool {
        let Ok(here) = self.here() else {
            return true;
        };
        if !self.deferred_mail.ask() {
            return true;
        }
        let socket = Weak::clone(&self.this) as Weak<dyn SocketSide>;
        let told = self
            .hub
            .engine(here)
            .map(|engine| engine.tell(socket, None));
        if told.is_err() {
            self.deferred_mail.begins();
        }
        told.is_ok()
    }

    fn wake_owed(&self) {
        self.owed_wakes.wake();
    }

    fn gives_turn(&self, to_receivers: bool, limit: Duration) {
        self.lets_others_go_first(to_receivers, limit);
    }

    fn is_here(&self) -> bool {
        self.origin().is_here()
    }
}

impl SocketSide for Core {
    fn next_pipe_id(&self) -> PipeId {
        PipeId(self.next_pipe.fetch_add(1, Ordering::Relaxed))
    }

    fn happened(&self, event: PipeEvent) {
        self.room.post(self, event, None);
    }

    fn happened_here(&self, event: PipeEvent, here: Here) {
        self.room.post(self, event, Some(here));
    }

    fn read_mail(&self) {
        self.deferred_mail.begins();
        drop(self.room.try_lock(self));
    }

    fn lending(&self) -> &Lending {
        &self.lending
    }

    fn is_behind(&self) -> bool {
        self.room.mail_waiting() >= MOST_MAIL
    }

    fn return_readers(&self) -> bool {
        let Some(mut state) = self.room.try_lock(self) else {
            return false;
        };
        if state.leading {
            return false;
        }
        state.table.return_readers();
        true
    }
}
