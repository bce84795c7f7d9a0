//! A lock whose holder also does what others have left for it: nobody waits just to tell something.
//!
//! Owns: the state, the mail for it, and the promise that mail is never left lying.
//! Always true: mail is applied in the order in which it was posted; after `post` returns, it has been applied, or the
//! lock is held by a thread that will apply it before, or just after, letting go.
//! No thread waits for the lock while others take it again and again just to apply mail: after some turns they leave the
//! mail to the one that waits. Mail that goes on coming keeps nobody who has something else to do: another thread is asked
//! to look at the rest.
//! Must not know: what the mail says.
//!
//! ```text
//!   poster:  put mail, set pending, fence, try_lock --ok--> apply
//!                                                  `-held-> the holder: let go, fence, sees pending, try_lock, apply
//! ```

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use super::{AtomicBool, AtomicU32, Mutex, MutexGuard, Ordering, fence};
use crate::origin::Here;
use crate::policy::tuning::{
    LOCK_YIELDS, MOST_LOCK_TURNS, MOST_MAIL_LOOKS, MOST_MAIL_RETURNS, MOST_PASSED,
};

/// Who owns a [`Room`].
pub(crate) trait Combine {
    /// What the lock protects.
    type State;
    /// What others leave.
    type Mail;

    /// The state and the mail for it.
    fn room(&self) -> &Room<Self::State, Self::Mail>;

    /// Does what `mail` says.
    fn apply(&self, state: &mut Self::State, mail: Self::Mail);

    /// Mail is about to be applied.
    fn begins(&self, _: &mut Self::State) {}

    /// Mail goes on coming while it is applied, on a thread that has something else to do: has another look at it by
    /// [`Room::try_lock`]. False if there is none.
    fn hand_over(&self) -> bool {
        false
    }

    /// Whether this is the process of all those who hold its locks. In a forked child, mail is left unread.
    fn is_here(&self) -> bool {
        true
    }
}

/// A state behind a lock, with a box for mail beside it.
#[derive(Debug)]
pub(crate) struct Room<S, M> {
    state: Mutex<S>,
    mail: Mutex<VecDeque<M>>,
    /// There is mail. Changes under the lock of `mail`, and is looked at without.
    pending: AtomicBool,
    /// So many threads wait for the lock of `state`; each clears its mark once it has that, before it looks for mail.
    waiting: AtomicU32,
    /// How often the lock was taken for mail alone since one of them got it.
    passed: AtomicU32,
}

impl<S, M> Room<S, M> {
    pub(crate) fn new(state: S) -> Self {
        Self {
            state: Mutex::new(state),
            mail: Mutex::new(VecDeque::new()),
            pending: AtomicBool::new(false),
            waiting: AtomicU32::new(0),
            passed: AtomicU32::new(0),
        }
    }

    /// The lock, with all mail applied that had been posted before; for a call that knows its process.
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
        // No guard comes out of the rare case: it would come through memory, and so would that of the usual one.
        let state = self
            .state
            .try_lock()
            .or_else(|| self.state.may_wait(|| owner.is_here()).then(|| self.wait()))?;
        Some(self.locked(owner, state))
    }

    /// Waits for the lock, and has those who only have mail see that.
    #[cold]
    fn wait(&self) -> MutexGuard<'_, S> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let state = self.state.lock();
        self.passed.store(0, Ordering::Relaxed);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        state
    }

    /// Gives those who wait for the lock, which the caller does not hold, some time to get it: one that is let go of and
    /// taken again at once is never had by a thread that sleeps.
    pub(crate) fn give_way(&self) {
        for turn in 0..MOST_LOCK_TURNS {
            if self.waiting.load(Ordering::Relaxed) == 0 {
                return;
            }
            give_turn(turn);
        }
    }

    /// Whether the mail is to be left to a thread that waits for the lock, and was passed often enough: the locks of the
    /// system go to whoever asks at the right moment, which is hardly ever a thread that has to be woken first.
    ///
    /// After a full fence. That thread has not looked for mail yet, or it would not be seen waiting.
    fn leaves_mail(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
            && self.passed.fetch_add(1, Ordering::Relaxed) >= MOST_PASSED
    }

    /// How many pieces of mail nobody has applied yet.
    pub(crate) fn mail_waiting(&self) -> usize {
        if self.pending.load(Ordering::Relaxed) {
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
        if self.pending.load(Ordering::Relaxed) && owner.is_here() {
            self.read_mail(owner, state);
        }
    }

    /// The lock, if nobody holds it.
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

    /// Leaves `mail` for whoever holds the lock; applies it here if nobody does. Never waits for the state.
    pub(crate) fn post<C>(&self, owner: &C, mail: M)
    where
        C: Combine<State = S, Mail = M>,
    {
        let mut all = self.mail.lock();
        all.push_back(mail);
        self.pending.store(true, Ordering::Relaxed);
        drop(all);
        // Pairs with the fence in `LateMail::drop`: either we see the lock free, or its holder sees `pending`.
        fence(Ordering::SeqCst);
        if !self.leaves_mail() {
            drop(self.try_lock(owner));
        }
    }

    /// The state as it is, with mail left unread.
    #[cfg(test)]
    pub(super) fn peek<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.state.lock())
    }

    #[cold]
    fn read_mail<C>(&self, owner: &C, state: &mut S)
    where
        C: Combine<State = S, Mail = M>,
    {
        owner.begins(state);
        for _ in 0..MOST_MAIL_LOOKS {
            let mut all = self.mail.lock();
            let mail = std::mem::take(&mut *all);
            self.pending.store(false, Ordering::Relaxed);
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

/// The lock on a [`Room`]. Letting go of it applies what has been posted meanwhile.
#[derive(Debug)]
pub(crate) struct Locked<'a, C: Combine> {
    // In this order, which is that in which they are dropped.
    state: MutexGuard<'a, C::State>,
    late: LateMail<'a, C>,
}

/// Looks, when the lock has been let go of, for what was posted while it was held.
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
    /// Does `something` without the lock. What a call has locked, it may wait for again in any process: no thread that
    /// is missing in this one holds it.
    pub(crate) fn unlocked(self, something: impl FnOnce()) -> Self {
        let owner = self.late.owner;
        self.unlock();
        something();
        let room = owner.room();
        let state = room.state.try_lock().unwrap_or_else(|| room.wait());
        room.locked(owner, state)
    }

    /// Lets go, as dropping it does, in the midst of the caller's code: for calls of which each instruction counts.
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
        // To be woken takes some 50 us, more where others have the processors.
        std::thread::sleep(std::time::Duration::from_micros(50));
    }
}

#[cfg(highwater_model)]
fn give_turn(_: u32) {
    loom::thread::yield_now();
}

impl<C: Combine> LateMail<'_, C> {
    #[cold]
    fn read(&self) {
        let room = self.owner.room();
        let mut returns = 0;
        while room.pending.load(Ordering::Relaxed) && self.owner.is_here() {
            if room.leaves_mail() || returns >= MOST_MAIL_RETURNS && self.owner.hand_over() {
                return;
            }
            returns += 1;
            // If another thread has the lock, it has the mail, too.
            let Some(mut state) = room.state.try_lock() else {
                return;
            };
            room.read_mail(self.owner, &mut state);
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
        if self.owner.room().pending.load(Ordering::Relaxed) {
            self.read();
        }
    }
}

#[cfg(all(test, not(highwater_model)))]
mod tests;
