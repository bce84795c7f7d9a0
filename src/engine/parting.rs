//! The end of a link: by failure, by the peer, or by a socket that closes and has something to send.
//!
//! Owns: nothing; it takes links from any phase to their end.
//! Always true: every way out of a link goes through `drop_link`, and every message that goes with it is counted.
//!
//! *Parting.* What the kernel has taken reaches the peer also after the connection is closed here, with two exceptions:
//! if something that came is unread, closing resets the connection; and if something comes afterwards (a PING is
//! enough), it is answered by a reset. Either destroys what the peer's kernel has not taken yet. So a link whose messages
//! are all with the kernel closes its side, reads and forgets what comes, and ends when the peer has read to the end and
//! closed in its turn; or when the time is over that the caller gives for all of it, after which only a peer that says
//! nothing gets the rest. A peer that goes on sending is not heard for all that time: after [`MOST_HEARD`] bytes the link ends
//! if all of ours has come to the peer's system, which on Linux survives a reset.
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

/// How long a peer to which everything has been sent may take to close in its turn, where the caller has set no limit.
/// There are peers, or things on the way to them, that never do.
const PARTING: Duration = Duration::from_secs(30);

/// After so many bytes from a peer that has not closed, it is asked whether all of ours has come to its system: then it is not
/// waited for any longer.
const MOST_HEARD: usize = 4 << 20;

/// How long a peer may take to close whose routing id was handed over: a live one does so as soon as it hears of it, and
/// one that hangs never does.
const HANDING_OVER: Duration = Duration::from_secs(10);

impl Loop {
    /// How a link ends, by itself or with its session; `None` if it does not.
    fn closing(&mut self, key: Key) -> Option<&Closing> {
        let entry = self.link_entry(key)?;
        if entry.closing.is_some() {
            let entry = self.link_entry(key)?;
            return entry.closing.as_ref().map(|closing| &closing.0);
        }
        let owner = entry.owner;
        self.session_closing(owner)
    }

    /// Everything that was queued has gone to the kernel. A closing link parts.
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
        // A session whose connections have pipes of their own does not know what waits in them.
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
            // It may take as long as it takes. The end of our side is told behind it, as that is signalled for as well.
            entry.link.want_output(true);
        } else if !self.end_output(key) {
            return;
        }
        self.set_link_timer(key);
        self.part(key);
    }

    /// A parting link whose output may have been sent: it ends now, and the peer has some time to close.
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

    /// Closes our side of a link whose pipe takes no message any more: the peer sees the end of the stream, closes in its
    /// turn, and connects again if it is to. What it had sent before is read as ever, until its own end.
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
                .last_words(|out| zmtp::encode_error(&LinkError::handed_over(), out));
        }
        // It fails if the connection has failed already, which reading will find.
        let _ = entry.link.stream().shutdown(Shutdown::Write);
        self.set_link_timer(key);
        self.read_link(key);
    }

    /// Reads and forgets, until the peer closes, or has sent so much that it hardly will. Not while the socket still has the reader: it would miss bytes in the
    /// middle.
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

    /// Ends an accepted link: at once if nothing waits, else when it is sent or the deadline has passed. One whose socket
    /// still wants what comes ends when its peer has closed it; a handshake under way is completed before.
    pub(super) fn close_link(&mut self, key: Key, closing: &Closing) {
        let now = Instant::now();
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        // It may retire already; what becomes of the messages is from now on told to others.
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
                    // It may not have been read, since the socket was at its mark: the peer may be gone.
                    self.read_link(key);
                }
            }
            None if closing.delivers && !overdue => self.set_link_timer(key),
            _ => {
                self.drop_link(key, LinkError::ClosedHere);
            }
        }
    }

    /// Another peer has taken the routing id: this one is told so, and what it had sent before it heard of that is read,
    /// until it closes in its turn.
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

    /// A link has failed, on whichever thread: drops the link, and its owner goes on. The peer is told by an ERROR
    /// command if the cause [has words](LinkError::last_words) for it.
    pub(super) fn link_failed(&mut self, key: Key, cause: LinkError) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        if matches!(entry.phase, Phase::Parting { .. }) {
            return self.link_parted(key);
        }
        // A peer that gives a reason in an ERROR has closed for that reason.
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

    /// A request on this link was given up, and its answer must not come: the link ends, and a session makes another at once,
    /// since the peer has done nothing wrong.
    pub(super) fn replace_link(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        self.drop_link(key, LinkError::RequestGivenUp);
        self.session_link_replaced(owner);
    }

    /// Removes a link. The messages of a session's pipe stay for its next link, unless they end with the connection; those
    /// that do, and those of an accepted link, are lost, and counted; says how many those were.
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
        // Before anybody hears of the end: who does may connect at once.
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
        // A sender's draft is among the messages that are kept or lost.
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
            // All that it was sent before we heard of it is lost as well.
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
        if kept
            && cause.is_cut_off()
            && let Some(bytes) = pipe.outgoing.cut_by_peer(config.options.send_attempts)
        {
            telemetry.unsent.add(1);
            entry.emit(EventKind::MessageGivenUp { cause, bytes });
            // The cause that ended those connections is gone, so the next one needs no pause.
            if let Some(Entry::Session(session)) = self.entries.get_mut(&entry.owner) {
                session.backoff.lived(Duration::MAX);
            }
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
    /// Tells the peer, if it listens, why the connection is about to be closed. libzmq passes over an ERROR once the
    /// handshake is done.
    fn tell(&self, cause: &LinkError) {
        if let (Some(pipe), Phase::Traffic { .. }) = (&self.pipe, &self.phase)
            && let Some(words) = cause.last_words()
        {
            pipe.outgoing
                .last_words(|out| zmtp::encode_error(&words, out));
        }
    }
}
