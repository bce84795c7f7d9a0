//! What becomes of unsent messages when a socket closes or lets go of an endpoint.

mod support;

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::TryRecvError;
use highwater::{Context, Dealer, EventKind, Linger, Pull, Push};
use socket2::{Domain, Socket, Type};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, command, frame, joined_soon, must_end, number,
    over_each_transport, wait_for_event, wait_until,
};

over_each_transport!(
    close_reports_what_it_sent,
    close_reports_what_nobody_came_for,
    close_reports_what_a_reader_that_stopped_did_not_take,
    close_does_not_wait_for_the_next_attempt_to_connect,
    closing_twice_over_does_no_harm,
    a_dropped_socket_still_delivers,
    a_dropped_socket_delivers_to_a_reader_that_is_slow,
    discard_drops_at_once_and_counts,
    a_disconnected_endpoint_still_delivers,
    an_unbound_endpoint_still_delivers,
    the_last_context_waits_for_what_lingers,
    linger_ends_after_its_time,
    lingering_is_not_over_between_two_endpoints,
    a_large_message_that_is_half_out_is_finished,
    a_peer_that_goes_ends_what_lingers_for_it,
);

/// Longer than any grace that is given beside what the caller says.
const LATE: Duration = Duration::from_millis(1500);

const BODY: &[u8] = &[b'x'; 20_000];

/// Sends until a reader that reads nothing has made the socket mute; how many messages that took.
fn fill_up(push: &Push) -> usize {
    let mut sent = 0;
    while push.send_timeout(BODY, MOMENT).is_ok() {
        sent += 1;
    }
    sent
}

fn is_disconnected(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Disconnected { .. })
}

fn receive_numbers(pull: &Pull, count: usize) {
    for expected in 0..count {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
    }
}

fn send_numbers(push: &Push, count: usize) {
    push.send_many((0..count).map(|n| n.to_string()))
        .expect("there is room");
}

fn close_reports_what_it_sent(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    send_numbers(&push, 500);
    let closing = std::thread::spawn(move || push.close(PATIENCE));
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    receive_numbers(&pull, 500);
    let report = joined_soon("close returns", closing);
    assert_eq!(report.lost, 0);
    assert!(report.sent <= 500);
}

fn close_reports_what_nobody_came_for(place: &Place) {
    let push = Push::new(&Context::new());
    push.connect(place.vacant()).expect("connecting");
    push.connect(place.vacant()).expect("connecting");
    send_numbers(&push, 33);
    let report = push.close(MOMENT);
    assert_eq!((report.sent, report.lost), (0, 33));
}

fn close_reports_what_a_reader_that_stopped_did_not_take(place: &Place) {
    const COUNT: usize = 30;
    // More in all than any kernel takes.
    let body = Bytes::from(vec![b'x'; 2 << 20]);
    for sender_connects in [false, true] {
        let context = Context::new();
        let push = Push::new(&context);
        let pull = Pull::builder(&context).receive_high_water_mark(1).build();
        if sender_connects {
            push.connect(pull.bind(place.any()).expect("bound"))
                .expect("connecting");
        } else {
            pull.connect(push.bind(place.any()).expect("bound"))
                .expect("connecting");
        }
        push.wait_for_peers(1, PATIENCE).expect("connected");
        let events = push.monitor();
        for _ in 0..COUNT {
            push.try_send(body.clone()).expect("the mark is far");
        }
        let report = push.close(MOMENT);
        assert!(report.lost > 0, "the reader took nothing: {report:?}");
        assert!(report.sent + report.lost <= COUNT, "{report:?}");
        let event = wait_for_event(&events, "of the end", is_disconnected);
        assert!(
            matches!(event.kind, EventKind::Disconnected { lost, .. } if lost == report.lost),
            "{event:?} and {report:?}"
        );

        for _ in report.lost..COUNT {
            let message = pull.recv_timeout(PATIENCE);
            assert!(message.expect("what was not lost is received") == body);
        }
        wait_until("the connection has ended", || pull.peers().is_empty());
        assert!(pull.try_recv().is_err(), "what was lost is not received");
    }
}

fn close_does_not_wait_for_the_next_attempt_to_connect(place: &Place) {
    let push = Push::builder(&Context::new())
        .reconnect_interval(Duration::from_secs(3600))
        .reconnect_interval_max(Duration::from_secs(3600))
        .build();
    let events = push.monitor();
    push.connect(place.vacant()).expect("connecting");
    push.send("x").expect("queued");
    wait_for_event(&events, "of a retry in an hour", |kind| {
        matches!(kind, EventKind::Retrying { .. })
    });
    assert_eq!(push.close(MOMENT).lost, 1);
}

fn closing_twice_over_does_no_harm(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let at = push.bind(place.any()).expect("bound");
    let pull = Pull::new(&context);
    pull.connect(&at).expect("connecting");
    push.send_timeout("x", PATIENCE).expect("sent");
    context.shutdown();
    assert_eq!(push.close(PATIENCE).lost, 0);
    assert!(context.wait_for_lingering(PATIENCE));
}

fn a_dropped_socket_still_delivers(place: &Place) {
    let context = Context::new();
    let at = place.vacant();
    let push = Push::new(&context);
    push.connect(&*at).expect("connecting");
    send_numbers(&push, 100);
    drop(push);
    assert!(!context.wait_for_lingering(Duration::ZERO), "they linger");
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    receive_numbers(&pull, 100);
    assert!(context.wait_for_lingering(PATIENCE));
}

fn a_dropped_socket_delivers_to_a_reader_that_is_slow(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).linger(Linger::Forever).build();
    let pull = Pull::builder(&context).receive_high_water_mark(2).build();
    pull.connect(push.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let sent = fill_up(&push);
    drop(push);
    for _ in 0..sent {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), BODY);
    }
    assert!(context.wait_for_lingering(PATIENCE));
    assert!(pull.try_recv().is_err());
}

fn discard_drops_at_once_and_counts(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).linger(Linger::Discard).build();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    send_numbers(&push, 7);
    push.disconnect(&*at).expect("it is connected there");
    wait_until("the loss is counted", || push.stats().dropped.unsent == 7);
    assert_eq!(push.stats().messages_sent, 7, "as taken");

    push.connect(place.vacant()).expect("connecting");
    send_numbers(&push, 3);
    drop(push);
    assert!(context.wait_for_lingering(PATIENCE));
}

fn a_disconnected_endpoint_still_delivers(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    send_numbers(&push, 50);
    push.disconnect(&*at).expect("it is connected there");
    assert!(push.try_send("x").is_err(), "nobody is left to send to");
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    receive_numbers(&pull, 50);
    assert_eq!(push.stats().dropped.unsent, 0);
}

fn an_unbound_endpoint_still_delivers(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(30).build();
    let pull = Pull::builder(&context).receive_high_water_mark(2).build();
    let at = push.bind(place.any()).expect("bound");
    pull.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let sent = fill_up(&push);
    push.unbind(&at).expect("it is bound there");
    assert!(push.try_send("x").is_err(), "nobody is left to send to");
    for _ in 0..sent {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), BODY);
    }
    assert_eq!(push.stats().dropped.unsent, 0);
}

fn the_last_context_waits_for_what_lingers(place: &Place) {
    let at = place.vacant();
    let context = Context::new();
    let push = Push::builder(&context).linger(Linger::Forever).build();
    push.connect(&*at).expect("connecting");
    send_numbers(&push, 10);
    drop(push);
    let other = context.clone();
    drop(other);
    let dropping = std::thread::spawn(move || drop(context));
    let elsewhere = Context::new();
    let pull = Pull::new(&elsewhere);
    std::thread::sleep(MOMENT);
    assert!(!dropping.is_finished(), "it waits");
    pull.bind(&*at).expect("bound");
    receive_numbers(&pull, 10);
    joined_soon("the context is dropped", dropping);
}

fn linger_ends_after_its_time(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context)
        .linger(Linger::AtMost(MOMENT))
        .build();
    push.connect(place.vacant()).expect("connecting");
    push.send("x").expect("queued");
    drop(push);
    assert!(context.wait_for_lingering(PATIENCE));
}

/// Whoever has seen that something lingers does not see it end while it has not.
fn lingering_is_not_over_between_two_endpoints(place: &Place) {
    for _ in 0..10 {
        let context = Context::builder().io_threads(2).build();
        let push = Push::builder(&context)
            .linger(Linger::AtMost(PATIENCE))
            .build();
        for _ in 0..4 {
            push.bind(place.any()).expect("bound");
        }
        let later = place.vacant();
        push.connect(&*later).expect("connecting");
        push.send("for later").expect("queued");
        let (closed, is_closed) = crossbeam_channel::bounded::<()>(0);
        let watcher = std::thread::spawn({
            let context = context.clone();
            move || {
                while context.wait_for_lingering(Duration::ZERO) {}
                loop {
                    if is_closed.try_recv() == Err(TryRecvError::Disconnected) {
                        return true;
                    }
                    if context.wait_for_lingering(Duration::ZERO) {
                        return false;
                    }
                }
            }
        });
        drop(push);
        drop(closed);
        assert!(joined_soon("the watcher", watcher), "it was not over");
        let pull = Pull::new(&context);
        pull.bind(&*later).expect("bound");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "for later");
    }
}

fn a_large_message_that_is_half_out_is_finished(place: &Place) {
    const SIZE: usize = 30_000_000;
    let context = Context::new();
    let push = Push::new(&context);
    let at = push.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect_as("PULL", &at);
    push.send_timeout(vec![7; SIZE], PATIENCE).expect("sent");
    let mut small = [0; 9];
    std::io::Read::read_exact(&mut raw, &mut small).expect("it begins to come");
    drop(push);
    let mut body = vec![0; SIZE];
    std::io::Read::read_exact(&mut raw, &mut body).expect("it comes to its end");
    assert!(body.iter().all(|byte| *byte == 7));
    raw.wait_for_end();
    drop(raw);
    assert!(context.wait_for_lingering(PATIENCE));
}

/// Also that of a socket that did not read the peer any more, since it was at its mark.
fn a_peer_that_goes_ends_what_lingers_for_it(place: &Place) {
    for peer_goes_first in [true, false] {
        let context = Context::new();
        let dealer = Dealer::builder(&context)
            .linger(Linger::Forever)
            .receive_high_water_mark(1)
            .build();
        let at = dealer.bind(place.any()).expect("bound");
        let mut raw = RawPeer::connect_as("DEALER", &at);
        dealer.wait_for_peers(1, PATIENCE).expect("connected");
        raw.write_within(MOMENT);
        while raw.send(&frame(BODY, false)) {}
        while dealer.send_timeout(BODY, MOMENT).is_ok() {}
        if peer_goes_first {
            drop(raw);
            drop(dealer);
        } else {
            drop(dealer);
            drop(raw);
        }
        assert!(context.wait_for_lingering(PATIENCE));
        // If it had gone before, that may have been noticed, and what was for it given up.
        assert!(peer_goes_first || context.lingered().lost > 0);
    }
}

/// A PUSH whose only message has left it, and the peer that has room for a small part of it; the rest is in our kernel.
fn sent_to_a_peer_without_room(context: &Context, linger: Linger) -> (Push, RawPeer) {
    let push = Push::builder(context)
        .linger(linger)
        .send_buffer(200_000)
        .build();
    let at = push.bind("tcp://127.0.0.1:0").expect("bound");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("small");
    let address: SocketAddr = ([127, 0, 0, 1], at.port().expect("a port")).into();
    socket.connect(&address.into()).expect("somebody listens");
    let mut peer = RawPeer::from(TcpStream::from(socket));
    peer.shake_hands("PULL");
    push.send_timeout(LARGE, PATIENCE).expect("sent");
    wait_until("it is with the kernel", || push.stats().queued_to_send == 0);
    (push, peer)
}

const LARGE: &[u8] = &[b'x'; 100_000];

/// Sends something, which would find a closed connection, then reads the message.
fn receive_late(mut peer: RawPeer) {
    assert!(peer.send(&command("PING", &[0, 0])));
    let (_, body) = peer.read_frame();
    assert!(body == LARGE);
    peer.wait_for_end();
}

#[test]
fn close_waits_for_a_reader_that_is_slow_to_take_what_the_kernel_has() {
    must_end("close with a slow reader", || {
        let (push, peer) = sent_to_a_peer_without_room(&Context::new(), Linger::Discard);
        let (done, is_done) = crossbeam_channel::bounded(1);
        let closing = std::thread::spawn(move || {
            let report = push.close(PATIENCE);
            let _ = done.send(());
            report
        });
        assert!(is_done.recv_timeout(LATE).is_err(), "the peer has nothing");
        receive_late(peer);
        let report = joined_soon("close returns", closing);
        assert_eq!((report.sent, report.lost), (0, 0), "nothing waited here");
    });
}

#[test]
fn what_lingers_for_ever_waits_for_a_reader_that_is_slow_to_take_what_the_kernel_has() {
    must_end("lingering with a slow reader", || {
        for linger in [Linger::Forever, Linger::AtMost(PATIENCE)] {
            let context = Context::new();
            let (push, peer) = sent_to_a_peer_without_room(&context, linger);
            drop(push);
            assert!(!context.wait_for_lingering(LATE), "the peer has nothing");
            receive_late(peer);
            assert!(context.wait_for_lingering(PATIENCE));
        }
    });
}

#[test]
fn a_reader_that_takes_nothing_is_waited_for_no_longer_than_the_caller_says() {
    must_end("closing with a reader that takes nothing", || {
        let context = Context::new();
        let (push, peer) = sent_to_a_peer_without_room(&context, Linger::Forever);
        let _ = push.close(MOMENT);
        assert!(context.wait_for_lingering(PATIENCE));
        let (push, other) = sent_to_a_peer_without_room(&context, Linger::AtMost(MOMENT));
        drop(push);
        assert!(context.wait_for_lingering(PATIENCE));
        // The system goes on with what it has as long as these say nothing.
        for mut peer in [peer, other] {
            assert!(peer.read_frame().1 == LARGE);
        }
    });
}

#[test]
fn a_context_may_be_dropped_before_its_sockets() {
    must_end("a_context_may_be_dropped_before_its_sockets", || {
        let context = Context::new();
        let (push, pull) = (Push::new(&context), Pull::new(&context));
        drop(context);
        pull.connect(push.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        push.send("still there").expect("sent");
        assert_eq!(
            pull.recv_timeout(PATIENCE).expect("received"),
            "still there"
        );
    });
}
