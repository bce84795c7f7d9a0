use std::sync::Arc;

use highwater_patterns::Message;

use super::*;
use crate::pipe::testing::{MemoryWire, framed, push, push_with_effects};
use crate::pipe::{Duty, WriteEffects};
use crate::policy::WritePolicy;
use crate::policy::tuning::{LEAST_BATCH_BYTES, WRITTEN_AT_ONCE_BYTES};
use crate::zmtp::Version;

/// The write policy of a socket that has just waited for input.
fn conversation() -> WritePolicy {
    let mut policy = stream();
    policy.waited();
    policy
}

/// The write policy of a socket that has just written, however slow the machine is.
fn stream() -> WritePolicy {
    WritePolicy::of_a_stream()
}

fn outgoing(messages: usize) -> Outgoing {
    let limit = HighWater {
        messages: Some(messages),
        bytes: None,
    };
    Outgoing::new(limit, false)
}

/// Sends numbered messages until one is refused; how many were taken.
fn fill(pipe: &Outgoing, from: usize) -> usize {
    (from..)
        .take_while(|n| push(pipe, &Message::from(n.to_string()), &mut stream()))
        .count()
}

/// Writes as the I/O thread does: it leaves a batch that has just grown to its sender, for a while.
fn pump(pipe: &Outgoing) -> Pumped {
    loop {
        match pipe.pump().expect("memory does not fail") {
            Pumped::Contended | Pumped::Streaming => {}
            settled => return settled,
        }
    }
}

fn rooms(wire: &MemoryWire) -> usize {
    wire.take_duties()
        .iter()
        .filter(|duty| matches!(duty, Duty::Room))
        .count()
}

#[test]
fn without_a_connection_just_as_many_messages_are_taken_as_the_mark_says() {
    for mark in [1, 2, 7, 1000] {
        let pipe = outgoing(mark);
        assert_eq!(fill(&pipe, 0), mark);
        assert_eq!(pipe.queued(), mark);
    }
}

#[test]
fn a_connection_that_takes_nothing_leaves_the_mark_as_it_is() {
    let pipe = outgoing(10);
    let wire = Arc::new(MemoryWire::taking(100));
    wire.set_room(0);
    pipe.attach(wire.clone());
    assert_eq!(fill(&pipe, 0), 10);
    assert!(wire.wants_output());
}

#[test]
fn what_waited_for_a_connection_goes_out_in_order_when_there_is_one() {
    let pipe = outgoing(10);
    fill(&pipe, 0);
    let wire = Arc::new(MemoryWire::taking(3));
    pipe.attach(wire.clone());
    assert!(matches!(wire.take_duties()[..], [Duty::Flush]));
    assert_eq!(pump(&pipe), Pumped::Drained);
    assert_eq!(wire.written(), framed(0, 10));
    assert!(pipe.end_duty() && pipe.is_drained());
}

#[test]
fn a_socket_about_to_wait_writes_what_it_has_sent_and_the_io_thread_finds_nothing() {
    let pipe = outgoing(10);
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(wire.clone());
    let mut policy = stream();
    for n in 0..3 {
        let effects = push_with_effects(&pipe, &Message::from(n.to_string()), &mut policy);
        let expected = WriteEffects::UNFLUSHED.when(n == 0);
        assert_eq!(effects, expected, "it is told once");
    }
    assert!(wire.written().is_empty());
    pipe.flush();
    assert_eq!(wire.written(), framed(0, 3));
    assert_eq!(
        pipe.pump().expect("memory does not fail"),
        Pumped::Streaming
    );
    let effects = push_with_effects(&pipe, &Message::from("3"), &mut policy);
    assert_eq!(effects, WriteEffects::UNFLUSHED);
    assert_eq!(pump(&pipe), Pumped::Drained);
    assert_eq!(wire.written(), framed(0, 4));
}

#[test]
fn whoever_writes_all_that_it_has_gathered_fills_the_same_memory_again() {
    let (pipe, _wire) = begun();
    for _ in 0..3 {
        assert!(push(&pipe, &Message::from("one of a batch"), &mut stream()));
        pipe.flush();
        let state = pipe.lock();
        assert!(state.is_empty() && state.back.capacity() > 0);
        assert_eq!(state.front.capacity(), 0, "nothing needs a second buffer");
    }
}

#[test]
fn a_byte_budget_counts_beside_the_messages_and_always_lets_one_through() {
    let limit = HighWater {
        messages: Some(10),
        bytes: Some(100),
    };
    let pipe = Outgoing::new(limit, false);
    assert!(push(&pipe, &Message::from(vec![0; 5_000]), &mut stream()));
    assert!(!push(&pipe, &Message::from("more"), &mut stream()));
}

#[test]
fn a_full_pipe_tells_of_room_once_and_not_before_it_is_half_empty() {
    let pipe = outgoing(4);
    let wire = Arc::new(MemoryWire::taking(3));
    wire.set_room(0);
    pipe.attach(wire.clone());
    assert_eq!(fill(&pipe, 0), 4);
    wire.take_duties();
    wire.set_room(usize::MAX);
    pipe.writable();
    assert_eq!(pump(&pipe), Pumped::Drained);
    assert_eq!(rooms(&wire), 1);
    assert!(push(&pipe, &Message::from("x"), &mut stream()));
    assert_eq!(rooms(&wire), 0);
}

#[test]
fn nobody_who_found_room_is_told_of_room() {
    let pipe = outgoing(4);
    let wire = Arc::new(MemoryWire::taking(100));
    pipe.attach(wire.clone());
    for _ in 0..50 {
        assert!(push(&pipe, &Message::from("x"), &mut conversation()));
    }
    assert_eq!(rooms(&wire), 0);
}

#[test]
fn a_conversation_is_written_at_once_and_a_stream_is_left_to_gather() {
    let pipe = outgoing(1000);
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(wire.clone());
    assert!(push(&pipe, &Message::from("0"), &mut conversation()));
    assert_eq!(wire.written(), framed(0, 1));
    assert!(push(&pipe, &Message::from("1"), &mut conversation()));
    assert_eq!(wire.written(), framed(0, 2));
    for n in 2..500 {
        assert!(push(&pipe, &Message::from(n.to_string()), &mut stream()));
    }
    pump(&pipe);
    assert_eq!(wire.written(), framed(0, 500));
}

/// A pipe of which the first message has been written at once.
fn begun() -> (Outgoing, Arc<MemoryWire>) {
    let pipe = outgoing(10_000);
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(wire.clone());
    assert!(push(&pipe, &Message::from("first"), &mut conversation()));
    (pipe, wire)
}

#[test]
fn the_sender_writes_itself_from_64_kib_on() {
    let (pipe, wire) = begun();
    let before = wire.written().len();
    let body = vec![1; 8_000];
    for _ in 0..8 {
        assert!(push(&pipe, &Message::from(&body), &mut stream()));
    }
    assert!(wire.written().len() <= before + 8_009, "gathered");
    assert!(push(&pipe, &Message::from(&body), &mut stream()));
    assert!(
        wire.written().len() >= before + LEAST_BATCH_BYTES,
        "written"
    );
}

#[test]
fn a_body_that_is_worth_a_write_is_not_gathered() {
    let (pipe, wire) = begun();
    let before = wire.written().len();
    let body = vec![1; LEAST_BATCH_BYTES];
    assert!(push(&pipe, &Message::from(&body), &mut stream()));
    assert!(wire.written().len() >= before + LEAST_BATCH_BYTES);
}

/// How many KiB are gathered before the sender writes, again and again.
fn gathered(pipe: &Outgoing, wire: &MemoryWire, policy: &mut WritePolicy) -> usize {
    let before = wire.written().len();
    while wire.written().len() == before {
        assert!(push(pipe, &Message::from(&[1; 500]), policy));
    }
    (wire.written().len() - before) / 1024
}

#[test]
fn a_stream_gathers_more_each_time_and_less_for_each_of_many_peers() {
    let streams: [(usize, &[usize]); 4] = [
        (1, &[64, 128, 256, 512, 512]),
        (4, &[64, 128, 256, 512, 512]),
        (8, &[64, 128, 256, 256]),
        (10_000, &[64, 64]),
    ];
    for (pipes, expected) in streams {
        let (pipe, wire) = begun();
        let mut policy = stream();
        policy.set_pipes(pipes);
        let mut batches = Vec::new();
        for _ in expected {
            batches.push(gathered(&pipe, &wire, &mut policy));
        }
        assert_eq!(batches, expected, "for {pipes} pipes");
        policy.waited();
        assert!(push(&pipe, &Message::from("an answer"), &mut policy));
        assert_eq!(gathered(&pipe, &wire, &mut policy), 64, "a new beginning");
    }
}

#[test]
fn a_lost_connection_keeps_what_it_did_not_deliver_whole() {
    let pipe = outgoing(10);
    fill(&pipe, 0);
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    // Three messages and a half.
    wire.set_room(3 * 3 + 2);
    pipe.attach(wire.clone());
    assert_eq!(pump(&pipe), Pumped::Blocked);
    pipe.detach();
    assert_eq!(pipe.queued(), 7);
    assert!(push(&pipe, &Message::from("10"), &mut stream()));
    let next = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(next.clone());
    pump(&pipe);
    assert_eq!(next.written(), framed(3, 11));
}

/// Connects, lets the kernel take so many bytes, and loses the connection.
fn lose_after(pipe: &Outgoing, bytes: usize) {
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    wire.set_room(bytes);
    pipe.attach(wire);
    pump(pipe);
    pipe.detach();
}

#[test]
fn a_message_that_its_peer_cuts_off_again_and_again_is_given_up() {
    let pipe = outgoing(10);
    fill(&pipe, 0);
    for _ in 0..2 {
        lose_after(&pipe, 2);
        assert_eq!(pipe.cut_by_peer(Some(3)), None);
    }
    lose_after(&pipe, 1);
    assert_eq!(pipe.cut_by_peer(Some(3)), Some(3));
    assert_eq!(pipe.cut_by_peer(Some(3)), None, "told once");
    assert_eq!(pipe.queued(), 9);
    let next = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(next.clone());
    pump(&pipe);
    assert_eq!(next.written(), framed(1, 10));
}

#[test]
fn it_counts_only_what_a_peer_has_cut_and_only_of_one_message() {
    let pipe = outgoing(10);
    fill(&pipe, 0);
    for _ in 0..100 {
        // Between two messages, where nothing is cut; of a network that fails nobody asks.
        lose_after(&pipe, 0);
        assert_eq!(pipe.cut_by_peer(Some(1)), None);
        lose_after(&pipe, 2);
    }
    for _ in 0..4 {
        lose_after(&pipe, 2);
        assert_eq!(pipe.cut_by_peer(Some(2)), None);
        // The next one is cut: another count.
        lose_after(&pipe, 4);
        assert_eq!(pipe.cut_by_peer(Some(2)), None);
        lose_after(&pipe, 3);
        assert_eq!(pipe.cut_by_peer(Some(2)), None);
    }
    assert_eq!(pipe.queued(), 2);
    for _ in 0..100 {
        lose_after(&pipe, 2);
        assert_eq!(pipe.cut_by_peer(None), None, "for ever");
    }
}

#[test]
fn commands_pass_the_messages_and_do_not_count() {
    let pipe = outgoing(2);
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    wire.set_room(0);
    pipe.attach(wire.clone());
    pipe.subscription(b"topic", Change::Wanted, Version::V3_1);
    assert_eq!(fill(&pipe, 0), 2);
    pipe.subscription(b"topic", Change::Wanted, Version::V3_1);
    assert_eq!(pipe.queued(), 2);
    wire.set_room(usize::MAX);
    pipe.writable();
    pump(&pipe);
    assert!(wire.written().ends_with(&framed(0, 2)));
}

#[test]
fn commands_for_a_connection_that_is_gone_are_dropped() {
    let pipe = outgoing(2);
    pipe.subscription(b"topic", Change::Wanted, Version::V3_1);
    assert!(pipe.is_drained());
}

#[test]
fn a_failed_write_is_told_once_and_nothing_is_lost() {
    let pipe = outgoing(10);
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(wire.clone());
    wire.fail();
    assert!(push(&pipe, &Message::from("0"), &mut conversation()));
    assert!(push(&pipe, &Message::from("1"), &mut conversation()));
    let failures = wire.take_duties();
    assert!(
        matches!(failures[..], [Duty::OutputLost(_)]),
        "{failures:?}"
    );
    pipe.detach();
    assert_eq!(pipe.queued(), 2);
}

#[test]
fn where_only_the_latest_is_kept_the_mark_does_not_apply() {
    let limit = HighWater {
        messages: Some(1),
        bytes: None,
    };
    let pipe = Outgoing::new(limit, true);
    for n in 0..5 {
        assert!(push(&pipe, &Message::from(n.to_string()), &mut stream()));
    }
    assert_eq!((pipe.queued(), pipe.counts().replaced), (1, 4));
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    pipe.attach(wire.clone());
    pump(&pipe);
    assert_eq!(wire.written(), framed(4, 5));
}

#[test]
fn what_is_discarded_is_counted() {
    let pipe = outgoing(10);
    fill(&pipe, 0);
    assert_eq!(pipe.discard(), 10);
    assert!(!push(&pipe, &Message::from("late"), &mut stream()));
}

#[test]
fn an_error_goes_before_what_waits_and_never_into_a_message() {
    let error = |out: &mut Vec<u8>| crate::zmtp::encode_error("no", out);
    let mut words = Vec::new();
    error(&mut words);
    let (pipe, wire) = (outgoing(1000), Arc::new(MemoryWire::taking(usize::MAX)));
    pipe.write_error(error);
    pipe.attach(wire.clone());
    push(&pipe, &Message::from("waits"), &mut stream());
    pipe.write_error(error);
    assert_eq!(wire.written(), words);

    let (pipe, wire) = (outgoing(1000), Arc::new(MemoryWire::taking(usize::MAX)));
    wire.set_room(3);
    pipe.attach(wire.clone());
    push(&pipe, &Message::from("is cut"), &mut conversation());
    pump(&pipe);
    wire.set_room(usize::MAX);
    pipe.write_error(error);
    assert_eq!(wire.written(), framed_text("is cut")[..3]);
}

fn framed_text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    crate::zmtp::encode_message(&Message::from(text), &mut bytes);
    bytes
}

/// A pipe at its mark, whose connection has just begun to take everything: 4 MiB wait.
fn with_much_to_write() -> (Outgoing, Arc<MemoryWire>) {
    let pipe = outgoing(64);
    let wire = Arc::new(MemoryWire::taking(64 * 1024));
    wire.set_room(0);
    pipe.attach(wire.clone());
    let message = Message::from(vec![b'x'; 64 * 1024]);
    while push(&pipe, &message, &mut stream()) {}
    assert_eq!(pipe.queued(), 64);
    assert!(pipe.end_duty(), "the poller tells");
    wire.take_duties();
    wire.set_room(usize::MAX);
    pipe.writable();
    (pipe, wire)
}

#[test]
fn the_io_thread_writes_one_turn_and_then_leaves_a_peer_to_the_others() {
    let (pipe, wire) = with_much_to_write();
    let turn = WRITTEN_AT_ONCE_BYTES as usize;
    let mut turns = 0;
    loop {
        let before = wire.written().len();
        let pumped = pump(&pipe);
        let written = wire.written().len() - before;
        turns += 1;
        if pumped == Pumped::Drained {
            break;
        }
        assert_eq!(pumped, Pumped::Shared);
        assert!(
            (turn..turn + 64 * 1024).contains(&written),
            "{written} bytes in a turn"
        );
        assert!(!pipe.end_duty(), "the duty goes on");
    }
    assert!(turns >= 4 * 1024 * 1024 / turn, "{turns} turns");
    assert!(pipe.end_duty());
}

#[test]
fn a_sender_writes_one_turn_and_leaves_the_rest_to_the_io_thread() {
    let (pipe, wire) = with_much_to_write();
    pipe.flush();
    let written = wire.written().len();
    let turn = WRITTEN_AT_ONCE_BYTES as usize;
    assert!(
        (turn..turn + 64 * 1024).contains(&written),
        "{written} bytes in a turn"
    );
    assert!(!pipe.is_drained());
    let flushes = |duty: &Duty| matches!(duty, Duty::Flush);
    assert!(
        wire.take_duties().iter().any(flushes),
        "the I/O thread goes on"
    );
}
