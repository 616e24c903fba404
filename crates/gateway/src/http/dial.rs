//! Connecting: to an address that the guard cleared, through the proxy where there is one, over TLS
//! where that is asked for.

use super::guard::{Barred, Cleared, Resolver, clear};
use super::line::{Line, Wrote};
use super::target::{Target, TargetHost};
use super::{Failed, Limits};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use harmonia_core::outbound::Allowed;
use harmonia_core::secret::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// What bytes go over, whatever is beneath.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The most that is read of what a proxy answers before it lets bytes through.
const PROXY_ANSWER_BYTES: usize = 8 * 1024;
/// To no more addresses of one name than this is gone.
const MOST_ADDRESSES: usize = 4;

/// A proxy, and what it lets us through by.
#[derive(Clone)]
pub struct Proxy {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<Secret>,
}

impl Proxy {
    /// Reads `http://user:password@host:port`.
    ///
    /// # Errors
    /// Says what is wrong, and nothing of what it holds.
    pub fn parse(text: &Secret) -> Result<Self, String> {
        let wrong = || "TXM_HTTP_PROXY is not http://, a host and a port".to_owned();
        let url = Url::parse(text.reveal()).map_err(|_| wrong())?;
        let host = url.host_str().ok_or_else(wrong)?;
        if url.scheme() != "http" || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(wrong());
        }
        let plain = |text: &str| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8();
            text.map(std::borrow::Cow::into_owned).map_err(|_| wrong())
        };
        let authorization = match url.username() {
            "" => None,
            user => {
                let password = plain(url.password().unwrap_or_default())?;
                let both = BASE64_STANDARD.encode(format!("{}:{password}", plain(user)?));
                Some(Secret::new(format!("Basic {both}")))
            }
        };
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(80),
            authorization,
        })
    }
}

/// Connects to where the guard lets it.
pub struct Dialer {
    /// What may be reached beside the internet.
    pub allowed: Allowed,
    /// Where names are looked up.
    pub resolver: Arc<dyn Resolver>,
    /// What the internet is reached through.
    pub proxy: Option<Proxy>,
    /// Who vouches for peers.
    pub tls: Arc<ClientConfig>,
    /// How long things may take.
    pub limits: Limits,
}

impl Dialer {
    /// A new connection to a target.
    ///
    /// # Errors
    /// [`Failed`]; nothing of any request was written.
    pub async fn connect(&self, target: &Target) -> Result<(Box<dyn Stream>, Wrote), Failed> {
        let connecting = self.connect_whenever(target);
        match tokio::time::timeout(self.limits.connect, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(Failed::NeverLeft(format!(
                "{}: no connection within {:?}",
                target.shown(),
                self.limits.connect
            ))),
        }
    }

    async fn connect_whenever(&self, target: &Target) -> Result<(Box<dyn Stream>, Wrote), Failed> {
        let cleared = clear(target, &self.allowed, self.resolver.as_ref()).await;
        let cleared = cleared.map_err(|barred| match barred {
            Barred::Refused(why) => Failed::Refused(why),
            Barred::Unknown(why) => Failed::NeverLeft(why),
        })?;
        let failed = |why: String| Failed::NeverLeft(format!("{}: {why}", target.shown()));
        let stream = self.reach(&cleared).await.map_err(failed)?;
        let _ = stream.set_nodelay(true);
        let wrote = Wrote::default();
        let line = Line::new(stream, wrote.clone());
        if !target.tls {
            return Ok((Box::new(line), wrote));
        }
        let name = match &target.host {
            TargetHost::Name(name) => ServerName::try_from(name.clone())
                .map_err(|_| failed("its name cannot stand in a certificate".to_owned()))?,
            TargetHost::Address(address) => ServerName::from(*address),
        };
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, line).await;
        let stream = stream.map_err(|error| failed(format!("no TLS with it: {error}")))?;
        Ok((Box::new(stream), wrote))
    }

    /// A TCP connection to the first of the addresses that takes one.
    async fn reach(&self, cleared: &Cleared) -> Result<TcpStream, String> {
        let mut failure = "it has no address".to_owned();
        for address in cleared.addresses.iter().take(MOST_ADDRESSES) {
            let reached = match &self.proxy {
                // What is within the house is not behind the proxy.
                Some(proxy) if !cleared.allowed => through(proxy, *address).await,
                _ => TcpStream::connect(address)
                    .await
                    .map_err(|error| format!("no connection to {address}: {error}")),
            };
            match reached {
                Ok(stream) => return Ok(stream),
                Err(why) => failure = why,
            }
        }
        Err(failure)
    }
}

/// A connection to an address through a proxy, which is told nothing else.
async fn through(proxy: &Proxy, address: SocketAddr) -> Result<TcpStream, String> {
    let failed = |error: std::io::Error| format!("no way through the proxy: {error}");
    let connected = TcpStream::connect((proxy.host.as_str(), proxy.port)).await;
    let mut stream = connected.map_err(failed)?;
    let authorization = match &proxy.authorization {
        Some(value) => format!("Proxy-Authorization: {}\r\n", value.reveal()),
        None => String::new(),
    };
    let asked = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{authorization}\r\n");
    stream.write_all(asked.as_bytes()).await.map_err(failed)?;
    // Byte by byte, so that nothing of what follows the answer is taken.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= PROXY_ANSWER_BYTES {
            return Err("the proxy's answer does not end".to_owned());
        }
        answer.push(stream.read_u8().await.map_err(failed)?);
    }
    let line = answer.split(|byte| *byte == b'\r').next();
    let status = line.and_then(|line| line.split(|byte| *byte == b' ').nth(1));
    match status {
        Some(status) if status.len() == 3 && status.starts_with(b"2") => Ok(stream),
        Some(status) => Err(format!(
            "the proxy does not connect to {address}: it answers {}",
            String::from_utf8_lossy(status).escape_default()
        )),
        None => Err("the proxy does not speak HTTP".to_owned()),
    }
}

/// TLS by rustls with ring, trusting what this machine trusts and the authorities of a file.
///
/// # Errors
/// Says what is wrong with the file.
pub fn tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read vouches for nobody, and keeps no other from vouching.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let wrong =
            |error: &dyn std::fmt::Display| format!("TXM_HTTP_CA_FILE={}: {error}", path.display());
        let mut found = 0;
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
            found += 1;
        }
        if found == 0 {
            return Err(wrong(&"there is no certificate (PEM) in it"));
        }
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no TLS: {error}"))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
