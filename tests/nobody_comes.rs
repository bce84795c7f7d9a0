//! A socket to which nobody will come: what it is to send comes back, instead of waiting for ever.

mod support;

use std::sync::Arc;
use std::time::Duration;

use highwater::{
    Context, Dealer, Interest, LostPeer, Pair, Poll, Proxy, Pull, Push, ReconnectStop, Rep, Req,
    RequestError, Router, SendError, TrySendError,
};
use support::{
    MOMENT, PATIENCE, Place, joined_soon, over_each_transport, over_every_transport, wait_until,
};

over_each_transport!(
    where_nobody_listens_and_it_is_not_tried_again,
    a_request_that_is_to_be_sent_again_fails_when_nobody_will_come,
    who_waits_for_room_hears_that_nobody_will_come,
    who_polls_for_room_hears_that_nobody_will_come,
    a_peer_that_refuses_for_good,
);

over_every_transport!(as_long_as_somebody_may_come_it_waits);

/// Says for each type that sends to anybody that its only endpoint was given up: `set` sets its options, `lose` is what
/// connects it and has the endpoint given up.
macro_rules! each_says_so {
    ($context:expr, $connect_and_lose:expr) => {
        each_says_so!(@ $context, $connect_and_lose, Push Dealer Pair);
        let mut req = refused_once(Req::builder($context)).build();
        $connect_and_lose(&|at: &str| req.connect(at).expect("connecting"));
        let outcome = told(|| req.request("x"), |outcome| {
            matches!(outcome, Err(RequestError::GivenUp(_)))
        });
        assert_eq!(outcome, Err(RequestError::GivenUp("x".into())));
    };
    (@ $context:expr, $connect_and_lose:expr, $($kind:ident)+) => {$(
        let socket = refused_once($kind::builder($context)).build();
        $connect_and_lose(&|at: &str| socket.connect(at).expect("connecting"));
        let outcome = told(|| socket.send("x"), Result::is_err);
        assert_eq!(outcome, Err(SendError::GivenUp("x".into())));
        assert_eq!(socket.try_send("x"), Err(TrySendError::GivenUp("x".into())));
        let outcome = socket.send_timeout("x", PATIENCE);
        assert_eq!(outcome, Err(SendError::GivenUp("x".into())));
        let sent = socket.send_many(["x"]).map_err(SendError::from);
        assert_eq!(sent, Err(SendError::GivenUp("x".into())));
        let mut poll = Poll::new().expect("descriptors");
        poll.add(&socket, Interest::WRITABLE);
        let ready = poll.wait(Some(PATIENCE)).expect("polled");
        assert!(matches!(ready, [ready] if ready.writable && !ready.closed), "{ready:?}");
    )+};
}

fn refused_once<T>(builder: highwater::Builder<T>) -> highwater::Builder<T> {
    builder.reconnect_stop(ReconnectStop::NEVER.after_refused())
}

/// What comes of a send once it is known that nobody will come; it may be taken before.
fn told<T>(mut send: impl FnMut() -> T, is_told: impl Fn(&T) -> bool) -> T {
    let mut outcome = send();
    wait_until("it is told", || {
        is_told(&outcome) || {
            outcome = send();
            false
        }
    });
    outcome
}

fn where_nobody_listens_and_it_is_not_tried_again(place: &Place) {
    let context = Context::new();
    each_says_so!(&context, |connect: &dyn Fn(&str)| connect(&place.vacant()));
}

#[test]
fn within_the_process_when_the_owner_has_gone() {
    let context = Context::new();
    macro_rules! owned_by {
        ($owner:ident, $kind:ident) => {
            let owner = $owner::new(&context);
            let at = owner
                .bind(concat!("inproc://", stringify!($kind)))
                .expect("bound");
            let socket = $kind::new(&context);
            socket.connect(&at).expect("connecting");
            socket.wait_for_peers(1, PATIENCE).expect("joined");
            drop(owner);
            assert_eq!(socket.send("x"), Err(SendError::GivenUp("x".into())));
            // It may be connected to somebody else.
            let next = $owner::new(&context);
            let at = next
                .bind(concat!("inproc://next-", stringify!($kind)))
                .expect("bound");
            socket.connect(&at).expect("connecting");
            socket.send("y").expect("there is somebody");
        };
    }
    owned_by!(Pull, Push);
    owned_by!(Router, Dealer);
    owned_by!(Pair, Pair);
    let rep = Rep::new(&context);
    let mut req = Req::new(&context);
    req.connect(rep.bind("inproc://rep").expect("bound"))
        .expect("connecting");
    drop(rep);
    assert_eq!(req.request("x"), Err(RequestError::GivenUp("x".into())));
}

fn who_waits_for_room_hears_that_nobody_will_come(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context)
        .send_high_water_mark(1)
        .reconnect_stop(ReconnectStop::NEVER.after_disconnect())
        .build();
    let pull = Pull::builder(&Context::new())
        .receive_high_water_mark(1)
        .build();
    push.connect(pull.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let push = Arc::new(push);
    let sending = Arc::clone(&push);
    let sender = std::thread::spawn(move || {
        loop {
            if let Err(error) = sending.send(vec![7; 1_000_000]) {
                return error;
            }
        }
    });
    wait_until("the sender waits", || !push.stats().time_muted.is_zero());
    drop(pull);
    let error = joined_soon("the sender", sender);
    assert!(matches!(error, SendError::GivenUp(_)), "{error:?}");
}

/// Who polls is woken, and a proxy keeps its message for whoever comes after all.
fn who_polls_for_room_hears_that_nobody_will_come(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context)
        .send_high_water_mark(1)
        .reconnect_stop(ReconnectStop::NEVER.after_disconnect())
        .build();
    let there = Context::new();
    let pull = Pull::builder(&there).receive_high_water_mark(1).build();
    push.connect(pull.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    while push.send_timeout(vec![7; 1_000_000], MOMENT).is_ok() {}
    let mut poll = Poll::new().expect("descriptors");
    poll.add(&push, Interest::WRITABLE);
    let waiting = std::thread::spawn(move || {
        let ready = poll.wait(Some(PATIENCE)).expect("polled");
        ready.iter().any(|ready| ready.writable)
    });
    drop(pull);
    assert!(joined_soon("the poll", waiting));
    wait_until("it is told", || {
        matches!(push.try_send("x"), Err(TrySendError::GivenUp(_)))
    });

    let front = Pull::new(&context);
    let source = Push::new(&context);
    source
        .connect(front.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    let proxy = Proxy::new(&front, &push).spawn().expect("a thread");
    source.send("kept").expect("room");
    wait_until("it has come", || front.stats().queued_to_receive == 1);
    let next = Pull::new(&context);
    push.connect(next.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    assert_eq!(next.recv_timeout(PATIENCE).expect("received"), "kept");
    assert_eq!(proxy.stop().undeliverable, 0);
}

fn a_request_that_is_to_be_sent_again_fails_when_nobody_will_come(place: &Place) {
    let context = Context::new();
    let mut req = Req::builder(&context)
        .lost_peer(LostPeer::SendAgain)
        .reconnect_stop(ReconnectStop::NEVER.after_disconnect())
        .build();
    let rep = Rep::new(&context);
    req.connect(rep.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    req.wait_for_peers(1, PATIENCE).expect("connected");
    let pending = req.send("x").expect("there is room");
    drop(rep.recv_timeout(PATIENCE).expect("a request"));
    drop(rep);
    assert_eq!(pending.recv(), Err(RequestError::PeerGone));
    assert_eq!(req.request("y"), Err(RequestError::GivenUp("y".into())));
}

fn a_peer_that_refuses_for_good(place: &Place) {
    let context = Context::new();
    let publisher = highwater::Pub::new(&context);
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    let outcome = told(
        || push.try_send("x"),
        |outcome| matches!(outcome, Err(TrySendError::GivenUp(_))),
    );
    assert!(outcome.is_err());
}

fn as_long_as_somebody_may_come_it_waits(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context)
        .reconnect_stop(ReconnectStop::NEVER.after_refused())
        .build();
    let timeout = Duration::from_millis(50);
    assert_eq!(
        push.send_timeout("x", timeout),
        Err(SendError::Timeout("x".into())),
        "it may be connected yet"
    );
    push.bind(place.any().as_str()).expect("bound");
    if place.transport() != highwater::Transport::Inproc {
        push.connect(place.vacant().as_str()).expect("connecting");
    }
    let outcome = told(|| push.send_timeout("x", timeout), Result::is_err);
    assert_eq!(outcome, Err(SendError::Timeout("x".into())));
}
