//! One value for every socket type: the untyped face of the rules.
//!
//! Owns: the dispatch from an event or a call to the socket type that answers it.
//! Always true: the type never changes after [`Pattern::new`].
//! Must not know: the rules of any type.

use crate::rules::Rules;
use crate::{
    Admission, Afterlife, Dealer, Message, Outbound, Pair, PatternOptions, Peer, PipeId, Pipes,
    Pub, Pull, Push, Refusal, Refused, Rep, Req, Router, RoutingId, Sent, SocketType, Sub, XPub,
    XSub,
};

/// The rules of one socket, of whatever type.
///
/// The life of a pipe is told in this order: [`attached`](Self::attached), any number of
/// [`connected`](Self::connected) and [`disconnected`](Self::disconnected) in turns, [`detached`](Self::detached).
/// The pipe of a connecting socket is attached before there is a connection; an accepted one is attached and
/// connected in one go. The variants are open, for the calls that only one type has.
///
/// ```
/// # use highwater_patterns::{DropCause, Message, Outbound, Recall, Recalled, Received};
/// use highwater_patterns::{Pattern, PatternOptions, PipeId, Pipes, Refusal, SocketType};
///
/// /// Any number of pipes, each of which takes one message.
/// #[derive(Default)]
/// struct Slots(Vec<PipeId>);
///
/// impl Pipes for Slots {
///     fn try_write(&mut self, pipe: PipeId, message: &mut impl Outbound) -> bool {
///         let room = self.has_room(pipe);
///         if room {
///             self.0.push(pipe);
///         }
///         room
///     }
///
///     fn has_room(&mut self, pipe: PipeId) -> bool {
///         !self.0.contains(&pipe)
///     }
///     // ...
/// #   fn try_write_all(&mut self, _: &[PipeId], _: &impl Outbound, _: &mut dyn FnMut(PipeId)) {}
/// #   fn write_always(&mut self, _: PipeId, _: Message) {}
/// #   fn try_read(&mut self, _: PipeId) -> Option<Received> { None }
/// #   fn subscribe(&mut self, _: PipeId, _: &[u8]) {}
/// #   fn cancel(&mut self, _: PipeId, _: &[u8]) {}
/// #   fn close(&mut self, _: PipeId) {}
/// #   fn recall(&mut self, _: PipeId, _: Recall) -> Recalled { Recalled::Out }
/// #   fn drop_waiting(&mut self, _: PipeId) {}
/// #   fn move_waiting(&mut self, _: PipeId, _: PipeId) {}
/// #   fn unread(&mut self, _: PipeId) -> usize { 0 }
/// #   fn dropped(&mut self, _: Option<PipeId>, _: DropCause) {}
/// }
///
/// let mut pipes = Slots::default();
/// let mut push = Pattern::new(SocketType::Push, &PatternOptions::default());
/// let _ = push.attached(PipeId(1), &mut pipes);
/// let _ = push.attached(PipeId(2), &mut pipes);
/// assert!(push.send("job 1".into(), &mut pipes).is_ok());
/// assert!(push.send("job 2".into(), &mut pipes).is_ok());
/// assert_eq!(pipes.0, [PipeId(1), PipeId(2)]);
///
/// let refused = push.send("job 3".into(), &mut pipes).unwrap_err();
/// assert_eq!(refused.reason, Refusal::Full);
/// assert_eq!(refused.message, "job 3");
/// ```
#[derive(Debug)]
pub enum Pattern {
    /// One peer, both ways.
    Pair(Pair),
    /// Fans messages out to subscribers.
    Pub(Pub),
    /// Receives the messages to whose topics it has subscribed.
    Sub(Sub),
    /// Sends requests, one at a time.
    Req(Req),
    /// Answers requests.
    Rep(Rep),
    /// Asynchronous requests, load-balanced.
    Dealer(Dealer),
    /// Addresses peers by routing id.
    Router(Router),
    /// Receives from a pipeline.
    Pull(Pull),
    /// Feeds a pipeline.
    Push(Push),
    /// PUB that sees subscriptions.
    XPub(XPub),
    /// SUB that sends subscriptions as messages.
    XSub(XSub),
}

/// Calls the same method of whichever type it is.
macro_rules! each {
    ($pattern:expr, $rules:ident => $call:expr) => {
        match $pattern {
            Pattern::Pair($rules) => $call,
            Pattern::Pub($rules) => $call,
            Pattern::Sub($rules) => $call,
            Pattern::Req($rules) => $call,
            Pattern::Rep($rules) => $call,
            Pattern::Dealer($rules) => $call,
            Pattern::Router($rules) => $call,
            Pattern::Pull($rules) => $call,
            Pattern::Push($rules) => $call,
            Pattern::XPub($rules) => $call,
            Pattern::XSub($rules) => $call,
        }
    };
}

impl Pattern {
    /// The rules of a socket of type `kind` that has no pipes yet.
    pub fn new(kind: SocketType, options: &PatternOptions) -> Self {
        match kind {
            SocketType::Pair => Self::Pair(Pair::default()),
            SocketType::Pub => Self::Pub(Pub::new(options)),
            SocketType::Sub => Self::Sub(Sub::new(options)),
            SocketType::Req => Self::Req(Req::new(options)),
            SocketType::Rep => Self::Rep(Rep::default()),
            SocketType::Dealer => Self::Dealer(Dealer::new(options)),
            SocketType::Router => Self::Router(Router::new(options)),
            SocketType::Pull => Self::Pull(Pull::default()),
            SocketType::Push => Self::Push(Push::default()),
            SocketType::XPub => Self::XPub(XPub::new(options)),
            SocketType::XSub => Self::XSub(XSub::new(options)),
        }
    }

    /// The type of the socket.
    pub fn kind(&self) -> SocketType {
        match self {
            Self::Pair(_) => SocketType::Pair,
            Self::Pub(_) => SocketType::Pub,
            Self::Sub(_) => SocketType::Sub,
            Self::Req(_) => SocketType::Req,
            Self::Rep(_) => SocketType::Rep,
            Self::Dealer(_) => SocketType::Dealer,
            Self::Router(_) => SocketType::Router,
            Self::Pull(_) => SocketType::Pull,
            Self::Push(_) => SocketType::Push,
            Self::XPub(_) => SocketType::XPub,
            Self::XSub(_) => SocketType::XSub,
        }
    }

    /// Takes over those `options` that act on a socket in use; the seed is not one of them.
    pub fn reconfigure(&mut self, options: &PatternOptions) {
        each!(self, rules => rules.reconfigure(options));
    }

    /// A pipe was attached; it has no connection yet.
    pub fn attached(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> Admission {
        each!(self, rules => rules.attached(pipe, pipes))
    }

    /// Whether `peer` would be taken if a pipe to it were attached and connected now.
    pub fn admits(&self, peer: &Peer<'_>) -> Admission {
        each!(self, rules => rules.admits(peer))
    }

    /// Whether a connection of the attached `pipe`, which this end is about to make, would be taken, whichever peer
    /// answers.
    pub fn may_connect(&self, pipe: PipeId) -> Admission {
        each!(self, rules => rules.may_connect(pipe))
    }

    /// A connection behind `pipe` has completed its handshake with `peer`.
    pub fn connected(
        &mut self,
        pipe: PipeId,
        peer: &Peer<'_>,
        pipes: &mut impl Pipes,
    ) -> Admission {
        each!(self, rules => rules.connected(pipe, peer, pipes))
    }

    /// The connection behind `pipe` was lost.
    pub fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        each!(self, rules => rules.disconnected(pipe, afterwards, pipes));
    }

    /// `pipe` is gone, with its unread messages; no later call mentions it.
    pub fn detached(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        each!(self, rules => rules.detached(pipe, pipes));
    }

    /// A pipe that was empty has something to read.
    pub fn readable(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        each!(self, rules => rules.readable(pipe, pipes));
    }

    /// A pipe that was full has room again.
    pub fn writable(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        each!(self, rules => rules.writable(pipe, pipes));
    }

    /// The call that [`Pipes::go_on_later`] has asked for.
    pub fn go_on(&mut self, pipes: &mut impl Pipes) {
        each!(self, rules => Rules::go_on(rules, pipes));
    }

    /// Sends `message` by the rules of the type.
    ///
    /// The frames mean what they mean in libzmq: to a ROUTER the first is the routing id, to an XSUB a first byte of
    /// 1 or 0 is a subscription or its end; REQ and REP add and keep their envelopes themselves.
    ///
    /// # Errors
    ///
    /// [`Refused`], with the message as it was.
    pub fn send(&mut self, mut message: Message, pipes: &mut impl Pipes) -> Result<Sent, Refused> {
        self.offer(&mut message, pipes)
            .map_err(|reason| reason.give_back(message))
    }

    /// As [`Self::send`], for a caller that keeps the message in its place or has only its body: moving a message costs
    /// more than encoding it.
    ///
    /// After a success the content of `message` is unspecified.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; `message` is unchanged.
    #[inline]
    pub fn offer(
        &mut self,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        match self {
            // The types with the most messages a second come first, without further calls around them.
            Self::Push(rules) => rules.offer(message, pipes),
            other => other.offer_otherwise(message, pipes),
        }
    }

    #[inline(never)]
    fn offer_otherwise(
        &mut self,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        each!(self, rules => rules.offer(message, pipes))
    }

    /// Reserves room for one message in the pipe whose turn it is, and gives that pipe: the reservation is its turn. For
    /// PUSH, DEALER and PAIR.
    ///
    /// # Errors
    ///
    /// [`Refusal::Full`]; [`Refusal::NotSupported`] for the other types.
    #[inline(never)]
    pub fn reserve(&mut self, pipes: &mut impl Pipes) -> Result<PipeId, Refusal> {
        each!(self, rules => Rules::reserve(rules, pipes))
    }

    /// The next message by the rules of the type, or `None` if there is none now. [`Self::may_recv`] tells why if
    /// waiting would not help.
    pub fn recv(&mut self, pipes: &mut impl Pipes) -> Option<Message> {
        let mut message = Message::EMPTY;
        self.recv_into(pipes, &mut message).then_some(message)
    }

    /// As [`Self::recv`], with the message put into `into`: moving a message costs more than decoding it. False if
    /// there is none now; the content of `into` is then unspecified.
    #[inline]
    pub fn recv_into(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        match self {
            Self::Pull(rules) => rules.recv_into(pipes, into),
            other => other.recv_otherwise(pipes, into),
        }
    }

    #[inline(never)]
    fn recv_otherwise(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        each!(self, rules => rules.recv_into(pipes, into))
    }

    /// As [`Self::recv_into`], with the pipe on which the message came; for PULL, SUB, XSUB, PAIR and DEALER. The others
    /// give `None` and read nothing.
    #[inline(never)]
    pub fn recv_with_source(
        &mut self,
        pipes: &mut impl Pipes,
        into: &mut Message,
    ) -> Option<PipeId> {
        each!(self, rules => rules.recv_with_source(pipes, into))
    }

    /// Whether [`Self::send`] would take a message now.
    pub fn can_send(&mut self, pipes: &mut impl Pipes) -> bool {
        each!(self, rules => rules.can_send(pipes))
    }

    /// Whether [`Self::recv`] would now give a message or an error.
    pub fn can_recv(&mut self, pipes: &mut impl Pipes) -> bool {
        each!(self, rules => rules.can_recv(pipes))
    }

    /// The last endpoint was given up, so no further peer will connect: a request that waits to be sent again fails.
    pub fn nobody_comes(&mut self) {
        each!(self, rules => Rules::nobody_comes(rules));
    }

    /// Messages that arrive on `pipe` from now on are not taken, since their replies could not be sent.
    pub fn ignore(&mut self, pipe: PipeId) {
        each!(self, rules => Rules::ignore(rules, pipe));
    }

    /// Names the peer behind the new `pipe` `id`, if the socket type names its peers.
    pub fn assign(&mut self, pipe: PipeId, id: &RoutingId) -> Admission {
        each!(self, rules => Rules::assign(rules, pipe, id))
    }

    /// The pipe of the message that [`Self::can_recv`] has read ahead and no call has received yet.
    ///
    /// Detaching this pipe loses the message.
    pub fn looked_at(&self) -> Option<PipeId> {
        each!(self, rules => rules.looked_at())
    }

    /// Whether it makes sense to wait for a message.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotSupported`] for PUSH and PUB; [`Refusal::OutOfTurn`] for a REQ that has asked nothing and a REP
    /// that owes a reply; [`Refusal::PeerGone`] for a REQ whose peer went without a reply.
    pub fn may_recv(&self) -> Result<(), Refusal> {
        each!(self, rules => rules.may_recv())
    }
}
