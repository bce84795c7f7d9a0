//! Sending and receiving, and waiting for it: on the socket's own links where that is faster, else asleep.
//!
//! Owns: the rules of who waits how, and who is woken.
//! Always true: whoever registers to be woken does so under the lock under which it found nothing; a thread that was
//! woken and leaves passes the wake-up on, so one message never leaves two threads asleep.
//! Source: the hand-over of links is our own; libzmq wakes the receiver from its I/O thread each time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_listener::{EventListener, Listener};
use highwater_patterns::{Message, Outbound, Pattern, PipeId, Pipes, Refusal};

use super::full::WaitForRoom;
use super::spin;
use super::{Core, Ended, Locked, State, Table, left};
use crate::error::WaitError;
use crate::origin::Here;
use crate::pipe::{Lane, Notices};

/// After so many messages a send asks whether it is in a forked child, in case that all of them have only been gathered.
/// With what one visit of a [`send_many`](crate::Push::send_many) adds, that is once in 1000 messages at least.
const ASK_EVERY: u32 = 512;

/// After so many turns without a message, a receive leaves the lock to others for a moment.
const TURNS_IN_VAIN: u32 = 8;

/// How long a call may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// At most so long.
    AtMost(Duration),
    /// As the socket's own timeout says.
    Configured,
}

/// Why a send came to nothing. The message is where it was: a result of its size would be copied at each return, also by
/// the sends that succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// Nobody has room, and waiting was not allowed or long enough; or the pattern says no for another reason.
    Refused(Refusal),
    /// Nobody will come who could take it.
    GivenUp,
    /// The socket is of no more use.
    Ended(Ended),
}

impl Unsent {
    /// The failure, with what was not sent.
    #[cold]
    pub(crate) fn of(self, message: Message) -> SendFailure {
        match self {
            Self::Refused(reason) => SendFailure::Refused(message, reason),
            Self::GivenUp => SendFailure::GivenUp(message),
            Self::Ended(ended) => SendFailure::Ended(message, ended),
        }
    }
}

/// Why a message was not sent, with the message.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// See [`Unsent`].
    Refused(Message, Refusal),
    /// See [`Unsent`].
    GivenUp(Message),
    /// See [`Unsent`].
    Ended(Message, Ended),
}

/// Why a receive came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvFailure {
    /// Nothing came in time.
    Timeout,
    /// The socket is of no more use.
    Ended(Ended),
}

/// A moment to give up, computed when first needed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deadline {
    Passed,
    At(Instant),
    Never,
}

impl Deadline {
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        match timeout.map(|timeout| Instant::now().checked_add(timeout)) {
            Some(Some(at)) => Self::At(at),
            // Too far away to be told.
            Some(None) | None => Self::Never,
        }
    }

    pub(super) fn new(wait: Wait, configured: Option<Duration>) -> Self {
        match wait {
            Wait::No => Self::Passed,
            Wait::AtMost(timeout) => Self::after(Some(timeout)),
            Wait::Configured => Self::after(configured),
        }
    }

    pub(super) fn has_passed(self) -> bool {
        match self {
            Self::Passed => true,
            Self::At(at) => at <= Instant::now(),
            Self::Never => false,
        }
    }

    pub(super) fn instant(self) -> Option<Instant> {
        match self {
            Self::At(at) => Some(at),
            Self::Passed | Self::Never => None,
        }
    }

    /// How much time is left, at most `most`.
    pub(super) fn left(self, most: Duration) -> Duration {
        self.instant().map_or(most, |at| {
            most.min(at.saturating_duration_since(Instant::now()))
        })
    }

    /// Sleeps until `listener` is notified or the deadline passes; only where those who notify it exist.
    pub(super) fn sleep(self, listener: EventListener, _: Here) {
        match self {
            Self::At(at) => drop(listener.wait_deadline(at)),
            Self::Never => listener.wait(),
            Self::Passed => {}
        }
    }
}

/// How a receive waits for a message.
#[derive(Debug, Clone, Copy)]
struct WaitForInput {
    deadline: Deadline,
    /// It has done more than to write what this thread has left in other sockets.
    has_waited: bool,
    /// It has looked out for what comes from within the process.
    has_spun: bool,
    /// Once it has asked whether this is the socket's own process.
    here: Option<Here>,
    /// It has let others have the lock, having looked at as much as one may.
    has_let_others: bool,
    /// How often it has found no message.
    turns: u32,
}

impl WaitForInput {
    fn begin(state: &mut State, wait: Wait) -> Self {
        state.table.waited();
        Self {
            deadline: Deadline::new(wait, state.options.receive_timeout),
            has_waited: false,
            has_spun: false,
            here: None,
            has_let_others: false,
            turns: 0,
        }
    }
}

impl Locked<'_> {
    /// The lock, unless the socket is of no more use.
    fn unless_ended(self) -> Result<Self, RecvFailure> {
        match self.ended {
            Some(ended) => Err(RecvFailure::Ended(ended)),
            None => Ok(self),
        }
    }
}

impl Core {
    /// Sends by `put`, waiting for room as long as `wait` allows. Takes `message` by reference, since moving it through
    /// several calls costs more than encoding it; after a failure it is as it was.
    #[inline]
    pub(crate) fn send_with<T, M: Outbound>(
        &self,
        wait: Wait,
        message: &mut M,
        put: impl FnMut(&mut Pattern, &mut Table, &mut M) -> Result<T, Refusal>,
    ) -> Result<T, Unsent> {
        match self.lock_here() {
            Ok(state) => {
                let (state, outcome) = self.send_locked(state, wait, message, put);
                state.leave();
                outcome
            }
            Err(ended) => Err(Unsent::Ended(ended)),
        }
    }

    /// As [`send_with`](Self::send_with), with the lock held before and after, so that many sends pay for it once.
    #[inline]
    pub(crate) fn send_locked<'a, T, M: Outbound>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        message: &mut M,
        mut put: impl FnMut(&mut Pattern, &mut Table, &mut M) -> Result<T, Refusal>,
    ) -> (Locked<'a>, Result<T, Unsent>) {
        if let Some(ended) = state.ended {
            return (state, Err(Unsent::Ended(ended)));
        }
        state.sends_unasked += 1;
        if state.sends_unasked >= ASK_EVERY {
            state.sends_unasked = 0;
            if !self.is_here() {
                let ended = self.forked(&mut state);
                return (state, Err(ended));
            }
        }
        let mut waiting = None;
        loop {
            let State { pattern, table, .. } = &mut *state;
            match put(pattern, table, message) {
                Ok(done) if !state.table.has_notices() => return (state, Ok(done)),
                Ok(done) => {
                    let (state, outcome) = self.see_to(state, wait, message, waiting);
                    return (state, outcome.map(|()| done));
                }
                Err(Refusal::Full) => {
                    let outcome;
                    (state, outcome) = self.wait_for_room(state, wait, &mut waiting);
                    if let Err(unsent) = outcome {
                        return (state, Err(unsent));
                    }
                }
                Err(reason) => {
                    let refused = self.refused(&mut state, waiting, reason);
                    return (state, Err(refused));
                }
            }
        }
    }

    /// A send has brought about more than that its message is on its way, or has waited for that.
    #[cold]
    fn see_to<'a>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        message: &mut impl Outbound,
        waited: Option<WaitForRoom>,
    ) -> (Locked<'a>, Result<(), Unsent>) {
        let notices = state.table.take_notices();
        self.unmute(&mut state);
        if waited.is_some() {
            self.has_waited();
        }
        if notices.contains(Notices::UNFLUSHED) {
            left::remember(self);
        }
        if state.table.has_closed() {
            if let Some(stranded) = state.table.take_stranded() {
                message.as_message(|message| *message = stranded);
                let ended = self.forked(&mut state);
                return (state, Err(ended));
            }
            // A slow subscriber was turned out, which takes locks of the I/O thread's.
            if !self.is_here() {
                let ended = self.forked(&mut state);
                return (state, Err(ended));
            }
            self.settle_closed(&mut state);
        }
        if notices.contains(Notices::OVER_BUDGET) && !matches!(wait, Wait::No) {
            let deadline = Deadline::new(wait, state.options.send_timeout);
            state = self.ease(state, deadline);
        }
        (state, Ok(()))
    }

    /// The pattern will not have the message, for a `reason` that no wait would change.
    #[cold]
    fn refused(&self, state: &mut State, waited: Option<WaitForRoom>, reason: Refusal) -> Unsent {
        if waited.is_some() {
            self.unmute(state);
            self.has_waited();
        }
        Unsent::Refused(reason)
    }

    /// Refuses the message at hand, and whatever comes after it.
    #[cold]
    pub(super) fn forked(&self, state: &mut State) -> Unsent {
        state.ended = Some(Ended::Forked);
        Unsent::Ended(Ended::Forked)
    }

    /// Receives by `read`, waiting for a message as long as `wait` allows.
    #[inline]
    pub(crate) fn recv_with<T>(
        &self,
        wait: Wait,
        mut read: impl FnMut(&mut Pattern, &mut Table) -> Option<T>,
    ) -> Result<T, RecvFailure> {
        let mut state = self.lock_here().map_err(RecvFailure::Ended)?;
        if let Some(ended) = state.ended {
            return Err(RecvFailure::Ended(ended));
        }
        let mut waiting = None;
        state.table.look_anew();
        loop {
            let State { pattern, table, .. } = &mut *state;
            if let Some(taken) = read(pattern, table) {
                if self.lending.used() {
                    self.check_idle(&mut state);
                }
                if let Some(waiting) = waiting {
                    self.has_waited_for_input(waiting);
                }
                state.leave();
                return Ok(taken);
            }
            state = self.wait_for_input(state, wait, &mut waiting)?;
        }
    }

    /// There is no message: waits until there may be one, as long as `wait` allows.
    #[cold]
    fn wait_for_input<'a>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        waiting: &mut Option<WaitForInput>,
    ) -> Result<Locked<'a>, RecvFailure> {
        let begins = waiting.is_none();
        let waiting = waiting.get_or_insert_with(|| WaitForInput::begin(&mut state, wait));
        let deadline = waiting.deadline;
        waiting.turns += 1;
        if state.table.has_looked_enough() || waiting.turns.is_multiple_of(TURNS_IN_VAIN) {
            return self.let_others(state, waiting);
        }
        if begins && !matches!(deadline, Deadline::Passed) && left::is_left_elsewhere(self) {
            state = state.unlocked(left::flush);
            return state.unless_ended();
        }
        waiting.has_waited = true;
        self.give_back_readers(&mut state);
        let within = state.table.has_lanes();
        // Not before looking out for what comes from within the process, which is there sooner than the answer.
        if waiting.here.is_none()
            && (waiting.has_spun || !within || matches!(deadline, Deadline::Passed))
        {
            waiting.here = self.origin().ask();
            if waiting.here.is_none() {
                state.ended = Some(Ended::Forked);
                return Err(RecvFailure::Ended(Ended::Forked));
            }
        }
        state.table.flush();
        self.sweep(&mut state);
        // It may have retired, and the last pipe has just been read to the end.
        state = state.unless_ended()?;
        if within && self.look_within(&mut state) {
            // A message came from within the process.
        } else if matches!(deadline, Deadline::Passed) && self.read_lent(&mut state) {
            // What a wait would have found is there.
        } else if deadline.has_passed() {
            // A wake-up meant for this thread goes to the next.
            self.readable.notify(1);
            return Err(RecvFailure::Timeout);
        } else if !state.leading
            && state.polls == 0
            && state.table.is_lendable()
            && let Some(here) = waiting.here
            && self.leader.prepare()
        {
            state = self.lead(state, deadline, here);
        } else if within && !waiting.has_spun {
            waiting.has_spun = true;
            state = self.spin(state);
        } else if let Some(here) = waiting.here {
            let listener = self.readable.listen();
            let news = state.table.listen_within();
            if news.is_empty() {
                drop(state);
                deadline.sleep(listener, here);
                state = self.lock(here);
            } else {
                self.readable_within(&mut state, &news);
            }
        }
        state.unless_ended()
    }

    /// A receive has looked at as much as one may under one hold of the lock, or time and again in vain: others have their
    /// turn, and it begins anew if there is time. A call that may not wait does so once.
    #[cold]
    fn let_others<'a>(
        &'a self,
        state: Locked<'a>,
        waiting: &mut WaitForInput,
    ) -> Result<Locked<'a>, RecvFailure> {
        let again = waiting.has_let_others || !matches!(waiting.deadline, Deadline::Passed);
        waiting.has_let_others = true;
        if again && waiting.deadline.has_passed() {
            self.readable.notify(1);
            return Err(RecvFailure::Timeout);
        }
        let mut state = state.unlocked(|| {
            left::flush();
            self.room.give_way();
        });
        state.table.look_anew();
        // Else whoever is always found with something keeps all other lent links unread.
        if self.is_here() {
            self.read_lent(&mut state);
        }
        state.unless_ended()
    }

    /// A receive has waited for the message that it has got.
    #[cold]
    fn has_waited_for_input(&self, waiting: WaitForInput) {
        if waiting.has_waited {
            // There may be more for one more of those who wait, or the links to lead.
            self.readable.notify(1);
        }
    }

    /// Whether anything came from within the process; the pattern is told.
    fn look_within(&self, state: &mut State) -> bool {
        let news = state.table.news_within();
        self.readable_within(state, &news);
        !news.is_empty()
    }

    pub(super) fn readable_within(&self, state: &mut State, news: &[PipeId]) {
        for pipe in news {
            state.pattern.readable(*pipe, &mut state.table);
        }
    }

    /// Looks out for a message from within the process for some microseconds, as long as that has paid lately.
    fn spin<'a>(&'a self, mut state: Locked<'a>) -> Locked<'a> {
        let turns = state.spin.begin();
        let lanes: Vec<Arc<Lane>> = state
            .table
            .lanes()
            .map(|(_, lane)| Arc::clone(lane))
            .collect();
        let mut found = false;
        let mut state = state.unlocked(|| {
            found = spin::look_out(turns, || lanes.iter().any(|lane| lane.is_ready()))
        });
        state.table.settle();
        state.spin.learn(found);
        state
    }

    /// Waits until `there` says so.
    pub(crate) fn wait_until(
        &self,
        timeout: Duration,
        mut there: impl FnMut(&mut State) -> bool,
    ) -> Result<(), WaitError> {
        let deadline = Deadline::after(Some(timeout));
        loop {
            let here = self.here()?;
            let mut state = self.lock(here);
            if let Some(ended) = state.ended {
                return Err(ended.into());
            }
            if there(&mut state) {
                return Ok(());
            }
            if deadline.has_passed() {
                return Err(WaitError::Timeout);
            }
            let listener = self.changed.listen();
            drop(state);
            deadline.sleep(listener, here);
        }
    }
}
