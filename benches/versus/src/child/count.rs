//! Counting and timing: what a side does with its socket once everybody is there.
//!
//! Always true: a warm-up comes first and does not count; the side that receives takes the time.

use std::time::Instant;

use super::ledger::{Ledger, mark};
use super::{Job, Report, nanos, say};
use crate::peers::{Outcome, Socket};
use crate::plan::WINDOW;

/// Counts the messages of `size` bytes that `socket` receives.
pub(super) async fn count_all(job: &Job, socket: &mut impl Socket, size: usize) -> Outcome<()> {
    let of_nobody = Ledger::new(0, Instant::now());
    count(job, size, of_nobody, async |wanted, _| {
        socket.recv_all(size, wanted).await
    })
    .await
}

/// The same, and how many there are of each of `peers` peers.
pub(super) async fn count_each(
    job: &Job,
    socket: &mut impl Socket,
    size: usize,
    peers: usize,
) -> Outcome<()> {
    let ledger = Ledger::new(peers, Instant::now());
    count(job, size, ledger, async |wanted, ledger| {
        socket.recv_all_from(size, wanted, ledger).await
    })
    .await
}

/// Sends every message back, and tells how many there were of each of `peers` peers.
///
/// The peers take the time, from their first reply on. This side begins earlier, with the first request, and has told
/// before they are done.
pub(super) async fn echo_each(job: &Job, socket: &mut impl Socket, peers: usize) -> Outcome<()> {
    socket.echo_from().await?;
    let mut ledger = Ledger::new(peers, Instant::now());
    for span in [job.warm_up, job.span * 4 / 5] {
        ledger.begin(Instant::now());
        while ledger.elapsed() < span {
            ledger.hear(socket.echo_from().await?, Instant::now);
        }
    }
    if let Some(report) = ledger.report(Instant::now()) {
        say(report);
    }
    loop {
        socket.echo().await?;
    }
}

/// Sends `body` until the process is killed.
pub(super) async fn stream(socket: &mut impl Socket, body: &[u8]) -> Outcome<()> {
    socket.send_all(body, usize::MAX).await
}

/// Counts what arrives: `receive` is asked for a number of messages again and again, and enters in `ledger` whose they are.
pub(super) async fn count(
    job: &Job,
    size: usize,
    mut ledger: Ledger,
    mut receive: impl AsyncFnMut(usize, &mut Ledger) -> Outcome<()>,
) -> Outcome<()> {
    // Between two looks at the clock: some 64 KiB, so that looking costs nothing.
    let stride = (64 * 1024 / size).clamp(1, 256);
    receive(1, &mut ledger).await?;
    let warm = Instant::now();
    while warm.elapsed() < job.warm_up {
        receive(stride, &mut ledger).await?;
    }
    say(Report::Begin);
    let begin = Instant::now();
    ledger.begin(begin);
    let mut messages = 0;
    loop {
        receive(stride, &mut ledger).await?;
        messages += stride as u64;
        let elapsed = begin.elapsed();
        if elapsed >= job.span {
            if let Some(report) = ledger.report(begin + elapsed) {
                say(report);
            }
            say(Report::Count {
                messages,
                nanos: nanos(elapsed),
            });
            return std::future::pending().await;
        }
    }
}

/// Keeps [`WINDOW`] requests of each dealer under way, half a window from each in turn, and counts the replies.
pub(super) async fn pipeline<S: Socket>(job: &Job, dealers: &mut [S], size: usize) -> Outcome<()> {
    const HALF: usize = WINDOW / 2;
    let mut bodies = vec![vec![b'.'; size]; dealers.len()];
    for (number, body) in bodies.iter_mut().enumerate() {
        mark(body, number);
    }
    for (dealer, body) in dealers.iter_mut().zip(&bodies) {
        send_burst(dealer, body, WINDOW).await?;
    }
    let mut turn = 0;
    let mut left = HALF;
    // The dealers are read in turn: how they fare is seen where their requests arrive.
    let of_nobody = Ledger::new(0, Instant::now());
    count(job, size, of_nobody, async |mut wanted, _| {
        while wanted > 0 {
            let now = wanted.min(left);
            dealers[turn].recv_all(size, now).await?;
            wanted -= now;
            left -= now;
            if left == 0 {
                send_burst(&mut dealers[turn], &bodies[turn], HALF).await?;
                turn = (turn + 1) % dealers.len();
                left = HALF;
            }
        }
        Ok(())
    })
    .await
}

async fn send_burst(socket: &mut impl Socket, body: &[u8], messages: usize) -> Outcome<()> {
    socket.send_all(body, messages).await?;
    socket.flush().await
}

pub(super) async fn time_round_trips(job: &Job, req: &mut impl Socket, size: usize) -> Outcome<()> {
    let body = vec![b'.'; size];
    round_trip(req, &body).await?;
    let warm = Instant::now();
    while warm.elapsed() < job.warm_up {
        round_trip(req, &body).await?;
    }
    // Room for a round trip of 0.5 us, so that the list does not grow in the middle.
    let mut times = Vec::with_capacity(usize::try_from(nanos(job.span) / 500).unwrap_or(0));
    say(Report::Begin);
    let begin = Instant::now();
    let mut before = begin;
    while before.duration_since(begin) < job.span {
        round_trip(req, &body).await?;
        let now = Instant::now();
        times.push(nanos(now.duration_since(before)));
        before = now;
    }
    let count = times.len();
    let (_, &mut p99, _) = times.select_nth_unstable(count * 99 / 100);
    let (_, &mut median, _) = times.select_nth_unstable(count / 2);
    say(Report::RoundTrips {
        median,
        p99,
        count: count as u64,
    });
    std::future::pending().await
}

async fn round_trip(req: &mut impl Socket, body: &[u8]) -> Outcome<()> {
    req.send(body).await?;
    req.flush().await?;
    req.recv_all(body.len(), 1).await
}
