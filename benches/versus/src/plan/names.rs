//! The names of cells, on the command line and in the report: written and read.

use std::fmt;
use std::str::FromStr;

use super::{Calls, Cell, Near, Receiver, Scenario, TOPIC_SUBSCRIBERS, Transport};

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Ipc => "ipc",
            Self::Inproc => "inproc",
            Self::Curve => "curve",
        })
    }
}

/// Stands before the scenario in the names of cells of tasks.
const ASYNC: &str = "async-";

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = match self.calls {
            Calls::Blocking => "",
            Calls::Async => ASYNC,
        };
        write!(f, "{}/{calls}", self.transport)?;
        match self.scenario {
            Scenario::PushPull { size } => write!(f, "push-pull/{size}"),
            Scenario::ReqRep { size } => write!(f, "req-rep/{size}"),
            Scenario::RouterDealer { clients, size } => write!(f, "router-dealer/{clients}x{size}"),
            Scenario::PubSub { subscribers, size } => write!(f, "pub-sub/{subscribers}x{size}"),
            Scenario::Topics { topics, size } => write!(f, "topics/{topics}x{size}"),
            Scenario::ManyPubs { publishers } => write!(f, "many-pubs/{publishers}"),
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
        "curve" => Transport::Curve,
        _ => return None,
    };
    let scenario = segments.next()?;
    let (calls, scenario) = match scenario.strip_prefix(ASYNC) {
        Some(scenario) => (Calls::Async, scenario),
        None => (Calls::Blocking, scenario),
    };
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
    const IN_TASKS: [&str; 3] = ["push-pull", "req-rep", "many-pubs"];
    // Its bare peers speak nothing but NULL.
    const BARE: [&str; 3] = ["idle", "among-idle", "io-threads"];
    if calls == Calls::Async && !IN_TASKS.contains(&scenario) {
        return None;
    }
    if transport == Transport::Curve
        && (BARE.contains(&scenario) || scenario.starts_with("unequal-"))
    {
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
        ("many-pubs", &[publishers]) if transport == Transport::Tcp => {
            Scenario::ManyPubs { publishers }
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
        calls,
        scenario,
    })
}
