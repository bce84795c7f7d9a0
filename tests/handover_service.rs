//! A service hands over under load: what it has executed it has answered, and what it has not executed is asked elsewhere.

mod support;

use std::collections::HashSet;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use highwater::{
    Context, Dealer, Ended, Interest, Poll, RecvError, Rep, Req, RequestError, Transport,
    TryRecvError,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, frame, joined, over_each_transport, over_every_transport,
    wait_until,
};

over_every_transport!(
    what_a_service_under_load_has_executed_it_has_answered,
    requests_that_had_come_are_answered_and_later_ones_are_not_taken,
    a_request_that_a_poll_has_looked_at_is_answered,
    a_service_that_answers_late_answers,
);

over_each_transport!(
    a_request_that_crosses_the_end_is_not_taken,
    a_peer_that_never_stops_asking_does_not_hold_up_the_end,
    several_io_threads_hand_over_as_one_does,
);

const CLIENTS: usize = 24;

/// Answers `rep` on two threads until it closes; which requests that were.
fn serve(rep: &Arc<Rep>) -> Vec<std::thread::JoinHandle<Vec<String>>> {
    (0..2)
        .map(|_| {
            let rep = Arc::clone(rep);
            std::thread::spawn(move || {
                let mut executed = Vec::new();
                loop {
                    match rep.recv_timeout(PATIENCE) {
                        Ok(mut request) => {
                            let asked = request.take_message();
                            executed.push(asked.to_str().expect("text").to_owned());
                            request
                                .reply(asked)
                                .expect("what was taken can be answered");
                        }
                        Err(RecvError::Ended(Ended::Closed)) => return executed,
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect()
}

fn what_a_service_under_load_has_executed_it_has_answered(place: &Place) {
    hand_over(&Context::new(), place);
}

fn several_io_threads_hand_over_as_one_does(place: &Place) {
    hand_over(&Context::builder().io_threads(3).build(), place);
}

fn hand_over(context: &Context, place: &Place) {
    let at = place.vacant();
    let old = Arc::new(Rep::new(context));
    let at = match place.transport() {
        Transport::Tcp => old.bind(place.any()).expect("bound"),
        _ => old.bind(&*at).expect("bound"),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(Mutex::new(HashSet::new()));
    let asked = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let new_req = {
                let (context, at) = (context.clone(), at.clone());
                move || {
                    let req = Req::builder(&context)
                        .reconnect_interval(Duration::from_millis(5))
                        .send_timeout(MOMENT)
                        .receive_timeout(PATIENCE)
                        .build();
                    req.connect(&at).expect("connecting");
                    req
                }
            };
            let (stop, answered, asked) =
                (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&asked));
            std::thread::spawn(move || {
                let mut req = new_req();
                let mut failed = Vec::new();
                for count in 0_usize.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = format!("{client}-{count}");
                    match req.request(&*id) {
                        Ok(reply) => {
                            assert_eq!(reply, *id);
                            answered.lock().expect("no panic").insert(id);
                            asked.fetch_add(1, Ordering::Relaxed);
                        }
                        // Within the process nothing connects again.
                        Err(
                            RequestError::PeerGone
                            | RequestError::NotSent(_)
                            | RequestError::GivenUp(_),
                        ) => {
                            failed.push(id);
                            req = new_req();
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                failed
            })
        })
        .collect();
    let executing = serve(&old);
    wait_until("the load is there", || {
        asked.load(Ordering::Relaxed) >= 20 * CLIENTS
    });

    old.stop_accepting(&at).expect("it listens");
    let new = Arc::new(Rep::new(context));
    new.bind(&at).expect("the address is free");
    let retirement = old.retire(PATIENCE);
    let executed: Vec<String> = executing.into_iter().flat_map(joined).collect();
    assert!(retirement.wait(PATIENCE));
    let report = retirement.report();
    assert_eq!((report.cut, report.lost), (0, 0), "{report:?}");
    let before = asked.load(Ordering::Relaxed);
    let executing = serve(&new);
    wait_until("the load is at the successor", || {
        asked.load(Ordering::Relaxed) >= before + 20 * CLIENTS
    });
    stop.store(true, Ordering::Relaxed);
    let failed: Vec<String> = clients.into_iter().flat_map(joined).collect();
    new.retire(PATIENCE);
    let executed_later: Vec<String> = executing.into_iter().flat_map(joined).collect();

    let answered = answered.lock().expect("no panic");
    let all: Vec<&String> = executed.iter().chain(&executed_later).collect();
    let once: HashSet<&String> = all.iter().copied().collect();
    assert_eq!(all.len(), once.len(), "nothing is executed twice");
    for id in &all {
        assert!(answered.contains(*id), "{id} was executed and not answered");
    }
    for id in &failed {
        assert!(!once.contains(id), "{id} has failed and was executed");
    }
    assert_eq!(all.len(), answered.len());
    let stats = old.stats();
    assert_eq!(stats.dropped.unanswered, 0);
    // One of each client's at the most was on its way, and none is lost without being counted.
    assert!(stats.dropped.unread <= CLIENTS as u64, "{stats:?}");
}

fn requests_that_had_come_are_answered_and_later_ones_are_not_taken(place: &Place) {
    const COME: usize = 20;
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any()).expect("bound");
    let dealer = Dealer::new(&context);
    dealer.connect(&at).expect("connecting");
    let ask = |count: usize| dealer.send(["", &*count.to_string()]).expect("room");
    (0..COME).for_each(ask);
    wait_until("all have come", || rep.stats().queued_to_receive == COME);
    let first = rep.recv_timeout(PATIENCE).expect("asked");
    let retirement = rep.retire(PATIENCE);
    // The connection is still there, since answers are owed.
    (COME..2 * COME).for_each(ask);
    first.reply("0").expect("there is a way back");
    for expected in 1..COME {
        let request = rep.recv_timeout(PATIENCE).expect("it had come");
        assert_eq!(*request, *expected.to_string());
        request.reply(expected.to_string()).expect("a way back");
    }
    assert_eq!(
        rep.recv_timeout(PATIENCE).err(),
        Some(RecvError::Ended(Ended::Closed))
    );
    assert!(retirement.wait(PATIENCE));
    for expected in 0..COME {
        let reply = dealer.recv_timeout(PATIENCE).expect("answered");
        assert_eq!(reply[1], *expected.to_string().as_bytes());
    }
    assert_eq!(dealer.try_recv(), Err(TryRecvError::Empty));
    // What had left its queue was not taken, and is counted; the rest waits there for a successor.
    let (stats, left) = (rep.stats(), dealer.stats());
    let kept = left.queued_to_send as u64 + left.dropped.unsent;
    assert_eq!(
        stats.dropped.unread + kept,
        COME as u64,
        "{stats:?} {left:?}"
    );
    let _ = dealer.close(Duration::ZERO);
}

fn a_request_that_a_poll_has_looked_at_is_answered(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let mut req = Req::new(&context);
    req.connect(rep.bind(place.any()).expect("bound"))
        .expect("connecting");
    let pending = req.send("ask").expect("there is room");
    let mut poll = Poll::new().expect("a poll");
    poll.add(&rep, Interest::READABLE);
    assert_eq!(poll.wait(Some(PATIENCE)).expect("it works").len(), 1);
    let retirement = rep.retire(PATIENCE);
    assert!(!retirement.wait(MOMENT), "an answer is owed");
    let request = rep.try_recv().expect("it was looked at");
    request.reply("answer").expect("there is a way back");
    assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), "answer");
    assert!(retirement.wait(PATIENCE));
}

fn a_service_that_answers_late_answers(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let mut req = Req::new(&context);
    req.connect(rep.bind(place.any()).expect("bound"))
        .expect("connecting");
    let pending = req.send("ask").expect("there is room");
    wait_until("it has come", || rep.stats().queued_to_receive == 1);
    let retirement = rep.retire(PATIENCE);
    let request = rep.recv_timeout(PATIENCE).expect("it had come");
    assert_eq!(rep.try_recv().err(), Some(TryRecvError::Empty));
    assert!(!retirement.wait(MOMENT), "an answer is owed");
    request.reply("late").expect("there is a way back");
    assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), "late");
    assert!(retirement.wait(PATIENCE));
    assert_eq!(
        rep.recv_timeout(PATIENCE).err(),
        Some(RecvError::Ended(Ended::Closed))
    );
}

fn request(body: &[u8]) -> Vec<u8> {
    let mut bytes = frame(b"", true);
    bytes.extend(frame(body, false));
    bytes
}

fn a_request_that_crosses_the_end_is_not_taken(place: &Place) {
    let rep = Rep::new(&Context::new());
    let at = rep.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect_as("REQ", &at);
    rep.wait_for_peers(1, PATIENCE).expect("connected");
    let retirement = rep.retire(PATIENCE);
    raw.read_to_end(&mut Vec::new())
        .expect("an end, and no reset");
    assert!(raw.send(&request(b"crossing")));
    raw.finish();
    assert!(retirement.wait(PATIENCE));
    assert_eq!(retirement.report().parted, 1);
    assert_eq!(
        rep.recv_timeout(PATIENCE).err(),
        Some(RecvError::Ended(Ended::Closed))
    );
    assert_eq!(rep.stats().dropped.unread, 1);
}

/// It is answered what had come, then its connection ends in good order, though it goes on for as long as it can.
fn a_peer_that_never_stops_asking_does_not_hold_up_the_end(place: &Place) {
    let rep = Rep::new(&Context::new());
    let at = rep.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect_as("DEALER", &at);
    rep.wait_for_peers(1, PATIENCE).expect("connected");
    let ended = Arc::new(AtomicBool::new(false));
    let mut asking = raw.try_clone();
    let asks = std::thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            while !ended.load(Ordering::Relaxed) && asking.send(&request(b"more")) {}
            asking.finish();
        }
    });
    let reads = std::thread::spawn(move || {
        raw.read_to_end(&mut Vec::new())
            .expect("an end, and no reset");
        ended.store(true, Ordering::Relaxed);
    });
    let answer = |request: highwater::Request| {
        request
            .reply_timeout("answer", PATIENCE)
            .expect("there is a way back");
    };
    for _ in 0..500 {
        answer(rep.recv_timeout(PATIENCE).expect("asked"));
    }
    let retirement = rep.retire(PATIENCE);
    while let Ok(request) = rep.recv_timeout(PATIENCE) {
        answer(request);
    }
    assert_eq!(
        rep.try_recv().err(),
        Some(TryRecvError::Ended(Ended::Closed))
    );
    joined(asks);
    joined(reads);
    assert_eq!(retirement.report().parted, 1, "{:?}", retirement.report());
}
