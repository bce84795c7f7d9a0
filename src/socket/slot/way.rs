//! The two kinds of pipe that a slot can be the end of: over a wire, or within the process.
//!
//! Owns: the end of the pipe.
//! Always true: the kind is matched on in this file alone. Calls that both kinds have go through [`either`]; for a call
//! that only one kind has, the caller asks for the end of that kind.
//! Must not know: what a slot knows about its peer.

use super::{LaneEnd, WireEnd};

/// The end of a pipe of either kind.
#[derive(Debug)]
pub(super) enum Way {
    Wire(WireEnd),
    Lane(LaneEnd),
}

/// Evaluates an expression on the end of a pipe, whichever kind it is of.
///
/// A macro, since calls through a trait object would not be inlined on the path of a message.
macro_rules! either {
    ($way:expr, $end:ident => $call:expr) => {
        match $way {
            $crate::socket::slot::way::Way::Wire($end) => $call,
            $crate::socket::slot::way::Way::Lane($end) => $call,
        }
    };
}
pub(super) use either;

impl Way {
    /// The end, if the pipe is over a wire.
    #[inline]
    pub(super) fn wire(&self) -> Option<&WireEnd> {
        match self {
            Self::Wire(end) => Some(end),
            Self::Lane(_) => None,
        }
    }

    /// As [`wire`](Self::wire), mutable.
    #[inline]
    pub(super) fn wire_mut(&mut self) -> Option<&mut WireEnd> {
        match self {
            Self::Wire(end) => Some(end),
            Self::Lane(_) => None,
        }
    }

    /// The end, if the pipe is within the process.
    #[inline]
    pub(super) fn lane(&self) -> Option<&LaneEnd> {
        match self {
            Self::Lane(end) => Some(end),
            Self::Wire(_) => None,
        }
    }

    /// As [`lane`](Self::lane), mutable.
    #[inline]
    pub(super) fn lane_mut(&mut self) -> Option<&mut LaneEnd> {
        match self {
            Self::Lane(end) => Some(end),
            Self::Wire(_) => None,
        }
    }
}
