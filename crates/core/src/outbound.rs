//! Where requests of ours may go: to the internet, and inward only where a setting says so.
//!
//! An address that a merchant's agent file names is connected to from within the house, where much
//! trusts whoever asks: databases, the cloud's metadata service, this very process. So every address
//! that is not on the public internet is refused, unless [`Allowed`] has it.

use crate::problem::Quoted;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The hosts and networks that may be reached although they are not on the public internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    names: Vec<String>,
    networks: Vec<Network>,
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    start: IpAddr,
    /// How many bits are alike.
    bits: u32,
}

impl Allowed {
    /// Reads host names, addresses and networks, parted by commas: `till.local,10.0.0.0/8,::1`.
    ///
    /// # Errors
    /// Says which of them is none, and what would do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut allowed = Self::default();
        for entry in text.split(',').map(str::trim) {
            if entry.is_empty() {
                continue;
            }
            if let Some(network) = Network::parse(entry) {
                allowed.networks.push(network);
            } else if is_name(entry) {
                allowed.allow_name(entry);
            } else {
                return Err(format!(
                    "{} is neither a host name nor an address or network: write \
                     till.example.com, 10.1.2.3, 10.0.0.0/8 or fd00::/8, without a port",
                    Quoted(entry)
                ));
            }
        }
        Ok(allowed)
    }

    /// Adds a host by its name: wherever that leads is allowed.
    pub fn allow_name(&mut self, name: &str) {
        self.names.push(plain(name));
    }

    /// Adds an address.
    pub fn allow_address(&mut self, address: IpAddr) {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let start = address;
        self.networks.push(Network { start, bits });
    }

    /// Whether a host is allowed by its name, in any case and with or without the point at its end.
    pub fn has_name(&self, name: &str) -> bool {
        let name = plain(name);
        self.names.contains(&name)
    }

    /// Whether an address is allowed.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether a text is a host's name. One that ends in a number would be read as an address.
fn is_name(text: &str) -> bool {
    let plain = plain(text);
    let label = |label: &str| {
        let lawful = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.len() <= 63 && label.chars().all(lawful)
    };
    let last = plain.rsplit('.').next().unwrap_or_default();
    let number = last.starts_with(|c: char| c.is_ascii_digit());
    plain.len() <= 253 && plain.split('.').all(label) && !number
}

impl Network {
    /// `10.0.0.0/8`, or an address, which is a network of one.
    fn parse(text: &str) -> Option<Self> {
        let (start, bits) = match text.split_once('/') {
            Some((start, bits)) => (start, Some(bits)),
            None => (text, None),
        };
        let start: IpAddr = start
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()?;
        let most = if start.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Self { start, bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.start, address) {
            (IpAddr::V4(start), IpAddr::V4(address)) => {
                let differ = u32::from(start) ^ u32::from(address);
                differ.leading_zeros() >= self.bits
            }
            (IpAddr::V6(start), IpAddr::V6(address)) => {
                let differ = u128::from(start) ^ u128::from(address);
                differ.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

/// Why an address is not on the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inward(&'static str);

impl fmt::Display for Inward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What IPv4 sets apart (RFC 6890 and the registry that goes on from it): first address, bits, what it is.
const INWARD_4: &[([u8; 4], u32, &str)] = &[
    ([0, 0, 0, 0], 8, "this very network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "a provider's own network"),
    ([127, 0, 0, 0], 8, "this machine (loopback)"),
    (
        [169, 254, 0, 0],
        16,
        "link-local, where clouds have their metadata",
    ),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "set apart for protocols"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 88, 99, 0], 24, "a relay of 6to4"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "for measurements"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "set apart"),
];

/// What IPv6 sets apart. Those that hold an IPv4 address within are refused whatever it is: they lead to
/// it by ways that nobody's public address goes.
const INWARD_6: &[([u16; 8], u32, &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "this machine (loopback)"),
    (
        [0, 0, 0, 0, 0, 0xffff, 0, 0],
        96,
        "an IPv4 address within IPv6",
    ),
    (
        [0, 0, 0, 0, 0xffff, 0, 0, 0],
        96,
        "an IPv4 address within IPv6",
    ),
    (
        [0, 0, 0, 0, 0, 0, 0, 0],
        96,
        "no address, or an IPv4 address within IPv6",
    ),
    (
        [0x64, 0xff9b, 0, 0, 0, 0, 0, 0],
        96,
        "an IPv4 address within IPv6 (NAT64)",
    ),
    (
        [0x64, 0xff9b, 1, 0, 0, 0, 0, 0],
        48,
        "an IPv4 address within IPv6 (NAT64)",
    ),
    (
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        32,
        "an IPv4 address within IPv6 (Teredo)",
    ),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "set apart for protocols"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "for documentation"),
    (
        [0x2002, 0, 0, 0, 0, 0, 0, 0],
        16,
        "an IPv4 address within IPv6 (6to4)",
    ),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private (unique local)"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "private (site-local)"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
];

/// The whole of what IPv6 has given out for the internet.
const GLOBAL_6: Network = Network {
    start: IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)),
    bits: 3,
};

/// Why an address is not one of the public internet; `None` where it is.
pub fn inward(address: IpAddr) -> Option<Inward> {
    let within = |start: IpAddr, bits: u32| Network { start, bits }.contains(address);
    let found = match address {
        IpAddr::V4(_) => INWARD_4
            .iter()
            .find(|(start, bits, _)| within(Ipv4Addr::from(*start).into(), *bits))
            .map(|(_, _, what)| *what),
        IpAddr::V6(_) => INWARD_6
            .iter()
            .find(|(start, bits, _)| within(Ipv6Addr::from(*start).into(), *bits))
            .map(|(_, _, what)| *what)
            .or((!GLOBAL_6.contains(address)).then_some("set apart")),
    };
    found.map(Inward)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(address: &str) -> Option<Inward> {
        inward(address.parse().unwrap())
    }

    #[test]
    fn the_edges_of_what_is_set_apart() {
        for outside in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450::5",
            "3ffe::1",
        ] {
            assert_eq!(why(outside), None, "{outside}");
        }
        for inside in [
            "0.0.0.0",
            "0.255.255.255",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.255.255.254",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(why(inside).is_some(), "{inside}");
        }
    }

    #[test]
    fn what_is_allowed_is_said_by_name_address_or_network() {
        let allowed = Allowed::parse("Till.Local., 10.1.0.0/16,[::1] ,127.0.0.1,").unwrap();
        assert!(allowed.has_name("till.local") && allowed.has_name("TILL.LOCAL."));
        assert!(!allowed.has_name("other.till.local") && !allowed.has_name("local"));
        let has = |address: &str| allowed.has_address(address.parse().unwrap());
        assert!(has("10.1.255.255") && !has("10.2.0.0"));
        assert!(has("::1") && !has("::2"));
        assert!(has("127.0.0.1") && !has("127.0.0.2") && !has("::ffff:127.0.0.1"));
        for wrong in [
            "10.0.0.0/33",
            "http://x",
            "till:80",
            "127.1",
            "0x7f.0x1",
            "a..b",
            "*",
            "ünicode.de",
        ] {
            let told = Allowed::parse(wrong).unwrap_err();
            assert!(told.contains("neither a host name"), "{told}");
        }
        assert!(
            Allowed::parse("::/0")
                .unwrap()
                .has_address("::1".parse().unwrap())
        );
    }
}
