//! REQ: one request at a time, and its reply.
//!
//! Owns: the state of the one request: none, out, answered or failed.
//! Always true: a reply is taken only from the pipe that has the request, and only with the request's number if
//! requests are numbered. A connection on which an unnumbered request was given up is used for nothing any more. An
//! unnumbered request is written to a connection only once all that has come there was read and dropped. No
//! peer gets a request that is over, unless a byte of it had left before. While any pipe is connected, no request goes
//! to an unconnected one.
//! Must not know: how long a caller waits; giving up is [`Req::abandon`], the caller's decision.
//! Source: RFC 28/REQREP, "The REQ Socket Type".
//!
//! ```text
//!          send                    reply arrives
//!   Idle --------> Waiting ------------------------> Answered --recv--> Idle
//!    ^               |  \ peer goes
//!    |    abandon    |   +--> Failed --told--> Idle       (LostPeer::Fail, or cut off too often)
//!    +---------------+   +--> Unsent --a pipe has room--> Waiting   (LostPeer::SendAgain)
//! ```

mod asking;
mod envelope;
mod replies;
mod state;
#[cfg(test)]
mod tests;

pub use state::RequestFailed;

use crate::probe::Probe;
use crate::rules::Rules;
use crate::strategy::{FairQueue, LoadBalance};
use crate::{
    Admission, Afterlife, DropCause, Frame, LostPeer, Message, PatternOptions, Peer, PipeId, Pipes,
    Recall, Recalled, Refusal, Refused, Sent,
};
use envelope::{ENVELOPE, seal, unseal};
use state::{Again, RequestState};

/// The rules of a REQ socket.
#[derive(Debug)]
pub struct Req {
    /// Pipes with a connected peer.
    present: LoadBalance,
    /// Pipes without a connected peer, not yet or not any more.
    absent: LoadBalance,
    /// Pipes whose connection ends because a request on it was given up: messages still arriving on it answer nothing.
    cut: Vec<PipeId>,
    incoming: FairQueue,
    probe: Probe,
    state: RequestState,
    /// The pipe on which the last reply came.
    replied_on: Option<PipeId>,
    /// The number of the last request, if requests are numbered.
    number: u32,
    relaxed: bool,
    correlated: bool,
    lost_peer: LostPeer,
}

impl Req {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        let mut req = Self {
            present: LoadBalance::default(),
            absent: LoadBalance::default(),
            cut: Vec::new(),
            incoming: FairQueue::default(),
            probe: Probe::new(options.probe),
            state: RequestState::Idle,
            replied_on: None,
            number: options.seed,
            relaxed: false,
            correlated: false,
            lost_peer: LostPeer::default(),
        };
        req.reconfigure(options);
        req
    }

    /// Sends a request to the next peer with room.
    ///
    /// A relaxed REQ abandons the request that is out, if there is one.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutOfTurn`] if a request is out; [`Refusal::Full`] if no pipe has room; [`Refusal::TooManyFrames`] if the
    /// message has more than [`Message::MAX_FRAMES`] with the number and the empty frame before it, numbered or not.
    pub fn start(&mut self, message: Message, pipes: &mut impl Pipes) -> Result<Sent, Refused> {
        if message.frame_count() + ENVELOPE > Message::MAX_FRAMES {
            return Err(Refusal::TooManyFrames.give_back(message));
        }
        if self.is_out() {
            if !self.relaxed {
                return Err(Refusal::OutOfTurn.give_back(message));
            }
            self.abandon(pipes);
        }
        let number = self.correlated.then(|| self.next_number());
        let request = seal(number.as_ref(), message);
        let again = (self.lost_peer == LostPeer::SendAgain).then(|| Again {
            request: request.clone(),
            cuts: 0,
        });
        self.state = RequestState::Idle;
        match self.ask(number, request, again, pipes) {
            None => Ok(Sent::ONE),
            Some((number, request)) => {
                Err(Refusal::Full.give_back(unseal(number.as_ref(), request)))
            }
        }
    }

    /// Gives up the request that is out, if any. The socket may send again, and a late reply is dropped and counted. A
    /// request of which no byte has left reaches no peer. If a byte has left and the request has no number, its
    /// connection is replaced, so that a late reply cannot be taken for the next request's.
    pub fn abandon(&mut self, pipes: &mut impl Pipes) {
        if let RequestState::Waiting { .. } = self.state {
            // The reply may have arrived already.
            self.look_for_reply(pipes);
        }
        match std::mem::replace(&mut self.state, RequestState::Idle) {
            RequestState::Answered(_) => pipes.dropped(None, DropCause::LateReply),
            RequestState::Waiting { pipe, number, .. } => {
                self.recall(pipe, number.is_some(), pipes)
            }
            RequestState::Idle | RequestState::Unsent { .. } | RequestState::Failed(_) => {}
        }
        self.drop_late_replies(pipes);
    }

    /// Gives up the request that was written last to `pipe`.
    fn recall(&mut self, pipe: PipeId, is_numbered: bool, pipes: &mut impl Pipes) {
        let recall = if is_numbered {
            Recall::GiveUp
        } else {
            Recall::Replace
        };
        match pipes.recall(pipe, recall) {
            Recalled::Here => {
                self.present.writable(pipe);
                self.absent.writable(pipe);
            }
            Recalled::Out => {}
            Recalled::Cut | Recalled::Gone => self.is_cut(pipe, pipes),
        }
    }

    /// Replaces the connection behind `pipe`, on which no request is out.
    #[cold]
    pub(super) fn replace(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        // A probe may wait there. The next connection is sent another.
        while pipes.recall(pipe, Recall::Replace) == Recalled::Here {}
        self.is_cut(pipe, pipes);
    }

    /// The connection behind `pipe` ends, and is used for nothing any more.
    fn is_cut(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        if !self.cut.contains(&pipe) {
            self.cut.push(pipe);
        }
        self.is_absent(pipe);
        self.probe.over(pipe, pipes);
    }

    /// `pipe` has no connected peer any more.
    fn is_absent(&mut self, pipe: PipeId) {
        self.present.detach(pipe);
        self.absent.detach(pipe);
        self.absent.attach(pipe);
    }

    /// Whether a request is out, or its outcome not yet read.
    pub fn is_out(&self) -> bool {
        matches!(
            self.state,
            RequestState::Waiting { .. } | RequestState::Unsent { .. } | RequestState::Answered(_)
        )
    }

    fn next_number(&mut self) -> Frame {
        self.number = self.number.wrapping_add(1);
        Frame::from(&self.number.to_be_bytes())
    }

    /// The peer behind `lost` has disconnected: no reply will come unless it is already here.
    fn peer_lost(&mut self, lost: PipeId, pipes: &mut impl Pipes) {
        if !self.waits_for(lost) {
            return;
        }
        self.incoming.readable(lost);
        self.look_for_reply(pipes);
        if !self.waits_for(lost) {
            return;
        }
        if let RequestState::Waiting { number, again, .. } =
            std::mem::replace(&mut self.state, RequestState::Idle)
        {
            let recall = match again {
                Some(_) => Recall::Move,
                None => Recall::GiveUp,
            };
            // The request may have been written between the loss of the connection and the event of it.
            if pipes.recall(lost, recall) == Recalled::Here {
                self.present.writable(lost);
                self.absent.writable(lost);
            }
            self.state = match again {
                Some(again) => Self::after_cut(lost, number, again, pipes),
                None => RequestState::Failed(RequestFailed::PeerLost),
            };
        }
    }

    /// The state of a request that is sent `again`, after the connection of `lost` has ended: it fails once as many peers as
    /// are enough have ended their connections.
    fn after_cut(
        lost: PipeId,
        number: Option<Frame>,
        again: Again,
        pipes: &mut impl Pipes,
    ) -> RequestState {
        let Again { request, mut cuts } = again;
        if let Some(most) = pipes.cut_off(lost) {
            cuts += 1;
            if cuts >= most {
                pipes.given_up(lost, &request);
                return RequestState::Failed(RequestFailed::CutOff);
            }
        }
        RequestState::Unsent {
            number,
            request,
            cuts: Some(cuts),
        }
    }

    fn waits_for(&self, peer: PipeId) -> bool {
        matches!(self.state, RequestState::Waiting { pipe, .. } if pipe == peer)
    }

    /// The pipes from which the next request's pipe is chosen.
    fn candidates(&self) -> &LoadBalance {
        if self.present.is_empty() {
            &self.absent
        } else {
            &self.present
        }
    }
}

impl Rules for Req {
    /// A request that waits for a peer to be sent to again fails.
    fn nobody_comes(&mut self) {
        if let RequestState::Unsent { .. } = self.state {
            self.state = RequestState::Failed(RequestFailed::PeerLost);
        }
    }

    /// Acts from the next request on.
    fn reconfigure(&mut self, options: &PatternOptions) {
        self.probe.enabled = options.probe;
        self.relaxed = options.relaxed;
        self.correlated = options.correlated;
        self.lost_peer = options.lost_peer;
    }

    fn attached(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> Admission {
        self.probe.attached(pipe, pipes);
        self.absent.attach(pipe);
        self.incoming.attach(pipe);
        self.send_again(pipes);
        Admission::Accepted
    }

    fn connected(&mut self, pipe: PipeId, _: &Peer<'_>, pipes: &mut impl Pipes) -> Admission {
        self.cut.retain(|&cut| cut != pipe);
        self.absent.detach(pipe);
        self.present.detach(pipe);
        self.present.attach(pipe);
        self.ask_who_came(pipe, pipes);
        self.send_again(pipes);
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        let was_cut = self.cut.contains(&pipe);
        self.cut.retain(|&cut| cut != pipe);
        match afterwards {
            Afterlife::Ends => {
                self.present.detach(pipe);
                self.absent.detach(pipe);
                self.peer_lost(pipe, pipes);
            }
            // Requests written since the cut wait for the next connection.
            Afterlife::Reconnects if was_cut => {}
            Afterlife::Reconnects => {
                self.is_absent(pipe);
                self.peer_lost(pipe, pipes);
                self.probe.over(pipe, pipes);
            }
        }
        self.drop_late_replies_on(pipe, pipes);
        self.send_again(pipes);
    }

    fn detached(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        self.cut.retain(|&cut| cut != pipe);
        self.present.detach(pipe);
        self.absent.detach(pipe);
        self.peer_lost(pipe, pipes);
        self.incoming.detach(pipe);
        self.send_again(pipes);
    }

    fn readable(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        self.incoming.readable(pipe);
        if !matches!(self.state, RequestState::Waiting { .. }) {
            self.drop_late_replies(pipes);
        }
    }

    fn writable(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        self.present.writable(pipe);
        self.absent.writable(pipe);
        self.send_again(pipes);
    }

    fn send(&mut self, message: Message, pipes: &mut impl Pipes) -> Result<Sent, Refused> {
        self.start(message, pipes)
    }

    /// The reply. If there will be none, `may_recv` says so.
    fn recv(&mut self, pipes: &mut impl Pipes) -> Option<Message> {
        self.look_for_reply(pipes);
        match std::mem::replace(&mut self.state, RequestState::Idle) {
            RequestState::Answered(reply) => Some(reply),
            same => {
                self.state = same;
                None
            }
        }
    }

    fn can_send(&mut self, pipes: &mut impl Pipes) -> bool {
        (self.relaxed || !self.is_out()) && self.candidates().has_room(pipes)
    }

    fn can_recv(&mut self, pipes: &mut impl Pipes) -> bool {
        self.look_for_reply(pipes);
        matches!(
            self.state,
            RequestState::Answered(_) | RequestState::Failed(_)
        )
    }

    fn may_recv(&self) -> Result<(), Refusal> {
        match self.state {
            RequestState::Idle => Err(Refusal::OutOfTurn),
            RequestState::Failed(RequestFailed::PeerLost | RequestFailed::CutOff) => {
                Err(Refusal::PeerGone)
            }
            RequestState::Waiting { .. }
            | RequestState::Unsent { .. }
            | RequestState::Answered(_) => Ok(()),
        }
    }
}
