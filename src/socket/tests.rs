use std::time::{Duration, Instant};

use highwater_patterns::{PipeId, Pipes};

use super::*;
use crate::error::LinkError;
use crate::facade::AsSocket;
use crate::origin::Here;
use crate::pipe::{Duty, Wire};
use crate::{Context, Pull, Push};

const PATIENCE: Duration = Duration::from_secs(60);

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// A PULL that has connected to a PUSH of another context, and whose lock a test holds while the I/O thread goes on.
struct Ends {
    context: Context,
    pull: Pull,
    core: Arc<Core>,
    wire: Arc<dyn Wire>,
    push: Push,
}

impl Ends {
    fn new(receive_high_water_mark: usize) -> Self {
        let context = Context::new();
        let push = Push::new(&Context::new());
        let pull = Pull::builder(&context)
            .receive_high_water_mark(receive_high_water_mark)
            .reconnect_interval(Duration::from_millis(1))
            .build();
        pull.connect(push.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        pull.wait_for_peers(1, PATIENCE).expect("connected");
        push.wait_for_peers(1, PATIENCE).expect("connected");
        let core = pull.as_socket().into_core();
        let mut state = core.lock(Here::in_test());
        state.table.borrow_readers();
        let (_, wire) = state
            .table
            .borrowed_links()
            .next()
            .expect("a live connection");
        let wire = Arc::clone(wire);
        state.table.return_readers();
        drop(state);
        Self {
            context,
            pull,
            core,
            wire,
            push,
        }
    }

    /// Has the I/O thread give up the connection, and waits until there is another, of which the socket, being locked,
    /// cannot have heard; then sends `text` over it.
    fn send_over_the_next_connection(&self, _locked: &Locked<'_>, text: &str) {
        let before = self.push.peers()[0].address.clone();
        self.wire.duty(Duty::Failed(LinkError::HeartbeatTimeout));
        wait_until(
            "there is another connection",
            || matches!(&*self.push.peers(), [peer] if peer.address != before),
        );
        self.push.send(text).expect("sent");
        wait_until("it is with the kernel", || {
            self.push.stats().queued_to_send == 0
        });
        self.turn();
    }

    /// On return, the I/O thread has handled what it could know of before.
    fn turn(&self) {
        let elsewhere = Context::new();
        let other = Push::new(&elsewhere);
        let one = Pull::new(&self.context);
        one.connect(other.bind("tcp://127.0.0.1:0").expect("bound"))
            .expect("connecting");
        one.wait_for_peers(1, PATIENCE).expect("connected");
    }
}

#[test]
fn what_a_lent_reader_holds_comes_before_what_the_next_connection_brings() {
    let ends = Ends::new(1000);
    let mut state = ends.core.lock(Here::in_test());
    let borrowed = state.table.borrow_readers();
    let [pipe] = *borrowed else {
        panic!("one reader was there to be lent: {borrowed:?}");
    };
    ends.push.send("1").expect("sent");
    ends.push.send("2").expect("sent");
    wait_until("the reader holds both", || {
        state.table.fill(pipe);
        state.table.peer_stats()[0].bytes_received == 6
    });
    ends.send_over_the_next_connection(&state, "3");
    drop(state);
    for expected in ["1", "2", "3"] {
        let message = ends.pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, expected);
    }
    assert_eq!(ends.pull.stats().queued_to_receive, 0);
}

#[test]
fn a_connection_made_while_reading_was_paused_is_read_once_there_is_room() {
    let ends = Ends::new(1);
    ends.push.send("1").expect("sent");
    wait_until("it is at its mark", || {
        ends.pull.stats().queued_to_receive == 1
    });
    let mut state = ends.core.lock(Here::in_test());
    ends.send_over_the_next_connection(&state, "2");
    let pipe: PipeId = state.table.ids()[0];
    // The socket makes room while it still knows of the old connection alone.
    let State { pattern, table, .. } = &mut *state;
    assert!(pattern.recv(table).is_some());
    assert!(table.try_read(pipe).is_none());
    drop(state);
    wait_until("the next connection is read", || {
        ends.pull.stats().queued_to_receive == 1
    });
    assert_eq!(ends.pull.recv_timeout(PATIENCE).expect("received"), "2");
}

#[test]
fn one_hold_of_the_lock_looks_at_few_messages_of_many_frames() {
    let ends = Ends::new(1000);
    for _ in 0..2 {
        let frames = vec![crate::Frame::from(""); 60_000];
        ends.push.send(frames).expect("sent");
    }
    wait_until("both have come", || {
        ends.pull.stats().queued_to_receive == 2
    });
    let mut state = ends.core.lock(Here::in_test());
    let table = &mut state.table;
    let pipe = table.ids()[0];
    for _ in 0..2 {
        table.refill_budget();
        let one = table.try_read(pipe);
        assert!(matches!(
            one,
            Some(highwater_patterns::Received::Message(_))
        ));
        assert!(table.has_spent_budget(), "it cost as much as thousands");
        assert!(table.try_read(pipe).is_none());
    }
}
