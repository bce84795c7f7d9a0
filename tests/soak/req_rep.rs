//! REQ and REP: a service with several answering threads, and clients over every transport that lose patience.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use highwater::{
    Dropped, Event, EventKind, LostPeer, Rep, ReplyError, Req, Request, RequestError, Transport,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::message::{message, random_len, read};
use crate::support::{PATIENCE, wait_until};
use crate::world::{Checks, SetAtEnd, Way, World, bind_again, hasty, or_panic};

/// Clients over each transport.
const CLIENTS: usize = 2;

/// Threads that answer.
const WORKERS: usize = 2;

/// The service, in all of its incarnations.
#[derive(Debug)]
struct Service<'a> {
    world: &'a World,
    ways: [Way; 3],
    /// How often each request was received: by client, and by number.
    heard: &'a Mutex<HashMap<u64, HashMap<u64, usize>>>,
    settled: AtomicBool,
    all_asked: AtomicBool,
}

/// What a client has observed in its life.
struct Client {
    stream: u64,
    lost_peer: LostPeer,
    /// What became of each request, by number.
    outcomes: Vec<Outcome>,
    given_up: usize,
    events: Receiver<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    /// Nobody had room for it, and nobody may ever get it.
    NotSent,
    /// Given up after some time; it may have been heard.
    GivenUp,
    /// The peer was lost; it may have been heard.
    PeerGone,
}

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let heard = Mutex::default();
    let service = Service {
        world,
        ways: world.ways(&mut random),
        heard: &heard,
        settled: AtomicBool::new(false),
        all_asked: AtomicBool::new(false),
    };
    let clients: Vec<Client> = std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for way in &service.ways {
            for _ in 0..CLIENTS {
                let (service, random) = (&service, StdRng::seed_from_u64(random.random()));
                clients.push(scope.spawn(move || service.ask_for_a_while(way, random)));
            }
        }
        scope.spawn(|| service.serve_for_a_while(random));
        let _end = SetAtEnd(&service.all_asked);
        let clients = clients.into_iter().map(|client| or_panic(client.join()));
        clients.flatten().collect()
    });
    Box::new(move || {
        let mut heard = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut tally = HashMap::new();
        for client in clients {
            for outcome in &client.outcomes {
                *tally.entry(format!("{outcome:?}")).or_insert(0) += 1;
            }
            client.check(heard.remove(&client.stream).unwrap_or_default());
        }
        println!("requests: {tally:?}");
        assert!(heard.is_empty(), "requests of nobody: {:?}", heard.keys());
    })
}

impl Service<'_> {
    /// Asks as one client after the other until all is calm; from then on everything is answered.
    fn ask_for_a_while(&self, way: &Way, mut random: StdRng) -> Vec<Client> {
        let mut ended = Vec::new();
        loop {
            let lost_peer = match random.random() {
                true => LostPeer::Fail,
                false => LostPeer::SendAgain,
            };
            let mut req = hasty(Req::builder(&self.world.context), &mut random)
                .correlated(random.random::<bool>())
                .lost_peer(lost_peer)
                .build();
            let mut client = Client {
                stream: self.world.new_stream(),
                lost_peer,
                outcomes: Vec::new(),
                given_up: 0,
                events: req.monitor(),
            };
            req.connect(&*way.reached).expect("connecting");
            for _ in 0..random.random_range(1..300) {
                if self.world.is_calm() {
                    break;
                }
                let patience = Duration::from_millis(random.random_range(1..200));
                client.ask(&mut req, random_len(&mut random), patience);
                let left = way.transport == Transport::Inproc && req.peers().is_empty();
                if left || random.random_ratio(1, 50) {
                    client.reconnect(&req, way);
                }
            }
            let is_last = self.world.is_calm();
            if is_last {
                wait_until("the last service is there", || {
                    self.settled.load(Ordering::SeqCst)
                });
                let patience = Duration::from_secs(1);
                wait_until("a request is answered", || {
                    if way.transport == Transport::Inproc && req.peers().is_empty() {
                        client.reconnect(&req, way);
                    }
                    client.ask(&mut req, 10, patience) == Outcome::Answered
                });
                for _ in 0..100 {
                    let outcome = client.ask(&mut req, 100, Duration::from_secs(30));
                    let number = client.outcomes.len() - 1;
                    assert!(
                        outcome == Outcome::Answered,
                        "request {number} over {:?}: {outcome:?}, heard {:?}: {:?}",
                        way.transport,
                        self.heard()[&client.stream].get(&(number as u64)),
                        req.stats()
                    );
                }
            }
            client.check_stats(&req);
            ended.push(client);
            if is_last {
                return ended;
            }
        }
    }

    /// Serves with one socket after the other, all at the same endpoints, until everybody has asked.
    fn serve_for_a_while(&self, mut random: StdRng) {
        while !self.all_asked.load(Ordering::SeqCst) {
            let rep = hasty(Rep::builder(&self.world.context), &mut random).build();
            for way in &self.ways {
                bind_again(|| rep.bind(&*way.bound));
            }
            let (answered, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
            let mut received = 0;
            std::thread::scope(|scope| {
                let (give, take) = unbounded();
                for _ in 0..WORKERS {
                    let (take, random) = (take.clone(), StdRng::seed_from_u64(random.random()));
                    let (answered, dropped) = (&answered, &dropped);
                    scope.spawn(move || self.answer(&take, answered, dropped, random));
                }
                received = self.receive_for_a_while(&rep, &give, &mut random);
            });
            let stats = rep.stats();
            assert_eq!(stats.messages_received, received, "{stats:?}");
            assert_eq!(stats.messages_sent, answered.into_inner(), "{stats:?}");
            let mut lost = Dropped::default();
            (lost.unsent, lost.unread) = (stats.dropped.unsent, stats.dropped.unread);
            lost.unanswered = dropped.into_inner();
            assert_eq!(stats.dropped, lost);
            assert!(stats.disconnects <= stats.handshakes, "{stats:?}");
        }
    }

    /// Hands the requests of one incarnation out, and says how many there were.
    fn receive_for_a_while(&self, rep: &Rep, give: &Sender<Request>, random: &mut StdRng) -> u64 {
        let mut received = 0;
        let mut bursts = random.random_range(1..200);
        while (bursts > 0 || self.world.is_calm()) && !self.all_asked.load(Ordering::SeqCst) {
            bursts -= i32::from(bursts > 0);
            for _ in 0..random.random_range(1..100) {
                let Ok(request) = rep.recv_timeout(Duration::from_millis(10)) else {
                    break;
                };
                received += 1;
                let (stream, number) = read(&request);
                *self
                    .heard()
                    .entry(stream)
                    .or_default()
                    .entry(number)
                    .or_insert(0) += 1;
                give.send(request).expect("the workers wait");
            }
            if self.world.is_calm() {
                self.settled.store(true, Ordering::SeqCst);
                continue;
            }
            match random.random_range(0..100) {
                0 => std::thread::sleep(Duration::from_millis(random.random_range(1..200))), // a stall
                1 | 2 => {
                    let way = &*self.ways[random.random_range(0..self.ways.len())].bound;
                    rep.unbind(way).expect("it was bound");
                    bind_again(|| rep.bind(way));
                }
                _ => {}
            }
        }
        received
    }

    /// Answers, or forgets, what it is given.
    fn answer(
        &self,
        take: &Receiver<Request>,
        answered: &AtomicU64,
        dropped: &AtomicU64,
        mut random: StdRng,
    ) {
        for request in take {
            if !self.world.is_calm() && random.random_ratio(1, 50) {
                drop(request);
                dropped.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let answer = request.message().clone();
            // A mark of one message is reached by the answer before, if that is still being written.
            let patience = match self.world.is_calm() {
                true => PATIENCE,
                false => Duration::ZERO,
            };
            match request.reply_timeout(answer.clone(), patience) {
                Ok(()) => {
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                Err(ReplyError::PeerGone(refused) | ReplyError::Full(refused)) => {
                    assert!(refused == answer, "it comes back as it was");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<u64, HashMap<u64, usize>>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn ask(&mut self, req: &mut Req, len: usize, patience: Duration) -> Outcome {
        let number = self.outcomes.len() as u64;
        let request = message(self.stream, number, len);
        let outcome = match req.request_timeout(request.clone(), patience) {
            Ok(answer) => {
                assert!(answer == request, "the answer to another request");
                Outcome::Answered
            }
            Err(RequestError::NotSent(refused) | RequestError::GivenUp(refused)) => {
                assert!(refused == request, "it comes back as it was");
                Outcome::NotSent
            }
            Err(RequestError::Timeout) => Outcome::GivenUp,
            Err(RequestError::PeerGone) => Outcome::PeerGone,
            Err(other) => panic!("{other}"),
        };
        self.outcomes.push(outcome);
        outcome
    }

    fn reconnect(&mut self, req: &Req, way: &Way) {
        self.given_up += 1;
        let _ = req.disconnect(&*way.reached); // which may have ended by itself
        req.connect(&*way.reached).expect("connecting");
    }

    fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes
            .iter()
            .filter(|other| **other == outcome)
            .count() as u64
    }

    /// What the socket has counted is what was observed.
    fn check_stats(&self, req: &Req) {
        let stats = req.stats();
        let sent = self.outcomes.len() as u64 - self.count(Outcome::NotSent);
        match self.lost_peer {
            LostPeer::Fail => assert_eq!(stats.messages_sent, sent, "{stats:?}"),
            _ => assert!(stats.messages_sent >= sent, "{sent} {stats:?}"),
        }
        let late = stats.dropped.late_reply;
        let answered = self.count(Outcome::Answered);
        assert_eq!(stats.messages_received, answered + late, "{stats:?}");
        let mut lost = Dropped::default();
        (lost.unsent, lost.unread) = (stats.dropped.unsent, stats.dropped.unread);
        lost.late_reply = late;
        assert_eq!(stats.dropped, lost);
        assert_eq!(stats.events_missed, 0, "{stats:?}");
    }

    /// Holds what the service heard against what became of the requests.
    fn check(&self, mut heard: HashMap<u64, usize>) {
        let kinds = self.events.try_iter().map(|event| event.kind);
        let connections = kinds
            .filter(|kind| *kind == EventKind::HandshakeSucceeded)
            .count();
        let mut again = 0;
        for (number, outcome) in (0..).zip(&self.outcomes) {
            let times = heard.remove(&number).unwrap_or(0);
            match outcome {
                Outcome::Answered => assert!(times > 0, "{number} was answered and never heard"),
                Outcome::NotSent => assert_eq!(times, 0, "{number} was not sent"),
                Outcome::GivenUp | Outcome::PeerGone => {}
            }
            again += times.saturating_sub(1);
        }
        assert!(heard.is_empty(), "never asked: {heard:?}");
        // Only who asks for it has a request sent again, and only when its connection is lost.
        let allowed = match self.lost_peer {
            LostPeer::Fail => 0,
            _ => connections + self.given_up,
        };
        assert!(
            again <= allowed,
            "{again} times more than once, {connections} connections"
        );
    }
}
