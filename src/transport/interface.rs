//! The addresses of a network interface, asked of the Linux kernel over a netlink socket.
//!
//! `getifaddrs` gives the same addresses, but has no safe binding in the crates used here.
//! Source: rtnetlink(7), netlink(7).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// The addresses of the interface `name`, with `port`, in the kernel's order (IPv4 first); `None` if there is no such
/// interface.
pub(super) fn addresses(name: &str, port: u16) -> io::Result<Option<Vec<SocketAddr>>> {
    if name.len() >= MAX_NAME {
        return Ok(None);
    }
    let socket = socket()?;
    let Some(index) = index_on(&socket, name)? else {
        return Ok(None);
    };
    rustix::net::sendto(
        &socket,
        &dump_request(),
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // The kernel queues its answer before the request returns, so no wait is needed.
        let (len, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::DONTWAIT)?;
        if read_messages(&buffer[..len], index, port, &mut found)? == Dump::Done {
            return Ok(Some(found));
        }
    }
}

/// The number of the interface `name`; `None` if there is no such interface.
pub(super) fn index(name: &str) -> io::Result<Option<u32>> {
    if name.len() >= MAX_NAME {
        return Ok(None);
    }
    index_on(&socket()?, name)
}

/// Whether there is an interface of this number.
pub(super) fn exists(index: u32) -> io::Result<bool> {
    match rustix::net::netdevice::index_to_name_inlined(&socket()?, index) {
        Ok(_) => Ok(true),
        Err(Errno::NODEV | Errno::NXIO) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn index_on(socket: &OwnedFd, name: &str) -> io::Result<Option<u32>> {
    match rustix::net::netdevice::name_to_index(socket, name) {
        Ok(index) => Ok(Some(index)),
        Err(Errno::NODEV) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn socket() -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

#[derive(Debug, PartialEq, Eq)]
enum Dump {
    More,
    Done,
}

/// `RTM_GETADDR` for every address of every interface: the header, then a zeroed `ifaddrmsg`.
fn dump_request() -> [u8; HEADER + IFADDRMSG] {
    let mut request = [0; HEADER + IFADDRMSG];
    request[..4].copy_from_slice(&((HEADER + IFADDRMSG) as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETADDR.to_ne_bytes());
    request[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request
}

/// Reads one batch of netlink messages and keeps the addresses of interface `index`.
fn read_messages(
    mut batch: &[u8],
    index: u32,
    port: u16,
    found: &mut Vec<SocketAddr>,
) -> io::Result<Dump> {
    while let (Some(len), Some(kind)) = (u32_at(batch, 0), u16_at(batch, 4)) {
        let len = len as usize;
        let body = batch.get(HEADER..len).ok_or(io::ErrorKind::InvalidData)?;
        match kind {
            NLMSG_DONE => return Ok(Dump::Done),
            NLMSG_ERROR => {
                let errno = u32_at(body, 0).unwrap_or_default() as i32;
                return Err(io::Error::from_raw_os_error(errno.wrapping_neg()));
            }
            RTM_NEWADDR if u32_at(body, 4) == Some(index) => {
                found.extend(interface_address(body, index, port));
            }
            _ => {}
        }
        batch = batch.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Dump::More)
}

/// The address in one `RTM_NEWADDR`: `IFA_LOCAL` where there is one, since on a point-to-point link `IFA_ADDRESS` is
/// the other end; else `IFA_ADDRESS`.
fn interface_address(body: &[u8], index: u32, port: u16) -> Option<SocketAddr> {
    let (mut local, mut address) = (None, None);
    let mut attributes = body.get(IFADDRMSG..)?;
    while let (Some(len), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let len = usize::from(len);
        let value = attributes.get(4..len)?;
        match kind {
            IFA_LOCAL => local = ip(value),
            IFA_ADDRESS => address = ip(value),
            _ => {}
        }
        attributes = attributes
            .get(len.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    match local.or(address)? {
        IpAddr::V4(ip) => Some((ip, port).into()),
        IpAddr::V6(ip) => {
            let scope = if ip.is_unicast_link_local() { index } else { 0 };
            Some(SocketAddrV6::new(ip, port, 0, scope).into())
        }
    }
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets)
            .ok()
            .map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(octets)
            .ok()
            .map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|octets| u16::from_ne_bytes(*octets))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|octets| u32::from_ne_bytes(*octets))
}

/// `IFNAMSIZ`, which counts a final zero.
const MAX_NAME: usize = 16;
/// The size of `nlmsghdr`.
const HEADER: usize = 16;
/// The size of `ifaddrmsg`.
const IFADDRMSG: usize = 8;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_the_loopback_address() {
        let found = addresses("lo", 5)
            .expect("netlink answers")
            .expect("there is a loopback");
        assert!(
            found.contains(&SocketAddr::from(([127, 0, 0, 1], 5))),
            "{found:?}"
        );
        assert!(found.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn other_names_are_no_interfaces() {
        assert_eq!(addresses("no-such-if", 5).expect("netlink answers"), None);
        assert_eq!(
            addresses("a-name-too-long-for-one", 5).expect("no need to ask"),
            None
        );
        assert_eq!(index("no-such-if").expect("the kernel answers"), None);
        assert!(!exists(999_999).expect("the kernel answers"));
        let number = index("lo")
            .expect("the kernel answers")
            .expect("a loopback");
        assert!(exists(number).expect("the kernel answers"));
    }

    #[test]
    fn a_cut_or_crooked_batch_is_no_panic() {
        let mut message = dump_request().to_vec();
        message[4..6].copy_from_slice(&RTM_NEWADDR.to_ne_bytes());
        message[20..24].copy_from_slice(&1u32.to_ne_bytes());
        message.extend([8, 0, 2, 0, 127, 0, 0, 1]);
        let whole = u32::try_from(message.len()).expect("it is short");
        message[..4].copy_from_slice(&whole.to_ne_bytes());

        let mut found = Vec::new();
        let read = read_messages(&message, 1, 5, &mut found).expect("one good message");
        assert_eq!(
            (read, &*found),
            (Dump::More, &[SocketAddr::from(([127, 0, 0, 1], 5))][..])
        );
        for cut in 0..message.len() {
            let _ = read_messages(&message[..cut], 1, 5, &mut Vec::new());
        }
        for claimed in 0..40u32 {
            message[..4].copy_from_slice(&claimed.to_ne_bytes());
            let _ = read_messages(&message, 1, 5, &mut Vec::new());
        }
    }
}
