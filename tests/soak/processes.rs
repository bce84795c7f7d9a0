//! PUSH and PULL between processes, of which some are stopped for a while, and most are killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::{Context, Dropped, Endpoint, Pull, Push, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Group, Ledger, Order};
use crate::message::{message, random_len, read};
use crate::support::{Child, PATIENCE, wait_until};
use crate::world::{Checks, SetAtEnd, World, hasty};

/// Transports between processes: tcp and ipc.
const BETWEEN: usize = 2;

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let (out, back) = (Ledger::new("to child"), Ledger::new("from child"));
    let [there, here] = [world.vacant(), world.vacant()];
    std::thread::scope(|scope| {
        let mut seed = || StdRng::seed_from_u64(random.random());
        for (index, (there, here)) in there.iter().zip(&here).take(BETWEEN).enumerate() {
            let (group, random, ledger) = ((index, transport(there)), seed(), &out);
            scope.spawn(move || send_to_children(world, ledger, group, there, random));
            let (group, random, ledger) = ((index, transport(here)), seed(), &back);
            scope.spawn(move || hear_children(world, ledger, group, here, random));
        }
    });
    Box::new(move || {
        out.settle();
        back.settle();
    })
}

/// In a child: sends or receives.
pub(crate) fn play(role: &[&str], say: &dyn Fn(&str), listen: &dyn Fn() -> String) {
    match *role {
        ["push", at, stream] => {
            let stream = stream.parse().expect("a number");
            let mut random = StdRng::seed_from_u64(stream);
            let push = Push::new(&Context::new());
            push.connect(at).expect("connecting");
            let mut sent = 0;
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        let message = message(stream, sent, random_len(&mut random));
                        let outcome = push.send_timeout(message, Duration::from_millis(20));
                        sent += u64::from(outcome.is_ok());
                    }
                });
                listen();
                over.store(true, Ordering::SeqCst);
            });
            assert_eq!(push.stats().messages_sent, sent);
            assert_eq!(push.close(PATIENCE).lost, 0);
            say(&sent.to_string());
        }
        ["pull", at] => {
            let pull = Pull::new(&Context::new());
            pull.bind(at).expect("the address is free again");
            while let Ok(message) = pull.recv() {
                let (stream, number) = read(&message);
                say(&format!("{stream} {number}"));
            }
        }
        _ => panic!("an unknown role: {role:?}"),
    }
}

fn transport(at: &str) -> Transport {
    let endpoint: Endpoint = at.parse().expect("an endpoint");
    endpoint.transport()
}

/// One socket sends to one child after the other, all at the same address.
fn send_to_children(world: &World, ledger: &Ledger, group: Group, at: &str, mut random: StdRng) {
    let push = hasty(Push::builder(&world.context), &mut random).build();
    let mut account = Account::new(world.new_stream(), group, Order::Consecutive);
    account.events = Some(push.monitor());
    push.connect(at).expect("connecting");
    let mut children = 0;
    let hear = |child: &Child, number: u64, patience| {
        while let Some(line) = child.hear_within(patience) {
            let (stream, heard) = line.split_once(' ').expect("two numbers");
            let number_of = |text: &str| text.parse().expect("a number");
            ledger.hear(number_of(stream), number, number_of(heard));
        }
    };
    let send = |account: &mut Account, len| {
        let sent = push.send_timeout(account.next(len), Duration::from_millis(20));
        if sent.is_ok() {
            account.lens.push(len);
        }
        sent.is_ok()
    };
    loop {
        children += 1;
        let mut child = Child::start(&format!("pull {at}"));
        let mut bursts = random.random_range(1..100);
        while bursts > 0 && !world.is_calm() {
            bursts -= 1;
            for _ in 0..random.random_range(1..100) {
                if !send(&mut account, random_len(&mut random)) {
                    break;
                }
            }
            hear(&child, children, Duration::from_millis(1));
            stall(&child, &mut random);
        }
        if world.is_calm() {
            let first = account.sent();
            wait_until("something arrives", || {
                send(&mut account, 1);
                hear(&child, children, Duration::from_millis(1));
                ledger.has_heard(account.stream, first)
            });
            account.farewell = Some(account.sent());
            let last = account.sent() + 99;
            wait_until("all arrives", || {
                if account.sent() <= last {
                    send(&mut account, 100);
                }
                hear(&child, children, Duration::from_millis(1));
                ledger.has_heard(account.stream, last)
            });
        }
        child.kill();
        hear(&child, children, Duration::ZERO);
        if account.farewell.is_some() {
            break;
        }
    }
    account.check_stats(&push.stats());
    assert_eq!(
        push.stats().dropped.unsent,
        0,
        "it is kept for the next connection"
    );
    let _ = push.disconnect(at);
    account.parked = Some(Box::new(move || push.stats()));
    ledger.close(account);
}

/// One child after the other sends to one socket, which hears all of it, but for the last words of those killed.
fn hear_children(world: &World, ledger: &Ledger, group: Group, at: &str, mut random: StdRng) {
    let pull = hasty(Pull::builder(&world.context), &mut random).build();
    pull.bind(at).expect("the address is free");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _end = SetAtEnd(&over);
            while !world.is_calm() {
                let stream = world.new_stream();
                let mut child = Child::start(&format!("push {at} {stream}"));
                for _ in 0..random.random_range(1..20) {
                    std::thread::sleep(Duration::from_millis(random.random_range(1..50))); // it sends
                    stall(&child, &mut random);
                }
                let mut account = Account::new(stream, group, Order::Consecutive);
                // Nothing is lost but what is the last, of which nobody knows.
                account.farewell = Some(0);
                if random.random_ratio(2, 3) {
                    child.kill();
                    account.killed = true;
                } else {
                    child.tell("end");
                    let sent: usize = child.hear().parse().expect("a number");
                    child.wait();
                    account.lens = vec![0; sent];
                    wait_until(format!("all arrives of {account:?}"), || {
                        sent == 0 || ledger.has_heard(stream, sent as u64 - 1)
                    });
                }
                ledger.close(account);
            }
        });
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
        assert_eq!(stats.disconnects, stats.handshakes, "{stats:?}");
    });
}

/// Now and then has `child` do nothing for a while.
fn stall(child: &Child, random: &mut StdRng) {
    if random.random_ratio(1, 20) {
        child.stop();
        std::thread::sleep(Duration::from_millis(random.random_range(1..200))); // the stall
        child.go_on();
    }
}
