//! Peers that send without end what no call returns: each call comes back all the same, and so does every other call on the
//! socket, while the flood goes on.
//!
//! A captured call never returns, so that the test hangs and is ended; no test here asserts that one was fast.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use highwater::{
    AsSocket, Context, Dealer, Ended, Endpoint, EventKind, FrameError, Interest, LinkError, Pair,
    Poll, ProtocolError, Pub, Pull, Push, RecvError, Rep, Req, RequestError, Router, Stats, Sub,
    TryRecvError, Upstream, XPub, XSub,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, command, frame, greeting, joined, joined_soon,
    over_each_transport, ready, wait_for_event, wait_until,
};

over_each_transport!(
    a_receive_among_junk_ends_in_time,
    every_other_call_gets_in_while_a_receive_is_among_junk,
    what_is_wanted_comes_through_junk,
    a_request_among_junk_ends_in_time,
    a_publisher_sends_while_subscriptions_come_and_go_without_end,
    topics_that_are_deep_and_asked_for_again_and_again_do_not_hold_a_publisher_up,
    messages_of_many_frames_that_nobody_wants_keep_no_call,
    a_publisher_that_does_nothing_applies_what_comes,
    the_topics_of_a_peer_that_has_gone_are_cancelled_in_order_and_to_the_last,
    subscriptions_to_what_is_no_publisher_are_dropped_and_counted,
    subscriptions_that_nobody_reads_are_left_with_the_peer,
    what_stands_behind_the_handshake_waits_with_the_peer,
    frames_count_as_the_memory_that_they_take,
);

/// How long a call may wait in these tests.
const BRIEFLY: Duration = Duration::from_millis(50);

/// A peer that says the same again and again, and reads whatever it is told, until it is dropped.
struct Flood {
    ends: Vec<Box<dyn Fn() + Send>>,
    threads: Vec<JoinHandle<()>>,
    ended: Arc<AtomicBool>,
}

impl Flood {
    /// `kind` connects to `at`.
    fn new(kind: &str, at: &Endpoint, block: &[u8]) -> Self {
        Self::of(RawPeer::connect_as(kind, at), block)
    }

    fn of(peer: RawPeer, block: &[u8]) -> Self {
        let block = block.repeat(1 + (64 << 10) / block.len());
        let ended = Arc::new(AtomicBool::new(false));
        match peer {
            RawPeer::Tcp(stream) => {
                let (read, write, end) = (
                    stream.try_clone().expect("a descriptor"),
                    stream.try_clone().expect("a descriptor"),
                    stream,
                );
                let end = Box::new(move || drop(end.shutdown(Shutdown::Both)));
                Self::run(read, write, end, block, ended)
            }
            RawPeer::Unix(stream) => {
                let (read, write, end) = (
                    stream.try_clone().expect("a descriptor"),
                    stream.try_clone().expect("a descriptor"),
                    stream,
                );
                let end = Box::new(move || drop(end.shutdown(Shutdown::Both)));
                Self::run(read, write, end, block, ended)
            }
        }
    }

    fn run(
        mut read: impl Read + Send + 'static,
        mut write: impl Write + Send + 'static,
        end: Box<dyn Fn() + Send>,
        block: Vec<u8>,
        ended: Arc<AtomicBool>,
    ) -> Self {
        let told = Arc::clone(&ended);
        let writer = std::thread::spawn(move || {
            while write.write_all(&block).is_ok() {}
            told.store(true, Ordering::Relaxed);
        });
        let over = Arc::clone(&ended);
        let reader = std::thread::spawn(move || {
            let mut sink = [0; 4096];
            while !over.load(Ordering::Relaxed) {
                if matches!(read.read(&mut sink), Ok(0)) {
                    return;
                }
            }
        });
        Self {
            ends: vec![end],
            threads: vec![writer, reader],
            ended,
        }
    }

    /// It still goes on: what was tested was tested in a flood.
    fn goes_on(&self) {
        assert!(!self.ended.load(Ordering::Relaxed), "the flood was cut off");
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.ends.iter().for_each(|end| end());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A socket whose receive is to be captured.
trait Victim: AsSocket + Send + Sync {
    /// Looks for a message, and wants none.
    fn look(&self);

    /// Waits for a message, and wants none.
    fn wait(&self, timeout: Duration);

    fn wait_for_ever(&self) -> RecvError;

    fn stats(&self) -> Stats;
}

macro_rules! victims {
    ($($name:ident),+) => {$(
        impl Victim for $name {
            fn look(&self) {
                assert_eq!(self.try_recv().map(drop).unwrap_err(), TryRecvError::Empty);
            }

            fn wait(&self, timeout: Duration) {
                assert_eq!(self.recv_timeout(timeout).map(drop).unwrap_err(), RecvError::Timeout);
            }

            fn wait_for_ever(&self) -> RecvError {
                self.recv().map(drop).unwrap_err()
            }

            fn stats(&self) -> Stats {
                self.stats()
            }
        }
    )+};
}

victims!(Pull, Rep, Sub, Router, Dealer, Pair, XSub);

/// What no call returns, whatever the socket.
fn junk() -> [Vec<u8>; 4] {
    [
        command("PING", &[0, 0]),
        command("PONG", b""),
        command("SUBSCRIBE", b"topic"),
        command("WHATEVER", b""),
    ]
}

/// A socket, where it is bound, the type of a peer, and what that sends in vain.
type Scene = (Arc<dyn Victim>, Endpoint, &'static str, Vec<u8>);

/// Each type of socket that receives, with a peer's type and what that may send in vain.
fn victims(context: &Context, place: &Place) -> Vec<Scene> {
    fn bound<S: Victim + 'static>(
        socket: S,
        bind: impl Fn(&S) -> Endpoint,
        peer: &'static str,
        junk: Vec<u8>,
    ) -> Scene {
        let at = bind(&socket);
        (Arc::new(socket), at, peer, junk)
    }
    let [ping, pong, subscribe, unknown] = junk();
    let sub = Sub::new(context);
    sub.subscribe("wanted").expect("subscribed");
    let at = place.any();
    let at = || match place.transport() {
        highwater::Transport::Tcp => at.clone(),
        _ => place.vacant(),
    };
    macro_rules! bound {
        ($socket:expr, $peer:literal, $junk:expr) => {
            bound(
                $socket,
                |socket| socket.bind(at()).expect("bound"),
                $peer,
                $junk,
            )
        };
    }
    vec![
        bound!(Pull::new(context), "PUSH", ping.clone()),
        bound!(Pull::new(context), "PUSH", subscribe.clone()),
        bound!(Rep::new(context), "DEALER", frame(b"no envelope", false)),
        bound!(Rep::new(context), "REQ", ping.clone()),
        bound!(sub, "PUB", frame(b"unwanted", false)),
        bound!(Sub::new(context), "XPUB", pong.clone()),
        bound!(Router::new(context), "DEALER", unknown),
        bound!(Router::new(context), "REQ", subscribe.clone()),
        bound!(Dealer::new(context), "ROUTER", ping.clone()),
        bound!(Dealer::new(context), "REP", pong),
        bound!(Pair::new(context), "PAIR", subscribe),
        bound!(XSub::new(context), "PUB", ping),
    ]
}

fn a_receive_among_junk_ends_in_time(place: &Place) {
    let context = Context::new();
    for (victim, at, peer, junk) in victims(&context, place) {
        let flood = Flood::new(peer, &at, &junk);
        for _ in 0..3 {
            victim.wait(BRIEFLY);
            victim.look();
            let mut poll = Poll::new().expect("descriptors");
            poll.add(&victim.as_socket(), Interest::READABLE);
            assert!(poll.wait(Some(BRIEFLY)).expect("looked").is_empty());
            assert!(poll.wait(Some(Duration::ZERO)).expect("looked").is_empty());
        }
        flood.goes_on();
    }
}

fn every_other_call_gets_in_while_a_receive_is_among_junk(place: &Place) {
    for threads in [1, 2] {
        let context = Context::builder().io_threads(threads).build();
        let mut floods = Vec::new();
        let mut receivers = Vec::new();
        for (victim, at, peer, junk) in victims(&context, place).into_iter().step_by(threads + 1) {
            floods.push(Flood::new(peer, &at, &junk));
            let receives = Arc::clone(&victim);
            receivers.push(std::thread::spawn(move || receives.wait_for_ever()));
            for _ in 0..10 {
                assert_eq!(victim.stats().messages_sent, 0);
            }
        }
        context.shutdown();
        for receiver in receivers {
            assert_eq!(
                joined_soon("the end", receiver),
                RecvError::Ended(Ended::Terminated)
            );
        }
    }
}

/// A peer without fault is heard among the others.
fn what_is_wanted_comes_through_junk(place: &Place) {
    let context = Context::new();
    for junk in junk() {
        let pull = Pull::new(&context);
        let at = pull.bind(place.any()).expect("bound");
        let flood = Flood::new("PUSH", &at, &junk);
        let push = Push::new(&context);
        push.connect(&at).expect("connecting");
        for n in 0..100 {
            push.send(n.to_string()).expect("sent");
            let received = match n % 3 {
                0 => pull.recv_timeout(PATIENCE).expect("received"),
                1 => pull.recv().expect("received"),
                _ => {
                    let mut received = None;
                    wait_until("a message", || {
                        received = pull.try_recv().ok();
                        received.is_some()
                    });
                    received.expect("it was waited for")
                }
            };
            assert_eq!(received, n.to_string());
        }
        flood.goes_on();
        drop(flood);
        let _ = pull.close(Duration::ZERO);
    }
}

fn a_request_among_junk_ends_in_time(place: &Place) {
    let unasked = [frame(b"", true), frame(b"unasked", false)].concat();
    let context = Context::new();
    for junk in junk()
        .into_iter()
        .chain([frame(b"malformed", false), unasked])
    {
        let mut req = Req::builder(&context).correlated(true).build();
        let at = req.bind(place.any()).expect("bound");
        let flood = Flood::new("ROUTER", &at, &junk);
        req.wait_for_peers(1, PATIENCE).expect("connected");
        for _ in 0..3 {
            let refused = req
                .request_timeout("?", BRIEFLY)
                .expect_err("nobody answers");
            assert!(
                matches!(refused, RequestError::Timeout | RequestError::PeerGone),
                "{refused:?}"
            );
            drop(req.stats());
        }
        drop(flood);
    }
}

/// SUBSCRIBE and CANCEL of many topics, one after the other.
fn subscriptions() -> Vec<u8> {
    (0..4000_u32)
        .flat_map(|n| {
            let name = if n % 2 == 0 { "SUBSCRIBE" } else { "CANCEL" };
            command(name, &(n / 2).to_be_bytes())
        })
        .collect()
}

fn a_publisher_sends_while_subscriptions_come_and_go_without_end(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any()).expect("bound");
    let sub = Sub::new(&context);
    sub.subscribe("tick").expect("subscribed");
    sub.connect(&at).expect("connecting");
    publisher
        .wait_for_subscription("tick", 1, PATIENCE)
        .expect("subscribed");
    let floods: Vec<_> = (0..3)
        .map(|_| Flood::new("SUB", &at, &subscriptions()))
        .collect();
    for n in 0..300 {
        let text = format!("tick {n}");
        wait_until("room", || publisher.send(&*text).expect("sent").sent == 1);
        assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), text);
        drop(publisher.stats());
    }
    floods.iter().for_each(Flood::goes_on);
    let closes = std::thread::spawn(move || publisher.close(Duration::ZERO));
    let report = joined_soon("the end of the publisher", closes);
    assert_eq!(report.lost, 0);
}

fn topics_that_are_deep_and_asked_for_again_and_again_do_not_hold_a_publisher_up(place: &Place) {
    let topics: Vec<u8> = (1..=100)
        .flat_map(|n| command("SUBSCRIBE", &vec![b'a'; 200 * n]))
        .collect();
    let context = Context::new();
    let (publisher, xpub) = (Pub::new(&context), XPub::new(&context));
    let places = [
        publisher.bind(place.any()).expect("bound"),
        xpub.bind(place.any()).expect("bound"),
    ];
    let floods: Vec<_> = places
        .iter()
        .map(|at| Flood::new("SUB", at, &topics))
        .collect();
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("subscribed");
    xpub.wait_for_subscribers(1, PATIENCE).expect("subscribed");
    for _ in 0..300 {
        publisher.send("tick").expect("sent");
        xpub.send("tick").expect("sent");
    }
    floods.iter().for_each(Flood::goes_on);
}

/// To look at one costs as much as to look at thousands of messages of one frame.
fn messages_of_many_frames_that_nobody_wants_keep_no_call(place: &Place) {
    let message = [frame(b"unwanted", true).repeat(30_000), frame(b"", false)].concat();
    for threads in [1, 2] {
        let context = Context::builder().io_threads(threads).build();
        let (publisher, push) = (Pub::new(&context), Push::new(&context));
        let sub = Arc::new(Sub::new(&context));
        sub.subscribe("wanted").expect("subscribed");
        let floods = [
            Flood::new(
                "SUB",
                &publisher.bind(place.any()).expect("bound"),
                &message,
            ),
            Flood::new("PULL", &push.bind(place.vacant()).expect("bound"), &message),
            Flood::new("PUB", &sub.bind(place.vacant()).expect("bound"), &message),
        ];
        let receives = Arc::clone(&sub);
        let receiver = std::thread::spawn(move || receives.recv().map(drop));
        wait_until("all are flooded", || {
            sub.stats().dropped.unwanted > 0
                && publisher.stats().dropped.unexpected > 0
                && push.stats().dropped.unexpected > 0
        });
        for _ in 0..20 {
            publisher.send("tick").expect("sent");
            let _ = push.try_send("tick");
            assert_eq!(sub.recv_timeout(BRIEFLY), Err(RecvError::Timeout));
        }
        floods.iter().for_each(Flood::goes_on);
        context.shutdown();
        let end = joined_soon("the end", receiver);
        assert_eq!(end, Err(RecvError::Ended(Ended::Terminated)));
        let _ = push.close(Duration::ZERO);
    }
}

/// Nothing is stranded: what one event does not read, another does.
fn a_publisher_that_does_nothing_applies_what_comes(place: &Place) {
    const TOPICS: u32 = 100_000;
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("SUB", &at);
    let sends = std::thread::spawn(move || {
        for n in 0..TOPICS {
            assert!(peer.send(&command("SUBSCRIBE", &n.to_be_bytes())));
        }
        assert!(peer.send(&command("SUBSCRIBE", b"the last")));
        peer
    });
    publisher
        .wait_for_subscription("the last", 1, PATIENCE)
        .expect("applied");
    assert_eq!(publisher.topic_count(), TOPICS as usize + 1);
    drop(joined(sends));
    wait_until("the end of all of them", || publisher.topic_count() == 0);
}

/// A peer with more topics than one hold of the lock removes goes, while another has half of them and a third asks for the
/// other half again.
fn the_topics_of_a_peer_that_has_gone_are_cancelled_in_order_and_to_the_last(place: &Place) {
    const TOPICS: u32 = 20_000;
    let context = Context::new();
    let publisher = XPub::new(&context);
    let at = publisher.bind(place.any()).expect("bound");
    let subscriber = |first: usize, step: usize| {
        let mut peer = RawPeer::connect_as("SUB", &at);
        let topics: Vec<u8> = (first as u32..TOPICS)
            .step_by(step)
            .flat_map(|topic| command("SUBSCRIBE", &topic.to_be_bytes()))
            .collect();
        std::thread::spawn(move || {
            assert!(peer.send(&topics));
            peer
        })
    };
    // For each topic whether the application was told of a subscribe last.
    let mut ledger = vec![false; TOPICS as usize];
    let mut read_on = || {
        while let Ok(notice) = publisher.try_recv() {
            let (topic, begins) = match &notice {
                Upstream::Subscribe(topic) => (topic, true),
                Upstream::Cancel(topic) => (topic, false),
                other => panic!("nobody sent {other:?}"),
            };
            let topic = topic[..].try_into().map(u32::from_be_bytes);
            let is_wanted = &mut ledger[topic.expect("four bytes") as usize];
            assert_eq!(*is_wanted, !begins, "each in its turn");
            *is_wanted = begins;
        }
        ledger.iter().filter(|is_wanted| **is_wanted).count()
    };
    let even = subscriber(0, 2);
    let all = subscriber(0, 1);
    let last = (TOPICS - 1).to_be_bytes();
    wait_until("all subscribes are seen", || read_on() == TOPICS as usize);
    let last_even = (TOPICS - 2).to_be_bytes();
    wait_until("both have subscribed to the last", || {
        publisher.subscription_count(last_even) == 2 && publisher.subscription_count(last) == 1
    });
    drop(joined(all));
    wait_until("its end", || publisher.subscriber_count() == 1);
    // It counts no more and gets nothing, whatever is left to remove.
    assert_eq!(publisher.subscription_count(last), 0);
    assert_eq!(publisher.send(&last).expect("sent").sent, 0);
    let odd = subscriber(1, 2);
    publisher
        .wait_for_subscription(last, 1, PATIENCE)
        .expect("the new one is heard");
    assert_eq!(publisher.send(&last).expect("sent").sent, 1);
    wait_until("each topic is wanted again", || {
        read_on() == TOPICS as usize && publisher.topic_count() == TOPICS as usize
    });
    drop((joined(even), joined(odd)));
    wait_until("no topic is left", || {
        read_on() == 0 && publisher.topic_count() == 0
    });
    assert_eq!(publisher.subscriber_count(), 0);
}

fn subscriptions_to_what_is_no_publisher_are_dropped_and_counted(place: &Place) {
    const MANY: u64 = 300_000;
    let context = Context::new();
    let kinds = victims(&context, place);
    for (victim, at, peer, _) in kinds {
        let mut raw = RawPeer::connect_as(peer, &at);
        raw.send(&frame(b"", true));
        raw.send(&frame(b"wanted", false));
        let _flood = Flood::of(raw, &command("SUBSCRIBE", &[7; 100]));
        // Nobody receives: what is kept would be for ever.
        wait_until("they are dropped", || {
            victim.stats().dropped.unexpected > MANY
        });
        let stats = victim.stats();
        assert!(stats.peers[0].dropped.unexpected > MANY);
        assert!(stats.queued_to_receive <= 1);
    }
}

/// How many bytes `peer` gets rid of before nobody takes any for a while, `most` at the most.
fn taken(peer: &mut RawPeer, block: &[u8], most: usize) -> usize {
    match peer {
        RawPeer::Tcp(stream) => stream.set_write_timeout(Some(4 * MOMENT)),
        RawPeer::Unix(stream) => stream.set_write_timeout(Some(4 * MOMENT)),
    }
    .expect("not zero");
    let (mut taken, mut at) = (0, 0);
    while taken < most {
        let Ok(written) = peer.write(&block[at..]) else {
            break;
        };
        taken += written;
        at = (at + written) % block.len();
    }
    taken
}

/// Far more than the kernel and a few reads hold.
const TOO_MUCH: usize = 96 << 20;

fn subscriptions_that_nobody_reads_are_left_with_the_peer(place: &Place) {
    let context = Context::new();
    let xpub = XPub::builder(&context)
        .upstream_backlog_bytes(1_usize << 20)
        .build();
    let at = xpub.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("SUB", &at);
    let block = subscriptions();
    let taken = taken(&mut peer, &block, TOO_MUCH);
    assert!(taken < TOO_MUCH);
    // Once somebody reads, all of it comes: 4000 in a block, of which the last may be cut anywhere.
    for _ in 0..taken / block.len() * 4000 {
        xpub.recv_timeout(PATIENCE).expect("a subscription");
    }
    assert_eq!(xpub.peers().len(), 1);
}

/// A peer that has said all and hears nothing: our greeting does not fit into its kernel's room and ours.
fn what_stands_behind_the_handshake_waits_with_the_peer(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .send_buffer(4096)
        .receive_high_water_mark(None)
        .metadata("X-Long", vec![b'x'; 16_000])
        .expect("valid")
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect(&at);
    peer.send(&greeting());
    peer.send(&ready("PUSH"));
    let messages = frame(&[b'm'; 200], false).repeat(1000);
    let most = match place.transport() {
        // The kernel takes it all, so that there is nothing to wait for.
        highwater::Transport::Tcp => 8 << 20,
        _ => TOO_MUCH,
    };
    let taken = taken(&mut peer, &messages, most);
    assert!(taken < TOO_MUCH);
    let mut theirs = [0; 64];
    peer.read_exact(&mut theirs).expect("a greeting");
    peer.read_frame();
    for _ in 0..taken / 202 {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received").size(), 200);
    }
}

fn frames_count_as_the_memory_that_they_take(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context).max_message_size(1000).build();
    let at = pull.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("PUSH", &at);
    // An envelope, and a body as long as allowed.
    peer.send(&frame(b"", true).repeat(15));
    peer.send(&frame(&[b'b'; 1000], false));
    let received = pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!((received.frame_count(), received.size()), (16, 1000));
    let events = pull.monitor();
    peer.send(&frame(b"", true).repeat(65_535));
    let end = wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    let EventKind::Disconnected { cause, .. } = end.kind else {
        unreachable!("it was asked for");
    };
    let too_large = FrameError::MessageTooLarge {
        size: 14 * 72,
        max: 1000,
    };
    assert_eq!(cause, LinkError::Protocol(ProtocolError::Frame(too_large)));

    let pull = Pull::builder(&context)
        .receive_high_water_mark(None)
        .receive_high_water_bytes(1_000_000)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("PUSH", &at);
    let message = [frame(b"", true).repeat(65_534), frame(b"", false)].concat();
    assert!(taken(&mut peer, &message, TOO_MUCH) < TOO_MUCH);
    let received = pull.recv_timeout(PATIENCE).expect("one always fits");
    assert_eq!(received.frame_count(), 65_535);
}
