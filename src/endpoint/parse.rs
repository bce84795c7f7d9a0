//! From text to the parts of an endpoint.

use std::net::Ipv6Addr;

use super::{Host, HostPort, InvalidEndpoint, Ipc, Kind, MAX_NAME, MAX_PATH, Tcp};

pub(super) fn endpoint(text: &str) -> Result<Kind, InvalidEndpoint> {
    let (transport, address) = text
        .split_once("://")
        .ok_or(InvalidEndpoint::MissingTransport)?;
    match transport {
        "tcp" => tcp(address).map(Kind::Tcp),
        "ipc" => ipc(address).map(Kind::Ipc),
        "inproc" => inproc(address).map(Kind::Inproc),
        "fd" => address
            .parse()
            .map(Kind::Fd)
            .map_err(|_| InvalidEndpoint::Descriptor),
        _ => Err(InvalidEndpoint::UnknownTransport {
            transport: transport.into(),
        }),
    }
}

fn tcp(address: &str) -> Result<Tcp, InvalidEndpoint> {
    let (source, target) = match address.split_once(';') {
        Some((source, target)) => (Some(Box::new(host_port(source)?)), target),
        None => (None, address),
    };
    Ok(Tcp {
        source,
        target: host_port(target)?,
    })
}

fn host_port(address: &str) -> Result<HostPort, InvalidEndpoint> {
    let (host, port_text) = match address.strip_prefix('[') {
        Some(inner) => {
            let invalid = || InvalidEndpoint::InvalidHost {
                host: address.into(),
            };
            let (ip, rest) = inner.split_once(']').ok_or_else(invalid)?;
            (
                ipv6(ip)?,
                rest.strip_prefix(':').ok_or(InvalidEndpoint::MissingPort)?,
            )
        }
        None => {
            let (host, port) = address
                .rsplit_once(':')
                .ok_or(InvalidEndpoint::MissingPort)?;
            (unbracketed(host)?, port)
        }
    };
    Ok(HostPort {
        host,
        port: port(port_text)?,
    })
}

fn port(text: &str) -> Result<u16, InvalidEndpoint> {
    let invalid = || InvalidEndpoint::InvalidPort { port: text.into() };
    match text {
        "*" => Ok(0),
        // `parse` alone would take a sign.
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().map_err(|_| invalid()),
        _ => Err(invalid()),
    }
}

fn ipv6(text: &str) -> Result<Host, InvalidEndpoint> {
    let (ip, zone) = match text.split_once('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (text, None),
    };
    let ip: Ipv6Addr = ip
        .parse()
        .map_err(|_| InvalidEndpoint::InvalidHost { host: text.into() })?;
    if let Some(zone) = zone
        && (zone.is_empty() || zone.len() > MAX_ZONE || !zone.chars().all(is_name_character))
    {
        return Err(InvalidEndpoint::InvalidZone { zone: zone.into() });
    }
    Ok(Host::V6(ip, zone.map(Into::into)))
}

fn unbracketed(text: &str) -> Result<Host, InvalidEndpoint> {
    if text == "*" {
        return Ok(Host::Any);
    }
    if let Ok(ip) = text.parse() {
        return Ok(Host::V4(ip));
    }
    if text.contains(':') {
        return Err(InvalidEndpoint::MissingBrackets { host: text.into() });
    }
    // Digits and dots alone are a mistyped IPv4 address, which a resolver might still read as some other address.
    let is_figures = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_name = !text.is_empty() && text.len() <= MAX_HOST && text.chars().all(is_name_character);
    if !is_name || is_figures {
        return Err(InvalidEndpoint::InvalidHost { host: text.into() });
    }
    Ok(Host::Name(text.into()))
}

fn ipc(text: &str) -> Result<Ipc, InvalidEndpoint> {
    if text == "*" {
        return Ok(Ipc::Any);
    }
    let (path, make): (_, fn(Box<str>) -> Ipc) = match text.strip_prefix('@') {
        Some(name) => (name, Ipc::Abstract),
        None => (text, Ipc::Path),
    };
    match path.len() {
        0 => Err(InvalidEndpoint::EmptyPath),
        len if len > MAX_PATH => Err(InvalidEndpoint::PathTooLong { len, max: MAX_PATH }),
        _ if path.contains('\0') => Err(InvalidEndpoint::ZeroInPath),
        _ => Ok(make(path.into())),
    }
}

fn inproc(name: &str) -> Result<Box<str>, InvalidEndpoint> {
    match name.len() {
        0 => Err(InvalidEndpoint::EmptyName),
        1..=MAX_NAME => Ok(name.into()),
        len => Err(InvalidEndpoint::NameTooLong { len }),
    }
}

/// Whether the name of a host or of an interface may have this character. Letters of any script are left to the
/// resolver.
fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// The longest host name, in bytes. Source: RFC 1035, section 2.3.4.
const MAX_HOST: usize = 253;

/// The longest name of an interface, in bytes: `IFNAMSIZ` without its final zero.
const MAX_ZONE: usize = 15;
