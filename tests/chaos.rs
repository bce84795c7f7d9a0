//! Paths that are bad in one way only: where nothing is cut every message arrives; where connections are cut, those
//! that arrive do so whole, once and in order.

mod support;

use highwater::{Context, Pull, Push, RecvError, Transport};
use support::{
    Chaos, ChaosProxy, MOMENT, PATIENCE, Place, arrives_over_a_path_that_is_cut, joined, must_end,
    number, pattern, seed, wait_until,
};

const PUSHES: usize = 4;
const PULLS: usize = 3;
const EACH: usize = 3000;

#[test]
fn everything_arrives_over_a_slow_path_that_splits_at_every_byte() {
    must_end("everything over a bad path", || {
        everything_arrives(&Place::new(Transport::Tcp), Some(seed()));
    });
}

#[test]
fn everything_arrives_over_tcp() {
    must_end("everything over tcp", || {
        everything_arrives(&Place::new(Transport::Tcp), None);
    });
}

#[test]
fn everything_arrives_over_ipc() {
    must_end("everything over ipc", || {
        everything_arrives(&Place::new(Transport::Ipc), None);
    });
}

#[test]
fn everything_arrives_within_the_process() {
    must_end("everything within the process", || {
        everything_arrives(&Place::new(Transport::Inproc), None);
    });
}

#[test]
fn what_arrives_over_a_path_that_is_cut_arrives_once_and_in_order() {
    must_end("a path that is cut", || {
        let context = Context::new();
        let pull = Pull::new(&context);
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let numbered = |number: usize| {
            let message = [number.to_string().into_bytes(), pattern(4000, number)];
            message.into_iter().collect()
        };
        arrives_over_a_path_that_is_cut(&pull, &at, Push::builder(&context), numbered, read);
    });
}

/// The number that a message is, whole.
fn read(message: &highwater::Message) -> usize {
    assert_eq!(message.frame_count(), 2);
    let text = std::str::from_utf8(&message[0]).expect("text was sent");
    let number = text.parse().expect("a number was sent");
    assert!(message[1] == *pattern(message[1].len(), number));
    number
}

/// Several sockets on either side, each connected with all of the other: exact counts, each message once, in the
/// order of its sender at each receiver.
fn everything_arrives(place: &Place, chaos: Option<u64>) {
    let context = Context::builder().io_threads(2).build();
    let pulls = [(); PULLS].map(|()| Pull::new(&context));
    let pushes = [(); PUSHES].map(|()| Push::new(&context));
    let mut proxies = Vec::new();
    for pull in &pulls {
        let at = pull.bind(place.any()).expect("bound");
        let mut reached = at.to_string();
        if let Some(seed) = chaos {
            let proxy = ChaosProxy::new(&at, Chaos::GENTLE, seed);
            reached = proxy.endpoint();
            proxies.push(proxy);
        }
        for push in &pushes {
            push.connect(&*reached).expect("connecting");
        }
    }
    for push in &pushes {
        push.wait_for_peers(PULLS, PATIENCE).expect("connected");
    }
    let mut senders = Vec::new();
    for (index, push) in pushes.into_iter().enumerate() {
        senders.push(std::thread::spawn(move || {
            for n in 0..EACH {
                push.send((index * EACH + n).to_string()).expect("sent");
            }
            assert_eq!(push.stats().messages_sent, EACH as u64);
            assert_eq!(push.close(PATIENCE).lost, 0);
        }));
    }
    let mut seen = vec![false; PUSHES * EACH];
    let mut last = [[None; PUSHES]; PULLS];
    let mut counts = [0; PULLS];
    wait_until("everything has arrived", || {
        for (index, pull) in pulls.iter().enumerate() {
            while let Ok(message) = pull.try_recv() {
                let n = number(&message);
                assert!(!std::mem::replace(&mut seen[n], true), "{n} came twice");
                let before = last[index][n / EACH].replace(n);
                assert!(before < Some(n), "{n} after {before:?}");
                counts[index] += 1;
            }
        }
        seen.iter().all(|seen| *seen)
    });
    senders.into_iter().for_each(joined);
    for (pull, count) in pulls.iter().zip(counts) {
        assert_eq!(pull.recv_timeout(MOMENT), Err(RecvError::Timeout));
        let stats = pull.stats();
        assert_eq!(stats.messages_received, count);
        assert_eq!(stats.dropped, highwater::Dropped::default());
    }
    assert!(proxies.iter().all(|proxy| proxy.broken() == 0));
}
