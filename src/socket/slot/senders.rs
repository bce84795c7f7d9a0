//! The senders of the messages in one pipe.
//!
//! Owns: the peer of the present connection, and those of earlier connections whose messages are not all read.
//! Always true: the sender of a message is the peer on whose connection it came. The messages of a connection are
//! numbered behind those of the connections before it.
//! Must not know: the content of a message.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::peer::PeerInfo;

#[derive(Debug)]
pub(super) struct Senders {
    /// The sender of the messages behind all of `former`; it stays when the connection ends.
    latest: Option<Arc<PeerInfo>>,
    /// Peers of earlier connections, each with the number of its last message, oldest first.
    former: VecDeque<(u64, Arc<PeerInfo>)>,
}

impl Senders {
    pub(super) fn new(latest: Option<Arc<PeerInfo>>) -> Self {
        Self {
            latest,
            former: VecDeque::new(),
        }
    }

    /// A connection with `peer` begins.
    pub(super) fn comes(&mut self, peer: Arc<PeerInfo>) {
        self.latest = Some(peer);
    }

    /// The connection is lost, and there may be another one. The message with the number `read` is the last that was read,
    /// perhaps ahead of the call that asks for it; `last` is the number of the last that has come.
    pub(super) fn goes(&mut self, read: u64, last: u64) {
        while self.former.front().is_some_and(|(last, _)| *last < read) {
            self.former.pop_front();
        }
        let known = self.former.back().map_or(0, |(number, _)| *number);
        if let Some(peer) = self.latest.clone().filter(|_| last > known) {
            self.former.push_back((last, peer));
        }
    }

    /// The sender of the message that was read last, which has this `number`.
    #[inline]
    pub(super) fn of_message(&mut self, number: impl FnOnce() -> u64) -> Option<&Arc<PeerInfo>> {
        if !self.former.is_empty() {
            let number = number();
            while self.former.front().is_some_and(|(last, _)| *last < number) {
                self.former.pop_front();
            }
        }
        let former = self.former.front().map(|(_, peer)| peer);
        former.or(self.latest.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str) -> Arc<PeerInfo> {
        Arc::new(PeerInfo::for_tests(name))
    }

    fn name(senders: &mut Senders, number: u64) -> String {
        let sender = senders.of_message(|| number).expect("somebody");
        sender.address.clone()
    }

    #[test]
    fn a_message_is_of_the_peer_on_whose_connection_it_came() {
        let mut senders = Senders::new(None);
        assert!(senders.of_message(|| 0).is_none());
        senders.comes(peer("first"));
        assert_eq!(name(&mut senders, 1), "first");
        // Two more of the first, unread; then one of the second; then the third is there.
        senders.goes(1, 3);
        senders.comes(peer("second"));
        senders.goes(1, 4);
        senders.comes(peer("third"));
        for (number, expected) in [
            (2, "first"),
            (3, "first"),
            (4, "second"),
            (5, "third"),
            (6, "third"),
        ] {
            assert_eq!(name(&mut senders, number), expected, "message {number}");
        }
    }

    #[test]
    fn a_message_read_ahead_keeps_its_sender() {
        let mut senders = Senders::new(Some(peer("first")));
        senders.goes(1, 1);
        senders.comes(peer("second"));
        assert_eq!(name(&mut senders, 1), "first");
        assert_eq!(name(&mut senders, 2), "second");
    }

    #[test]
    fn connections_of_which_all_was_read_are_forgotten() {
        let mut senders = Senders::new(None);
        for round in 1..1000 {
            senders.comes(peer("someone"));
            senders.goes(round, round);
            assert!(senders.former.len() <= 2);
        }
        for _ in 0..1000 {
            senders.comes(peer("silent"));
            senders.goes(999, 999);
        }
        assert!(senders.former.len() <= 2);
    }
}
