//! PUB and SUB: subscriptions, published messages, and the credit by which subscribers hold the publisher back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Job;
use super::count::count;
use super::ledger::Ledger;
use crate::peers::{Outcome, Peer, Socket, check};
use crate::plan::{Scenario, TOPIC_SUBSCRIBERS};

/// What is published, and what each subscriber subscribes to.
pub(super) struct Show {
    /// For each subscriber, what it subscribes to.
    pub(super) prefixes: Vec<Vec<String>>,
    /// Published one after the other, again and again: evenly to all subscribers.
    bodies: Vec<Vec<u8>>,
    /// One for each subscriber, matched by its last subscription, and a byte longer than the bodies.
    greetings: Vec<Vec<u8>>,
    pub(super) size: usize,
    /// How many bodies are published for each message that a subscriber receives.
    bodies_a_message: usize,
}

impl Show {
    pub(super) fn of(scenario: Scenario) -> Option<Self> {
        match scenario {
            Scenario::PubSub { subscribers, size } => Some(Self {
                prefixes: vec![vec![String::new()]; subscribers],
                bodies: vec![vec![b'.'; size]],
                greetings: vec![vec![b'.'; size + 1]],
                size,
                bodies_a_message: 1,
            }),
            Scenario::Topics { topics, size } => {
                // A prime beyond any number of topics: its multiples modulo `topics` visit each once.
                const STRIDE: usize = 7_368_787;
                let size = size.max(topic(0).len());
                let body = |number, size| {
                    let mut body = topic(number).into_bytes();
                    body.resize(size, b'.');
                    body
                };
                let of_subscriber = |subscriber| {
                    (subscriber..topics)
                        .step_by(TOPIC_SUBSCRIBERS)
                        .map(topic)
                        .collect()
                };
                Some(Self {
                    prefixes: (0..TOPIC_SUBSCRIBERS).map(of_subscriber).collect(),
                    bodies: (0..topics)
                        .map(|i| body(i * STRIDE % topics, size))
                        .collect(),
                    greetings: (topics - TOPIC_SUBSCRIBERS..topics)
                        .map(|number| body(number, size + 1))
                        .collect(),
                    size,
                    bodies_a_message: TOPIC_SUBSCRIBERS,
                })
            }
            _ => None,
        }
    }
}

/// All of one length, so none is the prefix of another.
fn topic(number: usize) -> String {
    format!("topic{number:06}.")
}

/// How many messages a subscriber reads before the next has its turn.
fn turn_of(size: usize) -> usize {
    (256 * 1024 / size).clamp(5, CREDIT / TURNS_A_CREDIT)
}

/// A publisher is at most two credits ahead of its subscribers, so that nothing is lost and no library is asked how fast
/// it can throw away: half a high-water mark, as libzmq learns only after the other half that there is room again.
const CREDIT: usize = 240;
const TURNS_A_CREDIT: usize = 10;

/// Greets until all subscribers have heard it, then publishes as far as there is credit.
pub(super) async fn publish<P: Peer>(
    peer: &P,
    mut socket: P::Socket,
    mut credits: P::Socket,
    show: &Show,
) -> Outcome<()> {
    while !GO.load(Ordering::Acquire) {
        for greeting in &show.greetings {
            socket.send(greeting).await?;
        }
        socket.flush().await?;
        peer.pause(Duration::from_millis(2)).await;
    }
    let credit = turn_of(show.size) * TURNS_A_CREDIT * show.bodies_a_message;
    let mut ahead = 2 * credit;
    for body in show.bodies.iter().cycle() {
        if ahead == 0 {
            socket.flush().await?;
            credits.recv().await?;
            ahead = credit;
        }
        socket.send(body).await?;
        ahead -= 1;
    }
    Ok(())
}

/// Set once the publisher may begin.
pub(super) static GO: AtomicBool = AtomicBool::new(false);

/// Counts what all `subs` receive, some messages from each in turn, and gives the publisher credit for more.
pub(super) async fn take_in_turn<S: Socket>(
    job: &Job,
    mut subs: Vec<S>,
    mut credits: S,
    size: usize,
) -> Outcome<()> {
    let (mut turn, mut left, mut turns) = (0, turn_of(size), 0);
    let ledger = Ledger::new(subs.len(), Instant::now());
    count(job, size, ledger, async |wanted, ledger| {
        let mut taken = 0;
        while taken < wanted {
            let length = subs[turn].recv().await?;
            if length == size + 1 {
                continue; // a greeting that others had needed
            }
            check(length, size)?;
            taken += 1;
            left -= 1;
            if left == 0 {
                left = turn_of(size);
                ledger.hear_many(turn, left as u32, Instant::now);
                turn = (turn + 1) % subs.len();
                turns += usize::from(turn == 0);
                if turns == TURNS_A_CREDIT {
                    turns = 0;
                    credits.send(b"more").await?;
                    credits.flush().await?;
                }
            }
        }
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_show_gives_every_subscriber_its_share_and_greets_it_last() {
        for (topics, size) in [(8, 64), (10_000, 64), (16, 1)] {
            let show = Show::of(Scenario::Topics { topics, size }).expect("a show");
            let matches = |body: &[u8], subscriber: usize| {
                show.prefixes[subscriber]
                    .iter()
                    .any(|prefix| body.starts_with(prefix.as_bytes()))
            };
            for eight in show.bodies.chunks(TOPIC_SUBSCRIBERS) {
                for subscriber in 0..TOPIC_SUBSCRIBERS {
                    assert_eq!(
                        eight
                            .iter()
                            .filter(|body| matches(body, subscriber))
                            .count(),
                        1
                    );
                }
            }
            for (subscriber, greeting) in show.greetings.iter().enumerate() {
                let last = show.prefixes[subscriber].last().expect("a subscription");
                assert!(greeting.starts_with(last.as_bytes()));
                assert_eq!(greeting.len(), show.size + 1);
            }
        }
    }

    #[test]
    fn no_topic_is_the_prefix_of_another() {
        assert!(!topic(10).starts_with(&topic(1)));
        assert_eq!(topic(0).len(), topic(9999).len());
    }
}
