//! Everything at once, for a while: sockets that come, go, stall and are cut off, over all transports.
//!
//! Each message carries who sent it and its number, so that what arrived can be held against what the documentation
//! promises. Takes ten seconds; the environment variable `HIGHWATER_SOAK_SECONDS` says how many instead.
//! `HIGHWATER_TEST_SEED` has the random choices of an earlier run made again.

mod support;

use std::collections::HashMap;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use highwater::{
    Context, Dropped, Endpoint, Event, EventKind, Linger, Message, Pull, Push, SendError, Transport,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::{
    Chaos, ChaosProxy, Place, joined, open_files, resident_memory, seed, threads_named, wait_until,
};

/// How long one round of the soak lasts, after which everything has to be gone.
const ROUND: Duration = Duration::from_secs(5);

/// Receivers, each with its own senders.
const RECEIVERS: usize = 2;

/// Senders to each receiver over each transport.
const SENDERS: usize = 2;

/// What a process may have grown by after many rounds: what the allocator keeps, and not what sockets leave behind.
const MEMORY_SLACK: usize = 48 << 20;

/// The longest second frame, in bytes: most are much shorter.
const LONGEST_BODY: usize = 20_000;

#[test]
fn nothing_is_lost_doubled_or_left_behind_whatever_happens() {
    let seconds = env::var("HIGHWATER_SOAK_SECONDS").map_or(10, |text| {
        text.parse().expect("HIGHWATER_SOAK_SECONDS is a number")
    });
    let mut random = StdRng::seed_from_u64(seed());
    let end = Instant::now() + Duration::from_secs(seconds);
    let files = open_files();
    let threads = threads_named("");
    let mut memory = None;
    loop {
        round(random.random());
        // A thread that was joined may be a moment from its end.
        wait_until("every thread has ended", || threads_named("") <= threads);
        assert_eq!(open_files(), files, "open files");
        let now = resident_memory();
        let first = *memory.get_or_insert(now);
        assert!(
            now <= first.map(|first| first + MEMORY_SLACK),
            "memory: {first:?} bytes after the first round, now {now:?}"
        );
        if Instant::now() >= end {
            break;
        }
    }
}

/// What all threads of one round share.
#[derive(Debug)]
struct World {
    context: Context,
    calm: AtomicBool,
    senders: AtomicU64,
    receivers: Vec<Mutex<Log>>,
}

/// What one receiver, in all of its incarnations, has received.
#[derive(Debug, Default)]
struct Log {
    numbers: HashMap<u64, Vec<u64>>,
}

/// One sender, after its end.
#[derive(Debug)]
struct Sender {
    id: u64,
    sent: u64,
    /// Connections that were given up by the test.
    disconnects: usize,
    transport: Transport,
    receiver: usize,
    events: Receiver<Event>,
}

fn round(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let world = Arc::new(World {
        context: Context::builder().io_threads(2).build(),
        calm: AtomicBool::new(false),
        senders: AtomicU64::new(0),
        receivers: (0..RECEIVERS).map(|_| Mutex::default()).collect(),
    });
    let transports = [Transport::Tcp, Transport::Ipc, Transport::Inproc];
    let places = transports.map(Place::new);
    let mut proxies = Vec::new();
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    let all_sent = Arc::new(AtomicBool::new(false));
    for receiver in 0..RECEIVERS {
        let bound = places.each_ref().map(Place::vacant);
        let tcp: Endpoint = bound[0].parse().expect("an endpoint");
        let proxy = ChaosProxy::new(&tcp, Chaos::WILD, random.random());
        let reached = [proxy.endpoint(), bound[1].clone(), bound[2].clone()];
        proxies.push(proxy);
        for _ in 0..SENDERS {
            for (at, transport) in reached.iter().zip(transports) {
                let (world, at) = (Arc::clone(&world), at.clone());
                let random = StdRng::seed_from_u64(random.random());
                senders.push(std::thread::spawn(move || {
                    send_for_a_while(&world, receiver, transport, &at, random)
                }));
            }
        }
        let (world, all_sent) = (Arc::clone(&world), Arc::clone(&all_sent));
        let random = StdRng::seed_from_u64(random.random());
        receivers.push(std::thread::spawn(move || {
            receive_for_a_while(&world, receiver, &bound, &all_sent, random);
        }));
    }

    let end = Instant::now() + ROUND;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(random.random_range(50..600))); // between two blows
        let proxy = &proxies[random.random_range(0..RECEIVERS)];
        match random.random() {
            true => proxy.reset_all(),
            false => proxy.close_all(),
        }
    }
    proxies.iter().for_each(ChaosProxy::calm);
    world.calm.store(true, Ordering::SeqCst);
    let senders: Vec<Sender> = senders.into_iter().flat_map(joined).collect();
    all_sent.store(true, Ordering::SeqCst);
    receivers.into_iter().for_each(joined);
    let broken: usize = proxies.iter().map(ChaosProxy::broken).sum();
    drop(proxies);
    let world = Arc::into_inner(world).expect("every thread has ended");
    // Ends once nothing lingers any more: from then on there are no events.
    drop(world.context);
    let messages: u64 = senders.iter().map(|sender| sender.sent).sum();
    println!(
        "seed {seed}: {} senders, {messages} messages, {broken} cuts",
        senders.len()
    );
    assert!(broken > 0 && messages > 0, "nothing has happened");

    let mut logs: Vec<Log> = world
        .receivers
        .into_iter()
        .map(|log| log.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect();
    for sender in &senders {
        let numbers = logs[sender.receiver].numbers.remove(&sender.id);
        check(sender, &numbers.unwrap_or_default());
    }
    for log in logs {
        assert!(
            log.numbers.is_empty(),
            "from nobody: {:?}",
            log.numbers.keys()
        );
    }
}

/// Holds what arrived, in the order in which it was received, against what is promised.
fn check(sender: &Sender, received: &[u64]) {
    let connections = handshakes(&sender.events);
    // In the order in which they were sent, with the place at which each came out.
    let mut order: Vec<(u64, usize)> = received.iter().copied().zip(0..).collect();
    order.sort_unstable();

    // One connection carries consecutive numbers, and keeps their order: a step back is a change of connection.
    let (mut steps_back, mut gaps, mut next) = (0, 0, 0);
    for pair in order.windows(2) {
        let [(number, place), (later, later_place)] = [pair[0], pair[1]];
        assert_ne!(number, later, "received twice, of {sender:?}");
        steps_back += usize::from(later_place < place);
    }
    for (number, _) in &order {
        gaps += usize::from(*number != next);
        next = number + 1;
    }
    gaps += usize::from(next != sender.sent);
    assert!(next <= sender.sent, "never sent: {next} of {sender:?}");
    assert!(
        steps_back < connections.max(1),
        "{steps_back} steps back over {connections} connections of {sender:?}"
    );
    // What a connection had taken and not delivered is lost with it: the last of its messages, so one gap each. One
    // that never came to be takes its queue along if it is given up.
    let excused = connections + sender.disconnects + 1;
    assert!(
        gaps <= excused,
        "{gaps} gaps over {connections} connections of {sender:?}"
    );
}

fn handshakes(events: &Receiver<Event>) -> usize {
    let kinds = events.try_iter().map(|event| event.kind);
    kinds
        .filter(|kind| *kind == EventKind::HandshakeSucceeded)
        .count()
}

/// Sends as one sender after the other until all is calm; the last of them loses nothing from then on.
fn send_for_a_while(
    world: &World,
    receiver: usize,
    transport: Transport,
    at: &str,
    mut random: StdRng,
) -> Vec<Sender> {
    let mut ended = Vec::new();
    loop {
        let push = Push::builder(&world.context)
            .reconnect_interval(Duration::from_millis(5))
            .reconnect_interval_max(Duration::from_millis(50))
            .send_high_water_mark(random.random_range(1..500))
            .linger(Linger::AtMost(Duration::from_millis(200)))
            .build();
        let mut sender = Sender {
            id: world.senders.fetch_add(1, Ordering::Relaxed),
            sent: 0,
            disconnects: 0,
            transport,
            receiver,
            events: push.monitor(),
        };
        push.connect(at).expect("connecting");
        let mut bursts = random.random_range(1..60);
        while bursts > 0 && !world.is_calm() {
            bursts -= 1;
            sender.burst(&push, &mut random);
            // Within the process nobody connects again on our behalf.
            let left = transport == Transport::Inproc && push.peers().is_empty();
            if left || random.random_ratio(1, 50) {
                sender.reconnect(&push, at);
            }
        }
        if world.is_calm() {
            sender.say_farewell(&push, world, at);
            ended.push(sender);
            return ended;
        }
        sender.check_stats(&push);
        match random.random_range(0..3) {
            0 => drop(push),
            1 => {
                push.set_option("linger", "0").expect("an option");
                drop(push);
            }
            _ => {
                push.close(Duration::from_millis(100));
            }
        }
        ended.push(sender);
    }
}

impl World {
    fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    fn log(&self, receiver: usize) -> std::sync::MutexGuard<'_, Log> {
        let log = self.receivers[receiver].lock();
        log.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message of `sender` from number `first` on has arrived.
    fn has_heard(&self, sender: &Sender, first: u64) -> bool {
        let log = self.log(sender.receiver);
        let numbers = log.numbers.get(&sender.id);
        // What an earlier connection still held may come after it.
        numbers.is_some_and(|numbers| numbers.iter().rev().any(|number| *number >= first))
    }
}

impl Sender {
    fn burst(&mut self, push: &Push, random: &mut StdRng) {
        for _ in 0..random.random_range(1..100) {
            let len = match random.random_range(0..50) {
                0 => random.random_range(0..LONGEST_BODY),
                _ => random.random_range(0..100),
            };
            if !self.send(push, len) {
                return;
            }
        }
    }

    /// Sends the next message, unless there is no room for it for a while.
    fn send(&mut self, push: &Push, len: usize) -> bool {
        let message = message(self.id, self.sent, len);
        match push.send_timeout(message, Duration::from_millis(20)) {
            Ok(()) => {
                self.sent += 1;
                true
            }
            Err(SendError::Timeout(message)) => {
                assert_eq!(read(&message), (self.id, self.sent), "it comes back");
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn reconnect(&mut self, push: &Push, at: &str) {
        self.disconnects += 1;
        let _ = push.disconnect(at); // which may have ended by itself
        push.connect(at).expect("connecting");
    }

    /// All is calm: what is sent from the first message on that arrives, arrives.
    fn say_farewell(&mut self, push: &Push, world: &World, at: &str) {
        let first = self.sent;
        wait_until(format!("something arrives of {self:?}"), || {
            if self.transport == Transport::Inproc && push.peers().is_empty() {
                self.reconnect(push, at);
            }
            self.send(push, 1);
            world.has_heard(self, first)
        });
        let last = self.sent + 99;
        while self.sent <= last {
            self.send(push, 100);
        }
        wait_until(format_args!("all arrives of {self:?}"), || {
            world.has_heard(self, last)
        });
        self.check_stats(push);
    }

    /// What the socket has counted is what was observed.
    fn check_stats(&self, push: &Push) {
        let stats = push.stats();
        assert_eq!(stats.messages_sent, self.sent, "{self:?}");
        let mut dropped = stats.dropped;
        dropped.unsent = 0;
        assert_eq!(dropped, Dropped::default(), "{self:?}");
        if self.disconnects == 0 && self.transport != Transport::Inproc {
            assert_eq!(stats.dropped.unsent, 0, "kept for the next connection");
        }
        assert!(stats.disconnects <= stats.handshakes, "{stats:?}");
        assert_eq!(stats.events_missed, 0, "{stats:?}");
    }
}

/// Receives with one socket after the other, all at the same endpoints, until everybody has sent.
fn receive_for_a_while(
    world: &World,
    receiver: usize,
    at: &[String],
    all_sent: &AtomicBool,
    mut random: StdRng,
) {
    while !all_sent.load(Ordering::SeqCst) {
        let pull = Pull::builder(&world.context)
            .receive_high_water_mark(random.random_range(1..500))
            .build();
        for endpoint in at {
            pull.bind(&**endpoint).expect("the address is free again");
        }
        let mut received = 0;
        let mut bursts = random.random_range(1..100);
        // Before it is calm a socket lives for some bursts, afterwards to the end.
        while (bursts > 0 || world.is_calm()) && !all_sent.load(Ordering::SeqCst) {
            bursts -= i32::from(bursts > 0);
            received += receive_some(world, receiver, &pull, &mut random);
            if world.is_calm() {
                continue;
            }
            match random.random_range(0..100) {
                0 => std::thread::sleep(Duration::from_millis(random.random_range(1..200))), // a stall
                1 | 2 => {
                    let endpoint = &*at[random.random_range(0..at.len())];
                    pull.unbind(endpoint).expect("it was bound");
                    pull.bind(endpoint).expect("the address is free again");
                }
                _ => {}
            }
        }
        let stats = pull.stats();
        assert_eq!(stats.messages_received, received);
        let mut dropped = stats.dropped;
        dropped.unread = 0;
        assert_eq!(dropped, Dropped::default());
        assert!(stats.disconnects <= stats.handshakes, "{stats:?}");
    }
}

fn receive_some(world: &World, receiver: usize, pull: &Pull, random: &mut StdRng) -> u64 {
    let mut received = 0;
    while received < random.random_range(1..500) {
        let Ok(message) = pull.recv_timeout(Duration::from_millis(10)) else {
            break;
        };
        received += 1;
        let (sender, number) = read(&message);
        let mut log = world.log(receiver);
        log.numbers.entry(sender).or_default().push(number);
    }
    received
}

/// A message that tells where it is from, and whose second frame has to be what the first says.
fn message(sender: u64, number: u64, len: usize) -> Message {
    let head = [sender.to_be_bytes(), number.to_be_bytes()].concat();
    [head, support::pattern(len, (sender + number) as usize)]
        .into_iter()
        .collect()
}

/// Sender and number of a message, which is whole.
fn read(message: &Message) -> (u64, u64) {
    assert_eq!(message.frame_count(), 2);
    let number = |at: usize| {
        let bytes = message[0][at..at + 8].try_into().expect("eight bytes");
        u64::from_be_bytes(bytes)
    };
    let (sender, number) = (number(0), number(8));
    let body = support::pattern(message[1].len(), (sender + number) as usize);
    assert!(message[1] == *body, "message {number} of {sender}");
    (sender, number)
}
