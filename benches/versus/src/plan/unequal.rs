//! Unequal peers: the socket that they send to, and which of them are near it.

use crate::peers::Role;

/// Which of the unequal peers are sockets of the receiver's context, over inproc; the others are clients over tcp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Near {
    Nobody,
    /// Every second of the slow ones.
    SomeSlow,
    /// The one that sends flat out.
    TheBusy,
}

impl Near {
    pub(super) const ALL: [Self; 3] = [Self::Nobody, Self::SomeSlow, Self::TheBusy];

    /// The end of a cell's name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Nobody => "",
            Self::SomeSlow => "+inproc",
            Self::TheBusy => "+busy-inproc",
        }
    }

    /// Whether peer `number` is one of them.
    pub(crate) fn holds(self, number: usize) -> bool {
        match self {
            Self::Nobody => false,
            Self::SomeSlow => number > 0 && number.is_multiple_of(2),
            Self::TheBusy => number == 0,
        }
    }
}

/// The socket that unequal peers send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    Pull,
    Router,
    Dealer,
    Rep,
    Sub,
}

impl Receiver {
    pub(super) const ALL: [Self; 5] =
        [Self::Pull, Self::Router, Self::Dealer, Self::Rep, Self::Sub];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Router => "router",
            Self::Dealer => "dealer",
            Self::Rep => "rep",
            Self::Sub => "sub",
        }
    }

    pub(crate) fn role(self) -> Role {
        match self {
            Self::Pull => Role::Pull,
            Self::Router => Role::Router,
            Self::Dealer => Role::Dealer,
            Self::Rep => Role::Rep,
            Self::Sub => Role::Sub,
        }
    }

    pub(crate) fn peer_role(self) -> Role {
        match self {
            Self::Pull => Role::Push,
            Self::Router | Self::Dealer => Role::Dealer,
            Self::Rep => Role::Req,
            Self::Sub => Role::Pub,
        }
    }

    /// The type of its peers, as it stands in their READY.
    pub(crate) fn peer(self) -> &'static str {
        match self {
            Self::Pull => "PUSH",
            Self::Router | Self::Dealer => "DEALER",
            Self::Rep => "REQ",
            Self::Sub => "PUB",
        }
    }
}
