//! Certificates in files.
//!
//! Owns: the names, modes and sizes of certificate files.
//! Always true: a file is there whole or not at all; one with a secret key is readable by its owner alone from the moment
//! it exists. No more than 64 KiB of a file are read.
//! Must not know: what stands in a certificate.
//! Source: czmq `zcert_save` (NAME and NAME_secret), pyzmq `create_certificates` (NAME.key and NAME.key_secret).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::certificate::{Certificate, CertificateError};

/// How the files of a certificate are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileNames {
    /// `NAME` and `NAME_secret`.
    Czmq,
    /// `NAME.key` and `NAME.key_secret`.
    Pyzmq,
}

impl FileNames {
    /// The files for the public key and for both.
    pub fn of(self, name: &Path) -> (PathBuf, PathBuf) {
        let ending = match self {
            Self::Czmq => "",
            Self::Pyzmq => ".key",
        };
        let public = extended(name, ending);
        let secret = extended(&public, "_secret");
        (public, secret)
    }
}

impl Certificate {
    /// Reads a certificate, of either kind, from a file. Blocks on the file system.
    ///
    /// Whether others may read a secret key in it is told by [`readable_by_others`](Self::readable_by_others).
    ///
    /// # Errors
    ///
    /// [`CertificateFileError`] with the path: the file cannot be read, is longer than 64 KiB, or is no certificate.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CertificateFileError> {
        let path = path.as_ref();
        read(path).map_err(|reason| CertificateFileError {
            path: path.to_owned(),
            reason,
        })
    }

    /// Writes two files, or without a secret key only the first: `name` with the endings of `names`, the one with the
    /// secret key with mode 0600. Files of these names are replaced. Blocks on the file system.
    ///
    /// # Errors
    ///
    /// [`CertificateFileError`] with the path that cannot be written.
    pub fn save(
        &self,
        name: impl AsRef<Path>,
        names: FileNames,
    ) -> Result<(), CertificateFileError> {
        let (public, secret) = names.of(name.as_ref());
        if let Some(text) = self.to_secret_text() {
            write(&secret, text.as_bytes(), 0o600)?;
        }
        write(&public, self.to_public_text().as_bytes(), 0o644)
    }
}

/// A file of a certificate that could not be read or written.
#[derive(Debug)]
pub struct CertificateFileError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub reason: CertificateFileFlaw,
}

/// Why a file of a certificate could not be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum CertificateFileFlaw {
    /// The system refuses.
    Io(io::Error),
    /// It is a folder, a pipe or a device.
    NoFile,
    /// It is longer than 64 KiB.
    TooLong,
    /// It is not UTF-8.
    NoText,
    /// It is no certificate.
    Certificate(CertificateError),
}

impl fmt::Display for CertificateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.reason {
            CertificateFileFlaw::Io(error) => error.fmt(f),
            CertificateFileFlaw::NoFile => f.write_str("no regular file"),
            CertificateFileFlaw::TooLong => {
                write!(f, "longer than {MAX_LEN} bytes, which no certificate is")
            }
            CertificateFileFlaw::NoText => f.write_str("no UTF-8"),
            CertificateFileFlaw::Certificate(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CertificateFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            CertificateFileFlaw::Io(error) => Some(error),
            CertificateFileFlaw::Certificate(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for CertificateFileFlaw {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn read(path: &Path) -> Result<Certificate, CertificateFileFlaw> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(CertificateFileFlaw::NoFile);
    }
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    // Room for all of it: text that moves leaves a copy.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LEN + 1));
    file.take(MAX_LEN as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_LEN {
        return Err(CertificateFileFlaw::TooLong);
    }
    let text = str::from_utf8(&bytes).map_err(|_| CertificateFileFlaw::NoText)?;
    let mut certificate = Certificate::parse(text).map_err(CertificateFileFlaw::Certificate)?;
    certificate.readable_by_others = certificate.keypair().is_some() && mode & OTHERS != 0;
    Ok(certificate)
}

fn write(path: &Path, text: &[u8], mode: u32) -> Result<(), CertificateFileError> {
    let new = extended(path, ".new");
    let written = write_new(&new, text, mode).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        CertificateFileError {
            path: path.to_owned(),
            reason: error.into(),
        }
    })
}

/// Writes a file that was not there, so that it is nobody else's and has this mode; what is left of an attempt before is
/// removed.
fn write_new(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let create = || {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
    };
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create()?
        }
        created => created?,
    };
    file.write_all(text)?;
    file.sync_all()
}

fn extended(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The longest file that is read, in bytes.
const MAX_LEN: usize = 64 * 1024;

/// The bits of a mode that let others than the owner read, write or run.
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keypair, SecretKey};

    fn certificate() -> Certificate {
        Certificate::new(Keypair::from_secret(SecretKey::from_bytes([3; 32])))
    }

    fn mode_of(path: &Path) -> u32 {
        let metadata = fs::metadata(path).expect("it was written");
        metadata.permissions().mode() & 0o777
    }

    #[test]
    fn both_kinds_of_names_are_written_and_read() {
        for names in [FileNames::Czmq, FileNames::Pyzmq] {
            let folder = tempfile::tempdir().expect("a folder");
            let name = folder.path().join("my.service");
            let (public, secret) = names.of(&name);
            // What is there before is replaced, whatever its mode, and so is what an interrupted attempt left.
            for path in [public.clone(), secret.clone(), extended(&secret, ".new")] {
                fs::write(&path, "old").expect("the folder is ours");
            }
            certificate()
                .save(&name, names)
                .expect("the folder is ours");
            assert_eq!(mode_of(&secret), 0o600, "{names:?}");
            let entries = fs::read_dir(folder.path()).expect("the folder is ours");
            assert_eq!(entries.count(), 2, "nothing else is left");
            let read = Certificate::load(&public).expect("our own");
            assert_eq!(read.public(), certificate().public());
            assert!(read.keypair().is_none() && !read.readable_by_others());
            let read = Certificate::load(&secret).expect("our own");
            assert!(read.keypair().is_some() && !read.readable_by_others());
            fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).expect("ours");
            let read = Certificate::load(&secret).expect("our own");
            assert!(read.readable_by_others());
        }
        let (public, secret) = FileNames::Pyzmq.of(Path::new("a/b"));
        assert_eq!(public, Path::new("a/b.key"));
        assert_eq!(secret, Path::new("a/b.key_secret"));
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("it");
        let reason = |path: &Path| {
            let error = Certificate::load(path).expect_err("no certificate");
            assert!(error.to_string().starts_with(&path.display().to_string()));
            error.reason
        };
        assert!(matches!(reason(&path), CertificateFileFlaw::Io(_)));
        assert!(matches!(reason(folder.path()), CertificateFileFlaw::NoFile));
        fs::write(&path, vec![b'\n'; MAX_LEN + 1]).expect("ours");
        assert!(matches!(reason(&path), CertificateFileFlaw::TooLong));
        fs::write(&path, b"\xff").expect("ours");
        assert!(matches!(reason(&path), CertificateFileFlaw::NoText));
        fs::write(&path, "").expect("ours");
        let none = CertificateError::NoPublicKey;
        assert!(matches!(reason(&path), CertificateFileFlaw::Certificate(error) if error == none));
        let error = certificate()
            .save(folder.path().join("no/where"), FileNames::Czmq)
            .expect_err("there is no such folder");
        assert!(error.path.ends_with("no/where_secret"));
    }
}
