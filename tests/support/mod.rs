//! What tests share: places to meet at, patience, raw peers, processes.
//!
//! Every wait is for a condition, with a deadline so generous that only a fault passes it.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test file uses its own part of this"
)]

mod chaos;
mod children;
mod forks;
mod guarded;
mod network;
mod place;
mod python;
mod raw;
mod relay;
#[cfg(feature = "curve")]
mod sealed;
mod shares;
mod system;
mod tasks;
mod thread_end;

use std::fmt;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use highwater::{Event, EventKind};

pub(crate) use chaos::{Chaos, ChaosProxy, arrives_over_a_path_that_is_cut, seed};
pub(crate) use children::{Child, play_child};
pub(crate) use forks::{Forked, fork, leave, refused};
pub(crate) use guarded::guarded_pull;
pub(crate) use network::{as_nobody, in_a_network_of_its_own, ip, put_in_place};
pub(crate) use place::{Place, over_each_transport, over_every_transport};
pub(crate) use python::{Python, curve_everywhere, pattern};
pub(crate) use raw::{RawPeer, SpeaksNull, command, frame, greeting, ready};
pub(crate) use relay::{Harm, forge, pass, relay};
#[cfg(feature = "curve")]
pub(crate) use sealed::{SealedPeer, curve_greeting, hello};
pub(crate) use shares::{Shares, is_sent};
pub(crate) use system::{
    allow_open_files, forbid_more_files, open_files, peak_memory, resident_memory, threads_named,
};
pub(crate) use tasks::{CountingWaker, block_on};
pub(crate) use thread_end::AT_END;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a whole test may take before it counts as hanging.
const WHOLE_TEST: Duration = Duration::from_secs(240);

/// How long a test waits to see that something does *not* come. Too short a time hides a fault; it never makes one.
pub(crate) const MOMENT: Duration = Duration::from_millis(200);

/// Runs `test` on a thread of its own, so that one that hangs fails and tells its name.
pub(crate) fn must_end(name: &str, test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match is_done.recv_timeout(WHOLE_TEST) {
        Err(RecvTimeoutError::Timeout) => panic!("{name} hangs"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(()) => {}
            Err(panic) if panic.is::<SpeaksNull>() => {
                println!("skipped: {name} has a peer that speaks NULL");
            }
            Err(panic) => resume_unwind(panic),
        },
    }
}

/// What a thread came to; its panic becomes ours.
pub(crate) fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// What a thread came to, which must be soon.
pub(crate) fn joined_soon<T>(what: &str, thread: JoinHandle<T>) -> T {
    wait_until(what, || thread.is_finished());
    joined(thread)
}

/// Waits until `condition` holds.
pub(crate) fn wait_until(what: impl fmt::Display, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The first event from now on that `wanted` accepts; those before it are dropped.
pub(crate) fn wait_for_event(
    events: &Receiver<Event>,
    what: &str,
    mut wanted: impl FnMut(&EventKind) -> bool,
) -> Event {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    loop {
        let Ok(event) = events.recv_deadline(deadline) else {
            panic!("no event {what}, only {seen:#?}");
        };
        if wanted(&event.kind) {
            return event;
        }
        seen.push(event);
    }
}

/// The number that a message of one frame of text is.
pub(crate) fn number(message: &highwater::Message) -> usize {
    let text = message.to_str().expect("text was sent");
    text.parse().expect("a number was sent")
}

/// Whether there are peers, all of which have answered a heartbeat: only such a peer is given up for being silent.
pub(crate) fn knows_round_trips(stats: &highwater::Stats) -> bool {
    !stats.peers.is_empty() && stats.peers.iter().all(|peer| peer.round_trip.is_some())
}
