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

fn looked_at(core: &Core) -> usize {
    core.lock(Here::in_test()).table.retiring.looked_at
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
    assert_eq!(looked_at(&core), 0, "it does not retire");
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
    let looked = looked_at(&core);
    assert!((PIPES..=2 * PIPES + 10).contains(&looked), "{looked}");
    assert_eq!(core.lock(Here::in_test()).table.ids(), [late.id]);
}

#[test]
fn a_socket_that_answers_looks_at_those_that_it_owes_an_answer() {
    const ASK: usize = 3;
    let rep = Rep::new(&Context::new());
    let core = rep.as_socket().into_core();
    let pipes: Vec<Arc<Pipe>> = (0..PIPES).map(|_| comes(&core)).collect();
    for pipe in &pipes[..ASK] {
        let mut bytes = vec![1, 0];
        bytes.extend_from_slice(&framed(0, 1));
        pipe.incoming.deliver(Delivery::Chunk {
            bytes,
            messages: 1,
            commands: 0,
        });
        core.happened(PipeEvent::Readable(pipe.id));
    }
    let _retirement = core.retire(Duration::from_secs(60));
    let retired = |core: &Core| {
        pipes
            .iter()
            .filter(|pipe| has_retired(core, pipe.id))
            .count()
    };
    assert_eq!(retired(&core), PIPES - ASK);
    let before = looked_at(&core);
    for pipe in &pipes[PIPES / 2..] {
        core.happened(PipeEvent::Disconnected {
            pipe: pipe.id,
            ends: true,
        });
    }
    let looked = looked_at(&core) - before;
    assert!(looked <= PIPES / 2 * 2 * ASK + 2 * PIPES, "{looked}");
    for answered in 1..=ASK {
        let request = rep.recv().expect("a request came before it retired");
        request.reply("done").expect("its peer is there");
        assert_eq!(retired(&core), PIPES / 2 - ASK + answered);
    }
}
