//! The port through which a pattern touches the world.
//!
//! Owns: the names of the values that pass between a pattern and its pipes.
//! Always true: a pattern reaches a pipe only through [`Pipes`], lent to it for the length of one call.
//! Must not know: what a pipe is made of.

use bytes::Bytes;

use crate::{Message, Outbound};

/// A pipe of one socket; unique among the socket's pipes for as long as the socket lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipeId(pub u64);

/// One item that a pipe holds for its reader; items come in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A whole message.
    Message(Message),
    /// The peer wants messages whose first frame begins with this topic.
    Subscribe(Bytes),
    /// The peer no longer wants messages with this topic.
    Cancel(Bytes),
}

/// Why a message, or a request of a peer, was dropped without an error to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropCause {
    /// A subscriber's pipe was full when a message for it was published.
    SlowSubscriber,
    /// No peer had the routing id of a message, and the ROUTER drops such messages.
    Unroutable,
    /// The pipe was full or gone, and the socket type drops in that case.
    NoRoom,
    /// The envelope did not have the form that the socket type requires.
    Malformed,
    /// A reply whose request was abandoned or sent again, or whose requester has gone.
    LateReply,
    /// A message that a peer of this type must not send: data to a PUSH or a PUB.
    Unexpected,
    /// A message received by a SUB that is not, or no longer, subscribed to its topic.
    Unwanted,
    /// A request that was dropped without an answer.
    Unanswered,
    /// A peer asked for more topics than one peer may have.
    TooManyTopics,
}

/// How a pattern ends a request: the last message that was written to a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recall {
    /// The request goes to another peer: it is taken back if no byte of it has left this process.
    Move,
    /// The request is given up: it is taken back if no byte of it has left this process, and then counts as lost.
    GiveUp,
    /// The request is given up and no reply may follow: it is taken back as with [`GiveUp`](Self::GiveUp). If a byte of
    /// it has left, its connection is replaced by another.
    Replace,
}

/// Where an ended request was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recalled {
    /// In the pipe, with no byte sent; it has been removed.
    Here,
    /// With the peer, at least in part; its connection goes on.
    Out,
    /// With the peer, at least in part; its connection ends and is not read or written any more. A pipe that outlives
    /// its connections goes on with another: `disconnected` or, within the process, `connected` follows.
    Cut,
    /// On a connection that is lost; `disconnected` follows.
    Gone,
}

/// What a pattern has found by [reading a connection](Pipes::read_connection) itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionRead {
    /// Bytes have come: there may be messages.
    Bytes,
    /// Nothing has come that was not read, or somebody else reads the connection as soon as something comes.
    Nothing,
    /// Nothing has come but the first part of a message.
    Part,
    /// The connection has ended; `disconnected` follows.
    Ended,
}

/// The pipes a pattern may touch; the socket lends them for the length of one call.
///
/// A pipe that refused a message is *full*; the socket calls the pattern's `writable` when it has room again. A pipe
/// that gave nothing to read is *empty*; the socket calls `readable` when there is something again.
pub trait Pipes {
    /// Queues `message` on `pipe` and gives true, or leaves it unchanged and gives false if the pipe is at its
    /// high-water mark or gone.
    ///
    /// A queued message is moved out of `message` or copied; the content of `message` is then unspecified. It is passed
    /// by reference because moving a message through several calls costs more than encoding it.
    #[must_use]
    fn try_write(&mut self, pipe: PipeId, message: &mut impl Outbound) -> bool;

    /// Queues a copy of `message` on each of `pipes`, framing it once; calls `full` for each that has no room.
    fn try_write_all(
        &mut self,
        pipes: &[PipeId],
        message: &impl Outbound,
        full: &mut dyn FnMut(PipeId),
    );

    /// Queues `message` even above the high-water mark: control traffic and replies that must not be refused.
    fn write_always(&mut self, pipe: PipeId, message: Message);

    /// Whether `try_write` would take a message now. If not, the pipe counts as full: `writable` follows.
    fn has_room(&mut self, pipe: PipeId) -> bool;

    /// Whether `pipe` takes no message any more, full or not: its connection has ended, and `detached` follows.
    fn is_closed(&self, pipe: PipeId) -> bool {
        let _ = pipe;
        false
    }

    /// Keeps room in `pipe` for one message that is written later, and gives true; false, as of
    /// [`try_write`](Self::try_write), if there is none. A pipe that keeps no room for later is always full for this.
    fn reserve(&mut self, pipe: PipeId) -> bool {
        let _ = pipe;
        false
    }

    /// The next item that arrived on `pipe`, or `None` if there is none now.
    ///
    /// A pattern may read until `None`, so an item that arrives during this waits for the next `readable`. Once the
    /// call has [spent its budget](Pipes::has_spent_budget), `None` says nothing about the pipe.
    fn try_read(&mut self, pipe: PipeId) -> Option<Received>;

    /// Reads the connection behind `pipe` once, without waiting, if nobody else would do so before the next receive. It
    /// costs a system call, and some of the budget.
    fn read_connection(&mut self, pipe: PipeId) -> ConnectionRead {
        let _ = pipe;
        ConnectionRead::Nothing
    }

    /// For a pipe with `conflate`: replaces `message`, which was read from the pipe and given to no caller, by the
    /// pipe's latest message, if there is a newer one.
    fn replace(&mut self, pipe: PipeId, message: &mut Message) {
        let _ = (pipe, message);
    }

    /// As [`Pipes::try_read`], for the socket types to which nobody subscribes: anything but a message is dropped. A
    /// message is put into `into`. False if there is none now.
    ///
    /// For speed: an implementation can decode a message in its final place. A message that is moved just after it was
    /// written in pieces costs more than all the rest, each time.
    #[inline]
    fn try_read_into(&mut self, pipe: PipeId, into: &mut Message) -> bool {
        loop {
            match self.try_read(pipe) {
                Some(Received::Message(message)) => {
                    *into = message;
                    return true;
                }
                Some(_) => self.dropped(Some(pipe), DropCause::Unexpected),
                None => return false,
            }
        }
    }

    /// Whether this call has used up its budget of items that no caller gets. From then on [`Pipes::try_read`] may give
    /// `None` for a pipe that has items. A pattern must then stop reading and must not mark a pipe as empty, since no
    /// `readable` will follow. The next call goes on.
    ///
    /// Without the budget, a peer that sends an endless stream of such items would hold the call, and the socket's
    /// lock, for ever.
    #[inline]
    fn has_spent_budget(&self) -> bool {
        false
    }

    /// Counts the removal of a topic of `bytes`, that of a connection that is lost, against the budget of this call.
    fn removed_topic(&mut self, bytes: usize) {
        let _ = bytes;
    }

    /// Asks that [`Pattern::go_on`](crate::Pattern::go_on) be called once, soon and with another budget. False if nobody
    /// will call it: the pattern then does at once what it has left.
    fn go_on_later(&mut self) -> bool {
        false
    }

    /// Throws away all items that have arrived on `pipe` unread; gives the number of messages among them.
    fn discard(&mut self, pipe: PipeId) -> usize {
        let mut messages = 0;
        while let Some(received) = self.try_read(pipe) {
            messages += usize::from(matches!(received, Received::Message(_)));
        }
        messages
    }

    /// Tells the peer that messages with this prefix are wanted; never subject to a high-water mark.
    fn subscribe(&mut self, pipe: PipeId, topic: &[u8]);

    /// Tells the peer again of a prefix that it was told before. If much waits for a peer that does not read, only the
    /// latest state of each prefix need be sent.
    fn subscribe_again(&mut self, pipe: PipeId, topic: &[u8]) {
        self.subscribe(pipe, topic);
    }

    /// Tells the peer that messages with this prefix are no longer wanted.
    fn cancel(&mut self, pipe: PipeId, topic: &[u8]);

    /// Tells the peer that messages with this prefix are not wanted, although it was never told that they are. This changes
    /// nothing for the peer.
    fn cancel_unknown(&mut self, pipe: PipeId, topic: &[u8]) {
        self.cancel(pipe, topic);
    }

    /// Ends the connection behind `pipe`: `detached` will follow. May be called more than once.
    fn close(&mut self, pipe: PipeId);

    /// Takes back the last message written to `pipe`, as far as it has not been sent.
    fn recall(&mut self, pipe: PipeId, recall: Recall) -> Recalled;

    /// In `disconnected`: the peer, and not the network, has ended the connection of `pipe`. Gives how many such ends show that
    /// the peers do not take a message; `None` if there is no such number, or if it was not the peer.
    fn cut_off(&mut self, pipe: PipeId) -> Option<usize> {
        let _ = pipe;
        None
    }

    /// In `disconnected`: counts and tells that `message` is given up, since `pipe` was [cut off](Self::cut_off) last of too many.
    fn given_up(&mut self, pipe: PipeId, message: &Message) {
        let _ = (pipe, message);
    }

    /// Drops and counts the messages that wait in `pipe` to be sent: they are not meant for its next peer.
    fn drop_waiting(&mut self, pipe: PipeId);

    /// Moves the messages that wait in `from`, which has no connection, to the end of `to`: they are meant for its peer.
    fn move_waiting(&mut self, from: PipeId, to: PipeId);

    /// How many messages have arrived on `pipe` unread. Exact while it has no connection, so in `disconnected`.
    fn unread(&mut self, pipe: PipeId) -> usize;

    /// Counts a drop on the way to or from `pipe`; `None` if no pipe is the cause.
    fn dropped(&mut self, pipe: Option<PipeId>, cause: DropCause);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pipe_holds_is_no_larger_than_a_message() {
        assert_eq!(size_of::<Option<Received>>(), 72);
    }
}
