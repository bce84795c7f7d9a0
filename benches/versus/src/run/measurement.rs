//! One measurement of one peer: its children, what they tell, and what the system tells of them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::{Figure, Options, Sample, Trouble, process};
use crate::child::{Report, Side, endpoint};
use crate::peers::Entry;
use crate::plan::{Cell, Scenario, Transport};

/// One measurement, about to be made.
pub(super) struct Measurement<'a> {
    pub(super) program: &'a Path,
    pub(super) peer: &'a Entry,
    pub(super) cell: Cell,
    pub(super) options: &'a Options,
}

/// What one child said, or that it has ended (`None`).
struct Event {
    report: Option<Report>,
    connecter: bool,
}

impl Measurement<'_> {
    /// A sample for each aspect of the cell.
    pub(super) fn take(&self, folder: &Path) -> Result<Vec<Sample>, Trouble> {
        let patience = match self.cell.scenario {
            Scenario::ConnectStorm { .. } | Scenario::Idle { .. } => LONG_PATIENCE,
            Scenario::ManyPubs { .. } => LONG_PATIENCE + self.options.warm_up + self.options.span,
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
                    if let Scenario::ManyPubs { .. } = self.cell.scenario {
                        let sub = children.last().ok_or_else(out_of_turn)?;
                        let figures = [sub.threads()?, sub.open_files()?];
                        samples.extend(figures.map(|number| Sample {
                            figure: Figure::Number(number as f64),
                            cpu: None,
                        }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_thread_is_that_which_has_used_most_since_not_that_which_is_oldest() {
        let look = |millis: [u64; 3]| (1..).zip(millis.map(Duration::from_millis)).collect();
        let (before, after) = (look([900, 10, 0]), look([910, 60, 20]));
        assert_eq!(busiest(&before, &after), Ok(Duration::from_millis(50)));
        assert!(busiest(&before, &HashMap::new()).is_err());
    }
}
