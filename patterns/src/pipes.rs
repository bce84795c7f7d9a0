//! The port through which a pattern touches the world.
//!
//! Owns: the names of what passes between a pattern and its pipes.
//! Always true: a pattern reaches a pipe only through [`Pipes`], lent to it for the length of one call.
//! Must not know: what a pipe is made of.

use bytes::Bytes;

use crate::{Message, Outbound};

/// A pipe of one socket; unique among the socket's pipes for as long as the socket lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipeId(pub u64);

/// What a pipe may hold for its reader, in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A whole message.
    Message(Message),
    /// The peer wants messages whose first frame begins with this topic.
    Subscribe(Bytes),
    /// The peer no longer does.
    Cancel(Bytes),
}

/// Why a message, or what a peer asked for, came to nothing without an error to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropCause {
    /// A subscriber's pipe was full when a message for it was published.
    SlowSubscriber,
    /// A ROUTER that drops what it cannot deliver knew no peer of that id.
    Unroutable,
    /// The pipe was full or gone, and its socket type drops then.
    NoRoom,
    /// The envelope did not have the form that the socket type requires.
    Malformed,
    /// A reply that nobody waits for: its request was abandoned or sent again, or its requester has gone.
    LateReply,
    /// Something that a peer of this type has no business to send: data to a PUSH or a PUB.
    Unexpected,
    /// What a SUB has received and is not, or no longer, subscribed to.
    Unwanted,
    /// A request that was dropped without an answer.
    Unanswered,
    /// A peer asked for more topics than one peer may have.
    TooManyTopics,
}

/// What a pattern wants of a request that is over, the last message that was written to its pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recall {
    /// It shall go elsewhere: taken back if nothing of it has left this process.
    Move,
    /// It is given up: likewise, and what was taken back counts as lost.
    GiveUp,
    /// It is given up, and nothing that it brings about may come back: likewise, and if something of it has left, the
    /// connection on which it is out is replaced by another.
    Replace,
}

/// Where a request was that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recalled {
    /// In the pipe, and nothing of it had left: now it is nowhere.
    Here,
    /// With the peer, at least in part, and left there.
    Out,
    /// With the peer, at least in part: its connection ends, and nothing is read or written on it any more. The pipe goes on
    /// with another, if it is one that outlives its connections; `disconnected` or, within the process, `connected` follows.
    Cut,
    /// With a connection that is gone; `disconnected` follows.
    Gone,
}

/// The pipes a pattern may touch; the socket lends them for the length of one call.
///
/// A pipe that refused a message is *full*; the socket calls the pattern's `writable` when it has room again. A pipe
/// that gave nothing to read is *empty*; the socket calls `readable` when there is something again.
pub trait Pipes {
    /// Queues `message` on `pipe` and says so, or leaves it untouched if the pipe is at its high-water mark or gone.
    ///
    /// A message that was queued may be taken out of `message`, leaving an empty one behind, or be copied: what is
    /// there afterwards is of no use. By reference, since moving a message through several calls costs more than
    /// encoding it.
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

    /// The next thing that arrived on `pipe`, or `None` if there is nothing now.
    ///
    /// A pattern may read until `None`, so what arrives in the meantime should wait for the next `readable`. `None` says
    /// nothing about the pipe once the call [has looked enough](Pipes::has_spent_budget).
    fn try_read(&mut self, pipe: PipeId) -> Option<Received>;

    /// Puts the latest message of `pipe` in the place of `message`, which was read from it before and not given to anybody,
    /// if the pipe is one of which only the latest counts, and has one.
    fn replace(&mut self, pipe: PipeId, message: &mut Message) {
        let _ = (pipe, message);
    }

    /// As [`Pipes::try_read`], for the socket types to which nobody subscribes: anything but a message is dropped, and
    /// a message replaces what is in `into`. False if there is none now.
    ///
    /// Here for speed: one that is implemented directly can decode a message in its final place. A message that is
    /// passed on just after it was written in pieces costs more than all the rest, each time.
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

    /// Whether this call has looked at as much as one call may that it gives to nobody. What [`Pipes::try_read`] did not
    /// give may be there all the same: a pattern stops to look then, and takes no pipe for empty, since `readable` follows
    /// for none. With the next call it goes on.
    ///
    /// Without it a peer that sends without end what no call gives would keep the call, and with it the socket.
    #[inline]
    fn has_spent_budget(&self) -> bool {
        false
    }

    /// Throws away what has arrived on `pipe` and was not read, however much it is; how many messages that were.
    fn discard(&mut self, pipe: PipeId) -> usize {
        let mut messages = 0;
        while let Some(received) = self.try_read(pipe) {
            messages += usize::from(matches!(received, Received::Message(_)));
        }
        messages
    }

    /// Tells the peer that messages with this prefix are wanted; never subject to a high-water mark.
    fn subscribe(&mut self, pipe: PipeId, topic: &[u8]);

    /// Likewise, of a prefix of which the peer was told before. Where much waits for a peer
    /// that does not read, only the last word on each prefix need reach it.
    fn subscribe_again(&mut self, pipe: PipeId, topic: &[u8]) {
        self.subscribe(pipe, topic);
    }

    /// Tells the peer that messages with this prefix are no longer wanted.
    fn cancel(&mut self, pipe: PipeId, topic: &[u8]);

    /// Likewise, of a prefix that was never wanted, which changes nothing for the peer.
    fn cancel_unknown(&mut self, pipe: PipeId, topic: &[u8]) {
        self.cancel(pipe, topic);
    }

    /// Ends the connection behind `pipe`: `detached` will follow. May be said more than once.
    fn close(&mut self, pipe: PipeId);

    /// Has the last message written to `pipe` not be sent, as far as that is still possible.
    fn recall(&mut self, pipe: PipeId, recall: Recall) -> Recalled;

    /// Drops what waits in `pipe` to be sent, and counts it: it is not meant for whoever is there next.
    fn drop_waiting(&mut self, pipe: PipeId);

    /// How many messages have come on `pipe` and were not read. Exact while no connection is behind it, so in
    /// `disconnected`.
    fn unread(&mut self, pipe: PipeId) -> usize;

    /// Takes note that something on its way to or from `pipe` was dropped; `None` if no pipe can be blamed.
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
