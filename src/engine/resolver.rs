//! Looking names up, off the loop.
//!
//! Owns: the threads that ask the system's resolver.
//! Always true: every question gets an answer, or the I/O thread is gone.

use std::sync::Arc;

use super::Key;
use super::helpers::Helpers;
use super::inbox::Shared;
use super::request::Request;
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::policy::tuning::RESOLVER_THREADS;
use crate::transport;

/// The resolver of one I/O thread.
#[derive(Debug)]
pub(super) struct Resolver {
    answer_to: Arc<Shared>,
    helpers: Helpers,
}

impl Resolver {
    pub(super) fn new(answer_to: Arc<Shared>) -> Self {
        Self {
            answer_to,
            helpers: Helpers::new("highwater-resolver", RESOLVER_THREADS),
        }
    }

    /// Asks for the addresses of `endpoint`; the answer comes as a [`Request::Resolved`] for `key`.
    pub(super) fn resolve(&self, key: Key, endpoint: Endpoint) {
        let answer_to = Arc::clone(&self.answer_to);
        let asked = self.helpers.give(move || {
            let outcome = transport::resolve(&endpoint).map_err(|error| LinkError::Resolve {
                reason: error.to_string(),
            });
            answer_to.send(Request::Resolved { key, outcome });
        });
        if let Err(error) = asked {
            let outcome = Err(error.into());
            self.answer_to.send(Request::Resolved { key, outcome });
        }
    }
}
