//! The pipe: the part that a socket and one peer share.
//!
//! Owns: the two directions of a pipe, with their high-water marks, and what is counted of it.
//! Always true: bytes go out in the order of `send`; what arrived is read in order; a side is woken only if it asked.
//! Must not know: patterns, the event loop, how a connection comes to be. It is handed a [`Wire`] and a [`SocketSide`].

mod batch;
mod buffer_pool;
mod busy_readers;
mod fill_buffer;
mod high_water;
mod incoming;
mod inproc;
mod intake;
mod lane;
mod lending;
mod opener;
mod outgoing;
mod ports;
mod reader;
#[cfg(test)]
pub(crate) mod testing;
mod words;
mod write_effects;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use highwater_patterns::PipeId;

pub(crate) use batch::Batch;
pub(crate) use buffer_pool::BufferPool;
pub(crate) use busy_readers::BusyReaders;
pub(crate) use high_water::HighWater;
pub(crate) use incoming::{Delivery, Incoming};
pub(crate) use inproc::InprocEnd;
pub(crate) use intake::Intake;
pub(crate) use lane::{Lane, Party};
pub(crate) use lending::Lending;
pub(crate) use outgoing::{Change, Draft, Outgoing, Pumped};
pub(crate) use ports::{JoinRequest, SocketSide, Wire};
pub(crate) use reader::{Fill, Reader};
pub(crate) use words::{CutOff, Duty, PipeEvent};
pub(crate) use write_effects::WriteEffects;

use crate::sync::{AtomicU32, Ordering};

/// Names what an I/O thread looks after: a listener, a session or a link; never used twice within a context.
pub(crate) type Key = usize;

/// A pipe over a wire: the part that a socket, its senders and the I/O thread share.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) id: PipeId,
    /// The listener or session that a connection has come through and got this pipe; `None` if the socket has made it for
    /// a session.
    pub(crate) through: Option<Key>,
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming,
    /// Subscriptions that the I/O thread has dropped, since the socket has no use for them.
    unexpected: AtomicU64,
    round_trip: AtomicU32,
    bytes_received: AtomicU64,
    reconnects: AtomicU32,
}

impl Pipe {
    pub(crate) fn new(
        id: PipeId,
        through: Option<Key>,
        outgoing: Outgoing,
        incoming: Incoming,
    ) -> Self {
        Self {
            id,
            through,
            outgoing,
            incoming,
            unexpected: AtomicU64::new(0),
            round_trip: AtomicU32::new(0),
            bytes_received: AtomicU64::new(0),
            reconnects: AtomicU32::new(0),
        }
    }

    /// How long the answer to the last heartbeat took.
    pub(crate) fn set_round_trip(&self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        self.round_trip.store(micros, Ordering::Relaxed);
    }

    /// Adds `bytes` to those read.
    pub(crate) fn has_read(&self, bytes: usize) {
        self.bytes_received
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Adds `count` to the subscriptions that were dropped because the socket's type does not use them.
    pub(crate) fn has_dropped(&self, count: usize) {
        self.unexpected.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// How many subscriptions were dropped for that.
    pub(crate) fn unexpected(&self) -> u64 {
        self.unexpected.load(Ordering::Relaxed)
    }

    /// Bytes read so far, over all connections.
    pub(crate) fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }

    /// Notes how many connections to this peer there were before the present one.
    pub(crate) fn set_reconnects(&self, before: usize) {
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        self.reconnects.store(before, Ordering::Relaxed);
    }

    /// How often the connection was made again.
    pub(crate) fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed).into()
    }

    /// How long the answer to the last heartbeat took; `None` before the first.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros.into())),
        }
    }
}
