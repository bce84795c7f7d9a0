//! A pipeline of values: jobs go to a pool of workers, and their results to one collector, as JSON.
//!
//! Any program that speaks ZMTP and JSON can take the place of a worker; in Python, `recv_json()` and `send_json(...)`. Run it
//! with `cargo run --features json --example typed_pipeline`; it ends by itself and fails if a result is wrong or missing.

use std::error::Error;
use std::thread;
use std::time::Duration;

use highwater::typed::{Json, TypedError};
use highwater::{Context, Endpoint, Pull, Push, RecvError};
use serde::{Deserialize, Serialize};

const WORKERS: usize = 3;
const JOBS: usize = 3_000;
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
struct Job {
    number: usize,
    text: String,
}

#[derive(Serialize, Deserialize)]
struct Outcome {
    number: usize,
    words: usize,
}

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let context = Context::new();
    let jobs = Push::new(&context).typed::<Job, Json>();
    let jobs_at = jobs.bind("tcp://127.0.0.1:*")?;
    let outcomes = Pull::new(&context).typed::<Outcome, Json>();
    let outcomes_at = outcomes.bind("tcp://127.0.0.1:*")?;

    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| work(&context, &jobs_at, &outcomes_at)))
            .collect();
        // On a thread of its own: `send` waits while the queues of all workers are full.
        let sender = scope.spawn(|| -> Result<(), Failure> {
            // Without this wait, the first worker to connect would get the first thousand jobs.
            jobs.wait_for_peers(WORKERS, PATIENCE)?;
            for number in 0..JOBS {
                let text = "word ".repeat(number % 7);
                jobs.send(&Job { number, text })?;
            }
            Ok(())
        });
        // On a thread, too: a panic must not leave this scope, which waits for all threads, before the shutdown.
        let collecting = scope.spawn(|| -> Result<(), Failure> {
            let mut missing = vec![true; JOBS];
            for _ in 0..JOBS {
                let outcome = outcomes.recv_timeout(PATIENCE)?;
                assert_eq!(outcome.words, outcome.number % 7);
                assert!(std::mem::take(&mut missing[outcome.number]), "no twice");
            }
            Ok(())
        });
        let collected = collecting.join();
        // Ends whatever still waits: the workers; and the sender, if something went wrong.
        context.shutdown();
        collected.expect("each job is done once, and right")?;
        sender.join().expect("the sender does not panic")?;
        for (number, worker) in workers.into_iter().enumerate() {
            let done = worker.join().expect("a worker does not panic")?;
            println!("worker {number} has done {done} jobs");
        }
        Ok(())
    })
}

/// Counts the words of texts until the context is shut down; says of how many.
fn work(context: &Context, jobs: &Endpoint, outcomes: &Endpoint) -> Result<usize, Failure> {
    let pull = Pull::new(context).typed::<Job, Json>();
    pull.connect(jobs)?;
    let push = Push::new(context).typed::<Outcome, Json>();
    push.connect(outcomes)?;
    let mut done = 0;
    loop {
        let job = match pull.recv() {
            Ok(job) => job,
            Err(TypedError::Socket(RecvError::Ended(_))) => return Ok(done),
            // A message that is no job comes back whole; one bad message does not end a worker.
            Err(TypedError::Undecodable { received, cause }) => {
                eprintln!("{cause}: {received:?}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let (number, words) = (job.number, job.text.split_whitespace().count());
        push.send(&Outcome { number, words })?;
        done += 1;
    }
}
