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
    mark: Mark,
    /// `None` if it is not a certificate.
    certificate: Option<Certificate>,
    /// The flaw that is reported, if it has one.
    flaw: Option<String>,
}

/// Metadata of which some field changes whenever the file changes.
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
        folder.look()?;
        let watched = Arc::downgrade(&folder);
        std::thread::Builder::new()
            .name("highwater-keys".to_owned())
            .spawn(move || {
                while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    if let Some(folder) = watched.upgrade()
                        && let Err(error) = folder.look()
                    {
                        folder.complain(&folder.path, &error.to_string());
                    }
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
        self.0.look()
    }

    /// The keys whose owners may connect, as last read.
    pub fn keys(&self) -> Vec<PublicKey> {
        let files = self.0.files.read().unwrap_or_else(PoisonError::into_inner);
        keys(&files).collect()
    }
}

impl Folder {
    fn look(&self) -> io::Result<()> {
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
            // `fs::metadata` follows a symbolic link; that of the entry would be the link's own. It fails if the file was
            // removed meanwhile.
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            if !metadata.is_file() || path.extension().is_some_and(|ending| ending == "new") {
                continue;
            }
            let mark = Mark::of(&metadata);
            let known = before.get(&path).filter(|known| known.mark == mark);
            let known = known.cloned().unwrap_or_else(|| {
                let known = read(&path, mark);
                flawed.extend(known.flaw.clone().map(|flaw| (path.clone(), flaw)));
                known
            });
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

fn read(path: &Path, mark: Mark) -> Known {
    match Certificate::load(path) {
        Ok(certificate) => Known {
            mark,
            flaw: certificate
                .readable_by_others()
                .then(|| "others may read the secret key in it".to_owned()),
            certificate: Some(certificate),
        },
        Err(error) => Known {
            mark,
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
mod tests {
    use super::*;
    use crate::peer::PeerInfo;
    use highwater_curve::{FileNames, Keypair, SecretKey};

    fn pair(seed: u8) -> Keypair {
        Keypair::from_secret(SecretKey::from_bytes([seed; 32]))
    }

    #[test]
    fn files_that_come_go_and_change_are_noticed_and_a_bad_one_spoils_no_other() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        let save = |seed, name: &str| {
            Certificate::public_only(pair(seed).public())
                .with("name", name)
                .expect("good metadata")
                .save(at(name), FileNames::Pyzmq)
                .expect("the folder is ours");
        };
        let check = |folder: &KeyFolder, seed| {
            let key = pair(seed).public();
            folder.check(&Candidate::for_tests(Proof::Curve { key }))
        };
        save(1, "one");
        fs::write(at("bad.key"), "no certificate").expect("ours");
        let folder = KeyFolder::open(place.path()).expect("it is there");
        let heard = Arc::new(Heard::default());
        let watcher: Arc<dyn Watcher> = Arc::clone(&heard) as _;
        folder.watched_by(Arc::downgrade(&watcher));
        assert!(heard.flawed.lock().expect("whole")[0].contains("bad.key"));
        let Verdict::Allow { user, metadata } = check(&folder, 1) else {
            panic!("the key is there");
        };
        assert_eq!(user, pair(1).public().to_string());
        assert_eq!(metadata, [("name".to_owned(), "one".into())]);
        assert_eq!(check(&folder, 2), Verdict::deny());

        save(2, "second");
        folder.clone().look().expect("it is there");
        assert_ne!(check(&folder, 2), Verdict::deny());
        assert!(heard.revoked().is_empty());

        fs::remove_file(at("one.key")).expect("it is there");
        folder.look().expect("it is there");
        assert_eq!(heard.revoked(), [1]);
        assert_eq!(check(&folder, 1), Verdict::deny());

        // Another key under the same name.
        Certificate::public_only(pair(3).public())
            .save(at("second"), FileNames::Pyzmq)
            .expect("ours");
        folder.look().expect("it is there");
        assert_eq!(heard.revoked(), [2]);
        assert_eq!(folder.keys(), [pair(3).public()]);

        // Nobody looks but the thread.
        save(4, "fourth");
        let begun = std::time::Instant::now();
        while check(&folder, 4) == Verdict::deny() {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody looks");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(heard.flawed.lock().expect("whole").len(), 1, "told once");
        assert!(KeyFolder::open(at("nowhere")).is_err());
    }

    /// What a watcher has heard.
    #[derive(Default)]
    struct Heard {
        revoked: Mutex<Vec<u8>>,
        flawed: Mutex<Vec<String>>,
    }

    impl Heard {
        /// The seeds of the keys that were revoked since the last call.
        fn revoked(&self) -> Vec<u8> {
            std::mem::take(&mut *self.revoked.lock().expect("whole"))
        }
    }

    impl Watcher for Heard {
        fn revoked(&self, is_meant: &dyn Fn(&PeerInfo) -> bool) {
            for seed in 1..10 {
                let mut peer = PeerInfo::for_tests("");
                peer.key = Some(pair(seed).public());
                if is_meant(&peer) {
                    self.revoked.lock().expect("whole").push(seed);
                }
            }
        }

        fn flawed(&self, path: &str, _: &str) {
            self.flawed.lock().expect("whole").push(path.to_owned());
        }
    }
}
