//! The peers of this build: their names, and how each is set up.

use super::Outcome;
use crate::child::{Job, drive};

/// The peer every other is measured against.
pub(crate) const LIBZMQ: &str = "libzmq";

/// A peer as the command line and the report see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Its name; [`ONE_THREAD`] at its end, where the same library runs on one thread.
    pub(crate) name: &'static str,
    /// The package whose version is reported.
    pub(crate) package: &'static str,
    /// How it is set up.
    pub(crate) settings: &'static str,
    run: fn(&Job) -> Outcome<()>,
}

impl Entry {
    /// The name under which its figures are reported: the better one of a library's that are called alike.
    ///
    /// Only the number of threads is left out of the name, since it is a matter of the runtime. A peer that makes other calls
    /// has a column of its own.
    pub(crate) fn library(&self) -> &'static str {
        self.name.strip_suffix(ONE_THREAD).unwrap_or(self.name)
    }

    /// Whether it is the variant of its library that runs on one thread.
    pub(crate) fn is_one_thread(&self) -> bool {
        self.name.ends_with(ONE_THREAD)
    }

    /// One that does nothing.
    #[cfg(test)]
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            package: name,
            settings: "",
            run: |_| Ok(()),
        }
    }

    /// Does this peer's part of `job`, in this process.
    pub(crate) fn run(&self, job: &Job) -> Outcome<()> {
        (self.run)(job)
    }
}

/// Every peer in this build, in the order of a round: libzmq first, the floor last.
pub(crate) fn all() -> Vec<Entry> {
    vec![
        #[cfg(feature = "libzmq")]
        Entry {
            name: LIBZMQ,
            package: "zmq",
            settings: "one I/O thread, high-water marks 1000",
            run: |job| drive(super::libzmq::Libzmq::new(job.cell)?, job),
        },
        #[cfg(feature = "highwater")]
        Entry {
            name: "highwater",
            package: "highwater",
            settings: "defaults: one I/O thread, high-water marks 1000",
            run: |job| drive(super::highwater::Highwater::new(job.cell)?, job),
        },
        #[cfg(feature = "highwater")]
        Entry {
            name: "highwater-many",
            package: "highwater",
            settings: "the same through `send_many` and `recv_many`, 64 messages a call: PUSH and PULL",
            run: |job| drive(super::highwater_many::HighwaterMany::new(job.cell)?, job),
        },
        #[cfg(all(feature = "monocoque-uring", not(feature = "monocoque-tokio")))]
        Entry {
            name: "monocoque",
            package: "monocoque-rs",
            settings: "io_uring, one thread; streams coalesced to 64 KiB, DEALER and ROUTER flushed per batch",
            run: |job| {
                no_io_threads(job)?;
                in_clear(job)?;
                drive(super::monocoque::Monocoque::new()?, job)
            },
        },
        #[cfg(feature = "monocoque-tokio")]
        Entry {
            name: "monocoque",
            package: "monocoque-rs",
            settings: "tokio, one thread; streams coalesced to 64 KiB, DEALER and ROUTER flushed per batch",
            run: |job| {
                no_io_threads(job)?;
                in_clear(job)?;
                drive(super::monocoque::Monocoque::new()?, job)
            },
        },
        #[cfg(feature = "omq")]
        Entry {
            name: "omq",
            package: "omq-tokio",
            settings: "blocking sockets on a context with one I/O thread, high-water marks 1000",
            run: |job| {
                in_clear(job)?;
                drive(super::omq::Omq::blocking(job.cell.io_threads()), job)
            },
        },
        #[cfg(feature = "omq")]
        Entry {
            name: "omq-1t",
            package: "omq-tokio",
            settings: "on the caller's current-thread tokio runtime, high-water marks 1000",
            run: |job| {
                no_io_threads(job)?;
                in_clear(job)?;
                drive(super::omq::Omq::one_thread()?, job)
            },
        },
        #[cfg(feature = "rzmq")]
        Entry {
            name: "rzmq",
            package: "rzmq",
            settings: "tokio, as many workers as cores, TCP_CORK for PUSH, high-water marks 1000",
            run: |job| {
                in_clear(job)?;
                drive(super::rzmq::Rzmq::multi_thread(job.cell)?, job)
            },
        },
        #[cfg(feature = "rzmq")]
        Entry {
            name: "rzmq-1t",
            package: "rzmq",
            settings: "tokio current-thread, TCP_CORK for PUSH, high-water marks 1000",
            run: |job| {
                no_io_threads(job)?;
                in_clear(job)?;
                drive(super::rzmq::Rzmq::one_thread(job.cell)?, job)
            },
        },
        #[cfg(feature = "zeromq")]
        Entry {
            name: "zeromq",
            package: "zeromq",
            settings: "tokio, two workers; it has no high-water mark to set",
            run: |job| {
                in_clear(job)?;
                drive(
                    super::zeromq::Zeromq::multi_thread(job.cell.io_threads())?,
                    job,
                )
            },
        },
        #[cfg(feature = "zeromq")]
        Entry {
            name: "zeromq-1t",
            package: "zeromq",
            settings: "tokio current-thread; it has no high-water mark to set",
            run: |job| {
                no_io_threads(job)?;
                in_clear(job)?;
                drive(super::zeromq::Zeromq::one_thread()?, job)
            },
        },
        Entry {
            name: "floor",
            package: "crossbeam-channel",
            settings: "bare sockets, 64 KiB batches parsed in place; blocking ping-pong; \
                       inproc: crossbeam bounded(1000)",
            run: |job| {
                in_clear(job)?;
                drive(super::floor::Floor::new(), job)
            },
        },
    ]
}

/// Ends the name of a variant that runs on one thread.
const ONE_THREAD: &str = "-1t";

/// Refuses the cells of CURVE.
fn in_clear(job: &Job) -> Outcome<()> {
    if job.cell.is_sealed() {
        return Err(super::Failure::unsupported("its adapter has no CURVE"));
    }
    Ok(())
}

/// Refuses the cells that are about I/O threads.
#[cfg(any(
    feature = "monocoque-uring",
    feature = "monocoque-tokio",
    feature = "omq",
    feature = "rzmq",
    feature = "zeromq"
))]
fn no_io_threads(job: &Job) -> Outcome<()> {
    match job.cell.io_threads() {
        Some(_) => Err(super::Failure::unsupported("it has no I/O threads")),
        None => Ok(()),
    }
}
