use std::sync::Arc;

use highwater_patterns::{Fate, Message, Recall, Recalled};

use super::*;
use crate::pipe::HighWater;
use crate::pipe::testing::{MemoryWire, framed, push};
use crate::policy::WritePolicy;

fn pipe(fate: Fate) -> Outgoing {
    let unlimited = HighWater {
        messages: None,
        bytes: None,
    };
    Outgoing::new(unlimited, false).with_fate(fate)
}

fn send(pipe: &Outgoing, from: usize, to: usize) {
    for n in from..to {
        let mut policy = WritePolicy::of_a_stream();
        policy.waited();
        assert!(push(pipe, &Message::from(n.to_string()), &mut policy));
    }
}

/// A connection, and the same as a pipe sees it.
fn wire() -> (Arc<MemoryWire>, Arc<dyn Wire>) {
    let wire = Arc::new(MemoryWire::taking(1000));
    (Arc::clone(&wire), wire)
}

fn flush(pipe: &Outgoing) {
    while pipe.pump().is_ok_and(|pumped| {
        use crate::pipe::Pumped::{Contended, Streaming};
        matches!(pumped, Contended | Streaming)
    }) {}
}

#[test]
fn the_last_message_is_taken_back_as_long_as_no_byte_of_it_has_left() {
    let pipe = pipe(Fate::End);
    send(&pipe, 0, 3);
    assert_eq!(pipe.recall(Recall::Move, false), (Recalled::Here, 0));
    assert_eq!(pipe.counts().messages, 2);
    assert_eq!(pipe.recall(Recall::GiveUp, false), (Recalled::Here, 1));
    assert_eq!(pipe.queued(), 1);
    let (memory, wire) = wire();
    pipe.attach(Arc::clone(&wire));
    pipe.open(&wire);
    flush(&pipe);
    assert_eq!(memory.written(), framed(0, 1));
    assert_eq!(pipe.recall(Recall::GiveUp, false), (Recalled::Out, 0));
}

#[test]
fn a_message_in_a_batch_that_is_being_written_is_taken_back_until_its_first_byte_goes() {
    let first = framed(0, 1).len();
    for written in [0, 1, first, first + 1] {
        let pipe = pipe(Fate::End);
        send(&pipe, 0, 2);
        let (memory, wire) = wire();
        memory.set_room(written);
        pipe.attach(Arc::clone(&wire));
        pipe.open(&wire);
        flush(&pipe);
        let expected = match written <= first {
            true => (Recalled::Here, 1),
            false => (Recalled::Out, 0),
        };
        assert_eq!(pipe.recall(Recall::GiveUp, false), expected, "{written}");
        memory.set_room(usize::MAX);
        pipe.writable();
        flush(&pipe);
        let sent = if written <= first { 1 } else { 2 };
        assert_eq!(memory.written(), framed(0, sent), "{written}");
        assert!(pipe.is_drained());
    }
}

#[test]
fn what_is_pushed_after_a_cut_goes_out_on_the_next_connection_and_nothing_before_it() {
    for room in [usize::MAX, 1, 0] {
        let pipe = pipe(Fate::End);
        let (memory, first) = wire();
        memory.set_room(room);
        pipe.attach(Arc::clone(&first));
        pipe.open(&first);
        send(&pipe, 0, 1);
        flush(&pipe);
        let lost = usize::from(room != usize::MAX);
        if room > 0 {
            assert_eq!(pipe.recall(Recall::Replace, false), (Recalled::Cut, lost));
            let duties = memory.take_duties();
            assert!(duties.iter().any(|duty| matches!(duty, Duty::Replace)));
        } else {
            assert_eq!(pipe.recall(Recall::Replace, false), (Recalled::Here, 1));
            continue;
        }
        let before = memory.written();
        send(&pipe, 1, 2);
        assert_eq!(pipe.detach(), 0);
        let (memory, next) = wire();
        pipe.attach(Arc::clone(&next));
        pipe.open(&first);
        flush(&pipe);
        assert!(memory.written().is_empty(), "it is not known yet");
        pipe.open(&next);
        flush(&pipe);
        assert_eq!(memory.written(), framed(1, 2));
        assert!(before.len() <= framed(0, 1).len());
    }
}

#[test]
fn a_pipe_that_ends_with_its_connection_takes_nothing_after_a_cut() {
    let pipe = pipe(Fate::End);
    let (_, wire) = wire();
    pipe.attach(Arc::clone(&wire));
    pipe.open(&wire);
    send(&pipe, 0, 1);
    flush(&pipe);
    assert_eq!(pipe.recall(Recall::Replace, true), (Recalled::Cut, 0));
    assert!(!pipe.has_room());
}

#[test]
fn what_a_connection_has_not_delivered_ends_with_it_or_stays_as_its_fate_is() {
    for (fate, lost) in [(Fate::End, 2), (Fate::AwaitPeer, 0), (Fate::Stay, 0)] {
        let pipe = pipe(fate);
        let (memory, wire) = wire();
        memory.set_room(framed(0, 1).len() + 1);
        pipe.attach(Arc::clone(&wire));
        pipe.open(&wire);
        send(&pipe, 0, 3);
        flush(&pipe);
        assert_eq!(pipe.detach(), lost, "{fate:?}");
        assert_eq!(pipe.queued(), 2 - lost, "{fate:?}");
        assert_eq!(
            pipe.recall(Recall::Move, false).0 == Recalled::Here,
            lost == 0
        );
    }
}

#[test]
fn messages_for_a_peer_that_has_gone_are_dropped_with_the_socket_that_could_tell() {
    for (another, lost) in [(true, 2), (false, 0)] {
        // The socket goes before the connection comes, or after it, or has not gone.
        for goes in 0..3 {
            let pipe = pipe(Fate::AwaitPeer);
            send(&pipe, 0, 2);
            let mut dropped = 0;
            if goes == 0 {
                dropped += pipe.let_go();
            }
            let (memory, wire) = wire();
            if another {
                dropped += pipe.has_another_peer();
            }
            pipe.attach(Arc::clone(&wire));
            if goes == 1 {
                dropped += pipe.let_go();
            }
            flush(&pipe);
            if goes == 2 {
                assert!(memory.written().is_empty() && pipe.queued() == 2);
                assert_eq!(pipe.drop_waiting(), 2);
                continue;
            }
            assert_eq!(dropped, lost, "{another} {goes}");
            assert_eq!(memory.written(), framed(0, 2 - lost));
        }
    }
}
