//! A task that waits at a socket: an attempt at each poll, and a waker that is told when the next is worth while.
//!
//! Owns: the wait of one future, from its first attempt that came to nothing to its last; the wakers that are owed a call.
//! Always true: a task registers under the lock under which its attempt failed, and looks again once its waker is there. A
//! task that was woken and leaves passes the wake-up on. A foreign waker is cloned, called and dropped without a lock of ours,
//! nor that of a list of waiters: it may run, or drop, any code.
//! Must not know: which future it is, and how its task is run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};

use highwater_patterns::{Outbound, Pattern, Pipes, Refusal};

use super::turns::{Turn, Turns};
use crate::error::Ended;
use crate::error::WaitError;
use crate::origin::Origin;
use crate::pipe::WriteEffects;
use crate::policy::tuning::MOST_READY_TURNS;
use crate::socket::attempt::Given;
use crate::socket::{Core, Locked, RecvFailure, State, Table, Unsent};
use crate::sync::due_wakes::{self, Due};
use crate::sync::{Event, EventListener, Mutex, Queue};

/// The wait of one future at one socket.
#[derive(Debug)]
pub(crate) struct TaskWait {
    core: Arc<Core>,
    wait: Wait,
}

/// How far a wait has come. Apart from its socket, so that one is borrowed while the other changes.
#[derive(Debug)]
struct Wait {
    registration: Registration,
    /// It is counted in `State::polls`, so that nobody borrows the socket's links.
    counted: bool,
    /// A wake-up was spent on it, or it has read the links, and it has had no outcome since.
    waited: bool,
    turns: Turns,
}

/// Where a task waits to be woken, if it does.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The process of the socket. In a forked child a thread of the parent may hold the lock of the list for ever.
    origin: Origin,
    place: Option<(EventListener, Arc<TaskWaker>)>,
}

/// Stands for a task's waker in the socket's lists of waiting threads and tasks.
#[derive(Debug)]
struct TaskWaker {
    core: Weak<Core>,
    task: Mutex<Option<Waker>>,
}

/// The tasks of a socket that are owed a call of their waker.
#[derive(Debug)]
pub(in crate::socket) struct OwedWakes(Queue<Arc<TaskWaker>>);

impl Default for OwedWakes {
    fn default() -> Self {
        Self(Queue::new())
    }
}

impl OwedWakes {
    /// Calls the wakers of all. Without any lock.
    #[cold]
    pub(in crate::socket) fn wake(&self) {
        while let Some(waker) = self.0.pop() {
            waker.wake_task();
        }
    }
}

/// Calls a foreign waker, without any lock. If it panics, that ends neither an I/O thread nor the call that wakes another; the
/// panic hook has told it.
pub(crate) fn call_waker(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

impl TaskWaker {
    fn wake_task(&self) {
        if let Some(task) = self.set(None) {
            call_waker(task);
        }
    }

    /// Gives the waker that was there before, to be dropped without the lock.
    fn set(&self, task: Option<Waker>) -> Option<Waker> {
        let mut place = self.task.lock();
        std::mem::replace(&mut *place, task)
    }

    /// Has `task` woken from now on.
    fn wakes(&self, task: &Waker) {
        let place = self.task.lock();
        if place.as_ref().is_some_and(|known| known.will_wake(task)) {
            return;
        }
        drop(place);
        drop(self.set(Some(task.clone())));
    }

    /// Whether `listener` has not been notified; this waker is called once it is.
    fn listens(self: &Arc<Self>, listener: &mut EventListener) -> bool {
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        Pin::new(listener).poll(&mut context).is_pending()
    }
}

impl Wake for TaskWaker {
    /// Called by whoever notifies, with the list of waiters locked and perhaps the socket.
    fn wake(self: Arc<Self>) {
        due_wakes::wake(self);
    }
}

impl Due for TaskWaker {
    fn wake_now(self: Arc<Self>) {
        match self.core.upgrade() {
            Some(core) => {
                core.owed_wakes.0.push(self);
                core.room.owe_wakes(&*core);
            }
            // Nobody holds the lock of a socket that has gone.
            None => self.wake_task(),
        }
    }
}

impl TaskWait {
    #[inline]
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
            wait: Wait {
                registration: Registration::new(core),
                counted: false,
                waited: false,
                turns: Turns::default(),
            },
        }
    }

    /// The socket.
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Receives by `read`, which is given the socket as well.
    #[inline]
    pub(crate) fn poll_recv<T>(
        &mut self,
        context: &mut Context<'_>,
        mut read: impl FnMut(&Arc<Core>, &mut Pattern, &mut Table) -> Option<T>,
    ) -> Poll<Result<T, RecvFailure>> {
        let (core, wait) = (&self.core, &mut self.wait);
        let mut state = ready!(wait.next_turn(core, context)).map_err(RecvFailure::Ended)?;
        let mut read = |pattern: &mut Pattern, table: &mut Table| read(core, pattern, table);
        state.table.refill_budget();
        match core.attempt_recv(&mut state, &mut read) {
            Ok(Some(taken)) if !wait.waited => {
                state.unlock();
                Poll::Ready(Ok(taken))
            }
            outcome => wait.recv_on(core, state.handed_on(), context, &mut read, outcome),
        }
    }

    /// Sends by `put`. After a failure, and as long as it waits, `message` is as it was. It waits for no soft mark: its
    /// messages wait in memory up to the high-water mark.
    #[inline]
    pub(crate) fn poll_send<T, M: Outbound>(
        &mut self,
        context: &mut Context<'_>,
        message: &mut M,
        mut put: impl FnMut(&mut Pattern, &mut Table, &mut M) -> Result<T, Refusal>,
    ) -> Poll<Result<T, Unsent>> {
        let (core, wait) = (&self.core, &mut self.wait);
        let mut state = ready!(wait.next_turn(core, context)).map_err(Unsent::Ended)?;
        match core.attempt_send(&mut state, message, &mut put) {
            Ok(Given::Done(done)) if !wait.waited => {
                state.unlock();
                Poll::Ready(Ok(done))
            }
            outcome => {
                let state = state.handed_on();
                wait.send_on(core, state, context, outcome)
            }
        }
    }

    /// Waits until `there` says so.
    pub(crate) fn poll_until(
        &mut self,
        context: &mut Context<'_>,
        there: impl FnMut(&mut State) -> bool,
    ) -> Poll<Result<(), WaitError>> {
        self.poll_state(context, |core| &core.changed, there)
    }

    /// Waits until the socket has ended: nothing else wakes the task.
    pub(crate) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        loop {
            match ready!(self.poll_state(context, |core| &core.ends, |_| false)) {
                Err(WaitError::Ended(ended)) => return Poll::Ready(ended),
                Ok(()) | Err(WaitError::Timeout) => {}
            }
        }
    }

    /// Waits until `there` says so; `event` is notified when that is worth asking again.
    fn poll_state(
        &mut self,
        context: &mut Context<'_>,
        event: fn(&Core) -> &Event,
        mut there: impl FnMut(&mut State) -> bool,
    ) -> Poll<Result<(), WaitError>> {
        let (core, wait) = (&self.core, &mut self.wait);
        if wait.still_waits(context) {
            return Poll::Pending;
        }
        let mut state = core.enter()?;
        if let Some(ended) = state.ended {
            return Poll::Ready(Err(ended.into()));
        }
        if there(&mut state) {
            return Poll::Ready(Ok(()));
        }
        wait.registration.register(core.this.clone(), event(core));
        wait.sleep(state, context)
    }
}

impl Wait {
    /// Goes on after a first attempt that has found nothing, or after a wait. Never inlined, as
    /// [`Core::send_on`](crate::socket::Core), so that the first attempt keeps the lock in registers.
    #[cold]
    #[inline(never)]
    fn recv_on<T>(
        &mut self,
        core: &Core,
        mut state: Locked<'_>,
        context: &mut Context<'_>,
        read: &mut impl FnMut(&mut Pattern, &mut Table) -> Option<T>,
        mut outcome: Result<Option<T>, Ended>,
    ) -> Poll<Result<T, RecvFailure>> {
        loop {
            match outcome {
                Ok(Some(taken)) => {
                    self.count(&mut state, false);
                    self.turns.end(&mut state);
                    if std::mem::take(&mut self.waited) {
                        // There may be more for one more of those who wait.
                        core.readable.notify(1);
                    }
                    drop(state);
                    return Poll::Ready(Ok(taken));
                }
                Ok(None) => {}
                Err(ended) => {
                    self.count(&mut state, false);
                    return Poll::Ready(Err(RecvFailure::Ended(ended)));
                }
            }
            if state.table.has_spent_budget() {
                return again(state, context);
            }
            if !core.is_here() {
                state.ended = Some(Ended::Forked);
            } else if !core.read_links(&mut state) {
                self.waited = true;
                match self.turns.next(&mut state, self.counted) {
                    Turn::Attempt => {}
                    Turn::Next => {
                        self.count(&mut state, false);
                        drop(state);
                        self.turns.yields();
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Turn::Sleep => {
                        self.registration
                            .register(core.this.clone(), &core.readable);
                        let news = state.table.listen_within();
                        if news.is_empty() {
                            if !state.leading {
                                state.table.return_readers();
                            }
                            self.count(&mut state, true);
                            return self.sleep(state, context);
                        }
                        self.registration.end();
                        core.lanes_readable(&mut state, &news);
                    }
                }
            }
            outcome = core.attempt_recv(&mut state, read);
        }
    }

    /// Goes on after a first attempt that has failed or has had effects, or after a wait.
    #[cold]
    #[inline(never)]
    fn send_on<T>(
        &mut self,
        core: &Core,
        mut state: Locked<'_>,
        context: &Context<'_>,
        outcome: Result<Given<T>, Unsent>,
    ) -> Poll<Result<T, Unsent>> {
        let given = match outcome {
            // Messages that are gathered and not written are a duty of the I/O thread already.
            Ok(Given::Done(done) | Given::Acted(done, _)) => Ok(done),
            Err(Unsent::Refused(Refusal::Full)) => {
                if !core.is_here() {
                    return Poll::Ready(Err(core.forked(&mut state)));
                }
                state.table.set_senders_wait(false);
                self.registration
                    .register(core.this.clone(), &core.writable);
                state.table.note(WriteEffects::MUTED);
                return self.sleep(state, context);
            }
            Err(unsent) => {
                if self.waited && matches!(unsent, Unsent::Refused(_)) {
                    core.unmute(&mut state);
                }
                Err(unsent)
            }
        };
        if std::mem::take(&mut self.waited) {
            // There may be room for one more of those who wait.
            core.writable.notify(1);
        }
        drop(state);
        Poll::Ready(given)
    }

    /// The lock for the next attempt to receive or send: not before a wake-up if it is registered, and now and then only after
    /// the other tasks had a turn.
    #[inline]
    fn next_turn<'a>(
        &mut self,
        core: &'a Core,
        context: &mut Context<'_>,
    ) -> Poll<Result<Locked<'a>, Ended>> {
        if self.still_waits(context) {
            return Poll::Pending;
        }
        let mut state = core.lock_here()?;
        if self.gives_way(&mut state) {
            return again(state, context);
        }
        Poll::Ready(Ok(state))
    }

    /// Whether it is registered and has not been woken.
    #[inline]
    fn still_waits(&mut self, context: &mut Context<'_>) -> bool {
        self.registration.place.is_some()
            && self.registration.still_waits(context, &mut self.waited)
    }

    /// It is registered under the lock that `state` is: releases that, and has its task woken. If it was notified in between,
    /// the task is to be polled again at once.
    fn sleep<T>(&mut self, state: Locked<'_>, context: &Context<'_>) -> Poll<T> {
        drop(state);
        if !self.registration.has_task_woken(context, &mut self.waited) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Whether this turn goes to other tasks: a socket that is always ready would keep its executor from all of them.
    #[inline]
    fn gives_way(&self, state: &mut State) -> bool {
        state.ready_turns = if self.waited || state.ready_turns >= MOST_READY_TURNS {
            0
        } else {
            state.ready_turns + 1
        };
        !self.waited && state.ready_turns == 0
    }

    /// Counts it among the waits for which nobody borrows the socket's links, or no more.
    fn count(&mut self, state: &mut State, counted: bool) {
        match (std::mem::replace(&mut self.counted, counted), counted) {
            (false, true) => state.polls += 1,
            (true, false) => state.polls -= 1,
            _ => {}
        }
    }
}

impl Registration {
    /// Of a task that does not wait yet, at `core`.
    pub(crate) fn new(core: &Core) -> Self {
        Self::of(core.origin())
    }

    /// Of a task that does not wait yet, at a socket of this process.
    pub(crate) fn of(origin: Origin) -> Self {
        Self {
            origin,
            place: None,
        }
    }

    /// Whether this is the process of the socket. A system call.
    pub(crate) fn is_here(&self) -> bool {
        self.origin.is_here()
    }

    /// Whether it is registered and has not been woken; it is woken through `context` from now on. `woken` is set if it was.
    /// In a forked child it waits no more.
    fn still_waits(&mut self, context: &mut Context<'_>, woken: &mut bool) -> bool {
        if self.place.is_none() {
            return false;
        }
        if !self.origin.is_here() {
            self.end();
            return false;
        }
        self.has_task_woken(context, woken)
    }

    /// Whether it is registered and has not been woken; it is woken through `context` from now on. `woken` is set if it was.
    /// To be called in the process of the socket, without its lock: the waker of the task is cloned, and another dropped.
    fn has_task_woken(&mut self, context: &Context<'_>, woken: &mut bool) -> bool {
        let Some((listener, waker)) = &mut self.place else {
            return false;
        };
        // Before the look: a wake-up that comes after it goes to this waker.
        waker.wakes(context.waker());
        if waker.listens(listener) {
            return true;
        }
        self.place = None;
        *woken = true;
        false
    }

    /// Registers at `event`, under the lock under which an attempt has failed. Once that is released, the task's waker is
    /// added ([`has_task_woken`](Self::has_task_woken)), which is called without the lock of `owner`. To be called in its
    /// process.
    fn register(&mut self, owner: Weak<Core>, event: &Event) {
        let waker = Arc::new(TaskWaker {
            core: owner,
            task: Mutex::new(None),
        });
        self.place = Some((event.listen(), waker));
    }

    /// Waits until `look` finds something, of which `event` is notified. To be called in the process of `owner`.
    pub(crate) fn poll_until<T>(
        &mut self,
        owner: &Weak<Core>,
        event: &Event,
        context: &mut Context<'_>,
        mut look: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        if self.still_waits(context, &mut false) {
            return Poll::Pending;
        }
        loop {
            if let Some(found) = look() {
                self.end();
                return Poll::Ready(found);
            }
            // Once more behind that: nobody holds a lock here.
            if self.place.is_some() {
                return Poll::Pending;
            }
            self.register(Weak::clone(owner), event);
            self.has_task_woken(context, &mut false);
        }
    }

    /// Waits no more: a wake-up that was meant for it goes to the next.
    #[cold]
    pub(crate) fn end(&mut self) {
        let Some((listener, waker)) = self.place.take() else {
            return;
        };
        if self.origin.is_here() {
            due_wakes::put_off(|| drop(listener));
            drop(waker.set(None));
        } else {
            std::mem::forget((listener, waker));
        }
    }
}

impl Drop for Registration {
    #[inline]
    fn drop(&mut self) {
        if self.place.is_some() {
            self.end();
        }
    }
}

/// The task is to be polled again, after others.
#[cold]
fn again<T>(state: Locked<'_>, context: &Context<'_>) -> Poll<T> {
    drop(state);
    context.waker().wake_by_ref();
    Poll::Pending
}

impl Drop for TaskWait {
    #[inline]
    fn drop(&mut self) {
        if self.wait.waited || self.wait.registration.place.is_some() {
            self.leave();
        }
    }
}

impl TaskWait {
    /// Ends a wait that has begun and has had no outcome.
    #[cold]
    fn leave(&mut self) {
        // Registered, it passes its wake-up on by itself.
        let Self { core, wait } = self;
        let has_taken_one = wait.waited && wait.registration.place.is_none();
        wait.registration.end();
        if (wait.counted || wait.turns.has_begun())
            && let Ok(mut state) = core.lock_here()
        {
            wait.count(&mut state, false);
            wait.turns.end(&mut state);
        }
        if has_taken_one && core.is_here() {
            // What it has not looked at is for another one.
            due_wakes::notify(&core.readable, 1);
            due_wakes::notify(&core.writable, 1);
        }
    }
}

#[cfg(all(test, highwater_model))]
mod models;
