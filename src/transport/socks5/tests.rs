use proptest::prelude::*;

use super::*;

fn named(host: &str) -> SocksTarget {
    SocksTarget::Name {
        host: host.into(),
        port: 0x1234,
    }
}

fn credentials() -> SocksCredentials {
    SocksCredentials {
        user: "me".into(),
        password: "secret".into(),
    }
}

fn sent(socks: &mut Socks5) -> Vec<u8> {
    let mut output = Vec::new();
    assert_eq!(socks.poll_transmit(&mut output), !output.is_empty());
    output
}

/// Gives `input` one byte at a time; all of it is to be taken.
fn drip(socks: &mut Socks5, input: &[u8]) -> Result<(), SocksError> {
    for byte in input {
        assert_eq!(socks.receive(&[*byte])?, 1);
    }
    Ok(())
}

#[test]
fn without_a_login_the_target_follows_the_method() {
    let mut socks = Socks5::new(&named("host"), None).expect("a good name");
    assert_eq!(sent(&mut socks), [5, 1, 0]);
    assert!(sent(&mut socks).is_empty());
    drip(&mut socks, &[5, 0]).expect("a good answer");
    assert_eq!(sent(&mut socks), b"\x05\x01\x00\x03\x04host\x12\x34");
    drip(&mut socks, &[5, 0, 0, 1, 127, 0, 0, 1, 0]).expect("a good answer");
    assert!(!socks.is_done());
    drip(&mut socks, &[80]).expect("a good answer");
    assert!(socks.is_done());
    assert!(sent(&mut socks).is_empty());
}

#[test]
fn with_credentials_it_logs_in_if_the_proxy_wants_it() {
    let address: SocketAddr = "[::1]:8".parse().expect("an address");
    let mut socks = Socks5::new(&SocksTarget::Address(address), Some(&credentials()))
        .expect("good credentials");
    assert_eq!(sent(&mut socks), [5, 2, 0, 2]);
    drip(&mut socks, &[5, 2]).expect("a good answer");
    assert_eq!(sent(&mut socks), b"\x01\x02me\x06secret");
    drip(&mut socks, &[1, 0]).expect("a good answer");
    let mut request = vec![5, 1, 0, 4];
    request.extend([0; 15]);
    request.extend([1, 0, 8]);
    assert_eq!(sent(&mut socks), request);

    let mut socks = Socks5::new(&named("host"), Some(&credentials())).expect("good credentials");
    drip(&mut socks, &[5, 0]).expect("a proxy that wants no login");
    assert_eq!(
        sent(&mut socks),
        b"\x05\x02\x00\x02\x05\x01\x00\x03\x04host\x12\x34"
    );
}

#[test]
fn an_ipv4_target_goes_as_four_octets() {
    let address: SocketAddr = "10.1.2.3:258".parse().expect("an address");
    let mut socks = Socks5::new(&SocksTarget::Address(address), None).expect("no credentials");
    drip(&mut socks, &[5, 0]).expect("a good answer");
    assert_eq!(sent(&mut socks)[3..], [5, 1, 0, 1, 10, 1, 2, 3, 1, 2]);
}

#[test]
fn the_bytes_of_the_target_are_left_alone() {
    for bound in [
        &b"\x01\x7f\0\0\x01\0\x50"[..],
        b"\x03\x04abcd\0\x50",
        b"\x03\x00\0\x50",
        &[4; 19],
    ] {
        let mut socks = Socks5::new(&named("host"), None).expect("a good name");
        let handshake = [&[5, 0, 5, 0, 0], bound].concat();
        let input = [&*handshake, b"greeting"].concat();
        assert_eq!(socks.receive(&input), Ok(handshake.len()), "{bound:?}");
        assert!(socks.is_done());
        assert_eq!(socks.receive(b"greeting"), Ok(0));
    }
}

#[test]
fn what_the_proxy_refuses_is_named() {
    let answers: [(&[u8], SocksError); 9] = [
        (&[4, 0], SocksError::WrongVersion { version: 4 }),
        (b"HT", SocksError::WrongVersion { version: b'H' }),
        (&[5, 0xff], SocksError::NoMethod),
        (&[5, 1], SocksError::UnknownMethod { method: 1 }),
        (&[5, 2, 1, 7], SocksError::LoginRefused { status: 7 }),
        (&[5, 2, 5, 0], SocksError::WrongVersion { version: 5 }),
        (&[5, 0, 5, 5], SocksError::Refused { reply: 5 }),
        (&[5, 0, 4, 0], SocksError::WrongVersion { version: 4 }),
        (
            &[5, 0, 5, 0, 0, 2, 0],
            SocksError::UnknownAddressType { address_type: 2 },
        ),
    ];
    for (answer, error) in answers {
        let mut socks = Socks5::new(&named("host"), Some(&credentials())).expect("good input");
        let (last, before) = answer.split_last().expect("not empty");
        drip(&mut socks, before).expect("the last byte decides");
        assert_eq!(socks.receive(&[*last]), Err(error), "{answer:?}");
        assert!(!error.to_string().is_empty());
        assert_eq!(socks.receive(&[5, 0]), Err(SocksError::Failed));
        assert!(!socks.is_done());
    }
    let mut socks = Socks5::new(&named("host"), None).expect("a good name");
    assert_eq!(
        socks.receive(&[5, 2]),
        Err(SocksError::UnknownMethod { method: 2 })
    );
}

#[test]
fn texts_have_1_to_255_bytes() {
    let long = "x".repeat(256);
    fn new(target: &SocksTarget, credentials: Option<&SocksCredentials>) -> Result<(), SocksError> {
        Socks5::new(target, credentials).map(|_| ())
    }
    assert_eq!(
        new(&named(""), None),
        Err(SocksError::InvalidName { len: 0 })
    );
    assert_eq!(
        new(&named(&long), None),
        Err(SocksError::InvalidName { len: 256 })
    );
    assert_eq!(new(&named(&long[1..]), None), Ok(()));
    for (user, password) in [("", "a"), ("a", ""), (&long, "a"), ("a", &long)] {
        let credentials = SocksCredentials {
            user: user.into(),
            password: password.into(),
        };
        assert_eq!(
            new(&named("a"), Some(&credentials)),
            Err(SocksError::InvalidCredentials)
        );
    }
}

#[test]
fn an_endpoint_is_a_target_if_another_machine_can_find_it() {
    let of = |text: &str| SocksTarget::of(&text.parse().expect("a good endpoint"));
    let address = |text: &str| SocksTarget::Address(text.parse().expect("a good address"));
    assert_eq!(of("tcp://10.0.0.1:5"), Some(address("10.0.0.1:5")));
    assert_eq!(of("tcp://[::1]:5"), Some(address("[::1]:5")));
    assert_eq!(of("tcp://host:4660"), Some(named("host")));
    for text in [
        "tcp://*:5",
        "tcp://host:*",
        "tcp://[fe80::1%eth0]:5",
        "ipc:///a",
        "inproc://a",
    ] {
        assert_eq!(of(text), None, "{text}");
    }
}

#[test]
fn the_password_is_not_shown() {
    let socks = Socks5::new(&named("host"), Some(&credentials())).expect("good credentials");
    assert!(!format!("{:?} {socks:?}", credentials()).contains("secret"));
}

proptest! {
    #[test]
    fn any_cut_of_an_answer_reads_alike_and_holds_little(
        start in prop_oneof![Just(vec![]), Just(vec![5, 0]), Just(vec![5, 2, 1, 0]), Just(vec![5, 0, 5, 0, 0, 3])],
        rest in prop::collection::vec(any::<u8>(), 0..400),
        cut in 1usize..20,
    ) {
        let input = [start, rest].concat();
        let run = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut socks = Socks5::new(&named("host"), Some(&credentials())).expect("good input");
            let mut taken = 0;
            for piece in pieces {
                match socks.receive(piece) {
                    Ok(len) => taken += len,
                    Err(error) => return (Err(error), socks.is_done()),
                }
                assert!(socks.incoming.len() <= 262);
            }
            (Ok(taken), socks.is_done())
        };
        prop_assert_eq!(run(&mut std::iter::once(&*input)), run(&mut input.chunks(cut)));
    }
}
