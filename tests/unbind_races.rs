//! Endpoints that are given up at the very moment at which a connection comes to be.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::{Context, Pull, Push};
use support::{RawPeer, frame, greeting, joined_soon, must_end, ready, wait_until};

const ROUNDS: usize = 300;

/// Message `number`, in two frames of which each can be told from the other.
fn encoded(number: u8) -> Vec<u8> {
    let body: Vec<u8> = (0..60).map(|i| i + number).collect();
    [frame(&[number; 16], true), frame(&body, false)].concat()
}

/// A peer that is connected says so, then sends in small pieces until it is cut off.
fn send_until_cut(mut peer: RawPeer, connected: &AtomicBool) {
    connected.store(true, Ordering::SeqCst);
    let stream: Vec<u8> = (0..100).flat_map(encoded).collect();
    while stream.chunks(23).all(|piece| peer.send(piece)) {}
}

/// The connection that comes while its endpoint goes is read by nobody or by the socket, and never by both.
#[test]
fn what_is_received_while_its_endpoint_is_unbound_is_whole() {
    must_end("unbinding while a peer connects", || {
        let pull = Arc::new(Pull::new(&Context::new()));
        let over = Arc::new(AtomicBool::new(false));
        let reader = {
            let (pull, over) = (Arc::clone(&pull), Arc::clone(&over));
            std::thread::spawn(move || {
                let mut received = 0;
                while !over.load(Ordering::SeqCst) {
                    let Ok(message) = pull.recv_timeout(Duration::from_millis(20)) else {
                        continue;
                    };
                    assert_eq!(message.frame_count(), 2);
                    let whole = encoded(message[0][0]);
                    let sent = [frame(&message[0], true), frame(&message[1], false)].concat();
                    assert_eq!(sent, whole, "after {received} messages");
                    received += 1;
                }
                received
            })
        };
        for _ in 0..ROUNDS {
            if reader.is_finished() {
                break;
            }
            let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
            let connected = Arc::new(AtomicBool::new(false));
            let peer = {
                let (at, connected) = (at.clone(), Arc::clone(&connected));
                std::thread::spawn(move || {
                    send_until_cut(RawPeer::connect_as("PUSH", &at), &connected);
                })
            };
            while !connected.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            pull.unbind(&at).expect("it was bound");
            joined_soon("the peer is cut off", peer);
        }
        over.store(true, Ordering::SeqCst);
        joined_soon("the reader ends", reader);
    });
}

/// Once `unbind` has returned, nobody is there who came through the endpoint, also if the handshake ended meanwhile; and
/// nothing that they have sent can be received.
#[test]
fn who_comes_while_an_endpoint_is_unbound_is_not_there_afterwards() {
    const AT_ONCE: u64 = 4;
    must_end("unbinding while peers connect", || {
        let pull = Pull::new(&Context::builder().io_threads(2).build());
        let hello = [greeting(), ready("PUSH"), frame(b"hello", false)].concat();
        for round in 0..ROUNDS as u64 {
            let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
            let before = pull.stats().handshakes;
            let mut peers: Vec<RawPeer> = (0..AT_ONCE).map(|_| RawPeer::connect(&at)).collect();
            for peer in &mut peers {
                assert!(peer.send(&hello));
            }
            wait_until("some have come", || {
                pull.stats().handshakes - before >= round % AT_ONCE
            });
            pull.unbind(&at).expect("it was bound");
            let left = pull.peers();
            assert!(left.is_empty(), "in round {round}: {left:?}");
            peers.iter_mut().for_each(RawPeer::wait_for_end);
            let late = pull.try_recv();
            assert!(late.is_err(), "in round {round}: {late:?}");
        }
    });
}

/// The same from the other side: a connection that has a pipe of its own goes with its endpoint.
#[test]
fn a_connection_that_comes_to_be_while_it_is_given_up_is_not_there_afterwards() {
    must_end("disconnecting while the peer is reached", || {
        let pull = Pull::new(&Context::new());
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let push = Push::builder(&Context::new()).immediate(true).build();
        for round in 0..ROUNDS as u64 {
            let before = push.stats().handshakes;
            push.connect(&at).expect("connecting");
            for _ in 0..round * 10 {
                std::thread::yield_now();
                if push.stats().handshakes > before {
                    break;
                }
            }
            push.disconnect(&at).expect("it was connected");
            let left = push.peers();
            assert!(left.is_empty(), "in round {round}: {left:?}");
            let sent = push.try_send("nobody is there");
            assert!(sent.is_err(), "in round {round}");
        }
    });
}
