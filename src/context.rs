//! The context: the part that sockets share.
//!
//! Owns: the handle of a context, and the wait of its last owner.
//! Always true: the last owner, a context handle or a socket, waits for lingering messages.
//! Must not know: what a socket is, except that it can be ended.

mod builder;
mod hub;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use builder::ContextBuilder;
pub(crate) use hub::{Hub, Terminate};

use crate::engine::{self, DrainReport};

/// How long the last owner waits for lingering messages before it logs that.
const PATIENCE: Duration = Duration::from_secs(1);

/// The I/O threads and other resources that sockets share.
///
/// Cheap to clone; every clone is the same context. Each socket also owns the context, so a context may be dropped
/// before its sockets, as in `Push::new(&Context::new())`.
///
/// # What lingers
///
/// A socket that is dropped leaves its unsent messages to the I/O threads, and does not wait. **The last owner waits.**
/// Owners are the clones of the context, its sockets and each [`Builder`](crate::Builder). Dropping the last one blocks
/// until the messages of closed sockets are sent or their [linger](crate::Linger) time is over. It logs a line if that
/// takes longer than a second. So a program that returns from `main` loses nothing, in whichever order its variables
/// are dropped. Not owners: a [`Request`](crate::Request), a [`SocketRef`](crate::SocketRef), a [`Poll`](crate::Poll),
/// a monitor's channel. Three cases do not wait: a drop in a forked child, a drop on an I/O thread (for example by the
/// owner of a body), and `std::process::exit`, which drops nothing.
///
/// [`close`](crate::Push::close) sets a limit for one socket. [`wait_for_lingering`](Self::wait_for_lingering) waits
/// for all sockets closed so far.
///
/// Each I/O thread keeps the memory of unused received bodies of 32 KiB and more for later ones: at most 8 MiB. While a
/// process has a context, it also keeps up to 1 MiB of the memory of other bodies of 8 to 256 KiB, for copies of such
/// bodies.
///
/// # After a fork
///
/// A context belongs to the process that made it. A forked child has unusable copies of the context, without I/O
/// threads, and of its sockets. Each call that would send, receive, wait, or change something is refused with
/// [`Ended::Forked`](crate::Ended::Forked) in the variant `Ended` of its error. Calls without an error give
/// nothing: an empty list, no peers, zero. The child never writes on a connection of the parent, and never removes its
/// `ipc://` files. Dropping the copies does nothing, and frees neither their memory nor their descriptors. One
/// exception: a channel of events that the parent has from `monitor` does not detect the fork. In the child it gives
/// the events from before the fork, and then waits for ever.
///
/// A child that wants to send makes a context of its own, or calls `exec`, which closes the descriptors. Until it ends
/// or calls `exec`, it keeps the parent's descriptors open: an address that the parent unbinds is not free before.
///
/// Detecting a fork costs a system call, so only calls that enter the kernel or wait check for it. So the child may
/// still receive copies of messages that had arrived before the fork. And a send in the child may seem to succeed while
/// earlier messages wait to be written: up to the high-water mark, and at most 1000 messages.
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

/// Dropped with the last owner, a [`Context`] or a socket. A socket drops its part with its handle. A request or an I/O
/// thread that keeps the core of a socket alive is not an owner.
struct Handle {
    hub: Arc<Hub>,
}

impl Context {
    /// A context with one I/O thread, which is started by the first `bind` or `connect`.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A builder for a context with other settings.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::new()
    }

    /// Ends every socket of this context: each call that waits, and each later one, returns an error that has
    /// [`Ended::Terminated`](crate::Ended::Terminated) in it.
    ///
    /// Does not wait. Messages already queued linger as usual once their sockets are dropped.
    #[doc(alias = "zmq_ctx_shutdown")]
    pub fn shutdown(&self) {
        self.hub().shut_down();
    }

    /// Waits until the messages of all closed sockets are sent or given up. False after `timeout`, and in a forked
    /// child, which sends nothing.
    pub fn wait_for_lingering(&self, timeout: Duration) -> bool {
        let hub = self.hub();
        let until = Instant::now().checked_add(timeout);
        hub.origin()
            .ask()
            .is_some_and(|here| hub.lingering().wait(until, here))
    }

    /// The fate so far of the messages that closed sockets and endpoints of this context had left to send, in all. It
    /// includes closed sockets, whose [`stats`](crate::Push::stats) can no longer be read.
    ///
    /// All zero in a forked child.
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

/// One line: the number of I/O threads, and that of sockets if it can be read without waiting.
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
            // The forked parent may have been changing it at the fork; this process would never see the end of the
            // change.
            std::mem::forget(Arc::clone(&self.hub));
            return;
        };
        if engine::is_io_thread() {
            // This thread would wait for its own work, or hold up the work for other contexts.
            return;
        }
        self.hub.lingering().wait_patiently(PATIENCE, here, || {
            tracing::warn!(target: "highwater", "the context waits for messages that linger");
        });
    }
}
