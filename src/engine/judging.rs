//! Whether a peer may come in, as the security of the socket decides.
//!
//! Owns: nothing; it takes the handshakes of those peers that have shown who they are past the decision.
//! Always true: a peer for whom nobody has decided does not come in.
//! Must not know: how a peer shows who it is.

use super::Key;
use super::event_loop::Loop;
use crate::error::LinkError;
use crate::security::Decision;

impl Loop {
    /// Has the security of the socket decide about a candidate, if the handshake has one.
    pub(super) fn judge(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let decision = entry.config.options.security.decision().cloned();
        let Some(handshaking) = entry.phase.handshaking() else {
            return;
        };
        if handshaking.handshake.credentials().is_none() {
            return;
        }
        match decision {
            Some(Decision::Anyone) => match handshaking.handshake.allow() {
                Ok(()) => self.prepare(key, false),
                Err(fault) => {
                    self.say(key);
                    self.link_failed(key, fault.into());
                }
            },
            Some(Decision::Asks(_)) | None => {
                handshaking.handshake.refuse(REFUSED);
                self.say(key);
                self.link_failed(key, LinkError::NotAccepted);
            }
        }
    }
}

/// The status by which clients of libzmq know a refusal.
const REFUSED: &str = "400";
