//! Peers behind a black hole: the connection is there, and nothing comes through it any more, nor any word of that.

mod support;

use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::{Builder, Context, Event, EventKind, Linger, LinkError, Pull, Push};
use support::{
    Chaos, ChaosProxy, PATIENCE, knows_round_trips, must_end, seed, wait_for_event, wait_until,
};

/// What a message is long, so that bytes tell how many there were.
const BODY: usize = 1000;
const FRAMED: u64 = BODY as u64 + 9;

fn impatient<S>(builder: Builder<S>) -> Builder<S> {
    builder
        .heartbeat_interval(Duration::from_millis(50))
        .heartbeat_timeout(Duration::from_secs(1))
        .handshake_timeout(Duration::from_millis(500))
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(100))
        .linger(Linger::Discard)
}

/// How many messages are said to be lost with the connection that the next event of its end tells of.
fn lost_in_silence(events: &Receiver<Event>) -> usize {
    let event = wait_for_event(events, "of the silence", |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    let EventKind::Disconnected { cause, lost } = event.kind else {
        unreachable!("it was asked for");
    };
    assert_eq!(cause, LinkError::HeartbeatTimeout);
    lost
}

/// A PULL and the numbers it has received.
#[derive(Debug)]
struct Receiving {
    pull: Pull,
    numbers: Vec<usize>,
}

impl Receiving {
    fn new(context: &Context) -> Self {
        Self {
            pull: impatient(Pull::builder(context)).build(),
            numbers: Vec::new(),
        }
    }

    fn take(&mut self) {
        while let Ok(message) = self.pull.try_recv() {
            let text = message.to_str().expect("text was sent").trim_end();
            self.numbers.push(text.parse().expect("a number was sent"));
        }
    }

    /// Each message once and in order.
    fn check(&self) {
        assert!(self.numbers.is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn a_peer_in_a_black_hole_is_given_up_and_the_others_are_served_until_it_is_back() {
    must_end("a peer in a black hole", || {
        let context = Context::new();
        let (mut beyond, mut near) = (Receiving::new(&context), Receiving::new(&context));
        let at = beyond.pull.bind("tcp://127.0.0.1:0").expect("bound");
        let beyond_events = beyond.pull.monitor();
        let proxy = ChaosProxy::new(&at, Chaos::NONE, seed());
        let push = impatient(Push::builder(&context)).build();
        let events = push.monitor();
        push.connect(proxy.endpoint()).expect("connecting");
        push.connect(near.pull.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        push.wait_for_peers(2, PATIENCE).expect("both are there");
        wait_until("heartbeats are answered", || {
            let pull = &beyond.pull;
            knows_round_trips(&push.stats()) && knows_round_trips(&pull.stats())
        });
        let mut sent = 0;
        let mut send = |near: &mut Receiving, beyond: &mut Receiving| {
            push.send_timeout(format!("{sent:<BODY$}"), PATIENCE)
                .expect("a peer has room");
            sent += 1;
            near.take();
            beyond.take();
        };
        for _ in 0..1000 {
            send(&mut near, &mut beyond);
        }
        assert_eq!(push.stats().disconnects, 0);

        proxy.swallow_all();
        let before = near.numbers.len();
        // The other peer gets what the lost one has no room for.
        while near.numbers.len() < before + 20_000 || push.stats().disconnects == 0 {
            send(&mut near, &mut beyond);
        }
        assert_eq!(
            lost_in_silence(&events),
            0,
            "it waits for the next connection"
        );
        assert_eq!(
            lost_in_silence(&beyond_events),
            0,
            "there was nothing to send"
        );
        assert_eq!(push.peers().len(), 1);
        for _ in 0..2 {
            wait_for_event(&events, "of an attempt that hears nothing", |kind| {
                *kind == EventKind::HandshakeFailed(LinkError::HandshakeTimeout)
            });
        }

        proxy.recover();
        push.wait_for_peers(2, PATIENCE).expect("it is back");
        let (before, first) = (beyond.numbers.len(), near.numbers.len());
        while beyond.numbers.len() < before + 2000 || near.numbers.len() == first {
            send(&mut near, &mut beyond);
        }
        wait_until("only what had left this process is missing", || {
            let received = |receiving: &Receiving| receiving.pull.stats().bytes_received;
            let received = received(&near) + received(&beyond);
            near.take();
            beyond.take();
            let missing = sent - near.numbers.len() - beyond.numbers.len();
            let stats = push.stats();
            // A receiver may have got the front of one message of which the rest was swallowed.
            let swallowed = stats.bytes_sent - received + FRAMED;
            stats.queued_to_send == 0 && missing as u64 * FRAMED <= swallowed
        });
        near.check();
        beyond.check();
        let stats = push.stats();
        assert_eq!((stats.disconnects, stats.dropped.unsent), (1, 0));
        assert_eq!(stats.messages_sent, sent as u64);
        assert!(stats.handshakes_failed >= 2 && stats.retries >= 2);
    });
}

#[test]
fn what_waits_for_an_accepted_peer_in_a_black_hole_is_counted_as_lost() {
    must_end("an accepted peer in a black hole", || {
        let context = Context::new();
        let push = impatient(Push::builder(&context)).build();
        let events = push.monitor();
        let at = push.bind("tcp://127.0.0.1:0").expect("bound");
        let proxy = ChaosProxy::new(&at, Chaos::NONE, seed());
        let mut far = Receiving::new(&context);
        let far_events = far.pull.monitor();
        far.pull.connect(proxy.endpoint()).expect("connecting");
        push.wait_for_peers(1, PATIENCE).expect("it is there");
        wait_until("heartbeats are answered", || {
            knows_round_trips(&push.stats()) && knows_round_trips(&far.pull.stats())
        });
        proxy.swallow_all();
        let mut sent = 0u64;
        while push
            .try_send(format!("{sent:<BODY$}"))
            .is_ok_and(|()| push.stats().disconnects == 0)
        {
            sent += 1;
        }
        let lost = lost_in_silence(&events);
        lost_in_silence(&far_events);
        let stats = push.stats();
        assert_eq!(stats.dropped.unsent, lost as u64);
        assert_eq!(stats.queued_to_send, 0);
        assert!(push.try_send("nobody is there").is_err());
        let left = stats.messages_sent - lost as u64;
        assert!(
            left * FRAMED <= stats.bytes_sent,
            "the rest has left this process"
        );

        proxy.recover();
        push.wait_for_peers(1, PATIENCE).expect("it is back");
        push.send_timeout("0", PATIENCE).expect("sent");
        wait_until("it is served again", || {
            far.take();
            far.numbers == [0]
        });
        wait_for_event(&far_events, "of the return", |kind| {
            *kind == EventKind::HandshakeSucceeded
        });
    });
}
