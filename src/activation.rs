//! Socket activation: listeners that a supervisor has opened and passed to the program that it starts.
//!
//! Owns: the reading of `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`.
//! Always true: a descriptor is given only if it is meant for this very process; as a duplicate, made without unsafe
//! code.
//! Must not know: sockets.
//! Source: sd_listen_fds(3).

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// A descriptor that a supervisor has handed to this process.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListenFd {
    /// The name that the supervisor gave to the descriptor; empty if it gave none.
    pub name: String,
    /// A duplicate of the descriptor, for `bind_fd`.
    pub fd: OwnedFd,
}

/// The number of the first descriptor; the others follow it.
const FIRST: i32 = 3;

/// A bound on the number of descriptors; no supervisor passes more.
const MOST: i32 = 4096;

/// The descriptors that a supervisor such as systemd has handed to this process; none, if there is no supervisor.
///
/// The descriptors are duplicates, closed on exec. The original ones stay open, here and in the supervisor. So the
/// addresses are not free before this process ends, and a peer that connects after the last socket is closed waits for
/// the next listener. The environment is not changed, so a second call gives the same descriptors. Linux 5.6 or later.
///
/// ```no_run
/// use highwater::{Context, Pull, listen_fds};
///
/// let pull = Pull::new(&Context::new());
/// for listener in listen_fds()? {
///     pull.bind_fd(listener.fd)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// `InvalidData` if the variables contradict each other; the system's error if it does not let a process duplicate its
/// own descriptors by number, as in some containers; `Unsupported` on systems without such a call.
pub fn listen_fds() -> io::Result<Vec<ListenFd>> {
    let variable = |name| std::env::var(name).ok();
    let Some(names) = announced(
        std::process::id(),
        variable("LISTEN_PID").as_deref(),
        variable("LISTEN_FDS").as_deref(),
        variable("LISTEN_FDNAMES").as_deref(),
    )
    .map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?
    else {
        return Ok(Vec::new());
    };
    (FIRST..)
        .zip(names)
        .map(|(number, name)| {
            Ok(ListenFd {
                name,
                fd: duplicate(number)?,
            })
        })
        .collect()
}

/// The named variable has an invalid value.
#[derive(Debug, PartialEq, Eq)]
struct Malformed(&'static str);

/// The names of the descriptors for this process; `None` if there are none.
fn announced(
    process: u32,
    pid: Option<&str>,
    count: Option<&str>,
    names: Option<&str>,
) -> Result<Option<Vec<String>>, Malformed> {
    let (Some(pid), Some(count)) = (pid, count) else {
        return Ok(None);
    };
    let pid: u32 = pid.parse().map_err(|_| Malformed("LISTEN_PID"))?;
    if pid != process {
        return Ok(None);
    }
    let count: i32 = count.parse().map_err(|_| Malformed("LISTEN_FDS"))?;
    if !(0..=MOST).contains(&count) {
        return Err(Malformed("LISTEN_FDS"));
    }
    let mut names = names.unwrap_or_default().split(':').map(str::to_owned);
    let named = (0..count)
        .map(|_| names.next().unwrap_or_default())
        .collect();
    Ok(Some(named))
}

/// Opens the number through a descriptor of this process, the only way that needs no unsafe code.
#[cfg(target_os = "linux")]
fn duplicate(number: i32) -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(this, number, PidfdGetfdFlags::empty())?)
}

#[cfg(not(target_os = "linux"))]
fn duplicate(_number: i32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable {} is not a number as it should be", self.0)
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_for_one_process_only() {
        let read = |pid, count, names| announced(7, pid, count, names);
        assert_eq!(read(None, Some("2"), None), Ok(None));
        assert_eq!(read(Some("7"), None, None), Ok(None));
        assert_eq!(read(Some("8"), Some("2"), None), Ok(None));
        let named = |names: &[&str]| Ok(Some(names.iter().map(|&name| name.to_owned()).collect()));
        assert_eq!(read(Some("7"), Some("2"), None), named(&["", ""]));
        assert_eq!(
            read(Some("7"), Some("2"), Some("a:b:c")),
            named(&["a", "b"])
        );
        assert_eq!(read(Some("7"), Some("2"), Some("a")), named(&["a", ""]));
    }

    #[test]
    fn numbers_that_are_none_are_told() {
        assert_eq!(
            announced(7, Some("x"), Some("2"), None),
            Err(Malformed("LISTEN_PID"))
        );
        for count in ["-1", "x", "5000"] {
            assert_eq!(
                announced(7, Some("7"), Some(count), None),
                Err(Malformed("LISTEN_FDS"))
            );
        }
    }
}
