//! The part of a context that its handles and sockets hold.
//!
//! Owns: the I/O threads, started when first needed; the names of inproc endpoints; the list of sockets to end on shutdown.
//! Always true: the I/O threads end once no context, no socket and no lingering message is left.
//! Must not know: what a socket is, except that it can be ended.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use highwater_buffers::Lease;

use super::builder::Settings;
use crate::engine::{Drain, Engine};
use crate::error::OptionError;
use crate::inproc::Names;
use crate::origin::{Here, Origin};
use crate::sync::Mutex;

/// The interface of a socket to its context.
pub(crate) trait Terminate: Send + Sync {
    /// The context was shut down: waiting and later calls return `Ended::Terminated`.
    fn terminate(&self, here: Here);
}

/// The part of a context that its handles and sockets hold.
pub(crate) struct Hub {
    settings: Settings,
    origin: Origin,
    engine: Mutex<Option<Arc<Engine>>>,
    sockets: Mutex<Vec<Weak<dyn Terminate>>>,
    names: Names,
    /// Counts the links and sessions of closed sockets that still have something to send.
    lingering: Arc<Drain>,
    shut_down: AtomicBool,
    /// Dropped after the I/O threads.
    _copies: Lease,
}

impl Hub {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            origin: Origin::here(),
            engine: Mutex::default(),
            sockets: Mutex::default(),
            names: Names::default(),
            lingering: Arc::default(),
            shut_down: AtomicBool::new(false),
            _copies: Lease::new(),
        }
    }

    /// Ends every socket, also those that are registered later.
    pub(super) fn shut_down(&self) {
        let Some(here) = self.origin.ask() else {
            return;
        };
        self.shut_down.store(true, Ordering::SeqCst);
        let sockets = std::mem::take(&mut *self.sockets.lock());
        for socket in sockets.iter().filter_map(Weak::upgrade) {
            socket.terminate(here);
        }
    }

    /// The I/O threads.
    pub(crate) fn engine(&self, _: Here) -> io::Result<Arc<Engine>> {
        let mut engine = self.engine.lock();
        if let Some(engine) = &*engine {
            return Ok(Arc::clone(engine));
        }
        let started = Arc::new(Engine::start(
            self.settings.io_threads,
            &self.settings.thread_name,
            &self.settings.processors,
        )?);
        *engine = Some(Arc::clone(&started));
        Ok(started)
    }

    /// The first refused value of the builder.
    pub(crate) fn refused(&self) -> Option<&OptionError> {
        self.settings.refused.as_ref()
    }

    /// How many I/O threads there are, or will be.
    pub(crate) fn io_threads(&self) -> usize {
        self.settings.io_threads
    }

    /// How long a wait busy-polls at most.
    pub(crate) fn busy_poll(&self) -> Duration {
        self.settings.busy_poll
    }

    /// Registers a socket, to end it on shutdown; after a shutdown it is ended at once.
    pub(crate) fn register(&self, socket: &Arc<impl Terminate + 'static>) {
        let Some(here) = self.origin.ask() else {
            return;
        };
        let mut sockets = self.sockets.lock();
        if sockets.len() == sockets.capacity() {
            sockets.retain(|socket| socket.strong_count() > 0);
        }
        let registered = Arc::downgrade(socket);
        sockets.push(registered);
        drop(sockets);
        if self.shut_down.load(Ordering::SeqCst) {
            socket.terminate(here);
        }
    }

    /// The names of inproc endpoints.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn lingering(&self) -> &Arc<Drain> {
        &self.lingering
    }

    /// The process of the I/O threads.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }
}

/// One line: the number of I/O threads, and that of sockets if it can be read without waiting.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = f.debug_struct("Context");
        line.field("io_threads", &self.settings.io_threads);
        let sockets = self.origin.is_here().then(|| self.sockets.try_lock());
        let sockets = sockets.flatten().map(|sockets| {
            let exists = |socket: &&Weak<dyn Terminate>| socket.strong_count() > 0;
            sockets.iter().filter(exists).count()
        });
        match sockets {
            Some(count) => line.field("sockets", &count).finish(),
            None => line.finish_non_exhaustive(),
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if !self.origin.is_here() {
            // The poller is the parent's: dropping it here would tell the kernel to remove its waker.
            std::mem::forget(self.engine.try_lock().and_then(|mut engine| engine.take()));
        } else if let Some(engine) = self.engine.lock().take() {
            engine.stop();
        }
    }
}
