//! A child process and what the system tells about it: CPU time, memory, open files.

use std::collections::HashMap;
use std::io::Write;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Trouble;

/// One side of a measurement; killed and reaped when dropped.
pub(super) struct Child {
    process: process::Child,
    words: Arc<Mutex<String>>,
}

impl Child {
    pub(super) fn new(process: process::Child, words: Arc<Mutex<String>>) -> Self {
        Self { process, words }
    }

    /// The beginning of what it wrote to standard error.
    pub(super) fn words(&self) -> String {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets a publisher begin.
    pub(super) fn let_go(&mut self) {
        if let Some(stdin) = &mut self.process.stdin {
            // A child that is gone is noticed elsewhere.
            let _ = stdin.write_all(b"!").and_then(|()| stdin.flush());
        }
    }

    /// CPU time it has used, all threads, in user and in kernel mode.
    #[cfg(target_os = "linux")]
    pub(super) fn cpu(&self) -> Option<Duration> {
        use nix::time::ClockId;
        use nix::unistd::Pid;

        let pid = Pid::from_raw(i32::try_from(self.process.id()).ok()?);
        let clock = ClockId::pid_cpu_clock_id(pid).ok()?;
        Some(clock.now().ok()?.into())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn cpu(&self) -> Option<Duration> {
        None
    }

    /// CPU time that each of its threads but the first has used, by its number, in both modes; none if the system does not
    /// tell.
    pub(super) fn cpu_of_threads(&self) -> HashMap<u32, Duration> {
        let first = self.process.id();
        let threads = std::fs::read_dir(format!("/proc/{first}/task"));
        let used = |thread: std::fs::DirEntry| {
            let number = thread.file_name().to_str()?.parse().ok()?;
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let nanos = text.split_whitespace().next()?.parse().ok()?;
            (number != first).then_some((number, Duration::from_nanos(nanos)))
        };
        threads
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(used)
            .collect()
    }

    /// How many threads it has.
    pub(super) fn threads(&self) -> Result<usize, Trouble> {
        self.count_of("task")
    }

    /// How many files it has open.
    pub(super) fn open_files(&self) -> Result<usize, Trouble> {
        self.count_of("fd")
    }

    fn count_of(&self, folder: &str) -> Result<usize, Trouble> {
        let path = format!("/proc/{}/{folder}", self.process.id());
        let entries = std::fs::read_dir(path).map_err(|_| cannot_tell())?;
        Ok(entries.count())
    }

    /// Waits until it is at rest, or for [`TIME_TO_SETTLE`]: bytes of memory then.
    ///
    /// At rest is a process whose CPU clock stands still for a while.
    pub(super) fn settle(&self) -> Result<u64, Trouble> {
        let begin = Instant::now();
        let mut last = None;
        let mut still = 0;
        while still < STILL_LOOKS && begin.elapsed() < TIME_TO_SETTLE {
            std::thread::sleep(BETWEEN_LOOKS);
            let cpu = self.cpu().ok_or_else(cannot_tell)?;
            let at_rest = last.is_some_and(|last| cpu.saturating_sub(last) < STILL);
            still = if at_rest { still + 1 } else { 0 };
            last = Some(cpu);
        }
        self.memory()
    }

    /// Resident memory in bytes.
    fn memory(&self) -> Result<u64, Trouble> {
        let path = format!("/proc/{}/smaps_rollup", self.process.id());
        let text = std::fs::read_to_string(path).map_err(|_| cannot_tell())?;
        text.lines()
            .find_map(|line| {
                line.strip_prefix("Rss:")?
                    .trim()
                    .strip_suffix("kB")?
                    .trim()
                    .parse()
                    .ok()
            })
            .map(|kib: u64| kib * 1024)
            .ok_or_else(cannot_tell)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How often a process is looked at while it settles, and how often it must look still in a row.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
const STILL_LOOKS: u32 = 6;
/// One that is never still has its memory read all the same.
const TIME_TO_SETTLE: Duration = Duration::from_secs(5);
/// CPU time between two looks that still counts as rest: timers fire in an idle process, too.
const STILL: Duration = Duration::from_micros(500);

pub(super) fn cannot_tell() -> Trouble {
    Trouble::Unsupported("this system does not tell".to_owned())
}
