//! A folder of certificates.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use highwater_curve::{Certificate, CertificateFileError, PublicKey};

use super::{Authenticate, Candidate, Proof, Verdict};

/// The certificates in a folder, of czmq or of pyzmq: who has one of these keys may come in, known by its key, with the
/// metadata of the file. A clone is the same folder.
///
/// Files with a secret key in them do no harm and let in likewise. A file whose name ends with `.new` is passed over: it is
/// being written.
#[derive(Clone)]
pub struct KeyFolder {
    path: PathBuf,
    files: Arc<RwLock<HashMap<PathBuf, Known>>>,
}

/// A file as it was when it was read.
#[derive(Debug, Clone)]
struct Known {
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    len: u64,
    /// `None` if it is no certificate.
    certificate: Option<Certificate>,
}

/// What a look at the folder has brought.
#[derive(Debug, Default)]
pub struct FolderNews {
    /// Keys that may come in now and could not before.
    pub added: Vec<PublicKey>,
    /// Keys that may no longer; their peers are to be ended.
    pub revoked: Vec<PublicKey>,
    /// Files that cannot be read, each told once for each change.
    pub unreadable: Vec<CertificateFileError>,
}

impl KeyFolder {
    /// Reads a folder. Blocks on the file system.
    ///
    /// # Errors
    ///
    /// The folder itself cannot be read.
    pub fn open(path: impl AsRef<Path>) -> io::Result<(Self, FolderNews)> {
        let folder = Self {
            path: path.as_ref().to_owned(),
            files: Arc::default(),
        };
        let news = folder.look()?;
        Ok((folder, news))
    }

    /// Looks for files that have come, gone or changed, by their names, lengths and times. Blocks on the file system.
    ///
    /// # Errors
    ///
    /// The folder itself cannot be read; what was known stays so.
    pub fn look(&self) -> io::Result<FolderNews> {
        let mut news = FolderNews::default();
        let mut now = HashMap::new();
        let before = self
            .files
            .read()
            .unwrap_or_else(|poison| poison.into_inner())
            .clone();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            // A link is followed: metadata of the entry would be the link's own. What has gone meanwhile is gone.
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            if !metadata.is_file() || path.extension().is_some_and(|ending| ending == "new") {
                continue;
            }
            let (modified, len) = ((metadata.mtime(), metadata.mtime_nsec()), metadata.len());
            let known = before
                .get(&path)
                .filter(|known| known.modified == modified && known.len == len);
            let known = known.cloned().unwrap_or_else(|| Known {
                modified,
                len,
                certificate: Certificate::load(&path)
                    .map_err(|error| news.unreadable.push(error))
                    .ok(),
            });
            now.insert(path, known);
        }
        let has = |files: &HashMap<PathBuf, Known>, key| keys(files).any(|other| other == key);
        news.added = keys(&now).filter(|key| !has(&before, *key)).collect();
        news.revoked = keys(&before).filter(|key| !has(&now, *key)).collect();
        *self
            .files
            .write()
            .unwrap_or_else(|poison| poison.into_inner()) = now;
        Ok(news)
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
        let files = self
            .files
            .read()
            .unwrap_or_else(|poison| poison.into_inner());
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
}

impl fmt::Debug for KeyFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyFolder").field(&self.path).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            folder.check(&Candidate {
                address: None,
                proof: Proof::Curve { key },
            })
        };
        save(1, "one");
        fs::write(at("bad.key"), "no certificate").expect("ours");
        let (folder, news) = KeyFolder::open(place.path()).expect("it is there");
        assert_eq!(news.added, [pair(1).public()]);
        assert!(news.unreadable[0].to_string().contains("bad.key"));
        let Verdict::Allow { user, metadata } = check(&folder, 1) else {
            panic!("the key is there");
        };
        assert_eq!(user, pair(1).public().to_string());
        assert_eq!(metadata, [("name".to_owned(), "one".into())]);
        assert_eq!(check(&folder, 2), Verdict::deny());

        save(2, "second");
        let news = folder.clone().look().expect("it is there");
        assert_eq!(
            (news.added.len(), news.revoked.len(), news.unreadable.len()),
            (1, 0, 0)
        );
        assert_ne!(check(&folder, 2), Verdict::deny());

        fs::remove_file(at("one.key")).expect("it is there");
        let news = folder.look().expect("it is there");
        assert_eq!(news.revoked, [pair(1).public()]);
        assert_eq!(check(&folder, 1), Verdict::deny());

        // Another key, and by its name another length.
        Certificate::public_only(pair(3).public())
            .save(at("second"), FileNames::Pyzmq)
            .expect("ours");
        let news = folder.look().expect("it is there");
        assert_eq!(
            (news.added, news.revoked),
            (vec![pair(3).public()], vec![pair(2).public()])
        );
        assert!(KeyFolder::open(at("nowhere")).is_err());
    }
}
