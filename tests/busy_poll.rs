//! Looking out before sleeping changes when a call returns, never what it returns.

mod support;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use highwater::{Context, Ended, Message, Pull, Push, RecvError, Rep, Req};
use support::{PATIENCE, Place, joined, joined_soon, over_every_transport};

over_every_transport!(
    conversations_and_streams_are_the_same,
    timeouts_are_kept,
    shutdown_ends_the_wait,
    each_message_finds_one_of_many_receivers,
);

/// Never, as usual, and as long as may be chosen.
const LIMITS: [Option<Duration>; 3] = [Some(Duration::ZERO), None, Some(Duration::from_millis(10))];

fn contexts() -> impl Iterator<Item = Context> {
    LIMITS.into_iter().map(|limit| {
        let builder = Context::builder();
        match limit {
            Some(limit) => builder.busy_poll(limit).build(),
            None => builder.build(),
        }
    })
}

fn conversations_and_streams_are_the_same(place: &Place) {
    const ROUNDS: u32 = 300;
    const STREAM: u32 = 20_000;
    for context in contexts() {
        let rep = Rep::new(&context);
        let at = rep.bind(place.any()).unwrap();
        let service = std::thread::spawn(move || {
            for round in 0..ROUNDS {
                let request = rep.recv_timeout(PATIENCE).unwrap();
                let reply = Message::clone(&request);
                // Now and then the other side has gone to sleep.
                if round % 100 == 99 {
                    std::thread::sleep(Duration::from_millis(5));
                }
                request.reply(reply).unwrap();
            }
        });
        let mut req = Req::new(&context);
        req.connect(&at).unwrap();
        for round in 0..ROUNDS {
            assert_eq!(
                req.request(round.to_string()).unwrap(),
                round.to_string().as_str()
            );
        }
        joined(service);

        let pull = Pull::builder(&context).receive_high_water_mark(10).build();
        let at = pull.bind(place.any()).unwrap();
        let push = Push::builder(&context).send_high_water_mark(10).build();
        push.connect(&at).unwrap();
        let sender = std::thread::spawn(move || {
            for number in 0..STREAM {
                push.send(number.to_string()).unwrap();
            }
            push
        });
        for number in 0..STREAM {
            let message = pull.recv_timeout(PATIENCE).unwrap();
            assert_eq!(message, number.to_string().as_str());
        }
        drop(joined(sender));
    }
}

fn pair(context: &Context, place: &Place) -> (Pull, Push) {
    let (pull, push) = (Pull::new(context), Push::new(context));
    push.connect(pull.bind(place.any()).unwrap()).unwrap();
    (pull, push)
}

fn timeouts_are_kept(place: &Place) {
    for context in contexts() {
        let (pull, push) = pair(&context, place);
        push.send("one").unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "one");
        for timeout in [0, 20, 70, 5_000, 20_000].map(Duration::from_micros) {
            let begun = Instant::now();
            assert_eq!(pull.recv_timeout(timeout), Err(RecvError::Timeout));
            assert!(begun.elapsed() >= timeout);
        }
    }
}

fn shutdown_ends_the_wait(place: &Place) {
    for context in contexts() {
        let (pull, push) = pair(&context, place);
        push.send("one").unwrap();
        let (has_one, one) = channel();
        let receiver = std::thread::spawn(move || {
            has_one.send(pull.recv().unwrap()).unwrap();
            pull.recv()
        });
        assert_eq!(one.recv_timeout(PATIENCE).unwrap(), "one");
        context.shutdown();
        let end = joined_soon("the receiver", receiver);
        assert_eq!(end, Err(RecvError::Ended(Ended::Terminated)));
    }
}

fn each_message_finds_one_of_many_receivers(place: &Place) {
    const MESSAGES: usize = 2_000;
    const RECEIVERS: usize = 4;
    for context in contexts() {
        let pull = Arc::new(Pull::new(&context));
        let at = pull.bind(place.any()).unwrap();
        let push = Push::new(&context);
        push.connect(&at).unwrap();
        let receivers: Vec<_> = (0..RECEIVERS)
            .map(|_| {
                let pull = Arc::clone(&pull);
                std::thread::spawn(move || {
                    std::iter::from_fn(|| Some(pull.recv().unwrap()))
                        .take_while(|message| *message != "end")
                        .count()
                })
            })
            .collect();
        for number in 0..MESSAGES {
            push.send(number.to_string()).unwrap();
            if number % 100 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        for _ in 0..RECEIVERS {
            push.send("end").unwrap();
        }
        let received: usize = receivers.into_iter().map(joined).sum();
        assert_eq!(received, MESSAGES);
    }
}
