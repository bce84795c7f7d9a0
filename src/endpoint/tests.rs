use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Endpoint {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> InvalidEndpoint {
    text.parse::<Endpoint>().expect_err(text)
}

#[test]
fn every_form_reads_as_it_is_written() {
    for text in [
        "tcp://127.0.0.1:5555",
        "tcp://[::1]:5555",
        "tcp://[fe80::1%eth0]:5555",
        "tcp://[fe80::1%2]:5555",
        "tcp://*:5555",
        "tcp://*:0",
        "tcp://127.0.0.1:0",
        "tcp://example.org:5555",
        "tcp://eth0.100:5555",
        "tcp://host_with-odd.name.:1",
        "tcp://192.0.2.7:0;192.0.2.1:5555",
        "tcp://eth0:4000;[2001:db8::1]:5555",
        "ipc:///run/app.sock",
        "ipc://relative path with spaces",
        "ipc://@abstract",
        "ipc://*",
        "inproc://a",
        "inproc://with://anything;in it",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
}

#[test]
fn equal_addresses_in_other_words_are_equal() {
    assert_eq!(parse("tcp://*:0"), parse("tcp://*:*"));
    assert_eq!(parse("tcp://[0:0:0:0:0:0:0:1]:05"), parse("tcp://[::1]:5"));
    assert_ne!(parse("ipc://a"), parse("ipc://@a"));
}

#[test]
fn accessors_tell_the_parts() {
    let tcp = parse("tcp://10.0.0.1:5555");
    assert_eq!(tcp.transport(), Transport::Tcp);
    assert_eq!(tcp.port(), Some(5555));
    assert_eq!(tcp.ip(), Some(IpAddr::from([10, 0, 0, 1])));
    assert_eq!(tcp.path(), None);
    assert!(!tcp.is_wildcard());

    let ipc = parse("ipc:///a/b");
    assert_eq!(ipc.transport(), Transport::Ipc);
    assert_eq!(ipc.path(), Some(Path::new("/a/b")));
    assert_eq!((ipc.port(), ipc.ip()), (None, None));
    assert_eq!(parse("ipc://@a").path(), None);

    assert_eq!(parse("inproc://x").transport(), Transport::Inproc);
    assert_eq!(format!("{ipc:?}"), "Endpoint(ipc:///a/b)");
}

#[test]
fn a_wildcard_leaves_the_system_a_choice() {
    for text in [
        "tcp://*:1",
        "tcp://*:*",
        "tcp://127.0.0.1:0",
        "tcp://name:*",
        "ipc://*",
    ] {
        let endpoint = parse(text);
        assert!(endpoint.is_wildcard(), "{text}");
        assert_eq!(
            endpoint.check_connect(),
            Err(InvalidEndpoint::ConnectToWildcard)
        );
        assert_eq!(endpoint.check_bind(), Ok(()));
    }
    for text in [
        "tcp://0.0.0.0:1",
        "tcp://[::]:1",
        "tcp://*:*;a:1",
        "ipc://**",
        "inproc://*",
    ] {
        assert!(!parse(text).is_wildcard(), "{text}");
        assert_eq!(parse(text).check_connect(), Ok(()));
    }
    assert_eq!(parse("tcp://*:0").port(), None);
}

#[test]
fn a_source_is_for_connecting_only() {
    assert_eq!(
        parse("tcp://a:1;b:2").check_bind(),
        Err(InvalidEndpoint::BindWithSource)
    );
}

#[test]
fn what_is_wrong_is_named() {
    use InvalidEndpoint::*;
    let host = |host: &str| InvalidHost { host: host.into() };
    let port = |port: &str| InvalidPort { port: port.into() };
    for (text, error) in [
        ("", MissingTransport),
        ("tcp:/a:1", MissingTransport),
        ("localhost:5555", MissingTransport),
        (
            "udp://a:1",
            UnknownTransport {
                transport: "udp".into(),
            },
        ),
        (
            "TCP://a:1",
            UnknownTransport {
                transport: "TCP".into(),
            },
        ),
        (
            "://a:1",
            UnknownTransport {
                transport: String::new(),
            },
        ),
        ("tcp://", MissingPort),
        ("tcp://host", MissingPort),
        ("tcp://[::1]", MissingPort),
        ("tcp://[::1]5555", MissingPort),
        ("tcp://host:", port("")),
        ("tcp://host:65536", port("65536")),
        ("tcp://host:+1", port("+1")),
        ("tcp://host:1/", port("1/")),
        (
            "tcp://host:99999999999999999999",
            port("99999999999999999999"),
        ),
        (
            "tcp://a:1;b:2;c:3",
            MissingBrackets {
                host: "b:2;c".into(),
            },
        ),
        ("tcp://:5555", host("")),
        ("tcp://a b:5555", host("a b")),
        ("tcp://user@host:5555", host("user@host")),
        ("tcp://256.0.0.1:5555", host("256.0.0.1")),
        ("tcp://127.1:5555", host("127.1")),
        ("tcp://5555:5555", host("5555")),
        ("tcp://[::1:5555", host("[::1:5555")),
        ("tcp://[127.0.0.1]:5555", host("127.0.0.1")),
        ("tcp://::1:5555", MissingBrackets { host: "::1".into() }),
        (
            "tcp://[fe80::1%]:1",
            InvalidZone {
                zone: String::new(),
            },
        ),
        ("tcp://[fe80::1%a/b]:1", InvalidZone { zone: "a/b".into() }),
        (
            "tcp://[fe80::1%0123456789abcdef]:1",
            InvalidZone {
                zone: "0123456789abcdef".into(),
            },
        ),
        (
            ";tcp://a:1",
            UnknownTransport {
                transport: ";tcp".into(),
            },
        ),
        ("tcp://;a:1", MissingPort),
        ("ipc://", EmptyPath),
        ("ipc://@", EmptyPath),
        ("ipc://a\0b", ZeroInPath),
        ("inproc://", EmptyName),
    ] {
        assert_eq!(refused(text), error, "{text}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn limits_hold_to_the_byte() {
    let of_length = |prefix: &str, len: usize| format!("{prefix}{}", "x".repeat(len));
    for prefix in ["ipc://", "ipc://@"] {
        parse(&of_length(prefix, MAX_PATH));
        assert_eq!(
            refused(&of_length(prefix, MAX_PATH + 1)),
            InvalidEndpoint::PathTooLong {
                len: MAX_PATH + 1,
                max: MAX_PATH
            }
        );
    }
    parse(&of_length("inproc://", 255));
    assert_eq!(
        refused(&of_length("inproc://", 256)),
        InvalidEndpoint::NameTooLong { len: 256 }
    );
    parse(&format!("tcp://{}:1", "x".repeat(253)));
    refused(&format!("tcp://{}:1", "x".repeat(254)));
}

#[test]
fn an_endpoint_and_its_text_convert_into_one_another() {
    fn take<E>(endpoint: E) -> Result<Endpoint, InvalidEndpoint>
    where
        E: TryInto<Endpoint>,
        InvalidEndpoint: From<E::Error>,
    {
        Ok(endpoint.try_into()?)
    }
    let endpoint = parse("tcp://[fe80::1%3]:7");
    let text = endpoint.to_string();
    assert_eq!(take(&*text), Ok(endpoint.clone()));
    assert_eq!(take(&text), Ok(endpoint.clone()));
    assert_eq!(take(text), Ok(endpoint.clone()));
    assert_eq!(take(&endpoint), Ok(endpoint.clone()));
    assert_eq!(take(endpoint.clone()), Ok(endpoint));
}

#[test]
fn a_socket_address_becomes_an_endpoint() {
    let v4: SocketAddr = "127.0.0.1:5".parse().expect("an address");
    assert_eq!(Endpoint::from(v4), parse("tcp://127.0.0.1:5"));
    let v6: SocketAddr = "[fe80::1%3]:5".parse().expect("an address");
    assert_eq!(Endpoint::from(v6), parse("tcp://[fe80::1%3]:5"));
}

#[test]
fn paths_the_system_reports_are_never_mistaken_for_something_else() {
    for (path, text) in [("*", "ipc://./*"), ("@a", "ipc://./@a"), ("/a", "ipc:///a")] {
        let endpoint = Endpoint::from_socket_path(Path::new(path));
        assert_eq!(endpoint, parse(text));
        assert_eq!(endpoint.to_string(), text);
    }
    assert_eq!(Endpoint::from_abstract_name(b"a"), parse("ipc://@a"));
}

/// Texts that are nearly endpoints, so that every branch of the grammar is met.
fn nearly_an_endpoint() -> impl Strategy<Value = String> {
    let transport = prop_oneof![
        Just("tcp://"),
        Just("ipc://"),
        Just("inproc://"),
        Just("tcp:/")
    ];
    let piece = prop_oneof![
        Just(":".to_owned()),
        Just("*".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("%".to_owned()),
        Just(";".to_owned()),
        Just("@".to_owned()),
        Just("::1".to_owned()),
        Just("fe80::2".to_owned()),
        Just("127.0.0.1".to_owned()),
        Just("eth0".to_owned()),
        "[0-9]{1,6}",
        "\\PC{0,4}",
    ];
    (transport, prop::collection::vec(piece, 0..8))
        .prop_map(|(transport, pieces)| format!("{transport}{}", pieces.concat()))
}

fn well_formed() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just("*".to_owned()),
        any::<Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
        (any::<Ipv6Addr>(), "[a-z0-9.]{1,15}").prop_map(|(ip, zone)| format!("[{ip}%{zone}]")),
        "[a-z][a-z0-9-]{0,20}(\\.[a-z]{1,8}){0,3}",
    ];
    let host_port = (
        host,
        prop_oneof![
            Just("*".to_owned()),
            any::<u16>().prop_map(|port| port.to_string())
        ],
    )
        .prop_map(|(host, port)| format!("{host}:{port}"));
    prop_oneof![
        host_port
            .clone()
            .prop_map(|target| format!("tcp://{target}")),
        (host_port.clone(), host_port)
            .prop_map(|(source, target)| format!("tcp://{source};{target}")),
        "@?[a-z/.*]{1,100}".prop_map(|path| format!("ipc://{path}")),
        "\\PC{1,60}".prop_map(|name| format!("inproc://{name}")),
    ]
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = text.parse::<Endpoint>();
    }

    #[test]
    fn what_parses_is_shown_so_that_it_parses_alike(text in nearly_an_endpoint()) {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
        }
    }

    #[test]
    fn well_formed_text_parses_and_round_trips(text in well_formed()) {
        let endpoint = text.parse::<Endpoint>().map_err(|error| {
            TestCaseError::fail(format!("{text}: {error}"))
        })?;
        prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
    }
}
