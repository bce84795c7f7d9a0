//! Heartbeats: when to send a PING, and when to give up.
//!
//! Owns: the times of one connection's PINGs and of the silences that follow them.
//! Always true: it gives up only a peer that has answered a PING before, or that announced a TTL itself. The time is an
//! argument of each call.
//! Must not know: clocks, sockets, how a PING is written.
//! Source: RFC 37/ZMTP 3.1, "Connection Heartbeating"; the timers run as in libzmq, except that libzmq also
//! gives up peers that never answered, counts from when a PING was queued, and wraps a TTL of 65.6 seconds or more.
//!
//! ```text
//! PING queued, and left --> silence begins, unless one runs --+-- any input --> no silence
//! PING came with a TTL --> likewise, on the peer's terms -----+-- timeout, or TTL --> give up
//! ```
//!
//! A libzmq peer at its receive high-water mark reads nothing, so it cannot answer a PING although it lives. Such a peer has
//! unread messages of ours, or our PING has not left this machine. It is given up after [`HELD_UP`] times the timeout, counted
//! from the last time that the kernel could send something. The opposite case, a peer that we do not read, is in `unread.rs`.

mod unread;

use std::sync::Arc;
use std::time::{Duration, Instant};

use unread::Unread;

/// How one connection finds out that its peer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeartbeatConfig {
    /// Time between PINGs; `None` or zero sends none.
    pub(crate) interval: Option<Duration>,
    /// How long a peer that answers PINGs may be silent after one.
    pub(crate) timeout: Duration,
    /// The TTL of our PINGs: how long we may be silent before the peer gives us up. At most 65.5 s are announced, since
    /// libzmq wraps a longer time. `None` or zero announces no TTL.
    pub(crate) ttl: Option<Duration>,
    /// The peer never has more than one unanswered message of ours (REQ), so it is never at its high-water mark.
    pub(crate) takes_turns: bool,
}

/// How far our output has left this machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output {
    /// Grows each time that the kernel takes bytes again after it was full, that is: each time that the peer's kernel has
    /// acknowledged some.
    pub(crate) resumed: u32,
    /// Each PING has been written to the kernel.
    pub(crate) pings_left: bool,
    /// How many messages have been written to the kernel, the last perhaps in part.
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
    /// Look whether the input that is left unread has a PING of the peer: if so, the peer is to get a sign of life. Then ask
    /// again.
    Look,
    /// The peer has been silent for longer than the timeout, but it may be at its high-water mark. Ask its kernel: if that
    /// does not answer either, the peer is gone. Then ask again.
    Doubt,
    /// The peer is gone: close the connection.
    GiveUp,
}

/// The heartbeat of one connection, from the end of its handshake on.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// Shared by many connections.
    config: Arc<HeartbeatConfig>,
    next_ping: Option<Instant>,
    /// Runs from a PING of ours to the next input; only if `answers`.
    after_our_ping: Option<AwaitedInput>,
    /// Runs from a PING of the peer's to the next input.
    after_its_ping: Option<Silence>,
    /// `Output::resumed` at the last poll.
    resumed: u32,
    /// `Output::messages` when the last PING was sent.
    messages_before_ping: u64,
    /// How many messages the peer has read: `Output::messages` when the last answered PING was sent.
    messages_read: u64,
    unread: Unread,
    /// The peer has answered a PING.
    answers: bool,
    /// How many PINGs are not answered yet.
    unanswered: u32,
    /// A PING that measures the round trip: when it was queued, and how many answers to earlier PINGs come first.
    measured: Option<(Instant, u32)>,
}

/// A time without input after a PING of ours.
#[derive(Debug, Clone, Copy)]
struct AwaitedInput {
    /// The last of: when the PING was queued, when it left, when the peer's kernel showed that it lives.
    since: Instant,
    has_left: bool,
    patience: Duration,
    /// When the peer's kernel is to be asked whether it lives; `None` while its answer would change nothing.
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
            unread: Unread::new(now),
            answers: false,
            unanswered: 0,
            measured: None,
        };
        heartbeat.plan_ping(now);
        heartbeat
    }

    /// Input came from the peer at `at`, perhaps a little before now: it ends a silence that had begun by then.
    ///
    /// For a PING or a PONG, call this before `peer_ping` or `pong_received`.
    pub(crate) fn received(&mut self, at: Instant) {
        self.after_our_ping = self.after_our_ping.filter(|asked| asked.since > at);
        self.after_its_ping = self.after_its_ping.filter(|silence| silence.since > at);
    }

    /// The silence up to `now` was not the peer's fault: it begins anew.
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

    /// A PING came. Its sender wants to be given up after `ttl` tenths of a second of silence, or never if that is 0.
    pub(crate) fn peer_ping(&mut self, ttl: u16, now: Instant) {
        if ttl > 0 && self.after_its_ping.is_none() {
            self.after_its_ping = Some(Silence { since: now, ttl });
        }
        self.unread.peer_ping(now);
    }

    pub(crate) fn is_unread(&self) -> bool {
        self.unread.is_unread()
    }

    /// Whether the peer is read, or left unread since our socket is at its high-water mark. True if that has changed.
    pub(crate) fn set_unread(&mut self, is_unread: bool, now: Instant) -> bool {
        self.unread.set(is_unread, now, self.config.interval)
    }

    /// A PONG came; one that no PING asked for changes nothing. Gives the time of the round trip, if this PONG ends a measured
    /// one.
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

    /// What is to be done `now`; `output` tells how far the PINGs have left. Call it until it gives
    /// [`HeartbeatAction::None`].
    pub(crate) fn poll(&mut self, now: Instant, output: Output) -> HeartbeatAction {
        let has_come = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        self.note_output(output, now);
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
                self.after_our_ping = Some(AwaitedInput {
                    since: now,
                    has_left: false,
                    patience: self.patience(true),
                    doubt: None,
                });
            }
            self.measured.get_or_insert((now, self.unanswered));
            return self.send_ping(output);
        }
        if has_come(self.unread.next_look()) {
            self.unread.plan_look(now, self.config.interval);
            return HeartbeatAction::Look;
        }
        HeartbeatAction::None
    }

    /// How many of the `unread` bytes of the peer were not there at the last look.
    pub(crate) fn new_among(&mut self, unread: usize) -> usize {
        self.unread.new_among(unread)
    }

    /// Whether the peer has sent PINGs.
    pub(crate) fn is_pinged(&self) -> bool {
        self.unread.is_pinged()
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
        let ping = earlier(self.next_ping, self.unread.next_look());
        let doubt = self.after_our_ping.and_then(|asked| asked.doubt);
        earlier(earlier(ping, doubt), self.end_of_patience())
    }

    /// Takes note of whether our PING has left, and of whether the peer's kernel takes our output.
    fn note_output(&mut self, output: Output, now: Instant) {
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

    /// How long a peer may be silent before its kernel is asked.
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

    /// PINGs go out in each interval, also while other traffic goes out, as in libzmq. A late PING moves the next one.
    fn plan_ping(&mut self, now: Instant) {
        let interval = self.config.interval.filter(|interval| !interval.is_zero());
        self.next_ping = interval.and_then(|interval| now.checked_add(interval));
    }

    fn end_of_patience(&self) -> Option<Instant> {
        let begin = |since: Instant| self.unread.silence_begins(since);
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

/// How many timeouts a peer may be silent that may be at its high-water mark; it may in any case be so for
/// [`HELD_UP_AT_LEAST`].
const HELD_UP: u32 = 10;
const HELD_UP_AT_LEAST: Duration = Duration::from_secs(15);

/// The least time between two questions to the peer's kernel.
const SHORTEST_DOUBT: Duration = Duration::from_millis(100);

/// The unit of a TTL on the wire.
const TENTH_MILLIS: u128 = 100;
/// The longest TTL, in tenths of a second, that libzmq does not wrap: it multiplies by 100 in 16 bits.
const LONGEST_TTL: u16 = u16::MAX / 100;

#[cfg(test)]
mod tests;
