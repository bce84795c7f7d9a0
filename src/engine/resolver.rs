//! Looking names up, on threads beside the I/O thread.
//!
//! Owns: a few threads, started when first needed, that call the system's resolver.
//! Always true: each question gets an answer, unless the I/O thread is gone.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::Key;
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
    questions: Sender<(Key, Endpoint)>,
    asked: Receiver<(Key, Endpoint)>,
    threads: usize,
}

impl Resolver {
    pub(super) fn new(answer_to: Arc<Shared>) -> Self {
        let (questions, asked) = unbounded();
        Self {
            answer_to,
            questions,
            asked,
            threads: 0,
        }
    }

    /// Asks for the addresses of `endpoint`; the answer comes as a [`Request::Resolved`] for `key`.
    pub(super) fn resolve(&mut self, key: Key, endpoint: Endpoint) {
        if self.threads < RESOLVER_THREADS {
            match self.start_thread() {
                Ok(()) => self.threads += 1,
                Err(error) if self.threads == 0 => {
                    let outcome = Err(error.into());
                    self.answer_to.send(Request::Resolved { key, outcome });
                    return;
                }
                Err(_) => {}
            }
        }
        self.questions
            .send((key, endpoint))
            .expect("this end holds a receiver, too");
    }

    fn start_thread(&self) -> std::io::Result<()> {
        let (asked, answer_to) = (self.asked.clone(), Arc::clone(&self.answer_to));
        std::thread::Builder::new()
            .name("highwater-resolver".to_owned())
            .spawn(move || {
                for (key, endpoint) in asked {
                    let outcome =
                        transport::resolve(&endpoint).map_err(|error| LinkError::Resolve {
                            reason: error.to_string(),
                        });
                    answer_to.send(Request::Resolved { key, outcome });
                }
            })?;
        Ok(())
    }
}
