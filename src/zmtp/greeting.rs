//! The greeting: the first 64 bytes of each end.
//!
//! Owns: our greeting, and what the peer's greeting tells: version, mechanism, whether it is the server.
//! Always true: our greeting depends on nothing that the peer sends, so neither end waits for the other.
//! Must not know: the handshake behind the greeting.
//! Source: RFC 37/ZMTP 3.1, "Greeting" and "Version Negotiation". libzmq sends its greeting in three pieces, each after
//! some of the peer's, since it speaks 1.0 or 2.0 with an old peer. We refuse these versions, so we send all 64 bytes at
//! once, and the handshake takes one round trip less. A 1.0 peer reads them as the beginning of a message that never ends.

use super::Version;
use super::error::{ProtocolError, printable};

/// One end's exchange of greetings.
#[derive(Debug)]
pub(super) struct Greeting {
    mechanism: &'static str,
    is_server: bool,
    /// What has arrived, in the first `len` bytes.
    seen: [u8; GREETING_LEN],
    len: usize,
}

impl Greeting {
    /// For a `mechanism` whose name has at most 20 letters; whether we are its server.
    pub(super) fn new(mechanism: &'static str, is_server: bool) -> Self {
        Self {
            mechanism,
            is_server,
            seen: [0; GREETING_LEN],
            len: 0,
        }
    }

    /// Takes bytes of the peer's greeting from the front of `input`, none beyond its end; returns how many.
    ///
    /// # Errors
    ///
    /// As soon as it is clear that the peer speaks an older version, another mechanism, or something else.
    pub(super) fn receive(&mut self, input: &[u8]) -> Result<usize, ProtocolError> {
        let taken = input.len().min(GREETING_LEN - self.len);
        self.seen[self.len..self.len + taken].copy_from_slice(&input[..taken]);
        self.len += taken;
        self.judge()?;
        Ok(taken)
    }

    /// What to speak with the peer, once its greeting is complete.
    pub(super) fn version(&self) -> Option<Version> {
        let whole = self.len == GREETING_LEN;
        whole.then(|| match (self.seen[MAJOR], self.seen[MAJOR + 1]) {
            (3, 0) => Version::V3_0,
            _ => Version::V3_1,
        })
    }

    /// Whether the peer says that it is the server of the mechanism; known once its greeting is complete. libzmq never
    /// says so, whatever it is.
    pub(super) fn peer_is_server(&self) -> bool {
        self.seen[AS_SERVER] == 1
    }

    /// Refuses the peer as soon as its bytes allow no other conclusion.
    ///
    /// A 1.0 peer begins with its identity as a frame: a length that counts one byte of flags, which are zero. A 2.0
    /// peer has our signature, then revision 1. libzmq speaks with both, but neither can be told the mechanism.
    fn judge(&self) -> Result<(), ProtocolError> {
        let seen = &self.seen[..self.len];
        match *seen {
            [] | [0x01..=0xFF] => Ok(()),
            [0x01..=0xFE, 0, ..] => Err(ProtocolError::UnsupportedVersion { major: 1, minor: 0 }),
            [0x00..=0xFE, ..] => Err(ProtocolError::NotZmtp),
            [0xFF, ..] => self.judge_signed(seen),
        }
    }

    fn judge_signed(&self, seen: &[u8]) -> Result<(), ProtocolError> {
        if seen.get(SIGNATURE_LEN - 1).is_some_and(|end| end & 1 == 0) {
            return Err(ProtocolError::UnsupportedVersion { major: 1, minor: 0 });
        }
        if seen.get(MAJOR).is_some_and(|&major| major < 3) {
            return Err(ProtocolError::UnsupportedVersion { major: 2, minor: 0 });
        }
        if seen.len() == GREETING_LEN && seen[MECHANISM] != self.ours()[MECHANISM] {
            let name = seen[MECHANISM].trim_ascii_end();
            let end = name
                .iter()
                .position(|&byte| byte == 0)
                .unwrap_or(name.len());
            return Err(ProtocolError::MechanismMismatch {
                theirs: printable(&name[..end]),
                ours: self.mechanism,
            });
        }
        Ok(())
    }

    /// Our greeting. The padding looks to a 1.0 peer like the length of an empty identity, as libzmq's does.
    pub(super) fn ours(&self) -> [u8; GREETING_LEN] {
        let mut greeting = [0; GREETING_LEN];
        greeting[..MAJOR + 2].copy_from_slice(&[0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1]);
        greeting[MECHANISM][..self.mechanism.len()].copy_from_slice(self.mechanism.as_bytes());
        greeting[AS_SERVER] = u8::from(self.is_server);
        greeting
    }
}

const GREETING_LEN: usize = 64;
const SIGNATURE_LEN: usize = 10;
const MAJOR: usize = 10;
const MECHANISM: std::ops::Range<usize> = 12..32;
const AS_SERVER: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// A 3.1 greeting of NULL with some bytes changed.
    fn greeting(changes: &[(usize, u8)]) -> [u8; GREETING_LEN] {
        let mut bytes = Greeting::new("NULL", false).ours();
        changes.iter().for_each(|&(at, byte)| bytes[at] = byte);
        bytes
    }

    fn outcome(input: &[u8]) -> Result<Option<Version>, ProtocolError> {
        let mut whole = Greeting::new("NULL", false);
        let at_once = whole.receive(input).map(|_| whole.version());
        let mut stepped = Greeting::new("NULL", false);
        let by_bytes = input
            .iter()
            .try_for_each(|byte| stepped.receive(&[*byte]).map(drop))
            .map(|()| stepped.version());
        assert_eq!(at_once, by_bytes, "a cut changed the outcome");
        at_once
    }

    #[test]
    fn nothing_is_taken_beyond_the_greeting() {
        let mut input = greeting(&[]).to_vec();
        input.extend_from_slice(b"traffic");
        let mut exchange = Greeting::new("NULL", false);
        assert_eq!(exchange.receive(&input), Ok(64));
        assert_eq!(exchange.version(), Some(Version::V3_1));
    }

    #[test]
    fn only_3_0_is_spoken_to_as_3_0() {
        assert_eq!(
            outcome(&greeting(&[(MAJOR + 1, 0)])),
            Ok(Some(Version::V3_0))
        );
        assert_eq!(
            outcome(&greeting(&[(MAJOR + 1, 9)])),
            Ok(Some(Version::V3_1))
        );
        assert_eq!(
            outcome(&greeting(&[(MAJOR, 4), (MAJOR + 1, 0)])),
            Ok(Some(Version::V3_1))
        );
        assert_eq!(outcome(&greeting(&[])[..63]), Ok(None));
    }

    #[test]
    fn padding_filler_and_the_server_bit_are_ignored() {
        let odd = greeting(&[(1, 0xFF), (8, 0), (9, 0x01), (32, 1), (63, 0xFF)]);
        assert_eq!(outcome(&odd), Ok(Some(Version::V3_1)));
    }

    #[test]
    fn the_server_bit_tells_the_role_of_each_end() {
        for (ours, theirs) in [(false, true), (true, false)] {
            let mut exchange = Greeting::new("PLAIN", ours);
            assert_eq!(exchange.ours()[AS_SERVER], u8::from(ours));
            let peer = Greeting::new("PLAIN", theirs).ours();
            assert_eq!(exchange.receive(&peer), Ok(64));
            assert_eq!(exchange.peer_is_server(), theirs);
        }
    }

    #[test]
    fn older_versions_are_refused_by_name() {
        let refused = |major| Err(ProtocolError::UnsupportedVersion { major, minor: 0 });
        assert_eq!(outcome(b"\x01\x00"), refused(1));
        assert_eq!(outcome(b"\x05\x00name"), refused(1));
        assert_eq!(outcome(&greeting(&[(9, 0x7E)])), refused(1));
        for revision in 0..3 {
            assert_eq!(outcome(&greeting(&[(MAJOR, revision)])[..11]), refused(2));
        }
    }

    #[test]
    fn anything_else_is_not_zmtp() {
        for input in [&b"GET / HTTP/1.1\r\n"[..], b"\x00", b"\x16\x03\x01"] {
            assert_eq!(outcome(input), Err(ProtocolError::NotZmtp));
        }
    }

    #[test]
    fn another_mechanism_is_refused_and_named() {
        let mut plain = greeting(&[]);
        plain[MECHANISM][..5].copy_from_slice(b"PLAIN");
        let theirs = "PLAIN".to_owned();
        let mismatch = ProtocolError::MechanismMismatch {
            theirs,
            ours: "NULL",
        };
        assert_eq!(outcome(&plain), Err(mismatch));
        let longer = greeting(&[(16, b'S')]);
        assert!(matches!(
            outcome(&longer),
            Err(ProtocolError::MechanismMismatch { .. })
        ));
    }
}
