//! What can be measured: cells, their names, and which of them a run takes.
//!
//! Owns: the list of cells, and the names by which the command line, the children and the report know them.
//! Must not know: how a cell is measured, or by whom.

mod list;
mod names;
#[cfg(test)]
mod tests;
mod unequal;

pub(crate) use list::{ALL, QUICK};
pub(crate) use unequal::{Near, Receiver};

/// One thing to measure, such as `tcp/push-pull/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) transport: Transport,
    pub(crate) calls: Calls,
    pub(crate) scenario: Scenario,
}

/// How a library is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    /// By threads. Libraries that have only futures are called in a runtime all the same.
    Blocking,
    /// By tasks: each call is a future, on tokio.
    Async,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    Inproc,
    /// tcp, sealed and authenticated by CURVE.
    Curve,
}

/// What the two sides do. Sizes are bytes of body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// One PUSH streams to one PULL: messages a second.
    PushPull { size: usize },
    /// One REQ asks one REP, one request at a time: round trip.
    ReqRep { size: usize },
    /// DEALERs keep [`WINDOW`] requests under way at a ROUTER that sends each back: replies a second.
    RouterDealer { clients: usize, size: usize },
    /// One PUB streams to SUBs that take everything, never more than half a high-water mark ahead of them: deliveries a second, all together.
    PubSub { subscribers: usize, size: usize },
    /// One PUB streams over many topics; each of [`TOPIC_SUBSCRIBERS`] SUBs takes its share: deliveries a second.
    Topics { topics: usize, size: usize },
    /// One SUB is connected to many PUBs, which publish in turn: messages a second, and what the SUB's process takes.
    ManyPubs { publishers: usize },
    /// PUSHes connect and send [`STORM_MESSAGES`] each: time until the PULL has all.
    ConnectStorm { connections: usize },
    /// Peers connect and fall silent: what they cost the PULL's process.
    Idle { connections: usize },
    /// One PUSH streams to a PULL to which other, silent peers are connected: messages a second.
    AmongIdle { connections: usize },
    /// [`STREAMS`] peers stream to one PULL, whose context has `threads` I/O threads.
    IoThreads { threads: usize, size: usize },
    /// Peers of one socket, whose context has `threads` I/O threads: the first sends flat out, each other one after a pause.
    Unequal {
        receiver: Receiver,
        peers: usize,
        threads: usize,
        near: Near,
    },
}

/// Requests a DEALER keeps under way.
pub(crate) const WINDOW: usize = 100;
/// SUBs among which the topics are dealt out.
pub(crate) const TOPIC_SUBSCRIBERS: usize = 8;
/// Messages on each connection of a storm.
pub(crate) const STORM_MESSAGES: usize = 10;
/// Body size in the connect storm.
pub(crate) const STORM_SIZE: usize = 64;
/// Body size of what many PUBs publish.
pub(crate) const MANY_PUBS_SIZE: usize = 64;
/// Body size of the stream among idle connections.
pub(crate) const AMONG_IDLE_SIZE: usize = 64;
/// Connections that the I/O threads share: more than a highwater socket reads itself, which is 64 at most.
pub(crate) const STREAMS: usize = 128;

/// Figures of idle connections: bytes for each, seconds until all handshakes are done, CPU time at rest.
const IDLE_ASPECTS: &[&str] = &["memory", "connecting", "at rest"];

/// Figures of a SUB of many PUBs: messages a second; threads and open files of its process.
const MANY_PUBS_ASPECTS: &[&str] = &["", "threads", "descriptors"];

/// CPU time per million messages of whichever I/O thread had the most to do.
const BUSIEST: &str = "busiest";

/// How evenly the peers of a socket are heard: the longest that one of them was not; how many messages of the least heard
/// were received for each of the median one, and of the median one for each of the mean. Of unequal peers, the shares are
/// those of the slow ones.
pub(crate) const FAIRNESS: [&str; 3] = ["longest silence", "least share", "median share"];

/// Figures of many peers: messages a second, and how evenly the peers are heard.
const MANY_PEERS_ASPECTS: &[&str] = &["", FAIRNESS[0], FAIRNESS[1], FAIRNESS[2]];

/// Figures of I/O threads: messages a second, the thread with the most to do, and how evenly the peers are heard.
const IO_THREADS_ASPECTS: &[&str] = &["", BUSIEST, FAIRNESS[0], FAIRNESS[1], FAIRNESS[2]];

/// The cells that `patterns` name, in the order given; all of `among` if there are none.
///
/// A pattern is the whole name of any cell, known or not (`tcp/push-pull/100`), or the beginning of known names,
/// segment by segment, where `*` stands for any segment (`ipc`, `*/req-rep`, `tcp/pub-sub/8x64`).
pub(crate) fn select(patterns: &[String], among: &[&str]) -> Result<Vec<Cell>, String> {
    let mut cells: Vec<Cell> = Vec::new();
    for pattern in patterns {
        let mut found: Vec<Cell> = match pattern.parse() {
            Ok(cell) => vec![cell],
            Err(_) => known(ALL.iter().filter(|name| begins(name, pattern))),
        };
        if found.is_empty() {
            return Err(format!(
                "no cell is called {pattern}; `versus list` shows them"
            ));
        }
        found.retain(|cell| !cells.contains(cell));
        cells.extend(found);
    }
    if patterns.is_empty() {
        Ok(known(among.iter()))
    } else {
        Ok(cells)
    }
}

fn known<'a>(names: impl Iterator<Item = &'a &'a str>) -> Vec<Cell> {
    names
        .map(|name| name.parse().expect("the names in the lists are cells"))
        .collect()
}

fn begins(name: &str, pattern: &str) -> bool {
    let mut segments = name.split('/');
    pattern.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|segment| wanted == "*" || wanted == segment)
    })
}

impl Cell {
    /// What one measurement of this cell tells, a name for each figure; that of an only one is empty.
    pub(crate) fn aspects(self) -> &'static [&'static str] {
        match self.scenario {
            Scenario::Idle { .. } => IDLE_ASPECTS,
            Scenario::IoThreads { .. } => IO_THREADS_ASPECTS,
            Scenario::ManyPubs { .. } => MANY_PUBS_ASPECTS,
            Scenario::Unequal { .. } | Scenario::Topics { .. } => MANY_PEERS_ASPECTS,
            Scenario::RouterDealer { clients: peers, .. }
            | Scenario::PubSub {
                subscribers: peers, ..
            } if peers > 1 => MANY_PEERS_ASPECTS,
            _ => &[""],
        }
    }

    /// The bytes in each body, where a stream of them is counted.
    pub(crate) fn streamed_size(self) -> Option<usize> {
        match self.scenario {
            Scenario::PushPull { size }
            | Scenario::RouterDealer { size, .. }
            | Scenario::PubSub { size, .. }
            | Scenario::Topics { size, .. }
            | Scenario::IoThreads { size, .. } => Some(size),
            Scenario::AmongIdle { .. } => Some(AMONG_IDLE_SIZE),
            Scenario::ManyPubs { .. } => Some(MANY_PUBS_SIZE),
            Scenario::ReqRep { .. }
            | Scenario::ConnectStorm { .. }
            | Scenario::Idle { .. }
            | Scenario::Unequal { .. } => None,
        }
    }

    /// Whether the sockets of the cell are CURVE's.
    pub(crate) fn is_sealed(self) -> bool {
        self.transport == Transport::Curve
    }

    /// How many I/O threads the cell asks for, if that is what it is about.
    pub(crate) fn io_threads(self) -> Option<usize> {
        match self.scenario {
            Scenario::IoThreads { threads, .. } | Scenario::Unequal { threads, .. } => {
                Some(threads)
            }
            _ => None,
        }
    }
}
