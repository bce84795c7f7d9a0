//! Messages that a peer will not have, however often they are sent: those behind them arrive all the same.

mod support;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use highwater::{
    AsSocket, Builder, Context, Dealer, DrainReport, Event, EventKind, Frame, LinkError, LostPeer,
    Message, Pair, Pull, Push, Rep, Req, RequestError, Router, Socket, WaitError,
};
use support::{
    PATIENCE, Place, RawPeer, joined_soon, must_end, number, over_each_transport, wait_for_event,
    wait_until,
};

over_each_transport!(
    a_message_that_is_too_large_is_given_up_and_those_behind_it_arrive,
    it_is_the_same_with_frames_that_are_too_large_together,
    each_message_that_is_too_large_is_given_up_by_itself,
    whoever_connects_gives_it_up,
    who_closes_is_told_what_was_given_up,
    who_closes_is_told_what_went_with_its_connection,
    a_request_that_no_peer_takes_fails_after_as_many_attempts,
    a_request_that_no_peer_takes_is_sent_again_for_as_long_as_is_wished,
);

const LIMIT: usize = 100_000;
/// More than the kernels take before the receiver has seen how long it is.
const TOO_LARGE: usize = 30_000_000;

fn quick<S>(builder: Builder<S>) -> Builder<S> {
    builder
        .reconnect_interval(Duration::from_millis(5))
        .reconnect_interval_max(Duration::from_millis(20))
}

fn gave_up(events: &crossbeam_channel::Receiver<Event>) -> (LinkError, usize) {
    let event = wait_for_event(events, "of the message", |kind| {
        matches!(kind, EventKind::MessageGivenUp { .. })
    });
    match event.kind {
        EventKind::MessageGivenUp { cause, bytes } => (cause, bytes),
        other => unreachable!("{other:?} was not asked for"),
    }
}

/// A PULL that is bound, and a PUSH that has connected to it.
fn pipeline(place: &Place, context: &Context) -> (Push, Pull) {
    let pull = Pull::builder(context).max_message_size(LIMIT).build();
    let push = quick(Push::builder(context)).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connects");
    push.wait_for_peers(1, PATIENCE).expect("there");
    (push, pull)
}

fn given_up_and_gone_on(push: &Push, pull: &Pull, too_large: Message) {
    let events = push.monitor();
    let size = too_large.size();
    push.send(too_large).expect("sent");
    for n in 0..5 {
        push.send(n.to_string()).expect("sent");
    }
    for n in 0..5 {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number(&message), n);
    }
    let (cause, bytes) = gave_up(&events);
    // The peer's last words may have been lost with the connection.
    if let LinkError::Refused { reason } = &cause {
        assert!(reason.contains("over the limit of 100000"), "{reason}");
    }
    assert!(bytes > size, "{bytes}, framing included");
}

fn a_message_that_is_too_large_is_given_up_and_those_behind_it_arrive(place: &Place) {
    let context = Context::new();
    let (push, pull) = pipeline(place, &context);
    push.send("0").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "0");
    given_up_and_gone_on(&push, &pull, vec![1; TOO_LARGE].into());
    let stats = push.stats();
    assert_eq!((stats.dropped.unsent, stats.disconnects), (1, 3));
    assert_eq!(stats.messages_sent, 7);
    wait_until("the rest is sent", || push.stats().queued_to_send == 0);
    assert_eq!(pull.stats().messages_received, 6);
}

fn it_is_the_same_with_frames_that_are_too_large_together(place: &Place) {
    let context = Context::new();
    let (push, pull) = pipeline(place, &context);
    // Each of them is small enough, and they are no large bodies.
    let frames = vec![vec![1; 5000]; TOO_LARGE / 5000];
    let frames = frames.into_iter().map(Frame::from).collect();
    let message = Message::from_frames(frames).expect("many");
    given_up_and_gone_on(&push, &pull, message);
    assert_eq!(push.stats().dropped.unsent, 1);
}

fn each_message_that_is_too_large_is_given_up_by_itself(place: &Place) {
    let context = Context::new();
    let (push, pull) = pipeline(place, &context);
    for _ in 0..2 {
        given_up_and_gone_on(&push, &pull, vec![1; TOO_LARGE].into());
    }
    let large = vec![2; TOO_LARGE];
    push.send(large.as_slice()).expect("sent");
    given_up_and_gone_on(&push, &pull, large.into());
    wait_until("all is counted", || push.stats().dropped.unsent == 4);
    assert_eq!(push.stats().disconnects, 12);
}

fn whoever_connects_gives_it_up(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context).max_message_size(LIMIT).build();
    let dealer = quick(Dealer::builder(&context)).build();
    dealer
        .connect(router.bind(place.any()).expect("bound"))
        .expect("connects");
    let events = dealer.monitor();
    dealer.send(vec![1; TOO_LARGE]).expect("sent");
    dealer.send("next").expect("sent");
    let (_, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "next");
    gave_up(&events);

    let there = Pair::builder(&context).max_message_size(LIMIT).build();
    let here = quick(Pair::builder(&context)).build();
    here.connect(there.bind(place.any()).expect("bound"))
        .expect("connects");
    let events = here.monitor();
    here.send(vec![1; TOO_LARGE]).expect("sent");
    here.send("next").expect("sent");
    assert_eq!(there.recv_timeout(PATIENCE).expect("received"), "next");
    gave_up(&events);
    assert_eq!(here.stats().dropped.unsent, 1);
}

/// A REQ that sends again, and two services that take no large request: they are bound, or they connect.
fn two_careful_services(place: &Place, builder: Builder<Req>, req_binds: bool) -> (Req, [Rep; 2]) {
    let context = Context::new();
    let req = quick(builder.lost_peer(LostPeer::SendAgain)).build();
    let at = req_binds.then(|| req.bind(place.any()).expect("bound"));
    let services = [(); 2].map(|()| {
        let rep = quick(Rep::builder(&context))
            .max_message_size(LIMIT)
            .build();
        match &at {
            Some(at) => rep.connect(at).expect("connects"),
            None => {
                let at = rep.bind(place.any()).expect("bound");
                req.connect(at).expect("connects");
            }
        }
        rep
    });
    req.wait_for_peers(2, PATIENCE).expect("both");
    (req, services)
}

/// One that cannot leave whole, and one that the kernel takes at once.
const TOO_LARGE_EACH: [usize; 2] = [TOO_LARGE, LIMIT + 1];

fn a_request_that_no_peer_takes_fails_after_as_many_attempts(place: &Place) {
    for (req_binds, size) in [false, true]
        .into_iter()
        .flat_map(|binds| TOO_LARGE_EACH.map(|size| (binds, size)))
    {
        for attempts in [3, 4] {
            let builder = Req::builder(&Context::new());
            let builder = match attempts {
                3 => builder,
                more => builder.send_attempts(Some(more)),
            };
            let attempts = attempts as u64;
            let (mut req, services) = two_careful_services(place, builder, req_binds);
            let events = req.monitor();
            let before = req.stats();
            let refused = req.request_timeout(vec![1; size], PATIENCE);
            assert_eq!(refused, Err(RequestError::CutOff));
            let (cause, bytes) = gave_up(&events);
            if let LinkError::Refused { reason } = &cause {
                assert!(reason.contains("over the limit of 100000"), "{reason}");
            }
            assert!(bytes > size, "{bytes}, framing included");
            let after = req.stats();
            assert_eq!(after.disconnects - before.disconnects, attempts);
            // A copy that has not left whole is counted with its connection, and the request once.
            let unsent = after.dropped.unsent - before.dropped.unsent;
            let copies = if size == TOO_LARGE { attempts } else { 1 };
            assert!((1..=copies).contains(&unsent), "{unsent} of {attempts}");
            // The next request goes its way.
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for rep in &services {
                    scope.spawn(|| {
                        while !over.load(Ordering::Relaxed) {
                            if let Ok(request) = rep.recv_timeout(Duration::from_millis(20)) {
                                request.reply("yes").expect("the peer waits");
                            }
                        }
                    });
                }
                let answer = req.request_timeout("small", PATIENCE);
                over.store(true, Ordering::Relaxed);
                assert_eq!(answer.expect("answered"), "yes");
            });
        }
    }
}

fn a_request_that_no_peer_takes_is_sent_again_for_as_long_as_is_wished(place: &Place) {
    let builder = Req::builder(&Context::new()).send_attempts(None);
    let (mut req, _services) = two_careful_services(place, builder, false);
    let pending = req.send(vec![1; LIMIT + 1]).expect("there is room");
    wait_until("it was sent many times", || {
        pending.as_socket().stats().disconnects >= 8
    });
    assert!(!pending.wait(Duration::ZERO), "it is tried on");
}

/// Closes `push` in a thread of its own; comes back once the close has begun.
fn close(push: &Arc<Push>) -> JoinHandle<DrainReport> {
    let closing = {
        let push = Arc::clone(push);
        std::thread::spawn(move || push.close(PATIENCE))
    };
    wait_until("it closes", || {
        let waited = push.wait_for_peers(usize::MAX, Duration::ZERO);
        matches!(waited, Err(WaitError::Ended(_)))
    });
    closing
}

fn who_closes_is_told_what_was_given_up(place: &Place) {
    let context = Context::new();
    let at = place.vacant();
    let push = quick(Push::builder(&context)).build();
    push.connect(&*at).expect("connects");
    for message in [Message::from("0"), vec![1; TOO_LARGE].into(), "1".into()] {
        push.send(message).expect("there is room");
    }
    let events = push.monitor();
    let closing = close(&Arc::new(push));
    let pull = Pull::builder(&context).max_message_size(LIMIT).build();
    pull.bind(&*at).expect("bound");
    for n in 0..2 {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number(&message), n);
    }
    let report = joined_soon("close returns", closing);
    assert_eq!((report.sent, report.lost), (2, 1));
    gave_up(&events);
}

fn who_closes_is_told_what_went_with_its_connection(place: &Place) {
    const COUNT: usize = 30;
    let context = Context::new();
    let pull = Pull::builder(&context).receive_high_water_mark(1).build();
    let push = quick(Push::builder(&context)).immediate(true).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connects");
    push.wait_for_peers(1, PATIENCE).expect("there");
    let events = push.monitor();
    for _ in 0..COUNT {
        // More in all than any kernel takes.
        push.try_send(vec![1; 2 << 20]).expect("the mark is far");
    }
    let closing = close(&Arc::new(push));
    drop(pull);
    let report = joined_soon("close returns", closing);
    let event = wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    let EventKind::Disconnected { lost, .. } = event.kind else {
        unreachable!("{event:?} was not asked for");
    };
    assert!(lost > 0, "nobody has read them");
    assert_eq!(report.lost, lost, "{report:?}");
    assert!(report.sent + report.lost <= COUNT, "{report:?}");
}

/// A peer without words that reads so much and closes: as libzmq with a limit of its own.
fn cut(listener: &TcpListener, kind: &str) {
    let mut peer = RawPeer::from(listener.accept().expect("it comes").0);
    peer.shake_hands(kind);
    while peer.read_frame().0 & 4 != 0 {}
}

/// How long each message is tried is for its sender to say.
#[test]
fn a_message_is_tried_as_often_as_the_option_says() {
    must_end("a message is tried as often as the option says", || {
        for attempts in [Some(1), Some(5), None] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let at = listener.local_addr().expect("bound");
            let push = quick(Push::builder(&Context::new()))
                .send_attempts(attempts)
                .build();
            let events = push.monitor();
            push.connect(format!("tcp://{at}")).expect("connects");
            push.send([vec![0], vec![1; TOO_LARGE]]).expect("sent");
            push.send("next").expect("sent");
            // The first frame is read, not the second.
            for _ in 0..attempts.unwrap_or(7) {
                cut(&listener, "PULL");
            }
            let mut peer = RawPeer::from(listener.accept().expect("it comes").0);
            peer.shake_hands("PULL");
            if attempts.is_none() {
                assert_eq!(peer.read_frame(), (1, vec![0]));
                assert_eq!(peer.read_frame().1.len(), TOO_LARGE);
            } else {
                let (cause, _) = gave_up(&events);
                assert!(!matches!(cause, LinkError::Refused { .. }), "{cause}");
            }
            assert_eq!(peer.read_frame(), (0, b"next".to_vec()));
            let given_up = u64::from(attempts.is_some());
            assert_eq!(push.stats().dropped.unsent, given_up);
        }
        let refused = Push::builder(&Context::new()).send_attempts(0).try_build();
        assert!(refused.is_err());
    });
}
