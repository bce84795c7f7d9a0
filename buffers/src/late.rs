//! Bodies that a thread lets go of while it holds a lock, or inside the drop of another body.
//!
//! Owns: whether the thread drops bodies at present, and the bodies that wait until it does again.
//! Always true: a body that waits is dropped by its thread.
//! Must not know: which locks these are.
//!
//! An application may give a body an owner of its own (`Bytes::from_owner`), and the drop of that owner may run any code,
//! also code that takes the lock, or that lets go of a further body, whose owner does the same, and so on.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytes::Bytes;

thread_local! {
    /// [`SCOPE`] for each open [`LateScope`] and each drop under way, [`HELD`] and [`BODIES`].
    static STATE: Cell<u32> = const { Cell::new(0) };
    /// It has no drop of its own: so it is there to the very end of the thread, when values of the application in the thread's
    /// memory are dropped, which may let go of bodies. [`Ending`] gives its memory back.
    static WAITING: RefCell<ManuallyDrop<VecDeque<Bytes>>> =
        const { RefCell::new(ManuallyDrop::new(VecDeque::new())) };
    /// The room that is kept for bodies to wait in, in bodies.
    static KEPT: Cell<usize> = const { Cell::new(64) };
    static ENDING: Ending = const { Ending };
}

/// Bodies wait.
const BODIES: u32 = 1;
/// Bodies wait for [`drop_late`].
const HELD: u32 = 2;
/// Bodies wait for the end of a scope, or of a drop.
const SCOPE: u32 = 4;

/// Is dropped when the thread ends: from then on no room is kept.
struct Ending;

impl Drop for Ending {
    fn drop(&mut self) {
        KEPT.set(0);
        WAITING.with_borrow_mut(|waiting| waiting.shrink_to_fit());
    }
}

/// The calling thread, which holds a lock, may let go of bodies before it has released it. From now on those that may have an
/// owner wait for [`drop_late`]. In a [`LateScope`], and in the drop of a body, this does nothing, since they wait already.
#[inline]
pub fn hold_drops() {
    let state = STATE.get();
    if state < SCOPE {
        STATE.set(state | HELD);
    }
}

/// Whether the calling thread has to call [`drop_late`] now that it has released its lock.
#[inline]
pub fn holds_drops() -> bool {
    STATE.get() != 0
}

/// A time in which the calling thread drops no body that may have an owner.
#[derive(Debug)]
pub struct LateScope {
    /// It stays on its thread.
    _not_send: PhantomData<*const ()>,
}

impl LateScope {
    /// Begins.
    #[inline]
    pub fn begin() -> Self {
        STATE.set(STATE.get() + SCOPE);
        Self {
            _not_send: PhantomData,
        }
    }

    /// Ends. True if bodies wait and nothing else holds them: call [`drop_late`].
    #[inline]
    #[must_use = "bodies may wait to be dropped"]
    pub fn end(self) -> bool {
        let state = STATE.get() - SCOPE;
        STATE.set(state);
        state == BODIES
    }
}

/// A body is about to be dropped. Those that are let go of meanwhile wait for [`end_drop`]: so owners whose drops let go of
/// bodies with owners do not nest, however many they are. True if this one has to wait as well.
#[inline]
pub(crate) fn begin_drop() -> bool {
    let state = STATE.get();
    STATE.set(state + SCOPE);
    state > BODIES
}

/// The body is dropped.
#[inline]
pub(crate) fn end_drop() {
    let state = STATE.get() - SCOPE;
    STATE.set(state);
    if state == BODIES {
        drop_rest();
    }
}

/// Drops the bodies that have waited for the end of a drop. The first panic of an owner goes on once all are dropped, as that
/// of an owner whose body did not wait, unless the thread panics already.
#[cold]
#[inline(never)]
fn drop_rest() {
    let mut panic = None;
    drop_late(|body| {
        if let Err(why) = catch_unwind(AssertUnwindSafe(|| drop(body))) {
            panic.get_or_insert(why);
        }
    });
    if let Some(why) = panic
        && !std::thread::panicking()
    {
        resume_unwind(why);
    }
}

/// The calling thread has released its lock: passes each waiting body to `drops`, oldest first, unless it is in a
/// [`LateScope`] or in the drop of a body. `drops` must not panic. The bodies that are let go of meanwhile follow; so owners whose drops send bodies with
/// owners do not nest.
///
/// ```
/// use bytes::Bytes;
/// use highwater_buffers::{Reused, drop_late, hold_drops, holds_drops};
///
/// hold_drops();
/// drop(Reused::from(Bytes::from_owner([7; 100])));
/// assert!(holds_drops(), "the body waits");
/// drop_late(|body| assert_eq!(body[..], [7; 100]));
/// assert!(!holds_drops());
/// ```
#[cold]
pub fn drop_late(mut drops: impl FnMut(Bytes)) {
    if STATE.get() >= SCOPE {
        return;
    }
    // Each body that is let go of meanwhile waits for its turn.
    STATE.set(SCOPE);
    while let Some(body) = next() {
        drops(body);
    }
    STATE.set(0);
}

/// The next body. After the last one the memory of the list is given back.
fn next() -> Option<Bytes> {
    WAITING.with_borrow_mut(|waiting| {
        let body = waiting.pop_front();
        if body.is_none() {
            waiting.shrink_to(KEPT.get());
        }
        body
    })
}

/// Keeps `body` until the calling thread has released its locks, and is in no drop.
pub(crate) fn wait(body: Bytes) {
    // From the first body on, the end of the thread is told. It fails once the thread is ending.
    let _ = ENDING.try_with(|_| ());
    WAITING.with_borrow_mut(|waiting| waiting.push_back(body));
    STATE.set(STATE.get() | BODIES);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::Reused;

    /// The memory of a body that counts its drops, and lets go of `more` bodies by it.
    struct Owner {
        bytes: Vec<u8>,
        dropped: Arc<AtomicUsize>,
        more: Vec<Reused>,
    }

    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }

    impl Drop for Owner {
        fn drop(&mut self) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            hold_drops();
            self.more.clear();
            drop_late(|_| panic!("the bodies wait for the drop that goes on"));
        }
    }

    fn body(len: usize, dropped: &Arc<AtomicUsize>, more: Vec<Reused>) -> Reused {
        Reused::from(Bytes::from_owner(Owner {
            bytes: vec![7; len],
            dropped: Arc::clone(dropped),
            more,
        }))
    }

    #[test]
    fn an_owner_is_dropped_once_the_lock_is_released() {
        let dropped = Arc::default();
        for len in [65, 10_000, 1 << 20] {
            hold_drops();
            drop(body(len, &dropped, Vec::new()));
            hold_drops();
            assert_eq!(dropped.load(Ordering::Relaxed), 0);
            drop_late(drop);
            assert_eq!(dropped.swap(0, Ordering::Relaxed), 1);
            assert!(!holds_drops(), "none is left");
        }
    }

    #[test]
    fn a_scope_holds_what_is_let_go_of_in_it() {
        let dropped = Arc::default();
        let (outer, inner) = (LateScope::begin(), LateScope::begin());
        hold_drops();
        drop(body(100, &dropped, Vec::new()));
        drop_late(|_| panic!("a scope is open"));
        assert!(!inner.end());
        drop(body(100, &dropped, Vec::new()));
        assert!(outer.end());
        drop_late(drop);
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
        assert!(!holds_drops());
    }

    #[test]
    fn a_scope_within_the_time_of_a_lock_leaves_all_to_its_release() {
        let dropped = Arc::default();
        hold_drops();
        let scope = LateScope::begin();
        drop(body(100, &dropped, Vec::new()));
        assert!(!scope.end(), "the lock is held");
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop_late(drop);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn without_a_lock_it_is_dropped_at_once() {
        let dropped = Arc::default();
        for len in [65, 10_000, 1 << 20] {
            drop(body(len, &dropped, Vec::new()));
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_body_that_somebody_else_uses_is_left_to_them() {
        let dropped = Arc::default();
        let one = body(100, &dropped, Vec::new());
        hold_drops();
        drop(one.clone());
        drop_late(drop);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(one);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn owners_that_let_go_of_further_owners_do_not_nest() {
        let dropped = Arc::default();
        let mut chain = body(100, &dropped, Vec::new());
        for _ in 1..100_000 {
            chain = body(100, &dropped, vec![chain]);
        }
        hold_drops();
        drop(chain);
        drop_late(drop);
        assert_eq!(dropped.load(Ordering::Relaxed), 100_000);
    }

    #[test]
    fn nor_do_they_without_a_lock() {
        for len in [65, 10_000, 1 << 20] {
            let dropped = Arc::default();
            let mut chain = body(len, &dropped, Vec::new());
            for _ in 1..1000 {
                chain = body(len, &dropped, vec![chain]);
            }
            for _ in 0..100_000 {
                chain = body(65, &dropped, vec![chain]);
            }
            drop(chain);
            assert_eq!(dropped.load(Ordering::Relaxed), 101_000);
            assert!(!holds_drops(), "none is left");
        }
    }

    #[test]
    fn an_owner_that_panics_harms_no_other() {
        struct Panics(#[expect(dead_code, reason = "it is dropped")] Vec<Reused>);
        impl AsRef<[u8]> for Panics {
            fn as_ref(&self) -> &[u8] {
                &[7; 100]
            }
        }
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("as the owner wants");
            }
        }
        let panics = |more| Reused::from(Bytes::from_owner(Panics(more)));
        let dropped = Arc::default();
        let others = || (0..3).map(|_| body(100, &dropped, vec![body(100, &dropped, Vec::new())]));
        let two = || (0..2).map(|_| panics(Vec::new()));
        // One whose own drop panics, and two that have waited for it.
        let outer = panics(others().chain(two()).chain(others()).collect());
        // One that does not panic, and two that have waited for it.
        let calm = body(100, &dropped, two().chain(others()).collect());
        for (body, sound) in [(outer, 12), (calm, 7)] {
            let outcome = catch_unwind(AssertUnwindSafe(|| drop(body)));
            assert!(outcome.is_err(), "it is the caller's");
            assert_eq!(dropped.swap(0, Ordering::Relaxed), sound);
            assert!(!holds_drops(), "none is left");
        }
    }

    #[test]
    fn bodies_without_an_owner_never_wait() {
        let scope = LateScope::begin();
        drop(Reused::from(vec![7; 100]));
        drop(Reused::copied(&[7; 10_000]));
        drop(Reused::from(vec![7; 1 << 20]));
        drop(Reused::from(vec![7; 100]).into_bytes());
        assert!(!scope.end());
    }
}
