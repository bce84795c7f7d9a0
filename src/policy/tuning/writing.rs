//! Tuning of writing: what senders gather, and when they or the I/O thread write it.
//!
//! Owns: the numbers of `policy::write_policy`, `policy::batch_size`, `pipe/batch.rs` and `pipe/outgoing`; those of the looks of
//! the I/O thread at what senders write (`policy::stream_detector`, `policy::try_lock_streak`, `engine/scheduled.rs`); the
//! kernel's buffer for what is written to a Unix socket.

use std::time::Duration;

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

/// The bytes that the batches of all peers hold together: few enough that they are still in the cache of the processor when they are
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

/// How long a sender waits for the kernel to take more before it leaves that to the I/O thread. If it never waits, the cell
/// runs at 0.69 and 0.81 (two runs). Streams of 1 KiB run alike, over ipc and tcp; so do six senders to one receiver on two cores.
/// Unit: time. Cell: `ipc/push-pull/16384`. Measured by ddab2b4.
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

// The looks of the I/O thread.

/// More looks in a row that find more, with a yield between each two, make a stream, if its sender has written some
/// of it by itself meanwhile.
/// Unit: looks. Cell: `tcp/push-pull/16`. Measured by 59281f8.
pub(crate) const FEW_LOOKS: u32 = 16;

/// The sender of a stream has written this much by itself: a single message may go out by itself at the beginning of a
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
/// come back. If the I/O thread leaves the pipe at the first, the cell runs at 0.83 to 0.89; a single stream runs as fast or faster.
/// Unit: attempts. Cell: `tcp/router-dealer/64x1024`. Measured by ddab2b4.
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

// The kernel's buffer.

/// A Unix socket takes a batch at once; Linux reserves as much again for its management.
/// Unit: bytes. Cell: `ipc/push-pull/1024`. Measured by c74ce7a.
pub(crate) const UNIX_SEND_BUFFER_BYTES: usize = 512 * 1024;
