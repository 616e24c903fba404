//! What is pushed: several requests in one commit, each with its own answer, which is kept.

use crate::support::{Bench, NOON, Town, VISA_SETTLED, gbp, payment, refused};
use harmonia_core::changes::{
    Changes, ImportedBody, ImportedRecord, Lanes, NewJob, NewWork, Queue,
};
use harmonia_core::problem::RejectReason;
use harmonia_core::push::{KEPT_US, Pushed, Receipt, Request, RequestKey};
use harmonia_core::time::Instant;
use harmonia_journey::ports::{AnsweredBefore, CommitError, Lease, Side};

pub async fn requests_of_one_commit_are_answered_apart(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut dearer = payment("p1");
    dearer.amount = gbp(1100);
    let requests = vec![
        request(
            None,
            vec![town.paid(payment("p1")), town.paid(payment("p2"))],
            1,
        ),
        request(
            None,
            vec![
                town.paid(payment("p2")),
                refused(RejectReason::UnknownMid, 1),
                town.paid(dearer),
                town.paid(payment("p3")),
            ],
            0,
        ),
    ];
    let receipts = push(&town, requests, NOON).await.unwrap();
    assert_eq!(counts(&receipts[0]), [3, 2, 0, 1, 0, 0]);
    assert_eq!(counts(&receipts[1]), [4, 1, 1, 0, 1, 1]);
    assert!(receipts[0].refused.is_empty());
    let told: Vec<_> = receipts[1]
        .refused
        .iter()
        .map(|refusal| (refusal.number, refusal.reason, refusal.state.as_str()))
        .collect();
    let expected = [
        (2, RejectReason::UnknownMid, "QUARANTINED"),
        (3, RejectReason::Conflict, "REJECTED"),
    ];
    assert_eq!(told, expected);
    let log = &town.store.files(10).await.unwrap();
    assert_eq!((log.len(), log[0].records), (1, [7, 3, 1, 1, 1, 1]));
    assert_eq!(receipts[1].import, log[0].id);
    // One match group, one job for all that was added.
    let groups = ["p1", "p2", "p3"].map(|name| town.store.find(Side::Payment, name));
    let mut seen = Vec::new();
    for group in groups {
        seen.push(group.await.unwrap()[0].match_group);
    }
    assert!(seen.iter().all(|group| *group == seen[0]), "{seen:?}");
    let jobs = town.store.status(NOON).await.unwrap().jobs;
    assert_eq!(jobs, [("matching".to_owned(), 1, 0, 0)]);
    town.expect_sound().await;
}

pub async fn an_answer_is_kept_with_its_key(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let key = RequestKey {
        key: [1; 32],
        body: [2; 32],
    };
    let feed = crate::support::slug(VISA_SETTLED.2);
    let before = town.store.answered_before(&feed, &[key]).await.unwrap();
    assert_eq!(before, [None]);
    let requests = vec![request(Some(key), vec![town.paid(payment("p1"))], 0)];
    let receipts = push(&town, requests, NOON).await.unwrap();
    let answered = AnsweredBefore {
        body: [2; 32],
        receipt: receipts[0].clone(),
    };
    let other = RequestKey {
        key: [9; 32],
        ..key
    };
    let known = town.store.answered_before(&feed, &[other, key]).await;
    assert_eq!(known.unwrap(), [None, Some(answered)]);
    let other_feed = crate::support::slug("visa-auth");
    let known = town.store.answered_before(&other_feed, &[key]).await;
    assert_eq!(known.unwrap(), [None]);
}

pub async fn a_key_that_was_used_is_a_conflict_and_leaves_nothing(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let key = RequestKey {
        key: [1; 32],
        body: [2; 32],
    };
    let one = |name: &str| vec![request(Some(key), vec![town.paid(payment(name))], 0)];
    push(&town, one("p1"), NOON).await.unwrap();
    let before = town.picture().await;
    let again = push(&town, one("p2"), NOON).await;
    assert!(matches!(again, Err(CommitError::Conflict)), "{again:?}");
    assert_eq!(town.picture().await, before);
}

pub async fn an_answer_is_forgotten_in_the_end(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let feed = crate::support::slug(VISA_SETTLED.2);
    let keyed = |mark: u8| RequestKey {
        key: [mark; 32],
        body: [0; 32],
    };
    let one = |mark: u8, name: &str| {
        vec![request(
            Some(keyed(mark)),
            vec![town.paid(payment(name))],
            0,
        )]
    };
    push(&town, one(1, "p1"), NOON).await.unwrap();
    for (mark, later, kept) in [(2, KEPT_US, true), (3, KEPT_US + 1, false)] {
        let name = format!("p{mark}");
        push(&town, one(mark, &name), NOON.plus(later))
            .await
            .unwrap();
        let known = town
            .store
            .answered_before(&feed, &[keyed(1)])
            .await
            .unwrap();
        assert_eq!(known[0].is_some(), kept, "{later}");
    }
}

async fn push(
    town: &Town,
    requests: Vec<Request>,
    at: Instant,
) -> Result<Vec<Receipt>, CommitError> {
    let mut arrival = town.arrival(VISA_SETTLED);
    arrival.source = "push".to_owned();
    let mut changes = Changes::none(at);
    changes.pushed = Some(Pushed { arrival, requests });
    changes.jobs.push(NewJob {
        queue: Queue::Matching,
        lane: None,
        ready_at: at,
        work: NewWork::Imported(Lanes::ONE.into()),
    });
    let committed = town.store.commit(Lease::Operator, changes).await?;
    Ok(committed.receipts)
}

fn request(key: Option<RequestKey>, bodies: Vec<ImportedBody>, skipped: u64) -> Request {
    let records = (1..).zip(bodies).map(|(number, body)| ImportedRecord {
        number,
        occurrence: 0,
        raw: "{}".into(),
        body,
    });
    Request {
        key,
        records: records.collect(),
        skipped,
    }
}

fn counts(receipt: &Receipt) -> [u64; 6] {
    [
        receipt.read,
        receipt.new,
        receipt.duplicate,
        receipt.skipped,
        receipt.rejected,
        receipt.quarantined,
    ]
}
