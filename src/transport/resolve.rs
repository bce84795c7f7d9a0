//! From endpoints to concrete addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use super::refused::no_interface;
use super::{Address, Ipv6Mode, Target};
use crate::endpoint::{Endpoint, Host, HostPort, Ipc, Kind, Tcp};

/// The addresses to connect to for `endpoint`, in the order in which to try them; not empty.
///
/// Blocks until the resolver answers for a host name, which may take many seconds.
///
/// # Errors
///
/// The error of the resolver; `NotFound` if the name has no suitable address; `InvalidInput` for a wildcard and
/// `Unsupported` for `inproc://`, to which no socket can connect.
pub(crate) fn resolve(endpoint: &Endpoint) -> io::Result<Vec<Target>> {
    if let Err(error) = endpoint.check_connect() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    let tcp = match endpoint.kind() {
        Kind::Tcp(tcp) => tcp,
        Kind::Ipc(ipc) => return ipc_target(ipc).map(|target| vec![target]),
        Kind::Inproc(_) | Kind::Fd(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    let Some(source) = &tcp.source else {
        let addresses = lookup(&tcp.target)?;
        return Ok(addresses
            .into_iter()
            .map(|to| Address::Inet(to).into())
            .collect());
    };
    let sources = match source.host {
        Host::Any => [
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Ipv6Addr::UNSPECIFIED.into(),
        ]
        .map(|ip| SocketAddr::new(ip, source.port))
        .to_vec(),
        _ => local_addresses(source)?,
    };
    let targets: Vec<Target> = lookup(&tcp.target)?
        .into_iter()
        .filter_map(|to| {
            let from = sources.iter().find(|from| from.is_ipv4() == to.is_ipv4())?;
            Some(Target {
                address: Address::Inet(to),
                source: Some(*from),
            })
        })
        .collect();
    if targets.is_empty() {
        let problem = "the source and the destination have no address family in common";
        return Err(io::Error::new(io::ErrorKind::NotFound, problem));
    }
    Ok(targets)
}

/// As [`resolve`], for endpoints without a name, and never waiting. `None` means that [`resolve`] is needed, on a
/// thread that may wait.
pub(crate) fn resolve_now(endpoint: &Endpoint) -> Option<Vec<Target>> {
    let is_literal = |part: &HostPort| !matches!(part.host, Host::Name(_));
    match endpoint.kind() {
        Kind::Tcp(Tcp { source, target }) => {
            let literal = is_literal(target) && source.as_deref().is_none_or(is_literal);
            if literal {
                resolve(endpoint).ok()
            } else {
                None
            }
        }
        Kind::Ipc(_) => resolve(endpoint).ok(),
        Kind::Inproc(_) | Kind::Fd(_) => None,
    }
}

/// The addresses to bind for `address`, in the order in which to try them; not empty. A name is that of an interface of
/// this machine, or else of a host; a host name blocks until the resolver answers.
pub(super) fn resolve_local(address: &HostPort, ipv6: Ipv6Mode) -> io::Result<Vec<SocketAddr>> {
    if address.host == Host::Any {
        let every: &[IpAddr] = match ipv6 {
            Ipv6Mode::Off => &[IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
            // The second address is for a machine without IPv6.
            Ipv6Mode::Dual => &[
                IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            ],
            Ipv6Mode::Only => &[IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
        };
        return Ok(every
            .iter()
            .map(|ip| SocketAddr::new(*ip, address.port))
            .collect());
    }
    let mut addresses = local_addresses(address)?;
    if matches!(address.host, Host::Name(_)) {
        match ipv6 {
            Ipv6Mode::Off => addresses.sort_by_key(SocketAddr::is_ipv6),
            Ipv6Mode::Dual => {}
            Ipv6Mode::Only => addresses.retain(SocketAddr::is_ipv6),
        }
        if addresses.is_empty() {
            return Err(no_address(&address.host));
        }
    }
    Ok(addresses)
}

/// [`lookup`], but a name may be that of an interface.
fn local_addresses(address: &HostPort) -> io::Result<Vec<SocketAddr>> {
    if let Host::Name(name) = &address.host
        && let Some(found) = interface_addresses(name, address.port)?
    {
        return if found.is_empty() {
            Err(no_address(&address.host))
        } else {
            Ok(found)
        };
    }
    lookup(address).map_err(|error| match &address.host {
        Host::Name(name) if KNOWS_INTERFACES => io::Error::new(
            error.kind(),
            format!("{name:?} is neither a network interface of this machine nor a host: {error}"),
        ),
        _ => error,
    })
}

fn lookup(address: &HostPort) -> io::Result<Vec<SocketAddr>> {
    let port = address.port;
    match &address.host {
        Host::Any => Err(io::ErrorKind::InvalidInput.into()),
        Host::V4(ip) => Ok(vec![(*ip, port).into()]),
        Host::V6(ip, None) => Ok(vec![(*ip, port).into()]),
        Host::V6(ip, Some(zone)) => {
            let number = zone_number(*ip, zone)?;
            Ok(vec![SocketAddrV6::new(*ip, port, 0, number).into()])
        }
        Host::Name(name) => {
            let found = ask_resolver(name, port)?;
            if found.is_empty() {
                Err(no_address(&address.host))
            } else {
                Ok(found)
            }
        }
    }
}

/// The number of the interface `zone`, which is a name or a decimal number.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn zone_number(ip: Ipv6Addr, zone: &str) -> io::Result<u32> {
    match zone.parse() {
        // The system uses the zone of link-local addresses only.
        Ok(number) if ip.is_unicast_link_local() && !super::interface::exists(number)? => {
            Err(no_interface(zone))
        }
        Ok(number) => Ok(number),
        Err(_) => super::interface::index(zone)?.ok_or_else(|| no_interface(zone)),
    }
}

/// On other systems the resolver knows the interface names. A numeric address asks no name server.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn zone_number(ip: Ipv6Addr, zone: &str) -> io::Result<u32> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    let found = ask_resolver(&format!("{ip}%{zone}"), 0).unwrap_or_default();
    found
        .iter()
        .find_map(|address| match address {
            SocketAddr::V6(v6) => Some(v6.scope_id()),
            SocketAddr::V4(_) => None,
        })
        .ok_or_else(|| no_interface(zone))
}

fn ask_resolver(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (name, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn ipc_target(ipc: &Ipc) -> io::Result<Target> {
    match ipc {
        Ipc::Path(path) => Ok(Address::Path((&**path).into()).into()),
        Ipc::Abstract(name) => Ok(Address::Abstract(name.as_bytes().to_vec()).into()),
        Ipc::Any => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Whether a bind accepts interface names.
const KNOWS_INTERFACES: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(any(target_os = "linux", target_os = "android"))]
fn interface_addresses(name: &str, port: u16) -> io::Result<Option<Vec<SocketAddr>>> {
    super::interface::addresses(name, port)
}

/// On other systems no safe call looks up an interface name, so every name is that of a host.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn interface_addresses(_name: &str, _port: u16) -> io::Result<Option<Vec<SocketAddr>>> {
    Ok(None)
}

fn no_address(host: &Host) -> io::Error {
    let name = match host {
        Host::Name(name) => name,
        _ => "the host",
    };
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("{name} has no address of the kind wanted"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().expect("a good endpoint")
    }

    fn inet(text: &str) -> SocketAddr {
        text.parse().expect("a good address")
    }

    #[test]
    fn addresses_in_figures_and_paths_need_no_resolver() {
        let now = |text| resolve_now(&endpoint(text));
        assert_eq!(
            now("tcp://127.0.0.1:5"),
            Some(vec![Address::Inet(inet("127.0.0.1:5")).into()])
        );
        // Every system has an interface of this number, the loopback.
        assert_eq!(
            now("tcp://[fe80::1%1]:5"),
            Some(vec![Address::Inet(inet("[fe80::1%1]:5")).into()])
        );
        assert_eq!(
            now("ipc:///a"),
            Some(vec![Address::Path("/a".into()).into()])
        );
        assert_eq!(
            now("ipc://@a"),
            Some(vec![Address::Abstract(b"a".to_vec()).into()])
        );
    }

    #[test]
    fn names_wildcards_and_inproc_are_not_resolved_at_once() {
        for text in [
            "tcp://localhost:5",
            "tcp://localhost:*;127.0.0.1:5",
            "tcp://127.0.0.1:*",
            "ipc://*",
            "inproc://a",
        ] {
            assert_eq!(resolve_now(&endpoint(text)), None, "{text}");
        }
    }

    #[test]
    fn the_zone_may_be_the_name_of_an_interface() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let targets =
            resolve_now(&endpoint("tcp://[fe80::1%lo]:5")).expect("figures and an interface");
        assert_eq!(targets, [Address::Inet(inet("[fe80::1%1]:5")).into()]);
    }

    #[test]
    fn localhost_resolves_to_loopback() {
        let targets = resolve(&endpoint("tcp://localhost:5")).expect("every system knows it");
        assert!(!targets.is_empty());
        for target in targets {
            let Address::Inet(address) = target.address else {
                panic!("not an IP address")
            };
            assert!(address.ip().is_loopback());
            assert_eq!((address.port(), target.source), (5, None));
        }
    }

    #[test]
    fn a_source_goes_with_targets_of_its_family() {
        let resolved = |text| resolve(&endpoint(text));
        let targets = resolved("tcp://127.0.0.9:*;127.0.0.1:5").expect("one family");
        assert_eq!(targets[0].source, Some(inet("127.0.0.9:0")));
        let targets = resolved("tcp://*:7;[::1]:5").expect("any family");
        assert_eq!(targets[0].source, Some(inet("[::]:7")));
        let error = resolved("tcp://127.0.0.1:7;[::1]:5").expect_err("two families");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_cannot_be_connected_to_says_so() {
        let kind = |text| resolve(&endpoint(text)).expect_err(text).kind();
        assert_eq!(kind("tcp://*:5"), io::ErrorKind::InvalidInput);
        assert_eq!(kind("ipc://*"), io::ErrorKind::InvalidInput);
        assert_eq!(kind("inproc://a"), io::ErrorKind::Unsupported);
    }

    #[test]
    fn the_wildcard_host_follows_the_ipv6_mode() {
        let any = HostPort {
            host: Host::Any,
            port: 5,
        };
        let local = |mode| resolve_local(&any, mode).expect("no lookup");
        assert_eq!(local(Ipv6Mode::Off), [inet("0.0.0.0:5")]);
        assert_eq!(local(Ipv6Mode::Dual), [inet("[::]:5"), inet("0.0.0.0:5")]);
        assert_eq!(local(Ipv6Mode::Only), [inet("[::]:5")]);
    }
}
