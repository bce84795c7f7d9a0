//! Pipes in memory, for tests: every pipe is two queues, and everything that happens is written down.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::{
    Admission, Afterlife, ConnectionRead, DropCause, Message, Outbound, Pattern, Peer, PipeId,
    Pipes, Recall, Recalled, Received, RoutingId,
};

/// One pipe: what the socket wrote, and what its peer sent.
#[derive(Debug, Default)]
pub(crate) struct TestPipe {
    /// How many messages `written` takes; `None` for any number.
    pub(crate) capacity: Option<usize>,
    pub(crate) written: VecDeque<Message>,
    /// How many places are kept for messages to come.
    pub(crate) reserved: usize,
    pub(crate) arrived: VecDeque<Received>,
    /// What has come on the connection and nobody has read yet; it arrives by a read of the pattern.
    pub(crate) unread: VecDeque<Received>,
    /// What a read of the pattern finds behind that.
    pub(crate) behind_unread: Option<ConnectionRead>,
    /// Subscriptions and cancels sent to the peer: `+topic`, `-topic`.
    pub(crate) told: Vec<String>,
    pub(crate) closed: bool,
    /// What was written has left; so a request that is over cannot be taken back.
    pub(crate) sends_at_once: bool,
    /// How its connection was replaced, and how often what waited was discarded.
    pub(crate) cuts: usize,
    pub(crate) discards: usize,
}

/// The pipes of one socket.
#[derive(Debug, Default)]
pub(crate) struct TestPipes {
    pub(crate) pipes: BTreeMap<PipeId, TestPipe>,
    pub(crate) dropped: Vec<(Option<PipeId>, DropCause)>,
    /// How many things may still be read before the call has looked enough; `None` for any number.
    pub(crate) looks: Option<usize>,
    /// How often the pattern has asked to be called again; `None` if nobody would call it.
    pub(crate) asked: Option<usize>,
    /// How many topics of lost connections were removed.
    pub(crate) removed_topics: usize,
    /// If the peers, and not the network, end connections: how many such ends are enough.
    pub(crate) most_cuts: Option<usize>,
    pub(crate) given_up: Vec<Message>,
}

impl TestPipes {
    /// Adds pipe `id`, which takes any number of messages.
    pub(crate) fn add(&mut self, id: u32) -> PipeId {
        let pipe = PipeId(id.into());
        let before = self.pipes.insert(pipe, TestPipe::default());
        assert!(before.is_none(), "{pipe:?} exists");
        pipe
    }

    pub(crate) fn pipe(&mut self, pipe: PipeId) -> &mut TestPipe {
        self.pipes.get_mut(&pipe).expect("the pipe exists")
    }

    /// Lets `pipe` hold `capacity` messages.
    pub(crate) fn limit(&mut self, pipe: PipeId, capacity: usize) {
        self.pipe(pipe).capacity = Some(capacity);
    }

    /// What was written to `pipe` since the last look.
    pub(crate) fn take(&mut self, pipe: PipeId) -> Vec<Message> {
        self.pipe(pipe).written.drain(..).collect()
    }

    /// How often something was dropped for `cause`.
    pub(crate) fn drops(&self, cause: DropCause) -> usize {
        self.dropped.iter().filter(|(_, why)| *why == cause).count()
    }
}

impl Pipes for TestPipes {
    fn try_write(&mut self, pipe: PipeId, message: &mut impl Outbound) -> bool {
        let room = self.has_room(pipe);
        if room {
            let message = message.take();
            self.pipe(pipe).written.push_back(message);
        }
        room
    }

    fn try_write_all(
        &mut self,
        pipes: &[PipeId],
        message: &impl Outbound,
        full: &mut dyn FnMut(PipeId),
    ) {
        for &pipe in pipes {
            if !self.try_write(pipe, &mut message.to_message()) {
                full(pipe);
            }
        }
    }

    fn write_always(&mut self, pipe: PipeId, message: Message) {
        self.pipe(pipe).written.push_back(message);
    }

    fn has_room(&mut self, pipe: PipeId) -> bool {
        self.pipes.get(&pipe).is_some_and(|pipe| {
            !pipe.closed
                && pipe
                    .capacity
                    .is_none_or(|capacity| pipe.written.len() + pipe.reserved < capacity)
        })
    }

    fn is_closed(&self, pipe: PipeId) -> bool {
        self.pipes.get(&pipe).is_none_or(|pipe| pipe.closed)
    }

    fn reserve(&mut self, pipe: PipeId) -> bool {
        let room = self.has_room(pipe);
        if room {
            self.pipe(pipe).reserved += 1;
        }
        room
    }

    fn try_read(&mut self, pipe: PipeId) -> Option<Received> {
        if self.has_spent_budget() {
            return None;
        }
        let received = self.pipes.get_mut(&pipe)?.arrived.pop_front()?;
        self.looks = self.looks.map(|looks| looks - 1);
        Some(received)
    }

    fn read_connection(&mut self, pipe: PipeId) -> ConnectionRead {
        let pipe = self.pipe(pipe);
        match pipe.unread.pop_front() {
            Some(received) => {
                pipe.arrived.push_back(received);
                ConnectionRead::Bytes
            }
            None => pipe.behind_unread.unwrap_or(ConnectionRead::Nothing),
        }
    }

    fn discard(&mut self, pipe: PipeId) -> usize {
        let discarded = std::mem::take(&mut self.pipe(pipe).arrived);
        let is_message = |received: &&Received| matches!(received, Received::Message(_));
        discarded.iter().filter(is_message).count()
    }

    fn has_spent_budget(&self) -> bool {
        self.looks == Some(0)
    }

    fn removed_topic(&mut self, _: usize) {
        self.removed_topics += 1;
        self.looks = self.looks.map(|looks| looks.saturating_sub(1));
    }

    fn go_on_later(&mut self) -> bool {
        self.asked = self.asked.map(|asked| asked + 1);
        self.asked.is_some()
    }

    fn subscribe(&mut self, pipe: PipeId, topic: &[u8]) {
        let line = format!("+{}", topic.escape_ascii());
        self.pipe(pipe).told.push(line);
    }

    fn cancel(&mut self, pipe: PipeId, topic: &[u8]) {
        let line = format!("-{}", topic.escape_ascii());
        self.pipe(pipe).told.push(line);
    }

    fn close(&mut self, pipe: PipeId) {
        self.pipe(pipe).closed = true;
    }

    fn recall(&mut self, pipe: PipeId, recall: Recall) -> Recalled {
        let Some(pipe) = self.pipes.get_mut(&pipe) else {
            return Recalled::Gone;
        };
        if !pipe.sends_at_once && pipe.written.pop_back().is_some() {
            return Recalled::Here;
        }
        if recall != Recall::Replace {
            return Recalled::Out;
        }
        pipe.cuts += 1;
        Recalled::Cut
    }

    fn cut_off(&mut self, _: PipeId) -> Option<usize> {
        self.most_cuts
    }

    fn given_up(&mut self, _: PipeId, message: &Message) {
        self.given_up.push(message.clone());
    }

    fn drop_waiting(&mut self, pipe: PipeId) {
        let pipe = self.pipe(pipe);
        pipe.written.clear();
        pipe.discards += 1;
    }

    fn move_waiting(&mut self, from: PipeId, to: PipeId) {
        let waiting = self.take(from);
        self.pipe(to).written.extend(waiting);
    }

    fn unread(&mut self, pipe: PipeId) -> usize {
        self.pipes.get(&pipe).map_or(0, |pipe| pipe.arrived.len())
    }

    fn dropped(&mut self, pipe: Option<PipeId>, cause: DropCause) {
        self.dropped.push((pipe, cause));
    }
}

/// A pattern with its pipes, and a peer's hand on the other end of each.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) pattern: Pattern,
    pub(crate) pipes: TestPipes,
}

impl Bench {
    pub(crate) fn new(pattern: Pattern) -> Self {
        Self {
            pattern,
            pipes: TestPipes::default(),
        }
    }

    /// Attaches pipe `id` without a connection, as `connect` does.
    pub(crate) fn attach(&mut self, id: u32) -> PipeId {
        let pipe = self.pipes.add(id);
        let admission = self.pattern.attached(pipe, &mut self.pipes);
        assert_eq!(admission, Admission::Accepted);
        pipe
    }

    /// Attaches and connects pipe `id`, as an accepted peer's is, whose peer announced no routing id.
    pub(crate) fn accept(&mut self, id: u32) -> PipeId {
        let pipe = self.attach(id);
        assert_eq!(self.connect(pipe), Admission::Accepted);
        pipe
    }

    /// Attaches and connects pipe `id`, whose peer announced `routing_id`.
    pub(crate) fn accept_as(&mut self, id: u32, routing_id: &str) -> (PipeId, Admission) {
        let pipe = self.attach(id);
        let announced = RoutingId::new(routing_id).expect("a valid id");
        let peer = Peer {
            routing_id: Some(&announced),
            ..Peer::default()
        };
        let admission = self.pattern.connected(pipe, &peer, &mut self.pipes);
        (pipe, admission)
    }

    pub(crate) fn connect(&mut self, pipe: PipeId) -> Admission {
        self.pattern
            .connected(pipe, &Peer::default(), &mut self.pipes)
    }

    pub(crate) fn disconnect(&mut self, pipe: PipeId, afterwards: Afterlife) {
        self.pattern.disconnected(pipe, afterwards, &mut self.pipes);
    }

    /// Removes the pipe and tells the pattern.
    pub(crate) fn detach(&mut self, pipe: PipeId) {
        self.pipes.pipes.remove(&pipe);
        self.pattern.detached(pipe, &mut self.pipes);
    }

    /// Loses the connection behind `pipe` in a call that may remove `topics`, and counts the calls that it asks for.
    pub(crate) fn disconnect_within(&mut self, topics: usize, pipe: PipeId, afterwards: Afterlife) {
        self.pipes.asked.get_or_insert(0);
        self.pipes.looks = Some(topics);
        self.disconnect(pipe, afterwards);
        self.pipes.looks = None;
    }

    /// The call that the pattern has asked for, which may remove `topics`.
    pub(crate) fn go_on(&mut self, topics: usize) {
        self.pipes.looks = Some(topics);
        self.pattern.go_on(&mut self.pipes);
        self.pipes.looks = None;
    }

    /// The peer of `pipe` sends `message`.
    pub(crate) fn arrive(&mut self, pipe: PipeId, message: impl Into<Message>) {
        self.arrive_all(pipe, [Received::Message(message.into())]);
    }

    pub(crate) fn arrive_subscribe(&mut self, pipe: PipeId, topic: &str) {
        let topic = Bytes::copy_from_slice(topic.as_bytes());
        self.arrive_all(pipe, [Received::Subscribe(topic)]);
    }

    pub(crate) fn arrive_cancel(&mut self, pipe: PipeId, topic: &str) {
        let topic = Bytes::copy_from_slice(topic.as_bytes());
        self.arrive_all(pipe, [Received::Cancel(topic)]);
    }

    pub(crate) fn arrive_all(&mut self, pipe: PipeId, all: impl IntoIterator<Item = Received>) {
        self.pipes.pipe(pipe).arrived.extend(all);
        self.pattern.readable(pipe, &mut self.pipes);
    }

    /// The peer of `pipe` reads everything, so that there is room again.
    pub(crate) fn make_room(&mut self, pipe: PipeId) -> Vec<Message> {
        let read = self.pipes.take(pipe);
        self.pattern.writable(pipe, &mut self.pipes);
        read
    }

    pub(crate) fn send(
        &mut self,
        message: impl Into<Message>,
    ) -> Result<crate::Sent, crate::Refused> {
        self.pattern.send(message.into(), &mut self.pipes)
    }

    pub(crate) fn recv(&mut self) -> Option<Message> {
        self.pattern.recv(&mut self.pipes)
    }

    pub(crate) fn can_send(&mut self) -> bool {
        self.pattern.can_send(&mut self.pipes)
    }

    pub(crate) fn can_recv(&mut self) -> bool {
        self.pattern.can_recv(&mut self.pipes)
    }
}
