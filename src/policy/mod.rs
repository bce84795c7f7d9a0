//! The policies of speed: when to write, how much to read at once, how long to busy-poll.
//!
//! Owns: what each policy has learnt from its calls; no policy knows another's state.
//! Always true: pure. Time, counts and randomness come in as arguments; nothing here locks, reads a clock, sleeps or
//! does I/O. The caller does what a policy says.
//! Must not know: sockets, pipes, threads, messages.
//!
//! Two policies say for how long a thread looks for a message before it sleeps, since a look costs them so differently:
//!
//! | policy | where a message may be | a look | a round trip |
//! |---|---|---|---|
//! | `BusyPoll` | on links | a system call, and a yield after each | `tcp/req-rep/16`: 13 µs; 75 asleep |
//! | `Spin` | in a lane, within the process | a load; hundreds of them, then four yields | `inproc/req-rep/16`: 1.5 µs; 2.6 with `BusyPoll` in its place, 35 with the yields alone |

mod backoff;
mod batch_size;
mod budget;
mod busy_poll;
mod crowd;
mod eagerness;
mod idle_check;
mod poll_cost;
mod read_size;
mod spin;
mod stream_detector;
mod try_lock_streak;
pub(crate) mod tuning;
mod write_policy;

pub(crate) use backoff::Backoff;
pub(crate) use batch_size::BatchSize;
pub(crate) use budget::{Budget, cost_of_frames, cost_of_topic};
pub(crate) use busy_poll::{BusyPoll, PolledWait};
pub(crate) use eagerness::Eagerness;
pub(crate) use idle_check::IdleCheck;
pub(crate) use read_size::{ReadSize, is_busy};
pub(crate) use spin::{Spin, SpinPlan};
pub(crate) use stream_detector::{NextLook, StreamDetector};
pub(crate) use try_lock_streak::TryLockStreak;
pub(crate) use write_policy::WritePolicy;
