//! Purging: what is old and finished goes, whatever else there is stays, and nothing comes in twice.

use crate::support::{
    BAKERY, Bench, NOON, Town, VISA_AUTH, VISA_SETTLED, gbp, payment, picture, refused, sale,
    waiting,
};
use harmonia_core::changes::{Changes, ImportedBody, Replayed, StillOpen};
use harmonia_core::config::ConfigChange;
use harmonia_core::ids::{ExportId, RejectId};
use harmonia_core::matching::OpenReason;
use harmonia_core::problem::RejectReason;
use harmonia_core::retention::{Purge, PurgeCursor, Purged};
use harmonia_core::state::ExportState;
use harmonia_core::time::{DAY_US, Day, Instant};
use harmonia_core::transaction::{PaymentRecord, SaleRecord};
use harmonia_journey::ports::{ImportOutcome, Side};

/// Ten days later.
const LATER: Instant = Instant(NOON.0 + 10 * DAY_US);

/// The day after so many days.
fn day(after: i32) -> Day {
    Day(NOON.day().0 + after)
}

/// Pairs of a payment and a sale that are matched and told.
async fn told(town: &Town, names: &[&str]) {
    let exports = town.matched(names).await;
    town.deliver(&exports, ExportState::Delivered).await;
}

async fn open(town: &Town, name: &str) {
    let id = town.pay(vec![payment(name)]).await[0];
    let mut changes = Changes::none(NOON);
    changes.open.push(StillOpen {
        sale: None,
        seen: 0,
        payment: id,
        reason: OpenReason::NoSale,
    });
    town.commit(changes).await;
}

async fn rows(town: &Town, side: Side, name: &str) -> usize {
    town.store.find(side, name).await.unwrap().len()
}

async fn reasons(town: &Town) -> Vec<String> {
    let rejects = town.store.rejects(None, 0, 100).await.unwrap();
    rejects.into_iter().map(|row| row.reason).collect()
}

fn of(outcome: ImportOutcome) -> [u64; 4] {
    let ImportOutcome {
        new,
        duplicate,
        rejected,
        quarantined,
        ..
    } = outcome;
    [new, duplicate, rejected, quarantined]
}

pub async fn what_is_old_and_told_goes_and_is_too_old_from_then_on(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    told(&town, &["a", "b"]).await;
    let files = town.store.files(10).await.unwrap();
    let expected = Purged {
        payments: 2,
        sales: 2,
        matches: 2,
        exports: 2,
        ..Purged::default()
    };
    assert_eq!(town.store.purgeable(day(1)).await.unwrap(), expected);
    assert_eq!(town.purge(day(1), 100, LATER).await, expected);
    town.expect_sound().await;
    for name in ["a", "b"] {
        assert_eq!(rows(&town, Side::Payment, name).await, 0);
        assert_eq!(rows(&town, Side::Sale, name).await, 0);
    }
    assert_eq!(town.store.matches(None, 0, 10).await.unwrap(), []);
    assert_eq!(town.store.exports(None, 0, 10).await.unwrap(), []);
    assert_eq!(town.store.files(10).await.unwrap(), files, "the log stays");

    let again = vec![town.paid(payment("a")), town.paid(payment("b"))];
    assert_eq!(
        of(town.import(VISA_SETTLED, again.clone()).await),
        [0, 0, 2, 0]
    );
    assert_eq!(reasons(&town).await, ["TOO_OLD", "TOO_OLD"]);
    assert_eq!(of(town.import(VISA_SETTLED, again).await), [0, 0, 2, 0]);
    assert_eq!(reasons(&town).await.len(), 2, "each is listed once");
    assert_eq!(
        of(town.import(BAKERY, vec![town.sold(sale("a"))]).await),
        [0, 0, 1, 0]
    );

    // What comes now has numbers that nothing ever had.
    let mut today = payment("c");
    today.when.start = LATER;
    let id = town.pay(vec![today]).await[0];
    assert_eq!(id.0, 5);
    town.expect_sound().await;
}

pub async fn what_is_open_or_untold_or_recent_stays(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    open(&town, "open").await;
    town.pay(vec![payment("undecided")]).await;
    let exports = town.matched(&["pending", "held", "failed"]).await;
    town.deliver(&exports[1..2], ExportState::Held).await;
    town.deliver(&exports[2..], ExportState::Failed).await;
    told(&town, &["told"]).await;
    let before = town.picture().await;
    assert_eq!(town.purge(day(0), 100, LATER).await, Purged::default());
    assert_eq!(town.picture().await, before, "of the day itself, nothing");
    let purged = town.purge(day(1), 100, LATER).await;
    assert_eq!((purged.payments, purged.sales, purged.exports), (1, 1, 1));
    for name in ["open", "undecided", "pending", "held", "failed"] {
        assert_eq!(rows(&town, Side::Payment, name).await, 1, "{name}");
    }
    assert_eq!(rows(&town, Side::Payment, "told").await, 0);
    town.expect_sound().await;
}

pub async fn what_stays_is_still_known(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    open(&town, "open").await;
    town.purge(day(1), 100, LATER).await;
    let mut other = payment("open");
    other.amount = gbp(1);
    let again = vec![town.paid(payment("open")), town.paid(other)];
    assert_eq!(of(town.import(VISA_SETTLED, again).await), [0, 1, 1, 0]);
    assert_eq!(reasons(&town).await, ["CONFLICT"]);
    // Another feed's transaction of the same id is another one.
    let other_feed = vec![town.paid(payment("open"))];
    assert_eq!(of(town.import(VISA_AUTH, other_feed).await), [0, 0, 1, 0]);
}

pub async fn a_match_goes_with_both_its_sides_or_not_at_all(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let mut late = sale("late");
    late.when.start = NOON.plus(DAY_US);
    let payments = town.pay(vec![payment("early")]).await;
    let sales = town.sell(vec![late, sale("unpaid")]).await;
    town.commit(town.matching(&[(payments[0], sales[0])])).await;
    town.deliver(&[ExportId(1)], ExportState::Delivered).await;
    let purged = town.purge(day(1), 100, LATER).await;
    assert_eq!(
        (purged.payments, purged.sales),
        (0, 1),
        "only the unpaid sale"
    );
    assert_eq!(rows(&town, Side::Payment, "early").await, 1);
    let purged = town.purge(day(2), 100, LATER).await;
    assert_eq!((purged.payments, purged.sales, purged.matches), (1, 1, 1));
    town.expect_sound().await;
}

pub async fn what_waits_goes_on_however_old(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let record = payment("p1");
    let kept = vec![
        waiting(record.told(), 1),
        refused(RejectReason::BadAmount, 2),
    ];
    town.import(VISA_SETTLED, kept).await;
    town.purge(day(1), 100, LATER).await;
    assert_eq!(reasons(&town).await, ["UNKNOWN_MID", "BAD_AMOUNT"]);
    let take_up = async |reject: i64, record: PaymentRecord| {
        let mut changes = Changes::none(LATER);
        changes.replayed.push(Replayed {
            reject: RejectId(reject),
            raw: "{}".into(),
            body: town.paid(record),
        });
        of(town.commit(changes).await.imported)
    };
    assert_eq!(take_up(1, record).await, [1, 0, 0, 0]);
    // What was not sound when it was kept may be anything: also something that was purged.
    assert_eq!(take_up(2, payment("p2")).await, [0, 0, 1, 0]);
    assert_eq!(reasons(&town).await, ["TOO_OLD"]);
}

pub async fn what_may_be_waiting_is_not_purged(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    // It waited under one MID, and came again under another.
    town.import(VISA_SETTLED, vec![waiting(payment("a").told(), 1)])
        .await;
    told(&town, &["a"]).await;
    assert_eq!(town.purge(day(1), 100, LATER).await.payments, 0);
    let mut changes = Changes::none(LATER);
    changes.replayed.push(Replayed {
        reject: RejectId(1),
        raw: "{}".into(),
        body: town.paid(payment("a")),
    });
    assert_eq!(of(town.commit(changes).await.imported), [0, 1, 0, 0]);
    assert_eq!(town.purge(day(1), 100, LATER).await.payments, 1);
    town.expect_sound().await;
}

pub async fn nothing_is_purged_before_its_day_is_made_known(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    told(&town, &["a"]).await;
    let stretch = |before| {
        let mut changes = Changes::none(LATER);
        changes.purge = Some(Purge {
            before,
            from: PurgeCursor::START,
            limit: 100,
        });
        changes
    };
    assert_eq!(town.commit(stretch(day(5))).await.purged, Purged::default());
    let mut mark = Changes::none(LATER);
    mark.purged_before = Some(day(0));
    town.commit(mark).await;
    let committed = town.commit(stretch(day(5))).await;
    assert_eq!(committed.purged, Purged::default());
    assert_eq!(rows(&town, Side::Payment, "a").await, 1);
}

pub async fn the_day_never_moves_back(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    assert_eq!(town.store.kept_from().await.unwrap(), None);
    for (told, known) in [(3, 3), (1, 3), (4, 4)] {
        town.purge(day(told), 100, LATER).await;
        assert_eq!(town.store.kept_from().await.unwrap(), Some(day(known)));
    }
}

pub async fn what_is_configured_as_too_old_is_so_without_a_purge(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    open(&town, "known").await;
    let (file, lease, _) = town
        .claim_file(&town.arrival(VISA_SETTLED), "importer", NOON)
        .await;
    let records = vec![town.paid(payment("known")), town.paid(payment("new"))];
    let mut changes = town.whole_file(file, VISA_SETTLED, records);
    changes.kept_from = Some(day(1));
    let committed = town.store.commit(lease, changes).await.unwrap();
    assert_eq!(of(committed.imported), [0, 1, 1, 0]);
    assert_eq!(town.store.kept_from().await.unwrap(), None);
    let later = vec![town.paid(payment("new"))];
    assert_eq!(of(town.import(VISA_SETTLED, later).await), [1, 0, 0, 0]);
}

pub async fn a_bad_record_goes_when_it_was_taken_up(bench: &dyn Bench) {
    let town = Town::new(bench).await;
    let sold = |record: SaleRecord| town.sold(record);
    town.import(
        BAKERY,
        vec![waiting(sale("s1").told(), 1), waiting(sale("s2").told(), 2)],
    )
    .await;
    let mut changes = Changes::none(NOON);
    changes.replayed.push(Replayed {
        reject: RejectId(1),
        raw: "{}".into(),
        body: sold(sale("s1")),
    });
    town.commit(changes).await;
    let purged = town.purge(day(1), 100, LATER).await;
    assert_eq!((purged.sales, purged.rejects), (1, 1));
    let left = town.store.rejects(None, 0, 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].id, left[0].state.as_str()), (2, "QUARANTINED"));
    town.expect_sound().await;
}

pub async fn purging_in_stretches_ends_the_same(bench: &dyn Bench) {
    let mut pictures = Vec::new();
    for limit in [1, 2, 100] {
        let town = Town::new(bench).await;
        told(&town, &["a", "b", "c"]).await;
        open(&town, "open").await;
        town.sell(vec![sale("unpaid-1"), sale("unpaid-2")]).await;
        let again: Vec<ImportedBody> = vec![waiting(payment("w").told(), 1)];
        town.import(VISA_SETTLED, again).await;
        let purged = town.purge(day(1), limit, LATER).await;
        assert_eq!((purged.payments, purged.sales), (3, 5));
        town.expect_sound().await;
        pictures.push((purged, town.picture().await));
    }
    assert_eq!(pictures[0], pictures[1]);
    assert_eq!(pictures[0], pictures[2]);
}

/// A store that keeps things by month may drop June at once: it must not show.
pub async fn what_stays_of_a_month_that_is_over_is_whole(bench: &dyn Bench) {
    let mut pictures = Vec::new();
    // Of the first town much stays, beside what goes; of the second little.
    for (many, limit) in [(2, 3), (2, 100), (40, 3), (40, 100)] {
        let town = Town::new(bench).await;
        let names: Vec<String> = (0..many).map(|number| format!("t{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for export in town.matched(&names).await {
            town.deliver(&[export], ExportState::Delivered).await;
        }
        open(&town, "open").await;
        let exports = town.matched(&["held"]).await;
        town.deliver(&exports, ExportState::Held).await;
        let kept = vec![
            waiting(payment("w").told(), 1),
            refused(RejectReason::BadAmount, 2),
        ];
        town.import(VISA_SETTLED, kept).await;
        let purged = town.purge(day(62), limit, NOON.plus(65 * DAY_US)).await;
        let told = names.len() as u64;
        let expected = Purged {
            payments: told,
            sales: told,
            matches: told,
            exports: told,
            rejects: 0,
            attempts: told,
        };
        assert_eq!(purged, expected);
        town.expect_sound().await;
        for (side, name) in [(Side::Payment, "open"), (Side::Sale, "held")] {
            let row = &town.store.find(side, name).await.unwrap()[0];
            let story = town.store.story(side, row.id).await.unwrap().unwrap();
            assert!(
                story.raw.unwrap().0.contains(name),
                "its raw record is there"
            );
        }
        let held = town.store.exports(Some("HELD"), 0, 10).await.unwrap();
        assert_eq!(held[0].destination.as_deref(), Some("out.jsonl"));
        pictures.push(picture(&*town.store, NOON, 100).await);
    }
    assert_eq!(pictures[0], pictures[1]);
    assert_eq!(pictures[2], pictures[3]);
}

pub async fn configuration_is_kept_and_taken_back(bench: &dyn Bench) {
    let store = bench.fresh().await;
    let set = async |key: &str, value: Option<&str>| {
        let mut changes = Changes::none(NOON);
        changes.config.push(ConfigChange {
            key: key.to_owned(),
            value: value.map(str::to_owned),
        });
        let lease = harmonia_journey::ports::Lease::Operator;
        store.commit(lease, changes).await.unwrap();
        let items = store.config().await.unwrap();
        items.into_iter().collect::<Vec<_>>()
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(set("b", Some("1")).await, [pair("b", "1")]);
    assert_eq!(set("a", Some("2")).await, [pair("a", "2"), pair("b", "1")]);
    assert_eq!(set("b", Some("3")).await, [pair("a", "2"), pair("b", "3")]);
    assert_eq!(set("a", None).await, [pair("b", "3")]);
    assert_eq!(set("a", None).await, [pair("b", "3")]);
}
