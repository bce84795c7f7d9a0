use super::*;

const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);
const PING: HeartbeatAction = HeartbeatAction::SendPing { ttl: 0 };
/// Everything is with the kernel, and there is no message.
const LEFT: Output = Output {
    resumed: 0,
    pings_left: true,
    messages: 0,
};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn heartbeat(ttl: Option<Duration>) -> (Heartbeat, Instant) {
    let start = Instant::now();
    let config = HeartbeatConfig {
        interval: Some(INTERVAL),
        timeout: TIMEOUT,
        ttl,
        takes_turns: false,
    };
    (Heartbeat::new(config.into(), start), start)
}

/// A heartbeat whose peer answered the first PING at once.
fn answered() -> (Heartbeat, Instant) {
    let (mut heartbeat, start) = heartbeat(None);
    let now = start + INTERVAL;
    assert_eq!(heartbeat.poll(now, LEFT), PING);
    heartbeat.received(now);
    heartbeat.pong_received(now);
    (heartbeat, now)
}

/// A PING is due, and leaves at once.
fn ping(heartbeat: &mut Heartbeat, now: Instant) {
    assert_eq!(heartbeat.poll(now, LEFT), PING);
    assert_eq!(heartbeat.poll(now, LEFT), HeartbeatAction::None);
}

#[test]
fn a_ping_goes_out_every_interval_and_once() {
    let (mut heartbeat, start) = heartbeat(None);
    assert_eq!(heartbeat.poll(start, LEFT), HeartbeatAction::None);
    assert_eq!(heartbeat.deadline(), Some(start + INTERVAL));
    assert_eq!(heartbeat.poll(start + INTERVAL, LEFT), PING);
    assert_eq!(
        heartbeat.poll(start + INTERVAL, LEFT),
        HeartbeatAction::None
    );
    heartbeat.received(start + seconds(15));
    assert_eq!(
        heartbeat.poll(start + seconds(20), LEFT),
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
            takes_turns: false,
        };
        let mut heartbeat = Heartbeat::new(config.into(), start);
        assert_eq!(heartbeat.deadline(), None);
        assert_eq!(
            heartbeat.poll(start + seconds(1_000_000), LEFT),
            HeartbeatAction::None
        );
    }
}

#[test]
fn a_peer_that_never_answered_is_never_given_up() {
    let (mut heartbeat, start) = heartbeat(None);
    for count in 1..100 {
        assert_eq!(heartbeat.poll(start + INTERVAL * count, LEFT), PING);
    }
}

#[test]
fn a_peer_that_answered_once_is_given_up_after_the_timeout() {
    let (mut heartbeat, answered) = answered();
    let unanswered = answered + INTERVAL;
    ping(&mut heartbeat, unanswered);
    assert_eq!(heartbeat.poll(unanswered + INTERVAL, LEFT), PING);
    assert_eq!(heartbeat.poll(unanswered + INTERVAL * 2, LEFT), PING);
    let end = unanswered + TIMEOUT;
    assert_eq!(
        heartbeat.deadline(),
        Some(end),
        "counted from the first PING"
    );
    assert_eq!(
        heartbeat.poll(end - seconds(1), LEFT),
        HeartbeatAction::None
    );
    assert_eq!(heartbeat.poll(end, LEFT), HeartbeatAction::GiveUp);
}

#[test]
fn any_input_ends_the_silence_but_not_one_from_before_it() {
    let (mut heartbeat, answered) = answered();
    let sent = answered + INTERVAL;
    ping(&mut heartbeat, sent);
    heartbeat.received(sent - seconds(1));
    assert_eq!(heartbeat.end_of_patience(), Some(sent + TIMEOUT));
    heartbeat.received(sent);
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
    assert_eq!(heartbeat.poll(end, LEFT), HeartbeatAction::GiveUp);
    heartbeat.received(end);
    assert_eq!(heartbeat.poll(end, LEFT), HeartbeatAction::None);
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
        takes_turns: false,
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
        assert_eq!(heartbeat.poll(start + INTERVAL, LEFT), ping, "{ttl} ms");
    }
}

#[test]
fn silence_counts_from_when_the_ping_has_left_or_the_kernel_last_took_something() {
    let (mut heartbeat, answered) = answered();
    let queued = answered + INTERVAL;
    let behind = |resumed| Output {
        resumed,
        pings_left: false,
        messages: 1,
    };
    assert_eq!(heartbeat.poll(queued, behind(0)), PING);
    assert_eq!(
        heartbeat.poll(queued, behind(0)),
        HeartbeatAction::None,
        "it waits behind a message"
    );
    assert_eq!(
        heartbeat.end_of_patience(),
        Some(queued + TIMEOUT * HELD_UP)
    );
    let mut now = queued;
    for resumed in 1..100 {
        now += INTERVAL;
        assert_eq!(heartbeat.poll(now, behind(resumed)), PING);
    }
    let end = now + TIMEOUT * HELD_UP;
    assert_eq!(heartbeat.end_of_patience(), Some(end));
    now += INTERVAL;
    heartbeat.poll(now, LEFT);
    assert_eq!(heartbeat.end_of_patience(), Some(now + TIMEOUT));
}

#[test]
fn a_peer_that_takes_nothing_more_is_given_up_in_the_end() {
    let (mut heartbeat, answered) = answered();
    let stuck = Output {
        resumed: 0,
        pings_left: false,
        messages: 1,
    };
    let queued = answered + INTERVAL;
    assert_eq!(heartbeat.poll(queued, stuck), PING);
    let end = queued + TIMEOUT * HELD_UP;
    let mut doubts = Vec::new();
    let mut now = queued;
    while now < end - seconds(1) {
        now = heartbeat
            .deadline()
            .expect("there is more to do")
            .min(end - seconds(1));
        while let action @ (HeartbeatAction::Doubt | PING) = heartbeat.poll(now, stuck) {
            if action == HeartbeatAction::Doubt {
                doubts.push(now - queued);
            }
        }
    }
    let each_timeout: Vec<_> = (1..HELD_UP).map(|turn| TIMEOUT * turn).collect();
    assert_eq!(doubts, each_timeout, "its system is asked then");
    assert_eq!(heartbeat.poll(end, stuck), HeartbeatAction::GiveUp);
}

#[test]
fn a_peer_that_may_be_at_its_mark_has_more_time_until_it_has_read_what_there_was() {
    let sent = |messages| Output { messages, ..LEFT };
    for (takes_turns, patience) in [(false, TIMEOUT * HELD_UP), (true, TIMEOUT)] {
        let (mut heartbeat, mut now) = answered();
        heartbeat.config = HeartbeatConfig {
            takes_turns,
            ..*heartbeat.config
        }
        .into();
        now += INTERVAL;
        assert_eq!(heartbeat.poll(now, sent(1)), PING);
        heartbeat.poll(now, sent(1));
        assert_eq!(heartbeat.end_of_patience(), Some(now + patience));
        heartbeat.received(now);
        heartbeat.pong_received(now);
        now += INTERVAL;
        assert_eq!(heartbeat.poll(now, sent(1)), PING);
        heartbeat.poll(now, sent(1));
        let end = Some(now + TIMEOUT);
        assert_eq!(heartbeat.end_of_patience(), end, "it has read the message");
    }
}

#[test]
fn what_is_our_own_fault_makes_silences_begin_anew() {
    let (mut heartbeat, answered) = answered();
    let sent = answered + INTERVAL;
    ping(&mut heartbeat, sent);
    heartbeat.peer_ping(100, sent);
    heartbeat.excused(sent + seconds(9));
    assert_eq!(heartbeat.deadline(), Some(sent + INTERVAL), "the next PING");
    assert_eq!(heartbeat.end_of_patience(), Some(sent + seconds(19)));
    heartbeat.received(sent + seconds(9));
    assert_eq!(heartbeat.end_of_patience(), None);
}

#[test]
fn without_patience_an_excuse_ends_the_silence() {
    let (mut heartbeat, answered) = answered();
    heartbeat.config = HeartbeatConfig {
        timeout: Duration::ZERO,
        ..*heartbeat.config
    }
    .into();
    let sent = answered + INTERVAL;
    assert_eq!(heartbeat.poll(sent, LEFT), PING);
    assert_eq!(heartbeat.poll(sent, LEFT), HeartbeatAction::GiveUp);
    heartbeat.excused(sent);
    assert_eq!(heartbeat.poll(sent, LEFT), HeartbeatAction::None);
}

#[test]
fn a_peer_that_is_not_read_is_looked_at_twice_within_its_interval() {
    let (mut heartbeat, start) = heartbeat(None);
    for second in 1..4 {
        heartbeat.peer_ping(0, start + seconds(second));
    }
    // Two that had waited somewhere.
    heartbeat.peer_ping(0, start + seconds(3));
    let now = start + seconds(3);
    assert!(heartbeat.set_unread(true, now) && !heartbeat.set_unread(true, now));
    for turn in 1..5 {
        let due = now + seconds(turn) / 2;
        assert_eq!(heartbeat.deadline(), Some(due));
        assert_eq!(heartbeat.poll(due, LEFT), HeartbeatAction::Look);
        assert_eq!(heartbeat.poll(due, LEFT), HeartbeatAction::None);
        assert_eq!(heartbeat.send_ping(LEFT), PING);
    }
    assert_eq!(heartbeat.end_of_patience(), None, "no answer is waited for");
    assert!(heartbeat.set_unread(false, now));
    assert_eq!(heartbeat.deadline(), Some(start + INTERVAL));
}

#[test]
fn a_peer_whose_interval_is_not_known_or_longer_than_ours_is_looked_at_as_often_as_it_may_need() {
    let (mut heartbeat, start) = heartbeat(None);
    heartbeat.set_unread(true, start + Duration::from_millis(1));
    let soon = start + Duration::from_millis(51);
    assert_eq!(heartbeat.deadline(), Some(soon));
    heartbeat.set_unread(false, soon);
    heartbeat.set_unread(true, start + seconds(5));
    let later = start + Duration::from_millis(5500);
    assert_eq!(heartbeat.deadline(), Some(later));
    heartbeat.set_unread(false, later);
    // It may wait for an answer for much less than its interval.
    heartbeat.peer_ping(0, start + INTERVAL * 2);
    heartbeat.set_unread(true, start + INTERVAL * 2);
    let soon = start + INTERVAL * 2 + Duration::from_millis(500);
    assert_eq!(heartbeat.unread.next_look(), Some(soon));
    heartbeat.set_unread(false, soon);
    heartbeat.config = HeartbeatConfig {
        interval: Some(Duration::from_millis(500)),
        ..*heartbeat.config
    }
    .into();
    heartbeat.set_unread(true, soon);
    assert_eq!(heartbeat.unread.next_look(), None, "ours are enough");
}

#[test]
fn the_round_trip_is_that_of_the_ping_answered() {
    let (mut heartbeat, start) = heartbeat(None);
    assert_eq!(heartbeat.pong_received(start), None, "nobody asked");
    assert_eq!(heartbeat.poll(start + seconds(10), LEFT), PING);
    assert_eq!(heartbeat.poll(start + seconds(20), LEFT), PING);
    assert_eq!(
        heartbeat.pong_received(start + seconds(21)),
        Some(seconds(11))
    );
    assert_eq!(heartbeat.poll(start + seconds(30), LEFT), PING);
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

#[test]
fn what_is_unread_is_new_once() {
    let (mut heartbeat, start) = heartbeat(None);
    heartbeat.set_unread(true, start);
    assert_eq!(heartbeat.new_among(10), 10);
    assert_eq!(heartbeat.new_among(10), 0);
    assert_eq!(heartbeat.new_among(19), 9);
    assert_eq!(heartbeat.new_among(5), 0);
    heartbeat.set_unread(false, start);
    heartbeat.set_unread(true, start);
    assert_eq!(heartbeat.new_among(5), 5);
}

#[test]
fn a_peer_that_was_not_read_may_be_silent_for_as_long_again() {
    let (mut heartbeat, start) = answered();
    heartbeat.set_unread(true, start);
    let read_again = start + seconds(50);
    heartbeat.excused(read_again);
    heartbeat.set_unread(false, read_again);
    ping(&mut heartbeat, read_again);
    // What it had sent before comes; a shorter time in which it was not read takes nothing away.
    heartbeat.received(read_again + seconds(1));
    heartbeat.set_unread(true, read_again + seconds(1));
    heartbeat.set_unread(false, read_again + seconds(2));
    let end = read_again + seconds(50) + TIMEOUT;
    let mut now = read_again;
    while now + INTERVAL < end {
        now += INTERVAL;
        assert_ne!(heartbeat.poll(now, LEFT), HeartbeatAction::GiveUp);
    }
    assert_eq!(heartbeat.poll(end, LEFT), HeartbeatAction::GiveUp);
}

#[test]
fn no_kernel_waits_for_longer_than_it_may() {
    let (mut heartbeat, start) = answered();
    heartbeat.set_unread(true, start);
    let read_again = start + seconds(10_000);
    heartbeat.excused(read_again);
    heartbeat.set_unread(false, read_again);
    ping(&mut heartbeat, read_again);
    let end = read_again + unread::LONGEST_CATCH_UP + TIMEOUT;
    assert_eq!(heartbeat.poll(end, LEFT), HeartbeatAction::GiveUp);
}
