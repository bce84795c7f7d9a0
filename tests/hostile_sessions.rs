//! One hostile session after the other beside honest traffic: the honest peer loses nothing and notices nothing, each
//! session ends with a count, and nothing of them is left behind.
//!
//! A few hundred by default; for a hundred thousand:
//!
//! ```sh
//! HIGHWATER_HOSTILE_SESSIONS=100000 cargo test --release --test hostile_sessions -- --nocapture
//! ```
//!
//! A run prints its seed, with which `HIGHWATER_TEST_SEED` has the same sessions again.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use highwater::{Context, Endpoint, Pull, Push};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use support::{
    PATIENCE, Place, RawPeer, command, frame, greeting, over_each_transport, peak_memory, ready,
    wait_until,
};

over_each_transport!(hostile_sessions_harm_no_honest_peer);

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// What every honest message begins with, and no hostile one but by a chance of 2^-128.
const HONEST: &[u8] = b"\x9cI am an honest\x00";

fn hostile_sessions_harm_no_honest_peer(place: &Place) {
    let sessions = number("HIGHWATER_HOSTILE_SESSIONS").unwrap_or(300);
    let seed = number("HIGHWATER_TEST_SEED").unwrap_or_else(rand::random);
    println!("HIGHWATER_TEST_SEED={seed}");
    let context = Context::new();
    let pull = Pull::builder(&context).max_message_size(100_000).build();
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    push.send([HONEST, &0_u64.to_be_bytes()].concat())
        .expect("room");
    pull.wait_for_peers(1, PATIENCE).expect("the honest peer");

    let over = AtomicBool::new(false);
    let (sent, received) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut next: u64 = 1;
            while !over.load(Ordering::Relaxed) {
                push.send([HONEST, &next.to_be_bytes()].concat())
                    .expect("room");
                next += 1;
            }
            push.send([HONEST, b"the end"].concat()).expect("room");
            next
        });
        let receiver = scope.spawn(|| {
            let mut next: u64 = 0;
            loop {
                let message = pull.recv_timeout(PATIENCE).expect("it goes on and on");
                match message[0].strip_prefix(HONEST) {
                    Some(b"the end") => return next,
                    Some(number) => {
                        assert_eq!(number, next.to_be_bytes(), "lost, doubled or out of order");
                        next += 1;
                    }
                    None => {}
                }
            }
        });
        let mut random = SmallRng::seed_from_u64(seed);
        let (warm_up, mut reserved) = (sessions / 10, 0);
        for session in 0..sessions {
            if session == warm_up {
                reserved = peak_memory().unwrap_or(0);
            }
            misbehave(&at, &mut random);
        }
        // What each could leave behind is some kilobytes.
        let grown = peak_memory().unwrap_or(0).saturating_sub(reserved);
        assert!(
            grown < 64 << 20,
            "{grown} bytes more than after the first tenth"
        );
        over.store(true, Ordering::Relaxed);
        (
            sender.join().expect("it ends"),
            receiver.join().expect("it ends"),
        )
    });
    assert_eq!(sent, received);
    let stats = push.stats();
    assert_eq!((stats.handshakes, stats.disconnects), (1, 0));
    wait_until("only the honest peer is left", || pull.peers().len() == 1);
    wait_until("each session is counted", || {
        while pull.try_recv().is_ok() {}
        let stats = pull.stats();
        stats.handshakes_failed + stats.disconnects == sessions
    });
    println!("{sessions} hostile sessions, {received} honest messages");
}

/// One session, of any kind.
fn misbehave(at: &Endpoint, random: &mut SmallRng) {
    let noise = |random: &mut SmallRng, most: usize| {
        let mut bytes = vec![0; random.random_range(1..most)];
        random.fill_bytes(&mut bytes);
        bytes
    };
    let mut peer = RawPeer::connect(at);
    let types = ["PUSH", "PUSH", "PUSH", "PUSH", "SUB", "NONSENSE"];
    let handshake = [
        greeting(),
        ready(types[random.random_range(0..types.len())]),
    ]
    .concat();
    match random.random_range(0..4) {
        0 => {
            let kept = random.random_range(0..handshake.len());
            peer.send(&handshake[..kept]);
            peer.send(&noise(random, 300));
        }
        1 => {
            let mut changed = handshake;
            let place = random.random_range(0..changed.len());
            changed[place] ^= 1 << random.random_range(0..8);
            peer.send(&changed);
            peer.send(&frame(&noise(random, 300), false));
        }
        _ => {
            peer.send(&handshake);
            for _ in 0..random.random_range(1..12) {
                let body = noise(random, 2000);
                let sent = match random.random_range(0..9) {
                    0 => peer.send(&body),
                    1 => peer.send(&command("PING", &body)),
                    2 => peer.send(&command("PONG", &body)),
                    3 => peer.send(&command("SUBSCRIBE", &body)),
                    4 => peer.send(&command("NONSENSE", &body)),
                    5 => peer.send(&frame(&body, true)),
                    6 => peer.send(&frame(&body, false).repeat(5)),
                    // More than is allowed, and more than there is.
                    7 => peer.send(b"\x02\x00\x00\x00\x7f\xff\xff\xff\xffbody"),
                    _ => peer.send(&[&[2, 0, 0, 0, 0, 0, 0, 0x40, 0], &body[..]].concat()),
                };
                if !sent {
                    break;
                }
            }
        }
    }
    peer.finish();
    // Half of them go without a look at what is answered.
    if random.random_bool(0.5) {
        peer.wait_for_end();
    }
}
