//! What the system refuses when a socket is set up.
//!
//! Owns: the words in which it is told which option was refused, or which interface there is none.
//! Must not know: what is done about it.

use std::fmt;
use std::io;

/// An option that the system refused.
#[derive(Debug)]
pub(super) struct OptionError {
    pub(super) option: &'static str,
    pub(super) error: io::Error,
}

/// `result`, with the name of the option that it is about.
pub(super) fn named<T>(option: &'static str, result: io::Result<T>) -> Result<T, OptionError> {
    result.map_err(|error| OptionError { option, error })
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot set {}: {}", self.option, self.error)
    }
}

impl std::error::Error for OptionError {}

impl From<OptionError> for io::Error {
    fn from(error: OptionError) -> Self {
        Self::new(error.error.kind(), error)
    }
}

/// This machine has no interface of this name, or of this number in figures.
#[derive(Debug)]
struct NoInterface(Box<str>);

impl fmt::Display for NoInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this machine has no network interface {:?}", self.0)
    }
}

impl std::error::Error for NoInterface {}

pub(super) fn no_interface(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, NoInterface(name.into()))
}

/// Whether an attempt failed since an interface does not exist.
pub(crate) fn tells_of_no_interface(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner.is::<NoInterface>()
            || inner
                .downcast_ref::<OptionError>()
                .is_some_and(|refused| tells_of_no_interface(&refused.error))
    })
}
