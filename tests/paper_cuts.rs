//! What a newcomer writes compiles, and does what it looks like.

mod support;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use highwater::{
    AsSocket, BindError, Context, Dealer, Ended, EventKind, Frame, Interest, Linger, Message,
    OptionError, Pair, Poll, Pub, Pull, Push, RecvError, Rep, Req, Router, SendError, Socket,
    SocketRef, Sub, TryRecvError, XPub, XSub,
};
use support::{PATIENCE, joined};

fn pipeline() -> (Context, Push, Pull) {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    (context, push, pull)
}

#[test]
fn every_shape_can_be_sent() {
    let (_context, push, pull) = pipeline();
    let message = Message::from(("topic", &b"body"[..]));
    let body = Bytes::from_static(b"body");
    let both = ["topic", "body"];
    push.send(vec!["topic", "body"]).expect("sent");
    push.send(vec![b"topic".to_vec(), b"body".to_vec()])
        .expect("sent");
    push.send(both).expect("sent");
    push.send(&both[..]).expect("sent");
    push.send(("topic", &body)).expect("sent");
    push.send(&message).expect("sent");
    push.send(both.iter().copied().collect::<Message>())
        .expect("sent");
    for _ in 0..7 {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), message);
    }
    push.send(Cow::Borrowed("one")).expect("sent");
    push.send(<Box<[u8]>>::from(&b"one"[..])).expect("sent");
    push.send(<Arc<[u8]>>::from(&b"one"[..])).expect("sent");
    let bytes = Bytes::from_static(b"one");
    push.send(&bytes).expect("sent");
    let frame = Frame::from("one");
    push.send(&frame).expect("sent");
    for _ in 0..5 {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "one");
    }
    push.send_many([both, both]).expect("sent");
    let received = pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(received[0], *"topic");
    assert_eq!(received[1].to_str(), Ok("body"));
    assert_eq!(Vec::<Vec<u8>>::from(received), [&b"topic"[..], b"body"]);
}

#[test]
fn a_topic_and_a_body_of_another_type() {
    let context = Context::new();
    let (publisher, sub) = (Pub::new(&context), Sub::new(&context));
    sub.connect(publisher.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    sub.subscribe("weather").expect("subscribed");
    publisher
        .wait_for_subscription("weather", 1, PATIENCE)
        .expect("subscribed");
    let temperature: Vec<u8> = 21_u32.to_be_bytes().to_vec();
    publisher.send(("weather", temperature)).expect("sent");
    let message = sub.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message[1], 21_u32.to_be_bytes());
}

#[test]
fn a_socket_is_iterated_until_it_is_closed() {
    let (_context, push, pull) = pipeline();
    let pull = Arc::new(pull);
    let reader = std::thread::spawn({
        let pull = Arc::clone(&pull);
        move || {
            let mut count = 0;
            for message in &*pull {
                assert_eq!(support::number(&message), count);
                count += 1;
            }
            count
        }
    });
    for number in 0..100 {
        push.send(number.to_string()).expect("sent");
    }
    support::wait_until("all are received", || pull.stats().messages_received == 100);
    // Shared, and closed all the same.
    let _ = pull.close(Duration::ZERO);
    assert_eq!(joined(reader), 100);
    assert_eq!(pull.recv(), Err(RecvError::Ended(Ended::Closed)));
    let late = push.close(PATIENCE);
    assert_eq!(late.lost, 0);
    assert!(
        matches!(push.send("x"), Err(SendError::Ended(unsent, Ended::Closed)) if unsent == "x")
    );
}

#[test]
fn many_are_received_without_waiting_or_within_a_time() {
    let (_context, push, pull) = pipeline();
    let mut all = Vec::new();
    assert_eq!(pull.try_recv_many(&mut all, 10), Err(TryRecvError::Empty));
    let none = pull.recv_many_timeout(&mut all, 10, Duration::from_millis(1));
    assert_eq!(none, Err(RecvError::Timeout));
    push.send_many(["a", "b", "c"]).expect("sent");
    while all.len() < 3 {
        pull.recv_many_timeout(&mut all, 2, PATIENCE)
            .expect("received");
    }
    assert_eq!(all, ["a", "b", "c"]);
}

#[test]
fn live_options_have_types() {
    let (_context, push, pull) = pipeline();
    pull.set_receive_timeout(Duration::from_millis(250))
        .expect("set");
    assert_eq!(pull.option("receive_timeout").as_deref(), Ok("250"));
    assert_eq!(pull.iter().count(), 0, "the time-out ends the loop");
    pull.set_receive_timeout(None).expect("set");
    assert_eq!(pull.option("receive_timeout").as_deref(), Ok("none"));
    push.set_send_timeout(Duration::ZERO).expect("set");
    push.set_linger(Duration::from_secs(1)).expect("set");
    assert_eq!(push.option("linger").as_deref(), Ok("1000"));
    push.set_linger(Linger::Forever).expect("set");
    push.set_send_high_water_mark(5).expect("set");
    assert!(matches!(
        push.set_send_high_water_mark(0),
        Err(OptionError::Invalid { .. })
    ));
    pull.set_receive_high_water_mark(None).expect("set");
    push.set_linger(Linger::Discard).expect("set");
}

#[test]
fn errors_become_each_other_and_those_of_io() {
    fn as_io(pull: &Pull) -> std::io::Result<Message> {
        Ok(pull.try_recv()?)
    }
    fn as_one(push: &Push) -> Result<(), SendError> {
        Ok(push.try_send("x")?)
    }
    let context = Context::new();
    let refused = as_io(&Pull::new(&context)).expect_err("there is nothing");
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    assert!(
        matches!(as_one(&Push::new(&context)), Err(SendError::Timeout(unsent)) if unsent == "x")
    );
}

#[test]
fn interests_are_joined() {
    assert_eq!(Interest::READABLE | Interest::WRITABLE, Interest::BOTH);
    let (_context, push, _pull) = pipeline();
    let mut poll = Poll::new().expect("descriptors");
    poll.add(&push, Interest::READABLE | Interest::WRITABLE);
    let ready = poll.wait(Some(PATIENCE)).expect("polled");
    assert!(ready[0].writable && !ready[0].readable);
}

/// A wrapper of a user's own.
struct Service(Rep);

impl AsSocket for Service {
    fn as_socket(&self) -> SocketRef {
        self.0.as_socket()
    }
}

impl Socket for Service {}

#[test]
fn sockets_of_all_types_are_asked_and_controlled_alike() {
    fn bind<S: Socket>(socket: &S) -> String {
        let events = socket.monitor();
        let at = socket.bind("tcp://127.0.0.1:0").expect("bound");
        let told = events.recv_timeout(PATIENCE).expect("an event");
        assert_eq!(told.kind, EventKind::Listening);
        assert_eq!(socket.local_endpoints(), std::slice::from_ref(&at));
        socket.set_linger(Linger::Discard).expect("set");
        at.to_string()
    }
    let context = Context::new();
    let req = Req::new(&context);
    let all: [Box<dyn Socket>; 12] = [
        Box::new(Push::new(&context)),
        Box::new(Pull::new(&context)),
        Box::new(Pub::new(&context)),
        Box::new(Sub::new(&context)),
        Box::new(XPub::new(&context)),
        Box::new(XSub::new(&context)),
        Box::new(Arc::new(Pair::new(&context))),
        Box::new(Dealer::new(&context)),
        Box::new(Router::new(&context)),
        Box::new(&req),
        Box::new(Rep::new(&context)),
        Box::new(Service(Rep::new(&context))),
    ];
    for socket in &all {
        let at = bind(socket);
        assert_eq!(socket.option("linger").as_deref(), Ok("discard"));
        assert!(socket.peers().is_empty());
        assert_eq!(socket.stats().messages_sent, 0);
        socket.set_option("linger", "5000").expect("set");
        socket.as_socket().unbind(&*at).expect("unbound");
        assert_eq!(socket.close(PATIENCE).lost, 0);
        let late = socket.as_socket().bind(&*at);
        assert!(
            matches!(late, Err(BindError::Ended(Ended::Closed))),
            "{late:?}"
        );
    }
}

#[test]
fn what_is_told_can_be_printed() {
    let (_context, push, pull) = pipeline();
    push.send("x").expect("sent");
    pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(
        pull.stats().to_string(),
        "0 sent, 1 received, 0 queued to send, 0 to receive, 1 peer"
    );
    let peer = pull.stats().peers.remove(0).to_string();
    assert!(
        peer.starts_with(&pull.local_endpoints()[0].to_string()),
        "{peer}"
    );
    assert!(
        peer.ends_with("0 sent, 1 received, 0 queued to send, 0 to receive"),
        "{peer}"
    );
    let linger = Linger::AtMost(Duration::from_secs(5));
    push.set_option("linger", &linger.to_string()).expect("set");
    assert_eq!(push.option("linger").as_deref(), Ok("5000"));
    let publisher = Pub::new(&Context::new());
    let report = publisher.send("nobody hears this").expect("sent");
    assert_eq!(report.to_string(), "sent to 0, missed by 0");
    let lost = EventKind::Unsent { lost: 1 };
    assert_eq!(lost.to_string(), "1 unsent message lost");
}
