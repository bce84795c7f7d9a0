//! One measurement: its figures, or why there are none.

use std::fmt;
use std::time::Duration;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) figure: Figure,
    /// CPU seconds of both sides per million messages (or round trips), if the system tells.
    pub(crate) cpu: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    /// Messages a second.
    Rate(f64),
    /// Nanoseconds.
    RoundTrip { median: f64, p99: f64 },
    /// Seconds for everything.
    Duration(f64),
    /// Bytes a connection.
    Memory(f64),
    /// CPU seconds a second.
    Rest(f64),
    /// CPU seconds of one thread per million messages.
    Thread(f64),
    /// How many there are of something in a process.
    Number(f64),
    /// How many messages of one peer for each of another.
    Share(f64),
}

/// Why there is no sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    Unsupported(String),
    Failed(String),
    /// It was not done within this time.
    Hung(Duration),
    /// It had used up its time for this cell, having taken this long, and was not measured again.
    OutOfTime(Duration),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(why) => write!(f, "n/a: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Hung(patience) => write!(f, "not done within {} s", patience.as_secs()),
            Self::OutOfTime(spent) => {
                write!(
                    f,
                    "stopped after {} s, the limit of a cell",
                    spent.as_secs()
                )
            }
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.figure)?;
        match self.cpu {
            Some(cpu) => write!(f, ", {cpu:.3} CPU s per million"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Rate(rate) if rate >= 1e6 => write!(f, "{:.2} M/s", rate / 1e6),
            Self::Rate(rate) => write!(f, "{:.1} k/s", rate / 1e3),
            Self::RoundTrip { median, p99 } => {
                write!(f, "{:.1} us (p99 {:.1})", median / 1e3, p99 / 1e3)
            }
            Self::Duration(seconds) if seconds < 0.1 => write!(f, "{:.1} ms", seconds * 1e3),
            Self::Duration(seconds) => write!(f, "{seconds:.2} s"),
            Self::Memory(bytes) => write!(f, "{:.1} KiB", bytes / 1024.0),
            Self::Rest(share) => write!(f, "{:.2} ms/s", share * 1e3),
            Self::Number(number) => write!(f, "{number:.0}"),
            Self::Share(share) => write!(f, "{share:.2}"),
            Self::Thread(seconds) => write!(f, "{seconds:.3} CPU s/M"),
        }
    }
}
