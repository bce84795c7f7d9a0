//! Every constant of tuning: numbers that were chosen for speed or fairness, and that another machine may want otherwise.
//!
//! Owns: the numbers; the rules that use them stand where each section says.
//! Always true: each says why in a sentence, its unit, the cell of `benches/versus` or the test that it serves, and the
//! commit that measured it, or that chose it without a measurement of its own. All were found on a virtual machine with
//! two cores. A number that is a promise (a default, a bound of memory, a limit of the protocol) is no tuning and stays
//! with what it bounds; `tests/arrows.rs` has the list of those, and finds any other number outside this file.
//! Must not know: who uses them. The crate `buffers` and `zmtp`, which use nothing of this crate, have theirs beside them.

use std::time::Duration;

// Writing: `policy::write_policy`, `policy::batch_size`, `pipe/batch.rs`, `pipe/outgoing`.

/// A socket that has not written for longer is idle: its next message is written at once.
/// Unit: time. Cell: `tcp/push-pull/16`. Not measured apart: e91034b.
pub(crate) const IDLE_AFTER: Duration = Duration::from_micros(20);

/// More messages between two pauses are a burst, and a burst before a wait foretells another after it. As many peers can
/// hold a conversation with one socket, a message each. Without this rule the cell runs at 0.66.
/// Unit: messages. Cell: `tcp/router-dealer/1x64`. Measured by 260bfa4.
pub(crate) const MOST_ANSWERS: u32 = 8;

/// A sender gathers this much to begin with, and however many peers there are: one read of a peer takes it.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Measured by 256708e.
pub(crate) const LEAST_BATCH_BYTES: usize = 64 * 1024;

/// A sender gathers this much for a single peer, each batch having been twice as large as the last: the larger, the
/// less a byte costs the kernel.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Measured by 256708e.
pub(crate) const MOST_BATCH_BYTES: usize = 512 * 1024;

/// What the batches of all peers hold together, so that they are still in the cache of the processor when they are
/// written.
/// Unit: bytes. Cell: `tcp/pub-sub/8x1024`. Measured by 256708e.
pub(crate) const ALL_BATCHES_BYTES: usize = 2 * 1024 * 1024;

/// A batch that counts as this much holds large bodies: more than is gathered of messages that are written together.
/// Unit: bytes. Cell: `tcp/push-pull/16384`. Measured by 256708e.
pub(crate) const LARGE_BATCH_BYTES: usize = 2 * MOST_BATCH_BYTES;

/// The most pieces that one write hands to the kernel, whose own limit is 1024.
/// Unit: pieces. Cell: `tcp/push-pull/16384`. Not measured apart: e91034b.
pub(crate) const MOST_SLICES: usize = 64;

/// A drained buffer larger than this is given back to the allocator at once.
/// Unit: bytes. Test: `pipe/batch.rs`. Not measured apart: 256708e.
pub(crate) const KEPT_BATCH_BYTES: usize = 2 * MOST_BATCH_BYTES;

/// A buffer larger than this is given back once its pipe is idle, so that a burst does not stay for ever.
/// Unit: bytes. Test: `pipe/batch.rs`. Not measured apart: 256708e.
pub(crate) const IDLE_BATCH_BYTES: usize = 2 * LEAST_BATCH_BYTES;

/// A socket writes this much, or more, to a peer before it reads more from that peer; less is not worth a system
/// call.
/// Unit: bytes. Cell: `tcp/router-dealer/1x1024`. Measured by 8e96adc.
pub(crate) const WORTH_A_WRITE_BYTES: usize = 4 * 1024;

/// A blocking send to the only peer waits while more is queued and the peer takes some: it would be memory that no
/// cache has seen before.
/// Unit: bytes. Cell: `tcp/push-pull/1048576`. Measured by 735f35e.
pub(crate) const SOFT_MARK_BYTES: usize = 1024 * 1024;

/// A peer that has taken nothing for this long does not catch up: no sender waits for the soft mark any longer.
/// Unit: time. Cell: `tcp/push-pull/1048576`. Measured by 735f35e.
pub(crate) const STALL: Duration = Duration::from_millis(10);

/// How long a sender waits for the kernel to take more before it leaves that to the I/O thread.
/// Unit: time. Cell: `ipc/push-pull/1024`. Measured by 0ab1e04.
pub(crate) const OUTPUT_WAIT: Duration = Duration::from_millis(1);

/// The most messages that `send_many` takes before it sends them under one hold of the lock.
/// Unit: messages. Cell: `tcp/push-pull/16`. Not measured apart: 4d3f0b1.
pub(crate) const MOST_SENT_AT_ONCE: usize = 256;

/// With this much of bodies `send_many` sends what it has taken.
/// Unit: bytes. Cell: `tcp/push-pull/16384`. Not measured apart: 4d3f0b1.
pub(crate) const ENOUGH_SENT_AT_ONCE_BYTES: usize = 128 * 1024;

/// An iterator that takes longer for some messages waits for something: what it has given is not to wait as well.
/// Unit: time. Test: `tests/send_many.rs`. Not measured apart: 4d3f0b1.
pub(crate) const SLOW_ITERATOR: Duration = Duration::from_micros(200);

/// More sockets in which one thread has left something are left to the I/O thread.
/// Unit: sockets. Cell: `tcp/router-dealer/64x64`. Measured by 6f73be5.
pub(crate) const MOST_UNFLUSHED_SOCKETS: usize = 64;

// The looks of the I/O thread at what senders write: `policy::stream_detector`, `policy::try_lock_streak`,
// `engine/scheduled.rs`.

/// More looks in a row that find more, with a yield between each two, make a stream, if its sender has written some
/// of it by itself meanwhile.
/// Unit: looks. Cell: `tcp/push-pull/16`. Measured by 59281f8.
pub(crate) const FEW_LOOKS: u32 = 16;

/// What the sender of a stream has written by itself: a single message may go out by itself at the beginning of a
/// burst.
/// Unit: bytes. Cell: `tcp/topics/8x64`. Measured by a6308e8.
pub(crate) const OWN_BYTES: u64 = 8 * 1024;

/// After more looks what waits is written even so: it may be a long burst, and somebody may wait for its end.
/// Unit: looks. Cell: `tcp/push-pull/64`. Not measured apart: 84370e7.
pub(crate) const MOST_LOOKS: u32 = 32;

/// This many looks without anything new end a conversation in bursts: to be woken for the next burst costs as much as
/// a few looks.
/// Unit: looks. Cell: `tcp/router-dealer/1x64`. Measured by 472002e.
pub(crate) const PATIENCE_LOOKS: u32 = 8;

/// This many looks may leave what waits, and grows, to a conversation: its socket writes when it waits for input.
/// Unit: looks. Cell: `tcp/pub-sub/8x64`. Measured by 6f73be5.
pub(crate) const MOST_HELD_LOOKS: u32 = 4;

/// A batch as large as this, which is not its sender's to write, is written: the peer may as well have the beginning.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Not measured apart: 256708e.
pub(crate) const ENOUGH_TO_WRITE_BYTES: usize = 32 * 1024;

/// Where the traffic is sealed, this much of a batch is sealed at once, and then written: it is still in the cache of the
/// processor, and the sealed form of a long queue takes no memory.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Not measured apart: b86a7d7.
pub(crate) const SEALED_AT_ONCE_BYTES: usize = 256 * 1024;

/// A sender that holds the lock at this many attempts in a row is writing: to add a message takes less time than to
/// come back.
/// Unit: attempts. Cell: `tcp/push-pull/1024`. Measured by bc54262.
pub(crate) const WRITING_AFTER_FAILURES: u8 = 3;

/// How long a pipe whose sender is at work in a stream is left to it. To look costs some microseconds, and there may
/// be no processor to spare.
/// Unit: time. Cell: `tcp/push-pull/16`. Measured by 59281f8.
pub(crate) const FIRST_LOOK: Duration = Duration::from_micros(100);

/// The longest that it is left so: twice as long after each look, as long as there is a stream. It bounds what waits
/// at the end of a stream.
/// Unit: time. Cell: `tcp/router-dealer/1x64`. Measured by 8e7fb90.
pub(crate) const LONGEST_LOOK: Duration = Duration::from_micros(400);

/// How often scheduled links are written before the poller is asked again, which costs five system calls.
/// Unit: rounds. Cell: `tcp/push-pull/16`. Not measured apart: e91034b.
pub(crate) const FLUSH_ROUNDS: usize = 16;

// Reading: `policy::read_size`, `policy::eagerness`, `policy::idle_check`, `pipe/reader.rs`, `pipe/buffer_pool.rs`.

/// One read asks for this much to begin with, however many readers there are, and on behalf of a socket that does not
/// receive.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Measured by 256708e.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// One read asks for this much if reads have come back full, each twice as large as the last: it opens the window of
/// the peer at once.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Measured by 256708e.
pub(crate) const MOST_READ_BYTES: usize = 512 * 1024;

/// What all busy readers of an I/O thread ask for together, so that it is still in the cache when it is decoded. With
/// 2 MiB nothing was gained.
/// Unit: bytes. Cell: `tcp/pub-sub/64x1024`. Measured by 645bbbb.
pub(crate) const ALL_READ_BYTES: usize = 1024 * 1024;

/// A buffer so many times as large as what is to be in it is exchanged for a smaller one.
/// Unit: ratio. Test: `policy/read_size.rs`. Not measured apart: 256708e.
pub(crate) const MOST_SLACK: usize = 4;

/// After a read of this much there may be more at once: in a stream more has come while the last bytes were decoded.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Measured by 958a06d.
pub(crate) const READ_ON_BYTES: usize = 1024;

/// How much is read beyond a large body: enough to see the next header, little since what comes beyond that header is
/// copied.
/// Unit: bytes. Cell: `tcp/push-pull/262144`. Measured by e462282.
pub(crate) const BEHIND_BODY_BYTES: usize = 1024;

/// The most bytes in the pool of one I/O thread, lent ones included. Bodies of 16 MiB gain nothing by being kept.
/// Unit: bytes. Cell: `tcp/push-pull/1048576`. Measured by e462282.
pub(crate) const POOL_BYTES: usize = 8 * 1024 * 1024;

/// A body of this length goes through the pool; below it, a read that brings several bodies and a copy of each cost
/// less than a read for each.
/// Unit: bytes. Cell: `tcp/push-pull/262144`. Measured by e462282.
pub(crate) const WORTH_POOLING_BYTES: usize = 32 * 1024;

/// The least time between two checks of idle links. A check of 64 links takes 5 µs.
/// Unit: time. Test: `tests/fairness.rs`. Not measured apart: d75bf1a.
pub(crate) const SHORTEST_IDLE_CHECK: Duration = Duration::from_micros(100);

/// The most time between two checks that find nothing; each that does doubles the time.
/// Unit: time. Test: `tests/fairness.rs`. Not measured apart: d75bf1a.
pub(crate) const LONGEST_IDLE_CHECK: Duration = Duration::from_millis(1);

/// A busy receiver reads the clock once in this many messages at least. Reading it costs 40 ns, a message 20.
/// Unit: messages. Test: `tests/fairness.rs`. Not measured apart: d75bf1a.
pub(crate) const IDLE_CHECK_MESSAGES: u32 = 64;

/// With this much of bodies `recv_many` ends: more leaves the cache before anybody looks at it, and glibc gives
/// memory freed so much at a time back to the system.
/// Unit: bytes. Cell: `tcp/push-pull/16384`. Measured by 91f97e9.
pub(crate) const ENOUGH_RECEIVED_AT_ONCE_BYTES: usize = 128 * 1024;

/// The most links that a receiver reads itself: to be woken by the I/O thread costs more than a poll of all these.
/// Unit: links. Cell: `tcp/router-dealer/64x1024`. Measured by 9c7ffb4.
pub(crate) const MOST_LENT: usize = 64;

/// The same where several I/O threads can read many links at a time.
/// Unit: links. Cell: `tcp/io-threads/2x64`. Measured by 9c7ffb4.
pub(crate) const MOST_LENT_BESIDE_SEVERAL: usize = 8;

/// How long a lent link that is not in use stays lent: one to two ticks.
/// Unit: time. Cell: `tcp/req-rep/16`. Not measured apart: e91034b.
pub(crate) const LENDING_TICK: Duration = Duration::from_millis(10);

// Waiting awake: `policy::busy_poll`, `policy::spin`, `socket/spin.rs`.

/// A wait shorter than this many limits of busy-polling, with the time that waking up took, foretells one that is
/// worth busy-polling.
/// Unit: limits. Cell: `tcp/req-rep/16`. Measured by 78790f5.
pub(crate) const SHORT_WAIT_LIMITS: u32 = 2;

/// The most waits that sleep at once after a busy-poll in vain: one at first, then twice as many each time.
/// Unit: waits. Cell: `tcp/router-dealer/64x64`. Measured by 78790f5.
pub(crate) const MOST_SKIPPED: u32 = 64;

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
/// has not.
/// Unit: turns. Cell: `inproc/req-rep/16`. Not measured apart: dc87877.
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

// Within the process: `pipe/lane.rs`, `pipe/inproc.rs`.

/// After this many messages the reader looks for a writer that waits for room: often enough to tell it in time,
/// seldom enough to cost nothing.
/// Unit: messages. Cell: `inproc/push-pull/16`. Not measured apart: dc87877.
pub(crate) const LOOK_FOR_WRITER_EVERY: usize = 16;

/// The most buffers that wait in a lane to be used again.
/// Unit: buffers. Cell: `inproc/push-pull/1024`. Measured by fe3dab3.
pub(crate) const MOST_SPARE_BUFFERS: usize = 256;

/// Bodies longer than this go to the other side as they are: at 16 KiB a copy costs more than half of the throughput.
/// Unit: bytes. Cell: `inproc/push-pull/1024`. Measured by fe3dab3.
pub(crate) const MOST_COPIED_BYTES: usize = 4096;

/// So many buffers go back to the other side together.
/// Unit: buffers. Cell: `inproc/push-pull/1024`. Measured by fe3dab3.
pub(crate) const SPARE_BUFFERS_TOGETHER: usize = 32;

// Fairness: what one peer, one socket or one request may take before others have their turn.

/// What one hold of the lock of a socket may look at that no call returns; a unit takes some 50 to 500 ns.
/// Unit: units. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const HOLD_BUDGET: u32 = 4096;

/// What one more read of a connection costs: eight of them, of up to 512 KiB each, are all.
/// Unit: units. Test: `tests/fairness.rs`. Not measured apart: ea61d44.
pub(crate) const READ_COST: u32 = HOLD_BUDGET / 8;

/// So many bytes of a topic cost as much as a subscription by itself.
/// Unit: bytes. Test: `policy/budget.rs`. Not measured apart: ea61d44.
pub(crate) const TOPIC_BYTES_A_UNIT: usize = 32;

/// So many frames of a message cost as much as a message by itself, and as much as none if there are fewer.
/// Unit: frames. Test: `policy/budget.rs`. Measured by 1d3d4be.
pub(crate) const FRAMES_A_UNIT: usize = 8;

/// So many heartbeats of one read are passed on to the I/O thread: it learns from them that the peer lives, and is
/// not kept from everything else.
/// Unit: heartbeats. Test: `tests/heartbeats.rs`. Not measured apart: ea61d44.
pub(crate) const MOST_HEARTBEATS_PASSED_ON: u8 = 8;

/// Reads of one link by the I/O thread before the others get their turn.
/// Unit: reads. Test: `tests/fairness.rs`. Not measured apart: e91034b.
pub(crate) const READS_AT_ONCE: usize = 4;

/// With so many heartbeats in a turn, what else the link has waits for its next: each costs as much as a message.
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

/// How often so many are taken before the end of a listener: more than most queues hold, and not without end.
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

/// Steps of CURVE handshakes that an I/O thread takes before the rest of the loop gets its turn: each is one to two
/// multiplications on the curve, 53 µs each (`handshake` in `benches/curve.rs`).
/// Unit: steps. Test: `tests/handshake_limits.rs`. Not measured apart: 38aa67c.
pub(crate) const CURVE_STEPS_IN_A_TURN: u32 = 4;

/// Decisions about peers made at the same time, for all sockets of a context. One that waits, as for a ZAP handler, holds up no
/// more than a quarter of them.
/// Unit: threads. Test: `tests/authentication.rs`. Not measured apart: 38aa67c.
pub(crate) const DECIDER_THREADS: usize = 4;

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

// Locks: `sync/`.

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

// The buffers of the kernel, and the proxy.

/// A Unix socket takes a batch at once; Linux reserves as much again for its management.
/// Unit: bytes. Cell: `ipc/push-pull/1024`. Measured by c74ce7a.
pub(crate) const UNIX_SEND_BUFFER_BYTES: usize = 512 * 1024;

/// A TCP socket takes four of the largest batches of a sender on the same machine; Linux reserves as much again for
/// its management.
/// Unit: bytes. Cell: `tcp/pub-sub/64x16384`. Measured by 154f418.
pub(crate) const LOCAL_RECEIVE_BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// Messages in one direction before the other gets its turn.
/// Unit: messages. Test: `tests/proxy.rs`. Not measured apart: dc87877.
pub(crate) const PROXY_TURN: usize = 256;
