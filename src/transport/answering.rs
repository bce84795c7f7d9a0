//! Whether the system at the other end of a TCP connection still answers.
//!
//! Owns: the question to the kernel, and the reading of its answer. Rare: asked about a peer that has been silent for
//! long, or that goes on sending during a close.
//! Must not know: the consequence.
//! Source: sock_diag(7), and `struct tcp_info` in Linux's `tcp.h`. There is no safe call for the option `TCP_INFO`, which
//! would tell the same.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// Whether data or a window probe on `stream` has been retransmitted and nothing has come back for at least `silence`.
/// False also if the system cannot tell.
pub(super) fn has_stopped(stream: &TcpStream, silence: Duration) -> bool {
    tcp_info(stream).is_some_and(|info| info.has_stopped(silence))
}

/// Whether everything written to `stream`, which has been shut down for writing since, has reached the system of the
/// peer. False also if the system cannot tell.
pub(super) fn has_come(stream: &TcpStream) -> bool {
    tcp_info(stream).is_some_and(|info| matches!(info.state, FIN_WAIT2 | TIME_WAIT))
}

/// The states in which our FIN, and so all data before it, has been acknowledged; from `tcp_states.h`.
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;

/// A first retransmission may still be on its way.
const AGAIN: u8 = 2;

/// A part of `struct tcp_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TcpInfo {
    state: u8,
    /// Retransmissions since data was last acknowledged. An answer that acknowledges nothing new does not reset it.
    retransmits: u8,
    probes: u8,
    /// The times that the interval between two probes was doubled.
    backoff: u8,
    /// The interval between two retransmissions, which doubles with each, in microseconds.
    interval: u32,
    /// Milliseconds since the last acknowledgement.
    last_ack_received: u32,
}

impl TcpInfo {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = bytes.get(at..)?.first_chunk()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let last_ack_received = number(LAST_ACK_RECEIVED)?;
        Some(Self {
            state: bytes[0],
            retransmits: bytes[2],
            probes: bytes[3],
            backoff: bytes[4],
            interval: number(INTERVAL)?,
            last_ack_received,
        })
    }

    /// Whether the last retransmission or probe stayed without an answer, and nothing has come for `silence`.
    ///
    /// A peer whose buffer is full answers each one and acknowledges nothing new. Between two of them, which get rarer and
    /// rarer, nothing comes from a peer that lives either: only more than that interval without an answer is a silence.
    fn has_stopped(&self, silence: Duration) -> bool {
        let retried = self.retransmits.max(self.probes) >= AGAIN;
        let interval = Duration::from_micros(self.interval.into())
            .saturating_mul(1 << self.backoff.min(MOST_BACKOFF))
            .min(LONGEST_INTERVAL);
        // A timer of a busy system fires late.
        let answered = interval + interval / 4 + LATE;
        let since = Duration::from_millis(self.last_ack_received.into());
        retried && since >= silence && since > answered
    }
}

/// The interval is at most this long, however often it was doubled; `TCP_RTO_MAX`.
const LONGEST_INTERVAL: Duration = Duration::from_secs(120);
const MOST_BACKOFF: u8 = 16;

/// The time by which a timer and the answer to what it sent may be late.
const LATE: Duration = Duration::from_millis(250);

/// Before the numbers of 32 bits stand seven bytes and one of padding.
const INTERVAL: usize = 8;
/// The number after twelve others.
const LAST_ACK_RECEIVED: usize = 8 + 12 * 4;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const IPPROTO_TCP: u8 = 6;
const INET_DIAG_INFO: u16 = 2;
/// Of `struct nlmsghdr`, and of that with `struct inet_diag_msg`.
const HEADER: usize = 16;
const MESSAGE: usize = HEADER + 72;

fn tcp_info(stream: &TcpStream) -> Option<TcpInfo> {
    let question = question(stream.local_addr().ok()?, stream.peer_addr().ok()?)?;
    let socket: OwnedFd = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
    .ok()?;
    // The kernel answers before this returns.
    send(&socket, &question, SendFlags::empty()).ok()?;
    let mut answer = [0; 4096];
    let (len, _) = recv(&socket, &mut answer, RecvFlags::DONTWAIT).ok()?;
    read_answer(&answer[..len])
}

fn question(local: SocketAddr, peer: SocketAddr) -> Option<Vec<u8>> {
    let family: u8 = match (local, peer) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => 2,
        (SocketAddr::V6(_), SocketAddr::V6(_)) => 10,
        _ => return None,
    };
    let mut out = Vec::with_capacity(72);
    out.extend_from_slice(&72u32.to_ne_bytes());
    out.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    out.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    out.extend_from_slice(&[0; 8]); // sequence and sender
    out.extend_from_slice(&[family, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0]);
    out.extend_from_slice(&u32::MAX.to_ne_bytes()); // in any state
    out.extend_from_slice(&local.port().to_be_bytes());
    out.extend_from_slice(&peer.port().to_be_bytes());
    for address in [local.ip(), peer.ip()] {
        let mut bytes = [0; 16];
        match address {
            IpAddr::V4(address) => bytes[..4].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => bytes = address.octets(),
        }
        out.extend_from_slice(&bytes);
    }
    let interface = match local {
        SocketAddr::V6(local) => local.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    out.extend_from_slice(&interface.to_ne_bytes());
    out.extend_from_slice(&[0xFF; 8]); // no cookie is known
    Some(out)
}

fn read_answer(answer: &[u8]) -> Option<TcpInfo> {
    let kind = answer.get(4..6)?;
    if kind != SOCK_DIAG_BY_FAMILY.to_ne_bytes() {
        return None;
    }
    let mut attributes = answer.get(MESSAGE..)?;
    loop {
        let [a, b, c, d] = *attributes.first_chunk()?;
        let (len, kind) = (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
        let body = attributes.get(4..usize::from(len))?;
        if kind == INET_DIAG_INFO {
            return TcpInfo::parse(body);
        }
        attributes = attributes.get(usize::from(len).next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_peer_whose_system_acknowledges_has_not_stopped_whatever_its_process_does() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                continue; // no IPv6 here
            };
            let at = listener.local_addr().expect("bound");
            let mut stream = TcpStream::connect(at).expect("connected");
            stream.set_nonblocking(true).expect("a live descriptor");
            let _peer = listener.accept().expect("it is there");
            // Until neither kernel takes any more.
            while stream.write(&[0; 100_000]).is_ok() {}
            assert!(!has_stopped(&stream, Duration::ZERO));
            if let Some(info) = tcp_info(&stream) {
                assert!(info.last_ack_received < 60_000, "{info:?}");
            }
        }
    }

    #[test]
    fn all_has_come_once_the_end_of_it_is_acknowledged() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let at = listener.local_addr().expect("bound");
        let mut stream = TcpStream::connect(at).expect("connected");
        stream.set_nonblocking(true).expect("a live descriptor");
        let mut peer = listener.accept().expect("it is there").0;
        while stream.write(&[0; 100_000]).is_ok() {}
        stream.shutdown(Shutdown::Write).expect("it is connected");
        assert!(!has_come(&stream), "neither kernel takes any more");
        if tcp_info(&stream).is_none() {
            return; // not allowed here
        }
        peer.read_to_end(&mut Vec::new()).expect("it all comes");
        let begun = Instant::now();
        while !has_come(&stream) {
            assert!(begun.elapsed() < Duration::from_secs(60), "in vain");
        }
    }

    #[test]
    fn what_the_kernel_says_is_read_where_it_stands() {
        let mut answer = vec![0; MESSAGE];
        answer[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        let mut attribute = |kind: u16, body: &[u8]| {
            let len = 4 + body.len() as u16;
            answer.extend_from_slice(&len.to_ne_bytes());
            answer.extend_from_slice(&kind.to_ne_bytes());
            answer.extend_from_slice(body);
            answer.resize(answer.len().next_multiple_of(4), 0);
        };
        attribute(8, b"\x07");
        let mut info = [0; 100];
        (info[0], info[2], info[3], info[4]) = (1, 4, 5, 6);
        info[INTERVAL..][..4].copy_from_slice(&200_000u32.to_ne_bytes());
        info[LAST_ACK_RECEIVED..][..4].copy_from_slice(&7000u32.to_ne_bytes());
        attribute(INET_DIAG_INFO, &info);
        let expected = TcpInfo {
            state: 1,
            retransmits: 4,
            probes: 5,
            backoff: 6,
            interval: 200_000,
            last_ack_received: 7000,
        };
        assert_eq!(read_answer(&answer), Some(expected));
        for end in 0..MESSAGE + 8 + LAST_ACK_RECEIVED + 8 {
            assert_eq!(read_answer(&answer[..end]), None);
        }
    }

    /// After three retransmissions to a full buffer the next one is due 1.6 s later.
    #[test]
    fn the_time_between_two_retransmissions_is_no_silence() {
        let info = |last_ack_received, retransmits, backoff| TcpInfo {
            state: 1,
            retransmits,
            probes: 0,
            backoff,
            interval: 1_600_000 >> backoff,
            last_ack_received,
        };
        let second = Duration::from_secs(1);
        for backoff in [0, 3] {
            assert!(!info(1_600, 3, backoff).has_stopped(second), "not yet due");
            assert!(
                !info(2_000, 3, backoff).has_stopped(second),
                "it may be late"
            );
            assert!(info(2_300, 3, backoff).has_stopped(second));
            assert!(!info(2_300, 3, backoff).has_stopped(3 * second));
            assert!(!info(2_300, 1, backoff).has_stopped(second), "the first");
        }
        let longest = TcpInfo {
            interval: u32::MAX,
            backoff: 255,
            ..info(u32::MAX, 9, 0)
        };
        assert!(longest.has_stopped(second));
    }

    #[test]
    fn an_answer_that_says_no_is_none() {
        assert_eq!(read_answer(&[0; 36]), None);
        assert_eq!(read_answer(&[]), None);
    }
}
