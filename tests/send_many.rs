//! Many messages in one call: the caller's iterator may wait or use the socket, and nothing that it gives is held back or lost.

mod support;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use highwater::{
    Context, Dealer, Frame, IntoMessage, Linger, Message, Pair, Pull, Push, Router, SendError,
};
use support::{PATIENCE, Place, joined_soon, over_every_transport, wait_until};

over_every_transport!(
    an_iterator_that_waits_holds_up_nobody_and_nothing,
    an_iterator_may_use_the_socket,
    what_becomes_a_message_may_use_the_socket,
    what_found_no_room_is_still_in_the_iterator,
    an_error_in_the_middle_says_how_many_were_sent,
    a_long_list_arrives_in_order_over_several_peers,
);

fn pair(context: &Context, place: &Place) -> (Arc<Push>, Pull) {
    let (push, pull) = (Push::new(context), Pull::new(context));
    pull.connect(push.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    (Arc::new(push), pull)
}

fn an_iterator_that_waits_holds_up_nobody_and_nothing(place: &Place) {
    let context = Context::new();
    let (push, pull) = pair(&context, place);
    let (feed, jobs) = channel::<String>();
    let sends = Arc::clone(&push);
    let sender = std::thread::spawn(move || sends.send_many(jobs.iter()));
    for n in 0..600 {
        // Now one at a time, now many: whatever was given arrives before more is.
        let burst = if n % 3 == 0 { 7 } else { 1 };
        for one in 0..burst {
            feed.send(format!("{n}.{one}")).expect("it listens");
        }
        for one in 0..burst {
            let received = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(received, format!("{n}.{one}"));
        }
        assert!(push.stats().messages_sent > 0);
        push.try_send("in between").expect("there is room");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "in between");
    }
    drop(feed);
    let sent = joined_soon("the end of the feed", sender).expect("sent");
    assert_eq!(sent, 200 * 7 + 400);
}

fn an_iterator_may_use_the_socket(place: &Place) {
    let context = Context::new();
    let (push, pull) = pair(&context, place);
    let inner = Arc::clone(&push);
    let sent = push.send_many((0..300).map(|n| {
        inner.send("in between").expect("sent");
        drop(inner.stats());
        n.to_string()
    }));
    assert_eq!(sent, Ok(300));
    let mut expected = 0;
    for _ in 0..600 {
        let received = pull.recv_timeout(PATIENCE).expect("received");
        if received != "in between" {
            assert_eq!(received, expected.to_string());
            expected += 1;
        }
    }
    assert_eq!(expected, 300);
}

/// A type whose conversion asks the socket something.
struct Curious(Arc<Dealer>);

impl IntoMessage for Curious {
    fn into_message(self) -> Message {
        self.0.peers().len().to_string().into()
    }
}

fn what_becomes_a_message_may_use_the_socket(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let dealer = Arc::new(Dealer::new(&context));
    dealer
        .connect(router.bind(place.any()).expect("bound"))
        .expect("connecting");
    dealer.wait_for_peers(1, PATIENCE).expect("connected");
    let curious = (0..50).map(|_| Curious(Arc::clone(&dealer)));
    assert_eq!(dealer.send_many(curious), Ok(50));
    for _ in 0..50 {
        assert_eq!(router.recv_timeout(PATIENCE).expect("received").1, "1");
    }
}

fn what_found_no_room_is_still_in_the_iterator(place: &Place) {
    for mark in [1, 2, 3, 100, 255, 256, 300, 1000] {
        let context = Context::new();
        let pair = Pair::builder(&context)
            .send_high_water_mark(mark)
            .send_timeout(Duration::from_millis(5))
            .linger(Linger::Discard)
            .build();
        pair.connect(&*place.vacant()).expect("connecting");
        let all: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
        let mut rest = all.iter().map(String::as_str);
        let refused = pair.send_many(rest.by_ref()).expect_err("it is full");
        assert_eq!(refused.sent, mark);
        assert_eq!(refused.error, SendError::Timeout(mark.to_string().into()));
        assert_eq!(rest.next(), Some(&*(mark + 1).to_string()), "mark {mark}");
        let refused = pair.send_many(rest.by_ref()).expect_err("it is full");
        assert_eq!(refused.sent, 0);
        assert_eq!(refused.into_message(), *(mark + 2).to_string());
        assert_eq!(rest.len(), 2000 - (mark + 3));
        assert_eq!(pair.stats().dropped.unsent, 0);
    }
}

/// Whoever ends it in the middle, the error says how many messages were sent, and the counters of the socket agree.
fn an_error_in_the_middle_says_how_many_were_sent(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context)
        .send_high_water_mark(None)
        .linger(Linger::Discard)
        .build();
    push.connect(&*place.vacant()).expect("connecting");
    let too_long = Message::from_frames(vec![Frame::default(); Message::MAX_FRAMES + 1]);
    for before in [0, 1, 255, 256, 1000] {
        let short = (0..before).map(|n| Message::from(n.to_string()));
        let too_long = too_long.clone().expect("it has frames");
        let all: Vec<Message> = short.chain([too_long, "behind it".into()]).collect();
        let sent = push.stats().messages_sent;
        let refused = push.send_many(all).expect_err("it is too long");
        assert_eq!(refused.sent, before);
        assert_eq!(push.stats().messages_sent - sent, before as u64);
        assert!(matches!(refused.error, SendError::TooManyFrames(_)));
    }

    // The socket ends meanwhile.
    let (mut next, mut begun) = (0, false);
    let numbers = std::iter::from_fn(|| {
        next += 1;
        if !std::mem::replace(&mut begun, true) {
            context.shutdown();
        }
        Some(next.to_string())
    });
    let sent = push.stats().messages_sent;
    let refused = push.send_many(numbers).expect_err("it has ended");
    assert_eq!(refused.sent as u64, push.stats().messages_sent - sent);
    assert_eq!(
        refused.to_string(),
        format!("after {} messages: the context is shut down", refused.sent)
    );
}

fn a_long_list_arrives_in_order_over_several_peers(place: &Place) {
    const COUNT: usize = 30_000;
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(50).build();
    let at = push.bind(place.any()).expect("bound");
    let pulls: Vec<Pull> = (0..3)
        .map(|_| {
            let pull = Pull::builder(&context).receive_high_water_mark(20).build();
            pull.connect(&at).expect("connecting");
            pull
        })
        .collect();
    push.wait_for_peers(3, PATIENCE).expect("connected");
    let receivers: Vec<_> = pulls
        .into_iter()
        .map(|pull| {
            std::thread::spawn(move || {
                let mut last = None;
                let mut count = 0;
                loop {
                    let message = pull.recv_timeout(PATIENCE).expect("received");
                    let text = message.to_str().expect("text");
                    if text == "end" {
                        return count;
                    }
                    let number: usize = text.parse().expect("a number");
                    assert!(last.is_none_or(|last| last < number), "out of order");
                    last = Some(number);
                    count += 1;
                }
            })
        })
        .collect();
    let sent = push.send_many((0..COUNT).map(|n| n.to_string()));
    assert_eq!(sent, Ok(COUNT));
    wait_until("room", || push.stats().queued_to_send == 0);
    push.send_many(["end"; 3]).expect("sent");
    let received: usize = receivers
        .into_iter()
        .map(|receiver| joined_soon("the end", receiver))
        .sum();
    assert_eq!(received, COUNT);
}
