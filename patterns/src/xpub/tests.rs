//! RFC 29/PUBSUB, "The XPUB Socket Type".

mod departed;

use bytes::Bytes;

use crate::rules::Rules;
use crate::testing::{Bench, TestPipes};
use crate::{
    Afterlife, DropCause, Message, Notices, Pattern, PatternOptions, PipeId, Received, Sent,
    SocketType, XPub,
};

fn xpub_with(options: PatternOptions) -> Bench {
    Bench::new(Pattern::new(SocketType::XPub, &options))
}

fn xpub() -> Bench {
    xpub_with(PatternOptions::default())
}

fn showing(notices: Notices) -> Bench {
    xpub_with(PatternOptions {
        notices,
        ..PatternOptions::default()
    })
}

fn manual() -> Bench {
    xpub_with(PatternOptions {
        manual: true,
        ..PatternOptions::default()
    })
}

fn rules(bench: &mut Bench) -> (&mut XPub, &mut TestPipes) {
    match &mut bench.pattern {
        Pattern::XPub(rules) => (rules, &mut bench.pipes),
        other => panic!("not an XPUB: {other:?}"),
    }
}

/// What the application sees: `+topic`, `-topic`, or the frames of a message.
fn seen(bench: &mut Bench) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(message) = bench.recv() {
        seen.push(match (message.first().first(), message.frame_count()) {
            (Some(1), 1) => format!("+{}", message[0][1..].escape_ascii()),
            (Some(0), 1) => format!("-{}", message[0][1..].escape_ascii()),
            _ => {
                let frames = message.frames().iter();
                let texts: Vec<_> = frames
                    .map(|frame| format!("\"{}\"", frame.escape_ascii()))
                    .collect();
                format!("[{}]", texts.join(", "))
            }
        });
    }
    seen
}

const fn sent(sent: usize) -> Result<Sent, crate::Refused> {
    Ok(Sent { sent, dropped: 0 })
}

/// "SHALL receive subscribe and unsubscribe requests from subscribers depending on the transport protocol used."
/// "SHALL deliver these commands to its calling application." "MAY, depending on configuration, normalize commands".
#[test]
fn the_first_subscribe_and_the_last_cancel_of_a_topic_are_seen() {
    let mut xpub = xpub();
    let a = xpub.accept(1);
    let b = xpub.accept(2);
    for pipe in [a, b, a] {
        xpub.arrive_subscribe(pipe, "t");
    }
    xpub.arrive_cancel(a, "t");
    assert!(xpub.can_recv());
    assert_eq!(seen(&mut xpub), ["+t"]);
    assert_eq!(xpub.send("t"), sent(1));
    xpub.arrive_cancel(b, "t");
    assert_eq!(seen(&mut xpub), ["-t"]);
    assert!(!xpub.can_recv());
    assert_eq!(xpub.send("t"), sent(0));
}

/// As libzmq: a cancel of what was not subscribed is passed up in any mode.
#[test]
fn a_cancel_of_nothing_is_seen() {
    let mut xpub = xpub();
    let pipe = xpub.accept(1);
    xpub.arrive_cancel(pipe, "t");
    assert_eq!(seen(&mut xpub), ["-t"]);
}

/// ZMQ_XPUB_VERBOSE, but for the number of cancels.
#[test]
fn verbose_shows_every_subscribe() {
    let mut xpub = showing(Notices::EverySubscribe);
    let a = xpub.accept(1);
    let b = xpub.accept(2);
    for pipe in [a, b, a] {
        xpub.arrive_subscribe(pipe, "t");
    }
    xpub.arrive_cancel(a, "t");
    assert_eq!(seen(&mut xpub), ["+t", "+t", "+t"]);
    xpub.arrive_cancel(b, "t");
    assert_eq!(seen(&mut xpub), ["-t", "-t", "-t"], "who counts is done");
}

/// Whatever is shown, and however the subscribers go.
#[test]
fn as_many_cancels_are_seen_as_subscribes() {
    for notices in [
        Notices::FirstAndLast,
        Notices::EverySubscribe,
        Notices::Every,
    ] {
        for goes in [
            |xpub: &mut Bench, pipe| xpub.arrive_cancel(pipe, "t"),
            |xpub: &mut Bench, pipe| xpub.disconnect(pipe, Afterlife::Ends),
            |xpub: &mut Bench, pipe| xpub.disconnect(pipe, Afterlife::Reconnects),
            |xpub: &mut Bench, pipe| xpub.detach(pipe),
        ] {
            let mut xpub = showing(notices);
            let pipes = [1, 2, 3].map(|id| xpub.accept(id));
            for pipe in [pipes[0], pipes[0], pipes[1], pipes[0], pipes[2]] {
                xpub.arrive_subscribe(pipe, "t");
            }
            let subscribes = seen(&mut xpub).len();
            let mut cancels = Vec::new();
            for pipe in pipes {
                goes(&mut xpub, pipe);
                cancels.push(seen(&mut xpub).len());
            }
            let expected = match notices {
                Notices::FirstAndLast => [0, 0, 1],
                Notices::EverySubscribe => [0, 0, 5],
                Notices::Every => [3, 1, 1],
            };
            assert_eq!(cancels, expected, "{notices:?}");
            assert_eq!(cancels.iter().sum::<usize>(), subscribes);
            rules(&mut xpub).0.is_clean();
        }
    }
}

/// An application may change its mind; what it was shown before counts.
#[test]
fn what_was_shown_before_the_option_changed_is_cancelled_as_often() {
    let mut xpub = showing(Notices::Every);
    let pipes = [1, 2].map(|id| xpub.accept(id));
    for pipe in pipes {
        xpub.arrive_subscribe(pipe, "t");
    }
    assert_eq!(seen(&mut xpub), ["+t", "+t"]);
    let (rules, _) = rules(&mut xpub);
    rules.reconfigure(&PatternOptions::default());
    xpub.arrive_cancel(pipes[0], "t");
    assert!(!xpub.can_recv());
    xpub.arrive_cancel(pipes[1], "t");
    assert_eq!(seen(&mut xpub), ["-t", "-t"]);
}

/// One peer must not end what others have asked for, at whom the application passes it on to.
#[test]
fn a_cancel_of_what_only_others_have_is_not_seen() {
    for notices in [Notices::FirstAndLast, Notices::Every] {
        let mut xpub = showing(notices);
        let (a, b) = (xpub.accept(1), xpub.accept(2));
        xpub.arrive_subscribe(a, "t");
        xpub.arrive_cancel(b, "t");
        assert_eq!(seen(&mut xpub), ["+t"]);
        assert_eq!(xpub.send("t"), sent(1));
    }
}

/// ZMQ_XPUB_VERBOSER.
#[test]
fn verboser_shows_every_cancel_too_also_when_a_peer_goes() {
    let mut xpub = showing(Notices::Every);
    let pipes = [1, 2, 3].map(|id| xpub.accept(id));
    for pipe in pipes {
        xpub.arrive_subscribe(pipe, "t");
    }
    xpub.arrive_cancel(pipes[0], "t");
    xpub.disconnect(pipes[1], Afterlife::Ends);
    xpub.detach(pipes[2]);
    assert_eq!(seen(&mut xpub), ["+t", "+t", "+t", "-t", "-t", "-t"]);
}

/// "SHALL, if the subscriber peer disconnects prematurely, generate a suitable unsubscribe request for the calling
/// application."
#[test]
fn when_a_peer_goes_the_topics_that_lose_their_last_subscriber_are_seen() {
    for afterwards in [Afterlife::Ends, Afterlife::Reconnects] {
        let mut xpub = xpub();
        let a = xpub.accept(1);
        let b = xpub.accept(2);
        for topic in ["own", "shared"] {
            xpub.arrive_subscribe(a, topic);
        }
        xpub.arrive_subscribe(b, "shared");
        assert_eq!(seen(&mut xpub), ["+own", "+shared"]);
        xpub.disconnect(a, afterwards);
        assert_eq!(seen(&mut xpub), ["-own"]);
        assert_eq!(xpub.send("shared"), sent(1));
        xpub.detach(a);
        xpub.detach(b);
        assert_eq!(seen(&mut xpub), ["-shared"]);
    }
}

/// "SHALL deliver these messages to its calling application", in the order of arrival.
#[test]
fn upstream_messages_are_seen_as_they_came() {
    let mut xpub = xpub();
    let pipe = xpub.accept(1);
    xpub.arrive(pipe, ["hello", "there"]);
    xpub.arrive_subscribe(pipe, "t");
    xpub.arrive(pipe, "");
    assert_eq!(seen(&mut xpub), [r#"["hello", "there"]"#, "+t", r#"[""]"#]);
}

#[test]
fn what_a_peer_sent_before_it_went_is_still_seen() {
    let mut xpub = xpub();
    let pipe = xpub.accept(1);
    xpub.pipes
        .pipe(pipe)
        .arrived
        .push_back(Received::Message("last words".into()));
    xpub.disconnect(pipe, Afterlife::Ends);
    xpub.detach(pipe);
    assert_eq!(seen(&mut xpub), [r#"["last words"]"#]);
}

/// ZMQ_ONLY_FIRST_SUBSCRIBE.
#[test]
fn later_frames_are_subscriptions_unless_only_the_first_may_be() {
    for (only_first, expected) in [
        (false, &["+t", r#"["x"]"#][..]),
        (true, &[r#"["x", "\x01t"]"#]),
    ] {
        let mut xpub = xpub_with(PatternOptions {
            only_first_subscribe: only_first,
            ..PatternOptions::default()
        });
        let pipe = xpub.accept(1);
        xpub.arrive(pipe, ["x", "\x01t"]);
        assert_eq!(seen(&mut xpub), expected);
        assert_eq!(xpub.send("t"), sent(usize::from(!only_first)));
    }
}

/// ZMQ_XPUB_WELCOME_MSG: the first message on every connection, whatever is subscribed to.
#[test]
fn a_welcome_goes_to_every_connection() {
    let mut xpub = xpub_with(PatternOptions {
        welcome: Some("hello".into()),
        ..PatternOptions::default()
    });
    let pipe = xpub.accept(1);
    assert_eq!(xpub.pipes.take(pipe), ["hello"]);
    xpub.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(xpub.connect(pipe), crate::Admission::Accepted);
    assert_eq!(xpub.pipes.take(pipe), ["hello"]);
}

/// A peer that never reads and comes again and again.
#[test]
fn welcomes_that_are_not_read_are_bounded_by_the_mark_and_counted() {
    let mut xpub = xpub_with(PatternOptions {
        welcome: Some("hello".into()),
        ..PatternOptions::default()
    });
    let pipe = xpub.accept(1);
    xpub.pipes.limit(pipe, 2);
    for _ in 0..5 {
        xpub.disconnect(pipe, Afterlife::Reconnects);
        assert_eq!(xpub.connect(pipe), crate::Admission::Accepted);
    }
    assert_eq!(xpub.pipes.take(pipe), ["hello", "hello"]);
    assert_eq!(xpub.pipes.drops(DropCause::SlowSubscriber), 4);
    xpub.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(xpub.connect(pipe), crate::Admission::Accepted);
    assert_eq!(xpub.pipes.take(pipe), ["hello"], "there is room again");
}

/// ZMQ_XPUB_MANUAL: nothing is applied by itself.
#[test]
fn in_manual_mode_the_application_decides_for_the_peer_it_has_just_read() {
    let mut xpub = manual();
    let a = xpub.accept(1);
    let b = xpub.accept(2);
    xpub.arrive_subscribe(a, "t");
    xpub.arrive_subscribe(b, "t");
    assert_eq!(xpub.send("t"), sent(0));
    let (rules, pipes) = rules(&mut xpub);
    assert!(!rules.grant(b"t", pipes));
    for expected in ["t", "t"] {
        let event = rules.next_event(pipes);
        assert_eq!(event, Some(Received::Subscribe(Bytes::from(expected))));
    }
    assert!(rules.grant(b"other", pipes));
    assert_eq!(rules.subscriber_count(), 1);
    assert_eq!(rules.subscription_count(b"other"), 1);
    assert_eq!(rules.topic_count(), 1);
    assert_eq!(xpub.send("other"), sent(1));
    assert_eq!(xpub.pipes.take(b), ["other"]);
    let (rules, _) = self::rules(&mut xpub);
    assert!(rules.revoke(b"other"));
    assert!(!rules.revoke(b"other"));
    assert_eq!(xpub.send("other"), sent(0));
}

#[test]
fn in_manual_mode_every_request_is_seen_and_at_the_end_what_was_asked_for() {
    let mut xpub = manual();
    let pipe = xpub.accept(1);
    for topic in ["a", "a", "b"] {
        xpub.arrive_subscribe(pipe, topic);
    }
    xpub.arrive_cancel(pipe, "a");
    assert_eq!(seen(&mut xpub), ["+a", "+a", "+b", "-a"]);
    let (rules, pipes) = rules(&mut xpub);
    assert!(rules.grant(b"granted", pipes));
    xpub.disconnect(pipe, Afterlife::Ends);
    assert_eq!(seen(&mut xpub), ["-b"]);
    assert_eq!(xpub.send("granted"), sent(0));
}

#[test]
fn what_a_lost_connection_asked_for_is_not_granted_to_the_next() {
    for read_before in [true, false] {
        let mut xpub = manual();
        let pipe = xpub.accept(1);
        xpub.arrive_subscribe(pipe, "old");
        if read_before {
            xpub.recv().expect("arrived");
        }
        xpub.disconnect(pipe, Afterlife::Reconnects);
        assert_eq!(xpub.connect(pipe), crate::Admission::Accepted);
        if !read_before {
            xpub.recv().expect("arrived");
        }
        let (rules, pipes) = rules(&mut xpub);
        assert!(!rules.grant(b"old", pipes));
        assert_eq!(seen(&mut xpub), ["-old"]);
    }
}

/// An XPUB with room for about `items` short messages or notices.
fn xpub_for(items: usize) -> Bench {
    xpub_with(PatternOptions {
        upstream_backlog_bytes: 256 * items,
        ..PatternOptions::default()
    })
}

#[test]
fn what_waits_for_the_application_is_bounded_and_the_rest_stays_in_the_pipes() {
    let mut xpub = xpub_for(8);
    let pipe = xpub.accept(1);
    for topic in ["a", "b", "c", "d", "e", "f"] {
        xpub.arrive_subscribe(pipe, topic);
    }
    assert_eq!(xpub.pipes.pipe(pipe).arrived.len(), 2);
    assert_eq!(xpub.send("f"), sent(0));
    assert_eq!(seen(&mut xpub), ["+a", "+b", "+c", "+d", "+e", "+f"]);
    assert_eq!(xpub.send("f"), sent(1));
}

/// Whether the backlog has room for all that waits or not, and whatever it is.
#[test]
fn a_quiet_peer_is_heard_after_one_of_each_busy_one() {
    for room in [1, 2, 8, 1000] {
        let mut xpub = xpub_for(room);
        let busy = [1, 2, 3].map(|id| xpub.accept(id));
        let quiet = xpub.accept(4);
        for number in 0..100 {
            xpub.arrive(busy[0], format!("{number}"));
            xpub.arrive_subscribe(busy[1], &number.to_string());
            xpub.arrive_cancel(busy[2], "none");
        }
        for number in 0..20 {
            xpub.arrive(quiet, format!("quiet {number}"));
            let waited = (0..).find(|_| {
                let message = xpub.recv().expect("it is heard");
                message.first().starts_with(b"quiet")
            });
            let waited = waited.expect("it is heard");
            assert!(waited <= 3, "behind {waited} with room for {room}");
            rules(&mut xpub).0.waiting.check();
        }
    }
}

/// The cancel of the one comes behind the subscribe of the other, which waits behind much.
#[test]
fn the_notices_of_a_topic_keep_their_order_whoever_causes_them() {
    for notices in [
        Notices::FirstAndLast,
        Notices::EverySubscribe,
        Notices::Every,
    ] {
        let mut xpub = showing(notices);
        let (busy, quiet) = (xpub.accept(1), xpub.accept(2));
        for number in 0..10 {
            xpub.arrive(busy, format!("{number}"));
        }
        for _ in 0..2 {
            xpub.arrive_subscribe(busy, "t");
            xpub.arrive_subscribe(quiet, "t");
            xpub.arrive_cancel(busy, "t");
            xpub.arrive_cancel(quiet, "t");
        }
        let all = seen(&mut xpub);
        let of_topic: Vec<_> = all.iter().filter(|one| one.ends_with('t')).collect();
        let expected = match notices {
            Notices::FirstAndLast => ["+t", "-t", "+t", "-t"].as_slice(),
            Notices::EverySubscribe => &["+t", "+t", "-t", "-t", "+t", "+t", "-t", "-t"],
            Notices::Every => &["+t", "+t", "-t", "-t", "+t", "+t", "-t", "-t"],
        };
        assert_eq!(of_topic, expected, "{notices:?}");
        rules(&mut xpub).0.is_clean();
    }
}

/// What a peer may have waiting is less than all, so that there is something for the next.
#[test]
fn one_peer_leaves_room_for_the_others() {
    let mut xpub = xpub_for(64);
    let pipes = [1, 2, 3, 4].map(|id| xpub.accept(id));
    for pipe in pipes {
        for number in 0..200 {
            xpub.arrive(pipe, format!("{number}"));
        }
    }
    for (pipe, at_most) in pipes.into_iter().zip([64, 32, 16, 8]) {
        let taken = 200 - xpub.pipes.pipe(pipe).arrived.len();
        assert!(
            (1..=at_most + 1).contains(&taken),
            "{pipe:?} has {taken} waiting"
        );
    }
    assert_eq!(seen(&mut xpub).len(), 800);
    rules(&mut xpub).0.is_clean();
}

#[test]
fn a_peer_that_comes_and_goes_cannot_fill_the_memory() {
    let mut xpub = xpub_for(10);
    for id in 0..100 {
        let pipe = xpub.accept(id);
        for topic in ["a", "b", "c", "d"] {
            xpub.arrive_subscribe(pipe, topic);
        }
        xpub.arrive(pipe, "x");
        xpub.disconnect(pipe, Afterlife::Ends);
        xpub.detach(pipe);
    }
    assert!(xpub.pipes.drops(DropCause::NoRoom) > 90);
    rules(&mut xpub).0.waiting.check();
    assert!(seen(&mut xpub).len() <= 20);
    let pipe: PipeId = xpub.accept(100);
    xpub.arrive_subscribe(pipe, "t");
    assert_eq!(seen(&mut xpub), ["+t"]);
}

#[test]
fn publishing_is_as_with_pub() {
    let mut xpub = xpub();
    let pipe = xpub.accept(1);
    xpub.arrive_subscribe(pipe, "t");
    xpub.pipes.limit(pipe, 1);
    assert!(xpub.can_send());
    assert_eq!(xpub.send(["t", "1"]), sent(1));
    assert_eq!(
        xpub.send(["t", "2"]),
        Ok(Sent {
            sent: 0,
            dropped: 1
        })
    );
    assert_eq!(xpub.make_room(pipe), [Message::from(["t", "1"])]);
    assert_eq!(xpub.send(["t", "3"]), sent(1));
}

/// Whatever the application is shown; libzmq has no such bound.
#[test]
fn a_topic_that_is_too_long_is_counted_and_not_seen() {
    for mut xpub in [xpub(), showing(Notices::Every), manual()] {
        let pipe = xpub.accept(1);
        let topic = "t".repeat(crate::MAX_TOPIC + 1);
        xpub.arrive_subscribe(pipe, &topic);
        xpub.arrive_cancel(pipe, &topic);
        assert!(seen(&mut xpub).is_empty());
        let dropped = [(Some(pipe), DropCause::TooManyTopics)];
        assert_eq!(xpub.pipes.dropped, dropped);
        xpub.arrive_subscribe(pipe, &topic[1..]);
        assert_eq!(seen(&mut xpub).len(), 1);
    }
}

#[test]
fn what_a_connection_has_left_behind_goes_with_it_however_much_it_is() {
    for kind in [SocketType::Pub, SocketType::XPub] {
        let mut bench = Bench::new(Pattern::new(kind, &PatternOptions::default()));
        let peer = bench.accept(1);
        bench.pipes.looks = Some(2);
        for n in 0..10 {
            bench.arrive_subscribe(peer, &n.to_string());
        }
        bench.arrive(peer, "upstream");
        bench.pipes.looks = Some(5);
        bench.disconnect(peer, Afterlife::Reconnects);
        bench.pipes.looks = None;
        assert_eq!(bench.send("9").expect("sent").sent, 0);
    }
}
