//! Contexts that go before their sockets, in every order and on any thread: whoever goes last waits, and nothing is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::{Context, Dropped, EventKind, Linger, Pull, Push, Transport};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{random_len, read};
use crate::support::{PATIENCE, wait_until};
use crate::world::{Checks, SetAtEnd, World, or_panic};

/// Threads that make contexts, over each transport.
const MAKERS: usize = 2;

/// What has to be dropped, in some order.
enum Owner {
    Context(Context),
    Push(Push),
    /// One that has nothing to send.
    Idle(Pull),
}

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let ledger = Ledger::new("context first");
    let ways = world.vacant();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut seed = || StdRng::seed_from_u64(random.random());
        let mut makers = Vec::new();
        for (way, transport) in ways.iter().zip([Transport::Tcp, Transport::Ipc]) {
            for _ in 0..MAKERS {
                let (ledger, random) = (&ledger, seed());
                makers.push(scope.spawn(move || make(world, ledger, way, transport, random)));
            }
        }
        let random = seed();
        scope.spawn(move || within(world, random));
        let (ledger, over, ways) = (&ledger, &over, &ways);
        scope.spawn(move || receive(world, ledger, ways, over));
        scope.spawn(move || {
            let _end = SetAtEnd(over);
            makers.into_iter().for_each(|maker| or_panic(maker.join()));
        });
    });
    Box::new(move || ledger.settle())
}

/// Hears everything that is sent until nobody makes contexts any more.
fn receive(world: &World, ledger: &Ledger, ways: &[String; 3], over: &AtomicBool) {
    let pull = Pull::new(&world.context);
    for way in &ways[..2] {
        pull.bind(&**way).expect("the address is free");
    }
    let mut received = 0;
    while !over.load(Ordering::SeqCst) || !pull.peers().is_empty() {
        let Ok(message) = pull.recv_timeout(Duration::from_millis(10)) else {
            continue;
        };
        received += 1;
        let (stream, number) = read(&message);
        ledger.hear(stream, 0, number);
    }
    let stats = pull.stats();
    assert_eq!(stats.messages_received, received);
    assert_eq!(stats.dropped, Dropped::default());
}

/// One context after the other sends something and goes, before its sockets or after; what was sent has arrived by the time
/// that the last of them has gone.
fn make(world: &World, ledger: &Ledger, way: &str, transport: Transport, mut random: StdRng) {
    while !world.is_calm() {
        let context = Context::builder()
            .io_threads(random.random_range(1..=2))
            .build();
        let mut accounts = Vec::new();
        let mut owners = vec![Owner::Context(context.clone())];
        for _ in 0..random.random_range(1..4) {
            let push = Push::builder(&context)
                .linger(match random.random() {
                    true => Linger::Forever,
                    false => Linger::AtMost(PATIENCE),
                })
                .build();
            let events = push.monitor();
            push.connect(way).expect("connecting");
            let mut account = Account::new(world.new_stream(), (0, transport), Order::Consecutive);
            // Not one may be missing.
            account.farewell = Some(0);
            for _ in 0..random.random_range(0..300) {
                let len = random_len(&mut random);
                assert!(account.send(len, |message| push.send(message)));
            }
            accounts.push((account, events));
            owners.push(Owner::Push(push));
        }
        if random.random() {
            owners.push(Owner::Idle(Pull::new(&context)));
        }
        if random.random_ratio(1, 4) {
            context.shutdown();
        }
        owners.shuffle(&mut random);
        drop(context);
        drop_all(owners, &mut random);
        for (account, events) in accounts {
            let lost = events.try_iter().find(|event| {
                matches!(
                    event.kind,
                    EventKind::Unsent { .. } | EventKind::Disconnected { lost: 1.., .. }
                )
            });
            assert!(lost.is_none(), "{lost:?} of {account:?}");
            if let Some(last) = account.sent().checked_sub(1) {
                wait_until(format!("all has arrived of {account:?}"), || {
                    ledger.has_heard(account.stream, last)
                });
            }
            ledger.close(account);
        }
    }
}

fn drop_all(owners: Vec<Owner>, random: &mut StdRng) {
    let drop_one = |owner| match owner {
        Owner::Context(context) => drop(context),
        Owner::Push(push) => drop(push),
        Owner::Idle(pull) => drop(pull),
    };
    match random.random_range(0..3) {
        0 => owners.into_iter().for_each(drop_one),
        1 => std::thread::scope(|scope| {
            for owner in owners {
                scope.spawn(move || drop_one(owner));
            }
        }),
        _ => {
            let panicked = catch_unwind(AssertUnwindSafe(move || {
                let _owners = owners;
                std::panic::resume_unwind(Box::new("as planned"));
            }));
            assert!(panicked.is_err());
        }
    }
}

/// Within the process the peer has everything, whatever else has gone.
fn within(world: &World, mut random: StdRng) {
    while !world.is_calm() {
        let context = Context::new();
        let (push, pull) = (Push::new(&context), Pull::new(&context));
        match random.random() {
            true => {
                pull.bind("inproc://here").expect("it is free");
                push.connect("inproc://here").expect("connecting");
            }
            false => {
                pull.connect("inproc://here").expect("connecting");
                push.bind("inproc://here").expect("it is free");
            }
        }
        let count = random.random_range(1..300);
        for number in 0..count {
            push.send(number.to_string()).expect("there is room");
        }
        drop(context);
        drop(push);
        for number in 0..count {
            let message = pull.recv_timeout(PATIENCE).expect("it is there");
            assert_eq!(message, *number.to_string());
        }
    }
}
