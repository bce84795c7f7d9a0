//! A service that answers more than it was asked: what has come before a request leaves is never taken for its answer.
//!
//! Over a wire the service is a raw peer, so that it is known when a byte has come to our system.

mod support;

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use highwater::{Context, Req, Router};
use support::{MOMENT, PATIENCE, Place, RawPeer, frame, joined, over_each_transport, wait_until};

over_each_transport!(
    a_second_answer_is_not_taken_for_the_next_one,
    a_part_of_a_second_answer_is_not_taken_for_the_next_one,
    answers_without_end_are_not_taken_for_the_next_one,
    a_service_that_has_gone_unheard_is_asked_on_its_next_connection,
);

/// Where a service listens that is written by hand.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// The listener, and the endpoint where it listens.
    fn new(place: &Place) -> (Self, String) {
        match place.transport() {
            highwater::Transport::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
                let at = listener.local_addr().expect("it is bound");
                (Self::Tcp(listener), format!("tcp://{at}"))
            }
            _ => {
                let at = place.vacant();
                let path = at.strip_prefix("ipc://").expect("an ipc endpoint");
                (
                    Self::Unix(UnixListener::bind(path).expect("the path is free")),
                    at,
                )
            }
        }
    }

    /// The next connection, as that of a ROUTER.
    fn accept(&self) -> RawPeer {
        let mut peer = match self {
            Self::Tcp(listener) => RawPeer::from(listener.accept().expect("a connection").0),
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().expect("a connection");
                stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
                RawPeer::Unix(stream)
            }
        };
        peer.shake_hands("ROUTER");
        peer
    }
}

/// The question that comes next.
fn question(service: &mut RawPeer) -> String {
    assert_eq!(service.read_frame(), (1, Vec::new()));
    let (_, body) = service.read_frame();
    String::from_utf8(body).expect("text")
}

fn answer(text: &str) -> Vec<u8> {
    [frame(b"", true), frame(text.as_bytes(), false)].concat()
}

/// Asks, and lets the service answer once.
fn ask(req: &mut Req, service: &mut RawPeer, text: &str) {
    let pending = req.send(text).expect("there is room");
    assert_eq!(question(service), text);
    service.send(&answer(text));
    assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), text);
}

/// A REQ and the connection of a service, whoever of the two has bound.
fn both_ways(place: &Place, binds: bool) -> (Req, RawPeer) {
    let mut req = Req::new(&Context::new());
    if binds {
        let at = req.bind(place.any()).expect("bound");
        let mut service = RawPeer::connect_as("ROUTER", &at);
        req.wait_for_peers(1, PATIENCE).expect("connected");
        ask(&mut req, &mut service, "the first");
        return (req, service);
    }
    let (listener, at) = Listener::new(place);
    req.connect(&*at).expect("connecting");
    let service = listener.accept();
    (req, service)
}

fn a_second_answer_is_not_taken_for_the_next_one(place: &Place) {
    for binds in [false, true] {
        let (mut req, mut service) = both_ways(place, binds);
        for n in 0..20 {
            let text = n.to_string();
            ask(&mut req, &mut service, &text);
            let again = answer("what was answered before");
            // Twice: one read may bring both.
            service.send(&again);
            service.send(&again);
            service.wait_until_all_has_come();
            if n % 10 == 5 {
                // The I/O thread reads them, since nobody receives.
                wait_until("read", || {
                    let stats = req.stats();
                    stats.dropped.late_reply + stats.queued_to_receive as u64 == 2 * (n + 1)
                });
            }
        }
        ask(&mut req, &mut service, "the last");
        assert_eq!(req.stats().dropped.late_reply, 40);
        assert_eq!(req.stats().disconnects, 0);
    }
}

fn a_part_of_a_second_answer_is_not_taken_for_the_next_one(place: &Place) {
    let large = "what was answered before".repeat(10_000);
    for part in [1, 100, 100_000] {
        let (listener, at) = Listener::new(place);
        let mut req = Req::new(&Context::new());
        req.connect(&*at).expect("connecting");
        let mut service = listener.accept();
        ask(&mut req, &mut service, "the first");
        let again = answer(&large);
        service.send(&again[..part]);
        service.wait_until_all_has_come();
        let pending = req.send("the next").expect("it waits for a peer");
        service.wait_for_end();
        let mut service = listener.accept();
        assert_eq!(question(&mut service), "the next");
        service.send(&answer("the right one"));
        let answer = pending.recv_timeout(PATIENCE).expect("answered");
        assert_eq!(answer, "the right one");
    }
}

/// As many as the kernel takes, before each request.
fn answers_without_end_are_not_taken_for_the_next_one(place: &Place) {
    let (listener, at) = Listener::new(place);
    let mut req = Req::new(&Context::new());
    req.connect(&*at).expect("connecting");
    let again = answer("").repeat(1000);
    let mut service = listener.accept();
    for n in 0..5 {
        ask(&mut req, &mut service, "a question");
        service.set_nonblocking(true);
        while service.send(&again) {}
        service.set_nonblocking(false);
        let text = n.to_string();
        let asks = std::thread::spawn(move || {
            let answer = req.request_timeout(&*text, PATIENCE);
            assert_eq!(answer.expect("answered"), &*text);
            req
        });
        // A part of an answer stands last, or there were more than one call looks at: the connection is replaced.
        service.wait_for_end();
        service = listener.accept();
        let text = question(&mut service);
        service.send(&answer(&text));
        req = joined(asks);
    }
}

/// The end of a connection that nobody has read yet is no loss of the request that follows.
fn a_service_that_has_gone_unheard_is_asked_on_its_next_connection(place: &Place) {
    let (listener, at) = Listener::new(place);
    let mut req = Req::builder(&Context::new())
        .reconnect_interval_max(MOMENT)
        .build();
    req.connect(&*at).expect("connecting");
    for _ in 0..5 {
        let mut service = listener.accept();
        ask(&mut req, &mut service, "a question");
        service.finish();
        service.wait_until_all_has_come();
        drop(service);
        let pending = req.send("the next").expect("it waits for a peer");
        let mut service = listener.accept();
        assert_eq!(question(&mut service), "the next");
        service.send(&answer("re"));
        assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), "re");
    }
}

#[test]
fn within_the_process_a_second_answer_is_not_taken_for_the_next_one() {
    for req_binds in [false, true] {
        let context = Context::new();
        let (mut req, router) = (Req::new(&context), Router::new(&context));
        if req_binds {
            req.bind("inproc://answers").expect("bound");
            router.connect("inproc://answers").expect("connected");
        } else {
            router.bind("inproc://answers").expect("bound");
            req.connect("inproc://answers").expect("connected");
        }
        for n in 0..20 {
            let text = n.to_string();
            let pending = req.send(&*text).expect("there is room");
            let (id, request) = router.recv_timeout(PATIENCE).expect("a request");
            router.send_to(&id, request).expect("it waits");
            assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), &*text);
            for _ in 0..2 {
                router.send_to(&id, ["", "again"]).expect("there is room");
            }
        }
        let pending = req.send("the last").expect("there is room");
        let (id, request) = router.recv_timeout(PATIENCE).expect("a request");
        router.send_to(&id, request).expect("it waits");
        assert_eq!(
            pending.recv_timeout(PATIENCE).expect("answered"),
            "the last"
        );
        assert_eq!(req.stats().dropped.late_reply, 40);
    }
}
