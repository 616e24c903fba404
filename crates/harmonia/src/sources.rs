//! Where each feed arrives: from what its agent file says to a door of the gateway.

use crate::output::Failure;
use crate::wiring::Wiring;
use harmonia_core::feed::{Decrypt, Feed, Source};
use harmonia_core::ids::Slug;
use harmonia_core::settings::Settings;
use harmonia_gateway::files::FolderInbox;
#[cfg(any(feature = "blob", feature = "http-poll", feature = "sftp"))]
use harmonia_journey::ports::InboxError;
use harmonia_journey::ports::{Inbox, Inboxes, MessageQueue, Readable};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Every place where feeds arrive as files.
#[derive(Default)]
pub struct Places(HashMap<Slug, Box<dyn Inbox>>);

impl Places {
    /// Those of feeds; one that cannot be reached is told about, and keeps no other waiting.
    pub fn of<'a>(wiring: &Wiring, feeds: impl Iterator<Item = &'a Feed>) -> Self {
        let mut places = HashMap::new();
        for feed in feeds {
            match inbox(wiring, feed, wiring.settings.settle) {
                Ok(None) => {}
                Ok(Some(inbox)) => {
                    places.insert(feed.name.clone(), inbox);
                }
                Err(failure) => tracing::warn!(feed = %feed.name, "not looked for: {failure}"),
            }
        }
        Self(places)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Inboxes for Places {
    fn of(&self, feed: &Slug) -> Option<&dyn Inbox> {
        self.0.get(feed).map(AsRef::as_ref)
    }
}

/// The place where a feed's files arrive; `None` when it does not arrive as files. A file that still
/// may be written counts as whole after `settle` without a change.
///
/// # Errors
/// [`Failure`] when the place cannot be reached for want of a setting, a secret, or its part in this
/// build.
pub fn inbox(
    wiring: &Wiring,
    feed: &Feed,
    settle: Duration,
) -> Result<Option<Box<dyn Inbox>>, Failure> {
    match (place(wiring, feed, settle)?, feed.source.decrypt()) {
        (Some(inbox), Some(decrypt)) => opening(wiring, feed, decrypt, inbox).map(Some),
        (inbox, _) => Ok(inbox),
    }
}

#[cfg(feature = "pgp")]
fn opening(
    wiring: &Wiring,
    feed: &Feed,
    decrypt: &Decrypt,
    inbox: Box<dyn Inbox>,
) -> Result<Box<dyn Inbox>, Failure> {
    use harmonia_gateway::pgp::Opening;
    let keys = keys(wiring, feed, decrypt)?;
    Ok(Box::new(Opening::new(inbox, keys, spool(wiring))))
}

#[cfg(feature = "pgp")]
fn keys(
    wiring: &Wiring,
    feed: &Feed,
    decrypt: &Decrypt,
) -> Result<harmonia_gateway::pgp::Keys, Failure> {
    use harmonia_gateway::pgp::{Keys, Signers};
    let text = |secret: &str| {
        let text = wiring.secrets.text(secret);
        text.map_err(|error| Failure::usage(error.to_string()))
    };
    let wrong = |secret: &str, what: &str, error: String| {
        Failure::usage(format!(
            "the secret {secret} with which the files of {} are {what} cannot be used: {error}",
            feed.name
        ))
    };
    let key = &decrypt.key;
    let keys = Keys::read(&text(key)?).map_err(|error| wrong(key, "decrypted", error))?;
    let Some(name) = &decrypt.signed_by else {
        return Ok(keys);
    };
    let signers = Signers::read(name, &text(name)?);
    let signers = signers.map_err(|error| wrong(name, "verified", error))?;
    Ok(keys.signed_by(signers))
}

#[cfg(not(feature = "pgp"))]
fn opening(
    _: &Wiring,
    feed: &Feed,
    _: &Decrypt,
    _: Box<dyn Inbox>,
) -> Result<Box<dyn Inbox>, Failure> {
    Err(cannot_decrypt(feed))
}

/// A file that a person names, decrypted if the feed's files are.
///
/// # Errors
/// [`Failure`] when it cannot be decrypted for want of a secret or its part in this build.
#[cfg(feature = "pgp")]
pub fn opened(
    wiring: &Wiring,
    feed: &Feed,
    file: Arc<dyn Readable>,
) -> Result<Arc<dyn Readable>, Failure> {
    let Some(decrypt) = feed.source.decrypt() else {
        return Ok(file);
    };
    let source = file.source();
    keys(wiring, feed, decrypt)?
        .open(file, &spool(wiring))
        .map_err(|error| Failure::new(format!("cannot read {source}: {error}")))
}

/// A file that a person names, as it is.
///
/// # Errors
/// [`Failure`] when the feed's files are to be decrypted.
#[cfg(not(feature = "pgp"))]
pub fn opened(
    _: &Wiring,
    feed: &Feed,
    file: Arc<dyn Readable>,
) -> Result<Arc<dyn Readable>, Failure> {
    match feed.source.decrypt() {
        None => Ok(file),
        Some(_) => Err(cannot_decrypt(feed)),
    }
}

#[cfg(not(feature = "pgp"))]
fn cannot_decrypt(feed: &Feed) -> Failure {
    Failure::usage(format!(
        "this build of Harmonia has no part that decrypts the files of {}",
        feed.name
    ))
}

fn place(
    wiring: &Wiring,
    feed: &Feed,
    settle: Duration,
) -> Result<Option<Box<dyn Inbox>>, Failure> {
    match &feed.source {
        Source::Files { .. } => {
            let folder = folder(&wiring.settings, feed, settle);
            Ok(folder.map(|inbox| Box::new(inbox) as Box<dyn Inbox>))
        }
        Source::Sftp { .. } => sftp(wiring, feed, settle).map(Some),
        Source::Blob { .. } => blob(wiring, feed, settle).map(Some),
        Source::HttpPoll { .. } => http_poll(wiring, feed).map(Some),
        Source::Amqp { .. } | Source::Push => Ok(None),
    }
}

#[cfg(feature = "sftp")]
fn sftp(wiring: &Wiring, feed: &Feed, settle: Duration) -> Result<Box<dyn Inbox>, Failure> {
    use harmonia_gateway::sftp::{Folders, SECRET_PARTS, SftpInbox};
    let Source::Sftp {
        host,
        port,
        path,
        archive,
        secret,
        ..
    } = &feed.source
    else {
        return Err(not_in_this_build(feed));
    };
    let Some(secret) = secret else {
        return Err(Failure::usage(format!(
            "{} arrives by SFTP and its source names no `secret`: it must be one with {SECRET_PARTS}",
            feed.name
        )));
    };
    let folders = Folders {
        path: path.clone(),
        archive: archive.clone(),
    };
    let secret = wiring.secrets.parts(secret, SECRET_PARTS);
    let secret = secret.map_err(|error| Failure::usage(error.to_string()))?;
    let inbox = SftpInbox::new((host, *port), folders, secret, spool(wiring), settle);
    Ok(Box::new(inbox.map_err(unreachable)?))
}

#[cfg(not(feature = "sftp"))]
fn sftp(_: &Wiring, feed: &Feed, _: Duration) -> Result<Box<dyn Inbox>, Failure> {
    Err(not_in_this_build(feed))
}

#[cfg(feature = "blob")]
fn blob(wiring: &Wiring, feed: &Feed, settle: Duration) -> Result<Box<dyn Inbox>, Failure> {
    use harmonia_gateway::blob::{BlobInbox, Places};
    let Source::Blob {
        container,
        path,
        archive,
        ..
    } = &feed.source
    else {
        return Err(not_in_this_build(feed));
    };
    let settings = &wiring.settings;
    let Some(dsn) = &settings.blob_storage_dsn else {
        return Err(Failure::usage(format!(
            "{} arrives as blobs: set TXM_BLOB_STORAGE_DSN to where they are",
            feed.name
        )));
    };
    let or = |named: &Option<String>, default: &String| named.as_ref().unwrap_or(default).clone();
    let places = Places {
        container: or(container, &settings.blob_import_container),
        path: path.clone(),
        archive: or(archive, &settings.blob_archive_container),
    };
    let secret = |name: &str| {
        let options = wiring.secrets.parts(name, "options as texts");
        options.map_err(|error| InboxError(error.to_string()))
    };
    let (slug, spool) = (&feed.provider_slug, spool(wiring));
    let inbox = BlobInbox::new(dsn, secret, places, slug, spool, (settle, settings.lease));
    Ok(Box::new(inbox.map_err(unreachable)?))
}

#[cfg(not(feature = "blob"))]
fn blob(_: &Wiring, feed: &Feed, _: Duration) -> Result<Box<dyn Inbox>, Failure> {
    Err(not_in_this_build(feed))
}

#[cfg(feature = "http-poll")]
fn http_poll(wiring: &Wiring, feed: &Feed) -> Result<Box<dyn Inbox>, Failure> {
    use harmonia_gateway::http_poll::{HttpPollInbox, SECRET_PARTS};
    let Source::HttpPoll { url, secret, .. } = &feed.source else {
        return Err(not_in_this_build(feed));
    };
    let secret = secret.as_ref();
    let secret = secret.map(|name| wiring.secrets.parts(name, SECRET_PARTS));
    let secret = secret.transpose();
    let secret = secret.map_err(|error| Failure::usage(error.to_string()))?;
    let base = wiring.settings.import_base.clone();
    let inbox = HttpPollInbox::new(url, secret, base, &feed.provider_slug, spool(wiring));
    Ok(Box::new(inbox.map_err(unreachable)?))
}

#[cfg(not(feature = "http-poll"))]
fn http_poll(_: &Wiring, feed: &Feed) -> Result<Box<dyn Inbox>, Failure> {
    Err(not_in_this_build(feed))
}

#[cfg(any(
    feature = "blob",
    feature = "http-poll",
    feature = "pgp",
    feature = "sftp"
))]
fn spool(wiring: &Wiring) -> harmonia_gateway::spool::Spool {
    let settings = &wiring.settings;
    harmonia_gateway::spool::Spool::new(&settings.data_dir, settings.fetch_limit_bytes)
}

/// A place that cannot be reached as it is described.
#[cfg(any(feature = "blob", feature = "http-poll", feature = "sftp"))]
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn unreachable(error: InboxError) -> Failure {
    Failure::usage(error.to_string())
}

/// The queue of a feed that comes as messages; `None` for others.
///
/// # Errors
/// [`Failure`] when the broker cannot be reached for want of a setting or its part in this build.
pub fn queue(settings: &Settings, feed: &Feed) -> Result<Option<Box<dyn MessageQueue>>, Failure> {
    match &feed.source {
        Source::Amqp { queue, prefetch } => amqp_queue(settings, feed, queue, *prefetch).map(Some),
        _ => Ok(None),
    }
}

/// Whether a feed comes from the message broker, and no setting says where that is.
pub fn lacks_broker(settings: &Settings, feed: &Feed) -> bool {
    matches!(feed.source, Source::Amqp { .. }) && settings.amqp_dsn.is_none()
}

#[cfg(feature = "amqp")]
fn amqp_queue(
    settings: &Settings,
    feed: &Feed,
    queue: &str,
    prefetch: Option<u16>,
) -> Result<Box<dyn MessageQueue>, Failure> {
    let Some(address) = &settings.amqp_dsn else {
        return Err(Failure::usage(format!(
            "{} comes from the message broker: set TXM_AMQP_DSN to its address, or name the files \
             to import",
            feed.name
        )));
    };
    let broker = broker(settings, address)?;
    // Twice a batch: while one is being stored, the next arrives.
    let ample = u16::try_from(settings.batch_size * 2).unwrap_or(u16::MAX);
    Ok(Box::new(broker.queue(queue, prefetch.unwrap_or(ample))))
}

/// The message broker of an address.
///
/// # Errors
/// [`Failure`] when it is no such address, or its certificates cannot be read.
#[cfg(feature = "amqp")]
pub fn broker(
    settings: &Settings,
    address: &str,
) -> Result<harmonia_gateway::amqp::Broker, Failure> {
    let wrong = |error: harmonia_journey::ports::QueueError| Failure::usage(error.to_string());
    let broker = harmonia_gateway::amqp::Broker::at(address).map_err(wrong)?;
    match &settings.amqp_ca_file {
        None => Ok(broker),
        Some(authority) => broker.trusting(authority).map_err(wrong),
    }
}

#[cfg(not(feature = "amqp"))]
fn amqp_queue(
    _settings: &Settings,
    feed: &Feed,
    _queue: &str,
    _prefetch: Option<u16>,
) -> Result<Box<dyn MessageQueue>, Failure> {
    Err(not_in_this_build(feed))
}

fn not_in_this_build(feed: &Feed) -> Failure {
    Failure::usage(format!(
        "this build of Harmonia has no part that reaches where {} arrives: name the files to import",
        feed.name
    ))
}

/// The folder of a feed that arrives in one.
pub fn folder(settings: &Settings, feed: &Feed, settle: Duration) -> Option<FolderInbox> {
    let Source::Files { path, .. } = &feed.source else {
        return None;
    };
    let base = settings.import_base.clone();
    Some(FolderInbox::new(base, path, &feed.provider_slug, settle))
}
