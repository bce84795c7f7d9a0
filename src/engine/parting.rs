//! The end of a link: by failure, by the peer, or by a socket that closes and has something to send.
//!
//! Owns: nothing; it takes links from any phase to their end.
//! Always true: every way out of a link goes through `drop_link`, and every message that goes with it is counted.
//!
//! *Parting.* Bytes that our kernel has taken reach the peer also after the connection is closed here, with two
//! exceptions. If input is unread, closing resets the connection. If input comes afterwards (a PING is enough), our
//! kernel answers it with a reset. Either destroys the bytes that the peer's kernel has not received yet. So a link
//! whose messages are all with the kernel closes its sending side, reads and drops further input, and ends when the
//! peer has closed as well. It also ends when the caller's time is over; after that, the rest reaches only a peer that
//! sends nothing. And it ends once the peer has sent [`MOST_HEARD`] bytes more and has received all of ours, which on
//! Linux survive a reset.
//! Source: RFC 1122, 4.2.2.13, which asks for both resets.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entries::{Entry, LinkEntry, Phase, Reached};
use super::event_loop::Loop;
use super::{Closing, Drain, Key};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::pipe::{Pipe, PipeEvent, Wire};
use crate::policy::tuning::{READ_BYTES, READS_AT_ONCE};
use crate::zmtp;

/// How long a peer to which everything was sent may take to close its side, if the caller has set no limit. Some peers,
/// or machines on the way to them, never do.
const PARTING: Duration = Duration::from_secs(30);

/// When a parting peer has sent this many bytes and has not closed, and its kernel has acknowledged all of ours, the
/// link ends.
const MOST_HEARD: usize = 4 << 20;

/// How long a peer whose routing id was handed over may take to close. A live peer closes when it sees that our side is
/// closed; one that hangs never does.
const HANDING_OVER: Duration = Duration::from_secs(10);

impl Loop {
    /// How the link is to end, by itself or with its session; `None` if it is not closing.
    fn closing(&mut self, key: Key) -> Option<&Closing> {
        let entry = self.link_entry(key)?;
        if entry.closing.is_some() {
            let entry = self.link_entry(key)?;
            return entry.closing.as_ref().map(|closing| &closing.0);
        }
        let owner = entry.owner;
        self.session_closing(owner)
    }

    /// All queued messages have gone to the kernel. A closing link parts now.
    pub(super) fn link_drained(&mut self, key: Key) {
        let Some(&Closing {
            deadline, delivers, ..
        }) = self.closing(key)
        else {
            return;
        };
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        match &entry.phase {
            Phase::Parting { .. } => return,
            Phase::Traffic { .. } if delivers => return self.half_close(key),
            // The peer may have sent something behind its handshake already.
            phase if delivers && phase.is_handshake() => return,
            _ => {}
        }
        // A session whose connections have pipes of their own has no pipe itself.
        if entry
            .pipe
            .as_ref()
            .is_some_and(|pipe| !pipe.outgoing.is_drained())
        {
            return;
        }
        let sent_any = entry
            .pipe
            .as_ref()
            .is_some_and(|pipe| pipe.outgoing.counts().messages > 0);
        if !sent_any {
            return self.link_parted(key);
        }
        entry.phase = Phase::Parting {
            until: deadline,
            heard: 0,
        };
        entry.link.want_input(true);
        if deadline.is_none() && entry.link.stream().signal_when_sent() {
            // Sending may take any time. The poller also reports when the kernel has sent all, and then our side is
            // closed.
            entry.link.want_output(true);
        } else if !self.end_output(key) {
            return;
        }
        self.set_link_timer(key);
        self.part(key);
    }

    /// The kernel may have sent all output of a parting link: if so, closes our side, and the peer has some time to
    /// close its own.
    pub(super) fn parting_writable(&mut self, key: Key) {
        if let Some(entry) = self.link_entry(key)
            && matches!(entry.phase, Phase::Parting { until: None, .. })
        {
            entry.link.want_output(false);
            if self.end_output(key) {
                self.set_link_timer(key);
            }
        }
    }

    /// Closes our side of a parting link; false if the link has ended with that.
    fn end_output(&mut self, key: Key) -> bool {
        let Some(entry) = self.link_entry(key) else {
            return false;
        };
        if let Phase::Parting { until, .. } = &mut entry.phase {
            until.get_or_insert_with(|| Instant::now() + PARTING);
        }
        let is_live = entry.link.stream().shutdown(Shutdown::Write).is_ok();
        if !is_live {
            self.link_parted(key);
        }
        is_live
    }

    /// Closes our side of a link whose pipe takes no message any more. The peer sees the end of the stream, closes its
    /// side, and connects again if it is configured so. Its messages are read until its end.
    fn half_close(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let is_over = |pipe: &Arc<Pipe>| pipe.outgoing.end();
        if entry.half_closed || !entry.pipe.as_ref().is_some_and(is_over) {
            return;
        }
        entry.half_closed = true;
        if entry.handed_over
            && let Some(pipe) = &entry.pipe
        {
            pipe.outgoing
                .write_error(|out| zmtp::encode_error(&LinkError::handed_over(), out));
        }
        // This fails if the connection has failed already; the next read finds that.
        let _ = entry.link.stream().shutdown(Shutdown::Write);
        self.set_link_timer(key);
        self.read_link(key);
    }

    /// Reads and drops input, until the peer closes or has sent [`MOST_HEARD`] bytes. Not while the socket has the
    /// reader, which would miss these bytes.
    pub(super) fn part(&mut self, key: Key) {
        let Self {
            entries, scratch, ..
        } = self;
        let Some(Entry::Link(entry)) = entries.get_mut(&key) else {
            return;
        };
        if !entry.link.end_reading() {
            return;
        }
        for _ in 0..READS_AT_ONCE {
            scratch.clear();
            scratch.reserve(READ_BYTES);
            match entry.link.stream().read_into_spare(scratch, READ_BYTES) {
                Ok(read) if read > 0 => {
                    let Phase::Parting { heard, .. } = &mut entry.phase else {
                        return;
                    };
                    *heard += read;
                    if *heard >= MOST_HEARD {
                        *heard = 0;
                        if entry.link.stream().has_come() {
                            return self.link_parted(key);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => return self.link_parted(key),
            }
        }
    }

    /// The end of a closing link, and of its session if it has one.
    pub(super) fn link_parted(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        if matches!(self.entries.get(&owner), Some(Entry::Session(_)))
            && self.session_closing(owner).is_some()
        {
            self.end_session(owner);
        } else {
            self.drop_link(key, LinkError::ClosedHere);
        }
    }

    /// Ends an accepted link: at once if no message waits, otherwise when all are sent or the deadline has passed. If
    /// the socket still wants the peer's messages (`delivers`), the link ends when the peer has closed; a handshake
    /// under way is completed before.
    pub(super) fn close_link(&mut self, key: Key, closing: &Closing) {
        let now = Instant::now();
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        // It may retire already; the outcome is from now on told to the drains of this call.
        if let Some(retiring) = entry.closing.take() {
            retiring
                .0
                .drains
                .iter()
                .for_each(|drain| drain.finish(0, 0));
        }
        let queued = entry.pipe.as_ref().map_or(0, |pipe| pipe.outgoing.queued());
        entry.closing = Some(Box::new((closing.clone(), queued)));
        let overdue = closing.deadline.is_some_and(|deadline| deadline <= now);
        match &entry.pipe {
            Some(pipe) if !overdue => {
                if pipe.outgoing.is_drained() {
                    self.link_drained(key);
                } else {
                    self.set_link_timer(key);
                    // The socket may have left it unread at its mark; reading shows whether the peer is gone.
                    self.read_link(key);
                }
            }
            None if closing.delivers && !overdue => self.set_link_timer(key),
            _ => {
                self.drop_link(key, LinkError::ClosedHere);
            }
        }
    }

    /// The routing id was given to a new peer: closes our side to the former one, and reads its messages until it
    /// closes as well.
    pub(super) fn hand_over_link(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        if !matches!(entry.phase, Phase::Traffic { .. }) || entry.closing.is_some() {
            return;
        }
        let cause = LinkError::DuplicateRoutingId;
        entry.handed_over = true;
        entry.config.telemetry.disconnects.add(1);
        entry.emit(EventKind::Disconnected { cause, lost: 0 });
        let closing = Closing {
            deadline: Instant::now().checked_add(HANDING_OVER),
            drains: Vec::new(),
            delivers: true,
        };
        self.close_link(key, &closing);
    }

    /// A link has failed, seen by this thread or another: drops the link, and its owner goes on. The peer gets an ERROR
    /// command if the cause [has a text](LinkError::error_text) for it.
    pub(super) fn link_failed(&mut self, key: Key, cause: LinkError) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        if matches!(entry.phase, Phase::Parting { .. }) {
            return self.link_parted(key);
        }
        // If the peer has sent an ERROR, its reason is the cause.
        let cause = match entry.told.take() {
            Some(reason) if cause.is_hang_up() => {
                let cause = LinkError::told(&reason);
                entry.refused_after_all = cause.is_refusal();
                cause
            }
            None => {
                entry.tell(&cause);
                cause
            }
            Some(_) => cause,
        };
        let reached = match &entry.phase {
            phase if phase.is_handshake() => Reached::Handshake,
            Phase::Connecting { .. } | Phase::Preparing(_) => Reached::Nothing,
            Phase::Traffic { .. } | Phase::Parting { .. } => Reached::Traffic,
        };
        self.drop_link(key, cause.clone());
        self.session_link_ended(owner, cause, reached);
    }

    /// A request on this link was given up and its answer must not arrive: ends the link. Its session connects again at
    /// once, since the peer has done nothing wrong.
    pub(super) fn replace_link(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        self.drop_link(key, LinkError::RequestGivenUp);
        self.session_link_replaced(owner);
    }

    /// Removes a link. The messages of a session's pipe stay for its next link, unless their fate is to end with the
    /// connection. Those, and the messages of an accepted link, are lost: counts them, and gives their number.
    pub(super) fn drop_link(&mut self, key: Key, cause: LinkError) -> usize {
        let retiring: Vec<Arc<Drain>> = match self.closing(key) {
            Some(closing) if closing.delivers => closing.drains.clone(),
            _ => Vec::new(),
        };
        let Some(Entry::Link(mut entry)) = self.entries.remove(&key) else {
            return 0;
        };
        let cause = if entry.handed_over {
            LinkError::DuplicateRoutingId
        } else {
            cause
        };
        let refused_after_all = entry.refused_after_all;
        // Before the end is told: a peer that hears of it may connect at once, and must find the count lowered.
        drop(entry.counted.take());
        self.timers.set(key, None);
        entry.link.end();
        let config = Arc::clone(&entry.config);
        let telemetry = &config.telemetry;
        let Some(pipe) = &entry.pipe else {
            entry.withdraw();
            if cause != LinkError::ClosedHere {
                let handshaking = entry.phase.is_handshake();
                if handshaking {
                    telemetry.handshakes_failed.add(1);
                    entry.emit(EventKind::HandshakeFailed(cause));
                }
            }
            entry.finish(0);
            return 0;
        };
        // The messages in a sender's draft are kept or lost with the others, so it is collected first.
        entry.config.side.happened(PipeEvent::Wanted);
        let mut lost = pipe.outgoing.detach();
        let kept = match self.entries.get(&entry.owner) {
            Some(Entry::Session(session)) => session.pipe.is_some(),
            _ => false,
        };
        if !kept {
            lost += pipe.outgoing.discard();
        }
        if !kept && refused_after_all {
            // The peer has taken no message, so those that were written to it are lost as well.
            lost = usize::try_from(pipe.outgoing.counts().messages).unwrap_or(lost);
        }
        telemetry.unsent.add(lost);
        let in_order = cause == LinkError::PeerClosed || entry.handed_over;
        retiring
            .iter()
            .for_each(|drain| drain.connection_ended(in_order));
        if !entry.handed_over {
            telemetry.disconnects.add(1);
        }
        if !entry.handed_over || lost > 0 {
            entry.emit(EventKind::Disconnected {
                cause: cause.clone(),
                lost,
            });
        }
        let given_up = self.after_cut(&entry, cause, kept, lost);
        if let Some(Entry::Session(session)) = self.entries.get_mut(&entry.owner) {
            session.lost_meanwhile += lost + given_up;
        }
        entry.config.side.happened(PipeEvent::Disconnected {
            pipe: pipe.id,
            ends: !kept,
        });
        entry.finish(lost);
        lost
    }
}

impl LinkEntry {
    /// Sends an ERROR with the reason why the connection is about to be closed. libzmq ignores an ERROR after the
    /// handshake.
    fn tell(&self, cause: &LinkError) {
        if let (Some(pipe), Phase::Traffic { .. }) = (&self.pipe, &self.phase)
            && let Some(words) = cause.error_text()
        {
            pipe.outgoing
                .write_error(|out| zmtp::encode_error(&words, out));
        }
    }
}
