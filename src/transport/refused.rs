//! Errors of the system during the set-up of a socket.
//!
//! Owns: the error text that names the refused option or the missing interface.
//! Must not know: the consequence.

use std::fmt;
use std::io;

/// An option that the system refused.
#[derive(Debug)]
pub(super) struct OptionError {
    pub(super) option: &'static str,
    pub(super) error: io::Error,
}

/// `result`, whose error names the `option`.
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

/// This machine has no interface of this name or number.
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

/// Whether the attempt failed because an interface does not exist.
pub(crate) fn tells_of_no_interface(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner.is::<NoInterface>()
            || inner
                .downcast_ref::<OptionError>()
                .is_some_and(|refused| tells_of_no_interface(&refused.error))
    })
}
