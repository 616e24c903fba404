//! The outbox: what is announced is there with the commit of what it tells, once, until it is told.

use crate::support::{Bench, NOON, Town, holder, slug};
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::changes::{Changes, Lane, NewJob, NewWork, Queue, Work};
use uuid::Uuid;

fn told(number: u128) -> (Topic, Announcement) {
    let topic = match number % 2 {
        0 => Topic::ExportEvent,
        _ => Topic::ExportAttempt,
    };
    let announcement = Announcement {
        uid: Uuid::from_u128(number),
        provider: slug("bakery"),
        body: format!("{{\"number\":{number},\"why\":\"’\"}}"),
    };
    (topic, announcement)
}

fn telling(numbers: std::ops::RangeInclusive<u128>) -> Changes {
    let mut changes = Changes::none(NOON);
    changes.announcements = numbers.map(told).collect();
    changes.jobs.push(NewJob {
        queue: Queue::Export,
        lane: Some(Lane::outbox()),
        ready_at: NOON,
        work: NewWork::Announce,
    });
    changes
}

pub async fn what_is_announced_waits_in_its_order_until_it_is_told(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.commit(telling(1..=3)).await;
    town.commit(telling(4..=5)).await;
    let first = town.store.announcements(4).await.unwrap();
    let whole = first.iter().map(|(_, topic, one)| (*topic, one.clone()));
    assert_eq!(
        whole.collect::<Vec<_>>(),
        (1..=4).map(told).collect::<Vec<_>>()
    );
    let mut done = Changes::none(NOON);
    done.announced = vec![first[0].0, first[2].0];
    town.commit(done.clone()).await;
    // What is told already is no matter.
    town.commit(done).await;
    let left = town.store.announcements(10).await.unwrap();
    let left = left.into_iter().map(|(_, topic, one)| (topic, one));
    assert_eq!(left.collect::<Vec<_>>(), [2, 4, 5].map(told).to_vec());
}

pub async fn one_job_announces_all_that_waits(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.commit(telling(1..=1)).await;
    town.commit(telling(2..=2)).await;
    let one = holder("one");
    let claim = async || {
        town.store
            .claim(&[Queue::Export], &one, NOON)
            .await
            .unwrap()
    };
    let job = claim().await.unwrap();
    assert_eq!(job.work, Work::Announce);
    assert!(claim().await.is_none());
    // One that has begun may have looked already.
    town.commit(telling(3..=3)).await;
    town.store
        .commit(job.lease, Changes::done(NOON))
        .await
        .unwrap();
    assert_eq!(claim().await.map(|job| job.work), Some(Work::Announce));
}
