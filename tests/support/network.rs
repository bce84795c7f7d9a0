//! Networks of their own: this test program, run again in namespaces that nobody else sees.
//!
//! A namespace has no name and ends with its last process, so that nothing is left of it however a test ends.

use std::io::Write;
use std::process::Command;

use super::Child;

/// Namespaces for the network and for mounts, with all rights therein: of the superuser, or of anybody where the
/// system allows that.
const WAYS: [&[&str]; 2] = [
    &["unshare", "--net", "--mount"],
    &["unshare", "--map-root-user", "--net", "--mount"],
];

/// Nobody in particular, with no rights beyond those to the files of this user.
const NOBODY: &[&str] = &["unshare", "--user", "--net"];

/// Has a child play `role`, a whole test, in a network that is its own. Where the system permits none, says so loudly.
pub(crate) fn in_a_network_of_its_own(role: &str) {
    let mut reasons = Vec::new();
    for way in WAYS {
        let trial = "ip link set lo up && ip link add name near type veth peer name far";
        match permitted(way, &["sh", "-c", trial]) {
            Ok(()) => return Child::start_by(way, role).wait(),
            Err(reason) => reasons.push(reason),
        }
    }
    skipped(role, &reasons);
}

/// Has a child play `role`, a whole test, without the rights of the superuser.
pub(crate) fn as_nobody(role: &str) {
    match permitted(NOBODY, &["true"]) {
        Ok(()) => Child::start_by(NOBODY, role).wait(),
        Err(reason) => skipped(role, &[reason]),
    }
}

/// Runs `ip` (iproute2) with these words in the network of this process.
pub(crate) fn ip(words: &str) {
    let outcome = run(Command::new("ip").args(words.split(' ')));
    outcome.unwrap_or_else(|reason| panic!("ip {words}: {reason}"));
}

/// Puts the file `with` in the place of `path`, as this process sees it.
pub(crate) fn put_in_place(with: &std::path::Path, path: &str) {
    let outcome = run(Command::new("mount").arg("--bind").arg(with).arg(path));
    outcome.unwrap_or_else(|reason| panic!("cannot put a file at {path}: {reason}"));
}

fn permitted(way: &[&str], program: &[&str]) -> Result<(), String> {
    let (first, rest) = way.split_first().expect("a way is a program");
    run(Command::new(first).args(rest).args(program))
}

fn run(command: &mut Command) -> Result<(), String> {
    let outcome = command.output().map_err(|error| error.to_string())?;
    if outcome.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&outcome.stderr).trim().to_owned())
    }
}

/// Straight to the descriptor: what a test that passes prints is not shown.
fn skipped(role: &str, reasons: &[String]) {
    let _ = writeln!(
        std::io::stderr(),
        "skipped: NO TEST `{role}`, since there are no namespaces: {}",
        reasons.join("; ")
    );
}
