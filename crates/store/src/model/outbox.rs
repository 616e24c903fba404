//! What waits to be announced.

use super::world::World;
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::ids::OutboxId;

impl World {
    /// Adds what is to be announced, and takes out what was.
    pub fn announce(&mut self, more: Vec<(Topic, Announcement)>, done: &[OutboxId]) {
        for announcement in more {
            self.last_outbox += 1;
            self.outbox.insert(OutboxId(self.last_outbox), announcement);
        }
        for id in done {
            self.outbox.remove(id);
        }
    }

    /// The first of what waits.
    pub fn waiting_announcements(&self, most: usize) -> Vec<(OutboxId, Topic, Announcement)> {
        let waiting = self.outbox.iter().take(most);
        let whole =
            |(id, (topic, told)): (&OutboxId, &(Topic, Announcement))| (*id, *topic, told.clone());
        waiting.map(whole).collect()
    }
}
