//! What the system knows about this process.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process open `count` files, if the system allows it at all.
pub(crate) fn allow_open_files(count: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < count) {
        let raised = Rlimit {
            current: Some(maximum.map_or(count, |maximum| maximum.min(count))),
            maximum,
        };
        setrlimit(Resource::Nofile, raised).expect("up to the hard limit it is allowed");
    }
    let current = getrlimit(Resource::Nofile).current;
    assert!(
        current.is_none_or(|current| current >= count),
        "this test needs {count} open files, and the hard limit is {current:?}"
    );
}

/// Lets this process open `count` more files and no others.
pub(crate) fn forbid_more_files(count: usize) {
    // Numbers are given from the lowest free one, so that a probe tells how many are taken.
    let probe = std::net::UdpSocket::bind("127.0.0.1:0").expect("a file can be opened");
    let lowest_free = std::os::fd::AsRawFd::as_raw_fd(&probe);
    let limit = Rlimit {
        current: Some(lowest_free as u64 + count as u64),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    setrlimit(Resource::Nofile, limit).expect("less is always allowed");
}

/// Open files of this process; `None` where the system does not tell.
pub(crate) fn open_files() -> Option<usize> {
    // The directory being read counts for one.
    Some(fs::read_dir("/proc/self/fd").ok()?.count() - 1)
}

/// Bytes of this process in memory; `None` where the system does not tell.
pub(crate) fn resident_memory() -> Option<usize> {
    status("VmRSS:")
}

/// The most bytes that this process ever had in memory; `None` where the system does not tell.
pub(crate) fn peak_memory() -> Option<usize> {
    status("VmHWM:")
}

/// How many threads of this process have a name that begins so; `None` where the system does not tell.
pub(crate) fn threads_named(prefix: &str) -> Option<usize> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    Some(names.filter(|name| name.starts_with(prefix)).count())
}

fn status(field: &str) -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
