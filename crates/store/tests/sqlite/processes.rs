//! Several processes on one file: what a dead one held is free, what a live one holds is not.

use super::Folder;
use crate::support::{LEASE_US, NOON, Town, VISA_SETTLED, holder, payment};
use harmonia_core::changes::{Changes, Queue};
use harmonia_journey::ports::{CommitError, FileClaim, Inquiry, Store};

const MATCHING: [Queue; 1] = [Queue::Matching];

#[tokio::test]
async fn what_a_dead_process_held_is_free_at_once() {
    let folder = Folder::new();
    let (arrival, stale) = {
        let town = Town::in_store(folder.open("dead")).await;
        town.pay(vec![payment("p1")]).await;
        let arrival = town.arrival(VISA_SETTLED);
        town.claim_file(&arrival, "dead", NOON).await;
        let job = town.store.claim(&MATCHING, &holder("dead"), NOON).await;
        (arrival, job.unwrap().unwrap().lease)
    };
    let heir = folder.open("heir");
    let job = heir.claim(&MATCHING, &holder("heir"), NOON).await.unwrap();
    assert!(
        job.is_some(),
        "nobody waits for a lease of the dead to run out"
    );
    let claim = heir.claim_file(&arrival, &holder("heir"), NOON).await;
    assert!(matches!(claim, Ok(FileClaim::Yours { .. })));
    let answer = heir.commit(stale, Changes::done(NOON)).await;
    assert!(matches!(answer, Err(CommitError::StaleLease)));
}

#[tokio::test]
async fn a_ghost_cannot_finish_what_was_freed() {
    let folder = Folder::new();
    let stale = {
        let town = Town::in_store(folder.open("dead")).await;
        town.pay(vec![payment("p1")]).await;
        let job = town.store.claim(&MATCHING, &holder("dead"), NOON).await;
        job.unwrap().unwrap().lease
    };
    let heir = folder.open("heir");
    let answer = heir.commit(stale, Changes::done(NOON)).await;
    assert!(
        matches!(answer, Err(CommitError::StaleLease)),
        "freed, though not claimed yet"
    );
}

#[tokio::test]
async fn what_a_live_process_holds_stays_its_own() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("alive")).await;
    town.pay(vec![payment("p1")]).await;
    let job = town.store.claim(&MATCHING, &holder("alive"), NOON).await;
    let lease = job.unwrap().unwrap().lease;
    let newcomer = folder.open("newcomer");
    let claim = newcomer.claim(&MATCHING, &holder("newcomer"), NOON).await;
    assert_eq!(claim.unwrap(), None);
    town.store.commit(lease, Changes::none(NOON)).await.unwrap();
    // Being alive does not prolong a lease, though.
    let late = NOON.plus(LEASE_US);
    let claim = newcomer.claim(&MATCHING, &holder("newcomer"), late).await;
    assert!(claim.unwrap().is_some());
}

#[tokio::test]
async fn a_process_sees_what_another_onboarded() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("one")).await;
    let other = folder.open("two");
    assert_eq!(other.mids().await.unwrap().len(), 3);
    other.mid_directory().await.unwrap();
    let mut changes = Changes::none(NOON);
    changes
        .mids
        .push(crate::support::mid_change("m-9", "books"));
    town.commit(changes).await;
    let carried = harmonia_core::transaction::Identifiers {
        primary: Some("m-9".into()),
        ..Default::default()
    };
    let directory = other.mid_directory().await.unwrap();
    let found = directory.scheme_of(
        &crate::support::slug("visa"),
        &carried,
        crate::support::NOON,
    );
    assert_eq!(found.unwrap().scheme, town.books);
}
