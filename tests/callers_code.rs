//! What a call runs of its caller's code, it runs without the socket's lock: that may use the socket.
//!
//! A call that does not hangs, and its test is ended.

mod support;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use highwater::{
    Body, Context, Dealer, IntoMessage, Linger, Message, Pair, Pub, Pull, Push, Rep, Req, Router,
    RoutingId, Stats, Sub, Undeliverable, XPub, XSub,
};
use support::{PATIENCE, Place, over_each_transport, over_every_transport, wait_until};
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber, span};

over_each_transport!(
    a_topic_may_use_the_socket_that_it_is_for,
    messages_may_use_the_socket_by_which_they_are_sent,
);

over_every_transport!(a_subscriber_of_the_log_may_use_the_socket_that_a_line_tells_of);

/// Bytes that come with a call of `ask`.
struct Asks<F>(F);

impl<F: Fn()> AsRef<[u8]> for Asks<F> {
    fn as_ref(&self) -> &[u8] {
        (self.0)();
        b"topic"
    }
}

fn a_topic_may_use_the_socket_that_it_is_for(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let xpub = XPub::builder(&context).manual(true).build();
    let (sub, xsub) = (Sub::new(&context), XSub::new(&context));
    sub.connect(publisher.bind(place.any()).expect("bound"))
        .expect("connecting");
    xsub.connect(xpub.bind(place.vacant()).expect("bound"))
        .expect("connecting");
    macro_rules! topic {
        ($socket:expr) => {
            Asks(|| drop($socket.stats()))
        };
    }
    sub.subscribe(topic!(sub)).expect("subscribed");
    xsub.subscribe(topic!(xsub)).expect("subscribed");
    publisher
        .wait_for_subscription(topic!(publisher), 1, PATIENCE)
        .expect("subscribed");
    assert_eq!(publisher.subscription_count(topic!(publisher)), 1);
    xpub.recv_timeout(PATIENCE).expect("a subscription");
    assert!(xpub.grant(topic!(xpub)));
    assert_eq!(xpub.subscription_count(topic!(xpub)), 1);
    assert!(xpub.revoke(topic!(xpub)));
    assert_eq!(xpub.subscription_count(topic!(xpub)), 0);
    assert!(sub.unsubscribe(topic!(sub)).expect("open"));
    assert!(xsub.unsubscribe(topic!(xsub)).expect("open"));
}

/// A message that calls `ask` each time that it is asked for anything.
struct Job<F> {
    text: String,
    borrowed: bool,
    ask: F,
}

impl<F: Fn()> IntoMessage for Job<F> {
    fn into_message(self) -> Message {
        (self.ask)();
        self.text.into()
    }

    fn body(&self) -> Option<Body<'_>> {
        (self.ask)();
        self.borrowed.then(|| Body::new(self.text.as_bytes()))?
    }
}

fn messages_may_use_the_socket_by_which_they_are_sent(place: &Place) {
    let context = Context::new();
    macro_rules! sends {
        ($sender:ident, $receiver:ident, $transport:expr) => {
            let (sender, receiver) = ($sender::new(&context), $receiver::new(&context));
            receiver
                .connect(sender.bind($transport).expect("bound"))
                .expect("connecting");
            sender.wait_for_peers(1, PATIENCE).expect("connected");
            for borrowed in [true, false] {
                let jobs = (0..300).map(|n| Job {
                    text: n.to_string(),
                    borrowed,
                    ask: || drop(sender.stats()),
                });
                assert_eq!(sender.send_many(jobs).expect("sent"), 300);
                for n in 0..300 {
                    let received = receiver.recv_timeout(PATIENCE).expect("received");
                    assert_eq!(received, n.to_string());
                }
                let job = Job {
                    text: "alone".to_owned(),
                    borrowed,
                    ask: || drop(sender.stats()),
                };
                sender.send(job).expect("sent");
                assert_eq!(receiver.recv_timeout(PATIENCE).expect("received"), "alone");
            }
        };
    }
    sends!(Push, Pull, place.vacant());
    sends!(Dealer, Dealer, place.vacant());
    sends!(Pair, Pair, place.vacant());
    sends!(Push, Pull, "inproc://jobs");
    sends!(Pair, Pair, "inproc://pair");
}

/// What the subscriber of the log does at each line of a scene, beside the number of the lines.
#[derive(Default)]
struct Reader {
    lines: AtomicUsize,
    reads: Mutex<Option<Reads>>,
}

type Reads = Arc<dyn Fn() + Send + Sync>;

impl Reader {
    fn reads(&self, reads: impl Fn() + Send + Sync + 'static) {
        *self.place() = Some(Arc::new(reads));
    }

    fn place(&self) -> MutexGuard<'_, Option<Reads>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self) -> usize {
        self.lines.load(Ordering::SeqCst)
    }

    fn read(&self) {
        let reads = self.place().clone();
        if let Some(reads) = reads {
            self.lines.fetch_add(1, Ordering::SeqCst);
            reads();
        }
    }
}

/// The scenes whose lines are read. A line does not tell of whom it is, so all of them hear it.
static READERS: Mutex<Vec<Arc<Reader>>> = Mutex::new(Vec::new());

thread_local! {
    /// This thread reads a line: what that logs is not read.
    static READS: Cell<bool> = const { Cell::new(false) };
}

/// The subscriber of the log of this process.
struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "highwater"
    }
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
    fn event(&self, _: &tracing::Event<'_>) {
        /// Ends also if a reader panics.
        struct Ends;
        impl Drop for Ends {
            fn drop(&mut self) {
                READS.set(false);
            }
        }
        if READS.replace(true) {
            return;
        }
        let _ends = Ends;
        let readers = READERS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        readers.iter().for_each(|reader| reader.read());
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Reads the log until it is dropped.
struct Reading(Arc<Reader>);

impl std::ops::Deref for Reading {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.0
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut readers = READERS.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|known| !Arc::ptr_eq(known, &self.0));
    }
}

/// A reader of the log, which does nothing yet.
fn reader() -> Reading {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        tracing::subscriber::set_global_default(Log).expect("there is no other");
    });
    let reader = Arc::new(Reader::default());
    let mut readers = READERS.lock().unwrap_or_else(PoisonError::into_inner);
    readers.push(Arc::clone(&reader));
    drop(readers);
    Reading(reader)
}

/// Has `reader` use a socket at each line, from the thread that logs and from another one, which it waits for: so that thread
/// holds no lock of the socket.
fn uses(reader: &Reader, stats: impl Fn() -> Stats + Send + Sync + 'static) {
    reader.reads(move || {
        drop(stats());
        std::thread::scope(|scope| drop(scope.spawn(|| drop(stats())).join()));
    });
}

fn a_subscriber_of_the_log_may_use_the_socket_that_a_line_tells_of(place: &Place) {
    drops_of_a_publisher(place);
    mute_and_closed_with_messages(place);
    unroutable(place);
    requests_given_up(place);
}

/// A PUB tells of a subscriber that is at its mark, and sends the line.
fn drops_of_a_publisher(place: &Place) {
    let (context, reader) = (Context::new(), reader());
    let publisher = Pub::builder(&context).send_high_water_mark(1).build();
    let publisher = Arc::new(publisher);
    let sub = Sub::builder(&context).receive_high_water_mark(1).build();
    sub.subscribe("").expect("subscribed");
    sub.connect(publisher.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("subscribed");
    let used = Arc::clone(&publisher);
    uses(&reader, move || {
        used.send("a line").expect("sent");
        used.stats()
    });
    let begun = publisher.stats().dropped.slow_subscriber;
    wait_until("lines of a drop", || {
        publisher.send(vec![0; 100_000]).expect("sent");
        publisher.stats().dropped.slow_subscriber > begun && reader.lines() > 0
    });
    // The subscriber catches up, of which there is a line as well.
    while sub.recv_timeout(Duration::from_millis(20)).is_ok() {}
    drop(sub);
    wait_until("its end", || publisher.subscriber_count() == 0);
}

/// A PUSH that is mute, and is closed with a message that nobody gets. A reader that panics harms nothing.
fn mute_and_closed_with_messages(place: &Place) {
    let (context, reader) = (Context::new(), reader());
    let push = Push::builder(&context)
        .send_high_water_mark(1)
        .linger(Linger::Discard)
        .build();
    let push = Arc::new(push);
    let at = place.vacant();
    push.connect(at.as_str()).expect("connecting");
    let used = Arc::clone(&push);
    uses(&reader, move || used.stats());
    push.try_send("one").expect("room");
    push.try_send("two").expect_err("no room");
    wait_until("the line", || reader.lines() > 0);
    let used = Arc::clone(&push);
    reader.reads(move || {
        drop(used.stats());
        panic!("a reader of the log, on purpose");
    });
    let before = reader.lines();
    push.disconnect(&at).expect("it was connected");
    wait_until("the loss, and its line", || {
        push.stats().dropped.unsent == 1 && reader.lines() > before
    });
}

/// A ROUTER that drops what it cannot deliver.
fn unroutable(place: &Place) {
    let (context, reader) = (Context::new(), reader());
    let router = Router::builder(&context)
        .undeliverable(Undeliverable::Drop)
        .build();
    let router = Arc::new(router);
    router.bind(place.any().as_str()).expect("bound");
    let used = Arc::clone(&router);
    uses(&reader, move || used.stats());
    let nobody = RoutingId::new("nobody").expect("a routing id");
    wait_until("the line", || {
        router.send_to(&nobody, "lost").expect("dropped");
        reader.lines() > 0
    });
}

/// A REQ whose requests are given up: within the process, its connection is made anew each time.
fn requests_given_up(place: &Place) {
    let (context, reader) = (Context::new(), reader());
    let rep = Arc::new(Rep::new(&context));
    let at = rep.bind(place.any().as_str()).expect("bound");
    let mut req = Req::new(&context);
    req.connect(&at).expect("connecting");
    let used = Arc::clone(&rep);
    uses(&reader, move || used.stats());
    for _ in 0..3 {
        let pending = req.send("?").expect("sent");
        let request = rep.recv_timeout(PATIENCE).expect("received");
        drop((pending, request));
    }
    wait_until("lines", || reader.lines() > 0);
}
