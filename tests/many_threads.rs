//! Many threads on one socket, and the hand-over of its links between them and the I/O thread.
//!
//! A receiver that waits reads its links itself; the I/O thread takes them back when they are not used for two ticks
//! (20 ms). Nothing of that may lose, double or hold up a message.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use highwater::{Context, Pull, Push, RecvError};
use support::{
    PATIENCE, Place, RawPeer, frame, joined_soon, number, over_each_transport,
    over_every_transport, wait_until,
};

over_every_transport!(
    many_senders_and_receivers_share_two_sockets,
    many_receivers_get_a_trickle_once_each,
    receivers_that_time_out_hand_the_links_on,
    messages_with_pauses_between_them_arrive,
    the_last_message_of_a_stream_is_not_held_back,
    a_socket_may_be_polled_after_it_was_waited_on,
    a_receiver_that_pauses_and_goes_on_loses_nothing,
    a_new_peer_is_heard_while_a_receiver_waits_on_another,
    two_sockets_play_ping_pong,
);

// What bytes, kernel buffers and real peers have, and a pipe within the process has not.
over_each_transport!(
    what_a_lost_peer_had_sent_is_received_from_a_lent_link,
    small_kernel_buffers_stall_no_stream,
);

/// Longer than a link stays lent without use.
const TWO_TICKS: Duration = Duration::from_millis(35);

fn pair(place: &Place, push_binds: bool) -> (Push, Pull) {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    if push_binds {
        pull.connect(push.bind(place.any()).expect("bound"))
            .expect("connecting");
    } else {
        push.connect(pull.bind(place.any()).expect("bound"))
            .expect("connecting");
    }
    push.wait_for_peers(1, PATIENCE).expect("connected");
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    (push, pull)
}

fn many_senders_and_receivers_share_two_sockets(place: &Place) {
    const THREADS: usize = 4;
    const EACH: usize = 20_000;
    let (push, pull) = pair(place, true);
    let (push, pull) = (Arc::new(push), Arc::new(pull));
    let left = Arc::new(AtomicUsize::new(THREADS * EACH));
    let receivers: Vec<_> = (0..THREADS)
        .map(|_| {
            let (pull, left) = (Arc::clone(&pull), Arc::clone(&left));
            std::thread::spawn(move || {
                let mut last = [None; THREADS];
                let mut numbers = Vec::new();
                // Whoever takes the last message leaves the others to time out.
                while left.load(Ordering::SeqCst) > 0 {
                    match pull.recv_timeout(Duration::from_millis(50)) {
                        Ok(message) => {
                            left.fetch_sub(1, Ordering::SeqCst);
                            let n = number(&message);
                            let sender = n / EACH;
                            assert!(
                                last[sender] < Some(n),
                                "the messages of a sender are in order"
                            );
                            last[sender] = Some(n);
                            numbers.push(n);
                        }
                        Err(error) => assert_eq!(error, RecvError::Timeout),
                    }
                }
                numbers
            })
        })
        .collect();
    let senders: Vec<_> = (0..THREADS)
        .map(|sender| {
            let push = Arc::clone(&push);
            std::thread::spawn(move || {
                for n in 0..EACH {
                    push.send((sender * EACH + n).to_string()).expect("sent");
                    if n % 5000 == 0 {
                        std::thread::sleep(TWO_TICKS);
                    }
                }
            })
        })
        .collect();
    for sender in senders {
        joined_soon("a sender ends", sender);
    }
    let mut seen = BTreeSet::new();
    for receiver in receivers {
        for n in joined_soon("a receiver ends", receiver) {
            assert!(seen.insert(n), "{n} came twice");
        }
    }
    assert_eq!(seen.len(), THREADS * EACH);
    assert!(pull.try_recv().is_err());
}

fn many_receivers_get_a_trickle_once_each(place: &Place) {
    const COUNT: usize = 60;
    let (push, pull) = pair(place, false);
    let pull = Arc::new(pull);
    let received = Arc::new(Mutex::new(Vec::new()));
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let (pull, received) = (Arc::clone(&pull), Arc::clone(&received));
            std::thread::spawn(move || {
                while let Ok(message) = pull.recv_timeout(PATIENCE) {
                    if message == "end" {
                        return;
                    }
                    received.lock().expect("no panic").push(number(&message));
                }
                panic!("the end never came");
            })
        })
        .collect();
    for n in 0..COUNT {
        push.send(n.to_string()).expect("sent");
        // Some find the link lent, some find it given back, some arrive together.
        let pause = [0, 1, 12, 35][n % 4];
        std::thread::sleep(Duration::from_millis(pause));
        wait_until("they arrive without another", || {
            n % 4 == 0 || received.lock().expect("no panic").len() == n + 1
        });
    }
    for _ in &receivers {
        push.send("end").expect("sent");
    }
    for receiver in receivers {
        joined_soon("a receiver ends", receiver);
    }
    let mut received = received.lock().expect("no panic").clone();
    received.sort_unstable();
    assert!(received.into_iter().eq(0..COUNT));
}

fn receivers_that_time_out_hand_the_links_on(place: &Place) {
    let (push, pull) = pair(place, true);
    let pull = Arc::new(pull);
    for round in 0..20 {
        let patient = {
            let pull = Arc::clone(&pull);
            std::thread::spawn(move || pull.recv_timeout(PATIENCE))
        };
        let hasty: Vec<_> = (1..4)
            .map(|index| {
                let pull = Arc::clone(&pull);
                std::thread::spawn(move || pull.recv_timeout(Duration::from_millis(index * 4)))
            })
            .collect();
        for hasty in hasty {
            assert_eq!(joined_soon("it times out", hasty), Err(RecvError::Timeout));
        }
        push.send(round.to_string()).expect("sent");
        let message = joined_soon("the patient one is woken", patient).expect("received");
        assert_eq!(number(&message), round);
    }
}

fn messages_with_pauses_between_them_arrive(place: &Place) {
    for push_binds in [true, false] {
        let (push, pull) = pair(place, push_binds);
        let sender = std::thread::spawn(move || {
            for n in 0..30usize {
                push.send(n.to_string()).expect("sent");
                std::thread::sleep(if n % 3 == 0 {
                    TWO_TICKS
                } else {
                    Duration::from_millis(11)
                });
            }
        });
        for expected in 0..30 {
            assert_eq!(
                number(&pull.recv_timeout(PATIENCE).expect("received")),
                expected
            );
        }
        joined_soon("the sender ends", sender);
    }
}

fn the_last_message_of_a_stream_is_not_held_back(place: &Place) {
    let (push, pull) = pair(place, true);
    let (go, may_go) = crossbeam_channel::bounded(0);
    let sender = std::thread::spawn(move || {
        for round in 0..40 {
            for n in 0..1000 + round {
                push.send(n.to_string()).expect("sent");
            }
            push.send("last").expect("sent");
            // The next stream begins only when the last one has been seen to its end.
            may_go.recv_timeout(PATIENCE).expect("the receiver goes on");
        }
    });
    for round in 0..40 {
        for expected in 0..1000 + round {
            assert_eq!(
                number(&pull.recv_timeout(PATIENCE).expect("received")),
                expected
            );
        }
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "last");
        go.send_timeout((), PATIENCE).expect("the sender waits");
    }
    joined_soon("the sender ends", sender);
}

/// The kernel is full again and again, seen now by a sender and now by the I/O thread.
fn small_kernel_buffers_stall_no_stream(place: &Place) {
    const THREADS: usize = 3;
    const EACH: usize = 60_000;
    let context = Context::new();
    let push = Push::builder(&context).send_buffer(4096).build();
    let pull = Pull::builder(&context).receive_buffer(4096).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    let push = Arc::new(push);
    let senders: Vec<_> = (0..THREADS)
        .map(|_| {
            let push = Arc::clone(&push);
            std::thread::spawn(move || {
                for _ in 0..EACH {
                    push.send(&[b'x'; 500]).expect("sent");
                }
            })
        })
        .collect();
    for _ in 0..THREADS * EACH {
        pull.recv_timeout(PATIENCE).expect("received");
    }
    for sender in senders {
        joined_soon("a sender ends", sender);
    }
}

fn a_socket_may_be_polled_after_it_was_waited_on(place: &Place) {
    let (push, pull) = pair(place, true);
    for round in 0..30usize {
        push.send(round.to_string()).expect("sent");
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            round
        );
        // The link is lent now, and nobody waits on it.
        push.send(format!("{round}000")).expect("sent");
        let mut polled = None;
        wait_until("polling finds it", || {
            polled = pull.try_recv().ok();
            polled.is_some()
        });
        assert_eq!(number(&polled.expect("it was found")), round * 1000);
    }
}

fn a_receiver_that_pauses_and_goes_on_loses_nothing(place: &Place) {
    const COUNT: usize = 60_000;
    let (push, pull) = pair(place, false);
    let sender = std::thread::spawn(move || {
        for n in 0..COUNT {
            push.send(n.to_string()).expect("sent");
        }
        push.close(PATIENCE)
    });
    for expected in 0..COUNT {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
        if expected % 7000 == 0 {
            std::thread::sleep(TWO_TICKS);
        }
    }
    assert_eq!(joined_soon("the sender ends", sender).lost, 0);
}

fn a_new_peer_is_heard_while_a_receiver_waits_on_another(place: &Place) {
    let context = Context::new();
    let pull = Arc::new(Pull::new(&context));
    let at = pull.bind(place.any()).expect("bound");
    let mut pushes = Vec::new();
    // More than a receiver waits on by itself, at the end.
    for n in 0..12 {
        let receiver = {
            let pull = Arc::clone(&pull);
            std::thread::spawn(move || pull.recv_timeout(PATIENCE))
        };
        std::thread::sleep(Duration::from_millis(n % 3 * 12));
        let push = Push::new(&context);
        push.connect(&at).expect("connecting");
        push.send("new here").expect("sent");
        assert_eq!(
            joined_soon("it is heard", receiver).expect("received"),
            "new here"
        );
        pushes.push(push);
    }
    for push in &pushes {
        push.send("still here").expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "still here");
    }
}

fn what_a_lost_peer_had_sent_is_received_from_a_lent_link(place: &Place) {
    const COUNT: usize = 2000;
    for _ in 0..10 {
        let pull = Pull::new(&Context::new());
        let at = pull.bind(place.any()).expect("bound");
        let mut peer = RawPeer::connect_as("PUSH", &at);
        peer.send(&frame(b"0", false));
        assert_eq!(number(&pull.recv_timeout(PATIENCE).expect("received")), 0);
        let receiver = std::thread::spawn(move || {
            for expected in 1..=COUNT {
                let message = pull.recv_timeout(PATIENCE).expect("received");
                assert_eq!(number(&message), expected);
            }
            pull
        });
        let rest: Vec<u8> = (1..=COUNT)
            .flat_map(|n| frame(n.to_string().as_bytes(), false))
            .collect();
        assert!(peer.send(&rest));
        drop(peer);
        let pull = joined_soon("everything is received", receiver);
        assert_eq!(pull.stats().dropped.unread, 0);
    }
}

fn two_sockets_play_ping_pong(place: &Place) {
    let context = Context::new();
    let (ping, pong) = (Push::new(&context), Push::new(&context));
    let (ping_in, pong_in) = (Pull::new(&context), Pull::new(&context));
    pong_in
        .connect(ping.bind(place.any()).expect("bound"))
        .expect("connecting");
    ping_in
        .connect(pong.bind(place.any()).expect("bound"))
        .expect("connecting");
    let other = std::thread::spawn(move || {
        for _ in 0..5000 {
            let ball = pong_in.recv_timeout(PATIENCE).expect("received");
            pong.send(ball).expect("sent");
        }
        pong.close(PATIENCE)
    });
    for n in 0..5000usize {
        ping.send(n.to_string()).expect("sent");
        assert_eq!(
            number(&ping_in.recv_timeout(PATIENCE).expect("received")),
            n
        );
    }
    let _ = joined_soon("the other player ends", other);
}
