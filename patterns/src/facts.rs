//! The facts about a socket type beside its rules: one row per type.
//!
//! Owns: the table. Code outside this crate that depends on the type of a socket asks for a fact and names no type.
//! Always true: a fact never changes while a socket lives.
//! Must not know: sockets, connections, options.
//! Source: libzmq for `connects_once`; RFC 28/REQREP, RFC 29/PUBSUB, RFC 30/PIPELINE, RFC 31/EXPAIR for the rest.

use crate::SocketType;

/// The facts that a socket, its pipes and its connections have to know of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// A message may go to any peer with room. So room at one peer wakes one waiting sender, and a send fails once the
    /// last endpoint is given up.
    pub any_peer_will_do: bool,
    /// It has one peer at most: when that goes, its place is free.
    pub one_peer: bool,
    /// Its peers tell it what they subscribe to.
    pub hears_subscriptions: bool,
    /// It reads what arrives without a call of the application.
    pub reads_unasked: bool,
    /// It connects once to an endpoint: a second connection to the same peer would double its messages.
    pub connects_once: bool,
    /// It sends nothing while it waits for a reply, and its rules decide when a request is given up that peers do not take.
    pub takes_turns: bool,
    /// It owes an answer for each message that it takes.
    pub answers: bool,
    /// It knows its peers by their routing ids, and closes a peer only if another has taken its id. Every other type
    /// closes a peer only if it is too slow.
    pub names_peers: bool,
    /// At which end of a connection it may refuse the peer, before the peer is told that it is connected.
    pub may_refuse: MayRefuse,
    /// It may refuse a peer or be refused by one, so the two sockets tell each other their tokens.
    pub may_be_refused: bool,
    /// The fate of messages that a connection has not delivered.
    pub undelivered: Fate,
    /// It can keep only the latest of the messages that it sends to a peer.
    pub conflates_sent: bool,
    /// It can keep only the latest of the messages that it receives from a peer.
    pub conflates_received: bool,
}

/// At which end of a connection a socket may refuse the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayRefuse {
    /// It takes every peer.
    Never,
    /// At the end that has accepted the connection.
    WhereItAccepts,
    /// At either end.
    Always,
}

/// The fate of messages that a connection has not delivered, if its pipe outlives it. Messages in a pipe that ends with
/// its connection (an accepted one, or with the option `immediate`) are lost and counted in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fate {
    /// They go out on the next connection, to whichever peer it leads.
    #[default]
    Stay,
    /// They go out on the next connection to the same peer: the socket compares the routing ids.
    AwaitPeer,
    /// They are dropped with the connection: no other peer has asked for them, or may see them.
    End,
}

/// The values from which each row differs.
const NOTHING: Facts = Facts {
    any_peer_will_do: false,
    one_peer: false,
    hears_subscriptions: false,
    reads_unasked: false,
    connects_once: false,
    takes_turns: false,
    answers: false,
    names_peers: false,
    may_refuse: MayRefuse::Never,
    may_be_refused: false,
    undelivered: Fate::Stay,
    conflates_sent: false,
    conflates_received: false,
};

const PAIR: Facts = Facts {
    any_peer_will_do: true,
    one_peer: true,
    may_refuse: MayRefuse::Always,
    may_be_refused: true,
    conflates_sent: true,
    conflates_received: true,
    ..NOTHING
};

const PUB: Facts = Facts {
    connects_once: true,
    ..XPUB
};

const SUB: Facts = Facts {
    connects_once: true,
    ..XSUB
};

const REQ: Facts = Facts {
    any_peer_will_do: true,
    connects_once: true,
    takes_turns: true,
    may_be_refused: true,
    undelivered: Fate::End,
    ..NOTHING
};

const REP: Facts = Facts {
    answers: true,
    undelivered: Fate::End,
    ..NOTHING
};

const DEALER: Facts = Facts {
    any_peer_will_do: true,
    connects_once: true,
    may_be_refused: true,
    conflates_sent: true,
    conflates_received: true,
    ..NOTHING
};

const ROUTER: Facts = Facts {
    names_peers: true,
    may_refuse: MayRefuse::WhereItAccepts,
    may_be_refused: true,
    undelivered: Fate::AwaitPeer,
    conflates_sent: true,
    conflates_received: true,
    ..NOTHING
};

const PULL: Facts = Facts {
    conflates_received: true,
    ..NOTHING
};

const PUSH: Facts = Facts {
    any_peer_will_do: true,
    reads_unasked: true,
    conflates_sent: true,
    ..NOTHING
};

const XPUB: Facts = Facts {
    hears_subscriptions: true,
    reads_unasked: true,
    conflates_sent: true,
    ..NOTHING
};

const XSUB: Facts = Facts {
    conflates_received: true,
    ..NOTHING
};

impl SocketType {
    /// The row of this type.
    ///
    /// ```
    /// use highwater_patterns::SocketType;
    ///
    /// assert!(SocketType::Push.facts().any_peer_will_do);
    /// assert!(!SocketType::Router.facts().any_peer_will_do);
    /// ```
    #[doc(hidden)]
    pub const fn facts(self) -> Facts {
        match self {
            Self::Pair => PAIR,
            Self::Pub => PUB,
            Self::Sub => SUB,
            Self::Req => REQ,
            Self::Rep => REP,
            Self::Dealer => DEALER,
            Self::Router => ROUTER,
            Self::Pull => PULL,
            Self::Push => PUSH,
            Self::XPub => XPUB,
            Self::XSub => XSUB,
        }
    }
}

impl Facts {
    /// Whether the socket is asked if it takes the peer of a connection, `accepted` or made here, before our READY.
    pub const fn asks_before_ready(self, accepted: bool) -> bool {
        match self.may_refuse {
            MayRefuse::Never => false,
            MayRefuse::WhereItAccepts => accepted,
            MayRefuse::Always => true,
        }
    }

    /// The fate of undelivered messages. A peer that the user `has_named` by `connect_as` counts as the same peer on
    /// each connection.
    pub const fn fate(self, has_named: bool) -> Fate {
        if has_named {
            Fate::Stay
        } else {
            self.undelivered
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The types of which `fact` is true.
    fn those(fact: impl Fn(Facts) -> bool) -> Vec<SocketType> {
        let all = SocketType::ALL.into_iter();
        all.filter(|kind| fact(kind.facts())).collect()
    }

    #[test]
    fn each_fact_is_true_of_just_these_types() {
        use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
        assert_eq!(
            those(|facts| facts.any_peer_will_do),
            [Pair, Req, Dealer, Push]
        );
        assert_eq!(those(|facts| facts.one_peer), [Pair]);
        assert_eq!(those(|facts| facts.hears_subscriptions), [Pub, XPub]);
        assert_eq!(those(|facts| facts.reads_unasked), [Pub, Push, XPub]);
        assert_eq!(those(|facts| facts.connects_once), [Pub, Sub, Req, Dealer]);
        assert_eq!(those(|facts| facts.takes_turns), [Req]);
        assert_eq!(those(|facts| facts.answers), [Rep]);
        assert_eq!(those(|facts| facts.names_peers), [Router]);
        assert_eq!(those(|facts| facts.asks_before_ready(true)), [Pair, Router]);
        assert_eq!(those(|facts| facts.asks_before_ready(false)), [Pair]);
        assert_eq!(
            those(|facts| facts.may_be_refused),
            [Pair, Req, Dealer, Router]
        );
        assert_eq!(those(|facts| facts.fate(false) == Fate::End), [Req, Rep]);
        assert_eq!(
            those(|facts| facts.fate(false) == Fate::AwaitPeer),
            [Router]
        );
        assert_eq!(those(|facts| facts.fate(true) != Fate::Stay), []);
        assert_eq!(
            those(|facts| facts.conflates_sent),
            [Pair, Pub, Dealer, Router, Push, XPub]
        );
        assert_eq!(
            those(|facts| facts.conflates_received),
            [Pair, Sub, Dealer, Router, Pull, XSub]
        );
    }
}
