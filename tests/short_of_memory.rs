//! Where memory is short, the connection that asks for more ends, and neither the process nor another connection.
#![cfg(target_os = "linux")]

mod support;

use highwater::{Context, Endpoint, EventKind, FrameError, LinkError, ProtocolError, Pull, Push};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{Child, PATIENCE, RawPeer, must_end, play_child, wait_for_event};

/// Far more than the child may have.
const BODY: u64 = 1 << 30;

/// Not a test: the peer that the test starts as a process of its own.
#[test]
#[ignore = "the other tests run it"]
fn child_process() {
    play_child(|role, say, _| {
        assert_eq!(role, ["pull"]);
        let pull = Pull::builder(&Context::new())
            .max_message_size(None)
            .build();
        let events = pull.monitor();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let size = status
            .lines()
            .find_map(|line| line.strip_prefix("VmSize:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .expect("its size in KiB");
        let limit = Rlimit {
            current: Some((size << 10) + (300 << 20)),
            maximum: getrlimit(Resource::As).maximum,
        };
        setrlimit(Resource::As, limit).expect("less is always allowed");
        say(&at.to_string());
        let end = wait_for_event(&events, "of the end", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
        let no_memory =
            LinkError::Protocol(ProtocolError::Frame(FrameError::NoMemory { len: BODY }));
        assert!(
            matches!(&end.kind, EventKind::Disconnected { cause, .. } if *cause == no_memory),
            "{:?}",
            end.kind
        );
        say("it ended");
        let message = pull.recv_timeout(PATIENCE).expect("received");
        say(message.to_str().expect("text"));
    });
}

#[test]
fn a_body_for_which_there_is_no_memory_ends_its_connection_alone() {
    must_end("a body without memory", || {
        let child = Child::start("pull");
        let at: Endpoint = child.hear().parse().expect("an endpoint");
        let push = Push::new(&Context::new());
        push.connect(&at).expect("connecting");
        push.wait_for_peers(1, PATIENCE).expect("connected");
        let mut peer = RawPeer::connect_as("PUSH", &at);
        let mut header = vec![2];
        header.extend(BODY.to_be_bytes());
        assert!(peer.send(&header));
        let block = vec![7; 1 << 20];
        let mut sent = 0;
        while peer.send(&block) {
            sent += block.len() as u64;
            assert!(sent < BODY, "it took everything");
        }
        assert_eq!(child.hear(), "it ended");
        push.send("as ever").expect("sent");
        assert_eq!(child.hear(), "as ever");
    });
}
