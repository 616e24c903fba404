//! Where each feed arrives: from what its agent file says to a door of the gateway.

use harmonia_core::feed::{Feed, Source};
use harmonia_core::settings::Settings;
use harmonia_gateway::files::FolderInbox;
use harmonia_journey::ports::Inbox;
use std::time::Duration;

/// The place where a feed's files arrive; `None` when it does not arrive as files that this build
/// can look for. A file in a folder counts as whole after `settle` without a change.
pub fn inbox(settings: &Settings, feed: &Feed, settle: Duration) -> Option<Box<dyn Inbox>> {
    match &feed.source {
        Source::Files { .. } => Some(Box::new(folder(settings, feed, settle)?)),
        _ => None,
    }
}

/// The folder of a feed that arrives in one.
pub fn folder(settings: &Settings, feed: &Feed, settle: Duration) -> Option<FolderInbox> {
    let Source::Files { path, .. } = &feed.source else {
        return None;
    };
    let base = settings.import_base.clone();
    Some(FolderInbox::new(base, path, &feed.provider_slug, settle))
}
