use std::sync::Arc;

use highwater_patterns::Message;

use super::*;
use crate::pipe::Lending;
use crate::pipe::outgoing::{Change, MOST_BYTES};
use crate::pipe::testing::Told;

fn party(side: &Arc<Told>) -> Party {
    let side: Arc<dyn SocketSide> = side.clone();
    Party {
        side: Arc::downgrade(&side),
        pipe: PipeId(7),
    }
}

fn message(n: usize) -> Parcel {
    Parcel::Whole(Received::Message(Message::from(n.to_string())))
}

#[test]
fn the_marks_of_both_sides_add_up_once_both_are_there() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), Some(2), false);
    lane.push(message(0));
    lane.push(message(1));
    assert!(!lane.has_room());
    assert!(!lane.wait_for_room());
    assert!(lane.join(party(&reader), Some(3)));
    assert!(lane.has_room());
    assert!(matches!(writer.events.lock()[..], [PipeEvent::Writable(_)]));
}

#[test]
fn a_place_is_room_for_nobody_else_and_stays_with_the_writer() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), Some(2), false);
    lane.reserve();
    lane.push(message(0));
    assert!(!lane.has_room() && !lane.wait_for_room());
    lane.free_place();
    assert!(matches!(writer.events.lock()[..], [PipeEvent::Writable(_)]));
    lane.reserve();
    let another = lane.another();
    another.push(message(0));
    assert!(!another.has_room());
    assert!(another.join(party(&reader), Some(3)));
    assert_eq!(another.room(), 3);
}

#[test]
fn a_waiting_reader_is_told_once() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), None, false);
    assert!(lane.join(party(&reader), None));
    assert!(!lane.wait_for_news());
    lane.push(message(0));
    lane.push(message(1));
    assert!(matches!(reader.events.lock()[..], [PipeEvent::Readable(_)]));
}

#[test]
fn a_waiting_writer_is_told_once_half_is_free() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), Some(50), false);
    assert!(lane.join(party(&reader), Some(50)));
    (0..100).for_each(|n| assert_eq!(lane.push(message(n)), 0));
    assert!(!lane.wait_for_room());
    (0..40).for_each(|_| drop(lane.pop()));
    assert!(writer.events.lock().is_empty());
    (0..30).for_each(|_| drop(lane.pop()));
    assert!(matches!(writer.events.lock()[..], [PipeEvent::Writable(_)]));
}

#[test]
fn subscriptions_pass_a_full_lane_and_do_not_count() {
    let writer = Arc::new(Told::default());
    let lane = Lane::new(party(&writer), Some(1), false);
    lane.push(message(0));
    lane.push_control(b"a", Change::Wanted);
    assert_eq!(lane.queued(), 1);
    assert_eq!(lane.pop(), Some(message(0)));
    assert!(!lane.pop().expect("a subscription").is_message());
    assert_eq!(lane.queued(), 0);
}

#[test]
fn where_only_the_latest_is_kept_the_mark_does_not_apply() {
    let writer = Arc::new(Told::default());
    let lane = Lane::new(party(&writer), Some(1), true);
    let replaced: usize = (0..5).map(|n| lane.push(message(n))).sum();
    assert_eq!((replaced, lane.queued()), (4, 1));
    assert_eq!(lane.pop(), Some(message(4)));
}

#[test]
fn what_the_reader_leaves_is_counted() {
    let writer = Arc::new(Told::default());
    let lane = Lane::new(party(&writer), None, false);
    (0..3).for_each(|n| assert_eq!(lane.push(message(n)), 0));
    assert_eq!(lane.end_by_reader(), 3);
    assert!(!lane.has_room());
}

#[test]
fn a_message_that_crosses_the_going_of_its_reader_is_counted_by_the_writer() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), None, false);
    assert!(lane.join(party(&reader), None));
    lane.push(message(0));
    assert!(lane.has_room(), "the writer looks");
    assert_eq!(lane.end_by_reader(), 1, "the reader goes");
    lane.push(message(1));
    assert_eq!((lane.end_by_writer(), lane.queued()), (1, 0));
}

#[test]
fn what_a_reader_may_still_read_is_not_lost() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), None, false);
    assert!(lane.join(party(&reader), None));
    lane.push(message(0));
    assert_eq!(lane.end_by_writer(), 0);
    assert_eq!(lane.pop(), Some(message(0)));
}

#[test]
fn a_reader_that_comes_after_the_writer_went_gets_nothing_that_was_counted_as_lost() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), None, false);
    lane.push(message(0));
    assert_eq!(lane.end_by_writer(), 1);
    assert!(!lane.join(party(&reader), None));
    assert_eq!(lane.pop(), None);
}

#[test]
fn two_threads_that_wait_for_each_other_always_wake() {
    #[derive(Debug)]
    struct Waker(std::thread::Thread, Lending);
    impl SocketSide for Waker {
        fn next_pipe_id(&self) -> PipeId {
            PipeId(0)
        }
        fn happened(&self, _: PipeEvent) {
            self.0.unpark();
        }
        fn read_mail(&self) {}

        fn lending(&self) -> &Lending {
            &self.1
        }
        fn return_readers(&self) -> bool {
            true
        }
    }
    const MESSAGES: usize = 100_000;
    let (give_lane, take_lane) = std::sync::mpsc::channel::<Arc<Lane>>();
    let reader = std::thread::spawn(move || {
        let me: Arc<dyn SocketSide> = Arc::new(Waker(std::thread::current(), Lending::default()));
        let lane = take_lane.recv().expect("a lane");
        let party = Party {
            side: Arc::downgrade(&me),
            pipe: PipeId(1),
        };
        assert!(lane.join(party, Some(8)));
        for n in 0..MESSAGES {
            let received = loop {
                if let Some(received) = lane.pop() {
                    break received;
                }
                if !lane.wait_for_news() {
                    std::thread::park();
                }
            };
            assert_eq!(received, message(n));
        }
    });
    let me: Arc<dyn SocketSide> = Arc::new(Waker(std::thread::current(), Lending::default()));
    let writer = Party {
        side: Arc::downgrade(&me),
        pipe: PipeId(2),
    };
    let lane = Arc::new(Lane::new(writer, Some(8), false));
    give_lane
        .send(Arc::clone(&lane))
        .expect("the reader waits for it");
    for n in 0..MESSAGES {
        while !lane.has_room() && !lane.wait_for_room() {
            std::thread::park();
        }
        lane.push(message(n));
    }
    reader.join().expect("every message came in order");
}

#[test]
fn of_subscriptions_that_are_not_read_the_last_word_on_each_topic_is_kept() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), Some(1), false);
    assert!(lane.join(party(&reader), Some(1)));
    let filler = |n: u32| [&n.to_be_bytes()[..], &[7; 60]].concat();
    let fillers = 2000;
    for n in 0..fillers {
        lane.push_control(&filler(n), Change::Wanted);
    }
    for n in 0..100_000_u32 {
        lane.push_control(b"one", Change::Wanted);
        lane.push_control(&n.to_be_bytes(), Change::Wanted);
        lane.push_control(&n.to_be_bytes(), Change::Unwanted);
        lane.push_control(b"one", Change::Unwanted);
    }
    lane.push_control(b"two", Change::Wanted);
    lane.push_control(b"filler", Change::Unwanted);
    lane.push(message(1));
    let mut read: Vec<Parcel> = std::iter::from_fn(|| lane.pop()).collect();
    let first = read.iter().position(|parcel| *parcel == message(1));
    let first = first.expect("it was sent");
    assert!(first * (filler(0).len()) > MOST_BYTES / 3 && first * filler(0).len() < MOST_BYTES);
    read.remove(first);
    let expected = (0..fillers)
        .map(|n| Received::Subscribe(filler(n).into()))
        .chain([
            Received::Subscribe("two".into()),
            Received::Cancel("filler".into()),
        ]);
    assert!(read.into_iter().eq(expected.map(Parcel::Whole)));
    assert!(lane.controls.lock().is_empty() && lane.queued() == 0);
    // And once more from the beginning.
    lane.push_control(b"one", Change::Wanted);
    let one = Parcel::Whole(Received::Subscribe("one".into()));
    assert_eq!((lane.pop(), lane.pop()), (Some(one), None));
}

#[test]
fn a_lane_that_has_ended_keeps_no_subscriptions() {
    let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
    let lane = Lane::new(party(&writer), Some(1), false);
    assert!(lane.join(party(&reader), Some(1)));
    lane.push_control(b"before", Change::Wanted);
    assert_eq!(lane.end_by_reader(), 0);
    lane.push_control(b"after", Change::Wanted);
    assert!(!lane.is_ready());
}
