use highwater_patterns::Message;
use proptest::prelude::*;

use super::*;
use crate::pipe::testing::MemoryWire;
use crate::pipe::{Fill, Reader};
use crate::zmtp::{Item, encode_message};

const MIB: usize = 1024 * 1024;

fn pool() -> Arc<BufferPool> {
    Arc::default()
}

/// A body of new memory.
fn body(pool: &Arc<BufferPool>, len: usize) -> Bytes {
    Arc::clone(pool).share(vec![7; len], len, false)
}

/// What lies in the pool and what is lent, as it counts them.
fn held(pool: &BufferPool) -> (usize, usize) {
    let stock = pool.stock.lock();
    let kept = stock.shelf.bytes();
    assert!(kept + stock.lent <= POOL_BYTES, "over the bound");
    (kept, stock.lent)
}

#[test]
fn a_buffer_comes_back_with_the_last_user_of_its_body() {
    let pool = pool();
    let first = body(&pool, MIB);
    let (place, second) = (first.as_ptr(), first.slice(5..10));
    drop(first);
    assert_eq!(held(&pool), (0, 0), "a part is still used");
    drop(second);
    assert_eq!(held(&pool), (MIB, 0));
    let again = pool.lend(MIB - 100).expect("it fits");
    assert_eq!((again.as_ptr(), again.len()), (place, MIB));
    assert_eq!(held(&pool), (0, MIB));
    let shorter = Arc::clone(&pool).share(again, MIB - 100, true);
    assert_eq!(shorter.len(), MIB - 100);
    assert_eq!(held(&pool), (0, 0));
    drop(shorter);
    assert_eq!(held(&pool), (MIB, 0));
}

#[test]
fn a_body_outlives_its_pool() {
    let pool = pool();
    let body = body(&pool, MIB);
    drop(pool);
    assert!(body.iter().all(|byte| *byte == 7));
}

#[test]
fn a_burst_leaves_no_more_than_the_bound() {
    let pool = pool();
    let burst: Vec<Bytes> = (0..100).map(|n| body(&pool, MIB + n)).collect();
    drop(burst);
    let (kept, _) = held(&pool);
    assert!(kept > POOL_BYTES - 2 * MIB, "{kept} bytes kept");
    drop(body(&pool, POOL_BYTES + 1));
    assert_eq!(held(&pool).0, kept, "one that is too long changes nothing");
    drop(body(&pool, POOL_BYTES));
    assert_eq!(held(&pool).0, POOL_BYTES, "the others made way");
}

#[test]
fn the_oldest_make_way() {
    let pool = pool();
    let bodies: Vec<Bytes> = (0..9).map(|_| body(&pool, MIB)).collect();
    let places: Vec<_> = bodies.iter().map(|body| body.as_ptr()).collect();
    drop(bodies);
    let newest_first: Vec<_> = std::iter::from_fn(|| pool.lend(MIB)).collect();
    let lent: Vec<_> = newest_first.iter().map(|buffer| buffer.as_ptr()).collect();
    let expected: Vec<_> = places[1..].iter().rev().copied().collect();
    assert_eq!(lent, expected);
}

#[test]
fn a_short_body_gets_no_long_buffer_and_is_not_kept() {
    let pool = pool();
    drop(body(&pool, MIB));
    assert!(pool.lend(MIB + 1).is_none());
    assert!(pool.lend(MIB / 2 - 1).is_none());
    assert!(pool.lend(MIB / 2).is_some());
    drop(body(&pool, WORTH_POOLING_BYTES - 1));
    assert_eq!(held(&pool).0, 0);
    assert!(pool.lend(WORTH_POOLING_BYTES - 1).is_none());
}

#[test]
fn what_is_lent_to_peers_that_do_not_send_counts() {
    let pool = pool();
    let bodies: Vec<Bytes> = (0..8).map(|_| body(&pool, MIB)).collect();
    drop(bodies);
    let mut stalled: Vec<_> = std::iter::from_fn(|| pool.lend(MIB)).collect();
    assert_eq!(held(&pool), (0, 8 * MIB));
    drop(body(&pool, MIB));
    assert_eq!(held(&pool), (0, 8 * MIB), "nothing more is kept");
    pool.give_back(stalled.pop().expect("eight were lent"));
    assert_eq!(held(&pool), (MIB, 7 * MIB));
    drop(body(&pool, MIB));
    assert_eq!(held(&pool), (MIB, 7 * MIB));
}

#[test]
fn whoever_drops_a_body_does_not_wait() {
    let pool = pool();
    let body = body(&pool, MIB);
    let stock = pool.stock.lock();
    drop(body);
    assert_eq!(stock.shelf.bytes(), 0, "it was freed");
}

/// Reads until nothing is there, and gives what came.
fn read(reader: &mut Reader, wire: &MemoryWire) -> Vec<Bytes> {
    let mut bodies = Vec::new();
    loop {
        while let Some(item) = reader.next().expect("sound") {
            let Item::Message(message) = item else {
                panic!("only messages were sent");
            };
            bodies.push(message.single().expect("one frame").to_bytes());
        }
        if reader.fill(wire).expect("memory does not fail") == Fill::Nothing {
            return bodies;
        }
    }
}

#[test]
fn a_connection_that_ends_within_a_body_gives_its_buffer_back() {
    let pool = pool();
    drop(body(&pool, MIB));
    let wire = MemoryWire::taking(usize::MAX);
    let mut reader = Reader::new(None, Arc::clone(&pool), Arc::default());
    let mut bytes = Vec::new();
    encode_message(&Message::from(vec![1; MIB]), &mut bytes);
    wire.feed(&bytes[..MIB / 2]);
    assert!(read(&mut reader, &wire).is_empty());
    assert_eq!(held(&pool), (0, MIB));
    drop(reader);
    assert_eq!(held(&pool), (MIB, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_body_ever_shows_the_bytes_of_another(
        bodies in prop::collection::vec((1..160_000_usize, any::<u8>(), any::<bool>()), 1..16),
        cuts in prop::collection::vec(1..300_000_usize, 1..6),
    ) {
        let pool = pool();
        let wire = MemoryWire::taking(usize::MAX);
        let mut reader = Reader::new(None, Arc::clone(&pool), Arc::default());
        let filled = |len, seed: u8| -> Vec<u8> {
            (0..len).map(|n| seed.wrapping_add((n % 251) as u8)).collect()
        };
        let mut encoded = Vec::new();
        for (len, seed, _) in &bodies {
            encode_message(&Message::from(filled(*len, *seed)), &mut encoded);
        }
        let mut kept = Vec::new();
        let (mut count, mut cuts) = (0, cuts.iter().cycle());
        let mut rest = &encoded[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(*cuts.next().expect("a cycle")));
            rest = later;
            wire.feed(now);
            for body in read(&mut reader, &wire) {
                let (len, seed, keep) = bodies[count];
                prop_assert!(body == filled(len, seed), "body {} of {} bytes", count, len);
                if keep {
                    kept.push((body, filled(len, seed)));
                }
                count += 1;
            }
            held(&pool);
        }
        prop_assert_eq!(count, bodies.len());
        for (body, expected) in kept {
            prop_assert!(body == expected, "a kept body of {} bytes has changed", expected.len());
        }
        prop_assert_eq!(held(&pool).1, 0);
    }
}
