//! Two joined ends, and the events that each gets of the other.
//!
//! Owns: nothing; it makes the lane back, and informs monitors and counters.
//! Always true: two ends of incompatible types are both told.
//! Must not know: names, and waiting connections.

use std::sync::Arc;

use highwater_patterns::RoutingId;

use super::{Applicant, Waiting};
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::peer::PeerInfo;
use crate::pipe::{InprocEnd, Lane, Party, PipeEvent, SocketSide};
use crate::zmtp::{self, ProtocolError};

/// Two ends that are joined.
#[derive(Debug)]
pub(super) struct Joint {
    /// The event for the connecting end.
    pub(super) joined: PipeEvent,
    /// The lane on which the connecting end sends.
    pub(super) outgoing: Arc<Lane>,
    /// The pipe of the bound end.
    pub(super) end: InprocEnd,
}

/// Makes the lane back. `None` if the types are incompatible, of which both ends are told, or if one end has closed.
pub(super) fn link(
    name: &Endpoint,
    binder: &Applicant,
    bound_side: &dyn SocketSide,
    connection: Waiting,
) -> Option<Joint> {
    let Waiting {
        pipe,
        applicant,
        outgoing,
        ..
    } = connection;
    let connecting_side = applicant.side.upgrade()?;
    if !binder.socket_type.is_compatible(applicant.socket_type) {
        refuse(name, binder, &applicant);
        connecting_side.happened(PipeEvent::Disconnected { pipe, ends: true });
        return None;
    }
    let here = Party {
        side: binder.side.clone(),
        pipe: bound_side.next_pipe_id(),
    };
    let there = Party {
        side: applicant.side.clone(),
        pipe,
    };
    let back = Arc::new(Lane::new(
        here.clone(),
        binder.options.send_high_water_mark,
        binder.options.conflation(binder.socket_type).sent,
    ));
    for (lane, reader) in [(&outgoing, binder), (&back, &applicant)] {
        if reader.options.conflation(reader.socket_type).received {
            lane.conflate_for_reader();
        }
    }
    let is_joined = outgoing.join(here.clone(), binder.options.receive_high_water_mark)
        && back.join(there, applicant.options.receive_high_water_mark);
    if !is_joined {
        return None; // the one that connects has let go
    }

    let reached = [
        (binder, EventKind::Accepted),
        (&applicant, EventKind::Connected),
    ];
    for (party, reached) in reached {
        party.telemetry.handshakes.add(1);
        let (name, address) = (Some(name), Some(ADDRESS));
        party.telemetry.monitor.emit(reached, name, address);
        party
            .telemetry
            .monitor
            .emit(EventKind::HandshakeSucceeded, name, address);
    }
    Some(Joint {
        joined: PipeEvent::Joined {
            pipe,
            incoming: Some(Arc::clone(&back)),
            peer: Arc::new(introduce(name, binder, true)),
        },
        end: InprocEnd::new(here.pipe, back, Some(Arc::clone(&outgoing))),
        outgoing,
    })
}

fn refuse(name: &Endpoint, binder: &Applicant, applicant: &Applicant) {
    for (us, them) in [(binder, applicant), (applicant, binder)] {
        let cause = ProtocolError::IncompatibleSocketType {
            theirs: them.socket_type.name().to_owned(),
            ours: us.socket_type,
        };
        tell(name, us, cause);
    }
}

/// Whether the two ends say that their payloads are different.
pub(super) fn payloads_differ(binder: &Applicant, applicant: &Applicant) -> bool {
    compare(binder, applicant).is_err()
}

/// Tells both ends that they differ.
pub(super) fn tell_of_payloads(name: &Endpoint, binder: &Applicant, applicant: &Applicant) {
    for (us, them) in [(binder, applicant), (applicant, binder)] {
        if let Err(differ) = compare(us, them) {
            tell(name, us, differ);
        }
    }
}

fn compare(us: &Applicant, them: &Applicant) -> Result<(), ProtocolError> {
    let [us, them] = [us, them].map(|end| end.options.metadata.properties());
    zmtp::compare_payloads(us, them)
}

fn tell(name: &Endpoint, party: &Applicant, cause: ProtocolError) {
    party.telemetry.handshakes_failed.add(1);
    let kind = EventKind::HandshakeFailed(LinkError::Protocol(cause));
    let monitor = &party.telemetry.monitor;
    monitor.emit(kind, Some(name), Some(ADDRESS));
}

/// The facts about one side for the other.
pub(super) fn introduce(name: &Endpoint, who: &Applicant, connected_here: bool) -> PeerInfo {
    let routing_id: Option<RoutingId> = who
        .options
        .routing_id
        .clone()
        .filter(|_| who.socket_type.announces_identity());
    PeerInfo {
        socket_type: Some(who.socket_type),
        routing_id,
        metadata: who.options.metadata.properties().into(),
        token: Some(who.token),
        ..PeerInfo::unknown(name.clone(), ADDRESS, connected_here)
    }
}

/// The address of a peer in the same process.
pub(super) const ADDRESS: &str = "inproc";
