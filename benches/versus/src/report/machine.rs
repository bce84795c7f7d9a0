//! The versions that were measured, and the machine.

use crate::peers::Entry;

/// The version of a peer's package in this build.
pub(super) fn version(peer: &Entry) -> String {
    let locked = locked_version(include_str!("../../Cargo.lock"), peer.package).unwrap_or("?");
    #[cfg(feature = "libzmq")]
    if peer.name == crate::peers::LIBZMQ {
        let (major, minor, patch) = zmq::version();
        return format!("{major}.{minor}.{patch} through {} {locked}", peer.package);
    }
    if peer.library() == peer.package {
        locked.to_owned()
    } else {
        format!("({} {locked})", peer.package)
    }
}

pub(super) fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines
        .nth(1)?
        .strip_prefix("version = \"")?
        .strip_suffix('"')
}

/// Processor, cores and system.
pub(super) fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let release = read("/proc/sys/kernel/osrelease");
    format!(
        "{model}, {cores} cores, {} {}",
        std::env::consts::OS,
        release.trim()
    )
}
