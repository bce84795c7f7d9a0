use proptest::prelude::*;

use super::*;
use crate::Reused;

fn lie(copies: &Copies) -> usize {
    copies.shelf.lock().expect("nobody panics").bytes()
}

#[test]
fn a_copy_is_made_where_an_earlier_one_was() {
    static MINE: Copies = Copies::new();
    let _lease = MINE.lease();
    let first = MINE.copy(&[1; LEAST_REUSED]);
    let place = first.as_ptr();
    let other = MINE.copy(&[2; LEAST_REUSED]);
    assert_ne!(other.as_ptr(), place, "both are used");
    MINE.give_back(first);
    let next = MINE.copy(&[3; LEAST_REUSED]);
    assert_eq!((next.as_ptr(), &next[..]), (place, &[3; LEAST_REUSED][..]));
}

#[test]
fn a_reused_body_leaves_its_memory_with_its_last_user() {
    let _lease = Lease::new();
    let given = Bytes::from(vec![1; LEAST_REUSED]);
    let place = given.as_ptr();
    let first = Reused::from(given);
    let second = first.clone();
    drop(first);
    let other = Reused::copied(&[2; LEAST_REUSED]);
    assert_ne!(other.as_ptr(), place, "it is used");
    drop(second);
    let next = Reused::copied(&[3; LEAST_REUSED]);
    assert_eq!((next.as_ptr(), &next[..]), (place, &[3; LEAST_REUSED][..]));
    let for_good = next.into_bytes();
    drop(Reused::copied(&[4; LEAST_REUSED]));
    assert_eq!(for_good, [3; LEAST_REUSED][..]);
}

#[test]
fn all_of_the_memory_counts_however_little_of_it_is_used() {
    static MINE: Copies = Copies::new();
    let _lease = MINE.lease();
    let part = |of: usize, at: usize| Bytes::from(vec![1; of]).slice(at..at + LEAST_REUSED);
    for at in [0, 1, 10 * MOST - LEAST_REUSED] {
        MINE.give_back(part(10 * MOST, at));
        assert_eq!(lie(&MINE), 0);
    }
    for (kept, at) in [0, 1, MOST - LEAST_REUSED].into_iter().enumerate() {
        MINE.give_back(part(MOST, at));
        assert_eq!(lie(&MINE), (kept + 1) * MOST);
    }
    let mut spare = Vec::with_capacity(10 * MOST);
    spare.resize(LEAST_REUSED, 1);
    MINE.give_back(Bytes::from(spare));
    MINE.give_back(Bytes::from_static(&[1; LEAST_REUSED]));
    assert_eq!(lie(&MINE), 3 * MOST);
}

#[test]
fn what_is_short_or_very_long_is_left_to_the_allocator() {
    static MINE: Copies = Copies::new();
    let _lease = MINE.lease();
    for len in [0, 1, LEAST_REUSED - 1, MOST + 1] {
        let bytes = vec![9; len];
        assert_eq!(MINE.copy(&bytes), bytes);
    }
    MINE.give_back(MINE.copy(&[9; MOST + 1]));
    assert_eq!(lie(&MINE), 0);
    MINE.give_back(MINE.copy(&[9; MOST]));
    assert_eq!(lie(&MINE), MOST);
}

#[test]
fn a_burst_leaves_a_megabyte() {
    static MINE: Copies = Copies::new();
    let _lease = MINE.lease();
    let burst: Vec<Bytes> = (0..1000)
        .map(|_| MINE.copy(&[5; 2 * LEAST_REUSED]))
        .collect();
    assert_eq!(lie(&MINE), 0);
    burst.into_iter().for_each(|body| MINE.give_back(body));
    assert_eq!(lie(&MINE), MOST_BYTES);
}

#[test]
fn nothing_is_kept_without_a_lease() {
    static MINE: Copies = Copies::new();
    MINE.give_back(MINE.copy(&[1; LEAST_REUSED]));
    assert_eq!(lie(&MINE), 0);
    let first = MINE.lease();
    let second = MINE.lease();
    MINE.give_back(MINE.copy(&[2; LEAST_REUSED]));
    drop(first);
    assert_eq!(lie(&MINE), LEAST_REUSED);
    let used = MINE.copy(&[3; 2 * LEAST_REUSED]);
    drop(second);
    assert_eq!(lie(&MINE), 0);
    MINE.give_back(used);
    assert_eq!(lie(&MINE), 0, "it was used longer than the lease was");
}

#[test]
fn a_last_lease_that_ends_while_somebody_is_at_the_shelf_leaves_nothing() {
    static MINE: Copies = Copies::new();
    let lease = MINE.lease();
    MINE.at_shelf(|shelf| {
        drop(lease);
        shelf.keep(vec![1; LEAST_REUSED], MOST_BYTES)
    });
    assert_eq!(lie(&MINE), 0);
}

#[test]
fn leases_that_end_among_copies_leave_nothing() {
    static MINE: Copies = Copies::new();
    for _ in 0..300 {
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    let _lease = MINE.lease();
                    MINE.give_back(MINE.copy(&[1; LEAST_REUSED]));
                });
            }
            MINE.give_back(MINE.copy(&[2; LEAST_REUSED]));
        });
        assert_eq!(lie(&MINE), 0);
    }
}

#[test]
fn nobody_waits() {
    static MINE: Copies = Copies::new();
    let _lease = MINE.lease();
    let body = MINE.copy(&[1; LEAST_REUSED]);
    let shelf = MINE.shelf.lock().expect("nobody panics");
    let other = MINE.copy(&[2; LEAST_REUSED]);
    MINE.give_back(body);
    MINE.give_back(other);
    assert_eq!(shelf.bytes(), 0, "both were freed");
}

#[test]
fn threads_pass_bodies_on_and_none_is_written_while_it_is_used() {
    static MINE: Copies = Copies::new();
    const BODIES: usize = 2_000;
    let _lease = MINE.lease();
    let (sender, receiver) = std::sync::mpsc::sync_channel(16);
    std::thread::scope(|threads| {
        threads.spawn(move || {
            for number in 0..BODIES {
                let body = MINE.copy(&vec![number as u8; LEAST_REUSED + number]);
                sender.send(body).expect("somebody receives");
            }
        });
        for number in 0..BODIES {
            let body = receiver.recv().expect("somebody sends");
            assert_eq!(body.len(), LEAST_REUSED + number);
            assert!(body.iter().all(|byte| *byte == number as u8));
            MINE.give_back(body);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_copy_ever_shows_the_bytes_of_another(
        bodies in prop::collection::vec((1..3 * LEAST_REUSED, any::<u8>(), any::<bool>()), 1..40),
    ) {
        static MINE: Copies = Copies::new();
        let _lease = MINE.lease();
        let mut kept = Vec::new();
        for (len, mark, keep) in bodies {
            let body = MINE.copy(&vec![mark; len]);
            prop_assert_eq!(body.len(), len);
            kept.push((body, mark));
            for (body, mark) in &kept {
                prop_assert!(body.iter().all(|byte| byte == mark));
            }
            if !keep {
                MINE.give_back(kept.swap_remove(kept.len() / 2).0);
            }
        }
    }
}
