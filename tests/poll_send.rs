//! Futures written by hand: `poll_send` with the message in the caller's option.

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker, ready};

use highwater::{
    Context, Dealer, Ended, Message, Pair, PollSender, Pub, Pull, Push, RecvError, RecvFuture,
    RouteError, Router, RoutingId, SendError, Sub, Upstream, XPub, XSub,
};
use support::{
    CountingWaker, PATIENCE, Place, block_on, joined, number, over_every_transport, wait_until,
};

over_every_transport!(
    each_sender_sends_what_is_in_the_option,
    a_message_stays_where_it_is_until_there_is_room,
    a_wake_up_that_is_not_used_goes_to_the_next,
    an_error_has_the_message,
    a_bridge_passes_everything_on,
    a_router_sends_to_whom_the_caller_names,
);

/// Sends `text` by hand and leaves nothing in the option.
fn sends<T>(sender: &mut PollSender<T>, text: &str) -> T {
    let mut message = Some(Message::from(text));
    let sending = std::future::poll_fn(|context| sender.poll_send(context, &mut message));
    let sent = block_on("room", sending).expect("sent");
    assert_eq!(message, None, "it is taken out once it is sent");
    sent
}

fn poll<T>(
    counting: &Arc<CountingWaker>,
    sender: &mut PollSender<T>,
    message: &mut Option<Message>,
) -> Poll<Result<T, SendError>> {
    let waker = Waker::from(Arc::clone(counting));
    sender.poll_send(&mut TaskContext::from_waker(&waker), message)
}

/// The socket has none of its wakers any more; the thread that wakes may have one a moment longer.
fn given_back(counting: &Arc<CountingWaker>) {
    wait_until("the waker is given back", || {
        Arc::strong_count(counting) == 1
    });
}

fn each_sender_sends_what_is_in_the_option(place: &Place) {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    push.connect(pull.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    let mut sender = push.poll_sender();
    for text in ["a", "b", "c"] {
        sends(&mut sender, text);
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), text);
    }

    let (one, two) = (Pair::new(&context), Pair::new(&context));
    two.connect(one.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    sends(&mut two.poll_sender(), "pair");
    assert_eq!(one.recv_timeout(PATIENCE).expect("received"), "pair");

    let (one, two) = (Dealer::new(&context), Dealer::new(&context));
    two.connect(one.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    sends(&mut two.poll_sender(), "dealer");
    assert_eq!(one.recv_timeout(PATIENCE).expect("received"), "dealer");

    let (publisher, sub) = (Pub::new(&context), Sub::new(&context));
    sub.connect(publisher.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    sub.subscribe("a").expect("subscribed");
    publisher
        .wait_for_subscription("a", 1, PATIENCE)
        .expect("subscribed");
    let mut sender = publisher.poll_sender();
    assert_eq!(sends(&mut sender, "b").sent, 0);
    assert_eq!(sends(&mut sender, "a").sent, 1);
    assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "a");

    let (publisher, sub) = (XPub::new(&context), XSub::new(&context));
    sub.connect(publisher.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    sub.subscribe("a").expect("subscribed");
    assert_eq!(
        publisher.recv_timeout(PATIENCE).expect("received"),
        Upstream::Subscribe("a".into())
    );
    assert_eq!(sends(&mut publisher.poll_sender(), "a").sent, 1);
    assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "a");
    assert_eq!(sends(&mut sub.poll_sender(), "up").sent, 1);
    assert_eq!(
        publisher.recv_timeout(PATIENCE).expect("received"),
        Upstream::Message("up".into())
    );
}

/// A PUSH whose only peer is not there yet, and is full: `number` messages wait for it.
fn mute(context: &Context, at: &str) -> (Push, usize) {
    let push = Push::builder(context)
        .send_high_water_mark(1)
        .linger(std::time::Duration::ZERO)
        .build();
    push.connect(at).expect("connecting");
    let mut sent = 0;
    while push.try_send(sent.to_string()).is_ok() {
        sent += 1;
    }
    (push, sent)
}

fn a_message_stays_where_it_is_until_there_is_room(place: &Place) {
    let context = Context::new();
    let at = place.vacant();
    let (push, mut sent) = mute(&context, &at);
    let (counting, unused) = (CountingWaker::new(), CountingWaker::new());
    let mut sender = push.poll_sender();
    let mut message = Some(Message::from("not to be sent"));
    assert!(poll(&unused, &mut sender, &mut message).is_pending());
    assert_eq!(message, Some("not to be sent".into()));
    // Another message and another task: the first message was not sent, the first waker is given up.
    message = Some(sent.to_string().into());
    assert!(poll(&counting, &mut sender, &mut message).is_pending());
    assert_eq!(Arc::strong_count(&unused), 1, "a waker was left behind");
    let before = counting.calls();
    assert_eq!(before, 0, "there was no room");

    let pull = Pull::new(&context);
    pull.bind(at.as_str()).expect("bound");
    counting.wait("room", before);
    loop {
        let before = counting.calls();
        match poll(&counting, &mut sender, &mut message) {
            Poll::Ready(outcome) => break outcome.expect("sent"),
            Poll::Pending => counting.wait("room", before),
        }
    }
    assert_eq!(message, None);
    sent += 1;
    assert_eq!(unused.calls(), 0, "it was given up");
    sends(&mut sender, "last");
    for expected in 0..sent {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
    }
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "last");
    given_back(&counting);
}

/// Each of three wakes up the next: the first stops to wait, the second is dropped, the third sends.
fn a_wake_up_that_is_not_used_goes_to_the_next(place: &Place) {
    let context = Context::new();
    let at = place.vacant();
    let (push, sent) = mute(&context, &at);
    let mut waiting: Vec<_> = (0..3)
        .map(|number| {
            let (counting, mut sender) = (CountingWaker::new(), push.poll_sender());
            let mut message = Some(Message::from(format!("of {number}")));
            assert!(poll(&counting, &mut sender, &mut message).is_pending());
            (counting, sender, message)
        })
        .collect();
    let pull = Pull::new(&context);
    pull.bind(at.as_str()).expect("bound");

    let (first, mut stops, unsent) = waiting.remove(0);
    first.wait("room", 0);
    stops.stop_waiting();
    assert_eq!(unsent, Some("of 0".into()));
    given_back(&first);
    let (second, dropped, _) = waiting.remove(0);
    second.wait("the room that the first has not used", 0);
    drop(dropped);
    given_back(&second);
    let (third, mut sender, mut message) = waiting.remove(0);
    third.wait("the room that the second has not used", 0);
    loop {
        let before = third.calls();
        match poll(&third, &mut sender, &mut message) {
            Poll::Ready(outcome) => break outcome.expect("sent"),
            Poll::Pending => third.wait("room", before),
        }
    }
    for expected in 0..sent {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
    }
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "of 2");
    // The one that stopped can be used again.
    sends(&mut stops, "again");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "again");
}

fn an_error_has_the_message(place: &Place) {
    let context = Context::new();
    let (push, _) = mute(&context, &place.vacant());
    let counting = CountingWaker::new();
    let mut sender = push.poll_sender();
    let mut message = Some(Message::from("x"));
    assert!(poll(&counting, &mut sender, &mut message).is_pending());
    // What no socket takes is refused even now, and ends the wait.
    let mut longer = Some(std::iter::repeat_n("", Message::MAX_FRAMES + 1).collect());
    let refused = poll(&counting, &mut sender, &mut longer);
    assert!(matches!(
        refused,
        Poll::Ready(Err(SendError::TooManyFrames(m))) if m.frame_count() == Message::MAX_FRAMES + 1
    ));
    assert_eq!(longer, None);
    assert_eq!(Arc::strong_count(&counting), 1, "a waker was left behind");

    assert!(poll(&counting, &mut sender, &mut message).is_pending());
    context.shutdown();
    counting.wait("the end", 0);
    let ended = poll(&counting, &mut sender, &mut message);
    assert!(
        matches!(ended, Poll::Ready(Err(SendError::Ended(ref m, Ended::Terminated))) if *m == "x"),
        "{ended:?}"
    );
    assert_eq!(message, None);
}

/// As the example of the documentation, under load: one future of two sockets that holds one message.
struct Bridge {
    from: RecvFuture,
    held: Option<Message>,
    to: PollSender,
}

impl Future for Bridge {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { from, held, to } = Pin::into_inner(self);
        loop {
            if held.is_some() {
                ready!(to.poll_send(context, held))?;
            }
            match ready!(from.poll_recv(context)) {
                Ok(message) => *held = Some(message),
                Err(RecvError::Ended(_)) => return Poll::Ready(Ok(())),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn a_bridge_passes_everything_on(place: &Place) {
    const ALL: usize = 2_000;
    let context = Context::new();
    let (push, between) = (Push::new(&context), Pull::new(&context));
    push.connect(between.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    let onward = Push::builder(&context).send_high_water_mark(2).build();
    let pull = Pull::builder(&context).receive_high_water_mark(2).build();
    onward
        .connect(pull.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    let bridge = Bridge {
        from: between.recv_async(),
        held: None,
        to: onward.poll_sender(),
    };
    let bridge = std::thread::spawn(move || block_on("both sockets", bridge));
    let sender = std::thread::spawn(move || {
        for number in 0..ALL {
            push.send(number.to_string()).expect("sent");
        }
        push
    });
    for expected in 0..ALL {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
    }
    joined(sender);
    context.shutdown();
    joined(bridge).expect("nothing was held any more");
}

/// While a peer is at its mark, the message stays in the option; another peer can be served by the same sender meanwhile.
fn a_router_sends_to_whom_the_caller_names(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context).send_high_water_mark(1).build();
    let at = router.bind(place.any().as_str()).expect("bound");
    let dealers = ["slow", "quick"].map(|name| {
        let dealer = Dealer::builder(&context)
            .routing_id(RoutingId::new(name).expect("an id"))
            .receive_high_water_mark(1)
            .build();
        dealer.connect(&at).expect("connecting");
        dealer
    });
    router.wait_for_peers(2, PATIENCE).expect("both are there");
    let [slow, quick] = ["slow", "quick"].map(|name| RoutingId::new(name).expect("an id"));
    let mut sender = router.poll_sender_to();
    let counting = CountingWaker::new();
    let mut poll = |id: &RoutingId, message: &mut Option<Message>| {
        let waker = Waker::from(Arc::clone(&counting));
        sender.poll_send_to(&mut TaskContext::from_waker(&waker), id, message)
    };
    // Large enough that the kernel does not take many of them.
    let body = vec![7; 1 << 20];
    let mut queued = 0;
    let mut message = loop {
        let mut message = Some(Message::from(&body[..]));
        if poll(&slow, &mut message).is_pending() {
            break message;
        }
        assert_eq!(message, None, "it is taken out once it is sent");
        queued += 1;
        assert!(queued < 1000, "there is no end to the room");
    };
    assert!(message.is_some(), "it stays where it is");
    let mut other = Some(Message::from("for you"));
    assert_eq!(poll(&quick, &mut other), Poll::Ready(Ok(())));
    assert_eq!(
        dealers[1].recv_timeout(PATIENCE).expect("received"),
        "for you"
    );
    let nobody = RoutingId::new("nobody").expect("an id");
    let mut other = Some(Message::from("for nobody"));
    assert_eq!(
        poll(&nobody, &mut other),
        Poll::Ready(Err(RouteError::NoRoute("for nobody".into())))
    );
    assert_eq!(other, None);

    let slow_dealer = &dealers[0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..=queued {
                let received = slow_dealer.recv_timeout(PATIENCE).expect("received");
                assert_eq!(received, body[..]);
            }
        });
        let sending =
            std::future::poll_fn(|context| sender.poll_send_to(context, &slow, &mut message));
        block_on("room", sending).expect("sent");
        assert_eq!(message, None);
    });
    drop(sender);
    given_back(&counting);
}
