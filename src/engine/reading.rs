//! What a link has read, on its way to the socket.
//!
//! Owns: nothing; it lasts for one turn of reading.
//! Always true: what the socket has no use for is dropped here, and counted; heartbeats are answered here.
//! Must not know: who reads.

use std::time::Instant;

use highwater_patterns::Received;

use super::EndpointConfig;
use super::link::Link;
use crate::error::LinkError;
use crate::pipe::{Delivery, Pipe, PipeEvent, Reader};
use crate::zmtp::{self, Command, Heartbeat, OwnedCommand, ProtocolError, Stop};

/// One turn of reading a link.
pub(super) struct Reading<'a> {
    pub(super) link: &'a Link,
    pub(super) pipe: &'a Pipe,
    pub(super) heartbeat: &'a mut Heartbeat,
    pub(super) config: &'a EndpointConfig,
    pub(super) told: &'a mut Option<Box<str>>,
    /// So many heartbeats came; the deadline may have changed.
    pub(super) heartbeats: u32,
}

impl Reading<'_> {
    /// Gives the socket everything that the reader holds; true if the socket takes more.
    pub(super) fn hand_over(&mut self, reader: &mut Reader) -> Result<bool, LinkError> {
        loop {
            let takes = self.pipe.incoming.takes_subscriptions();
            let mut subscriptions = 0;
            let (chunk, stop) = reader.cut(
                takes,
                || self.pipe.incoming.spare(),
                |command| match command {
                    Command::Subscribe(_) | Command::Cancel(_) => subscriptions += 1,
                    Command::Ping { ttl, context } => self.pinged(ttl, context),
                    Command::Pong { .. } => self.ponged(),
                    Command::Error(data) => {
                        *self.told = zmtp::error_reason(data).map(Into::into);
                    }
                    _ => {}
                },
            );
            if chunk.is_none() && subscriptions > 0 {
                self.unexpected(subscriptions);
            }
            let mut go_on = chunk.is_none_or(|chunk| self.deliver(chunk));
            match stop {
                Stop::NeedMore | Stop::Limit => return Ok(go_on),
                Stop::Failed(error) => return Err(ProtocolError::from(error).into()),
                Stop::Decode => {}
            }
            // A large message, with what stands between its frames.
            loop {
                let received = reader
                    .next_received(|command| match command {
                        OwnedCommand::Ping { ttl, context } => self.pinged(ttl, context),
                        OwnedCommand::Error(reason) => *self.told = Some(reason.into()),
                        _ => self.ponged(),
                    })
                    .map_err(ProtocolError::from)?;
                let Some(received) = received else {
                    return Ok(go_on);
                };
                let whole = matches!(received, Received::Message(_));
                if whole || takes {
                    go_on &= self.deliver(Delivery::One(received));
                } else {
                    self.unexpected(1);
                }
                if whole {
                    break;
                }
            }
            if !go_on && !reader.has_bytes() {
                return Ok(false);
            }
        }
    }

    fn pinged(&mut self, ttl: u16, context: zmtp::Context) {
        let now = Instant::now();
        self.heartbeat.received(now);
        self.link.silence_begins();
        self.heartbeat.peer_ping(ttl, now);
        self.pipe
            .outgoing
            .heartbeat(|out| zmtp::encode_pong(context, out));
        self.heartbeats += 1;
    }

    fn ponged(&mut self) {
        let now = Instant::now();
        self.heartbeat.received(now);
        answered(self.heartbeat, Some(self.pipe), now);
        self.heartbeats += 1;
    }

    /// So many subscriptions are dropped, for which the socket has no use.
    fn unexpected(&self, count: usize) {
        self.pipe.has_dropped(count);
        self.config.telemetry.unexpected.add(count);
    }

    fn deliver(&self, delivery: Delivery) -> bool {
        let delivered = self.pipe.incoming.deliver(delivery);
        if delivered.tell {
            self.config.side.happened(PipeEvent::Readable(self.pipe.id));
        }
        !delivered.pause
    }
}

/// The peer has answered a heartbeat.
pub(super) fn answered(heartbeat: &mut Heartbeat, pipe: Option<&Pipe>, now: Instant) {
    if let (Some(took), Some(pipe)) = (heartbeat.pong_received(now), pipe) {
        pipe.set_round_trip(took);
    }
}
