//! How a request gets to a peer: at once, when one comes, or again after its peer was lost.
//!
//! Owns: nothing; it writes to the pipes of a [`Req`] and changes its state.
//! Always true: an unnumbered request is written to a connection only once all that has come there was read and dropped. While
//! any pipe is connected, no request goes to an unconnected one.
//! Must not know: what is a reply.

use super::{Again, Req, RequestState};
use crate::{Frame, Message, PipeId, Pipes, Recall, Recalled};

impl Req {
    /// Hands `request` to the next pipe with room, a connected one if there is any. Without room it gives number and
    /// request back.
    pub(super) fn ask(
        &mut self,
        number: Option<Frame>,
        mut request: Message,
        again: Option<Again>,
        pipes: &mut impl Pipes,
    ) -> Option<(Option<Frame>, Message)> {
        let mut sent = None;
        while sent.is_none()
            && let Some(pipe) = self.present.next()
        {
            // A number tells the reply apart from all that has come before it.
            if number.is_some() || self.drop_unasked(pipe, pipes) {
                let is_sent = self.present.send_to_next(&mut request, pipes);
                sent = is_sent.then_some(pipe);
            } else if pipes.has_spent_budget() {
                // The next try follows when the connection has ended.
                return Some((number, request));
            }
        }
        let mut for_anybody = None;
        if self.present.is_empty() {
            for_anybody = Some(request.clone());
            sent = self.absent.send(&mut request, pipes);
        }
        let Some(pipe) = sent else {
            return Some((number, request));
        };
        self.state = RequestState::Waiting {
            pipe,
            number,
            again,
            for_anybody,
        };
        None
    }

    pub(super) fn send_again(&mut self, pipes: &mut impl Pipes) {
        if !matches!(self.state, RequestState::Unsent { .. }) {
            return;
        }
        if let RequestState::Unsent {
            number,
            request,
            cuts,
        } = std::mem::replace(&mut self.state, RequestState::Idle)
        {
            let again = cuts.map(|cuts| Again {
                request: request.clone(),
                cuts,
            });
            self.ask_or_wait(number, request, again, pipes);
        }
    }

    /// A peer has connected on `pipe`: a request that waits for any peer goes to it.
    pub(super) fn ask_who_came(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        let RequestState::Waiting {
            pipe: asked,
            number,
            again,
            for_anybody,
        } = &mut self.state
        else {
            return;
        };
        let Some(request) = for_anybody.take() else {
            return;
        };
        let asked = *asked;
        if asked == pipe {
            return;
        }
        let (number, again) = (number.clone(), again.clone());
        if pipes.recall(asked, Recall::Move) != Recalled::Here {
            return;
        }
        self.absent.writable(asked);
        self.ask_or_wait(number, request, again, pipes);
    }

    /// Hands `request` to the next pipe with room. Without one it waits here.
    fn ask_or_wait(
        &mut self,
        number: Option<Frame>,
        request: Message,
        again: Option<Again>,
        pipes: &mut impl Pipes,
    ) {
        let cuts = again.as_ref().map(|again| again.cuts);
        if let Some((number, request)) = self.ask(number, request, again, pipes) {
            self.state = RequestState::Unsent {
                number,
                request,
                cuts,
            };
        }
    }
}
