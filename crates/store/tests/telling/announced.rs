//! What others are told of what a merchant is told.

use super::merchant::Act;
use super::{HISTORY, MINUTE_US, NOON, Told, on_each, state};
use async_trait::async_trait;
use harmonia_core::announce::{Announcement, Topic};
use harmonia_journey::ports::{AnnounceError, Announcer};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Keeps what it is to tell; or is away.
#[derive(Default)]
struct Herald {
    heard: Mutex<Vec<(Topic, Announcement)>>,
    is_away: AtomicBool,
}

impl Herald {
    fn for_town(told: &mut Told) -> Arc<Self> {
        let herald = Arc::new(Self::default());
        told.journey.announcer = Some(Arc::clone(&herald) as _);
        herald
    }

    fn heard(&self, topic: Topic) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        let of_topic = heard.iter().filter(|(of, _)| *of == topic);
        of_topic
            .map(|(_, told)| serde_json::from_str(&told.body).unwrap())
            .collect()
    }
}

#[async_trait]
impl Announcer for Herald {
    async fn announce(&self, all: &[(Topic, Announcement)]) -> Result<(), AnnounceError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(AnnounceError("away".to_owned()));
        }
        self.heard.lock().unwrap().extend_from_slice(all);
        Ok(())
    }
}

#[tokio::test]
async fn every_try_is_announced_with_what_came_of_it_and_without_credentials() {
    on_each(async |bench| {
        let script = [Act::Answer(429, "later", None)];
        let mut told = Told::new(bench, "retry = [\"20m\"]", script, || Act::Take).await;
        let herald = Herald::for_town(&mut told);
        told.town.matched(&["a"]).await;
        told.deliver_all().await;
        let tries = herald.heard(Topic::ExportAttempt);
        assert_eq!(tries.len(), 2, "{tries:?}");
        let (first, second) = (&tries[0], &tries[1]);
        assert_eq!(first["provider_slug"], "bakery");
        assert_eq!(first["request"]["url"], "https://bakery.example/told");
        assert_eq!(first["response"], Value::Null);
        assert!(first["error"].is_string(), "{first}");
        assert_eq!(first["retry_count"], 0);
        assert_eq!(second["response"], "200 {\"ok\":true}");
        assert_eq!(second["error"], Value::Null);
        assert_eq!(second["retry_count"], 1);
        assert_eq!(second["transactions"].as_array().unwrap().len(), 1);
        for (_, announcement) in &*herald.heard.lock().unwrap() {
            assert_eq!(announcement.provider.as_str(), "bakery");
            assert!(!announcement.body.contains("a@example.com"));
        }
        assert_eq!(herald.heard(Topic::ExportEvent), Vec::<Value>::new());
    })
    .await;
}

#[tokio::test]
async fn what_the_merchant_has_already_is_announced_as_a_duplicate() {
    on_each(async |bench| {
        let mut told = Told::new(bench, HISTORY, [Act::TakeAndHang], || Act::Take).await;
        let herald = Herald::for_town(&mut told);
        let export = told.town.matched(&["a"]).await[0];
        told.deliver_all().await;
        assert_eq!(told.stands(export).await, state("SKIPPED", 2));
        assert_eq!(herald.heard(Topic::ExportAttempt).len(), 2);
        let events = herald.heard(Topic::ExportEvent);
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["event_type"], "transaction.duplicate");
        assert_eq!(events[0]["provider_slug"], "bakery");
        assert_eq!(events[0]["reason"], "duplicate");
    })
    .await;
}

#[tokio::test]
async fn no_export_waits_for_an_announcer_that_is_away() {
    on_each(async |bench| {
        let mut told = Told::new(bench, "", [], || Act::Take).await;
        let herald = Herald::for_town(&mut told);
        herald.is_away.store(true, Ordering::Relaxed);
        let exports = told.town.matched(&["a", "b"]).await;
        told.drain().await;
        for export in &exports {
            assert_eq!(told.stands(*export).await, state("DELIVERED", 1));
        }
        assert_eq!(herald.heard(Topic::ExportAttempt), Vec::<Value>::new());
        herald.is_away.store(false, Ordering::Relaxed);
        told.clock.move_to(NOON.plus(60 * MINUTE_US));
        told.drain().await;
        assert_eq!(herald.heard(Topic::ExportAttempt).len(), 2);
    })
    .await;
}
