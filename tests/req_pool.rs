//! Many requests at once on one `ReqPool`: from threads and tasks, bounded, each with its own answer or an error.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::future::join_all;
use highwater::{
    ConnectError, Context, Ended, Endpoint, OptionError, PoolRequestFuture, Rep, Req, ReqPool,
    RequestError, Router, RoutingId, SendError, Socket,
};
use support::{
    CountingWaker, MOMENT, PATIENCE, Place, Python, block_on, joined, joined_soon, must_end,
    over_every_transport, wait_until,
};

/// A request that waits for its socket or its answer.
fn waiting(pool: &ReqPool, waker: &Arc<CountingWaker>, question: &str) -> PoolRequestFuture {
    let mut request = pool.request_async(question);
    assert!(waker.poll(&mut request).is_pending());
    request
}

/// A service that answers each request with the same and `!`, until its context is shut down.
fn echo(context: &Context, at: &str) -> (Endpoint, JoinHandle<usize>) {
    let rep = Rep::new(context);
    let at = rep.bind(at).expect("bound");
    let service = std::thread::spawn(move || {
        let mut answered = 0;
        while let Ok(request) = rep.recv() {
            let answer = format!("{}!", request.to_str().expect("text"));
            // The requester may have given up, and gone.
            answered += usize::from(request.reply(answer).is_ok());
        }
        answered
    });
    (at, service)
}

fn ask(pool: &ReqPool, question: &str) {
    let answer = pool.request_timeout(question, PATIENCE).expect("answered");
    assert_eq!(answer, format!("{question}!"));
}

over_every_transport!(threads_share_a_pool_and_each_gets_its_own_answer);

fn threads_share_a_pool_and_each_gets_its_own_answer(place: &Place) {
    let context = Context::new();
    let (at, service) = echo(&context, &place.any());
    let pool = ReqPool::new(&context, 3);
    pool.connect(&at).expect("connecting");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let pool = &pool;
            scope.spawn(move || (0..100).for_each(|n| ask(pool, &format!("{thread}/{n}"))));
        }
    });
    assert!(pool.sockets().len() <= 3);
    let stats = pool.stats();
    assert_eq!((stats.messages_sent, stats.messages_received), (800, 800));
    assert_eq!(stats.peers.len(), pool.peers().len());
    context.shutdown();
    assert_eq!(joined(service), 800);
}

#[test]
fn tasks_share_a_pool_and_each_gets_its_own_answer() {
    must_end("tasks_share_a_pool", || {
        let context = Context::new();
        let (at, service) = echo(&context, "tcp://127.0.0.1:0");
        let pool = ReqPool::new(&context, 4);
        pool.connect(&at).expect("connecting");
        let all = (0..1000).map(|number| {
            let request = pool.request_async(number.to_string());
            async move { (number, request.await) }
        });
        for (number, answer) in block_on("all are answered", join_all(all)) {
            assert_eq!(answer.expect("answered"), format!("{number}!"));
        }
        assert_eq!(pool.sockets().len(), 4);
        context.shutdown();
        assert_eq!(joined(service), 1000);
    });
}

#[test]
fn tokio_tasks_and_threads_share_a_pool() {
    must_end("tokio_tasks_and_threads", || {
        let context = Context::new();
        let (at, service) = echo(&context, "tcp://127.0.0.1:0");
        let pool = Arc::new(ReqPool::new(&context, 2));
        pool.connect(&at).expect("connecting");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("a runtime");
        let tasks: Vec<_> = (0..20)
            .map(|task| {
                let pool = Arc::clone(&pool);
                runtime.spawn(async move {
                    for number in 0..20 {
                        let question = format!("{task}/{number}");
                        let answer = pool.request_async(&*question).await.expect("answered");
                        assert_eq!(answer, format!("{question}!"));
                    }
                })
            })
            .collect();
        (0..100).for_each(|number| ask(&pool, &format!("thread/{number}")));
        for task in tasks {
            runtime.block_on(task).expect("no task panics");
        }
        context.shutdown();
        assert_eq!(joined(service), 500);
    });
}

/// A pool whose requests reach a service that answers when the test says so.
fn held(most: usize) -> (Context, Rep, ReqPool) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind("tcp://127.0.0.1:0").expect("bound");
    let pool = ReqPool::new(&context, most);
    pool.connect(&at).expect("connecting");
    (context, rep, pool)
}

#[test]
fn who_finds_no_free_socket_waits_its_turn_or_gets_its_request_back() {
    must_end("who_finds_no_free_socket", || {
        let (_context, rep, pool) = held(1);
        let waker = CountingWaker::new();
        let first = waiting(&pool, &waker, "first");
        let request = rep.recv_timeout(PATIENCE).expect("a request");
        assert_eq!(*request, "first");

        let unsent = pool.request_timeout("late", MOMENT);
        assert_eq!(unsent, Err(RequestError::NotSent("late".into())));
        pool.set_option("send_timeout", "50").expect("set");
        let unsent = pool.request("later");
        assert_eq!(unsent, Err(RequestError::NotSent("later".into())));

        let leaves = waiting(&pool, &waker, "leaves");
        let second = waiting(&pool, &waker, "second");
        request.reply("1").expect("replied");
        let answer = block_on("the first answer", first);
        assert_eq!(answer.expect("answered"), "1");
        // The socket is put by for one that is dropped: it goes to the next.
        drop(leaves);
        let asked = std::thread::spawn(move || block_on("the second answer", second));
        let request = rep.recv_timeout(PATIENCE).expect("a request");
        assert_eq!(*request, "second");
        request.reply("2").expect("replied");
        assert_eq!(joined(asked).expect("answered"), "2");
    });
}

#[test]
fn a_request_given_up_frees_its_socket_and_its_late_answer_is_nobodys() {
    for correlated in [false, true] {
        must_end("a_request_given_up", move || {
            let context = Context::new();
            let rep = Rep::new(&context);
            let at = rep.bind("tcp://127.0.0.1:0").expect("bound");
            let builder = Req::builder(&context).correlated(correlated);
            let pool = ReqPool::build(builder, 1).expect("good options");
            pool.connect(&at).expect("connecting");
            let waker = CountingWaker::new();
            let dropped = waiting(&pool, &waker, "dropped");
            let late = rep.recv_timeout(PATIENCE).expect("a request");
            drop(dropped);
            let asked = std::thread::spawn(move || pool.request_timeout("wanted", PATIENCE));
            // With a new connection the requester is gone; with a number the answer is dropped there.
            let _ = late.reply("late");
            let request = rep.recv_timeout(PATIENCE).expect("a request");
            assert_eq!(*request, "wanted");
            request.reply("right").expect("replied");
            assert_eq!(joined(asked), Ok("right".into()));
        });
    }
}

#[test]
fn requests_at_a_service_that_dies_fail_and_the_next_reach_its_successor() {
    must_end("a_service_that_dies", || {
        let (context, rep, pool) = held(3);
        let at = rep.local_endpoints().remove(0);
        let pool = Arc::new(pool);
        let asking: Vec<_> = (0..3)
            .map(|number| {
                let pool = Arc::clone(&pool);
                std::thread::spawn(move || pool.request_timeout(number.to_string(), PATIENCE))
            })
            .collect();
        // All three are there: one is being answered, the others wait.
        let taken = rep.recv_timeout(PATIENCE).expect("a request");
        wait_until("all have come", || rep.stats().queued_to_receive == 2);
        let _ = rep.close(Duration::ZERO);
        drop((taken, rep));
        for asked in asking {
            assert_eq!(joined_soon("a failure", asked), Err(RequestError::PeerGone));
        }
        let (_, service) = echo(&context, &at.to_string());
        (0..30).for_each(|number| ask(&pool, &number.to_string()));
        context.shutdown();
        assert_eq!(joined(service), 30);
    });
}

#[test]
fn the_end_of_the_pool_or_its_context_ends_all_that_wait() {
    for ended in [Ended::Closed, Ended::Terminated] {
        must_end("the_end_of_the_pool", move || {
            let (context, rep, pool) = held(1);
            let waker = CountingWaker::new();
            // It keeps the only socket, and is not polled: nobody gives the socket back.
            let mut idle = waiting(&pool, &waker, "idle");
            let _request = rep.recv_timeout(PATIENCE).expect("a request");
            let waits = waiting(&pool, &waker, "waits");
            let pool = Arc::new(pool);
            let begun = Arc::new(AtomicUsize::new(0));
            let (asks, begins) = (Arc::clone(&pool), Arc::clone(&begun));
            let thread = std::thread::spawn(move || {
                begins.store(1, Ordering::SeqCst);
                asks.request("waits, too")
            });
            wait_until("it asks", || begun.load(Ordering::SeqCst) == 1);
            if ended == Ended::Closed {
                assert_eq!(pool.close(PATIENCE).lost, 0);
            } else {
                context.shutdown();
            }
            let failed = Err(RequestError::Ended(ended));
            assert_eq!(joined_soon("the thread", thread), failed);
            assert_eq!(block_on("the task", waits), failed);
            assert_eq!(waker.poll(&mut idle), Poll::Ready(failed.clone()));
            assert_eq!(pool.request("late"), failed);
            let late = pool.connect("tcp://127.0.0.1:9");
            assert_eq!(late.expect_err("it has ended").ended(), Some(ended));
        });
    }
}

#[test]
fn a_dropped_pool_leaves_no_request_waiting() {
    must_end("a_dropped_pool", || {
        let (context, rep, pool) = held(1);
        let waker = CountingWaker::new();
        let out = waiting(&pool, &waker, "out");
        let waits = waiting(&pool, &waker, "waits");
        let request = rep.recv_timeout(PATIENCE).expect("a request");
        drop((pool, request, context));
        for future in [out, waits] {
            let failed = block_on("its end", future);
            assert_eq!(failed, Err(RequestError::Ended(Ended::Closed)));
        }
    });
}

#[test]
fn endpoints_and_options_are_those_of_all_sockets() {
    must_end("endpoints_and_options", || {
        let context = Context::new();
        let services: Vec<_> = (0..2)
            .map(|_| echo(&context, "tcp://127.0.0.1:0"))
            .collect();
        let pool = ReqPool::new(&context, 4);
        pool.connect(&services[0].0).expect("connecting");
        pool.set_option("receive_timeout", "60000").expect("set");
        let all = (0..40).map(|number| pool.request_async(number.to_string()));
        block_on("all are answered", join_all(all));
        assert_eq!(pool.sockets().len(), 4);
        // To one more, and then only to that one.
        pool.connect(&services[1].0).expect("connecting");
        wait_until("all are connected twice", || pool.peers().len() == 8);
        pool.disconnect(&services[0].0).expect("disconnected");
        wait_until("all are connected once", || pool.peers().len() == 4);
        (0..40).for_each(|number| ask(&pool, &number.to_string()));
        for socket in pool.sockets() {
            let value = highwater::Socket::option(&socket, "receive_timeout");
            assert_eq!(value.as_deref(), Ok("60000"));
        }
        let nowhere = pool.disconnect(&services[0].0);
        assert!(matches!(
            nowhere,
            Err(highwater::EndpointError::NotFound(_))
        ));
        context.shutdown();
        let answered = services.into_iter().map(|(_, service)| joined(service));
        assert_eq!(answered.collect::<Vec<_>>(), [40, 40]);
    });
}

#[test]
fn a_routing_id_is_refused() {
    let context = Context::new();
    let id = RoutingId::new("one").expect("valid");
    let refused = ReqPool::build(Req::builder(&context).routing_id(id), 2).err();
    assert!(matches!(
        refused,
        Some(OptionError::Invalid {
            name: "routing_id",
            ..
        })
    ));
    let pool = ReqPool::new(&context, 0);
    let refused = pool.set_option("routing_id", "one");
    assert!(matches!(
        refused,
        Err(OptionError::Invalid {
            name: "routing_id",
            ..
        })
    ));
}

/// A service that answers out of order shows that nobody relies on the order.
#[test]
fn a_router_may_answer_in_any_order() {
    must_end("a_router_in_any_order", || {
        let context = Context::new();
        let router = Router::new(&context);
        let pool = ReqPool::new(&context, 5);
        pool.connect(router.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        let service = std::thread::spawn(move || {
            for _ in 0..20 {
                let mut batch: Vec<_> = (0..5)
                    .map(|_| router.recv_timeout(PATIENCE).expect("a request"))
                    .collect();
                while let Some((id, message)) = batch.pop() {
                    let answer = ["", &format!("{}!", message[1].to_str().expect("text"))];
                    router.send_to(&id, answer).expect("sent");
                }
            }
            let _ = router.close(PATIENCE);
        });
        let all = (0..100).map(|number| {
            let request = pool.request_async(number.to_string());
            async move { (number, request.await) }
        });
        for (number, answer) in block_on("all are answered", join_all(all)) {
            assert_eq!(answer.expect("answered"), format!("{number}!"));
        }
        drop(pool);
        joined(service);
    });
}

#[test]
fn a_rep_of_libzmq_answers_a_pool() {
    must_end("a_rep_of_libzmq", || {
        let Some(mut theirs) = Python::start() else {
            return;
        };
        theirs.ask("new a REP");
        let at = theirs.ask("bind a tcp://127.0.0.1:*");
        let context = Context::new();
        let pool = ReqPool::new(&context, 3);
        pool.connect(&*at).expect("connecting");
        let asked = std::thread::spawn(move || {
            let all = (0..30).map(|number| {
                let request = pool.request_async(number.to_string());
                async move { (number, request.await) }
            });
            block_on("all are answered", join_all(all))
        });
        for _ in 0..30 {
            let question = theirs.recv("a");
            let answer = format!("{}!", question.to_str().expect("text"));
            theirs.send("a", &answer.into());
        }
        for (number, answer) in joined(asked) {
            assert_eq!(answer.expect("answered"), format!("{number}!"));
        }
    });
}

/// An answer is for one of those who wait; the others sleep on.
#[test]
fn an_answer_wakes_none_but_whose_turn_it_is() {
    must_end("an_answer_wakes_one", || {
        let context = Context::new();
        let (at, service) = echo(&context, "tcp://127.0.0.1:0");
        let pool = ReqPool::new(&context, 1);
        pool.connect(&at).expect("connecting");
        let mut first = pool.request_async("first");
        let waker = CountingWaker::new();
        assert!(waker.poll(&mut first).is_pending());
        let mut waiting: Vec<_> = (0..20)
            .map(|number| (CountingWaker::new(), pool.request_async(number.to_string())))
            .collect();
        for (waker, request) in &mut waiting {
            assert!(waker.poll(request).is_pending());
        }
        assert_eq!(block_on("answered", first).expect("answered"), "first!");
        for _ in 0..15 {
            let (waker, request) = waiting.remove(0);
            waker.wait("its turn", 0);
            block_on("answered", request).expect("answered");
        }
        let calls: usize = waiting[1..].iter().map(|(waker, _)| waker.calls()).sum();
        assert_eq!(calls, 0);
        context.shutdown();
        for (waker, mut request) in waiting {
            waker.wait("the end", 0);
            assert!(matches!(
                waker.poll(&mut request),
                Poll::Ready(Err(RequestError::Ended(_)))
            ));
        }
        joined(service);
    });
}

/// A waker may be the last owner of whatever an executor has, also of another request of the pool.
#[test]
fn a_waker_whose_drop_gives_a_request_up_does_no_harm() {
    struct Owned(Mutex<Option<PoolRequestFuture>>, Arc<AtomicUsize>);
    impl Wake for Owned {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Owned {
        fn drop(&mut self) {
            drop(self.0.lock().expect("no panic").take());
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    must_end("a_waker_whose_drop_gives_up", || {
        let context = Context::new();
        let pool = ReqPool::new(&context, 1);
        pool.connect("tcp://127.0.0.1:9").expect("connecting");
        let mut first = pool.request_async("first");
        let counting = CountingWaker::new();
        assert!(counting.poll(&mut first).is_pending());
        let dropped = Arc::new(AtomicUsize::new(0));
        // Polls it, to be woken through a waker that has another request.
        let poll = |request: &mut PoolRequestFuture| {
            let owned = Arc::new(Owned(Mutex::new(None), Arc::clone(&dropped)));
            let waker = Waker::from(Arc::clone(&owned));
            let polled = std::pin::Pin::new(request).poll(&mut TaskContext::from_waker(&waker));
            assert!(polled.is_pending());
            let other = waiting(&pool, &counting, "other");
            *owned.0.lock().expect("no panic") = Some(other);
        };
        let mut replaced = pool.request_async("replaced");
        poll(&mut replaced);
        poll(&mut replaced);
        assert_eq!(dropped.load(Ordering::SeqCst), 1, "it was replaced");
        drop(replaced);
        assert_eq!(dropped.load(Ordering::SeqCst), 2, "it was given up");

        // One that gets its turn, and one that waits at the end.
        let (mut second, mut third) = (pool.request_async("second"), pool.request_async("third"));
        poll(&mut second);
        poll(&mut third);
        drop(first);
        drop(second);
        assert_eq!(dropped.load(Ordering::SeqCst), 3, "it had its turn");
        assert_eq!(pool.close(Duration::ZERO).lost, 0);
        drop(third);
        assert_eq!(dropped.load(Ordering::SeqCst), 4, "the pool has ended");
    });
}

/// A waker that panics harms neither who gives a socket back nor who waits next.
#[test]
fn a_waker_that_panics_harms_no_other_request() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker of this test");
        }
    }
    must_end("a_waker_that_panics", || {
        let context = Context::new();
        let pool = ReqPool::new(&context, 1);
        pool.connect("tcp://127.0.0.1:9").expect("connecting");
        let mut first = pool.request_async("first");
        let counting = CountingWaker::new();
        assert!(counting.poll(&mut first).is_pending());
        let mut second = pool.request_async("second");
        let waker = Waker::from(Arc::new(Panics));
        let polled = std::pin::Pin::new(&mut second).poll(&mut TaskContext::from_waker(&waker));
        assert!(polled.is_pending());
        let _third = waiting(&pool, &counting, "third");
        drop(first);
        let calls = counting.calls();
        drop(second);
        counting.wait("the turn of the third", calls);
        let _ = pool.close(Duration::ZERO);
    });
}

/// Three requests at once, for each of which the pool has made a socket that is connected to `router`.
fn three_requests(pool: &ReqPool, router: &Router) -> [PoolRequestFuture; 3] {
    let waker = CountingWaker::new();
    let requests = ["a", "b", "c"].map(|question| waiting(pool, &waker, question));
    wait_until("all are connected", || router.peers().len() == 3);
    requests
}

/// One socket that is no more connected there keeps none of the others connected.
#[test]
fn a_socket_that_was_disconnected_alone_keeps_no_other_connected() {
    must_end("a_socket_disconnected_alone", || {
        let context = Context::new();
        let router = Router::new(&context);
        let at = router.bind("tcp://127.0.0.1:0").expect("bound");
        let pool = ReqPool::new(&context, 3);
        pool.connect(&at).expect("connecting");
        let requests = three_requests(&pool, &router);
        pool.sockets()[0].disconnect(&at).expect("connected");
        assert!(pool.disconnect(&at).is_err(), "one was not connected");
        wait_until("none is connected", || router.peers().is_empty());
        drop(requests);
    });
}

/// A request that comes back as not sent has not been carried out, however close its turn and its deadline were.
#[test]
fn a_request_whose_time_is_over_before_its_turn_is_not_sent() {
    must_end("a_request_whose_time_is_over", || {
        let (_context, rep, pool) = held(1);
        let refused = pool.request_timeout("no time at all", Duration::ZERO);
        assert_eq!(refused, Err(RequestError::NotSent("no time at all".into())));
        let service = std::thread::spawn(move || {
            let mut carried_out = Vec::new();
            loop {
                let request = rep.recv_timeout(PATIENCE).expect("a request");
                let body = request.to_str().expect("text").to_owned();
                let _ = request.reply("done");
                if body == "the last" {
                    return carried_out;
                }
                carried_out.push(body);
            }
        });
        let threads = (0_u64..4).map(|thread| {
            let pool = &pool;
            move || {
                let mut unsent = Vec::new();
                for number in 0..100 {
                    let body = format!("{thread}/{number}");
                    let limit = Duration::from_micros(50 * (number * 7 + thread) % 1500);
                    if let Err(RequestError::NotSent(message)) = pool.request_timeout(&*body, limit)
                    {
                        assert_eq!(message, *body);
                        unsent.push(body);
                    }
                }
                unsent
            }
        });
        let unsent: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = threads.map(|asks| scope.spawn(asks)).collect();
            let unsent = threads.into_iter().map(|thread| thread.join());
            unsent
                .flat_map(|unsent| unsent.expect("it does not panic"))
                .collect()
        });
        pool.request_timeout("the last", PATIENCE)
            .expect("answered");
        let carried_out = joined(service);
        let both = unsent.iter().find(|body| carried_out.contains(body));
        assert_eq!(both, None, "of {} and {}", unsent.len(), carried_out.len());
        assert!(!unsent.is_empty(), "no time was short enough");
    });
}

/// A request that is out borrows nothing: it goes to other threads and tasks, and outlives the handle of the pool.
#[test]
fn a_pending_request_goes_where_it_is_wanted() {
    must_end("a_pending_request", || {
        let (_context, rep, pool) = held(3);
        let next = |body: &str| {
            let request = rep.recv_timeout(PATIENCE).expect("a request");
            assert_eq!(*request, body);
            request
        };
        let (by_thread, by_task) = (pool.send("one"), pool.send_timeout("two", PATIENCE));
        let (by_thread, by_task) = (by_thread.expect("sent"), by_task.expect("sent"));
        let mut requests = Vec::new();
        for _ in 0..2 {
            requests.push(rep.recv_timeout(PATIENCE).expect("a request"));
        }
        assert!(!by_thread.wait(Duration::ZERO));
        for request in requests {
            let answer = format!("{}!", request.to_str().expect("text"));
            request.reply(answer).expect("sent");
        }
        let thread = std::thread::spawn(move || by_thread.recv_from_timeout(PATIENCE));
        let (peer, answer) = joined(thread).expect("answered");
        assert!(peer.is_some_and(|peer| peer.connected_here));
        assert_eq!(answer, "one!");
        let task = Box::pin(by_task.recv_async());
        assert_eq!(block_on("the answer", task).expect("answered"), "two!");

        // A dropped one gives its request up, and its socket to whom waits.
        let [first, second, third] = ["a", "b", "c"].map(|body| pool.send(body).expect("sent"));
        for _ in 0..3 {
            drop(rep.recv_timeout(PATIENCE).expect("a request"));
        }
        let full = pool
            .send_timeout("d", Duration::ZERO)
            .expect_err("all are in use");
        assert_eq!(full, SendError::Timeout("d".into()));
        pool.set_option("send_timeout", "50").expect("set");
        let full = pool.send("d").expect_err("all are in use");
        assert_eq!(full, SendError::Timeout("d".into()));
        pool.set_option("send_timeout", "none").expect("set");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| pool.send("d"));
            drop(first);
            let pending = joined_scoped(waits).expect("sent");
            next("d").reply("d!").expect("sent");
            wait_until("the answer is there", || pending.wait(Duration::ZERO));
            assert_eq!(pending.recv().expect("answered"), "d!");
        });
        let late = second.recv_timeout(Duration::ZERO);
        assert_eq!(late, Err(RequestError::Timeout));
        assert!(pool.sockets().len() <= 3);
        drop(pool);
        assert_eq!(third.recv(), Err(RequestError::Ended(Ended::Closed)));
    });
}

fn joined_scoped<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().expect("it does not panic")
}

#[test]
fn a_task_closes_a_pool() {
    must_end("a_task_closes_a_pool", || {
        let (_context, rep, pool) = held(2);
        let waker = CountingWaker::new();
        let first = waiting(&pool, &waker, "one");
        let second = waiting(&pool, &waker, "two");
        let requests = [(); 2].map(|()| rep.recv_timeout(PATIENCE).expect("a request"));
        let third = waiting(&pool, &waker, "three");
        let mut closing = pool.close_async(PATIENCE);
        // Its peers have not closed yet, so it may wait; whoever waited for an answer does no more.
        let _ = waker.poll(&mut closing);
        for request in [first, second, third] {
            let ended = block_on("the end", request);
            assert_eq!(ended, Err(RequestError::Ended(Ended::Closed)));
        }
        drop(requests);
        let report = block_on("the close", closing);
        assert_eq!(report.lost, 0);
        wait_until("the connections have ended", || rep.peers().is_empty());

        // What cannot leave is given up at the end of the time, and told.
        let context = Context::new();
        let pool = ReqPool::new(&context, 2);
        pool.connect("tcp://127.0.0.1:9").expect("connecting");
        let mut pending = [pool.request_async("one"), pool.request_async("two")];
        for request in &mut pending {
            assert!(waker.poll(request).is_pending());
        }
        let report = block_on("the close", pool.close_async(MOMENT));
        assert_eq!(report.sent, 0);
        for request in pending {
            let ended = block_on("the end", request);
            assert_eq!(ended, Err(RequestError::Ended(Ended::Closed)));
        }
        drop(context);
    });
}

/// A call for all sockets that fails for one leaves each of them as it was.
#[test]
fn connect_and_set_option_reach_all_sockets_or_none() {
    must_end("all_or_nothing", || {
        let context = Context::new();
        let router = Router::new(&context);
        let at = router.bind("tcp://127.0.0.1:0").expect("bound");
        let elsewhere = Router::new(&context);
        let there = elsewhere.bind("tcp://127.0.0.1:0").expect("bound");
        let pool = ReqPool::new(&context, 3);
        pool.connect(&at).expect("connecting");
        let requests = three_requests(&pool, &router);
        let sockets = pool.sockets();
        let values = |name: &str| {
            let values = sockets.iter().map(|socket| socket.option(name));
            values
                .map(|value| value.expect("it exists"))
                .collect::<Vec<_>>()
        };
        for (name, value) in [
            ("linger", "soon"),
            ("conflate", "true"),
            ("receive_high_water_mark", "0"),
        ] {
            let before = values(name);
            assert!(pool.set_option(name, value).is_err(), "{name}");
            assert_eq!(values(name), before, "{name}");
        }
        pool.set_option("linger", "5").expect("set");
        assert_eq!(values("linger"), ["5"; 3]);

        let _ = sockets[1].close(Duration::ZERO);
        let failed = pool.connect(&there).expect_err("one is closed");
        assert!(matches!(failed, ConnectError::Ended(Ended::Closed)));
        for socket in [&sockets[0], &sockets[2]] {
            assert!(
                socket.endpoint_state(&there).is_err(),
                "not connected there"
            );
            assert!(socket.endpoint_state(&at).is_ok(), "still connected here");
        }
        assert!(
            pool.disconnect(&there).is_err(),
            "it is not connected there"
        );
        wait_until("nobody is there", || elsewhere.peers().is_empty());
        assert!(pool.connect(&at).is_err(), "one is closed");
        for socket in [&sockets[0], &sockets[2]] {
            assert!(socket.endpoint_state(&at).is_ok(), "connected as before");
        }
        drop(requests);
    });
}

/// Over a wire a REQ connects to an endpoint once, and so does a pool: neither its sockets nor those to be made are connected
/// after one `disconnect`.
#[test]
fn a_pool_that_connects_twice_disconnects_once() {
    let context = Context::new();
    let at = Router::new(&context)
        .bind("tcp://127.0.0.1:0")
        .expect("bound");
    let pool = ReqPool::new(&context, 2);
    pool.connect(&at).expect("connecting");
    pool.connect(&at).expect("connecting again");
    pool.disconnect(&at).expect("connected");
    let waker = CountingWaker::new();
    let _requests = ["a", "b"].map(|question| waiting(&pool, &waker, question));
    let sockets = pool.sockets();
    assert_eq!(sockets.len(), 2);
    for socket in &sockets {
        assert!(socket.endpoint_state(&at).is_err(), "not connected");
    }
    assert!(pool.disconnect(&at).is_err(), "not connected");
}
