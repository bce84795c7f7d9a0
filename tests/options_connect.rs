//! How a connecting socket goes about it: when it stops trying, what it says of its endpoints, and its proxy.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use highwater::{
    Builder, Context, Ended, EndpointError, EndpointState, EventKind, Linger, LinkError, Pull,
    Push, ReadyError, ReconnectStop, SocksProxy, Transport,
};
use support::{MOMENT, PATIENCE, Place, over_each_transport, wait_for_event, wait_until};

over_each_transport!(
    a_refused_connection_may_end_the_attempts,
    a_failed_handshake_may_end_the_attempts,
    a_lost_connection_may_end_the_attempts,
    an_endpoint_tells_how_it_is_doing,
    waiting_for_an_endpoint_ends_when_it_is_given_up,
);

/// Short pauses between attempts, so that a test is over soon.
fn quick<S>(builder: Builder<S>) -> Builder<S> {
    builder
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(40))
        .linger(Linger::Discard)
}

fn stopping(context: &Context, stop: ReconnectStop) -> Push {
    quick(Push::builder(context)).reconnect_stop(stop).build()
}

fn has_given_up(kind: &EventKind) -> bool {
    matches!(kind, EventKind::GaveUp(_))
}

fn a_refused_connection_may_end_the_attempts(place: &Place) {
    let push = stopping(&Context::new(), ReconnectStop::NEVER.after_refused());
    let events = push.monitor();
    push.connect(place.vacant()).expect("connecting");
    wait_for_event(&events, "of giving up", has_given_up);
    assert_eq!(push.stats().retries, 0);

    // The other conditions do not end them.
    let stop = ReconnectStop::NEVER
        .after_failed_handshake()
        .after_disconnect();
    let push = stopping(&Context::new(), stop);
    push.connect(place.vacant()).expect("connecting");
    wait_until("it tries again", || push.stats().retries >= 3);
}

fn a_failed_handshake_may_end_the_attempts(place: &Place) {
    // Lets nobody stay long enough to shake hands.
    let closing = Pull::builder(&Context::new()).connection_limit(0).build();
    let at = closing.bind(place.any()).expect("bound");
    let push = stopping(
        &Context::new(),
        ReconnectStop::NEVER.after_failed_handshake(),
    );
    let events = push.monitor();
    push.connect(&at).expect("connecting");
    wait_for_event(&events, "of giving up", has_given_up);
    assert_eq!(
        (push.stats().retries, push.stats().handshakes_failed),
        (0, 1)
    );

    let stop = ReconnectStop::NEVER.after_refused().after_disconnect();
    let push = stopping(&Context::new(), stop);
    push.connect(&at).expect("connecting");
    wait_until("it tries again", || push.stats().retries >= 3);
}

fn a_lost_connection_may_end_the_attempts(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    let push = quick(Push::builder(&context))
        .option("reconnect_stop", "disconnected")
        .expect("a condition")
        .build();
    let events = push.monitor();
    push.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    drop(pull);
    wait_for_event(&events, "of giving up", has_given_up);
    assert_eq!(push.stats().retries, 0);
}

fn an_endpoint_tells_how_it_is_doing(place: &Place) {
    let context = Context::new();
    let push = quick(Push::builder(&context)).build();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    match push.wait_until_ready(&*at, MOMENT) {
        Err(ReadyError::Timeout {
            last_error: Some(LinkError::Io { .. }),
        }) => {}
        other => panic!("{other:?}"),
    }
    match push.endpoint_state(&*at).expect("it is connected there") {
        EndpointState::Retrying {
            cause: LinkError::Io { .. },
            delay,
        } => assert!(delay <= Duration::from_millis(40)),
        EndpointState::Connecting {
            last_error: Some(LinkError::Io { .. }),
        } => {}
        other => panic!("{other:?}"),
    }

    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    push.wait_until_ready(&*at, PATIENCE).expect("ready within");
    assert_eq!(push.endpoint_state(&*at).ok(), Some(EndpointState::Ready));
    assert_eq!(push.peers().len(), 1);

    drop(pull);
    wait_until("the loss is told", || {
        let state = push.endpoint_state(&*at).expect("it is connected there");
        state.into_error().is_some()
    });
    push.disconnect(&*at).expect("it is connected there");
    assert!(matches!(
        push.endpoint_state(&*at),
        Err(EndpointError::NotFound(_))
    ));
    assert!(matches!(
        push.wait_until_ready(&*at, PATIENCE),
        Err(ReadyError::NotFound(_))
    ));
    assert!(matches!(
        push.wait_until_ready("nowhere", PATIENCE),
        Err(ReadyError::Invalid(_))
    ));
}

fn waiting_for_an_endpoint_ends_when_it_is_given_up(place: &Place) {
    for immediate in [false, true] {
        let push = quick(Push::builder(&Context::new()))
            .reconnect_attempts(2)
            .immediate(immediate)
            .build();
        let at = place.vacant();
        push.connect(&*at).expect("connecting");
        match push.wait_until_ready(&*at, PATIENCE) {
            Err(ReadyError::GivenUp(LinkError::Io { .. })) => {}
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            push.endpoint_state(&*at),
            Ok(EndpointState::GivenUp(LinkError::Io { .. }))
        ));
    }
}

#[test]
fn an_endpoint_within_the_process_has_a_state_too() {
    let place = Place::new(Transport::Inproc);
    let context = Context::new();
    let push = Push::new(&context);
    let at = place.any();
    push.connect(&*at).expect("connecting");
    assert_eq!(
        push.wait_until_ready(&*at, MOMENT),
        Err(ReadyError::Timeout { last_error: None })
    );
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    push.wait_until_ready(&*at, PATIENCE).expect("joined");
    drop(pull);
    wait_until("the end is told", || {
        matches!(push.endpoint_state(&*at), Ok(EndpointState::GivenUp(_)))
    });
}

#[test]
fn a_context_that_shuts_down_ends_the_wait_for_an_endpoint() {
    let context = Context::new();
    let push = quick(Push::builder(&context)).build();
    let at = Place::new(Transport::Tcp).vacant();
    push.connect(&*at).expect("connecting");
    let waiter = std::thread::spawn(move || push.wait_until_ready(&*at, PATIENCE));
    context.shutdown();
    assert_eq!(
        support::joined_soon("the waiter ends", waiter),
        Err(ReadyError::Ended(Ended::Terminated))
    );
}

/// What the test's proxy does with those who come.
#[derive(Clone)]
struct Rules {
    login: Option<(&'static str, &'static str)>,
    /// Where everybody is led, whatever they ask for.
    leads_to: SocketAddr,
    /// The answer to the request.
    reply: u8,
}

/// A proxy for one connection after the other; the requests it got.
fn proxy(rules: Rules) -> (SocketAddr, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    let (asked, requests) = unbounded();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (rules, asked) = (rules.clone(), asked.clone());
            std::thread::spawn(move || serve(client, &rules, &asked));
        }
    });
    (at, requests)
}

fn serve(
    mut client: TcpStream,
    rules: &Rules,
    asked: &crossbeam_channel::Sender<Vec<u8>>,
) -> Option<()> {
    let read = |client: &mut TcpStream, len: usize| {
        let mut bytes = vec![0; len];
        client.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let offer = read(&mut client, 2)?;
    let methods = read(&mut client, offer[1].into())?;
    if let Some((user, password)) = rules.login {
        assert!(methods.contains(&2), "a login is offered");
        client.write_all(&[5, 2]).ok()?;
        let login = [&[1, user.len() as u8], user.as_bytes()].concat();
        let login = [&login, &[password.len() as u8][..], password.as_bytes()].concat();
        let right = read(&mut client, login.len())? == login;
        client.write_all(&[1, u8::from(!right)]).ok()?;
        if !right {
            return None;
        }
    } else {
        client.write_all(&[5, 0]).ok()?;
    }
    let mut request = read(&mut client, 5)?;
    let rest = match request[3] {
        1 => 3 + 2,
        3 => usize::from(request[4]) + 2,
        _ => 15 + 2,
    };
    request.extend(read(&mut client, rest)?);
    asked.send(request).ok()?;
    if rules.reply != 0 {
        client.write_all(&[5, rules.reply]).ok()?;
        return None;
    }
    let mut target = TcpStream::connect(rules.leads_to).ok()?;
    // What the target says at once goes out together with the answer.
    let mut greeting = vec![0; 10];
    target.read_exact(&mut greeting).ok()?;
    let mut answer = vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    answer.append(&mut greeting);
    client.write_all(&answer).ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, target.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut target, &mut client).ok()?;
    Some(())
}

/// A PULL to reach, and its address.
fn target(context: &Context) -> (Pull, SocketAddr) {
    let pull = Pull::new(context);
    let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
    let address = (
        at.ip().expect("in figures"),
        at.port().expect("a real port"),
    );
    (pull, address.into())
}

#[test]
fn a_proxy_leads_to_the_peer() {
    let context = Context::new();
    let (pull, leads_to) = target(&context);
    let (at, requests) = proxy(Rules {
        login: None,
        leads_to,
        reply: 0,
    });
    let push = quick(Push::builder(&context))
        .option("socks_proxy", &at.to_string())
        .expect("an address")
        .build();
    push.connect(format!("tcp://{leads_to}"))
        .expect("connecting");
    push.send("a long way round").expect("queued");
    assert_eq!(
        pull.recv_timeout(PATIENCE).expect("received"),
        "a long way round"
    );
    let port = leads_to.port().to_be_bytes();
    assert_eq!(
        requests.recv_timeout(PATIENCE).expect("asked"),
        [&[5, 1, 0, 1, 127, 0, 0, 1][..], &port].concat()
    );
    // What is not tcp goes its own way.
    let (near, place) = (Pull::new(&context), Place::new(Transport::Ipc));
    push.disconnect(format!("tcp://{leads_to}"))
        .expect("it is connected there");
    push.connect(near.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.send("straight").expect("sent");
    assert_eq!(near.recv_timeout(PATIENCE).expect("received"), "straight");
}

#[test]
fn a_proxy_resolves_names_and_may_want_a_login() {
    let context = Context::new();
    let (pull, leads_to) = target(&context);
    let (at, requests) = proxy(Rules {
        login: Some(("alice", "secret")),
        leads_to,
        reply: 0,
    });
    let through = SocksProxy::new(&at.to_string())
        .and_then(|proxy| proxy.login("alice", "secret"))
        .expect("an address");
    let push = quick(Push::builder(&context)).socks_proxy(through).build();
    push.connect("tcp://only-the-proxy-knows.invalid:77")
        .expect("connecting");
    push.send("by name").expect("queued");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "by name");
    let request = requests.recv_timeout(PATIENCE).expect("asked");
    assert_eq!(request[5..], *b"only-the-proxy-knows.invalid\0\x4d");
}

#[test]
fn a_proxy_that_refuses_is_asked_again_later() {
    let context = Context::new();
    let (_pull, leads_to) = target(&context);
    let refusals = [
        (None, 5, "connection refused"),
        (Some(("alice", "secret")), 0, "refuses user or password"),
    ];
    for (login, reply, expected) in refusals {
        let (at, _requests) = proxy(Rules {
            login,
            leads_to,
            reply,
        });
        let through = SocksProxy::new(&at.to_string())
            .and_then(|proxy| proxy.login("alice", "sesame"))
            .expect("an address");
        let push = quick(Push::builder(&context)).socks_proxy(through).build();
        let events = push.monitor();
        push.connect(format!("tcp://{leads_to}"))
            .expect("connecting");
        for _ in 0..2 {
            let event = wait_for_event(&events, "of trying again", |kind| {
                matches!(kind, EventKind::Retrying { .. })
            });
            let EventKind::Retrying { cause, .. } = event.kind else {
                unreachable!("it was asked for");
            };
            assert!(matches!(cause, LinkError::Proxy { .. }), "{cause:?}");
            assert!(cause.to_string().contains(expected), "{cause}");
        }
    }
}

#[test]
fn a_proxy_that_says_nothing_is_given_up_in_time() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let at = silent.local_addr().expect("it is bound");
    let push = quick(Push::builder(&Context::new()))
        .socks_proxy(SocksProxy::new(&at.to_string()).expect("an address"))
        .connect_timeout(Duration::from_millis(50))
        .build();
    let events = push.monitor();
    push.connect("tcp://127.0.0.1:9").expect("connecting");
    wait_for_event(&events, "of trying again", |kind| {
        matches!(
            kind,
            EventKind::Retrying {
                cause: LinkError::ConnectTimeout,
                ..
            }
        )
    });
}

#[cfg(target_os = "linux")]
#[test]
fn io_threads_stay_on_their_processors() {
    let all = allowed("").expect("this process runs somewhere");
    let own = all.split([',', '-']).next_back().expect("a last one");
    let processor: usize = own.parse().expect("a number");
    let context = Context::builder()
        .thread_name("pinned")
        .io_threads(2)
        .io_affinity([processor])
        .build();
    let pull = Pull::new(&context);
    pull.bind("tcp://127.0.0.1:0").expect("the threads start");
    for name in ["pinned-io-0", "pinned-io-1"] {
        assert_eq!(allowed(name).as_deref(), Some(own), "{name}");
    }

    let nowhere = Context::builder().io_affinity([100_000]).build();
    assert!(matches!(
        Pull::new(&nowhere).bind("tcp://127.0.0.1:0"),
        Err(highwater::BindError::Io { .. })
    ));
}

/// The processors on which the thread whose name begins so may run.
#[cfg(target_os = "linux")]
fn allowed(name: &str) -> Option<String> {
    let field = |status: &str, field: &str| {
        let line = status.lines().find(|line| line.starts_with(field))?;
        Some(line[field.len()..].trim().to_owned())
    };
    std::fs::read_dir("/proc/self/task")
        .expect("the threads")
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
        .find(|status| field(status, "Name:").is_some_and(|found| found.starts_with(name)))
        .and_then(|status| field(&status, "Cpus_allowed_list:"))
}
