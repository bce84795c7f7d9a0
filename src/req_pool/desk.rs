//! Which socket of a pool is free, and who waits for one.
//!
//! Owns: the free sockets; the tickets of those who wait, in the order in which they came; the sockets put by for them.
//! Always true: a socket lies free only while nobody waits. A socket that is given back goes to whoever has waited longest,
//! and a newcomer cannot take it away. One put by for somebody who leaves goes to the next. Wakers come and go as they are:
//! none is cloned, called or dropped here, under the lock of whoever asks.
//! Must not know: what a socket is, locks, clocks, threads.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

/// The answer to a call that asks for a socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<T> {
    /// Here is one.
    Free(T),
    /// Make one: there may be one more. If it cannot be made, [`Desk::not_made`] says so.
    Make,
    /// All that there may be are in use.
    AllInUse,
}

/// The fate of a socket that is given back.
#[derive(Debug)]
pub(super) enum GivenBack<T> {
    /// It lies free.
    Free,
    /// It is put by for the call that this wakes.
    PutBy(Waker),
    /// The pool is closed.
    Closed(T),
}

/// The free sockets of a pool, and who waits for one.
#[derive(Debug)]
pub(super) struct Desk<T> {
    /// The one that was given back first is taken first: one whose connection is being replaced has time for it.
    free: VecDeque<T>,
    waiting: BTreeMap<u64, Waker>,
    put_by: BTreeMap<u64, T>,
    next_ticket: u64,
    /// How many more may be made.
    unmade: usize,
    is_closed: bool,
}

impl<T> Desk<T> {
    /// With `first`, beside which there may be `unmade` more.
    pub(super) fn new(first: T, unmade: usize) -> Self {
        Self {
            free: VecDeque::from([first]),
            waiting: BTreeMap::new(),
            put_by: BTreeMap::new(),
            next_ticket: 0,
            unmade,
            is_closed: false,
        }
    }

    /// Asks for a socket.
    pub(super) fn ask(&mut self) -> Asked<T> {
        if let Some(socket) = self.ask_for_free() {
            return Asked::Free(socket);
        }
        if self.unmade == 0 || self.is_closed {
            return Asked::AllInUse;
        }
        self.unmade -= 1;
        Asked::Make
    }

    /// A socket that lies free.
    pub(super) fn ask_for_free(&mut self) -> Option<T> {
        self.free.pop_front()
    }

    /// The socket that was to be made could not be made.
    pub(super) fn not_made(&mut self) {
        self.unmade += 1;
    }

    /// A ticket for a call that `waker` wakes.
    pub(super) fn wait(&mut self, waker: Waker) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting.insert(ticket, waker);
        ticket
    }

    /// The socket put by for `ticket`, which is then of no more use. While there is none, `waker` is woken for it. The
    /// waker that is of no more use is in its place afterwards.
    pub(super) fn collect(&mut self, ticket: u64, waker: &mut Waker) -> Option<T> {
        let socket = self.put_by.remove(&ticket);
        if socket.is_none() {
            match self.waiting.get_mut(&ticket) {
                Some(known) => std::mem::swap(known, waker),
                None => debug_assert!(self.is_closed, "a ticket waits or has a socket put by"),
            }
        }
        socket
    }

    /// Gives a socket back.
    pub(super) fn give_back(&mut self, socket: T) -> GivenBack<T> {
        if self.is_closed {
            return GivenBack::Closed(socket);
        }
        match self.waiting.pop_first() {
            Some((ticket, waker)) => {
                self.put_by.insert(ticket, socket);
                GivenBack::PutBy(waker)
            }
            None => {
                self.free.push_back(socket);
                GivenBack::Free
            }
        }
    }

    /// The holder of `ticket` leaves: gives its waker, and the socket that was put by, to be given back.
    pub(super) fn leave(&mut self, ticket: u64) -> (Option<Waker>, Option<T>) {
        (self.waiting.remove(&ticket), self.put_by.remove(&ticket))
    }

    /// Gives no more sockets; the free ones come out.
    pub(super) fn close(&mut self) -> VecDeque<T> {
        self.is_closed = true;
        std::mem::take(&mut self.free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(desk: &mut Desk<char>) -> u64 {
        desk.wait(Waker::noop().clone())
    }

    fn collect(desk: &mut Desk<char>, ticket: u64) -> Option<char> {
        desk.collect(ticket, &mut Waker::noop().clone())
    }

    #[test]
    fn sockets_are_made_only_while_all_others_are_in_use() {
        let mut desk = Desk::new('a', 1);
        assert_eq!(desk.ask(), Asked::Free('a'));
        assert!(matches!(desk.give_back('a'), GivenBack::Free));
        assert_eq!(desk.ask(), Asked::Free('a'));
        assert_eq!(desk.ask(), Asked::Make);
        assert_eq!(desk.ask(), Asked::AllInUse);
        desk.not_made();
        assert_eq!(desk.ask(), Asked::Make);
    }

    #[test]
    fn the_socket_given_back_first_is_taken_first() {
        let mut desk = Desk::new('a', 0);
        desk.give_back('b');
        assert_eq!(
            (desk.ask(), desk.ask()),
            (Asked::Free('a'), Asked::Free('b'))
        );
    }

    #[test]
    fn those_who_wait_are_served_in_turn_and_before_newcomers() {
        let mut desk = Desk::new('a', 0);
        assert_eq!(desk.ask(), Asked::Free('a'));
        let (first, second) = (ticket(&mut desk), ticket(&mut desk));
        assert_eq!(collect(&mut desk, first), None);
        assert!(matches!(desk.give_back('a'), GivenBack::PutBy(_)));
        assert_eq!(desk.ask(), Asked::AllInUse);
        assert_eq!(collect(&mut desk, second), None);
        assert_eq!(collect(&mut desk, first), Some('a'));
        assert!(matches!(desk.give_back('a'), GivenBack::PutBy(_)));
        assert_eq!(collect(&mut desk, second), Some('a'));
        assert!(matches!(desk.give_back('a'), GivenBack::Free));
    }

    #[test]
    fn who_leaves_takes_nothing_along() {
        let mut desk = Desk::new('a', 0);
        assert_eq!(desk.ask(), Asked::Free('a'));
        let (first, second, third) = (ticket(&mut desk), ticket(&mut desk), ticket(&mut desk));
        assert_eq!(desk.leave(first).1, None);
        assert!(matches!(desk.give_back('a'), GivenBack::PutBy(_)));
        let put_by = desk.leave(second).1.expect("it was put by for the second");
        assert!(matches!(desk.give_back(put_by), GivenBack::PutBy(_)));
        assert_eq!(collect(&mut desk, third), Some('a'));
    }

    #[test]
    fn a_closed_pool_gives_nothing() {
        let mut desk = Desk::new('a', 1);
        assert_eq!(desk.close(), ['a']);
        assert_eq!(desk.ask(), Asked::AllInUse);
        assert!(matches!(desk.give_back('b'), GivenBack::Closed('b')));
    }
}
