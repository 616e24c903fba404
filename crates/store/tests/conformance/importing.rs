//! Records: each taken once for ever, or kept with the reason why not.

use crate::support::{
    BAKERY, Bench, NOON, Town, VISA_AUTH, VISA_SETTLED, gbp, payment, refused, sale,
};
use harmonia_core::problem::RejectReason;
use harmonia_core::time::{DAY_US, SECOND_US};
use harmonia_core::transaction::PaymentRecord;
use harmonia_journey::ports::{ImportOutcome, Side};

pub async fn new_records_are_taken_and_counted(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let sales = vec![town.sold(sale("s1")), town.sold(sale("s2"))];
    let payments = vec![town.paid(payment("p1"))];
    assert_eq!(town.import(BAKERY, sales).await, outcome(2, 0, 0, 0));
    assert_eq!(
        town.import(VISA_SETTLED, payments).await,
        outcome(1, 0, 0, 0)
    );
    let status = town.store.status(NOON).await.unwrap();
    assert_eq!((status.payments.count, status.sales.count), (1, 2));
    assert_eq!(status.sales.amount_minor, [("GBP".to_owned(), 2198)]);
    let story = town.store.story(Side::Payment, 3).await.unwrap().unwrap();
    let (raw, number, file) = story.raw.unwrap();
    assert_eq!(raw, r#"{"id":"p1","paid":"GBP 10.99"}"#);
    assert_eq!((number, file.id, file.records), (1, 2, [1, 1, 0, 0, 0, 0]));
    town.expect_sound().await;
}

pub async fn the_same_records_again_are_duplicates(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let records = || vec![town.paid(payment("p1")), town.paid(payment("p2"))];
    town.import(VISA_SETTLED, records()).await;
    assert_eq!(
        town.import(VISA_SETTLED, records()).await,
        outcome(0, 2, 0, 0)
    );
    let within_one_file = vec![town.sold(sale("s1")), town.sold(sale("s1"))];
    assert_eq!(
        town.import(BAKERY, within_one_file).await,
        outcome(1, 1, 0, 0)
    );
    let status = town.store.status(NOON).await.unwrap();
    assert_eq!((status.payments.count, status.sales.count), (2, 1));
    assert!(status.rejects.is_empty());
    town.expect_sound().await;
}

/// Whether what is new lies beyond what is known, or between.
pub async fn what_is_known_is_found_among_much_that_is_new(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let paid = |ids: std::ops::Range<u32>, step: u32| {
        let ids = ids.map(move |id| format!("p{:05}", id * step));
        let records = ids.map(|id| town.paid(payment(&id)));
        records.collect::<Vec<_>>()
    };
    let of = |records| town.import(VISA_SETTLED, records);
    assert_eq!(of(paid(0..200, 10)).await, outcome(200, 0, 0, 0));
    // The last two again, and what follows them.
    assert_eq!(of(paid(198..400, 10)).await, outcome(200, 2, 0, 0));
    assert_eq!(of(paid(399..600, 10)).await, outcome(200, 1, 0, 0));
    // Of the even ones between, each fifth is known.
    assert_eq!(of(paid(0..1_000, 2)).await, outcome(800, 200, 0, 0));
    let dearer = PaymentRecord {
        amount: gbp(1100),
        ..payment("p05990")
    };
    let mut records = paid(600..800, 10);
    records.push(town.paid(dearer));
    assert_eq!(of(records).await, outcome(200, 0, 1, 0));
    assert_eq!(town.store.status(NOON).await.unwrap().payments.count, 1_600);
    town.expect_sound().await;
}

pub async fn the_same_key_with_another_amount_is_a_conflict(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let taken = vec![town.paid(payment("p1"))];
    town.import(VISA_SETTLED, taken).await;
    let dearer = PaymentRecord {
        amount: gbp(1100),
        ..payment("p1")
    };
    let mut later = payment("p1");
    later.when.start = NOON.plus(SECOND_US);
    let records = vec![town.paid(dearer.clone())];
    assert_eq!(
        town.import(VISA_SETTLED, records).await,
        outcome(0, 0, 1, 0)
    );
    let rejects = town.store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(rejects.len(), 1);
    assert_eq!(
        (rejects[0].reason.as_str(), rejects[0].state.as_str()),
        ("CONFLICT", "REJECTED")
    );
    assert!(rejects[0].detail.contains("GBP 10.99") && rejects[0].detail.contains("GBP 11.00"));
    assert_eq!(rejects[0].data, r#"{"id":"p1","paid":"GBP 11.00"}"#);
    // The same record again is counted again and kept once; another time is a conflict too.
    let records = vec![town.paid(dearer), town.paid(later)];
    assert_eq!(
        town.import(VISA_SETTLED, records).await,
        outcome(0, 0, 2, 0)
    );
    assert_eq!(town.store.rejects(None, 0, 10).await.unwrap().len(), 2);
    assert_eq!(town.store.status(NOON).await.unwrap().payments.count, 1);
    town.expect_sound().await;
}

pub async fn a_key_is_of_one_feed_type_and_day(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut next_day = payment("p1");
    next_day.when.start = NOON.plus(DAY_US);
    let records = vec![town.paid(payment("p1")), town.paid(next_day)];
    assert_eq!(
        town.import(VISA_SETTLED, records).await,
        outcome(2, 0, 0, 0)
    );
    let records = vec![town.paid(payment("p1"))];
    assert_eq!(town.import(VISA_AUTH, records).await, outcome(1, 0, 0, 0));
    // The same feed type by another feed is the same key.
    let other_name = (VISA_AUTH.0, VISA_AUTH.1, "visa-auth-late");
    let records = vec![town.paid(payment("p1"))];
    assert_eq!(town.import(other_name, records).await, outcome(0, 1, 0, 0));
    let found = town.store.find(Side::Payment, "p1").await.unwrap();
    let mut types: Vec<&str> = found.iter().map(|row| row.feed_type.as_str()).collect();
    types.sort_unstable();
    assert_eq!(types, ["AUTH", "SETTLED", "SETTLED"]);
}

pub async fn a_refused_record_is_kept_once_for_each_occurrence(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    // The importer marks a record by its text and by how many times it came in its file.
    let twice_the_same = || {
        vec![
            refused(RejectReason::BadAmount, 1),
            refused(RejectReason::BadAmount, 2),
        ]
    };
    for kept in [2, 2] {
        assert_eq!(
            town.import(VISA_SETTLED, twice_the_same()).await,
            outcome(0, 0, 2, 0)
        );
        assert_eq!(town.store.rejects(None, 0, 10).await.unwrap().len(), kept);
    }
    let other_feed = vec![refused(RejectReason::BadAmount, 1)];
    assert_eq!(town.import(BAKERY, other_feed).await, outcome(0, 0, 1, 0));
    let rejects = town.store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(rejects.len(), 3);
    let last = &rejects[2];
    assert_eq!((last.feed.as_str(), last.number), ("bakery-sales", 1));
    assert_eq!(
        (last.reason.as_str(), last.field.as_deref()),
        ("BAD_AMOUNT", Some("amount"))
    );
    assert_eq!(
        (last.detail.as_str(), last.data.as_str()),
        ("not what it should be", r#"{"bad":1}"#)
    );
    let status = town.store.status(NOON).await.unwrap();
    assert_eq!(status.rejects, [("BAD_AMOUNT".to_owned(), 3)]);
    town.expect_sound().await;
}

pub async fn a_quarantined_record_keeps_its_raw_record(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let records = || {
        vec![
            town.paid(payment("p1")),
            refused(RejectReason::UnknownMid, 1),
            town.paid(payment("p2")),
        ]
    };
    assert_eq!(
        town.import(VISA_SETTLED, records()).await,
        outcome(2, 0, 0, 1)
    );
    let rejects = town.store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(
        (rejects.len(), rejects[0].state.as_str()),
        (1, "QUARANTINED")
    );
    // Its raw record has a number of its own, between those of its neighbours.
    let second = town.store.find(Side::Payment, "p2").await.unwrap();
    assert_eq!(second[0].id, 3);
    assert_eq!(town.store.story(Side::Payment, 2).await.unwrap(), None);
    assert_eq!(
        town.import(VISA_SETTLED, records()).await,
        outcome(0, 2, 0, 1)
    );
    assert_eq!(town.store.rejects(None, 0, 10).await.unwrap().len(), 1);
    town.expect_sound().await;
}

pub async fn skipped_records_are_counted(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (file, lease, _) = town.claim_file(&town.arrival(BAKERY), "one", NOON).await;
    let mut changes = town.whole_file(file, BAKERY, vec![town.sold(sale("s1"))]);
    if let Some(imported) = changes.imported.as_mut() {
        imported.skipped = 4;
        imported.records_read = 5;
    }
    let committed = town.store.commit(lease, changes).await.unwrap();
    let expected = ImportOutcome {
        read: 5,
        skipped: 4,
        ..outcome(1, 0, 0, 0)
    };
    assert_eq!(committed.imported, expected);
    let log = &town.store.files(1).await.unwrap()[0];
    assert_eq!(log.records, [5, 1, 0, 4, 0, 0]);
}

pub async fn what_one_commit_adds_is_one_match_group(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut groups = Vec::new();
    for names in [["p1", "p2"], ["p3", "p4"], ["p3", "p4"]] {
        let (file, lease, _) = town
            .claim_file(&town.arrival(VISA_SETTLED), "one", NOON)
            .await;
        let bodies = names.map(|name| town.paid(payment(name))).to_vec();
        let changes = town.whole_file(file, VISA_SETTLED, bodies);
        groups.push(town.store.commit(lease, changes).await.unwrap().match_group);
    }
    assert!(groups[0].is_some() && groups[1].is_some() && groups[0] != groups[1]);
    assert_eq!(groups[2], None, "nothing was added");
    for (name, group) in [("p1", 0), ("p2", 0), ("p3", 1), ("p4", 1)] {
        let found = town.store.find(Side::Payment, name).await.unwrap();
        assert_eq!(
            Some(found[0].match_group),
            groups[group].map(|group| group.0),
            "{name}"
        );
    }
}

/// What became of records that were all told of.
fn outcome(new: u64, duplicate: u64, rejected: u64, quarantined: u64) -> ImportOutcome {
    ImportOutcome {
        read: new + duplicate + rejected + quarantined,
        new,
        duplicate,
        skipped: 0,
        rejected,
        quarantined,
    }
}
