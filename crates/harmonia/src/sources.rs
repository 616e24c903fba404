//! Where each feed arrives: from what its agent file says to a door of the gateway.

use crate::output::Failure;
use harmonia_core::feed::{Feed, Source};
use harmonia_core::settings::Settings;
use harmonia_gateway::files::FolderInbox;
use harmonia_journey::ports::{Inbox, MessageQueue};
use std::time::Duration;

/// The place where a feed's files arrive; `None` when it does not arrive as files. A file in a
/// folder counts as whole after `settle` without a change.
///
/// # Errors
/// [`Failure`] when the place cannot be reached for want of a setting, a secret, or its part in this
/// build.
pub fn inbox(
    settings: &Settings,
    feed: &Feed,
    settle: Duration,
) -> Result<Option<Box<dyn Inbox>>, Failure> {
    match &feed.source {
        Source::Files { .. } => {
            Ok(folder(settings, feed, settle).map(|inbox| Box::new(inbox) as Box<dyn Inbox>))
        }
        Source::Sftp { .. } | Source::Blob { .. } | Source::HttpPoll { .. } => {
            Err(not_in_this_build(feed))
        }
        Source::Amqp { .. } | Source::Push => Ok(None),
    }
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
    let broker = harmonia_gateway::amqp::Broker::at(address)
        .map_err(|error| Failure::usage(error.to_string()))?;
    // Twice a batch: while one is being stored, the next arrives.
    let ample = u16::try_from(settings.batch_size * 2).unwrap_or(u16::MAX);
    Ok(Box::new(broker.queue(queue, prefetch.unwrap_or(ample))))
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
