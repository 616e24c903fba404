//! Which address a host is connected at, if any: names are looked up once, all that they lead to is
//! judged, and what was judged is what is connected to. So a name that leads elsewhere a moment later
//! gains nothing.

use super::target::{Target, TargetHost};
use async_trait::async_trait;
use harmonia_core::outbound::{Allowed, inward};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Where addresses of names come from.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Every address of a name.
    ///
    /// # Errors
    /// When it has none, or nobody could say.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// As this machine looks up names.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why a target is not connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barred {
    /// It must not be: until a setting or its address is mended.
    Refused(String),
    /// Nobody could say where it is.
    Unknown(String),
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// Its addresses, each of which may be connected to.
    pub addresses: Vec<SocketAddr>,
    /// Whether it is one of those that a setting allows.
    pub allowed: bool,
}

/// Finds out where a target is, and whether it may be gone to.
///
/// # Errors
/// [`Barred`] that says why not, and which setting would change it.
pub async fn clear(
    target: &Target,
    allowed: &Allowed,
    resolver: &dyn Resolver,
) -> Result<Cleared, Barred> {
    let (found, by_name) = match &target.host {
        TargetHost::Address(address) => (vec![*address], false),
        TargetHost::Name(name) => {
            let unknown = |why: String| Barred::Unknown(format!("{}: {why}", target.shown()));
            let found = resolver.addresses(name).await;
            let found =
                found.map_err(|error| unknown(format!("its name cannot be looked up: {error}")))?;
            if found.is_empty() {
                return Err(unknown("its name has no address".to_owned()));
            }
            (found, allowed.has_name(name))
        }
    };
    let is_allowed = by_name || found.iter().all(|address| allowed.has_address(*address));
    for address in &found {
        let Some(why) = inward(*address) else {
            continue;
        };
        // One that leads inward is enough: nobody's public host is here and there.
        if !by_name && !allowed.has_address(*address) {
            return Err(Barred::Refused(format!(
                "{} leads to {address}, which is {why}: name it in TXM_HTTP_ALLOW if that is meant",
                target.shown()
            )));
        }
    }
    if !target.tls && !is_allowed {
        return Err(Barred::Refused(format!(
            "{} would be told over an open line: write https://, or name it in TXM_HTTP_ALLOW",
            target.shown()
        )));
    }
    let addresses = found.into_iter().map(|ip| (ip, target.port).into());
    Ok(Cleared {
        addresses: addresses.collect(),
        allowed: is_allowed,
    })
}
