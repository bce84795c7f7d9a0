//! What the tests of this module share.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    ConnectProgress, ListenOptions, Listener, Stream, StreamOptions, Target, connect, listen,
    resolve_now,
};
use crate::endpoint::Endpoint;

pub(super) fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("a good endpoint")
}

pub(super) fn resolved(endpoint: &Endpoint) -> Target {
    resolve_now(endpoint)
        .expect("an endpoint without names")
        .swap_remove(0)
}

pub(super) fn wait_readable(socket: &impl AsFd) {
    wait(socket, PollFlags::IN);
}

pub(super) fn wait_writable(socket: &impl AsFd) {
    wait(socket, PollFlags::OUT);
}

fn wait(socket: &impl AsFd, flags: PollFlags) {
    let deadline = Timespec {
        tv_sec: 30,
        tv_nsec: 0,
    };
    let ready = poll(&mut [PollFd::new(socket, flags)], Some(&deadline)).expect("poll works");
    assert_eq!(ready, 1, "nothing happened in 30 s");
}

pub(super) fn listen_on(text: &str) -> Listener {
    listen(&endpoint(text), &ListenOptions::default(), 0).expect("it can be listened on")
}

/// Connects to `listener` and accepts: the connecting end, the accepted end.
pub(super) fn connected(listener: &Listener) -> (Stream, Stream) {
    let target = resolved(listener.endpoint());
    let (client, progress) = connect(&target, &StreamOptions::default()).expect("it listens");
    if progress == ConnectProgress::InProgress {
        wait_writable(&client);
    }
    assert!(client.take_error().expect("a socket").is_none());
    wait_readable(listener);
    (client, listener.accept().expect("somebody connected").0)
}

/// Two ends of a connection over TCP, and two of one over a Unix socket.
pub(super) fn every_pair() -> Vec<(Stream, Stream)> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = format!("ipc://{}/socket", directory.path().display());
    ["tcp://127.0.0.1:*", &path]
        .map(|text| connected(&listen_on(text)))
        .into()
}
