//! PLAIN: the client sends a name and a password in clear, and the server decides.
//!
//! Owns: the four commands of this mechanism, in their order.
//! Always true: the client sends its password only to a peer whose greeting names PLAIN. The server answers HELLO only after
//! the decision. `Debug` shows no password.
//! Must not know: which passwords are right; the content of the metadata.
//! Source: RFC 24/ZMTP PLAIN. From 4.3.0 on, libzmq's server writes ERROR with a wrong first byte, and its client
//! knows this form alone. We read both forms and write the right one.
//!
//! ```text
//! client: HELLO ->            <- WELCOME   INITIATE ->   <- READY
//! server:         Asks, allow                             admit
//! ```

use std::fmt;

use bytes::{Buf, Bytes};

use super::{Credentials, Progress, refusal, unexpected};
use crate::zmtp::command::{encode_ready, split_name, write_command, write_command_of};
use crate::zmtp::error::ProtocolError;

/// The client's end.
pub(in super::super) struct PlainClient {
    user: Bytes,
    password: Bytes,
    /// Our metadata, encoded.
    metadata: Vec<u8>,
    step: ClientStep,
}

/// Which command of the server comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientStep {
    Welcome,
    Ready,
}

impl PlainClient {
    /// A client with a name and a password of at most 255 bytes each.
    ///
    /// # Panics
    ///
    /// If one of them is longer; `Security::plain_client` checks that.
    pub(in super::super) fn new(user: Bytes, password: Bytes) -> Self {
        for text in [&user, &password] {
            assert!(
                text.len() <= MAX_LEN,
                "names and passwords have at most 255 bytes"
            );
        }
        Self {
            user,
            password,
            metadata: Vec::new(),
            step: ClientStep::Welcome,
        }
    }

    pub(super) fn start(&mut self, metadata: Vec<u8>) {
        self.metadata = metadata;
    }

    pub(super) fn greeted(&mut self, out: &mut Vec<u8>) {
        let (user, password) = (&self.user, &self.password);
        let data = [
            &[user.len() as u8],
            &user[..],
            &[password.len() as u8],
            password,
        ];
        write_command_of(HELLO, &data, out);
    }

    pub(super) fn receive(
        &mut self,
        command: &Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match (self.step, split_name(command)) {
            (ClientStep::Welcome, Some((WELCOME, data))) => {
                if !data.is_empty() {
                    return Err(ProtocolError::Malformed { command: "WELCOME" });
                }
                self.step = ClientStep::Ready;
                write_command(INITIATE, &self.metadata, out);
                Ok(Progress::Going)
            }
            (ClientStep::Ready, Some((READY, metadata))) => {
                Ok(Progress::Introduced(command.slice_ref(metadata)))
            }
            (ClientStep::Welcome, _) if command.starts_with(MISSPELT_ERROR) => {
                Err(refusal(&command[MISSPELT_ERROR.len()..]))
            }
            _ => Err(unexpected(command)),
        }
    }
}

impl fmt::Debug for PlainClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainClient")
            .field("user", &self.user)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// The server's end.
#[derive(Debug, Default)]
pub(in super::super) struct PlainServer {
    /// Our metadata, encoded.
    metadata: Vec<u8>,
    step: ServerStep,
}

#[derive(Debug, Default)]
enum ServerStep {
    /// HELLO comes next.
    #[default]
    Hello,
    /// It is being decided about the client.
    Asking(Credentials),
    /// INITIATE comes next.
    Initiate,
    /// INITIATE has come, and READY comes next, from us.
    Introduced,
    /// READY was written.
    Done,
}

impl PlainServer {
    pub(super) fn start(&mut self, metadata: Vec<u8>) {
        self.metadata = metadata;
    }

    pub(super) fn receive(&mut self, command: &Bytes) -> Result<Progress, ProtocolError> {
        match (&self.step, split_name(command)) {
            (ServerStep::Hello, Some((HELLO, data))) => {
                let credentials = read_hello(command.slice_ref(data))
                    .ok_or(ProtocolError::Malformed { command: "HELLO" })?;
                self.step = ServerStep::Asking(credentials);
                Ok(Progress::Asks)
            }
            (ServerStep::Initiate, Some((INITIATE, metadata))) => {
                self.step = ServerStep::Introduced;
                Ok(Progress::Introduced(command.slice_ref(metadata)))
            }
            _ => Err(unexpected(command)),
        }
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        match &self.step {
            ServerStep::Asking(credentials) => Some(credentials),
            _ => None,
        }
    }

    pub(super) fn awaits_hello(&self) -> bool {
        matches!(self.step, ServerStep::Hello)
    }

    pub(super) fn allow(&mut self, out: &mut Vec<u8>) -> Progress {
        if self.credentials().is_some() {
            self.step = ServerStep::Initiate;
            write_command(WELCOME, &[], out);
        }
        Progress::Going
    }

    pub(super) fn admit(&mut self, out: &mut Vec<u8>) {
        if matches!(self.step, ServerStep::Introduced) {
            self.step = ServerStep::Done;
            encode_ready(&self.metadata, out);
        }
    }
}

/// Reads a name and a password: for each a length of one byte and that many bytes, to the exact end of `data`.
fn read_hello(mut data: Bytes) -> Option<Credentials> {
    let mut take = || {
        let len = usize::from(data.try_get_u8().ok()?);
        (len <= data.len()).then(|| data.split_to(len))
    };
    let (user, password) = (take()?, take()?);
    data.is_empty()
        .then_some(Credentials::Plain { user, password })
}

/// The longest name and the longest password, in bytes.
const MAX_LEN: usize = 255;

const HELLO: &[u8] = b"HELLO";
const WELCOME: &[u8] = b"WELCOME";
const INITIATE: &[u8] = b"INITIATE";
const READY: &[u8] = b"READY";
/// The first bytes of ERROR as libzmq writes it.
const MISSPELT_ERROR: &[u8] = b"^RROR";

#[cfg(test)]
mod tests;
