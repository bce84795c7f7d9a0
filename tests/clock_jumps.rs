//! Time jumps: a process stands still for longer than any of its deadlines, and then they have all passed at once.
//!
//! (That nobody reads the time of day, which is free to jump, is a rule that `tests/arrows.rs` keeps.)
#![cfg(target_os = "linux")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater::{Builder, Context, Dropped, EventKind, LinkError, Pull, Push};
use support::{
    Child, PATIENCE, Place, RawPeer, command, frame, knows_round_trips, number,
    over_each_transport, play_child, wait_for_event, wait_until,
};

const INTERVAL: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_secs(2);

/// Longer than a silent peer is allowed.
const STANDSTILL: Duration = Duration::from_millis(2500);

/// How long the next attempt to connect to nobody is put off.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
const SHORTEST_PAUSE: Duration = Duration::from_millis(75);

/// Heartbeats that notice a silence within seconds, or the usual ones, which take half a minute.
fn tuned<S>(patience: &str, builder: Builder<S>) -> Builder<S> {
    let builder = builder
        .reconnect_interval(LONGEST_PAUSE)
        .reconnect_interval_max(LONGEST_PAUSE);
    match patience {
        "patient" => builder,
        _ => builder
            .heartbeat_interval(INTERVAL)
            .heartbeat_timeout(TIMEOUT),
    }
}

/// Not a test: the process that stands still.
#[test]
#[ignore = "the other tests run it"]
fn child_process() {
    play_child(|role, say, listen| match *role {
        ["echo", patience, from, to, vacant] => echo(patience, [from, to, vacant], say, listen),
        ["pull-at", at] => {
            let pull = tuned("impatient", Pull::builder(&Context::new())).build();
            say(&pull.bind(at).expect("bound").to_string());
            loop {
                let message = pull.recv_timeout(PATIENCE).expect("received");
                say(message.to_str().expect("text was sent"));
                if message == "end" {
                    return say(&pull.stats().disconnects.to_string());
                }
            }
        }
        _ => panic!("an unknown role: {role:?}"),
    });
}

/// Sends back what it receives, each way over a socket of its own, while another one tries to reach nobody. When told
/// to, says how it is.
fn echo(
    patience: &str,
    [from, to, vacant]: [&str; 3],
    say: &dyn Fn(&str),
    listen: &dyn Fn() -> String,
) {
    let begun = Instant::now();
    let context = Context::new();
    let push = Arc::new(tuned(patience, Push::builder(&context)).build());
    let pull = Arc::new(tuned(patience, Pull::builder(&context)).build());
    let lonely = tuned(patience, Push::builder(&context)).build();
    let events = [push.monitor(), pull.monitor()];
    push.connect(to).expect("connecting");
    pull.connect(from).expect("connecting");
    lonely.connect(vacant).expect("connecting");
    std::thread::spawn({
        let (push, pull) = (Arc::clone(&push), Arc::clone(&pull));
        move || {
            while let Ok(message) = pull.recv() {
                push.send(message).expect("sent");
            }
        }
    });
    loop {
        match listen().as_str() {
            "how are you" => {
                let disconnects = push.stats().disconnects + pull.stats().disconnects;
                let retries = lonely.stats().retries;
                let age = begun.elapsed().as_micros();
                say(&format!("{disconnects} {retries} {age}"));
            }
            "what was that" => {
                for events in &events {
                    let lost = wait_for_event(events, "of the loss", |kind| {
                        matches!(kind, EventKind::Disconnected { .. })
                    });
                    wait_for_event(events, "of the return", |kind| {
                        *kind == EventKind::HandshakeSucceeded
                    });
                    let EventKind::Disconnected { cause, .. } = lost.kind else {
                        unreachable!("it was asked for");
                    };
                    say(&cause.to_string());
                }
            }
            _ => return,
        }
    }
}

/// A child that echoes, and the sockets to talk to it with.
#[derive(Debug)]
struct Scene {
    child: Child,
    push: Push,
    pull: Pull,
    sent: usize,
    received: usize,
}

/// What an echoing child says of itself.
#[derive(Debug)]
struct Health {
    disconnects: u64,
    retries: u64,
    age: Duration,
}

impl Scene {
    /// `patience`: of this side, then of the child.
    fn new(place: &Place, [ours, theirs]: [&str; 2]) -> Self {
        let context = Context::new();
        let push = tuned(ours, Push::builder(&context)).build();
        let pull = tuned(ours, Pull::builder(&context)).build();
        let from = push.bind(place.any()).expect("bound");
        let to = pull.bind(place.any()).expect("bound");
        let vacant = place.vacant();
        let child = Child::start(&format!("echo {theirs} {from} {to} {vacant}"));
        Self {
            child,
            push,
            pull,
            sent: 0,
            received: 0,
        }
    }

    fn send(&mut self, count: usize) {
        for _ in 0..count {
            self.push
                .send_timeout(self.sent.to_string(), PATIENCE)
                .expect("there is room");
            self.sent += 1;
        }
    }

    /// Receives every echo there is to be, in order.
    fn receive(&mut self) {
        while self.received < self.sent {
            let message = self.pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(number(&message), self.received);
            self.received += 1;
        }
    }

    fn health(&mut self) -> Health {
        self.child.tell("how are you");
        let said = self.child.hear();
        let mut numbers = said.split(' ').map(|n| n.parse().expect("a number"));
        let mut next = || numbers.next().expect("three numbers");
        Health {
            disconnects: next(),
            retries: next(),
            age: Duration::from_micros(next()),
        }
    }
}

over_each_transport!(
    who_stood_still_goes_on_where_it_was_if_its_peers_are_patient,
    who_stood_still_for_too_long_is_given_up_and_comes_back,
    an_answer_that_came_while_nobody_could_look_is_no_silence,
);

fn who_stood_still_goes_on_where_it_was_if_its_peers_are_patient(place: &Place) {
    let mut scene = Scene::new(place, ["patient", "impatient"]);
    scene.send(100);
    scene.receive();
    let mut before = scene.health();
    for _ in 0..2 {
        scene.send(200);
        scene.child.stop();
        let stopped = Instant::now();
        scene.send(500);
        std::thread::sleep(STANDSTILL); // this is the standstill itself
        let stood_still = stopped.elapsed();
        scene.child.go_on();
        scene.send(200);
        scene.receive();
        let after = scene.health();
        assert_eq!(after.disconnects, 0);
        // Attempts that would have been due meanwhile are not made up for.
        let active = after.age - before.age - stood_still;
        let most = active.as_micros() / SHORTEST_PAUSE.as_micros() + 2;
        let retries = after.retries - before.retries;
        assert!(u128::from(retries) <= most, "{retries} in {active:?}");
        before = after;
    }
    let (push, pull) = (scene.push.stats(), scene.pull.stats());
    assert_eq!((push.disconnects, pull.disconnects), (0, 0));
    assert_eq!(push.dropped, Dropped::default());
}

fn who_stood_still_for_too_long_is_given_up_and_comes_back(place: &Place) {
    let mut scene = Scene::new(place, ["impatient", "patient"]);
    let events = [scene.push.monitor(), scene.pull.monitor()];
    scene.send(100);
    scene.receive();
    wait_until("heartbeats are answered", || {
        knows_round_trips(&scene.push.stats()) && knows_round_trips(&scene.pull.stats())
    });
    scene.child.stop();
    for events in &events {
        let event = wait_for_event(events, "of the silence", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
        assert_eq!(
            event.kind,
            EventKind::Disconnected {
                cause: LinkError::HeartbeatTimeout,
                lost: 0
            }
        );
    }
    scene.child.go_on();
    for events in &events {
        wait_for_event(events, "of the return", |kind| {
            *kind == EventKind::HandshakeSucceeded
        });
    }
    scene.child.tell("what was that");
    for _ in 0..2 {
        let told = LinkError::Refused {
            reason: LinkError::HeartbeatTimeout.to_string(),
        };
        assert_eq!(scene.child.hear(), told.to_string());
    }
    scene.send(100);
    scene.receive();
    assert_eq!(scene.health().disconnects, 2, "each connection once");
    let (push, pull) = (scene.push.stats(), scene.pull.stats());
    assert_eq!((push.disconnects, pull.disconnects), (1, 1));
}

/// Whoever reads the link at the moment: the I/O thread, or a receiver that waits on it.
fn an_answer_that_came_while_nobody_could_look_is_no_silence(place: &Place) {
    let mut child = Child::start(&format!("pull-at {}", place.any()));
    let at = child.hear().parse().expect("an endpoint");
    let mut peer = RawPeer::connect_as("PUSH", &at);
    let next_ping = |peer: &mut RawPeer| {
        let (_, ping) = peer.read_frame();
        assert!(ping.starts_with(b"\x04PING"), "{ping:?}");
        ping
    };
    let answer = |peer: &mut RawPeer, ping: &[u8]| peer.send(&command("PONG", &ping[7..]));
    let ping = next_ping(&mut peer);
    answer(&mut peer, &ping);
    for round in 0..4 {
        let ping = next_ping(&mut peer);
        child.stop();
        answer(&mut peer, &ping);
        std::thread::sleep(STANDSTILL); // this is the standstill itself
        peer.drain();
        let stopped = Instant::now();
        child.go_on();
        // One may have been about to be sent. The others come one by one, and not all that were due.
        for _ in 0..4 {
            let ping = next_ping(&mut peer);
            answer(&mut peer, &ping);
        }
        assert!(stopped.elapsed() >= INTERVAL * 2);
        peer.send(&frame(round.to_string().as_bytes(), false));
        assert_eq!(child.hear(), round.to_string());
    }
    peer.send(&frame(b"end", false));
    assert_eq!(child.hear(), "end");
    assert_eq!(child.hear(), "0", "no connection was lost");
    child.wait();
}
