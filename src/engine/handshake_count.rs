//! How many accepted connections of a socket are in their handshake.
//!
//! Owns: the counts, in all and for each address, shared by all I/O threads.
//! Always true: a handshake is counted from the moment at which its connection was accepted until it is done or has failed,
//! and the last ERROR has been read or given up; an address without handshakes takes no memory.
//! Must not know: what a handshake is waiting for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::sync::Mutex;

/// The handshakes of one socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandshakeCount(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Peers without an address are counted in `all` alone.
    of_address: HashMap<IpAddr, usize>,
}

/// One handshake: counted until this value is dropped.
#[derive(Debug)]
pub(super) struct CountedHandshake {
    counts: Arc<Mutex<Counts>>,
    address: Option<IpAddr>,
}

impl HandshakeCount {
    /// Whether there are `most` handshakes or more.
    pub(super) fn is_full(&self, most: Option<usize>) -> bool {
        most.is_some_and(|most| self.0.lock().all >= most)
    }

    /// Counts one more handshake, unless there are `most` already with the same address.
    pub(super) fn add(
        &self,
        address: Option<IpAddr>,
        most: Option<usize>,
    ) -> Option<CountedHandshake> {
        let mut counts = self.0.lock();
        if let Some(address) = address {
            let count = counts.of_address.entry(address).or_default();
            if most.is_some_and(|most| *count >= most) {
                return None;
            }
            *count += 1;
        }
        counts.all += 1;
        drop(counts);
        Some(CountedHandshake {
            counts: Arc::clone(&self.0),
            address,
        })
    }
}

impl CountedHandshake {
    /// Whether more than half of `most` handshakes are under way, or more than half of `of_address` with the same address.
    pub(super) fn is_in_a_crowd(&self, most: Option<usize>, of_address: Option<usize>) -> bool {
        let counts = self.counts.lock();
        let same = self
            .address
            .and_then(|address| counts.of_address.get(&address));
        let is_much = |count: usize, most: Option<usize>| most.is_some_and(|most| count > most / 2);
        is_much(counts.all, most) || same.is_some_and(|&same| is_much(same, of_address))
    }
}

impl Drop for CountedHandshake {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        counts.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = counts.of_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                counts.of_address.remove(&address);
            }
        }
        if counts.of_address.is_empty() {
            // The memory of a flood goes with it.
            counts.of_address.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn handshakes_are_counted_in_all_and_for_each_address() {
        let handshakes = HandshakeCount::default();
        let first = handshakes.add(address(1), Some(2)).expect("the first");
        let _second = handshakes.add(address(1), Some(2)).expect("the second");
        assert!(handshakes.add(address(1), Some(2)).is_none());
        let third = handshakes.add(address(2), Some(2)).expect("of another");
        let _nameless = handshakes.add(None, Some(0)).expect("without address");
        assert!(handshakes.is_full(Some(4)) && !handshakes.is_full(Some(5)));
        assert!(!handshakes.is_full(None));
        assert!(third.is_in_a_crowd(Some(7), None) && !third.is_in_a_crowd(Some(8), None));
        assert!(
            !third.is_in_a_crowd(None, Some(3)),
            "two of another address"
        );
        assert!(first.is_in_a_crowd(None, Some(3)) && !first.is_in_a_crowd(None, Some(4)));
        drop(first);
        assert!(!handshakes.is_full(Some(4)));
        let _again = handshakes.add(address(1), Some(2)).expect("there is room");
        drop(third);
        assert_eq!(handshakes.0.lock().of_address.len(), 1);
    }
}
