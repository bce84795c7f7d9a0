//! The two ends of a lane, tried in every order.

use std::sync::Arc;

use highwater_patterns::Message;
use loom::thread;

use super::*;
use crate::pipe::outgoing::{Change, MOST_BYTES};
use crate::pipe::testing::Told;

/// A lane whose sides keep what they are told.
struct Ends {
    lane: Lane,
    writer: Arc<Told>,
    reader: Arc<Told>,
}

fn party(side: &Arc<Told>) -> Party {
    let side: Arc<dyn SocketSide> = side.clone();
    Party {
        side: Arc::downgrade(&side),
        pipe: PipeId(7),
    }
}

impl Ends {
    /// With a reader who has a mark of its own, if `reader` says so.
    fn new(writer_mark: usize, reader_mark: Option<usize>) -> Arc<Self> {
        let (writer, reader) = (Arc::new(Told::default()), Arc::new(Told::default()));
        let lane = Lane::new(party(&writer), Some(writer_mark), false);
        if let Some(mark) = reader_mark {
            assert!(lane.join(party(&reader), Some(mark)));
        }
        Arc::new(Self {
            lane,
            writer,
            reader,
        })
    }

    fn push(&self) {
        self.lane
            .push(Parcel::Whole(Received::Message(Message::from("x"))));
    }

    /// Reads all there is; how many messages.
    fn read(&self) -> usize {
        std::iter::from_fn(|| self.lane.pop()).count()
    }
}

fn was_told(side: &Told) -> bool {
    !side.events.lock().is_empty()
}

/// Does `one` on a thread of its own, and `other` here; what they give.
fn both<T: 'static>(
    ends: &Arc<Ends>,
    one: impl FnOnce(&Ends) -> T + 'static,
    other: impl FnOnce(&Ends) -> T,
) -> (T, T) {
    let thread = thread::spawn({
        let ends = Arc::clone(ends);
        move || one(&ends)
    });
    let here = other(ends);
    (thread.join().expect("done"), here)
}

#[test]
fn a_reader_that_waits_finds_what_is_written_or_is_told() {
    loom::model(|| {
        let ends = Ends::new(10, Some(0));
        let write = |ends: &Ends| {
            ends.push();
            ends.push();
            true
        };
        let (_, found) = both(&ends, write, |ends| ends.lane.wait_for_news());
        assert!(found || was_told(&ends.reader), "it would sleep for ever");
        assert_eq!(ends.read(), 2);
    });
}

#[test]
fn a_reader_that_waits_is_told_of_a_subscription() {
    loom::model(|| {
        let ends = Ends::new(0, Some(0));
        let write = |ends: &Ends| {
            ends.lane.push_control(b"a", Change::Wanted);
            true
        };
        let (_, found) = both(&ends, write, |ends| ends.lane.wait_for_news());
        assert!(found || was_told(&ends.reader), "it would sleep for ever");
    });
}

#[test]
fn what_a_reader_was_not_told_of_topics_it_finds_behind_the_last_that_it_was_told() {
    loom::model(|| {
        let ends = Ends::new(0, Some(0));
        ends.lane.push_control(&[7; MOST_BYTES], Change::Wanted);
        let write = |ends: &Ends| {
            ends.lane.push_control(b"a", Change::Wanted);
            ends.lane.push_control(b"a", Change::Unwanted);
            ends.lane.push_control(b"b", Change::Wanted);
            0
        };
        let wants_b = |ends: &Ends| {
            let b = Parcel::Whole(Received::Subscribe("b".into()));
            std::iter::from_fn(|| ends.lane.pop())
                .filter(|next| *next == b)
                .count()
        };
        let (_, before) = both(&ends, write, wants_b);
        assert_eq!(before + wants_b(&ends), 1);
        assert!(ends.lane.controls.lock().is_empty());
    });
}

#[test]
fn a_writer_that_waits_finds_room_or_is_told() {
    loom::model(|| {
        let ends = Ends::new(1, Some(1));
        ends.push();
        ends.push();
        // A reader that is about to wait looks for a writer that does.
        let read = |ends: &Ends| ends.read() == 2 && !ends.lane.wait_for_news();
        let (waits, room) = both(&ends, read, |ends| ends.lane.wait_for_room());
        assert!(waits);
        assert!(room || was_told(&ends.writer), "it would sleep for ever");
    });
}

#[test]
fn a_reader_that_is_hungry_and_a_writer_that_is_full_do_not_both_sleep() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let ends = Ends::new(1, Some(0));
        let write = |ends: &Ends| {
            ends.push();
            ends.lane.wait_for_room()
        };
        let read = |ends: &Ends| {
            ends.lane.wait_for_news() && {
                ends.read();
                ends.lane.wait_for_news()
            }
        };
        let (room, news) = both(&ends, write, read);
        let writer_sleeps = !room && !was_told(&ends.writer);
        let reader_sleeps = !news && !was_told(&ends.reader);
        assert!(
            !(writer_sleeps && reader_sleeps),
            "both would sleep for ever"
        );
    });
}

#[test]
fn a_writer_that_waits_is_told_of_a_higher_mark() {
    loom::model(|| {
        let ends = Ends::new(1, Some(0));
        ends.push();
        let raise = |ends: &Ends| {
            ends.lane.set_reader_limit(Some(5));
            true
        };
        let (_, room) = both(&ends, raise, |ends| ends.lane.wait_for_room());
        assert!(room || was_told(&ends.writer), "it would sleep for ever");
    });
}

#[test]
fn a_reader_that_comes_while_the_writer_goes_reads_all_or_comes_too_late() {
    loom::model(|| {
        let ends = Ends::new(1, None);
        ends.push();
        let end = |ends: &Ends| (ends.lane.end_by_writer(), false);
        let join = |ends: &Ends| {
            let joined = ends.lane.join(party(&ends.reader), Some(0));
            (usize::from(joined), ends.lane.is_closed())
        };
        let ((lost, _), (joined, closed)) = both(&ends, end, join);
        assert_eq!(
            (lost, ends.read()),
            (1 - joined, joined),
            "each counts once"
        );
        assert!(
            joined == 0 || closed || was_told(&ends.reader),
            "it would wait for a writer that has gone"
        );
    });
}

#[test]
fn what_is_left_when_both_go_counts_once() {
    loom::model(|| {
        let ends = Ends::new(2, None);
        ends.push();
        ends.push();
        let (here, there) = both(
            &ends,
            |ends| ends.lane.end_by_writer(),
            |ends| ends.lane.end_by_reader(),
        );
        assert_eq!(here + there, 2);
        assert_eq!((ends.read(), ends.lane.queued()), (0, 0));
    });
}

/// More waits than the mark allows beside a place that is kept: a message that is read makes no room alone, nor does the place.
#[test]
fn a_writer_that_was_refused_is_told_of_a_place_that_is_given_back() {
    loom::model(|| {
        let ends = Ends::new(3, Some(0));
        ends.lane.reserve();
        ends.push();
        ends.push();
        ends.lane.set_writer_limit(Some(2));
        assert!(!ends.lane.wait_for_room());
        // A reader that is about to wait looks for a writer that does.
        let read = |ends: &Ends| {
            assert!(ends.lane.pop().is_some());
            ends.lane.wait_for_news()
        };
        let give_back = |ends: &Ends| {
            ends.lane.free_place();
            true
        };
        both(&ends, read, give_back);
        assert!(ends.lane.has_room());
        assert!(was_told(&ends.writer), "it would sleep for ever");
    });
}
