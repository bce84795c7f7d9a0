//! DEALER and ROUTER: a router that sends back what it gets, to whom it came from, and dealers over every transport.
//!
//! There are streams in both directions: what the dealers send, of which the router sees each connection by itself, and
//! what the router sends back to each of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use highwater::{Dealer, Dropped, DuplicateId, RouteError, Router, RoutingId, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{message, random_len, read};
use crate::support::wait_until;
use crate::world::{Checks, SetAtEnd, Way, World, bind_again, hasty, or_panic};

/// Dealers over each transport.
const DEALERS: usize = 2;

/// The router, in all of its incarnations, and what is known about its peers.
#[derive(Debug)]
struct Desk<'a> {
    world: &'a World,
    ways: [Way; 3],
    /// What the dealers send.
    there: &'a Ledger,
    /// What is sent back to them.
    back: &'a Ledger,
    answers: &'a Mutex<Answers>,
    settled: AtomicBool,
    all_sent: AtomicBool,
}

/// What was sent back.
#[derive(Debug, Default)]
struct Answers {
    /// By stream, of which each connection has its own: to which dealer, and the length of each.
    streams: HashMap<u64, (u64, Vec<usize>)>,
    /// By dealer: its latest question that was answered, and in which stream.
    latest: HashMap<u64, (u64, u64)>,
}

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let (there, back) = (Ledger::new("dealer"), Ledger::new("router"));
    let answers = Mutex::default();
    let desk = Desk {
        world,
        ways: world.ways(&mut random),
        there: &there,
        back: &back,
        answers: &answers,
        settled: AtomicBool::new(false),
        all_sent: AtomicBool::new(false),
    };
    let ended: Vec<Account> = std::thread::scope(|scope| {
        let mut dealers = Vec::new();
        for way in &desk.ways {
            for _ in 0..DEALERS {
                let (desk, random) = (&desk, StdRng::seed_from_u64(random.random()));
                dealers.push(scope.spawn(move || desk.ask_for_a_while(way, random)));
            }
        }
        scope.spawn(|| desk.answer_for_a_while(random));
        let _end = SetAtEnd(&desk.all_sent);
        let dealers = dealers.into_iter().map(|dealer| or_panic(dealer.join()));
        dealers.flatten().collect()
    });
    Box::new(move || {
        let answers: Answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut dealers = HashMap::new();
        for mut account in ended {
            account.ask();
            dealers.insert(
                account.stream,
                (account.group, account.order, account.connections),
            );
            there.close(account);
        }
        for (stream, (to, lens)) in answers.streams {
            let (group, order, connections) = dealers[&to];
            let mut account = Account::new(stream, group, Order::Consecutive);
            account.connections = 1;
            if order == Order::Merged {
                (account.order, account.connections) = (Order::Rising, connections);
            }
            account.lens = lens;
            back.close(account);
        }
        there.settle();
        back.settle();
    })
}

impl Desk<'_> {
    /// Asks as one dealer after the other until all is calm; the last of them loses nothing from then on.
    fn ask_for_a_while(&self, way: &Way, mut random: StdRng) -> Vec<Account> {
        let mut ended = Vec::new();
        loop {
            let stream = self.world.new_stream();
            // What has arrived from a name by a connection that is lost is read in turn with what the next one brings.
            let named = random.random();
            let mut builder = hasty(Dealer::builder(&self.world.context), &mut random);
            if named {
                builder = builder.routing_id(name(stream));
            }
            let dealer = builder.build();
            let order = if named {
                Order::Merged
            } else {
                Order::Consecutive
            };
            let mut there = Account::new(stream, (0, way.transport), order);
            there.events = Some(dealer.monitor());
            dealer.connect(&*way.reached).expect("connecting");
            let mut received = 0;
            let mut bursts = random.random_range(1..60);
            while bursts > 0 && !self.world.is_calm() {
                bursts -= 1;
                for _ in 0..random.random_range(1..50) {
                    if !send(&mut there, &dealer, random_len(&mut random)) {
                        break;
                    }
                }
                // Who does not listen for a while has its answers refused.
                if random.random_ratio(3, 4) {
                    received += self.listen(&dealer, stream, random.random_range(0..100));
                }
                let left = way.transport == Transport::Inproc && dealer.peers().is_empty();
                // The old connection of a name would compete with the new one.
                if left || !named && random.random_ratio(1, 50) {
                    reconnect(&mut there, &dealer, way);
                }
            }
            let is_last = self.world.is_calm();
            if is_last {
                received += self.say_farewell(&mut there, &dealer, way);
            }
            let stats = dealer.stats();
            there.check_stats(&stats);
            assert_eq!(stats.messages_received, received, "{there:?}");
            if !is_last && self.world.is_blunt(&mut random) {
                there.blind = true;
                drop(dealer);
            } else {
                let _ = dealer.disconnect(&*way.reached);
                there.parked = Some(Box::new(move || dealer.stats()));
            }
            ended.push(there);
            if is_last {
                return ended;
            }
        }
    }

    /// All is calm: from the first answer on that arrives, all arrive, and so did all questions.
    fn say_farewell(&self, there: &mut Account, dealer: &Dealer, way: &Way) -> u64 {
        wait_until("the last router is there", || {
            self.settled.load(Ordering::SeqCst)
        });
        let mut received = 0;
        let first = there.sent();
        wait_until(format!("something arrives of {there:?}"), || {
            if way.transport == Transport::Inproc && dealer.peers().is_empty() {
                reconnect(there, dealer, way);
            }
            send(there, dealer, 1);
            received += self.listen(dealer, there.stream, 1000);
            self.there.has_heard(there.stream, first)
        });
        // A connection that was lost may still be on its way through the proxy, and through another I/O thread of the router
        // than the one that came after it; it then takes the name from that one, which is cut.
        let may_be_cut = there.order == Order::Merged && way.transport == Transport::Tcp;
        let cuts = || dealer.stats().disconnects;
        let most_cuts = 2 * cuts();
        loop {
            let before = cuts();
            there.farewell = Some(there.sent());
            let is_cut = || may_be_cut && cuts() != before;
            received += self.exchange_the_last(there, dealer, is_cut);
            if !is_cut() {
                return received;
            }
            assert!(
                cuts() <= most_cuts,
                "more cuts than lost connections: {there:?}"
            );
        }
    }

    /// Says so much that all of it has to arrive, and be answered, unless the connection `is_cut`.
    fn exchange_the_last(
        &self,
        there: &mut Account,
        dealer: &Dealer,
        is_cut: impl Fn() -> bool,
    ) -> u64 {
        let mut received = 0;
        let last = there.sent() + 99;
        wait_until(format!("all arrives of {there:?}"), || {
            if there.sent() <= last {
                send(there, dealer, 100);
            }
            received += self.listen(dealer, there.stream, 1000);
            let arrived = there.sent() > last && self.there.has_heard(there.stream, last);
            arrived && dealer.stats().queued_to_send == 0 || is_cut()
        });
        // What was sent back is on its way.
        wait_until(format!("all answers arrive to {there:?}"), || {
            if is_cut() {
                return true;
            }
            received += self.listen(dealer, there.stream, 1000);
            let answers = self.answers();
            let latest = answers.latest.get(&there.stream);
            let Some((_, back)) = latest.filter(|(question, _)| *question >= last) else {
                // Nobody had room for the answer, perhaps.
                drop(answers);
                send(there, dealer, 1);
                return false;
            };
            let sent = answers.streams[back].1.len() as u64;
            self.back.has_heard(*back, sent - 1)
        });
        received
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, dealer: &Dealer, stream: u64, most: u64) -> u64 {
        let mut received = 0;
        while received < most {
            let Ok(message) = dealer.recv_timeout(Duration::from_millis(1)) else {
                break;
            };
            received += 1;
            let (back, number) = read(&message);
            let (to, _) = self.answers().streams[&back];
            assert_eq!(to, stream, "an answer to somebody else");
            self.back.hear(back, 0, number);
        }
        received
    }

    /// Answers with one router after the other, all at the same endpoints, until everybody has ended.
    fn answer_for_a_while(&self, mut random: StdRng) {
        while !self.all_sent.load(Ordering::SeqCst) {
            let router = hasty(Router::builder(&self.world.context), &mut random)
                .duplicate_id(DuplicateId::HandOver)
                .build();
            for way in &self.ways {
                bind_again(|| router.bind(&*way.bound));
            }
            let mut shift = Shift {
                router,
                routes: HashMap::new(),
                received: 0,
                sent: 0,
                to_nobody: 0,
            };
            let mut bursts = random.random_range(1..200);
            while (bursts > 0 || self.world.is_calm()) && !self.all_sent.load(Ordering::SeqCst) {
                bursts -= i32::from(bursts > 0);
                self.answer_some(&mut shift, random.random_range(1..300));
                if self.world.is_calm() {
                    self.settled.store(true, Ordering::SeqCst);
                    continue;
                }
                match random.random_range(0..100) {
                    0 => std::thread::sleep(Duration::from_millis(random.random_range(1..200))), // a stall
                    1 | 2 => {
                        let way = &self.ways[random.random_range(0..self.ways.len())];
                        self.unbind(&shift.router, way);
                        bind_again(|| shift.router.bind(&*way.bound));
                    }
                    3..10 => shift.send_to_nobody(),
                    _ => {}
                }
            }
            if self.world.is_blunt(&mut random) {
                for way in &self.ways {
                    self.there.unread((0, way.transport), None);
                }
            } else {
                self.ways
                    .iter()
                    .for_each(|way| self.unbind(&shift.router, way));
                self.answer_some(&mut shift, u64::MAX);
            }
            // What it had taken for its dealers and not sent is its own to count.
            for way in &self.ways {
                self.back.unread((0, way.transport), None);
            }
            shift.check();
        }
    }

    fn unbind(&self, router: &Router, way: &Way) {
        let before = router.stats().dropped.unread;
        router.unbind(&*way.bound).expect("it was bound");
        let unread = router.stats().dropped.unread - before;
        self.there.unread((0, way.transport), Some(unread));
    }

    /// Answers what is there, each connection in a stream of its own.
    fn answer_some(&self, shift: &mut Shift, most: u64) {
        for _ in 0..most {
            let next = shift.router.recv_timeout(Duration::from_millis(10));
            let Ok((from, question)) = next else { break };
            shift.received += 1;
            let (stream, number) = read(&question);
            let routes = shift.routes.entry(from.clone());
            let route = *routes.or_insert_with(|| self.world.new_stream());
            let mut answers = self.answers();
            let (_, lens) = answers.streams.entry(route).or_insert((stream, Vec::new()));
            let len = question[1].len();
            let answer = message(route, lens.len() as u64, len);
            match shift.router.send_to(&from, answer.clone()) {
                Ok(()) => {
                    shift.sent += 1;
                    lens.push(len);
                    let latest = answers.latest.entry(stream).or_default();
                    *latest = (number, route).max(*latest);
                }
                Err(RouteError::NoRoute(refused) | RouteError::Full(refused)) => {
                    assert!(refused == answer, "it comes back as it was");
                }
                Err(other) => panic!("{other}"),
            }
            drop(answers);
            self.there.hear(stream, route, number);
        }
    }
}

/// One incarnation of the router.
struct Shift {
    router: Router,
    /// By which route each peer is heard, and in which stream answered.
    routes: HashMap<RoutingId, u64>,
    received: u64,
    sent: u64,
    to_nobody: u64,
}

impl Shift {
    /// As libzmq does by default: what cannot be delivered is dropped. It is counted.
    fn send_to_nobody(&mut self) {
        let option = |value| self.router.set_option("undeliverable", value);
        option("drop").expect("an option");
        let nobody = RoutingId::new("nobody").expect("an id");
        self.router.send_to(&nobody, "lost").expect("it is dropped");
        option("give_back").expect("an option");
        self.to_nobody += 1;
    }

    /// What the socket has counted is what was observed.
    fn check(&self) {
        let stats = self.router.stats();
        assert_eq!(stats.messages_received, self.received);
        assert_eq!(stats.messages_sent, self.sent);
        let mut lost = Dropped::default();
        (lost.unsent, lost.unread) = (stats.dropped.unsent, stats.dropped.unread);
        lost.unroutable = self.to_nobody;
        assert_eq!(stats.dropped, lost);
        assert!(lost.unsent <= self.sent, "{stats:?}");
        assert!(stats.disconnects <= stats.handshakes, "{stats:?}");
    }
}

fn name(stream: u64) -> RoutingId {
    RoutingId::new(format!("dealer {stream}")).expect("an id")
}

/// How long a message waits for room.
const PATIENT_ENOUGH: Duration = Duration::from_millis(20);

/// Sends the next message, unless there is no room for it for a while.
fn send(account: &mut Account, dealer: &Dealer, len: usize) -> bool {
    account.send(len, |message| dealer.send_timeout(message, PATIENT_ENOUGH))
}

fn reconnect(account: &mut Account, dealer: &Dealer, way: &Way) {
    account.given_up += 1;
    let _ = dealer.disconnect(&*way.reached); // which may have ended by itself
    dealer.connect(&*way.reached).expect("connecting");
}
