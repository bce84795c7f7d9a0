//! Two sockets that connect to each other settle on one connection, and lose nothing over it.

mod support;

use std::time::Duration;

use highwater::{
    ConnectError, Context, DuplicateId, Pair, RouteError, Router, RoutingId, Transport,
};
use support::{PATIENCE, Place, number, over_every_transport, wait_until};

over_every_transport!(
    two_pairs_settle_on_one_connection,
    one_of_two_pairs_may_be_replaced,
    two_that_were_bound_only_afterwards_settle_as_well,
    two_routers_settle_on_one_connection,
    two_routers_that_name_each_other_settle_on_one_connection,
);

const INTERVAL: Duration = Duration::from_millis(4);
const INTERVAL_MAX: Duration = Duration::from_millis(30);

fn pair(context: &Context) -> Pair {
    Pair::builder(context)
        .reconnect_interval(INTERVAL)
        .reconnect_interval_max(INTERVAL_MAX)
        .build()
}

/// Two sockets of one context of so many I/O threads, or each of its own.
fn contexts(place: &Place) -> Vec<[Context; 2]> {
    let both = |context: Context| [context.clone(), context];
    let two = || Context::builder().io_threads(2).build();
    let mut contexts = vec![both(Context::new()), both(two())];
    if place.transport() != Transport::Inproc {
        contexts.extend([[Context::new(), Context::new()], [two(), two()]]);
    }
    contexts
}

/// Both ways, all that was sent arrives in order.
fn converse(ends: [&Pair; 2], from: usize, to: usize) {
    for count in from..to {
        for end in &ends {
            end.send(count.to_string()).expect("sent");
        }
    }
    for count in from..to {
        for end in &ends {
            let message = end.recv_timeout(PATIENCE).expect("received");
            assert_eq!(number(&message), count);
        }
    }
}

fn two_pairs_settle_on_one_connection(place: &Place) {
    for contexts in contexts(place) {
        for round in 0..5 {
            let ends = [&contexts[0], &contexts[1]].map(pair);
            let at: Vec<_> = ends
                .iter()
                .map(|end| end.bind(place.any()).expect("bound"))
                .collect();
            ends[0].connect(&at[1]).expect("connects");
            // Before, between and after: what waits at the one that gives way has to get out all the same.
            if round == 1 {
                ends[0].send("early").expect("queued");
                assert_eq!(ends[1].recv_timeout(PATIENCE).expect("received"), "early");
            }
            ends[1].connect(&at[0]).expect("connects");
            converse([&ends[0], &ends[1]], 0, 200);
            // However often the other one comes back.
            let handshakes = || ends.each_ref().map(|end| end.stats().handshakes);
            assert_eq!(handshakes(), [1, 1]);
            let before: u64 = ends.iter().map(|end| end.stats().retries).sum();
            wait_until("it was tried again", || {
                place.transport() == Transport::Inproc
                    || ends.iter().map(|end| end.stats().retries).sum::<u64>() >= before + 3
            });
            converse([&ends[0], &ends[1]], 200, 300);
            assert_eq!(handshakes(), [1, 1]);
            for end in &ends {
                assert_eq!(end.peers().len(), 1);
                assert_eq!(end.stats().dropped, Default::default());
            }
        }
    }
}

/// Whichever of the two it is: the one whose connection has stayed, or the other.
fn one_of_two_pairs_may_be_replaced(place: &Place) {
    let context = Context::new();
    for _ in 0..5 {
        let at = [place.vacant(), place.vacant()];
        let new = |this: usize| {
            let end = pair(&context);
            end.bind(at[this].as_str()).expect("bound");
            end.connect(at[1 - this].as_str()).expect("connects");
            end
        };
        let (mut first, second) = (new(0), new(1));
        converse([&first, &second], 0, 20);
        for _ in 0..4 {
            assert_eq!(first.close(PATIENCE).lost, 0);
            wait_until("it has gone", || second.peers().is_empty());
            first = new(0);
            second.send("welcome").expect("queued");
            assert_eq!(first.recv_timeout(PATIENCE).expect("received"), "welcome");
            converse([&first, &second], 0, 20);
        }
        assert_eq!(second.stats().dropped, Default::default());
    }
}

/// Both have connected, and queued, before either has its name.
fn two_that_were_bound_only_afterwards_settle_as_well(place: &Place) {
    for contexts in contexts(place) {
        for _ in 0..5 {
            let at = [place.vacant(), place.vacant()];
            let ends = [&contexts[0], &contexts[1]].map(pair);
            for this in [0, 1] {
                ends[this].connect(at[1 - this].as_str()).expect("connects");
                ends[this].send("early").expect("queued");
            }
            for this in [0, 1] {
                ends[this].bind(at[this].as_str()).expect("bound");
            }
            for end in &ends {
                assert_eq!(end.recv_timeout(PATIENCE).expect("received"), "early");
            }
            converse([&ends[0], &ends[1]], 0, 20);
            for end in &ends {
                assert_eq!(end.stats().dropped, Default::default());
            }
        }
    }
}

fn two_routers_settle_on_one_connection(place: &Place) {
    for contexts in contexts(place) {
        for policy in [DuplicateId::Refuse, DuplicateId::HandOver] {
            for _ in 0..5 {
                converse_as_routers(place, &contexts, policy, false);
            }
        }
    }
}

fn two_routers_that_name_each_other_settle_on_one_connection(place: &Place) {
    for contexts in contexts(place) {
        for policy in [DuplicateId::Refuse, DuplicateId::HandOver] {
            for _ in 0..3 {
                converse_as_routers(place, &contexts, policy, true);
            }
        }
    }
}

/// With `named`, each end gives the other the name that this announces.
fn converse_as_routers(place: &Place, contexts: &[Context; 2], policy: DuplicateId, named: bool) {
    let ids = ["a", "b"].map(|name| RoutingId::new(name).expect("a good id"));
    let ends = [0, 1].map(|this: usize| {
        Router::builder(&contexts[this])
            .routing_id(ids[this].clone())
            .duplicate_id(policy)
            .reconnect_interval(INTERVAL)
            .reconnect_interval_max(INTERVAL_MAX)
            .build()
    });
    let at = ends
        .each_ref()
        .map(|end| end.bind(place.any()).expect("bound"));
    let mut connects = [true; 2];
    for this in [0, 1] {
        let theirs = &at[1 - this];
        if !named {
            ends[this].connect(theirs).expect("connects");
            continue;
        }
        match ends[this].connect_as(theirs, ids[1 - this].clone()) {
            Ok(()) => {}
            // The other end has come in meanwhile.
            Err(ConnectError::DuplicateRoutingId(_)) => connects[this] = false,
            Err(error) => panic!("{error}"),
        }
    }
    // From the first moment at which there is a way.
    let mut got = [Vec::new(), Vec::new()];
    for count in 0..200 {
        for this in [0, 1] {
            wait_until("there is a route", || {
                match ends[this].send_to(&ids[1 - this], count.to_string()) {
                    Ok(_) => true,
                    Err(RouteError::NoRoute(_)) => false,
                    Err(error) => panic!("{error}"),
                }
            });
        }
    }
    for this in [0, 1] {
        while got[this].len() < 200 {
            let (from, message) = ends[this].recv_timeout(PATIENCE).expect("received");
            assert_eq!(from, ids[1 - this]);
            got[this].push(number(&message));
        }
        // They may have come by either connection.
        got[this].sort_unstable();
        assert!(
            got[this].iter().copied().eq(0..200),
            "{policy:?}: {:?}",
            got[this]
        );
    }
    wait_until("one is left", || {
        ends.iter().all(|end| end.peers().len() == 1)
    });
    // The second connection may still have been on its way when there was one peer: only once it has been tried in vain is
    // it settled which of the two stays.
    let tried_again = || {
        if connects == [true; 2] {
            tried_again(place, &ends);
        }
    };
    tried_again();
    let handshakes = || ends.each_ref().map(|end| end.stats().handshakes);
    let settled = handshakes();
    tried_again();
    assert_eq!(handshakes(), settled, "{policy:?}");
    for this in [0, 1] {
        ends[this].send_to(&ids[1 - this], "still").expect("sent");
        let (_, message) = ends[1 - this].recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, "still");
    }
    for end in &ends {
        assert_eq!(end.stats().dropped, Default::default(), "{policy:?}");
    }
}

/// Waits until the connection that was given up has been tried three times more.
fn tried_again(place: &Place, ends: &[Router; 2]) {
    let retries = || -> u64 { ends.iter().map(|end| end.stats().retries).sum() };
    let before = retries();
    wait_until("it was tried again", || {
        place.transport() == Transport::Inproc || retries() >= before + 3
    });
}
