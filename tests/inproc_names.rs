//! Names within the process, bound and connected to from many threads at once: who is to meet meets, or is told.

mod support;

use std::sync::{Arc, Barrier};

use highwater::{BindError, Context, Pull, Push};
use support::{PATIENCE, joined, must_end, number, wait_until};

const ROUNDS: usize = 300;
const CONNECTING: usize = 5;

/// PUSH sockets, each on a thread of its own, that connect to `name` and send their number as soon as `start` opens.
fn connect_at_once(
    context: &Context,
    name: &str,
    start: &Arc<Barrier>,
) -> Vec<std::thread::JoinHandle<Push>> {
    (0..CONNECTING)
        .map(|n| {
            let (context, start) = (context.clone(), Arc::clone(start));
            let name = name.to_owned();
            std::thread::spawn(move || {
                let push = Push::new(&context);
                start.wait();
                push.connect(&*name).expect("connecting");
                // Refused if the peer is gone again already.
                let _ = push.try_send(n.to_string());
                push
            })
        })
        .collect()
}

#[test]
fn sockets_that_bind_and_connect_one_name_at_once_all_meet() {
    must_end("one name, at once", || {
        let context = Context::new();
        for round in 0..ROUNDS {
            let name = format!("inproc://at-once-{round}");
            let start = Arc::new(Barrier::new(CONNECTING + 1));
            let connecting = connect_at_once(&context, &name, &start);
            let pull = Pull::new(&context);
            start.wait();
            pull.bind(&*name).expect("nobody else binds it");
            let mut numbers: Vec<_> = (0..CONNECTING)
                .map(|_| number(&pull.recv_timeout(PATIENCE).expect("received")))
                .collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..CONNECTING), "each once");
            for push in connecting {
                let push = joined(push);
                push.wait_for_peers(1, PATIENCE).expect("they have met");
                assert_eq!((push.peers().len(), push.stats().disconnects), (1, 0));
            }
        }
    });
}

#[test]
fn who_connects_while_a_name_changes_hands_meets_the_new_owner_or_is_told() {
    must_end("a name changes hands", || {
        let context = Context::new();
        let mut met = 0;
        for round in 0..ROUNDS {
            let name = format!("inproc://handed-on-{round}");
            let first = Pull::new(&context);
            first.bind(&*name).expect("nobody else binds it");
            let start = Arc::new(Barrier::new(CONNECTING + 2));
            let connecting = connect_at_once(&context, &name, &start);
            let leaving = std::thread::spawn({
                let start = Arc::clone(&start);
                move || {
                    start.wait();
                    drop(first);
                }
            });
            let second = Pull::new(&context);
            start.wait();
            wait_until("the name is free", || match second.bind(&*name) {
                Ok(_) => true,
                Err(BindError::Io { source, .. }) => {
                    assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
                    false
                }
                Err(error) => panic!("{error}"),
            });
            joined(leaving);
            for push in connecting {
                let push = joined(push);
                wait_until("it has met the second, or lost the first", || {
                    push.stats().disconnects == 1 || !push.peers().is_empty()
                });
                met += usize::from(push.stats().disconnects == 0);
            }
        }
        println!("info: {met} of {} met the second", ROUNDS * CONNECTING);
    });
}
