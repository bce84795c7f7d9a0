//! The way through a SOCKS proxy, before the handshake.
//!
//! Owns: nothing; it takes links from a connected proxy to a connected target.
//! Always true: no byte is read that belongs to the target; the peer is told nothing before the target is reached.

use std::time::Instant;

use super::Key;
use super::entries::{OtherEnd, Phase};
use super::event_loop::Loop;
use super::preparing::{Preparing, Step};
use crate::endpoint::Transport;
use crate::error::LinkError;
use crate::transport::{Socks5, SocksTarget};

impl Loop {
    /// Whether this stream leads to a proxy, which is to be asked for the way to the target first.
    pub(super) fn is_at_proxy(&mut self, key: Key) -> bool {
        self.link_entry(key).is_some_and(|entry| {
            !entry.accepted
                && entry.config.options.socks_proxy.is_some()
                && entry.config.endpoint.transport() == Transport::Tcp
        })
    }

    /// Asks the proxy for the way to the target.
    pub(super) fn begin_proxying(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let options = &entry.config.options;
        let credentials = options
            .socks_proxy
            .as_ref()
            .and_then(|proxy| proxy.credentials());
        let Some(target) = SocksTarget::of(&entry.config.endpoint) else {
            let reason = "the endpoint means nothing to another machine".to_owned();
            return self.link_failed(key, LinkError::Proxy { reason });
        };
        match Socks5::new(&target, credentials) {
            Ok(socks) => {
                let until = options
                    .connect_timeout
                    .and_then(|timeout| Instant::now().checked_add(timeout));
                let step = Step::Proxy(Box::new(socks));
                entry.phase = Phase::Preparing(Preparing::new(step, until));
                self.set_link_timer(key);
                self.prepare(key, false);
            }
            Err(error) => self.link_failed(key, error.into()),
        }
    }

    /// The stream leads to the target now.
    pub(super) fn proxy_passed(&mut self, key: Key) {
        if let Some(entry) = self.link_entry(key) {
            entry.other_end = OtherEnd::At(entry.config.endpoint.to_string().into());
            self.stream_ready(key);
        }
    }
}
