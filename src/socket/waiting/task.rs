//! A task that waits at a socket: an attempt at each poll, and a waker that is told when the next is worth while.
//!
//! Owns: the wait of one future, from its first attempt that came to nothing to its last.
//! Always true: a task registers under the lock under which its attempt failed, and looks again once its waker is there. A
//! task that was woken and leaves passes the wake-up on.
//! Must not know: which future it is, and how its task is run.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use highwater_patterns::{Outbound, Pattern, Pipes, Refusal};

use super::precedence::TaskTurn;
use super::registration::Registration;
use super::turns::{Turn, Turns};
use crate::error::{Ended, WaitError};
use crate::pipe::WriteEffects;
use crate::policy::tuning::MOST_READY_TURNS;
use crate::socket::attempt::Given;
use crate::socket::caller::Caller;
use crate::socket::{Core, Locked, RecvFailure, State, Table, Unsent};
use crate::sync::{Event, due_wakes};

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
        // Written out, and the lock never handed on before its first use, so that it stays in registers.
        if wait.still_waits(context) {
            return Poll::Pending;
        }
        let mut state = core.lock_here().map_err(RecvFailure::Ended)?;
        if wait.gives_way(&mut state) {
            match core.task_gives_turn(&mut state, &core.readable) {
                TaskTurn::Own => {}
                turn => return gives_turn(state.handed_on(), context, turn),
            }
        }
        let mut read = |pattern: &mut Pattern, table: &mut Table| read(core, pattern, table);
        state.table.refill_budget();
        match core.attempt_recv(&mut state, Caller::Task, &mut read) {
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
        if wait.still_waits(context) {
            return Poll::Pending;
        }
        let mut state = core.lock_here().map_err(Unsent::Ended)?;
        if wait.gives_way(&mut state) {
            match core.task_gives_turn(&mut state, &core.writable) {
                TaskTurn::Own => {}
                turn => return gives_turn(state.handed_on(), context, turn),
            }
        }
        match core.attempt_send(&mut state, Caller::Task, message, &mut put) {
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
                        core.receivers.had_turn(core.lending.uses());
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
            outcome = core.attempt_recv(&mut state, Caller::Task, read);
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
            core.sender_had_turn(&mut state);
        }
        drop(state);
        Poll::Ready(given)
    }

    /// Whether it is registered and has not been woken.
    #[inline]
    fn still_waits(&mut self, context: &mut Context<'_>) -> bool {
        self.registration.is_there() && self.registration.still_waits(context, &mut self.waited)
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
        state.ready_turns = if self.waited {
            0
        } else {
            state.ready_turns + 1
        };
        state.ready_turns > MOST_READY_TURNS
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

/// The task is to be polled again, after others.
#[cold]
fn again<T>(state: Locked<'_>, context: &Context<'_>) -> Poll<T> {
    drop(state);
    context.waker().wake_by_ref();
    Poll::Pending
}

/// The turn goes to others.
#[cold]
fn gives_turn<T>(state: Locked<'_>, context: &Context<'_>, turn: TaskTurn) -> Poll<T> {
    let pending = again(state, context);
    if turn == TaskTurn::ToThreads {
        // They may need this processor.
        std::thread::yield_now();
    }
    pending
}

impl Drop for TaskWait {
    #[inline]
    fn drop(&mut self) {
        if self.wait.waited || self.wait.registration.is_there() {
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
        let has_taken_one = wait.waited && !wait.registration.is_there();
        wait.registration.end();
        if (wait.counted || wait.turns.has_begun())
            && let Ok(mut state) = core.lock_here()
        {
            wait.count(&mut state, false);
            wait.turns.end(&mut state);
        }
        if has_taken_one && core.is_here() {
            // A wake-up that it has not looked at goes to another task.
            due_wakes::notify(&core.readable, 1);
            due_wakes::notify(&core.writable, 1);
        }
    }
}
