//! A relative `ipc://` path means what it meant when it was bound or connected, wherever the process is later.
//!
//! Alone in its file: the directory is the process's, and so every thread's.

mod support;

use highwater::{Context, Endpoint, Pull, Push};
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
