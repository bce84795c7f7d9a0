//! The file behind an `ipc://` listener: whose it is, and when it goes.
//!
//! Owns: the file that a bind made, and for a wildcard the directory around it.
//! Always true: a file is removed only if nobody serves it any more, or if it is the very one that this process made.
//! Must not know: accepting, streams.

use std::fs;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{ListenFailure, ListenOperation};
use crate::origin::Origin;

/// A file that a bind of this process made; removed when dropped, if it is still the same one.
///
/// Drop it before its socket: while that is open, no other file can have the same number.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// Absolute, so that it stays right when the process changes its directory.
    path: PathBuf,
    id: FileId,
    origin: Origin,
    /// Dropped after the file has gone from it.
    directory: Option<FreshDirectory>,
}

/// A directory made for one wildcard listener; removed when dropped.
#[derive(Debug)]
pub(super) struct FreshDirectory(PathBuf);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// Takes charge of the file that a bind has just made at `path`.
    pub(super) fn just_bound(path: &Path, directory: Option<FreshDirectory>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let id = FileId::of(&fs::symlink_metadata(&path)?);
        Ok(Self {
            path,
            id,
            origin: Origin::here(),
            directory,
        })
    }

    /// Sets them on the very file that was made: in a directory into which others may write, there may be another one at
    /// its path meanwhile, or a link to one.
    pub(super) fn set_permissions(&self, mode: u32) -> io::Result<()> {
        let permissions = fs::Permissions::from_mode(mode & 0o7777);
        let (path, _held) = self.fixed()?;
        if FileId::of(&fs::metadata(&path)?) != self.id {
            return Err(io::Error::other("another file is at its path"));
        }
        fs::set_permissions(&path, permissions)
    }

    /// A path that leads to the file that is at our path now, whatever is put there afterwards, and what keeps it so.
    #[cfg(target_os = "linux")]
    fn fixed(&self) -> io::Result<(PathBuf, Option<OwnedFd>)> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = rustix::fs::open(&self.path, flags, Mode::empty())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
        if path.exists() {
            Ok((path, Some(held)))
        } else {
            // Nothing is mounted there.
            Ok((self.path.clone(), None))
        }
    }

    /// Elsewhere there is no such path: it may be exchanged after it was looked at.
    #[cfg(not(target_os = "linux"))]
    fn fixed(&self) -> io::Result<(PathBuf, Option<OwnedFd>)> {
        if fs::symlink_metadata(&self.path)?.is_symlink() {
            return Err(io::Error::other("a link is at its path"));
        }
        Ok((self.path.clone(), None))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if !self.origin.is_here() {
            // The parent of this process still serves it.
            std::mem::forget(self.directory.take());
            return;
        }
        let ours =
            fs::symlink_metadata(&self.path).is_ok_and(|metadata| FileId::of(&metadata) == self.id);
        if ours {
            // A file that cannot be removed is found stale by the next listener.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl FreshDirectory {
    /// A new directory in that for temporary files, named with `suffix` or a number near it. Others may reach into it
    /// only if `permissions` gives them the socket.
    pub(super) fn new(suffix: u64, permissions: Option<u32>) -> io::Result<Self> {
        let mut result = Err(io::ErrorKind::AlreadyExists.into());
        for attempt in 0..ATTEMPTS {
            let name = format!("{PREFIX}{:016x}", suffix.wrapping_add(attempt));
            let path = std::env::temp_dir().join(name);
            result = fs::DirBuilder::new()
                .mode(0o700)
                .create(&path)
                .map(|()| Self(path));
            match &result {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                _ => break,
            }
        }
        let directory = result?;
        directory.open_to(permissions)?;
        Ok(directory)
    }

    /// The directory of `path`, if that is a path as a wildcard gives; made again if it has gone with its listener.
    pub(super) fn of(path: &Path, permissions: Option<u32>) -> Option<Self> {
        let directory = path.parent()?;
        let suffix = directory.file_name()?.to_str()?.strip_prefix(PREFIX)?;
        let is_ours = path.file_name()? == SOCKET
            && suffix.len() == 16
            && suffix.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_ours {
            return None;
        }
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => None,
            _ => {
                let directory = Self(directory.to_owned());
                // If it is not ours to open, the socket in it cannot be bound.
                let _ = directory.open_to(permissions);
                Some(directory)
            }
        }
    }

    /// Lets others reach into it, if `permissions` gives them the socket.
    fn open_to(&self, permissions: Option<u32>) -> io::Result<()> {
        if permissions.is_some_and(|mode| mode & 0o077 != 0) {
            fs::set_permissions(&self.0, fs::Permissions::from_mode(0o711))?;
        }
        Ok(())
    }

    pub(super) fn socket_path(&self) -> PathBuf {
        self.0.join(SOCKET)
    }
}

impl Drop for FreshDirectory {
    fn drop(&mut self) {
        // Somebody may have put a file of their own into it; then it is theirs to clear.
        let _ = fs::remove_dir(&self.0);
    }
}

impl FileId {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// Makes way at `path`, where a bind has found something: removes the file of a socket that nobody serves any more.
///
/// Two processes that find the same stale file at the same moment may still trip over each other: nothing can remove a
/// file on the condition that it is a certain one. The file is looked at again just before.
pub(super) fn make_way(path: &Path, address: &SockAddr) -> Result<(), ListenFailure> {
    let look = || match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ListenFailure::during(ListenOperation::Probe)(error)),
    };
    let Some(found) = look()? else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ListenFailure::NotASocket);
    }
    match probe(address) {
        Ok(Probe::Alive) => return Err(ListenFailure::InUse),
        Ok(Probe::Gone) => return Ok(()),
        Ok(Probe::Stale) => {}
        Err(error) => return Err(ListenFailure::during(ListenOperation::Probe)(error)),
    }
    match look()? {
        None => Ok(()),
        Some(now) if FileId::of(&now) != FileId::of(&found) => Err(ListenFailure::InUse),
        Some(_) => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ListenFailure::during(ListenOperation::RemoveStale)(error))
            }
            _ => Ok(()),
        },
    }
}

enum Probe {
    Alive,
    Stale,
    Gone,
}

fn probe(address: &SockAddr) -> io::Result<Probe> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let Err(error) = socket.connect(address) else {
        return Ok(Probe::Alive);
    };
    match Errno::from_io_error(&error) {
        Some(Errno::CONNREFUSED) => Ok(Probe::Stale),
        Some(Errno::NOENT) => Ok(Probe::Gone),
        // Its queue is full, or it is bound by a socket of another type.
        Some(Errno::AGAIN | Errno::INPROGRESS | Errno::INTR | Errno::PROTOTYPE) => Ok(Probe::Alive),
        _ => Err(error),
    }
}

/// How the names of fresh directories begin; 16 hexadecimal digits follow.
const PREFIX: &str = "highwater-";
/// What stands in them.
const SOCKET: &str = "socket";

/// How many names for a fresh directory are tried.
const ATTEMPTS: u64 = 16;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn permissions_are_set_on_the_file_that_was_made_and_on_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let other = directory.path().join("other");
        fs::write(&other, "secret").expect("written");
        fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).expect("ours");
        let _listener = UnixListener::bind(&path).expect("bound");
        let file = SocketFile::just_bound(&path, None).expect("it is there");
        file.set_permissions(0o640).expect("it is ours");
        let mode = |path: &Path| {
            let metadata = fs::symlink_metadata(path).expect("it is there");
            metadata.permissions().mode() & 0o7777
        };
        assert_eq!(mode(&path), 0o640);
        // Somebody exchanges it for a link to what is not theirs, and then for that itself.
        fs::rename(&path, directory.path().join("away")).expect("moved");
        std::os::unix::fs::symlink(&other, &path).expect("linked");
        assert!(file.set_permissions(0o666).is_err());
        fs::remove_file(&path).expect("removed");
        fs::hard_link(&other, &path).expect("linked");
        assert!(file.set_permissions(0o666).is_err());
        assert_eq!(mode(&other), 0o600);
    }
}
