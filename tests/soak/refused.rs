//! Peers that are refused: several want one routing id, or the one place of a PAIR, and each gets it in its turn.
//!
//! The paths are good, so that nothing is lost: who is refused keeps what it has to send.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use highwater::{Dealer, EventKind, Message, Pair, Router, RoutingId, SendError, Stats, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{random_len, read};
use crate::support::{PATIENCE, wait_until};
use crate::world::{Checks, SetAtEnd, World, hasty, or_panic};

/// How many want the same at a time.
const RIVALS: usize = 3;

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let ledgers = [Ledger::new("one id"), Ledger::new("one place")];
    std::thread::scope(|scope| {
        for (index, transport) in [Transport::Tcp, Transport::Ipc].into_iter().enumerate() {
            let at = world.vacant()[index].clone();
            let (ledger, seed) = (&ledgers[0], StdRng::seed_from_u64(random.random()));
            scope.spawn(move || one_id(world, ledger, &at, transport, seed));
            let at = world.vacant()[index].clone();
            let (ledger, seed) = (&ledgers[1], StdRng::seed_from_u64(random.random()));
            scope.spawn(move || one_place(world, ledger, &at, transport, seed));
        }
    });
    Box::new(move || ledgers.into_iter().for_each(Ledger::settle))
}

/// DEALERs of the same name.
fn one_id(world: &World, ledger: &Ledger, at: &str, transport: Transport, mut random: StdRng) {
    let router = hasty(Router::builder(&world.context), &mut random).build();
    let events = router.monitor();
    router.bind(at).expect("the address is free");
    let name = RoutingId::new("the one").expect("a good id");
    let rival = |random: &mut StdRng| -> Box<dyn Rival> {
        let builder = hasty(Dealer::builder(&world.context), random);
        let dealer = builder.routing_id(name.clone()).build();
        dealer.connect(at).expect("connecting");
        Box::new(dealer)
    };
    let hear = || {
        let (from, message) = router.recv_timeout(Duration::from_millis(10)).ok()?;
        assert_eq!(from, name);
        Some(message)
    };
    contest(world, ledger, transport, random, &rival, &hear);
    let refused = events
        .try_iter()
        .filter(|event| matches!(event.kind, EventKind::HandshakeFailed(_)));
    check(&router.stats(), refused.count());
}

/// PAIRs that want the same partner.
fn one_place(world: &World, ledger: &Ledger, at: &str, transport: Transport, mut random: StdRng) {
    let pair = hasty(Pair::builder(&world.context), &mut random).build();
    let events = pair.monitor();
    pair.bind(at).expect("the address is free");
    let rival = |random: &mut StdRng| -> Box<dyn Rival> {
        let pair = hasty(Pair::builder(&world.context), random).build();
        pair.connect(at).expect("connecting");
        Box::new(pair)
    };
    let hear = || pair.recv_timeout(Duration::from_millis(10)).ok();
    contest(world, ledger, transport, random, &rival, &hear);
    let refused = events
        .try_iter()
        .filter(|event| matches!(event.kind, EventKind::HandshakeFailed(_)));
    check(&pair.stats(), refused.count());
}

/// What those have counted who refuse is what they have told; nothing is lost.
fn check(stats: &Stats, refused: usize) {
    assert_eq!(stats.handshakes_failed, refused as u64, "{stats:?}");
    assert!(refused > 0 && stats.events_missed == 0, "{stats:?}");
    assert_eq!(stats.dropped, Default::default());
}

/// A socket that may be refused.
trait Rival: Send {
    fn send(&self, message: Message) -> Result<(), SendError>;
    fn stats(&self) -> Stats;
    fn close(self: Box<Self>) -> usize;
}

macro_rules! rival {
    ($($name:ident)+) => {$(
        impl Rival for $name {
            fn send(&self, message: Message) -> Result<(), SendError> {
                self.send_timeout(message, Duration::from_millis(20))
            }
            fn stats(&self) -> Stats {
                self.stats()
            }
            fn close(self: Box<Self>) -> usize {
                (*self).close(PATIENCE).lost
            }
        }
    )+};
}
rival!(Dealer Pair);

/// Until all is calm, and once at least, rivals come; each goes when all of it is heard and all others have been refused.
fn contest(
    world: &World,
    ledger: &Ledger,
    transport: Transport,
    mut random: StdRng,
    rival: &(dyn Fn(&mut StdRng) -> Box<dyn Rival> + Sync),
    hear: &dyn Fn() -> Option<Message>,
) {
    // Once at least, however late this thread begins: only then somebody was refused.
    loop {
        let (refused, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (refused, over) = (&refused, &over);
            let rivals: Vec<_> = (0..RIVALS)
                .map(|_| {
                    let random = StdRng::seed_from_u64(random.random());
                    scope.spawn(move || compete(world, ledger, transport, random, rival, refused))
                })
                .collect();
            scope.spawn(move || {
                let _end = SetAtEnd(over);
                rivals.into_iter().for_each(|rival| or_panic(rival.join()));
            });
            while !over.load(Ordering::SeqCst) {
                if let Some(message) = hear() {
                    let (stream, number) = read(&message);
                    ledger.hear(stream, 0, number);
                }
            }
        });
        if world.is_calm() {
            return;
        }
    }
}

fn compete(
    world: &World,
    ledger: &Ledger,
    transport: Transport,
    mut random: StdRng,
    rival: &dyn Fn(&mut StdRng) -> Box<dyn Rival>,
    refused: &AtomicUsize,
) {
    let socket = rival(&mut random);
    let mut account = Account::new(world.new_stream(), (0, transport), Order::Consecutive);
    // Who is refused loses nothing.
    account.farewell = Some(0);
    let mut told = false;
    let mut look = || {
        if !told && socket.stats().retries > 0 {
            told = true;
            refused.fetch_add(1, Ordering::SeqCst);
        }
    };
    for _ in 0..random.random_range(1..100) {
        let len = random_len(&mut random);
        wait_until("its turn comes", || {
            look();
            account.send(len, |message| socket.send(message))
        });
    }
    let last = account.sent() - 1;
    wait_until(format!("all is heard of {account:?}"), || {
        look();
        ledger.has_heard(account.stream, last) && refused.load(Ordering::SeqCst) + 1 >= RIVALS
    });
    account.check_stats(&socket.stats());
    assert_eq!(socket.close(), 0);
    ledger.close(account);
}
