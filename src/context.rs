//! The context: what sockets share.
//!
//! Owns: the handle of a context, and the wait of its last owner.
//! Always true: whichever owner goes last, a handle of the context or a socket, waits for what lingers.
//! Must not know: what a socket is, beside that it can be ended.

mod builder;
mod hub;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use builder::ContextBuilder;
pub(crate) use hub::{Hub, Terminate};

use crate::engine::{self, DrainReport};

/// How long the last context waits for lingering messages before it says so.
const PATIENCE: Duration = Duration::from_secs(1);

/// What sockets share: the I/O threads that look after their connections.
///
/// Cheap to clone; every clone is the same context. Each socket is an owner of it, too, so a context may be dropped
/// before its sockets, as in `Push::new(&Context::new())`.
///
/// # What lingers
///
/// A socket that is dropped leaves its unsent messages to the I/O threads, and does not wait. **The last owner waits**,
/// whether it is the last clone of the context, the last socket or a [`Builder`](crate::Builder): dropping it blocks until
/// the messages that closed sockets have left behind are sent, or their [linger](crate::Linger) time is over, and logs a
/// line if that takes longer than a second. So a program that returns from `main` loses nothing, in whichever order its
/// variables go. What is no owner: a [`Request`](crate::Request), a [`SocketRef`](crate::SocketRef), a
/// [`Poll`](crate::Poll), a monitor's channel. Three ends wait for nothing: that of a forked child, that on an I/O thread
/// (where what owned a body is dropped, for one), and `std::process::exit`, which drops nothing.
///
/// [`close`](crate::Push::close) sets a limit for one socket, [`wait_for_lingering`](Self::wait_for_lingering) waits for
/// all that have been closed so far.
///
/// Each I/O thread keeps the memory of received bodies of 32 KiB and more, once nobody uses them, for those to come:
/// at most 8 MiB. While there is a context, the process also keeps up to 1 MiB of the memory of other bodies of 8 to
/// 256 KiB, for copies of such.
///
/// # After a fork
///
/// A context belongs to the process that made it. A forked child has a copy of it without I/O threads, and of its
/// sockets; they are of no use there. Each call that would send, receive, wait, or change something is refused with the
/// variant `Forked` of its error ([`RecvError::Forked`](crate::RecvError::Forked) for one), and calls that have no error
/// give nothing: an empty list, no peers, zero. Never is anything written on a connection of the parent, or one of its
/// `ipc://` files removed. Dropping the copies does nothing at all, and gives back neither their memory nor their
/// descriptors. One thing knows no process: a channel of events that the parent has from `monitor`. In the child it gives
/// what had come before the fork, and then waits for ever.
///
/// A child that wants to talk makes a context of its own, or calls `exec`, which closes the descriptors. Until it does
/// the one or ends, it keeps the parent's open: an address that the parent lets go of is not free before.
///
/// The question in which process a call is costs a system call, so it is asked only where the call goes to the kernel or
/// waits. Messages that had arrived before the fork may therefore still be received in the child, as copies of those
/// that the parent receives; and messages that would only be gathered in memory, behind others that waited to be written
/// at the fork, may seem to be sent: up to the high-water mark, and never more than 1000.
///
/// ```
/// use highwater::{Context, Pull, Push};
///
/// let context = Context::new();
/// let push = Push::new(&context);
/// let at = push.bind("tcp://127.0.0.1:0")?;
/// let pull = Pull::new(&context);
/// pull.connect(&at)?;
/// push.send("hello")?;
/// assert_eq!(pull.recv()?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Context {
    handle: Arc<Handle>,
}

/// Dropped with the last owner, a [`Context`] or a socket. A socket lets go of it when its handle is dropped: what else
/// keeps its core alive, a request or an I/O thread, is not waited for, nor would it be the right one to wait.
struct Handle {
    hub: Arc<Hub>,
}

impl Context {
    /// A context with one I/O thread, which is started by the first `bind` or `connect`.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A context that is not as usual.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::new()
    }

    /// Ends every socket of this context: each call that waits, and each later one, returns `Terminated`.
    ///
    /// Does not wait. Messages already queued linger as usual once their sockets are dropped.
    pub fn shutdown(&self) {
        self.hub().shut_down();
    }

    /// Waits until nothing that closed sockets have left behind is still being sent; false if the time was over first,
    /// and in a forked child, where nothing is sent.
    pub fn wait_for_lingering(&self, timeout: Duration) -> bool {
        let hub = self.hub();
        let until = Instant::now().checked_add(timeout);
        hub.origin()
            .ask()
            .is_some_and(|here| hub.lingering().wait(until, here))
    }

    /// What has become so far of the messages that closed sockets and endpoints of this context had left to send, over all
    /// of them: those of a socket that is gone, of which there are no [`stats`](crate::Push::stats) any more, included.
    ///
    /// Nothing in a forked child.
    pub fn lingered(&self) -> DrainReport {
        let hub = self.hub();
        if hub.origin().is_here() {
            hub.lingering().report()
        } else {
            DrainReport::default()
        }
    }

    fn of(settings: builder::Settings) -> Self {
        let hub = Arc::new(Hub::new(settings));
        Self {
            handle: Arc::new(Handle { hub }),
        }
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.handle.hub
    }
}

/// One line: the number of I/O threads, and of sockets if that can be had without waiting.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hub().fmt(f)
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(here) = self.hub.origin().ask() else {
            // Another thread of the parent may have been changing it, and will never be done.
            std::mem::forget(Arc::clone(&self.hub));
            return;
        };
        if engine::is_io_thread() {
            // It would wait for what it is to do itself; or hold up what other contexts have to do.
            return;
        }
        self.hub.lingering().wait_patiently(PATIENCE, here, || {
            tracing::warn!(target: "highwater", "the context waits for messages that linger");
        });
    }
}
