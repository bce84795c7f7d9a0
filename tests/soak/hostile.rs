//! Hostile peers among honest ones: who breaks every rule breaks its own connection, and nobody else loses, or waits for ever.
//!
//! The honest paths are good here, so that nothing at all may be lost: the ledger knows of no excuse.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use highwater::{Context, Dealer, Endpoint, Pub, Pull, Push, Rep, Req, Router, Sub, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{message, random_len, read};
use crate::support::{PATIENCE, RawPeer, command, frame, greeting, ready, wait_until};
use crate::world::{Checks, SetAtEnd, World, hasty, or_panic};

/// How much one attacker sends at the most before it goes.
const MOST_SENT: usize = 1 << 18;

/// What is attacked, and what an honest peer of it would be.
const ROLES: [&str; 4] = ["PUSH", "REQ", "SUB", "DEALER"];

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let ledger = Ledger::new("among hostile peers");
    let attacks = AtomicU64::new(0);
    let refused = [AtomicBool::new(false), AtomicBool::new(false)];
    std::thread::scope(|scope| {
        let mut seed = || StdRng::seed_from_u64(random.random());
        for transport in [0, 1] {
            let places = ROLES.map(|_| world.vacant()[transport].clone());
            let refused = &refused[transport];
            let transport = [Transport::Tcp, Transport::Ipc][transport];
            for (place, role) in places.iter().zip(ROLES) {
                let (place, random, attacks) = (place.clone(), seed(), &attacks);
                let is_over = move || world.is_calm() && (role != "PUSH" || is_set(refused));
                scope.spawn(move || attack_for_a_while(&is_over, &place, role, attacks, random));
            }
            let [pull, rep, publisher, router] = places;
            let (ledger, random) = (&ledger, seed());
            scope.spawn(move || stream(world, ledger, &pull, transport, refused, random));
            let random = seed();
            scope.spawn(move || answer(world, &rep, random));
            let random = seed();
            scope.spawn(move || publish(world, &publisher, random));
            let random = seed();
            scope.spawn(move || route(world, &router, random));
        }
    });
    let attacks = attacks.into_inner();
    println!("{attacks} attacks");
    assert!(attacks > 0, "nobody has attacked");
    Box::new(move || ledger.settle())
}

fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::SeqCst)
}

/// Attacks until it is over: each time by one connection, in one way.
fn attack_for_a_while(
    is_over: &dyn Fn() -> bool,
    place: &str,
    role: &str,
    attacks: &AtomicU64,
    mut random: StdRng,
) {
    let at: Endpoint = place.parse().expect("an endpoint");
    while !is_over() {
        let Some(mut raw) = RawPeer::try_connect(&at) else {
            std::thread::sleep(Duration::from_millis(1)); // until somebody listens
            continue;
        };
        raw.write_within(Duration::from_millis(200));
        attack(&mut raw, role, &mut random);
        std::thread::sleep(Duration::from_millis(random.random_range(0..20))); // between two attacks
        attacks.fetch_add(1, Ordering::Relaxed);
        match random.random_range(0..3) {
            0 => raw.reset(),
            1 => raw.finish(),
            _ => {}
        }
    }
}

fn attack(raw: &mut RawPeer, role: &str, random: &mut StdRng) {
    let noise = |random: &mut StdRng, most: usize| -> Vec<u8> {
        (0..random.random_range(1..most))
            .map(|_| random.random())
            .collect()
    };
    let way = random.random_range(0..14);
    if way < 2 {
        let bytes = match way {
            0 => noise(random, 300),
            _ => greeting()[..random.random_range(1..64)].to_vec(),
        };
        raw.send(&bytes);
        return;
    }
    let mut hello = greeting();
    hello.extend(ready(if way == 2 { "NONSENSE" } else { role }));
    if !raw.send(&hello) {
        return;
    }
    let repeated = |bytes: &[u8]| bytes.repeat(MOST_SENT / bytes.len().max(1) + 1);
    let bytes = match way {
        3 => noise(random, 10_000),
        // Frames of which nobody will see the end.
        4 => [&[2][..], &u64::MAX.to_be_bytes(), b"x"].concat(),
        5 => [&[2][..], &(1_u64 << 40).to_be_bytes(), b"x"].concat(),
        // What no call returns.
        6 => repeated(&command("PING", b"\0\0hello")),
        7 => repeated(&[command("SUBSCRIBE", b"a"), command("CANCEL", b"a")].concat()),
        8 => repeated(&command("NOTHING", &noise(random, 100))),
        9 => repeated(&frame(b"", true)),
        10 => repeated(&frame(&noise(random, 100), false)),
        11 => command("ERROR", b"\x04\x1b[2J"),
        12 => [ready(role), ready(role)].concat(),
        _ => frame(&noise(random, 1000), true),
    };
    let sent = random.random_range(1..=bytes.len());
    for piece in bytes[..sent].chunks(random.random_range(1..65536)) {
        if !raw.send(piece) {
            return;
        }
    }
    if random.random() {
        raw.drain();
    }
}

/// Honest senders to a PULL: all of it arrives, in order, and none of them has to wait for ever. Goes on until the PULL has
/// refused somebody, and sets `refused` then.
fn stream(
    world: &World,
    ledger: &Ledger,
    at: &str,
    transport: Transport,
    refused: &AtomicBool,
    mut random: StdRng,
) {
    let _refused = SetAtEnd(refused);
    let pull = hasty(Pull::builder(&world.context), &mut random).build();
    pull.bind(at).expect("the address is free");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let mut random = StdRng::seed_from_u64(random.random());
                scope.spawn(move || {
                    let push = Push::builder(&world.context).build();
                    push.connect(at).expect("connecting");
                    let stream = world.new_stream();
                    let mut account = Account::new(stream, (0, transport), Order::Consecutive);
                    account.farewell = Some(0);
                    while !world.is_calm() {
                        let len = random_len(&mut random);
                        let sent =
                            account.send(len, |message| push.send_timeout(message, PATIENCE));
                        assert!(sent, "nobody has room for {account:?}");
                        std::thread::sleep(Duration::from_micros(random.random_range(0..500)));
                    }
                    account.check_stats(&push.stats());
                    assert_eq!(push.close(PATIENCE).lost, 0);
                    wait_until(format!("all arrives of {account:?}"), || {
                        account.sent() == 0 || ledger.has_heard(stream, account.sent() - 1)
                    });
                    ledger.close(account);
                })
            })
            .collect();
        let over = &over;
        scope.spawn(move || {
            let _end = SetAtEnd(over);
            senders
                .into_iter()
                .for_each(|sender| or_panic(sender.join()));
        });
        let hear = || {
            if let Ok(message) = pull.recv_timeout(Duration::from_millis(10))
                && is_ours(&message)
            {
                let (stream, number) = read(&message);
                ledger.hear(stream, 0, number);
            }
        };
        while !is_set(over) {
            hear();
        }
        wait_until("somebody was refused", || {
            hear();
            pull.stats().handshakes_failed > 0
        });
    });
}

/// An attacker does not know how a message of ours begins.
fn is_ours(message: &highwater::Message) -> bool {
    message.frame_count() == 2 && message[0].len() == 16 && message[0][..4] == [0; 4]
}

/// An honest client of a REP has every answer, and the right one.
fn answer(world: &World, at: &str, mut random: StdRng) {
    let rep = hasty(Rep::builder(&world.context), &mut random).build();
    rep.bind(at).expect("the address is free");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let over = &over;
        scope.spawn(move || {
            let _end = SetAtEnd(over);
            let mut req = Req::new(&world.context);
            req.connect(at).expect("connecting");
            let stream = world.new_stream();
            let mut number = 0;
            while !world.is_calm() || number == 0 {
                let request = message(stream, number, random_len(&mut random));
                let answer = req.request_timeout(request.clone(), PATIENCE);
                assert!(answer.expect("answered") == request);
                number += 1;
            }
        });
        while !over.load(Ordering::SeqCst) {
            if let Ok(mut request) = rep.recv_timeout(Duration::from_millis(10)) {
                let answer = request.take_message();
                let _ = request.reply(answer); // who asks may have gone, or not read
            }
        }
    });
    assert_eq!(rep.stats().dropped.unanswered, 0);
}

/// An honest subscriber of a PUB that waits for it misses nothing.
fn publish(world: &World, at: &str, mut random: StdRng) {
    let publisher = Pub::builder(&world.context).build();
    publisher.bind(at).expect("the address is free");
    let sub = Sub::builder(&world.context).build();
    let topic = world.new_stream().to_be_bytes();
    sub.subscribe(topic).expect("open");
    sub.connect(at).expect("connecting");
    wait_until("the subscriber is heard", || {
        publisher.send(&topic[..]).expect("open");
        sub.try_recv().is_ok()
    });
    let (mut sent, mut received) = (0_u64, 0_u64);
    while !world.is_calm() {
        for _ in 0..random.random_range(1..50) {
            let text = sent.to_string();
            publisher
                .send([&topic[..], text.as_bytes()])
                .expect("it does not wait");
            sent += 1;
        }
        while received < sent {
            let message = sub.recv_timeout(PATIENCE).expect("it comes");
            // Those of one frame were to find out whether anybody listens.
            if message.frame_count() == 2 {
                assert_eq!(message[1], *received.to_string().as_bytes());
                received += 1;
            }
        }
    }
    assert_eq!(publisher.stats().dropped.slow_subscriber, 0);
}

/// An honest peer of a ROUTER gets back what it sends.
fn route(world: &World, at: &str, mut random: StdRng) {
    let router = Router::builder(&world.context).build();
    router.bind(at).expect("the address is free");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let over = &over;
        scope.spawn(move || {
            let _end = SetAtEnd(over);
            let context = Context::new();
            let dealer = Dealer::new(&context);
            dealer.connect(at).expect("connecting");
            let stream = world.new_stream();
            let mut number = 0;
            while !world.is_calm() || number == 0 {
                let question = message(stream, number, random_len(&mut random));
                dealer
                    .send_timeout(question.clone(), PATIENCE)
                    .expect("there is room");
                let answer = dealer.recv_timeout(PATIENCE).expect("it comes back");
                assert!(answer == question);
                number += 1;
            }
        });
        while !over.load(Ordering::SeqCst) {
            if let Ok((from, message)) = router.recv_timeout(Duration::from_millis(10)) {
                let _ = router.send_to(&from, message); // who sent it may have gone, or not read
            }
        }
    });
}
