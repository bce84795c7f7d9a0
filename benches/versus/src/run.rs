//! The parent: takes turns between the peers, starts the two sides of each measurement, and watches them.
//!
//! Always true: within a round every peer measures the same cell before any measures it again, so that what else the
//! machine does falls on all alike; no child outlives its measurement; one that hangs is reported, not waited for.
//! Must not know: what the sides do.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::child::{Report, Side, endpoint};
use crate::peers::Entry;
use crate::plan::{Cell, Scenario, Transport};

mod process;

/// What to measure, of whom, and how often.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) cells: Vec<Cell>,
    pub(crate) peers: Vec<Entry>,
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) warm_up: Duration,
}

/// All measurements of one cell: `of_peers[i]` are those of `Options::peers[i]`.
#[derive(Debug)]
pub(crate) struct CellResult {
    pub(crate) cell: Cell,
    pub(crate) of_peers: Vec<Series>,
}

/// One peer's measurements of one cell: one a round, `None` where it failed, and why it last failed.
#[derive(Debug, Default)]
pub(crate) struct Series {
    pub(crate) samples: Vec<Option<Sample>>,
    pub(crate) trouble: Option<Trouble>,
}

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
}

/// Why there is no sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    Unsupported(String),
    Failed(String),
    /// It was given so long.
    Hung(Duration),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(why) => write!(f, "n/a: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Hung(patience) => write!(f, "not done within {} s", patience.as_secs()),
        }
    }
}

/// Measures everything in `options`, telling how far it is on standard error.
pub(crate) fn run(options: &Options) -> Result<Vec<CellResult>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = Folder::new().map_err(|error| format!("no folder for ipc sockets: {error}"))?;
    let mut results = Vec::with_capacity(options.cells.len());
    for &cell in &options.cells {
        let mut of_peers: Vec<Series> = options.peers.iter().map(|_| Series::default()).collect();
        for round in 1..=options.rounds {
            for (peer, series) in options.peers.iter().zip(&mut of_peers) {
                // What cannot be done, or hangs, will do so again.
                if matches!(
                    series.trouble,
                    Some(Trouble::Unsupported(_) | Trouble::Hung(_))
                ) {
                    series.samples.push(None);
                    continue;
                }
                let measurement = Measurement {
                    program: &program,
                    peer,
                    cell,
                    options,
                };
                match measurement.take(&folder.0) {
                    Ok(sample) => {
                        eprintln!(
                            "{cell} {round}/{} {}: {}",
                            options.rounds, peer.name, sample
                        );
                        series.samples.push(Some(sample));
                    }
                    Err(trouble) => {
                        eprintln!("{cell} {round}/{} {}: {trouble}", options.rounds, peer.name);
                        series.samples.push(None);
                        series.trouble = Some(trouble);
                    }
                }
            }
        }
        results.push(CellResult { cell, of_peers });
    }
    Ok(results)
}

/// One measurement, about to be made.
struct Measurement<'a> {
    program: &'a Path,
    peer: &'a Entry,
    cell: Cell,
    options: &'a Options,
}

/// What one child said, or that it has ended (`None`).
struct Event {
    report: Option<Report>,
    connecter: bool,
}

impl Measurement<'_> {
    fn take(&self, folder: &Path) -> Result<Sample, Trouble> {
        let patience = match self.cell.scenario {
            Scenario::ConnectStorm { .. } | Scenario::IdleMemory { .. } => LONG_PATIENCE,
            _ => PATIENCE + self.options.warm_up + self.options.span,
        };
        let deadline = Deadline {
            at: Instant::now() + patience,
            patience,
        };
        let at = endpoint(self.cell.transport, folder);
        // The last binder was killed and could not tidy up.
        for left in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let _ = std::fs::remove_file(left.path());
        }
        let (sender, events) = crossbeam_channel::unbounded();
        let first = if self.cell.transport == Transport::Inproc {
            Side::Both
        } else {
            Side::Bind
        };
        let mut children = vec![self.start(first, &at, &sender)?];
        let (mut begun, mut idle_before) = (None, 0);
        loop {
            let event = events
                .recv_deadline(deadline.at)
                .map_err(|_| deadline.missed())?;
            let connecter = event.connecter;
            match event.report.ok_or_else(|| gone(&children, connecter))? {
                Report::Ready(at) => {
                    if let Scenario::IdleMemory { .. } = self.cell.scenario {
                        idle_before = children[0].settle(0, deadline)?;
                    }
                    children.push(self.start(Side::Connect, &at, &sender)?);
                }
                Report::Joined => children[0].let_go(),
                Report::Begin => begun = Some((Instant::now(), cpu(&children))),
                Report::Connected => {
                    let Scenario::IdleMemory { connections } = self.cell.scenario else {
                        continue;
                    };
                    let idle_after = children[0].settle(connections, deadline)?;
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                    let bytes = (idle_after as f64 - idle_before as f64) / connections as f64;
                    return Ok(Sample {
                        figure: Figure::Memory(bytes),
                        cpu: None,
                    });
                }
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                Report::Count { messages, nanos } => {
                    let (since, cpu_before) = begun.ok_or_else(out_of_turn)?;
                    let figure = match nanos {
                        0 => Figure::Duration(since.elapsed().as_secs_f64()),
                        _ => Figure::Rate(messages as f64 * 1e9 / nanos as f64),
                    };
                    return Ok(Sample {
                        figure,
                        cpu: per_million(cpu_before, &children, messages),
                    });
                }
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                Report::RoundTrips { median, p99, count } => {
                    let (_, cpu_before) = begun.ok_or_else(out_of_turn)?;
                    let figure = Figure::RoundTrip {
                        median: median as f64,
                        p99: p99 as f64,
                    };
                    return Ok(Sample {
                        figure,
                        cpu: per_million(cpu_before, &children, count),
                    });
                }
                Report::Unsupported(why) => return Err(Trouble::Unsupported(why)),
                Report::Failed(why) => return Err(Trouble::Failed(why)),
            }
        }
    }

    fn start(
        &self,
        side: Side,
        at: &str,
        events: &Sender<Event>,
    ) -> Result<process::Child, Trouble> {
        let mut child = Command::new(self.program)
            .arg("child")
            .args(["--peer", self.peer.name, "--cell", &self.cell.to_string()])
            .args(["--side", side.name(), "--at", at])
            .args(["--seconds", &self.options.span.as_secs_f64().to_string()])
            .args(["--warm-up", &self.options.warm_up.as_secs_f64().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Trouble::Failed(error.to_string()))?;
        let words = Arc::new(Mutex::new(String::new()));
        if let Some(stderr) = child.stderr.take() {
            let words = Arc::clone(&words);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                    if words.len() < ENOUGH_WORDS {
                        words.push_str(line.trim());
                        words.push(' ');
                    }
                }
            });
        }
        if let Some(stdout) = child.stdout.take() {
            let (events, connecter) = (events.clone(), side == Side::Connect);
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if let Ok(report) = line.parse() {
                        // Nobody listens any more once the measurement is over.
                        let _ = events.send(Event {
                            report: Some(report),
                            connecter,
                        });
                    }
                }
                let _ = events.send(Event {
                    report: None,
                    connecter,
                });
            });
        }
        Ok(process::Child::new(child, words))
    }
}

/// How much is kept, in bytes, of what a child writes to standard error: a panic's message stands at its beginning.
const ENOUGH_WORDS: usize = 300;
/// Beyond warm-up and measurement: for starting, connecting, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same where thousands of connections are made.
const LONG_PATIENCE: Duration = Duration::from_secs(60);

/// Until when a measurement may take, and how long that was in the beginning.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    patience: Duration,
}

impl Deadline {
    fn missed(self) -> Trouble {
        Trouble::Hung(self.patience)
    }
}

fn gone(children: &[process::Child], connecter: bool) -> Trouble {
    let child = children.get(usize::from(connecter)).or(children.first());
    let words = child.map(process::Child::words).unwrap_or_default();
    Trouble::Failed(format!("a side ended early: {words}"))
}

fn out_of_turn() -> Trouble {
    Trouble::Failed("a result before its beginning".to_owned())
}

/// CPU time that all `children` have used so far.
fn cpu(children: &[process::Child]) -> Option<Duration> {
    children.iter().map(process::Child::cpu).sum()
}

fn per_million(
    before: Option<Duration>,
    children: &[process::Child],
    messages: u64,
) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let millions = messages as f64 / 1e6;
    Some((cpu(children)?.saturating_sub(before?)).as_secs_f64() / millions)
}

/// A folder for ipc sockets, removed with its contents in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("versus-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
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
            Self::Duration(seconds) => write!(f, "{seconds:.2} s"),
            Self::Memory(bytes) => write!(f, "{:.1} KiB", bytes / 1024.0),
        }
    }
}
