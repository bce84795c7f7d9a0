//! The peers of this build: their names, and how each is set up.

use super::Outcome;
use crate::child::{Job, drive};
use crate::plan::Calls;

/// The peer every other is measured against, where threads call.
pub(crate) const LIBZMQ: &str = "libzmq";
/// What the machine does without a library. In the cells of tasks every other peer is measured against it.
pub(crate) const FLOOR: &str = "floor";

/// A peer as the command line and the report see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Its name; [`ONE_THREAD`] at its end, where the same library runs on one thread.
    pub(crate) name: &'static str,
    /// The package whose version is reported.
    pub(crate) package: &'static str,
    /// How it is set up.
    pub(crate) settings: &'static str,
    /// In which cells it is measured.
    calls: &'static [Calls],
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
            calls: &[],
            run: |_| Ok(()),
        }
    }

    /// Does this peer's part of `job`, in this process.
    pub(crate) fn run(&self, job: &Job) -> Outcome<()> {
        if !self.calls.contains(&job.cell.calls) {
            return Err(super::Failure::unsupported(match job.cell.calls {
                Calls::Blocking => "its calls are futures; measured in the cells of tasks",
                Calls::Async => "its calls block",
            }));
        }
        (self.run)(job)
    }
}

const BLOCKING: &[Calls] = &[Calls::Blocking];
#[cfg(any(feature = "highwater", feature = "tmq"))]
const ASYNC: &[Calls] = &[Calls::Async];
/// Of a library on tokio: it is called alike in both kinds of cells.
const BOTH: &[Calls] = &[Calls::Blocking, Calls::Async];

/// Every peer in this build, in the order of a round: libzmq first, the floor last.
pub(crate) fn all() -> Vec<Entry> {
    vec![
        #[cfg(feature = "libzmq")]
        Entry {
            name: LIBZMQ,
            package: "zmq",
            settings: "one I/O thread, high-water marks 1000",
            calls: BLOCKING,
            run: |job| drive(super::libzmq::Libzmq::new(job.cell)?, job),
        },
        #[cfg(feature = "highwater")]
        Entry {
            name: "highwater",
            package: "highwater",
            settings: "defaults: one I/O thread, high-water marks 1000; \
                       in the cells of tasks beside tokio with two workers",
            calls: BOTH,
            run: |job| match job.cell.calls {
                Calls::Blocking => drive(super::highwater::Highwater::new(job.cell)?, job),
                Calls::Async => drive(
                    super::highwater_async::HighwaterAsync::multi_thread(job.cell)?,
                    job,
                ),
            },
        },
        #[cfg(feature = "highwater")]
        Entry {
            name: "highwater-1t",
            package: "highwater",
            settings: "defaults: one I/O thread, high-water marks 1000; tasks on tokio current-thread",
            calls: ASYNC,
            run: |job| {
                drive(
                    super::highwater_async::HighwaterAsync::one_thread(job.cell)?,
                    job,
                )
            },
        },
        #[cfg(feature = "highwater")]
        Entry {
            name: "highwater-many",
            package: "highwater",
            settings: "the same through `send_many` and `recv_many`, 64 messages a call: PUSH and PULL",
            calls: BLOCKING,
            run: |job| drive(super::highwater_many::HighwaterMany::new(job.cell)?, job),
        },
        #[cfg(all(feature = "monocoque-uring", not(feature = "monocoque-tokio")))]
        Entry {
            name: "monocoque",
            package: "monocoque-rs",
            settings: "io_uring, one thread; streams coalesced to 64 KiB, DEALER and ROUTER flushed per batch",
            calls: BOTH,
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
            calls: BOTH,
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
            calls: BLOCKING,
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
            calls: BOTH,
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
            calls: BOTH,
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
            calls: BOTH,
            run: |job| {
                no_io_threads(job)?;
                in_clear(job)?;
                drive(super::rzmq::Rzmq::one_thread(job.cell)?, job)
            },
        },
        #[cfg(feature = "tmq")]
        Entry {
            name: "tmq",
            package: "tmq",
            settings: "tokio current-thread, one I/O thread of libzmq, high-water marks 1000",
            calls: ASYNC,
            run: |job| {
                in_clear(job)?;
                drive(super::tmq::Tmq::new()?, job)
            },
        },
        #[cfg(feature = "zeromq")]
        Entry {
            name: "zeromq",
            package: "zeromq",
            settings: "tokio, two workers; it has no high-water mark to set",
            calls: BOTH,
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
            calls: BOTH,
            run: |job| {
                no_io_threads(job)?;
                in_clear(job)?;
                drive(super::zeromq::Zeromq::one_thread()?, job)
            },
        },
        Entry {
            name: FLOOR,
            package: "tokio",
            settings: "bare sockets, 64 KiB batches parsed in place; ping-pong; inproc: crossbeam bounded(1000); \
                       in the cells of tasks the same by tokio current-thread, inproc: its mpsc::channel(1000)",
            calls: BOTH,
            run: |job| {
                in_clear(job)?;
                match job.cell.calls {
                    Calls::Blocking => drive(super::floor::Floor::new(), job),
                    Calls::Async => drive(super::floor_async::FloorAsync::new()?, job),
                }
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
