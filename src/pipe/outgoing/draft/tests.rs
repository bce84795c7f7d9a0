use std::sync::Arc;

use highwater_patterns::Message;
use proptest::prelude::*;

use super::*;
use crate::pipe::testing::{MemoryWire, framed};
use crate::pipe::{HighWater, Pumped};
use crate::policy::tuning::LEAST_BATCH_BYTES;

const MARK: usize = 100;

/// A pipe, its connection, and a sender that numbers its messages.
struct Stream {
    pipe: Outgoing,
    wire: Arc<MemoryWire>,
    draft: Draft,
    policy: WritePolicy,
    sent: usize,
    /// What all sends have brought about.
    effects: WriteEffects,
}

impl Stream {
    fn new() -> Self {
        let limit = HighWater {
            messages: Some(MARK),
            bytes: None,
        };
        let stream = Self {
            pipe: Outgoing::new(limit, false),
            wire: Arc::new(MemoryWire::taking(usize::MAX)),
            draft: Draft::default(),
            policy: WritePolicy::of_a_stream(),
            sent: 0,
            effects: WriteEffects::NONE,
        };
        stream.pipe.attach(stream.wire.clone());
        stream
    }

    /// One whose sender has written by itself, and has the batch in its hands.
    fn drafted() -> Self {
        let mut stream = Self::new();
        stream.send(MARK + 1);
        assert!(stream.draft.room > 0, "it is a stream");
        stream
    }

    fn push(&mut self) -> bool {
        let message = Message::from(self.sent.to_string());
        let effects = self.draft.push(&message, &self.pipe, &mut self.policy);
        self.effects |= effects;
        let taken = !effects.contains(WriteEffects::REFUSED);
        self.sent += usize::from(taken);
        taken
    }

    fn send(&mut self, messages: usize) {
        for _ in 0..messages {
            assert!(self.push());
        }
    }

    fn queued(&self) -> usize {
        self.pipe.queued() + self.draft.queued()
    }

    /// Does what the I/O thread does, until nothing is left.
    fn pump(&mut self) {
        loop {
            match self.pipe.pump().expect("memory does not fail") {
                Pumped::Drafted => assert_eq!(self.draft.end(&self.pipe), 0),
                Pumped::Contended | Pumped::Streaming => {}
                _ => return,
            }
        }
    }
}

#[test]
fn a_batch_is_handed_out_to_a_sender_that_has_written_one_and_the_io_thread_asks_for_it_back() {
    let mut stream = Stream::new();
    stream.send(MARK);
    assert!(stream.draft.is_handed_back(), "it may be no stream");
    stream.send(1);
    let both = WriteEffects::DRAFTED | WriteEffects::UNFLUSHED;
    assert_eq!(stream.effects, both);
    stream.send(5);
    assert_eq!(stream.queued(), 6);
    assert_eq!(stream.draft.added(), 5, "the first had been counted");
    assert_eq!(stream.wire.written(), framed(0, MARK));
    assert_eq!(stream.pipe.pump().expect("memory"), Pumped::Drafted);
    assert!(!stream.pipe.end_duty(), "somebody has to come back");
    stream.pump();
    assert_eq!(stream.wire.written(), framed(0, MARK + 6));
    assert_eq!(stream.pipe.counts().messages, MARK as u64 + 6);
}

#[test]
fn a_draft_counts_for_the_mark() {
    let mut stream = Stream::drafted();
    stream.wire.set_room(0);
    while stream.push() {}
    assert_eq!(stream.queued(), MARK);
    assert_eq!(stream.sent, 2 * MARK);
    assert!(!stream.draft.has_room(&stream.pipe));
}

#[test]
fn whoever_has_waited_for_input_does_not_go_on_gathering() {
    let mut stream = Stream::drafted();
    stream.send(3);
    stream.policy.waited();
    stream.send(1);
    assert!(stream.draft.is_handed_back());
    assert_eq!(stream.queued(), 5, "the I/O thread writes it");
    stream.pump();
    assert_eq!(stream.wire.written(), framed(0, MARK + 5));
}

#[test]
fn a_whole_draft_is_written_by_its_sender_and_the_next_batch_is_handed_out() {
    let mut stream = Stream::drafted();
    let body = vec![7; 8000];
    let written = stream.wire.written().len();
    for _ in 0..=LEAST_BATCH_BYTES / body.len() {
        let message = Message::from(&body);
        let effects = stream
            .draft
            .push(&message, &stream.pipe, &mut stream.policy);
        assert!(!effects.contains(WriteEffects::REFUSED));
    }
    assert!(stream.wire.written().len() >= written + LEAST_BATCH_BYTES);
    assert!(stream.draft.room > 0);
}

#[test]
fn with_a_lost_connection_nothing_in_the_hands_of_a_sender_is_lost() {
    let mut stream = Stream::drafted();
    stream.send(5);
    stream.pipe.detach();
    stream.send(5);
    assert_eq!(stream.draft.end(&stream.pipe), 0);
    assert_eq!(stream.queued(), 11);
    let next = Arc::new(MemoryWire::taking(7));
    stream.pipe.attach(next.clone());
    stream.pump();
    assert_eq!(next.written(), framed(MARK, MARK + 11));
}

#[test]
fn a_connection_that_comes_while_there_is_a_draft_gets_it() {
    let mut stream = Stream::drafted();
    stream.pipe.detach();
    let next = Arc::new(MemoryWire::taking(7));
    stream.pipe.attach(next.clone());
    stream.send(5);
    assert_eq!(stream.draft.end(&stream.pipe), 0);
    assert!(!next.take_duties().is_empty(), "the I/O thread is told");
    stream.pump();
    assert_eq!(next.written(), framed(MARK, MARK + 6));
}

#[test]
fn what_a_pipe_that_was_discarded_cannot_take_is_counted() {
    let mut stream = Stream::drafted();
    stream.send(5);
    stream.pipe.detach();
    assert_eq!(stream.pipe.discard(), 0, "all it knew of was written");
    assert_eq!(stream.draft.end(&stream.pipe), 6);
    assert!(!stream.push(), "closed");
    assert_eq!(stream.draft.end(&stream.pipe), 0, "counted once");
}

#[test]
fn nothing_is_handed_out_where_a_mark_counts_bytes_or_only_the_latest_is_kept() {
    let bytes = HighWater {
        messages: Some(MARK),
        bytes: Some(1 << 20),
    };
    let messages = HighWater {
        bytes: None,
        ..bytes
    };
    for pipe in [Outgoing::new(bytes, false), Outgoing::new(messages, true)] {
        pipe.attach(Arc::new(MemoryWire::taking(usize::MAX)));
        let (mut draft, mut policy) = (Draft::default(), WritePolicy::of_a_stream());
        for _ in 0..10 * MARK {
            let message = Message::from(vec![7; 1000]);
            let effects = draft.push(&message, &pipe, &mut policy);
            assert!(!effects.contains(WriteEffects::REFUSED) && draft.is_handed_back());
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize),
    Wait,
    Settle,
    Flush,
    Pump,
    Room(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..2 * MARK).prop_map(Step::Send),
        Just(Step::Wait),
        Just(Step::Settle),
        Just(Step::Flush),
        Just(Step::Pump),
        prop_oneof![0..300usize, Just(usize::MAX)].prop_map(Step::Room),
    ]
}

proptest! {
    #[test]
    fn whoever_has_the_batch_all_goes_out_in_order_and_the_mark_holds(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut stream = Stream::new();
        for step in steps {
            match step {
                Step::Send(messages) => {
                    for _ in 0..messages {
                        stream.push();
                        prop_assert!(stream.queued() <= MARK);
                    }
                }
                Step::Wait => stream.policy.waited(),
                Step::Settle => prop_assert_eq!(stream.draft.end(&stream.pipe), 0),
                Step::Flush => {
                    stream.draft.hand_back(&stream.pipe);
                    stream.pipe.flush();
                }
                Step::Pump => stream.pump(),
                Step::Room(bytes) => {
                    stream.wire.set_room(bytes);
                    stream.pipe.writable();
                }
            }
            let known = stream.pipe.counts().messages + stream.draft.added() as u64;
            prop_assert_eq!(known, stream.sent as u64);
        }
        stream.wire.set_room(usize::MAX);
        stream.pipe.writable();
        stream.draft.hand_back(&stream.pipe);
        stream.pump();
        prop_assert_eq!(stream.wire.written(), framed(0, stream.sent));
        prop_assert_eq!(stream.queued(), 0);
    }
}
