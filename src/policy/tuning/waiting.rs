//! Tuning of waiting: for how long a thread looks for input, or for a lock, before it sleeps.
//!
//! Owns: the numbers of `policy::busy_poll`, `policy::crowd`, `policy::spin` and `socket/spin.rs`; those of the locks in `sync/`.

use std::time::Duration;

/// A wait shorter than this many limits of busy-polling, with the time that waking up took, foretells one that is
/// worth busy-polling.
/// Unit: limits. Cell: `tcp/req-rep/16`. Measured by 78790f5.
pub(crate) const SHORT_WAIT_LIMITS: u32 = 2;

/// The most waits that sleep at once after a busy-poll in vain: one at first, then twice as many each time.
/// Unit: waits. Cell: `tcp/router-dealer/64x64`. Measured by 78790f5.
pub(crate) const MOST_SKIPPED: u32 = 64;

/// A busy-poll that took longer is costly: to sleep and be woken takes about as much processor time.
/// Unit: time. Cell: `tcp/pub-sub/1x16`. Measured by 785f1a7.
pub(crate) const COSTLY_POLL: Duration = Duration::from_micros(20);

/// It is not costly if it took at most this many times as long as the thread did something else since its last wait. In the
/// cell publisher and subscriber wait some 30 µs for each other, and mostly work for longer than half of that in between; a
/// receiver that does nothing else works for 3 µs.
/// Unit: ratio. Cell: `tcp/pub-sub/1x16`. Measured by 785f1a7.
pub(crate) const COSTLY_POLL_RATIO: u32 = 4;

/// After this many costly busy-polls, nearly in a row, the socket sleeps at once for a while.
/// Unit: busy-polls. Test: `policy/poll_cost.rs`. Not measured apart: 785f1a7.
pub(crate) const COSTLY_POLLS: u32 = 8;

/// A cheap busy-poll makes up for this many costly ones.
/// Unit: busy-polls. Test: `policy/poll_cost.rs`. Not measured apart: 785f1a7.
pub(crate) const CHEAP_POLL_COUNTS: u32 = 2;

/// This many waits then sleep at once, before a few busy-poll to see whether messages have become faster.
/// Unit: waits. Test: `policy/poll_cost.rs`. Not measured apart: 785f1a7.
pub(crate) const COSTLY_POLL_SLEEPS: u32 = 64;

/// A yield that took longer shows that others need the processor for longer: they keep it for milliseconds each time.
/// Unit: time. Cell: `tcp/req-rep/16`. Measured by d76e0b3.
pub(crate) const LATE_YIELD: Duration = Duration::from_millis(1);

/// How long a socket then neither busy-polls nor yields for a message from within the process at first; four times as long
/// each time that it is soon so again.
/// Unit: time. Cell: `tcp/req-rep/16`. Measured by 78790f5.
pub(crate) const CROWDED_FIRST: Duration = Duration::from_millis(10);

/// The longest that it then does neither.
/// Unit: time. Cell: `tcp/req-rep/16`. Measured by 78790f5.
pub(crate) const CROWDED_MOST: Duration = Duration::from_secs(1);

/// A yield that took longer has let another thread run.
/// Unit: time. Cell: `tcp/router-dealer/64x64`. Measured by ae36395.
pub(crate) const GIVEN_YIELD: Duration = Duration::from_micros(2);

/// After this many such yields a wait sleeps: many threads that busy-poll on a few processors keep them from threads
/// with something to do.
/// Unit: yields. Cell: `tcp/router-dealer/64x64`. Measured by ae36395.
pub(crate) const MOST_GIVEN: u32 = 4;

/// A receiver within the process takes this many turns where spinning has paid, half as many after each time that it
/// has not. Without turns the cell takes 35 µs instead of 1.5, and 2.6 with busy-polling, which yields after each look.
/// Unit: turns. Cell: `inproc/req-rep/16`. Measured by ddab2b4.
pub(crate) const MOST_SPIN_TURNS: u32 = 200;

/// The least turns that it takes.
/// Unit: turns. Cell: `inproc/req-rep/16`. Not measured apart: dc87877.
pub(crate) const FEWEST_SPIN_TURNS: u32 = 10;

/// The turns that it takes now and then where spinning has come to nothing: of two threads that sleep after each
/// message, neither finds the other at work.
/// Unit: turns. Cell: `inproc/req-rep/16`. Measured by d76e0b3.
pub(crate) const LONG_SPIN_TURNS: u32 = 4000;

/// It takes that many once in this many times.
/// Unit: times. Cell: `inproc/req-rep/16`. Measured by d76e0b3.
pub(crate) const LONG_SPIN_EVERY: u32 = 32;

/// How often a thread that waits for the other end within the process yields before it sleeps.
/// Unit: yields. Cell: `inproc/req-rep/16`. Not measured apart: dc87877.
pub(crate) const WAIT_YIELDS: u32 = 4;

// Locks.

/// How often a thread looks whether a lock is free before it asks in which process it is, which is a system call.
/// Unit: looks. Cell: `tcp/push-pull/16`. Not measured apart: 21e0189.
pub(crate) const LOCK_LOOKS: u32 = 4;

/// The turns between two such looks.
/// Unit: turns. Cell: `tcp/push-pull/16`. Not measured apart: 21e0189.
pub(crate) const TURNS_A_LOCK_LOOK: u32 = 16;

/// How often mail is looked for again under one hold of the lock, since it may be posted as fast as it is applied.
/// Unit: looks. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const MOST_MAIL_LOOKS: usize = 4;

/// How often a thread that has let go of the lock goes back to the mail that came meanwhile, before another thread is
/// asked to.
/// Unit: times. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const MOST_MAIL_RETURNS: usize = 2;

/// How often threads that wait for the lock are passed by those that have mail.
/// Unit: times. Test: `tests/departed.rs`. Measured by 8f7539f.
pub(crate) const MOST_PASSED: u32 = 16;

/// How often a thread gives way to those that wait for a lock.
/// Unit: turns. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const MOST_LOCK_TURNS: u32 = 40;

/// How many of these turns are mere yields; in the others the thread sleeps.
/// Unit: turns. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const LOCK_YIELDS: u32 = 10;

/// How long a thread sleeps in such a turn: about what it takes to wake the one that waits for the lock, more on busy
/// processors.
/// Unit: time. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const LOCK_NAP: Duration = Duration::from_micros(50);
