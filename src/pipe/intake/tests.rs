use highwater_patterns::{ConnectionRead, Message, PipeId};

use super::*;
use crate::error::LinkError;
use crate::pipe::testing::{MemoryWire, push};
use crate::pipe::{HighWater, Incoming, Outgoing};
use crate::policy::WritePolicy;

fn encoded(texts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        zmtp::encode_message(&Message::from(*text), &mut bytes);
    }
    bytes
}

/// A pipe with a live wire whose reader is with the I/O thread.
fn connected() -> (Arc<Pipe>, Arc<MemoryWire>, Intake) {
    let unlimited = HighWater {
        messages: None,
        bytes: None,
    };
    let (outgoing, incoming) = (Outgoing::new(unlimited, false), Incoming::new(unlimited));
    let pipe = Arc::new(Pipe::new(PipeId(1), None, outgoing, incoming));
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    wire.place_reader(Reader::new(None, Arc::default(), Arc::default()));
    pipe.outgoing.attach(wire.clone());
    let mut intake = Intake::new(Arc::clone(&pipe), false);
    intake.connected(wire.clone(), false);
    (pipe, wire, intake)
}

/// The next thing, for a call that has looked at nothing yet.
fn next(intake: &mut Intake) -> Option<Received> {
    intake.next(&mut Budget::default())
}

fn deliver(pipe: &Pipe, texts: &[&str]) {
    pipe.incoming.deliver(Delivery::Chunk {
        bytes: encoded(texts),
        messages: texts.len(),
        commands: 0,
    });
}

fn texts(intake: &mut Intake) -> Vec<String> {
    std::iter::from_fn(|| match next(intake)? {
        Received::Message(message) => Some(message.to_str().expect("text").to_owned()),
        other => panic!("only messages were sent: {other:?}"),
    })
    .collect()
}

#[test]
fn what_was_delivered_comes_before_what_a_borrowed_reader_reads() {
    let (pipe, wire, mut intake) = connected();
    deliver(&pipe, &["1", "2"]);
    wire.feed(&encoded(&["3", "4"]));
    assert!(intake.borrow_reader() && intake.fill());
    assert_eq!(texts(&mut intake), ["1", "2", "3", "4"]);
}

/// The I/O thread is ahead: it has the next connection before the socket hears that the last is lost.
#[test]
fn what_a_borrowed_reader_has_read_outlives_the_connection_and_comes_before_the_next() {
    let (pipe, wire, mut intake) = connected();
    wire.feed(&encoded(&["1", "2"]));
    assert!(intake.borrow_reader() && intake.fill());
    pipe.incoming.connection_begins();
    assert!(pipe.incoming.is_paused(), "it would overtake");
    intake.disconnected();
    assert!(pipe.incoming.is_paused());
    let next = Arc::new(MemoryWire::taking(usize::MAX));
    intake.connected(next.clone(), false);
    assert!(matches!(*next.take_duties(), [Duty::Resume]));
    assert!(!pipe.incoming.is_paused());
    deliver(&pipe, &["3"]);
    assert_eq!(pipe.incoming.queued(), 3);
    assert_eq!(texts(&mut intake), ["1", "2", "3"]);
    assert_eq!((pipe.incoming.queued(), intake.messages()), (0, 3));
}

#[test]
fn half_a_message_of_one_connection_is_not_joined_with_the_next() {
    let half = {
        let frames: Message = ["half a", "message"].into();
        let mut bytes = Vec::new();
        zmtp::encode_message(&frames, &mut bytes);
        bytes.truncate(bytes.len() - 1);
        bytes
    };
    let large = {
        let mut bytes = Vec::new();
        zmtp::encode_message(&Message::from(vec![b'x'; 10_000]), &mut bytes);
        bytes.truncate(9000);
        bytes
    };
    for cut in [half, large] {
        for begin in [false, true] {
            let (pipe, wire, mut intake) = connected();
            wire.feed(&encoded(&["1", "2"]));
            wire.feed(&cut);
            assert!(intake.borrow_reader() && intake.fill());
            if begin {
                // The frames that are whole are taken off the buffer.
                assert_eq!(texts(&mut intake), ["1", "2"]);
            }
            pipe.incoming.connection_begins();
            intake.disconnected();
            let next = Arc::new(MemoryWire::taking(usize::MAX));
            next.place_reader(Reader::new(None, Arc::default(), Arc::default()));
            intake.connected(next.clone(), false);
            deliver(&pipe, &["3"]);
            next.feed(&encoded(&["4"]));
            assert!(intake.borrow_reader() && intake.fill());
            let all = ["1", "2", "3", "4"];
            assert_eq!(texts(&mut intake), all[if begin { 2 } else { 0 }..]);
            assert_eq!(intake.messages(), 4);
        }
    }
}

#[test]
fn what_a_reader_holds_is_not_lost_if_it_comes_back_too_late() {
    let (pipe, wire, mut intake) = connected();
    wire.feed(&encoded(&["1", "2"]));
    assert!(intake.borrow_reader() && intake.fill());
    wire.end();
    intake.return_reader();
    pipe.incoming.connection_begins();
    intake.disconnected();
    assert!(!intake.is_lent());
    assert_eq!(texts(&mut intake), ["1", "2"]);
}

#[test]
fn what_came_whole_before_the_end_of_the_stream_is_read() {
    let (_, wire, mut intake) = connected();
    wire.feed(&encoded(&["1", "2"]));
    assert!(intake.borrow_reader() && intake.fill());
    wire.end();
    assert!(!intake.fill() && !intake.is_lent());
    intake.disconnected();
    assert_eq!(texts(&mut intake), ["1", "2"]);
}

/// A conversation in bursts, of which a read brings one: if the answers waited for the next, the peer would wait, too.
#[test]
fn who_reads_more_from_a_peer_has_written_what_that_is_to_have() {
    for (answers, written) in [(1, 0), (100, 100)] {
        let (pipe, wire, mut intake) = connected();
        let burst = vec!["a request of some length"; 100];
        wire.feed(&encoded(&burst));
        assert!(intake.borrow_reader() && intake.fill());
        for _ in 1..burst.len() {
            assert!(next(&mut intake).is_some());
        }
        let answer = Message::from(&[b'.'; 60]);
        for _ in 0..answers {
            assert!(push(
                &pipe.outgoing,
                &answer,
                &mut WritePolicy::of_a_stream()
            ));
        }
        assert!(next(&mut intake).is_some() && wire.written().is_empty());
        assert!(next(&mut intake).is_none(), "it has tried to read");
        assert_eq!(wire.written().len(), written * 62, "a few bytes can wait");
    }
}

#[test]
fn what_is_given_up_is_counted_wherever_it_is() {
    let (pipe, wire, mut intake) = connected();
    deliver(&pipe, &["1", "2", "3"]);
    assert!(next(&mut intake).is_some());
    deliver(&pipe, &["4"]);
    wire.feed(&encoded(&["5", "6"]));
    assert!(intake.borrow_reader() && intake.fill());
    assert_eq!(intake.discard(), 5);
}

#[test]
fn a_leader_answers_pings_by_one_write_of_the_io_thread() {
    let (pipe, wire, mut intake) = connected();
    let mut ping = Vec::new();
    zmtp::encode_ping(7, &mut ping);
    wire.feed(&ping.repeat(5));
    wire.take_duties();
    let before = wire.written().len();
    assert!(intake.borrow_reader() && intake.fill());
    assert!(next(&mut intake).is_none());
    assert_eq!(wire.written().len(), before, "nothing yet");
    let duties = wire.take_duties();
    let count = |wanted: fn(&Duty) -> bool| duties.iter().filter(|duty| wanted(duty)).count();
    assert_eq!(count(|duty| matches!(duty, Duty::Flush)), 1);
    assert_eq!(
        count(|duty| matches!(duty, Duty::Ping(7))),
        5,
        "the link makes one of them"
    );
    pipe.outgoing.pump().expect("written");
    assert_eq!(wire.written()[before..], b"\x04\x05\x04PONG".repeat(5));
    assert!(pipe.outgoing.push_always(&Message::from("x")));
}

#[test]
fn garbage_in_the_hands_of_a_leader_ends_the_connection() {
    let (_, wire, mut intake) = connected();
    wire.feed(&[0xff; 64]);
    assert!(intake.borrow_reader() && intake.fill());
    assert!(next(&mut intake).is_none() && !intake.is_lent());
    assert!(
        wire.take_duties()
            .iter()
            .any(|duty| matches!(duty, Duty::Failed(_)))
    );
}

/// Whether it stands in a chunk, in what a leader has read and decodes, or in what it never comes to decode.
#[test]
fn why_the_peer_closes_is_passed_on_before_the_end() {
    let mut bytes = encoded(&["1"]);
    zmtp::encode_error("retry: no more", &mut bytes);
    for decoded in [false, true] {
        let (_, wire, mut intake) = connected();
        wire.feed(&bytes);
        wire.end();
        assert!(intake.borrow_reader() && intake.fill());
        if decoded {
            assert_eq!(texts(&mut intake), ["1"]);
        }
        assert!(!intake.fill());
        let duties: Vec<String> = wire
            .take_duties()
            .iter()
            .map(|duty| format!("{duty:?}"))
            .collect();
        let end = &duties[duties.len() - 2..];
        assert_eq!(end, ["Told(\"retry: no more\")", "Failed(PeerClosed)"]);
        if !decoded {
            assert_eq!(texts(&mut intake), ["1"]);
        }
    }
}

/// PINGs as fast as they can be read, and a message behind them.
#[test]
fn one_call_looks_at_so_much_and_the_next_goes_on_there() {
    let (_, wire, mut intake) = connected();
    let mut pings = Vec::new();
    for _ in 0..20_000 {
        zmtp::encode_ping(7, &mut pings);
    }
    wire.feed(&pings);
    wire.feed(&encoded(&["behind them"]));
    assert!(intake.borrow_reader() && intake.fill());
    let (mut calls, mut budget) = (0, Budget::default());
    let found = loop {
        calls += 1;
        match intake.next(&mut budget) {
            Some(found) => break found,
            None if budget.is_spent() => budget.refill(),
            None => assert!(intake.fill(), "lost among the PINGs"),
        }
    };
    assert_eq!(found, Received::Message("behind them".into()));
    assert!(calls >= 5, "{calls} calls for 20,000 PINGs");
    assert!(next(&mut intake).is_none());
}

/// A large body that comes as fast as it is read: not all of it under one hold of the lock.
#[test]
fn one_call_reads_a_few_times() {
    let (_, wire, mut intake) = connected();
    let body = vec![7; 64 << 20];
    let mut bytes = Vec::new();
    zmtp::encode_message(&Message::from(&body), &mut bytes);
    wire.feed(&bytes);
    assert!(intake.borrow_reader() && intake.fill());
    let (mut calls, mut budget) = (0, Budget::default());
    let found = loop {
        calls += 1;
        match intake.next(&mut budget) {
            Some(found) => break found,
            None if budget.is_spent() => budget.refill(),
            None => assert!(intake.fill(), "there is more"),
        }
    };
    assert_eq!(found, Received::Message(body.into()));
    assert!(calls > 1);
}

#[test]
fn a_look_at_the_connection_reads_it_whoever_has_the_reader() {
    for borrows in [false, true] {
        let (pipe, wire, mut intake) = connected();
        assert!(!borrows || intake.borrow_reader());
        assert_eq!(intake.read_once(), ConnectionRead::Nothing);
        if !borrows {
            // The I/O thread was just reading.
            deliver(&pipe, &["0"]);
            assert_eq!(intake.read_once(), ConnectionRead::Bytes);
            assert_eq!(texts(&mut intake), ["0"]);
        }
        let three = encoded(&["1", "2", "3"]);
        let (whole, part) = three.split_at(three.len() - 1);
        wire.feed(whole);
        assert_eq!(intake.read_once(), ConnectionRead::Bytes);
        assert_eq!(texts(&mut intake), ["1", "2"]);
        assert_eq!(intake.read_once(), ConnectionRead::Part);
        assert_eq!(intake.is_lent(), borrows);
        wire.feed(part);
        assert_eq!(intake.read_once(), ConnectionRead::Bytes);
        assert_eq!(texts(&mut intake), ["3"]);
        assert_eq!(intake.read_once(), ConnectionRead::Nothing);
        wire.take_duties();
        wire.end();
        assert_eq!(intake.read_once(), ConnectionRead::Ended);
        let duties = wire.take_duties();
        assert!(matches!(
            duties.last(),
            Some(Duty::Failed(LinkError::PeerClosed))
        ));
    }
}
