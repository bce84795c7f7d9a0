//! Heartbeats: when to send a PING, and when to give up.
//!
//! Owns: the times of one connection's PINGs and of the silences that follow them.
//! Always true: it gives up only on a peer that has shown that it answers PINGs, or that announced a TTL itself. Time
//! is what the caller says it is.
//! Must not know: clocks, sockets, how a PING is written.
//! Source: RFC 37/ZMTP 3.1, "Connection Heartbeating"; when the timers run is libzmq's way, except that libzmq also
//! gives up on peers which never answered, counts from when a PING was queued, and wraps a TTL of 65.6 seconds or more.
//!
//! ```text
//! PING queued, and left --> silence begins, unless one runs --+-- any input --> no silence
//! PING came with a TTL --> likewise, on the peer's terms -----+-- timeout, or TTL --> give up
//! ```
//!
//! A libzmq peer at its receive high-water mark reads nothing, and so cannot answer: it lives, and has messages of ours
//! before it, or our output does not get through to it. Such a peer has [`HELD_UP`] times the timeout, from the last time
//! that the kernel could send something again. The other way round, while we are at our mark, PINGs of our own tell the
//! peer that we live, as answers to those of its that lie unread. Only to those:
//! where the peer has closed the connection behind what it sent, each byte of ours destroys what is not read of that.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one connection does to notice that its peer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeartbeatConfig {
    /// Time between PINGs; `None` or zero sends none.
    pub(crate) interval: Option<Duration>,
    /// How long a peer that answers PINGs may be silent after one.
    pub(crate) timeout: Duration,
    /// How long the peer is asked to wait for us after a PING of ours; at most 65.5 s are announced, since libzmq wraps
    /// what is longer. `None` or zero asks for nothing.
    pub(crate) ttl: Option<Duration>,
    /// A peer has at most one message of ours that it has not answered (REQ): it is never at its mark.
    pub(crate) takes_turns: bool,
}

/// What has become of what we write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output {
    /// Grows each time that the kernel, which had been full, has taken something: the peer's has acknowledged something.
    pub(crate) resumed: u32,
    /// The kernel has every PING.
    pub(crate) pings_left: bool,
    /// How many messages the kernel has, wholly or in part.
    pub(crate) messages: u64,
}

impl HeartbeatConfig {
    /// The TTL as a PING carries it: tenths of a second, rounded up, 0 for none.
    fn wire_ttl(&self) -> u16 {
        let tenths = self
            .ttl
            .unwrap_or_default()
            .as_millis()
            .div_ceil(TENTH_MILLIS);
        tenths.min(u128::from(LONGEST_TTL)) as u16
    }
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeartbeatAction {
    /// Nothing, until the deadline.
    None,
    /// Send a PING with this TTL, in tenths of a second; then ask again.
    SendPing {
        /// 0 for none.
        ttl: u16,
    },
    /// The peer, which is not read, wants to hear of us if there is a PING among what it has sent; then ask again.
    Look,
    /// The peer has been silent for longer than the timeout, but may be held up: it is gone if its system does not answer
    /// either. Then ask again.
    Doubt,
    /// The peer is gone: close the connection.
    GiveUp,
}

/// The heartbeat of one connection, from the end of its handshake on.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// One for many connections.
    config: Arc<HeartbeatConfig>,
    next_ping: Option<Instant>,
    /// Runs from a PING of ours to the next input; only if `answers`.
    after_our_ping: Option<Asked>,
    /// Runs from a PING of the peer's to the next input.
    after_its_ping: Option<Silence>,
    /// What `Output::resumed` was when last looked at.
    resumed: u32,
    /// What `Output::messages` was when the last PING was sent.
    messages_before_ping: u64,
    /// Likewise of a PING that has been answered: so many messages the peer has read.
    messages_read: u64,
    /// When the last PING of the peer's came, or the handshake ended.
    its_last_ping: Instant,
    /// The shortest time between two PINGs of the peer's.
    its_interval: Option<Duration>,
    /// While the peer is not read: when to look for a PING of its.
    next_look: Option<Instant>,
    /// So many bytes were unread at the last look.
    unread: usize,
    /// Since when the peer is not read; `None` while it is read.
    unread_since: Option<Instant>,
    /// Before this no silence begins: see [`Heartbeat::set_unread`].
    catches_up_until: Option<Instant>,
    /// The peer has answered a PING.
    answers: bool,
    /// PINGs not answered yet, as far as one can count.
    unanswered: u32,
    /// A PING whose answer is awaited to measure the round trip, and how many answers come before it.
    measured: Option<(Instant, u32)>,
}

/// A time without input after a PING of ours.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// When the PING was queued, and once it has left, then; or the last sign that the peer's system lives.
    since: Instant,
    has_left: bool,
    patience: Duration,
    /// When it is worth asking whether the peer's system answers; `None` where that makes no difference.
    doubt: Option<Instant>,
}

/// A time without input and how long the peer wants it to last at most, in tenths of a second.
#[derive(Debug, Clone, Copy)]
struct Silence {
    since: Instant,
    ttl: u16,
}

impl Silence {
    fn at_most(&self) -> Duration {
        Duration::from_millis(u64::from(self.ttl) * TENTH_MILLIS as u64)
    }
}

impl Heartbeat {
    /// The handshake ended `now`; the first PING is due one interval later.
    pub(crate) fn new(config: Arc<HeartbeatConfig>, now: Instant) -> Self {
        let mut heartbeat = Self {
            config,
            next_ping: None,
            after_our_ping: None,
            after_its_ping: None,
            resumed: 0,
            messages_before_ping: 0,
            messages_read: 0,
            its_last_ping: now,
            its_interval: None,
            next_look: None,
            unread: 0,
            unread_since: None,
            catches_up_until: None,
            answers: false,
            unanswered: 0,
            measured: None,
        };
        heartbeat.plan_ping(now);
        heartbeat
    }

    /// Anything came from the peer at `at`, which may lie a little back: a silence that began later goes on.
    ///
    /// For a PING or a PONG, to be called before `peer_ping` or `pong_received`.
    pub(crate) fn received(&mut self, at: Instant) {
        self.after_our_ping = self.after_our_ping.filter(|asked| asked.since > at);
        self.after_its_ping = self.after_its_ping.filter(|silence| silence.since > at);
    }

    /// Up to `now` it was not the peer's fault that nothing came: silences that run begin anew.
    pub(crate) fn excused(&mut self, now: Instant) {
        // Without patience there is nothing to begin anew.
        self.after_our_ping = self
            .after_our_ping
            .filter(|asked| !asked.patience.is_zero());
        if let Some(asked) = &mut self.after_our_ping {
            asked.since = now;
            asked.doubt = None;
        }
        if let Some(silence) = &mut self.after_its_ping {
            silence.since = now;
        }
    }

    /// A PING came, whose sender wants to be given up on after `ttl` tenths of a second of silence, unless that is 0.
    pub(crate) fn peer_ping(&mut self, ttl: u16, now: Instant) {
        if ttl > 0 && self.after_its_ping.is_none() {
            self.after_its_ping = Some(Silence { since: now, ttl });
        }
        // Those that had waited here come all at once.
        let interval = now.saturating_duration_since(self.its_last_ping);
        if interval >= SHORTEST_INTERVAL {
            let shortest = self
                .its_interval
                .map_or(interval, |known| known.min(interval));
            self.its_interval = Some(shortest);
        }
        self.its_last_ping = now;
    }

    pub(crate) fn is_unread(&self) -> bool {
        self.unread_since.is_some()
    }

    /// Whether the peer is read, or left unread since the socket is at its mark: what it waits for then, an answer to its
    /// PINGs, it gets in the form of ours. True if that has changed.
    ///
    /// A peer that was not read for a time may be silent for as long again without a fault of its own: what it sent to a full
    /// buffer its kernel sends again after an interval that has doubled each time, and that is as long as all before it
    /// together. So no silence begins before that time is over.
    pub(crate) fn set_unread(&mut self, is_unread: bool, now: Instant) -> bool {
        let changed = self.is_unread() != is_unread;
        if changed {
            self.next_look = None;
            self.unread = 0;
            if is_unread {
                self.unread_since = Some(now);
                self.plan_look(now);
            } else if let Some(since) = self.unread_since.take() {
                let unread = now.saturating_duration_since(since);
                let until = now.checked_add(unread.min(LONGEST_CATCH_UP));
                self.catches_up_until = self.catches_up_until.max(until);
            }
        }
        changed
    }

    /// A PONG came. One that nobody asked for changes nothing. How long the answer took, if it is one that was measured.
    pub(crate) fn pong_received(&mut self, now: Instant) -> Option<Duration> {
        if self.unanswered == 0 {
            return None;
        }
        self.unanswered -= 1;
        self.answers = true;
        if self.unanswered == 0 {
            self.messages_read = self.messages_before_ping;
        }
        match &mut self.measured {
            Some((sent, 0)) => {
                let took = now.saturating_duration_since(*sent);
                self.measured = None;
                return Some(took);
            }
            Some((_, answers_before)) => *answers_before -= 1,
            None => {}
        }
        None
    }

    /// What is to be done `now`, when `output` is what has become of the PINGs so far; to be asked until there is nothing.
    pub(crate) fn poll(&mut self, now: Instant, output: Output) -> HeartbeatAction {
        let has_come = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        self.look_at(output, now);
        if has_come(self.end_of_patience()) {
            return HeartbeatAction::GiveUp;
        }
        if let Some(asked) = &mut self.after_our_ping
            && has_come(asked.doubt)
        {
            asked.doubt = now.checked_add(self.config.timeout.max(SHORTEST_DOUBT));
            return HeartbeatAction::Doubt;
        }
        if has_come(self.next_ping) {
            self.plan_ping(now);
            if self.answers && self.after_our_ping.is_none() {
                self.after_our_ping = Some(Asked {
                    since: now,
                    has_left: false,
                    patience: self.patience(true),
                    doubt: None,
                });
            }
            self.measured.get_or_insert((now, self.unanswered));
            return self.send_ping(output);
        }
        if has_come(self.next_look) {
            self.plan_look(now);
            return HeartbeatAction::Look;
        }
        HeartbeatAction::None
    }

    /// So many bytes of the peer's are unread: how many of them were not yet so at the last look.
    pub(crate) fn new_among(&mut self, unread: usize) -> usize {
        let before = std::mem::replace(&mut self.unread, unread);
        unread.saturating_sub(before)
    }

    /// Whether the peer has sent PINGs.
    pub(crate) fn is_pinged(&self) -> bool {
        self.its_interval.is_some()
    }

    /// A PING beside those that are due.
    pub(crate) fn send_ping(&mut self, output: Output) -> HeartbeatAction {
        self.unanswered = self.unanswered.saturating_add(1);
        self.messages_before_ping = output.messages;
        HeartbeatAction::SendPing {
            ttl: self.config.wire_ttl(),
        }
    }

    /// When `poll` will have something to do, if nothing comes from the peer before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ping = earlier(self.next_ping, self.next_look);
        let doubt = self.after_our_ping.and_then(|asked| asked.doubt);
        earlier(earlier(ping, doubt), self.end_of_patience())
    }

    /// Sees whether our PING has left, and whether the peer's system takes what we send.
    fn look_at(&mut self, output: Output, now: Instant) {
        let resumed = std::mem::replace(&mut self.resumed, output.resumed) != output.resumed;
        let has_unread = !self.config.takes_turns && output.messages != self.messages_read;
        let Some(mut asked) = self.after_our_ping else {
            return;
        };
        if resumed || output.pings_left && !asked.has_left {
            asked.since = now;
            asked.doubt = None;
        }
        asked.has_left |= output.pings_left;
        let held_up = has_unread || !asked.has_left;
        asked.patience = self.patience(held_up);
        asked.doubt = match asked.doubt {
            _ if !held_up => None,
            None => {
                let timeout = self.config.timeout.max(SHORTEST_DOUBT);
                asked.since.checked_add(timeout)
            }
            known => known,
        };
        self.after_our_ping = Some(asked);
    }

    /// How long a peer may be silent before its system is asked.
    pub(crate) fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// How long a silence may last; longer for a peer that may be unable to answer since it is `held_up`.
    fn patience(&self, held_up: bool) -> Duration {
        let timeout = self.config.timeout;
        if held_up {
            timeout.saturating_mul(HELD_UP).max(HELD_UP_AT_LEAST)
        } else {
            timeout
        }
    }

    /// PINGs go out every interval whatever else is sent, as libzmq's do. One that is late moves the next.
    fn plan_ping(&mut self, now: Instant) {
        let interval = self.config.interval.filter(|interval| !interval.is_zero());
        self.next_ping = interval.and_then(|interval| now.checked_add(interval));
    }

    /// Half the time that the peer may think right between two signs of life. One of which no PING was seen may send none
    /// at all, or have sent it behind what is not read.
    fn plan_look(&mut self, now: Instant) {
        let pause = match self.its_interval {
            Some(interval) => interval / 2,
            None => {
                let known = now.saturating_duration_since(self.its_last_ping);
                (known / 2).clamp(SHORTEST_GUESS, LONGEST_GUESS)
            }
        };
        let suffices = |ours: Duration| !ours.is_zero() && ours <= pause;
        let looks = !self.config.interval.is_some_and(suffices);
        self.next_look = looks.then(|| now.checked_add(pause)).flatten();
    }

    fn end_of_patience(&self) -> Option<Instant> {
        let begin = |since: Instant| {
            self.catches_up_until
                .map_or(since, |until| since.max(until))
        };
        let ours = self
            .after_our_ping
            .and_then(|asked| begin(asked.since).checked_add(asked.patience));
        let its = self
            .after_its_ping
            .and_then(|silence| begin(silence.since).checked_add(silence.at_most()));
        earlier(ours, its)
    }
}

/// The earlier of two times, either of which may never come.
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}

/// A peer that may be held up has so many times the timeout, and [`HELD_UP_AT_LEAST`] in any case.
const HELD_UP: u32 = 10;
const HELD_UP_AT_LEAST: Duration = Duration::from_secs(15);

/// The longest interval between two attempts of a kernel to send; Linux's `TCP_RTO_MAX`.
const LONGEST_CATCH_UP: Duration = Duration::from_secs(120);

/// The least time between two questions whether its system answers.
const SHORTEST_DOUBT: Duration = Duration::from_millis(100);

/// PINGs that follow each other faster had waited somewhere and say nothing of the peer's interval.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// The pause between two looks for a PING of a peer whose interval is not known.
const SHORTEST_GUESS: Duration = Duration::from_millis(50);
const LONGEST_GUESS: Duration = Duration::from_millis(500);

/// The unit of a TTL on the wire.
const TENTH_MILLIS: u128 = 100;
/// The longest TTL, in tenths of a second, that libzmq does not wrap: it multiplies by 100 in 16 bits.
const LONGEST_TTL: u16 = u16::MAX / 100;

#[cfg(test)]
mod tests;
