//! Turns: two batches of a file that are committed side by side come to the same as one after the other.

use crate::support::{BAKERY, Bench, NOON, Town, VISA_SETTLED, gbp, payment, refused, sale};
use compact_str::CompactString;
use harmonia_core::changes::{Changes, ImportedBody, JobEnd};
use harmonia_core::ids::FileId;
use harmonia_core::money::Money;
use harmonia_core::problem::RejectReason;
use harmonia_core::state::FileState;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{CommitError, Committed, Lease, Side, Turn};

/// A batch of a file that is not its last; the file is read up to a record by then.
fn batch(town: &Town, file: FileId, bodies: Vec<ImportedBody>, read: u64) -> Changes {
    let mut changes = town.whole_file(file, VISA_SETTLED, bodies);
    changes.job = JobEnd::Keep;
    if let Some(imported) = changes.imported.as_mut() {
        imported.state = FileState::Importing;
        imported.records_read = read;
    }
    changes
}

/// What two commits came to that were begun the second before the first.
async fn both(
    town: &Town,
    (lease, first): (Lease, Changes),
    (next_lease, next): (Lease, Changes),
    again: &[(&str, Instant, Money)],
) -> (
    Result<Committed, CommitError>,
    Result<Committed, CommitError>,
) {
    let turn = Turn::first();
    let mut next_turn = turn.next();
    let again = again.iter();
    next_turn.again = again
        .map(|(id, date, amount)| (CompactString::from(*id), (*date, *amount)))
        .collect();
    let next = town.store.commit_in_turn(next_lease, next, next_turn);
    let first = town.store.commit_in_turn(lease, first, turn);
    let (next, first) = tokio::join!(next, first);
    (first, next)
}

async fn number(town: &Town, id: &str) -> i64 {
    town.store.find(Side::Payment, id).await.unwrap()[0].id
}

pub async fn numbers_are_in_the_order_of_the_records(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (file, lease, _) = town
        .claim_file(&town.arrival(VISA_SETTLED), "one", NOON)
        .await;
    let bodies = |names: &[&str]| {
        let names = names.iter();
        names.map(|name| town.paid(payment(name))).collect()
    };
    let first = batch(&town, file, bodies(&["p1", "p2"]), 2);
    let next = batch(&town, file, bodies(&["p3", "p4"]), 4);
    let (first, next) = both(&town, (lease, first), (lease, next), &[]).await;
    assert_eq!(first.unwrap().imported.new, 2);
    assert_eq!(next.unwrap().imported.new, 2);
    let mut numbers = Vec::new();
    for id in ["p1", "p2", "p3", "p4"] {
        numbers.push(number(&town, id).await);
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
    let log = &town.store.files(1).await.unwrap()[0];
    assert_eq!(log.records, [4, 4, 0, 0, 0, 0]);
    town.expect_sound().await;
}

pub async fn what_comes_again_in_the_next_batch_is_a_duplicate(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (file, lease, _) = town
        .claim_file(&town.arrival(VISA_SETTLED), "one", NOON)
        .await;
    let mut other = payment("p1");
    other.amount = gbp(999);
    let first = vec![town.paid(payment("p1"))];
    let next = vec![
        town.paid(payment("p1")),
        town.paid(payment("p2")),
        town.paid(other),
    ];
    let (first, next) = (batch(&town, file, first, 1), batch(&town, file, next, 4));
    let again = [("p1", NOON, gbp(1099))];
    let (first, next) = both(&town, (lease, first), (lease, next), &again).await;
    assert_eq!(first.unwrap().imported.new, 1);
    let next = next.unwrap().imported;
    assert_eq!((next.new, next.duplicate, next.rejected), (1, 1, 1));
    let rejects = town.store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(rejects.len(), 1);
    town.expect_sound().await;
}

pub async fn what_was_known_otherwise_before_both_is_a_conflict_in_both(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut before = payment("p1");
    before.amount = gbp(500);
    town.pay(vec![before]).await;
    let (file, lease, _) = town
        .claim_file(&town.arrival(VISA_SETTLED), "one", NOON)
        .await;
    let first = vec![town.paid(payment("p1")), town.paid(payment("p2"))];
    let next = vec![town.paid(payment("p1")), town.paid(payment("p3"))];
    let (first, next) = (batch(&town, file, first, 2), batch(&town, file, next, 4));
    let again = [("p1", NOON, gbp(1099))];
    let (first, next) = both(&town, (lease, first), (lease, next), &again).await;
    let (first, next) = (first.unwrap().imported, next.unwrap().imported);
    assert_eq!((first.new, first.rejected), (1, 1));
    assert_eq!((next.new, next.duplicate), (1, 0), "{next:?}");
    assert!(number(&town, "p2").await < number(&town, "p3").await);
    town.expect_sound().await;
}

pub async fn what_both_need_is_made_once(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (file, lease, _) = town.claim_file(&town.arrival(BAKERY), "one", NOON).await;
    // A list of MIDs that is new, and the same bad record.
    let bodies = |name: &str| {
        let mut sold = sale(name);
        sold.place.mids = vec!["m-1".into(), "m-2".into()];
        vec![town.sold(sold), refused(RejectReason::BadAmount, 7)]
    };
    let batch = |name: &str, read: u64| {
        let mut changes = town.whole_file(file, BAKERY, bodies(name));
        changes.job = JobEnd::Keep;
        if let Some(imported) = changes.imported.as_mut() {
            imported.state = FileState::Importing;
            imported.records_read = read;
        }
        changes
    };
    let (first, next) = (batch("s1", 2), batch("s2", 4));
    let (first, next) = both(&town, (lease, first), (lease, next), &[]).await;
    assert_eq!(first.unwrap().imported.new, 1);
    assert_eq!(next.unwrap().imported.new, 1);
    let rejects = town.store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(rejects.len(), 1);
    town.expect_sound().await;
}

pub async fn after_one_that_is_not_made_none_is(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let arrival = town.arrival(VISA_SETTLED);
    let (file, stale, _) = town.claim_file(&arrival, "one", NOON).await;
    let (_, lease, _) = town.claim_file(&arrival, "one", NOON).await;
    let first = batch(&town, file, vec![town.paid(payment("p1"))], 1);
    let next = batch(&town, file, vec![town.paid(payment("p2"))], 2);
    let (first, next) = both(&town, (stale, first), (lease, next), &[]).await;
    assert!(matches!(first, Err(CommitError::StaleLease)), "{first:?}");
    assert!(matches!(next, Err(CommitError::Store(_))), "{next:?}");
    for id in ["p1", "p2"] {
        assert!(town.store.find(Side::Payment, id).await.unwrap().is_empty());
    }
    // Whoever has the file goes on from its beginning.
    let whole = town.whole_file(file, VISA_SETTLED, vec![town.paid(payment("p1"))]);
    assert_eq!(
        town.store.commit(lease, whole).await.unwrap().imported.new,
        1
    );
    town.expect_sound().await;
}
