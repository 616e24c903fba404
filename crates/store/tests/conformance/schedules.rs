//! Schedules and their leader, and when each part worked last.

use crate::support::{Bench, NOON, Town, holder};
use harmonia_core::changes::{Changes, JobEnd, NewJob, NewWork, Queue, Tick, Work};
use harmonia_core::ids::Slug;
use harmonia_core::time::{HOUR_US, Instant, MINUTE_US};
use harmonia_journey::ports::{Clock, CommitError, Lease, SystemClock};
use std::time::Duration;

/// By the machine's clock, as a store that has one of its own judges by that.
async fn lead(town: &Town, name: &str, lasting_us: i64) -> Option<Lease> {
    let (holder, now) = (holder(name), SystemClock.now());
    let lease = town.store.lead(&holder, now, now.plus(lasting_us));
    lease.await.unwrap()
}

fn ticks(at: &[Instant]) -> Changes {
    let tick = |at: &Instant| Tick {
        schedule: "look:visa-auth".to_owned(),
        at: *at,
    };
    Changes {
        ticks: at.iter().map(tick).collect(),
        ..Changes::none(NOON)
    }
}

pub async fn one_leads_until_it_resigns_or_is_gone(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let first = lead(&town, "one", HOUR_US).await.unwrap();
    assert_eq!(lead(&town, "two", HOUR_US).await, None);
    assert_eq!(lead(&town, "one", HOUR_US).await, Some(first), "it goes on");
    let mut resigns = Changes::none(NOON);
    resigns.job = JobEnd::Done;
    town.store.commit(first, resigns).await.unwrap();
    let second = lead(&town, "two", 1_000).await.unwrap();
    assert_ne!(first, second, "each has a token of its own");
    // It is not heard of again.
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(lead(&town, "one", HOUR_US).await.is_some());
    assert_eq!(lead(&town, "two", HOUR_US).await, None);
}

pub async fn only_the_leader_ticks(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let first = lead(&town, "one", 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let second = lead(&town, "two", HOUR_US).await.unwrap();
    let refused = town.store.commit(first, ticks(&[NOON])).await;
    assert!(matches!(refused, Err(CommitError::StaleLease)));
    assert!(town.store.ticked().await.unwrap().is_empty());
    town.store.commit(second, ticks(&[NOON])).await.unwrap();
    assert_eq!(town.store.ticked().await.unwrap()["look:visa-auth"], NOON);
}

pub async fn a_schedule_ticks_each_time_once(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let lease = lead(&town, "one", HOUR_US).await.unwrap();
    let later = NOON.plus(MINUTE_US);
    town.store
        .commit(lease, ticks(&[NOON, later]))
        .await
        .unwrap();
    let mut again = ticks(&[later]);
    again.jobs.push(look("visa-auth"));
    let refused = town.store.commit(lease, again).await;
    assert!(matches!(refused, Err(CommitError::Conflict)));
    let earlier = town.store.commit(lease, ticks(&[NOON.plus(1)])).await;
    assert!(matches!(earlier, Err(CommitError::Conflict)));
    assert_eq!(town.store.ticked().await.unwrap()["look:visa-auth"], later);
    let due = town.store.next_due(&Queue::ALL).await.unwrap();
    assert_eq!(due, None, "what a tick asks for is refused with it");
}

pub async fn a_look_that_waits_is_not_asked_for_again(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    for feed in ["visa-auth", "visa-auth", "itsu"] {
        let mut changes = Changes::none(NOON);
        changes.jobs.push(look(feed));
        town.store.commit(Lease::Operator, changes).await.unwrap();
    }
    let claim = |name: &'static str| {
        let store = &town.store;
        async move {
            let holder = holder(name);
            let claimed = store.claim(&[Queue::Import], &holder, NOON);
            claimed.await.unwrap().map(|job| job.work)
        }
    };
    assert_eq!(claim("one").await, Some(looks_for("visa-auth")));
    assert_eq!(claim("two").await, Some(looks_for("itsu")));
    // While it is being looked for, what arrives needs another look, after this one.
    let mut changes = Changes::none(NOON);
    changes.jobs.push(look("visa-auth"));
    town.store.commit(Lease::Operator, changes).await.unwrap();
    assert_eq!(claim("two").await, None);
    assert_eq!(claim("one").await, Some(looks_for("visa-auth")));
}

pub async fn the_latest_check_in_counts(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let later = NOON.plus(MINUTE_US);
    for (part, at) in [("Scheduler", later), ("Scheduler", NOON), ("Worker", NOON)] {
        town.store.check_in(part, at).await.unwrap();
    }
    let check_ins = town.store.check_ins().await.unwrap();
    let expected = [("Scheduler".to_owned(), later), ("Worker".to_owned(), NOON)];
    assert_eq!(check_ins, expected.into());
}

fn look(feed: &str) -> NewJob {
    NewJob {
        queue: Queue::Import,
        lane: None,
        ready_at: NOON,
        work: NewWork::Look(Slug::new(feed).unwrap()),
    }
}

fn looks_for(feed: &str) -> Work {
    Work::Look {
        feed: Slug::new(feed).unwrap(),
    }
}
