//! Records that were kept, taken up again: each once, and counted where they came from.

use crate::support::{
    BAKERY, Bench, NOON, Town, VISA_SETTLED, gbp, holder, payment, refused, sale, waiting,
};
use harmonia_core::changes::{
    Changes, ImportedBody, Lanes, NewJob, NewWork, Queue, Replayed, Span, Work,
};
use harmonia_core::ids::RejectId;
use harmonia_core::problem::RejectReason;
use harmonia_core::state::RejectState;
use harmonia_core::time::MINUTE_US;
use harmonia_core::transaction::PaymentRecord;
use harmonia_journey::ports::{Committed, Side};

/// Takes up one kept record as what it is now.
async fn replay(town: &Town, reject: i64, body: ImportedBody) -> Committed {
    let mut changes = Changes::none(NOON.plus(MINUTE_US));
    changes.replayed.push(Replayed {
        reject: RejectId(reject),
        raw: r#"{"mended":true}"#.into(),
        body,
    });
    changes.jobs.push(NewJob {
        queue: Queue::Matching,
        lane: None,
        ready_at: NOON,
        work: NewWork::Imported(Lanes::ONE.into()),
    });
    town.commit(changes).await
}

/// New, duplicate, rejected, quarantined, as the newest file counts them.
async fn counts(town: &Town) -> [i64; 4] {
    let [_, new, duplicate, _, rejected, quarantined] =
        town.store.files(1).await.unwrap()[0].records;
    [new, duplicate, rejected, quarantined]
}

pub async fn a_quarantined_record_goes_on_under_its_own_number(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let records = vec![
        town.paid(payment("p1")),
        refused(RejectReason::UnknownMid, 1),
        town.paid(payment("p2")),
    ];
    town.import(VISA_SETTLED, records).await;
    let waiting = town.store.quarantined(RejectId(0), 10).await.unwrap();
    assert_eq!((waiting.len(), &*waiting[0].data), (1, r#"{"bad":1}"#));
    assert_eq!(waiting[0].feed_name.as_str(), "visa-settled");

    let committed = replay(&town, 1, town.paid(payment("p9"))).await;
    assert_eq!(committed.imported.new, 1);
    assert_eq!(counts(&town).await, [3, 0, 0, 0]);
    let story = town.store.story(Side::Payment, 2).await.unwrap().unwrap();
    assert_eq!(story.transaction.transaction_id, "p9");
    assert_eq!(story.transaction.created_at, NOON.plus(MINUTE_US));
    assert_eq!(story.raw.unwrap().0, r#"{"mended":true}"#);
    assert_eq!(town.store.quarantined(RejectId(0), 10).await.unwrap(), []);
    assert_eq!(town.store.rejects(None, 0, 10).await.unwrap(), []);
    let done = town.store.rejects(Some(RejectState::Replayed), 0, 10).await;
    assert_eq!(done.unwrap()[0].data, r#"{"bad":1}"#);
    assert!(town.store.status(NOON).await.unwrap().rejects.is_empty());
    town.expect_sound().await;

    // It is decided in a job of its own.
    let mut works = Vec::new();
    while let Some(job) = town
        .store
        .claim(&[Queue::Matching], &holder("one"), NOON)
        .await
        .unwrap()
    {
        works.push(job.work.clone());
        let done = Changes::done(NOON);
        town.store.commit(job.lease, done).await.unwrap();
    }
    assert!(
        works.contains(&Work::Payments(Span::Range(2, 2))),
        "{works:?}"
    );
}

pub async fn a_mended_record_gets_a_raw_record(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let records = vec![refused(RejectReason::BadAmount, 1), town.sold(sale("s1"))];
    town.import(BAKERY, records).await;
    let committed = replay(&town, 1, town.sold(sale("s2"))).await;
    assert_eq!(committed.imported.new, 1);
    assert_eq!(counts(&town).await, [2, 0, 0, 0]);
    let found = town.store.find(Side::Sale, "s2").await.unwrap();
    let story = town.store.story(Side::Sale, found[0].id).await.unwrap();
    let (raw, number, _) = story.unwrap().raw.unwrap();
    assert_eq!((raw.as_str(), number), (r#"{"mended":true}"#, 1));
    town.expect_sound().await;
}

pub async fn what_was_taken_up_is_not_taken_up_again(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let records = vec![refused(RejectReason::UnknownMid, 1)];
    town.import(VISA_SETTLED, records).await;
    replay(&town, 1, town.paid(payment("p1"))).await;
    let again = replay(&town, 1, town.paid(payment("p2"))).await;
    assert_eq!(again.imported.read, 0);
    let of_nobody = replay(&town, 99, town.paid(payment("p3"))).await;
    assert_eq!(of_nobody.imported.read, 0);
    assert_eq!(town.store.status(NOON).await.unwrap().payments.count, 1);
    town.expect_sound().await;
}

pub async fn a_kept_record_that_is_in_already_is_a_duplicate(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let records = vec![
        town.paid(payment("p1")),
        refused(RejectReason::UnknownMid, 1),
    ];
    town.import(VISA_SETTLED, records).await;
    let committed = replay(&town, 1, town.paid(payment("p1"))).await;
    assert_eq!(committed.imported.duplicate, 1);
    assert_eq!(counts(&town).await, [1, 1, 0, 0]);
    assert_eq!(town.store.rejects(None, 0, 10).await.unwrap(), []);
    town.expect_sound().await;
}

pub async fn a_kept_record_that_cannot_be_taken_now_says_why_now(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let records = vec![
        town.paid(payment("p1")),
        refused(RejectReason::UnknownMid, 1),
        refused(RejectReason::BadDate, 2),
    ];
    town.import(VISA_SETTLED, records).await;
    let dearer = PaymentRecord {
        amount: gbp(1100),
        ..payment("p1")
    };
    let committed = replay(&town, 1, town.paid(dearer)).await;
    assert_eq!(committed.imported.rejected, 1);
    let waits = replay(&town, 2, refused(RejectReason::UnknownMid, 2)).await;
    assert_eq!(waits.imported.quarantined, 1);
    assert_eq!(counts(&town).await, [1, 0, 1, 1]);
    let rejects = town.store.rejects(None, 0, 10).await.unwrap();
    let shown = |row: &harmonia_journey::ports::RejectRow| (row.state.clone(), row.reason.clone());
    assert_eq!(
        rejects.iter().map(shown).collect::<Vec<_>>(),
        [
            ("REJECTED".to_owned(), "CONFLICT".to_owned()),
            ("QUARANTINED".to_owned(), "UNKNOWN_MID".to_owned())
        ]
    );
    // What was mended is what is read next.
    let waiting = town.store.quarantined(RejectId(0), 10).await.unwrap();
    assert_eq!(&*waiting[0].data, r#"{"mended":true}"#);
    town.expect_sound().await;
}

pub async fn a_conflict_that_waited_first_is_listed_once(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.pay(vec![payment("p1")]).await;
    let mut other = payment("p1");
    other.amount = gbp(1);
    // Its day was not known as a sale's or payment's of that key when it was kept.
    town.import(VISA_SETTLED, vec![refused(RejectReason::UnknownMid, 1)])
        .await;
    let committed = replay(&town, 1, town.paid(other.clone())).await;
    assert_eq!(committed.imported.rejected, 1);
    for _ in 0..2 {
        let outcome = town
            .import(VISA_SETTLED, vec![town.paid(other.clone())])
            .await;
        assert_eq!((outcome.rejected, outcome.duplicate), (1, 0));
        let listed = town.store.rejects(None, 0, 10).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|row| (row.id, &*row.reason)).collect();
        assert_eq!(listed, [(1, "CONFLICT")]);
    }
    // The other way round: one is listed already when another turns out to be the same.
    town.import(VISA_SETTLED, vec![refused(RejectReason::UnknownMid, 2)])
        .await;
    let waits = town.store.quarantined(RejectId(0), 10).await.unwrap()[0].id;
    let committed = replay(&town, waits.0, town.paid(other)).await;
    assert_eq!(committed.imported.rejected, 1);
    let listed = town.store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(counts(&town).await, [0, 0, 1, 0]);
    town.expect_sound().await;
}

pub async fn what_is_in_already_does_not_wait_again(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    town.pay(vec![payment("p1")]).await;
    town.sell(vec![sale("s1")]).await;
    let mut other = payment("p1");
    other.amount = gbp(1);
    let records = vec![
        waiting(payment("p1").told(), 1),
        waiting(other.told(), 2),
        waiting(payment("p2").told(), 3),
    ];
    let outcome = town.import(VISA_SETTLED, records).await;
    assert_eq!(
        (outcome.duplicate, outcome.rejected, outcome.quarantined),
        (1, 1, 1)
    );
    let outcome = town
        .import(BAKERY, vec![waiting(sale("s1").told(), 1)])
        .await;
    assert_eq!((outcome.duplicate, outcome.quarantined), (1, 0));
    town.expect_sound().await;
}
