//! Sockets used by tasks: nothing is lost, doubled or left waiting, whenever a future is dropped.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::Duration;

use highwater::{
    Context, Dealer, Ended, Message, Pair, Pub, Pull, Push, RecvError, RecvFuture, Rep, Req,
    Router, RoutingId, SendError, Sub, XPub, XSub,
};
use support::{
    AT_END, CountingWaker, MOMENT, PATIENCE, Place, RawPeer, block_on, frame, joined, number,
    over_every_transport, wait_until,
};

over_every_transport!(
    each_type_sends_and_receives,
    a_dropped_receive_loses_nothing,
    a_dropped_send_gives_its_message_back,
    what_a_task_leaves_goes_out_without_another_call,
    the_last_waker_is_the_one_that_is_called,
    tasks_and_threads_share_a_socket,
    a_request_that_is_dropped_is_given_up,
    a_task_that_waits_for_room_is_woken_by_it,
    who_waits_learns_of_the_end,
    a_dropped_task_leaves_no_waker_behind,
    a_task_busy_polls_for_a_limited_time,
    a_close_waits_for_what_is_queued,
    events_come_to_a_task_until_the_end,
    a_task_waits_until_a_socket_has_retired,
    a_foreign_loop_learns_what_is_ready,
);

/// A context in which a task that finds nothing waits to be woken at once.
fn that_sleeps() -> Context {
    Context::builder().busy_poll(Duration::ZERO).build()
}

/// A context in which a task looks once more at each turn, for as long as the option allows.
fn that_busy_polls() -> Context {
    let limit = Duration::from_millis(10);
    Context::builder().busy_poll(limit).build()
}

fn pipeline(place: &Place) -> (Context, Push, Pull) {
    pipeline_in(that_sleeps(), place)
}

fn pipeline_in(context: Context, place: &Place) -> (Context, Push, Pull) {
    let pull = Pull::new(&context);
    let push = Push::new(&context);
    let at = pull.bind(place.any().as_str()).expect("bound");
    push.connect(&at).expect("connecting");
    block_on("peers", push.wait_for_peers_async(1)).expect("connected");
    (context, push, pull)
}

fn each_type_sends_and_receives(place: &Place) {
    let context = Context::new();
    let at = |name: &str| format!("the {name}");

    let (_context, push, pull) = pipeline(place);
    block_on("PUSH", push.send_async("one")).expect("sent");
    assert_eq!(
        block_on("PULL", pull.recv_async()).expect("received"),
        "one"
    );
    push.send_many(["a", "b", "c"]).expect("sent");
    let mut many = Vec::new();
    while many.len() < 3 {
        block_on("PULL", pull.recv_many_async(&mut many, 10)).expect("received");
    }
    assert_eq!(many, ["a", "b", "c"]);
    let mut receiving = pull.recv_from_async();
    for text in ["d", "e"] {
        push.send(text).expect("sent");
        let next = std::future::poll_fn(|context| receiving.poll_recv(context));
        let (peer, message) = block_on("PULL", next).expect("received");
        assert_eq!(
            (peer.socket_type, message),
            (Some(highwater::SocketType::Push), text.into())
        );
    }
    drop(receiving);
    let mut reserving = push.reserve_async();
    for text in ["f", "g"] {
        let next = std::future::poll_fn(|context| reserving.poll_reserve(context));
        let permit = block_on("PUSH", next).expect("room");
        permit.send(text).expect("there is a place");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), text);
    }
    drop(reserving);

    let (one, two) = (Pair::new(&context), Pair::new(&context));
    two.connect(one.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    block_on("PAIR", two.send_async(["x", "y"])).expect("sent");
    assert_eq!(
        block_on("PAIR", one.recv_async()).expect("received"),
        ["x", "y"]
    );

    let (router, dealer) = (Router::new(&context), Dealer::new(&context));
    dealer
        .connect(router.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    block_on("DEALER", dealer.send_async("question")).expect("sent");
    let (id, question) = block_on("ROUTER", router.recv_async()).expect("received");
    assert_eq!(question, "question");
    block_on("ROUTER", router.send_to_async(&id, "answer")).expect("sent");
    assert_eq!(
        block_on("DEALER", dealer.recv_async()).expect("received"),
        "answer"
    );
    let nowhere = RoutingId::new("nobody").expect("a routing id");
    let refused = block_on("ROUTER", router.send_to_async(&nowhere, "x"));
    assert!(matches!(refused, Err(highwater::RouteError::NoRoute(m)) if m == "x"));

    let (rep, mut req) = (Rep::new(&context), Req::new(&context));
    req.connect(rep.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    let service = std::thread::spawn(move || {
        let request = block_on("REP", rep.recv_async()).expect("received");
        let reply = at(request.to_str().expect("text"));
        block_on("REP", request.reply_async(reply)).expect("answered");
        rep
    });
    assert_eq!(
        block_on("REQ", req.request_async("name")).expect("answered"),
        "the name"
    );
    joined(service);

    let (publisher, sub) = (Pub::new(&context), Sub::new(&context));
    sub.connect(publisher.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    sub.subscribe("a").expect("subscribed");
    block_on("PUB", publisher.wait_for_subscription_async("a", 1)).expect("subscribed");
    block_on("PUB", publisher.wait_for_subscribers_async(1)).expect("subscribed");
    assert_eq!(
        block_on("PUB", publisher.send_async("b"))
            .expect("sent")
            .sent,
        0
    );
    assert_eq!(
        block_on("PUB", publisher.send_async("a"))
            .expect("sent")
            .sent,
        1
    );
    assert_eq!(block_on("SUB", sub.recv_async()).expect("received"), "a");

    let (publisher, sub) = (XPub::new(&context), XSub::new(&context));
    sub.connect(publisher.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    sub.subscribe("a").expect("subscribed");
    assert_eq!(
        block_on("XPUB", publisher.recv_async()).expect("received"),
        highwater::Upstream::Subscribe("a".into())
    );
    block_on("XSUB", sub.send_async("up")).expect("sent");
    assert_eq!(
        block_on("XPUB", publisher.recv_async()).expect("received"),
        highwater::Upstream::Message("up".into())
    );
}

/// A future is dropped after each number of polls, woken or not; the ledger closes all the same.
fn a_dropped_receive_loses_nothing(place: &Place) {
    for context in [that_sleeps(), Context::new(), that_busy_polls()] {
        loses_nothing(context, place);
    }
}

fn loses_nothing(context: Context, place: &Place) {
    const ALL: usize = 500;
    let (_context, push, pull) = pipeline_in(context, place);
    let sender = std::thread::spawn(move || {
        for number in 0..ALL {
            push.send(number.to_string()).expect("sent");
            if number % 7 == 0 {
                std::thread::yield_now();
            }
        }
        push
    });
    let counting = CountingWaker::new();
    let mut received = Vec::new();
    let mut patience = 0;
    while received.len() < ALL {
        patience = (patience + 1) % 5;
        let mut receiving = pull.recv_async();
        for _ in 0..=patience {
            let before = counting.calls();
            match counting.poll(&mut receiving) {
                Poll::Ready(message) => {
                    received.push(number(&message.expect("received")));
                    break;
                }
                Poll::Pending if patience > 2 => counting.wait("a message", before),
                Poll::Pending => {}
            }
        }
    }
    assert_eq!(received, (0..ALL).collect::<Vec<_>>());
    joined(sender);
}

fn a_dropped_send_gives_its_message_back(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(1).build();
    let at = place.vacant();
    push.connect(at.as_str()).expect("connecting");
    let counting = CountingWaker::new();
    let mut sent = 0;
    // Until it is mute, with a message that nobody takes.
    let mut unsent = loop {
        let mut sending = push.send_async(sent.to_string());
        match counting.poll(&mut sending) {
            Poll::Ready(outcome) => outcome.expect("sent"),
            Poll::Pending => break sending,
        }
        sent += 1;
    };
    assert!(counting.poll(&mut unsent).is_pending());
    assert_eq!(number(&unsent.take().expect("not sent")), sent);
    assert!(unsent.take().is_none());
    drop(unsent);
    drop(push.send_async("never polled, never sent"));
    let pull = Pull::new(&context);
    pull.bind(at.as_str()).expect("bound");
    for expected in 0..sent {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
    }
    block_on("room", push.send_async("last")).expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "last");
    assert!(pull.recv_timeout(MOMENT).is_err(), "nothing is sent twice");
}

fn what_a_task_leaves_goes_out_without_another_call(place: &Place) {
    let (_context, push, pull) = pipeline(place);
    for round in 0..50 {
        for number in 0..20 {
            let number = round * 20 + number;
            block_on("room", push.send_async(number.to_string())).expect("sent");
        }
        // The task makes no other call, and its thread none of the sender's.
        let reader = std::thread::scope(|threads| {
            let reader = threads.spawn(|| {
                (0..20)
                    .map(|_| number(&pull.recv_timeout(PATIENCE).expect("it goes out")))
                    .collect::<Vec<_>>()
            });
            reader.join().expect("received")
        });
        assert_eq!(reader, (round * 20..round * 20 + 20).collect::<Vec<_>>());
    }
}

fn the_last_waker_is_the_one_that_is_called(place: &Place) {
    let (_context, push, pull) = pipeline(place);
    let (first, second) = (CountingWaker::new(), CountingWaker::new());
    let mut receiving = pull.recv_async();
    assert!(first.poll(&mut receiving).is_pending());
    assert!(second.poll(&mut receiving).is_pending());
    let (old, new) = (first.calls(), second.calls());
    push.send("x").expect("sent");
    second.wait("a message", new);
    assert_eq!(first.calls(), old, "the task has moved on");
    // It may be woken before the message is whole.
    loop {
        let before = second.calls();
        match second.poll(&mut receiving) {
            Poll::Ready(message) => {
                assert_eq!(message.expect("received"), "x");
                break;
            }
            Poll::Pending => second.wait("a message", before),
        }
    }
}

/// Two threads and four tasks on one PULL: each message comes once, and all of them get some.
fn tasks_and_threads_share_a_socket(place: &Place) {
    share_a_socket(Context::new(), place);
    // Nobody busy-polls within the process.
    if place.transport() != highwater::Transport::Inproc {
        share_a_socket(that_sleeps(), place);
        share_a_socket(that_busy_polls(), place);
    }
}

fn share_a_socket(context: Context, place: &Place) {
    const EACH: usize = 100;
    let (_context, push, pull) = pipeline_in(context, place);
    let got: Vec<AtomicUsize> = (0..6).map(|_| AtomicUsize::new(0)).collect();
    let seen = Mutex::new(Vec::new());
    let all_have = || got.iter().all(|count| count.load(Ordering::SeqCst) >= EACH);
    let take = |who: usize, message: Result<Message, RecvError>| {
        let message = message.expect("received");
        if message == "end" {
            return false;
        }
        seen.lock().expect("no panic").push(number(&message));
        got[who].fetch_add(1, Ordering::SeqCst);
        true
    };
    let sent = std::thread::scope(|threads| {
        for who in 0..2 {
            let (pull, take) = (&pull, &take);
            threads.spawn(move || while take(who, pull.recv()) {});
        }
        for who in 2..6 {
            let (pull, take) = (&pull, &take);
            threads.spawn(move || {
                while take(who, block_on("a share", pull.recv_async())) {
                    std::thread::yield_now();
                }
            });
        }
        let begun = std::time::Instant::now();
        let mut sent = 0;
        while !all_have() {
            assert!(begun.elapsed() < PATIENCE, "starved: {got:?}");
            push.send(sent.to_string()).expect("sent");
            sent += 1;
        }
        for _ in 0..6 {
            push.send("end").expect("sent");
        }
        sent
    });
    let mut seen = seen.into_inner().expect("no panic");
    seen.sort_unstable();
    assert_eq!(seen, (0..sent).collect::<Vec<_>>());
}

fn a_request_that_is_dropped_is_given_up(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let mut req = Req::new(&context);
    req.connect(rep.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    block_on("peers", req.wait_for_peers_async(1)).expect("connected");
    let service = std::thread::spawn(move || {
        while let Ok(request) = rep.recv() {
            if *request == *"end" {
                request.reply("end").expect("answered");
                break;
            }
            let answer = format!("to {}", request.to_str().expect("text"));
            // The requester may have gone on.
            let _ = request.reply(answer);
        }
    });
    let counting = CountingWaker::new();
    for round in 0..200 {
        let mut asking = req.request_async(format!("question {round}"));
        for _ in 0..round % 4 {
            if let Poll::Ready(answer) = counting.poll(&mut asking) {
                assert_eq!(answer.expect("answered"), *format!("to question {round}"));
                break;
            }
        }
        drop(asking);
        if round % 10 == 0 {
            let pending = req.send(format!("kept {round}")).expect("sent");
            let answer = block_on("the answer", pending.recv_async()).expect("answered");
            assert_eq!(answer, *format!("to kept {round}"), "no late answer");
        }
    }
    let answer = block_on("the end", req.request_async("end")).expect("answered");
    assert_eq!(answer, "end");
    joined(service);
}

fn a_task_that_waits_for_room_is_woken_by_it(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context).receive_high_water_mark(1).build();
    let push = Push::builder(&context).send_high_water_mark(1).build();
    push.connect(pull.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    let body = vec![7; 200_000];
    const ALL: usize = 100;
    let receiver = std::thread::spawn(move || {
        for _ in 0..ALL {
            assert_eq!(
                pull.recv_timeout(PATIENCE).expect("received").size(),
                200_000
            );
        }
    });
    for _ in 0..ALL {
        block_on("room", push.send_async(&body[..])).expect("sent");
    }
    joined(receiver);
}

fn who_waits_learns_of_the_end(place: &Place) {
    let (context, push, pull) = pipeline(place);
    let counting = CountingWaker::new();
    let mut receiving = pull.recv_async();
    let mut waiting = push.wait_for_peers_async(100);
    assert!(counting.poll(&mut receiving).is_pending());
    assert!(counting.poll(&mut waiting).is_pending());
    drop(pull);
    let end = block_on("the end", receiving);
    assert!(
        matches!(end, Err(RecvError::Ended(Ended::Closed))),
        "{end:?}"
    );
    context.shutdown();
    let end = block_on("the end", waiting);
    assert!(
        matches!(end, Err(highwater::WaitError::Ended(Ended::Terminated))),
        "{end:?}"
    );
    let unsent = block_on("the end", push.send_async("x"));
    assert!(matches!(unsent, Err(SendError::Ended(m, Ended::Terminated)) if m == "x"));
}

fn a_dropped_task_leaves_no_waker_behind(place: &Place) {
    let (_context, push, pull) = pipeline(place);
    let counting = CountingWaker::new();
    for _ in 0..100 {
        let mut receiving = pull.recv_async();
        assert!(counting.poll(&mut receiving).is_pending());
        let mut waiting = push.wait_for_peers_async(9);
        assert!(counting.poll(&mut waiting).is_pending());
    }
    assert_eq!(Arc::strong_count(&counting), 1, "a waker was left behind");
    // One that is dropped after its wake-up passes that on.
    let mut first = pull.recv_async();
    assert!(counting.poll(&mut first).is_pending());
    let other = std::thread::scope(|threads| {
        let other = threads.spawn(|| pull.recv_timeout(PATIENCE));
        let before = counting.calls();
        push.send("x").expect("sent");
        // Whichever of the two is woken: the message is for the one that stays.
        std::thread::yield_now();
        let _ = before;
        drop(first);
        other.join().expect("no panic")
    });
    assert_eq!(other.expect("received"), "x");
    wait_until("the waker is given back", || {
        Arc::strong_count(&counting) == 1
    });
}

/// The executor has gone, and a wake-up is the last that holds the task: the task drops its futures within the wake.
#[test]
fn a_waker_that_drops_its_task_does_no_harm() {
    struct Task {
        receiving: Mutex<Option<RecvFuture>>,
        pull: Arc<Pull>,
        seen: AtomicUsize,
    }
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            // Uses the socket, and drops what waits at it.
            self.seen
                .fetch_add(self.pull.peers().len(), Ordering::SeqCst);
            drop(self.receiving.lock().expect("no panic").take());
        }
    }
    support::must_end("a waker that drops its task", || {
        for transport in [
            highwater::Transport::Tcp,
            highwater::Transport::Ipc,
            highwater::Transport::Inproc,
        ] {
            let place = Place::new(transport);
            let (_context, push, pull) = pipeline(&place);
            let task = Arc::new(Task {
                receiving: Mutex::new(None),
                pull: Arc::new(pull),
                seen: AtomicUsize::new(0),
            });
            let waker = Waker::from(Arc::clone(&task));
            let mut receiving = task.pull.recv_async();
            let polled =
                std::pin::Pin::new(&mut receiving).poll(&mut TaskContext::from_waker(&waker));
            assert!(polled.is_pending());
            *task.receiving.lock().expect("no panic") = Some(receiving);
            drop(waker);
            push.send("x").expect("sent");
            wait_until("woken", || task.seen.load(Ordering::SeqCst) == 1);
            assert_eq!(task.pull.recv_timeout(PATIENCE).expect("received"), "x");
        }
    });
}

/// What a task of a hostile executor holds; its wakers use the socket and drop the task, whoever calls or drops them.
struct HostileTask<F> {
    future: Mutex<Option<F>>,
    pull: Arc<Pull>,
    woken: AtomicUsize,
}

impl<F> HostileTask<F> {
    /// Polls `future` once, to be woken through this task, which then holds it.
    fn spawn(pull: &Arc<Pull>, mut future: F) -> Arc<Self>
    where
        F: Future + Unpin + Send + 'static,
    {
        let task = Arc::new(Self {
            future: Mutex::new(None),
            pull: Arc::clone(pull),
            woken: AtomicUsize::new(0),
        });
        let waker = Waker::from(Arc::clone(&task));
        let polled = std::pin::Pin::new(&mut future).poll(&mut TaskContext::from_waker(&waker));
        assert!(polled.is_pending());
        *task.future.lock().expect("no panic") = Some(future);
        task
    }
}

impl<F: Send + 'static> Wake for HostileTask<F> {
    fn wake(self: Arc<Self>) {
        drop(self.future.lock().expect("no panic").take());
        self.woken
            .fetch_add(1 + self.pull.peers().len(), Ordering::SeqCst);
    }
}

/// A task that is woken drops its future, also if it is another task that wakes it, or an event that no call has caused.
#[test]
fn a_task_that_is_dropped_by_its_waker_is_woken_by_another_task_or_an_event() {
    support::must_end("dropped by its waker", || {
        let (_context, push, pull) = pipeline(&Place::new(highwater::Transport::Tcp));
        let pull = Arc::new(pull);
        let waker = CountingWaker::new();
        let mut first = pull.recv_async();
        assert!(waker.poll(&mut first).is_pending());
        let second = HostileTask::spawn(&pull, pull.recv_async());
        push.send("x").expect("sent");
        waker.wait("a message", 0);
        assert_eq!(block_on("a message", first).expect("received"), "x");
        // The first has passed its wake-up on.
        wait_until("woken", || second.woken.load(Ordering::SeqCst) > 0);

        let first = HostileTask::spawn(&pull, pull.recv_async());
        let second = HostileTask::spawn(&pull, pull.recv_async());
        let third = HostileTask::spawn(&pull, pull.wait_for_peers_async(2));
        push.send("x").expect("sent");
        for task in [first, second] {
            wait_until("woken", || task.woken.load(Ordering::SeqCst) > 0);
        }
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");

        struct Events(highwater::EventStream);
        impl Future for Events {
            type Output = ();
            fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<()> {
                self.0.poll_next_event(context).map(drop)
            }
        }
        let events = HostileTask::spawn(&pull, Events(pull.events()));
        drop(push);
        wait_until("woken", || events.woken.load(Ordering::SeqCst) > 0);
        wait_until("woken", || third.woken.load(Ordering::SeqCst) > 0);
    });
}

/// Others who leave pass their wake-ups on as well: a poll, an event loop of the application.
#[test]
fn a_task_that_is_dropped_by_its_waker_is_woken_by_a_watcher_that_leaves() {
    use rustix::event::{PollFd, PollFlags, poll};
    support::must_end("woken by a watcher that leaves", || {
        let (_context, push, pull) = pipeline(&Place::new(highwater::Transport::Tcp));
        let pull = Arc::new(pull);
        let interest = highwater::Interest::READABLE;
        let mut readiness = pull.readiness(interest).expect("descriptors");
        let is_told = |readiness: &highwater::Readiness, most: Duration| {
            let most = most.try_into().expect("short");
            poll(&mut [PollFd::new(readiness, PollFlags::IN)], Some(&most)).expect("poll(2)") == 1
        };
        pull.wait_for_peers(1, PATIENCE).expect("connected");
        while is_told(&readiness, MOMENT) {
            assert!(!readiness.check().expect("here").readable);
        }
        let task = HostileTask::spawn(&pull, pull.recv_async());
        push.send("x").expect("sent");
        assert!(is_told(&readiness, PATIENCE));
        // Whoever has told it has released the lock.
        assert_eq!(pull.peers().len(), 1);
        assert_eq!(task.woken.load(Ordering::SeqCst), 0);
        drop(readiness);
        wait_until("woken", || task.woken.load(Ordering::SeqCst) > 0);
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
    });
}

/// The last owner of a waker is dropped wherever a future lets go of it; what it owns may use the socket.
#[test]
fn a_waker_whose_drop_uses_the_socket_does_no_harm() {
    struct Owned(Arc<Pull>, Arc<AtomicUsize>);
    impl Wake for Owned {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Owned {
        fn drop(&mut self) {
            self.1.fetch_add(1 + self.0.peers().len(), Ordering::SeqCst);
        }
    }
    support::must_end("a drop that uses the socket", || {
        let (_context, push, pull) = pipeline(&Place::new(highwater::Transport::Tcp));
        let (pull, dropped) = (Arc::new(pull), Arc::new(AtomicUsize::new(0)));
        let owned = || Waker::from(Arc::new(Owned(Arc::clone(&pull), Arc::clone(&dropped))));
        let mut receiving = pull.recv_async();
        for _ in 0..3 {
            let waker = owned();
            let mut context = TaskContext::from_waker(&waker);
            assert!(
                std::pin::Pin::new(&mut receiving)
                    .poll(&mut context)
                    .is_pending()
            );
        }
        assert_eq!(dropped.load(Ordering::SeqCst), 4, "two were replaced");
        push.send("x").expect("sent");
        wait_until("woken, and so given up", || {
            dropped.load(Ordering::SeqCst) == 6
        });
        assert_eq!(block_on("a message", receiving).expect("received"), "x");
    });
}

/// Within the process it is called by the thread that has sent, or made room, and holds no lock of its socket any more.
#[test]
fn a_waker_may_use_the_socket_at_the_other_end() {
    struct Uses(Arc<Push>, Arc<Pull>, AtomicUsize);
    impl Wake for Uses {
        fn wake(self: Arc<Self>) {
            let Self(push, pull, used) = &*self;
            push.stats();
            pull.stats();
            let _ = push.try_send("from the waker");
            let _ = pull.try_recv();
            used.fetch_add(1, Ordering::SeqCst);
        }
    }
    for transport in [
        highwater::Transport::Tcp,
        highwater::Transport::Ipc,
        highwater::Transport::Inproc,
    ] {
        support::must_end("a waker that uses both ends", move || {
            let (_context, push, pull) = pipeline_in(that_sleeps(), &Place::new(transport));
            let (push, pull) = (Arc::new(push), Arc::new(pull));
            let uses = Arc::new(Uses(
                Arc::clone(&push),
                Arc::clone(&pull),
                AtomicUsize::new(0),
            ));
            let waker = Waker::from(Arc::clone(&uses));
            let mut context = TaskContext::from_waker(&waker);
            let used = || uses.2.load(Ordering::SeqCst);
            let mut receiving = pull.recv_async();
            assert!(
                std::pin::Pin::new(&mut receiving)
                    .poll(&mut context)
                    .is_pending()
            );
            push.send("x").expect("sent");
            wait_until("the receiver is woken", || used() == 1);
            drop(receiving);
            let sending = loop {
                let mut sending = push.send_async("x");
                if std::pin::Pin::new(&mut sending)
                    .poll(&mut context)
                    .is_pending()
                {
                    break sending;
                }
            };
            wait_until("the sender is woken", || {
                while pull.try_recv().is_ok() {}
                used() >= 2
            });
            drop(sending);
            let _ = push.close(Duration::ZERO);
        });
    }
}

/// A waker that panics ends neither an I/O thread nor the call in which it is called.
#[test]
fn a_waker_that_panics_is_its_own_fault() {
    struct Bad(Arc<CountingWaker>);
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            self.0.clone().wake();
            std::panic::panic_any("a waker that panics, as the test wants it");
        }
    }
    support::must_end("a waker that panics", || {
        let (_context, push, pull) = pipeline(&Place::new(highwater::Transport::Tcp));
        let counting = CountingWaker::new();
        let waker = Waker::from(Arc::new(Bad(Arc::clone(&counting))));
        let mut receiving = pull.recv_async();
        let mut context = TaskContext::from_waker(&waker);
        assert!(
            std::pin::Pin::new(&mut receiving)
                .poll(&mut context)
                .is_pending()
        );
        push.send("x").expect("sent");
        counting.wait("a message", 0);
        assert_eq!(block_on("a message", receiving).expect("received"), "x");
        push.send("y").expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "y");
    });
}

/// So many messages are there to be received at once.
const READY: usize = 5000;

/// A PUSH and a PULL between which [`READY`] messages have room.
fn roomy() -> (Context, Push, Pull) {
    let context = Context::new();
    let (push, pull) = (
        Push::builder(&context).send_high_water_mark(10_000).build(),
        Pull::new(&context),
    );
    push.connect(pull.bind("inproc://turns").expect("bound"))
        .expect("connecting");
    (context, push, pull)
}

fn send_ready(push: &Push) {
    let numbers = (0..READY).map(|number| number.to_string());
    push.send_many(numbers).expect("sent");
}

/// Receives [`READY`] messages by `poll`, which now and then has a turn for other tasks.
fn gives_turns(
    counting: &CountingWaker,
    mut poll: impl FnMut() -> Poll<Result<Message, RecvError>>,
) {
    let (mut received, mut turns) = (0, 0);
    while received < READY {
        let before = counting.calls();
        match poll() {
            Poll::Ready(message) => {
                assert_eq!(number(&message.expect("received")), received);
                received += 1;
            }
            Poll::Pending => {
                assert!(
                    counting.calls() > before,
                    "it is to be polled again at once"
                );
                turns += 1;
            }
        }
    }
    assert!((READY / 200..=READY / 50).contains(&turns), "{turns} turns");
}

/// A socket that always has a message does not keep its executor from other tasks.
#[test]
fn a_busy_socket_gives_turns_to_other_tasks() {
    support::must_end("turns", || {
        let (_context, push, pull) = roomy();
        send_ready(&push);
        let counting = CountingWaker::new();
        gives_turns(&counting, || counting.poll(&mut pull.recv_async()));
    });
}

/// Nor does one future that is asked again and again, of which the first message had to be waited for.
#[test]
fn a_future_that_has_waited_gives_turns_to_other_tasks() {
    support::must_end("turns", || {
        let (_context, push, pull) = roomy();
        let counting = CountingWaker::new();
        let mut receiving = pull.recv_async();
        assert!(counting.poll(&mut receiving).is_pending());
        send_ready(&push);
        counting.wait("a message", 0);
        gives_turns(&counting, || counting.poll(&mut receiving));
    });
}

/// A task that was woken, and leaves before it has looked at all that has come, passes the wake-up on.
#[test]
fn a_task_that_leaves_half_way_wakes_the_next() {
    support::must_end("half way", || {
        const UNWANTED: usize = 100_000;
        let context = that_sleeps();
        let sub = Sub::builder(&context).receive_high_water_mark(None).build();
        sub.subscribe("wanted").expect("subscribed");
        let at = sub.bind("tcp://127.0.0.1:0").expect("bound");
        let mut publisher = RawPeer::connect_as("PUB", &at);
        let wakers = [(); 2].map(|()| CountingWaker::new());
        let [mut first, mut second] = [(); 2].map(|()| sub.recv_async());
        assert!(wakers[0].poll(&mut first).is_pending());
        assert!(wakers[1].poll(&mut second).is_pending());
        let mut all = frame(b"x", false).repeat(UNWANTED);
        all.extend(frame(b"wanted", false));
        assert!(publisher.send(&all));
        let read = all.len() as u64;
        wait_until("all is read", || sub.stats().bytes_received >= read);
        wakers[0].wait("the first", 0);
        let before = wakers[0].calls();
        assert!(wakers[0].poll(&mut first).is_pending());
        assert!(wakers[0].calls() > before, "there is more to be looked at");
        let before = wakers[1].calls();
        drop(first);
        let message = loop {
            match wakers[1].poll(&mut second) {
                Poll::Ready(message) => break message.expect("received"),
                Poll::Pending => wakers[1].wait("what the first has left", before),
            }
        };
        assert_eq!(message, "wanted");
    });
}

/// As many tasks as one likes wait at one socket; each gets its message.
#[test]
fn ten_thousand_tasks_at_one_socket() {
    const TASKS: usize = 10_000;
    support::must_end("ten thousand tasks", || {
        let (_context, push, pull) = pipeline(&Place::new(highwater::Transport::Tcp));
        let mut tasks: Vec<_> = (0..TASKS)
            .map(|_| (CountingWaker::new(), pull.recv_async(), 0))
            .collect();
        for (counting, receiving, _) in &mut tasks {
            assert!(counting.poll(receiving).is_pending());
        }
        let sender = std::thread::spawn(move || {
            for number in 0..TASKS {
                push.send(number.to_string()).expect("sent");
            }
            push
        });
        let mut seen = vec![false; TASKS];
        let begun = std::time::Instant::now();
        while !tasks.is_empty() {
            assert!(
                begun.elapsed() < PATIENCE,
                "{} tasks wait in vain",
                tasks.len()
            );
            tasks.retain_mut(|(counting, receiving, polled)| {
                if counting.calls() == *polled {
                    return true;
                }
                *polled = counting.calls();
                match counting.poll(receiving) {
                    Poll::Ready(message) => {
                        let number = number(&message.expect("received"));
                        assert!(!std::mem::replace(&mut seen[number], true), "twice");
                        false
                    }
                    Poll::Pending => true,
                }
            });
        }
        assert!(seen.iter().all(|seen| *seen));
        joined(sender);
    });
}

/// A task that busy-polls and is never polled again keeps no message from the I/O thread, a thread or another task.
#[test]
fn who_is_polled_no_more_keeps_nothing() {
    for transport in [highwater::Transport::Tcp, highwater::Transport::Ipc] {
        for receiver in [takes_what_is_there, takes_as_a_thread, takes_as_a_task] {
            support::must_end("one that is forgotten", move || {
                keeps_nothing(&Place::new(transport), receiver);
            });
        }
    }
}

fn keeps_nothing(place: &Place, receiver: fn(&Push, &Pull)) {
    let (_context, push, pull, forgotten) = one_that_busy_polls(place);
    receiver(&push, &pull);
    drop(forgotten);
    push.send("to whom comes next").expect("sent");
    let received = block_on("the next", pull.recv_async()).expect("received");
    assert_eq!(received, "to whom comes next");
}

/// Sockets, and a future that has read the link of the PULL itself and is to look again at its next turn. A thread that was
/// kept from its processor for longer than the limit makes a future that sleeps, and so keeps a wake-up: that one is given up.
fn one_that_busy_polls(place: &Place) -> (Context, Push, Pull, RecvFuture) {
    let begun = std::time::Instant::now();
    loop {
        let (context, push, pull) = pipeline_in(that_busy_polls(), place);
        block_on("peers", pull.wait_for_peers_async(1)).expect("connected");
        let counting = CountingWaker::new();
        let mut receiving = pull.recv_async();
        assert!(counting.poll(&mut receiving).is_pending());
        if counting.calls() > 0 {
            return (context, push, pull, receiving);
        }
        assert!(begun.elapsed() < PATIENCE, "it never busy-polls");
    }
}

/// Nobody waits: the I/O thread reads.
fn takes_what_is_there(push: &Push, pull: &Pull) {
    push.send("to the I/O thread").expect("sent");
    wait_until("it is read", || pull.stats().bytes_received > 0);
    let received = pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(received, "to the I/O thread");
}

fn takes_as_a_thread(push: &Push, pull: &Pull) {
    push.send("to a thread").expect("sent");
    let received = pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(received, "to a thread");
}

/// A task that busy-polls, and then one that sleeps.
fn takes_as_a_task(push: &Push, pull: &Pull) {
    push.send("to a task").expect("sent");
    let received = block_on("a message", pull.recv_async()).expect("received");
    assert_eq!(received, "to a task");
    let (counting, mut receiving) = (CountingWaker::new(), pull.recv_async());
    let before = falls_asleep(&counting, &mut receiving);
    push.send("to one that sleeps").expect("sent");
    counting.wait("a message", before);
    let received = block_on("a message", receiving).expect("received");
    assert_eq!(received, "to one that sleeps");
}

/// Polls `receiving` until it waits to be woken; gives how often its waker was called by then.
fn falls_asleep(counting: &Arc<CountingWaker>, receiving: &mut RecvFuture) -> usize {
    let mut calls = 0;
    wait_until("the task sleeps", || {
        calls = counting.calls();
        assert!(counting.poll(receiving).is_pending());
        counting.calls() == calls
    });
    calls
}

/// A task looks once more at its next turn for a limited time. Then it sleeps until there is a message.
fn a_task_busy_polls_for_a_limited_time(place: &Place) {
    let (_context, push, pull) = pipeline_in(Context::new(), place);
    let counting = CountingWaker::new();
    let mut receiving = pull.recv_async();
    let before = falls_asleep(&counting, &mut receiving);
    push.send("x").expect("sent");
    counting.wait("a message", before);
    assert_eq!(block_on("it", receiving).expect("received"), "x");
}

fn a_close_waits_for_what_is_queued(place: &Place) {
    const ALL: usize = 2000;
    let (context, push, pull) = pipeline(place);
    // The future is the last owner of the context of the PUSH.
    drop(context);
    let reader = std::thread::spawn(move || {
        for expected in 0..ALL {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(number(&message), expected);
        }
    });
    for number in 0..ALL {
        block_on("room", push.send_async(number.to_string())).expect("sent");
    }
    let report = block_on("the close", push.close_async(PATIENCE));
    assert_eq!(report.lost, 0);
    joined(reader);
}

/// A task waits until the last connection of a socket that retires has ended.
fn a_task_waits_until_a_socket_has_retired(place: &Place) {
    let (_context, push, pull) = pipeline(place);
    push.send("x").expect("sent");
    let retirement = pull.retire(PATIENCE);
    let dropped = CountingWaker::new();
    let mut leaving = retirement.wait_async();
    let _ = dropped.poll(&mut leaving);
    drop(leaving);
    assert_eq!(Arc::strong_count(&dropped), 1, "a waker is left behind");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
    let report = block_on("the end", retirement.wait_async());
    assert!(retirement.is_over());
    assert_eq!(report, retirement.report());
    let late = block_on("the end", async { retirement.clone().wait_async().await });
    assert_eq!(late, report);
}

fn events_come_to_a_task_until_the_end(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let mut events = pull.events();
    let counting = CountingWaker::new();
    assert!(counting.poll(&mut events.recv()).is_pending());
    let before = counting.calls();
    let at = pull.bind(place.any().as_str()).expect("bound");
    let heard = block_on("an event", events.recv()).expect("an event");
    assert_eq!(heard.kind, highwater::EventKind::Listening);
    assert!(
        counting.calls() <= before + 1,
        "a dropped future is not called again"
    );
    let push = Push::new(&context);
    push.connect(at).expect("connecting");
    while block_on("an event", events.recv()).expect("an event").kind
        != highwater::EventKind::HandshakeSucceeded
    {}
    drop((push, pull));
    let mut closed = false;
    while let Some(event) = block_on("an event, or the end", events.recv()) {
        closed |= event.kind == highwater::EventKind::Closed;
    }
    assert!(closed, "the last events come before the end");
    assert_eq!(
        block_on("the end", events.recv()).map(|event| event.kind),
        None
    );
}

/// poll(2) on one descriptor beside a socket, as an event loop of any kind would use it.
fn a_foreign_loop_learns_what_is_ready(place: &Place) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    const ALL: usize = 300;
    let (context, push, pull) = pipeline(place);
    let mut readiness = pull
        .readiness(highwater::Interest::READABLE)
        .expect("descriptors");
    let is_readable = |readiness: &highwater::Readiness, seconds| {
        let mut fds = [PollFd::new(readiness, PollFlags::IN)];
        let time = Timespec {
            tv_sec: seconds,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&time)).expect("poll(2)") == 1
    };
    while readiness.check().expect("here").readable {}
    let sender = std::thread::spawn(move || {
        for number in 0..ALL {
            push.send(number.to_string()).expect("sent");
            if number % 40 == 0 {
                std::thread::yield_now();
            }
        }
        push
    });
    let mut received = 0;
    while received < ALL {
        assert!(
            is_readable(&readiness, 60),
            "{received} of {ALL}, and no word"
        );
        // One message a turn: the descriptor stays readable for the others.
        if readiness.check().expect("here").readable {
            let message = pull.try_recv().expect("it was ready");
            assert_eq!(number(&message), received);
            received += 1;
        }
    }
    assert!(
        !readiness.check().expect("here").readable,
        "nothing is there"
    );
    assert!(
        !is_readable(&readiness, 0),
        "nothing is ready, and nothing was said"
    );
    joined(sender);
    context.shutdown();
    assert!(is_readable(&readiness, 60), "the end is news");
    assert!(readiness.check().expect("here").readable);
    assert!(pull.try_recv().is_err());
}

/// The executor of a thread is dropped when the thread ends: what its tasks leave goes to others, as at any other time.
#[test]
fn a_task_that_leaves_when_its_thread_ends_wakes_the_next() {
    support::must_end("a task that leaves at the end of a thread", || {
        let (_context, push, pull) = pipeline(&Place::new(highwater::Transport::Tcp));
        let pull = Arc::new(pull);
        let thread = std::thread::spawn({
            let pull = Arc::clone(&pull);
            move || {
                let waker = CountingWaker::new();
                let mut first = pull.recv_async();
                let mut other = pull.recv_async();
                let second = AT_END.with_borrow_mut(|at_end| {
                    assert!(waker.poll(&mut first).is_pending());
                    assert!(waker.poll(&mut other).is_pending());
                    let second = HostileTask::spawn(&pull, pull.recv_async());
                    at_end.0 = Some(Box::new(move || drop(first)));
                    second
                });
                // What is put off is used in this thread for the first time.
                drop(other);
                let calls = waker.calls();
                push.send("x").expect("sent");
                waker.wait("a message", calls);
                second
            }
        });
        let second = joined(thread);
        wait_until("woken", || second.woken.load(Ordering::SeqCst) > 0);
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
    });
}
