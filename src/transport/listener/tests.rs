use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;

use super::super::testing::{connected, endpoint, listen_on, resolved, wait_readable};
use super::super::{KeepAlive, connect};
use super::*;

fn refused(text: &str, options: &ListenOptions) -> ListenFailure {
    listen(&endpoint(text), options, 0).expect_err("it cannot be listened on")
}

/// A directory, and an endpoint and a path in it.
fn ipc() -> (tempfile::TempDir, String, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let text = format!("ipc://{}", path.display());
    (directory, text, path)
}

/// A socket file that nobody serves.
fn leave_stale(path: &Path) {
    drop(UnixListener::bind(path).expect("a free path"));
    assert!(
        fs::symlink_metadata(path)
            .expect("the file stays")
            .file_type()
            .is_socket()
    );
}

#[test]
fn the_system_chooses_a_port_and_the_endpoint_tells() {
    for text in ["tcp://127.0.0.1:*", "tcp://*:0", "tcp://localhost:*"] {
        let listener = listen_on(text);
        assert!(listener.endpoint().port().is_some(), "{text}");
        assert!(!listener.endpoint().is_wildcard(), "{text}");
        let (client, server) = connected(&listener);
        assert!(client.local_address().is_some());
        assert_eq!(client.local_address(), server.peer_address());
    }
    let every = listen_on("tcp://*:*").endpoint().to_string();
    assert!(every.starts_with("tcp://0.0.0.0:"), "{every}");
}

#[test]
fn nobody_waiting_is_would_block() {
    let (_directory, text, _path) = ipc();
    for text in ["tcp://127.0.0.1:*", &text] {
        let error = listen_on(text).accept().expect_err("nobody connected");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn accepted_streams_have_the_options_and_do_not_block() {
    let options = ListenOptions {
        stream: StreamOptions {
            keep_alive: KeepAlive::On {
                idle: None,
                interval: None,
                count: Some(3),
            },
            ..StreamOptions::default()
        },
        ..ListenOptions::default()
    };
    let listener = listen(&endpoint("tcp://127.0.0.1:*"), &options, 0).expect("a free port");
    let (_client, server) = connected(&listener);
    let socket = SockRef::from(&server);
    assert!(socket.tcp_nodelay().expect("an option"));
    assert!(socket.keepalive().expect("an option"));
    assert_eq!(socket.tcp_keepalive_retries().expect("an option"), 3);
    assert_eq!(
        server.read(&mut [0]).expect_err("nothing sent").kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn a_port_in_use_is_an_error_that_says_so() {
    let listener = listen_on("tcp://127.0.0.1:*");
    let error = refused(&listener.endpoint().to_string(), &ListenOptions::default());
    assert!(matches!(error, ListenFailure::InUse));
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let told = error.into_io().to_string();
    assert!(told.starts_with("address in use"), "{told}");
}

#[test]
fn a_port_is_shared_only_if_both_agree() {
    let shared = ListenOptions {
        reuse_port: true,
        ..ListenOptions::default()
    };
    let first = listen(&endpoint("tcp://127.0.0.1:*"), &shared, 0).expect("a free port");
    let second = listen(first.endpoint(), &shared, 0).expect("a shared port");
    assert_eq!(first.endpoint(), second.endpoint());
    refused(&first.endpoint().to_string(), &ListenOptions::default());
}

#[test]
fn an_address_of_another_machine_is_refused_by_name() {
    let error = refused("tcp://192.0.2.1:*", &ListenOptions::default());
    assert!(
        matches!(
            error,
            ListenFailure::System {
                operation: ListenOperation::Bind,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn an_endpoint_that_is_not_one_to_bind_is_refused() {
    let error = refused("tcp://127.0.0.1:1;127.0.0.1:2", &ListenOptions::default());
    assert!(matches!(error, ListenFailure::NotBindable(_)), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        refused("inproc://a", &ListenOptions::default()).kind(),
        ErrorKind::Unsupported
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_interface_is_bound_by_its_name() {
    let listener = listen_on("tcp://lo:*");
    assert!(
        listener
            .endpoint()
            .ip()
            .expect("a real address")
            .is_loopback()
    );
    connected(&listener);
}

#[test]
fn both_families_share_a_socket_in_dual_mode_only() {
    let loopback = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0));
    let has_ipv6 = Socket::new(Domain::IPV6, Type::STREAM, None)
        .is_ok_and(|socket| socket.bind(&loopback.into()).is_ok());
    let listen_in = |ipv6| {
        let options = ListenOptions {
            ipv6,
            ..ListenOptions::default()
        };
        listen(&endpoint("tcp://*:*"), &options, 0)
    };
    let dual = listen_in(Ipv6Mode::Dual).expect("a free port");
    let port = dual.endpoint().port().expect("a real port");
    std::net::TcpStream::connect(("127.0.0.1", port)).expect("IPv4 is served");
    wait_readable(&dual);
    let (server, peer) = dual.accept().expect("somebody connected");
    assert_eq!(peer, server.peer_address());
    assert!(
        peer.expect("it has one")
            .ip()
            .expect("it has one")
            .is_ipv4()
    );

    if has_ipv6 {
        std::net::TcpStream::connect(("::1", port)).expect("IPv6 is served, too");
        let only = listen_in(Ipv6Mode::Only).expect("a free port");
        assert!(only.endpoint().to_string().starts_with("tcp://[::]:"));
        assert!(SockRef::from(&only).only_v6().expect("an option"));
    }
}

#[test]
fn a_path_is_made_and_goes_with_its_listener() {
    let (_directory, text, path) = ipc();
    let listener = listen_on(&text);
    assert_eq!(listener.endpoint().to_string(), text);
    connected(&listener);
    assert!(path.exists());
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_stale_path_is_replaced() {
    let (_directory, text, path) = ipc();
    leave_stale(&path);
    connected(&listen_on(&text));
}

#[test]
fn a_live_path_is_left_to_its_owner() {
    let (_directory, text, _path) = ipc();
    let listener = listen_on(&text);
    let error = refused(&text, &ListenOptions::default());
    assert!(matches!(error, ListenFailure::InUse), "{error}");
    wait_readable(&listener);
    listener.accept().expect("the probe");
    connected(&listener);
}

#[test]
fn a_live_path_with_a_full_queue_is_left_to_its_owner() {
    let (_directory, text, _path) = ipc();
    let options = ListenOptions {
        backlog: 1,
        ..ListenOptions::default()
    };
    let listener = listen(&endpoint(&text), &options, 0).expect("a free path");
    let target = resolved(listener.endpoint());
    let mut waiting = Vec::new();
    while let Ok(stream) = connect(&target, &StreamOptions::default()) {
        waiting.push(stream);
        assert!(waiting.len() < 1000, "the queue never fills");
    }
    assert_eq!(refused(&text, &options).kind(), ErrorKind::AddrInUse);
}

#[test]
fn a_socket_of_another_type_is_left_alone() {
    let (_directory, text, path) = ipc();
    let _datagram = UnixDatagram::bind(&path).expect("a free path");
    let error = refused(&text, &ListenOptions::default());
    assert!(matches!(error, ListenFailure::InUse), "{error}");
    assert!(path.exists());
}

#[test]
fn what_is_not_a_socket_is_left_alone() {
    let (directory, text, path) = ipc();
    fs::write(&path, "precious").expect("a free path");
    let error = refused(&text, &ListenOptions::default());
    assert!(matches!(error, ListenFailure::NotASocket), "{error}");
    assert_eq!(fs::read(&path).expect("it is still there"), b"precious");

    let target = directory.path().join("target");
    let link = directory.path().join("link");
    leave_stale(&target);
    std::os::unix::fs::symlink(&target, &link).expect("a free path");
    let error = refused(
        &format!("ipc://{}", link.display()),
        &ListenOptions::default(),
    );
    assert!(matches!(error, ListenFailure::NotASocket), "{error}");
    assert!(target.exists());
}

#[test]
fn a_missing_directory_is_named_by_the_system() {
    let error = refused("ipc:///no/such/directory/socket", &ListenOptions::default());
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("binding"), "{error}");
}

#[test]
fn a_file_that_took_the_place_of_ours_is_not_removed() {
    let (_directory, text, path) = ipc();
    let listener = listen_on(&text);
    fs::remove_file(&path).expect("it was made");
    let _usurper = UnixListener::bind(&path).expect("a free path");
    drop(listener);
    assert!(path.exists());
}

#[test]
fn permissions_are_those_asked_for() {
    let (_directory, text, path) = ipc();
    for mode in [0o600, 0o666, 0o770] {
        let options = ListenOptions {
            permissions: Some(mode),
            ..ListenOptions::default()
        };
        let _listener = listen(&endpoint(&text), &options, 0).expect("a free path");
        let metadata = fs::symlink_metadata(&path).expect("it was made");
        assert_eq!(metadata.permissions().mode() & 0o7777, mode);
    }
}

#[test]
fn a_wildcard_path_is_fresh_and_goes_with_its_directory() {
    let suffix = u64::from(std::process::id()) << 32;
    let any = endpoint("ipc://*");
    let first = listen(&any, &ListenOptions::default(), suffix).expect("a fresh path");
    let second = listen(&any, &ListenOptions::default(), suffix).expect("the next number");
    assert_ne!(first.endpoint(), second.endpoint());
    assert!(!first.endpoint().is_wildcard());
    connected(&first);

    let path = first.endpoint().path().expect("a real path").to_owned();
    let directory = path.parent().expect("a fresh directory").to_owned();
    let mode = fs::metadata(&directory)
        .expect("it was made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    drop(first);
    assert!(!directory.exists());

    let open = ListenOptions {
        permissions: Some(0o666),
        ..ListenOptions::default()
    };
    let third = listen(&any, &open, suffix).expect("a fresh path");
    let path = third.endpoint().path().expect("a real path").to_owned();
    let directory = path.parent().expect("a fresh directory");
    let mode = fs::metadata(directory)
        .expect("it was made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o711);
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_has_its_exact_length() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    let name = format!("highwater-test-{}", std::process::id());
    let listener = listen_on(&format!("ipc://@{name}"));
    assert_eq!(listener.endpoint().to_string(), format!("ipc://@{name}"));
    connected(&listener);
    let exact = SocketAddr::from_abstract_name(&name).expect("a short name");
    UnixStream::connect_addr(&exact).expect("no zero bytes behind the name");
    let error = refused(&format!("ipc://@{name}"), &ListenOptions::default());
    assert!(matches!(error, ListenFailure::InUse), "{error}");
}

#[test]
fn a_listening_socket_is_taken_over() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = tcp.local_addr().expect("it is bound");
    let listener = Listener::from_fd(tcp.into(), &ListenOptions::default()).expect("it listens");
    assert_eq!(*listener.endpoint(), Endpoint::from(address));
    let (_client, server) = connected(&listener);
    assert!(SockRef::from(&server).tcp_nodelay().expect("an option"));
    let error = listener.accept().expect_err("it is non-blocking now");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    let (_directory, text, path) = ipc();
    let unix = UnixListener::bind(&path).expect("a free path");
    let listener = Listener::from_fd(unix.into(), &ListenOptions::default()).expect("it listens");
    assert_eq!(listener.endpoint().to_string(), text);
    connected(&listener);
    drop(listener);
    assert!(path.exists(), "it was not made here");
}

#[test]
fn what_does_not_listen_is_not_taken_over() {
    let take = |fd: OwnedFd| {
        Listener::from_fd(fd, &ListenOptions::default())
            .expect_err("not a listener")
            .kind()
    };
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    assert_eq!(take(udp.into()), ErrorKind::InvalidInput);
    let (one, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
    assert_eq!(take(one.into()), ErrorKind::InvalidInput);
}

#[test]
fn too_many_open_files_are_told_from_other_failures() {
    let of = |errno: Errno| is_out_of_resources(&errno.into());
    assert!(of(Errno::MFILE) && of(Errno::NFILE) && of(Errno::NOBUFS) && of(Errno::NOMEM));
    assert!(!of(Errno::AGAIN) && !of(Errno::PROTO));
}
