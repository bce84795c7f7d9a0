//! The owner of a body (`Bytes::from_owner`) is the application's: its drop may use the very socket that lets go of the
//! body, wherever that happens.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use highwater::security::Security;
use highwater::{
    Context, Dealer, Linger, LostPeer, Pair, Pub, Pull, Push, Rep, Req, ReqPool, Router, Sub,
    Transport,
};
use support::{AT_END, PATIENCE, Place, joined, must_end, over_every_transport, wait_until};

over_every_transport!(
    a_body_that_was_sent,
    a_body_of_a_stream_that_was_sent,
    a_body_that_another_replaces,
    bodies_in_the_queue_of_an_endpoint_that_is_given_up,
    bodies_in_the_queue_of_a_socket_that_is_closed,
    bodies_that_a_peer_leaves_unread,
    a_reply_to_a_requester_that_is_gone,
    a_request_that_is_given_up,
    a_request_that_is_kept_to_be_sent_again,
    a_message_to_a_peer_that_is_gone,
    what_a_socket_receives_and_does_not_return,
    a_published_message_that_has_many_subscribers_or_none,
    a_body_whose_send_is_refused,
    messages_for_a_peer_that_is_refused,
);

/// Lengths of bodies: copied into a batch, and shared with it.
const LENGTHS: [usize; 3] = [100, 20_000, 300_000];

/// Runs `drops` when it is dropped.
struct Owner {
    bytes: Vec<u8>,
    drops: Box<dyn Fn() + Send + Sync>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        (self.drops)();
    }
}

/// Makes bodies whose owners use one socket when they are dropped.
struct Owners<S> {
    socket: Arc<S>,
    made: AtomicUsize,
    dropped: Arc<AtomicUsize>,
    uses: fn(&S),
}

impl<S: Send + Sync + 'static> Owners<S> {
    fn of(socket: &Arc<S>, uses: fn(&S)) -> Self {
        Self {
            socket: Arc::clone(socket),
            made: AtomicUsize::new(0),
            dropped: Arc::default(),
            uses,
        }
    }

    fn body(&self, len: usize) -> Bytes {
        self.made.fetch_add(1, Ordering::SeqCst);
        let (uses, dropped) = (self.uses, Arc::clone(&self.dropped));
        let socket = Arc::downgrade(&self.socket);
        Bytes::from_owner(Owner {
            bytes: vec![b'x'; len],
            drops: Box::new(move || {
                if let Some(socket) = socket.upgrade() {
                    uses(&socket);
                }
                dropped.fetch_add(1, Ordering::SeqCst);
            }),
        })
    }

    fn all_are_dropped(&self) -> bool {
        self.dropped.load(Ordering::SeqCst) == self.made.load(Ordering::SeqCst)
    }

    fn wait(&self, place: &str) {
        wait_until(place, || self.all_are_dropped());
        assert_ne!(self.made.load(Ordering::SeqCst), 0, "{place}");
    }
}

fn push_uses(push: &Push) {
    push.stats();
    let _ = push.try_send("more");
}

fn pushes(context: &Context, place: &Place) -> (Arc<Push>, Pull, Owners<Push>) {
    let pull = Pull::new(context);
    // What the owners send stays unread: nobody is to wait for it at the end.
    let push = Push::builder(context).linger(Linger::Discard).build();
    let push = Arc::new(push);
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let owners = Owners::of(&push, push_uses);
    (push, pull, owners)
}

fn a_body_that_was_sent(place: &Place) {
    let context = Context::new();
    let (push, pull, owners) = pushes(&context, place);
    for len in LENGTHS {
        for _ in 0..3 {
            push.send(owners.body(len)).expect("sent");
            push.send([Bytes::from_static(b"first"), owners.body(len)])
                .expect("sent");
            while !owners.all_are_dropped() {
                if let Ok(message) = pull.recv_timeout(Duration::from_millis(1)) {
                    let last = message.frame_count() - 1;
                    let lens = [4, 100, 20_000, 300_000];
                    assert!(lens.contains(&message[last].len()));
                }
            }
        }
    }
    owners.wait("sent");
}

fn a_body_of_a_stream_that_was_sent(place: &Place) {
    const COUNT: usize = 300;
    let context = Context::new();
    let (push, pull, owners) = pushes(&context, place);
    let receiver = std::thread::spawn(move || {
        let mut large = 0;
        while large < 2 * COUNT {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            large += usize::from(message.size() > 4);
        }
        pull
    });
    let half = || (0..COUNT).map(|_| owners.body(20_000));
    assert_eq!(push.send_many(half()).expect("sent"), COUNT);
    half().for_each(|body| push.send(body).expect("sent"));
    let pull = support::joined_soon("the receiver", receiver);
    owners.wait("a stream");
    drop(pull);
}

fn a_body_that_another_replaces(place: &Place) {
    let context = Context::new();
    for len in LENGTHS {
        let push = Arc::new(Push::builder(&context).conflate(true).build());
        push.connect(place.vacant()).expect("connecting");
        let owners = Owners::of(&push, push_uses);
        for _ in 0..5 {
            push.send(owners.body(len)).expect("sent");
        }
        push.send("last").expect("sent");
        owners.wait("replaced by its sender");
        let _ = push.close(Duration::ZERO);
    }
    let publisher = Pub::new(&context);
    let sub = Arc::new(Sub::builder(&context).conflate(true).build());
    sub.subscribe("").expect("subscribed");
    sub.connect(publisher.bind(place.any()).expect("bound"))
        .expect("connecting");
    publisher.wait_for_subscribers(1, PATIENCE).expect("there");
    let owners = Owners::of(&sub, |sub| {
        sub.stats();
        let _ = sub.try_recv();
    });
    for len in LENGTHS {
        for _ in 0..5 {
            publisher.send(owners.body(len)).expect("sent");
        }
    }
    publisher.send("last").expect("sent");
    owners.wait("replaced at its receiver");
}

fn bodies_in_the_queue_of_an_endpoint_that_is_given_up(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).linger(Linger::Discard);
    let push = Arc::new(push.send_high_water_mark(20).build());
    let owners = Owners::of(&push, push_uses);
    for len in LENGTHS {
        let at = place.vacant();
        push.connect(&at).expect("connecting");
        for _ in 0..10 {
            push.send(owners.body(len)).expect("queued");
        }
        push.disconnect(&at).expect("known");
        owners.wait("disconnected");
        let at = push.bind(place.any()).expect("bound");
        let pull = Pull::builder(&context).receive_high_water_mark(1).build();
        pull.connect(&at).expect("connecting");
        push.wait_for_peers(1, PATIENCE).expect("connected");
        while push.try_send(owners.body(300_000)).is_ok() {}
        push.unbind(&at).expect("known");
        drop(pull);
        owners.wait("unbound");
    }
}

fn bodies_in_the_queue_of_a_socket_that_is_closed(place: &Place) {
    for len in LENGTHS {
        let context = Context::new();
        let push = Arc::new(Push::new(&context));
        push.connect(place.vacant()).expect("connecting");
        let other = Arc::new(Push::new(&context));
        other.connect(place.vacant()).expect("connecting");
        let (same, another) = (Owners::of(&push, push_uses), Owners::of(&other, push_uses));
        for _ in 0..10 {
            push.send(same.body(len)).expect("queued");
            push.send(another.body(len)).expect("queued");
        }
        let _ = push.close(Duration::ZERO);
        same.wait("closed");
        another.wait("closed, of another");
        drop(same);
        // The last owner of a context waits for what lingers.
        other.send(another.body(len)).expect("queued");
        context.shutdown();
        let _ = other.close(Duration::ZERO);
        another.wait("shut down");
    }
}

fn bodies_that_a_peer_leaves_unread(place: &Place) {
    let context = Context::new();
    for len in LENGTHS {
        let (push, pull, owners) = pushes(&context, place);
        let pull = Arc::new(pull);
        let of_peer = Owners::of(&pull, |pull| {
            pull.stats();
            let _ = pull.try_recv();
        });
        for _ in 0..10 {
            push.send(owners.body(len)).expect("sent");
            push.send(of_peer.body(len)).expect("sent");
        }
        let _ = pull.close(Duration::ZERO);
        let _ = push.close(Duration::ZERO);
        owners.wait("unread");
        of_peer.wait("unread, of the peer");
    }
}

fn a_reply_to_a_requester_that_is_gone(place: &Place) {
    let context = Context::new();
    let rep = Arc::new(Rep::new(&context));
    let at = rep.bind(place.any()).expect("bound");
    let owners = Owners::of(&rep, |rep| {
        rep.stats();
        let _ = rep.try_recv();
    });
    for len in LENGTHS {
        let mut req = Req::new(&context);
        req.connect(&at).expect("connecting");
        let question = req.send(owners.body(len)).expect("sent");
        let request = rep.recv_timeout(PATIENCE).expect("asked");
        drop(question);
        drop(req);
        wait_until("it has gone", || rep.stats().peers.is_empty());
        // Whether it says that nobody waits for it depends on the moment.
        let _ = request.reply(owners.body(len));
        owners.wait("a reply to nobody");
    }
}

fn a_request_that_is_given_up(place: &Place) {
    let context = Context::new();
    for len in LENGTHS {
        let watched = Arc::new(Push::new(&context));
        let owners = Owners::of(&watched, push_uses);
        let mut req = Req::new(&context);
        req.connect(place.vacant()).expect("connecting");
        for _ in 0..3 {
            let moment = Duration::from_millis(5);
            assert!(req.request_timeout(owners.body(len), moment).is_err());
        }
        let rep = Rep::new(&context);
        req.connect(rep.bind(place.any()).expect("bound"))
            .expect("connecting");
        req.wait_for_peers(1, PATIENCE).expect("connected");
        for _ in 0..3 {
            let moment = Duration::from_millis(5);
            assert!(req.request_timeout(owners.body(len), moment).is_err());
        }
        drop((req, rep));
        owners.wait("requests given up");
    }
}

/// A REQ that may have to send its request again keeps a copy until the request has its outcome.
fn a_request_that_is_kept_to_be_sent_again(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let builder = Req::builder(&context).lost_peer(LostPeer::SendAgain);
    let pool = Arc::new(ReqPool::build(builder, 1).expect("options that fit"));
    pool.connect(rep.bind(place.any()).expect("bound"))
        .expect("connecting");
    let owners = Owners::of(&pool, |pool: &ReqPool| drop(pool.stats()));
    for len in LENGTHS {
        let taken = |pending| (pending, rep.recv_timeout(PATIENCE).expect("asked"));
        let (pending, request) = taken(pool.send(owners.body(len)).expect("sent"));
        request.reply("an answer").expect("replied");
        assert!(pending.wait(PATIENCE), "the answer has come");
        drop(pending);
        let (pending, request) = taken(pool.send(owners.body(len)).expect("sent"));
        request.reply("an answer").expect("replied");
        pending.recv_timeout(PATIENCE).expect("answered");
        let (pending, request) = taken(pool.send(owners.body(len)).expect("sent"));
        drop(request);
        drop(pending);
    }
    owners.wait("requests that were kept");
}

fn a_message_to_a_peer_that_is_gone(place: &Place) {
    let context = Context::new();
    let router = Arc::new(Router::new(&context));
    let at = router.bind(place.any()).expect("bound");
    let owners = Owners::of(&router, |router| {
        router.stats();
        let _ = router.try_recv();
    });
    for len in LENGTHS {
        let dealer = Dealer::builder(&context).receive_high_water_mark(1).build();
        dealer.connect(&at).expect("connecting");
        dealer.send("hello").expect("sent");
        let (id, _) = router.recv_timeout(PATIENCE).expect("received");
        for _ in 0..20 {
            router.send_to(&id, owners.body(len)).expect("queued");
        }
        drop(dealer);
        wait_until("it has gone", || router.stats().peers.is_empty());
        assert!(router.send_to(&id, owners.body(len)).is_err());
        owners.wait("queued for a peer that has gone");
    }
}

fn what_a_socket_receives_and_does_not_return(place: &Place) {
    let context = Context::new();
    // A request without the empty frame is none.
    let rep = Arc::new(Rep::new(&context));
    let dealer = Dealer::new(&context);
    dealer
        .connect(rep.bind(place.any()).expect("bound"))
        .expect("connecting");
    let owners = Owners::of(&rep, |rep| {
        rep.stats();
        let _ = rep.try_recv();
    });
    for len in LENGTHS {
        dealer.send(owners.body(len)).expect("sent");
        dealer
            .send([owners.body(len), owners.body(len)])
            .expect("sent");
    }
    wait_until("all are looked at", || {
        assert!(rep.try_recv().is_err(), "none is a request");
        owners.all_are_dropped()
    });
    // A topic that is wanted no more.
    let publisher = Pub::new(&context);
    let sub = Arc::new(Sub::new(&context));
    sub.connect(publisher.bind(place.any()).expect("bound"))
        .expect("connecting");
    let owners = Owners::of(&sub, |sub| {
        sub.stats();
        let _ = sub.try_recv();
    });
    for len in LENGTHS {
        sub.subscribe("x").expect("subscribed");
        assert!(publisher.wait_for_subscription("x", 1, PATIENCE).is_ok());
        for _ in 0..5 {
            publisher.send(owners.body(len)).expect("sent");
        }
        sub.unsubscribe("x").expect("subscribed before");
        wait_until("none is left", || {
            let _ = sub.try_recv();
            owners.all_are_dropped()
        });
    }
}

fn a_published_message_that_has_many_subscribers_or_none(place: &Place) {
    let context = Context::new();
    let publisher = Arc::new(Pub::builder(&context).send_high_water_mark(50).build());
    let at = publisher.bind(place.any()).expect("bound");
    let owners = Owners::of(&publisher, |publisher| {
        publisher.stats();
        let _ = publisher.try_send("more");
    });
    for len in LENGTHS {
        publisher.send(owners.body(len)).expect("sent");
        owners.wait("to nobody");
    }
    let sub = || Sub::builder(&context).receive_high_water_mark(50).build();
    let subs: Vec<Sub> = (0..5).map(|_| sub()).collect();
    for sub in &subs {
        sub.subscribe("").expect("subscribed");
        sub.connect(&at).expect("connecting");
    }
    publisher.wait_for_subscribers(5, PATIENCE).expect("there");
    for len in LENGTHS {
        for _ in 0..10 {
            publisher.send(owners.body(len)).expect("sent");
        }
    }
    wait_until("all have gone", || {
        for sub in &subs {
            let _ = sub.try_recv();
        }
        owners.all_are_dropped()
    });
    // Slow ones, for which it is dropped.
    while publisher.stats().dropped.slow_subscriber == 0 {
        publisher.send(owners.body(300_000)).expect("sent");
    }
    drop(subs);
    owners.wait("to subscribers that were slow");
}

fn a_body_whose_send_is_refused(place: &Place) {
    let context = Context::new();
    let push = Arc::new(Push::builder(&context).send_high_water_mark(2).build());
    let owners = Owners::of(&push, push_uses);
    for len in LENGTHS {
        assert!(push.try_send(owners.body(len)).is_err(), "there is no peer");
        owners.wait("without a peer");
    }
    push.connect(place.vacant()).expect("connecting");
    for len in LENGTHS {
        while push.try_send(owners.body(len)).is_ok() {}
        let refused = push.send_timeout(owners.body(len), Duration::from_millis(1));
        assert!(refused.is_err());
        let all = (0..10).map(|_| owners.body(len)).collect::<Vec<_>>();
        push.set_option("send_timeout", "1").expect("an option");
        assert!(push.send_many(all).is_err());
    }
    let _ = push.close(Duration::ZERO);
    owners.wait("refused, or closed");
}

fn messages_for_a_peer_that_is_refused(place: &Place) {
    let context = Context::new();
    let taken = Pair::new(&context);
    let at = taken.bind(place.any()).expect("bound");
    let first = Pair::new(&context);
    first.connect(&at).expect("connecting");
    taken.wait_for_peers(1, PATIENCE).expect("connected");
    for len in LENGTHS {
        let refused = Pair::builder(&context).linger(Linger::Discard);
        let refused = Arc::new(refused.build());
        let owners = Owners::of(&refused, |pair| {
            pair.stats();
            let _ = pair.try_send("more");
        });
        for _ in 0..5 {
            refused.connect(&at).expect("connecting");
            for _ in 0..10 {
                let _ = refused.try_send(owners.body(len));
            }
            refused.disconnect(&at).expect("known");
        }
        let _ = refused.close(Duration::ZERO);
        owners.wait("of a peer that is refused");
    }
}

/// An owner that passes the next body on when it is dropped, until none is left.
struct Link {
    bytes: Vec<u8>,
    left: usize,
    passes: Arc<Passes>,
}

/// How the bodies of a chain are passed on.
struct Passes {
    on: Box<dyn Fn(Bytes) + Send + Sync>,
    ended: OnceLock<()>,
}

impl AsRef<[u8]> for Link {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.left == 0 {
            self.passes.ended.set(()).expect("once");
        } else {
            let next = Self {
                bytes: std::mem::take(&mut self.bytes),
                left: self.left - 1,
                passes: Arc::clone(&self.passes),
            };
            (self.passes.on)(Bytes::from_owner(next));
        }
    }
}

/// Passes on a chain of `links` bodies of `len` bytes, and waits for its end.
fn chain(links: usize, len: usize, on: impl Fn(Bytes) + Send + Sync + 'static) {
    let passes = Arc::new(Passes {
        on: Box::new(on),
        ended: OnceLock::new(),
    });
    drop(Link {
        bytes: vec![b'x'; len],
        left: links,
        passes: Arc::clone(&passes),
    });
    wait_until("the chain has ended", || passes.ended.get().is_some());
}

#[test]
fn a_chain_of_owners_ends_and_does_not_nest() {
    must_end("a chain of owners", || {
        let context = Context::new();
        let place = Place::new(Transport::Inproc);
        let push = Arc::new(Push::builder(&context).conflate(true).build());
        push.connect(place.vacant()).expect("connecting");
        let push = Arc::downgrade(&push);
        chain(20_000, 5000, move |body| {
            if let Some(push) = Weak::upgrade(&push) {
                push.send(body).expect("sent");
                push.send("that it makes way for").expect("sent");
            }
        });
    });
}

/// The body is copied, or nobody takes it, so it is dropped in the call that sends it, or by the caller, with no lock held.
#[test]
fn a_chain_of_owners_that_are_sent_by_value_does_not_nest() {
    const LINKS: usize = 100_000;
    // A frame has the first in itself, a batch copies the second, and shares the third.
    for len in [10, 100, 10_000] {
        must_end("a chain of bodies that are sent", move || {
            let context = Context::new();
            let place = Place::new(Transport::Tcp);
            let push = |mark: usize| {
                let push = Push::builder(&context).linger(Linger::Discard);
                let push = push.send_high_water_mark(mark).build();
                push.connect(place.vacant()).expect("connecting");
                push
            };
            let full = push(1);
            full.send("the only one").expect("there is room");
            chain(LINKS, len, move |body| {
                let refused = full.try_send(body).expect_err("there is no room");
                drop(refused);
            });
            let publisher = Pub::new(&context);
            chain(LINKS, len, move |body| {
                publisher.send(body).expect("to nobody");
            });
            if len < 8192 {
                let (one, many) = (push(LINKS), push(2 * LINKS));
                chain(LINKS, len, move |body| {
                    one.send(body).expect("there is room");
                });
                chain(LINKS, len, move |body| {
                    let bodies = [body, Bytes::from_static(b"another")];
                    many.send_many(bodies).expect("there is room");
                });
            }
        });
    }
}

/// Options are kept by sockets, connections and peers, each of which may be the last to let go of them.
#[test]
fn no_option_keeps_an_owner_of_the_application() {
    let context = Context::new();
    let watched = Arc::new(Push::new(&context));
    let owners = Owners::of(&watched, push_uses);
    let builder = Push::builder(&context)
        .metadata("X-Role", owners.body(100))
        .expect("a property")
        .security(Security::plain_client(owners.body(100), owners.body(100)).expect("short"));
    let zap = Security::zap(&context, owners.body(100));
    owners.wait("options");
    drop((builder, zap));
}

/// The first value in the memory of a thread is dropped last, when what came later is no more.
#[test]
fn bodies_that_a_thread_lets_go_of_when_it_ends() {
    must_end("bodies at the end of a thread", || {
        let context = Context::new();
        let push = Arc::new(Push::builder(&context).linger(Linger::Discard).build());
        let owners = Arc::new(Owners::of(&push, push_uses));
        let thread = std::thread::spawn({
            let (push, owners) = (Arc::clone(&push), Arc::clone(&owners));
            move || {
                let lets_go = move || {
                    for len in LENGTHS {
                        push.connect("inproc://nobody").expect("connecting");
                        push.send(owners.body(len)).expect("there is room");
                        push.disconnect("inproc://nobody").expect("connected");
                    }
                };
                let at_end: Box<dyn FnOnce()> = Box::new(lets_go.clone());
                AT_END.with_borrow_mut(|it| it.0 = Some(at_end));
                lets_go();
            }
        });
        joined(thread);
        owners.wait("the end of a thread");
        assert_eq!(owners.made.load(Ordering::SeqCst), 2 * LENGTHS.len());
    });
}
