//! Properties: whatever happens to the pipes, none is lost, and those with room share alike.

use proptest::prelude::*;

use super::LoadBalance;
use crate::testing::TestPipes;
use crate::{Message, PipeId};

#[derive(Debug, Clone)]
enum Step {
    Attach { capacity: usize },
    Detach { which: usize },
    Send,
    Read { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0_usize..4).prop_map(|capacity| Step::Attach { capacity }),
        1 => any::<usize>().prop_map(|which| Step::Detach { which }),
        6 => Just(Step::Send),
        3 => any::<usize>().prop_map(|which| Step::Read { which }),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn no_pipe_is_lost_and_a_message_is_refused_only_if_all_are_full(steps in steps()) {
        let mut balance = LoadBalance::default();
        let mut pipes = TestPipes::default();
        let mut attached: Vec<PipeId> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Attach { capacity } => {
                    let pipe = pipes.add(number as u32);
                    pipes.limit(pipe, capacity);
                    balance.attach(pipe);
                    attached.push(pipe);
                }
                Step::Detach { which } if !attached.is_empty() => {
                    let pipe = attached.swap_remove(which % attached.len());
                    pipes.pipes.remove(&pipe);
                    balance.detach(pipe);
                }
                Step::Send => {
                    let room = attached.iter().any(|pipe| {
                        let pipe = &pipes.pipes[pipe];
                        pipe.written.len() < pipe.capacity.expect("limited")
                    });
                    prop_assert_eq!(balance.send(&mut Message::from("x"), &mut pipes).is_some(), room);
                }
                Step::Read { which } if !attached.is_empty() => {
                    let pipe = attached[which % attached.len()];
                    if !pipes.take(pipe).is_empty() {
                        balance.writable(pipe);
                    }
                }
                Step::Detach { .. } | Step::Read { .. } => {}
            }
            balance.rotation().check(&attached);
        }
    }

    #[test]
    fn pipes_with_room_share_alike(count in 1_u32..8, rounds in 1_usize..5, extra in 0_usize..8) {
        let mut balance = LoadBalance::default();
        let mut pipes = TestPipes::default();
        for id in 0..count {
            let pipe = pipes.add(id);
            balance.attach(pipe);
        }
        let extra = extra % count as usize;
        for _ in 0..count as usize * rounds + extra {
            balance.send(&mut Message::from("x"), &mut pipes).expect("there is room");
        }
        for pipe in pipes.pipes.values() {
            prop_assert!((rounds..=rounds + 1).contains(&pipe.written.len()));
        }
    }
}

#[test]
fn a_pipe_that_fills_up_gives_its_turn_to_the_next() {
    let mut balance = LoadBalance::default();
    let mut pipes = TestPipes::default();
    let ids = [0, 1, 2].map(|id| pipes.add(id));
    for pipe in ids {
        balance.attach(pipe);
    }
    pipes.limit(ids[0], 0);
    assert_eq!(
        balance.send(&mut Message::from("x"), &mut pipes),
        Some(ids[2])
    );
    assert_eq!(
        balance.send(&mut Message::from("x"), &mut pipes),
        Some(ids[1])
    );
    assert_eq!(
        balance.send(&mut Message::from("x"), &mut pipes),
        Some(ids[2])
    );
}
