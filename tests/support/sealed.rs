//! A peer without manners that speaks CURVE: a client with good keys, and whatever it seals with them.

use std::io::Read;

use highwater::Endpoint;
use highwater::security::{Keypair, PublicKey};
use highwater_curve::{SharedKey, TAG};

use super::{RawPeer, command, frame, greeting};

/// One connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct SealedPeer {
    raw: RawPeer,
    key: Shared,
    sent: u64,
}

/// What both transient keys share.
struct Shared(SharedKey);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl SealedPeer {
    /// Connects as `keys` to the owner of the key `server`, and does everything up to the first message.
    pub(crate) fn connect_as(
        socket_type: &str,
        at: &Endpoint,
        keys: &Keypair,
        server: PublicKey,
    ) -> Self {
        let mut raw = RawPeer::connect(at);
        let transient = Keypair::generate();
        let agree = |ours: &Keypair, theirs: &PublicKey| {
            SharedKey::new(ours.secret(), theirs).expect("good keys")
        };
        let key = agree(&transient, &server);
        raw.send(&curve_greeting());
        raw.send(&hello(&transient, &key));
        let mut theirs = [0; 64];
        raw.read_exact(&mut theirs).expect("a greeting");

        let (_, welcome) = raw.read_frame();
        let random = welcome[8..24].try_into().expect("16 bytes");
        let text = open(&key, &random_nonce(b"WELCOME-", random), &welcome[24..]);
        let (their_transient, cookie) = text.split_first_chunk().expect("a key");
        let their_transient = PublicKey::from_bytes(*their_transient).expect("a good key");

        let shared = agree(&transient, &their_transient);
        let random = [7; 16];
        let vouched = [&transient.public().as_bytes()[..], server.as_bytes()].concat();
        let vouch = seal(
            &agree(keys, &their_transient),
            &random_nonce(b"VOUCH---", &random),
            &vouched,
        );
        let public = keys.public();
        let metadata = [
            &b"\x0bSocket-Type"[..],
            &(socket_type.len() as u32).to_be_bytes(),
            socket_type.as_bytes(),
        ]
        .concat();
        let text = [&public.as_bytes()[..], &random, &vouch, &metadata].concat();
        let nonce = counted_nonce(b"CurveZMQINITIATE", 2);
        let data = [cookie, &nonce[16..], &seal(&shared, &nonce, &text)].concat();
        raw.send(&command("INITIATE", &data));
        let (_, ready) = raw.read_frame();
        assert!(ready.starts_with(b"\x05READY"), "{ready:?}");
        Self {
            raw,
            key: Shared(shared),
            sent: 2,
        }
    }

    /// Sends a message of one frame, if the peer still listens.
    pub(crate) fn send(&mut self, body: &[u8]) -> bool {
        let sealed = self.sealed(0, body);
        self.raw.send(&sealed)
    }

    /// Sends one frame of a message, with the flag 1 if more follow, if the peer still listens.
    pub(crate) fn send_frame(&mut self, flags: u8, body: &[u8]) -> bool {
        let sealed = self.sealed(flags, body);
        self.raw.send(&sealed)
    }

    /// Sends only the first `bytes` of a message of one frame.
    pub(crate) fn send_part(&mut self, body: &[u8], bytes: usize) {
        let sealed = self.sealed(0, body);
        self.raw.send(&sealed[..bytes]);
    }

    /// Sends a command.
    pub(crate) fn command(&mut self, name: &str, data: &[u8]) {
        self.try_command(name, data);
    }

    /// As [`command`](Self::command); false if the peer does not listen.
    pub(crate) fn try_command(&mut self, name: &str, data: &[u8]) -> bool {
        let body = [&[name.len() as u8], name.as_bytes(), data].concat();
        let sealed = self.sealed(2, &body);
        self.raw.send(&sealed)
    }

    /// Gives up sending after this time.
    pub(crate) fn write_within(&self, timeout: std::time::Duration) {
        self.raw.write_within(timeout);
    }

    /// The next frame in its MESSAGE, on the wire.
    fn sealed(&mut self, flags: u8, body: &[u8]) -> Vec<u8> {
        self.sent += 1;
        let nonce = counted_nonce(b"CurveZMQMESSAGEC", self.sent);
        let boxed = seal(&self.key.0, &nonce, &[&[flags], body].concat());
        frame(&[b"\x07MESSAGE", &nonce[16..], &boxed].concat(), false)
    }

    /// The flags in the next MESSAGE, 1 for more and 2 for a command, and the body.
    pub(crate) fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let (_, message) = self.raw.read_frame();
        let data = message.strip_prefix(b"\x07MESSAGE").expect("it is sealed");
        let (counter, boxed) = data.split_first_chunk().expect("a counter");
        let nonce = counted_nonce(b"CurveZMQMESSAGES", u64::from_be_bytes(*counter));
        let text = open(&self.key.0, &nonce, boxed);
        (text[0], text[1..].to_vec())
    }
}

/// The greeting of a client of CURVE.
pub(crate) fn curve_greeting() -> Vec<u8> {
    let mut bytes = greeting();
    bytes[12..32].fill(0);
    bytes[12..17].copy_from_slice(b"CURVE");
    bytes
}

/// A HELLO of this transient key, which with the server's shares `key`.
pub(crate) fn hello(transient: &Keypair, key: &SharedKey) -> Vec<u8> {
    let nonce = counted_nonce(b"CurveZMQHELLO---", 1);
    let public = transient.public();
    let data = [
        &[1, 0][..],
        &[0; 72],
        public.as_bytes(),
        &nonce[16..],
        &seal(key, &nonce, &[0; 64]),
    ];
    command("HELLO", &data.concat())
}

fn counted_nonce(prefix: &[u8; 16], counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

fn random_nonce(prefix: &[u8; 8], random: &[u8; 16]) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(prefix);
    nonce[8..].copy_from_slice(random);
    nonce
}

fn seal(key: &SharedKey, nonce: &[u8; 24], text: &[u8]) -> Vec<u8> {
    let mut boxed = [&[0; TAG], text].concat();
    key.seal(nonce, &mut boxed);
    boxed
}

fn open(key: &SharedKey, nonce: &[u8; 24], boxed: &[u8]) -> Vec<u8> {
    let mut boxed = boxed.to_vec();
    key.open(nonce, &mut boxed)
        .expect("it was sealed for us")
        .to_vec()
}
