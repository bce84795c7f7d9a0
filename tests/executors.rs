//! The same futures under the executors that people use.

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use highwater::{Context, Dealer, Pub, Pull, Push, Rep, Req, ReqPool, Router, Sub};
use support::{PATIENCE, joined};

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

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The turns of the tasks of one thread.
#[derive(Debug, Default)]
struct Turns {
    /// What the busy task has done.
    busy: AtomicU64,
    /// How often the neighbours have had a turn: one that only yields, one that waits for a timer, one that sends to itself.
    yields: AtomicU64,
    timers: AtomicU64,
    messages: AtomicU64,
    /// The most that the busy task has done between two turns of the first neighbour.
    most_between: AtomicU64,
    stopped: AtomicBool,
}

impl Turns {
    fn count(of: &AtomicU64) {
        of.fetch_add(1, Ordering::Relaxed);
    }

    fn go_on(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }

    /// Whether each has had many turns.
    fn are_enough(&self) -> bool {
        let wanted = [
            (&self.busy, 2000),
            (&self.yields, 500),
            (&self.timers, 20),
            (&self.messages, 200),
        ];
        let has = |(turns, least): (&AtomicU64, u64)| turns.load(Ordering::Relaxed) >= least;
        wanted.into_iter().all(has)
    }
}

/// Lets the other tasks of the executor go first.
async fn turn() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Three neighbours of the busy task, of which one has sockets of its own.
fn neighbours<T>(turns: &Arc<Turns>, sleep: fn(Duration) -> T) -> [Task; 3]
where
    T: Future<Output = ()> + Send + 'static,
{
    let [first, second, third] = [(); 3].map(|()| Arc::clone(turns));
    let context = Context::new();
    let (pull, push) = (Pull::new(&context), Push::new(&context));
    push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    [
        Box::pin(async move {
            let mut before = first.busy.load(Ordering::Relaxed);
            while first.go_on() {
                turn().await;
                let now = first.busy.load(Ordering::Relaxed);
                first
                    .most_between
                    .fetch_max(now - before, Ordering::Relaxed);
                before = now;
                Turns::count(&first.yields);
            }
        }),
        Box::pin(async move {
            while second.go_on() {
                sleep(Duration::from_millis(1)).await;
                Turns::count(&second.timers);
            }
        }),
        Box::pin(async move {
            let _context = context;
            while third.go_on() {
                push.send_async("to myself").await.expect("sent");
                assert_eq!(pull.recv_async().await.expect("received"), "to myself");
                Turns::count(&third.messages);
            }
        }),
    ]
}

/// A task that never rests, and what a thread does at the other end of its socket until that ends.
struct Busy {
    name: &'static str,
    task: Task,
    other: Box<dyn FnOnce() + Send>,
}

/// One of each kind that never rests, since it finds what it wants at each call, or busy-polls until it does.
fn busy_tasks(context: &Context, turns: &Arc<Turns>) -> Vec<Busy> {
    macro_rules! busy {
        ($name:literal, $one:expr, $two:expr, |$socket:ident| $call:expr, |$peer:ident| $answer:expr) => {{
            let (one, $peer) = ($one, $two);
            $peer
                .connect(one.bind("tcp://127.0.0.1:0").expect("bound"))
                .expect("connecting");
            let turns = Arc::clone(turns);
            Busy {
                name: $name,
                task: Box::pin(async move {
                    #[allow(unused_mut, reason = "of a REQ, calls are made one at a time")]
                    let mut $socket = one;
                    while turns.go_on() && $call.is_ok() {
                        Turns::count(&turns.busy);
                    }
                }),
                other: Box::new(move || while $answer.is_ok() {}),
            }
        }};
    }
    let pool = ReqPool::new(context, 2);
    let rep = Rep::new(context);
    pool.connect(rep.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    let of_pool = Arc::clone(turns);
    vec![
        busy!(
            "a stream that comes",
            Pull::new(context),
            Push::new(context),
            |pull| pull.recv_async().await,
            |push| push.send("x")
        ),
        busy!(
            "runs that come",
            Pull::new(context),
            Push::new(context),
            |pull| pull.recv_many_async(&mut Vec::new(), 8).await,
            |push| push.send("x")
        ),
        busy!(
            "a stream that goes",
            Push::new(context),
            Pull::new(context),
            |push| push.send_async("x").await,
            |pull| pull.recv()
        ),
        busy!(
            "permits",
            Push::new(context),
            Pull::new(context),
            |push| push.reserve_async().await,
            |pull| pull.recv()
        ),
        busy!(
            "news for nobody",
            Pub::new(context),
            Sub::new(context),
            |publisher| publisher.send_async("x").await,
            |sub| sub.recv()
        ),
        busy!(
            "a conversation",
            Rep::new(context),
            Dealer::new(context),
            |rep| match rep.recv_async().await {
                Ok(asked) => asked.reply_async("!").await.map_err(drop),
                Err(_) => Err(()),
            },
            |dealer| match dealer.send(["", "?"]) {
                Ok(()) => dealer.recv().map(drop).map_err(drop),
                Err(_) => Err(()),
            }
        ),
        busy!(
            "questions",
            Req::new(context),
            Rep::new(context),
            |req| req.request_async("?").await,
            |rep| rep.recv().map(|asked| asked.reply("!"))
        ),
        busy!(
            "answers to one of many",
            Router::new(context),
            Dealer::new(context),
            |router| match router.recv_async().await {
                Ok((id, message)) => router.send_to_async(&id, message).await.map_err(drop),
                Err(_) => Err(()),
            },
            |dealer| match dealer.send("?") {
                Ok(()) => dealer.recv().map(drop).map_err(drop),
                Err(_) => Err(()),
            }
        ),
        Busy {
            name: "a pool",
            task: Box::pin(async move {
                while of_pool.go_on() && pool.request_async("?").await.is_ok() {
                    Turns::count(&of_pool.busy);
                }
            }),
            other: Box::new(
                move || while rep.recv().is_ok_and(|asked| asked.reply("!").is_ok()) {},
            ),
        },
    ]
}

/// How many calls of the library a task makes at most between two turns of its neighbours, and as many again, since it may
/// begin a call before it knows.
const MOST_BETWEEN: u64 = 2 * 128;

/// Runs each busy task beside its neighbours, all `spawn`ed on this thread, until each has had many turns.
async fn each_has_its_turns<T>(spawn: impl Fn(Task), sleep: fn(Duration) -> T)
where
    T: Future<Output = ()> + Send + 'static,
{
    let kinds = busy_tasks(&Context::new(), &Arc::default()).len();
    for kind in 0..kinds {
        // As long as it may be, so that a task that waits for a short while busy-polls.
        let context = Context::builder()
            .busy_poll(Duration::from_millis(10))
            .build();
        let turns = Arc::new(Turns::default());
        let Busy { name, task, other } = busy_tasks(&context, &turns).swap_remove(kind);
        let other = std::thread::spawn(other);
        spawn(task);
        for neighbour in neighbours(&turns, sleep) {
            spawn(neighbour);
        }
        let begun = Instant::now();
        while !turns.are_enough() {
            assert!(begun.elapsed() < PATIENCE, "beside {name}: {turns:?}");
            sleep(Duration::from_millis(1)).await;
        }
        turns.stopped.store(true, Ordering::Relaxed);
        let most = turns.most_between.load(Ordering::Relaxed);
        assert!(most <= MOST_BETWEEN, "{name}: {most} without a turn");
        context.shutdown();
        joined(other);
    }
}

#[test]
fn neighbours_of_a_task_that_never_rests_have_their_turns_on_tokio() {
    support::must_end("neighbours on tokio", || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(each_has_its_turns(
            |task| drop(tokio::spawn(task)),
            tokio::time::sleep,
        ));
    });
}

#[test]
fn neighbours_of_a_task_that_never_rests_have_their_turns_on_smol() {
    support::must_end("neighbours on smol", || {
        let executor = smol::LocalExecutor::new();
        smol::block_on(executor.run(each_has_its_turns(
            |task| executor.spawn(task).detach(),
            |time| async move {
                smol::Timer::after(time).await;
            },
        )));
    });
}
