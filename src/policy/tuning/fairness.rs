//! Tuning of fairness: what one peer, one socket or one request may take before others have their turn.
//!
//! Owns: the numbers of `policy::budget` and `policy::backoff`; those of the I/O thread's turns, of the threads that look up names
//! and decide about peers, and of the proxy.

use std::time::Duration;

/// The budget of one hold of the lock of a socket for things that no call returns; a unit takes some 50 to 500 ns.
/// Unit: units. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const HOLD_BUDGET: u32 = 4096;

/// The cost of one more read of a connection: eight of them, of up to 512 KiB each, spend the budget.
/// Unit: units. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const READ_COST: u32 = HOLD_BUDGET / 8;

/// This many bytes of a topic cost as much as a subscription by itself.
/// Unit: bytes. Test: `policy/budget.rs`. Not measured apart: ea61d44.
pub(crate) const TOPIC_BYTES_A_UNIT: usize = 32;

/// This many frames of a message cost as much as a message by itself, and as much as none if there are fewer.
/// Unit: frames. Test: `policy/budget.rs`. Measured by 1d3d4be.
pub(crate) const FRAMES_A_UNIT: usize = 8;

/// The heartbeats of one read that are passed on to the I/O thread: it learns from them that the peer lives, and is
/// not kept from everything else.
/// Unit: heartbeats. Test: `tests/heartbeats.rs`. Not measured apart: ea61d44.
pub(crate) const MOST_HEARTBEATS_PASSED_ON: u8 = 8;

/// Reads of one link by the I/O thread before the others get their turn.
/// Unit: reads. Test: `tests/fairness.rs`. Not measured apart: e91034b.
pub(crate) const READS_AT_ONCE: usize = 4;

/// A sender, or the I/O thread in one turn, writes this much of one pipe before the other pipes have their turn: a peer that reads as
/// fast as it is written to would otherwise get the whole queue, up to the high-water mark, while the others get nothing.
/// Unit: bytes. Test: `pipe/outgoing/tests.rs`. Measured by 4d95185.
pub(crate) const WRITTEN_AT_ONCE_BYTES: u64 = 512 * 1024;

/// After this many heartbeats in a turn, the rest of the link's input waits for its next turn: each costs as much as a message.
/// Unit: heartbeats. Test: `tests/heartbeats.rs`. Measured by f6c9f3e.
pub(crate) const MOST_HEARTBEATS: u32 = 256;

/// How often requests are taken before the poller is asked again: many senders together could keep the thread from
/// hearing of input.
/// Unit: rounds. Test: `tests/fairness.rs`. Not measured apart: da06b71.
pub(crate) const REQUEST_ROUNDS: usize = 4;

/// Requests of live connections in a round; one takes a microsecond or less.
/// Unit: requests. Test: `tests/fairness.rs`. Not measured apart: d75bf1a.
pub(crate) const URGENT_IN_A_ROUND: usize = 512;

/// Requests of connections that begin or end in a round; one takes some 20 µs.
/// Unit: requests. Cell: `tcp/connect-storm/5000`. Measured by 34c0b17.
pub(crate) const OTHERS_IN_A_ROUND: usize = 256;

/// Connections that are accepted before the rest of the loop gets its turn.
/// Unit: connections. Cell: `tcp/connect-storm/5000`. Not measured apart: e91034b.
pub(crate) const ACCEPTED_AT_ONCE: usize = 64;

/// How often [`ACCEPTED_AT_ONCE`] connections are taken before the end of a listener: more than most queues hold, and not
/// without end.
/// Unit: rounds. Test: `tests/handover.rs`. Not measured apart: 3f77374.
pub(crate) const MOST_ROUNDS_AT_END: usize = 64;

/// How long accepting rests when the system is out of file descriptors or memory.
/// Unit: time. Test: none. Not measured apart: e91034b.
pub(crate) const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How long accepting rests when the socket has not applied what happened to the connections before.
/// Unit: time. Test: `tests/departed.rs`. Not measured apart: 8f7539f.
pub(crate) const ACCEPT_BREATH: Duration = Duration::from_millis(5);

/// Names looked up at the same time; a slow name server holds up no more than its own names, mostly.
/// Unit: threads. Test: none. Not measured apart: e91034b.
pub(crate) const RESOLVER_THREADS: usize = 4;

/// After this many calls in a row that had no need to wait, a task gives a turn to the other tasks of its executor; as many as
/// tokio allows a task. Unit: calls. Test: `tests/tasks.rs`. Not measured apart: b73f8c9.
pub(crate) const MOST_READY_TURNS: u32 = 128;

/// A receiver that never has to wait takes so many messages before it gives a turn to those that do. A sender counts 512 at a
/// time. Unit: messages. Test: `tests/turns.rs`. Not measured apart: e450d92.
pub(crate) const MOST_PASSED_MESSAGES: u32 = 64;

/// How long a thread gives a turn at most, if nobody comes: an executor may be at work on another task. A call with a shorter
/// timeout gives no longer one.
/// Unit: time. Test: `tests/turns.rs`. Not measured apart: e450d92.
pub(crate) const TURN_GIVEN: Duration = Duration::from_millis(1);

/// So long it yields, before it sleeps; a call that does not wait gives no more.
/// Unit: time. Test: `tests/turns.rs`. Not measured apart: e450d92.
pub(crate) const TURN_YIELDS: Duration = Duration::from_micros(50);

/// For each such part of the time for which a socket was mute, one sender lets those that wait go first, once there is room. To
/// wake one takes some 50 µs, so they take an eighth of that time together.
/// Unit: time. Test: `tests/turns.rs`. Not measured apart: a10f6a0.
pub(crate) const SHARED_TURN: Duration = Duration::from_micros(400);

/// The most senders that are still to do so. Those of a second.
/// Unit: senders. Test: `tests/turns.rs`. Not measured apart: a10f6a0.
pub(crate) const MOST_SHARED_TURNS: u32 = 2500;

/// A sender that queues though there is room waits no longer: the first in the queue may be a future that nobody polls.
/// Unit: time. Test: `tests/turns.rs`. Not measured apart: a10f6a0.
pub(crate) const MOST_QUEUED: Duration = Duration::from_millis(100);

/// How often a task lets the others of its executor go first, if nobody comes.
/// Unit: polls. Test: `tests/turns.rs`. Not measured apart: e450d92.
pub(crate) const TURNS_OF_TASK: u32 = 32;

/// After a turn in vain none is given for this many times as long as it took: a future that is woken, kept and never polled
/// takes a ninth of the others' time. With a rest of 16 turns instead, a receiver within the process ran at a fourteenth.
/// Unit: ratio. Test: `socket/waiting/precedence.rs`. Not measured apart: e450d92.
pub(crate) const TURN_REST: u32 = 8;

/// That rest is no longer than this: the time of a turn holds whatever kept its thread or task from running.
/// Unit: time. Test: `socket/waiting/precedence.rs`. Not measured apart: e450d92.
pub(crate) const MOST_TURN_REST: Duration = Duration::from_millis(100);

/// Steps of CURVE handshakes that an I/O thread takes before the rest of the loop gets its turn: each is one to two
/// multiplications on the curve, 53 µs each (`handshake` in `benches/curve.rs`).
/// Unit: steps. Test: `tests/handshake_limits.rs`. Not measured apart: 38aa67c.
pub(crate) const CURVE_STEPS_IN_A_TURN: u32 = 4;

/// Decisions about peers made at the same time, for all sockets of a context. One that waits, as for a ZAP handler, holds up no
/// more than a quarter of them.
/// Unit: threads. Test: `tests/authentication.rs`. Not measured apart: 38aa67c.
pub(crate) const DECIDER_THREADS: usize = 4;

/// Decisions about peers that may be under way or wait for a thread, in a context. Beyond, a peer is refused at once, and comes
/// again. A bound of memory (some 16 MiB): if decisions do not return, each attempt of each peer would leave one here. Four times
/// the default of `handshake_limit`, so that no socket alone reaches it by peers that wait.
/// Unit: decisions. Test: `engine/helpers.rs`. Not measured apart: 38aa67c.
pub(crate) const UNDECIDED: usize = 16 * 1024;

/// After so many turns without a message, a receive leaves the lock to others for a moment.
/// Unit: turns. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const TURNS_IN_VAIN: u32 = 8;

/// How many pipes each sweep looks at that nobody has found empty.
/// Unit: pipes. Test: `tests/departed.rs`. Measured by 8f7539f.
pub(crate) const SWEPT_IN_TURN: usize = 8;

/// A connection that has lived for less is one of those that end as soon as they begin, however short the pause
/// before it was.
/// Unit: time. Test: `policy/backoff.rs`. Not measured apart: f726691.
pub(crate) const LEAST_LIFE: Duration = Duration::from_secs(1);

/// A connection that has lived for this long is none of those, however long the pause before it was.
/// Unit: time. Test: `policy/backoff.rs`. Not measured apart: f726691.
pub(crate) const MOST_LIFE: Duration = Duration::from_secs(5);

/// Messages in one direction before the other gets its turn.
/// Unit: messages. Test: `tests/proxy.rs`. Not measured apart: dc87877.
pub(crate) const PROXY_TURN: usize = 256;
