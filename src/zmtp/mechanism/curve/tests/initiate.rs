//! INITIATE: its length, its cookie, and its vouch.

use super::*;

#[test]
fn an_initiate_may_be_as_long_as_our_longest_and_no_longer() {
    let outcome_with = |metadata: usize| {
        let mut config = HandshakeConfig::new(SocketType::Push);
        config.metadata = vec![("X-Long".to_owned(), vec![7; metadata].into())];
        let (mut client, mut server) = (client_as(config, SERVER), server());
        let mut from_client = said(&mut client);
        // Greeting, HELLO and INITIATE, each with its answer.
        for _ in 0..3 {
            let answered = answer(&mut server, &from_client)?;
            from_client = answer(&mut client, &answered).expect("a good server");
        }
        Ok(server.is_done() && client.is_done())
    };
    assert_eq!(outcome_with(16 * 1024), Ok(true));
    assert!(matches!(
        outcome_with(20 * 1024),
        Err(ProtocolError::CommandTooLong { max: 20_480, .. })
    ));
}

#[test]
fn an_initiate_is_good_for_its_connection_alone() {
    let all = commands();
    let play = |mut server: Handshake| {
        [&all.greeting_of_client, &all.hello, &all.initiate]
            .iter()
            .try_for_each(|piece| answer(&mut server, piece).map(drop))
            .map(|()| server.is_done())
    };
    let config = || HandshakeConfig::new(SocketType::Pull);
    assert_eq!(play(server_with(8, 5, config())), Ok(true));
    // Another cookie key, or another connection under the same.
    assert_eq!(play(server_with(9, 5, config())), refused("cookie"));
    assert_eq!(play(server_with(8, 9, config())), refused("cookie"));
}

#[test]
fn a_cookie_is_not_kept_for_long() {
    let all = commands();
    let mut server = server();
    let start = Instant::now();
    for piece in [&all.greeting_of_client, &all.hello] {
        server.receive(piece, start).expect("good");
    }
    let late = server.receive(&all.initiate, start + Duration::from_secs(60));
    assert_eq!(late, Err(ProtocolError::CookieExpired));
}

/// A client that has everything right but one thing.
fn forged_initiate(change: impl FnOnce(&mut Forger)) -> Result<bool, ProtocolError> {
    let all = commands();
    let transient = pair(3);
    let hello_key = agree(transient.secret(), &pair(SERVER).public()).expect("good");
    let welcome = body(&all.welcome);
    let nonce = random_nonce(NONCE_WELCOME, welcome[8..24].try_into().expect("16"));
    let text = open(&hello_key, &nonce, &welcome[24..], "WELCOME").expect("good");
    let session = public_key(text[..32].try_into().expect("a key")).expect("good");
    let mut forger = Forger {
        known_by: pair(CLIENT),
        claims: *pair(CLIENT).public().as_bytes(),
        vouches_for: transient.public(),
        server: pair(SERVER).public(),
        counter: 2,
    };
    change(&mut forger);
    let key = agree(forger.known_by.secret(), &session).expect("good");
    let vouch = seal(
        &key,
        &random_nonce(NONCE_VOUCH, &[4; 16]),
        &[forger.vouches_for.as_bytes(), forger.server.as_bytes()],
    );
    let shared = agree(transient.secret(), &session).expect("good");
    let nonce = counted_nonce(NONCE_INITIATE, forger.counter);
    let boxed = seal(&shared, &nonce, &[&forger.claims, &[4; 16], &vouch]);
    let body = [
        b"\x08INITIATE",
        &text[32..],
        &forger.counter.to_be_bytes()[..],
        &boxed,
    ]
    .concat();
    at_server(&[&all.hello, &frame(&body)])
}

struct Forger {
    known_by: Keypair,
    claims: [u8; 32],
    vouches_for: highwater_curve::PublicKey,
    server: highwater_curve::PublicKey,
    counter: u64,
}

#[test]
fn a_vouch_proves_the_key_the_connection_and_the_server() {
    assert_eq!(forged_initiate(|_| {}), Ok(true), "nothing is wrong");
    let stolen = forged_initiate(|forger| forger.claims = *pair(9).public().as_bytes());
    assert_eq!(stolen, refused("vouch"));
    let borrowed = forged_initiate(|forger| forger.vouches_for = pair(9).public());
    assert_eq!(borrowed, refused("vouch"));
    let elsewhere = forged_initiate(|forger| forger.server = pair(9).public());
    assert_eq!(elsewhere, refused("vouch"));
    let low = forged_initiate(|forger| forger.claims = [0; 32]);
    assert_eq!(low, Err(ProtocolError::LowOrderKey));
    let again = forged_initiate(|forger| forger.counter = 1);
    assert_eq!(
        again,
        Err(ProtocolError::NonceNotRising { nonce: 1, last: 1 })
    );
}
