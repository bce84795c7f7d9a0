//! Values as payload, with each codec, over each kind of socket.
#![cfg(all(
    feature = "json",
    feature = "postcard",
    feature = "msgpack",
    feature = "cbor"
))]

mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use highwater::typed::{Cbor, Codec, CodecError, Json, Msgpack, Postcard, TypedError, Undecodable};
use highwater::{
    Context, Dealer, EventKind, LinkError, Message, Pair, ProtocolError, Pub, Pull, Push,
    RecvError, Rep, Req, Sub, TryRecvError,
};
use serde::{Deserialize, Serialize};
use support::{PATIENCE, block_on, joined};

/// A codec of one's own, whose values do not all have an encoding.
#[derive(Debug)]
struct Even;

impl Codec<u32> for Even {
    type Error = CodecError;

    fn encode(value: &u32, into: &mut Vec<u8>) -> Result<(), CodecError> {
        if value % 2 == 1 {
            return Err(CodecError::new("it is odd"));
        }
        into.extend(value.to_be_bytes());
        Ok(())
    }

    fn decode(body: &[u8]) -> Result<u32, CodecError> {
        body.try_into()
            .map(u32::from_be_bytes)
            .map_err(CodecError::new)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Job {
    number: u32,
    name: String,
    tags: BTreeMap<String, Vec<f64>>,
    next: Option<Box<Self>>,
}

fn job(number: u32) -> Job {
    Job {
        number,
        name: format!("job {number}"),
        tags: [("size".to_owned(), vec![0.5, f64::from(number)])].into(),
        next: (number > 0).then(|| Box::new(job(number - 1))),
    }
}

fn travels<C: Codec<Job>>() {
    let context = Context::new();
    let push = Push::new(&context).typed::<Job, C>();
    let pull = Pull::new(&context).typed::<Job, C>();
    push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    for number in 0..20 {
        push.send(&job(number)).expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), job(number));
    }
    block_on("room", push.send_async(&job(7))).expect("sent");
    assert_eq!(
        block_on("a job", pull.recv_async()).expect("received"),
        job(7)
    );
    // Each kind of wrong message comes back, and is counted; the next value is not lost.
    let wrong: [Message; 3] = [
        Message::from(&b"\xC1 no value"[..]),
        Message::from(["two", "frames"]),
        Message::from(""),
    ];
    for (index, wrong) in wrong.into_iter().enumerate() {
        Push::send(&push, &wrong).expect("sent raw");
        match pull.recv_timeout(PATIENCE) {
            Err(TypedError::Undecodable { received, .. }) => assert_eq!(received, wrong),
            other => panic!("{other:?}"),
        }
        assert_eq!(pull.stats().dropped.undecodable, index as u64 + 1);
    }
    // A value with something behind it is none.
    let mut longer = Vec::new();
    C::encode(&job(1), &mut longer).expect("encoded");
    longer.push(0x7F);
    Push::send(&push, longer).expect("sent raw");
    assert!(matches!(
        pull.recv_timeout(PATIENCE),
        Err(TypedError::Undecodable {
            cause: Undecodable::Codec(_),
            ..
        })
    ));
    push.send(&job(3)).expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), job(3));
}

#[test]
fn json() {
    support::must_end("json", travels::<Json>);
}

#[test]
fn postcard() {
    support::must_end("postcard", travels::<Postcard>);
}

#[test]
fn msgpack() {
    support::must_end("msgpack", travels::<Msgpack>);
}

#[test]
fn cbor() {
    support::must_end("cbor", travels::<Cbor>);
}

/// As maps, a value can be read by an end that knows fewer fields, or has more with a default.
#[test]
fn fields_come_and_go() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Newer {
        name: String,
        #[serde(default)]
        priority: u8,
    }
    fn reads<C: Codec<Job> + Codec<Newer>>() {
        let mut body = Vec::new();
        <C as Codec<Job>>::encode(&job(0), &mut body).expect("encoded");
        let newer = <C as Codec<Newer>>::decode(&body).expect("decoded");
        assert_eq!((newer.name.as_str(), newer.priority), ("job 0", 0));
    }
    reads::<Json>();
    reads::<Msgpack>();
    reads::<Cbor>();
}

#[test]
fn questions_and_answers_have_a_type_each() {
    support::must_end("questions", || {
        let context = Context::new();
        let rep = Rep::new(&context).typed::<u32, String, Msgpack>();
        let mut req = Req::new(&context).typed::<u32, String, Msgpack>();
        req.connect(rep.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        let service = std::thread::spawn(move || {
            loop {
                match rep.recv() {
                    Ok(question) if *question == 0 => {
                        question.reply(&"end".to_owned()).expect("answered");
                        return rep.stats().dropped.undecodable;
                    }
                    Ok(question) => {
                        let answer = format!("{} squared is {}", *question, *question * *question);
                        question.reply(&answer).expect("answered");
                    }
                    // Whoever asks in another language is told so.
                    Err(TypedError::Undecodable { received, .. }) => {
                        received.reply(&b"\xC1"[..]).expect("answered");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        assert_eq!(req.request(&12).expect("answered"), "12 squared is 144");
        let raw = Req::request(&mut req, "what?").expect("answered");
        assert_eq!(raw, b"\xC1");
        assert_eq!(req.request_timeout(&0, PATIENCE).expect("answered"), "end");
        assert_eq!(joined(service), 1);
    });
}

#[test]
fn a_topic_is_a_raw_frame() {
    let context = Context::new();
    let publisher = Pub::new(&context).typed::<Job, Json>();
    let sub = Sub::new(&context).typed::<Job, Json>();
    sub.connect(publisher.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    sub.subscribe("jobs.urgent").expect("subscribed");
    publisher
        .wait_for_subscription("jobs.urgent", 1, PATIENCE)
        .expect("subscribed");
    assert_eq!(publisher.send("jobs.other", &job(1)).expect("sent").sent, 0);
    assert_eq!(
        publisher
            .send("jobs.urgent.now", &job(2))
            .expect("sent")
            .sent,
        1
    );
    let (topic, value) = sub.recv_timeout(PATIENCE).expect("received");
    assert_eq!((topic.to_str(), value), (Ok("jobs.urgent.now"), job(2)));
    Pub::send(&publisher, "jobs.urgent").expect("a topic and no value");
    match sub.recv_timeout(PATIENCE) {
        Err(TypedError::Undecodable { received, cause }) => {
            assert_eq!(received, "jobs.urgent");
            assert_eq!(cause.to_string(), "it has 1 frames, and a value has 2");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn tasks_use_values_on_every_socket() {
    let context = Context::new();
    let mut req = Req::new(&context).typed::<u32, String, Json>();
    let rep = Rep::new(&context).typed::<u32, String, Json>();
    req.connect(rep.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    let service = std::thread::spawn(move || {
        let question = block_on("a question", rep.recv_async()).expect("received");
        let answer = format!("{} is a number", *question);
        block_on("an answer", question.reply_async(&answer)).expect("sent");
        // What is no question is given back, as a request that can be answered, and counted.
        let Err(TypedError::Undecodable { received, .. }) =
            block_on("no question", rep.recv_async())
        else {
            panic!("it is no number");
        };
        assert_eq!(*received.message(), "no number");
        assert_eq!(rep.stats().dropped.undecodable, 1);
        received.reply("no text").expect("sent");
    });
    let answer = block_on("an answer", req.request_async(&7)).expect("text");
    assert_eq!(answer, "7 is a number");
    let answer = Req::request(&mut req, "no number").expect("answered");
    assert_eq!(answer, "no text");
    joined(service);

    let publisher = Pub::new(&context).typed::<u32, Json>();
    let sub = Sub::new(&context).typed::<u32, Json>();
    sub.subscribe("a").expect("subscribed");
    sub.connect(publisher.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    publisher
        .wait_for_subscription("a", 1, PATIENCE)
        .expect("subscribed");
    let sent = block_on("room", publisher.send_async("a", &1));
    assert_eq!(sent.expect("sent").sent, 1);
    let (topic, value) = block_on("a value", sub.recv_async()).expect("received");
    assert_eq!((&topic[..], value), (&b"a"[..], 1));
    Pub::send(&publisher, "a and no value").expect("sent");
    publisher.send("ab", &2).expect("sent");
    let wrong = block_on("no value", sub.recv_async()).expect_err("one frame");
    assert!(matches!(
        wrong,
        TypedError::Undecodable {
            cause: Undecodable::FrameCount { .. },
            ..
        }
    ));
    let (topic, value) = sub.iter().next().expect("open").expect("a value");
    assert_eq!((&topic[..], value), (&b"ab"[..], 2));
    assert_eq!(sub.stats().dropped.undecodable, 1);
    let _ = sub.close(Duration::ZERO);
    assert!(sub.iter().next().is_none());
}

/// A call with a value is awaited as it stands: what cannot be encoded comes out of the future, like every other failure.
#[test]
fn tasks_send_ask_and_publish_values() {
    support::must_end("tasks", || {
        let context = Context::new();
        let rep = Rep::new(&context).typed::<u32, u32, Even>();
        let mut req = Req::new(&context).typed::<u32, u32, Even>();
        req.connect(rep.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        block_on("the answers", async {
            let (served, answer) = futures::join!(
                async {
                    let question = rep.recv_async().await.expect("received");
                    let square = *question * *question;
                    question.reply_async(&square).await
                },
                req.request_async(&12)
            );
            served.expect("sent");
            assert_eq!(answer.expect("answered"), 144);

            let unasked = req.request_async(&1).await;
            assert!(matches!(unasked, Err(TypedError::Encode(_))), "{unasked:?}");

            let (served, raw) = futures::join!(
                async {
                    match rep.recv_async().await {
                        Err(TypedError::Undecodable { received, .. }) => {
                            received.reply_async("no").await
                        }
                        other => panic!("{other:?}"),
                    }
                },
                Req::request_async(&mut req, "what?")
            );
            served.expect("sent");
            assert_eq!(raw.expect("answered"), "no");

            let serving = pin!(async {
                let question = rep.recv_async().await.expect("received");
                question.reply_async(&1).await
            });
            match select(serving, req.request_async(&8)).await {
                Either::Left((Err(TypedError::Encode(_)), _)) => {}
                Either::Left((other, _)) => panic!("{other:?}"),
                Either::Right((answer, _)) => panic!("{answer:?}"),
            }
        });

        let publisher = Pub::new(&context).typed::<u32, Even>();
        let sub = Sub::new(&context).typed::<u32, Even>();
        sub.subscribe("n").expect("subscribed");
        sub.connect(publisher.bind("inproc://numbers").expect("bound"))
            .expect("connecting");
        block_on("a value", async {
            let subscribed = publisher.wait_for_subscription_async("n", 1);
            subscribed.await.expect("subscribed");
            let refused = publisher.send_async("n", &1).await;
            assert!(matches!(refused, Err(TypedError::Encode(_))), "{refused:?}");
            let report = publisher.send_async("n", &6).await.expect("sent");
            assert_eq!(report.sent, 1);
            let (topic, value) = sub.recv_async().await.expect("received");
            assert_eq!((topic.to_str(), value), (Ok("n"), 6));
        });
    });
}

/// Of what is taken at once, each message has its own outcome, in order: no value is lost behind or before one that is none.
#[test]
fn many_values_are_taken_at_once() {
    support::must_end("many values", || {
        let context = Context::new();
        let push = Push::new(&context).typed::<u32, Json>();
        let pull = Pull::new(&context).typed::<u32, Json>();
        let mut items = Vec::new();
        assert!(matches!(
            pull.try_recv_many(&mut items, 9),
            Err(TryRecvError::Empty)
        ));
        assert!(matches!(
            pull.recv_many_timeout(&mut items, 9, Duration::ZERO),
            Err(RecvError::Timeout)
        ));
        push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        let bodies = ["0", "1", "none", "3", "four", "5", "6", "7"];
        Push::send_many(&push, bodies).expect("sent");
        let mut calls = 0;
        while items.len() < bodies.len() {
            let before = items.len();
            let taken = match calls % 3 {
                0 => pull.recv_many(&mut items, 3).expect("received"),
                1 => pull
                    .recv_many_timeout(&mut items, 3, PATIENCE)
                    .expect("received"),
                _ => pull.try_recv_many(&mut items, 3).unwrap_or(0),
            };
            assert!(taken <= 3 && items.len() == before + taken);
            calls += 1;
        }
        assert_eq!(pull.recv_many(&mut items, 0), Ok(0));
        for (body, item) in bodies.into_iter().zip(items) {
            match (body.parse::<u32>(), item) {
                (Ok(number), Ok(value)) => assert_eq!(value, number),
                (Err(_), Err(TypedError::Undecodable { received, .. })) => {
                    assert_eq!(received, body);
                }
                (_, other) => panic!("{other:?}"),
            }
        }
        assert_eq!(pull.stats().dropped.undecodable, 2);
        let mut items = Vec::new();
        let _ = pull.close(Duration::ZERO);
        assert!(matches!(
            pull.recv_many(&mut items, 9),
            Err(RecvError::Ended(_))
        ));

        let publisher = Pub::new(&context).typed::<u32, Json>();
        let sub = Sub::new(&context).typed::<u32, Json>();
        sub.subscribe("n").expect("subscribed");
        sub.connect(publisher.bind("inproc://many").expect("bound"))
            .expect("connecting");
        publisher
            .wait_for_subscription("n", 1, PATIENCE)
            .expect("subscribed");
        publisher.send("n1", &1).expect("sent");
        publisher.send("n2", &2).expect("sent");
        let mut items = Vec::new();
        while items.len() < 2 {
            sub.recv_many(&mut items, 9).expect("received");
        }
        let topics: Vec<_> = items
            .into_iter()
            .map(|item| item.expect("a value"))
            .map(|(topic, value)| (topic.to_str().expect("text").to_owned(), value))
            .collect();
        assert_eq!(topics, [("n1".to_owned(), 1), ("n2".to_owned(), 2)]);
    });
}

/// A codec that panics loses what it holds; all that was taken with it is counted.
#[test]
fn what_a_codec_loses_is_counted() {
    #[derive(Debug)]
    enum Superstitious {}

    impl Codec<u8> for Superstitious {
        type Error = CodecError;

        fn encode(value: &u8, into: &mut Vec<u8>) -> Result<(), CodecError> {
            into.push(*value);
            Ok(())
        }

        fn decode(body: &[u8]) -> Result<u8, CodecError> {
            assert_ne!(body, [13], "not this one");
            Ok(body[0])
        }
    }

    let context = Context::new();
    let push = Push::new(&context).typed::<u8, Superstitious>();
    let pull = Pull::new(&context).typed::<u8, Superstitious>();
    push.connect(pull.bind("inproc://thirteen").expect("bound"))
        .expect("connecting");
    const ALL: usize = 11;
    for value in 10..21 {
        push.send(&value).expect("sent");
    }
    let (mut items, mut panics) = (Vec::new(), 0);
    let lost = || usize::try_from(pull.stats().dropped.undecodable).expect("few");
    while items.len() + lost() < ALL {
        let received = AssertUnwindSafe(|| pull.recv_many_timeout(&mut items, 100, PATIENCE));
        match std::panic::catch_unwind(received) {
            Ok(taken) => assert!(taken.expect("not counted") > 0),
            Err(_) => panics += 1,
        }
    }
    assert_eq!(panics, 1);
    assert!(lost() > 0);
    let values: Vec<_> = items.drain(..).map(|item| item.expect("a value")).collect();
    assert_eq!(values[..3], [10, 11, 12]);
    assert!(!values.contains(&13));
    let before = lost();
    push.send(&13).expect("sent");
    let received = std::panic::catch_unwind(AssertUnwindSafe(|| pull.recv_timeout(PATIENCE)));
    assert!(received.is_err());
    assert_eq!(lost(), before + 1);
}

#[test]
fn pairs_and_dealers_exchange_values() {
    let context = Context::new();
    let (one, two) = (
        Pair::new(&context).typed::<Job, Postcard>(),
        Pair::new(&context).typed::<Job, Postcard>(),
    );
    two.connect(one.bind("inproc://typed").expect("bound"))
        .expect("connecting");
    two.send(&job(4)).expect("sent");
    assert_eq!(one.recv_timeout(PATIENCE).expect("received"), job(4));
    let (one, two) = (
        Dealer::new(&context).typed::<Job, Cbor>(),
        Dealer::new(&context).typed::<Job, Cbor>(),
    );
    two.connect(one.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    two.send_timeout(&job(4), PATIENCE).expect("sent");
    assert_eq!(one.recv_timeout(PATIENCE).expect("received"), job(4));
}

/// The errors of serde quote a variant that they do not know.
#[test]
fn what_a_peer_sends_begins_no_line_of_an_error_and_makes_none_long() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Order {
        Go,
    }
    let context = Context::new();
    let push = Push::new(&context).typed::<String, Json>();
    let pull = Pull::new(&context).typed::<Order, Json>();
    push.connect(pull.bind("inproc://orders").expect("bound"))
        .expect("connecting");
    push.send(&"Go".to_owned()).expect("sent");
    let order = pull.recv_timeout(PATIENCE);
    assert!(matches!(order, Ok(Order::Go)), "{order:?}");
    for forged in ["x\nWARN all is lost".to_owned(), "\u{202e}".repeat(100_000)] {
        push.send(&forged).expect("sent");
        let error = pull.recv_timeout(PATIENCE).expect_err("no such order");
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(shown.contains("unknown variant"), "{shown}");
            assert!(
                !shown.contains(['\n', '\u{202e}']) && shown.len() < 2000,
                "{shown}"
            );
        }
    }
}

#[test]
fn a_value_that_cannot_be_encoded_is_not_sent() {
    let context = Context::new();
    let push = Push::new(&context).typed::<u32, Even>();
    let pull = Pull::new(&context).typed::<u32, Even>();
    push.connect(pull.bind("inproc://even").expect("bound"))
        .expect("connecting");
    let refused = push.send(&3).expect_err("it is odd");
    assert_eq!(
        refused.to_string(),
        "the value cannot be encoded: it is odd"
    );
    assert!(refused.source().is_none(), "the cause is told once");
    push.send(&4).expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), 4);
}

/// What is announced is the type and the codec; the rest is in `payloads`.
#[test]
fn a_payload_is_announced_and_one_that_differs_is_refused() {
    let context = Context::new();
    let rep = Rep::new(&context)
        .typed::<u32, String, Json>()
        .announce("square/2")
        .expect("a name");
    let at = rep.bind("tcp://127.0.0.1:0").expect("bound");
    let told = rep.monitor();
    let refuses = |theirs: &str| {
        support::wait_for_event(&told, "of the refusal", |kind| {
            matches!(
                kind,
                EventKind::HandshakeFailed(LinkError::Protocol(ProtocolError::PayloadMismatch {
                    theirs: said,
                    ours,
                })) if said == theirs && ours == "square/2+json"
            )
        });
    };
    let former = Req::new(&context)
        .typed::<u32, String, Json>()
        .announce("square/1")
        .expect("a name");
    former.connect(&at).expect("connecting");
    refuses("square/1+json");
    let other = Req::new(&context)
        .typed::<u32, String, Postcard>()
        .announce("square/2")
        .expect("a name");
    other.connect(&at).expect("connecting");
    refuses("square/2+postcard");
    let codec_alone = Req::new(&context)
        .typed::<u32, String, Msgpack>()
        .announce_codec()
        .expect("a name");
    codec_alone.connect(&at).expect("connecting");
    refuses("msgpack");

    let mut silent = Req::new(&context).typed::<u32, String, Json>();
    let mut agrees = Req::new(&context)
        .typed::<u32, String, Json>()
        .announce("square/2")
        .expect("a name");
    let service = std::thread::spawn(move || {
        for _ in 0..2 {
            let question = rep.recv_timeout(PATIENCE).expect("received");
            let answer = (*question * *question).to_string();
            question.reply(&answer).expect("sent");
        }
    });
    for req in [&mut silent, &mut agrees] {
        req.connect(&at).expect("connecting");
        assert_eq!(req.request_timeout(&12, PATIENCE).expect("answered"), "144");
    }
    joined(service);

    let long = "x".repeat(65);
    for bad in ["", "two words", "größe", "a\0", &*long] {
        let push = Push::new(&context).typed::<u32, Json>();
        assert!(push.announce(bad).is_err(), "{bad}");
    }
    let push = Push::new(&context).typed::<u32, Json>();
    push.announce(&long[1..]).expect("64 characters");
}

/// With the feature `futures`.
#[cfg(feature = "futures")]
mod streams {
    use std::sync::Arc;
    use std::task::Poll;

    use futures::{SinkExt, StreamExt};
    use highwater::Ended;

    use super::support::CountingWaker;
    use super::*;

    /// The adapters of the crate `futures` work on values, and pass on what is none.
    #[test]
    fn values_come_as_a_stream_and_go_into_a_sink() {
        support::must_end("values as a stream", || {
            let context = Context::new();
            let push = Push::new(&context).typed::<u32, Even>();
            let pull = Pull::new(&context).typed::<u32, Even>();
            push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
                .expect("connecting");
            let mut stream = pull.stream();
            block_on("values", async {
                let mut sink = push.sink();
                sink.send(2).await.expect("sent");
                let refused = sink.send(3).await;
                assert!(matches!(refused, Err(TypedError::Encode(_))), "{refused:?}");
                Push::send_async(&push, "no number").await.expect("sent");
                let mut more = futures::stream::iter([4, 6].map(Ok));
                sink.send_all(&mut more).await.expect("sent");
                assert_eq!(sink.take(), None);

                assert_eq!(stream.next().await.expect("open").expect("a value"), 2);
                match stream.next().await {
                    Some(Err(TypedError::Undecodable { received, .. })) => {
                        assert_eq!(received, "no number");
                    }
                    other => panic!("{other:?}"),
                }
                let rest: Vec<_> = stream.by_ref().take(2).map(Result::ok).collect().await;
                assert_eq!(rest, [Some(4), Some(6)]);
            });
            assert_eq!(pull.stats().dropped.undecodable, 1);
            drop(pull);
            assert!(block_on("the end", stream.next()).is_none());
            assert!(block_on("the end", stream.next()).is_none());

            let publisher = Pub::new(&context).typed::<u32, Even>();
            let sub = Sub::new(&context).typed::<u32, Even>();
            sub.subscribe("e").expect("subscribed");
            sub.connect(publisher.bind("inproc://even numbers").expect("bound"))
                .expect("connecting");
            let rep = Rep::new(&context).typed::<u32, u32, Even>();
            let mut req = Req::new(&context).typed::<u32, u32, Even>();
            req.connect(rep.bind("tcp://127.0.0.1:0").expect("bound"))
                .expect("connecting");
            let (mut topics, mut questions) = (sub.stream(), rep.stream());
            block_on("values", async {
                publisher
                    .wait_for_subscription_async("e", 1)
                    .await
                    .expect("subscribed");
                let mut sink = publisher.sink();
                sink.send(("even", 8)).await.expect("sent");
                sink.flush().await.expect("sent");
                sink.close().await.expect("sent");
                let (topic, value) = topics.next().await.expect("open").expect("a value");
                assert_eq!((topic.to_str(), value), (Ok("even"), 8));

                let (served, answer) = futures::join!(
                    async {
                        let question = questions.next().await.expect("open").expect("a number");
                        let twice = *question * 2;
                        question.reply_async(&twice).await
                    },
                    req.request_async(&10)
                );
                served.expect("sent");
                assert_eq!(answer.expect("answered"), 20);
            });
            // The end of the context is told once.
            context.shutdown();
            let end = block_on("the end", topics.next());
            assert!(
                matches!(
                    end,
                    Some(Err(TypedError::Socket(RecvError::Ended(Ended::Terminated))))
                ),
                "{end:?}"
            );
            assert!(block_on("the end", topics.next()).is_none());
        });
    }

    /// While there is no room, the value is in the sink; it can be taken back, and the sink goes on.
    #[test]
    fn a_sink_gives_its_value_back() {
        let context = Context::new();
        let push = Push::new(&context).typed::<u32, Even>();
        let mut sink = push.sink();
        let counting = CountingWaker::new();
        let mut sending = sink.send(2);
        assert!(counting.poll(&mut sending).is_pending());
        drop(sending);
        assert_eq!(sink.take(), Some((&2_u32.to_be_bytes()).into()));
        assert_eq!(Arc::strong_count(&counting), 1, "a waker was left behind");
        assert_eq!(
            counting
                .poll(&mut sink.flush())
                .map(|flushed| flushed.is_ok()),
            Poll::Ready(true)
        );

        let pull = Pull::new(&context).typed::<u32, Even>();
        pull.bind("inproc://room").expect("bound");
        push.connect("inproc://room").expect("connecting");
        block_on("room", sink.send(4)).expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), 4);
    }
}
