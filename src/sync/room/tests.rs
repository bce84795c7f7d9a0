use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;

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

#[test]
fn who_waits_for_the_lock_is_passed_a_few_times_and_then_gets_the_mail_to_apply() {
    let counter = Arc::new(Counter(Room::new(0)));
    let held = counter.0.lock(&*counter, Here::in_test());
    let waiter = std::thread::spawn({
        let counter = Arc::clone(&counter);
        move || *counter.0.lock(&*counter, Here::in_test())
    });
    let begun = Instant::now();
    while counter.0.waiting.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never waits");
        std::thread::yield_now();
    }
    // The lock is free for those who post, as it is between two events, and the waiter has not been woken yet.
    for _ in 0..MOST_PASSED + 5 {
        counter.0.post(&*counter, (), None);
    }
    assert_eq!(counter.0.mail_waiting(), MOST_PASSED as usize + 5);
    assert!(counter.0.leaves_mail(), "it was passed often enough");
    drop(held);
    assert_eq!(waiter.join().expect("it has the lock"), MOST_PASSED + 5);
    assert_eq!(counter.0.waiting.load(Ordering::SeqCst), 0);
    counter.0.post(&*counter, (), None);
    assert_eq!(
        *counter.0.lock(&*counter, Here::in_test()),
        MOST_PASSED + 6,
        "as ever"
    );
}

#[test]
fn mail_that_is_left_to_a_waiter_is_bounded_by_its_turns() {
    let counter = Counter(Room::new(0));
    counter.0.waiting.store(1, Ordering::SeqCst);
    for _ in 0..MOST_PASSED + 5 {
        counter.0.post(&counter, (), None);
    }
    assert_eq!(counter.0.peek(|state| *state), MOST_PASSED);
    counter.0.waiting.store(0, Ordering::SeqCst);
    assert_eq!(*counter.0.lock(&counter, Here::in_test()), MOST_PASSED + 5);
}

/// Whose mail brings more mail, as that of a peer does which sends faster than it is applied.
#[derive(Default)]
struct Endless {
    room: Option<Room<u32, ()>>,
    handed_over: AtomicU32,
}

impl Combine for Endless {
    type State = u32;
    type Mail = ();

    fn room(&self) -> &Room<u32, ()> {
        self.room.as_ref().expect("it has one")
    }

    fn apply(&self, state: &mut u32, (): ()) {
        *state += 1;
        self.room().post(self, (), None);
    }

    fn leave_to_another_thread(&self) -> bool {
        self.handed_over.fetch_add(1, Ordering::SeqCst);
        true
    }
}

#[test]
fn mail_that_goes_on_coming_is_handed_over_and_not_lost() {
    let endless = Endless {
        room: Some(Room::new(0)),
        ..Endless::default()
    };
    endless.room().post(&endless, (), None);
    let handed_over = endless.handed_over.load(Ordering::SeqCst);
    assert!(handed_over > 0, "who has posted gets away");
    assert_eq!(endless.room().mail_waiting(), 1, "and nothing is lost");
    drop(endless.room().try_lock(&endless));
    assert!(endless.handed_over.load(Ordering::SeqCst) > handed_over);
    let applied = endless.room().peek(|state| *state);
    assert!(applied as usize >= 2 * MOST_MAIL_LOOKS);
}

/// A room whose mail owes a wake-up, and how often it was asked for its process.
struct Asked {
    room: Room<(), ()>,
    is_here: bool,
    asked: AtomicU32,
    woken: AtomicU32,
}

impl Asked {
    fn new(is_here: bool) -> Self {
        Self {
            room: Room::new(()),
            is_here,
            asked: AtomicU32::new(0),
            woken: AtomicU32::new(0),
        }
    }

    fn asked_and_woken(&self) -> (u32, u32) {
        let [asked, woken] = [&self.asked, &self.woken].map(|count| count.load(Ordering::SeqCst));
        (asked, woken)
    }
}

impl Combine for Asked {
    type State = ();
    type Mail = ();

    fn room(&self) -> &Room<(), ()> {
        &self.room
    }

    fn apply(&self, (): &mut (), (): ()) {
        self.room.owe_wakes(self);
    }

    fn wake_owed(&self) {
        self.woken.fetch_add(1, Ordering::SeqCst);
    }

    fn is_here(&self) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.is_here
    }
}

#[test]
fn a_post_of_a_call_that_knows_its_process_makes_the_wake_up_and_does_not_ask_again() {
    let knows = Asked::new(true);
    knows.room.post(&knows, (), Some(Here::in_test()));
    assert_eq!(knows.asked_and_woken(), (0, 1));
    let asks = Asked::new(true);
    asks.room.post(&asks, (), None);
    assert_eq!(asks.asked_and_woken(), (1, 1));
}

#[test]
fn a_post_in_a_forked_child_makes_no_wake_up() {
    let child = Asked::new(false);
    child.room.post(&child, (), None);
    assert_eq!(child.asked_and_woken(), (1, 0));
}
