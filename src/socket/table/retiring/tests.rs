use std::sync::Arc;
use std::time::Duration;

use highwater_patterns::PipeId;

use super::*;
use crate::facade::AsSocket;
use crate::origin::Here;
use crate::pipe::testing::{MemoryWire, framed};
use crate::pipe::{Delivery, HighWater, Incoming, Outgoing, Pipe, PipeEvent, SocketSide};
use crate::socket::Core;
use crate::{Context, Pull, Rep};

const PIPES: usize = 1000;

/// A peer connects; its pipe.
fn comes(core: &Core) -> Arc<Pipe> {
    let limit = HighWater {
        messages: None,
        bytes: None,
    };
    let (outgoing, incoming) = (Outgoing::new(limit, false), Incoming::new(limit));
    let pipe = Arc::new(Pipe::new(core.next_pipe_id(), None, outgoing, incoming));
    let peer = Arc::new(PeerInfo::for_tests("tcp://127.0.0.1:2"));
    core.happened(PipeEvent::Attached(Arc::clone(&pipe)));
    pipe.incoming.connection_begins();
    core.happened(PipeEvent::Connected {
        pipe: pipe.id,
        wire: Arc::new(MemoryWire::taking(usize::MAX)),
        peer,
    });
    pipe
}

fn looks(core: &Core) -> usize {
    core.lock(Here::in_test()).table.retiring.looks
}

fn has_retired(core: &Core, pipe: PipeId) -> bool {
    let state = core.lock(Here::in_test());
    state.table.pipes.get(pipe).is_some_and(Slot::has_retired)
}

#[test]
fn each_pipe_retires_once_and_the_end_of_one_looks_at_no_other() {
    let pull = Pull::new(&Context::new());
    let core = pull.as_socket().into_core();
    let pipes: Vec<Arc<Pipe>> = (0..PIPES).map(|_| comes(&core)).collect();
    assert_eq!(looks(&core), 0, "it does not retire");
    let _retirement = core.retire(Duration::from_secs(60));
    assert!(pipes.iter().all(|pipe| has_retired(&core, pipe.id)));
    // One more whose handshake was under way.
    let late = comes(&core);
    assert!(has_retired(&core, late.id));
    for pipe in &pipes {
        core.happened(PipeEvent::Disconnected {
            pipe: pipe.id,
            ends: true,
        });
    }
    let looked = looks(&core);
    assert!((PIPES..=2 * PIPES + 10).contains(&looked), "{looked}");
    assert_eq!(core.lock(Here::in_test()).table.ids(), [late.id]);
}

/// `pipe` gets a request, or a message that is none.
fn asks(core: &Core, pipe: &Pipe, has_form: bool) {
    let mut bytes = if has_form { vec![1, 0] } else { Vec::new() };
    bytes.extend_from_slice(&framed(0, 1));
    pipe.incoming.deliver(Delivery::Chunk {
        bytes,
        messages: 1,
        commands: 0,
    });
    core.happened(PipeEvent::Readable(pipe.id));
}

#[test]
fn a_socket_that_answers_looks_at_those_with_which_something_has_happened() {
    let rep = Rep::new(&Context::new());
    let core = rep.as_socket().into_core();
    let pipes: Vec<Arc<Pipe>> = (0..PIPES).map(|_| comes(&core)).collect();
    let (idle, asking) = pipes.split_at(PIPES / 2);
    for pipe in asking {
        asks(&core, pipe, true);
    }
    let _retirement = core.retire(Duration::from_secs(60));
    let retired = |pipes: &[Arc<Pipe>]| {
        let retired = pipes.iter().filter(|pipe| has_retired(&core, pipe.id));
        retired.count()
    };
    assert_eq!((retired(idle), retired(asking)), (idle.len(), 0));
    assert_eq!(looks(&core), PIPES);
    for pipe in idle {
        core.happened(PipeEvent::Disconnected {
            pipe: pipe.id,
            ends: true,
        });
    }
    // The end of each is an event, though 500 owe answers.
    assert_eq!(looks(&core), PIPES + idle.len());
    for answered in 1..=asking.len() {
        let request = rep.recv().expect("a request came before it retired");
        if answered % 2 == 0 {
            request.reply("done").expect("its peer is there");
        } else {
            drop(request);
        }
        assert_eq!(retired(asking), answered);
        assert_eq!(looks(&core), PIPES + idle.len() + answered);
    }
}

/// What has no form, what was only looked at and what was lost are waited for no longer than until that is so.
#[test]
fn whatever_becomes_of_a_request_its_pipe_retires() {
    let rep = Rep::new(&Context::new());
    let core = rep.as_socket().into_core();
    let pipes: Vec<Arc<Pipe>> = (0..4).map(|_| comes(&core)).collect();
    asks(&core, &pipes[0], false);
    asks(&core, &pipes[1], true);
    asks(&core, &pipes[2], true);
    asks(&core, &pipes[2], true);
    let is_looked_at = |pipe: &Pipe| {
        let state = &mut *core.lock(Here::in_test());
        assert!(state.pattern.can_recv(&mut state.table));
        state.pattern.looked_at() == Some(pipe.id)
    };
    assert!(is_looked_at(&pipes[1]));
    let _retirement = core.retire(Duration::from_secs(60));
    let retired = || -> Vec<bool> {
        let pipes = pipes.iter();
        pipes.map(|pipe| has_retired(&core, pipe.id)).collect()
    };
    assert_eq!(retired(), [true, false, false, true]);
    // What comes now is not taken.
    asks(&core, &pipes[1], true);
    let first = rep.recv().expect("the one that was looked at");
    core.happened(PipeEvent::Disconnected {
        pipe: pipes[2].id,
        ends: true,
    });
    first.reply("done").expect("its peer is there");
    assert!(retired()[1]);
    for _ in 0..2 {
        let request = rep.recv().expect("it came before its connection was lost");
        drop(request);
    }
    rep.try_recv().expect_err("all that had come was taken");
    let state = core.lock(Here::in_test());
    assert!(!state.table.contains(pipes[2].id), "it has gone");
}
