//! Leases and the shelf, model-checked in every order.

use std::sync::Arc;

use loom::thread;

use super::*;

const LEN: usize = LEAST_REUSED;

fn body() -> Bytes {
    Bytes::from(vec![1; LEN])
}

fn on_the_shelf(copies: &Copies) -> usize {
    copies.shelf.try_lock().expect("all are done").bytes()
}

fn leased() -> Arc<Copies> {
    let copies = Arc::new(Copies::new());
    copies.begin_lease();
    copies
}

#[test]
fn nothing_lies_there_after_the_last_lease_whoever_gives_back_meanwhile() {
    loom::model(|| {
        let copies = leased();
        let giver = thread::spawn({
            let copies = Arc::clone(&copies);
            move || copies.give_back(body())
        });
        copies.end_lease();
        giver.join().expect("given back");
        assert_eq!(on_the_shelf(&copies), 0, "it would lie there for ever");
    });
}

#[test]
fn nothing_lies_there_after_the_last_of_two_leases() {
    loom::model(|| {
        let copies = leased();
        let other = thread::spawn({
            let copies = Arc::clone(&copies);
            move || {
                copies.begin_lease();
                copies.give_back(body());
                copies.end_lease();
            }
        });
        copies.end_lease();
        other.join().expect("ended");
        assert_eq!(on_the_shelf(&copies), 0, "it would lie there for ever");
    });
}

#[test]
fn what_lies_there_is_used_once() {
    loom::model(|| {
        let copies = leased();
        let given = body();
        let place = given.as_ptr() as usize;
        copies.give_back(given);
        let copy = |copies: &Copies, mark: u8| copies.copy(&[mark; LEN]);
        let other = thread::spawn({
            let copies = Arc::clone(&copies);
            move || copy(&copies, 2)
        });
        let here = copy(&copies, 3);
        let there = other.join().expect("copied");
        assert_eq!((&here[..], &there[..]), (&[3; LEN][..], &[2; LEN][..]));
        let again = [&here, &there].map(|copy| copy.as_ptr() as usize == place);
        assert_ne!(again, [true, true], "one memory for two bodies");
        copies.end_lease();
        assert_eq!(on_the_shelf(&copies), 0);
    });
}
