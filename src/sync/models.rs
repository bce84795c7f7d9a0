//! The protocols between threads, tried in every order: `RUSTFLAGS="--cfg highwater_model" cargo test --release --lib models`.

use std::sync::Arc;

use highwater_patterns::Message;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::{Combine, Room};
use crate::origin::Here;
use crate::pipe::testing::{MemoryWire, push};
use crate::pipe::{Draft, Duty, HighWater, Lending, Outgoing, Pumped, Reader, Wire, WriteEffects};
use crate::policy::WritePolicy;

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
            move || list.0.post(&*list, 1, None)
        });
        drop(list.0.lock(&*list, Here::in_test()));
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
                thread::spawn(move || list.0.post(&*list, number, None))
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

/// A room whose holder owes somebody a wake-up, and how often that was made.
struct Owing {
    room: Room<(), ()>,
    /// Somebody is on the list of those to be woken.
    listed: AtomicBool,
    woken: AtomicBool,
}

impl Owing {
    fn new() -> Self {
        Self {
            room: Room::new(()),
            listed: AtomicBool::new(false),
            woken: AtomicBool::new(false),
        }
    }
}

impl Combine for Owing {
    type State = ();
    type Mail = ();

    fn room(&self) -> &Room<(), ()> {
        &self.room
    }

    fn apply(&self, (): &mut (), (): ()) {
        self.listed.store(true, Ordering::Relaxed);
        self.room.owe_wakes(self);
    }

    fn wake_owed(&self) {
        if self.listed.swap(false, Ordering::Relaxed) {
            self.woken.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_wake_up_that_is_owed_is_made_though_nobody_locks_again() {
    loom::model(|| {
        let owing = Arc::new(Owing::new());
        // One owes it under the lock, as whoever applies mail; the other holds the lock, or does not, meanwhile.
        let poster = thread::spawn({
            let owing = Arc::clone(&owing);
            move || owing.room.post(&*owing, (), None)
        });
        drop(owing.room.lock(&*owing, Here::in_test()));
        poster.join().expect("posted");
        assert!(owing.woken.load(Ordering::Relaxed), "it sleeps for ever");
    });
}

#[test]
fn a_wake_up_that_is_owed_without_the_lock_is_made() {
    loom::model(|| {
        let owing = Arc::new(Owing::new());
        let holder = thread::spawn({
            let owing = Arc::clone(&owing);
            move || drop(owing.room.lock(&*owing, Here::in_test()))
        });
        owing.listed.store(true, Ordering::Relaxed);
        owing.room.owe_wakes(&*owing);
        holder.join().expect("released");
        assert!(owing.woken.load(Ordering::Relaxed), "it sleeps for ever");
    });
}

/// A thread with mail passes one that waits for the lock once here, and then leaves the mail to it.
#[test]
fn mail_that_is_left_to_a_thread_that_waits_is_applied() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let list = Arc::new(List(Room::new(Vec::new())));
        let poster = thread::spawn({
            let list = Arc::clone(&list);
            move || {
                for number in [1, 2, 3] {
                    list.0.post(&*list, number, None);
                }
            }
        });
        let holder = thread::spawn({
            let list = Arc::clone(&list);
            move || drop(list.0.lock(&*list, Here::in_test()))
        });
        drop(list.0.lock(&*list, Here::in_test()));
        poster.join().expect("posted");
        holder.join().expect("done");
        assert_eq!(list.0.mail_waiting(), 0);
        assert_eq!(list.0.peek(|state| state.clone()), [1, 2, 3]);
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
        // The I/O thread decides whether it may sleep without limit; a notification would wake it.
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

fn outgoing(messages: Option<usize>) -> (Arc<Outgoing>, Arc<MemoryWire>) {
    let limit = HighWater {
        messages,
        bytes: None,
    };
    let pipe = Arc::new(Outgoing::new(limit, false));
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(Arc::clone(&wire) as Arc<dyn Wire>);
    // The first message is written at once; the following ones make a stream.
    assert!(push(
        &pipe,
        &Message::from("0"),
        &mut WritePolicy::default()
    ));
    (pipe, wire)
}

fn is_to_flush(wire: &MemoryWire) -> bool {
    let duties = wire.take_duties();
    duties.iter().any(|duty| matches!(duty, Duty::Flush))
}

#[test]
fn what_a_sender_leaves_is_written_or_a_duty() {
    loom::model(|| {
        let (pipe, wire) = outgoing(None);
        assert!(push(
            &pipe,
            &Message::from("1"),
            &mut WritePolicy::of_a_stream()
        ));
        let sender = thread::spawn({
            let pipe = Arc::clone(&pipe);
            move || {
                assert!(push(
                    &pipe,
                    &Message::from("2"),
                    &mut WritePolicy::of_a_stream()
                ))
            }
        });
        // The I/O thread does its duty.
        if is_to_flush(&wire) {
            loop {
                match pipe.pump().expect("memory does not fail") {
                    Pumped::Drained if pipe.end_duty() => break,
                    Pumped::Drained | Pumped::Contended | Pumped::Streaming => thread::yield_now(),
                    other => panic!("memory is always there: {other:?}"),
                }
            }
        }
        sender.join().expect("sent");
        let duty = is_to_flush(&wire);
        assert!(pipe.is_drained() || duty, "a message would be left lying");
    });
}

/// A socket with one pipe. Its sender's draft is under the socket's lock, and the I/O thread asks for it by mail.
struct Sender {
    room: Room<(Draft, WritePolicy), ()>,
    pipe: Arc<Outgoing>,
}

impl Sender {
    fn send(&self, text: &str) {
        let mut state = self.room.lock(self, Here::in_test());
        let (draft, policy) = &mut *state;
        let notices = draft.push(&Message::from(text), &self.pipe, policy);
        assert!(!notices.contains(WriteEffects::REFUSED));
    }
}

impl Combine for Sender {
    type State = (Draft, WritePolicy);
    type Mail = ();

    fn room(&self) -> &Room<(Draft, WritePolicy), ()> {
        &self.room
    }

    fn apply(&self, (draft, _): &mut (Draft, WritePolicy), (): ()) {
        draft.hand_back(&self.pipe);
    }
}

#[test]
fn what_a_sender_has_in_its_hands_is_written_or_a_duty() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (pipe, wire) = outgoing(Some(2));
        let socket = Arc::new(Sender {
            room: Room::new((Draft::default(), WritePolicy::of_a_stream())),
            pipe: Arc::clone(&pipe),
        });
        // The third message finds no room, so its sender writes the others: a stream.
        for text in ["1", "2", "3"] {
            socket.send(text);
        }
        assert!(
            !socket.room.peek(|(draft, _)| draft.is_handed_back()),
            "handed out"
        );
        let sender = thread::spawn({
            let socket = Arc::clone(&socket);
            move || socket.send("4")
        });
        assert!(is_to_flush(&wire), "the I/O thread has been told");
        loop {
            match pipe.pump().expect("memory does not fail") {
                Pumped::Drained if pipe.end_duty() => break,
                Pumped::Drafted => socket.room.post(&*socket, (), None),
                Pumped::Drained | Pumped::Contended | Pumped::Streaming => {}
                other => panic!("memory is always there: {other:?}"),
            }
            thread::yield_now();
        }
        sender.join().expect("sent");
        let handed_back = socket.room.peek(|(draft, _)| draft.is_handed_back());
        let duty = is_to_flush(&wire);
        assert!(handed_back && (pipe.is_drained() || duty), "left lying");
        let all = if duty { 4 } else { 5 };
        assert_eq!(wire.written().len(), all * 3, "of three bytes each");
    });
}

#[test]
fn a_reader_is_with_one_side_only() {
    loom::model(|| {
        let wire = Arc::new(MemoryWire::taking(usize::MAX));
        wire.place_reader(Reader::new(None, Arc::default(), Arc::default()));
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
