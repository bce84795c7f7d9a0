//! The decision by a peer's IP address: networks in CIDR notation.
//!
//! Source: RFC 4632, "CIDR Notation"; RFC 4291, section 2.5.5.2, for IPv4 addresses within IPv6.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{Authenticate, Candidate, Verdict};

/// Allows the peers whose address is in one of these networks, or refuses them. A peer of ipc has no address and is allowed.
#[derive(Debug, Clone)]
pub struct Addresses {
    networks: Vec<Network>,
    /// Whether a peer within is allowed.
    lets_in: bool,
}

impl Addresses {
    /// Allows only peers of these networks: `10.0.0.0/8`, `::1`.
    ///
    /// # Errors
    ///
    /// [`NetworkError`], with the first text that is not a network.
    pub fn allow<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, NetworkError> {
        Self::new(networks, true)
    }

    /// Allows all peers but those of these networks.
    ///
    /// # Errors
    ///
    /// [`NetworkError`], with the first text that is not a network.
    pub fn deny<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, NetworkError> {
        Self::new(networks, false)
    }

    fn new<'a>(
        networks: impl IntoIterator<Item = &'a str>,
        lets_in: bool,
    ) -> Result<Self, NetworkError> {
        let networks = networks
            .into_iter()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { networks, lets_in })
    }

    fn has(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.has(address))
    }
}

impl Authenticate for Addresses {
    fn check(&self, who: &Candidate) -> Verdict {
        match who.address {
            Some(address) if self.has(address) != self.lets_in => Verdict::deny(),
            _ => Verdict::allow(""),
        }
    }
}

/// The addresses whose first `bits` bits are those of `address`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn has(&self, other: IpAddr) -> bool {
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differs = ours.to_bits() ^ theirs.to_bits();
                differs.leading_zeros() >= self.bits
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differs = ours.to_bits() ^ theirs.to_bits();
                differs.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let no_network = || NetworkError {
            text: text.to_owned(),
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| no_network())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|count| *count <= most && bits.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(no_network)?,
        };
        Ok(Self { address, bits })
    }
}

/// A text is not a network in CIDR notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkError {
    /// The text.
    pub text: String,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no network; one looks like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
            self.text
        )
    }
}

impl std::error::Error for NetworkError {}

#[cfg(test)]
mod tests {
    use super::super::Proof;
    use super::*;

    fn comes_in(list: &Addresses, address: &str) -> bool {
        let verdict = list.check(&Candidate {
            address: Some(address.parse().expect("an address")),
            ..Candidate::for_tests(Proof::Null)
        });
        verdict == Verdict::allow("")
    }

    #[test]
    fn who_is_within_is_let_in_or_kept_out() {
        let networks = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/33", "::1"];
        let allow = Addresses::allow(networks).expect("networks");
        let deny = Addresses::deny(networks).expect("networks");
        for (address, within) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.6", false),
            ("::ffff:10.1.2.3", true),
            ("::ffff:11.1.2.3", false),
            ("2001:db8:7fff::1", true),
            ("2001:db8:8000::1", false),
            ("::1", true),
            ("::2", false),
        ] {
            assert_eq!(comes_in(&allow, address), within, "{address}");
            assert_eq!(comes_in(&deny, address), !within, "{address}");
        }
        let ipc = Candidate::for_tests(Proof::Null);
        assert_eq!(allow.check(&ipc), Verdict::allow(""));
    }

    #[test]
    fn everything_and_nothing_are_networks() {
        let all = Addresses::allow(["0.0.0.0/0", "::/0"]).expect("networks");
        assert!(comes_in(&all, "203.0.113.9") && comes_in(&all, "2001:db8::1"));
        let none = Addresses::allow([]).expect("networks");
        assert!(!comes_in(&none, "127.0.0.1"));
    }

    #[test]
    fn a_text_that_is_no_network_is_told() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "10.0.0/8",
            "a/8",
            "10.0.0.0/8/8",
        ] {
            let error = Addresses::allow([text]).expect_err("no network");
            assert!(error.to_string().contains(&format!("{text:?}")));
        }
    }
}
