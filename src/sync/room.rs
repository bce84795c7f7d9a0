//! A lock with a mailbox: the holder of the lock applies the mail of other threads, so posting never waits.
//!
//! Owns: the state, its mail, and the promise that no mail stays unapplied.
//! Always true: mail is applied in the order of posting. When `post` returns, the mail has been applied, or the lock is
//! held by a thread that will apply it before or just after releasing the lock.
//! A thread that waits for the lock is not passed without end by threads that only apply mail: after some turns these
//! leave the mail to it. A thread with other work does not apply mail without end: it asks another thread to apply the
//! rest.
//! A wake-up that a holder of the lock owes to somebody else's code is made by whoever releases the lock next, after the
//! release: such code may use what the lock protects. For the same reason bodies with an owner, which the holder lets go
//! of after `hold_drops`, are dropped after the release.
//! Must not know: the content of the mail; who is woken.
//!
//! ```text
//!   poster:  put mail, set pending, fence, try_lock --ok--> apply
//!                                                  `-held-> the holder: let go, fence, sees pending, try_lock, apply
//! ```

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::given_turn::has_released;
use super::late_calls::{LateCalls, hold_calls};
use super::late_drops::{LateDrops, holds_drops};
use super::{AtomicU32, Mutex, MutexGuard, Ordering, fence};
use crate::origin::Here;
use crate::policy::tuning::{
    LOCK_NAP, LOCK_YIELDS, MOST_LOCK_TURNS, MOST_MAIL_LOOKS, MOST_MAIL_RETURNS, MOST_PASSED,
};

/// In a model every order of steps is tried, and the bounds are as low as they can be, so that each is met.
const MODEL: bool = cfg!(highwater_model);
const PASSED: u32 = if MODEL { 1 } else { MOST_PASSED };
const MAIL_LOOKS: usize = if MODEL { 1 } else { MOST_MAIL_LOOKS };
const MAIL_RETURNS: usize = if MODEL { 0 } else { MOST_MAIL_RETURNS };

/// The owner of a [`Room`].
pub(crate) trait Combine {
    /// The state that the lock protects.
    type State;
    /// The type of the mail.
    type Mail;

    /// The state and the mail for it.
    fn room(&self) -> &Room<Self::State, Self::Mail>;

    /// Applies `mail` to the state.
    fn apply(&self, state: &mut Self::State, mail: Self::Mail);

    /// Called before mail is applied.
    fn begins(&self, _: &mut Self::State) {}

    /// Called when mail keeps arriving while a thread with other work applies it. The implementation has another thread
    /// apply the rest through [`Room::try_lock`]. False if there is no such thread.
    fn leave_to_another_thread(&self) -> bool {
        false
    }

    /// Called without the lock, after [`Room::owe_wakes`]: wakes those who are owed it.
    fn wake_owed(&self) {}

    /// Called without the lock, by a thread that has promised it ([`give_turn_after`](super::give_turn_after)): gives those a
    /// turn who wait to receive, or to send, for `limit` at most.
    fn gives_turn(&self, _to_receivers: bool, _limit: Duration) {}

    /// Whether this is the process of the threads that hold its locks. In a forked child mail stays unapplied.
    fn is_here(&self) -> bool {
        true
    }
}

/// There is mail.
const MAIL: u32 = 1;
/// Somebody is owed a wake-up.
const WAKES: u32 = 2;

/// A state behind a lock, and its mailbox.
#[derive(Debug)]
pub(crate) struct Room<S, M> {
    state: Mutex<S>,
    mail: Mutex<VecDeque<M>>,
    /// [`MAIL`], which is changed under the lock of `mail`, and [`WAKES`]: what the next release has to do.
    pending: AtomicU32,
    /// How many threads wait for the lock of `state`. A thread leaves this count once it has the lock, before it looks
    /// for mail.
    waiting: AtomicU32,
    /// How often the lock was taken for mail alone since a waiting thread last got it.
    passed: AtomicU32,
}

impl<S, M> Room<S, M> {
    pub(crate) fn new(state: S) -> Self {
        Self {
            state: Mutex::new(state),
            mail: Mutex::new(VecDeque::new()),
            pending: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            passed: AtomicU32::new(0),
        }
    }

    /// Waits for the lock; all mail posted before has been applied. For a call that knows its process.
    #[inline]
    pub(crate) fn lock<'a, C>(&'a self, owner: &'a C, _: Here) -> Locked<'a, C>
    where
        C: Combine<State = S, Mail = M>,
    {
        let state = self.state.try_lock().unwrap_or_else(|| self.wait());
        self.locked(owner, state)
    }

    /// As [`lock`](Self::lock), but `None` instead of waiting for a thread that does not exist in this process.
    #[inline]
    pub(crate) fn lock_here<'a, C>(&'a self, owner: &'a C) -> Option<Locked<'a, C>>
    where
        C: Combine<State = S, Mail = M>,
    {
        // The cold path returns no guard: a guard from there would be passed in memory, also on the usual path, which
        // then could not use registers.
        let state = self
            .state
            .try_lock()
            .or_else(|| self.state.may_wait(|| owner.is_here()).then(|| self.wait()))?;
        Some(self.locked(owner, state))
    }

    /// Waits for the lock, visibly to the threads that only apply mail.
    #[cold]
    fn wait(&self) -> MutexGuard<'_, S> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let state = self.state.lock();
        self.passed.store(0, Ordering::Relaxed);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        state
    }

    /// Yields or sleeps while other threads wait for the lock, which the caller does not hold. A thread that releases a
    /// lock and takes it again at once never lets a sleeping thread have it.
    pub(crate) fn give_way(&self) {
        for turn in 0..MOST_LOCK_TURNS {
            if self.waiting.load(Ordering::Relaxed) == 0 {
                return;
            }
            give_turn(turn);
        }
    }

    /// Whether to leave the mail to a thread that waits for the lock and has been passed often enough. The system's
    /// locks are unfair: a thread that must first be woken hardly ever gets one.
    ///
    /// The caller has executed a full fence. A thread seen waiting has not looked for mail yet, so it will find this
    /// mail.
    fn leaves_mail(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
            && self.passed.fetch_add(1, Ordering::Relaxed) >= PASSED
    }

    /// The number of posts not applied yet.
    pub(crate) fn mail_waiting(&self) -> usize {
        if self.has(MAIL) {
            self.mail.lock().len()
        } else {
            0
        }
    }

    #[inline]
    fn locked<'a, C>(&'a self, owner: &'a C, mut state: MutexGuard<'a, S>) -> Locked<'a, C>
    where
        C: Combine<State = S, Mail = M>,
    {
        self.look_for_mail(owner, &mut state);
        Locked {
            state,
            late: LateMail { owner },
        }
    }

    #[inline]
    fn look_for_mail<C>(&self, owner: &C, state: &mut S)
    where
        C: Combine<State = S, Mail = M>,
    {
        if self.has(MAIL) && owner.is_here() {
            self.read_mail(owner, state);
        }
    }

    #[inline]
    fn has(&self, what: u32) -> bool {
        self.pending.load(Ordering::Relaxed) & what != 0
    }

    /// The lock, if it is free.
    pub(crate) fn try_lock<'a, C>(&'a self, owner: &'a C) -> Option<Locked<'a, C>>
    where
        C: Combine<State = S, Mail = M>,
    {
        let mut state = self.state.try_lock()?;
        self.read_mail(owner, &mut state);
        Some(Locked {
            state,
            late: LateMail { owner },
        })
    }

    /// Posts `mail` to the holder of the lock, or applies it if the lock is free. Never waits for the state. A call that knows its
    /// process says so, and is not asked again for what follows the release.
    pub(crate) fn post<C>(&self, owner: &C, mail: M, here: Option<Here>)
    where
        C: Combine<State = S, Mail = M>,
    {
        let mut all = self.mail.lock();
        all.push_back(mail);
        self.pending.fetch_or(MAIL, Ordering::Relaxed);
        drop(all);
        // Pairs with the fence after a release: either this thread finds the lock free, or its holder sees `pending`.
        fence(Ordering::SeqCst);
        if !self.leaves_mail() {
            // The caller may hold the lock of another socket.
            let _late = (LateDrops::begin(), LateCalls::begin());
            if let Some(mut state) = self.state.try_lock() {
                self.read_mail(owner, &mut state);
                drop(state);
                // As `LateMail` does after any other release.
                fence(Ordering::SeqCst);
                if self.has(MAIL | WAKES) {
                    LateMail::read(owner, here);
                }
                if holds_drops() {
                    has_released(owner, C::gives_turn);
                }
            }
        }
    }

    /// Has [`Combine::wake_owed`] called: by the holder of the lock, if there is one, once it has released it, else now.
    /// Never waits for the state.
    pub(crate) fn owe_wakes<C>(&self, owner: &C)
    where
        C: Combine<State = S, Mail = M>,
    {
        self.pending.fetch_or(WAKES, Ordering::Release);
        // As in `post`.
        fence(Ordering::SeqCst);
        let _late = (LateDrops::begin(), LateCalls::begin());
        drop(self.try_lock(owner));
    }

    /// Reads the state without applying mail.
    #[cfg(test)]
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.state.lock())
    }

    #[cold]
    fn read_mail<C>(&self, owner: &C, state: &mut S)
    where
        C: Combine<State = S, Mail = M>,
    {
        hold_calls();
        owner.begins(state);
        for _ in 0..MAIL_LOOKS {
            let mut all = self.mail.lock();
            let mail = std::mem::take(&mut *all);
            self.pending.fetch_and(!MAIL, Ordering::Relaxed);
            drop(all);
            if mail.is_empty() {
                return;
            }
            for one in mail {
                owner.apply(state, one);
            }
        }
    }
}

/// The lock on a [`Room`]. Its drop releases the lock and then applies mail posted meanwhile.
#[derive(Debug)]
pub(crate) struct Locked<'a, C: Combine> {
    // Declared in the order in which they must be dropped.
    state: MutexGuard<'a, C::State>,
    late: LateMail<'a, C>,
}

/// On drop, after the release of the lock, applies mail posted while it was held, and drops bodies that have waited.
#[derive(Debug)]
struct LateMail<'a, C: Combine> {
    owner: &'a C,
}

impl<C: Combine> Deref for Locked<'_, C> {
    type Target = C::State;

    #[inline]
    fn deref(&self) -> &C::State {
        &self.state
    }
}

impl<C: Combine> DerefMut for Locked<'_, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut C::State {
        &mut self.state
    }
}

impl<C: Combine> Locked<'_, C> {
    /// Runs `something` without the lock. Waiting for the lock again is safe in any process: the caller has held it, so
    /// no thread that a fork left behind can hold it.
    pub(crate) fn unlocked(self, something: impl FnOnce()) -> Self {
        let owner = self.late.owner;
        self.unlock();
        something();
        let room = owner.room();
        let state = room.state.try_lock().unwrap_or_else(|| room.wait());
        room.locked(owner, state)
    }

    /// The same lock in a value of its own. The address of a value that goes to another function is known there, so that the
    /// compiler keeps it in memory from its beginning; the one left behind stays in registers.
    #[inline(always)]
    pub(crate) fn handed_on(self) -> Self {
        let Self { state, late } = self;
        Self { state, late }
    }

    /// Releases the lock as a drop does, but inlined into the caller, for calls of which each instruction counts.
    #[inline(always)]
    pub(crate) fn unlock(self) {
        let Self { state, late } = self;
        drop(state);
        drop(late);
    }
}

#[cfg(not(highwater_model))]
fn give_turn(turn: u32) {
    if turn < LOCK_YIELDS {
        std::thread::yield_now();
    } else {
        std::thread::sleep(LOCK_NAP);
    }
}

#[cfg(highwater_model)]
fn give_turn(_: u32) {
    loom::thread::yield_now();
}

impl<C: Combine> LateMail<'_, C> {
    /// After a release with mail or wake-ups pending. Without `here` it asks for the process first.
    #[cold]
    fn read(owner: &C, here: Option<Here>) {
        let room = owner.room();
        let mut returns = 0;
        while here.is_some() || owner.is_here() {
            if room.has(WAKES) {
                // Acquired: whoever is owed a wake-up was noted before the bit was set.
                room.pending.fetch_and(!WAKES, Ordering::Acquire);
                owner.wake_owed();
            }
            if !room.has(MAIL) {
                return;
            }
            if room.leaves_mail() || returns >= MAIL_RETURNS && owner.leave_to_another_thread() {
                return;
            }
            returns += 1;
            // If another thread has the lock, it also applies the mail.
            let Some(mut state) = room.state.try_lock() else {
                return;
            };
            room.read_mail(owner, &mut state);
            drop(state);
            fence(Ordering::SeqCst);
        }
    }
}

impl<C: Combine> Drop for LateMail<'_, C> {
    #[inline]
    fn drop(&mut self) {
        // Pairs with the fence in `Room::post`.
        fence(Ordering::SeqCst);
        if self.owner.room().has(MAIL | WAKES) {
            Self::read(self.owner, None);
        }
        if holds_drops() {
            has_released(self.owner, C::gives_turn);
        }
    }
}

#[cfg(all(test, not(highwater_model)))]
mod tests;
