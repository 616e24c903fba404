//! Where the database is, and by what its server is known: the words of PostgreSQL's own addresses.
//!
//! `sslmode` and `sslrootcert` are read as its other programs read them, but for one thing: a certificate
//! that nobody vouches for is never taken. `disable` speaks in the clear, `require`, `verify-ca` and
//! `verify-full` by TLS alone; `prefer`, which is meant where nothing is said, by TLS where the server
//! offers it. <https://www.postgresql.org/docs/current/libpq-connect.html>

use super::connection::PATIENCE;
use super::failure::chain;
use crate::OpenError;
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// How long a silent server is believed to be there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A database on a server.
pub struct Server {
    config: Config,
    /// The certificates of the authority that signed the server's, beside those this machine trusts.
    authority: Option<PathBuf>,
}

impl Server {
    /// Reads the address of a database.
    ///
    /// # Errors
    /// What is wrong with it, without the address itself: it holds a password.
    pub fn at(uri: &str) -> Result<Self, OpenError> {
        let wrong = |why: &str| {
            OpenError(format!(
                "the address of the PostgreSQL database cannot be read: {why}. Set TXM_POSTGRES_URI to \
                 postgres://user:password@host:port/database"
            ))
        };
        let (uri, authority) = known_to_driver(uri);
        let mut config: Config = uri.parse().map_err(|error| wrong(&chain(&error)))?;
        if config.get_application_name().is_none() {
            config.application_name("harmonia");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        config.keepalives_idle(KEEPALIVE);
        Ok(Self { config, authority })
    }

    /// As the driver has it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where it is, without what opens it.
    pub fn place(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let name = self.config.get_dbname().or(self.config.get_user());
        format!(
            "database {} at {}",
            name.unwrap_or("?"),
            hosts.collect::<Vec<_>>().join(", ")
        )
    }

    /// TLS by rustls: the server is known by an authority of the system, or by the one that is named.
    ///
    /// # Errors
    /// Says what is wrong with the file of certificates.
    pub fn tls(&self) -> Result<rustls::ClientConfig, OpenError> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One that cannot be read vouches for nobody.
            let _ = roots.add(certificate);
        }
        if let Some(authority) = &self.authority {
            for certificate in certificates(authority)? {
                let _ = roots.add(certificate);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OpenError(format!("TLS cannot be set up: {error}")))?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let failed = |why: &str| {
        OpenError(format!(
            "sslrootcert of TXM_POSTGRES_URI, {}: {why}. It must be a file of certificates (PEM) of the \
             authority that signed the server's",
            file.display()
        ))
    };
    let read = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error.to_string()))?;
    let read: Result<Vec<_>, _> = read.collect();
    match read {
        Ok(none) if none.is_empty() => Err(failed("there is no certificate in it")),
        Ok(some) => Ok(some),
        Err(error) => Err(failed(&error.to_string())),
    }
}

/// The address as the driver can read it, which knows no file of certificates and takes every way to ask
/// for TLS as the strictest; and that file.
fn known_to_driver(uri: &str) -> (String, Option<PathBuf>) {
    let Some((place, query)) = uri.split_once('?') else {
        return (uri.to_owned(), None);
    };
    let mut authority = None;
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslrootcert", "system")) => {}
            Some(("sslrootcert", file)) => {
                let file = percent_decode_str(file).decode_utf8_lossy().into_owned();
                authority = Some(file.into());
            }
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
            Some(("sslmode", "allow")) => kept.push("sslmode=prefer"),
            _ => kept.push(pair),
        }
    }
    let query = kept.join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    (format!("{place}{mark}{query}"), authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::SslMode;

    fn server(query: &str) -> Server {
        let server = Server::at(&format!("postgres://u:p%3F@h:1/d{query}"));
        server.map_err(|error| error.0).unwrap()
    }

    #[test]
    fn the_words_of_other_programs_are_read() {
        for (query, mode, file) in [
            ("", SslMode::Prefer, None),
            ("?sslmode=disable", SslMode::Disable, None),
            ("?sslmode=allow", SslMode::Prefer, None),
            (
                "?sslmode=verify-full&connect_timeout=3",
                SslMode::Require,
                None,
            ),
            (
                "?sslrootcert=system&sslmode=require",
                SslMode::Require,
                None,
            ),
            (
                "?sslmode=verify-ca&sslrootcert=%2Fetc%2Fmy%20ca.pem",
                SslMode::Require,
                Some("/etc/my ca.pem"),
            ),
        ] {
            let server = server(query);
            assert_eq!(server.config().get_ssl_mode(), mode, "{query}");
            assert_eq!(server.authority.as_deref(), file.map(Path::new), "{query}");
        }
        assert_eq!(server("").place(), "database d at h");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let wrong = Server::at("postgres://u:hunter2@h:x/d?sslmode=always");
        let wrong = wrong.err().map(|error| error.0).unwrap_or_default();
        assert!(wrong.contains("TXM_POSTGRES_URI"), "{wrong}");
        assert!(!wrong.contains("hunter2"), "{wrong}");
        let nowhere = server("?sslrootcert=/no/such/file").tls();
        let nowhere = nowhere.err().map(|error| error.0).unwrap_or_default();
        assert!(nowhere.contains("/no/such/file"), "{nowhere}");
    }
}
