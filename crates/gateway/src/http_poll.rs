//! Feeds that are a document at a web address: fetched when it has changed.
//!
//! What was fetched lies in the spool while it is imported, and is then written to where the files of
//! a day are kept, as nobody else keeps it.

use crate::spool::{Spool, Spooled};
use async_trait::async_trait;
use harmonia_core::ids::Slug;
use harmonia_core::time::Day;
use harmonia_journey::ports::{Arrival, Inbox, InboxError, Readable};
use reqwest::header::{
    AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How long all of it may take.
const WHOLE: Duration = Duration::from_secs(900);
/// The parts of a secret, for errors.
pub const SECRET_PARTS: &str = r#""authorization", or "user" and "password""#;

/// What a feed's secret holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSecret {
    /// The whole of the header.
    authorization: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

/// The document of one feed.
pub struct HttpPollInbox {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    url: Url,
    secret: Option<HttpSecret>,
    /// The folder that has `archives` and `refused`.
    base: PathBuf,
    slug: Slug,
    spool: Spool,
    /// Of the document that was read last.
    known: Mutex<Version>,
}

/// By which a document is known again: the server's own marks, and what was in it, as some servers
/// give none.
#[derive(Clone, Debug, Default)]
struct Version {
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
    hash: Option<[u8; 32]>,
}

impl HttpPollInbox {
    /// The document at `url`, of the feeds of `slug`; it goes to `<base>/archives` when it was read.
    ///
    /// # Errors
    /// [`InboxError`] that says what is wrong with the address or the secret.
    pub fn new(
        url: &str,
        secret: Option<HttpSecret>,
        base: PathBuf,
        slug: &Slug,
        spool: Spool,
    ) -> Result<Self, InboxError> {
        let url = address(url, secret.is_some()).map_err(|why| InboxError(why.to_owned()))?;
        if let Some(secret) = &secret {
            let header = secret.authorization.as_deref();
            let whole = match header {
                Some(header) => HeaderValue::from_str(header).is_ok() && secret.user.is_none(),
                None => secret.user.is_some(),
            };
            if !whole {
                return Err(InboxError(format!(
                    "the secret of {} must have {SECRET_PARTS}",
                    shown(&url)
                )));
            }
        }
        crate::tls::provide();
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .timeout(WHOLE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("harmonia/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| InboxError(format!("no HTTP client: {error}")))?;
        Ok(Self {
            shared: Arc::new(Shared {
                client,
                url,
                secret,
                base,
                slug: slug.clone(),
                spool,
                known: Mutex::default(),
            }),
        })
    }
}

/// The address of a document that may be fetched: credentials are not in it, and do not go over an
/// open line.
fn address(url: &str, with_secret: bool) -> Result<Url, &'static str> {
    let url = Url::parse(url).map_err(|_| "the `url` of the source is no web address")?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("the `url` of the source must begin with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the `url` of the source holds a user or password: put them into its `secret`");
    }
    let here = ["localhost", "127.0.0.1", "[::1]"];
    let here = url.host_str().is_some_and(|host| here.contains(&host));
    if with_secret && url.scheme() == "http" && !here {
        return Err("the `url` of a source with a `secret` must begin with https://");
    }
    Ok(url)
}

/// The address without its query, which may hold a key.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[async_trait]
impl Inbox for HttpPollInbox {
    async fn arrivals(&self) -> Result<Vec<Box<dyn Arrival>>, InboxError> {
        let fetched = self
            .shared
            .fetch()
            .await
            .map_err(|why| InboxError(format!("{}: {why}", shown(&self.shared.url))))?;
        let arrival = |(file, version)| -> Box<dyn Arrival> {
            Box::new(Document {
                file,
                version,
                shared: Arc::clone(&self.shared),
            })
        };
        Ok(fetched.map(arrival).into_iter().collect())
    }
}

impl Shared {
    /// The document, unless it is the one that was read last.
    async fn fetch(&self) -> Result<Option<(Spooled, Version)>, String> {
        let known = self.known().clone();
        let told = |error: reqwest::Error| error_chain(&error.without_url());
        let response = self.request(&known).send().await.map_err(told)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT => return Ok(None),
            status if status.is_redirection() => {
                return Err(format!(
                    "the server answers {status} and points elsewhere, which is not followed: put \
                     the right address into the source's `url`"
                ));
            }
            status => return Err(format!("the server answers {status}")),
        }
        let header = |name| response.headers().get(name).cloned();
        let mut version = Version {
            etag: header(ETAG),
            modified: header(LAST_MODIFIED),
            hash: None,
        };
        let (file, hash) = self.spool(response).await?;
        if known.hash == Some(hash) {
            // The same bytes under another mark.
            version.hash = Some(hash);
            *self.known() = version;
            return Ok(None);
        }
        version.hash = Some(hash);
        Ok(Some((file, version)))
    }

    fn request(&self, known: &Version) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        if let Some(etag) = &known.etag {
            headers.insert(IF_NONE_MATCH, etag.clone());
        }
        if let Some(modified) = &known.modified {
            headers.insert(IF_MODIFIED_SINCE, modified.clone());
        }
        let request = self.client.get(self.url.clone()).headers(headers);
        match &self.secret {
            None => request,
            Some(secret) => match (&secret.authorization, &secret.user) {
                (Some(header), _) => request.header(AUTHORIZATION, header),
                (None, Some(user)) => request.basic_auth(user, secret.password.as_ref()),
                (None, None) => request,
            },
        }
    }

    async fn spool(&self, mut response: Response) -> Result<(Spooled, [u8; 32]), String> {
        let mut draft = self.spool.draft().map_err(|error| error.to_string())?;
        let mut hash = Sha256::new();
        let told = |error: reqwest::Error| error_chain(&error.without_url());
        while let Some(bytes) = response.chunk().await.map_err(told)? {
            hash.update(&bytes);
            draft = draft
                .append(bytes)
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok((draft.finish(shown(&self.url)), hash.finalize().into()))
    }

    fn known(&self) -> MutexGuard<'_, Version> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the document is called where it is kept.
    fn name(&self) -> String {
        let last = self
            .url
            .path_segments()
            .and_then(|mut parts| parts.next_back());
        let plain = |character: char| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => character,
            _ => '_',
        };
        let name: String = last.unwrap_or_default().chars().map(plain).collect();
        match name.trim_start_matches('.') {
            "" => "document".to_owned(),
            name => name.to_owned(),
        }
    }
}

/// An error with those that led to it: the outermost says little.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A document that has changed.
struct Document {
    file: Spooled,
    version: Version,
    shared: Arc<Shared>,
}

impl Document {
    /// Keeps the document in a folder; only then does it count as known.
    async fn keep(&self, folder: PathBuf) -> Result<(), InboxError> {
        let (file, name, to) = (self.file.clone(), self.shared.name(), folder.clone());
        let written = tokio::task::spawn_blocking(move || write(&file, &to, &name)).await;
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| {
            InboxError(format!(
                "{} was read but cannot be kept in {}: {error}. It will be read again, which adds \
                 nothing; let this user write there",
                self.source(),
                folder.display()
            ))
        })?;
        *self.shared.known() = self.version.clone();
        Ok(())
    }
}

/// Writes a file that is there whole or not at all, under a name that nothing has.
fn write(file: &Spooled, folder: &Path, name: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut draft = tempfile::Builder::new()
        .prefix(".draft")
        .tempfile_in(folder)?;
    std::io::copy(&mut file.open()?, &mut draft)?;
    draft.as_file().sync_data()?;
    let mut target = folder.join(name);
    let mut copy = 1;
    loop {
        match draft.persist_noclobber(&target) {
            Ok(_) => return Ok(()),
            Err(taken) if taken.error.kind() == std::io::ErrorKind::AlreadyExists => {
                draft = taken.file;
            }
            Err(other) => return Err(other.error),
        }
        copy += 1;
        target = folder.join(format!("{name}.{copy}"));
    }
}

#[async_trait]
impl Arrival for Document {
    fn source(&self) -> String {
        self.file.source()
    }

    /// It was fetched when it was found. That two processes do not import it at once is seen to by
    /// its lease in the store.
    async fn take(&self) -> Result<Option<Arc<dyn Readable>>, InboxError> {
        Ok(Some(Arc::new(self.file.clone())))
    }

    async fn archive(&self, day: Day) -> Result<(), InboxError> {
        let archives = self.shared.base.join("archives").join(day.to_string());
        self.keep(archives.join(self.shared.slug.as_str())).await
    }

    async fn set_aside(&self) -> Result<(), InboxError> {
        let refused = self.shared.base.join("refused");
        self.keep(refused.join(self.shared.slug.as_str())).await
    }

    async fn release(&self) -> Result<(), InboxError> {
        Ok(())
    }
}
