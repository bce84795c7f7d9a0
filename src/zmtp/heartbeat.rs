//! Heartbeats: when to send a PING, and when to give up.
//!
//! Owns: the times of one connection's PINGs and of the silences that follow them.
//! Always true: it gives up only on a peer that has shown that it answers PINGs, or that announced a TTL itself. Time
//! is what the caller says it is.
//! Must not know: clocks, sockets, how a PING is written.
//! Source: RFC 37/ZMTP 3.1, "Connection Heartbeating"; when the timers run is libzmq's way, except that libzmq also
//! gives up on peers which never answered, and wraps a TTL of 65.6 seconds or more.
//!
//! ```text
//! PING sent  --> silence begins, unless one runs already --+-- any input --> no silence
//! PING came with a TTL --> likewise, on the peer's terms --+-- timeout, or TTL --> give up
//! ```

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
    /// The peer is gone: close the connection.
    GiveUp,
}

/// The heartbeat of one connection, from the end of its handshake on.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// One for many connections.
    config: Arc<HeartbeatConfig>,
    next_ping: Option<Instant>,
    /// Since when, from a PING of ours to the next input, there is silence; only if `answers`.
    after_our_ping: Option<Instant>,
    /// Runs from a PING of the peer's to the next input.
    after_its_ping: Option<Silence>,
    /// The peer has answered a PING.
    answers: bool,
    /// PINGs not answered yet, as far as one can count.
    unanswered: u32,
    /// A PING whose answer is awaited to measure the round trip, and how many answers come before it.
    measured: Option<(Instant, u32)>,
}

/// A time without input and how long the peer wants it to last at most, in tenths of a second.
#[derive(Debug, Clone, Copy)]
struct Silence {
    since: Instant,
    ttl: u16,
}

impl Silence {
    /// `None` is later than any time that can be told.
    fn end(&self) -> Option<Instant> {
        let at_most = Duration::from_millis(u64::from(self.ttl) * TENTH_MILLIS as u64);
        self.since.checked_add(at_most)
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
        self.after_our_ping = self.after_our_ping.filter(|since| *since > at);
        self.after_its_ping = self.after_its_ping.filter(|silence| silence.since > at);
    }

    /// A PING came, whose sender wants to be given up on after `ttl` tenths of a second of silence, unless that is 0.
    pub(crate) fn peer_ping(&mut self, ttl: u16, now: Instant) {
        if ttl > 0 && self.after_its_ping.is_none() {
            self.after_its_ping = Some(Silence { since: now, ttl });
        }
    }

    /// A PONG came. One that nobody asked for changes nothing. How long the answer took, if it is one that was measured.
    pub(crate) fn pong_received(&mut self, now: Instant) -> Option<Duration> {
        if self.unanswered == 0 {
            return None;
        }
        self.unanswered -= 1;
        self.answers = true;
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

    /// What is to be done `now`; to be asked again until there is nothing.
    pub(crate) fn poll(&mut self, now: Instant) -> HeartbeatAction {
        let has_come = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if has_come(self.end_of_patience()) {
            return HeartbeatAction::GiveUp;
        }
        if !has_come(self.next_ping) {
            return HeartbeatAction::None;
        }
        self.plan_ping(now);
        if self.answers && self.after_our_ping.is_none() {
            self.after_our_ping = Some(now);
        }
        self.measured.get_or_insert((now, self.unanswered));
        self.unanswered = self.unanswered.saturating_add(1);
        HeartbeatAction::SendPing {
            ttl: self.config.wire_ttl(),
        }
    }

    /// When `poll` will have something to do, if nothing comes from the peer before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        earlier(self.next_ping, self.end_of_patience())
    }

    /// PINGs go out every interval whatever else is sent, as libzmq's do. One that is late moves the next.
    fn plan_ping(&mut self, now: Instant) {
        let interval = self.config.interval.filter(|interval| !interval.is_zero());
        self.next_ping = interval.and_then(|interval| now.checked_add(interval));
    }

    fn end_of_patience(&self) -> Option<Instant> {
        let ours = self.after_our_ping;
        let ours = ours.and_then(|since| since.checked_add(self.config.timeout));
        earlier(ours, self.after_its_ping.as_ref().and_then(Silence::end))
    }
}

/// The earlier of two times, either of which may never come.
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}

/// The unit of a TTL on the wire.
const TENTH_MILLIS: u128 = 100;
/// The longest TTL, in tenths of a second, that libzmq does not wrap: it multiplies by 100 in 16 bits.
const LONGEST_TTL: u16 = u16::MAX / 100;

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);
    const TIMEOUT: Duration = Duration::from_secs(30);
    const PING: HeartbeatAction = HeartbeatAction::SendPing { ttl: 0 };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn heartbeat(ttl: Option<Duration>) -> (Heartbeat, Instant) {
        let start = Instant::now();
        let config = HeartbeatConfig {
            interval: Some(INTERVAL),
            timeout: TIMEOUT,
            ttl,
        };
        (Heartbeat::new(config.into(), start), start)
    }

    /// A heartbeat whose peer answered the first PING at once.
    fn answered() -> (Heartbeat, Instant) {
        let (mut heartbeat, start) = heartbeat(None);
        let now = start + INTERVAL;
        assert_eq!(heartbeat.poll(now), PING);
        heartbeat.received(now);
        heartbeat.pong_received(now);
        (heartbeat, now)
    }

    #[test]
    fn a_ping_goes_out_every_interval_and_once() {
        let (mut heartbeat, start) = heartbeat(None);
        assert_eq!(heartbeat.poll(start), HeartbeatAction::None);
        assert_eq!(heartbeat.deadline(), Some(start + INTERVAL));
        assert_eq!(heartbeat.poll(start + INTERVAL), PING);
        assert_eq!(heartbeat.poll(start + INTERVAL), HeartbeatAction::None);
        heartbeat.received(start + seconds(15));
        assert_eq!(
            heartbeat.poll(start + seconds(20)),
            PING,
            "other traffic holds none back"
        );
    }

    #[test]
    fn without_an_interval_nothing_ever_happens() {
        let start = Instant::now();
        for interval in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
            let config = HeartbeatConfig {
                interval,
                timeout: TIMEOUT,
                ttl: None,
            };
            let mut heartbeat = Heartbeat::new(config.into(), start);
            assert_eq!(heartbeat.deadline(), None);
            assert_eq!(
                heartbeat.poll(start + seconds(1_000_000)),
                HeartbeatAction::None
            );
        }
    }

    #[test]
    fn a_peer_that_never_answered_is_never_given_up() {
        let (mut heartbeat, start) = heartbeat(None);
        for count in 1..100 {
            assert_eq!(heartbeat.poll(start + INTERVAL * count), PING);
        }
    }

    #[test]
    fn a_peer_that_answered_once_is_given_up_after_the_timeout() {
        let (mut heartbeat, answered) = answered();
        let unanswered = answered + INTERVAL;
        assert_eq!(heartbeat.poll(unanswered), PING);
        assert_eq!(heartbeat.poll(unanswered + INTERVAL), PING);
        assert_eq!(heartbeat.poll(unanswered + INTERVAL * 2), PING);
        let end = unanswered + TIMEOUT;
        assert_eq!(
            heartbeat.deadline(),
            Some(end),
            "counted from the first PING"
        );
        assert_eq!(heartbeat.poll(end - seconds(1)), HeartbeatAction::None);
        assert_eq!(heartbeat.poll(end), HeartbeatAction::GiveUp);
    }

    #[test]
    fn any_input_ends_the_silence_but_not_one_from_before_it() {
        let (mut heartbeat, answered) = answered();
        let ping = answered + INTERVAL;
        assert_eq!(heartbeat.poll(ping), PING);
        heartbeat.received(ping - seconds(1));
        assert_eq!(heartbeat.end_of_patience(), Some(ping + TIMEOUT));
        heartbeat.received(ping);
        assert_eq!(heartbeat.end_of_patience(), None);
    }

    #[test]
    fn a_ttl_of_the_peer_runs_from_its_ping_to_any_input() {
        let (mut heartbeat, start) = heartbeat(None);
        heartbeat.peer_ping(3, start);
        let end = start + Duration::from_millis(300);
        assert_eq!(heartbeat.deadline(), Some(end));
        heartbeat.peer_ping(30, start);
        assert_eq!(heartbeat.deadline(), Some(end), "one runs already");
        assert_eq!(heartbeat.poll(end), HeartbeatAction::GiveUp);
        heartbeat.received(end);
        assert_eq!(heartbeat.poll(end), HeartbeatAction::None);
        heartbeat.peer_ping(0, end);
        assert_eq!(
            heartbeat.deadline(),
            Some(start + INTERVAL),
            "0 asks for nothing"
        );
    }

    #[test]
    fn a_ttl_of_656_is_65_6_seconds_and_not_64_milliseconds() {
        let start = Instant::now();
        let config = HeartbeatConfig {
            interval: None,
            timeout: TIMEOUT,
            ttl: None,
        };
        let mut heartbeat = Heartbeat::new(config.into(), start);
        heartbeat.peer_ping(656, start);
        assert_eq!(
            heartbeat.deadline(),
            Some(start + Duration::from_millis(65_600))
        );
    }

    #[test]
    fn our_ttl_is_rounded_up_to_tenths_and_bounded() {
        for (ttl, wire) in [
            (0, 0),
            (1, 1),
            (100, 1),
            (101, 2),
            (65_500, 655),
            (90_000, 655),
        ] {
            let (mut heartbeat, start) = heartbeat(Some(Duration::from_millis(ttl)));
            let ping = HeartbeatAction::SendPing { ttl: wire };
            assert_eq!(heartbeat.poll(start + INTERVAL), ping, "{ttl} ms");
        }
    }

    #[test]
    fn the_round_trip_is_that_of_the_ping_answered() {
        let (mut heartbeat, start) = heartbeat(None);
        assert_eq!(heartbeat.pong_received(start), None, "nobody asked");
        assert_eq!(heartbeat.poll(start + seconds(10)), PING);
        assert_eq!(heartbeat.poll(start + seconds(20)), PING);
        assert_eq!(
            heartbeat.pong_received(start + seconds(21)),
            Some(seconds(11))
        );
        assert_eq!(heartbeat.poll(start + seconds(30)), PING);
        assert_eq!(
            heartbeat.pong_received(start + seconds(31)),
            None,
            "the answer to the second PING"
        );
        assert_eq!(
            heartbeat.pong_received(start + seconds(32)),
            Some(seconds(2))
        );
    }
}
