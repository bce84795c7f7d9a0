//! What endpoints are called: by those who bind and let go of them, and in errors.

mod support;

use std::error::Error;
use std::path::{Path, PathBuf};

use highwater::{
    BindError, ConnectError, Context, EndpointError, EndpointState, LinkError, Pull, Push,
    ReadyError, Transport,
};
use support::{MOMENT, PATIENCE, Place, over_every_transport, wait_until};

over_every_transport!(what_was_bound_or_connected_goes_by_the_text_that_was_given);

fn what_was_bound_or_connected_goes_by_the_text_that_was_given(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let text = match place.transport() {
        Transport::Tcp => "tcp://*:*".to_owned(),
        Transport::Ipc => "ipc://*".to_owned(),
        _ => place.any(),
    };
    let at = pull.bind(&*text).expect("bound");
    pull.pause_accepting(&*text).expect("it is bound by that");
    pull.resume_accepting(&*text).expect("it is bound by that");
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    push.send("through").expect("room");
    assert_eq!(pull.recv().expect("a message"), "through");
    push.disconnect(&at).expect("it is connected there");
    pull.unbind(&*text).expect("it is bound by that");
    assert_eq!(pull.local_endpoints(), []);
    let gone = pull.unbind(&*text);
    assert!(
        matches!(gone, Err(EndpointError::NotFound(named)) if named == text.parse().expect("good"))
    );
    pull.bind(&at).expect("it is free again");
    pull.stop_accepting(&at).expect("it is bound there");
}

/// Names and interfaces, where the name that `bind` gives back is another.
#[test]
fn names_and_wildcards_can_be_let_go_of_as_they_were_bound() {
    let names = ["tcp://localhost:0", "tcp://127.0.0.1:*", "tcp://*:0"];
    let interface = cfg!(target_os = "linux").then_some("tcp://lo:0");
    for text in names.into_iter().chain(interface) {
        let pull = Pull::new(&Context::new());
        let at = pull.bind(text).expect(text);
        assert_ne!(at.to_string(), text);
        pull.stop_accepting(text).expect("it is bound by that");
        assert_eq!(pull.local_endpoints(), [], "{text}");
        let again = pull.bind(&at).expect("it is free");
        pull.unbind(&again).expect("it is bound there");
        pull.unbind(text).expect_err("that was the same one");
    }
}

#[test]
fn of_several_that_were_bound_by_one_text_the_first_goes() {
    let pull = Pull::new(&Context::new());
    let [first, second] = [0, 1].map(|_| pull.bind("tcp://127.0.0.1:*").expect("bound"));
    let named = pull.bind(&first);
    assert!(matches!(named, Err(BindError::Io { .. })), "it is in use");
    pull.unbind("tcp://127.0.0.1:*").expect("two are bound so");
    assert_eq!(pull.local_endpoints(), [second]);
    pull.unbind("tcp://127.0.0.1:0").expect("one is");
    pull.unbind("tcp://127.0.0.1:*").expect_err("none is");
}

fn fresh_directory(at: &highwater::Endpoint) -> PathBuf {
    let path = at.path().expect("a path");
    path.parent().expect("a directory").to_owned()
}

#[test]
fn the_path_of_a_wildcard_can_be_bound_again_and_leaves_nothing_behind() {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind("ipc://*").expect("bound");
    let directory = fresh_directory(&at);
    for _ in 0..3 {
        assert!(directory.exists());
        pull.unbind(&at).expect("it is bound there");
        wait_until("the directory goes", || !directory.exists());
        assert_eq!(pull.bind(&at).expect("it is free"), at);
    }
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    push.wait_until_ready(&at, PATIENCE).expect("it listens");
    // A successor that comes before the directory has gone sees to its end.
    pull.stop_accepting(&at).expect("it is bound there");
    let next = Pull::builder(&context).ipc_permissions(0o666).build();
    next.bind(&at).expect("it is free");
    drop(pull);
    assert!(at.path().is_some_and(Path::exists));
    drop((next, push));
    wait_until("the directory goes", || !directory.exists());
}

/// Each text of the chain of causes, beginning with the error's own.
fn chain(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

/// Whether `error` says each of `things`, and in the whole chain of causes says it once.
fn says_once(error: &dyn Error, things: &[&str]) {
    let texts = chain(error);
    for thing in things {
        assert!(
            texts[0].contains(thing),
            "{texts:?} does not begin by saying {thing}"
        );
        let said: usize = texts.iter().map(|text| text.matches(thing).count()).sum();
        assert_eq!(said, 1, "{texts:?} on {thing}");
    }
}

#[test]
fn errors_say_each_thing_once() {
    let context = Context::new();
    let pull = Pull::new(&context);
    let error = pull.bind("ipc:///no/such/directory/a").expect_err("none");
    says_once(&error, &["ipc:///no/such/directory/a", "No such file"]);
    assert!(matches!(&error, BindError::Io { source, .. } if source.raw_os_error().is_some()));

    let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
    let error = Pull::new(&context).bind(&at).expect_err("in use");
    says_once(&error, &[&at.to_string(), "address in use"]);
    let name = pull.bind("inproc://taken").expect("bound");
    let error = Pull::new(&context).bind(&name).expect_err("in use");
    says_once(&error, &["inproc://taken", "in use"]);

    let error = pull.bind("tcp://192.0.2.1:0").expect_err("not ours");
    says_once(&error, &["tcp://192.0.2.1:0", "assign requested address"]);
    let error = pull.bind("tcp://127.0.0.1").expect_err("no port");
    says_once(&error, &[":port"]);
    let error = pull.connect("tcp://*:5").expect_err("a wildcard");
    says_once(&error, &["wildcard"]);
    assert!(matches!(error, ConnectError::Invalid(_)));
    let error = pull.unbind("tcp://*:0").expect_err("not bound so");
    says_once(&error, &["tcp://*:0"]);
    let error = Pull::builder(&context).backlog(0).build();
    says_once(
        &error.bind("tcp://*:0").expect_err("no backlog"),
        &["backlog"],
    );

    let push = Push::new(&context);
    push.connect("ipc:///no/such/directory/a")
        .expect("connecting");
    wait_until("it fails", || {
        let state = push.endpoint_state("ipc:///no/such/directory/a");
        matches!(state, Ok(EndpointState::Retrying { .. }))
    });
    let error = push.wait_until_ready("ipc:///no/such/directory/a", MOMENT);
    let error = error.expect_err("nobody is there");
    assert!(matches!(
        error,
        ReadyError::Timeout {
            last_error: Some(_)
        }
    ));
    says_once(&error, &["No such file", "not connected"]);
}

#[test]
fn an_unknown_interface_is_called_an_interface() {
    if !cfg!(target_os = "linux") {
        return; // elsewhere the system knows no interface by its name when binding
    }
    let pull = Pull::new(&Context::new());
    for text in [
        "tcp://no-such-if:0",
        "tcp://[fe80::1%no-such-if]:0",
        "tcp://[fe80::1%99999]:0",
    ] {
        let error = pull.bind(text).expect_err(text);
        says_once(&error, &["interface", text]);
        assert!(matches!(error, BindError::Io { .. }));
    }
    let device = Pull::builder(&Context::new()).bind_to_device("no-such-if".to_owned());
    let error = device.build().bind("tcp://127.0.0.1:0").expect_err("none");
    says_once(&error, &["interface", "no-such-if", "SO_BINDTODEVICE"]);

    let push = Push::new(&Context::new());
    let device = Push::builder(&Context::new()).bind_to_device("no-such-if".to_owned());
    let bound = device.build();
    for (push, text) in [
        (&push, "tcp://[fe80::1%no-such-if]:5"),
        (&push, "tcp://[fe80::1%99999]:5"),
        (&push, "tcp://no-such-if:0;127.0.0.1:5"),
        (&bound, "tcp://127.0.0.1:5"),
    ] {
        push.connect(text).expect("connecting");
        let mut last = None;
        wait_until("it fails", || {
            if let Ok(EndpointState::Retrying { cause, .. }) = push.endpoint_state(text) {
                last = Some(cause);
            }
            last.is_some()
        });
        let cause = last.expect("it failed");
        assert!(
            matches!(cause, LinkError::Resolve { .. }),
            "{text}: {cause}"
        );
        says_once(&cause, &["interface"]);
    }
}

#[test]
fn port_zero_is_called_zero() {
    for (text, name) in [
        ("tcp://*:*", "tcp://*:0"),
        ("tcp://[::1]:*", "tcp://[::1]:0"),
        ("tcp://127.0.0.9:*;a:5", "tcp://127.0.0.9:0;a:5"),
    ] {
        let endpoint: highwater::Endpoint = text.parse().expect("a good endpoint");
        assert_eq!(endpoint.to_string(), name);
        assert_eq!(name.parse(), Ok(endpoint));
    }
}
