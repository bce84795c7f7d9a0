//! What a child tells its parent: one line of text on standard output for each report.

use std::io::Write;
use std::str::FromStr;

use crate::peers::{Failure, Reason};

/// What a child tells its parent, a line each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    /// Bound; others may connect to this endpoint, or these, with a space between.
    Ready(String),
    /// Every subscriber has heard the publisher, which may now begin.
    Joined,
    /// The warm-up is over; the measurement begins.
    Begin,
    /// `messages` messages in `nanos` nanoseconds; 0 nanoseconds: the time from `Begin` to the arrival of this line.
    Count {
        messages: u64,
        nanos: u64,
    },
    /// Round trips, in nanoseconds.
    RoundTrips {
        median: u64,
        p99: u64,
        count: u64,
    },
    /// How the peers of a socket fared while it was measured: the longest that one of them was not heard, in nanoseconds; and
    /// how many messages were received of the least heard, of the median one, and of all `peers` together. Comes before the
    /// count.
    Shares {
        silence: u64,
        least: u64,
        median: u64,
        total: u64,
        peers: u64,
    },
    /// Every handshake is done, `nanos` nanoseconds after the first `connect`.
    Connected {
        nanos: u64,
    },
    Unsupported(String),
    Failed(String),
}

/// Writes `report` as one line, in one system call.
pub(crate) fn say(report: Report) {
    let line = report.line();
    let mut out = std::io::stdout().lock();
    // An error means that the parent has ended; this process ends with it, as soon as its standard input is closed.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

/// Reports `failure`.
pub(crate) fn complain(failure: Failure) {
    say(match failure.reason() {
        Reason::Unsupported(why) => Report::Unsupported(why.to_owned()),
        Reason::Broken(why) => Report::Failed(why.replace('\n', " ")),
    });
}

impl Report {
    fn line(&self) -> String {
        match self {
            Self::Ready(at) => format!("ready {at}\n"),
            Self::Begin => "begin\n".to_owned(),
            Self::Count { messages, nanos } => format!("count {messages} {nanos}\n"),
            Self::RoundTrips { median, p99, count } => {
                format!("round-trips {median} {p99} {count}\n")
            }
            Self::Shares {
                silence,
                least,
                median,
                total,
                peers,
            } => format!("shares {silence} {least} {median} {total} {peers}\n"),
            Self::Joined => "joined\n".to_owned(),
            Self::Connected { nanos } => format!("connected {nanos}\n"),
            Self::Unsupported(why) => format!("unsupported {why}\n"),
            Self::Failed(why) => format!("failed {why}\n"),
        }
    }
}

impl FromStr for Report {
    type Err = ();

    /// A line that is no report (a library that prints) is an error, to be ignored.
    fn from_str(line: &str) -> Result<Self, ()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut numbers = rest.split(' ').map(|number| number.parse().map_err(|_| ()));
        let mut number = || numbers.next().unwrap_or(Err(()));
        Ok(match word {
            "ready" => Self::Ready(rest.to_owned()),
            "begin" => Self::Begin,
            "count" => Self::Count {
                messages: number()?,
                nanos: number()?,
            },
            "round-trips" => Self::RoundTrips {
                median: number()?,
                p99: number()?,
                count: number()?,
            },
            "shares" => Self::Shares {
                silence: number()?,
                least: number()?,
                median: number()?,
                total: number()?,
                peers: number()?,
            },
            "joined" => Self::Joined,
            "connected" => Self::Connected { nanos: number()? },
            "unsupported" => Self::Unsupported(rest.to_owned()),
            "failed" => Self::Failed(rest.to_owned()),
            _ => return Err(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        for report in [
            Report::Ready("tcp://127.0.0.1:5555".to_owned()),
            Report::Begin,
            Report::Count {
                messages: 3,
                nanos: 14,
            },
            Report::RoundTrips {
                median: 15,
                p99: 92,
                count: 65,
            },
            Report::Shares {
                silence: 2,
                least: 7,
                median: 18,
                total: 28,
                peers: 182,
            },
            Report::Joined,
            Report::Connected { nanos: 35 },
            Report::Unsupported("it has no such socket".to_owned()),
            Report::Failed("connection refused".to_owned()),
        ] {
            assert_eq!(report.line().trim_end().parse(), Ok(report));
        }
        assert_eq!("count many".parse::<Report>(), Err(()));
        assert_eq!("a library that prints".parse::<Report>(), Err(()));
    }
}
