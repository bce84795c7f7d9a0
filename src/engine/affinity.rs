//! Which processors an I/O thread may run on.

use std::io;

/// Binds the calling thread to these processors; to all of them if the list is empty.
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

/// Does nothing: other systems have no such call, or take it as advice only.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn pin(processors: &[usize]) -> io::Result<()> {
    if processors.is_empty() {
        Ok(())
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}
