//! Tuning of reading: how much is read at once, by whom, and into which memory.
//!
//! Owns: the numbers of `policy::read_size`, `policy::eagerness`, `policy::idle_check`, `pipe/reader.rs` and
//! `pipe/buffer_pool.rs`; the kernel's buffer for what comes by TCP.

use std::time::Duration;

/// One read asks for this much to begin with, however many readers there are, and on behalf of a socket that does not
/// receive.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Measured by 256708e.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// One read asks for this much if reads have come back full, each twice as large as the last: it opens the window of
/// the peer at once.
/// Unit: bytes. Cell: `tcp/push-pull/1024`. Measured by 256708e.
pub(crate) const MOST_READ_BYTES: usize = 512 * 1024;

/// The bytes that all busy readers of an I/O thread ask for together: few enough that a read is still in the cache when it is decoded. With
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

/// A TCP socket takes four of the largest batches of a sender on the same machine; Linux reserves as much again for
/// its management.
/// Unit: bytes. Cell: `tcp/pub-sub/64x16384`. Measured by 154f418.
pub(crate) const LOCAL_RECEIVE_BUFFER_BYTES: usize = 2 * 1024 * 1024;
