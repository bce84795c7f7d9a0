//! Refusals by an ERROR, with the seal of the server and without.

use super::*;

#[test]
fn who_is_refused_is_told_the_reason_in_clear() {
    let all = commands();
    let mut server = server();
    for piece in [&all.greeting_of_client, &all.hello] {
        answer(&mut server, piece).expect("good");
    }
    server.receive(&all.initiate, Instant::now()).expect("good");
    server.refuse("400");
    let error = said(&mut server);
    assert_eq!(error, frame(b"\x05ERROR\x03400"));
    let reason = "400".to_owned();
    let told = Err(ProtocolError::PeerError { reason });
    assert_eq!(at_client(&[&all.welcome, &error]), told);
}

/// Of an ERROR with a seal, any change and any other seal takes away what makes it final.
#[test]
fn an_error_is_believed_with_the_seal_of_the_server_alone() {
    let config = || HandshakeConfig {
        token: Some(7),
        ..HandshakeConfig::new(SocketType::Push)
    };
    let begun = |transient| {
        let mut client = client_as(config(), SERVER);
        let mut server = server_with(8, transient, HandshakeConfig::new(SocketType::Pull));
        let greeting = said(&mut client);
        let hello = answer(&mut client, &said(&mut server)).expect("good");
        answer(&mut server, &greeting).expect("good");
        let welcome = answer(&mut server, &hello).expect("good");
        let initiate = answer(&mut client, &welcome).expect("good");
        server.receive(&initiate, Instant::now()).expect("good");
        (client, server)
    };
    let heard = |error: &[u8]| {
        let (mut client, _) = begun(5);
        let result = client.receive(error, Instant::now()).expect_err("an error");
        let ProtocolError::PeerError { reason } = result else {
            panic!("{result:?}");
        };
        (reason, client.believes_error())
    };
    let refusal = |transient| {
        let (_, mut server) = begun(transient);
        server.refuse("400");
        said(&mut server)
    };
    let error = refusal(5);
    assert_eq!(error[..12], *b"\x04\x1d\x05ERROR\x03400");
    let told = |believed| ("400".to_owned(), believed);
    assert_eq!(heard(&error), told(true));
    assert_eq!(heard(&frame(b"\x05ERROR\x03400")), told(false));
    assert_eq!(heard(&refusal(9)), told(false), "of another connection");
    for at in 9..error.len() {
        let mut harmed = error.clone();
        harmed[at] ^= 1;
        assert!(!heard(&harmed).1, "byte {at}");
    }
    for len in 10..body(&error).len() {
        assert_eq!(
            heard(&frame(&body(&error)[..len])),
            told(false),
            "{len} bytes"
        );
    }
    let mut longer = body(&error);
    longer.push(0);
    assert_eq!(heard(&frame(&longer)), told(false));
    // A key seals one ERROR, and a reason has at most 255 bytes.
    let (_, mut server) = begun(5);
    server.refuse(&"x".repeat(300));
    let sealed = said(&mut server);
    assert_eq!(heard(&sealed), ("x".repeat(255), true));
    server.refuse("again");
    assert_eq!(said(&mut server), frame(b"\x05ERROR\x05again"));
}

#[test]
fn an_unfit_socket_type_is_told_instead_of_ready() {
    let all = commands();
    let mut server = server_with(8, 5, HandshakeConfig::new(SocketType::Pub));
    for piece in [&all.greeting_of_client, &all.hello] {
        answer(&mut server, piece).expect("good");
    }
    let result = answer(&mut server, &all.initiate);
    assert!(matches!(
        result,
        Err(ProtocolError::IncompatibleSocketType { .. })
    ));
    assert_eq!(
        said(&mut server),
        frame(b"\x05ERROR\x18incompatible socket type")
    );
}
