//! Whose a message is: `recv_from`, and the peer of a request.

mod support;

use std::sync::Arc;

use highwater::{
    Context, Dealer, Interest, Message, Pair, PeerInfo, Poll, Pub, Pull, Push, Rep, Req, Router,
    Sub,
};
use support::{PATIENCE, Place, over_each_transport, over_every_transport, wait_until};

over_every_transport!(
    each_message_is_told_with_its_peer,
    a_request_is_told_with_its_peer,
    a_reply_is_told_with_its_peer,
    the_peer_is_told_also_when_it_has_gone,
);

// Connections of one pipe follow each other only over a wire.
over_each_transport!(a_message_of_an_earlier_connection_is_of_its_peer);

/// What the peer says of itself.
fn name(peer: &PeerInfo) -> String {
    let name = peer.property("X-Name").expect("it is told");
    String::from_utf8_lossy(name).into_owned()
}

fn each_message_is_told_with_its_peer(place: &Place) {
    macro_rules! tell {
        ($receiver:ident, $sender:ident, $from:expr, $names:expr) => {
            let context = Context::new();
            let receiver = $receiver::new(&context);
            let at = receiver.bind(place.any().as_str()).expect("bound");
            let senders: Vec<$sender> = $names
                .map(|name: &str| {
                    let named = $sender::builder(&context).metadata("X-Name", name);
                    let sender = named.expect("a name").build();
                    sender.connect(&at).expect("connects");
                    sender
                })
                .into();
            for (sender, name) in senders.iter().zip($names) {
                for _ in 0..10 {
                    sender.send(name).expect("sent");
                }
            }
            let mut told: Vec<Arc<PeerInfo>> = Vec::new();
            for _ in 0..10 * senders.len() {
                let (peer, message): (Arc<PeerInfo>, Message) = $from(&receiver);
                assert_eq!(message, name(&peer).as_str());
                told.push(peer);
            }
            let first = told.iter().find(|peer| name(peer) == $names[0]);
            let first = first.expect("it has sent");
            let shared = told.iter().filter(|peer| Arc::ptr_eq(peer, first)).count();
            assert_eq!(shared, 10, "one for all messages of a connection");
        };
    }
    let three = ["anna", "bert", "carl"];
    let patience = PATIENCE;
    tell!(
        Pull,
        Push,
        |pull: &Pull| pull.recv_from_timeout(patience).expect("received"),
        three
    );
    tell!(
        Dealer,
        Dealer,
        |dealer: &Dealer| dealer.recv_from_timeout(patience).expect("received"),
        three
    );
    tell!(
        Router,
        Dealer,
        |router: &Router| {
            let (peer, id, message) = router.recv_from_timeout(patience).expect("received");
            assert!(!id.as_bytes().is_empty());
            (peer, message)
        },
        three
    );
    tell!(
        Pair,
        Pair,
        |pair: &Pair| {
            // A message that a poll has looked at is told likewise.
            let mut poll = Poll::new().expect("a poll");
            poll.add(pair, Interest::READABLE);
            let ready = poll.wait(Some(patience)).expect("no failure");
            assert!(!ready.is_empty());
            pair.try_recv_from().expect("received")
        },
        ["anna"]
    );

    let context = Context::new();
    let sub = Sub::new(&context);
    sub.subscribe("").expect("subscribed");
    let at = sub.bind(place.any().as_str()).expect("bound");
    let named = Pub::builder(&context).metadata("X-Name", "anna");
    let publisher = named.expect("a name").build();
    publisher.connect(&at).expect("connects");
    wait_until("somebody wants it", || {
        publisher.send("news").expect("sent").sent > 0
    });
    let (peer, message) = sub.recv_from().expect("received");
    assert_eq!((name(&peer).as_str(), message), ("anna", "news".into()));
}

fn a_request_is_told_with_its_peer(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any().as_str()).expect("bound");
    let named = Req::builder(&context).metadata("X-Name", "anna");
    let mut req = named.expect("a name").build();
    req.connect(&at).expect("connects");
    let pending = req.send("who am I?").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("received");
    assert_eq!(name(request.peer().expect("somebody")), "anna");
    request.reply("you are").expect("sent");
    assert_eq!(pending.recv().expect("an answer"), "you are");
}

fn a_reply_is_told_with_its_peer(place: &Place) {
    let context = Context::new();
    let mut req = Req::new(&context);
    let services = ["anna", "bert"].map(|name| {
        let named = Rep::builder(&context).metadata("X-Name", name);
        let rep = named.expect("a name").build();
        let at = rep.bind(place.any().as_str()).expect("bound");
        req.connect(&at).expect("connects");
        std::thread::spawn(move || {
            while let Ok(request) = rep.recv() {
                // That who asked is gone meanwhile is the end of the test.
                let _ = request.reply(name);
            }
        })
    });
    req.wait_for_peers(2, PATIENCE).expect("both come");
    let mut told = Vec::new();
    for _ in 0..10 {
        let pending = req.send("who are you?").expect("sent");
        let (peer, reply) = pending.recv_from_timeout(PATIENCE).expect("an answer");
        assert_eq!(reply, name(&peer.expect("it is connected")).as_str());
        told.push(reply);
    }
    assert!(told.contains(&"anna".into()) && told.contains(&"bert".into()));
    context.shutdown();
    services.into_iter().for_each(support::joined);
}

fn the_peer_is_told_also_when_it_has_gone(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any().as_str()).expect("bound");
    let named = Push::builder(&context).metadata("X-Name", "anna");
    let push = named.expect("a name").build();
    push.connect(&at).expect("connects");
    for number in 0..3 {
        push.send(format!("{number}")).expect("sent");
    }
    let (peer, message) = pull.recv_from().expect("received");
    assert_eq!((name(&peer).as_str(), message), ("anna", "0".into()));
    drop(push);
    wait_until("it has gone", || pull.peers().is_empty());
    for number in 1..3 {
        let (peer, message) = pull.recv_from().expect("received");
        assert_eq!(
            (name(&peer), message),
            ("anna".to_owned(), format!("{number}").into())
        );
    }
}

fn a_message_of_an_earlier_connection_is_of_its_peer(place: &Place) {
    let context = Context::new();
    let at = place.vacant();
    let pull = Pull::builder(&context)
        .reconnect_interval(std::time::Duration::from_millis(5))
        .reconnect_interval_max(std::time::Duration::from_millis(20))
        .build();
    pull.connect(at.as_str()).expect("connects");
    let names = ["anna", "bert", "carl"];
    for (turn, name) in names.into_iter().enumerate() {
        let named = Push::builder(&context).metadata("X-Name", name);
        let push = named.expect("a name").build();
        push.bind(at.as_str()).expect("bound");
        for number in 0..3 {
            push.send([name, &number.to_string()]).expect("sent");
        }
        wait_until("all have come", || {
            pull.stats().queued_to_receive == 3 * (turn + 1)
        });
        let _ = push.close(PATIENCE);
        wait_until("it has gone", || pull.peers().is_empty());
    }
    for expected in names {
        for number in 0..3 {
            let (peer, message) = pull.try_recv_from().expect("it has come");
            assert_eq!(message, [expected, &number.to_string()]);
            assert_eq!(name(&peer), expected);
        }
    }
}
