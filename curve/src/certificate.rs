//! Certificates: a key, or a pair, with words about its owner.
//!
//! Owns: which text is a certificate, and the text that is written for one.
//! Always true: czmq and pyzmq read what is written, and what they write is read. A secret is never part of an error.
//! Must not know: files; see `files`.
//! Source: czmq `zcert`, pyzmq `zmq.auth.certs`: ZPL with the sections `metadata` and `curve`.

use std::fmt;

use zeroize::Zeroizing;

use crate::keys::{KeyError, Keypair, PublicKey, SecretKey};
use crate::zpl::{self, Item, ZplError};

/// A public key, perhaps the secret one that belongs to it, and metadata: names with values.
///
/// `Debug` shows the public key alone.
#[derive(Clone)]
pub struct Certificate {
    public: PublicKey,
    pair: Option<Keypair>,
    metadata: Vec<(String, String)>,
    pub(crate) readable_by_others: bool,
}

impl Certificate {
    /// A certificate to be given to others: it tells who has this key.
    pub fn public_only(public: PublicKey) -> Self {
        Self {
            public,
            pair: None,
            metadata: Vec::new(),
            readable_by_others: false,
        }
    }

    /// A certificate with both keys.
    pub fn new(pair: Keypair) -> Self {
        Self {
            pair: Some(pair.clone()),
            ..Self::public_only(pair.public())
        }
    }

    /// With one more line of metadata.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Metadata`] if the name is not one of letters, digits and `$-_@.&+/`, or the value has a line
    /// break, a NUL, or quotes of both kinds: the file has no form for these.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, CertificateError> {
        if !zpl::write_value(1, name, value, &mut String::new()) {
            return Err(CertificateError::Metadata);
        }
        self.metadata.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Both keys, if the secret one is here.
    pub fn keypair(&self) -> Option<&Keypair> {
        self.pair.as_ref()
    }

    /// Names and values, in the order of the file.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata
            .iter()
            .map(|(name, value)| (&**name, &**value))
    }

    /// Reads the text of a certificate. Sections other than `metadata` and `curve` are passed over.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without anything of what stands in it.
    pub fn parse(text: &str) -> Result<Self, CertificateError> {
        let items = zpl::parse(text).map_err(CertificateError::Syntax)?;
        let public = key(&items, PUBLIC)?.ok_or(CertificateError::NoPublicKey)?;
        let public: PublicKey = public.parse().map_err(CertificateError::PublicKey)?;
        let mut certificate = Self::public_only(public);
        if let Some(secret) = key(&items, SECRET)? {
            let secret: SecretKey = secret.parse().map_err(CertificateError::SecretKey)?;
            let pair = Keypair::new(public, secret).map_err(CertificateError::SecretKey)?;
            certificate.pair = Some(pair);
        }
        certificate.metadata = section(&items, "metadata")
            .filter_map(|item| Some((item.name.to_owned(), item.value?.to_owned())))
            .collect();
        Ok(certificate)
    }

    /// The text for others, without the secret key.
    pub fn to_public_text(&self) -> String {
        let mut text = PUBLIC_BANNER.to_owned();
        self.write(&mut text);
        text
    }

    /// The text with the secret key, if that is here; wiped when dropped.
    pub(crate) fn to_secret_text(&self) -> Option<Zeroizing<String>> {
        let pair = self.pair.as_ref()?;
        // Room for all of it: text that moves leaves a copy.
        let len = self.to_public_text().len() + SECRET_BANNER.len() + 100;
        let mut text = Zeroizing::new(String::with_capacity(len));
        text.push_str(SECRET_BANNER);
        self.write(&mut text);
        let secret = pair.secret().to_text();
        zpl::write_value(1, SECRET, secret.as_str(), &mut text);
        Some(text)
    }

    fn write(&self, text: &mut String) {
        text.push_str("metadata\n");
        for (name, value) in &self.metadata {
            // What was read from a file without quotes may have no form with them.
            zpl::write_value(1, name, value, text);
        }
        text.push_str("curve\n");
        zpl::write_value(1, PUBLIC, &self.public.to_string(), text);
    }

    /// Whether this came from a file with a secret key that others than its owner may read.
    pub fn readable_by_others(&self) -> bool {
        self.readable_by_others
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("public", &self.public)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

/// Why a text is no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// It is no ZPL.
    Syntax(ZplError),
    /// The section `curve` has no `public-key`.
    NoPublicKey,
    /// A key stands in it twice.
    Twice,
    /// What stands there as the public key is none.
    PublicKey(KeyError),
    /// What stands there as the secret key is none, or belongs to another public key.
    SecretKey(KeyError),
    /// A name or a value for which the file has no form.
    Metadata,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::NoPublicKey => f.write_str("there is no public-key in a section curve"),
            Self::Twice => f.write_str("a key stands there twice"),
            Self::PublicKey(error) => write!(f, "public-key: {error}"),
            Self::SecretKey(error) => write!(f, "secret-key: {error}"),
            Self::Metadata => f.write_str("metadata for which a certificate has no form"),
        }
    }
}

impl std::error::Error for CertificateError {}

/// The lines one level below the sections of this name.
fn section<'i, 'a>(items: &'i [Item<'a>], name: &'i str) -> impl Iterator<Item = &'i Item<'a>> {
    let mut is_inside = false;
    items.iter().filter(move |item| {
        if item.depth == 0 {
            is_inside = item.name == name;
        }
        is_inside && item.depth == 1
    })
}

fn key<'a>(items: &[Item<'a>], name: &str) -> Result<Option<&'a str>, CertificateError> {
    let mut found = section(items, "curve").filter(|item| item.name == name);
    let first = found.next().and_then(|item| item.value);
    match found.next() {
        None => Ok(first),
        Some(_) => Err(CertificateError::Twice),
    }
}

const PUBLIC: &str = "public-key";
const SECRET: &str = "secret-key";

const PUBLIC_BANNER: &str = "\
#   ZeroMQ CURVE public certificate, to be given to others.

";

const SECRET_BANNER: &str = "\
#   ZeroMQ CURVE SECRET certificate: give it to nobody, and keep it readable by its owner alone.

";

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Keypair {
        Keypair::from_secret(SecretKey::from_bytes([9; 32]))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let certificate = Certificate::new(pair())
            .with("name", "Alice \"A\" Liddell")
            .and_then(|certificate| certificate.with("email", "a@example.org"))
            .expect("good metadata");
        let text = certificate.to_secret_text().expect("there is a secret");
        let again = Certificate::parse(&text).expect("our own");
        assert_eq!(again.public(), pair().public());
        let secret = again.keypair().expect("it is there").secret();
        assert!(secret == pair().secret());
        let metadata: Vec<_> = again.metadata().collect();
        assert_eq!(
            metadata,
            [("name", "Alice \"A\" Liddell"), ("email", "a@example.org")]
        );
        let public = Certificate::parse(&certificate.to_public_text()).expect("our own");
        assert_eq!(public.public(), pair().public());
        assert!(public.keypair().is_none() && public.to_secret_text().is_none());
        assert!(
            !certificate
                .to_public_text()
                .contains(pair().secret().to_text().as_str())
        );
        assert!(!format!("{certificate:?}").contains(pair().secret().to_text().as_str()));
    }

    #[test]
    fn files_of_czmq_and_pyzmq_are_read() {
        let (public, secret) = (pair().public(), pair().secret().to_text());
        let czmq = format!(
            "#   ****  Generated on 2014-01-01 12:00:00 by CZMQ  ****\n#   ZeroMQ CURVE **Secret** Certificate\n\n\
             metadata\n    name = \"Joe\"\ncurve\n    public-key = \"{public}\"\n    secret-key = \"{}\"\n",
            secret.as_str()
        );
        let pyzmq = format!(
            "#   ****  Generated on 2026-01-01 by pyzmq  ****\n\nmetadata\n    full name = Joe\ncurve\n    public-key = \"{public}\"\n"
        );
        let read = Certificate::parse(&czmq).expect("as czmq writes it");
        assert!(read.keypair().is_some());
        assert_eq!(read.metadata().collect::<Vec<_>>(), [("name", "Joe")]);
        // pyzmq writes what it was told, and a name with a blank is no ZPL.
        let flaw = zpl::ZplFlaw::Name;
        let refused = CertificateError::Syntax(ZplError { line: 4, flaw });
        assert_eq!(Certificate::parse(&pyzmq).err(), Some(refused));
        let read =
            Certificate::parse(&pyzmq.replace("full name", "name")).expect("as pyzmq writes it");
        assert_eq!(read.public(), public);
        assert_eq!(read.metadata().collect::<Vec<_>>(), [("name", "Joe")]);
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told() {
        let good = Certificate::new(pair()).to_public_text();
        let error = |text: &str| Certificate::parse(text).err();
        let public = pair().public().to_string();
        assert_eq!(error(""), Some(CertificateError::NoPublicKey));
        assert_eq!(
            error(&good.replace("curve", "plain")),
            Some(CertificateError::NoPublicKey)
        );
        assert_eq!(
            error(&good.replace(&public, &public[1..])),
            Some(CertificateError::PublicKey(KeyError::Length { len: 39 }))
        );
        let zero = "0".repeat(40);
        assert_eq!(
            error(&good.replace(&public, &zero)),
            Some(CertificateError::PublicKey(KeyError::LowOrder))
        );
        let more = format!("{good}    secret-key = \"{zero}\"\n");
        assert_eq!(
            error(&more),
            Some(CertificateError::SecretKey(KeyError::NoPair))
        );
        let twice = format!("{good}    public-key = \"{public}\"\n");
        assert_eq!(error(&twice), Some(CertificateError::Twice));
        let with = |name, value| Certificate::new(pair()).with(name, value).err();
        assert_eq!(with("a b", "c"), Some(CertificateError::Metadata));
        assert_eq!(with("a", "\n"), Some(CertificateError::Metadata));
    }
}
