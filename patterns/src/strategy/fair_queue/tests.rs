//! Properties: whatever happens to the pipes, none is lost, nothing is left unread, and none is starved.

use proptest::prelude::*;

use super::FairQueue;
use crate::testing::TestPipes;
use crate::{Message, PipeId, Received};

#[derive(Debug, Clone)]
enum Step {
    Attach,
    Detach { which: usize },
    Arrive { which: usize },
    Look,
    Recv,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Attach),
        1 => any::<usize>().prop_map(|which| Step::Detach { which }),
        6 => any::<usize>().prop_map(|which| Step::Arrive { which }),
        1 => Just(Step::Look),
        6 => Just(Step::Recv),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn no_pipe_is_lost_and_nothing_stays_unread(steps in steps()) {
        let mut queue = FairQueue::default();
        let mut pipes = TestPipes::default();
        let mut attached: Vec<PipeId> = Vec::new();
        let mut looked_at: Option<PipeId> = None;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Attach => {
                    let pipe = pipes.add(number as u32);
                    queue.attach(pipe);
                    attached.push(pipe);
                }
                Step::Detach { which } if !attached.is_empty() => {
                    let pipe = attached.swap_remove(which % attached.len());
                    pipes.pipes.remove(&pipe);
                    queue.detach(pipe);
                    looked_at = looked_at.filter(|&other| other != pipe);
                }
                Step::Arrive { which } if !attached.is_empty() => {
                    let pipe = attached[which % attached.len()];
                    let message = Message::from(number.to_string());
                    pipes.pipe(pipe).arrived.push_back(Received::Message(message));
                    queue.readable(pipe);
                }
                Step::Look => {
                    let waiting = pipes.pipes.values().any(|pipe| !pipe.arrived.is_empty());
                    let expected = waiting || looked_at.is_some();
                    prop_assert_eq!(queue.has_message(&mut pipes), expected);
                    looked_at = queue.ahead.as_ref().map(|_| queue.source());
                }
                Step::Recv => {
                    let waiting = pipes.pipes.values().any(|pipe| !pipe.arrived.is_empty());
                    let expected = waiting || looked_at.is_some();
                    prop_assert_eq!(queue.recv(&mut pipes).is_some(), expected);
                    looked_at = None;
                }
                Step::Detach { .. } | Step::Arrive { .. } => {}
            }
            queue.rotation().check(&attached);
        }
    }

    #[test]
    fn a_busy_pipe_never_gets_two_turns_while_another_waits(count in 2_u32..8, each in 1_usize..6) {
        let mut queue = FairQueue::default();
        let mut pipes = TestPipes::default();
        for id in 0..count {
            let pipe = pipes.add(id);
            queue.attach(pipe);
            let messages = (0..each).map(|_| Received::Message(Message::EMPTY));
            pipes.pipe(pipe).arrived.extend(messages);
        }
        for _ in 0..each {
            let mut served: Vec<PipeId> = (0..count)
                .map(|_| {
                    queue.recv(&mut pipes).expect("all have some");
                    queue.source()
                })
                .collect();
            served.sort_unstable();
            served.dedup();
            prop_assert_eq!(served.len(), count as usize);
        }
        prop_assert_eq!(queue.recv(&mut pipes), None);
    }
}
