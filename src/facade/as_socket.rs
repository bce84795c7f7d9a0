//! Sockets of any type: references to them, for polls and proxies, and the trait that all of them have.

use std::sync::Arc;

use crate::socket::Core;

/// A reference to a socket of any type, for a [`Poll`](crate::Poll) or a [`Proxy`](crate::Proxy), or to ask and control it as
/// a [`Socket`].
///
/// It does not keep the socket open.
#[derive(Debug, Clone)]
pub struct SocketRef {
    core: Arc<Core>,
}

/// A type with a socket: every handle of this crate, and the [`Pending`](crate::Pending) outcome of a request.
///
/// A type that wraps a handle may implement it; `impl Socket for MyType {}` then gives it the calls of [`Socket`].
pub trait AsSocket {
    /// A reference to the socket.
    fn as_socket(&self) -> SocketRef;
}

/// The calls that sockets of every type have, for code that takes any of them: endpoints, peers, counts, events, options, and
/// the end.
///
/// Each handle has them as its own methods, too: the trait need not be imported to call them there. Calls that differ from type
/// to type, above all to send and to receive, are not in it.
///
/// ```
/// use highwater::{Context, Pub, Pull, Socket};
///
/// /// Says how a socket of any type fares.
/// fn report<S: Socket>(socket: &S) -> String {
///     let stats = socket.stats();
///     format!(
///         "{:?}: {} peers, {} messages sent, {} received",
///         socket.local_endpoints(),
///         socket.peers().len(),
///         stats.messages_sent,
///         stats.messages_received
///     )
/// }
///
/// let context = Context::new();
/// let (pull, publisher) = (Pull::new(&context), Pub::new(&context));
/// pull.bind("inproc://jobs")?;
/// assert!(report(&pull).ends_with("0 peers, 0 messages sent, 0 received"));
///
/// // Sockets of different types in one list. Calls with a type parameter go by `as_socket`.
/// let all: [&dyn Socket; 2] = [&pull, &publisher];
/// for (socket, at) in all.into_iter().zip(["tcp://127.0.0.1:0", "tcp://[::1]:0"]) {
///     # if std::net::TcpListener::bind("[::1]:0").is_err() { break }
///     socket.as_socket().bind(at)?;
///     socket.set_option("linger", "5000")?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Socket: AsSocket {
    crate::facade::common_calls::common_calls!(self => self.as_socket().core(), [Self: Sized,]);
    crate::facade::endpoints::manages_endpoints!(self => self.as_socket().core(), [Self: Sized,]);
    crate::facade::futures::waits_async!(self => self.as_socket().core(), [Self: Sized,]);
    crate::facade::live_options::sets_live_options!(self => self.as_socket().core(), [Self: Sized,]);
}

impl Socket for SocketRef {}

/// A pointer to a type with a socket has it, too.
macro_rules! points_to_socket {
    ($($pointer:ty)+) => {$(
        impl<S: AsSocket + ?Sized> AsSocket for $pointer {
            fn as_socket(&self) -> SocketRef {
                (**self).as_socket()
            }
        }

        impl<S: Socket + ?Sized> Socket for $pointer {}
    )+};
}

points_to_socket! { &S Box<S> Arc<S> std::rc::Rc<S> }

impl SocketRef {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
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
