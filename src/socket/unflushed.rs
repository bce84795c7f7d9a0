//! Messages that a thread has left unwritten in its sockets. The thread writes them before it waits on another socket. So
//! a thread that goes from socket to socket holds its conversations, and passes messages on, without the I/O thread.
//!
//! Owns: the list of sockets in which the current thread has left messages.
//! Always true: this is an optimisation. The I/O thread writes messages that the thread does not.

use std::cell::RefCell;
use std::sync::Weak;

use super::Core;
use crate::policy::tuning::MOST_UNFLUSHED_SOCKETS;

thread_local! {
    static LEFT: RefCell<Vec<Weak<Core>>> = const { RefCell::new(Vec::new()) };
}

/// This thread leaves messages in `core`.
#[cold]
pub(super) fn remember(core: &Core) {
    // A thread that is ending remembers nothing.
    let _ = LEFT.try_with(|left| {
        let mut sockets = left.borrow_mut();
        if sockets.len() == MOST_UNFLUSHED_SOCKETS {
            sockets.retain(|one| one.strong_count() > 0);
        }
        if sockets.len() < MOST_UNFLUSHED_SOCKETS && !sockets.iter().any(|one| is(one, core)) {
            sockets.push(core.this.clone());
        }
    });
}

/// Whether this thread has left messages in another socket than `core`.
pub(super) fn is_left_elsewhere(core: &Core) -> bool {
    LEFT.try_with(|left| left.borrow().iter().any(|one| !is(one, core)))
        .unwrap_or(false)
}

/// Writes the messages that this thread has left in its sockets, as far as the kernel takes them. The caller holds no
/// lock of a socket.
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

    /// The PULL comes first, so that it goes last.
    fn push(context: &Context) -> (Pull, Push) {
        let pull = Pull::new(context);
        let push = Push::new(context);
        push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        push.wait_for_peers(1, PATIENCE).expect("connected");
        (pull, push)
    }

    /// Whether messages are left, and for how long, depends on the machine: tries until it was seen.
    fn try_until_seen(what: &str, mut seen: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !seen() {
            assert!(begun.elapsed() < PATIENCE, "never seen: {what}");
        }
    }

    /// A PUSH in which this thread has left something, its peer, and how many messages it has sent.
    fn left(context: &Context) -> (Pull, Push, usize) {
        let (pull, push) = push(context);
        let mut sent = 0;
        try_until_seen("something left", || {
            sent += push.send_many(["x"; 4]).expect("sent");
            is_left_elsewhere(&core(&pull))
        });
        (pull, push, sent)
    }

    #[test]
    fn streams_over_several_sockets_are_not_cut_at_each_turn() {
        let context = Context::new();
        let (_first, one, _) = left(&context);
        let (_second, two) = push(&context);
        try_until_seen("a stream on the other, too", || {
            two.send_many(["x"; 4]).expect("sent");
            one.send_many(["x"; 4]).expect("sent");
            is_left_elsewhere(&core(&one))
        });
        assert!(is_left_elsewhere(&core(&two)), "nobody has written it here");
        let _ = one.close(Duration::ZERO);
        let _ = two.close(Duration::ZERO);
    }

    #[test]
    fn what_a_thread_leaves_in_a_socket_is_remembered_until_it_waits_on_another() {
        let context = Context::new();
        let (pull, push, sent) = left(&context);
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
        let (pull, push, _) = left(&context);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                assert!(!is_left_elsewhere(&core(&pull)));
                flush();
            });
        });
        assert!(is_left_elsewhere(&core(&pull)));
        let _ = push.close(Duration::ZERO);
    }

    #[test]
    fn a_socket_that_has_gone_meanwhile_is_no_matter() {
        let context = Context::new();
        let (pull, push, sent) = left(&context);
        drop(push);
        flush();
        assert!(!is_left_elsewhere(&core(&pull)));
        for _ in 0..sent {
            pull.recv_timeout(PATIENCE).expect("it lingers");
        }
    }
}
