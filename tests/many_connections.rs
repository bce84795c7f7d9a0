//! Two thousand connections to one socket: all served alike, cheap while idle, gone without a trace.

mod support;

use highwater::{ConnectError, Context, Endpoint, EventKind, LinkError, Pull, Push};
use rustix::process::{Resource, getrlimit, setrlimit};
use support::{
    Child, PATIENCE, RawPeer, allow_open_files, forbid_more_files, must_end, number, open_files,
    play_child, resident_memory, wait_until,
};

const CONNECTIONS: usize = 2000;
const EACH: usize = 3;

/// Not a test: the process at the other end.
#[test]
#[ignore = "the other tests run it"]
fn child_process() {
    play_child(|role, say, listen| {
        let at = match *role {
            ["push-to", at] => at,
            ["run-short-of-files"] => return run_short_of_files(say, listen),
            ["connect-short-of-files", at] => return connect_short_of_files(at, say, listen),
            _ => panic!("an unknown role: {role:?}"),
        };
        allow_open_files(CONNECTIONS as u64 + 200);
        let push = Push::new(&Context::new());
        for _ in 0..CONNECTIONS {
            push.connect(at).expect("connecting");
        }
        push.wait_for_peers(CONNECTIONS, PATIENCE)
            .expect("all are connected");
        say("connected");
        assert_eq!(listen(), "send");
        push.send_many((0..CONNECTIONS * EACH).map(|n| n.to_string()))
            .expect("sent");
        assert_eq!(listen(), "end");
        say(&format!("lost {}", push.close(PATIENCE).lost));
    });
}

#[test]
fn two_thousand_connections_to_one_pull() {
    must_end("two_thousand_connections_to_one_pull", || {
        allow_open_files(CONNECTIONS as u64 + 200);
        let pull = Pull::new(&Context::new());
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let (files, memory) = (open_files(), resident_memory());
        let mut child = Child::start(&format!("push-to {at}"));
        assert_eq!(child.hear(), "connected");
        pull.wait_for_peers(CONNECTIONS, PATIENCE)
            .expect("all are connected");
        if let (Some(before), Some(now)) = (memory, resident_memory()) {
            let each = (now - before) / CONNECTIONS;
            println!("info: {each} bytes of memory for each idle connection");
        }

        child.tell("send");
        let mut seen = vec![false; CONNECTIONS * EACH];
        for _ in 0..CONNECTIONS * EACH {
            let n = number(&pull.recv_timeout(PATIENCE).expect("received"));
            assert!(!std::mem::replace(&mut seen[n], true), "{n} came twice");
        }
        let stats = pull.stats();
        assert_eq!(stats.peers.len(), CONNECTIONS);
        assert!(
            stats
                .peers
                .iter()
                .all(|peer| peer.messages_received == EACH as u64),
            "the same for each connection"
        );
        assert_eq!(stats.handshakes, CONNECTIONS as u64);

        child.tell("end");
        assert_eq!(child.hear(), "lost 0");
        wait_until("all have gone", || pull.peers().is_empty());
        assert_eq!(pull.stats().disconnects, CONNECTIONS as u64);
        drop(child);
        if let Some(before) = files {
            // The other test of this program opens some meanwhile; two thousand would show all the same.
            wait_until("their files are closed", || {
                open_files().is_some_and(|now| now < before + 100)
            });
        }
    });
}

/// A listener in a process that may open only few more files.
fn run_short_of_files(say: &dyn Fn(&str), listen: &dyn Fn() -> String) {
    let pull = Pull::new(&Context::new());
    let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
    let events = pull.monitor();
    forbid_more_files(10);
    say(&at.to_string());
    support::wait_for_event(&events, "of a refusal", |kind| {
        matches!(kind, EventKind::AcceptFailed(_))
    });
    assert!(pull.stats().accepts_failed > 0);
    say("short of files");
    let message = pull.recv_timeout(PATIENCE).expect("received");
    say(message.to_str().expect("text was sent"));
    listen();
}

/// A socket that connects in a process that may open no more files, until it may.
fn connect_short_of_files(at: &str, say: &dyn Fn(&str), listen: &dyn Fn() -> String) {
    let hard = getrlimit(Resource::Nofile);
    let push = Push::new(&Context::new());
    forbid_more_files(0);
    let error = push.connect(at).expect_err("an I/O thread needs files");
    assert!(
        matches!(&error, ConnectError::Io { source, .. } if is_out_of_files(source.raw_os_error())),
        "{error:?}"
    );
    setrlimit(Resource::Nofile, hard).expect("as it was before");
    let events = push.monitor();
    // Nobody is there; the I/O thread is.
    push.connect("ipc:///nonexistent/path").expect("connecting");
    support::wait_for_event(&events, "of nobody there", |kind| {
        matches!(kind, EventKind::Retrying { .. })
    });
    push.disconnect("ipc:///nonexistent/path")
        .expect("it is connected there");
    forbid_more_files(0);
    push.connect(at).expect("connecting");
    push.send("sent in the end").expect("queued");
    for _ in 0..2 {
        support::wait_for_event(&events, "of a lack of files", |kind| {
            matches!(kind, EventKind::Retrying { cause: LinkError::Io { code, .. }, .. }
                if is_out_of_files(*code))
        });
    }
    assert_eq!(push.stats().queued_to_send, 1);
    setrlimit(Resource::Nofile, hard).expect("as it was before");
    say("enough files");
    listen();
}

fn is_out_of_files(code: Option<i32>) -> bool {
    code == Some(rustix::io::Errno::MFILE.raw_os_error())
}

#[test]
fn who_connects_and_runs_out_of_files_goes_on_when_there_are_some() {
    must_end("connecting without files", || {
        let pull = Pull::new(&Context::new());
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let mut child = Child::start(&format!("connect-short-of-files {at}"));
        assert_eq!(child.hear(), "enough files");
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, "sent in the end");
        child.tell("end");
        child.wait();
    });
}

#[test]
fn a_listener_that_runs_out_of_files_goes_on_when_there_are_some() {
    must_end(
        "a_listener_that_runs_out_of_files_goes_on_when_there_are_some",
        || {
            let mut child = Child::start("run-short-of-files");
            let at: Endpoint = child.hear().parse().expect("an endpoint");
            let many: Vec<_> = (0..20).map(|_| RawPeer::connect(&at)).collect();
            assert_eq!(child.hear(), "short of files");
            let push = Push::new(&Context::new());
            push.connect(&at).expect("connecting");
            push.send("served in the end").expect("queued");
            drop(many);
            assert_eq!(child.hear(), "served in the end");
            child.tell("end");
        },
    );
}
