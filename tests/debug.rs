//! What `{:?}` shows of sockets, errors and messages: one line, and no contents.

mod support;

use std::fmt::Debug;
use std::time::Duration;

use highwater::{
    Context, Dealer, Interest, Message, Pair, Poll, Proxy, Pub, Pull, Push, Rep, Req, RequestError,
    Router, SendError, SocksProxy, Sub, TrySendError, XPub, XSub,
};
use support::{Child, PATIENCE, fork, leave, must_end, play_child, wait_until};

/// As short as a line in a log may be, whatever the socket has been through.
const LINE: usize = 400;

fn line(value: &impl Debug) -> String {
    let line = format!("{value:?}");
    assert!(line.len() <= LINE && !line.contains('\n'), "{line}");
    line
}

/// The whole line of a socket. It has the type alone while another thread holds the lock of the socket.
fn whole_line(socket: &impl Debug) -> String {
    let mut shown = String::new();
    wait_until("the lock of the socket is free", || {
        shown = line(socket);
        !shown.ends_with("{ .. }")
    });
    shown
}

#[test]
fn each_type_of_socket_is_one_line_of_type_endpoints_and_peers() {
    let context = Context::new();
    macro_rules! each {
        ($($socket:ident)+) => {$(
            let socket = $socket::new(&context);
            let at = socket.bind("tcp://127.0.0.1:0").expect("bound");
            socket.connect("inproc://elsewhere").expect("connecting");
            let name = stringify!($socket);
            assert_eq!(
                whole_line(&socket),
                format!("{name} {{ bound: [{at}], connected: [inproc://elsewhere], peers: 0 }}")
            );
            line(&$socket::builder(&context).send_timeout(Duration::ZERO));
        )+};
    }
    each!(Push Pull Pair Req Rep Dealer Router Pub Sub XPub XSub);
    assert!(line(&context).starts_with("Context { io_threads: 1"));
    line(&Context::builder());
}

#[test]
fn a_name_of_several_lines_is_shown_in_one() {
    let pull = Pull::new(&Context::new());
    let at = pull.bind("inproc://two\nlines").expect("bound");
    assert_eq!(line(&at), "Endpoint(inproc://two\\nlines)");
    assert!(whole_line(&pull).contains("[inproc://two\\nlines]"));
    line(&pull.bind(&at).expect_err("it is in use"));
    line(&pull.peers());
    assert_eq!(
        at.to_string(),
        "inproc://two\nlines",
        "its text is its name"
    );
}

#[test]
fn many_endpoints_peers_and_messages_stay_one_line() {
    let context = Context::new();
    let router = Router::new(&context);
    let at = router.bind("tcp://127.0.0.1:0").expect("bound");
    let dealers: Vec<_> = (0..50).map(|_| Dealer::new(&context)).collect();
    for (count, dealer) in dealers.iter().enumerate() {
        dealer.connect(&at).expect("connecting");
        dealer.send("secret").expect("room");
        router
            .connect(format!("inproc://{count}"))
            .expect("connecting");
    }
    router.wait_for_peers(50, PATIENCE).expect("all come");
    let shown = whole_line(&router);
    assert!(
        shown.contains("and 42 more") && shown.contains("peers: 50"),
        "{shown}"
    );
    assert!(!shown.contains("secret"));
    for dealer in &dealers {
        assert!(whole_line(dealer).contains(&at.to_string()));
    }
}

#[test]
fn whatever_holds_a_socket_is_one_line() {
    let context = Context::new();
    let (rep, mut req) = (Rep::new(&context), Req::new(&context));
    let at = rep.bind("tcp://127.0.0.1:0").expect("bound");
    req.connect(&at).expect("connecting");
    let mut poll = Poll::new().expect("descriptors");
    poll.add(&rep, Interest::READABLE);
    assert_eq!(line(&poll), "Poll { sockets: 1, descriptors: 0 }");
    let pending = req.send("secret").expect("a peer");
    line(&pending);
    let request = rep.recv().expect("a request");
    assert!(line(&request).starts_with("Request { message: Message(6 bytes), peer: Some(\"tcp://"));
    request.reply("secret").expect("it waits");
    pending.recv().expect("a reply");
    let (front, back) = (Router::new(&context), Dealer::new(&context));
    let proxy = Proxy::new(&front, &back);
    line(&proxy);
    line(&proxy.control());
    line(&proxy.spawn().expect("a thread"));
    line(&rep.retire(Duration::ZERO));
    line(&rep.monitor());
    line(&highwater::AsSocket::as_socket(&req));
    let socks = SocksProxy::new("127.0.0.1:9").expect("an address");
    let socks = socks.login("user", "secret").expect("short");
    let builder = Push::builder(&context).socks_proxy(socks);
    let shown = line(&builder);
    assert!(
        shown.contains("socks_proxy") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn errors_and_messages_show_sizes_and_no_contents() {
    let secret = || Message::from(["secret", "and more"]);
    let errors = [
        line(&secret()),
        line(&SendError::Timeout(secret())),
        line(&TrySendError::Full(secret())),
        line(&RequestError::NotSent(secret())),
        line(&secret().frames()),
        line(&Push::new(&Context::new()).try_send(secret())),
    ];
    for shown in errors {
        assert!(!shown.contains("secret") && shown.contains('6'), "{shown}");
    }
    let huge = Message::from(vec![highwater::Frame::from("secret"); 10_000]);
    assert_eq!(line(&huge), "Message(10000 frames: 60000 bytes)");
}

/// Printed from within the socket's own call: whatever lock that holds is not waited for.
#[test]
fn it_waits_for_nobody() {
    must_end("printing a socket inside its own call", || {
        let context = Context::new();
        let push = Push::new(&context);
        push.connect("inproc://elsewhere").expect("connecting");
        let shown = (0..3).map(|_| line(&push));
        push.send_many(shown).expect("room");
        assert!(whole_line(&push).contains("elsewhere"));
    });
}

#[test]
fn in_a_forked_child_it_has_the_type_alone() {
    must_end("forks", || assert_eq!(Child::start("forks").hear(), "done"));
}

#[test]
#[ignore = "played by child processes"]
fn child_process() {
    play_child(|role, say, _| {
        assert_eq!(role, ["forks"]);
        forks();
        say("done");
    });
}

/// Whatever the threads of the parent were doing, its child prints what it has from it.
fn forks() {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    pull.connect(push.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    std::thread::scope(|scope| {
        scope.spawn(|| while push.send("secret").is_ok() {});
        scope.spawn(|| while pull.recv().is_ok() {});
        for turn in 0..50 {
            let Some(child) = fork() else {
                leave(|| {
                    assert_eq!(line(&push), "Push { .. }");
                    assert_eq!(line(&pull), "Pull { .. }");
                    assert_eq!(line(&context), "Context { io_threads: 1, .. }");
                    line(&Push::builder(&context));
                });
            };
            child.end(&format!("printing, turn {turn}"));
        }
        context.shutdown();
    });
}
