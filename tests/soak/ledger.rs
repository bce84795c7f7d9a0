//! Holds what was received against what was sent, and against what the documentation declares lost.
//!
//! A *stream* is what one socket has sent, numbered from 0; its *account* is kept by the sender. What must be true:
//!
//! - Nothing arrives twice, or that was not sent, and order is kept on each connection.
//! - What arrived and what was counted as lost, by either end, is never more than what was sent; within the process it
//!   is exactly that. Over a wire, what kernels and queues held is lost with a connection and counted by nobody: each
//!   cut takes the last messages of a connection with it, hence one gap each, and no more than fits into them.
//! - After the last cut nothing is lost.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Receiver;
use highwater::{Dropped, Event, EventKind, Message, SendError, Stats, Transport};

use crate::message::message;
use crate::world::{KERNEL_BUFFER, MOST_QUEUED};

/// What may be in kernels when a connection is cut: two hops, each with a buffer at both ends that Linux makes twice as
/// large as it is told; what the proxy holds; and the two reads that a receiver takes whole.
const MOST_IN_FLIGHT: usize = 2 * 2 * 2 * KERNEL_BUFFER + (8 << 10) + (2 << 16);

/// Which receiver, and over which transport.
pub(crate) type Group = (usize, Transport);

/// All streams of one kind in one direction.
#[derive(Debug)]
pub(crate) struct Ledger {
    name: &'static str,
    heard: Mutex<HashMap<u64, Heard>>,
    accounts: Mutex<Vec<Account>>,
    groups: Mutex<HashMap<Group, Sums>>,
}

/// What was received of one stream, in that order: by which route, and which number.
#[derive(Debug, Default)]
struct Heard {
    entries: Vec<(u64, u64)>,
    highest: u64,
}

/// What is known about the streams to one receiver over one transport, all together.
#[derive(Debug, Default)]
struct Sums {
    sent: u64,
    received: u64,
    /// Lost, as the senders or the receiver have counted.
    counted: u64,
    /// Some socket was dropped, and could not be asked.
    blind: bool,
}

/// In which order a stream may arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The receiver tells connections apart, each of which carries consecutive numbers.
    Consecutive,
    /// The numbers rise by each route.
    Rising,
    /// Several connections may be read in turn: a step back is a change of connection.
    Merged,
    /// Several receivers share the socket, and each tells what it has got when it comes to that.
    Any,
}

/// What one socket has sent.
pub(crate) struct Account {
    pub(crate) stream: u64,
    pub(crate) group: Group,
    pub(crate) order: Order,
    /// The length of each message.
    pub(crate) lens: Vec<usize>,
    /// Endpoints that the test has given up, or lost within the process.
    pub(crate) given_up: usize,
    /// Handshakes, besides those in `events`.
    pub(crate) connections: usize,
    pub(crate) events: Option<Receiver<Event>>,
    /// What became of the connections, as the events told.
    ends: Vec<EventKind>,
    /// From this message on all have to arrive.
    pub(crate) farewell: Option<u64>,
    /// Lost, as the socket has counted.
    pub(crate) counted: u64,
    /// The socket could not be asked in the end.
    pub(crate) blind: bool,
    /// The same socket receives, and what it has not read counts there.
    pub(crate) hears: Option<Group>,
    /// How much was sent is known by what arrived: the process that sent was killed.
    pub(crate) killed: bool,
    /// The receiver is not meant to get everything.
    pub(crate) partial: bool,
    /// Asks the socket, which is kept for this.
    pub(crate) parked: Option<Box<dyn FnOnce() -> Stats + Send>>,
}

impl Ledger {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            heard: Mutex::default(),
            accounts: Mutex::default(),
            groups: Mutex::default(),
        }
    }

    /// Message `number` of `stream` was received by `route`.
    pub(crate) fn hear(&self, stream: u64, route: u64, number: u64) {
        let mut heard = lock(&self.heard);
        let heard = heard.entry(stream).or_default();
        heard.highest = heard.highest.max(number);
        heard.entries.push((route, number));
    }

    /// Whether a message of `stream` from `number` on was received.
    pub(crate) fn has_heard(&self, stream: u64, number: u64) -> bool {
        lock(&self.heard)
            .get(&stream)
            .is_some_and(|heard| heard.highest >= number)
    }

    /// Nothing more is sent on this stream.
    pub(crate) fn close(&self, account: Account) {
        lock(&self.accounts).push(account);
    }

    /// The receiver has counted `unread` messages as lost; `None` if it was dropped before it could be asked.
    pub(crate) fn unread(&self, group: Group, unread: Option<u64>) {
        let mut groups = lock(&self.groups);
        let sums = groups.entry(group).or_default();
        sums.counted += unread.unwrap_or(0);
        sums.blind |= unread.is_none();
    }

    /// Checks everything. Nothing lingers any more.
    pub(crate) fn settle(self) {
        let mut heard = inner(self.heard);
        let mut groups = inner(self.groups);
        for mut account in inner(self.accounts) {
            let entries = heard.remove(&account.stream).unwrap_or_default().entries;
            let unread = account.ask();
            if let Some(hears) = account.hears {
                let sums = groups.entry(hears).or_default();
                sums.counted += unread;
                sums.blind |= account.blind;
            }
            if account.killed {
                let sent = entries.iter().map(|(_, number)| number + 1).max();
                account.lens = vec![0; sent.unwrap_or(0) as usize];
            }
            if let Err(fault) = account.check(&entries) {
                panic!("{}: {fault} of {account:?}: {}", self.name, Runs(&entries));
            }
            let sums = groups.entry(account.group).or_default();
            sums.sent += account.sent();
            sums.received += entries.len() as u64;
            sums.counted += account.counted;
            sums.blind |= account.blind || account.partial;
        }
        assert!(
            heard.is_empty(),
            "{}: from nobody: {:?}",
            self.name,
            heard.keys()
        );
        for ((receiver, transport), sums) in groups {
            println!("{} to {receiver} over {transport:?}: {sums:?}", self.name);
            let found = sums.received + sums.counted;
            assert!(found <= sums.sent, "counted as lost, and received");
            let hidden = transport != Transport::Inproc || sums.blind;
            assert!(hidden || found == sums.sent, "lost, and not counted");
        }
    }
}

impl Account {
    pub(crate) fn new(stream: u64, group: Group, order: Order) -> Self {
        Self {
            stream,
            group,
            order,
            lens: Vec::new(),
            given_up: 0,
            connections: 0,
            events: None,
            ends: Vec::new(),
            farewell: None,
            counted: 0,
            blind: false,
            hears: None,
            killed: false,
            partial: false,
            parked: None,
        }
    }

    /// How many were sent, and the number of the next.
    pub(crate) fn sent(&self) -> u64 {
        self.lens.len() as u64
    }

    /// The next message, with a body of `len` bytes.
    pub(crate) fn next(&self, len: usize) -> Message {
        message(self.stream, self.sent(), len)
    }

    /// Sends the next message by `send`, unless there is no room for it for a while.
    pub(crate) fn send(
        &mut self,
        len: usize,
        send: impl FnOnce(Message) -> Result<(), SendError>,
    ) -> bool {
        match send(self.next(len)) {
            Ok(()) => {
                self.lens.push(len);
                true
            }
            // Within the process an endpoint whose peer has gone is given up.
            Err(SendError::Timeout(message) | SendError::GivenUp(message)) => {
                assert!(message == self.next(len), "it comes back as it was");
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// What the socket has counted is what was observed.
    pub(crate) fn check_stats(&self, stats: &Stats) {
        assert_eq!(stats.messages_sent, self.sent(), "{self:?}");
        let mut lost = Dropped::default();
        (lost.unsent, lost.unread) = (stats.dropped.unsent, stats.dropped.unread);
        assert_eq!(stats.dropped, lost, "{self:?}");
        assert!(stats.disconnects <= stats.handshakes, "{stats:?}");
        assert_eq!(stats.events_missed, 0, "{stats:?}");
    }

    /// Asks the socket what it has counted, and holds it against the events; says how many messages it has not read.
    pub(crate) fn ask(&mut self) -> u64 {
        let events = self.events.take();
        let kinds: Vec<EventKind> = events
            .iter()
            .flat_map(Receiver::try_iter)
            .map(|event| event.kind)
            .collect();
        let count =
            |wanted: fn(&EventKind) -> bool| kinds.iter().filter(|kind| wanted(kind)).count();
        let handshakes = count(|kind| *kind == EventKind::HandshakeSucceeded);
        self.connections += handshakes;
        let is_end = |kind: &&EventKind| matches!(kind, EventKind::Disconnected { .. });
        self.ends.extend(kinds.iter().filter(is_end).cloned());
        let Some(parked) = self.parked.take() else {
            return 0;
        };
        let stats = parked();
        self.check_stats(&stats);
        assert_eq!(stats.queued_to_send, 0, "nothing lingers");
        self.counted += stats.dropped.unsent;
        if events.is_some() {
            let failed = count(|kind| matches!(kind, EventKind::HandshakeFailed(_)));
            let lost = count(|kind| matches!(kind, EventKind::Disconnected { .. }));
            let retries = count(|kind| matches!(kind, EventKind::Retrying { .. }));
            let told = [handshakes, failed, lost, retries].map(|count| count as u64);
            let counted = [
                stats.handshakes,
                stats.handshakes_failed,
                stats.disconnects,
                stats.retries,
            ];
            assert_eq!(counted, told, "events of {self:?}");
        }
        stats.dropped.unread
    }

    /// Holds what arrived, in this order, against what is promised.
    fn check(&self, received: &[(u64, u64)]) -> Result<(), String> {
        let mut numbers: Vec<u64> = received.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        if let Some(twice) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("{} came twice", twice[0]));
        }
        if let Some(last) = numbers.last().filter(|last| **last >= self.sent()) {
            return Err(format!("{last} was never sent"));
        }
        self.check_order(received)?;
        if self.partial {
            return Ok(());
        }

        let mut gaps = 0;
        let mut lost = Vec::new();
        let mut next = 0;
        for number in numbers.iter().copied().chain([self.sent()]) {
            gaps += usize::from(number != next);
            lost.extend(self.lens[next as usize..number as usize].iter().copied());
            if number > next && self.farewell.is_some_and(|farewell| number > farewell) {
                return Err(format!("{next} to {} are lost", number - 1));
            }
            next = number + 1;
        }
        // One that never came to be takes its queue along if it is given up.
        let cuts = self.connections + self.given_up + 1;
        if gaps > cuts {
            return Err(format!("{gaps} gaps"));
        }
        // The long ones may all have been in the queues, of which messages are counted and not bytes.
        lost.sort_unstable();
        let in_kernels = lost.len().saturating_sub(cuts * MOST_QUEUED);
        let bytes: usize = lost[..in_kernels].iter().sum();
        if bytes > cuts * MOST_IN_FLIGHT {
            return Err(format!(
                "{} lost, of which kernels had {bytes} bytes",
                lost.len()
            ));
        }
        if self.counted > lost.len() as u64 {
            return Err(format!("only {} lost", lost.len()));
        }
        Ok(())
    }

    fn check_order(&self, received: &[(u64, u64)]) -> Result<(), String> {
        let mut latest = HashMap::new();
        for &(route, number) in received {
            let Some(before) = latest.insert(route, number) else {
                continue;
            };
            if self.order == Order::Rising && number < before
                || self.order == Order::Consecutive && number != before + 1
            {
                return Err(format!("{number} after {before}"));
            }
        }
        if self.order == Order::Any {
            return Ok(());
        }
        // What it would be if the connections were read in turn.
        let mut order: Vec<(u64, usize)> = received
            .iter()
            .map(|(_, number)| *number)
            .zip(0..)
            .collect();
        order.sort_unstable();
        let steps_back = order
            .windows(2)
            .filter(|pair| pair[1].1 < pair[0].1)
            .count();
        if steps_back >= self.connections.max(1) {
            return Err(format!("{steps_back} steps back"));
        }
        Ok(())
    }
}

/// What was received, in few words.
struct Runs<'a>(&'a [(u64, u64)]);

impl fmt::Display for Runs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let follows = |a: &(u64, u64), b: &(u64, u64)| a.0 == b.0 && a.1 + 1 == b.1;
        for run in self.0.chunk_by(follows).take(100) {
            let [(route, first), .., (_, last)] = [run[0], run[run.len() - 1]];
            write!(f, "{first}-{last} by {route}, ")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("stream", &self.stream)
            .field("group", &self.group)
            .field("order", &self.order)
            .field("sent", &self.sent())
            .field("given_up", &self.given_up)
            .field("connections", &self.connections)
            .field("farewell", &self.farewell)
            .field("counted", &self.counted)
            .field("blind", &self.blind)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
