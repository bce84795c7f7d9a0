//! Which peers may connect.
//!
//! Owns: the accept list, and its form as text.
//! Always true: a list without an entry for a transport admits every peer of that transport.
//! Must not know: streams; it is asked about addresses and users.
//! Source: libzmq's ZMQ_TCP_ACCEPT_FILTER and ZMQ_IPC_FILTER_UID.

use std::fmt;
use std::net::IpAddr;

use super::OptionValue;

/// Which peers may connect: over tcp by network, over ipc by user. The default is all.
///
/// A list without a network lets in every tcp peer, one without a user every ipc peer.
///
/// ```
/// use std::net::Ipv4Addr;
/// use highwater::{AcceptFilter, Context, Pull};
///
/// let filter = AcceptFilter::everybody().network(Ipv4Addr::new(10, 0, 0, 0), 8).user(1000);
/// let pull = Pull::builder(&Context::new()).accept_filter(filter).build();
/// assert_eq!(pull.option("accept_filter")?, "10.0.0.0/8,uid:1000");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptFilter {
    networks: Vec<(IpAddr, u8)>,
    users: Vec<u32>,
}

impl AcceptFilter {
    /// The list that admits every peer.
    pub fn everybody() -> Self {
        Self::default()
    }

    /// Admits tcp peers whose address begins with the first `prefix` bits of `address`, in addition to the list's other
    /// networks. A prefix longer than the address counts as all its bits.
    #[must_use]
    pub fn network(mut self, address: impl Into<IpAddr>, prefix: u8) -> Self {
        let address = address.into();
        let prefix = prefix.min(bits_of(&address));
        self.networks.push((address, prefix));
        self
    }

    /// Admits ipc peers whose process runs as user `uid`, in addition to the list's other users.
    ///
    /// On a system that does not tell the user of a peer, no ipc peer is admitted then.
    #[must_use]
    pub fn user(mut self, uid: u32) -> Self {
        self.users.push(uid);
        self
    }

    /// Whether a tcp peer at `address` is admitted. An IPv4 peer of a dual-stack listener counts as IPv4.
    pub(crate) fn admits_address(&self, address: IpAddr) -> bool {
        self.networks.is_empty()
            || self
                .networks
                .iter()
                .any(|(network, prefix)| is_within(address, *network, *prefix))
    }

    /// Whether an ipc peer with this user is admitted.
    pub(crate) fn admits_user(&self, uid: Option<u32>) -> bool {
        self.users.is_empty() || uid.is_some_and(|uid| self.users.contains(&uid))
    }
}

fn bits_of(address: &IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether both addresses, of one family, have the same first `prefix` bits.
fn is_within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (address.to_canonical(), network.to_canonical()) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            // A mapped network has 96 bits before those of its IPv4 address.
            let prefix = u32::from(prefix).min(32);
            let differing = u32::from(address) ^ u32::from(network);
            differing.leading_zeros() >= prefix
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differing = u128::from(address) ^ u128::from(network);
            differing.leading_zeros() >= u32::from(prefix)
        }
        _ => false,
    }
}

/// As the value of the option by name.
impl fmt::Display for AcceptFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.print())
    }
}

impl OptionValue for AcceptFilter {
    const EXPECTED: &'static str =
        "everybody, or a list such as 10.0.0.0/8,192.0.2.7,uid:1000 (networks, addresses, users)";

    fn parse(text: &str) -> Option<Self> {
        if text == "everybody" {
            return Some(Self::everybody());
        }
        text.split(',').try_fold(Self::default(), |filter, entry| {
            if let Some(uid) = entry.strip_prefix("uid:") {
                return Some(filter.user(uid.parse().ok()?));
            }
            let (address, prefix) = match entry.split_once('/') {
                Some((address, prefix)) => (address, Some(prefix)),
                None => (entry, None),
            };
            let address: IpAddr = address.parse().ok()?;
            let prefix = match prefix {
                Some(prefix) => prefix
                    .parse()
                    .ok()
                    .filter(|prefix| *prefix <= bits_of(&address))?,
                None => bits_of(&address),
            };
            Some(filter.network(address, prefix))
        })
    }

    fn print(&self) -> String {
        let networks = self
            .networks
            .iter()
            .map(|(address, prefix)| format!("{address}/{prefix}"));
        let users = self.users.iter().map(|uid| format!("uid:{uid}"));
        let entries: Vec<String> = networks.chain(users).collect();
        if entries.is_empty() {
            "everybody".to_owned()
        } else {
            entries.join(",")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> AcceptFilter {
        AcceptFilter::parse(text).expect("a good list")
    }

    fn admits(list: &AcceptFilter, address: &str) -> bool {
        list.admits_address(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_is_a_prefix() {
        let list = filter("127.0.0.0/8,192.0.2.7,2001:db8::/32");
        for inside in [
            "127.255.0.1",
            "192.0.2.7",
            "2001:db8::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(admits(&list, inside), "{inside}");
        }
        for outside in ["128.0.0.1", "192.0.2.6", "2001:db9::1", "::1"] {
            assert!(!admits(&list, outside), "{outside}");
        }
        assert!(admits(&filter("0.0.0.0/0"), "1.2.3.4"));
    }

    #[test]
    fn what_a_list_does_not_speak_of_is_let_in() {
        assert!(filter("uid:7").admits_address(IpAddr::from([1, 2, 3, 4])));
        assert!(filter("127.0.0.1").admits_user(None));
        let list = filter("uid:7,uid:8");
        assert!(list.admits_user(Some(8)));
        assert!(!list.admits_user(Some(9)) && !list.admits_user(None));
    }

    #[test]
    fn a_list_reads_back_and_a_bad_one_does_not_read() {
        for text in ["everybody", "10.0.0.0/8,uid:5", "::1/128"] {
            assert_eq!(filter(text).print(), text);
        }
        for text in ["", "10.0.0.0/33", "::1/129", "uid:", "uid:-1", "localhost"] {
            assert_eq!(AcceptFilter::parse(text), None, "{text}");
        }
    }
}
