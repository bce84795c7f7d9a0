//! Everything at once, for a while: sockets of every kind that come, go, stall and are cut off, over all transports.
//!
//! Each message carries whose it is and its number, so that what arrived can be held against what was sent and against
//! what the documentation declares lost: `ledger.rs` does that, and one file for each kind of traffic makes it. A round
//! takes some four seconds, and leaves nothing behind: no file, no thread, no memory.
//!
//! - `HIGHWATER_SOAK_SECONDS`: how long in all; 10 by default. Never less than three rounds.
//! - `HIGHWATER_TEST_SEED`: the seed of the first round; those that follow from it are printed, so that any round can be
//!   the first.

mod context_first;
mod dealer_router;
mod hostile;
mod ledger;
mod message;
mod pair;
mod pipeline;
mod processes;
mod pub_sub;
mod refused;
mod req_rep;
mod shares;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod world;

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::{must_end, open_files, play_child, resident_memory, seed, threads_named, wait_until};
use world::{Checks, World, or_panic};

/// How long one round is wild, after which everything has to arrive and then to be gone.
const ROUND: Duration = Duration::from_secs(3);

/// What may be in use after a round beyond what was before the first: the lines that the test harness keeps of what was
/// printed, and what is made once for all.
const IN_USE_SLACK: usize = 256 << 10;

/// Never fewer rounds than these.
const LEAST_ROUNDS: usize = 3;

/// Arenas that glibc's allocator makes for each processor.
const ARENAS_PER_PROCESSOR: usize = 8;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A kind of traffic: runs until the world is calm, and gives what is to be checked once nothing lingers.
type Traffic = fn(&World, StdRng) -> Checks;

const TRAFFIC: [Traffic; 11] = [
    pipeline::run,
    dealer_router::run,
    pub_sub::run,
    req_rep::run,
    pair::run,
    processes::run,
    context_first::run,
    hostile::run,
    shares::run,
    refused::run,
    tasks::run,
];

#[test]
fn nothing_is_lost_doubled_or_left_behind_whatever_happens() {
    let seconds = std::env::var("HIGHWATER_SOAK_SECONDS").map_or(10, |text| {
        text.parse().expect("HIGHWATER_SOAK_SECONDS is a number")
    });
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut next = seed();
    let in_use = MEMORY.current_usage();
    let resident = resident_memory();
    let mut rounds = 0;
    while rounds < LEAST_ROUNDS || Instant::now() < end {
        let files = open_files();
        let threads = threads_named("");
        let this = next;
        println!(
            "round {rounds}, HIGHWATER_TEST_SEED={this}, {} bytes in use, {:?} resident",
            MEMORY.current_usage(),
            resident_memory()
        );
        must_end("a round", move || round(this));
        next = StdRng::seed_from_u64(this).random();
        // A thread that was joined may be a moment from its end.
        wait_until("every thread has ended", || threads_named("") <= threads);
        wait_until("every file is closed", || open_files() <= files);
        wait_until("no more memory is in use than was", || {
            MEMORY.current_usage() <= in_use + IN_USE_SLACK
        });
        wait_until("memory is as it was", || {
            resident_memory() <= resident.map(|resident| resident + most_kept())
        });
        rounds += 1;
    }
    println!(
        "{in_use} bytes in use before, {} now, {} at most; {resident:?} resident before, {:?} now",
        MEMORY.current_usage(),
        MEMORY.peak_usage(),
        resident_memory()
    );
}

/// What the allocator keeps at most of memory that nobody uses: each arena may keep what it had at its fullest, and none ever
/// had more than was in use in the whole process.
fn most_kept() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    ARENAS_PER_PROCESSOR * processors * MEMORY.peak_usage()
}

/// Not a test: the peers that are processes of their own.
#[test]
#[ignore = "the soak runs it"]
fn child_process() {
    play_child(processes::play);
}

fn round(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::new(&mut random);
    let checks = std::thread::scope(|scope| {
        let traffic = TRAFFIC.map(|run| {
            let (world, random) = (&world, StdRng::seed_from_u64(random.random()));
            scope.spawn(move || run(world, random))
        });
        let end = Instant::now() + ROUND;
        while (Instant::now() < end || world.cuts() == 0)
            && traffic.iter().all(|thread| !thread.is_finished())
        {
            std::thread::sleep(Duration::from_millis(random.random_range(20..300))); // between two blows
            world.strike(&mut random);
        }
        world.calm();
        traffic.map(|thread| or_panic(thread.join()))
    });
    assert!(world.cuts() > 0, "nothing has happened");
    println!("{} cuts", world.cuts());
    // Sockets that are kept to be asked are owners, too, so that to drop the context waits for nothing.
    let begun = Instant::now();
    assert!(
        world.context.wait_for_lingering(support::PATIENCE),
        "something lingers for longer than it may"
    );
    println!("what lingered was gone after {:?}", begun.elapsed());
    // From now on nothing is sent, lost or counted any more.
    drop(world);
    checks.into_iter().for_each(|check| check());
}
