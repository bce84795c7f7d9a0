//! Two connections to one peer, and names that are given here: one of the two is addressed, and names come back.

use super::*;

/// Each of two ROUTERs has connected to the other. The connection that gives way may have messages on it.
#[test]
fn of_two_connections_to_one_peer_one_is_addressed_and_both_are_read() {
    for duplicate_id in [DuplicateId::Refuse, DuplicateId::HandOver] {
        for gives_way in [false, true] {
            let mut router = router_with(PatternOptions {
                duplicate_id,
                ..PatternOptions::default()
            });
            let (theirs, _) = router.accept_as(1, "peer");
            let ours = router.attach(2);
            let announced = id("peer");
            let twin = |pipe| Twin { pipe, gives_way };
            let peer = Peer {
                routing_id: Some(&announced),
                connected_here: true,
                twin: Some(twin(theirs)),
                ..Peer::default()
            };
            let admission = router.pattern.connected(ours, &peer, &mut router.pipes);
            assert_eq!(admission, Admission::Accepted);
            assert_eq!(router.pipes.pipe(theirs).closed, gives_way);
            router.arrive(theirs, "by theirs");
            router.arrive(ours, "by ours");
            assert_eq!(router.recv(), Some(["peer", "by theirs"].into()));
            assert_eq!(router.recv(), Some(["peer", "by ours"].into()));
            router.send(["peer", "x"]).expect("there is room");
            let (stays, goes) = if gives_way {
                (ours, theirs)
            } else {
                (theirs, ours)
            };
            assert_eq!(router.pipes.take(stays), ["x"]);
            router.disconnect(goes, Afterlife::Ends);
            router.detach(goes);
            router.send(["peer", "y"]).expect("there is room");
            assert_eq!(router.pipes.take(stays), ["y"]);
        }
    }
}

#[test]
fn who_connects_to_us_when_we_have_a_connection_to_it_is_refused_whatever_the_policy() {
    let mut router = router_with(PatternOptions {
        duplicate_id: DuplicateId::HandOver,
        ..PatternOptions::default()
    });
    let (ours, _) = router.accept_as(1, "peer");
    let theirs = router.attach(2);
    let announced = id("peer");
    let peer = Peer {
        routing_id: Some(&announced),
        twin: Some(Twin {
            pipe: ours,
            gives_way: false,
        }),
        ..Peer::default()
    };
    let admission = router.pattern.connected(theirs, &peer, &mut router.pipes);
    assert_eq!(admission, DUPLICATE);
    assert!(!router.pipes.pipe(ours).closed);
}

/// Two sockets have named each other before either has a connection: the pipe that gives way keeps the name for later.
#[test]
fn a_name_given_here_goes_to_the_twin_and_comes_back() {
    let mut router = router();
    let named = router.attach(1);
    assert_eq!(router.pattern.assign(named, &id("b")), Admission::Accepted);
    let accepted = router.attach(2);
    let announced = id("b");
    let twin = |gives_way| Peer {
        routing_id: Some(&announced),
        twin: Some(Twin {
            pipe: named,
            gives_way,
        }),
        ..Peer::default()
    };
    let refused = router
        .pattern
        .connected(accepted, &twin(false), &mut router.pipes);
    assert_eq!(refused, DUPLICATE);
    let taken = router
        .pattern
        .connected(accepted, &twin(true), &mut router.pipes);
    assert_eq!(taken, Admission::Accepted);
    assert!(!router.pipes.pipe(named).closed);
    router.send(["b", "x"]).expect("there is a route");
    assert_eq!(router.pipes.take(accepted).len(), 1);
    router.disconnect(accepted, Afterlife::Ends);
    router.send(["b", "y"]).expect("it waits for a connection");
    router.detach(accepted);
    router.send(["b", "z"]).expect("it waits for a connection");
    assert_eq!(router.pipes.take(named).len(), 2);
}

/// What waits for a name goes to the peer that takes it, and the name comes back when that peer has gone.
#[test]
fn a_name_given_here_is_handed_over_with_what_waits_for_it() {
    let mut router = router_with(PatternOptions {
        duplicate_id: DuplicateId::HandOver,
        ..PatternOptions::default()
    });
    let named = router.attach(1);
    assert_eq!(router.pattern.assign(named, &id("b")), Admission::Accepted);
    router.send(["b", "early"]).expect("it waits");
    let (first, _) = router.accept_as(2, "b");
    assert!(!router.pipes.pipe(named).closed);
    assert_eq!(router.pipes.take(first), ["early"]);
    router.send(["b", "x"]).expect("there is a route");
    assert_eq!(router.pipes.take(first), ["x"]);
    router.disconnect(first, Afterlife::Ends);
    router.detach(first);
    router.send(["b", "late"]).expect("it waits");
    assert_eq!(router.pipes.take(named), ["late"]);
    let given = id("b");
    let peer = Peer {
        assigned_id: Some(&given),
        connected_here: true,
        ..Peer::default()
    };
    let admission = router.pattern.connected(named, &peer, &mut router.pipes);
    assert_eq!(admission, Admission::Accepted);
    // A name that has a peer is handed over with the end of its connection.
    let _ = router.accept_as(3, "b");
    assert!(router.pipes.pipe(named).closed);
}

/// The connection of a named pipe may be made while its name is elsewhere: what still waits there keeps its addressee.
#[test]
fn what_waits_for_the_same_name_outlives_the_change_of_pipes() {
    let mut router = router_with(PatternOptions {
        duplicate_id: DuplicateId::HandOver,
        ..PatternOptions::default()
    });
    let named = router.attach(1);
    assert_eq!(router.pattern.assign(named, &id("b")), Admission::Accepted);
    let (accepted, _) = router.accept_as(2, "b");
    crate::Pipes::write_always(&mut router.pipes, named, "early".into());
    let given = id("b");
    let peer = Peer {
        assigned_id: Some(&given),
        connected_here: true,
        twin: Some(Twin {
            pipe: accepted,
            gives_way: true,
        }),
        ..Peer::default()
    };
    let admission = router.pattern.connected(named, &peer, &mut router.pipes);
    assert_eq!(admission, Admission::Accepted);
    assert!(router.pipes.pipe(accepted).closed);
    assert_eq!(router.pipes.take(named), ["early"]);
}
