//! The parent: takes turns between the peers, starts the two sides of each measurement, and watches them.
//!
//! Always true: within a round every peer measures the same cell before any measures it again, so that what else the
//! machine does falls on all alike; no child outlives its measurement; one that hangs is reported, not waited for.
//! Must not know: what the sides do.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

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
    /// What one peer may take for one cell, all rounds together.
    pub(crate) limit: Duration,
}

/// All measurements of one aspect of one cell: `of_peers[i]` are those of `Options::peers[i]`.
#[derive(Debug)]
pub(crate) struct CellResult {
    pub(crate) cell: Cell,
    /// Empty where a cell has but one.
    pub(crate) aspect: &'static str,
    pub(crate) of_peers: Vec<Series>,
}

impl CellResult {
    /// As it stands in tables.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.cell, self.aspect)
            .trim_end()
            .to_owned()
    }
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
    /// CPU seconds a second.
    Rest(f64),
    /// CPU seconds of one thread per million messages.
    Thread(f64),
    /// How many messages of one peer for each of another.
    Share(f64),
}

/// Why there is no sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    Unsupported(String),
    Failed(String),
    /// It was given so long.
    Hung(Duration),
    /// It was not measured again, having taken this long.
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

/// Measures everything in `options`, telling how far it is on standard error.
pub(crate) fn run(options: &Options) -> Result<Vec<CellResult>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = Folder::new().map_err(|error| format!("no folder for ipc sockets: {error}"))?;
    let mut results = Vec::with_capacity(options.cells.len());
    for &cell in &options.cells {
        let peers = options.peers.iter();
        let mut turns: Vec<Turns> = peers.map(|_| Turns::new(cell.aspects().len())).collect();
        for round in 1..=options.rounds {
            for (peer, turns) in options.peers.iter().zip(&mut turns) {
                if !turns.goes_on(options.limit) {
                    turns.record(None);
                    continue;
                }
                let measurement = Measurement {
                    program: &program,
                    peer,
                    cell,
                    options,
                };
                let begin = Instant::now();
                let outcome = measurement.take(&folder.0);
                turns.took(begin.elapsed());
                let so_far = format!("{cell} {round}/{} {}", options.rounds, peer.name);
                match outcome {
                    Ok(samples) => {
                        for (sample, aspect) in samples.iter().zip(cell.aspects()) {
                            let told = format!("{so_far}: {sample} {aspect}");
                            eprintln!("{}", told.trim_end());
                        }
                        turns.record(Some(&samples));
                    }
                    Err(trouble) => {
                        eprintln!("{so_far}: {trouble}");
                        turns.record(None);
                        turns.trouble = Some(trouble);
                    }
                }
            }
        }
        for (number, &aspect) in cell.aspects().iter().enumerate() {
            results.push(CellResult {
                cell,
                aspect,
                of_peers: turns.iter().map(|turns| turns.series(number)).collect(),
            });
        }
    }
    Ok(results)
}

/// What one peer has come to in one cell.
struct Turns {
    /// For each aspect, a sample a round.
    samples: Vec<Vec<Option<Sample>>>,
    trouble: Option<Trouble>,
    spent: Duration,
    longest: Duration,
}

impl Turns {
    fn new(aspects: usize) -> Self {
        Self {
            samples: vec![Vec::new(); aspects],
            trouble: None,
            spent: Duration::ZERO,
            longest: Duration::ZERO,
        }
    }

    /// Whether to measure once more: what cannot be done, or hangs, will do so again, and what is slow may not take the
    /// time of all others.
    fn goes_on(&mut self, limit: Duration) -> bool {
        match self.trouble {
            Some(Trouble::Unsupported(_) | Trouble::Hung(_) | Trouble::OutOfTime(_)) => false,
            _ if self.spent + self.longest > limit => {
                self.trouble = Some(Trouble::OutOfTime(self.spent));
                false
            }
            _ => true,
        }
    }

    fn took(&mut self, time: Duration) {
        self.spent += time;
        self.longest = self.longest.max(time);
    }

    fn record(&mut self, samples: Option<&[Sample]>) {
        for (aspect, series) in self.samples.iter_mut().enumerate() {
            series.push(samples.and_then(|samples| samples.get(aspect).copied()));
        }
    }

    fn series(&self, aspect: usize) -> Series {
        Series {
            samples: self.samples[aspect].clone(),
            trouble: self.trouble.clone(),
        }
    }
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
    /// A sample for each aspect of the cell.
    fn take(&self, folder: &Path) -> Result<Vec<Sample>, Trouble> {
        let patience = match self.cell.scenario {
            Scenario::ConnectStorm { .. } | Scenario::Idle { .. } => LONG_PATIENCE,
            Scenario::AmongIdle { .. } => LONG_PATIENCE + self.options.warm_up + self.options.span,
            _ => PATIENCE + self.options.warm_up + self.options.span,
        };
        let patience = patience.min(self.options.limit);
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
        let (mut begun, mut idle_before, mut fairness) = (None, 0, Vec::new());
        loop {
            let event = events
                .recv_deadline(deadline.at)
                .map_err(|_| deadline.missed())?;
            let connecter = event.connecter;
            match event.report.ok_or_else(|| gone(&children, connecter))? {
                Report::Ready(at) => {
                    if let Scenario::Idle { .. } = self.cell.scenario {
                        idle_before = children[0].settle()?;
                    }
                    children.push(self.start(Side::Connect, &at, &sender)?);
                }
                Report::Joined => children[0].let_go(),
                Report::Begin => {
                    let threads = self.cpu_of_threads(&children);
                    begun = Some((Instant::now(), self.cpu(&children), threads));
                }
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                Report::Connected { nanos } => {
                    let Scenario::Idle { connections } = self.cell.scenario else {
                        return Err(out_of_turn());
                    };
                    let memory = children[0].settle();
                    // Of a process that has ended, the system tells nothing; its end comes first.
                    let at_rest = rest(&children, &events)?;
                    let grown = memory? as f64 - idle_before as f64;
                    let figures = [
                        Figure::Memory(grown / connections as f64),
                        Figure::Duration(nanos as f64 / 1e9),
                        Figure::Rest(at_rest),
                    ];
                    return Ok(figures.map(|figure| Sample { figure, cpu: None }).into());
                }
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                Report::Count { messages, nanos } => {
                    let (since, cpu_before, threads_before) = begun.ok_or_else(out_of_turn)?;
                    let figure = match nanos {
                        0 => Figure::Duration(since.elapsed().as_secs_f64()),
                        _ => Figure::Rate(messages as f64 * 1e9 / nanos as f64),
                    };
                    let mut samples = vec![Sample {
                        figure,
                        cpu: self.cpu_per_million(cpu_before, &children, messages),
                    }];
                    if let (Some(before), Some(after)) =
                        (threads_before, self.cpu_of_threads(&children))
                    {
                        let busiest = busiest(&before, &after)?;
                        samples.push(Sample {
                            figure: Figure::Thread(busiest.as_secs_f64() * 1e6 / messages as f64),
                            cpu: None,
                        });
                    }
                    samples.append(&mut fairness);
                    return Ok(samples);
                }
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                Report::RoundTrips { median, p99, count } => {
                    let (_, cpu_before, _) = begun.ok_or_else(out_of_turn)?;
                    let figure = Figure::RoundTrip {
                        median: median as f64,
                        p99: p99 as f64,
                    };
                    return Ok(vec![Sample {
                        figure,
                        cpu: self.cpu_per_million(cpu_before, &children, count),
                    }]);
                }
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                Report::Shares {
                    silence,
                    least,
                    median,
                    total,
                    peers,
                } => {
                    let mean = total as f64 / peers as f64;
                    let figures = [
                        Figure::Duration(silence as f64 / 1e9),
                        Figure::Share(least as f64 / median.max(1) as f64),
                        Figure::Share(median as f64 / mean),
                    ];
                    fairness = figures.map(|figure| Sample { figure, cpu: None }).into();
                }
                Report::Unsupported(why) => return Err(Trouble::Unsupported(why)),
                Report::Failed(why) => return Err(Trouble::Failed(why)),
            }
        }
    }

    /// CPU time that the measured ones of `children` have used so far.
    fn cpu(&self, children: &[process::Child]) -> Option<Duration> {
        let measured = match self.cell.scenario {
            // The other side is bare sockets.
            Scenario::IoThreads { .. } | Scenario::Unequal { .. } => &children[..1],
            _ => children,
        };
        measured.iter().map(process::Child::cpu).sum()
    }

    /// The same of each thread that may be an I/O thread, where the cell is about these.
    fn cpu_of_threads(&self, children: &[process::Child]) -> Option<HashMap<u32, Duration>> {
        let asks = matches!(self.cell.scenario, Scenario::IoThreads { .. });
        asks.then(|| children[0].cpu_of_threads())
    }

    fn cpu_per_million(
        &self,
        before: Option<Duration>,
        children: &[process::Child],
        messages: u64,
    ) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let millions = messages as f64 / 1e6;
        Some((self.cpu(children)?.saturating_sub(before?)).as_secs_f64() / millions)
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

/// CPU time of the thread that has used most of it between two looks; those that receive are not among them.
fn busiest(
    before: &HashMap<u32, Duration>,
    after: &HashMap<u32, Duration>,
) -> Result<Duration, Trouble> {
    let used = |(thread, now): (&u32, &Duration)| {
        let then = before.get(thread).copied().unwrap_or_default();
        now.saturating_sub(then)
    };
    after
        .iter()
        .map(used)
        .max()
        .ok_or_else(process::cannot_tell)
}

/// CPU seconds a second that the accepting side uses while nothing happens; neither side may end meanwhile.
fn rest(children: &[process::Child], events: &Receiver<Event>) -> Result<f64, Trouble> {
    let (before, begin) = (children[0].cpu(), Instant::now());
    match events.recv_timeout(REST) {
        Err(_) => {}
        Ok(event) => {
            return Err(match event.report {
                Some(Report::Failed(why)) => Trouble::Failed(why),
                _ => gone(children, event.connecter),
            });
        }
    }
    let used = children[0]
        .cpu()
        .zip(before)
        .map(|(now, before)| now.saturating_sub(before))
        .ok_or_else(process::cannot_tell)?;
    Ok(used.as_secs_f64() / begin.elapsed().as_secs_f64())
}

/// How long idle connections are left alone: an interval of highwater's heartbeats, so that each has one in it.
const REST: Duration = Duration::from_secs(10);
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
            Self::Duration(seconds) if seconds < 0.1 => write!(f, "{:.1} ms", seconds * 1e3),
            Self::Duration(seconds) => write!(f, "{seconds:.2} s"),
            Self::Memory(bytes) => write!(f, "{:.1} KiB", bytes / 1024.0),
            Self::Rest(share) => write!(f, "{:.2} ms/s", share * 1e3),
            Self::Share(share) => write!(f, "{share:.2}"),
            Self::Thread(seconds) => write!(f, "{seconds:.3} CPU s/M"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Sample = Sample {
        figure: Figure::Duration(1.0),
        cpu: None,
    };

    #[test]
    fn a_peer_is_measured_again_as_long_as_the_next_time_fits_into_its_limit() {
        let mut turns = Turns::new(1);
        for _ in 0..3 {
            assert!(turns.goes_on(Duration::from_secs(40)));
            turns.took(Duration::from_secs(10));
            turns.record(Some(&[SAMPLE]));
        }
        assert!(!turns.goes_on(Duration::from_secs(39)));
        turns.record(None);
        let series = turns.series(0);
        assert_eq!(
            series.samples,
            [Some(SAMPLE), Some(SAMPLE), Some(SAMPLE), None]
        );
        assert_eq!(
            series.trouble,
            Some(Trouble::OutOfTime(Duration::from_secs(30)))
        );
    }

    #[test]
    fn the_busiest_thread_is_that_which_has_used_most_since_not_that_which_is_oldest() {
        let look = |millis: [u64; 3]| (1..).zip(millis.map(Duration::from_millis)).collect();
        let (before, after) = (look([900, 10, 0]), look([910, 60, 20]));
        assert_eq!(busiest(&before, &after), Ok(Duration::from_millis(50)));
        assert!(busiest(&before, &HashMap::new()).is_err());
    }

    #[test]
    fn what_failed_is_tried_again_and_what_cannot_be_done_or_hangs_is_not() {
        let goes_on = |trouble| {
            let mut turns = Turns::new(1);
            turns.trouble = Some(trouble);
            turns.goes_on(Duration::MAX)
        };
        assert!(goes_on(Trouble::Failed("refused".to_owned())));
        assert!(!goes_on(Trouble::Unsupported("it has none".to_owned())));
        assert!(!goes_on(Trouble::Hung(Duration::from_secs(1))));
    }
}
