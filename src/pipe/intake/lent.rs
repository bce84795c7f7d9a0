//! The lent reader: the work that a socket does for a link in place of the I/O thread.
//!
//! Owns: nothing beyond the intake; it borrows the reader, fills it, answers the heartbeats in it, and gives it back.
//! Always true: each whole message in the reader is delivered before the reader goes back; a failure is told to the I/O
//! thread.
//! Must not know: which messages the socket wants.

use highwater_patterns::{ConnectionRead, Received};

use super::Intake;
use crate::error::LinkError;
use crate::pipe::{Delivery, Duty, Fill};
use crate::policy::tuning::MOST_HEARTBEATS_PASSED_ON;
use crate::zmtp::{self, Command, OwnedCommand, Stop};

/// With more bytes than this a decoder makes progress: a frame that is not whole by then has a large body, which goes
/// into a buffer of its own.
const ENOUGH_TO_DECODE: usize = 16 * 1024;

impl Intake {
    /// Handles a command that the I/O thread would have handled: answers a PING, and tells the I/O thread of it.
    #[cold]
    pub(super) fn answer(&mut self, command: OwnedCommand) {
        let Some(wire) = &self.wire else { return };
        if let OwnedCommand::Ping { context, .. } = command {
            self.pipe
                .outgoing
                .heartbeat(|out| zmtp::encode_pong(context, out));
        }
        let says_more = !matches!(command, OwnedCommand::Ping { ttl: 0, .. });
        if !says_more || self.passed_on >= MOST_HEARTBEATS_PASSED_ON {
            return;
        }
        self.passed_on += 1;
        match command {
            OwnedCommand::Ping { ttl, .. } => wire.duty(Duty::Ping(ttl)),
            OwnedCommand::Error(reason) => wire.duty(Duty::Told(reason)),
            _ => wire.duty(Duty::Pong),
        }
    }

    /// Reads once into the lent reader, unless it holds bytes that were not decoded yet; true if it holds any.
    pub(crate) fn fill(&mut self) -> bool {
        let (Some(reader), Some(wire)) = (&mut self.lent, &self.wire) else {
            return false;
        };
        if reader.len() > ENOUGH_TO_DECODE {
            // These bytes were not looked at yet.
            return true;
        }
        match reader.fill(&**wire) {
            Ok(Fill::Bytes(read)) => {
                self.idle = false;
                self.passed_on = 0;
                self.pipe.has_read(read);
                true
            }
            Ok(Fill::Nothing) => false,
            Ok(Fill::End) => {
                self.fail(LinkError::PeerClosed);
                false
            }
            Err(error) => {
                self.fail(error.into());
                false
            }
        }
    }

    /// Reads what has come on the connection, once. If the I/O thread has the reader, it keeps it.
    #[inline]
    pub(crate) fn read_once(&mut self) -> ConnectionRead {
        if self.wire.is_none() || !self.origin.is_here() {
            return ConnectionRead::Nothing;
        }
        if self.lent.is_none() {
            return self.read_for_io_thread();
        }
        if self.fill() {
            return ConnectionRead::Bytes;
        }
        match &self.lent {
            None => ConnectionRead::Ended,
            Some(reader) if reader.is_between_messages() => ConnectionRead::Nothing,
            Some(_) => ConnectionRead::Part,
        }
    }

    /// As [`read_once`](Self::read_once), while the I/O thread has the reader: it is borrowed if there is something to read.
    #[cold]
    fn read_for_io_thread(&mut self) -> ConnectionRead {
        let found = self.wire.as_ref().map(|wire| wire.look());
        if !self.is_drained() {
            // The look has waited for a read of the I/O thread, which has delivered something meanwhile.
            return ConnectionRead::Bytes;
        }
        match found {
            Some(ConnectionRead::Bytes) if self.borrow_reader() => {}
            Some(other) if other != ConnectionRead::Bytes => return other,
            _ => return ConnectionRead::Nothing,
        }
        self.fill();
        if self.lent.is_none() {
            return ConnectionRead::Ended;
        }
        self.keep_and_answer();
        self.return_reader();
        ConnectionRead::Bytes
    }

    pub(super) fn fail(&mut self, cause: LinkError) {
        let mut told = None;
        self.keep_read(|command| {
            if let OwnedCommand::Error(reason) = command {
                told = Some(reason);
            }
        });
        self.lent = None;
        if let Some(wire) = &self.wire {
            if let Some(reason) = told {
                wire.duty(Duty::Told(reason));
            }
            wire.duty(Duty::Failed(cause));
        }
    }

    /// Whether the reader is here and had no whole message when it was last asked.
    pub(crate) fn is_idle_reader(&self) -> bool {
        self.idle && self.lent.is_some() && self.wire.is_some()
    }

    /// Whether the reader is here.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// Borrows the reader from the I/O thread; false if it cannot be had.
    pub(crate) fn borrow_reader(&mut self) -> bool {
        if self.lent.is_none() && !self.held_back {
            self.lent = self.wire.as_ref().and_then(|wire| wire.borrow_reader());
            self.behind = self.lent.is_some();
            self.idle = false;
            if let Some(reader) = &mut self.lent {
                reader.lend();
            }
        }
        self.lent.is_some()
    }

    /// Gives the reader back. If the connection has ended, the reader stays, and is read here until the socket hears of
    /// the end.
    pub(crate) fn return_reader(&mut self) {
        if let (Some(reader), Some(wire)) = (self.lent.take(), &self.wire) {
            self.lent = wire.return_reader(reader);
        }
    }

    /// Moves the whole messages of the lent reader behind those that were delivered, and shows each PING, PONG and
    /// ERROR.
    pub(super) fn keep_read(&mut self, mut on_command: impl FnMut(OwnedCommand)) {
        let Some(reader) = &mut self.lent else { return };
        loop {
            let show = |command: Command<'_>| match command {
                Command::Error(data) => {
                    if let Some(reason) = zmtp::error_reason(data) {
                        on_command(OwnedCommand::Error(reason));
                    }
                }
                Command::Ping { ttl, context } => on_command(OwnedCommand::Ping { ttl, context }),
                Command::Pong { context } => on_command(OwnedCommand::Pong { context }),
                _ => {}
            };
            let (rest, stop) = reader.cut(true, || None, show);
            if let Some(rest) = rest {
                self.pipe.incoming.deliver(rest);
            }
            // A large message is decoded here, with the commands between its frames.
            if stop != Stop::Decode {
                return;
            }
            loop {
                let Ok(Some(received)) = reader.next_received(&mut on_command) else {
                    return;
                };
                let whole = matches!(received, Received::Message(_));
                self.pipe.incoming.deliver(Delivery::One(received));
                if whole {
                    break;
                }
            }
        }
    }

    /// The same for a connection that goes on: its heartbeats are answered.
    pub(super) fn keep_and_answer(&mut self) {
        let mut commands = Vec::new();
        self.keep_read(|command| commands.push(command));
        commands
            .into_iter()
            .for_each(|command| self.answer(command));
    }
}
