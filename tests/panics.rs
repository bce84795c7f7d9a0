//! Code of the application that panics where it is not the application that runs: the owner of a body, dropped by whoever
//! has written or lost the message.

mod support;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use highwater::{Context, Pull, Push};
use support::{PATIENCE, RawPeer, must_end, wait_until};

/// The memory of a body, whose drop panics.
struct Bad(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Bad {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
        panic!("a body's owner, on purpose");
    }
}

/// More than kernels take at once, so that the sender does not wait for it.
const LEN: usize = 32 << 20;

/// A PUSH with a peer that reads nothing yet.
fn push(context: &Context) -> (Push, RawPeer) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("it is bound").port();
    let push = Push::new(context);
    push.connect(format!("tcp://127.0.0.1:{port}"))
        .expect("connecting");
    let mut peer = RawPeer::from(listener.accept().expect("it connects").0);
    peer.shake_hands("PULL");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    (push, peer)
}

#[test]
fn an_owner_that_panics_once_its_body_is_sent_harms_no_connection() {
    must_end("a body's owner panics", || {
        let context = Context::new();
        let (push, mut peer) = push(&context);
        let dropped = Arc::new(AtomicUsize::new(0));
        let owner = Bad(vec![7; LEN], Arc::clone(&dropped));
        push.send(Bytes::from_owner(owner)).expect("sent");
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        assert_eq!(peer.read_frame().1.len(), LEN);
        wait_until("it is dropped", || dropped.load(Ordering::SeqCst) == 1);
        push.send("after it").expect("sent");
        assert_eq!(peer.read_frame().1, b"after it");
        assert_eq!(push.stats().disconnects, 0);
        // Whatever waits for the I/O thread still gets its answer.
        let pull = Pull::new(&context);
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        pull.unbind(&at).expect("the thread lives");
    });
}

#[test]
fn an_owner_that_panics_when_its_body_is_given_up_keeps_nobody_waiting() {
    must_end("a body's owner panics at the end", || {
        let context = Context::new();
        let (push, peer) = push(&context);
        let dropped = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let owner = Bad(vec![7; LEN], Arc::clone(&dropped));
            push.send(Bytes::from_owner(owner)).expect("sent");
        }
        let _ = push.close(Duration::ZERO);
        wait_until("both are dropped", || dropped.load(Ordering::SeqCst) == 2);
        drop(peer);
        context.shutdown();
    });
}
