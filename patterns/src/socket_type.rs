//! The socket types, and which of them may talk to each other.

use std::fmt;

/// A socket type of the ZeroMQ family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketType {
    /// One peer, both ways.
    Pair,
    /// Fans messages out to subscribers.
    Pub,
    /// Receives the messages to whose topics it has subscribed.
    Sub,
    /// Sends requests, one at a time.
    Req,
    /// Answers requests.
    Rep,
    /// Asynchronous requests, load-balanced.
    Dealer,
    /// Addresses peers by routing id.
    Router,
    /// Receives from a pipeline.
    Pull,
    /// Feeds a pipeline.
    Push,
    /// PUB that sees subscriptions.
    XPub,
    /// SUB that sends subscriptions as messages.
    XSub,
}

impl SocketType {
    /// Every type.
    pub const ALL: [Self; 11] = [
        Self::Pair,
        Self::Pub,
        Self::Sub,
        Self::Req,
        Self::Rep,
        Self::Dealer,
        Self::Router,
        Self::Pull,
        Self::Push,
        Self::XPub,
        Self::XSub,
    ];

    /// The name on the wire. Source: RFC 37/ZMTP 3.1, "The Socket-Type Property".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pair => "PAIR",
            Self::Pub => "PUB",
            Self::Sub => "SUB",
            Self::Req => "REQ",
            Self::Rep => "REP",
            Self::Dealer => "DEALER",
            Self::Router => "ROUTER",
            Self::Pull => "PULL",
            Self::Push => "PUSH",
            Self::XPub => "XPUB",
            Self::XSub => "XSUB",
        }
    }

    /// The type with this name on the wire, exact and case-sensitive.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }

    /// Whether a socket of this type may talk to a `peer`. Symmetric.
    ///
    /// Source: RFC 37/ZMTP 3.1, the socket combination table; the same as libzmq's.
    pub const fn is_compatible(self, peer: Self) -> bool {
        use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
        matches!(
            (self, peer),
            (Pair, Pair)
                | (Pub | XPub, Sub | XSub)
                | (Sub | XSub, Pub | XPub)
                | (Push, Pull)
                | (Pull, Push)
                | (Req, Rep | Router)
                | (Rep, Req | Dealer)
                | (Dealer, Rep | Dealer | Router)
                | (Router, Req | Dealer | Router)
        )
    }

    /// Whether READY carries an `Identity` property, even an empty one. libzmq does so for the same types.
    pub const fn announces_identity(self) -> bool {
        matches!(self, Self::Req | Self::Dealer | Self::Router)
    }
}

impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatibility_is_symmetric() {
        for a in SocketType::ALL {
            for b in SocketType::ALL {
                assert_eq!(a.is_compatible(b), b.is_compatible(a), "{a} and {b}");
            }
        }
    }

    #[test]
    fn the_matrix_has_just_the_pairs_of_the_rfc() {
        let pairs = SocketType::ALL
            .into_iter()
            .flat_map(|a| SocketType::ALL.map(|b| (a, b)))
            .filter(|(a, b)| a.is_compatible(*b))
            .count();
        assert_eq!(pairs, 21);
        assert!(!SocketType::Req.is_compatible(SocketType::Dealer));
        assert!(!SocketType::Rep.is_compatible(SocketType::Router));
    }

    #[test]
    fn names_are_exact() {
        for kind in SocketType::ALL {
            assert_eq!(SocketType::from_name(kind.name().as_bytes()), Some(kind));
        }
        assert_eq!(SocketType::from_name(b"push"), None);
        assert_eq!(SocketType::from_name(b""), None);
    }
}
