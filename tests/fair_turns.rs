//! The order of turns: a peer that is ready again a little later than the others gets no smaller share for that.
//!
//! The test plays all peers itself, on one thread, and so decides who is ready in which round.
//! RFC 28 and RFC 30: a socket receives from its peers by fair-queuing.

mod support;

use highwater::{Context, Pull, Rep};
use support::{PATIENCE, RawPeer, frame, must_end, number};

/// How many peers there are.
const PEERS: usize = 8;

/// How many of them, those served last in a round, are not ready in the next.
const LATE: usize = 3;

const ROUNDS: usize = 300;

/// In each round all peers send but those that were heard last in the round before. How often each was heard.
fn heard(
    peers: &mut [RawPeer],
    message: impl Fn(usize) -> Vec<u8>,
    next: impl Fn() -> usize,
) -> Vec<usize> {
    let mut heard = vec![0; PEERS];
    let mut late: Vec<usize> = Vec::new();
    for round in 0..ROUNDS {
        // Another peer is the first in each round: where an I/O thread reads, it does so in the order in which they have sent.
        let ready: Vec<usize> = (round..round + PEERS)
            .map(|peer| peer % PEERS)
            .filter(|peer| !late.contains(peer))
            .collect();
        for peer in &ready {
            assert!(peers[*peer].send(&message(*peer)), "peer {peer} is gone");
        }
        let order: Vec<usize> = ready.iter().map(|_| next()).collect();
        order.iter().for_each(|peer| heard[*peer] += 1);
        late = order[order.len() - LATE..].to_vec();
    }
    heard
}

/// Nobody has much less than the others.
fn assert_fair(kind: &str, heard: &[usize]) {
    let mean = heard.iter().sum::<usize>() / heard.len();
    let (least, most) = (heard.iter().min(), heard.iter().max());
    assert!(
        least.is_some_and(|least| least * 5 >= mean * 4)
            && most.is_some_and(|most| most * 5 <= mean * 6),
        "{kind}: the shares are {heard:?}"
    );
}

#[test]
fn requesters_that_answer_late_in_a_round_are_heard_as_often() {
    must_end("REP", || {
        let context = Context::new();
        let rep = Rep::new(&context);
        let endpoint = rep.bind("tcp://127.0.0.1:0").expect("bound");
        let mut peers: Vec<RawPeer> = (0..PEERS)
            .map(|_| RawPeer::connect_as("REQ", &endpoint))
            .collect();
        rep.wait_for_peers(PEERS, PATIENCE).expect("all have come");
        let request =
            |peer: usize| [frame(b"", true), frame(peer.to_string().as_bytes(), false)].concat();
        let answer = || {
            let request = rep.recv_timeout(PATIENCE).expect("a request");
            let peer = number(&request);
            request.reply("done").expect("the requester is there");
            peer
        };
        assert_fair("REP", &heard(&mut peers, request, answer));
    });
}

#[test]
fn senders_that_send_late_in_a_round_are_heard_as_often() {
    must_end("PULL", || {
        let context = Context::new();
        let pull = Pull::new(&context);
        let endpoint = pull.bind("ipc://*").expect("bound");
        let mut peers: Vec<RawPeer> = (0..PEERS)
            .map(|_| RawPeer::connect_as("PUSH", &endpoint))
            .collect();
        pull.wait_for_peers(PEERS, PATIENCE).expect("all have come");
        let message = |peer: usize| frame(peer.to_string().as_bytes(), false);
        let next = || number(&pull.recv_timeout(PATIENCE).expect("a message"));
        assert_fair("PULL", &heard(&mut peers, message, next));
    });
}
