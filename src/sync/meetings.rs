//! Posters and holders of a [`Room`](super::Room) on real processors, many times over. `models` tries every order that
//! the language allows; this test uses the locks of std and the fences of this processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::{Combine, Room};
use crate::origin::Here;

/// The number of meetings.
const ROUNDS: u32 = 100_000;

/// A room that counts what was posted.
struct Counter(Room<u32, ()>);

impl Combine for Counter {
    type State = u32;
    type Mail = ();

    fn room(&self) -> &Room<u32, ()> {
        &self.0
    }

    fn apply(&self, state: &mut u32, (): ()) {
        *state += 1;
    }
}

/// Returns in both threads once both have called it.
fn meet(arrived: &AtomicU32, meetings: &mut u32) {
    *meetings += 1;
    arrived.fetch_add(1, Ordering::SeqCst);
    while arrived.load(Ordering::SeqCst) < 2 * *meetings {
        thread::yield_now();
    }
}

#[test]
fn what_is_posted_while_the_lock_is_let_go_is_applied_by_one_of_the_two() {
    let counter = Arc::new(Counter(Room::new(0)));
    let arrived = Arc::new(AtomicU32::new(0));
    let poster = thread::spawn({
        let (counter, arrived) = (Arc::clone(&counter), Arc::clone(&arrived));
        move || {
            let mut meetings = 0;
            for _ in 0..ROUNDS {
                meet(&arrived, &mut meetings);
                counter.0.post(&*counter, (), None);
                meet(&arrived, &mut meetings);
            }
        }
    });
    let mut meetings = 0;
    for round in 1..=ROUNDS {
        meet(&arrived, &mut meetings);
        let state = counter.0.lock(&*counter, Here::in_test());
        // A varying delay, so that the release and the post meet in either order.
        (0..round % 100).for_each(|_| std::hint::spin_loop());
        state.unlock();
        meet(&arrived, &mut meetings);
        // No thread takes the lock any more: the mail must have been applied by now.
        assert_eq!(counter.0.peek(|state| *state), round);
    }
    poster.join().expect("posted");
}
