//! The end of a context: every call ends, every thread and file is given back.

mod support;

use std::sync::Arc;
use std::time::Duration;

use highwater::{
    BindError, ConnectError, Context, Ended, EventKind, Pull, Push, RecvError, SendError,
    TryRecvError, TrySendError, WaitError,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, greeting, joined_soon, must_end, open_files,
    over_each_transport, ready, threads_named, wait_for_event, wait_until,
};

over_each_transport!(
    shutdown_ends_a_send_that_waits,
    shutdown_ends_receives_that_wait_on_lent_links,
    shutdown_ends_a_wait_for_peers,
    shutdown_in_the_middle_of_a_stream_hangs_nobody,
    what_arrived_before_shutdown_is_not_given_afterwards,
    a_socket_dropped_by_its_last_owner_is_closed,
    closing_while_peers_connect_leaves_no_connection_behind,
);

#[test]
fn after_shutdown_every_call_says_so() {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    context.shutdown();
    context.shutdown();
    for (push, pull) in [(push, pull), (Push::new(&context), Pull::new(&context))] {
        assert_eq!(
            push.send("x"),
            Err(SendError::Ended("x".into(), Ended::Terminated))
        );
        assert_eq!(
            push.try_send("x"),
            Err(TrySendError::Ended("x".into(), Ended::Terminated))
        );
        assert_eq!(
            push.send_many(["x"]).map_err(SendError::from),
            Err(SendError::Ended("x".into(), Ended::Terminated))
        );
        assert_eq!(pull.recv(), Err(RecvError::Ended(Ended::Terminated)));
        assert_eq!(
            pull.recv_many(&mut Vec::new(), 9),
            Err(RecvError::Ended(Ended::Terminated))
        );
        assert_eq!(pull.try_recv(), Err(TryRecvError::Ended(Ended::Terminated)));
        assert_eq!(
            pull.recv_timeout(PATIENCE),
            Err(RecvError::Ended(Ended::Terminated))
        );
        assert_eq!(
            pull.wait_for_peers(1, PATIENCE),
            Err(WaitError::Ended(Ended::Terminated))
        );
        assert!(matches!(
            push.bind("tcp://127.0.0.1:0"),
            Err(BindError::Ended(Ended::Terminated))
        ));
        assert!(matches!(
            push.connect("tcp://127.0.0.1:9"),
            Err(ConnectError::Ended(Ended::Terminated))
        ));
        assert!(push.peers().is_empty() && push.local_endpoints().is_empty());
    }
}

#[test]
fn threads_and_files_are_given_back() {
    must_end("threads_and_files_are_given_back", || {
        let round = || {
            let context = Context::builder().io_threads(2).thread_name("gb").build();
            let (push, pull) = (Push::new(&context), Pull::new(&context));
            pull.connect(push.bind("tcp://127.0.0.1:0").expect("bound"))
                .expect("connecting");
            pull.connect("tcp://localhost:1")
                .expect("a name is looked up");
            push.send("x").expect("sent");
            assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
        };
        round();
        for _ in 0..20 {
            round();
        }
        if threads_named("gb-io").is_some() {
            wait_until("the I/O threads have ended", || {
                threads_named("gb-io") == Some(0)
            });
        }
        if let Some(before) = open_files() {
            // Other tests of this program open and close files meanwhile; 20 leaky rounds would show all the same.
            wait_until("the files are closed", || {
                open_files().is_some_and(|now| now < before + 20)
            });
        }
    });
}

fn connected(place: &Place) -> (Context, Push, Pull) {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    pull.connect(push.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    (context, push, pull)
}

fn shutdown_ends_a_send_that_waits(place: &Place) {
    let context = Context::new();
    let push = Arc::new(Push::new(&context));
    let events = push.monitor();
    push.bind(place.any()).expect("bound");
    let senders: Vec<_> = (0..3)
        .map(|_| {
            let push = Arc::clone(&push);
            std::thread::spawn(move || push.send(["kept", "whole"]))
        })
        .collect();
    wait_for_event(&events, "of muting", |kind| *kind == EventKind::Muted);
    context.shutdown();
    for sender in senders {
        let refused = joined_soon("send returns", sender);
        assert_eq!(
            refused,
            Err(SendError::Ended(
                ["kept", "whole"].into(),
                Ended::Terminated
            ))
        );
    }
}

fn shutdown_ends_receives_that_wait_on_lent_links(place: &Place) {
    for threads in [1, 4] {
        let (context, push, pull) = connected(place);
        let pull = Arc::new(pull);
        push.send("so that they have read once").expect("sent");
        pull.recv_timeout(PATIENCE).expect("received");
        let receivers: Vec<_> = (0..threads)
            .map(|_| {
                let pull = Arc::clone(&pull);
                std::thread::spawn(move || pull.recv())
            })
            .collect();
        // Long enough that one of them leads; too short would only test less.
        std::thread::sleep(MOMENT);
        context.shutdown();
        for receiver in receivers {
            let ended = joined_soon("recv returns", receiver);
            assert_eq!(ended, Err(RecvError::Ended(Ended::Terminated)));
        }
    }
}

fn shutdown_ends_a_wait_for_peers(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    pull.bind(place.any()).expect("bound");
    let waiter = std::thread::spawn(move || pull.wait_for_peers(1, Duration::MAX));
    std::thread::sleep(MOMENT);
    context.shutdown();
    assert_eq!(
        joined_soon("the wait ends", waiter),
        Err(WaitError::Ended(Ended::Terminated))
    );
}

fn shutdown_in_the_middle_of_a_stream_hangs_nobody(place: &Place) {
    for _ in 0..10 {
        let (context, push, pull) = connected(place);
        let sender = std::thread::spawn(move || {
            let mut sent = 0u64;
            loop {
                match push.send([b'x'; 100].as_slice()) {
                    Ok(()) => sent += 1,
                    Err(error) => return (sent, error),
                }
            }
        });
        let receiver = std::thread::spawn(move || {
            let mut received = 0u64;
            loop {
                match pull.recv() {
                    Ok(message) => assert_eq!(message, [b'x'; 100].as_slice()),
                    Err(error) => return (received, error),
                }
                received += 1;
            }
        });
        std::thread::sleep(Duration::from_millis(20));
        context.shutdown();
        let (sent, send_error) = joined_soon("send returns", sender);
        let (received, recv_error) = joined_soon("recv returns", receiver);
        assert!(matches!(send_error, SendError::Ended(_, Ended::Terminated)));
        assert_eq!(recv_error, RecvError::Ended(Ended::Terminated));
        assert!(received <= sent);
    }
}

fn what_arrived_before_shutdown_is_not_given_afterwards(place: &Place) {
    let (context, push, pull) = connected(place);
    push.send("too late").expect("sent");
    wait_until("it has arrived", || pull.stats().queued_to_receive == 1);
    context.shutdown();
    assert_eq!(pull.try_recv(), Err(TryRecvError::Ended(Ended::Terminated)));
}

fn a_socket_dropped_by_its_last_owner_is_closed(place: &Place) {
    let (_context, push, pull) = connected(place);
    let pull = Arc::new(pull);
    let other = Arc::clone(&pull);
    let receiver = std::thread::spawn(move || other.recv_timeout(PATIENCE));
    drop(pull);
    push.send("for the one who is left").expect("sent");
    assert_eq!(
        joined_soon("recv returns", receiver).expect("received"),
        "for the one who is left"
    );
    wait_until("the peer has gone", || push.peers().is_empty());
    assert!(push.try_send("x").is_err());
}

/// Also not one that was on its way from the listener's I/O thread to another.
fn closing_while_peers_connect_leaves_no_connection_behind(place: &Place) {
    for round in 0..20 {
        let context = Context::builder().io_threads(3).build();
        let pull = Pull::builder(&context).handshake_timeout(None).build();
        let at = pull.bind(place.any()).expect("bound");
        let peers: Vec<_> = (0..30)
            .map(|_| {
                let mut peer = RawPeer::connect(&at);
                peer.send(&greeting());
                peer.send(&ready("PUSH"));
                peer
            })
            .collect();
        // At a different moment each time.
        std::thread::sleep(Duration::from_micros(round * 50));
        drop(pull);
        for mut peer in peers {
            peer.wait_for_end();
        }
    }
}
