//! A store of blobs, as a DSN names it: a folder, Azure, S3 or GCS.

use harmonia_journey::ports::InboxError;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The folder of a container that holds the leases. Nothing in it is a feed's file.
pub const LEASES: &str = ".harmonia-leases";
/// For how long a request that the other side could not serve is tried again.
const RETRY: Duration = Duration::from_secs(30);
/// Options whose values may be shown.
const PUBLIC: [&str; 6] = [
    "endpoint",
    "region",
    "allow_http",
    "use_emulator",
    "timeout",
    "virtual_hosted_style_request",
];

/// Where the stores are and how to log in.
#[derive(Clone)]
pub struct Dsn {
    url: Url,
    /// What the query and the secret say, by the names that the storage's own tools use.
    options: BTreeMap<String, String>,
}

/// A store of one container.
pub type Container = Arc<dyn ObjectStore>;

impl Dsn {
    /// Reads a DSN, whose option `secret` names a secret with further options.
    ///
    /// # Errors
    /// [`InboxError`] that says what a DSN looks like, and shows nothing of this one.
    pub fn read(
        dsn: &str,
        secret: impl FnOnce(&str) -> Result<BTreeMap<String, String>, InboxError>,
    ) -> Result<Self, InboxError> {
        let url = Url::parse(dsn).ok().filter(|url| {
            let known = ["file", "azure", "s3", "gs"].contains(&url.scheme());
            // A password in the address would be shown with it.
            known && url.password().is_none() && url.username().is_empty()
        });
        let url = url.ok_or_else(|| {
            InboxError(
                "TXM_BLOB_STORAGE_DSN is none of file:///folder, azure://account?…, s3://region?… \
                 and gs://?…"
                    .to_owned(),
            )
        })?;
        let mut options: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        if let Some(name) = options.remove("secret") {
            options.extend(secret(&name)?);
        }
        Ok(Self { url, options })
    }

    /// The store of a container.
    ///
    /// # Errors
    /// [`InboxError`] that says which option is wrong.
    pub fn container(&self, name: &str) -> Result<Container, InboxError> {
        crate::tls::provide();
        let opened = match self.url.scheme() {
            "file" => Ok(Arc::new(local(self.folder(name)?, false)?) as Container),
            "azure" => self.azure(name),
            "s3" => self.s3(name),
            _ => self.gcs(name),
        };
        opened.map_err(|error| self.failed(name, &error))
    }

    /// The store of a container's leases.
    ///
    /// # Errors
    /// As [`Self::container`].
    pub fn leases(&self, name: &str) -> Result<Container, InboxError> {
        if self.url.scheme() == "file" {
            // Only here may folders that have become empty go: nobody else puts anything into them.
            return Ok(Arc::new(local(self.folder(name)?.join(LEASES), true)?));
        }
        Ok(Arc::new(PrefixStore::new(self.container(name)?, LEASES)))
    }

    /// What a container is called, without anything that opens it.
    pub fn shown(&self, container: &str) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let folder = match self.url.scheme() {
            "file" => self.url.path().trim_end_matches('/'),
            _ => "",
        };
        match host {
            "" => format!("{}://{folder}/{container}", self.url.scheme()),
            host => format!("{}://{host}{folder}/{container}", self.url.scheme()),
        }
    }

    /// An error about a container, without anything that opens it.
    pub fn failed(&self, container: &str, error: &object_store::Error) -> InboxError {
        InboxError(format!(
            "{}: {}",
            self.shown(container),
            self.masked(&error.to_string())
        ))
    }

    /// A text of the library without the secrets it may quote: every option that is none of those
    /// known to be harmless, and the query of every address, where signatures stand.
    pub fn masked(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(query) = rest.find('?') {
            let (before, after) = rest.split_at(query);
            let end = after.find([' ', '"', ')', '\n']).unwrap_or(after.len());
            masked.push_str(before);
            masked.push_str(if end > 1 { "?…" } else { "?" });
            rest = after.get(end..).unwrap_or_default();
        }
        masked.push_str(rest);
        for (key, value) in &self.options {
            if !PUBLIC.contains(&key.as_str()) && value.len() > 3 {
                masked = masked.replace(value, "…");
            }
        }
        masked
    }

    fn folder(&self, container: &str) -> Result<PathBuf, InboxError> {
        let base = self.url.to_file_path().map_err(|()| {
            InboxError(
                "TXM_BLOB_STORAGE_DSN: a folder is named in full, as in file:///srv/blobs"
                    .to_owned(),
            )
        })?;
        if container.is_empty() || container.contains(['/', '\\']) || container.starts_with('.') {
            return Err(InboxError(format!(
                "{container:?} is no name of a container"
            )));
        }
        Ok(base.join(container))
    }

    /// Gives each option to a builder under its key.
    fn configured<B, K: std::str::FromStr<Err = object_store::Error>>(
        &self,
        builder: B,
        set: fn(B, K, String) -> B,
    ) -> object_store::Result<B> {
        self.options
            .iter()
            .try_fold(builder, |builder, (key, value)| {
                Ok(set(builder, key.parse()?, value.clone()))
            })
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn azure(&self, container: &str) -> object_store::Result<Container> {
        let builder = MicrosoftAzureBuilder::new()
            .with_account(self.host())
            .with_container_name(container)
            .with_retry(retry());
        let builder = self.configured::<_, AzureConfigKey>(builder, |builder, key, value| {
            builder.with_config(key, value)
        })?;
        Ok(Arc::new(builder.build()?))
    }

    fn s3(&self, container: &str) -> object_store::Result<Container> {
        let builder = AmazonS3Builder::new()
            .with_region(self.host())
            .with_bucket_name(container)
            .with_retry(retry());
        let builder = self.configured::<_, AmazonS3ConfigKey>(builder, |builder, key, value| {
            builder.with_config(key, value)
        })?;
        Ok(Arc::new(builder.build()?))
    }

    fn gcs(&self, container: &str) -> object_store::Result<Container> {
        let builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(container)
            .with_retry(retry());
        let mut named = self.clone();
        // What the others call an endpoint.
        if let Some(endpoint) = named.options.remove("endpoint") {
            named.options.insert("base_url".to_owned(), endpoint);
        }
        let builder = named.configured::<_, GoogleConfigKey>(builder, |builder, key, value| {
            builder.with_config(key, value)
        })?;
        Ok(Arc::new(builder.build()?))
    }
}

fn retry() -> RetryConfig {
    RetryConfig {
        max_retries: 3,
        retry_timeout: RETRY,
        ..RetryConfig::default()
    }
}

fn local(folder: PathBuf, cleanup: bool) -> Result<LocalFileSystem, InboxError> {
    let failed = |error: &dyn std::fmt::Display| {
        InboxError(format!(
            "cannot use the folder {}: {error}",
            folder.display()
        ))
    };
    std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| failed(&error))?;
    Ok(store.with_automatic_cleanup(cleanup))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dsn: &str) -> Result<Dsn, InboxError> {
        Dsn::read(dsn, |name| {
            Ok([("secret_access_key".to_owned(), format!("key of {name}"))].into())
        })
    }

    #[test]
    fn no_error_shows_what_opens_the_storage() {
        let dsn = read("s3://eu-west-1?access_key_id=AKIA0&secret=shop&endpoint=http://x").unwrap();
        let text = "GET http://x/b?sig=topsecret failed (key of shop, AKIA0): why? http://x";
        let masked = dsn.masked(text);
        assert_eq!(masked, "GET http://x/b?… failed (…, …): why? http://x");
        assert_eq!(dsn.shown("in"), "s3://eu-west-1/in");
        assert_eq!(
            read("file:///srv/x/").unwrap().shown("in"),
            "file:///srv/x/in"
        );
        for wrong in [
            "ftp://x?password=hunter2",
            "azure://me:hunter2@x",
            "hunter2",
        ] {
            let error = read(wrong).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let google = "gs://?endpoint=http://127.0.0.1:1&allow_http=true&skip_signature=true";
        assert!(read(google).unwrap().container("in").is_ok());
        let error = read("azure://account?acces_key=hunter2").unwrap();
        let error = error.container("in").err().unwrap().to_string();
        assert!(
            error.contains("acces_key") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
