//! How evenly the peers of one socket are heard: how many messages of each, and the longest silence of any.
//!
//! Owns: the count of each peer, and how a body tells which peer has sent it.
//! Always true: the clock is read once in [`STRIDE`] messages, so a silence is exact to the time of that many; a body that
//! bears no number is counted for nobody.
//! Must not know: sockets, and the clock itself, which is an argument.

use std::time::{Duration, Instant};

use super::{Report, nanos};

/// The number of the peer that has sent a message.
pub(crate) type Number = u16;

/// The number read from a body that bears none: such a body consists of dots. No peer has this number.
pub(crate) const NOBODY: Number = Number::from_le_bytes([b'.', b'.']);

/// Messages between two looks at the clock.
const STRIDE: u32 = 64;

/// Writes the number of the peer that sends it into `body`, if both have room for that.
pub(crate) fn mark(body: &mut [u8], number: usize) {
    let number = Number::try_from(number).unwrap_or(NOBODY);
    if let (Some(start), true) = (body.first_chunk_mut(), number < NOBODY) {
        *start = number.to_le_bytes();
    }
}

/// The number of the peer that has sent `body`.
#[inline]
pub(crate) fn number_of(body: &[u8]) -> Number {
    body.first_chunk()
        .map_or(NOBODY, |&start| Number::from_le_bytes(start))
}

/// What is known of each peer of a socket since the count began.
#[derive(Debug)]
pub(crate) struct Ledger {
    peers: Vec<Heard>,
    begin: Instant,
    /// The last look at the clock, in nanoseconds since `begin`: a subtraction of two [`Instant`]s for each message would
    /// cost more than all the rest.
    now: u64,
    /// Messages until the next look.
    until_look: u32,
    /// The longest silence of those that ended, in nanoseconds.
    silence: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    messages: u64,
    /// When it was last heard, as [`Ledger::now`].
    last: u64,
}

impl Ledger {
    /// A ledger of `peers` peers, which begins at `now`. That of a single peer tells nothing, and costs next to nothing.
    pub(crate) fn new(peers: usize, now: Instant) -> Self {
        Self {
            peers: vec![Heard::default(); if peers > 1 { peers } else { 0 }],
            begin: now,
            now: 0,
            until_look: STRIDE,
            silence: 0,
        }
    }

    /// Forgets what there was, and begins at `now`.
    pub(crate) fn begin(&mut self, now: Instant) {
        *self = Self::new(self.peers.len(), now);
    }

    /// A message of peer `number` was received.
    #[inline]
    pub(crate) fn hear(&mut self, number: Number, clock: impl FnOnce() -> Instant) {
        self.hear_many(number.into(), 1, clock);
    }

    /// `messages` messages of peer `number` were received, one after the other.
    #[inline]
    pub(crate) fn hear_many(
        &mut self,
        number: usize,
        messages: u32,
        clock: impl FnOnce() -> Instant,
    ) {
        if self.until_look > messages {
            self.until_look -= messages;
        } else {
            self.until_look = STRIDE;
            self.now = nanos(clock() - self.begin);
        }
        if let Some(peer) = self.peers.get_mut(number) {
            self.silence = self.silence.max(self.now - peer.last);
            peer.last = self.now;
            peer.messages += u64::from(messages);
        }
    }

    /// How long after the beginning the last look at the clock was.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now)
    }

    /// The report at `end`; `None` if no message bore the number of a peer.
    pub(crate) fn report(&self, end: Instant) -> Option<Report> {
        let end = nanos(end - self.begin);
        let unheard = self.peers.iter().map(|peer| end - peer.last).max()?;
        let mut messages: Vec<u64> = self.peers.iter().map(|peer| peer.messages).collect();
        shares(
            &mut messages,
            Duration::from_nanos(self.silence.max(unheard)),
        )
    }
}

/// The report on peers: `messages` has the number of messages received of each, and none was silent for longer than
/// `silence`.
pub(super) fn shares(messages: &mut [u64], silence: Duration) -> Option<Report> {
    messages.sort_unstable();
    let total = messages.iter().sum();
    (total > 0).then(|| Report::Shares {
        silence: nanos(silence),
        least: messages[0],
        median: messages[messages.len() / 2],
        total,
        peers: messages.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn told(ledger: &Ledger, end: Instant) -> (u64, u64, u64) {
        match ledger.report(end) {
            Some(Report::Shares {
                silence,
                least,
                median,
                ..
            }) => (silence, least, median),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_tells_who_has_sent_it_if_it_has_room_for_that() {
        let mut body = *b"....";
        assert_eq!(number_of(&body), NOBODY);
        mark(&mut body, 300);
        assert_eq!(number_of(&body), 300);
        for number in [usize::from(NOBODY), 70_000] {
            let mut body = *b"..";
            mark(&mut body, number);
            assert_eq!(number_of(&body), NOBODY);
        }
        mark(&mut body[..1], 7);
        assert_eq!(number_of(&body[..1]), NOBODY);
    }

    #[test]
    fn the_longest_silence_is_one_that_ended_or_one_that_lasts() {
        let begin = Instant::now();
        let mut ledger = Ledger::new(2, begin);
        let mut hear = |number, at: u32| ledger.hear_many(number, STRIDE, || begin + MILLI * at);
        hear(0, 1);
        hear(1, 5);
        hear(0, 8);
        assert_eq!(told(&ledger, begin + MILLI * 9), (7_000_000, 64, 128));
        assert_eq!(told(&ledger, begin + MILLI * 30), (25_000_000, 64, 128));
    }

    #[test]
    fn the_clock_is_read_once_in_so_many_messages() {
        let begin = Instant::now();
        let mut ledger = Ledger::new(2, begin);
        let mut looks = 0;
        for _ in 0..2 * STRIDE {
            ledger.hear(1, || {
                looks += 1;
                begin
            });
        }
        assert_eq!(looks, 2);
    }

    #[test]
    fn what_was_heard_before_the_beginning_does_not_count() {
        let begin = Instant::now();
        let mut ledger = Ledger::new(3, begin);
        ledger.hear(2, || begin);
        ledger.begin(begin + MILLI);
        for number in [0, 0, 1, 2, NOBODY] {
            ledger.hear(number, || begin);
        }
        assert_eq!(
            ledger.report(begin + MILLI * 3),
            Some(Report::Shares {
                silence: 2_000_000,
                least: 1,
                median: 1,
                total: 4,
                peers: 3
            })
        );
    }

    #[test]
    fn of_one_peer_or_of_bodies_without_a_number_there_is_nothing_to_tell() {
        let begin = Instant::now();
        let mut ledger = Ledger::new(1, begin);
        ledger.hear(0, || begin);
        assert_eq!(ledger.report(begin), None);
        let mut ledger = Ledger::new(2, begin);
        ledger.hear(NOBODY, || begin);
        assert_eq!(ledger.report(begin), None);
    }
}
