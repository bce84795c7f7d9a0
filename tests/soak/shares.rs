//! Peers of unequal zeal: who is silent for long and then has something to say is heard while another never stops.
//!
//! There are no bounds on time here but the patience of a test: under a rule that starves somebody, what they send is not heard
//! for as long as the busy peer goes on, and that does not stop before.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use highwater::{Dealer, Dropped, Pull, Push, Router, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{message, random_len, read};
use crate::support::{PATIENCE, wait_until};
use crate::world::{Checks, SetAtEnd, TRANSPORTS, World, or_panic};

/// How many times after all is calm each slow peer has to be heard, beside a busy one.
const AFTERWARDS: usize = 20;

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let ledger = Ledger::new("unequal peers");
    std::thread::scope(|scope| {
        // More than a receiver reads itself, or fewer; with lanes among them, or not.
        let peers = [3, 12, 70][random.random_range(0..3)];
        let among = random.random_range(1..=TRANSPORTS.len());
        let (ledger, places) = (&ledger, world.vacant());
        let seed = StdRng::seed_from_u64(random.random());
        scope.spawn(move || pull(world, ledger, &places[..among], peers, seed));
        let places = world.vacant();
        scope.spawn(move || router(world, &places[..among], random));
    });
    Box::new(move || ledger.settle())
}

/// Slow senders to a PULL, and one that never stops before each of them was heard often enough.
fn pull(world: &World, ledger: &Ledger, places: &[String], peers: usize, mut random: StdRng) {
    let pull = Pull::new(&world.context);
    for place in places {
        pull.bind(&**place).expect("the address is free");
    }
    let (waiting, over) = (AtomicUsize::new(peers), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (waiting, over) = (&waiting, &over);
        let senders: Vec<Sender<'_>> = (0..=peers)
            .map(|_| {
                let place = random.random_range(0..places.len());
                let (at, transport) = (&*places[place], TRANSPORTS[place]);
                let random = StdRng::seed_from_u64(random.random());
                Sender::new(world, ledger, at, transport, random)
            })
            .collect();
        let mut slow = senders.into_iter();
        let busy = slow.next().expect("one at least");
        let mut threads = vec![scope.spawn(move || busy.never_stop(waiting))];
        while let Some(first) = slow.next() {
            let group: Vec<Sender<'_>> = [first].into_iter().chain(slow.by_ref().take(9)).collect();
            threads.push(scope.spawn(move || speak_now_and_then(group, waiting)));
        }
        scope.spawn(move || {
            let _end = SetAtEnd(over);
            threads
                .into_iter()
                .for_each(|thread| or_panic(thread.join()));
        });
        while !over.load(Ordering::SeqCst) {
            if let Ok(message) = pull.recv_timeout(Duration::from_millis(10)) {
                let (stream, number) = read(&message);
                ledger.hear(stream, 0, number);
            }
        }
    });
    assert_eq!(pull.stats().dropped, Dropped::default());
}

struct Sender<'a> {
    world: &'a World,
    ledger: &'a Ledger,
    push: Push,
    account: Account,
    random: StdRng,
}

impl<'a> Sender<'a> {
    fn new(
        world: &'a World,
        ledger: &'a Ledger,
        at: &str,
        transport: Transport,
        random: StdRng,
    ) -> Self {
        let push = Push::new(&world.context);
        push.connect(at).expect("connecting");
        let mut account = Account::new(world.new_stream(), (0, transport), Order::Consecutive);
        account.farewell = Some(0);
        Self {
            world,
            ledger,
            push,
            account,
            random,
        }
    }

    fn send(&mut self, len: usize) {
        let Self { push, account, .. } = self;
        let sent = account.send(len, |message| push.send_timeout(message, PATIENCE));
        assert!(sent, "there is no room for {account:?}");
    }

    fn never_stop(mut self, waiting: &AtomicUsize) {
        while waiting.load(Ordering::SeqCst) > 0 {
            for _ in 0..100 {
                self.send(8);
            }
        }
        self.end();
    }

    fn wait_until_heard(&self) {
        let Self {
            ledger, account, ..
        } = self;
        wait_until(format!("{account:?} is heard beside others"), || {
            ledger.has_heard(account.stream, account.sent() - 1)
        });
    }

    fn end(self) {
        self.wait_until_heard();
        self.account.check_stats(&self.push.stats());
        assert_eq!(self.push.close(PATIENCE).lost, 0);
        self.ledger.close(self.account);
    }
}

/// Each of these says something, and again when all of them are heard.
fn speak_now_and_then(mut senders: Vec<Sender<'_>>, waiting: &AtomicUsize) {
    let mut afterwards = 0;
    while afterwards < AFTERWARDS {
        afterwards += usize::from(senders[0].world.is_calm());
        for sender in &mut senders {
            let len = random_len(&mut sender.random);
            sender.send(len);
        }
        senders.iter().for_each(Sender::wait_until_heard);
        let random = &mut senders[0].random;
        std::thread::sleep(Duration::from_micros(random.random_range(0..20_000))); // they are slow
    }
    waiting.fetch_sub(senders.len(), Ordering::SeqCst);
    senders.into_iter().for_each(Sender::end);
}

/// DEALERs that ask a ROUTER, each when it has its answer, and one that asks without waiting.
fn router(world: &World, places: &[String], mut random: StdRng) {
    const ASKERS: usize = 8;
    let router = Router::new(&world.context);
    for place in places {
        router.bind(&**place).expect("the address is free");
    }
    let (waiting, over) = (AtomicUsize::new(ASKERS), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (waiting, over) = (&waiting, &over);
        let askers: Vec<_> = (0..=ASKERS)
            .map(|asker| {
                let at = &*places[random.random_range(0..places.len())];
                let dealer = Dealer::new(&world.context);
                dealer.connect(at).expect("connecting");
                let stream = world.new_stream();
                scope.spawn(move || {
                    let mut number = 0;
                    let mut afterwards = 0;
                    while asker > 0 && afterwards < AFTERWARDS {
                        afterwards += usize::from(world.is_calm());
                        let question = message(stream, number, 50);
                        number += 1;
                        dealer.send(question.clone()).expect("there is room");
                        let answer = dealer.recv_timeout(PATIENCE).expect("it is answered");
                        assert!(answer == question);
                    }
                    if asker > 0 {
                        waiting.fetch_sub(1, Ordering::SeqCst);
                    }
                    while asker == 0 && waiting.load(Ordering::SeqCst) > 0 {
                        dealer
                            .send(message(stream, number, 50))
                            .expect("room comes");
                        number += 1;
                        while dealer.try_recv().is_ok() {}
                    }
                    let _ = dealer.close(Duration::ZERO);
                })
            })
            .collect();
        scope.spawn(move || {
            let _end = SetAtEnd(over);
            askers.into_iter().for_each(|asker| or_panic(asker.join()));
        });
        while !over.load(Ordering::SeqCst) {
            if let Ok((from, message)) = router.recv_timeout(Duration::from_millis(10)) {
                let _ = router.send_to(&from, message); // the busy one may not read, or have gone
            }
        }
    });
}
