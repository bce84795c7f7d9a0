//! The SOCKS 5 handshake of a client, after which the stream leads to the target.
//!
//! ```text
//! ChoosingMethod --no authentication--> Requesting --granted--> Done
//!       \--user and password--> LoggingIn --accepted--/
//! ```
//!
//! Owns: the bytes of the handshake, and its state.
//! Always true: it holds at most one answer, of at most 262 bytes; it never takes a byte behind the handshake.
//! Must not know: sockets, clocks. PURE: bytes in, bytes out.
//! Source: RFC 1928 (SOCKS 5), RFC 1929 (user and password).

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;

use crate::endpoint::{Endpoint, Host, Kind};

/// The address to which the proxy is to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SocksTarget {
    Address(SocketAddr),
    /// A host name, 1 to 255 bytes, which the proxy resolves.
    Name {
        host: String,
        port: u16,
    },
}

/// User and password for the proxy, each 1 to 255 bytes. They are sent unencrypted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SocksCredentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// The handshake. The caller sends the bytes of [`poll_transmit`](Self::poll_transmit) and hands in received bytes,
/// until [`is_done`](Self::is_done).
pub(crate) struct Socks5 {
    state: State,
    /// Bytes not sent to the proxy yet.
    outgoing: Vec<u8>,
    /// The part of an answer that has arrived.
    incoming: Vec<u8>,
    request: Vec<u8>,
    /// The login message; empty if there are no credentials.
    login: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Offered the methods; the proxy chooses one.
    ChoosingMethod,
    /// Sent user and password.
    LoggingIn,
    /// Sent the target.
    Requesting,
    /// The stream leads to the target.
    Done,
    /// An answer was refused; every later answer is refused too.
    Failed,
}

/// Why the connection through the proxy failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum SocksError {
    /// The name of the target host is empty or has more than 255 bytes.
    InvalidName { len: usize },
    /// User or password is empty or has more than 255 bytes.
    InvalidCredentials,
    /// An answer of another protocol, or of another version of this one.
    WrongVersion { version: u8 },
    /// The proxy accepts none of the methods offered; it may want a user and a password.
    NoMethod,
    /// The proxy chose a method that was not offered.
    UnknownMethod { method: u8 },
    /// User or password is wrong.
    LoginRefused { status: u8 },
    /// The proxy did not connect to the target.
    Refused { reply: u8 },
    /// The answer has an address of a type that does not exist.
    UnknownAddressType { address_type: u8 },
    /// The handshake has failed before.
    Failed,
}

impl SocksTarget {
    /// The target of `endpoint`. `None` if another machine cannot use it: a wildcard, a zone, or not TCP.
    pub(crate) fn of(endpoint: &Endpoint) -> Option<Self> {
        let Kind::Tcp(tcp) = endpoint.kind() else {
            return None;
        };
        let port = endpoint.port()?;
        match &tcp.target.host {
            Host::V4(ip) => Some(Self::Address((*ip, port).into())),
            Host::V6(ip, None) => Some(Self::Address((*ip, port).into())),
            Host::Name(host) => Some(Self::Name {
                host: host.to_string(),
                port,
            }),
            Host::V6(_, Some(_)) | Host::Any => None,
        }
    }
}

impl Socks5 {
    /// A handshake for `target`; it logs in if the proxy asks for it and there are `credentials`.
    ///
    /// # Errors
    ///
    /// [`SocksError::InvalidName`], [`SocksError::InvalidCredentials`].
    pub(crate) fn new(
        target: &SocksTarget,
        credentials: Option<&SocksCredentials>,
    ) -> Result<Self, SocksError> {
        let login = credentials
            .map(login_message)
            .transpose()?
            .unwrap_or_default();
        let outgoing = match credentials {
            None => vec![VERSION, 1, NO_AUTHENTICATION],
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
        };
        Ok(Self {
            state: State::ChoosingMethod,
            outgoing,
            incoming: Vec::new(),
            request: request_message(target)?,
            login,
        })
    }

    /// Appends the bytes to be sent now to `output`; false if there were none.
    pub(crate) fn poll_transmit(&mut self, output: &mut Vec<u8>) -> bool {
        let something = !self.outgoing.is_empty();
        output.append(&mut self.outgoing);
        something
    }

    /// Takes the proxy's bytes from the front of `input` and gives their number. The bytes behind them come from the
    /// target.
    ///
    /// # Errors
    ///
    /// Every error is fatal to the connection.
    pub(crate) fn receive(&mut self, input: &[u8]) -> Result<usize, SocksError> {
        if self.state == State::Failed {
            return Err(SocksError::Failed);
        }
        let mut taken = 0;
        while self.state != State::Done && taken < input.len() {
            let missing = self.next_look() - self.incoming.len();
            let piece = &input[taken..input.len().min(taken + missing)];
            self.incoming.extend_from_slice(piece);
            taken += piece.len();
            if piece.len() == missing {
                self.look().inspect_err(|_| self.state = State::Failed)?;
            }
        }
        Ok(taken)
    }

    /// The least number of bytes that the proxy will still send. Reading no more than this never reads a byte of the
    /// target.
    pub(crate) fn wanted(&self) -> usize {
        self.next_look() - self.incoming.len()
    }

    /// Whether the stream now leads to the target.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The length at which the answer can be judged next; more than has arrived.
    fn next_look(&self) -> usize {
        match (self.state, &*self.incoming) {
            (State::Requesting, [_, _, _, IPV4, _, ..]) => 4 + 4 + 2,
            (State::Requesting, [_, _, _, IPV6, _, ..]) => 4 + 16 + 2,
            (State::Requesting, [_, _, _, _, name_len, ..]) => 4 + 1 + usize::from(*name_len) + 2,
            // A refusing proxy may send only the first two bytes.
            (State::Requesting, [_, _, ..]) => 4 + 1,
            _ => 2,
        }
    }

    /// Judges the answer, which has the length that [`Self::next_look`] gave.
    fn look(&mut self) -> Result<(), SocksError> {
        match (self.state, &*self.incoming) {
            (State::LoggingIn, &[LOGIN_VERSION, LOGIN_ACCEPTED]) => self.ask_for_target(),
            (State::LoggingIn, &[LOGIN_VERSION, status]) => {
                return Err(SocksError::LoginRefused { status });
            }
            (State::ChoosingMethod, &[VERSION, NO_AUTHENTICATION]) => self.ask_for_target(),
            (State::ChoosingMethod, &[VERSION, USER_AND_PASSWORD]) if !self.login.is_empty() => {
                self.outgoing.append(&mut self.login);
                self.incoming.clear();
                self.state = State::LoggingIn;
            }
            (State::ChoosingMethod, &[VERSION, NO_METHOD]) => return Err(SocksError::NoMethod),
            (State::ChoosingMethod, &[VERSION, method]) => {
                return Err(SocksError::UnknownMethod { method });
            }
            (State::Requesting, &[VERSION, GRANTED]) => {}
            (State::Requesting, &[VERSION, reply]) => return Err(SocksError::Refused { reply }),
            (State::Requesting, &[VERSION, _, _, address_type, _]) => {
                if !matches!(address_type, IPV4 | NAME | IPV6) {
                    return Err(SocksError::UnknownAddressType { address_type });
                }
            }
            // The address that the proxy uses does not matter.
            (State::Requesting, &[VERSION, _, _, _, _, ..]) => self.finish(),
            (_, answer) => {
                let version = answer.first().copied().unwrap_or_default();
                return Err(SocksError::WrongVersion { version });
            }
        }
        Ok(())
    }

    fn ask_for_target(&mut self) {
        self.outgoing.append(&mut self.request);
        self.incoming.clear();
        self.state = State::Requesting;
    }

    fn finish(&mut self) {
        self.incoming = Vec::new();
        self.state = State::Done;
    }
}

/// `CONNECT` to `target`.
fn request_message(target: &SocksTarget) -> Result<Vec<u8>, SocksError> {
    let mut message = vec![VERSION, CONNECT, 0];
    let port = match target {
        SocksTarget::Address(SocketAddr::V4(address)) => {
            message.push(IPV4);
            message.extend(address.ip().octets());
            address.port()
        }
        SocksTarget::Address(SocketAddr::V6(address)) => {
            message.push(IPV6);
            message.extend(address.ip().octets());
            address.port()
        }
        SocksTarget::Name { host, port } => {
            let len = text_len(host).ok_or(SocksError::InvalidName { len: host.len() })?;
            message.extend([NAME, len]);
            message.extend(host.as_bytes());
            *port
        }
    };
    message.extend(port.to_be_bytes());
    Ok(message)
}

fn login_message(credentials: &SocksCredentials) -> Result<Vec<u8>, SocksError> {
    let mut message = vec![LOGIN_VERSION];
    for text in [&credentials.user, &credentials.password] {
        message.push(text_len(text).ok_or(SocksError::InvalidCredentials)?);
        message.extend(text.as_bytes());
    }
    Ok(message)
}

/// The length byte before a text of 1 to 255 bytes.
fn text_len(text: &str) -> Option<u8> {
    u8::try_from(text.len()).ok().filter(|len| *len != 0)
}

impl fmt::Debug for SocksCredentials {
    /// Omits the password, which must not be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksCredentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Socks5 {
    /// Omits the bytes, which contain the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks5")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SocksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName { len } => {
                write!(
                    f,
                    "a host name for a SOCKS proxy has 1 to 255 bytes, not {len}"
                )
            }
            Self::InvalidCredentials => {
                f.write_str("user and password for a SOCKS proxy have 1 to 255 bytes each")
            }
            Self::WrongVersion { version } => {
                write!(
                    f,
                    "the proxy does not speak SOCKS 5: it answers with version {version}"
                )
            }
            Self::NoMethod => f.write_str("the SOCKS proxy wants another kind of login"),
            Self::UnknownMethod { method } => {
                write!(
                    f,
                    "the SOCKS proxy chose login method {method}, which was not offered"
                )
            }
            Self::LoginRefused { status } => {
                write!(
                    f,
                    "the SOCKS proxy refuses user or password (status {status})"
                )
            }
            Self::Refused { reply } => {
                let reason = match reply {
                    1 => "general failure",
                    2 => "not allowed by its rules",
                    3 => "network unreachable",
                    4 => "host unreachable",
                    5 => "connection refused",
                    6 => "time to live expired",
                    7 => "command not supported",
                    8 => "address type not supported",
                    _ => "unknown reason",
                };
                write!(
                    f,
                    "the SOCKS proxy did not connect: {reason} (reply {reply})"
                )
            }
            Self::UnknownAddressType { address_type } => {
                write!(
                    f,
                    "the SOCKS proxy answers with an address of unknown type {address_type}"
                )
            }
            Self::Failed => f.write_str("the SOCKS handshake has failed before"),
        }
    }
}

impl std::error::Error for SocksError {}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const LOGIN_VERSION: u8 = 1;
const LOGIN_ACCEPTED: u8 = 0;
const CONNECT: u8 = 1;
const GRANTED: u8 = 0;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
