//! A busy peer and its neighbours: who is heard how often, for how long somebody is not heard at all, and that nothing
//! is lost meanwhile.
//!
//! Each scene has one socket that receives, and peers of which the first sends without a pause and the others at a slow
//! pace. RFC 28 and RFC 30: a socket receives from its peers by fair-queuing.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use highwater::{Context, Dealer, Pub, Pull, Push, Rep, Req, Router, Sub};
use support::{PATIENCE, Shares, is_sent, joined, must_end};

/// A slow peer sends once in this time.
const PACE: Duration = Duration::from_millis(10);

/// How long the busy peer is watched.
const WATCHED: Duration = Duration::from_secs(2);

/// A peer that sends each [`PACE`] and is not heard for so long is starved; a loaded machine needs a few hundredths of it.
const STARVED: Duration = Duration::from_millis(1500);

/// The socket that receives.
enum Receiver {
    Pull(Pull),
    Router(Router),
    Dealer(Dealer),
    Rep(Rep),
    Sub(Sub),
}

impl Receiver {
    fn new(kind: &str, context: &Context) -> Self {
        match kind {
            "PULL" => Self::Pull(Pull::new(context)),
            "ROUTER" => Self::Router(Router::new(context)),
            "DEALER" => Self::Dealer(Dealer::new(context)),
            "REP" => Self::Rep(Rep::new(context)),
            "SUB" => {
                let sub = Sub::new(context);
                sub.subscribe("").expect("subscribed");
                Self::Sub(sub)
            }
            other => panic!("no scene has a {other}"),
        }
    }

    fn bind(&self, at: &str) -> String {
        let bound = match self {
            Self::Pull(socket) => socket.bind(at),
            Self::Router(socket) => socket.bind(at),
            Self::Dealer(socket) => socket.bind(at),
            Self::Rep(socket) => socket.bind(at),
            Self::Sub(socket) => socket.bind(at),
        };
        bound.expect("bound").to_string()
    }

    /// Who has sent the next message; a request is answered.
    fn next(&self, timeout: Duration) -> Option<usize> {
        let message = match self {
            Self::Pull(socket) => socket.recv_timeout(timeout).ok(),
            Self::Router(socket) => socket
                .recv_timeout(timeout)
                .ok()
                .map(|(_, message)| message),
            Self::Dealer(socket) => socket.recv_timeout(timeout).ok(),
            Self::Sub(socket) => socket.recv_timeout(timeout).ok(),
            Self::Rep(socket) => socket.recv_timeout(timeout).ok().map(|request| {
                let message = (*request).clone();
                request.reply("done").expect("the requester is there");
                message
            }),
        }?;
        Some(support::number(&message))
    }
}

/// Sends its number until it is told to stop; how many messages left.
struct Peer {
    sent: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

impl Peer {
    fn start(
        kind: &str,
        context: &Context,
        at: &str,
        number: usize,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        let sent = Arc::new(AtomicU64::new(0));
        let text = number.to_string();
        let mut send: Box<dyn FnMut() -> bool + Send> = match kind {
            "PULL" => {
                let push = Push::builder(context).send_timeout(PACE).build();
                push.connect(at).expect("connecting");
                Box::new(move || is_sent(push.send(&*text)))
            }
            "ROUTER" | "DEALER" => {
                let dealer = Dealer::builder(context).send_timeout(PACE).build();
                dealer.connect(at).expect("connecting");
                Box::new(move || is_sent(dealer.send(&*text)))
            }
            "REP" => {
                let mut req = Req::new(context);
                req.connect(at).expect("connecting");
                Box::new(move || {
                    let answer = req.request_timeout(&*text, PATIENCE);
                    assert_eq!(answer.expect("an answer"), "done");
                    true
                })
            }
            "SUB" => {
                let publisher = Pub::new(context);
                publisher.connect(at).expect("connecting");
                publisher
                    .wait_for_subscribers(1, PATIENCE)
                    .expect("subscribed");
                Box::new(move || publisher.send(&*text).expect("published").sent == 1)
            }
            other => panic!("no scene has a {other}"),
        };
        let (stop, counts) = (Arc::clone(stop), Arc::clone(&sent));
        let thread = thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    counts.fetch_add(u64::from(send()), Ordering::Relaxed);
                    if number > 0 {
                        thread::sleep(PACE);
                    }
                }
            })
            .expect("a thread");
        Self { sent, thread }
    }
}

/// `io_threads` of the receiver; `places` where it binds, among which the peers are dealt out.
fn scene(kind: &'static str, peers: usize, io_threads: usize, places: &'static [&'static str]) {
    must_end(
        &format!("{kind} {peers} {io_threads} {places:?}"),
        move || {
            let context = Context::builder().io_threads(io_threads).build();
            let receiver = Receiver::new(kind, &context);
            let directory = tempfile::tempdir().expect("a directory");
            let bound: Vec<String> = places
                .iter()
                .map(|place| match *place {
                    "tcp" => receiver.bind("tcp://127.0.0.1:0"),
                    "ipc" => receiver.bind(&format!("ipc://{}/fair", directory.path().display())),
                    "inproc" => receiver.bind("inproc://fair"),
                    other => panic!("no place {other}"),
                })
                .collect();
            let stop = Arc::new(AtomicBool::new(false));
            // Those within the process share the receiver's context, the others have one of their own.
            let apart = Context::new();
            let start = |number: usize| {
                let place = &bound[number % bound.len()];
                let context = if place.starts_with("inproc") {
                    &context
                } else {
                    &apart
                };
                Peer::start(kind, context, place, number, &stop)
            };
            let mut ledger = Shares::new(peers);
            // The slow ones first: the receiver waits for them all, so that it has borrowed their links where it does that.
            let mut slow: Vec<Peer> = (1..peers).map(start).collect();
            let begun = Instant::now();
            while ledger.heard[1..].contains(&0) {
                assert!(begun.elapsed() < PATIENCE, "not all have come");
                if let Some(number) = receiver.next(PATIENCE) {
                    ledger.hear(number);
                }
            }
            let busy = start(0);
            while ledger.heard[0] == 0 {
                ledger.hear(receiver.next(PATIENCE).expect("somebody sends"));
            }
            let before = ledger.begin();
            let sent_before: Vec<u64> = slow
                .iter()
                .map(|peer| peer.sent.load(Ordering::Relaxed))
                .collect();
            let begun = Instant::now();
            while begun.elapsed() < WATCHED {
                if let Some(number) = receiver.next(PATIENCE) {
                    ledger.hear(number);
                }
            }
            ledger.end();
            for (index, peer) in slow.iter().enumerate() {
                let number = index + 1;
                let sent = peer.sent.load(Ordering::Relaxed) - sent_before[index];
                let heard = ledger.heard[number] - before[number];
                assert!(
                    heard * 2 >= sent && sent > 0,
                    "{kind}: peer {number} of {peers} sent {sent} and was heard {heard} times"
                );
                assert!(
                    ledger.silence[number] < STARVED,
                    "{kind}: peer {number} of {peers} was not heard for {:?}",
                    ledger.silence[number]
                );
            }
            // The ledger closes: what was sent arrives, whoever sent it.
            stop.store(true, Ordering::Relaxed);
            slow.insert(0, busy);
            let begun = Instant::now();
            loop {
                let ended = slow.iter().all(|peer| peer.thread.is_finished());
                let due = slow.iter().map(|peer| peer.sent.load(Ordering::Relaxed));
                if ended && due.zip(&ledger.heard).all(|(sent, heard)| sent == *heard) {
                    break;
                }
                assert!(
                    begun.elapsed() < PATIENCE,
                    "{kind}: the ledger does not close"
                );
                if let Some(number) = receiver.next(Duration::from_millis(20)) {
                    ledger.hear(number);
                }
            }
            for peer in slow {
                joined(peer.thread);
            }
        },
    );
}

/// The scenes of one socket type, each with this many peers and I/O threads, and these places.
macro_rules! scenes {
    ($($name:ident: $kind:literal;)*) => {$(
        mod $name {
            use super::scene;

            #[test]
            fn two_peers_over_tcp() {
                scene($kind, 2, 1, &["tcp"]);
            }

            #[test]
            fn twelve_peers_and_two_io_threads() {
                scene($kind, 12, 2, &["tcp", "ipc"]);
            }

            #[test]
            fn twelve_peers_over_ipc_and_four_io_threads() {
                scene($kind, 12, 4, &["ipc"]);
            }

            #[test]
            fn seventy_peers_over_tcp() {
                scene($kind, 70, 1, &["tcp"]);
            }

            #[test]
            fn three_peers_within_the_process() {
                scene($kind, 3, 1, &["inproc"]);
            }

            #[test]
            fn a_busy_peer_within_the_process_beside_some_over_tcp() {
                scene($kind, 4, 1, &["inproc", "tcp"]);
            }

            #[test]
            fn a_busy_peer_over_tcp_beside_some_within_the_process() {
                scene($kind, 4, 2, &["tcp", "inproc"]);
            }
        }
    )*};
}

scenes! {
    pull: "PULL";
    router: "ROUTER";
    dealer: "DEALER";
    rep: "REP";
    sub: "SUB";
}
