//! The decision by a folder of certificates (CURVE).
//!
//! Owns: the certificates that were read, and the thread that reads the folder.
//! Always true: a file that is not a certificate does not affect the others. It is reported once for each of its changes. The
//! thread ends with the last clone.
//! Must not know: sockets; it calls its watchers.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use highwater_curve::{Certificate, PublicKey};

use super::watchers::{Watcher, Watchers};
use super::{Authenticate, Candidate, Proof, Verdict};

/// A folder of certificates in the format of czmq and pyzmq: a peer with one of these keys may connect. Its user id is its key,
/// in Z85, and the metadata of the file becomes [`PeerInfo::granted`](crate::PeerInfo::granted). Clones share one folder.
///
/// A thread reads the folder once a second. The key of a new file is allowed from then on. If a file is removed or has another
/// key, the connections of peers with the former key end. A file that also has the secret key counts the same. A file whose name
/// ends with `.new` is ignored: write a certificate under such a name, then rename it. A file that is not a certificate, or a
/// secret key that other users may read, is reported by the event [`KeyFile`](crate::EventKind::KeyFile) of each socket that uses
/// the folder.
#[derive(Clone)]
pub struct KeyFolder(Arc<Folder>);

struct Folder {
    path: PathBuf,
    files: RwLock<HashMap<PathBuf, Known>>,
    /// Held while the folder is read.
    looking: Mutex<()>,
    watchers: Watchers,
    /// The drop of this sender ends the thread.
    _ends: Sender<()>,
}

/// A file, as it was last read.
#[derive(Debug, Clone)]
struct Known {
    /// `None` if the system does not tell its metadata.
    mark: Option<Mark>,
    /// How often the thread has read the file with this mark.
    reads: u8,
    /// `None` if it is not a certificate.
    certificate: Option<Certificate>,
    /// The flaw that is reported, if it has one.
    flaw: Option<String>,
}

impl Known {
    /// Whether the file is what it was when it was `seen`, and is not read again.
    ///
    /// Two writes in one tick of the file system's clock, of some milliseconds, leave the same mark. So the thread reads a file
    /// once more a second after it has first met a mark.
    fn is_settled(&self, mark: &Mark) -> bool {
        self.reads > 1 && self.mark.as_ref() == Some(mark)
    }

    fn unreadable(error: &io::Error) -> Self {
        Self {
            mark: None,
            reads: 0,
            certificate: None,
            flaw: Some(error.to_string()),
        }
    }
}

/// Metadata of which some field changes whenever the file changes, but not within one tick of the file system's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    inode: u64,
    len: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl KeyFolder {
    /// Reads a folder, and starts the thread that goes on reading it. Blocks on the file system.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or the system cannot start a thread.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let (ends, end) = bounded(0);
        let folder = Arc::new(Folder {
            path: path.as_ref().to_owned(),
            files: RwLock::default(),
            looking: Mutex::default(),
            watchers: Watchers::default(),
            _ends: ends,
        });
        folder.look(false)?;
        let watched = Arc::downgrade(&folder);
        std::thread::Builder::new()
            .name("highwater-keys".to_owned())
            .spawn(move || {
                let mut told = None;
                while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    let Some(folder) = watched.upgrade() else {
                        return;
                    };
                    let flaw = folder.look(true).err().map(|error| error.to_string());
                    if let Some(flaw) = flaw.as_ref().filter(|_| flaw != told) {
                        folder.complain(&folder.path, flaw);
                    }
                    told = flaw;
                }
            })?;
        Ok(Self(folder))
    }

    /// Reads the folder now, instead of within a second. Blocks on the file system.
    ///
    /// # Errors
    ///
    /// The folder cannot be read. The keys of the last time stay allowed.
    pub fn look(&self) -> io::Result<()> {
        self.0.look(false)
    }

    /// The keys whose owners may connect, as last read.
    pub fn keys(&self) -> Vec<PublicKey> {
        let files = self.0.files.read().unwrap_or_else(PoisonError::into_inner);
        keys(&files).collect()
    }
}

impl Folder {
    /// `in_time`: it is the thread that looks, a second after the last time.
    fn look(&self, in_time: bool) -> io::Result<()> {
        let _looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self
            .files
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut now = HashMap::new();
        let mut flawed = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "new") {
                continue;
            }
            let seen = before.get(&path);
            // `fs::metadata` follows a symbolic link; that of the entry would be the link's own.
            let known = match fs::metadata(&path)
                .map(|metadata| (metadata.is_file(), Mark::of(&metadata)))
            {
                Ok((true, mark)) => match seen.filter(|known| known.is_settled(&mark)) {
                    Some(known) => known.clone(),
                    None => {
                        let again = seen.filter(|known| known.mark.as_ref() == Some(&mark));
                        let reads = again.map_or(0, |known| known.reads) + u8::from(in_time);
                        read(&path, mark, reads)
                    }
                },
                Ok((false, _)) => continue,
                // It was removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => Known::unreadable(&error),
            };
            let is_new = seen.is_none_or(|seen| seen.mark != known.mark || seen.flaw != known.flaw);
            if let Some(flaw) = known.flaw.clone().filter(|_| is_new) {
                flawed.push((path.clone(), flaw));
            }
            now.insert(path, known);
        }
        let revoked: Vec<PublicKey> = keys(&before)
            .filter(|key| !keys(&now).any(|other| other == *key))
            .collect();
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = now;
        if !revoked.is_empty() {
            let is_meant = |key: Option<PublicKey>| key.is_some_and(|key| revoked.contains(&key));
            self.watchers
                .tell(|watcher| watcher.revoked(&|peer| is_meant(peer.key)));
        }
        for (path, flaw) in flawed {
            self.complain(&path, &flaw);
        }
        Ok(())
    }

    fn complain(&self, path: &Path, flaw: &str) {
        let path = path.display().to_string();
        self.watchers.tell(|watcher| watcher.flawed(&path, flaw));
    }
}

fn read(path: &Path, mark: Mark, reads: u8) -> Known {
    let mark = Some(mark);
    match Certificate::load(path) {
        Ok(certificate) => Known {
            mark,
            reads,
            flaw: certificate
                .readable_by_others()
                .then(|| "others may read the secret key in it".to_owned()),
            certificate: Some(certificate),
        },
        Err(error) => Known {
            mark,
            reads,
            certificate: None,
            flaw: Some({
                let told = error.to_string();
                let path = format!("{}: ", path.display());
                told.strip_prefix(&path).unwrap_or(&told).to_owned()
            }),
        },
    }
}

fn keys(files: &HashMap<PathBuf, Known>) -> impl Iterator<Item = PublicKey> {
    files
        .values()
        .filter_map(|known| known.certificate.as_ref())
        .map(Certificate::public)
}

impl Authenticate for KeyFolder {
    fn check(&self, who: &Candidate) -> Verdict {
        let Proof::Curve { key } = &who.proof else {
            return Verdict::deny();
        };
        let files = self.0.files.read().unwrap_or_else(PoisonError::into_inner);
        let mut certificates = files
            .values()
            .filter_map(|known| known.certificate.as_ref());
        match certificates.find(|certificate| certificate.public() == *key) {
            Some(certificate) => Verdict::Allow {
                user: key.to_string(),
                metadata: certificate
                    .metadata()
                    .map(|(name, value)| (name.to_owned(), value.to_owned().into()))
                    .collect(),
            },
            None => Verdict::deny(),
        }
    }

    fn watched_by(&self, watcher: Weak<dyn Watcher>) {
        let told = watcher.upgrade();
        self.0.watchers.add(watcher);
        let files = self.0.files.read().unwrap_or_else(PoisonError::into_inner);
        let flawed: Vec<(String, String)> = files
            .iter()
            .filter_map(|(path, known)| Some((path.display().to_string(), known.flaw.clone()?)))
            .collect();
        drop(files);
        if let Some(told) = told {
            for (path, flaw) in flawed {
                told.flawed(&path, &flaw);
            }
        }
    }
}

impl fmt::Debug for KeyFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyFolder").field(&self.0.path).finish()
    }
}

/// The time between two readings of a folder.
const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
