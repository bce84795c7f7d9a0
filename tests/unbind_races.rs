//! Endpoints that are unbound at the very moment at which a connection comes to be.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::{Context, Pull};
use support::{RawPeer, frame, joined_soon, must_end};

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
