//! RFC 30/PIPELINE, "The PULL Socket Type".

use bytes::Bytes;

use crate::testing::Bench;
use crate::{Afterlife, DropCause, Pattern, PatternOptions, Received, Refusal, SocketType};

fn pull() -> Bench {
    Bench::new(Pattern::new(SocketType::Pull, &PatternOptions::default()))
}

/// "SHALL receive incoming messages from its peers using a fair-queuing strategy."
#[test]
fn peers_are_served_one_message_at_a_time() {
    let mut pull = pull();
    let busy = pull.accept(1);
    let calm = pull.accept(2);
    for job in ["a1", "a2", "a3"] {
        pull.arrive(busy, job);
    }
    pull.arrive(calm, "b1");
    let read: Vec<_> = std::iter::from_fn(|| pull.recv()).collect();
    assert_eq!(read, ["a1", "b1", "a2", "a3"]);
}

/// "SHALL not filter or modify incoming messages in any way." "SHALL deliver these to its calling application."
#[test]
fn all_frames_of_a_message_come_together() {
    let mut pull = pull();
    let pipe = pull.accept(1);
    pull.arrive(pipe, ["a", "", "c"]);
    assert_eq!(pull.recv().expect("arrived"), ["a", "", "c"]);
}

#[test]
fn an_empty_peer_is_read_again_when_it_has_something() {
    let mut pull = pull();
    let pipe = pull.accept(1);
    assert_eq!(pull.recv(), None);
    assert!(!pull.can_recv());
    pull.arrive(pipe, "late");
    assert!(pull.can_recv());
    assert!(pull.can_recv());
    assert_eq!(pull.recv().expect("arrived"), "late");
    assert!(!pull.can_recv());
}

/// "If this peer disconnects, the PULL socket SHALL destroy its queue": here only after it has been read to the end.
#[test]
fn what_a_peer_sent_before_it_went_is_still_read() {
    let mut pull = pull();
    let pipe = pull.accept(1);
    pull.arrive(pipe, "will");
    pull.disconnect(pipe, Afterlife::Ends);
    assert_eq!(pull.recv().expect("arrived"), "will");
}

#[test]
fn what_was_looked_at_goes_with_its_pipe() {
    let mut pull = pull();
    let pipe = pull.accept(1);
    pull.arrive(pipe, "lost");
    assert!(pull.can_recv());
    pull.detach(pipe);
    assert!(!pull.can_recv());
    assert_eq!(pull.recv(), None);
}

/// "SHALL only receive messages."
#[test]
fn it_never_sends() {
    let mut pull = pull();
    pull.accept(1);
    let refused = pull.send("no").expect_err("not supported");
    assert_eq!(refused.reason, Refusal::NotSupported);
    assert_eq!(refused.message, "no");
    assert!(!pull.can_send());
}

#[test]
fn a_subscription_to_it_is_dropped_and_counted() {
    let mut pull = pull();
    let pipe = pull.accept(1);
    pull.arrive_all(pipe, [Received::Subscribe(Bytes::new())]);
    pull.arrive(pipe, "job");
    assert_eq!(pull.recv().expect("arrived"), "job");
    assert_eq!(pull.pipes.drops(DropCause::Unexpected), 1);
}
