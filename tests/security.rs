//! Security: what a socket is told to speak, and what becomes of peers that speak something else or are refused.

mod support;

use highwater::security::{Candidate, Passwords, Security, Verdict};
use highwater::{Context, EventKind, LinkError, Pair, ProtocolError, Push};

use support::{Place, guarded_pull, over_each_transport, wait_for_event};

fn failed(kind: &EventKind) -> Option<&LinkError> {
    match kind {
        EventKind::HandshakeFailed(cause) => Some(cause),
        _ => None,
    }
}

over_each_transport!(
    a_peer_for_whom_nobody_decides_is_refused_and_told,
    two_mechanisms_do_not_meet,
    with_a_decision_about_null_nobody_comes_in_who_was_not_decided_about,
);

fn passwords() -> Security {
    Security::plain_server(Passwords::from([("admin", "secret")]))
}

fn a_peer_for_whom_nobody_decides_is_refused_and_told(place: &Place) {
    let context = Context::new();
    let (_pull, events, at) = guarded_pull(&context, passwords(), place);
    let stranger = Security::plain_client("stranger", "secret").expect("short");
    let push = Push::builder(&context).security(stranger).build();
    let told = push.monitor();
    push.connect(&at).expect("a good endpoint");
    let by_peer = |kind: &EventKind| {
        let Some(LinkError::Protocol(ProtocolError::PeerError { reason })) = failed(kind) else {
            return false;
        };
        reason == "400"
    };
    wait_for_event(&told, "of the refusal", by_peer);
    wait_for_event(&events, "of the refused", |kind| {
        matches!(failed(kind), Some(LinkError::Denied { .. }))
    });
    wait_for_event(&told, "of the end", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
}

fn two_mechanisms_do_not_meet(place: &Place) {
    let context = Context::new();
    let pair = Pair::builder(&context).security(passwords()).build();
    let at = pair.bind(place.any()).expect("bound");
    let other = Pair::new(&context);
    let told = other.monitor();
    other.connect(&at).expect("a good endpoint");
    wait_for_event(&told, "of the mechanisms", |kind| {
        failed(kind)
            == Some(&LinkError::Protocol(ProtocolError::MechanismMismatch {
                theirs: "PLAIN".to_owned(),
                ours: "NULL",
            }))
    });
}

fn with_a_decision_about_null_nobody_comes_in_who_was_not_decided_about(place: &Place) {
    let context = Context::new();
    let nobody = Security::null().only(|_: &Candidate| Verdict::deny());
    let (pull, events, at) = guarded_pull(&context, nobody, place);
    let push = Push::new(&context);
    push.connect(&at).expect("a good endpoint");
    wait_for_event(&events, "of the refused", |kind| {
        matches!(failed(kind), Some(LinkError::Denied { .. }))
    });
    assert_eq!(pull.stats().handshakes, 0);
}
