//! Where each feed arrives: from what its agent file says to a door of the gateway.

use crate::output::Failure;
use crate::wiring::Wiring;
use harmonia_core::feed::{Feed, Source};
use harmonia_core::settings::Settings;
use harmonia_gateway::files::FolderInbox;
#[cfg(any(feature = "blob", feature = "http-poll", feature = "sftp"))]
use harmonia_journey::ports::InboxError;
use harmonia_journey::ports::{Inbox, MessageQueue};
use std::time::Duration;

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
    match &feed.source {
        Source::Files { .. } => {
            let folder = folder(&wiring.settings, feed, settle);
            Ok(folder.map(|inbox| Box::new(inbox) as Box<dyn Inbox>))
        }
        Source::Sftp { .. } => sftp(wiring, feed, settle).map(Some),
        Source::Blob { .. } => blob(wiring, feed, settle).map(Some),
        Source::HttpPoll { .. } => Err(not_in_this_build(feed)),
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
pub fn queue(_settings: &Settings, feed: &Feed) -> Result<Option<Box<dyn MessageQueue>>, Failure> {
    match &feed.source {
        Source::Amqp { .. } => Err(not_in_this_build(feed)),
        _ => Ok(None),
    }
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
