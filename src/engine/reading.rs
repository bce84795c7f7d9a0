//! Reading a link: from the kernel to the pipe of the socket.
//!
//! Owns: how much is read of one link before other links are read; `Reading` is one such turn.
//! Always true: subscriptions that the socket does not use are dropped and counted here; heartbeats are answered here.
//! Must not know: the patterns that take the messages.

use std::time::Instant;

use highwater_patterns::Received;

use super::entries::{Entry, LinkEntry, Phase};
use super::event_loop::Loop;
use super::link::{Link, ReaderPlace};
use super::sign_of_life::answered;
use super::{EndpointConfig, Key};
use crate::error::LinkError;
use crate::pipe::{Delivery, Fill, Pipe, PipeEvent, Reader};
use crate::policy::tuning::{MOST_HEARTBEATS, READS_AT_ONCE};
use crate::zmtp::{self, Command, Heartbeat, OwnedCommand, ProtocolError, Stop};

impl Loop {
    /// Reads what is there, as long as the socket wants more and the reader is here.
    pub(super) fn read_link(&mut self, key: Key) {
        self.read_some(key, READS_AT_ONCE);
    }

    /// Delivers the bytes that were read before, then reads at most `reads` times.
    pub(super) fn read_some(&mut self, key: Key, reads: usize) {
        let Self {
            entries, scratch, ..
        } = self;
        let Some(Entry::Link(entry)) = entries.get_mut(&key) else {
            return;
        };
        let LinkEntry {
            link,
            pipe: Some(pipe),
            phase: Phase::Traffic { heartbeat },
            config,
            told,
            output_lost,
            ..
        } = &mut **entry
        else {
            return;
        };
        let mut slot = link.reader();
        let ReaderPlace::Here(reader) = &mut *slot else {
            return;
        };
        let mut reading = Reading {
            link,
            pipe,
            heartbeat,
            config,
            told,
            heartbeats: 0,
        };
        if pipe.incoming.is_paused() {
            // Undecoded bytes wait in the reader until the socket has read below its high-water mark.
            link.want_input(false);
            if heartbeat.set_unread(true, Instant::now()) {
                drop(slot);
                self.set_link_timer(key);
            }
            return;
        }
        let turn = reading.take_turn(reader, scratch, reads);
        let pings = reading.heartbeats > 0;
        reader.release(scratch);
        drop(slot);
        let outcome = match turn {
            Ok(Turn::Over) => Ok(()),
            Ok(Turn::Dry) => output_lost.take().map_or(Ok(()), |cause| Err(*cause)),
            Ok(Turn::Ended) => Err(output_lost
                .take()
                .map(|cause| *cause)
                .filter(|cause| !cause.is_hang_up())
                .unwrap_or(LinkError::PeerClosed)),
            Err(cause) => Err(cause),
        };
        match outcome {
            Ok(()) => {
                let is_paused = pipe.incoming.is_paused();
                link.want_input(!is_paused);
                let changed = heartbeat.is_unread() != is_paused;
                if changed {
                    heartbeat.set_unread(is_paused, Instant::now());
                }
                if pings || changed {
                    self.set_link_timer(key);
                }
            }
            Err(cause) => self.link_failed(key, cause),
        }
    }
}

/// One turn of reading a link.
struct Reading<'a> {
    link: &'a Link,
    pipe: &'a Pipe,
    heartbeat: &'a mut Heartbeat,
    config: &'a EndpointConfig,
    told: &'a mut Option<Box<str>>,
    /// How many heartbeats have arrived in this turn; they may have changed the deadline.
    heartbeats: u32,
}

/// How a turn of reading has ended.
enum Turn {
    /// There may be more input; the poller or the socket starts the next turn.
    Over,
    /// The kernel holds nothing more for now.
    Dry,
    /// The peer has closed its side.
    Ended,
}

impl Reading<'_> {
    /// Delivers the bytes that were read before, then reads and delivers at most `reads` times.
    fn take_turn(
        &mut self,
        reader: &mut Reader,
        scratch: &mut Vec<u8>,
        reads: usize,
    ) -> Result<Turn, LinkError> {
        let mut go_on = self.deliver_all(reader)?;
        for _ in 0..reads {
            if !go_on || self.heartbeats > MOST_HEARTBEATS {
                break;
            }
            reader.adopt(scratch);
            match reader.fill(self.link)? {
                Fill::Bytes(read) => {
                    self.pipe.has_read(read);
                    let more = reader.is_eager();
                    go_on = self.deliver_all(reader)? && more;
                }
                Fill::Nothing => return Ok(Turn::Dry),
                Fill::End => return Ok(Turn::Ended),
            }
        }
        Ok(Turn::Over)
    }

    /// Delivers all whole messages in the reader; true if the socket takes more.
    fn deliver_all(&mut self, reader: &mut Reader) -> Result<bool, LinkError> {
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
                Stop::NeedMore | Stop::Limit => {
                    return reader
                        .breach()
                        .map_or(Ok(go_on), |breach| Err(breach.into()));
                }
                Stop::Failed(error) => return Err(ProtocolError::from(error).into()),
                Stop::Decode => {}
            }
            // A message with a large body is decoded here, with the commands between its frames.
            loop {
                let received = reader
                    .next_received(|command| match command {
                        OwnedCommand::Ping { ttl, context } => self.pinged(ttl, context),
                        OwnedCommand::Error(reason) => *self.told = Some(reason.into()),
                        _ => self.ponged(),
                    })
                    .map_err(ProtocolError::from)?;
                let Some(received) = received else {
                    return reader
                        .breach()
                        .map_or(Ok(go_on), |breach| Err(breach.into()));
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

    fn pinged(&mut self, ttl: u16, context: zmtp::PingContext) {
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

    /// This many subscriptions are dropped, because the socket's type does not use them.
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
