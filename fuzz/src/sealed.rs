//! What is done with bytes that have to do with CURVE: its handshake and traffic, boxes, keys as text, certificates.

use highwater_curve::{
    Certificate, Kernel, Keypair, PublicKey, SecretKey, SharedKey, TAG, Z85Error, z85_decode,
    z85_encode,
};

use super::{HandshakeConfig, SocketType, converse};
use crate::zmtp::{ClientSeeds, CurveClient, CurveLimits, CurveServer, Handshake, ServerSeeds};

/// What follows a good greeting of CURVE: bit 0 of the first byte says who we are, bit 1 whether our socket may refuse the
/// peer, bit 2 whether counters may be skipped; the second byte says how the rest is cut.
pub fn curve(data: &[u8]) {
    let &[choice, cut, ref rest @ ..] = data else {
        return;
    };
    let is_client = choice & 1 != 0;
    let whole = converse(end(choice), "CURVE", rest, usize::MAX);
    let in_pieces = converse(end(choice), "CURVE", rest, usize::from(cut).max(1));
    assert_eq!(whole, in_pieces, "a cut changed the outcome");
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

fn end(choice: u8) -> Handshake {
    let pair = |seed: u8| Keypair::from_secret(SecretKey::from_bytes([seed; 32]));
    let limits = CurveLimits {
        max_frame: Some(16 * 1024),
        allows_gaps: choice & 4 != 0,
    };
    let mut config = HandshakeConfig::new(SocketType::Dealer);
    config.holds_back = choice & 2 != 0;
    if choice & 1 != 0 {
        let seeds = ClientSeeds {
            transient: [3; 32],
            vouch: [4; 16],
        };
        let client = CurveClient::new(pair(1), pair(2).public(), &seeds, limits);
        Handshake::curve_client(config, client)
    } else {
        let seeds = ServerSeeds {
            transient: [5; 32],
            welcome: [6; 16],
            cookie: [7; 16],
        };
        let server = CurveServer::new(pair(2), SharedKey::from_bytes([8; 32]), seeds, limits);
        Handshake::curve_server(config, server)
    }
}

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
