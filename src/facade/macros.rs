//! The calls that several socket types share, written once.
//!
//! Owns: the macro that makes a handle, and one macro for each group of calls.
//! Always true: this documentation appears on every type; the code here decides nothing.

mod exchanging;
mod publishing;
mod reserving;

pub(super) use exchanging::{receives, sends};
pub(super) use publishing::{knows_subscribers, publishes, subscribes};
pub(super) use reserving::reserves;

/// Defines a handle and the calls that every type of socket has.
macro_rules! socket {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        pub struct $name {
            core: std::sync::Arc<crate::socket::Core>,
            /// Dropped after the socket is closed: the last owner waits for lingering messages.
            _context: crate::Context,
        }

        impl $name {
            /// A socket with the default options.
            pub fn new(context: &crate::Context) -> Self {
                Self::builder(context).build()
            }

            /// A socket with options of its own.
            pub fn builder(context: &crate::Context) -> crate::facade::Builder<Self> {
                crate::facade::Builder::new(context, $kind, |core, context| Self {
                    core,
                    _context: context,
                })
            }

            crate::facade::common_calls::common_calls!(pub self => &self.core, []);
            crate::facade::endpoints::manages_endpoints!(pub self => &self.core, []);
            crate::facade::futures::waits_async!(pub self => &self.core, []);
            crate::facade::live_options::sets_live_options!(pub self => &self.core, []);
            crate::facade::futures::closes_async!();
        }

        /// One line: the endpoints and the number of peers, if they can be read without waiting.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.core.debug_line(stringify!($name), f)
            }
        }

        impl crate::facade::AsSocket for $name {
            fn as_socket(&self) -> crate::SocketRef {
                crate::SocketRef::new(&self.core)
            }
        }

        impl crate::facade::Socket for $name {}

        impl Drop for $name {
            /// Closes the socket; unsent messages linger in the background.
            ///
            /// Does not wait, with one exception: if every handle of the context and every other socket of it has been
            /// dropped before, this drop waits until the unsent messages of all of them are sent or their `linger` time
            /// is over. See [`Context`](crate::Context).
            fn drop(&mut self) {
                self.core.close(None);
            }
        }
    };
}
pub(super) use socket;
