//! References to a socket of any type, for polls and proxies.

use std::sync::Arc;

use crate::socket::Core;

/// A reference to a socket of any type, for a [`Poll`](crate::Poll) or a [`Proxy`](crate::Proxy).
///
/// It does not keep the socket open.
#[derive(Debug, Clone)]
pub struct SocketRef {
    core: Arc<Core>,
}

/// A type with a socket: every handle of this crate, and the [`Pending`](crate::Pending) outcome of a request.
///
/// Types that wrap a handle may implement it, too.
pub trait AsSocket {
    /// A reference to the socket.
    fn as_socket(&self) -> SocketRef;
}

impl SocketRef {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn into_core(self) -> Arc<Core> {
        self.core
    }
}

impl AsSocket for SocketRef {
    fn as_socket(&self) -> SocketRef {
        self.clone()
    }
}
