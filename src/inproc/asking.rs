//! A connection whose admission is being asked for.
//!
//! Owns: the connection, until the asked end has answered.
//! Always true: the connecting end is asked before the bound end; a refused connection waits at its name.
//! Must not know: why a connection is refused.

use std::sync::Arc;

use super::joint::{ADDRESS, introduce, link};
use super::{Applicant, Names, Waiting};
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::pipe::{JoinRequest, PipeEvent};

/// A connection with one end being asked.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) names: Names,
    pub(super) name: Endpoint,
    pub(super) binder: Applicant,
    pub(super) connection: Waiting,
    pub(super) asked: End,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Connecting,
    Bound,
}

impl Asking {
    /// Lets the connection wait at its name, unless another socket has bound the name.
    fn wait(self) {
        let Self {
            names,
            name,
            binder,
            connection,
            ..
        } = self;
        names.wait(&name, &binder, connection);
    }
}

impl JoinRequest for Asking {
    fn admitted(self: Box<Self>) -> Vec<PipeEvent> {
        let mut events = Vec::new();
        if self.asked == End::Connecting {
            let Self {
                names,
                name,
                binder,
                connection,
                ..
            } = *self;
            names.join_asked(&name, &binder, connection, |joined| events.push(joined));
            return events;
        }
        if !self.names.is_bound_by(&self.name, &self.binder) {
            self.wait();
            return events;
        }
        let Some(bound_side) = self.binder.side.upgrade() else {
            return events;
        };
        let connecting_side = self.connection.applicant.side.upgrade();
        let peer = Arc::new(introduce(&self.name, &self.connection.applicant, false));
        let joint = link(&self.name, &self.binder, &*bound_side, self.connection);
        if let (Some(joint), Some(connecting_side)) = (joint, connecting_side) {
            connecting_side.happened(joint.joined);
            let pipe = joint.end.id();
            let has_let_go = joint.outgoing.is_closed();
            let sender = Some(Arc::clone(&peer));
            events.push(PipeEvent::AttachedInproc(joint.end, sender));
            let incoming = None;
            events.push(PipeEvent::Joined {
                pipe,
                incoming,
                peer,
            });
            if has_let_go {
                events.push(PipeEvent::Disconnected { pipe, ends: true });
            }
        }
        events
    }

    fn refused(mut self: Box<Self>, cause: LinkError) {
        let Waiting {
            pipe,
            applicant,
            told,
            ..
        } = &mut self.connection;
        if !std::mem::replace(told, true) {
            for party in [&self.binder, applicant] {
                party.telemetry.handshakes_failed.add(1);
                let kind = EventKind::HandshakeFailed(cause.clone());
                let (name, address) = (Some(&self.name), Some(ADDRESS));
                party.telemetry.monitor.emit(kind, name, address);
            }
        }
        let leads_to = PipeEvent::LeadsTo {
            pipe: *pipe,
            token: self.binder.token,
        };
        let connecting_side = applicant.side.upgrade();
        let is_refused_there = self.asked == End::Bound;
        self.wait();
        if let (true, Some(connecting_side)) = (is_refused_there, connecting_side) {
            connecting_side.happened(leads_to);
        }
    }

    fn later(self: Box<Self>) {
        self.wait();
    }
}
