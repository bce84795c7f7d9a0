//! A pipeline: a ventilator deals out ranges of numbers, workers count the primes in them, a sink adds the counts up.
//!
//! ```text
//!                  /--> worker 0 --\
//!   ventilator ---+---> worker 1 ---+--> sink
//!      PUSH        \--> worker 2 --/     PULL
//! ```
//!
//! Each stage is a thread with sockets of its own, and they speak over tcp, so each could as well be a process on
//! another machine. The sum is checked by a way of counting that never looks at single numbers, and the table at the end
//! shows who did how much.
//!
//! ```text
//! cargo run --release --example pipeline -- --workers 3 --limit 200000000
//! ```

use std::error::Error;
use std::ops::Range;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use highwater::{Context, Endpoint, Message, Pull, Push, RecvError};
use indicatif::{ProgressBar, ProgressStyle};
use lexopt::prelude::*;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const HELP: &str = "\
Counts the primes below a limit, by a pipeline of sockets.

  --workers N   worker threads [4]
  --limit N     count the primes below N [2000000000]
";

/// How many numbers one task covers.
const TASK: u64 = 1_000_000;

/// Longer than any stage should ever wait for another.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pipeline: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the pipeline and takes it down again; true if the count was right.
fn run() -> Result<bool> {
    let Some((workers, limit)) = arguments()? else {
        print!("{HELP}");
        return Ok(true);
    };
    let tasks = limit.div_ceil(TASK);
    println!("{tasks} tasks of {TASK} numbers for {workers} workers");

    let context = Context::new();
    let ventilator = Push::new(&context);
    let tasks_at = ventilator.bind("tcp://127.0.0.1:0")?;
    let sink = Pull::new(&context);
    let results_at = sink.bind("tcp://127.0.0.1:0")?;

    let begun = Instant::now();
    let done = thread::scope(|scope| {
        let (context, tasks_at, results_at) = (&context, &tasks_at, &results_at);
        let mut threads: Vec<_> = (0..workers)
            .map(|name| scope.spawn(move || worker(context, name, tasks_at, results_at)))
            .collect();
        threads.push(scope.spawn(move || deal(ventilator, workers, limit)));
        let done = collect(&sink, workers, tasks);
        // The workers wait for further tasks. This ends them, also if something went wrong.
        context.shutdown();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        done
    })?;
    Ok(summary(&done, begun.elapsed(), limit))
}

/// The ventilator: deals tasks to the workers in turn. `send` waits while every worker has as much as it may hold.
fn deal(ventilator: Push, workers: usize, limit: u64) -> Result<()> {
    // A PUSH deals to whoever is there: wait, or the first to connect gets everything.
    ventilator.wait_for_peers(workers, PATIENCE)?;
    let mut from = 0;
    while from < limit {
        let to = limit.min(from + TASK);
        ventilator.send([from.to_string(), to.to_string()])?;
        from = to;
    }
    finish(ventilator)
}

/// A worker: takes tasks and sends results until the context is shut down.
fn worker(
    context: &Context,
    name: usize,
    tasks_at: &Endpoint,
    results_at: &Endpoint,
) -> Result<()> {
    let results = Push::new(context);
    results.connect(results_at)?;
    let tasks = Pull::new(context);
    tasks.connect(tasks_at)?;
    loop {
        let task = match tasks.recv() {
            Ok(task) => task,
            Err(RecvError::Ended(_)) => break,
            Err(error) => return Err(error.into()),
        };
        let primes = primes_in(number(&task, 0)?..number(&task, 1)?);
        results.send([name.to_string(), primes.to_string()])?;
    }
    finish(results)
}

/// The sink: how many tasks each worker has done, and how many primes it has found.
fn collect(sink: &Pull, workers: usize, tasks: u64) -> Result<Vec<Done>> {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} tasks, {eta} to go")?;
    // Draws nothing where there is no terminal.
    let bar = ProgressBar::new(tasks).with_style(style);
    let mut done = vec![Done::default(); workers];
    for _ in 0..tasks {
        let result = sink.recv_timeout(PATIENCE)?;
        let worker = usize::try_from(number(&result, 0)?)?;
        let done = done
            .get_mut(worker)
            .ok_or("a result from an unknown worker")?;
        done.tasks += 1;
        done.primes += number(&result, 1)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(done)
}

/// What one worker has done.
#[derive(Clone, Default)]
struct Done {
    tasks: u64,
    primes: u64,
}

/// Closes a sending socket, and makes sure that nothing it took was lost.
fn finish(socket: Push) -> Result<()> {
    let report = socket.close(PATIENCE);
    if report.lost > 0 {
        return Err(format!("{} messages were not sent", report.lost).into());
    }
    Ok(())
}

/// Prints who did what; true if the primes are as many as they should be.
fn summary(done: &[Done], elapsed: Duration, limit: u64) -> bool {
    let seconds = elapsed.as_secs_f64();
    let row = |name: &dyn std::fmt::Display, tasks: u64, primes: u64| {
        println!(
            "{name:>6} {tasks:>7} {:>9.1} {primes:>12}",
            tasks as f64 / seconds
        );
    };
    println!("worker   tasks   tasks/s       primes");
    for (name, worker) in done.iter().enumerate() {
        row(&name, worker.tasks, worker.primes);
    }
    let primes = done.iter().map(|worker| worker.primes).sum();
    row(&"all", done.iter().map(|worker| worker.tasks).sum(), primes);

    let expected = primes_below(limit);
    let verdict = if primes == expected {
        "as it should be"
    } else {
        "WRONG"
    };
    println!("{primes} primes below {limit} in {seconds:.1} s: {verdict} ({expected})");
    primes == expected
}

/// The work: how many primes are in `range`, by crossing out multiples.
fn primes_in(range: Range<u64>) -> usize {
    let from = range.start.max(2);
    let mut crossed_out = vec![false; range.end.saturating_sub(from) as usize];
    for divisor in 2..=range.end.isqrt() {
        let first = (divisor * divisor).max(from.next_multiple_of(divisor)) - from;
        for index in (first as usize..crossed_out.len()).step_by(divisor as usize) {
            crossed_out[index] = true;
        }
    }
    crossed_out
        .into_iter()
        .filter(|crossed_out| !crossed_out)
        .count()
}

/// The check: how many primes are below `limit`, from how many numbers each prime removes (Legendre, Lucy).
fn primes_below(limit: u64) -> u64 {
    let Some(most) = limit.checked_sub(1).filter(|most| *most >= 2) else {
        return 0;
    };
    let root = most.isqrt();
    // Numbers from 2 to v that no prime so far divides: for v = i, and for v = most / i.
    let mut up_to: Vec<u64> = (0..=root).map(|i| i.saturating_sub(1)).collect();
    let mut up_to_quotient: Vec<u64> = (0..=root).map(|i| most / i.max(1) - 1).collect();
    for p in 2..=root {
        let smaller = up_to[p as usize - 1];
        if up_to[p as usize] == smaller {
            continue; // not a prime
        }
        for i in 1..=root.min(most / (p * p)) {
            let rest = match i * p {
                ip if ip <= root => up_to_quotient[ip as usize],
                ip => up_to[(most / ip) as usize],
            };
            up_to_quotient[i as usize] -= rest - smaller;
        }
        for i in (p * p..=root).rev() {
            up_to[i as usize] -= up_to[(i / p) as usize] - smaller;
        }
    }
    up_to_quotient[1]
}

/// The number in frame `index` of `message`.
fn number(message: &Message, index: usize) -> Result<u64> {
    let frame = message.frame(index).ok_or("a message is too short")?;
    Ok(std::str::from_utf8(frame)?.parse()?)
}

/// The command line: workers and limit, or `None` if help was asked for.
fn arguments() -> Result<Option<(usize, u64)>> {
    let (mut workers, mut limit) = (4, 2_000_000_000);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("workers") => workers = arguments.value()?.parse()?,
            Long("limit") => limit = arguments.value()?.parse()?,
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    if workers == 0 || limit == 0 {
        return Err("a pipeline needs a worker and something to do".into());
    }
    Ok(Some((workers, limit)))
}
