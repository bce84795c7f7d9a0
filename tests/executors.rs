//! The same futures under the executors that people use.

mod support;

use std::time::Duration;

use highwater::{Context, Pull, Push, Rep, Req};
use support::PATIENCE;

/// A client and a service with one request after the other, a stream beside them, and a time-out by the executor's timer.
async fn conversation<T>(sleep: impl Fn(Duration) -> T)
where
    T: Future<Output = ()>,
{
    const ALL: usize = 500;
    let context = Context::new();
    let (rep, mut req) = (Rep::new(&context), Req::new(&context));
    req.connect(rep.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    let (pull, push) = (Pull::new(&context), Push::new(&context));
    push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    let service = async {
        for _ in 0..ALL {
            let request = rep.recv_async().await.expect("received");
            let reply = request.message().clone();
            request.reply_async(reply).await.expect("answered");
        }
    };
    let client = async {
        for number in 0..ALL {
            let asked = number.to_string();
            let answer = req.request_async(&asked).await.expect("answered");
            assert_eq!(answer, *asked);
            push.send_async(answer).await.expect("sent");
        }
    };
    let reader = async {
        for number in 0..ALL {
            let message = pull.recv_async().await.expect("received");
            assert_eq!(support::number(&message), number);
        }
    };
    futures::join!(service, client, reader);
    // Nothing comes any more: the timer ends the wait, and nothing is lost by it.
    let late = futures::future::select(
        Box::pin(sleep(Duration::from_millis(20))),
        pull.recv_async(),
    );
    assert!(matches!(late.await, futures::future::Either::Left(_)));
    push.send_async("after the time-out").await.expect("sent");
    let message = pull.recv_async().await.expect("received");
    assert_eq!(message, "after the time-out");
}

#[test]
fn tokio_on_one_thread() {
    support::must_end("tokio on one thread", || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(conversation(tokio::time::sleep));
    });
}

#[test]
fn tokio_on_several_threads() {
    support::must_end("tokio on several threads", || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let tasks: Vec<_> = (0..8)
                .map(|_| tokio::spawn(conversation(tokio::time::sleep)))
                .collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    });
}

#[test]
fn smol() {
    support::must_end("smol", || {
        smol::block_on(conversation(|time| async move {
            smol::Timer::after(time).await;
        }));
    });
}

#[test]
fn futures_executor() {
    support::must_end("futures::executor", || {
        futures::executor::block_on(conversation(|time| async move {
            smol::Timer::after(time).await;
        }));
    });
}

/// `select!` of two sockets and a timer, and a future that is kept over its turns.
#[test]
fn two_sockets_and_a_timer() {
    support::must_end("select", || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            const ALL: usize = 300;
            let context = Context::new();
            let mut senders = Vec::new();
            let pulls: Vec<_> = ["tcp://127.0.0.1:0", "inproc://select"]
                .map(|at| {
                    let pull = Pull::new(&context);
                    let push = Push::new(&context);
                    push.connect(pull.bind(at).expect("bound"))
                        .expect("connecting");
                    senders.push(tokio::spawn(async move {
                        for number in 0..ALL {
                            push.send_async(number.to_string()).await.expect("sent");
                            if number % 50 == 0 {
                                tokio::time::sleep(Duration::from_millis(1)).await;
                            }
                        }
                        push
                    }));
                    pull
                })
                .into();
            let mut next = [0, 0];
            let mut beats = 0;
            let mut beat = tokio::time::interval(Duration::from_millis(1));
            while next != [ALL, ALL] {
                let (which, message) = tokio::select! {
                    message = pulls[0].recv_async() => (0, message),
                    message = pulls[1].recv_async() => (1, message),
                    _ = beat.tick() => { beats += 1; continue }
                };
                assert_eq!(support::number(&message.expect("received")), next[which]);
                next[which] += 1;
            }
            assert!(beats > 0, "the timer had its turns");
            for sender in senders {
                tokio::time::timeout(PATIENCE, sender)
                    .await
                    .expect("in time")
                    .expect("no panic");
            }
        });
    });
}

/// A bridge by the adapters of `futures`: everything that a PULL receives goes to a PUSH.
#[cfg(feature = "futures")]
#[test]
fn streams_and_sinks() {
    use futures::{SinkExt, StreamExt};
    support::must_end("streams and sinks", || {
        const ALL: usize = 1000;
        let context = Context::new();
        let (first, inner) = (Push::new(&context), Pull::new(&context));
        first
            .connect(inner.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        let (outer, last) = (
            Push::builder(&context).send_high_water_mark(2).build(),
            Pull::new(&context),
        );
        outer
            .connect(last.bind("inproc://bridge").expect("bound"))
            .expect("connecting");
        let feed = async {
            let numbers = futures::stream::iter((0..ALL).map(|number| Ok(number.to_string())));
            first
                .sink()
                .send_all(&mut numbers.boxed_local())
                .await
                .expect("sent");
        };
        let bridge = async {
            let mut messages = inner
                .stream()
                .take(ALL)
                .map(|message| Ok(message.expect("received")));
            outer.sink().send_all(&mut messages).await.expect("sent");
        };
        let end = async {
            let mut messages = last.stream().enumerate().take(ALL);
            while let Some((at, message)) = messages.next().await {
                assert_eq!(support::number(&message.expect("received")), at);
            }
        };
        futures::executor::block_on(async { futures::join!(feed, bridge, end) });
        let mut rest = inner.stream();
        drop(inner);
        assert!(
            futures::executor::block_on(rest.next()).is_none(),
            "it ends with its socket"
        );
    });
}
