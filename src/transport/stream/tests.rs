use std::io::ErrorKind;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::testing::{connected, every_pair, listen_on, wait_readable, wait_writable};
use super::*;

/// Writes all of `bytes`, waiting for room.
fn write_all(stream: &Stream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(len) => bytes = &bytes[len..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_writable(stream),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads until there are `len` bytes, with at most `max` at a time.
fn read_exactly(stream: &Stream, len: usize, max: usize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(len);
    while buffer.len() < len {
        match stream.read_into_spare(&mut buffer, max) {
            Ok(count) => assert!((1..=max).contains(&count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_readable(stream),
            Err(error) => panic!("{error}"),
        }
    }
    buffer
}

#[test]
fn bytes_go_both_ways() {
    for (client, server) in every_pair() {
        assert_eq!(client.write(b"ping").expect("room"), 4);
        wait_readable(&server);
        let mut buffer = [0; 16];
        assert_eq!(server.read(&mut buffer).expect("it is readable"), 4);
        assert_eq!(&buffer[..4], b"ping");
        server.write(b"pong").expect("room");
        assert_eq!(read_exactly(&client, 4, 64), b"pong");
    }
}

#[test]
fn what_is_written_ahead_comes_before_what_follows_and_also_without_it() {
    for (client, server) in every_pair() {
        assert_eq!(client.write_ahead(b"one, ").expect("room"), 5);
        assert_eq!(client.write(b"two").expect("room"), 3);
        assert_eq!(read_exactly(&server, 8, 64), b"one, two");
        assert_eq!(client.write_ahead(b"alone").expect("room"), 5);
        assert_eq!(read_exactly(&server, 5, 64), b"alone");
    }
}

#[test]
fn nothing_to_read_and_no_room_to_write_would_block() {
    for (client, server) in every_pair() {
        let error = server.read(&mut [0; 16]).expect_err("nothing was sent");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let error = server
            .read_into_spare(&mut Vec::with_capacity(16), 16)
            .expect_err("nothing");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        let chunk = vec![7; 64 * 1024];
        let mut written = 0;
        let error = loop {
            match client.write(&chunk) {
                Ok(len) => written += len,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(
            read_exactly(&server, written, 1 << 20)
                .iter()
                .all(|byte| *byte == 7)
        );
    }
}

#[test]
fn reading_keeps_to_the_limit_and_to_the_capacity() {
    for (client, server) in every_pair() {
        let bytes: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| write_all(&client, &bytes));

            let mut buffer = Vec::with_capacity(1000);
            buffer.extend_from_slice(b"before");
            let capacity = buffer.capacity();
            wait_readable(&server);
            assert_eq!(
                server.read_into_spare(&mut buffer, 10).expect("readable"),
                10
            );
            assert_eq!(buffer[..6], *b"before");
            assert_eq!(buffer[6..], bytes[..10]);
            wait_readable(&server);
            let more = server
                .read_into_spare(&mut buffer, usize::MAX)
                .expect("readable");
            assert_eq!(buffer.len(), 16 + more);
            assert_eq!(buffer[6..], bytes[..10 + more]);
            assert_eq!(buffer.capacity(), capacity);

            // Straight, and round about with more than one stop holds.
            let mut got = 10 + more;
            for max in [64, 100_000, 200_000] {
                let len = (bytes.len() - got).min(100_000);
                assert_eq!(read_exactly(&server, len, max), bytes[got..got + len]);
                got += len;
                if got == bytes.len() {
                    break;
                }
            }
        });
    }
}

#[test]
fn pieces_are_read_in_order() {
    for (client, server) in every_pair() {
        client.write(b"one two three").expect("room");
        wait_readable(&server);
        let (mut first, mut then) = ([0; 8], [0; 9]);
        let mut pieces = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut then)];
        assert_eq!(server.read_vectored(&mut pieces).expect("readable"), 13);
        assert_eq!((&first, &then), (b"one two ", b"three\0\0\0\0"));
        let error = server
            .read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut then)])
            .expect_err("nothing is left");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        client.shutdown(Shutdown::Write).expect("it is open");
        wait_readable(&server);
        let mut pieces = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut then)];
        assert_eq!(server.read_vectored(&mut pieces).expect("the end"), 0);
    }
}

#[test]
fn a_full_buffer_is_an_error_and_not_the_end() {
    for (client, server) in every_pair() {
        client.write(b"x").expect("room");
        wait_readable(&server);
        for (mut buffer, max) in [(Vec::new(), 1), (Vec::with_capacity(1), 0)] {
            let error = server
                .read_into_spare(&mut buffer, max)
                .expect_err("no room");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(read_exactly(&server, 1, 1), b"x");
    }
}

#[test]
fn pieces_are_written_in_order() {
    for (client, server) in every_pair() {
        let pieces = [&b"one "[..], b"", b"two ", b"three"].map(IoSlice::new);
        assert_eq!(client.write_vectored(&pieces).expect("room"), 13);
        assert_eq!(read_exactly(&server, 13, 64), b"one two three");

        let many: Vec<IoSlice<'_>> = (0..3000).map(|_| IoSlice::new(b"ab")).collect();
        let written = client
            .write_vectored(&many)
            .expect("more pieces than one call takes");
        assert!((1..=2048).contains(&written));
        read_exactly(&server, written, 4096);
    }
}

#[test]
fn the_end_of_the_stream_reads_as_zero_bytes() {
    for (client, server) in every_pair() {
        client.write(b"last").expect("room");
        client.shutdown(Shutdown::Write).expect("it is open");
        assert_eq!(read_exactly(&server, 4, 64), b"last");
        wait_readable(&server);
        assert_eq!(server.read(&mut [0; 4]).expect("the end"), 0);
        assert_eq!(
            server
                .read_into_spare(&mut Vec::with_capacity(4), 4)
                .expect("the end"),
            0
        );
    }
}

#[test]
fn writing_to_a_peer_that_has_gone_is_an_error() {
    for (client, server) in every_pair() {
        drop(server);
        let error = loop {
            match client.write(b"anybody there?") {
                Ok(_) => wait_writable(&client),
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait_writable(&client),
                Err(error) => break error,
            }
        };
        let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(gone.contains(&error.kind()), "{error}");
    }
}

#[test]
fn both_ends_know_their_addresses() {
    let listener = listen_on("tcp://127.0.0.1:*");
    let (client, server) = connected(&listener);
    assert_eq!(client.peer_address().as_ref(), Some(listener.endpoint()));
    assert_eq!(server.local_address().as_ref(), Some(listener.endpoint()));
    assert_eq!(client.local_address(), server.peer_address());
    assert!(!client.is_self_connection(listener.endpoint()));
    assert_eq!(client.peer_credentials(), None);

    let directory = tempfile::tempdir().expect("a directory");
    let listener = listen_on(&format!("ipc://{}/socket", directory.path().display()));
    let (client, server) = connected(&listener);
    assert_eq!(client.peer_address().as_ref(), Some(listener.endpoint()));
    assert_eq!(server.local_address().as_ref(), Some(listener.endpoint()));
    assert_eq!(server.peer_address(), None);
    assert!(!client.is_self_connection(listener.endpoint()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_unix_peer_is_a_process_with_an_owner() {
    let directory = tempfile::tempdir().expect("a directory");
    let (client, server) = connected(&listen_on(&format!(
        "ipc://{}/socket",
        directory.path().display()
    )));
    let this = PeerCredentials {
        user: rustix::process::getuid().as_raw(),
        group: rustix::process::getgid().as_raw(),
        process: std::process::id(),
    };
    assert_eq!(server.peer_credentials(), Some(this));
    assert_eq!(client.peer_credentials(), Some(this));
}

#[test]
fn an_open_socket_is_taken_over() {
    let (one, other) = UnixStream::pair().expect("a pair");
    let [one, other] = [one, other].map(|stream| {
        Stream::from_fd(stream.into(), &StreamOptions::default()).expect("connected")
    });
    assert_eq!(one.peer_address(), None);
    let error = one.read(&mut [0; 4]).expect_err("it is non-blocking now");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    other.write(b"hello").expect("room");
    assert_eq!(read_exactly(&one, 5, 64), b"hello");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let tcp = TcpStream::connect(address).expect("it listens");
    let tcp = Stream::from_fd(tcp.into(), &StreamOptions::default()).expect("connected");
    assert!(SockRef::from(&tcp).tcp_nodelay().expect("an option"));
    assert_eq!(tcp.peer_address(), Some(address.into()));
}

#[test]
fn what_is_no_connected_stream_is_not_taken_over() {
    let take = |fd: OwnedFd| {
        Stream::from_fd(fd, &StreamOptions::default())
            .expect_err("not a connected stream")
            .kind()
    };
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    assert_eq!(take(udp.into()), ErrorKind::InvalidInput);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    assert_eq!(take(listener.into()), ErrorKind::NotConnected);
    let file = tempfile::tempfile().expect("a file");
    take(file.into());
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_stream_signals_when_the_system_of_the_peer_has_room_for_all_that_was_written() {
    let (client, server) = connected(&listen_on("tcp://127.0.0.1:*"));
    let chunk = [7; 64 * 1024];
    let mut unread = 0;
    while let Ok(written) = client.write(&chunk) {
        unread += written;
    }
    assert!(client.signal_when_sent());
    let is_writable = || {
        let mut descriptors = [PollFd::new(&client, PollFlags::OUT)];
        poll(&mut descriptors, Some(&Timespec::default())).expect("poll works") == 1
    };
    assert!(!is_writable());
    while !is_writable() {
        wait_readable(&server);
        unread -= server.read(&mut [0; 16 * 1024]).expect("it is readable");
    }
    assert!(unread > 0, "not only when it is read");
    let begun = Instant::now();
    while rustix::io::ioctl_fionread(&server).expect("a socket") < unread as u64 {
        assert!(begun.elapsed().as_secs() < 30, "the rest is not there");
        std::thread::yield_now();
    }
}
