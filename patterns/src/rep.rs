//! REP: answers requests; each reply goes back on the connection of its request.
//!
//! Owns: which peers can be answered, and the return path of the request read through [`Pattern`](crate::Pattern).
//! Always true: a reply goes to the connection of its request, or is dropped.
//! Must not know: in what order requests are answered; a [`ReturnPath`] may be kept for any time.
//! Source: RFC 28/REQREP, "The REP Socket Type".

use crate::envelope;
use crate::pipe_map::PipeMap;
use crate::rules::Rules;
use crate::strategy::FairQueue;
use crate::{
    Admission, Afterlife, DropCause, Frame, Message, PipeId, Pipes, Refusal, Refused, Sent,
};

/// The rules of a REP socket.
#[derive(Debug, Default)]
pub struct Rep {
    incoming: FairQueue,
    /// Pipes that can be written to.
    peers: PipeMap<Requester>,
    /// The return path of the request read by [`Pattern::recv`](crate::Pattern::recv) and not answered yet.
    current: Option<ReturnPath>,
}

/// The peers behind one pipe, one after another.
#[derive(Debug, Default)]
struct Requester {
    /// The number of connections that the pipe has lost.
    lost: u32,
    /// Unread requests that arrived on a lost connection: their replies have no receiver.
    orphans: usize,
}

/// The return path of one request: its pipe, its connection, and the addresses of its envelope.
#[derive(Debug, PartialEq, Eq)]
pub struct ReturnPath {
    pipe: PipeId,
    /// `None` if the connection was lost before the request was read.
    connection: Option<u32>,
    addresses: Vec<Frame>,
}

impl ReturnPath {
    /// The pipe on which the request came.
    pub fn pipe(&self) -> PipeId {
        self.pipe
    }

    /// The addresses in the envelope, outermost first: one for each ROUTER that the request passed.
    pub fn addresses(&self) -> &[Frame] {
        &self.addresses
    }
}

impl Rep {
    /// The next request, and the return path for its reply.
    ///
    /// A message without an envelope is dropped and counted.
    pub fn recv_request(&mut self, pipes: &mut impl Pipes) -> Option<(ReturnPath, Message)> {
        while let Some(message) = self.incoming.recv(pipes) {
            let (pipe, connection) = self.taken();
            match envelope::open(message) {
                Ok((addresses, body)) => {
                    let path = ReturnPath {
                        pipe,
                        connection,
                        addresses,
                    };
                    return Some((path, body));
                }
                Err(_) => pipes.dropped(Some(pipe), DropCause::Malformed),
            }
            if pipes.has_spent_budget() {
                break;
            }
        }
        None
    }

    /// A message was read from the queue: gives its pipe, and its connection unless that is lost.
    fn taken(&mut self) -> (PipeId, Option<u32>) {
        let pipe = self.incoming.source();
        let connection = self.peers.get_mut(pipe).and_then(|from| {
            let orphans = from.orphans;
            from.orphans = orphans.saturating_sub(1);
            (orphans == 0).then_some(from.lost)
        });
        (pipe, connection)
    }

    /// The connection that `pipe` has now.
    fn connection(&self, pipe: PipeId) -> Option<u32> {
        self.peers.get(pipe).map(|requester| requester.lost)
    }

    /// Sends `message` back along `path`. The caller must see to it that a path is used once.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyFrames`] if the message has more than [`Message::MAX_FRAMES`] with its envelope;
    /// [`Refusal::PeerGone`] if the requester's connection is lost; [`Refusal::Full`] if its pipe has no room.
    pub fn reply(
        &mut self,
        path: &ReturnPath,
        message: Message,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refused> {
        // An address for each hop, and the empty frame behind them.
        if path.addresses.len() + 1 + message.frame_count() > Message::MAX_FRAMES {
            return Err(Refusal::TooManyFrames.give_back(message));
        }
        let connection = self.connection(path.pipe);
        if connection.is_none() || connection != path.connection {
            return Err(Refusal::PeerGone.give_back(message));
        }
        let mut letter = envelope::close(&path.addresses, message);
        if pipes.try_write(path.pipe, &mut letter) {
            return Ok(Sent::ONE);
        }
        let (_, message) = envelope::open(letter).expect("it has just been closed");
        let reason = Refusal::PeerGone.unless_full(path.pipe, pipes);
        Err(reason.give_back(message))
    }

    /// Whether a reply along `path` would be taken now; `None` if the requester has gone.
    pub fn can_reply(&self, path: &ReturnPath, pipes: &mut impl Pipes) -> Option<bool> {
        let connection = self.connection(path.pipe)?;
        let is_here = Some(connection) == path.connection && !pipes.is_closed(path.pipe);
        is_here.then(|| pipes.has_room(path.pipe))
    }

    /// Gives up the request of `path` without a reply, and counts that.
    pub fn abandon(&mut self, path: ReturnPath, pipes: &mut impl Pipes) {
        pipes.dropped(Some(path.pipe), DropCause::Unanswered);
    }
}

impl Rules for Rep {
    /// Requests that were taken can still be answered.
    fn ignore(&mut self, pipe: PipeId) {
        self.incoming.detach(pipe);
    }

    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.incoming.attach(pipe);
        self.peers.insert(pipe, Requester::default());
        Admission::Accepted
    }

    /// Unread requests of the lost connection become orphans: the pipe's next peer has not sent them.
    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        if afterwards == Afterlife::Ends {
            self.peers.remove(pipe);
        }
        let looked_at = self.incoming.looked_at() == Some(pipe);
        if let Some(requester) = self.peers.get_mut(pipe) {
            requester.lost = requester.lost.wrapping_add(1);
            requester.orphans = pipes.unread(pipe) + usize::from(looked_at);
            pipes.drop_waiting(pipe);
        }
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.incoming.detach(pipe);
        self.peers.remove(pipe);
    }

    fn readable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.incoming.readable(pipe);
    }

    /// Replies to the request read last. A reply without room or peer is not refused but dropped and counted.
    fn send(&mut self, message: Message, pipes: &mut impl Pipes) -> Result<Sent, Refused> {
        let Some(path) = self.current.take() else {
            return Err(Refusal::OutOfTurn.give_back(message));
        };
        self.reply(&path, message, pipes).or_else(|refused| {
            let cause = match refused.reason {
                Refusal::Full => DropCause::NoRoom,
                _ => DropCause::LateReply,
            };
            pipes.dropped(Some(path.pipe), cause);
            Ok(Sent::LOST)
        })
    }

    /// The next request; `None` until the request read last has been answered.
    fn recv(&mut self, pipes: &mut impl Pipes) -> Option<Message> {
        self.may_recv().ok()?;
        let (path, message) = self.recv_request(pipes)?;
        self.current = Some(path);
        Some(message)
    }

    fn can_send(&mut self, _: &mut impl Pipes) -> bool {
        self.current.is_some()
    }

    fn can_recv(&mut self, pipes: &mut impl Pipes) -> bool {
        if self.current.is_some() {
            return false;
        }
        while let Some(message) = self.incoming.recv(pipes) {
            if envelope::is_sealed(&message) {
                self.incoming.unread(message);
                return true;
            }
            let (pipe, _) = self.taken();
            pipes.dropped(Some(pipe), DropCause::Malformed);
            if pipes.has_spent_budget() {
                break;
            }
        }
        false
    }

    fn looked_at(&self) -> Option<PipeId> {
        self.incoming.looked_at()
    }

    fn may_recv(&self) -> Result<(), Refusal> {
        match self.current {
            None => Ok(()),
            Some(_) => Err(Refusal::OutOfTurn),
        }
    }
}

#[cfg(test)]
mod tests;
