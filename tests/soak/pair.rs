//! PAIR: one pair over each transport, of which both ends send and receive, come and go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::{Pair, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{random_len, read};
use crate::support::wait_until;
use crate::world::{Checks, SetAtEnd, Way, World, bind_again, hasty};

/// One of the two ends, in all of its incarnations.
#[derive(Debug)]
struct End<'a> {
    world: &'a World,
    ledger: &'a Ledger,
    way: &'a Way,
    binds: bool,
    flags: [&'a Flags; 2],
}

/// How far one end is.
#[derive(Debug, Default)]
struct Flags {
    /// This incarnation stays to the end.
    settled: AtomicBool,
    /// All that it has sent has arrived.
    done: AtomicBool,
}

/// One incarnation of an end.
struct Life {
    pair: Pair,
    account: Account,
    received: u64,
}

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let ledger = Ledger::new("pair");
    let ways = world.ways(&mut random);
    let flags: [[Flags; 2]; 3] = Default::default();
    std::thread::scope(|scope| {
        for (way, [here, there]) in ways.iter().zip(&flags) {
            for (binds, flags) in [(true, [here, there]), (false, [there, here])] {
                let random = StdRng::seed_from_u64(random.random());
                let ledger = &ledger;
                let end = End {
                    world,
                    ledger,
                    way,
                    binds,
                    flags,
                };
                scope.spawn(move || end.talk_for_a_while(random));
            }
        }
    });
    Box::new(move || ledger.settle())
}

impl End<'_> {
    /// Talks as one socket after the other until all is calm; then as the last.
    fn talk_for_a_while(&self, mut random: StdRng) {
        let [own, _] = self.flags;
        let _end = SetAtEnd(&own.done); // a panic of this end is no reason for the other to wait
        loop {
            let pair = hasty(Pair::builder(&self.world.context), &mut random).build();
            let transport = self.way.transport;
            let (to, from) = (usize::from(self.binds), usize::from(!self.binds));
            let mut account = Account::new(self.world.new_stream(), (to, transport), Order::Merged);
            account.hears = Some((from, transport));
            account.events = Some(pair.monitor());
            let mut life = Life {
                pair,
                account,
                received: 0,
            };
            self.begin(&life.pair);
            let mut bursts = random.random_range(1..100);
            while bursts > 0 && !self.world.is_calm() {
                bursts -= 1;
                for _ in 0..random.random_range(1..50) {
                    if !life.send(random_len(&mut random)) {
                        break;
                    }
                }
                life.receive(self.ledger, random.random_range(1..100));
                if random.random_ratio(1, 100) {
                    std::thread::sleep(Duration::from_millis(random.random_range(1..100))); // a stall
                }
                if self.is_left(&life.pair) || random.random_ratio(1, 50) {
                    self.begin_anew(&mut life);
                }
            }
            let is_last = self.world.is_calm();
            if is_last {
                self.say_farewell(&mut life);
            }
            life.account.check_stats(&life.pair.stats());
            if !is_last && self.world.is_blunt(&mut random) {
                life.account.blind = true;
                drop(life.pair);
            } else {
                self.end(&life.pair);
                life.receive(self.ledger, u64::MAX);
                let stats = life.pair.stats();
                assert_eq!(stats.messages_received, life.received, "{stats:?}");
                life.account.parked = Some(Box::new(move || life.pair.stats()));
            }
            self.ledger.close(life.account);
            if is_last {
                return;
            }
        }
    }

    /// All is calm: from the first message on that arrives, all arrive, in both directions.
    fn say_farewell(&self, life: &mut Life) {
        let [own, other] = self.flags;
        own.settled.store(true, Ordering::SeqCst);
        wait_until("the other end stays", || {
            life.receive(self.ledger, 100);
            other.settled.load(Ordering::SeqCst)
        });
        let (stream, first) = (life.account.stream, life.account.sent());
        wait_until(format!("something arrives of {:?}", life.account), || {
            if self.is_left(&life.pair) {
                self.begin_anew(life);
            }
            life.send(1);
            life.receive(self.ledger, 100);
            self.ledger.has_heard(stream, first)
        });
        life.account.farewell = Some(life.account.sent());
        let last = life.account.sent() + 99;
        wait_until(format!("all arrives of {:?}", life.account), || {
            if life.account.sent() <= last {
                life.send(100);
            }
            life.receive(self.ledger, 100);
            self.ledger.has_heard(stream, last)
        });
        own.done.store(true, Ordering::SeqCst);
        wait_until("the other end is done", || {
            life.receive(self.ledger, 100);
            other.done.load(Ordering::SeqCst)
        });
    }

    /// Within the process nobody connects again on our behalf.
    fn is_left(&self, pair: &Pair) -> bool {
        !self.binds && self.way.transport == Transport::Inproc && pair.peers().is_empty()
    }

    fn begin(&self, pair: &Pair) {
        match self.binds {
            true => bind_again(|| pair.bind(&*self.way.bound)),
            false => pair.connect(&*self.way.reached).expect("connecting"),
        }
    }

    fn begin_anew(&self, life: &mut Life) {
        life.account.given_up += 1;
        self.end(&life.pair);
        self.begin(&life.pair);
    }

    fn end(&self, pair: &Pair) {
        match self.binds {
            true => pair.unbind(&*self.way.bound).expect("it was bound"),
            false => drop(pair.disconnect(&*self.way.reached)), // which may have ended by itself
        }
    }
}

impl Life {
    /// Sends the next message, unless there is no room for it for a while.
    fn send(&mut self, len: usize) -> bool {
        let pair = &self.pair;
        self.account.send(len, |message| {
            pair.send_timeout(message, Duration::from_millis(5))
        })
    }

    fn receive(&mut self, ledger: &Ledger, most: u64) {
        for _ in 0..most {
            let Ok(message) = self.pair.recv_timeout(Duration::from_millis(5)) else {
                break;
            };
            self.received += 1;
            let (stream, number) = read(&message);
            ledger.hear(stream, 0, number);
        }
    }
}
