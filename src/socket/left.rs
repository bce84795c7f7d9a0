//! What a thread has left in its sockets to be written, and writes before it waits on another of them: a thread that goes
//! from socket to socket holds its conversations, and passes messages on, without the I/O thread.
//!
//! Owns: which sockets the thread at hand has left something in.
//! Always true: it is an optimisation. What nobody writes here, the I/O thread does.

use std::cell::RefCell;
use std::sync::Weak;

use super::Core;

/// More sockets than this are left to the I/O thread.
const MOST: usize = 64;

thread_local! {
    static LEFT: RefCell<Vec<Weak<Core>>> = const { RefCell::new(Vec::new()) };
}

/// This thread leaves something in `core`.
#[cold]
pub(super) fn remember(core: &Core) {
    // A thread that is ending remembers nothing.
    let _ = LEFT.try_with(|left| {
        let mut left = left.borrow_mut();
        let known = left.last().is_some_and(|last| is(last, core));
        if !known && left.len() < MOST {
            left.push(core.this.clone());
        }
    });
}

/// Whether this thread has left something in another socket than `core`.
pub(super) fn is_left_elsewhere(core: &Core) -> bool {
    LEFT.try_with(|left| left.borrow().iter().any(|one| !is(one, core)))
        .unwrap_or(false)
}

/// Writes what this thread has left in any socket, as far as the kernel takes it. Takes their locks: the caller holds none.
pub(crate) fn flush() {
    let left = LEFT.try_with(RefCell::take).unwrap_or_default();
    for core in left.iter().filter_map(Weak::upgrade) {
        if let Ok(mut state) = core.lock_here() {
            state.table.flush();
        }
    }
}

fn is(one: &Weak<Core>, core: &Core) -> bool {
    std::ptr::eq(one.as_ptr(), core)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::facade::AsSocket;
    use crate::{Context, Pull, Push};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn core(socket: &impl AsSocket) -> Arc<Core> {
        socket.as_socket().into_core()
    }

    /// A PUSH in which this thread has left something, its peer, and how many messages it has sent.
    fn left(context: &Context) -> (Push, Pull, usize) {
        let pull = Pull::new(context);
        let push = Push::new(context);
        push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        push.wait_for_peers(1, PATIENCE).expect("connected");
        let begun = Instant::now();
        let mut sent = 0;
        // Single messages are written at once; how many it takes to make a stream depends on the machine.
        while !is_left_elsewhere(&core(&pull)) {
            assert!(begun.elapsed() < PATIENCE, "nothing is ever left");
            push.send("x").expect("sent");
            sent += 1;
        }
        (push, pull, sent)
    }

    #[test]
    fn what_a_thread_leaves_in_a_socket_is_remembered_until_it_waits_on_another() {
        let context = Context::new();
        let (push, pull, sent) = left(&context);
        assert!(!is_left_elsewhere(&core(&push)), "not of the socket itself");
        for _ in 0..sent {
            pull.recv_timeout(PATIENCE).expect("received");
        }
        // Each message may have been there at once, so that nobody has waited yet.
        assert!(pull.recv_timeout(Duration::from_micros(1)).is_err());
        assert!(!is_left_elsewhere(&core(&pull)));
    }

    #[test]
    fn no_other_thread_writes_it() {
        let context = Context::new();
        let (_push, pull, _) = left(&context);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                assert!(!is_left_elsewhere(&core(&pull)));
                flush();
            });
        });
        assert!(is_left_elsewhere(&core(&pull)));
    }

    #[test]
    fn a_socket_that_has_gone_meanwhile_is_no_matter() {
        let context = Context::new();
        let (push, pull, sent) = left(&context);
        drop(push);
        flush();
        assert!(!is_left_elsewhere(&core(&pull)));
        for _ in 0..sent {
            pull.recv_timeout(PATIENCE).expect("it lingers");
        }
    }
}
