//! The protocols between threads, tried in every order: `RUSTFLAGS="--cfg highwater_model" cargo test --release --lib models`.

use std::sync::Arc;

use highwater_patterns::Message;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::{Combine, Room};
use crate::pipe::testing::MemoryWire;
use crate::pipe::{Duty, HighWater, Lending, Outgoing, Pace, Pumped, Reader, Wire};

/// A room whose mail is numbers, and whose state is the list of them.
struct List(Room<Vec<u32>, u32>);

impl Combine for List {
    type State = Vec<u32>;
    type Mail = u32;

    fn room(&self) -> &Room<Vec<u32>, u32> {
        &self.0
    }

    fn apply(&self, state: &mut Vec<u32>, mail: u32) {
        state.push(mail);
    }
}

#[test]
fn mail_is_applied_though_nobody_locks_again() {
    loom::model(|| {
        let list = Arc::new(List(Room::new(Vec::new())));
        let poster = thread::spawn({
            let list = Arc::clone(&list);
            move || list.0.post(&*list, 1)
        });
        drop(list.0.lock(&*list));
        poster.join().expect("posted");
        assert_eq!(list.0.peek(|state| state.clone()), [1]);
    });
}

#[test]
fn mail_of_two_posters_is_applied_once_each() {
    loom::model(|| {
        let list = Arc::new(List(Room::new(Vec::new())));
        let posters: Vec<_> = [1, 2]
            .into_iter()
            .map(|number| {
                let list = Arc::clone(&list);
                thread::spawn(move || list.0.post(&*list, number))
            })
            .collect();
        for poster in posters {
            poster.join().expect("posted");
        }
        let mut applied = list.0.peek(|state| state.clone());
        applied.sort_unstable();
        assert_eq!(applied, [1, 2]);
    });
}

#[test]
fn a_leader_that_leaves_is_seen_or_tells() {
    loom::model(|| {
        let lending = Arc::new(Lending::default());
        lending.wait_begins();
        let leaver = thread::spawn({
            let lending = Arc::clone(&lending);
            move || lending.wait_ends()
        });
        // The I/O thread decides whether it may sleep without limit; a telling would wake it.
        let ticks = lending.must_tick();
        let told = leaver.join().expect("left");
        assert!(ticks || told, "the link would stay lent for ever");
    });
}

#[test]
fn a_leader_that_comes_and_goes_between_two_waits_is_seen_or_tells() {
    loom::model(|| {
        let lending = Arc::new(Lending::default());
        let leader = thread::spawn({
            let lending = Arc::clone(&lending);
            move || {
                lending.wait_begins();
                lending.wait_ends()
            }
        });
        let first = lending.must_tick();
        let second = lending.must_tick();
        let told = leader.join().expect("left");
        assert!(first || second || told);
    });
}

fn outgoing() -> (Arc<Outgoing>, Arc<MemoryWire>) {
    let unlimited = HighWater {
        messages: None,
        bytes: None,
    };
    let pipe = Arc::new(Outgoing::new(unlimited, false));
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(Arc::clone(&wire) as Arc<dyn Wire>);
    // The first message of all is written at once, the following make a stream.
    assert!(pipe.push(&Message::from("0"), &mut Pace::default()));
    (pipe, wire)
}

#[test]
fn what_a_sender_leaves_is_written_or_a_duty() {
    loom::model(|| {
        let (pipe, wire) = outgoing();
        assert!(pipe.push(&Message::from("1"), &mut Pace::of_a_stream()));
        let sender = thread::spawn({
            let pipe = Arc::clone(&pipe);
            move || assert!(pipe.push(&Message::from("2"), &mut Pace::of_a_stream()))
        });
        // The I/O thread does its duty.
        if wire
            .take_duties()
            .iter()
            .any(|duty| matches!(duty, Duty::Flush))
        {
            loop {
                match pipe.pump().expect("memory does not fail") {
                    Pumped::Drained if pipe.retire() => break,
                    Pumped::Drained | Pumped::Contended | Pumped::Streaming => thread::yield_now(),
                    other => panic!("memory is always there: {other:?}"),
                }
            }
        }
        sender.join().expect("sent");
        let duty = wire
            .take_duties()
            .iter()
            .any(|duty| matches!(duty, Duty::Flush));
        assert!(pipe.is_drained() || duty, "a message would be left lying");
    });
}

#[test]
fn a_reader_is_with_one_side_only() {
    loom::model(|| {
        let wire = Arc::new(MemoryWire::taking(usize::MAX));
        wire.place_reader(Reader::new(None, Arc::default()));
        let both = Arc::new(AtomicBool::new(false));
        let socket = thread::spawn({
            let (wire, both) = (Arc::clone(&wire), Arc::clone(&both));
            move || {
                if let Some(reader) = wire.borrow_reader() {
                    assert!(!both.swap(true, Ordering::SeqCst), "two readers");
                    both.store(false, Ordering::SeqCst);
                    wire.return_reader(reader);
                }
            }
        });
        if let Some(reader) = wire.borrow_reader() {
            assert!(!both.swap(true, Ordering::SeqCst), "two readers");
            both.store(false, Ordering::SeqCst);
            wire.return_reader(reader);
        }
        socket.join().expect("done");
        assert!(wire.borrow_reader().is_some(), "the reader is lost");
    });
}
