//! Security against libzmq, in both directions: PLAIN, NULL with ZAP, and with the feature `curve` CURVE.

mod support;

use std::time::Duration;

use highwater::security::{Passwords, Security};
use highwater::{Context, EventKind, LinkError, ProtocolError, Pull, Push, Rep};
use support::{PATIENCE, Place, Python, guarded_pull, over_each_transport, wait_for_event};

over_each_transport!(
    a_client_of_libzmq_comes_in_by_name_and_password,
    a_client_of_libzmq_with_a_wrong_password_is_refused,
    a_client_of_libzmq_is_decided_about_by_a_zap_handler,
    an_authenticator_of_pyzmq_lets_our_client_in,
    an_authenticator_of_pyzmq_refuses_our_client,
);

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A PUSH of libzmq that connects with these options.
fn libzmq_push(python: &mut Python, options: &[(&str, &str)], at: &highwater::Endpoint) {
    assert_eq!(python.ask("new push PUSH"), "");
    for (name, value) in options {
        assert_eq!(python.ask(&format!("set push {name} {value}")), "");
    }
    assert_eq!(python.ask(&format!("connect push {at}")), "");
}

fn a_client_of_libzmq_comes_in_by_name_and_password(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let context = Context::new();
    let users = Passwords::from([("anna", "secret")]);
    let pull = Pull::builder(&context)
        .security(Security::plain_server(users))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let options = [("PLAIN_USERNAME", ":anna"), ("PLAIN_PASSWORD", ":secret")];
    libzmq_push(&mut python, &options, &at);
    assert_eq!(python.ask(&format!("send push {}", hex("hello"))), "");
    let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!((&*peer.user, message), ("anna", "hello".into()));
}

fn a_client_of_libzmq_with_a_wrong_password_is_refused(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let context = Context::new();
    let users = Passwords::from([("anna", "secret")]);
    let (pull, events, at) = guarded_pull(&context, Security::plain_server(users), place);
    let options = [("PLAIN_USERNAME", ":anna"), ("PLAIN_PASSWORD", ":wrong")];
    libzmq_push(&mut python, &options, &at);
    wait_for_event(&events, "of the refusal", |kind| {
        matches!(
            kind,
            EventKind::HandshakeFailed(LinkError::Denied { who, .. }) if who == "anna"
        )
    });
    assert_eq!(pull.stats().handshakes, 0);
}

fn a_client_of_libzmq_is_decided_about_by_a_zap_handler(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let context = Context::new();
    let handler = Rep::new(&context);
    handler
        .bind("inproc://zeromq.zap.01")
        .expect("nobody has it");
    let thread = std::thread::spawn(move || {
        while let Ok(request) = handler.recv() {
            let frames = request.message().frames().to_vec();
            let status = if frames[6] == "anna" { "200" } else { "400" };
            let (id, user) = (frames[1].clone(), frames[6].clone());
            let answer: [highwater::Frame; 6] =
                ["1.0".into(), id, status.into(), "".into(), user, "".into()];
            // The socket that asked may have given up.
            let _ = request.reply(answer);
        }
    });
    let pull = Pull::builder(&context)
        .security(Security::plain_server(Security::zap(&context, "test")))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let options = [("PLAIN_USERNAME", ":anna"), ("PLAIN_PASSWORD", ":any")];
    libzmq_push(&mut python, &options, &at);
    assert_eq!(python.ask(&format!("send push {}", hex("hello"))), "");
    let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!((&*peer.user, message), ("anna", "hello".into()));
    context.shutdown();
    support::joined_soon("the handler", thread);
}

/// A PULL of libzmq behind a `ThreadAuthenticator` that knows anna; where it is bound.
fn libzmq_server(python: &mut Python, place: &Place) -> String {
    assert_eq!(python.ask("authenticate"), "");
    assert_eq!(python.ask("users test anna secret"), "");
    assert_eq!(python.ask("new pull PULL"), "");
    assert_eq!(python.ask("set pull ZAP_DOMAIN :test"), "");
    assert_eq!(python.ask("set pull PLAIN_SERVER 1"), "");
    let at = match place.transport() {
        highwater::Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
        _ => place.vacant(),
    };
    python.ask(&format!("bind pull {at}"))
}

fn an_authenticator_of_pyzmq_lets_our_client_in(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let at = libzmq_server(&mut python, place);
    let context = Context::new();
    let anna = Security::plain_client("anna", "secret").expect("short");
    let push = Push::builder(&context).security(anna).build();
    push.connect(at.as_str()).expect("connects");
    push.send("hello").expect("sent");
    assert_eq!(python.ask("recv pull"), hex("hello"));
    assert_eq!(push.peers()[0].mechanism, "PLAIN");
}

fn an_authenticator_of_pyzmq_refuses_our_client(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let at = libzmq_server(&mut python, place);
    let context = Context::new();
    let anna = Security::plain_client("anna", "wrong").expect("short");
    let push = Push::builder(&context)
        .security(anna)
        .reconnect_interval(Duration::from_millis(5))
        .build();
    let events = push.monitor();
    push.connect(at.as_str()).expect("connects");
    let event = wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    let refused = LinkError::Protocol(ProtocolError::PeerError {
        reason: "400".to_owned(),
    });
    assert_eq!(event.kind, EventKind::GaveUp(refused));
}
