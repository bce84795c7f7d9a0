//! Tuning of traffic within the process.
//!
//! Owns: the numbers of `pipe/lane.rs` and `pipe/inproc.rs`.

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

/// This many buffers go back to the other side together.
/// Unit: buffers. Cell: `inproc/push-pull/1024`. Measured by fe3dab3.
pub(crate) const SPARE_BUFFERS_TOGETHER: usize = 32;
