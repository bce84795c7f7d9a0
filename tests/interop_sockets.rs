//! Every socket type with libzmq at the other end, by way of pyzmq: over tcp and ipc, whichever end binds.
//!
//! pyzmq is installed into the target folder when it is first needed. Where that cannot be done the tests say so and
//! pass; with `CI` set they fail.

#[path = "interop/libzmq.rs"]
mod libzmq;
mod support;

use highwater::{
    Dealer, Endpoint, Pair, Proxy, Pub, Pull, Push, Rep, Req, Router, RoutingId, Sub, Upstream,
    XPub, XSub,
};
use libzmq::{Bench, Libzmq, Text};
use support::{PATIENCE, wait_until};

/// Makes a test of each function, which is called once for each transport and each end that may bind.
macro_rules! with_libzmq {
    ($($case:ident),+ $(,)?) => {$(
        #[test]
        fn $case() {
            crate::support::must_end(stringify!($case), || {
                libzmq::in_every_way(stringify!($case), cases::$case);
            });
        }
    )+};
}

with_libzmq!(
    pair_and_pair,
    push_and_pull,
    pull_and_push,
    pub_and_sub,
    pub_and_xsub,
    sub_and_pub,
    sub_and_xpub,
    xpub_and_sub,
    xpub_and_xsub,
    xsub_and_pub,
    xsub_and_xpub,
    req_and_rep,
    req_and_router,
    rep_and_req,
    rep_and_dealer,
    dealer_and_rep,
    dealer_and_dealer,
    dealer_and_router,
    router_and_req,
    router_and_dealer,
    router_and_router,
    a_correlated_req_and_rep,
    rep_and_a_correlated_relaxed_req,
    probes_both_ways,
    subscriptions_survive_a_publisher,
    their_forwarder_between_our_sockets,
    our_forwarder_between_their_sockets,
    their_broker_between_our_sockets,
    our_broker_between_their_sockets,
);

mod cases {
    use super::*;

    /// Large enough for a long frame, a vectored write and several reads.
    fn large() -> Vec<u8> {
        (0..300_000).map(|index| (index % 251) as u8).collect()
    }

    /// Bodies of every kind of frame.
    fn bodies() -> [Vec<u8>; 5] {
        [vec![], vec![0], vec![1; 255], vec![2; 256], large()]
    }

    /// Waits for something that needs their socket to work: libzmq does so only inside a call on that socket.
    fn nudge_until(theirs: &mut Libzmq, what: &str, mut condition: impl FnMut() -> bool) {
        wait_until(what, || {
            theirs.poll("a", 5);
            condition()
        });
    }

    /// What they send arrives as it is; `take` receives it.
    fn they_send(
        theirs: &mut Libzmq,
        name: &str,
        head: &[&str],
        take: impl Fn() -> highwater::Message,
    ) {
        for body in bodies() {
            let mut frames: Vec<Vec<u8>> =
                head.iter().map(|text| text.as_bytes().to_vec()).collect();
            frames.push(body);
            frames.push(b"end".to_vec());
            theirs.send(name, &frames);
            let expected: highwater::Message = frames.into_iter().collect();
            assert_eq!(take(), expected);
        }
    }

    /// What we send arrives as it is; `give` sends it.
    fn we_send(theirs: &mut Libzmq, name: &str, head: &[&str], give: impl Fn(highwater::Message)) {
        for body in bodies() {
            let mut frames: Vec<Vec<u8>> =
                head.iter().map(|text| text.as_bytes().to_vec()).collect();
            frames.push(body);
            frames.push(b"end".to_vec());
            give(frames.iter().collect());
            assert_eq!(theirs.recv(name), frames);
        }
    }

    pub(super) fn pair_and_pair(bench: &mut Bench<'_>) {
        let pair = Pair::new(bench.context);
        let theirs = bench.meet(&pair, "PAIR", &[]);
        we_send(theirs, "a", &[], |message| {
            pair.send(message).expect("sent")
        });
        they_send(theirs, "a", &[], || {
            pair.recv_timeout(PATIENCE).expect("received")
        });
    }

    pub(super) fn push_and_pull(bench: &mut Bench<'_>) {
        let push = Push::new(bench.context);
        let theirs = bench.meet(&push, "PULL", &[]);
        we_send(theirs, "a", &[], |message| {
            push.send(message).expect("sent")
        });
        for number in 0..1000 {
            push.send(number.to_string()).expect("sent");
        }
        for number in 0..1000 {
            assert_eq!(theirs.recv_text("a"), [number.to_string()]);
        }
    }

    pub(super) fn pull_and_push(bench: &mut Bench<'_>) {
        let pull = Pull::new(bench.context);
        let theirs = bench.meet(&pull, "PUSH", &[]);
        they_send(theirs, "a", &[], || {
            pull.recv_timeout(PATIENCE).expect("received")
        });
    }

    fn publish_to(bench: &mut Bench<'_>, their_type: &str) {
        let publisher = Pub::new(bench.context);
        let theirs = bench.meet(&publisher, their_type, &[]);
        let subscribe = |theirs: &mut Libzmq, topic: &str, wanted: bool| match their_type {
            "SUB" if wanted => theirs.set("a", "SUBSCRIBE", topic.as_bytes()),
            "SUB" => theirs.set("a", "UNSUBSCRIBE", topic.as_bytes()),
            _ => theirs.send("a", &[[&[u8::from(wanted)], topic.as_bytes()].concat()]),
        };
        subscribe(theirs, "topic", true);
        subscribe(theirs, "t", true);
        for topic in ["topic", "t"] {
            nudge_until(theirs, "the subscription", || {
                publisher.subscription_count(topic) == 1
            });
        }
        publisher.send("other").expect("sent");
        we_send(theirs, "a", &["topic"], |message| {
            assert_eq!(publisher.send(message).expect("sent").sent, 1);
        });
        subscribe(theirs, "t", false);
        nudge_until(theirs, "the cancel is heard", || {
            publisher.subscription_count("t") == 0
        });
        assert_eq!(publisher.send("tea").expect("sent").sent, 0);
        assert_eq!(publisher.send(["topic", "1"]).expect("sent").sent, 1);
        assert_eq!(theirs.recv_text("a"), ["topic", "1"]);
    }

    pub(super) fn pub_and_sub(bench: &mut Bench<'_>) {
        publish_to(bench, "SUB");
    }

    pub(super) fn pub_and_xsub(bench: &mut Bench<'_>) {
        publish_to(bench, "XSUB");
    }

    fn subscribe_to(bench: &mut Bench<'_>, their_type: &str) {
        let sub = Sub::new(bench.context);
        sub.subscribe("topic").expect("subscribed");
        sub.subscribe("end").expect("subscribed");
        let theirs = bench.meet(&sub, their_type, &[]);
        if their_type == "XPUB" {
            let mut seen = [theirs.recv_text("a"), theirs.recv_text("a")];
            seen.sort();
            assert_eq!(seen, [["\u{1}end"], ["\u{1}topic"]]);
        } else {
            // A PUB does not tell when a subscription has arrived.
            while sub.try_recv().is_err() {
                theirs.send("a", &["end".text()]);
                theirs.poll("a", 1);
            }
            while sub.recv_timeout(support::MOMENT).is_ok() {}
        }
        theirs.send("a", &["other".text()]);
        they_send(theirs, "a", &["topic"], || {
            sub.recv_timeout(PATIENCE).expect("received")
        });
        if their_type == "XPUB" {
            sub.unsubscribe("topic").expect("unsubscribed");
            assert_eq!(theirs.recv_text("a"), ["\0topic"]);
            theirs.send("a", &["topic".text()]);
            theirs.send("a", &["end".text()]);
            assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "end");
        }
    }

    pub(super) fn sub_and_pub(bench: &mut Bench<'_>) {
        subscribe_to(bench, "PUB");
    }

    pub(super) fn sub_and_xpub(bench: &mut Bench<'_>) {
        subscribe_to(bench, "XPUB");
    }

    pub(super) fn xpub_and_sub(bench: &mut Bench<'_>) {
        let xpub = XPub::new(bench.context);
        let theirs = bench.meet(&xpub, "SUB", &[]);
        theirs.set("a", "SUBSCRIBE", b"topic");
        nudge_until(theirs, "the subscription", || xpub.subscriber_count() == 1);
        let subscribed = Upstream::Subscribe("topic".into());
        assert_eq!(xpub.recv_timeout(PATIENCE), Ok(subscribed));
        we_send(theirs, "a", &["topic"], |message| {
            assert_eq!(xpub.send(message).expect("sent").sent, 1);
        });
        theirs.set("a", "UNSUBSCRIBE", b"topic");
        let cancelled = Upstream::Cancel("topic".into());
        assert_eq!(xpub.recv_timeout(PATIENCE), Ok(cancelled));
    }

    pub(super) fn xpub_and_xsub(bench: &mut Bench<'_>) {
        let xpub = XPub::new(bench.context);
        let theirs = bench.meet(&xpub, "XSUB", &[]);
        theirs.send("a", &["\u{1}topic".text()]);
        nudge_until(theirs, "the subscription", || xpub.subscriber_count() == 1);
        let subscribed = Upstream::Subscribe("topic".into());
        assert_eq!(xpub.recv_timeout(PATIENCE), Ok(subscribed));
        theirs.send("a", &["up", "stream"].map(Text::text));
        let message = Upstream::Message(["up", "stream"].into());
        assert_eq!(xpub.recv_timeout(PATIENCE), Ok(message));
        we_send(theirs, "a", &["topic"], |message| {
            assert_eq!(xpub.send(message).expect("sent").sent, 1);
        });
        theirs.close("a");
        let cancelled = Upstream::Cancel("topic".into());
        assert_eq!(xpub.recv_timeout(PATIENCE), Ok(cancelled));
    }

    pub(super) fn xsub_and_pub(bench: &mut Bench<'_>) {
        let xsub = XSub::new(bench.context);
        xsub.subscribe("").expect("subscribed");
        let theirs = bench.meet(&xsub, "PUB", &[]);
        while xsub.try_recv().is_err() {
            theirs.send("a", &["are you there?".text()]);
            theirs.poll("a", 1);
        }
        while xsub.recv_timeout(support::MOMENT).is_ok() {}
        they_send(theirs, "a", &["topic"], || {
            xsub.recv_timeout(PATIENCE).expect("received")
        });
    }

    pub(super) fn xsub_and_xpub(bench: &mut Bench<'_>) {
        let xsub = XSub::new(bench.context);
        let theirs = bench.meet(&xsub, "XPUB", &[]);
        xsub.subscribe("topic").expect("subscribed");
        assert_eq!(theirs.recv_text("a"), ["\u{1}topic"]);
        xsub.send(["up", "stream"]).expect("sent");
        assert_eq!(theirs.recv_text("a"), ["up", "stream"]);
        they_send(theirs, "a", &["topic"], || {
            xsub.recv_timeout(PATIENCE).expect("received")
        });
        xsub.unsubscribe("topic").expect("unsubscribed");
        assert_eq!(theirs.recv_text("a"), ["\0topic"]);
    }

    pub(super) fn req_and_rep(bench: &mut Bench<'_>) {
        let mut req = Req::new(bench.context);
        let theirs = bench.meet(&req, "REP", &[]);
        for body in bodies() {
            let pending = req.send([body.as_slice(), b"?"]).expect("sent");
            assert_eq!(theirs.recv("a"), [body.clone(), b"?".to_vec()]);
            theirs.send("a", &[body.clone(), b"!".to_vec()]);
            let reply = pending.recv_timeout(PATIENCE).expect("a reply");
            assert_eq!(reply, [body.as_slice(), b"!"]);
        }
    }

    pub(super) fn req_and_router(bench: &mut Bench<'_>) {
        let id = RoutingId::new("client").expect("a valid id");
        let mut req = Req::builder(bench.context).routing_id(id).build();
        let theirs = bench.meet(&req, "ROUTER", &[]);
        let pending = req.send("?").expect("sent");
        assert_eq!(theirs.recv_text("a"), ["client", "", "?"]);
        theirs.send("a", &["client", "", "!"].map(Text::text));
        assert_eq!(pending.recv_timeout(PATIENCE).expect("a reply"), "!");
    }

    pub(super) fn rep_and_req(bench: &mut Bench<'_>) {
        let rep = Rep::new(bench.context);
        let theirs = bench.meet(&rep, "REQ", &[]);
        for body in bodies() {
            theirs.send("a", &[body.clone(), b"?".to_vec()]);
            let request = rep.recv_timeout(PATIENCE).expect("a request");
            assert_eq!(request.message(), &[body.as_slice(), b"?"]);
            request
                .reply([body.as_slice(), b"!"])
                .expect("the peer waits");
            assert_eq!(theirs.recv("a"), [body, b"!".to_vec()]);
        }
    }

    pub(super) fn rep_and_dealer(bench: &mut Bench<'_>) {
        let rep = Rep::new(bench.context);
        let theirs = bench.meet(&rep, "DEALER", &[]);
        for request in ["1", "2", "3"] {
            theirs.send("a", &["address", "", request].map(Text::text));
        }
        let mut requests = Vec::new();
        for _ in 0..3 {
            requests.push(rep.recv_timeout(PATIENCE).expect("a request"));
        }
        for request in requests.into_iter().rev() {
            let reply = request.message().clone();
            request.reply(reply).expect("the peer waits");
        }
        for reply in ["3", "2", "1"] {
            assert_eq!(theirs.recv_text("a"), ["address", "", reply]);
        }
    }

    pub(super) fn dealer_and_rep(bench: &mut Bench<'_>) {
        let dealer = Dealer::new(bench.context);
        let theirs = bench.meet(&dealer, "REP", &[]);
        for number in ["1", "2"] {
            dealer.send(["", number]).expect("sent");
        }
        for number in ["1", "2"] {
            assert_eq!(theirs.recv_text("a"), [number]);
            theirs.send("a", &[number.text()]);
            let reply = dealer.recv_timeout(PATIENCE).expect("a reply");
            assert_eq!(reply, ["", number]);
        }
    }

    pub(super) fn dealer_and_dealer(bench: &mut Bench<'_>) {
        let dealer = Dealer::new(bench.context);
        let theirs = bench.meet(&dealer, "DEALER", &[]);
        we_send(theirs, "a", &[], |message| {
            dealer.send(message).expect("sent")
        });
        they_send(theirs, "a", &[], || {
            dealer.recv_timeout(PATIENCE).expect("received")
        });
    }

    pub(super) fn dealer_and_router(bench: &mut Bench<'_>) {
        let id = RoutingId::new("ours").expect("a valid id");
        let dealer = Dealer::builder(bench.context).routing_id(id).build();
        let theirs = bench.meet(&dealer, "ROUTER", &[]);
        dealer.send(["hello", "router"]).expect("sent");
        assert_eq!(theirs.recv_text("a"), ["ours", "hello", "router"]);
        theirs.send("a", &["ours", "hello", "dealer"].map(Text::text));
        let message = dealer.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, ["hello", "dealer"]);
    }

    pub(super) fn router_and_req(bench: &mut Bench<'_>) {
        let router = Router::new(bench.context);
        let theirs = bench.meet(&router, "REQ", &[]);
        for body in bodies() {
            theirs.send("a", std::slice::from_ref(&body));
            let (id, request) = router.recv_timeout(PATIENCE).expect("a request");
            assert_eq!(request, [b"", body.as_slice()]);
            router.send_to(&id, [b"", body.as_slice()]).expect("sent");
            assert_eq!(theirs.recv("a"), [body]);
        }
    }

    pub(super) fn router_and_dealer(bench: &mut Bench<'_>) {
        let router = Router::new(bench.context);
        let theirs = bench.meet(&router, "DEALER", &[("IDENTITY", b"theirs")]);
        theirs.send("a", &["hello".text()]);
        let (id, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!((id.as_bytes(), message), (&b"theirs"[..], "hello".into()));
        we_send(theirs, "a", &[], |message| {
            router.send_to(&id, message).expect("sent")
        });
        they_send(theirs, "a", &[], || {
            router.recv_timeout(PATIENCE).expect("received").1
        });
    }

    pub(super) fn router_and_router(bench: &mut Bench<'_>) {
        let id = RoutingId::new("ours").expect("a valid id");
        let router = Router::builder(bench.context).routing_id(id).build();
        let theirs = bench.meet(
            &router,
            "ROUTER",
            &[("IDENTITY", b"theirs"), ("ROUTER_MANDATORY", b"")],
        );
        let id = RoutingId::new("theirs").expect("a valid id");
        wait_until("they are there", || router.send_to(&id, "hello").is_ok());
        assert_eq!(theirs.recv_text("a"), ["ours", "hello"]);
        theirs.send("a", &["ours", "hello", "you"].map(Text::text));
        let (from, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!((from, message), (id, ["hello", "you"].into()));
    }

    pub(super) fn a_correlated_req_and_rep(bench: &mut Bench<'_>) {
        let mut req = Req::builder(bench.context).correlated(true).build();
        let theirs = bench.meet(&req, "REP", &[]);
        let pending = req.send("given up").expect("sent");
        assert_eq!(theirs.recv_text("a"), ["given up"]);
        drop(pending);
        let pending = req.send("wanted").expect("sent");
        theirs.send("a", &["given up".text()]);
        assert_eq!(theirs.recv_text("a"), ["wanted"]);
        theirs.send("a", &["wanted".text()]);
        assert_eq!(pending.recv_timeout(PATIENCE).expect("a reply"), "wanted");
        assert_eq!(req.stats().dropped.late_reply, 1);
    }

    pub(super) fn rep_and_a_correlated_relaxed_req(bench: &mut Bench<'_>) {
        let rep = Rep::new(bench.context);
        let options: [(&str, &[u8]); 2] = [("REQ_RELAXED", b""), ("REQ_CORRELATE", b"")];
        let theirs = bench.meet(&rep, "REQ", &options);
        for request in ["given up", "wanted"] {
            theirs.send("a", &[request.text()]);
        }
        for _ in 0..2 {
            let request = rep.recv_timeout(PATIENCE).expect("a request");
            let reply = request.message().clone();
            request.reply(reply).expect("the peer waits");
        }
        assert_eq!(theirs.recv_text("a"), ["wanted"]);
    }

    pub(super) fn probes_both_ways(bench: &mut Bench<'_>) {
        let id = RoutingId::new("ours").expect("a valid id");
        let dealer = Dealer::builder(bench.context)
            .routing_id(id)
            .probe(true)
            .build();
        let theirs = bench.meet(&dealer, "ROUTER", &[]);
        assert_eq!(theirs.recv_text("a"), ["ours", ""]);
        theirs.close("a");
        let router = Router::new(bench.context);
        let options: [(&str, &[u8]); 2] = [("IDENTITY", b"theirs"), ("PROBE_ROUTER", b"")];
        let theirs = bench.meet(&router, "DEALER", &options);
        nudge_until(theirs, "the probe", || {
            router.stats().queued_to_receive == 1
        });
        let (id, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!((id.as_bytes(), message.size()), (&b"theirs"[..], 0));
    }

    pub(super) fn subscriptions_survive_a_publisher(bench: &mut Bench<'_>) {
        let sub = Sub::builder(bench.context)
            .reconnect_interval(std::time::Duration::from_millis(10))
            .build();
        sub.subscribe("a").expect("subscribed");
        sub.subscribe("b").expect("subscribed");
        let theirs = &mut *bench.theirs;
        theirs.socket("a", "XPUB");
        let at = theirs.bind("a", &bench.place.vacant());
        sub.connect(&at).expect("connects");
        for _ in 0..2 {
            let mut seen = [theirs.recv_text("a"), theirs.recv_text("a")];
            seen.sort();
            assert_eq!(seen, [["\u{1}a"], ["\u{1}b"]]);
            theirs.send("a", &["b".text()]);
            assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "b");
            theirs.close("a");
            wait_until("it is gone", || sub.peers().is_empty());
            theirs.socket("a", "XPUB");
            // The port may not be free at once.
            wait_until("it is back", || theirs.try_bind("a", &at));
        }
        theirs.close("a");
    }

    /// Two of their sockets, bound and joined.
    fn their_proxy(bench: &mut Bench<'_>, front: &str, back: &str) -> (Endpoint, Endpoint) {
        let theirs = &mut *bench.theirs;
        theirs.socket("front", front);
        theirs.socket("back", back);
        let entry = theirs.bind("front", &bench.place.any().replace(":0", ":*"));
        let exit = theirs.bind("back", &bench.place.any().replace(":0", ":*"));
        theirs.proxy("front", "back");
        (entry, exit)
    }

    pub(super) fn their_forwarder_between_our_sockets(bench: &mut Bench<'_>) {
        let (entry, exit) = their_proxy(bench, "XSUB", "XPUB");
        let (publisher, sub) = (Pub::new(bench.context), Sub::new(bench.context));
        publisher.connect(&entry).expect("connects");
        sub.connect(&exit).expect("connects");
        sub.subscribe("topic").expect("subscribed");
        publisher
            .wait_for_subscription("topic", 1, PATIENCE)
            .expect("it came through");
        for body in bodies() {
            publisher.send([b"topic", body.as_slice()]).expect("sent");
            let message = sub.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, [b"topic", body.as_slice()]);
        }
        sub.unsubscribe("topic").expect("unsubscribed");
        wait_until("the cancel comes through", || {
            publisher.subscriber_count() == 0
        });
    }

    pub(super) fn our_forwarder_between_their_sockets(bench: &mut Bench<'_>) {
        let (front, back) = (XSub::new(bench.context), XPub::new(bench.context));
        let entry = front.bind(bench.place.any().as_str()).expect("bound");
        let exit = back.bind(bench.place.any().as_str()).expect("bound");
        let _forwarder = Proxy::new(&front, &back).spawn().expect("a thread");
        let theirs = &mut *bench.theirs;
        theirs.socket("publisher", "XPUB");
        theirs.connect("publisher", &entry);
        theirs.socket("subscriber", "SUB");
        theirs.connect("subscriber", &exit);
        theirs.set("subscriber", "SUBSCRIBE", b"topic");
        assert_eq!(theirs.recv_text("publisher"), ["\u{1}topic"]);
        for body in bodies() {
            let message = [b"topic".to_vec(), body];
            theirs.send("publisher", &message);
            assert_eq!(theirs.recv("subscriber"), message);
        }
        theirs.close("subscriber");
        assert_eq!(theirs.recv_text("publisher"), ["\0topic"]);
        theirs.close("publisher");
    }

    pub(super) fn their_broker_between_our_sockets(bench: &mut Bench<'_>) {
        let (entry, exit) = their_proxy(bench, "ROUTER", "DEALER");
        let (mut req, rep) = (Req::new(bench.context), Rep::new(bench.context));
        req.connect(&entry).expect("connects");
        rep.connect(&exit).expect("connects");
        for body in bodies() {
            let pending = req.send([b"?", body.as_slice()]).expect("sent");
            let request = rep.recv_timeout(PATIENCE).expect("a request");
            assert_eq!(request.message(), &[b"?", body.as_slice()]);
            request
                .reply([b"!", body.as_slice()])
                .expect("the peer waits");
            let reply = pending.recv_timeout(PATIENCE).expect("a reply");
            assert_eq!(reply, [b"!", body.as_slice()]);
        }
    }

    pub(super) fn our_broker_between_their_sockets(bench: &mut Bench<'_>) {
        let (front, back) = (Router::new(bench.context), Dealer::new(bench.context));
        let entry = front.bind(bench.place.any().as_str()).expect("bound");
        let exit = back.bind(bench.place.any().as_str()).expect("bound");
        let _broker = Proxy::new(&front, &back).spawn().expect("a thread");
        let theirs = &mut *bench.theirs;
        theirs.socket("client", "REQ");
        theirs.connect("client", &entry);
        theirs.socket("worker", "REP");
        theirs.connect("worker", &exit);
        for body in bodies() {
            theirs.send("client", &[b"?".to_vec(), body.clone()]);
            assert_eq!(theirs.recv("worker"), [b"?".to_vec(), body.clone()]);
            theirs.send("worker", &[b"!".to_vec(), body.clone()]);
            assert_eq!(theirs.recv("client"), [b"!".to_vec(), body]);
        }
        theirs.close("client");
        theirs.close("worker");
    }
}
