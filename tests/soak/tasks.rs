//! Tasks on tokio beside threads: senders, receivers, requesters and a service, whose futures are dropped at random polls.
//!
//! Threads and tasks receive from the same PULL. A future is dropped after so many polls, or when a timer of the runtime has
//! passed; what it had sent, or had not, is what it says.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::future::join_all;
use highwater::{Message, Pull, Push, Rep, ReplyError, Req, RequestError, SendError, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::{Builder, Runtime};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{message, random_len, read};
use crate::support::PATIENCE;
use crate::world::{Checks, SetAtEnd, Way, World, bind_again, hasty, or_panic};

/// Tasks over each transport, of each kind.
const TASKS: usize = 2;
/// Threads that receive beside the tasks.
const THREADS: usize = 2;

/// One PULL, and those who send to it.
struct Desk<'a> {
    world: &'a World,
    ledger: &'a Ledger,
    pull: Pull,
    ways: [Way; 3],
    all_sent: AtomicBool,
    received: AtomicU64,
}

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let ledger = Ledger::new("tasks");
    let pull = hasty(Pull::builder(&world.context), &mut random).build();
    let desk = Desk {
        world,
        ledger: &ledger,
        pull,
        ways: world.ways(&mut random),
        all_sent: AtomicBool::new(false),
        received: AtomicU64::new(0),
    };
    for way in &desk.ways {
        bind_again(|| desk.pull.bind(&*way.bound));
    }
    std::thread::scope(|scope| {
        let desk = &desk;
        let mut seed = || StdRng::seed_from_u64(random.random());
        let seeds = [(); 3 * TASKS].map(|()| seed());
        let senders = scope.spawn(move || {
            let sends = seeds.into_iter().enumerate().map(|(number, random)| {
                desk.send_for_a_while(&desk.ways[number % desk.ways.len()], random)
            });
            one_thread().block_on(join_all(sends));
        });
        for _ in 0..THREADS {
            scope.spawn(move || desk.receive_in_a_thread());
        }
        let seeds = [(); 2 * TASKS].map(|()| seed());
        scope.spawn(move || {
            let receives = seeds.map(|random| desk.receive_in_a_task(random));
            several_threads().block_on(join_all(receives));
        });
        let random = seed();
        scope.spawn(move || conversations(world, random));
        let _end = SetAtEnd(&desk.all_sent);
        or_panic(senders.join());
    });
    desk.end();
    Box::new(move || ledger.settle())
}

fn one_thread() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime")
}

fn several_threads() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_time().build();
    runtime.expect("a runtime")
}

/// What comes of `future`, unless it is dropped by its caller: after some polls, or some time, of `most` at the most.
async fn impatient<F: Future + Unpin>(
    future: &mut F,
    random: &mut StdRng,
    most: Duration,
) -> Option<F::Output> {
    let mut polls = if random.random() {
        random.random_range(1..6)
    } else {
        u32::MAX
    };
    let limited = std::future::poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        std::pin::Pin::new(&mut *future).poll(context).map(Some)
    });
    tokio::select! {
        biased;
        output = limited => output,
        () = tokio::time::sleep(most.mul_f64(random.random())) => None,
    }
}

/// Waits until `there` says so.
async fn until(what: impl Fn() -> String, mut there: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !there().await {
        assert!(begun.elapsed() < PATIENCE, "in vain: {}", what());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl Desk<'_> {
    /// Sends as one socket after the other until all is calm; the last of them loses nothing from then on.
    async fn send_for_a_while(&self, way: &Way, mut random: StdRng) {
        loop {
            let push = hasty(Push::builder(&self.world.context), &mut random).build();
            let stream = self.world.new_stream();
            let mut account = Account::new(stream, (0, way.transport), Order::Any);
            account.events = Some(push.monitor());
            push.connect(&*way.reached).expect("connecting");
            let mut bursts = random.random_range(1..60);
            while bursts > 0 && !self.world.is_calm() {
                bursts -= 1;
                for _ in 0..random.random_range(1..100) {
                    let len = random_len(&mut random);
                    if !send(&mut account, &push, len, &mut random).await {
                        break;
                    }
                }
                let left = way.transport == Transport::Inproc && push.peers().is_empty();
                if left || random.random_ratio(1, 50) {
                    account.given_up += 1;
                    let _ = push.disconnect(&*way.reached); // which may have ended by itself
                    push.connect(&*way.reached).expect("connecting");
                }
            }
            let is_last = self.world.is_calm();
            if is_last {
                self.say_farewell(&mut account, &push, &mut random).await;
            }
            account.check_stats(&push.stats());
            let _ = push.disconnect(&*way.reached);
            account.parked = Some(Box::new(move || push.stats()));
            self.ledger.close(account);
            if is_last {
                return;
            }
        }
    }

    /// All is calm: from the first message on that arrives, all arrive.
    async fn say_farewell(&self, account: &mut Account, push: &Push, random: &mut StdRng) {
        let (stream, first) = (account.stream, account.sent());
        let group = account.group;
        let name = |what: &str| {
            let (push, pull) = (push.stats(), self.pull.stats());
            format!("{what} of stream {stream} of {group:?}, {push:?}, to {pull:?}")
        };
        until(
            || name("something arrives"),
            async || {
                send(account, push, 1, random).await;
                self.ledger.has_heard(stream, first)
            },
        )
        .await;
        account.farewell = Some(account.sent());
        let last = account.sent() + 99;
        while account.sent() <= last {
            send(account, push, 100, random).await;
        }
        until(
            || name("all arrives"),
            async || self.ledger.has_heard(stream, last),
        )
        .await;
    }

    fn hear(&self, message: &Message) {
        self.received.fetch_add(1, Ordering::SeqCst);
        let (stream, number) = read(message);
        self.ledger.hear(stream, 0, number);
    }

    async fn receive_in_a_task(&self, mut random: StdRng) {
        while !self.all_sent.load(Ordering::SeqCst) {
            let most = Duration::from_millis(random.random_range(1..10));
            let mut receiving = self.pull.recv_async();
            if let Some(message) = impatient(&mut receiving, &mut random, most).await {
                self.hear(&message.expect("received"));
            }
        }
    }

    fn receive_in_a_thread(&self) {
        while !self.all_sent.load(Ordering::SeqCst) {
            if let Ok(message) = self.pull.recv_timeout(Duration::from_millis(10)) {
                self.hear(&message);
            }
        }
    }

    /// Nobody sends any more: what was sent is received, or counted.
    fn end(&self) {
        for way in &self.ways {
            let before = self.pull.stats().dropped.unread;
            self.pull.unbind(&*way.bound).expect("it was bound");
            let unread = self.pull.stats().dropped.unread - before;
            self.ledger.unread((0, way.transport), Some(unread));
        }
        while let Ok(message) = self.pull.recv_timeout(Duration::from_millis(10)) {
            self.hear(&message);
        }
        let stats = self.pull.stats();
        assert_eq!(
            stats.messages_received,
            self.received.load(Ordering::SeqCst)
        );
        assert_eq!(stats.queued_to_receive, 0, "{stats:?}");
    }
}

/// Sends the next message, unless its future is dropped before that, with the message taken back.
async fn send(account: &mut Account, push: &Push, len: usize, random: &mut StdRng) -> bool {
    let mut sending = push.send_async(account.next(len));
    let outcome = impatient(&mut sending, random, Duration::from_millis(20)).await;
    account.send(len, |_| {
        outcome.unwrap_or_else(|| {
            let unsent = sending.take().expect("it was not sent");
            Err(SendError::Timeout(unsent))
        })
    })
}

/// REQ and REP over every transport, all of them tasks of one runtime. No connection is cut: each reply is that to the request
/// that was asked last, and none is lost that was waited for.
fn conversations(world: &World, mut random: StdRng) {
    let rep = hasty(Rep::builder(&world.context), &mut random).build();
    let places = world.vacant();
    for place in &places {
        rep.bind(&**place).expect("the address is free");
    }
    let over = AtomicBool::new(false);
    let mut seed = || StdRng::seed_from_u64(random.random());
    let asks = join_all((0..places.len() * TASKS).map(|number| {
        let place = &*places[number % places.len()];
        ask_for_a_while(world, place, seed())
    }));
    let answers = join_all([(); TASKS].map(|()| answer_for_a_while(&rep, &over, seed())));
    let runtime = one_thread();
    let (asked, answered) = runtime.block_on(async {
        let asked = async {
            let asked = asks.await;
            over.store(true, Ordering::SeqCst);
            asked
        };
        tokio::join!(asked, answers)
    });
    let (replies, dropped): (u64, u64) = asked
        .into_iter()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let answers: u64 = answered.into_iter().sum();
    println!("requests of tasks: {replies} answered, {dropped} dropped, {answers} answers");
    let stats = rep.stats();
    assert_eq!(stats.messages_sent, answers, "{stats:?}");
    assert!(replies <= answers, "{stats:?}");
}

/// How many requests were answered, and how many were dropped before that.
async fn ask_for_a_while(world: &World, place: &str, mut random: StdRng) -> (u64, u64) {
    let mut req = hasty(Req::builder(&world.context), &mut random).build();
    req.connect(place).expect("connecting");
    let (stream, mut number, mut replies) = (world.new_stream(), 0, 0);
    // At last each is waited for.
    let mut last = 20;
    while last > 0 {
        let request = message(stream, number, random_len(&mut random));
        number += 1;
        let mut asking = req.request_async(request.clone());
        let outcome = if world.is_calm() {
            last -= 1;
            let outcome = tokio::time::timeout(PATIENCE, &mut asking).await;
            Some(outcome.expect("it is answered"))
        } else {
            let most = Duration::from_millis(random.random_range(1..30));
            impatient(&mut asking, &mut random, most).await
        };
        match outcome {
            Some(Ok(reply)) => {
                assert!(reply == request, "the answer to another request");
                replies += 1;
            }
            // A service that drops the request does not answer; the requester gives it up.
            None => {}
            Some(Err(RequestError::PeerGone)) if !world.is_calm() => {}
            Some(Err(other)) => panic!("{other}"),
        }
    }
    (replies, number - replies)
}

/// Answers each request; a future that receives is dropped now and then. How many answers were sent.
async fn answer_for_a_while(rep: &Rep, over: &AtomicBool, mut random: StdRng) -> u64 {
    let mut answers = 0;
    while !over.load(Ordering::SeqCst) {
        let most = Duration::from_millis(random.random_range(1..10));
        let mut receiving = rep.recv_async();
        let Some(request) = impatient(&mut receiving, &mut random, most).await else {
            continue;
        };
        let request = request.expect("received");
        let reply = request.message().clone();
        match request.reply_async(reply).await {
            Ok(()) => answers += 1,
            Err(ReplyError::PeerGone(_)) => {} // given up by its requester
            Err(other) => panic!("{other}"),
        }
    }
    answers
}
