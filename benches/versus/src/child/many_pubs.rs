//! Many PUBs and one SUB that is connected to each of them, as a worker that hears events of many services.
//!
//! All publishers are in one process and one thread, and publish in turn. The subscriber grants them credit, so that no
//! message is dropped.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::count::count;
use super::ledger::Ledger;
use super::show::GO;
use super::{Job, Report, beside, say};
use crate::peers::{Failure, Outcome, Peer, Role, Socket, check};
use crate::plan::MANY_PUBS_SIZE;

/// Messages that a publisher sends when it is its turn.
const TURN: usize = 10;
/// Between two greetings of all publishers.
const BETWEEN_GREETINGS: Duration = Duration::from_millis(20);

/// Binds `publishers` PUBs, greets until the subscriber has heard each of them, then publishes as far as there is credit.
pub(super) async fn publish<P: Peer>(
    peer: &P,
    job: &Job,
    publishers: usize,
    tell: impl Fn(Report),
) -> Outcome<()> {
    let (mut credits, mut endpoints) = peer.bind(Role::Pull, &beside(&job.at), 1).await?;
    let mut pubs = Vec::with_capacity(publishers);
    for _ in 0..publishers {
        let (publisher, endpoint) = peer.bind(Role::Pub, &job.at, 1).await?;
        pubs.push(publisher);
        endpoints.push(' ');
        endpoints.push_str(&endpoint);
    }
    tell(Report::Ready(endpoints));
    while !GO.load(Ordering::Acquire) {
        for (number, publisher) in pubs.iter_mut().enumerate() {
            publisher.send(&vec![b'.'; greeting(number)]).await?;
            publisher.flush().await?;
        }
        peer.pause(BETWEEN_GREETINGS).await;
    }
    loop {
        credits.recv().await?;
        for publisher in &mut pubs {
            publisher.send_all(&[b'.'; MANY_PUBS_SIZE], TURN).await?;
            publisher.flush().await?;
        }
    }
}

/// Connects one SUB to all publishers, and counts what it receives once it has heard each of them.
pub(super) async fn subscribe<P: Peer>(peer: &P, job: &Job, to: &str) -> Outcome<()> {
    let mut endpoints = to.split(' ');
    let mut next = || endpoints.next().ok_or_else(nobody);
    let (credits, first) = (next()?, next()?);
    let mut sub = peer.connect(Role::Sub, first).await?;
    sub.subscribe("").await?;
    let mut publishers = 1;
    for endpoint in endpoints {
        sub.connect_also(endpoint).await?;
        publishers += 1;
    }
    let mut unheard = publishers;
    let mut heard = vec![false; publishers];
    while unheard > 0 {
        let length = sub.recv().await?;
        let number = length.checked_sub(greeting(0));
        let heard = number.and_then(|number| heard.get_mut(number));
        let heard = heard.ok_or_else(|| Failure::broken("no greeting".to_owned()))?;
        unheard -= usize::from(!std::mem::replace(heard, true));
    }
    say(Report::Joined);
    let mut credits = peer.connect(Role::Push, credits).await?;
    // Two turns of each publisher are under way.
    for _ in 0..2 {
        credits.send(b"more").await?;
    }
    credits.flush().await?;
    let a_credit = publishers * TURN;
    let mut left = a_credit;
    count(
        job,
        MANY_PUBS_SIZE,
        Ledger::new(0, Instant::now()),
        async |wanted, _| {
            let mut taken = 0;
            while taken < wanted {
                let length = sub.recv().await?;
                if length > MANY_PUBS_SIZE {
                    continue; // a greeting that was on its way
                }
                check(length, MANY_PUBS_SIZE)?;
                taken += 1;
                left -= 1;
                if left == 0 {
                    left = a_credit;
                    credits.send(b"more").await?;
                    credits.flush().await?;
                }
            }
            Ok(())
        },
    )
    .await
}

/// The length of the greeting of publisher `number`: no other message has it.
fn greeting(number: usize) -> usize {
    MANY_PUBS_SIZE + 1 + number
}

fn nobody() -> Failure {
    Failure::broken("an endpoint is missing".to_owned())
}
