//! Fan-out: one message to all pipes, or to some of them; a full pipe misses the message.
//!
//! Owns: the outbound pipes, which of them are full, and which were chosen for the current message.
//! Always true: each attached pipe has one index and one place in the order, the open ones first. An index whose pipe has
//! left it has no place and is never chosen. A pipe is chosen once for a message, however often it is named. Once the lists have grown, no message allocates.
//! Must not know: why a pipe was chosen.
//! Source: RFC 29/PUBSUB, "The PUB Socket Type".

use crate::pipe_map::PipeMap;
use crate::{DropCause, Outbound, PipeId, Pipes, Refusal, Sent, SlowSubscriber};

/// The index of a pipe in arrays: small, and used again once it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubscriberIndex(u32);

impl SubscriberIndex {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The outbound half of PUB, XPUB and XSUB.
#[derive(Debug)]
pub(crate) struct FanOut {
    subscribers: Vec<Subscriber>,
    vacant: Vec<SubscriberIndex>,
    by_pipe: PipeMap<SubscriberIndex>,
    /// The pipes; the first `open` had room at the last event.
    order: Vec<PipeId>,
    open: usize,
    /// The number of the current message: a subscriber with this number has been chosen.
    turn: u64,
    chosen: Vec<PipeId>,
    missed: Vec<PipeId>,
    filled: Vec<PipeId>,
    /// The drop cause of a message that found no room.
    cause: DropCause,
}

#[derive(Debug)]
struct Subscriber {
    pipe: PipeId,
    /// The index of `pipe` in the order; `None` if the pipe has left this index.
    place: Option<u32>,
    chosen_in: u64,
}

impl FanOut {
    pub(crate) fn new(cause: DropCause) -> Self {
        Self {
            subscribers: Vec::new(),
            vacant: Vec::new(),
            by_pipe: PipeMap::default(),
            order: Vec::new(),
            open: 0,
            turn: 0,
            chosen: Vec::new(),
            missed: Vec::new(),
            filled: Vec::new(),
            cause,
        }
    }

    /// How many pipes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The index of `pipe`, if it is attached.
    pub(crate) fn subscriber(&self, pipe: PipeId) -> Option<SubscriberIndex> {
        self.by_pipe.get(pipe).copied()
    }

    /// A new pipe.
    pub(crate) fn attach(&mut self, pipe: PipeId) {
        let place = self.order.len();
        let id = self.take_index(pipe, place);
        let before = self.by_pipe.insert(pipe, id);
        debug_assert!(before.is_none(), "{pipe:?} attached twice");
        self.order.push(pipe);
        self.swap(place, self.open);
        self.open += 1;
    }

    /// An index for `pipe`, which is at `place` in the order.
    fn take_index(&mut self, pipe: PipeId, place: usize) -> SubscriberIndex {
        let subscriber = Subscriber {
            pipe,
            place: Some(place as u32),
            chosen_in: self.turn,
        };
        match self.vacant.pop() {
            Some(id) => {
                self.subscribers[id.index()] = subscriber;
                id
            }
            None => {
                self.subscribers.push(subscriber);
                SubscriberIndex(self.subscribers.len() as u32 - 1)
            }
        }
    }

    /// `pipe` is not written any more; its index may be given to another.
    pub(crate) fn detach(&mut self, pipe: PipeId) {
        if let Some(id) = self.leave(pipe) {
            self.release(id);
        }
    }

    /// `pipe` is not written any more. Gives its index, which no pipe gets before it is [released](Self::release).
    pub(crate) fn leave(&mut self, pipe: PipeId) -> Option<SubscriberIndex> {
        let id = self.subscriber(pipe)?;
        self.shut(pipe);
        let place = self.place(id);
        self.swap(place, self.order.len() - 1);
        self.order.pop();
        self.by_pipe.remove(pipe);
        self.subscribers[id.index()].place = None;
        Some(id)
    }

    /// Gives `pipe` another index. Gives the former one, which no pipe gets before it is [released](Self::release).
    pub(crate) fn change_index(&mut self, pipe: PipeId) -> Option<SubscriberIndex> {
        let former = self.subscriber(pipe)?;
        let id = self.take_index(pipe, self.place(former));
        self.by_pipe.insert(pipe, id);
        self.subscribers[former.index()].place = None;
        Some(former)
    }

    /// An index that its pipe has left may be given to another pipe.
    pub(crate) fn release(&mut self, id: SubscriberIndex) {
        debug_assert!(self.subscribers[id.index()].place.is_none(), "it is in use");
        self.vacant.push(id);
    }

    /// A pipe that was full has room again.
    pub(crate) fn writable(&mut self, pipe: PipeId) {
        if let Some(place) = self.subscriber(pipe).map(|id| self.place(id))
            && place >= self.open
        {
            self.swap(place, self.open);
            self.open += 1;
        }
    }

    /// Begins the choice of pipes for a message.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.turn += 1;
        self.chosen.clear();
        self.missed.clear();
    }

    /// Chooses the pipe of this subscriber; no effect if it is chosen already.
    #[inline]
    pub(crate) fn choose(&mut self, id: SubscriberIndex) {
        let subscriber = &mut self.subscribers[id.index()];
        if subscriber.chosen_in == self.turn {
            return;
        }
        subscriber.chosen_in = self.turn;
        match subscriber.place {
            Some(place) if (place as usize) < self.open => self.chosen.push(subscriber.pipe),
            Some(_) => self.missed.push(subscriber.pipe),
            // The pipe has gone, and what it wanted is not all forgotten yet.
            None => {}
        }
    }

    /// Inverts the choice.
    pub(crate) fn choose_others(&mut self) {
        self.chosen.clear();
        self.missed.clear();
        for subscriber in self
            .subscribers
            .iter()
            .filter(|subscriber| subscriber.chosen_in != self.turn)
        {
            match subscriber.place {
                Some(place) if (place as usize) < self.open => self.chosen.push(subscriber.pipe),
                Some(_) => self.missed.push(subscriber.pipe),
                None => {}
            }
        }
    }

    /// Sends `message` to the chosen pipes; `slow` says what a full pipe means.
    ///
    /// # Errors
    ///
    /// [`Refusal::Full`] with [`SlowSubscriber::Refuse`]; no pipe has got the message then.
    #[inline]
    pub(crate) fn send_to_chosen(
        &mut self,
        message: &impl Outbound,
        slow: SlowSubscriber,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        if self.chosen.is_empty() && self.missed.is_empty() {
            return Ok(Sent::default());
        }
        let (open, full) = (&self.chosen[..], &self.missed[..]);
        let mut sent = write(open, full, &mut self.filled, message, slow, pipes)?;
        if sent.dropped > 0 {
            let missed = std::mem::take(&mut self.missed);
            sent.dropped = self.count_dropped(&missed, slow, pipes);
            self.missed = missed;
        }
        Ok(sent)
    }

    /// Sends `message` to all pipes, as [`send_to_chosen`](Self::send_to_chosen) does.
    #[inline]
    pub(crate) fn send_to_all(
        &mut self,
        message: &impl Outbound,
        slow: SlowSubscriber,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        let (open, full) = self.order.split_at(self.open);
        let mut sent = write(open, full, &mut self.filled, message, slow, pipes)?;
        if sent.dropped > 0 {
            self.missed.clear();
            self.missed.extend_from_slice(&self.order[self.open..]);
            let missed = std::mem::take(&mut self.missed);
            sent.dropped = self.count_dropped(&missed, slow, pipes);
            self.missed = missed;
        }
        Ok(sent)
    }

    /// Moves the pipes that have just become full to the full ones, and counts the drops of all full ones; gives their
    /// number. A pipe that was refused because its connection has ended is not full, and its peer misses nothing: it has
    /// gone.
    #[cold]
    fn count_dropped(
        &mut self,
        missed: &[PipeId],
        slow: SlowSubscriber,
        pipes: &mut impl Pipes,
    ) -> usize {
        let mut filled = std::mem::take(&mut self.filled);
        filled.retain(|&pipe| !pipes.is_closed(pipe));
        for &pipe in &filled {
            self.shut(pipe);
        }
        for &pipe in filled.iter().chain(missed) {
            pipes.dropped(Some(pipe), self.cause);
            if slow == SlowSubscriber::Evict {
                pipes.close(pipe);
            }
        }
        let dropped = missed.len() + filled.len();
        self.filled = filled;
        dropped
    }

    /// Moves `pipe` to the full ones, if it is open.
    fn shut(&mut self, pipe: PipeId) {
        if let Some(place) = self.subscriber(pipe).map(|id| self.place(id))
            && place < self.open
        {
            self.open -= 1;
            self.swap(place, self.open);
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.order.swap(a, b);
        for place in [a, b] {
            let id = self.subscriber(self.order[place]);
            let id = id.expect("every pipe in the order has an index");
            self.subscribers[id.index()].place = Some(place as u32);
        }
    }

    fn place(&self, id: SubscriberIndex) -> usize {
        let place = self.subscribers[id.index()].place;
        place.expect("an attached pipe has a place in the order") as usize
    }
}

/// Writes to the `open` pipes; puts those that turn out to be full into `filled`.
#[inline]
fn write(
    open: &[PipeId],
    full: &[PipeId],
    filled: &mut Vec<PipeId>,
    message: &impl Outbound,
    slow: SlowSubscriber,
    pipes: &mut impl Pipes,
) -> Result<Sent, Refusal> {
    if slow == SlowSubscriber::Refuse
        && !(full.is_empty()
            && open
                .iter()
                .all(|&pipe| pipes.has_room(pipe) || pipes.is_closed(pipe)))
    {
        return Err(Refusal::Full);
    }
    filled.clear();
    if !open.is_empty() {
        pipes.try_write_all(open, message, &mut |pipe| filled.push(pipe));
    }
    Ok(Sent {
        sent: open.len() - filled.len(),
        dropped: full.len() + filled.len(),
    })
}

#[cfg(test)]
mod tests;
