//! Which processors an I/O thread may run on.

use std::io;

/// Keeps the calling thread on these processors; any, if there are none.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn pin(processors: &[usize]) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};

    if processors.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for processor in processors {
        if *processor >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        set.set(*processor);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Other systems have no such call, or only advice.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn pin(processors: &[usize]) -> io::Result<()> {
    if processors.is_empty() {
        Ok(())
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}
