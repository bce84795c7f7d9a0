//! What a call runs of its caller's code, it runs without the socket's lock: that may use the socket.
//!
//! A call that does not hangs, and its test is ended.

mod support;

use highwater::{
    Body, Context, Dealer, IntoMessage, Message, Pair, Pub, Pull, Push, Sub, XPub, XSub,
};
use support::{PATIENCE, Place, over_each_transport};

over_each_transport!(
    a_topic_may_use_the_socket_that_it_is_for,
    messages_may_use_the_socket_by_which_they_are_sent,
);

/// Bytes that come with a call of `ask`.
struct Asks<F>(F);

impl<F: Fn()> AsRef<[u8]> for Asks<F> {
    fn as_ref(&self) -> &[u8] {
        (self.0)();
        b"topic"
    }
}

fn a_topic_may_use_the_socket_that_it_is_for(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let xpub = XPub::builder(&context).manual(true).build();
    let (sub, xsub) = (Sub::new(&context), XSub::new(&context));
    sub.connect(publisher.bind(place.any()).expect("bound"))
        .expect("connecting");
    xsub.connect(xpub.bind(place.vacant()).expect("bound"))
        .expect("connecting");
    macro_rules! topic {
        ($socket:expr) => {
            Asks(|| drop($socket.stats()))
        };
    }
    sub.subscribe(topic!(sub)).expect("subscribed");
    xsub.subscribe(topic!(xsub)).expect("subscribed");
    publisher
        .wait_for_subscription(topic!(publisher), 1, PATIENCE)
        .expect("subscribed");
    assert_eq!(publisher.subscription_count(topic!(publisher)), 1);
    xpub.recv_timeout(PATIENCE).expect("a subscription");
    assert!(xpub.grant(topic!(xpub)));
    assert_eq!(xpub.subscription_count(topic!(xpub)), 1);
    assert!(xpub.revoke(topic!(xpub)));
    assert_eq!(xpub.subscription_count(topic!(xpub)), 0);
    assert!(sub.unsubscribe(topic!(sub)).expect("open"));
    assert!(xsub.unsubscribe(topic!(xsub)).expect("open"));
}

/// A message that calls `ask` each time that it is asked for anything.
struct Job<F> {
    text: String,
    borrowed: bool,
    ask: F,
}

impl<F: Fn()> IntoMessage for Job<F> {
    fn into_message(self) -> Message {
        (self.ask)();
        self.text.into()
    }

    fn body(&self) -> Option<Body<'_>> {
        (self.ask)();
        self.borrowed.then(|| Body::new(self.text.as_bytes()))?
    }
}

fn messages_may_use_the_socket_by_which_they_are_sent(place: &Place) {
    let context = Context::new();
    macro_rules! sends {
        ($sender:ident, $receiver:ident, $transport:expr) => {
            let (sender, receiver) = ($sender::new(&context), $receiver::new(&context));
            receiver
                .connect(sender.bind($transport).expect("bound"))
                .expect("connecting");
            sender.wait_for_peers(1, PATIENCE).expect("connected");
            for borrowed in [true, false] {
                let jobs = (0..300).map(|n| Job {
                    text: n.to_string(),
                    borrowed,
                    ask: || drop(sender.stats()),
                });
                assert_eq!(sender.send_many(jobs).expect("sent"), 300);
                for n in 0..300 {
                    let received = receiver.recv_timeout(PATIENCE).expect("received");
                    assert_eq!(received, n.to_string());
                }
                let job = Job {
                    text: "alone".to_owned(),
                    borrowed,
                    ask: || drop(sender.stats()),
                };
                sender.send(job).expect("sent");
                assert_eq!(receiver.recv_timeout(PATIENCE).expect("received"), "alone");
            }
        };
    }
    sends!(Push, Pull, place.vacant());
    sends!(Dealer, Dealer, place.vacant());
    sends!(Pair, Pair, place.vacant());
    sends!(Push, Pull, "inproc://jobs");
    sends!(Pair, Pair, "inproc://pair");
}
