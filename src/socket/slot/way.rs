//! Which kind of pipe a slot is the end of: one over a wire, or one within the process.
//!
//! Owns: the end of the pipe.
//! Always true: the kind is matched on in this file alone. What both kinds can do goes through [`either`]; what only one
//! can do asks for the end of that kind.
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
/// This is a macro rather than a trait object since the compiler has to inline what is done per message.
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

    /// As [`wire`](Self::wire), to be changed.
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

    /// As [`lane`](Self::lane), to be changed.
    #[inline]
    pub(super) fn lane_mut(&mut self) -> Option<&mut LaneEnd> {
        match self {
            Self::Lane(end) => Some(end),
            Self::Wire(_) => None,
        }
    }
}
