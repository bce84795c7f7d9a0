//! A busy peer and its neighbours, in the scenes that `fairness.rs` leaves out: PAIR, XPUB, XSUB, `recv_many`, an application
//! that works on each message, many peers, and peers and endpoints that come and go.
//!
//! Each scene counts how many messages of each peer were sent and heard, and ends once the two are the same.
//! RFC 28, RFC 29 and RFC 30: a socket receives from its peers by fair-queuing.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use highwater::{
    Context, Dealer, Message, Pair, Pub, Pull, Push, Router, Sub, Upstream, XPub, XSub,
};
use support::{PATIENCE, Place, Shares, is_sent, joined, must_end, over_every_transport};

/// How long the busy peer is watched.
const WATCHED: Duration = Duration::from_secs(1);

/// A peer that sends at its pace and is not heard for so long is starved; a loaded machine needs a few hundredths of it.
const STARVED: Duration = Duration::from_millis(1500);

/// What an application does with each message, where it works.
const WORK: Duration = Duration::from_millis(20);

/// The most messages that one `recv_many` takes.
const MANY: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pull,
    /// A PULL that takes its messages by `recv_many`.
    PullMany,
    Router,
    XPub,
    XSub,
}

enum Receiver {
    Pull(Pull),
    PullMany(Pull),
    Router(Router),
    XPub(XPub),
    XSub(XSub),
}

impl Receiver {
    fn new(kind: Kind, context: &Context) -> Self {
        match kind {
            Kind::Pull => Self::Pull(Pull::new(context)),
            Kind::PullMany => Self::PullMany(
                Pull::builder(context)
                    .receive_timeout(Duration::from_millis(20))
                    .build(),
            ),
            Kind::Router => Self::Router(Router::new(context)),
            Kind::XPub => Self::XPub(XPub::new(context)),
            Kind::XSub => {
                let xsub = XSub::new(context);
                xsub.subscribe("").expect("subscribed");
                Self::XSub(xsub)
            }
        }
    }

    fn bind(&self, at: &str) -> String {
        let bound = match self {
            Self::Pull(socket) | Self::PullMany(socket) => socket.bind(at),
            Self::Router(socket) => socket.bind(at),
            Self::XPub(socket) => socket.bind(at),
            Self::XSub(socket) => socket.bind(at),
        };
        bound.expect("bound").to_string()
    }

    /// The messages that it has counted as dropped: an XPUB whose backlog is full drops what a peer that goes has left behind.
    fn dropped(&self) -> u64 {
        match self {
            Self::XPub(socket) => socket.stats().dropped.no_room,
            _ => 0,
        }
    }

    /// Notes in `ledger` what comes within `timeout`; false if nothing does.
    fn hear(&self, timeout: Duration, ledger: &mut Ledger) -> bool {
        let message = match self {
            Self::Pull(socket) => socket.recv_timeout(timeout).ok(),
            Self::Router(socket) => socket.recv_timeout(timeout).ok().map(|(_, body)| body),
            Self::XSub(socket) => socket.recv_timeout(timeout).ok(),
            Self::XPub(socket) => match socket.recv_timeout(timeout) {
                Ok(Upstream::Message(message)) => Some(message),
                Ok(Upstream::Subscribe(topic)) => {
                    ledger.subscribed(&topic);
                    return true;
                }
                Ok(Upstream::Cancel(topic)) => {
                    ledger.cancelled(&topic);
                    return true;
                }
                Ok(other) => panic!("nobody has sent {other:?}"),
                Err(_) => None,
            },
            Self::PullMany(socket) => {
                let mut several = Vec::new();
                // This one has a timeout of its own.
                let count = socket.recv_many(&mut several, MANY).unwrap_or(0);
                several.iter().for_each(|message| ledger.heard(message));
                return count > 0;
            }
        };
        message.as_ref().map(|body| ledger.heard(body)).is_some()
    }
}

/// Sends its number until it is told to stop.
struct Peer {
    sent: Arc<AtomicU64>,
    /// Topics to which it has subscribed.
    topics: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

impl Peer {
    /// With no `pace` it sends flat out.
    fn start(
        kind: Kind,
        context: &Context,
        at: &str,
        number: usize,
        pace: Option<Duration>,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        let (sent, topics) = (Arc::default(), Arc::<AtomicU64>::default());
        let text = number.to_string();
        let wait = Duration::from_millis(10);
        let mut send: Box<dyn FnMut() -> bool + Send> = match kind {
            Kind::Pull | Kind::PullMany => {
                let push = Push::builder(context).send_timeout(wait).build();
                push.connect(at).expect("connecting");
                Box::new(move || is_sent(push.send(&*text)))
            }
            Kind::Router => {
                let dealer = Dealer::builder(context).send_timeout(wait).build();
                dealer.connect(at).expect("connecting");
                Box::new(move || is_sent(dealer.send(&*text)))
            }
            Kind::XPub => {
                let xsub = XSub::new(context);
                xsub.connect(at).expect("connecting");
                xsub.wait_for_peers(1, PATIENCE).expect("connected");
                let topics = Arc::clone(&topics);
                Box::new(move || {
                    // The topic is a peer's own, so the first subscription to it is the only one.
                    let count = topics.load(Ordering::Relaxed);
                    if pace.is_some() && count < 50 {
                        let topic = format!("{text} {count}");
                        xsub.subscribe(topic).expect("subscribed");
                        topics.store(count + 1, Ordering::Relaxed);
                    }
                    let message = Upstream::Message(Message::from(&*text));
                    xsub.pass_on(message).expect("sent").sent == 1
                })
            }
            Kind::XSub => {
                let publisher = Pub::new(context);
                publisher.connect(at).expect("connecting");
                publisher
                    .wait_for_subscribers(1, PATIENCE)
                    .expect("subscribed");
                Box::new(move || publisher.send(&*text).expect("published").sent == 1)
            }
        };
        let (stop, counts) = (Arc::clone(stop), Arc::<AtomicU64>::clone(&sent));
        let thread = thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    counts.fetch_add(u64::from(send()), Ordering::Relaxed);
                    if let Some(pace) = pace {
                        thread::sleep(pace);
                    }
                }
            })
            .expect("a thread");
        Self {
            sent,
            topics,
            thread,
        }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// How often each was heard, with what, and for how long not.
struct Ledger {
    shares: Shares,
    topics: Vec<u64>,
    /// Topics whose subscriber has gone.
    cancelled: Vec<u64>,
}

impl Ledger {
    fn new(peers: usize) -> Self {
        Self {
            shares: Shares::new(peers),
            topics: vec![0; peers],
            cancelled: vec![0; peers],
        }
    }

    fn heard(&mut self, message: &Message) {
        self.shares.hear(support::number(message));
    }

    /// Each peer numbers its topics from 0 on: none is missed, doubled or out of order.
    fn subscribed(&mut self, topic: &[u8]) {
        let (number, count) = numbers_of(topic);
        assert_eq!(count, self.topics[number], "peer {number}");
        self.topics[number] += 1;
    }

    fn cancelled(&mut self, topic: &[u8]) {
        let (number, count) = numbers_of(topic);
        assert!(count < self.topics[number], "peer {number} had no {count}");
        self.cancelled[number] += 1;
    }
}

/// A peer, and which of its topics this is.
fn numbers_of(topic: &[u8]) -> (usize, u64) {
    let text = std::str::from_utf8(topic).expect("text was sent");
    let (number, count) = text.split_once(' ').expect("two numbers were sent");
    (
        number.parse().expect("a number"),
        count.parse().expect("a number"),
    )
}

/// One scene: who receives, from how many, and where they meet.
#[derive(Debug, Clone, Copy)]
struct Scene {
    kind: Kind,
    peers: usize,
    io_threads: usize,
    places: &'static [&'static str],
    /// The application works on each message.
    works: bool,
}

impl Scene {
    fn play(self) {
        must_end(&format!("{self:?}"), move || self.act());
    }

    fn act(self) {
        let Self { kind, peers, .. } = self;
        let context = Context::builder().io_threads(self.io_threads).build();
        let receiver = Receiver::new(kind, &context);
        let directory = tempfile::tempdir().expect("a directory");
        let at = |place: &&str| match *place {
            "tcp" => receiver.bind("tcp://127.0.0.1:0"),
            "ipc" => receiver.bind(&format!("ipc://{}/fair", directory.path().display())),
            "inproc" => receiver.bind("inproc://fair"),
            other => panic!("no place {other}"),
        };
        let bound: Vec<String> = self.places.iter().map(at).collect();
        let (stop, apart) = (Arc::new(AtomicBool::new(false)), Context::new());
        // Some thousands of messages a second are enough for all of the slow ones together.
        let pace = Duration::from_millis(10).max(Duration::from_micros(1500) * peers as u32);
        let start = |number: usize| {
            let place = &bound[number % bound.len()];
            let within = place.starts_with("inproc");
            let context = if within { &context } else { &apart };
            let pace = (number > 0).then_some(pace);
            Peer::start(kind, context, place, number, pace, &stop)
        };
        let mut ledger = Ledger::new(peers);
        // The slow ones first: the receiver waits for them all, so that it has borrowed their links where it does that.
        let slow: Vec<Peer> = (1..peers).map(start).collect();
        let begun = Instant::now();
        while ledger.shares.heard[1..].contains(&0) {
            assert!(begun.elapsed() < PATIENCE, "not all have come");
            receiver.hear(Duration::from_millis(100), &mut ledger);
        }
        let busy = start(0);
        while ledger.shares.heard[0] == 0 {
            assert!(begun.elapsed() < PATIENCE, "the busy one has not come");
            receiver.hear(Duration::from_millis(100), &mut ledger);
        }
        let before = ledger.shares.begin();
        let sent_before: Vec<u64> = slow.iter().map(Peer::sent).collect();
        let begun = Instant::now();
        let watched = if self.works { WATCHED * 3 } else { WATCHED };
        while begun.elapsed() < watched {
            receiver.hear(Duration::from_millis(100), &mut ledger);
            if self.works {
                thread::sleep(WORK);
            }
        }
        ledger.shares.end();
        let all: u64 = ledger.shares.heard.iter().sum::<u64>() - before.iter().sum::<u64>();
        for (peer, sent_before) in slow.iter().zip(sent_before) {
            let number = slow.iter().position(|other| std::ptr::eq(other, peer));
            let number = number.expect("one of them") + 1;
            let sent = peer.sent() - sent_before;
            let heard = ledger.shares.heard[number] - before[number];
            // All that it sends, or its share of what the application takes.
            let due = sent.min(all / peers as u64);
            assert!(
                heard * 2 >= due && sent > 0,
                "{self:?}: peer {number} sent {sent}, {due} were due, {heard} of {all} were heard"
            );
            assert!(
                ledger.shares.silence[number] < STARVED,
                "{self:?}: peer {number} was not heard for {:?}",
                ledger.shares.silence[number]
            );
        }
        stop.store(true, Ordering::Relaxed);
        let everybody: Vec<Peer> = [busy].into_iter().chain(slow).collect();
        let begun = Instant::now();
        let is_closed = |ledger: &Ledger| {
            // Whoever has gone has ended its subscriptions.
            let mut each = everybody
                .iter()
                .zip(ledger.shares.heard.iter().zip(&ledger.topics));
            let all_sent: u64 = everybody.iter().map(Peer::sent).sum();
            let all_heard: u64 = ledger.shares.heard.iter().sum();
            ledger.topics == ledger.cancelled
                && all_sent == all_heard + receiver.dropped()
                && each.all(|(peer, (heard, topics))| {
                    peer.thread.is_finished()
                        && peer.sent() >= *heard
                        && peer.topics.load(Ordering::Relaxed) == *topics
                })
        };
        while !is_closed(&ledger) {
            assert!(begun.elapsed() < PATIENCE, "{self:?}: the ledger is open");
            receiver.hear(Duration::from_millis(20), &mut ledger);
        }
        for peer in everybody {
            joined(peer.thread);
        }
    }
}

/// The scenes of one kind of receiver, with few peers.
macro_rules! scenes {
    ($($name:ident: $kind:ident;)*) => {$(
        mod $name {
            use super::{Kind, Scene};

            fn play(peers: usize, io_threads: usize, places: &'static [&'static str]) {
                let kind = Kind::$kind;
                Scene { kind, peers, io_threads, places, works: false }.play();
            }

            #[test]
            fn over_tcp() {
                play(5, 1, &["tcp"]);
            }

            #[test]
            fn over_tcp_and_ipc_with_two_io_threads() {
                play(12, 2, &["tcp", "ipc"]);
            }

            #[test]
            fn over_ipc() {
                play(3, 1, &["ipc"]);
            }

            #[test]
            fn within_the_process() {
                play(3, 1, &["inproc"]);
            }

            #[test]
            fn over_all_of_them_with_two_io_threads() {
                play(7, 2, &["tcp", "inproc", "ipc"]);
            }
        }
    )*};
}

scenes! {
    xpub: XPub;
    xsub: XSub;
    recv_many: PullMany;
}

fn at_work(kind: Kind, io_threads: usize, places: &'static [&'static str]) {
    Scene {
        kind,
        peers: 6,
        io_threads,
        places,
        works: true,
    }
    .play();
}

#[test]
fn an_application_at_work_hears_everybody_over_tcp() {
    at_work(Kind::Pull, 1, &["tcp"]);
}

#[test]
fn an_application_at_work_hears_everybody_over_ipc_with_two_io_threads() {
    at_work(Kind::Router, 2, &["ipc"]);
}

#[test]
fn an_application_at_work_hears_everybody_within_the_process_and_beside_it() {
    at_work(Kind::Pull, 1, &["inproc", "tcp"]);
}

#[test]
fn an_application_at_work_hears_every_publisher() {
    at_work(Kind::XSub, 1, &["tcp", "ipc"]);
}

#[test]
fn an_application_at_work_hears_every_subscriber() {
    at_work(Kind::XPub, 1, &["tcp", "inproc", "ipc"]);
}

fn two_hundred(kind: Kind, io_threads: usize, places: &'static [&'static str]) {
    Scene {
        kind,
        peers: 200,
        io_threads,
        places,
        works: false,
    }
    .play();
}

#[test]
fn two_hundred_peers_are_heard_over_tcp() {
    two_hundred(Kind::Pull, 1, &["tcp"]);
}

#[test]
fn two_hundred_peers_are_heard_over_ipc_and_within_the_process() {
    two_hundred(Kind::Router, 2, &["ipc", "inproc"]);
}

/// One direction of a PAIR is no peer of the other, but both want the lock of the same sockets.
fn both_directions_of_a_pair_flow(place: &Place) {
    let context = Context::new();
    let (left, right) = (Pair::new(&context), Pair::new(&context));
    let at = left.bind(place.any().as_str()).expect("bound");
    right.connect(&at).expect("connecting");
    let ends = [Arc::new(left), Arc::new(right)];
    let stop = Arc::new(AtomicBool::new(false));
    let heard: [Arc<AtomicU64>; 2] = Default::default();
    let senders = [0, 1].map(|end| {
        let (socket, stop) = (Arc::clone(&ends[end]), Arc::clone(&stop));
        thread::spawn(move || {
            let mut sent = 0u64;
            while !stop.load(Ordering::Relaxed) {
                socket
                    .send_timeout(sent.to_string(), PATIENCE)
                    .expect("the other end is heard");
                sent += 1;
            }
            socket
                .send_timeout("end", PATIENCE)
                .expect("the other end is heard");
            sent
        })
    });
    let receivers = [0, 1].map(|end| {
        let (socket, heard) = (Arc::clone(&ends[end]), Arc::clone(&heard[end]));
        thread::spawn(move || {
            let mut silence = Duration::ZERO;
            for number in 0usize.. {
                let begun = Instant::now();
                let message = socket.recv_timeout(PATIENCE).expect("the other end sends");
                silence = silence.max(begun.elapsed());
                if message == "end" {
                    return (number as u64, silence);
                }
                assert_eq!(support::number(&message), number);
                heard.fetch_add(1, Ordering::Relaxed);
            }
            unreachable!("numbers do not end")
        })
    });
    let begun = Instant::now();
    while begun.elapsed() < WATCHED || heard.iter().any(|one| one.load(Ordering::Relaxed) < 100) {
        assert!(begun.elapsed() < PATIENCE, "one direction stands still");
        thread::sleep(Duration::from_millis(1));
    }
    stop.store(true, Ordering::Relaxed);
    let [from_left, from_right] = senders.map(joined);
    let [(at_left, one), (at_right, other)] = receivers.map(joined);
    assert_eq!((at_left, at_right), (from_right, from_left));
    assert!(one.max(other) < STARVED, "{one:?}, {other:?}");
}

over_every_transport!(
    both_directions_of_a_pair_flow,
    a_subscription_acts_beside_a_flood_that_nobody_reads
);

/// Peers come, are heard and go, at endpoints that are bound for each of them, while others stream.
fn comings_and_goings(io_threads: usize) {
    must_end(&format!("comings, {io_threads} I/O threads"), move || {
        const STEADY: usize = 4;
        let context = Context::builder().io_threads(io_threads).build();
        let apart = Context::new();
        let pull = Arc::new(Pull::new(&context));
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().display().to_string();
        let bound = ["tcp://127.0.0.1:0", &format!("ipc://{path}/steady")]
            .map(|at| pull.bind(at).expect("bound").to_string());
        let stop = Arc::new(AtomicBool::new(false));
        let steady: Vec<Peer> = (0..STEADY)
            .map(|number| {
                let pace = (number > 0).then_some(Duration::from_millis(10));
                let at = &bound[number % 2];
                Peer::start(Kind::Pull, &apart, at, number, pace, &stop)
            })
            .collect();
        // All visitors have one number, after those of the others.
        let (asked, heard) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let visits = {
            let (pull, heard, stop) = (Arc::clone(&pull), Arc::clone(&heard), Arc::clone(&stop));
            let asked = Arc::clone(&asked);
            thread::spawn(move || {
                let mut rounds = 0u64;
                while !stop.load(Ordering::Relaxed) {
                    let at = match rounds % 3 {
                        0 => "tcp://127.0.0.1:0".to_owned(),
                        1 => format!("ipc://{path}/{rounds}"),
                        _ => format!("inproc://visit-{rounds}"),
                    };
                    let at = pull.bind(&*at).expect("bound");
                    let own = if rounds % 3 == 2 { &context } else { &apart };
                    let visitor = Push::new(own);
                    visitor.connect(&at).expect("connecting");
                    for _ in 0..5 {
                        visitor.send(STEADY.to_string()).expect("sent");
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                    let due = asked.load(Ordering::Relaxed);
                    support::wait_until("the visitor is heard", || {
                        heard.load(Ordering::Relaxed) == due
                    });
                    // The visitor goes first, or its endpoint does.
                    if rounds.is_multiple_of(2) {
                        drop(visitor);
                        pull.unbind(&at).expect("unbound");
                    } else {
                        pull.unbind(&at).expect("unbound");
                        drop(visitor);
                    }
                    rounds += 1;
                }
                rounds
            })
        };
        let mut ledger = Ledger::new(STEADY + 1);
        let hear = |ledger: &mut Ledger| {
            if let Ok(message) = pull.recv_timeout(Duration::from_millis(20)) {
                ledger.heard(&message);
                heard.store(ledger.shares.heard[STEADY], Ordering::Relaxed);
            }
        };
        let begun = Instant::now();
        while ledger.shares.heard.contains(&0) {
            assert!(begun.elapsed() < PATIENCE, "not all have come");
            hear(&mut ledger);
        }
        ledger.shares.begin();
        let begun = Instant::now();
        // Nine visits are three over each transport.
        while begun.elapsed() < WATCHED * 2 || ledger.shares.heard[STEADY] < 9 * 5 {
            assert!(begun.elapsed() < PATIENCE, "no visitor is heard");
            hear(&mut ledger);
        }
        ledger.shares.end();
        for (number, silence) in ledger.shares.silence[..STEADY].iter().enumerate() {
            assert!(*silence < STARVED, "peer {number}: {silence:?}");
        }
        stop.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        let is_closed = |ledger: &Ledger| {
            let mut each = steady.iter().zip(&ledger.shares.heard);
            visits.is_finished()
                && each.all(|(peer, heard)| peer.thread.is_finished() && peer.sent() == *heard)
        };
        while !is_closed(&ledger) {
            assert!(begun.elapsed() < PATIENCE, "the ledger is open");
            hear(&mut ledger);
        }
        for peer in steady {
            joined(peer.thread);
        }
        assert!(joined(visits) >= 9);
        assert_eq!(ledger.shares.heard[STEADY], asked.load(Ordering::Relaxed));
    });
}

#[test]
fn those_who_stay_and_those_who_come_and_go_are_heard() {
    comings_and_goings(1);
}

#[test]
fn those_who_stay_and_those_who_come_and_go_are_heard_with_two_io_threads() {
    comings_and_goings(2);
}
/// Nobody receives, and one peer has filled all that it may of the backlog: another's subscription acts all the same.
fn a_subscription_acts_beside_a_flood_that_nobody_reads(place: &Place) {
    let context = Context::new();
    let xpub = XPub::builder(&context)
        .upstream_backlog_bytes(1_usize << 20)
        .build();
    let at = xpub.bind(place.any()).expect("bound");
    let flooding = XSub::builder(&context).send_high_water_mark(100).build();
    flooding.connect(&at).expect("connecting");
    flooding.wait_for_peers(1, PATIENCE).expect("connected");
    let body = vec![b'x'; 1000];
    let begun = Instant::now();
    // Full for so long that nothing is on its way any more.
    let mut refused_since = None;
    loop {
        assert!(begun.elapsed() < PATIENCE, "the flood finds no end");
        let message = Upstream::Message(Message::from(&body));
        let is_sent = flooding.pass_on(message).expect("open").sent == 1;
        let since = *refused_since.get_or_insert_with(Instant::now);
        if is_sent {
            refused_since = None;
        } else if since.elapsed() > Duration::from_millis(200) {
            break;
        }
    }
    let sub = Sub::new(&context);
    sub.subscribe("t").expect("subscribed");
    sub.connect(&at).expect("connecting");
    xpub.wait_for_subscription("t", 1, PATIENCE)
        .expect("it acts");
    assert_eq!(xpub.send("t 1").expect("published").sent, 1);
    assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "t 1");
    // The first or second that is received is the quiet one's.
    let heard = (0..2).map(|_| xpub.recv_timeout(PATIENCE).expect("much waits"));
    let quiet = heard.filter(|one| matches!(one, Upstream::Subscribe(topic) if topic == "t"));
    assert_eq!(quiet.count(), 1);
    let _ = flooding.close(Duration::ZERO);
}
