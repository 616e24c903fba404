//! The sweep: which payments are given up, who tells of them, and what the merchant answers.

use crate::support::{
    Bench, FeedName, NOON, Town, VISA_AUTH, VISA_SETTLED, card_link, payment, sale, slug,
};
use harmonia_core::changes::{
    Attempt, Changes, Delivery, FileEnd, ImportedBody, Lane, NewEnd, NewIdentity, NewJob, NewWork,
    Queue, Replayed, Span, StillOpen, Work,
};
use harmonia_core::ids::{ExportId, PaymentId, RejectId, SaleId, SchemeId};
use harmonia_core::matching::OpenReason;
use harmonia_core::problem::RejectReason;
use harmonia_core::purchase::EndKind;
use harmonia_core::state::ExportState;
use harmonia_core::sweep::SweepScope;
use harmonia_core::time::{DAY_US, Instant, MINUTE_US};
use harmonia_core::transaction::{AnswerRecord, FeedType};
use harmonia_journey::ports::{Answered, CommitError, ExportRow, ImportOutcome};
use uuid::Uuid;

const ANSWERS: FeedName = ("bakery-unmatched", FeedType::Answer, "bakery-unmatched");

/// The agent whose export tells of what the bakery gave up.
async fn unmatched(town: &Town) -> SchemeId {
    let named = [(slug("bakery-unmatched"), "The bakery, unmatched".to_owned())];
    town.store.register(&named, &[]).await.unwrap()[0]
}

/// Payments that had their turn and are open, identified unless a reason says otherwise.
async fn open(town: &Town, payments: &[PaymentId], reason: OpenReason) {
    let mut changes = Changes::none(NOON);
    for payment in payments {
        if !reason.waits_for_identity() {
            changes
                .identities
                .push(identity(*payment, Some("member-1")));
        }
        changes.open.push(StillOpen {
            payment: *payment,
            reason,
            sale: None,
            seen: 0,
        });
    }
    town.commit(changes).await;
}

fn identity(payment: PaymentId, loyalty_id: Option<&str>) -> NewIdentity {
    let mut link = card_link("");
    link.loyalty_id = loyalty_id.map(Into::into);
    NewIdentity { payment, link }
}

fn scope(town: &Town, until: Instant) -> SweepScope {
    SweepScope {
        scheme: town.bakery,
        imported_until: until,
        feeds: vec![(slug("visa"), FeedType::Settled)],
        limit: 10,
    }
}

fn uid(payment: PaymentId) -> Uuid {
    Uuid::from_u128(u128::from(payment.0.unsigned_abs()) << 64 | 7)
}

/// Changes that give payments up, and the job that tells of them.
fn swept(town: &Town, told_by: SchemeId, payments: &[PaymentId]) -> Changes {
    let mut changes = Changes::none(NOON);
    let end = |payment: &PaymentId| NewEnd {
        payment: *payment,
        scheme: town.bakery,
        kind: EndKind::Unmatched,
        other: None,
        difference_minor: None,
        export_uid: Some(uid(*payment)),
        export_as: Some(told_by),
        was_open: true,
    };
    changes.ends = payments.iter().map(end).collect();
    changes
        .jobs
        .push(export_job(told_by, NewWork::Exports(told_by)));
    changes
}

fn export_job(scheme: SchemeId, work: NewWork) -> NewJob {
    NewJob {
        queue: Queue::Export,
        lane: Some(Lane::delivery(scheme)),
        ready_at: NOON.plus(MINUTE_US),
        work,
    }
}

/// Payments that were swept, and who tells of them.
async fn given_up(town: &Town, names: &[&str]) -> (SchemeId, Vec<PaymentId>) {
    let told_by = unmatched(town).await;
    let records = names.iter().map(|name| payment(name)).collect();
    let payments = town.pay(records).await;
    open(town, &payments, OpenReason::NoSale).await;
    town.commit(swept(town, told_by, &payments)).await;
    (told_by, payments)
}

fn answer(uid: Option<Uuid>, id: Option<&str>, result: &str) -> AnswerRecord {
    AnswerRecord {
        export_uid: uid,
        transaction_id: id.map(Into::into),
        result: result.into(),
    }
}

fn body(scheme: SchemeId, record: AnswerRecord, mark: u8) -> ImportedBody {
    ImportedBody::Answer {
        scheme,
        record: Box::new(record),
        fingerprint: [mark; 32],
    }
}

fn of(outcome: ImportOutcome) -> [u64; 3] {
    [outcome.new, outcome.duplicate, outcome.rejected]
}

async fn results(town: &Town) -> Vec<Option<String>> {
    let exports = town.store.exports(None, 0, 100).await.unwrap();
    exports.into_iter().map(|row| row.result).collect()
}

pub async fn what_is_given_up_had_its_turn_and_its_member_is_known(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let names = ["first", "second", "unknown", "no member", "waiting"];
    let payments = town.pay(names.map(payment).to_vec()).await;
    town.import(VISA_AUTH, vec![town.paid(payment("auth"))])
        .await;
    let mut book = payment("book");
    book.identifiers.primary = Some("b-1".into());
    town.import(VISA_SETTLED, vec![town.paid(book)]).await;
    open(&town, &payments[..2], OpenReason::NoSale).await;
    open(&town, &payments[2..3], OpenReason::Unidentified).await;
    open(&town, &[PaymentId(6), PaymentId(7)], OpenReason::NoRule).await;
    let mut changes = Changes::none(NOON);
    changes.identities = vec![
        identity(payments[3], None),
        identity(payments[4], Some("m")),
    ];
    changes.open = vec![StillOpen {
        payment: payments[3],
        reason: OpenReason::Ambiguous,
        sale: None,
        seen: 0,
    }];
    town.commit(changes).await;

    let to_sweep = async |scope: SweepScope| town.store.to_sweep(&scope).await.unwrap();
    assert_eq!(to_sweep(scope(&town, NOON.plus(-1))).await, []);
    assert_eq!(to_sweep(scope(&town, NOON)).await, payments[..2]);
    let mut one = scope(&town, NOON);
    one.limit = 1;
    assert_eq!(to_sweep(one).await, payments[..1]);
    let mut auths = scope(&town, NOON);
    auths.feeds = vec![
        (slug("nobody"), FeedType::Settled),
        (slug("visa"), FeedType::Auth),
    ];
    assert_eq!(to_sweep(auths).await, [PaymentId(6)]);
    let mut books = scope(&town, NOON);
    books.scheme = town.books;
    assert_eq!(to_sweep(books).await, [PaymentId(7)]);
}

pub async fn what_was_given_up_is_told_by_another_export(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (told_by, payments) = given_up(&town, &["a", "b"]).await;
    let status = town.store.status(NOON).await.unwrap();
    assert_eq!(status.ended, [("UNMATCHED".to_owned(), 2)]);
    assert_eq!(status.open_payments, []);
    assert_eq!(town.store.to_sweep(&scope(&town, NOON)).await.unwrap(), []);
    let all = Span::Range(0, 100);
    let told = town.store.undelivered(told_by, &all).await.unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|(_, one)| (one.transaction_id.as_str(), one.export_uid))
        .collect();
    assert_eq!(
        told,
        [("a", Some(uid(payments[0]))), ("b", Some(uid(payments[1])))]
    );
    assert_eq!(town.store.undelivered(town.bakery, &all).await.unwrap(), []);
    let rows: Vec<ExportRow> = town.store.exports(None, 0, 10).await.unwrap();
    assert_eq!(rows[0].provider_slug, "bakery-unmatched");
    assert_eq!((&rows[0].result, rows[0].result_at), (&None, None));
    let waiting = town.store.waiting_exports(told_by).await.unwrap();
    assert_eq!(waiting, [Span::Range(1, 2)]);
    town.expect_sound().await;
}

pub async fn a_payment_is_matched_or_given_up_and_never_both(bench: &dyn Bench) {
    for is_swept_first in [true, false] {
        let town = Town::new(bench).await;
        let told_by = unmatched(&town).await;
        let payments = town.pay(vec![payment("a"), payment("b")]).await;
        let sales = town.sell(vec![sale("s")]).await;
        open(&town, &payments, OpenReason::NoSale).await;
        let mut matched = town.matching(&[(payments[0], sales[0])]);
        matched.matches[0].was_open = true;
        matched.identities.clear();
        let both = swept(&town, told_by, &payments);
        let (first, second) = if is_swept_first {
            (both, matched)
        } else {
            (matched, both)
        };
        town.commit(first).await;
        let before = town.picture().await;
        assert!(matches!(town.refused(second).await, CommitError::Conflict));
        assert_eq!(town.picture().await, before);
        town.expect_sound().await;
    }
}

pub async fn what_waits_to_be_told_is_named_by_the_jobs_of_its_lane(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (told_by, _) = given_up(&town, &["a"]).await;
    let more = town.pay(vec![payment("b"), payment("c")]).await;
    open(&town, &more, OpenReason::NoSale).await;
    town.commit(swept(&town, told_by, &more)).await;
    town.matched(&["d"]).await;
    let mut changes = Changes::none(NOON);
    let publish = Work::Publish {
        scheme: told_by,
        draft: "x/.part".to_owned(),
        name: "x/y".to_owned(),
    };
    changes.jobs = vec![export_job(told_by, NewWork::Known(publish.clone()))];
    town.commit(changes).await;
    let waiting = town.store.waiting_exports(told_by).await.unwrap();
    assert_eq!(waiting, [Span::Range(1, 1), Span::Range(2, 3)]);
    // What is held is waiting all the same, and a job's work comes back as it was.
    let later = NOON.plus(MINUTE_US);
    let me = crate::support::holder("one");
    let mut works = Vec::new();
    while let Some(job) = town
        .store
        .claim(&[Queue::Export], &me, later)
        .await
        .unwrap()
    {
        works.push(job.work);
    }
    assert!(works.contains(&publish), "{works:?}");
    assert_eq!(town.store.waiting_exports(told_by).await.unwrap(), waiting);
}

pub async fn an_answer_is_to_an_export_of_its_agent(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (told_by, payments) = given_up(&town, &["a", "b"]).await;
    town.matched(&["m"]).await;
    let of_match = Uuid::from_u128(3);
    let cases = [
        (answer(Some(uid(payments[0])), None, "ok"), Ok(1)),
        (answer(Some(uid(payments[1])), Some("b"), "ok"), Ok(2)),
        (answer(None, Some("b"), "ok"), Ok(2)),
        (
            answer(Some(uid(payments[1])), Some("a"), "ok"),
            Err(RejectReason::Conflict),
        ),
        (
            answer(Some(Uuid::nil()), Some("a"), "ok"),
            Err(RejectReason::UnknownExport),
        ),
        (
            answer(None, Some("m"), "ok"),
            Err(RejectReason::UnknownExport),
        ),
        (
            answer(Some(of_match), None, "ok"),
            Err(RejectReason::UnknownExport),
        ),
    ];
    let asked: Vec<AnswerRecord> = cases.iter().map(|(asked, _)| asked.clone()).collect();
    let found = town.store.answered(told_by, &asked).await.unwrap();
    for (found, (asked, expected)) in found.into_iter().zip(cases) {
        let found = match found {
            Answered::To { export, is_known } => {
                assert!(!is_known);
                Ok(export.0)
            }
            Answered::ToNone(reject) => Err(reject.reason),
        };
        assert_eq!(found, expected, "{asked:?}");
    }
    let found = town.store.answered(town.bakery, &asked[..1]).await.unwrap();
    assert!(matches!(&found[0], Answered::ToNone(_)), "another agent's");
}

pub async fn an_answer_is_kept_once_and_the_newest_counts(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (told_by, payments) = given_up(&town, &["a", "b"]).await;
    let of_a = |result: &str| body(told_by, answer(Some(uid(payments[0])), None, result), 1);
    let stranger = body(told_by, answer(Some(Uuid::nil()), None, "ok"), 2);
    let file = vec![of_a("not found"), of_a("not found"), stranger];
    assert_eq!(of(town.import(ANSWERS, file.clone()).await), [1, 1, 1]);
    assert_eq!(of(town.import(ANSWERS, file.clone()).await), [0, 2, 1]);
    assert_eq!(results(&town).await, [Some("not found".to_owned()), None]);
    let rejects = town.store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0].reason, "UNKNOWN_EXPORT");

    assert_eq!(of(town.import(ANSWERS, vec![of_a("ok")]).await), [1, 0, 0]);
    assert_eq!(of(town.import(ANSWERS, file).await), [0, 2, 1]);
    assert_eq!(results(&town).await, [Some("ok".to_owned()), None]);
    let known = answer(Some(uid(payments[0])), None, "not found");
    let known = town.store.answered(told_by, &[known]).await.unwrap();
    let export = ExportId(1);
    assert_eq!(
        known,
        [Answered::To {
            export,
            is_known: true
        }]
    );
    town.expect_sound().await;
}

pub async fn a_rejected_answer_is_taken_when_its_export_is_there(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (told_by, _) = given_up(&town, &["a"]).await;
    let of = |id: &str, mark| body(told_by, answer(None, Some(id), "ok"), mark);
    town.import(ANSWERS, vec![of("b", 1), of("nobody", 2)])
        .await;
    let later = town.pay(vec![payment("b")]).await;
    open(&town, &later, OpenReason::NoSale).await;
    town.commit(swept(&town, told_by, &later)).await;
    for expected in [[1, 0, 1], [0, 0, 1]] {
        let mut changes = Changes::none(NOON.plus(MINUTE_US));
        changes.replayed = [("b", 1), ("nobody", 2)]
            .map(|(id, reject)| Replayed {
                reject: RejectId(reject),
                raw: r#"{"again":true}"#.into(),
                body: of(id, 9),
            })
            .to_vec();
        let committed = town.commit(changes).await.imported;
        let counted = [committed.new, committed.duplicate, committed.rejected];
        assert_eq!(counted, expected);
    }
    assert_eq!(results(&town).await, [None, Some("ok".to_owned())]);
    town.expect_sound().await;
}

pub async fn an_answer_goes_with_its_export(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (told_by, payments) = given_up(&town, &["a"]).await;
    let record = answer(Some(uid(payments[0])), None, "ok");
    town.import(ANSWERS, vec![body(told_by, record.clone(), 1)])
        .await;
    let mut changes = Changes::none(NOON);
    changes.attempts.push(Attempt {
        scheme: told_by,
        destination: "x/y.csv".to_owned(),
        body: String::new(),
        response: None,
        error: None,
        duration_us: 0,
        deliveries: vec![Delivery {
            export: ExportId(1),
            state: ExportState::Delivered,
            reason: None,
            due_at: None,
        }],
        file: Some(FileEnd {
            name: "x/y.csv".to_owned(),
            length: 7,
        }),
    });
    town.commit(changes).await;
    let files = async |since| town.store.export_files(since).await.unwrap().len();
    assert_eq!((files(NOON).await, files(NOON.plus(1)).await), (1, 0));

    let before = NOON.plus(3 * DAY_US);
    let purged = town.purge(before.day(), 10, before).await;
    assert_eq!((purged.payments, purged.exports), (1, 1));
    town.expect_sound().await;
    let found = town.store.answered(told_by, &[record]).await.unwrap();
    assert!(matches!(&found[0], Answered::ToNone(_)), "{found:?}");
}

pub async fn a_late_sale_opens_nothing_that_was_given_up(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let (_, payments) = given_up(&town, &["a"]).await;
    let sales = town.sell(vec![sale("late")]).await;
    assert_eq!(sales, [SaleId(2)]);
    let span = Span::Ids(vec![payments[0].0]);
    let undecided = town.store.undecided(&span).await.unwrap();
    assert_eq!(undecided.payments, []);
}
