//! The file of an `ipc://` listener: which process made it, and when it is removed.
//!
//! Owns: the file that a bind made, and for a wildcard the directory around it.
//! Always true: a file is removed only if no process serves it, or if it is the very file that this process made.
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

/// A file that a bind of this process made; removed on drop, if it is still the same file.
///
/// Must be dropped before its socket: while the socket is open, no other file can have the same inode number.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// Absolute, so that it stays right when the process changes its directory.
    path: PathBuf,
    id: FileId,
    origin: Origin,
    /// Dropped after the file in it has been removed.
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

    /// Sets the permissions of the very file that was made. In a directory that others can write, its path may now lead
    /// to another file or to a link.
    pub(super) fn set_permissions(&self, mode: u32) -> io::Result<()> {
        let permissions = fs::Permissions::from_mode(mode & 0o7777);
        let (path, _held) = self.fixed()?;
        if FileId::of(&fs::metadata(&path)?) != self.id {
            return Err(io::Error::other("another file is at its path"));
        }
        fs::set_permissions(&path, permissions)
    }

    /// A path that leads to the file now at our path, whatever is put there later, and the descriptor that keeps it
    /// valid.
    #[cfg(target_os = "linux")]
    fn fixed(&self) -> io::Result<(PathBuf, Option<OwnedFd>)> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = rustix::fs::open(&self.path, flags, Mode::empty())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
        if path.exists() {
            Ok((path, Some(held)))
        } else {
            // `/proc` is not mounted.
            Ok((self.path.clone(), None))
        }
    }

    /// Other systems have no such path: the file may be exchanged after the check.
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
            // If the file cannot be removed, the next listener finds it stale.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl FreshDirectory {
    /// A new directory in the system's temporary directory, named by `suffix` or a number near it. Other users can
    /// reach the socket in it only if `permissions` allow that.
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

    /// The directory of `path`, if a wildcard gave that path; made again if it was removed with its listener.
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
                // If the directory belongs to another user, the bind fails afterwards.
                let _ = directory.open_to(permissions);
                Some(directory)
            }
        }
    }

    /// Lets other users into the directory, if `permissions` give them the socket.
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
        // Fails if the directory holds a foreign file; it then stays for the owner of that file.
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

/// Frees `path`, at which a bind has found a file: removes a socket file that no process serves.
///
/// Two processes that find the same stale file at the same moment may still collide: no system call removes a file only
/// if it is a certain one. So the file is checked again just before.
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
        // The listener's queue is full, or the file belongs to a socket of another type.
        Some(Errno::AGAIN | Errno::INPROGRESS | Errno::INTR | Errno::PROTOTYPE) => Ok(Probe::Alive),
        _ => Err(error),
    }
}

/// How the names of fresh directories begin; 16 hexadecimal digits follow.
const PREFIX: &str = "highwater-";
/// The name of the socket in such a directory.
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
