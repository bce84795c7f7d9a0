//! A relative `ipc://` path means what it meant when it was bound or connected, wherever the process is later.
//!
//! Alone in its file: the directory is the process's, and so every thread's.

mod support;

use highwater::{Context, Endpoint, EndpointError, Pull, Push, Rep, ReqPool};
use support::PATIENCE;

#[test]
fn a_relative_path_keeps_its_meaning_when_the_process_changes_its_directory() {
    let (here, there) = (tempfile::tempdir(), tempfile::tempdir());
    let here = here.expect("a directory");
    let there = there.expect("a directory");
    std::env::set_current_dir(&here).expect("it is there");
    let absolute = std::env::current_dir().expect("it is there").join("a.sock");
    let absolute = format!("ipc://{}", absolute.display());
    let context = Context::new();
    let push = Push::new(&context);
    push.connect("ipc://a.sock").expect("connecting");
    let other = Push::new(&context);
    other.connect("ipc://./a.sock").expect("connecting");

    std::env::set_current_dir(&there).expect("it is there");
    let pull = Pull::new(&context);
    let at = pull.bind(&*absolute).expect("bound");
    // Both have been looking for it while the process was elsewhere.
    push.wait_until_ready("ipc://a.sock", PATIENCE)
        .expect("it finds its peer");
    other
        .wait_until_ready(&at, PATIENCE)
        .expect("it finds its peer");
    pull.wait_for_peers(2, PATIENCE).expect("both");
    push.disconnect("ipc://a.sock")
        .expect("as it was connected");
    other.disconnect(&at).expect("as events call it");
    pull.unbind(&at).expect("it is bound there");

    let at = pull.bind("ipc://b.sock").expect("bound");
    std::env::set_current_dir(&here).expect("it is there");
    let path = at.path().expect("a path");
    assert!(path.is_absolute() && path.exists(), "{at}");
    assert_eq!(pull.local_endpoints(), std::slice::from_ref(&at));
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    push.send("through").expect("room");
    assert_eq!(pull.recv().expect("a message"), "through");
    pull.unbind("ipc://b.sock").expect("as it was bound");
    assert!(!path.exists());

    relative_and_absolute_name_the_same();
    a_pool_keeps_its_place(there.path());
    std::env::set_current_dir(&here).expect("it is there");

    // Too long as an absolute path: it is taken as it is, from where the process is now.
    let deep = here.path().join("d".repeat(100));
    std::env::set_current_dir({
        std::fs::create_dir(&deep).expect("made");
        &deep
    })
    .expect("it is there");
    let at = pull.bind("ipc://c.sock").expect("bound");
    assert_eq!(at, Endpoint::try_from("ipc://c.sock").expect("good"));
    std::env::set_current_dir("/").expect("it is there");
}

/// Whichever of the two texts was given, the other ends it as well.
fn relative_and_absolute_name_the_same() {
    let context = Context::new();
    let here = std::env::current_dir().expect("it is there");
    let absolute = format!("ipc://{}", here.join("d.sock").display());
    let texts = ["ipc://d.sock", "ipc://./d.sock", &absolute];
    for given in texts {
        for named in texts {
            let pull = Pull::new(&context);
            let push = Push::new(&context);
            pull.bind(given).expect("bound");
            push.connect(given).expect("connecting");
            push.wait_until_ready(named, PATIENCE)
                .expect("it finds its peer");
            pull.stop_accepting(named).expect("it listens there");
            push.disconnect(named).expect("it is connected there");
            pull.unbind(named).expect("it is bound there");
            assert!(pull.local_endpoints().is_empty());
            let again = pull.unbind(named).expect_err("it is not bound there");
            assert!(matches!(again, EndpointError::NotFound(_)), "{again}");
            let again = push.disconnect(named).expect_err("it is not connected");
            assert!(matches!(again, EndpointError::NotFound(_)), "{again}");
            let other = pull.unbind("ipc://e.sock");
            other.expect_err("another path");
        }
    }
}

/// The sockets that a pool makes later connect to where its first one did, wherever the process is then.
fn a_pool_keeps_its_place(elsewhere: &std::path::Path) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind("ipc://f.sock").expect("bound");
    let pool = ReqPool::new(&context, 3);
    pool.connect("ipc://f.sock").expect("connecting");
    std::env::set_current_dir(elsewhere).expect("it is there");
    // Nobody answers, so each request takes a socket of its own.
    let requests = [0, 1, 2].map(|_| pool.send("who").expect("there is room"));
    rep.wait_for_peers(requests.len(), PATIENCE)
        .expect("each socket has connected to the same place");
    drop(requests);
    pool.disconnect(&at).expect("it is connected there");
    let again = pool.disconnect("ipc://f.sock").expect_err("no more");
    assert!(matches!(again, EndpointError::NotFound(_)), "{again}");
}
