//! An address as it is written, and what it leads to: read by the rules of browsers, which know every
//! way to write a host, and then by none of its tricks.

use std::net::IpAddr;
use url::{Host, Url};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether over TLS.
    pub tls: bool,
    /// Whose it is.
    pub host: TargetHost,
    /// The port.
    pub port: u16,
    /// What is asked of it: the path, and the query where there is one.
    pub path: String,
}

/// A host by name or by address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TargetHost {
    /// A name, in lower case, of ASCII.
    Name(String),
    /// An address, however it was written.
    Address(IpAddr),
}

impl TargetHost {
    /// As it stands in a `Host` header.
    fn shown(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(IpAddr::V4(address)) => address.to_string(),
            Self::Address(IpAddr::V6(address)) => format!("[{address}]"),
        }
    }
}

impl Target {
    /// Reads an absolute address.
    ///
    /// # Errors
    /// Says what is wrong with it, and nothing of what it holds.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        // Such are dropped or taken for a slash by the rules of browsers: two readers would see two hosts.
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err("the address holds a blank, a control character or a backslash");
        }
        if !text.starts_with("https://") && !text.starts_with("http://") {
            return Err("the address does not begin with https:// or http://");
        }
        let url = Url::parse(text).map_err(|_| "the address is no web address")?;
        if !url.username().is_empty() || url.password().is_some() || has_user(text) {
            return Err("the address holds a user or a password before its host");
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => TargetHost::Name(name.to_owned()),
            Some(Host::Ipv4(address)) => TargetHost::Address(address.into()),
            Some(Host::Ipv6(address)) => TargetHost::Address(address.into()),
            None => return Err("the address has no host"),
        };
        let port = url.port_or_known_default().unwrap_or_default();
        if port == 0 {
            return Err("the address has the port 0");
        }
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let tls = url.scheme() == "https";
        Ok(Self {
            tls,
            host,
            port,
            path,
        })
    }

    /// The host, and the port where it is not the usual one, as in a `Host` header.
    pub fn authority(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        match self.port == usual {
            true => self.host.shown(),
            false => self.shown(),
        }
    }

    /// What it is called in errors: neither path nor query, which may hold secrets.
    pub fn shown(&self) -> String {
        format!("{}:{}", self.host.shown(), self.port)
    }
}

/// Whether an `@` stands where a user would: an empty one is dropped by the rules of browsers.
fn has_user(text: &str) -> bool {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest[..end].contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let target = Target::parse("https://Till.Example.com/a/b?c=d#e").unwrap();
        assert_eq!(target.authority(), "till.example.com");
        assert_eq!(target.shown(), "till.example.com:443");
        assert_eq!(target.path, "/a/b?c=d");
        let target = Target::parse("http://[::1]:8080").unwrap();
        assert_eq!(
            (target.authority().as_str(), target.path.as_str()),
            ("[::1]:8080", "/")
        );
    }

    #[test]
    fn what_two_readers_would_read_apart_is_refused() {
        for wrong in [
            "till.example.com/a",
            "ftp://till.example.com",
            "file:///etc/passwd",
            "HTTPS:till.example.com",
            "https:/till.example.com",
            "https://user:hush@till.example.com",
            "https://@till.example.com",
            "https://till.example.com\\@127.0.0.1",
            "https://till.example.com\n.evil.com",
            " https://till.example.com",
            "https://till.example.com:0/",
            "https://till.example.com:99999/",
            "https://",
            "https://a b/",
        ] {
            let why = Target::parse(wrong).unwrap_err();
            assert!(!why.contains("hush"), "{why}");
        }
    }
}
