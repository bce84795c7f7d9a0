//! Each call of a socket has its like on a typed one, or a way to it.
#![cfg(all(feature = "json", feature = "postcard"))]

mod support;

use std::future::poll_fn;
use std::time::Duration;

use highwater::typed::{Json, Postcard, TypedError, Undecodable};
use highwater::{
    AsSocket, Context, Dealer, Ended, EventKind, Message, Pub, Pull, Push, RecvError, Rep, Req,
    ReqPool, RequestError, RouteError, Router, RoutingId, SendError, Socket, Sub,
};
use support::{CountingWaker, PATIENCE, block_on, joined, must_end, wait_for_event, wait_until};

#[test]
fn values_come_with_their_senders() {
    must_end("values with senders", || {
        let context = Context::new();
        let push = Push::new(&context).typed::<u32, Json>();
        let pull = Pull::new(&context).typed::<u32, Json>();
        push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        push.send(&1).expect("sent");
        let (peer, value) = pull.recv_from().expect("received");
        assert_eq!((value, peer.connected_here), (1, false));
        push.send(&2).expect("sent");
        let (_, value) = pull.recv_from_timeout(PATIENCE).expect("received");
        assert_eq!(value, 2);
        Push::send(&push, "three").expect("sent");
        match block_on("no value", pull.recv_from_async()) {
            Err(TypedError::Undecodable { received, .. }) => {
                assert_eq!(
                    (received.0.address.as_str(), received.1),
                    (&*peer.address, "three".into())
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(pull.try_recv_from().is_err());
        assert_eq!(pull.stats().dropped.undecodable, 1);

        let publisher = Pub::new(&context).typed::<u32, Json>();
        let sub = Sub::new(&context).typed::<u32, Json>();
        sub.subscribe("a").expect("subscribed");
        sub.connect(publisher.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        publisher
            .wait_for_subscription("a", 1, PATIENCE)
            .expect("subscribed");
        let report = publisher.send_timeout("a", &4, PATIENCE).expect("sent");
        assert_eq!(report.sent, 1);
        let (peer, (topic, value)) = sub.recv_from().expect("received");
        assert!(peer.connected_here);
        assert_eq!((topic.to_str(), value), (Ok("a"), 4));
    });
}

#[test]
fn many_values_go_and_come_in_tasks() {
    must_end("many values", || {
        let context = Context::new();
        let push = Push::new(&context).typed::<u32, Json>();
        let pull = Pull::new(&context).typed::<u32, Json>();
        push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        let mut items = Vec::new();
        let waker = CountingWaker::new();
        let mut waiting = pull.recv_many_async(&mut items, 3);
        assert!(waker.poll(&mut waiting).is_pending());
        drop(waiting);
        assert_eq!(push.send_many(&[0, 1, 2, 3, 4]).expect("sent"), 5);
        Push::send(&push, "five").expect("sent");
        while items.len() < 6 {
            let before = items.len();
            let taken = block_on("values", pull.recv_many_async(&mut items, 3)).expect("received");
            assert!(taken <= 3 && items.len() == before + taken);
        }
        match items.pop() {
            Some(Err(TypedError::Undecodable { received, .. })) => assert_eq!(received, "five"),
            other => panic!("{other:?}"),
        }
        let values: Vec<u32> = items.drain(..).map(|item| item.expect("a value")).collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
        assert_eq!(pull.stats().dropped.undecodable, 1);

        // By hand, and with a permit.
        let (mut sender, mut message) =
            (push.poll_sender(), push.encode(&6).ok().map(Message::from));
        let sending = poll_fn(|context| sender.poll_send(context, &mut message));
        block_on("room", sending).expect("sent");
        let permit = push.reserve().expect("room");
        permit
            .send(push.encode(&7).expect("encoded"))
            .expect("sent");
        let mut receiving = Pull::recv_async(&pull);
        for expected in [6, 7] {
            let received = block_on("a message", poll_fn(|context| receiving.poll_recv(context)));
            let value = pull.decode(received.expect("received"));
            assert_eq!(value.expect("a value"), expected);
        }
        assert!(pull.decode("eight".into()).is_err());
        assert_eq!(pull.stats().dropped.undecodable, 2);
        let report = block_on("the close", push.close_async(PATIENCE));
        assert_eq!(report.lost, 0);
        let _ = block_on("the close", pull.close_async(Duration::ZERO));
    });
}

#[test]
fn a_router_exchanges_values() {
    must_end("a router", || {
        let context = Context::new();
        let router = Router::new(&context).typed::<u32, Postcard>();
        let dealer = Dealer::builder(&context)
            .routing_id(RoutingId::new("d").expect("an id"))
            .build()
            .typed::<u32, Postcard>();
        dealer
            .connect(router.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        dealer.send(&1).expect("sent");
        let (id, value) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!((id.to_string().as_str(), value), ("d", 1));
        router.send_to(&id, &2).expect("sent");
        router.send_to_timeout(&id, &3, PATIENCE).expect("sent");
        block_on("room", router.send_to_async(&id, &4)).expect("sent");
        let values: Vec<u32> = dealer
            .iter()
            .take(3)
            .map(|value| value.expect("one"))
            .collect();
        assert_eq!(values, [2, 3, 4]);
        let nobody = RoutingId::new("nobody").expect("an id");
        assert!(matches!(
            router.send_to(&nobody, &5),
            Err(TypedError::Socket(RouteError::NoRoute(_)))
        ));
        Dealer::send(&dealer, ("two", "frames")).expect("sent");
        match block_on("no value", router.recv_async()) {
            Err(TypedError::Undecodable {
                received: (from, message),
                cause:
                    Undecodable::FrameCount {
                        found: 2,
                        expected: 1,
                    },
            }) => assert_eq!((from, message), (id, ("two", "frames").into())),
            other => panic!("{other:?}"),
        }
        assert_eq!(router.stats().dropped.undecodable, 1);
        let _ = block_on("the close", router.close_async(Duration::ZERO));
    });
}

#[test]
fn a_typed_request_is_pending_and_a_reply_may_wait() {
    must_end("a typed request", || {
        let context = Context::new();
        let rep = Rep::new(&context).typed::<u32, String, Json>();
        let mut req = Req::new(&context).typed::<u32, String, Json>();
        req.connect(rep.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        let pending = req.send(&7).expect("sent");
        let question = rep.recv().expect("received");
        assert!(!pending.wait(Duration::ZERO));
        question
            .reply_timeout(&"seven".to_owned(), PATIENCE)
            .expect("sent");
        assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), "seven");
        let pending = req.send(&8).expect("sent");
        let (_, request) = rep.recv().expect("received").into_parts();
        request.reply("no JSON").expect("sent");
        match block_on("no answer of the type", pending.recv_async()) {
            Err(TypedError::Undecodable { received, .. }) => assert_eq!(received, "no JSON"),
            other => panic!("{other:?}"),
        }
        assert_eq!(req.stats().dropped.undecodable, 1);
        let _ = block_on("the close", req.close_async(Duration::ZERO));
    });
}

#[test]
fn a_pool_asks_with_values() {
    must_end("a typed pool", || {
        let context = Context::new();
        let rep = Rep::new(&context).typed::<u32, String, Json>();
        let rep = rep.announce("square/1").expect("a name");
        let told = rep.monitor();
        let at = rep.bind("tcp://127.0.0.1:0").expect("bound");
        let service = std::thread::spawn(move || {
            loop {
                match rep.recv() {
                    Ok(question) if *question == 0 => {
                        let (_, request) = question.into_parts();
                        request.reply("no JSON").expect("sent");
                    }
                    Ok(question) => {
                        let answer = (*question * *question).to_string();
                        let _ = question.reply(&answer);
                    }
                    Err(TypedError::Socket(RecvError::Ended(_))) => return,
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
        let other = ReqPool::new(&context, 2).typed::<u32, String, Postcard>();
        let other = other.announce("square/1").expect("a name");
        other.connect(&at).expect("connecting");
        wait_for_event(&told, "of the refusal", |kind| {
            matches!(kind, EventKind::HandshakeFailed(_))
        });
        let refused = other.request_timeout(&1, Duration::from_millis(50));
        assert!(matches!(
            refused,
            Err(TypedError::Socket(
                RequestError::Timeout | RequestError::NotSent(_)
            ))
        ));

        let pool = ReqPool::new(&context, 2).typed::<u32, String, Json>();
        let pool = pool.announce("square/1").expect("a name");
        pool.connect(&at).expect("connecting");
        // Also those that are made later have the property.
        let pending = [pool.send(&3), pool.send_timeout(&4, PATIENCE)];
        let answers = pending.map(|pending| pending.expect("sent").recv().expect("answered"));
        assert_eq!(answers, ["9", "16"]);
        assert_eq!(pool.request(&5).expect("answered"), "25");
        assert_eq!(pool.request_timeout(&6, PATIENCE).expect("answered"), "36");
        let task = Box::pin(pool.request_async(&7));
        assert_eq!(block_on("the answer", task).expect("answered"), "49");
        let pending = pool.send(&8).expect("sent");
        assert_eq!(
            block_on("the answer", pending.recv_async()).expect("answered"),
            "64"
        );
        assert!(
            pool.peers()
                .iter()
                .all(|peer| peer.property("X-Payload").is_some())
        );
        for socket in pool.sockets() {
            assert_eq!(
                socket.option("metadata").as_deref(),
                Ok("X-Payload=square/1+json")
            );
        }
        match pool.request(&0) {
            Err(TypedError::Undecodable { received, .. }) => assert_eq!(received, "no JSON"),
            other => panic!("{other:?}"),
        }
        assert_eq!(pool.stats().dropped.undecodable, 1);

        let last = pool.send(&9).expect("sent");
        assert!(last.as_socket().option("linger").is_ok());
        let _ = block_on("the close", pool.close_async(PATIENCE));
        let ended = last.recv();
        assert!(matches!(
            ended,
            Err(TypedError::Socket(RequestError::Ended(Ended::Closed))) | Ok(_)
        ));
        drop(other);
        context.shutdown();
        joined(service);
    });
}

/// A message that cannot be sent comes back from a call with a value, too.
#[test]
fn failures_of_the_socket_are_those_of_the_socket() {
    must_end("failures", || {
        let context = Context::new();
        let push = Push::new(&context).typed::<u32, Json>();
        let full = push.send_timeout(&1, Duration::ZERO).expect_err("no peer");
        assert!(matches!(full, TypedError::Socket(SendError::Timeout(message)) if message == "1"));
        let _ = push.close(Duration::ZERO);
        let ended = push.send_many(&[1, 2]).expect_err("closed");
        match ended {
            TypedError::Socket(error) => assert_eq!(error.sent, 0),
            other => panic!("{other:?}"),
        }
        wait_until("it is closed", || push.peers().is_empty());
    });
}
