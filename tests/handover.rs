//! Handing over to a successor: streams go on, and nothing is lost, doubled or out of order.

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use highwater::{
    ConnectError, Context, Dealer, Ended, Endpoint, EndpointError, EventKind, Message, Pub, Pull,
    Push, RecvError, Rep, Req, RetireReport, Router, RoutingId, Stats, Sub, Transport,
    TryRecvError,
};
use support::{
    Child, MOMENT, PATIENCE, Place, RawPeer, command, frame, joined, must_end, number,
    over_each_transport, over_every_transport, play_child, wait_for_event, wait_until,
};

over_each_transport!(
    a_stream_goes_on_at_the_successor,
    a_stream_that_is_stuck_goes_on_at_the_successor,
    who_does_not_close_is_cut_when_the_time_is_over,
    after_the_end_of_our_side_nothing_is_said_any_more,
    a_handshake_under_way_is_completed_before,
    connections_outlive_their_listener,
    closing_ends_a_retirement,
);

over_every_transport!(
    what_a_retired_socket_had_sent_arrives,
    what_has_come_is_received_before_the_end,
    a_service_answers_what_it_was_asked,
    a_router_reads_what_was_on_its_way,
    a_connected_socket_retires_too,
    a_socket_without_peers_retires_at_once,
);

const SENDERS: usize = 4;

/// A small buffer of the kernel, so that little is under way and the test soon over.
const KERNEL: usize = 32 * 1024;

/// PUSHes that send their number and a count, until they are told to stop.
struct Senders {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Push>>,
}

impl Senders {
    fn start(context: &Context, at: &Endpoint) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..SENDERS)
            .map(|sender| {
                let push = Push::builder(context)
                    .reconnect_interval(Duration::from_millis(5))
                    .reconnect_interval_max(Duration::from_millis(20))
                    .send_buffer(KERNEL)
                    .build();
                push.connect(at).expect("connecting");
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    for count in 0_usize.. {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        push.send([sender.to_string(), count.to_string()])
                            .expect("room comes");
                    }
                    push
                })
            })
            .collect();
        Self { stop, threads }
    }

    /// Receives with `pull`, until they have stopped and all of it is there that `before` does not have.
    fn stop_and_receive(self, pull: &Pull, received: &mut Received, before: usize) -> Vec<Stats> {
        self.stop.store(true, Ordering::Relaxed);
        wait_until("they have stopped", || {
            while let Ok(message) = pull.try_recv() {
                received.take(&message);
            }
            self.threads.iter().all(JoinHandle::is_finished)
        });
        let pushes: Vec<Push> = self.threads.into_iter().map(joined).collect();
        let sent: Vec<Stats> = pushes.iter().map(Push::stats).collect();
        let total: u64 = sent.iter().map(|stats| stats.messages_sent).sum();
        while ((before + received.len()) as u64) < total {
            received.take(&pull.recv_timeout(PATIENCE).expect("received"));
        }
        sent
    }
}

/// What has come from each sender: everything between two counts, in order.
#[derive(Debug, Clone, Default, PartialEq)]
struct Received([Option<Range<usize>>; SENDERS]);

impl Received {
    fn take(&mut self, message: &Message) {
        let text = |frame: usize| std::str::from_utf8(&message[frame]).expect("text was sent");
        let sender: usize = text(0).parse().expect("a number was sent");
        let count: usize = text(1).parse().expect("a number was sent");
        let range = self.0[sender].get_or_insert(count..count);
        assert_eq!(count, range.end, "of {sender}");
        range.end += 1;
    }

    fn len(&self) -> usize {
        self.0.iter().flatten().map(Range::len).sum()
    }

    /// What the successor received follows on this, and is all that was sent.
    fn is_completed_by(&self, successor: &Self, sent: &[Stats]) {
        for (sender, sent) in sent.iter().enumerate() {
            let old = self.0[sender].clone().unwrap_or(0..0);
            let new = successor.0[sender].clone().unwrap_or(old.end..old.end);
            assert_eq!((old.start, old.end), (0, new.start), "of {sender}");
            assert_eq!(new.end as u64, sent.messages_sent, "of {sender}");
            assert_eq!(sent.dropped, Default::default());
        }
    }
}

/// Receives until every sender has been heard from so often.
fn receive_some(pull: &Pull, received: &mut Received, from_each: usize) {
    let heard = |range: &Option<Range<usize>>| range.as_ref().map_or(0, Range::len);
    while received.0.iter().any(|range| heard(range) < from_each) {
        received.take(&pull.recv_timeout(PATIENCE).expect("received"));
    }
}

/// Receives until the socket has retired.
fn receive_rest(pull: &Pull, received: &mut Received) {
    loop {
        match pull.recv_timeout(PATIENCE) {
            Ok(message) => received.take(&message),
            Err(RecvError::Ended(Ended::Closed)) => return,
            Err(error) => panic!("{error}: {:?}", pull.stats()),
        }
    }
}

/// Two sockets that listen at one address, or will.
struct Pair {
    context: Context,
    old: Pull,
    at: Endpoint,
    /// Has the successor listen.
    succeed: Box<dyn FnOnce(&Pull) -> Pull>,
}

/// Every way in which there can be a successor.
fn pairs(place: &Place) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let context = Context::builder().io_threads(2).build();
    let old = Pull::builder(&context).receive_buffer(KERNEL).build();
    let at = old.bind(place.any()).expect("bound");
    pairs.push(Pair {
        succeed: Box::new({
            let (context, at) = (context.clone(), at.clone());
            move |old| {
                old.stop_accepting(&at).expect("it listens");
                let new = Pull::builder(&context).receive_buffer(KERNEL).build();
                new.bind(&at).expect("the address is free");
                new
            }
        }),
        context,
        old,
        at,
    });
    if place.transport() == Transport::Tcp {
        let context = Context::new();
        let old = Pull::builder(&context)
            .reuse_port(true)
            .receive_buffer(KERNEL)
            .build();
        let at = old.bind("tcp://127.0.0.1:0").expect("bound");
        pairs.push(Pair {
            succeed: Box::new({
                let (context, at) = (context.clone(), at.clone());
                move |_| {
                    let new = Pull::builder(&context)
                        .reuse_port(true)
                        .receive_buffer(KERNEL)
                        .build();
                    new.bind(&at).expect("the port can be shared");
                    new
                }
            }),
            context,
            old,
            at,
        });
        let context = Context::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let other = listener.try_clone().expect("a descriptor is free");
        let old = Pull::builder(&context).receive_buffer(KERNEL).build();
        let at = old.bind_fd(OwnedFd::from(listener)).expect("it listens");
        pairs.push(Pair {
            succeed: Box::new({
                let context = context.clone();
                move |_| {
                    let new = Pull::new(&context);
                    new.bind_fd(OwnedFd::from(other)).expect("it listens");
                    new
                }
            }),
            context,
            old,
            at,
        });
    }
    pairs
}

fn in_order(connections: usize) -> RetireReport {
    let mut report = RetireReport::default();
    report.parted = connections;
    report
}

fn hand_over(pair: Pair, before: impl FnOnce(&Pull, &mut Received)) {
    let Pair {
        context,
        old,
        at,
        succeed,
    } = pair;
    let senders = Senders::start(&context, &at);
    old.wait_for_peers(SENDERS, PATIENCE).expect("connected");
    let (mut first, mut second) = (Received::default(), Received::default());
    before(&old, &mut first);

    let new = succeed(&old);
    let retirement = old.retire(PATIENCE);
    receive_rest(&old, &mut first);
    assert!(retirement.is_over());
    assert_eq!(retirement.report(), in_order(SENDERS));
    assert!(matches!(
        old.try_recv(),
        Err(TryRecvError::Ended(Ended::Closed))
    ));
    assert!(old.bind("tcp://127.0.0.1:0").is_err() && old.local_endpoints().is_empty());

    receive_some(&new, &mut second, 100);
    let sent = senders.stop_and_receive(&new, &mut second, first.len());
    first.is_completed_by(&second, &sent);
    let (first_stats, second_stats) = (old.stats(), new.stats());
    assert_eq!(first_stats.messages_received, first.len() as u64);
    assert_eq!(second_stats.messages_received, second.len() as u64);
    assert_eq!(first_stats.dropped, Default::default());
    assert_eq!(new.try_recv(), Err(TryRecvError::Empty));
}

fn a_stream_goes_on_at_the_successor(place: &Place) {
    for pair in pairs(place) {
        hand_over(pair, |old, received| receive_some(old, received, 500));
    }
}

/// With all queues and the buffers of the kernel full, on both ends.
fn a_stream_that_is_stuck_goes_on_at_the_successor(place: &Place) {
    for pair in pairs(place) {
        hand_over(pair, |old, _| {
            let mut last = 0;
            wait_until("nothing moves any more", || {
                std::thread::sleep(MOMENT);
                let now = old.stats().bytes_received;
                now > 0 && std::mem::replace(&mut last, now) == now
            });
        });
    }
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn child_process() {
    play_child(|words, say, listen| {
        let ["serve", at] = words else {
            panic!("unknown role {words:?}");
        };
        let pull = Pull::builder(&Context::new())
            .reuse_port(true)
            .receive_buffer(KERNEL)
            .build();
        say(&pull.bind(*at).expect("bound").to_string());
        pull.wait_for_peers(SENDERS, PATIENCE).expect("connected");
        let mut received = Received::default();
        receive_some(&pull, &mut received, 500);
        say("serving");
        assert_eq!(listen(), "retire");
        let retirement = pull.retire(PATIENCE);
        receive_rest(&pull, &mut received);
        assert_eq!(retirement.report(), in_order(SENDERS));
        let counts = received
            .0
            .map(|range| range.expect("heard").end.to_string());
        say(&counts.join(" "));
    });
}

#[test]
fn a_stream_goes_on_in_another_process() {
    must_end("a_stream_goes_on_in_another_process", || {
        let mut old = Child::start("serve tcp://127.0.0.1:0");
        let at: Endpoint = old.hear().parse().expect("an endpoint");
        let context = Context::new();
        let senders = Senders::start(&context, &at);
        assert_eq!(old.hear(), "serving");
        let new = Pull::builder(&context)
            .reuse_port(true)
            .receive_buffer(KERNEL)
            .build();
        new.bind(&at).expect("the port can be shared");
        old.tell("retire");
        let mut second = Received::default();
        receive_some(&new, &mut second, 100);
        let counts = old.hear();
        let mut first = Received::default();
        for (range, count) in first.0.iter_mut().zip(counts.split(' ')) {
            *range = Some(0..count.parse().expect("a number"));
        }
        let sent = senders.stop_and_receive(&new, &mut second, first.len());
        first.is_completed_by(&second, &sent);
    });
}

fn who_does_not_close_is_cut_when_the_time_is_over(place: &Place) {
    let pull = Pull::new(&Context::new());
    let at = pull.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect_as("PUSH", &at);
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    let retirement = pull.retire(MOMENT);
    assert!(raw.send(&frame(b"late", false)));
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "late");
    assert_eq!(
        pull.recv_timeout(PATIENCE),
        Err(RecvError::Ended(Ended::Closed))
    );
    assert!(retirement.wait(PATIENCE));
    let report = retirement.report();
    assert_eq!((report.parted, report.cut), (0, 1));
    raw.wait_for_end();
}

fn after_the_end_of_our_side_nothing_is_said_any_more(place: &Place) {
    let pull = Pull::builder(&Context::new())
        .heartbeat_interval(Duration::from_millis(5))
        .heartbeat_timeout(Duration::from_millis(20))
        .build();
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect_as("PUSH", &at);
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    // It answers, and so could be given up; then it is silent, and its own PING cannot be answered.
    assert_eq!(raw.read_frame(), (4, b"\x04PING\0\0".to_vec()));
    assert!(raw.send(&command("PONG", b"")));
    let retirement = pull.retire(PATIENCE);
    let mut rest = Vec::new();
    raw.read_to_end(&mut rest).expect("an end, and no reset");
    assert!(rest.chunks(9).all(|ping| ping == b"\x04\x07\x04PING\0\0"));
    std::thread::sleep(MOMENT); // longer than it would take to give the peer up
    assert!(raw.send(&command("PING", b"\0\0")));
    for count in 0..3 {
        assert!(raw.send(&frame(count.to_string().as_bytes(), false)));
    }
    raw.finish();
    for expected in 0..3 {
        let received = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number(&received), expected);
    }
    assert_eq!(
        pull.recv_timeout(PATIENCE),
        Err(RecvError::Ended(Ended::Closed))
    );
    assert_eq!(retirement.report(), in_order(1));
    wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::Disconnected { lost: 0, .. })
    });
}

fn a_handshake_under_way_is_completed_before(place: &Place) {
    let pull = Pull::new(&Context::new());
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect(&at);
    assert!(raw.send(&support::greeting()));
    wait_for_event(&events, "of a connection", |kind| {
        *kind == EventKind::Accepted
    });
    let retirement = pull.retire(PATIENCE);
    assert!(!retirement.is_over());
    assert!(raw.send(&support::ready("PUSH")));
    sends_until_the_end_and_once_more(raw, &pull);
    assert_eq!(retirement.report(), in_order(1));
}

/// A peer that is let go of: what it sends before it sees that, and after, is received.
fn sends_until_the_end_and_once_more(mut raw: RawPeer, pull: &Pull) {
    assert!(raw.send(&frame(b"first", false)));
    raw.read_to_end(&mut Vec::new())
        .expect("an end, and no reset");
    assert!(raw.send(&frame(b"second", false)));
    drop(raw);
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "first");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "second");
    assert_eq!(
        pull.recv_timeout(PATIENCE),
        Err(RecvError::Ended(Ended::Closed))
    );
}

#[test]
fn a_handshake_that_we_have_begun_is_completed_before() {
    must_end("a_handshake_that_we_have_begun", || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let pull = Pull::new(&Context::new());
        let events = pull.monitor();
        pull.connect(Endpoint::from(listener.local_addr().expect("bound")))
            .expect("connecting");
        let mut raw = RawPeer::from(listener.accept().expect("it connects").0);
        wait_for_event(&events, "of a connection", |kind| {
            *kind == EventKind::Connected
        });
        let retirement = pull.retire(PATIENCE);
        assert!(!retirement.is_over());
        raw.shake_hands("PUSH");
        sends_until_the_end_and_once_more(raw, &pull);
        assert_eq!(retirement.report(), in_order(1));
    });
}

fn connections_outlive_their_listener(place: &Place) {
    let context = Context::new();
    let (pull, push) = (Pull::new(&context), Push::new(&context));
    let at = pull.bind(place.any()).expect("bound");
    push.connect(&at).expect("connecting");
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    pull.stop_accepting(&at).expect("it listens");
    for outcome in [pull.stop_accepting(&at), pull.pause_accepting(&at)] {
        assert!(matches!(outcome, Err(EndpointError::NotFound(_))));
    }
    assert_eq!(pull.local_endpoints(), []);
    push.send("still").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "still");

    let other = Pull::new(&context);
    other.bind(&at).expect("the address is free");
    let another = Push::new(&context);
    another.connect(&at).expect("connecting");
    other.wait_for_peers(1, PATIENCE).expect("it came here");
    assert_eq!((pull.peers().len(), pull.stats().disconnects), (1, 0));
    push.send("here").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "here");
    pull.unbind(&at).expect("connections are left");
    other
        .wait_for_peers(2, PATIENCE)
        .expect("it came here, too");
    assert!(matches!(pull.unbind(&at), Err(EndpointError::NotFound(_))));
}

fn closing_ends_a_retirement(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect_as("PUSH", &at);
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    let retirement = pull.retire(PATIENCE * 10);
    raw.read_to_end(&mut Vec::new())
        .expect("an end, and no reset");
    assert!(!retirement.is_over());
    drop(pull);
    assert!(retirement.wait(PATIENCE));
    drop(raw);
    assert!(context.wait_for_lingering(PATIENCE));
}

fn what_a_retired_socket_had_sent_arrives(place: &Place) {
    const COUNT: usize = 900;
    let context = Context::new();
    let push = Push::new(&context);
    let at = push.bind(place.any()).expect("bound");
    let pull = Pull::builder(&context).receive_high_water_mark(1).build();
    pull.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let body = vec![b'x'; 5000];
    for count in 0..COUNT {
        push.send([count.to_string().into_bytes(), body.clone()])
            .expect("there is room");
    }
    let retirement = push.retire(PATIENCE);
    for expected in 0..COUNT {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message[0], *expected.to_string().as_bytes());
    }
    wait_until("it has retired", || {
        push.try_send("more")
            .is_err_and(|error| matches!(error, highwater::TrySendError::Ended(_, Ended::Closed)))
    });
    assert!(retirement.is_over());
    let report = retirement.report();
    assert_eq!((report.cut, report.lost), (0, 0));
    assert_eq!(push.stats().dropped, Default::default());
}

fn what_has_come_is_received_before_the_end(place: &Place) {
    let context = Context::new();
    let (pull, push) = (Pull::new(&context), Push::new(&context));
    let at = pull.bind(place.any()).expect("bound");
    push.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    push.send_many((0..100).map(|count: usize| count.to_string()))
        .expect("sent");
    // What is not even with the kernel stays with the PUSH, for whoever comes next.
    wait_until("it is on its way", || {
        place.transport() == Transport::Inproc || push.stats().queued_to_send == 0
    });
    let retirement = pull.retire(PATIENCE);
    wait_until("the connections have ended", || retirement.is_over());
    for expected in 0..100 {
        assert_eq!(number(&pull.try_recv().expect("it has come")), expected);
    }
    assert_eq!(
        pull.recv_timeout(PATIENCE),
        Err(RecvError::Ended(Ended::Closed))
    );
    assert_eq!(pull.stats().dropped, Default::default());
    assert!(matches!(
        pull.connect(place.vacant()),
        Err(ConnectError::Ended(Ended::Closed))
    ));
}

/// A REP answers everything that has come before its connection ends; what crosses that end is asked again.
fn a_service_answers_what_it_was_asked(place: &Place) {
    const CLIENTS: usize = 3;
    let context = Context::new();
    let old = Rep::new(&context);
    let at = old.bind(place.any()).expect("bound");
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let mut req = Req::new(&context);
            req.connect(&at).expect("connecting");
            std::thread::spawn(move || req.request(client.to_string()))
        })
        .collect();
    let requests: Vec<_> = (0..CLIENTS)
        .map(|_| old.recv_timeout(PATIENCE).expect("asked"))
        .collect();
    let retirement = old.retire(PATIENCE);
    assert!(!retirement.wait(MOMENT), "three are owed an answer");
    for request in requests {
        let answer = format!("to {}", request.to_str().expect("text was sent"));
        request.reply(answer).expect("there is a way back");
    }
    for (client, asked) in clients.into_iter().enumerate() {
        assert_eq!(joined(asked).expect("answered"), format!("to {client}"));
    }
    assert!(retirement.wait(PATIENCE));
    let report = retirement.report();
    assert_eq!((report.cut, report.lost), (0, 0));
    assert_eq!(
        old.recv_timeout(PATIENCE).err(),
        Some(RecvError::Ended(Ended::Closed))
    );
}

fn a_router_reads_what_was_on_its_way(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let at = router.bind(place.any()).expect("bound");
    let dealer = Dealer::builder(&context)
        .routing_id(RoutingId::new("d").expect("a good id"))
        .build();
    dealer.connect(&at).expect("connecting");
    dealer.send("hello").expect("sent");
    let (from, _) = router.recv_timeout(PATIENCE).expect("received");
    router.send_to(&from, "answer").expect("it is there");
    dealer
        .send_many((0..50).map(|count: usize| count.to_string()))
        .expect("sent");
    wait_until("all is out", || {
        dealer.stats().queued_to_send == 0 || place.transport() == Transport::Inproc
    });
    let retirement = router.retire(PATIENCE);
    assert!(router.send_to(&from, "too late").is_err());
    for expected in 0..50 {
        let (from, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!((from.as_bytes(), number(&message)), (&b"d"[..], expected));
    }
    assert_eq!(dealer.recv_timeout(PATIENCE).expect("received"), "answer");
    assert!(retirement.wait(PATIENCE));
    assert_eq!(
        router.recv_timeout(PATIENCE).err(),
        Some(RecvError::Ended(Ended::Closed))
    );
    assert_eq!(router.stats().dropped, Default::default());
}

fn a_connected_socket_retires_too(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let at = push.bind(place.any()).expect("bound");
    let pull = Pull::new(&context);
    pull.connect(&at).expect("connecting");
    pull.connect(place.vacant()).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    push.send_many((0..100).map(|count: usize| count.to_string()))
        .expect("sent");
    wait_until("all is out", || {
        push.stats().queued_to_send == 0 || place.transport() == Transport::Inproc
    });
    let retirement = pull.retire(PATIENCE);
    for expected in 0..100 {
        let received = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number(&received), expected);
    }
    assert_eq!(
        pull.recv_timeout(PATIENCE),
        Err(RecvError::Ended(Ended::Closed))
    );
    assert_eq!(retirement.report().cut, 0);
    wait_until("it has gone", || push.peers().is_empty());
    assert_eq!(push.stats().handshakes, 1);
}

fn a_socket_without_peers_retires_at_once(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    pull.bind(place.any()).expect("bound");
    let retirement = pull.retire(PATIENCE * 10);
    assert_eq!(
        pull.recv_timeout(PATIENCE),
        Err(RecvError::Ended(Ended::Closed))
    );
    assert!(retirement.is_over());
    assert!(pull.retire(PATIENCE).is_over());
    let nowhere = Pull::new(&context);
    assert!(nowhere.retire(PATIENCE).wait(PATIENCE));
    assert_eq!(
        nowhere.recv_timeout(PATIENCE),
        Err(RecvError::Ended(Ended::Closed))
    );
}

/// What a PUB counts as sent, one or the other subscriber has.
#[test]
fn what_was_published_is_received_by_the_old_or_the_new() {
    must_end("what_was_published_is_received", || {
        let context = Context::new();
        let old = Sub::new(&context);
        let at = old.bind("tcp://127.0.0.1:0").expect("bound");
        old.subscribe("").expect("open");
        let publisher = Pub::builder(&context)
            .reconnect_interval(Duration::from_millis(5))
            .build();
        publisher.connect(&at).expect("connecting");
        publisher
            .wait_for_subscribers(1, PATIENCE)
            .expect("subscribed");
        let stop = Arc::new(AtomicBool::new(false));
        let publishing = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut sent = 0;
                for count in 0_usize.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    sent += publisher.send(count.to_string()).expect("open").sent;
                    std::thread::yield_now();
                }
                let _ = publisher.close(PATIENCE);
                sent
            }
        });
        for _ in 0..500 {
            old.recv_timeout(PATIENCE).expect("received");
        }
        let mut received = 500;
        old.stop_accepting(&at).expect("it listens");
        let new = Sub::new(&context);
        new.bind(&at).expect("the address is free");
        new.subscribe("").expect("open");
        let retirement = old.retire(PATIENCE);
        while old.recv_timeout(PATIENCE).is_ok() {
            received += 1;
        }
        assert_eq!(retirement.report(), in_order(1));
        for _ in 0..500 {
            new.recv_timeout(PATIENCE).expect("received");
        }
        received += 500;
        stop.store(true, Ordering::Relaxed);
        let sent = joined(publishing);
        while received < sent {
            new.recv_timeout(PATIENCE).expect("received");
            received += 1;
        }
        assert_eq!(new.try_recv(), Err(TryRecvError::Empty));
    });
}
