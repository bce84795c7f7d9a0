//! What can be measured: cells, their names, and which of them a run takes.
//!
//! Owns: the list of cells, and the names by which the command line, the children and the report know them.
//! Must not know: how a cell is measured, or by whom.

use std::fmt;
use std::str::FromStr;

use crate::peers::Role;

/// One thing to measure, such as `tcp/push-pull/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) transport: Transport,
    pub(crate) scenario: Scenario,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    Inproc,
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
    /// So many PUSHes connect and send [`STORM_MESSAGES`] each: time until the PULL has all.
    ConnectStorm { connections: usize },
    /// So many peers connect and fall silent: what they cost the PULL's process.
    Idle { connections: usize },
    /// One PUSH streams to a PULL to which so many other peers are connected, which are silent: messages a second.
    AmongIdle { connections: usize },
    /// [`STREAMS`] peers stream to one PULL, whose context has so many I/O threads.
    IoThreads { threads: usize, size: usize },
    /// So many peers at one socket, whose context has so many I/O threads: the first sends flat out, the others now and
    /// then.
    Unequal {
        receiver: Receiver,
        peers: usize,
        threads: usize,
        near: Near,
    },
}

/// Which of the unequal peers are sockets of the receiver's context, over inproc; the others are clients over tcp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Near {
    Nobody,
    /// Every second of the slow ones.
    SomeSlow,
    /// The one that sends flat out.
    TheBusy,
}

impl Near {
    const ALL: [Self; 3] = [Self::Nobody, Self::SomeSlow, Self::TheBusy];

    /// The end of a cell's name.
    fn suffix(self) -> &'static str {
        match self {
            Self::Nobody => "",
            Self::SomeSlow => "+inproc",
            Self::TheBusy => "+busy-inproc",
        }
    }

    /// Whether peer `number` is one of them.
    pub(crate) fn holds(self, number: usize) -> bool {
        match self {
            Self::Nobody => false,
            Self::SomeSlow => number > 0 && number.is_multiple_of(2),
            Self::TheBusy => number == 0,
        }
    }
}

/// The socket that unequal peers send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    Pull,
    Router,
    Dealer,
    Rep,
    Sub,
}

impl Receiver {
    const ALL: [Self; 5] = [Self::Pull, Self::Router, Self::Dealer, Self::Rep, Self::Sub];

    fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Router => "router",
            Self::Dealer => "dealer",
            Self::Rep => "rep",
            Self::Sub => "sub",
        }
    }

    pub(crate) fn role(self) -> Role {
        match self {
            Self::Pull => Role::Pull,
            Self::Router => Role::Router,
            Self::Dealer => Role::Dealer,
            Self::Rep => Role::Rep,
            Self::Sub => Role::Sub,
        }
    }

    pub(crate) fn peer_role(self) -> Role {
        match self {
            Self::Pull => Role::Push,
            Self::Router | Self::Dealer => Role::Dealer,
            Self::Rep => Role::Req,
            Self::Sub => Role::Pub,
        }
    }

    /// The type of its peers, as it stands in their READY.
    pub(crate) fn peer(self) -> &'static str {
        match self {
            Self::Pull => "PUSH",
            Self::Router | Self::Dealer => "DEALER",
            Self::Rep => "REQ",
            Self::Sub => "PUB",
        }
    }
}

/// Requests a DEALER keeps under way.
pub(crate) const WINDOW: usize = 100;
/// SUBs among which the topics are dealt out.
pub(crate) const TOPIC_SUBSCRIBERS: usize = 8;
/// Messages on each connection of a storm.
pub(crate) const STORM_MESSAGES: usize = 10;
/// Body size in the connect storm.
pub(crate) const STORM_SIZE: usize = 64;
/// Body size of the stream among idle connections.
pub(crate) const AMONG_IDLE_SIZE: usize = 64;
/// Connections that the I/O threads share: more than a highwater socket reads itself, which is 64 at most.
pub(crate) const STREAMS: usize = 128;

/// What is told of idle connections: bytes each, seconds until all have their handshakes behind them, CPU time at rest.
const IDLE_ASPECTS: &[&str] = &["memory", "connecting", "at rest"];

/// CPU time per million messages of whichever I/O thread had the most to do.
pub(crate) const BUSIEST: &str = "busiest";

/// How evenly the peers of a socket are heard: the longest that one of them was not; how many messages of the least heard
/// were received for each of the median one, and of the median one for each of the mean. Of unequal peers, the shares are
/// those of the slow ones.
pub(crate) const FAIRNESS: [&str; 3] = ["longest silence", "least share", "median share"];

/// What is told of many peers: messages a second, and how evenly they are heard.
const MANY_PEERS_ASPECTS: &[&str] = &["", FAIRNESS[0], FAIRNESS[1], FAIRNESS[2]];

/// What is told of I/O threads: messages a second, the thread with the most to do, and how evenly the peers are heard.
const IO_THREADS_ASPECTS: &[&str] = &["", BUSIEST, FAIRNESS[0], FAIRNESS[1], FAIRNESS[2]];

/// All cells of a full run, in the order of the report.
pub(crate) const ALL: &[&str] = &[
    "tcp/push-pull/16",
    "tcp/push-pull/64",
    "tcp/push-pull/256",
    "tcp/push-pull/1024",
    "tcp/push-pull/16384",
    "tcp/push-pull/262144",
    "tcp/push-pull/1048576",
    "ipc/push-pull/16",
    "ipc/push-pull/1024",
    "ipc/push-pull/16384",
    "inproc/push-pull/16",
    "inproc/push-pull/1024",
    "inproc/push-pull/16384",
    "tcp/req-rep/16",
    "ipc/req-rep/16",
    "inproc/req-rep/16",
    "tcp/router-dealer/1x64",
    "tcp/router-dealer/64x64",
    "tcp/router-dealer/1x1024",
    "tcp/router-dealer/64x1024",
    "tcp/pub-sub/1x16",
    "tcp/pub-sub/1x64",
    "tcp/pub-sub/1x1024",
    "tcp/pub-sub/1x16384",
    "tcp/pub-sub/8x16",
    "tcp/pub-sub/8x64",
    "tcp/pub-sub/8x1024",
    "tcp/pub-sub/8x16384",
    "tcp/pub-sub/64x16",
    "tcp/pub-sub/64x64",
    "tcp/pub-sub/64x1024",
    "tcp/pub-sub/64x16384",
    "tcp/topics/8x64",
    "tcp/topics/10000x64",
    "tcp/connect-storm/5000",
    "tcp/idle/10000",
    "tcp/among-idle/0",
    "tcp/among-idle/100",
    "tcp/among-idle/1000",
    "tcp/among-idle/10000",
    "tcp/io-threads/1x64",
    "tcp/io-threads/2x64",
    "tcp/io-threads/4x64",
    "tcp/io-threads/1x1024",
    "tcp/io-threads/2x1024",
    "tcp/io-threads/4x1024",
    "tcp/unequal-pull/2x1",
    "tcp/unequal-pull/12x2",
    "tcp/unequal-pull/70x1",
    "tcp/unequal-pull/200x1",
    "tcp/unequal-pull/200x4",
    "tcp/unequal-pull/1000x1",
    "tcp/unequal-pull/2x1+busy-inproc",
    "tcp/unequal-pull/12x1+inproc",
    "tcp/unequal-pull/12x1+busy-inproc",
    "tcp/unequal-pull/70x1+inproc",
    "tcp/unequal-pull/70x2+inproc",
    "tcp/unequal-router/2x1",
    "tcp/unequal-router/70x1",
    "tcp/unequal-router/200x4",
    "tcp/unequal-router/1000x1",
    "tcp/unequal-router/12x1+inproc",
    "tcp/unequal-router/12x1+busy-inproc",
    "tcp/unequal-dealer/2x1",
    "tcp/unequal-dealer/70x1",
    "tcp/unequal-dealer/200x4",
    "tcp/unequal-dealer/1000x1",
    "tcp/unequal-dealer/12x1+inproc",
    "tcp/unequal-dealer/12x1+busy-inproc",
    "tcp/unequal-rep/2x1",
    "tcp/unequal-rep/70x1",
    "tcp/unequal-rep/200x4",
    "tcp/unequal-rep/1000x1",
    "tcp/unequal-rep/12x1+inproc",
    "tcp/unequal-rep/12x1+busy-inproc",
    "tcp/unequal-sub/2x1",
    "tcp/unequal-sub/70x1",
    "tcp/unequal-sub/200x4",
    "tcp/unequal-sub/1000x1",
    "tcp/unequal-sub/12x1+inproc",
    "tcp/unequal-sub/12x1+busy-inproc",
];

/// The cells of `--quick`: one of each kind that takes seconds, and the sizes where the costs differ in nature.
pub(crate) const QUICK: &[&str] = &[
    "tcp/push-pull/16",
    "tcp/push-pull/1024",
    "tcp/push-pull/1048576",
    "ipc/push-pull/16",
    "inproc/push-pull/16",
    "tcp/req-rep/16",
    "inproc/req-rep/16",
    "tcp/router-dealer/1x64",
    "tcp/pub-sub/8x64",
    "tcp/topics/8x64",
    "tcp/connect-storm/5000",
];

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
            Scenario::ReqRep { .. }
            | Scenario::ConnectStorm { .. }
            | Scenario::Idle { .. }
            | Scenario::Unequal { .. } => None,
        }
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

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Ipc => "ipc",
            Self::Inproc => "inproc",
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.transport)?;
        match self.scenario {
            Scenario::PushPull { size } => write!(f, "push-pull/{size}"),
            Scenario::ReqRep { size } => write!(f, "req-rep/{size}"),
            Scenario::RouterDealer { clients, size } => write!(f, "router-dealer/{clients}x{size}"),
            Scenario::PubSub { subscribers, size } => write!(f, "pub-sub/{subscribers}x{size}"),
            Scenario::Topics { topics, size } => write!(f, "topics/{topics}x{size}"),
            Scenario::ConnectStorm { connections } => write!(f, "connect-storm/{connections}"),
            Scenario::Idle { connections } => write!(f, "idle/{connections}"),
            Scenario::AmongIdle { connections } => write!(f, "among-idle/{connections}"),
            Scenario::IoThreads { threads, size } => write!(f, "io-threads/{threads}x{size}"),
            Scenario::Unequal {
                receiver,
                peers,
                threads,
                near,
            } => {
                let (receiver, suffix) = (receiver.name(), near.suffix());
                write!(f, "unequal-{receiver}/{peers}x{threads}{suffix}")
            }
        }
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        parse(name).ok_or_else(|| format!("{name} is not the name of a cell"))
    }
}

fn parse(name: &str) -> Option<Cell> {
    let mut segments = name.split('/');
    let transport = match segments.next()? {
        "tcp" => Transport::Tcp,
        "ipc" => Transport::Ipc,
        "inproc" => Transport::Inproc,
        _ => return None,
    };
    let scenario = segments.next()?;
    let numbers = segments.next()?;
    let (numbers, suffix) = numbers.split_at(numbers.find('+').unwrap_or(numbers.len()));
    let near = Near::ALL.into_iter().find(|near| near.suffix() == suffix)?;
    let numbers: Vec<usize> = numbers
        .split('x')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    // Nobody idle is what a crowd is compared with; of anything else there is some.
    if segments.next().is_some() || numbers.contains(&0) && scenario != "among-idle" {
        return None;
    }
    if near != Near::Nobody && !scenario.starts_with("unequal-") {
        return None;
    }
    let scenario = match (scenario, &numbers[..]) {
        ("push-pull", &[size]) => Scenario::PushPull { size },
        ("req-rep", &[size]) => Scenario::ReqRep { size },
        ("router-dealer", &[clients, size]) => Scenario::RouterDealer { clients, size },
        ("pub-sub", &[subscribers, size]) => Scenario::PubSub { subscribers, size },
        ("topics", &[topics, size]) if topics.is_multiple_of(TOPIC_SUBSCRIBERS) => {
            Scenario::Topics { topics, size }
        }
        ("connect-storm", &[connections]) => Scenario::ConnectStorm { connections },
        ("idle", &[connections]) => Scenario::Idle { connections },
        ("among-idle", &[connections]) => Scenario::AmongIdle { connections },
        ("io-threads", &[threads, size]) => Scenario::IoThreads { threads, size },
        (unequal, &[peers, threads]) if peers > 1 => Scenario::Unequal {
            receiver: Receiver::ALL
                .into_iter()
                .find(|receiver| unequal.strip_prefix("unequal-") == Some(receiver.name()))?,
            peers,
            threads,
            near,
        },
        _ => return None,
    };
    Some(Cell {
        transport,
        scenario,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_a_cell_and_prints_as_itself() {
        for &name in ALL.iter().chain(QUICK) {
            let cell: Cell = name.parse().expect(name);
            assert_eq!(cell.to_string(), name);
        }
    }

    #[test]
    fn the_quick_cells_are_among_all_cells() {
        assert!(QUICK.iter().all(|name| ALL.contains(name)));
    }

    #[test]
    fn a_pattern_selects_by_its_segments() {
        let names = |pattern: &str| -> Vec<String> {
            let cells = select(&[pattern.to_owned()], ALL).expect(pattern);
            cells.iter().map(Cell::to_string).collect()
        };
        assert_eq!(
            names("*/req-rep"),
            ["tcp/req-rep/16", "ipc/req-rep/16", "inproc/req-rep/16"]
        );
        assert_eq!(names("ipc/push-pull/1024"), ["ipc/push-pull/1024"]);
        assert_eq!(names("tcp/push-pull/100"), ["tcp/push-pull/100"]);
        assert_eq!(names("inproc").len(), 4);
    }

    #[test]
    fn publishing_is_measured_to_1_8_and_64_subscribers_at_four_sizes() {
        let cells = select(&["tcp/pub-sub".to_owned()], ALL).expect("known cells");
        let pairs = [1, 8, 64].into_iter().flat_map(|subscribers| {
            [16, 64, 1024, 16_384].map(|size| Scenario::PubSub { subscribers, size })
        });
        assert!(cells.iter().map(|cell| cell.scenario).eq(pairs));
    }

    #[test]
    fn what_is_no_cell_is_refused() {
        for name in [
            "",
            "tcp",
            "tcp/push-pull/0",
            "udp/push-pull/16",
            "tcp/router-dealer/64",
            "tcp/push-pull/1/2",
            "tcp/topics/9x64",
            "tcp/idle/0",
            "tcp/io-threads/0x64",
            "tcp/io-threads/2",
            "tcp/io-threads/2x64+inproc",
            "tcp/unequal-pull/1x1",
            "tcp/unequal-pull/12x1+ipc",
            "tcp/unequal-pull/12x1+",
        ] {
            assert!(name.parse::<Cell>().is_err(), "{name}");
        }
        assert!(select(&["tcp/nothing".to_owned()], ALL).is_err());
    }
}
