//! PUSH and PULL: several receivers, each with senders over every transport.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::{Dropped, Pull, Push, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{random_len, read};
use crate::support::wait_until;
use crate::world::{Checks, SetAtEnd, Way, World, bind_again, hasty, or_panic};

/// Senders to each receiver over each transport.
const SENDERS: usize = 2;

/// One receiver, in all of its incarnations.
#[derive(Debug)]
struct Desk<'a> {
    world: &'a World,
    ledger: &'a Ledger,
    number: usize,
    ways: [Way; 3],
    /// This incarnation stays to the end.
    settled: AtomicBool,
    all_sent: AtomicBool,
}

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let ledger = Ledger::new("push");
    let desks = [0, 1].map(|number| Desk {
        world,
        ledger: &ledger,
        number,
        ways: world.ways(&mut random),
        settled: AtomicBool::new(false),
        all_sent: AtomicBool::new(false),
    });
    std::thread::scope(|scope| {
        for desk in &desks {
            let mut seed = || StdRng::seed_from_u64(random.random());
            let mut senders = Vec::new();
            for way in &desk.ways {
                for _ in 0..SENDERS {
                    let random = seed();
                    senders.push(scope.spawn(move || desk.send_for_a_while(way, random)));
                }
            }
            let random = seed();
            scope.spawn(move || desk.receive_for_a_while(random));
            scope.spawn(move || {
                let _end = SetAtEnd(&desk.all_sent);
                senders
                    .into_iter()
                    .for_each(|sender| or_panic(sender.join()));
            });
        }
    });
    Box::new(move || ledger.settle())
}

impl Desk<'_> {
    /// Sends as one socket after the other until all is calm; the last of them loses nothing from then on.
    fn send_for_a_while(&self, way: &Way, mut random: StdRng) {
        loop {
            let push = hasty(Push::builder(&self.world.context), &mut random).build();
            let stream = self.world.new_stream();
            let mut account = Account::new(stream, (self.number, way.transport), Order::Merged);
            account.events = Some(push.monitor());
            push.connect(&*way.reached).expect("connecting");
            let mut bursts = random.random_range(1..60);
            while bursts > 0 && !self.world.is_calm() {
                bursts -= 1;
                burst(&mut account, &push, &mut random);
                // Within the process nobody connects again on our behalf.
                let left = way.transport == Transport::Inproc && push.peers().is_empty();
                if left || random.random_ratio(1, 50) {
                    reconnect(&mut account, &push, way);
                }
            }
            let is_last = self.world.is_calm();
            if is_last {
                self.say_farewell(&mut account, &push, way);
            }
            let stats = push.stats();
            account.check_stats(&stats);
            if account.given_up == 0 && way.transport != Transport::Inproc {
                assert_eq!(
                    stats.dropped.unsent, 0,
                    "it is kept for the next connection"
                );
            }
            if !is_last && self.world.is_blunt(&mut random) {
                account.blind = true;
                drop_somehow(push, &mut random);
            } else {
                let _ = push.disconnect(&*way.reached);
                account.parked = Some(Box::new(move || push.stats()));
            }
            self.ledger.close(account);
            if is_last {
                return;
            }
        }
    }

    /// All is calm: from the first message on that arrives, all arrive.
    fn say_farewell(&self, account: &mut Account, push: &Push, way: &Way) {
        wait_until("the last receiver is there", || {
            self.settled.load(Ordering::SeqCst)
        });
        let first = account.sent();
        wait_until(format!("something arrives of {account:?}"), || {
            if way.transport == Transport::Inproc && push.peers().is_empty() {
                reconnect(account, push, way);
            }
            send(account, push, 1);
            self.ledger.has_heard(account.stream, first)
        });
        account.farewell = Some(account.sent());
        let last = account.sent() + 99;
        while account.sent() <= last {
            send(account, push, 100);
        }
        wait_until(format!("all arrives of {account:?}"), || {
            self.ledger.has_heard(account.stream, last)
        });
    }

    /// Receives with one socket after the other, all at the same endpoints, until everybody has sent.
    fn receive_for_a_while(&self, mut random: StdRng) {
        while !self.all_sent.load(Ordering::SeqCst) {
            let pull = hasty(Pull::builder(&self.world.context), &mut random).build();
            for way in &self.ways {
                bind_again(|| pull.bind(&*way.bound));
            }
            let mut received = 0;
            let mut bursts = random.random_range(1..100);
            // Before it is calm a socket lives for some bursts, afterwards to the end.
            while (bursts > 0 || self.world.is_calm()) && !self.all_sent.load(Ordering::SeqCst) {
                bursts -= i32::from(bursts > 0);
                received += self.receive_some(&pull, random.random_range(1..500));
                if self.world.is_calm() {
                    self.settled.store(true, Ordering::SeqCst);
                    continue;
                }
                match random.random_range(0..100) {
                    0 => std::thread::sleep(Duration::from_millis(random.random_range(1..200))), // a stall
                    1 | 2 => {
                        let way = &self.ways[random.random_range(0..self.ways.len())];
                        self.unbind(&pull, way);
                        bind_again(|| pull.bind(&*way.bound));
                    }
                    _ => {}
                }
            }
            let is_blunt = self.world.is_blunt(&mut random);
            if is_blunt {
                for way in &self.ways {
                    self.ledger.unread((self.number, way.transport), None);
                }
            } else {
                self.ways.iter().for_each(|way| self.unbind(&pull, way));
                // What came from those who had gone before.
                received += self.receive_some(&pull, u64::MAX);
            }
            let stats = pull.stats();
            assert_eq!(stats.messages_received, received);
            let mut lost = Dropped::default();
            lost.unread = stats.dropped.unread;
            assert_eq!(stats.dropped, lost);
            assert!(is_blunt || stats.queued_to_receive == 0, "{stats:?}");
            assert!(stats.disconnects <= stats.handshakes, "{stats:?}");
        }
    }

    /// Stops listening, and tells the ledger what was there and not read.
    fn unbind(&self, pull: &Pull, way: &Way) {
        let before = pull.stats().dropped.unread;
        pull.unbind(&*way.bound).expect("it was bound");
        let unread = pull.stats().dropped.unread - before;
        self.ledger
            .unread((self.number, way.transport), Some(unread));
    }

    fn receive_some(&self, pull: &Pull, most: u64) -> u64 {
        let mut received = 0;
        while received < most {
            let Ok(message) = pull.recv_timeout(Duration::from_millis(10)) else {
                break;
            };
            received += 1;
            let (stream, number) = read(&message);
            self.ledger.hear(stream, 0, number);
        }
        received
    }
}

fn burst(account: &mut Account, push: &Push, random: &mut StdRng) {
    for _ in 0..random.random_range(1..100) {
        if !send(account, push, random_len(random)) {
            return;
        }
    }
}

/// How long a message waits for room.
const PATIENT_ENOUGH: Duration = Duration::from_millis(20);

/// Sends the next message, unless there is no room for it for a while.
fn send(account: &mut Account, push: &Push, len: usize) -> bool {
    account.send(len, |message| push.send_timeout(message, PATIENT_ENOUGH))
}

fn reconnect(account: &mut Account, push: &Push, way: &Way) {
    account.given_up += 1;
    let _ = push.disconnect(&*way.reached); // which may have ended by itself
    push.connect(&*way.reached).expect("connecting");
}

fn drop_somehow(push: Push, random: &mut StdRng) {
    match random.random_range(0..3) {
        0 => drop(push),
        1 => {
            push.set_option("linger", "0").expect("an option");
            drop(push);
        }
        _ => {
            let _ = push.close(Duration::from_millis(100));
        }
    }
}
