//! The counters of a socket as a line, for a log.
//!
//! Owns: the texts.
//! Always true: what is zero and tells of trouble is left out.

use std::fmt;

use super::{Dropped, PeerStats, Stats};
use crate::error::counted;

/// The counts that most readers look for, in a line, and of the others those that are not zero. Such as `7 sent, 5 received, 2
/// queued to send, 0 to receive, 1 peer; 1 handshake failed; dropped: 3 unsent`.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sent, {} received, {} queued to send, {} to receive, {}",
            self.messages_sent,
            self.messages_received,
            self.queued_to_send,
            self.queued_to_receive,
            counted(self.peers.len() as u64, "peer")
        )?;
        let troubles = [
            (self.handshakes_failed, "handshake", " failed"),
            (self.disconnects, "disconnect", ""),
            (self.reconnects, "reconnect", ""),
            (self.accepts_failed, "connection", " not accepted"),
            (self.events_missed, "event", " missed"),
        ];
        for (count, thing, fate) in troubles.into_iter().filter(|(count, ..)| *count > 0) {
            write!(f, "; {}{fate}", counted(count, thing))?;
        }
        told_drops(&self.dropped, f)
    }
}

/// The endpoint through which the peer came, its address, and its counts. Such as `tcp://0.0.0.0:5555 (tcp://192.0.2.7:40112): 7
/// sent, 5 received, 2 queued to send, 0 to receive`.
impl fmt::Display for PeerStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.peer.endpoint)?;
        if !self.peer.address.is_empty() {
            write!(f, " ({})", self.peer.address)?;
        }
        write!(
            f,
            ": {} sent, {} received, {} queued to send, {} to receive",
            self.messages_sent, self.messages_received, self.queued_to_send, self.queued_to_receive
        )?;
        if self.reconnects > 0 {
            write!(f, "; {}", counted(self.reconnects, "reconnect"))?;
        }
        told_drops(&self.dropped, f)
    }
}

/// The causes that are not zero, such as `3 unsent, 1 late reply`; or `none`.
impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Named one by one, so that a new cause is not forgotten.
        let Self {
            unsent,
            unread,
            slow_subscriber,
            conflated,
            unroutable,
            no_room,
            malformed,
            late_reply,
            unexpected,
            unwanted,
            unanswered,
            undecodable,
            too_many_topics,
        } = *self;
        let causes = [
            (unsent, "unsent"),
            (unread, "unread"),
            (slow_subscriber, "for slow subscribers"),
            (conflated, "conflated"),
            (unroutable, "unroutable"),
            (no_room, "without room"),
            (malformed, "malformed"),
            (late_reply, "late"),
            (unexpected, "unexpected"),
            (unwanted, "unwanted"),
            (unanswered, "unanswered"),
            (undecodable, "undecodable"),
            (too_many_topics, "beyond the limit of topics"),
        ];
        let mut before = "";
        for (count, cause) in causes.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{before}{count} {cause}")?;
            before = ", ";
        }
        if before.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

fn told_drops(dropped: &Dropped, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if *dropped == Dropped::default() {
        return Ok(());
    }
    write!(f, "; dropped: {dropped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_leaves_out_trouble_that_there_was_not() {
        let mut stats = Stats {
            messages_sent: 7,
            messages_received: 5,
            queued_to_send: 2,
            ..Stats::default()
        };
        assert_eq!(
            stats.to_string(),
            "7 sent, 5 received, 2 queued to send, 0 to receive, 0 peers"
        );
        stats.handshakes_failed = 1;
        stats.reconnects = 2;
        stats.dropped.unsent = 3;
        stats.dropped.late_reply = 1;
        assert_eq!(
            stats.to_string(),
            "7 sent, 5 received, 2 queued to send, 0 to receive, 0 peers; 1 handshake failed; 2 reconnects; \
             dropped: 3 unsent, 1 late"
        );
        assert_eq!(Dropped::default().to_string(), "none");
    }

    #[test]
    fn the_counts_of_several_sockets_are_added_up() {
        let one = Stats {
            messages_sent: 7,
            dropped: Dropped {
                unread: 2,
                ..Dropped::default()
            },
            ..Stats::default()
        };
        let sum: Stats = [one.clone(), one].into_iter().sum();
        assert_eq!((sum.messages_sent, sum.dropped.unread), (14, 4));
    }
}
