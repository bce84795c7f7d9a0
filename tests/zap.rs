//! ZAP: a handler within the context decides, for each mechanism.

mod support;

use std::thread::JoinHandle;
use std::time::Duration;

use highwater::security::Security;
use highwater::{Context, EventKind, LinkError, Message, Pull, Push, Rep, Router, RoutingId};
use support::{PATIENCE, Place, guarded_pull, joined_soon, over_each_transport, wait_for_event};

over_each_transport!(
    a_rep_decides_and_is_told_of_the_domain_and_the_credentials,
    a_router_decides_as_well,
    with_null_it_is_asked_about_the_address,
    what_is_no_good_answer_lets_nobody_in_and_is_told,
    without_a_handler_nobody_comes_in_until_there_is_one,
    a_handler_that_does_not_answer_refuses_at_the_deadline,
    a_handler_that_goes_before_it_answers_refuses_and_its_successor_decides,
    of_two_answers_the_first_counts,
    a_router_decides_for_two_domains_in_any_order,
);

const HANDLER: &str = "inproc://zeromq.zap.01";

/// A REP that answers each question by `decide`, until the context ends.
fn handler(
    context: &Context,
    decide: impl Fn(&Message) -> Message + Send + 'static,
) -> JoinHandle<()> {
    let rep = Rep::new(context);
    rep.bind(HANDLER).expect("nobody else has it");
    std::thread::spawn(move || {
        while let Ok(request) = rep.recv() {
            let answer = decide(request.message());
            // That who asked is gone meanwhile is not ours to judge.
            let _ = request.reply(answer);
        }
    })
}

fn plain(user: &'static str, password: &'static str) -> Security {
    Security::plain_client(user, password).expect("short")
}

fn zap(context: &Context) -> Security {
    Security::plain_server(Security::zap(context, "the domain"))
}

/// Why the peer was not let in.
fn reason(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::HandshakeFailed(LinkError::Denied { reason, .. }) => Some(reason),
        _ => None,
    }
}

/// By user: `anna` comes in, `later` later, others do not.
fn decide(question: &Message) -> Message {
    let frame = |at: usize| String::from_utf8_lossy(&question[at]).into_owned();
    assert_eq!(question.frame_count(), 8);
    assert_eq!(
        (&*frame(0), &*frame(2), &*frame(5)),
        ("1.0", "the domain", "PLAIN")
    );
    let (status, user) = match (&*frame(6), &*frame(7)) {
        ("anna", "secret") => ("200", "Anna"),
        ("later", _) => ("300", ""),
        ("broken", _) => ("500", ""),
        _ => ("400", ""),
    };
    let mut metadata = Vec::new();
    if status == "200" {
        metadata.extend(b"\x05Hello\0\0\0\x05World");
    }
    [
        b"1.0".to_vec(),
        question[1].to_vec(),
        status.into(),
        "so it is".into(),
        user.into(),
        metadata,
    ]
    .into()
}

fn a_rep_decides_and_is_told_of_the_domain_and_the_credentials(place: &Place) {
    let context = Context::new();
    let thread = handler(&context, decide);
    let (pull, events, at) = guarded_pull(&context, zap(&context), place);
    // The client is in another context: the handler is the server's.
    let clients = Context::new();
    let push = Push::builder(&clients)
        .security(plain("anna", "secret"))
        .build();
    push.connect(&at).expect("connects");
    push.send("hello").expect("sent");
    let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!((&*peer.user, message), ("Anna", "hello".into()));
    assert_eq!(peer.grant("Hello").map(AsRef::as_ref), Some(&b"World"[..]));
    for (user, told, ends) in [
        ("anna", "400: so it is", true),
        ("broken", "500: so it is", true),
        ("later", "ZAP: 300: so it is", false),
    ] {
        let other = Push::builder(&clients)
            .security(plain(user, "wrong"))
            .build();
        let there = other.monitor();
        other.connect(&at).expect("connects");
        let event = wait_for_event(&events, "of the refusal", |kind| reason(kind).is_some());
        assert_eq!(reason(&event.kind), Some(told));
        wait_for_event(&there, "of what follows", |kind| match kind {
            EventKind::GaveUp(_) => ends,
            EventKind::Retrying { .. } => !ends,
            _ => false,
        });
    }
    context.shutdown();
    joined_soon("the handler", thread);
}

fn a_router_decides_as_well(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    router.bind(HANDLER).expect("nobody else has it");
    let thread = std::thread::spawn(move || {
        while let Ok((from, message)) = router.recv() {
            let (delimiter, question) = message.split_first();
            assert!(delimiter.is_empty());
            let answer = decide(&question.expect("a question")).with_first("");
            let _ = router.send_to(&from, answer);
        }
    });
    let pull = Pull::builder(&context).security(zap(&context)).build();
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::builder(&context)
        .security(plain("anna", "secret"))
        .build();
    push.connect(&at).expect("connects");
    push.send("hello").expect("sent");
    let (peer, _) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!(peer.user, "Anna");
    context.shutdown();
    joined_soon("the handler", thread);
}

fn with_null_it_is_asked_about_the_address(place: &Place) {
    let context = Context::new();
    let is_tcp = place.transport() == highwater::Transport::Tcp;
    let thread = handler(&context, move |question| {
        let address = String::from_utf8_lossy(&question[3]).into_owned();
        assert_eq!(
            (question.frame_count(), &question[5][..]),
            (6, &b"NULL"[..])
        );
        let known = match is_tcp {
            true => address == "127.0.0.1",
            false => {
                let process = format!(":{}", std::process::id());
                address.starts_with("localhost:") && address.ends_with(&process)
            }
        };
        assert!(known, "{address}");
        ["1.0", "1", "200", "OK", "anyone", ""].into()
    });
    let pull = Pull::builder(&context)
        .security(Security::null().only(Security::zap(&context, "global")))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::new(&context);
    push.connect(&at).expect("connects");
    push.send("hello").expect("sent");
    let (peer, _) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!((peer.mechanism, &*peer.user), ("NULL", "anyone"));
    context.shutdown();
    joined_soon("the handler", thread);
}

fn what_is_no_good_answer_lets_nobody_in_and_is_told(place: &Place) {
    let answers: [(Message, &str); 6] = [
        ("one frame".into(), "1 frames instead of 6"),
        (
            ["1.0", "1", "200", "OK", "joe"].into(),
            "5 frames instead of 6",
        ),
        (["2.0", "1", "200", "OK", "joe", ""].into(), "version"),
        (["1.0", "7", "200", "OK", "joe", ""].into(), "request id"),
        (["1.0", "1", "204", "OK", "joe", ""].into(), "status"),
        (["1.0", "1", "200", "OK", "joe", "bad"].into(), "metadata"),
    ];
    for (answer, why) in answers {
        let context = Context::new();
        let thread = handler(&context, move |_| answer.clone());
        let pull = Pull::builder(&context).security(zap(&context)).build();
        let events = pull.monitor();
        let at = pull.bind(place.any()).expect("bound");
        let push = Push::builder(&context).security(plain("joe", "")).build();
        push.connect(&at).expect("connects");
        let event = wait_for_event(&events, "of the refusal", |kind| reason(kind).is_some());
        let told = reason(&event.kind).expect("it is told");
        assert!(told.starts_with("ZAP: ") && told.contains(why), "{told}");
        assert_eq!(pull.stats().handshakes, 0);
        context.shutdown();
        joined_soon("the handler", thread);
    }
}

/// Once a handler answers, the peer that was refused comes in.
fn comes_in_with_a_handler(context: &Context, push: &Push, pull: &Pull) {
    let thread = handler(context, decide);
    push.send("at last").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "at last");
    context.shutdown();
    joined_soon("the handler", thread);
}

fn without_a_handler_nobody_comes_in_until_there_is_one(place: &Place) {
    let context = Context::new();
    let (pull, events, at) = guarded_pull(&context, zap(&context), place);
    let push = Push::builder(&context)
        .security(plain("anna", "secret"))
        .reconnect_interval(Duration::from_millis(5))
        .build();
    push.connect(&at).expect("connects");
    let event = wait_for_event(&events, "of the refusal", |kind| reason(kind).is_some());
    let told = reason(&event.kind).expect("it is told");
    assert_eq!(told, "ZAP: nobody answers at inproc://zeromq.zap.01");
    comes_in_with_a_handler(&context, &push, &pull);
}

fn a_handler_that_does_not_answer_refuses_at_the_deadline(place: &Place) {
    let context = Context::new();
    let silent = Rep::new(&context);
    silent.bind(HANDLER).expect("nobody else has it");
    let security = zap(&context).deadline(Duration::from_millis(50));
    let (pull, events, at) = guarded_pull(&context, security, place);
    let push = Push::builder(&context)
        .security(plain("anna", "secret"))
        .reconnect_interval(Duration::from_millis(5))
        .build();
    push.connect(&at).expect("connects");
    // More often than there are threads: none of them stays with a question.
    for _ in 0..6 {
        wait_for_event(&events, "of the refusal", |kind| reason(kind).is_some());
    }
    assert_eq!(pull.stats().handshakes, 0);
}

/// The next question to a ROUTER: from whom, and its frames without the delimiter.
fn question(router: &Router) -> (RoutingId, Message) {
    let (from, message) = router.recv_timeout(PATIENCE).expect("a question");
    let (delimiter, question) = message.split_first();
    assert!(delimiter.is_empty());
    (from, question.expect("a question"))
}

/// An answer of a ROUTER with this `status`, to the request `id`.
fn answer(id: &str, status: &str) -> Message {
    ["", "1.0", id, status, "so it is", "anna", ""].into()
}

fn a_handler_that_goes_before_it_answers_refuses_and_its_successor_decides(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    router.bind(HANDLER).expect("nobody else has it");
    let (pull, events, at) = guarded_pull(&context, zap(&context).deadline(PATIENCE), place);
    let push = Push::builder(&context)
        .security(plain("anna", "secret"))
        .reconnect_interval(Duration::from_millis(5))
        .build();
    push.connect(&at).expect("connects");
    question(&router);
    drop(router);
    let event = wait_for_event(&events, "of the refusal", |kind| reason(kind).is_some());
    let told = reason(&event.kind).expect("it is told");
    assert_eq!(told, "ZAP: the handler has gone without an answer");
    comes_in_with_a_handler(&context, &push, &pull);
}

fn of_two_answers_the_first_counts(place: &Place) {
    let cases = [
        ([("1", "400"), ("1", "200")], false),
        ([("1", "200"), ("1", "400")], true),
        ([("7", "200"), ("1", "200")], false),
        ([("1", "300"), ("1", "200")], false),
        ([("1", "and"), ("1", "200")], false),
    ];
    for (answers, comes_in) in cases {
        let context = Context::new();
        let router = Router::new(&context);
        router.bind(HANDLER).expect("nobody else has it");
        let (pull, events, at) = guarded_pull(&context, zap(&context).deadline(PATIENCE), place);
        let push = Push::builder(&context)
            .security(plain("anna", "secret"))
            .reconnect_interval(PATIENCE)
            .build();
        push.connect(&at).expect("connects");
        let (from, _) = question(&router);
        for (id, status) in answers {
            // The second may come when who asked has gone.
            let _ = router.send_to(&from, answer(id, status));
        }
        let event = wait_for_event(&events, "of the decision", |kind| {
            matches!(
                kind,
                EventKind::HandshakeFailed(_) | EventKind::HandshakeSucceeded
            )
        });
        assert_eq!(
            event.kind == EventKind::HandshakeSucceeded,
            comes_in,
            "{answers:?}"
        );
        if comes_in {
            push.send("hello").expect("sent");
            assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
        }
        assert_eq!(pull.stats().handshakes, u64::from(comes_in));
    }
}

fn a_router_decides_for_two_domains_in_any_order(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    router.bind(HANDLER).expect("nobody else has it");
    let guarded = |domain: &'static str| {
        let security = Security::plain_server(Security::zap(&context, domain)).deadline(PATIENCE);
        guarded_pull(&context, security, place)
    };
    let (north, _north_events, north_at) = guarded("north");
    let (south, south_events, south_at) = guarded("south");
    for round in 0..10 {
        let pushes = [&north_at, &south_at].map(|at| {
            let push = Push::builder(&context)
                .security(plain("anna", "secret"))
                .build();
            push.connect(at).expect("connects");
            push
        });
        let mut questions = [question(&router), question(&router)];
        if round % 2 == 0 {
            questions.reverse();
        }
        for (from, question) in questions {
            let status = if question[2] == "north" { "200" } else { "400" };
            router
                .send_to(&from, answer("1", status))
                .expect("it waits");
        }
        pushes[0].send(round.to_string()).expect("sent");
        let (peer, message) = north.recv_from_timeout(PATIENCE).expect("received");
        assert_eq!((&*peer.user, message), ("anna", round.to_string().into()));
        wait_for_event(&south_events, "of the refusal", |kind| {
            reason(kind).is_some()
        });
    }
    assert_eq!(south.stats().handshakes, 0);
}
