//! What is done with bytes that have to do with CURVE: its handshake and traffic, boxes, keys as text, certificates.

use highwater_curve::{
    Certificate, Kernel, Keypair, PublicKey, SecretKey, SharedKey, TAG, Z85Error, z85_decode,
    z85_encode,
};

use std::sync::OnceLock;

use super::{ENDS, HandshakeConfig, SocketType, converse, opened};
use crate::zmtp::{
    ClientSeeds, CurveClient, CurveLimits, CurveServer, Handshake, ServerSeeds, server_sealing,
};

/// What follows a good greeting of CURVE: bit 0 of the first byte says who we are, bit 1 whether our socket may refuse the
/// peer, bit 2 whether counters may be skipped; the second byte says how the rest is cut.
pub fn curve(data: &[u8]) {
    let &[choice, cut, ref rest @ ..] = data else {
        return;
    };
    let is_client = choice & 1 != 0;
    let whole = converse(end(choice), "CURVE", rest, usize::MAX);
    ENDS.count_conversation(&whole);
    // The multiplications of a handshake take 100 us: only one input in four, by its length, is also handed over in pieces.
    if rest.len().is_multiple_of(4) {
        let in_pieces = converse(end(choice), "CURVE", rest, usize::from(cut).max(1));
        assert_eq!(whole, in_pieces, "a cut changed the outcome");
    }
    assert_eq!(whole.peer.is_some(), whole.sealed.is_some());
    if whole.peer.is_some() && !is_client {
        assert!(whole.credentials.is_some(), "nobody comes in unasked");
    }
}

/// What both ends say to each other behind their greetings, and some traffic.
pub fn conversation() -> (Vec<u8>, Vec<u8>) {
    let (mut client, mut server) = (end(1), end(0));
    let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
    let now = std::time::Instant::now;
    loop {
        let (one, other) = (client.poll_transmit(), server.poll_transmit());
        if one.is_none() && other.is_none() {
            break;
        }
        let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
        server.receive(&one, now()).expect("a good client");
        client.receive(&other, now()).expect("a good server");
        server.allow().expect("a good client");
        from_client.extend(one);
        from_server.extend(other);
    }
    let frames = b"\x00\x05hello\x01\x00\x04\x07\x04PING\x00\x00\x00\x01x";
    for (end, said) in [(client, &mut from_client), (server, &mut from_server)] {
        let (_, sealing) = end.finish().expect("both are content");
        let mut seal = sealing.expect("CURVE seals").seal;
        (0..2).for_each(|_| seal.seal(frames, said));
    }
    (from_client.split_off(64), from_server.split_off(64))
}

/// Traffic behind a good handshake, as a server gets it: bit 2 of the first byte says whether counters may be skipped, the
/// second byte how the rest is cut.
pub fn messages(data: &[u8]) {
    let &[choice, cut, ref traffic @ ..] = data else {
        return;
    };
    let read = |cut| {
        // The counters of the handshake are those of HELLO and INITIATE, and of READY.
        let mut sealing = server_sealing(&known().shared, 1, 2, limits(choice));
        opened(&mut *sealing.open, traffic, cut)
    };
    let whole = read(usize::MAX);
    ENDS.count(whole.1 == 0, whole.2.is_some());
    let in_pieces = read(usize::from(cut).max(1));
    assert_eq!(whole, in_pieces, "a cut changed the outcome");
}

/// What a peer says that has good keys and seals anything with them: bit 0 of the first byte says who we are, bits 3 and 4
/// whether the texts of HELLO and of WELCOME, or of the vouch, are those of this peer or good ones. The second byte says how
/// all is cut. Then come texts, each behind its length: metadata first, and whatever is in the MESSAGEs.
pub fn insider(data: &[u8]) {
    let &[choice, cut, ref rest @ ..] = data else {
        return;
    };
    let mut texts = Texts(rest);
    let (said, prefix) = if choice & 1 == 0 {
        (known().as_client(choice, &mut texts), b"CurveZMQMESSAGEC")
    } else {
        (known().as_server(choice, &mut texts), b"CurveZMQMESSAGES")
    };
    // A client has counted HELLO and INITIATE, a server READY.
    let first = if choice & 1 == 0 { 3 } else { 2 };
    let (mut traffic, mut expected) = (Vec::new(), Vec::new());
    let (mut is_whole, mut counter) = (true, first);
    for text in texts {
        traffic.extend(frame(
            0,
            &[
                b"\x07MESSAGE",
                &u64::to_be_bytes(counter),
                &seal(&known().shared, &nonce(prefix, counter), text),
            ],
        ));
        counter += 1;
        match text.split_first() {
            Some((flags, body)) if is_whole => {
                let flags = flags & 1 | (flags & 2) << 1;
                expected.extend(frame(flags, &[body]));
            }
            _ => is_whole = false,
        }
    }
    let cut = if cut == 0 { usize::MAX } else { cut.into() };
    let outcome = converse(end(choice), "CURVE", &[said, traffic].concat(), cut);
    ENDS.count_conversation(&outcome);
    let is_good = choice & 24 == 0 && rest.starts_with(b"\x16\x0bSocket-Type\0\0\0\x06DEALER");
    assert!(outcome.sealed.is_some() || !is_good, "{:?}", outcome.error);
    if let Some((frames, left, error)) = outcome.sealed {
        assert_eq!((frames, left), (expected, 0), "what was sealed comes out");
        assert_eq!(error.is_none(), is_whole, "{error:?}");
    }
}

/// The texts of an insider: a byte with the length of each, and the last one as long as the rest.
struct Texts<'a>(&'a [u8]);

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&len, rest) = self.0.split_first()?;
        let (text, rest) = rest.split_at(rest.len().min(len.into()));
        self.0 = rest;
        Some(text)
    }
}

/// What is the same in each conversation, since nothing in it is random.
struct Known {
    hello: Vec<u8>,
    cookie: Vec<u8>,
    /// Of the client's transient key and the server's.
    hello_key: SharedKey,
    /// Of the client's key and the server's transient one.
    vouch_key: SharedKey,
    /// Of both transient keys.
    shared: SharedKey,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let (from_client, _) = conversation();
        let (hello, initiate) = from_client.split_at(2 + 200);
        let agree = |ours: [u8; 32], theirs: [u8; 32]| {
            let theirs = SecretKey::from_bytes(theirs).public();
            SharedKey::new(&SecretKey::from_bytes(ours), &theirs).expect("good keys")
        };
        // Behind the header of a long frame and the name.
        let at = 9 + 9;
        Known {
            hello: hello.to_vec(),
            cookie: initiate[at..at + 96].to_vec(),
            hello_key: agree(CLIENT_TRANSIENT, SERVER),
            vouch_key: agree(CLIENT, SERVER_TRANSIENT),
            shared: agree(CLIENT_TRANSIENT, SERVER_TRANSIENT),
        }
    })
}

impl Known {
    /// HELLO and INITIATE.
    fn as_client(&self, choice: u8, texts: &mut Texts<'_>) -> Vec<u8> {
        let public = |secret: [u8; 32]| *SecretKey::from_bytes(secret).public().as_bytes();
        let mut hello = self.hello.clone();
        if choice & 8 != 0 {
            let text = texts.next().unwrap_or_default();
            let boxed = seal(&self.hello_key, &nonce(b"CurveZMQHELLO---", 1), text);
            hello = frame(4, &[&hello[2..2 + 120], &boxed]);
        }
        let good = [public(CLIENT_TRANSIENT), public(SERVER)].concat();
        let vouched = if choice & 16 != 0 {
            texts.next().unwrap_or_default()
        } else {
            &good
        };
        let mut vouch_nonce = *b"VOUCH---................";
        vouch_nonce[8..].fill(4);
        let vouch = seal(&self.vouch_key, &vouch_nonce, vouched);
        let metadata = texts.next().unwrap_or_default();
        let text = [&public(CLIENT)[..], &vouch_nonce[8..], &vouch, metadata].concat();
        let boxed = seal(&self.shared, &nonce(b"CurveZMQINITIATE", 2), &text);
        let initiate = frame(
            4,
            &[b"\x08INITIATE", &self.cookie, &2_u64.to_be_bytes(), &boxed],
        );
        [hello, initiate].concat()
    }

    /// WELCOME and READY.
    fn as_server(&self, choice: u8, texts: &mut Texts<'_>) -> Vec<u8> {
        let transient = SecretKey::from_bytes(SERVER_TRANSIENT).public();
        let good = [&transient.as_bytes()[..], &self.cookie].concat();
        let text = if choice & 8 != 0 {
            texts.next().unwrap_or_default()
        } else {
            &good
        };
        let mut welcome_nonce = *b"WELCOME-................";
        welcome_nonce[8..].fill(6);
        let boxed = seal(&self.hello_key, &welcome_nonce, text);
        let welcome = frame(4, &[b"\x07WELCOME", &welcome_nonce[8..], &boxed]);
        let metadata = texts.next().unwrap_or_default();
        let boxed = seal(&self.shared, &nonce(b"CurveZMQREADY---", 1), metadata);
        let ready = frame(4, &[b"\x05READY", &1_u64.to_be_bytes(), &boxed]);
        [welcome, ready].concat()
    }
}

fn nonce(prefix: &[u8; 16], counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

fn seal(key: &SharedKey, nonce: &[u8; 24], text: &[u8]) -> Vec<u8> {
    let mut boxed = [&[0; TAG][..], text].concat();
    key.seal(nonce, &mut boxed);
    boxed
}

fn frame(flags: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut frame = match u8::try_from(body.len()) {
        Ok(len) => vec![flags, len],
        Err(_) => [&[flags | 2][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    frame.extend(body);
    frame
}

fn limits(choice: u8) -> CurveLimits {
    CurveLimits {
        max_frame: Some(16 * 1024),
        allows_gaps: choice & 4 != 0,
    }
}

fn end(choice: u8) -> Handshake {
    // Made once: a public key costs a multiplication on the curve, and none of these changes from one input to the next.
    static PAIRS: OnceLock<[Keypair; 2]> = OnceLock::new();
    let [client, server] = PAIRS.get_or_init(|| {
        [CLIENT, SERVER].map(|secret| Keypair::from_secret(SecretKey::from_bytes(secret)))
    });
    let limits = limits(choice);
    let mut config = HandshakeConfig::new(SocketType::Dealer);
    config.holds_back = choice & 2 != 0;
    if choice & 1 != 0 {
        let seeds = ClientSeeds {
            transient: CLIENT_TRANSIENT,
            vouch: [4; 16],
        };
        let client = CurveClient::new(client.clone(), server.public(), &seeds, limits);
        Handshake::curve_client(config, client)
    } else {
        let seeds = ServerSeeds {
            transient: SERVER_TRANSIENT,
            welcome: [6; 16],
            cookie: [7; 16],
        };
        let server = CurveServer::new(
            server.clone(),
            SharedKey::from_bytes([8; 32]),
            seeds,
            limits,
        );
        Handshake::curve_server(config, server)
    }
}

/// The secret keys: of the client and the server, and those that are for one connection.
const CLIENT: [u8; 32] = [1; 32];
const SERVER: [u8; 32] = [2; 32];
const CLIENT_TRANSIENT: [u8; 32] = [3; 32];
const SERVER_TRANSIENT: [u8; 32] = [5; 32];

/// Boxes: the first byte is the key, the second says how long each is.
pub fn boxes(data: &[u8]) {
    let &[key, len, ref rest @ ..] = data else {
        return;
    };
    let key = SharedKey::from_bytes([key; 32]);
    let prefix = b"CurveZMQMESSAGEC";
    let (fast, plain) = (
        key.for_nonces(prefix),
        key.for_nonces_by(prefix, Kernel::Scalar),
    );
    let texts: Vec<&[u8]> = rest.chunks(usize::from(len) + 1).collect();
    let unsealed = || texts.iter().map(|text| [&[0; TAG][..], text].concat());
    let counters = || (1_u64..).map(u64::to_be_bytes);
    let mut together: Vec<Vec<u8>> = unsealed().collect();
    fast.seal_all(counters().zip(together.iter_mut().map(Vec::as_mut_slice)));
    let mut opened = together.clone();
    let tags = together
        .iter()
        .map(|boxed| boxed.first_chunk().expect("a tag"));
    let inside = opened.iter_mut().map(|boxed| &mut boxed[TAG..]);
    let all = counters().zip(tags).zip(inside);
    let all = all.map(|((counter, tag), inside)| (counter, tag, inside));
    assert_eq!(fast.open_all(all), Ok(()));
    assert!(
        opened
            .iter()
            .zip(&texts)
            .all(|(boxed, text)| boxed[TAG..] == **text)
    );
    for (((mut alone, boxed), counter), text) in
        unsealed().zip(&mut together).zip(counters()).zip(&texts)
    {
        plain.seal(counter, &mut alone);
        assert_eq!(&alone, boxed, "another way, another box");
        assert_eq!(fast.open(counter, boxed).as_deref(), Ok(*text));
        // Stripped of its tag it is no box.
        assert!(plain.open(counter, &mut alone[TAG..]).is_err());
    }
    if rest.len() >= TAG {
        let mut strange = rest.to_vec();
        assert!(fast.open([0; 8], &mut strange).is_err());
        assert_eq!(strange, rest, "a refused box is left as it came");
    }
}

/// Text that may be a key, or Z85 of another length.
pub fn keys(data: &[u8]) {
    let mut bytes = vec![0; data.len() / 5 * 4];
    match z85_decode(data, &mut bytes) {
        Ok(()) => {
            let mut text = vec![0; data.len()];
            z85_encode(&bytes, &mut text);
            assert_eq!(text, data);
        }
        Err(Z85Error::Length { .. }) => assert_ne!(data.len() % 5, 0),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let text = String::from_utf8_lossy(data);
    match text.parse::<PublicKey>() {
        Ok(key) => assert_eq!(key.to_string(), text),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(key) = text.parse::<SecretKey>() {
        assert_eq!(key.to_text().as_str(), text);
    }
}

/// Text that may be a certificate.
pub fn certificate(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let certificate = match Certificate::parse(&text) {
        Ok(certificate) => certificate,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let again = Certificate::parse(&certificate.to_public_text()).expect("our own");
    assert_eq!(again.public(), certificate.public());
    assert!(again.keypair().is_none());
    for line in again.metadata() {
        assert!(certificate.metadata().any(|known| known == line));
    }
}
