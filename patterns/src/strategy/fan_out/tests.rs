//! Properties: no pipe is lost, everybody with room gets what he was chosen for, once.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::FanOut;
use crate::testing::TestPipes;
use crate::{DropCause, Message, PipeId, Sent, SlowSubscriber};

impl FanOut {
    /// Panics if what is said to be always true is not.
    fn check(&self, attached: &BTreeSet<PipeId>) {
        assert_eq!(self.order.len(), attached.len());
        assert_eq!(
            &self.order.iter().copied().collect::<BTreeSet<_>>(),
            attached
        );
        assert!(self.open <= self.order.len());
        assert_eq!(self.subscribers.len(), self.order.len() + self.vacant.len());
        for (place, &pipe) in self.order.iter().enumerate() {
            let subscriber = &self.subscribers[self.subscriber(pipe).expect("attached").index()];
            assert_eq!(
                (subscriber.pipe, subscriber.place),
                (pipe, Some(place as u32))
            );
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Attach { capacity: usize },
    Detach { which: usize },
    SendToAll,
    SendToSome { choice: u64, others: bool },
    Read { which: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0_usize..4).prop_map(|capacity| Step::Attach { capacity }),
        1 => any::<usize>().prop_map(|which| Step::Detach { which }),
        2 => Just(Step::SendToAll),
        4 => (any::<u64>(), any::<bool>())
            .prop_map(|(choice, others)| Step::SendToSome { choice, others }),
        2 => any::<usize>().prop_map(|which| Step::Read { which }),
    ];
    prop::collection::vec(step, 0..150)
}

fn slow() -> impl Strategy<Value = SlowSubscriber> {
    prop_oneof![
        Just(SlowSubscriber::DropNewest),
        Just(SlowSubscriber::Refuse)
    ]
}

proptest! {
    #[test]
    fn everybody_chosen_gets_the_message_once_or_is_counted(steps in steps(), slow in slow()) {
        let mut fan_out = FanOut::new(DropCause::SlowSubscriber);
        let mut pipes = TestPipes::default();
        let mut attached = BTreeSet::new();
        for (number, step) in steps.into_iter().enumerate() {
            let nth = |which: usize| attached.iter().nth(which % attached.len().max(1)).copied();
            let targets: BTreeSet<PipeId> = match step {
                Step::Attach { capacity } => {
                    let pipe = pipes.add(number as u32);
                    pipes.limit(pipe, capacity);
                    fan_out.attach(pipe);
                    attached.insert(pipe);
                    continue;
                }
                Step::Detach { which } => {
                    if let Some(pipe) = nth(which) {
                        attached.remove(&pipe);
                        pipes.pipes.remove(&pipe);
                        fan_out.detach(pipe);
                    }
                    fan_out.check(&attached);
                    continue;
                }
                Step::Read { which } => {
                    if let Some(pipe) = nth(which) && !pipes.take(pipe).is_empty() {
                        fan_out.writable(pipe);
                    }
                    fan_out.check(&attached);
                    continue;
                }
                Step::SendToAll => attached.clone(),
                Step::SendToSome { choice, others } => {
                    let chosen = |pipe: &PipeId| choice >> (pipe.0 % 64) & 1 == 1;
                    fan_out.begin();
                    for pipe in attached.iter().copied().filter(chosen) {
                        let subscriber = fan_out.subscriber(pipe).expect("attached");
                        fan_out.choose(subscriber);
                        fan_out.choose(subscriber);
                    }
                    if others {
                        fan_out.choose_others();
                    }
                    attached.iter().copied().filter(|pipe| chosen(pipe) != others).collect()
                }
            };
            let is_all = matches!(step, Step::SendToAll);
            let before: Vec<_> = pipes.pipes.values().map(|pipe| pipe.written.len()).collect();
            let with_room: BTreeSet<PipeId> = targets
                .iter()
                .copied()
                .filter(|pipe| {
                    let pipe = &pipes.pipes[pipe];
                    pipe.written.len() < pipe.capacity.expect("limited")
                })
                .collect();
            pipes.dropped.clear();
            let message = Message::from("x");
            let result = if is_all {
                fan_out.send_to_all(&message, slow, &mut pipes)
            } else {
                fan_out.send_to_chosen(&message, slow, &mut pipes)
            };
            let refuses = slow == SlowSubscriber::Refuse && with_room != targets;
            prop_assert_eq!(result.is_err(), refuses);
            for ((pipe, state), before) in pipes.pipes.iter().zip(before) {
                let expected = before + usize::from(!refuses && with_room.contains(pipe));
                prop_assert_eq!(state.written.len(), expected);
            }
            if let Ok(sent) = result {
                let dropped = targets.len() - with_room.len();
                prop_assert_eq!(sent, Sent { sent: with_room.len(), dropped });
                let missed: BTreeSet<PipeId> =
                    pipes.dropped.iter().filter_map(|(pipe, _)| *pipe).collect();
                prop_assert_eq!(pipes.dropped.len(), dropped);
                prop_assert_eq!(missed, &targets - &with_room);
            }
            fan_out.check(&attached);
        }
    }
}
