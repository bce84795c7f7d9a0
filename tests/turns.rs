//! Several threads and tasks at one socket: who waits has its turn, however busy the others are.
//!
//! A caller that never has to wait gives one to those that were woken and have not come yet. It waits for them for a limited
//! time: a future that is woken and never polled holds up nobody for long.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use highwater::{Context, Pull, Push, SendError, Transport, TryRecvError};
use support::{CountingWaker, Place, is_sent, joined, must_end, over_every_transport, wait_until};

over_every_transport!(
    threads_and_tasks_share_what_comes,
    threads_and_tasks_share_the_room,
    many_senders_share_the_room_of_a_slow_reader,
    a_thread_lets_a_task_that_was_woken_go_first,
    a_task_lets_another_that_was_woken_go_first,
    ten_thousand_tasks_take_turns_at_the_room,
);

/// How long the shares are counted.
const WATCHED: Duration = Duration::from_secs(1);

/// Whoever gets nothing for so long is starved; a loaded machine needs a few hundredths of it.
const STARVED: Duration = Duration::from_millis(1500);

/// The least part of an equal share that each one gets. A thread that has the processor for itself gets several shares.
const LEAST_PART: u64 = 50;

/// More messages than a caller takes before it gives a turn.
const ENOUGH: usize = 2000;

/// Sockets with room for all that a test sends, of which a task that finds nothing waits to be woken at once.
fn roomy(place: &Place) -> (Context, Arc<Push>, Arc<Pull>) {
    let context = Context::builder().busy_poll(Duration::ZERO).build();
    let pull = Pull::builder(&context)
        .receive_high_water_mark(None)
        .build();
    let push = Push::builder(&context).send_high_water_mark(None).build();
    push.connect(pull.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, support::PATIENCE)
        .expect("connected");
    (context, Arc::new(push), Arc::new(pull))
}

/// What each of several callers has got, and its longest silence.
#[derive(Debug, Default)]
struct Share {
    got: AtomicU64,
    silence_us: AtomicU64,
}

impl Share {
    fn count(&self, last: &mut Instant) {
        self.got.fetch_add(1, Ordering::Relaxed);
        let silence = last.elapsed().as_micros() as u64;
        self.silence_us.fetch_max(silence, Ordering::Relaxed);
        *last = Instant::now();
    }
}

/// Has two threads call `on_thread`, and eight tasks of one tokio thread await `in_task`, each again and again, while `other`
/// runs on a thread of its own; then looks at what each of the ten has got.
fn share<F>(
    on_thread: impl Fn() -> bool + Send + Clone + 'static,
    in_task: impl Fn() -> F + Send + Clone + 'static,
    other: impl Fn() + Send + 'static,
) where
    F: Future<Output = bool> + Send,
{
    const THREADS: usize = 2;
    const TASKS: usize = 8;
    let shares: Arc<Vec<Share>> =
        Arc::new((0..THREADS + TASKS).map(|_| Share::default()).collect());
    let [stop, done] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let goes_on = |stop: &Arc<AtomicBool>| {
        let stop = Arc::clone(stop);
        move || !stop.load(Ordering::Relaxed)
    };
    let mut threads: Vec<_> = (0..THREADS)
        .map(|who| {
            let (shares, goes_on) = (Arc::clone(&shares), goes_on(&stop));
            let on_thread = on_thread.clone();
            thread::spawn(move || {
                let mut last = Instant::now();
                while goes_on() {
                    if on_thread() {
                        shares[who].count(&mut last);
                    }
                }
            })
        })
        .collect();
    let (of_tasks, tasks_go_on) = (Arc::clone(&shares), goes_on(&stop));
    threads.push(thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let one = async |who: usize| {
            let mut last = Instant::now();
            while tasks_go_on() {
                if in_task().await {
                    of_tasks[who].count(&mut last);
                }
            }
        };
        runtime.block_on(futures::future::join_all(
            (THREADS..THREADS + TASKS).map(one),
        ));
    }));
    let other_goes_on = goes_on(&done);
    let other = thread::spawn(move || {
        while other_goes_on() {
            other();
        }
    });
    wait_until("all have got one", || {
        shares
            .iter()
            .all(|share| share.got.load(Ordering::Relaxed) > 0)
    });
    let count = || -> Vec<u64> {
        let each = shares.iter();
        each.map(|share| share.got.load(Ordering::Relaxed))
            .collect()
    };
    let before = count();
    for share in shares.iter() {
        share.silence_us.store(0, Ordering::Relaxed);
    }
    thread::sleep(WATCHED);
    let got: Vec<u64> = count()
        .iter()
        .zip(&before)
        .map(|(now, before)| now - before)
        .collect();
    let silences: Vec<Duration> = shares
        .iter()
        .map(|share| Duration::from_micros(share.silence_us.load(Ordering::Relaxed)))
        .collect();
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(joined);
    // Until then each of them may wait for it.
    done.store(true, Ordering::Relaxed);
    joined(other);
    let equal = got.iter().sum::<u64>() / got.len() as u64;
    assert!(
        got.iter().all(|got| got * LEAST_PART >= equal && *got > 0),
        "{got:?}"
    );
    assert!(
        silences.iter().all(|silence| *silence < STARVED),
        "{silences:?}"
    );
}

/// A PUSH and its PULL, whose calls wait for 50 ms at most.
fn impatient(place: &Place) -> (Context, Push, Pull) {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .receive_timeout(Duration::from_millis(50))
        .build();
    let push = Push::builder(&context)
        .send_timeout(Duration::from_millis(50))
        .build();
    push.connect(pull.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    (context, push, pull)
}

fn threads_and_tasks_share_what_comes(place: &Place) {
    let (_context, push, pull) = impatient(place);
    let pull = Arc::new(pull);
    let of_tasks = Arc::clone(&pull);
    share(
        move || pull.recv().is_ok(),
        move || {
            let receiving = of_tasks.recv_async();
            async { receiving.await.is_ok() }
        },
        move || {
            is_sent(push.send("x"));
        },
    );
}

fn threads_and_tasks_share_the_room(place: &Place) {
    let (_context, push, pull) = impatient(place);
    let push = Arc::new(push);
    let of_tasks = Arc::clone(&push);
    share(
        move || is_sent(push.send("x")),
        move || {
            let sending = of_tasks.send_async("x");
            async { sending.await.is_ok() }
        },
        move || {
            let _ = pull.recv();
        },
    );
}

/// More threads than messages find room at a time send to a peer that reads slowly. Each of them has its share: those that
/// have just sent do not take the room before those that wait for it.
fn many_senders_share_the_room_of_a_slow_reader(place: &Place) {
    const SENDERS: usize = 48;
    /// How many messages each of them has sent, on the average, when they are counted.
    const EACH: u64 = 40;
    const BODY: [u8; 8000] = [b'x'; 8000];
    let context = Context::new();
    let pull = Pull::builder(&context).receive_high_water_mark(10).build();
    let push = Push::builder(&context).send_high_water_mark(10).build();
    push.connect(pull.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    let (push, stop) = (Arc::new(push), Arc::new(AtomicBool::new(false)));
    let sent: Arc<Vec<AtomicU64>> = Arc::new((0..SENDERS).map(|_| AtomicU64::new(0)).collect());
    let count = || -> Vec<u64> {
        let each = sent.iter();
        each.map(|sent| sent.load(Ordering::Relaxed)).collect()
    };
    let threads: Vec<_> = (0..SENDERS)
        .map(|who| {
            let (push, stop, sent) = (Arc::clone(&push), Arc::clone(&stop), Arc::clone(&sent));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    push.send(&BODY[..]).expect("sent");
                    sent[who].fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    // Until all the room is taken that there is without a reader.
    let (mut before, mut since) = (count(), Instant::now());
    wait_until("all wait", || {
        let now = count();
        if now != before {
            (before, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_millis(300)
    });
    let shares = || -> Vec<u64> {
        let each = count().into_iter().zip(&before);
        each.map(|(now, before)| now - before).collect()
    };
    wait_until("enough were sent", || {
        pull.recv().expect("received");
        thread::sleep(Duration::from_millis(1));
        shares().iter().sum::<u64>() >= EACH * SENDERS as u64
    });
    let got = shares();
    stop.store(true, Ordering::Relaxed);
    while !threads.iter().all(thread::JoinHandle::is_finished) {
        let _ = pull.recv_timeout(Duration::from_millis(10));
    }
    threads.into_iter().for_each(joined);
    assert!(got.iter().all(|got| got * 8 >= EACH), "{got:?}");
}

/// A task of `pull` that was woken, and is not polled; all that it could receive has come.
fn woken(push: &Push, pull: &Pull, within: bool) -> (Arc<CountingWaker>, highwater::RecvFuture) {
    let (waker, mut waiting) = (CountingWaker::new(), pull.recv_async());
    assert!(waker.poll(&mut waiting).is_pending());
    push.send_many(std::iter::repeat_n("x", 4 * ENOUGH))
        .expect("sent");
    waker.wait("a message", 0);
    // A thread that had to wait would be woken only after this task.
    let bytes = if within { 0 } else { 3 * 4 * ENOUGH as u64 };
    wait_until("all have come", || pull.stats().bytes_received >= bytes);
    (waker, waiting)
}

/// A thread that takes one message after the other gives a turn to the task that was woken: a millisecond, if it does not come.
/// It does not wait for ever, and the task then gets the next message.
fn a_thread_lets_a_task_that_was_woken_go_first(place: &Place) {
    let (_context, push, pull) = roomy(place);
    let (waker, mut waiting) = woken(
        &push,
        &pull,
        place.transport() == highwater::Transport::Inproc,
    );
    let begun = Instant::now();
    for _ in 0..ENOUGH {
        assert_eq!(pull.recv().expect("received"), "x");
    }
    assert!(begun.elapsed() >= Duration::from_millis(1), "no turn");
    assert!(waker.poll(&mut waiting).is_ready());
}

/// A task does the same, by turns of its executor.
fn a_task_lets_another_that_was_woken_go_first(place: &Place) {
    let (_context, push, pull) = roomy(place);
    let (waker, mut waiting) = woken(
        &push,
        &pull,
        place.transport() == highwater::Transport::Inproc,
    );
    let (busy, mut receiving) = (CountingWaker::new(), pull.recv_async());
    let mut taken = 0;
    let mut takes = || {
        let before = busy.calls();
        let turn = busy.poll(&mut receiving);
        assert!(
            turn.is_ready() || busy.calls() > before,
            "it is polled again"
        );
        turn.is_ready()
    };
    wait_until("a turn is given", || {
        let takes_one = takes();
        taken += usize::from(takes_one);
        !takes_one
    });
    assert!(taken < 100, "{taken} were taken before");
    assert!(!takes(), "the turn lasts until the other comes");
    assert!(waker.poll(&mut waiting).is_ready());
    assert!(takes(), "the other has come");
}

/// If the task that was woken never comes, nobody waits for it for long.
#[test]
fn who_does_not_come_holds_nobody_up() {
    must_end("who does not come", || {
        let place = Place::new(highwater::Transport::Inproc);
        let (_context, push, pull) = roomy(&place);
        let (_waker, waiting) = woken(
            &push,
            &pull,
            place.transport() == highwater::Transport::Inproc,
        );
        let mut received = 0;
        wait_until("all are taken", || match pull.try_recv() {
            Ok(_) => {
                received += 1;
                false
            }
            Err(TryRecvError::Empty) => received == 4 * ENOUGH,
            Err(error) => panic!("{error}"),
        });
        drop(waiting);
    });
}

/// A thread that sends one message after the other gives a turn to the task that was woken since there is room.
#[test]
fn a_thread_lets_a_task_that_waits_for_room_go_first() {
    must_end("a thread gives room", || {
        let place = Place::new(highwater::Transport::Ipc);
        let at = place.any();
        let context = Context::new();
        let push = Push::builder(&context)
            .send_high_water_mark(Some(2 * ENOUGH))
            .build();
        push.connect(at.as_str()).expect("connecting");
        while push.try_send("x").is_ok() {}
        let (waker, mut waiting) = (CountingWaker::new(), push.send_async("y"));
        assert!(waker.poll(&mut waiting).is_pending());
        let pull = Pull::builder(&context)
            .receive_high_water_mark(None)
            .build();
        pull.bind(at.as_str()).expect("bound");
        waker.wait("room", 0);
        let begun = Instant::now();
        for _ in 0..ENOUGH {
            push.send("x").expect("sent");
        }
        assert!(begun.elapsed() >= Duration::from_millis(1), "no turn");
        loop {
            let before = waker.calls();
            match waker.poll(&mut waiting) {
                Poll::Ready(sent) => break sent.expect("sent"),
                Poll::Pending => waker.wait("room", before),
            }
        }
    });
}

/// How many tasks of one thread take turns at one socket.
const MANY: usize = 10_000;

/// Has `MANY` tasks run `in_task` on one tokio thread.
fn run_many<F>(in_task: impl Fn(usize) -> F + Send + 'static) -> thread::JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let tasks: Vec<_> = (0..MANY).map(|who| tokio::spawn(in_task(who))).collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    })
}

/// The most turns of all tasks before the last one has its first: it may have to wait for some rounds, in each of which every
/// task has 128 turns, but not for as many rounds as there are tasks.
const MOST_BEFORE_THE_LAST: u64 = MANY as u64 * 128 * 32;

/// Each task receives again and again, from a sender that never rests.
#[test]
fn ten_thousand_tasks_take_turns_at_what_comes() {
    must_end("ten thousand tasks", || {
        take_turns_at_what_comes(&Place::new(Transport::Tcp));
    });
}

fn take_turns_at_what_comes(place: &Place) {
    let (context, push, pull) = impatient(place);
    let turns: Arc<Vec<AtomicU64>> = Arc::new((0..MANY).map(|_| AtomicU64::new(0)).collect());
    let (pull, of_tasks) = (Arc::new(pull), Arc::clone(&turns));
    let tasks = run_many(move |who| {
        let (pull, turns) = (Arc::clone(&pull), Arc::clone(&of_tasks));
        async move {
            while pull.recv_async().await.is_ok() {
                turns[who].fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let sender =
        thread::spawn(move || while !matches!(push.send("x"), Err(SendError::Ended(..))) {});
    let each = || turns.iter().map(|turns| turns.load(Ordering::Relaxed));
    let waiting = || each().filter(|turns| *turns == 0).count();
    let mut before = waiting();
    while before > 0 {
        wait_until("another task has its turn", || waiting() < before);
        before = waiting();
    }
    let all: u64 = each().sum();
    context.shutdown();
    joined(sender);
    joined(tasks);
    assert!(all <= MOST_BEFORE_THE_LAST, "{all} before the last");
}

/// Each task sends again and again, until it has sent all of its messages, and each message comes once.
fn ten_thousand_tasks_take_turns_at_the_room(place: &Place) {
    const EACH: usize = 16;
    let (_context, push, pull) = impatient(place);
    let push = Arc::new(push);
    let tasks = run_many(move |who| {
        let push = Arc::clone(&push);
        async move {
            for _ in 0..EACH {
                push.send_async(who.to_string()).await.expect("sent");
            }
        }
    });
    let mut came = vec![0; MANY];
    for _ in 0..MANY * EACH {
        let message = pull.recv_timeout(support::PATIENCE).expect("received");
        came[support::number(&message)] += 1;
    }
    joined(tasks);
    assert!(came.iter().all(|came| *came == EACH));
}
