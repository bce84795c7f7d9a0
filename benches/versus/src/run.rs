//! The parent: takes turns between the peers, starts the two sides of each measurement, and watches them.
//!
//! Always true: within a round every peer measures the same cell before any measures it again, so that what else the
//! machine does falls on all alike; no child outlives its measurement; one that hangs is reported, not waited for.
//! Must not know: what the sides do.

mod figure;
mod measurement;
mod process;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use self::figure::{Figure, Sample, Trouble};
use self::measurement::Measurement;
use crate::peers::Entry;
use crate::plan::Cell;

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

/// The measurements of one peer in one cell so far.
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
