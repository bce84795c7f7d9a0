//! Threads beside the I/O threads, for work that may wait: looking names up, deciding about peers.
//!
//! Owns: the threads, each started when all others are busy, and the work that waits for one.
//! Always true: there are at most so many threads as was said, and only as long as somebody holds the [`Helpers`] or work is
//! left. Work that never ends keeps its thread; if all have such work, what comes later waits for ever, so that whoever asks
//! keeps a deadline of its own, and [bounds](Helpers::bounded) what waits if others bring it about.
//! Must not know: what the work is.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::sync::Mutex;

/// Some threads, and the way to give them work.
pub(super) struct Helpers {
    name: &'static str,
    most: usize,
    most_undone: usize,
    /// How many threads have been started; locked while one is.
    threads: Mutex<usize>,
    /// Work that is not done yet, that under way included.
    undone: Arc<AtomicUsize>,
    queue: Sender<Work>,
    waiting: Receiver<Work>,
}

type Work = Box<dyn FnOnce() + Send>;

impl Helpers {
    /// At most so many threads, none of them at first, called `name`.
    pub(super) fn new(name: &'static str, most: usize) -> Self {
        let (queue, waiting) = unbounded();
        Self {
            name,
            most,
            most_undone: usize::MAX,
            threads: Mutex::default(),
            undone: Arc::default(),
            queue,
            waiting,
        }
    }

    /// The same, which take no work while so much is undone.
    pub(super) fn bounded(self, most_undone: usize) -> Self {
        Self {
            most_undone,
            ..self
        }
    }

    /// Has `work` done, once a thread is free.
    ///
    /// # Errors
    ///
    /// The system starts no thread, and there is none yet; or too much is undone. The work is dropped.
    pub(super) fn give(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut threads = self.threads.lock();
        // Only the number counts; nothing else is published by it.
        let undone = self.undone.fetch_add(1, Ordering::Relaxed) + 1;
        if undone > self.most_undone {
            self.undone.fetch_sub(1, Ordering::Relaxed);
            return Err(io::Error::other("too much waits for one"));
        }
        if *threads < self.most.min(undone) {
            match self.start_thread() {
                Ok(()) => *threads += 1,
                Err(error) if *threads == 0 => {
                    self.undone.fetch_sub(1, Ordering::Relaxed);
                    return Err(error);
                }
                // Those that are there do it later.
                Err(_) => {}
            }
        }
        drop(threads);
        let given = self.queue.send(Box::new(work));
        given.expect("this end holds a receiver, too");
        Ok(())
    }

    fn start_thread(&self) -> io::Result<()> {
        let (waiting, undone) = (self.waiting.clone(), Arc::clone(&self.undone));
        std::thread::Builder::new()
            .name(self.name.to_owned())
            .spawn(move || {
                for work in waiting {
                    if catch_unwind(AssertUnwindSafe(work)).is_err() {
                        tracing::error!(target: "highwater", "a panic on a helping thread, which goes on");
                    }
                    undone.fetch_sub(1, Ordering::Relaxed);
                }
            })?;
        Ok(())
    }
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helpers")
            .field("name", &self.name)
            .field("undone", &self.undone.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn work_is_done_by_as_many_threads_as_are_busy_and_no_more_than_was_said() {
        let helpers = Helpers::new("test-helper", 3);
        let (done, is_done) = unbounded();
        let all_busy = Arc::new(Barrier::new(4));
        for _ in 0..3 {
            let all_busy = Arc::clone(&all_busy);
            helpers
                .give(move || {
                    all_busy.wait();
                })
                .expect("a thread");
        }
        let later = done.clone();
        helpers
            .give(move || later.send("later").expect("it is awaited"))
            .expect("a thread");
        assert_eq!(*helpers.threads.lock(), 3);
        assert!(is_done.try_recv().is_err(), "all are busy");
        all_busy.wait();
        assert_eq!(is_done.recv(), Ok("later"));

        // One at a time needs no further thread; a panic costs none.
        let alone = Helpers::new("test-helper", 3);
        alone.give(|| panic!("on purpose")).expect("a thread");
        let again = done.clone();
        alone
            .give(move || again.send("again").expect("it is awaited"))
            .expect("a thread");
        assert_eq!(is_done.recv(), Ok("again"));
        assert!(*alone.threads.lock() <= 2);
    }

    #[test]
    fn what_waits_for_threads_that_are_held_up_is_bounded() {
        let helpers = Helpers::new("test-helper", 1).bounded(3);
        let (done, is_done) = unbounded();
        let (release, held) = crossbeam_channel::bounded::<()>(0);
        let give = |helpers: &Helpers| {
            let (done, held) = (done.clone(), held.clone());
            helpers.give(move || {
                let _ = held.recv();
                done.send(()).expect("it is awaited");
            })
        };
        for _ in 0..3 {
            give(&helpers).expect("there is room");
        }
        for _ in 0..100 {
            give(&helpers).expect_err("there is none");
        }
        drop(release);
        for _ in 0..3 {
            is_done.recv().expect("it is done");
        }
        while helpers.undone.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        give(&helpers).expect("there is room again");
    }

    #[test]
    fn what_was_given_is_done_also_when_nobody_holds_them_any_more() {
        let helpers = Helpers::new("test-helper", 1);
        let (done, is_done) = unbounded();
        for number in 0..10 {
            let done = done.clone();
            helpers
                .give(move || done.send(number).expect("it is awaited"))
                .expect("a thread");
        }
        drop((helpers, done));
        assert_eq!(is_done.iter().count(), 10);
    }
}
