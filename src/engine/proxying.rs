//! The way through a SOCKS proxy, before the handshake.
//!
//! Owns: nothing; it takes links from a connected proxy to a connected target.
//! Always true: no byte is read that belongs to the target; the peer is told nothing before the target is reached.

use std::io;
use std::time::Instant;

use super::Key;
use super::entries::{OtherEnd, Phase};
use super::event_loop::Loop;
use crate::endpoint::Transport;
use crate::error::LinkError;
use crate::pipe::Wire;
use crate::transport::{Socks5, SocksError, SocksTarget, Stream};

impl Loop {
    /// Whether this stream leads to a proxy, so that there is something to ask of it first.
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
                entry.phase = Phase::Proxying {
                    socks: Box::new(socks),
                    unsent: Vec::new(),
                    until: options
                        .connect_timeout
                        .and_then(|timeout| Instant::now().checked_add(timeout)),
                };
                self.set_link_timer(key);
                self.proxy_event(key);
            }
            Err(error) => self.link_failed(key, error.into()),
        }
    }

    /// Goes on talking with the proxy, as far as it goes now.
    pub(super) fn proxy_event(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let Phase::Proxying { socks, unsent, .. } = &mut entry.phase else {
            return;
        };
        match talk(socks, unsent, entry.link.stream()) {
            Ok(()) if socks.is_done() => {
                entry.other_end = OtherEnd::At(entry.config.endpoint.to_string().into());
                self.stream_ready(key);
            }
            Ok(()) => {
                let waits = !unsent.is_empty();
                entry.link.want_output(waits);
            }
            Err(cause) => self.link_failed(key, cause),
        }
    }
}

/// Says and hears what can be said and heard without waiting.
fn talk(socks: &mut Socks5, unsent: &mut Vec<u8>, stream: &Stream) -> Result<(), LinkError> {
    let mut answer = [0; Socks5::LONGEST_ANSWER];
    loop {
        socks.poll_transmit(unsent);
        while !unsent.is_empty() {
            match stream.write(unsent) {
                Ok(written) => drop(unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if socks.is_done() {
            return Ok(());
        }
        match stream.read(&mut answer[..socks.wanted()]) {
            Ok(0) => return Err(LinkError::PeerClosed),
            Ok(read) => {
                let taken = socks.receive(&answer[..read])?;
                debug_assert_eq!(taken, read, "no more was read than is the proxy's");
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

impl From<SocksError> for LinkError {
    fn from(error: SocksError) -> Self {
        Self::Proxy {
            reason: error.to_string(),
        }
    }
}
