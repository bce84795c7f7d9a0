use std::sync::Arc;

use highwater_patterns::RoutingId;

use super::*;
use crate::facade::AsSocket;
use crate::origin::Here;
use crate::peer::PeerInfo;
use crate::pipe::testing::{MemoryWire, framed};
use crate::pipe::{Delivery, Duty, HighWater, Incoming, Outgoing, Pipe, PipeEvent, SocketSide};
use crate::socket::Core;
use crate::{Context, Pull, Router};

fn pipe(core: &Core) -> Arc<Pipe> {
    let limit = HighWater {
        messages: None,
        bytes: None,
    };
    let (outgoing, incoming) = (Outgoing::new(limit, false), Incoming::new(limit));
    let key = core
        .lock(Here::in_test())
        .endpoints
        .bound
        .first()
        .and_then(|bound| bound.key);
    Arc::new(Pipe::new(core.next_pipe_id(), key, outgoing, incoming))
}

/// A peer of this name connects, and sends so many messages; its wire.
fn comes(core: &Core, pipe: &Arc<Pipe>, name: &[u8], messages: usize) -> Arc<MemoryWire> {
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    let peer = Arc::new(PeerInfo {
        routing_id: RoutingId::new(name).ok(),
        ..PeerInfo::for_tests("tcp://127.0.0.1:2")
    });
    core.happened(PipeEvent::Attached(Arc::clone(pipe)));
    pipe.incoming.connection_begins();
    core.happened(PipeEvent::Connected {
        pipe: pipe.id,
        wire: Arc::clone(&wire) as _,
        peer,
    });
    if messages > 0 {
        pipe.incoming.deliver(Delivery::Chunk {
            bytes: framed(0, messages),
            messages,
            commands: 0,
        });
        core.happened(PipeEvent::Readable(pipe.id));
    }
    wire
}

fn goes(core: &Core, pipe: &Pipe) {
    core.happened(PipeEvent::Disconnected {
        pipe: pipe.id,
        ends: true,
    });
}

fn is_read(wire: &MemoryWire) -> bool {
    let duties = wire.take_duties();
    duties.iter().any(|duty| matches!(duty, Duty::Resume))
}

#[test]
fn a_refused_peer_is_forgotten_with_what_it_sent_and_that_is_counted() {
    let router = Router::new(&Context::new());
    router.bind("tcp://127.0.0.1:0").expect("bound");
    let core = router.as_socket().into_core();
    let first = pipe(&core);
    comes(&core, &first, b"worker", 2);
    for refused in 1..=3 {
        let second = pipe(&core);
        let wire = comes(&core, &second, b"worker", 5);
        let duties = wire.take_duties();
        assert!(
            duties.iter().any(|duty| matches!(duty, Duty::Close(_))),
            "{duties:?}"
        );
        goes(&core, &second);
        let stats = router.stats();
        assert_eq!(stats.queued_to_receive, 2, "of the peer that was taken");
        assert_eq!(stats.dropped.unread, 5 * refused);
        assert_eq!(core.lock(Here::in_test()).table.ids(), [first.id]);
    }
    assert!(router.try_recv().is_ok() && router.try_recv().is_ok());
}

#[test]
fn each_connection_of_an_endpoint_that_is_refused_loses_its_messages_and_the_endpoint_goes_on() {
    let router = Router::new(&Context::new());
    let at = "tcp://127.0.0.1:1";
    let core = router.as_socket().into_core();
    let first = pipe(&core);
    comes(&core, &first, b"worker", 0);
    router.connect(at).expect("connecting");
    let known = core.lock(Here::in_test()).table.ids();
    let own = *known
        .iter()
        .find(|pipe| **pipe != first.id)
        .expect("its pipe");
    core.lock(Here::in_test())
        .table
        .refuse(own, crate::LinkError::DuplicateRoutingId);
    core.happened(PipeEvent::Disconnected {
        pipe: own,
        ends: false,
    });
    assert!(core.lock(Here::in_test()).table.ids().contains(&own));
    let state = core.lock(Here::in_test());
    assert!(state.table.is_waiting(own) && !state.table.has_ending());
}

#[test]
fn of_many_that_have_gone_and_are_unread_each_event_looks_at_a_few() {
    let pull = Pull::new(&Context::new());
    pull.bind("tcp://127.0.0.1:0").expect("bound");
    let core = pull.as_socket().into_core();
    let pipes: Vec<_> = (0..100).map(|_| pipe(&core)).collect();
    for pipe in &pipes {
        comes(&core, pipe, b"", 1);
        goes(&core, pipe);
    }
    let state = core.lock(Here::in_test());
    assert_eq!(state.table.ending.pipes, 100);
    let each = framed(0, 1).len() + PIPE_OVERHEAD;
    assert_eq!(state.table.ending.bytes, 100 * each);
    drop(state);
    // What lies far back in the turns is let go as soon as it is found empty.
    let last = pipes.last().expect("there are some");
    let mut state = core.lock(Here::in_test());
    let message = highwater_patterns::Pipes::try_read(&mut state.table, last.id);
    assert!(message.is_some() && state.table.take_ended().is_empty());
    assert!(highwater_patterns::Pipes::try_read(&mut state.table, last.id).is_none());
    assert_eq!(state.table.take_ended(), [last.id]);
    state.table.keep_ended(last.id);
    drop(state);
    for left in (0..99).rev() {
        assert_eq!(pull.try_recv().expect("it is there"), "0", "{left}");
    }
    assert!(pull.try_recv().is_err());
    let state = core.lock(Here::in_test());
    assert!(!state.table.has_ending() && state.table.ids().is_empty());
    assert_eq!((state.table.ending.pipes, state.table.ending.bytes), (0, 0));
}

#[test]
fn who_comes_when_much_is_unread_of_those_who_have_gone_waits_to_be_read() {
    let pull = Pull::builder(&Context::new())
        .departed_bytes(1_000_000)
        .build();
    pull.bind("tcp://127.0.0.1:0").expect("bound");
    let core = pull.as_socket().into_core();
    let mut sent = 0;
    while core.lock(Here::in_test()).table.ending.bytes < 1_000_000 {
        let pipe = pipe(&core);
        assert!(is_read(&comes(&core, &pipe, b"", 10_000)));
        goes(&core, &pipe);
        sent += 10_000;
    }
    let (late, later) = (pipe(&core), pipe(&core));
    let wires = [comes(&core, &late, b"", 0), comes(&core, &later, b"", 0)];
    for (wire, pipe) in wires.iter().zip([&late, &later]) {
        assert!(pipe.incoming.is_paused() && !is_read(wire));
    }
    assert!(
        core.lock(Here::in_test()).table.borrow_readers().is_empty(),
        "nor by the socket"
    );
    goes(&core, &later);
    for _ in 0..sent {
        pull.try_recv().expect("nothing is lost");
    }
    assert!(pull.try_recv().is_err());
    assert!(!late.incoming.is_paused() && is_read(&wires[0]));
    assert!(!is_read(&wires[1]), "it has gone meanwhile");
    assert_eq!(core.lock(Here::in_test()).table.ending.bytes, 0);
}

#[test]
fn the_bound_can_be_lifted_while_somebody_is_held_back() {
    let pull = Pull::builder(&Context::new()).departed_bytes(1).build();
    pull.bind("tcp://127.0.0.1:0").expect("bound");
    let core = pull.as_socket().into_core();
    let gone = pipe(&core);
    comes(&core, &gone, b"", 1);
    goes(&core, &gone);
    let late = pipe(&core);
    let wire = comes(&core, &late, b"", 0);
    assert!(!is_read(&wire));
    pull.set_option("departed_bytes", "none").expect("it can");
    assert!(is_read(&wire));
}

#[test]
fn a_peer_that_is_turned_out_with_each_message_is_one_request_to_the_io_thread() {
    let router = Router::new(&Context::new());
    let core = router.as_socket().into_core();
    let slow = pipe(&core);
    let wire = comes(&core, &slow, b"slow", 0);
    for _ in 0..100 {
        core.lock(Here::in_test())
            .table
            .turn_away(slow.id, crate::LinkError::Evicted);
    }
    let duties = wire.take_duties();
    let closes = duties.iter().filter(|duty| matches!(duty, Duty::Close(_)));
    assert_eq!(closes.count(), 1);
}
