use socket2::{Domain, Socket, Type};

use super::*;

fn tcp() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

#[test]
fn options_arrive_at_the_socket() {
    let socket = tcp();
    let options = StreamOptions {
        keep_alive: KeepAlive::On {
            idle: Some(Duration::from_secs(7)),
            interval: Some(Duration::from_secs(3)),
            count: Some(5),
        },
        send_buffer: Some(40_000),
        receive_buffer: Some(50_000),
        user_timeout: Some(Duration::from_secs(9)),
        type_of_service: Some(0x10),
        bind_to_device: None,
    };
    options
        .apply(&SockRef::from(&socket), Family::V4)
        .expect("all are in range");
    assert!(socket.tcp_nodelay().expect("an option"));
    assert!(socket.keepalive().expect("an option"));
    assert_eq!(
        socket.tcp_keepalive_time().expect("an option"),
        Duration::from_secs(7)
    );
    assert_eq!(
        socket.tcp_keepalive_interval().expect("an option"),
        Duration::from_secs(3)
    );
    assert_eq!(socket.tcp_keepalive_retries().expect("an option"), 5);
    assert!(socket.send_buffer_size().expect("an option") >= 40_000);
    assert!(socket.recv_buffer_size().expect("an option") >= 50_000);
    assert_eq!(socket.tos_v4().expect("an option"), 0x10);
    #[cfg(target_os = "linux")]
    assert_eq!(
        socket.tcp_user_timeout().expect("an option"),
        Some(Duration::from_secs(9))
    );
}

#[test]
fn keepalive_is_on_unless_told_otherwise() {
    let socket = tcp();
    let keeps = |keep_alive| {
        let options = StreamOptions {
            keep_alive,
            ..StreamOptions::default()
        };
        options
            .apply(&SockRef::from(&socket), Family::V4)
            .expect("all are in range");
        socket.keepalive().expect("an option")
    };
    assert!(!keeps(KeepAlive::System));
    assert!(keeps(KeepAlive::default()));
    assert!(keeps(KeepAlive::System));
    assert!(!keeps(KeepAlive::Off));
}

#[test]
fn a_unix_socket_has_room_for_a_batch_unless_told_otherwise() {
    let size = |send_buffer| {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        let before = socket.send_buffer_size().expect("an option");
        let options = StreamOptions {
            send_buffer,
            ..StreamOptions::default()
        };
        options
            .apply(&SockRef::from(&socket), Family::Unix)
            .expect("nothing is refused");
        (before, socket.send_buffer_size().expect("an option"))
    };
    let (before, after) = size(None);
    assert!(after > before || before >= UNIX_SEND_BUFFER_BYTES);
    let (_, as_told) = size(Some(40_000));
    assert!((40_000..UNIX_SEND_BUFFER_BYTES).contains(&as_told));
}

#[cfg(target_os = "linux")]
#[test]
fn a_local_connection_has_room_for_input_unless_told_otherwise_or_not_allowed() {
    let size = |address: &str, receive_buffer| {
        let socket = tcp();
        let options = StreamOptions {
            receive_buffer,
            ..StreamOptions::default()
        };
        let address = Address::Inet(address.parse().expect("an address"));
        options
            .apply_for(&SockRef::from(&socket), &address)
            .expect("nothing is refused");
        socket.recv_buffer_size().expect("an option")
    };
    let left_to_the_system = tcp().recv_buffer_size().expect("an option");
    let trial = tcp();
    trial
        .set_recv_buffer_size(LOCAL_RECEIVE_BUFFER_BYTES)
        .expect("the system clamps it");
    let most = trial.recv_buffer_size().expect("an option");
    let local = if most > LOCAL_RECEIVE_BUFFER_BYTES {
        most
    } else {
        left_to_the_system
    };
    for address in [
        "127.0.0.1:5555",
        "127.8.9.10:0",
        "[::1]:5555",
        "[::ffff:127.0.0.1]:5555",
    ] {
        assert_eq!(size(address, None), local, "{address}");
        assert!(
            size(address, Some(50_000)) < LOCAL_RECEIVE_BUFFER_BYTES,
            "{address}"
        );
    }
    for address in ["192.0.2.1:5555", "0.0.0.0:5555", "[2001:db8::1]:5555"] {
        assert_eq!(size(address, None), left_to_the_system, "{address}");
    }
}

#[test]
fn a_huge_buffer_is_cut_and_not_negative() {
    let socket = tcp();
    let options = StreamOptions {
        send_buffer: Some(usize::MAX),
        ..StreamOptions::default()
    };
    options
        .apply(&SockRef::from(&socket), Family::V4)
        .expect("the system clamps it");
    assert!(socket.send_buffer_size().expect("an option") > 100_000);
}

#[cfg(target_os = "linux")]
#[test]
fn an_option_that_is_refused_is_named() {
    let options = StreamOptions {
        bind_to_device: Some("no-such-device".into()),
        ..StreamOptions::default()
    };
    let error = options
        .apply(&SockRef::from(&tcp()), Family::V4)
        .expect_err("no such device");
    assert_eq!(error.option, "SO_BINDTODEVICE");
    assert!(
        io::Error::from(error)
            .to_string()
            .starts_with("cannot set SO_BINDTODEVICE: ")
    );
}
